//! The examples do what they say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opendoor_planner::plan::{Action, Plan, WaitingKind};
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::check::{Sources, check, validate};
use opendoor_reconciler::directory::WORLD_FILE;
use opendoor_reconciler::pass::Mandate;
use opendoor_reconciler::round::RoundReport;
use opendoor_reconciler::table::{Table, plan_table};
use opendoor_simulator::WorldFile;

use crate::world::World;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // The state of somebody's own run.
            if !path.ends_with(".opendoor") {
                files.extend(files_below(&path));
            }
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml")
}

/// For Flux, Argo CD or GitHub, not for us: read by other tests.
fn is_foreign(path: &Path) -> bool {
    ["gitops/flux", "gitops/argocd", "gitops/repository/.github"]
        .iter()
        .any(|folder| path.starts_with(examples().join(folder)))
}

/// A refusal that an example promises: `# refused: REASON by validate|plan` in its first line.
struct Promise {
    file: PathBuf,
    reason: Reason,
    by_validate: bool,
}

impl Promise {
    /// The directory that shows it.
    fn place(&self) -> &Path {
        self.file.parent().unwrap()
    }

    /// What was declared before, where the refusal is about a change.
    fn before(&self) -> Option<PathBuf> {
        let is_after = self.place().ends_with("after");
        is_after.then(|| self.place().parent().unwrap().join("before"))
    }
}

fn promises() -> Vec<Promise> {
    files_below(&examples().join("refused"))
        .into_iter()
        .filter(|file| is_yaml(file))
        .filter_map(|file| {
            let text = std::fs::read_to_string(&file).unwrap();
            let mut lines = text.lines();
            let (reason, by) = lines
                .next()?
                .strip_prefix("# refused: ")?
                .split_once(" by ")?;
            let said = lines.next().is_some_and(|line| line.starts_with("# "));
            assert!(said, "{file:?} does not say why");
            assert!(["validate", "plan"].contains(&by), "{file:?}");
            Some(Promise {
                reason: reason
                    .parse()
                    .unwrap_or_else(|_| panic!("{file:?}: {reason}")),
                by_validate: by == "validate",
                file,
            })
        })
        .collect()
}

#[test]
fn every_yaml_file_loads() {
    let broken: BTreeSet<PathBuf> = promises()
        .into_iter()
        .filter(|promise| promise.by_validate)
        .map(|promise| promise.file)
        .collect();
    let mut loaded = 0;
    for file in files_below(&examples())
        .into_iter()
        .filter(|file| is_yaml(file) && !is_foreign(file))
    {
        let text = std::fs::read_to_string(&file).unwrap();
        if file.ends_with(WORLD_FILE) {
            WorldFile::parse(&text).unwrap_or_else(|error| panic!("{file:?}: {error}"));
        } else if !broken.contains(&file) {
            let mut sources = Sources::default();
            sources.add("file.yaml", &text);
            let snapshot = sources.snapshot();
            assert!(
                snapshot.broken.is_empty(),
                "{file:?}: {:?}",
                snapshot.broken
            );
            assert!(
                snapshot.unreadable.is_empty(),
                "{file:?}: {:?}",
                snapshot.unreadable
            );
            assert!(!snapshot.objects.is_empty(), "{file:?}");
        }
        loaded += 1;
    }
    assert!(loaded > 60, "{loaded}");
}

#[test]
fn nobody_real_is_written_to() {
    for file in files_below(&examples()) {
        let text = std::fs::read_to_string(&file).unwrap();
        // A team of reviewers, or a step of a workflow with its version, is no address.
        let is_address = |word: &&str| {
            let before = word.split_once('@').map(|(before, _)| before);
            before.is_some_and(|before| before.ends_with(char::is_alphanumeric))
        };
        let lines = text.lines().filter(|line| !line.contains("uses: "));
        for word in lines.flat_map(str::split_whitespace).filter(is_address) {
            let is_fictional = ["example.com", ".invalid"]
                .iter()
                .any(|end| word.trim_matches(['"', '\'', '>', ',', '.']).ends_with(end));
            assert!(is_fictional, "{file:?}: {word}");
        }
    }
}

#[test]
fn the_examples_that_are_not_about_refusals_have_no_findings() {
    for name in ["day-one", "harbor-living", "gitops/repository/access"] {
        let checked = validate(&[examples().join(name)], None).unwrap();
        assert_eq!(checked.findings, [], "{name}");
        assert!(checked.objects > 0, "{name}");
    }
}

#[test]
fn validate_refuses_with_exactly_the_reason_promised() {
    let mut shown = BTreeSet::new();
    for promise in promises() {
        let paths = [promise.place().to_owned()];
        let now = Sources::read(&paths).unwrap();
        let base = promise
            .before()
            .map(|before| Sources::read(&[before]).unwrap());
        if let Some(base) = &base {
            let before = check(base, None).findings;
            assert_eq!(before, [], "{:?}", promise.file);
        }
        let found: BTreeSet<Reason> = check(&now, base.as_ref())
            .findings
            .iter()
            .map(|finding| finding.reason)
            .collect();
        let expected = BTreeSet::from_iter(promise.by_validate.then_some(promise.reason));
        assert_eq!(found, expected, "{:?}", promise.file);
        shown.extend(found);
    }
    assert!(shown.len() >= 9, "{shown:?}");
}

/// Every reason a round gives to somebody who waits for a change.
fn reasons(report: &RoundReport) -> BTreeSet<Reason> {
    let mut reasons: BTreeSet<Reason> = report
        .not_passed
        .iter()
        .map(|not_passed| not_passed.problem.reason)
        .collect();
    for (_, pass) in &report.passes {
        let plan = &pass.as_ref().unwrap().plan;
        reasons.extend(plan.refusals.iter().map(|refusal| refusal.reason));
        reasons.extend(plan.steps.iter().filter_map(|step| step.held));
        let waiting = plan.waiting.iter();
        let waiting = waiting.filter(|waiting| waiting.kind != WaitingKind::Sync);
        reasons.extend(waiting.map(|waiting| waiting.reason));
    }
    reasons
}

#[tokio::test(start_paused = true)]
async fn plan_refuses_with_exactly_the_reason_promised() {
    let mut shown = BTreeSet::new();
    for promise in promises().iter().filter(|promise| !promise.by_validate) {
        let before = promise.before();
        let world = World::of(before.as_deref().unwrap_or(promise.place()));
        if let Some(before) = before {
            let report = world.round(&before, Mandate::Perform).await;
            assert_eq!(reasons(&report), BTreeSet::new(), "{:?}", promise.file);
        }
        let report = world.round(promise.place(), Mandate::Look).await;
        let found = reasons(&report);
        assert_eq!(
            found,
            BTreeSet::from([promise.reason]),
            "{:?}",
            promise.file
        );
        shown.extend(found);
    }
    assert!(shown.len() >= 14, "{shown:?}");
}

fn count(plans: &[Plan], action: Action) -> usize {
    plans
        .iter()
        .flat_map(|plan| &plan.steps)
        .filter(|step| step.action == action)
        .count()
}

#[tokio::test(start_paused = true)]
async fn the_portfolio_has_all_kinds_of_work_and_is_done_after_one_run() {
    let directory = examples().join("harbor-living");
    let world = World::of(&directory);
    let report = world.round(&directory, Mandate::Perform).await;
    assert!(
        report.not_passed.is_empty() && report.strays.is_empty(),
        "{report:?}"
    );
    let passes: Vec<_> = report
        .passes
        .iter()
        .map(|(_, pass)| pass.as_ref().unwrap())
        .collect();
    let plans: Vec<Plan> = passes.iter().map(|pass| pass.plan.clone()).collect();
    assert_eq!(plans.iter().map(|plan| plan.doors).sum::<usize>(), 40);
    assert_eq!(count(&plans, Action::AssignDoor), 13);
    assert_eq!(count(&plans, Action::CreateKey), 1);
    assert_eq!(count(&plans, Action::ConvertKey), 1);
    let waiting: Vec<_> = plans.iter().flat_map(|plan| &plan.waiting).collect();
    let of = |kind| {
        waiting
            .iter()
            .filter(|waiting| waiting.kind == kind)
            .count()
    };
    assert_eq!(
        (of(WaitingKind::Authorization), of(WaitingKind::Email)),
        (3, 1)
    );
    for pass in passes {
        assert!(
            !pass.plan.has_refusals() && !pass.plan.cannot_tell(),
            "{:?}",
            pass.plan
        );
        assert!(pass.after.steps.is_empty(), "{:?}", pass.after.steps);
    }
    let writes = world.writes();
    let again = world.round(&directory, Mandate::Perform).await;
    assert_eq!(world.writes(), writes);
    assert!(
        again
            .passes
            .iter()
            .all(|(_, pass)| pass.as_ref().unwrap().plan.steps.is_empty())
    );
}

#[test]
fn day_one_plans_against_its_table() {
    let directory = examples().join("day-one");
    let snapshot = Sources::read(std::slice::from_ref(&directory))
        .unwrap()
        .snapshot();
    let bytes = std::fs::read(directory.join("doors.csv")).unwrap();
    let table = Table::parse("doors.csv", &bytes, None).unwrap();
    let now = "2026-03-02T09:00:00Z".parse().unwrap();
    let made = plan_table(&table, &snapshot, None, now);
    let doors: Vec<&str> = made.plans[0]
        .steps
        .iter()
        .map(|step| step.door.as_ref().unwrap().name.as_str())
        .collect();
    assert_eq!(
        BTreeSet::from_iter(doors),
        BTreeSet::from(["Garage Gate", "Mail Room", "Package Room"])
    );
    assert!(!made.plans[0].has_refusals() && !made.plans[0].cannot_tell());
    assert_eq!(made.plans[0].unmanaged.len(), 1);
    assert!(
        made.notes.iter().any(|note| note.contains("\"Floor\"")),
        "{:?}",
        made.notes
    );
}
