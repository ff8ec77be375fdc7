//! Usage, bad input, and the embedded world.

use crate::fixture::{PROPERTY, WORLD, World, assignment, run_in};
use tempfile::TempDir;

fn embedded() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("simulator.yaml"), WORLD).unwrap();
    std::fs::write(folder.path().join("property.yaml"), PROPERTY).unwrap();
    std::fs::write(
        folder.path().join("a.yaml"),
        assignment("parcel", "Parcel Runner", "Mail Room"),
    )
    .unwrap();
    folder
}

#[test]
fn an_embedded_world_is_kept_between_commands() {
    let folder = embedded();
    let plan = run_in(folder.path(), &["plan"]).exits(2);
    assert!(plan.out.starts_with("SIMULATED DOOR OS"), "{}", plan.out);
    run_in(folder.path(), &["run", "--once"]).exits(0);
    run_in(folder.path(), &["plan"]).exits(0);
    let second = run_in(folder.path(), &["run", "--once", "-o", "json"]).exits(0);
    assert_eq!(second.json()["steps"], serde_json::json!([]));
    assert!(second.err.contains("SIMULATED DOOR OS"));
}

#[test]
fn no_door_os_is_an_error_that_says_how_to_connect() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("property.yaml"), PROPERTY).unwrap();
    let said = run_in(folder.path(), &["plan"]).exits(1);
    assert!(said.err.contains("--door-os"), "{}", said.err);
    assert!(said.err.contains("--simulate"), "{}", said.err);
}

#[test]
fn a_simulated_door_os_and_an_address_are_not_asked_for_together() {
    let world = crate::fixture::World::new();
    world.write(
        "a.yaml",
        &crate::fixture::assignment("a", "Parcel Runner", "Mail Room"),
    );
    let said = world.run(&["apply", "--simulate"]).exits(1);
    assert!(said.err.contains("whose doors may be"), "{}", said.err);
    let said = world.run(&["plan"]).exits(2);
    assert!(said.out.contains("+ Mail Room"), "{}", said.out);
}

#[test]
fn usage_paths_and_addresses_that_are_wrong_exit_1() {
    let folder = embedded();
    for words in [
        vec!["frobnicate"],
        vec!["plan", "nowhere"],
        vec!["plan", "--door-os", "http://example.com"],
        vec!["plan", "--door-os", "https://user@example.com"],
        vec!["plan", "--door-os", "nonsense"],
        vec!["plan", "--simulate", "--door-os", "http://127.0.0.1:1"],
        vec!["plan", "--door-os", "http://127.0.0.1:1"],
        vec!["explain", "Nonsense"],
    ] {
        let said = run_in(folder.path(), &words).exits(1);
        assert!(!said.err.is_empty(), "{words:?}");
        assert!(!said.err.contains("panicked"), "{words:?}: {}", said.err);
    }
}

#[test]
fn a_file_that_cannot_be_parsed_is_exit_4_and_names_its_place() {
    let world = World::new();
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    world.run(&["run", "--once"]).exits(0);
    world.write("a.yaml", "kind: [unclosed\n");
    let said = world.run(&["run", "--once"]).exits(4);
    assert!(said.out.contains("a.yaml:"), "{}", said.out);
    let still = world.run(&["who", "Mail Room"]).exits(0);
    assert!(still.out.contains("Parcel Runner"), "{}", still.out);
}

#[test]
fn every_reason_can_be_explained() {
    let folder = TempDir::new().unwrap();
    let all = run_in(folder.path(), &["explain"]).exits(0);
    for reason in [
        "PartnerImmutable",
        "DoorSyncRequired",
        "RemovalLimitExceeded",
    ] {
        assert!(all.out.contains(reason));
        let one = run_in(folder.path(), &["explain", reason]).exits(0);
        assert!(one.out.contains(reason), "{}", one.out);
    }
}

#[test]
fn completions_and_crds_are_printed() {
    let folder = TempDir::new().unwrap();
    let bash = run_in(folder.path(), &["completions", "bash"]).exits(0);
    assert!(bash.out.contains("opendoor"));
    let crds = run_in(folder.path(), &["crds"]).exits(0);
    assert_eq!(
        crds.out.matches("kind: CustomResourceDefinition").count(),
        5
    );
}

#[test]
fn a_second_run_writes_nothing_at_all() {
    let folder = embedded();
    run_in(folder.path(), &["run", "--once"]).exits(0);
    let written = || {
        let state = folder.path().join(".opendoor");
        let mut files: Vec<_> = std::fs::read_dir(state)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let metadata = entry.metadata().unwrap();
                (
                    entry.file_name(),
                    metadata.len(),
                    metadata.modified().unwrap(),
                )
            })
            .filter(|(name, ..)| name != "lock")
            .collect();
        files.sort();
        files
    };
    let before = written();
    run_in(folder.path(), &["run", "--once"]).exits(0);
    assert_eq!(written(), before);
}
