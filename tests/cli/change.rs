//! `plan --base` against DOOR OS, and plans from a published snapshot.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fixture::{PROPERTY, Said, World, assignment, key, with_a_key_that_guests_hold};
use crate::git::{commit, repository_of};

/// Parcel Runner at the Mail Room is committed; nothing is applied.
fn with_something_pending() -> World {
    let world = World::new();
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    repository_of(world.yaml.path());
    world
}

fn names(value: &Value) -> Vec<&str> {
    let named = |step: &'_ Value| step["door"]["name"].as_str().map(str::len).is_some();
    let steps = value.as_array().unwrap();
    steps
        .iter()
        .filter(|step| named(step))
        .map(|step| step["door"]["name"].as_str().unwrap())
        .collect()
}

impl World {
    fn change(&self, words: &[&str]) -> Said {
        self.run(&[&["plan", "--base", "HEAD"], words].concat())
    }

    fn snapshot(&self) -> String {
        self.run(&["import", "-o", "json"]).exits(0).out
    }
}

#[test]
fn only_what_the_change_causes_is_shown_and_counts() {
    let world = with_something_pending();
    world.run(&["plan"]).exits(2);
    let nothing = world.change(&["-o", "json"]).exits(0).json();
    assert_eq!(nothing["steps"], json!([]));
    assert_eq!(names(&nothing["pending"]["steps"]), ["Mail Room"]);
    world.write("b.yaml", &assignment("tours", "TourPass", "Front Entrance"));
    let change = world.change(&["-o", "json"]).exits(2).json();
    assert_eq!(change["schemaVersion"], 1);
    assert_eq!(change["base"], "HEAD");
    assert_eq!(names(&change["steps"]), ["Front Entrance"]);
    assert_eq!(change["steps"][0]["change"], "added");
    assert_eq!(change["steps"][0]["cause"]["file"], "b.yaml");
    assert_eq!(change["properties"][0]["summary"]["grants"], 1);
    assert_eq!(names(&change["pending"]["steps"]), ["Mail Room"]);
    // What was pending is not wanted any more.
    world.remove("b.yaml");
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Garage Gate"),
    );
    let change = world.change(&["-o", "json"]).exits(2).json();
    assert_eq!(names(&change["steps"]), ["Garage Gate"]);
    assert_eq!(names(&change["unnecessary"]), ["Mail Room"]);
    assert_eq!(change["pending"]["steps"], json!([]));
    let text = world.change(&[]).exits(2);
    assert!(text.out.contains("Not done any more"), "{}", text.out);
    // Another partner at the same door is something else at the same place.
    world.write("a.yaml", &assignment("parcel", "TourPass", "Mail Room"));
    let change = world.change(&["-o", "json"]).exits(2).json();
    assert_eq!(change["steps"][0]["change"], "instead");
    assert_eq!(change["unnecessary"], json!([]));
    assert!(
        !world.yaml.path().join(".opendoor").exists(),
        "a plan writes nothing"
    );
}

#[test]
fn both_plans_are_made_from_one_look() {
    let world = with_something_pending();
    world.write("b.yaml", &assignment("tours", "TourPass", "Front Entrance"));
    let calls_of = |words: &[&str]| {
        let calls = || -> u64 { world.simulator.calls().into_values().sum() };
        let before = calls();
        world.run(words).exits(2);
        calls() - before
    };
    let once = calls_of(&["plan"]);
    assert!(once > 2);
    assert_eq!(calls_of(&["plan", "--base", "HEAD"]), once);
}

#[test]
fn a_removal_is_seen_without_the_ledger_of_whoever_applied_it() {
    let world = with_something_pending();
    world.run(&["apply"]).exits(0);
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Garage Gate"),
    );
    for state in [".opendoor", "elsewhere"] {
        let change = world
            .change(&["-o", "json", "--state", state])
            .exits(2)
            .json();
        assert_eq!(names(&change["steps"]), ["Mail Room", "Garage Gate"]);
        assert_eq!(change["steps"][0]["action"], "RemoveDoor", "{state}");
        assert_eq!(change["properties"][0]["summary"]["removals"], 1);
        let without: &[&str] = if state == "elsewhere" {
            &["harbor-point"]
        } else {
            &[]
        };
        assert_eq!(change["withoutLedger"], json!(without));
    }
}

#[test]
fn a_refusal_counts_if_the_change_brings_it_and_stands_first() {
    let world = with_something_pending();
    world.write("k.yaml", &key("tours", "TourPass", "No Such Door"));
    world.change(&[]).exits(3);
    commit(world.yaml.path());
    // It was there before.
    world.run(&["plan"]).exits(3);
    let said = world.change(&["-o", "json"]).exits(0).json();
    assert_eq!(said["refusals"], json!([]));
    assert_eq!(said["pending"]["refusals"][0]["reason"], "DoorNotFound");
    // A line that moved is the same refusal; one that is gone is told.
    let moved = format!("# A comment.\n{}", key("tours", "TourPass", "No Such Door"));
    world.write("k.yaml", &moved);
    world.change(&[]).exits(0);
    world.remove("k.yaml");
    let said = world.change(&["-o", "json"]).exits(0).json();
    assert_eq!(said["solved"][0]["reason"], "DoorNotFound");
    world.write(
        "z.yaml",
        &assignment("second", "TourPass", "Nowhere, Front Entrance"),
    );
    let page = world
        .change(&["-o", "markdown", "--environment", "production"])
        .exits(3);
    let at = |text: &str| {
        page.out
            .find(text)
            .unwrap_or_else(|| panic!("{text}: {}", page.out))
    };
    assert_eq!(at("<!-- opendoor:plan:production -->\n## OpenDOOR"), 0);
    assert!(at("**1 grant, ") < at("### Refused because of this change"));
    assert!(at("Refused because of this change") < at("### Harbor Point"));
    assert!(at("### Harbor Point") < at("Pending anyway"));
    assert_eq!(
        page.out.matches("<details>").count(),
        page.out.matches("</details>").count()
    );
    world.change(&["--environment", "--><script>"]).exits(1);
}

#[test]
fn an_approval_by_a_commit_shows_what_it_releases() {
    let world = with_a_key_that_guests_hold();
    repository_of(world.yaml.path());
    world.remove("k.yaml");
    let held = world.change(&["-o", "markdown"]).exits(3);
    assert!(
        held.out.contains("1 key deleted, 1 step for good"),
        "{}",
        held.out
    );
    assert!(held.out.contains("3 people affected"), "{}", held.out);
    world.run(&["run", "--once"]).exits(3);
    commit(world.yaml.path());
    let held = world.run(&["plan", "-o", "json"]).exits(3).json();
    let id = held["properties"][0]["holdId"].as_str().unwrap();
    world.write("property.yaml", &format!("{PROPERTY}  approve: {id}\n"));
    let released = world.change(&["-o", "json"]).exits(2).json();
    assert_eq!(released["steps"][0]["change"], "released");
    assert_eq!(released["steps"][0]["action"], "DeleteKey");
    assert_eq!(released["properties"][0]["summary"]["keyDeletes"], 1);
    assert_eq!(released["pending"]["steps"], json!([]));
}

#[test]
fn a_fresh_snapshot_plans_what_door_os_plans() {
    let world = World::about_to_leave_the_garage();
    world.write(
        "portfolio.yaml",
        "apiVersion: opendoor.dev/v1alpha1
kind: Portfolio
metadata: { name: all }
spec: { authorizationRequests: { from: keeper@example.invalid } }
",
    );
    world.run(&["run", "--once"]).exits(0);
    repository_of(world.yaml.path());
    world.write("snapshot.json", &world.snapshot());
    assert!(
        !world.snapshot().contains("keeper"),
        "of people only counts"
    );
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Front Entrance"),
    );
    world.write("k.yaml", &key("tours", "TourPass", "Unit 101"));
    for base in [&[][..], &["--base", "HEAD"]] {
        let live = world
            .run(&[&["plan", "-o", "json"], base].concat())
            .exits(2);
        let words = ["plan", "-o", "json", "--observed", "snapshot.json"];
        let kept = crate::fixture::run_in(
            world.yaml.path(),
            &[&words, base, &["--state", "none"]].concat(),
        )
        .exits(2);
        assert!(kept.err.contains("SIMULATED"), "{}", kept.err);
        let (live, mut kept) = (live.json(), kept.json());
        assert!(kept["snapshotAt"].is_string());
        kept["snapshotAt"] = live["snapshotAt"].clone();
        if live.get("snapshotAt").is_none() {
            kept.as_object_mut().unwrap().remove("snapshotAt");
        }
        assert_eq!(live, kept, "{base:?}");
        let waits = if base.is_empty() {
            &live
        } else {
            &live["pending"]
        };
        assert_eq!(waits["waiting"][0]["kind"], "Sync", "{live}");
    }
}

#[test]
fn a_snapshot_that_is_not_what_was_published_is_an_error() {
    let world = with_something_pending();
    world.run(&["apply"]).exits(0);
    let whole = world.snapshot();
    let plan = |text: &str| {
        world.write("s.json", text);
        world.run(&["plan", "--observed", "s.json"])
    };
    plan(&whole).exits(0);
    let cut = plan(&whole[..whole.len() / 2]).exits(1);
    assert!(cut.err.contains("is not whole JSON"), "{}", cut.err);
    let value: Value = serde_json::from_str(&whole).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value = value.clone();
        change(&mut value);
        value.to_string()
    };
    plan(&changed(&|_| ())).exits(0);
    let door = plan(&whole.replacen("Mail Room", "Male Room", 1)).exits(1);
    assert!(door.err.contains("its sum does not fit"), "{}", door.err);
    for change in [
        &(|value: &mut Value| value["at"] = json!("2026-01-01T00:00:00Z")) as &dyn Fn(&mut Value),
        &|value| value["buildings"][0]["observed"]["doors"] = json!([]),
        &|value| value["buildings"][0]["ledger"] = Value::Null,
        &|value| value["sum"] = Value::Null,
    ] {
        let said = plan(&changed(change)).exits(1);
        assert!(said.err.contains("Publish it anew"), "{}", said.err);
    }
    for version in [json!(2), json!("1"), Value::Null] {
        let said = plan(&changed(&|value| value["schemaVersion"] = version.clone())).exits(1);
        assert!(said.err.contains("schemaVersion"), "{}", said.err);
    }
    // A ledger that somebody cut, with a sum that fits.
    let resummed = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&changed(change)).unwrap();
        value.as_object_mut().unwrap().remove("sum");
        value.sort_all_objects();
        let sum: String = Sha256::digest(value.to_string())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        value["sum"] = json!(sum);
        value.to_string()
    };
    let cut = plan(&resummed(&|value| {
        let ledger = value["buildings"][0]["ledger"].as_str().unwrap();
        value["buildings"][0]["ledger"] = json!(ledger[..ledger.len() / 8 * 4]);
    }))
    .exits(1);
    assert!(cut.err.contains("the ledger of"), "{}", cut.err);
    // An old one says so.
    let old = resummed(&|value| value["at"] = json!("2026-01-01T00:00:00Z"));
    let said = plan(&old).exits(0);
    assert!(
        said.err
            .contains("WARNING: planned from a snapshot of 2026-01-01"),
        "{}",
        said.err
    );
}

#[test]
fn a_property_that_the_snapshot_does_not_hold_cannot_be_told() {
    let world = World::of(&format!(
        "{}  - {{ name: Elm Court, doors: [{{ name: Lobby }}] }}\n",
        crate::fixture::WORLD
    ));
    world.write("snapshot.json", &world.snapshot());
    world.write(
        "elm.yaml",
        &PROPERTY
            .replace("harbor-point", "elm-court")
            .replace("Harbor Point", "Elm Court"),
    );
    let said = world.run(&["plan", "--observed", "snapshot.json"]).exits(4);
    assert!(
        said.out.contains("merge the Property first"),
        "{}",
        said.out
    );
}
