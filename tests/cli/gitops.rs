//! The example of a portfolio in Git: its manifests, and its workflow, whose steps are run.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::opendoor;
use crate::git::{commit, git, repository_of};
use crate::served::Served;

const WORLD: &str = "
partners:
  - { name: Parcel Runner, authorizedAt: [Harbor Point, Elm Court] }
  - { name: TourPass, authorizedAt: [Harbor Point] }
buildings:
  - name: Elm Court
    doors: [{ name: Lobby }]
  - name: Harbor Point
    doors:
      - { name: Front Entrance }
      - { name: Mail Room }
      - { name: Garage Gate, connected: false }
      - { name: Unit 101, unit: '101', vacancy: Vacant }
";

fn example() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/gitops")
}

/// Documents of a file that is not ours.
fn documents(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(example().join(file)).unwrap();
    text.split("\n---\n")
        .map(|document| {
            serde_saphyr::from_str(document).unwrap_or_else(|error| panic!("{file}: {error}"))
        })
        .collect()
}

#[test]
fn flux_prunes_waits_and_never_forces() {
    let flux = documents("flux/access.yaml");
    let kustomization = flux
        .iter()
        .find(|one| one["kind"] == "Kustomization")
        .unwrap();
    let source = flux
        .iter()
        .find(|one| one["kind"] == "GitRepository")
        .unwrap();
    let spec = &kustomization["spec"];
    assert_eq!(spec["prune"], true);
    assert_eq!(spec["wait"], true);
    assert_eq!(spec["force"], false);
    assert_eq!(spec["deletionPolicy"], "Orphan");
    assert_eq!(spec["sourceRef"]["name"], source["metadata"]["name"]);
    assert!(
        example()
            .join("repository")
            .join(spec["path"].as_str().unwrap())
            .is_dir()
    );
}

#[test]
fn argo_cd_prunes_and_never_replaces() {
    let application = documents("argocd/application.yaml").remove(0);
    assert_eq!(application["kind"], "Application");
    assert_eq!(application["metadata"]["finalizers"], Value::Null);
    let spec = &application["spec"];
    assert_eq!(spec["syncPolicy"]["automated"]["prune"], true);
    assert_eq!(spec["syncPolicy"]["automated"]["allowEmpty"], false);
    let options = spec["syncPolicy"]["syncOptions"].to_string();
    assert!(
        !options.contains("Replace") && !options.contains("Force"),
        "{options}"
    );
    assert!(
        example()
            .join("repository")
            .join(spec["source"]["path"].as_str().unwrap())
            .is_dir()
    );
}

#[test]
fn owners_are_named_for_paths_that_are_there() {
    let repository = example().join("repository");
    let owners = std::fs::read_to_string(repository.join("CODEOWNERS")).unwrap();
    let mut paths = 0;
    for line in owners.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let path = words.next().unwrap().trim_start_matches('/');
        assert!(
            path.contains('*') || repository.join(path).exists(),
            "{line}"
        );
        assert!(words.all(|owner| owner.starts_with('@')), "{line}");
        paths += 1;
    }
    assert!(paths > 5, "{owners}");
}

/// The repository on a runner, as the merge of a pull request, and programs that stand in for GitHub's.
struct Runner {
    folder: TempDir,
    world: Served,
}

impl Runner {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let from = format!("{}/.", example().join("repository").display());
        let copied = Command::new("cp")
            .args(["-r", &from])
            .arg(folder.path())
            .status();
        assert!(copied.unwrap().success());
        repository_of(folder.path());
        let runner = Self {
            folder,
            world: Served::of(WORLD),
        };
        // `gh` keeps what it was asked, and lists the comments of a file.
        runner.program(
            "gh",
            "printf '%s\\n' \"$*\" >> gh.log\nfor word; do case \"$word\" in body=@*) cp \"${word#body=@}\" posted.md;; esac; done\n\
             case \"$*\" in *--paginate*) cat comments.txt;; esac",
        );
        runner.write("comments.txt", "");
        runner
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.path().join(file), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(file)).unwrap_or_default()
    }

    fn program(&self, name: &str, body: &str) {
        let place = self.folder.path().join("bin").join(name);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(&place, format!("#!/bin/sh\n{body}\n")).unwrap();
        std::fs::set_permissions(&place, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Commits a change on a branch and merges it, as a checkout of a pull request is.
    fn pull_request(&self, change: impl Fn(&Path)) {
        let folder = self.folder.path();
        git(folder, &["checkout", "-q", "-b", "change"]);
        change(&folder.join("access"));
        commit(folder);
        git(folder, &["checkout", "-q", "-"]);
        git(folder, &["merge", "-q", "--no-ff", "-m", "merge", "change"]);
    }

    /// Runs a step's script as GitHub does, with what its job and itself set. Gives its exit code.
    fn step(&self, job: &str, name: &str, more: &[(&str, &str)]) -> i32 {
        let workflow = documents("repository/.github/workflows/access.yaml").remove(0);
        let steps = workflow["jobs"][job]["steps"].as_array().unwrap();
        let step = steps
            .iter()
            .find(|step| step["name"] == name)
            .unwrap_or_else(|| panic!("{job} has no step {name}"));
        let path = std::env::var("PATH").unwrap();
        let mut paths = vec![
            self.folder.path().join("bin"),
            opendoor().parent().unwrap().to_owned(),
        ];
        paths.extend(std::env::split_paths(&path));
        let mut env: BTreeMap<&str, String> = BTreeMap::from([
            (
                "PATH",
                std::env::join_paths(paths).unwrap().into_string().unwrap(),
            ),
            ("GITHUB_OUTPUT", String::from("output.txt")),
            ("GITHUB_STEP_SUMMARY", String::from("summary.md")),
            ("REPOSITORY", String::from("harbor-living/access")),
            ("NUMBER", String::from("7")),
        ]);
        env.extend(
            more.iter()
                .map(|(name, value)| (*name, (*value).to_owned())),
        );
        let done = Command::new("bash")
            .args(["-e", "-c", step["run"].as_str().unwrap()])
            .current_dir(self.folder.path())
            .env_remove("OPENDOOR_URL")
            .envs(env)
            .output()
            .unwrap();
        let code = done.status.code().unwrap();
        assert!(
            ![126, 127].contains(&code),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        code
    }

    fn live(&self, job: &str, name: &str) -> i32 {
        self.step(job, name, &[("OPENDOOR_URL", self.world.url())])
    }
}

fn takes_the_garage_away(access: &Path) {
    let file = access.join("harbor-point/parcel-runner.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, text.replace("    - Garage Gate\n", "")).unwrap();
}

#[test]
fn a_pull_request_gets_one_comment_that_is_replaced() {
    let runner = Runner::new();
    runner.pull_request(takes_the_garage_away);
    assert_eq!(runner.step("validate", "Validate", &[]), 0);
    assert_eq!(runner.live("plan", "Plan"), 0);
    assert_eq!(
        runner.read("output.txt"),
        "code=0\n",
        "{}",
        runner.read("comment.md")
    );
    let comment = runner.read("comment.md");
    assert!(
        comment.starts_with("<!-- opendoor:plan:production -->\n"),
        "{comment}"
    );
    assert!(comment.contains("Not done any more (1)"), "{comment}");
    runner.write(
        "comments.txt",
        "5 <!-- opendoor:plan:staging -->\n6 Looks good\n",
    );
    assert_eq!(runner.step("plan", "Comment", &[]), 0);
    assert!(
        runner
            .read("gh.log")
            .contains("--method POST repos/harbor-living/access/issues/7/comments"),
        "{}",
        runner.read("gh.log")
    );
    assert_eq!(runner.read("posted.md"), comment);
    runner.write(
        "comments.txt",
        "5 <!-- opendoor:plan:staging -->\n8 <!-- opendoor:plan:production -->\n",
    );
    assert_eq!(runner.step("plan", "Comment", &[]), 0);
    assert!(
        runner
            .read("gh.log")
            .contains("--method PATCH repos/harbor-living/access/issues/comments/8 "),
        "{}",
        runner.read("gh.log")
    );
    for (code, exit) in [("0", 0), ("2", 0), ("3", 3), ("4", 4), ("1", 1)] {
        assert_eq!(runner.step("plan", "Verdict", &[("CODE", code)]), exit);
    }
}

#[test]
fn a_fork_is_planned_from_what_main_published() {
    let runner = Runner::new();
    assert_eq!(runner.live("look", "Look"), 0);
    let published = runner.read("snapshot.json");
    std::fs::remove_file(runner.folder.path().join("snapshot.json")).unwrap();
    runner.write("bin/published.json", &published);
    runner.program(
        "gh",
        "printf '%s\\n' \"$*\" >> gh.log\ncase \"$*\" in 'run list'*) echo 17;; 'run download 17'*) cp bin/published.json snapshot.json;; esac",
    );
    runner.pull_request(takes_the_garage_away);
    assert_eq!(runner.step("plan-of-a-fork", "Fetch the snapshot", &[]), 0);
    assert_eq!(runner.read("snapshot.json"), published);
    assert_eq!(runner.step("plan-of-a-fork", "Plan", &[]), 0);
    let summary = runner.read("summary.md");
    assert!(summary.contains("Not done any more (1)"), "{summary}");
    assert!(summary.contains("Planned from a snapshot of"), "{summary}");
}

#[test]
fn drift_is_one_issue_that_opens_changes_and_closes() {
    let runner = Runner::new();
    runner.program(
        "gh",
        "printf '%s\\n' \"$*\" >> gh.log\ncase \"$*\" in 'issue list'*) cat comments.txt;; esac",
    );
    let asked = |comments: &str| {
        runner.write("comments.txt", comments);
        let _ = std::fs::remove_file(runner.folder.path().join("gh.log"));
        assert_eq!(runner.live("look", "Drift"), 0);
        let log = runner.read("gh.log");
        log.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    let ours = "4 <!-- opendoor:drift:staging -->\n9 <!-- opendoor:drift:production -->\n";
    assert_eq!(asked(""), [""; 0]);
    runner
        .world
        .edit_door("Unit 101", &serde_json::json!({"partner": "TourPass"}));
    let title = "--title OpenDOOR drift in production: 1 declared by nobody";
    let create = format!(
        "issue create --repo harbor-living/access --label drift {title} --body-file issue.md"
    );
    assert_eq!(asked(""), [create]);
    let edit = format!("issue edit 9 --repo harbor-living/access {title} --body-file issue.md");
    assert_eq!(asked(ours), [edit]);
    runner
        .world
        .edit_door("Unit 101", &serde_json::json!({"partner": null}));
    assert_eq!(asked(ours), ["issue close 9 --repo harbor-living/access"]);
}
