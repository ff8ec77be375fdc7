//! What we ship as examples, as the API server takes it: the good ones, and the refused ones.

use std::fs;
use std::path::Path;

use crate::control_plane::{ADMIN, ControlPlane, Namespace, Said, root};
use crate::rules::{validate, validate_change};

/// Every file of resources in a folder, with those in folders below: not what the simulator or a table has.
fn yaml_in(folder: &Path, found: &mut Vec<(String, String)>) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') {
            yaml_in(&path, found);
        } else if name.ends_with(".yaml") && name != "simulator.yaml" {
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

fn files(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    yaml_in(folder, &mut found);
    assert!(!found.is_empty(), "{} has no resources", folder.display());
    found
}

/// One file at a time, so that a refusal of one hides no other.
fn apply_all(here: &Namespace<'_>, folder: &Path) -> Vec<Said> {
    files(folder)
        .iter()
        .map(|(_, text)| here.apply(text))
        .collect()
}

#[test]
fn the_good_examples_apply_without_a_warning() {
    for (folder, objects) in [
        ("day-one", 2),
        ("harbor-living", 11),
        ("gitops/repository/access", 6),
    ] {
        let here = ControlPlane::shared().namespace();
        for said in apply_all(&here, &root().join("examples").join(folder)) {
            assert_eq!(said.works().err, "", "{folder}");
        }
        let all = here.kubectl(&["get", "opendoor", "-o", "name"]).works();
        assert_eq!(all.out.lines().count(), objects, "{folder}:\n{}", all.out);
    }
}

/// The API server sees one object at a time and its last version: it refuses what is wrong with that, with the sentence
/// of `opendoor validate`, and takes all else (the operator then refuses it with the same reason in its status).
#[test]
fn of_the_refused_examples_the_server_refuses_what_one_object_shows() {
    let partner = "DOOR OS never changes or clears a key's partner. Create a new PartnerKey with another keyName, move its \
                   holders, then delete this one; its doorcodes go with it.";
    // What both say, and what is the server's own wording for what `validate` says in ours.
    let expected: [(&str, &[&str], &[&str]); 4] = [
        (
            "declaration-incomplete",
            &[],
            &["error converting YAML to JSON"],
        ),
        // A misspelt field hides the rest: see below.
        ("invalid", &[], &["unknown field \"spec.exeptDoors\""]),
        ("partner-immutable", &[partner], &["spec.partner: "]),
        (
            "partner-immutable-cleared",
            &[],
            &["spec.partner: Required value"],
        ),
    ];
    let mut refused = Vec::new();
    let mut folders: Vec<_> = fs::read_dir(root().join("examples/refused"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let here = ControlPlane::shared().namespace();
        let (base, shown) = (folder.join("before"), folder.join("after"));
        let (said, ours) = if base.exists() {
            for said in apply_all(&here, &base) {
                said.works();
            }
            (
                apply_all(&here, &shown),
                validate_change(&files(&base), &files(&shown)),
            )
        } else {
            (apply_all(&here, &folder), validate(&files(&folder)))
        };
        let said: Vec<&Said> = said.iter().filter(|said| !said.ok).collect();
        let Some(first) = said.first() else { continue };
        assert_eq!(said.len(), 1, "{name}: {said:?}");
        let (_, both, server) = expected
            .iter()
            .find(|(expected, ..)| *expected == name)
            .unwrap_or_else(|| panic!("{name}: {}", first.err));
        for sentence in both.iter().chain(*server) {
            assert!(
                first.err.contains(sentence),
                "{name}: {sentence}\n{}",
                first.err
            );
        }
        for sentence in *both {
            assert!(ours.contains(sentence), "{name}: {sentence}\n{ours}");
        }
        refused.push(name);
    }
    assert_eq!(refused, expected.map(|(name, ..)| name));
}

/// Strict validation stops at the misspelt field of `refused/invalid`. Without it the rules are seen, all at once.
#[test]
fn the_rules_refuse_the_example_with_a_misspelt_field_as_well() {
    let here = ControlPlane::shared().namespace();
    let files = files(&root().join("examples/refused/invalid"));
    let ours = validate(&files);
    let said = here
        .kubectl_as(ADMIN, &["apply", "--validate=warn", "-f", "-"], &files[0].1)
        .refused(&["Warning: unknown field \"spec.exeptDoors\""]);
    for (field, sentence) in [
        (
            "spec.doorSelector: ",
            "A `doorSelector` needs at least one condition: doorType, accessibility, namePattern or vacancy. An empty one would mean every door.",
        ),
        ("spec.validity: ", "`until` must be later than `from`."),
    ] {
        for text in [&said.err, &ours] {
            assert!(
                text.lines()
                    .any(|line| line.contains(field) && line.contains(sentence)),
                "{field}{sentence}\n{text}"
            );
        }
    }
}
