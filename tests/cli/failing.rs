//! What is said while DOOR OS fails, and where the world around the program does.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{Said, WORLD, World, assignment, opendoor, run_in};

fn keys(tours: &str, weekend: &str) -> String {
    let key = |name: &str, key_name: &str, door: &str| {
        format!(
            "apiVersion: opendoor.dev/v1alpha1
kind: PartnerKey
metadata: {{ name: {name} }}
spec:
  propertyRef: {{ name: harbor-point }}
  partner: TourPass
  keyName: {key_name}
  doors: [{{ name: {door} }}]
"
        )
    };
    let tours = key("tours", tours, "Front Entrance");
    let weekend = key("weekend", weekend, "Mail Room");
    format!("{tours}---\n{weekend}")
}

/// Two keys are renamed, and one takes the name that the other gives up: that needs two rounds.
fn about_to_need_two_rounds() -> World {
    let world = World::new();
    world.write("k.yaml", &keys("Tours", "Weekend"));
    world.run(&["apply"]).exits(0);
    world.write("k.yaml", &keys("Weekdays", "Tours"));
    world
}

fn results(said: &Value) -> Vec<&str> {
    let steps = said["steps"].as_array().unwrap().iter();
    steps.map(|step| step["result"].as_str().unwrap()).collect()
}

#[test]
fn what_was_done_is_told_also_where_a_later_round_fails() {
    for (fault, code) in [
        (
            json!({"kind": "serverError", "path": "/v1/buildings", "after": 1}),
            1,
        ),
        (
            json!({"kind": "serverError", "method": "GET", "path": "/v1/keys", "after": 1}),
            1,
        ),
        (
            json!({"kind": "buildingMissing", "path": "/v1/buildings", "after": 1}),
            4,
        ),
    ] {
        let world = about_to_need_two_rounds();
        world.fails(&json!([fault]));
        let said = world.run(&["apply", "-o", "json"]).exits(code);
        assert_eq!(results(&said.json())[0], "applied", "{fault}: {}", said.out);
    }
    let world = about_to_need_two_rounds();
    world.fails(&json!([{"kind": "buildingMissing", "path": "/v1/buildings", "after": 1}]));
    let said = world.run(&["run", "--once"]).exits(4);
    for part in [
        "Weekdays",
        "Applied 1 of 1, each read back.",
        "does not list",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
}

/// Parcel Runner is off the garage gate in DOOR OS, and its lock still opens.
fn with_a_debt() -> World {
    let world = World::about_to_leave_the_garage();
    world.run(&["run", "--once"]).exits(0);
    world
}

#[test]
fn what_is_owed_is_told_also_where_no_door_can_be_looked_at() {
    let world = with_a_debt();
    for (fault, code) in [
        (json!({"kind": "serverError", "path": "/v1/keys"}), 1),
        (json!({"kind": "forbidden", "path": "/v1/doors"}), 1),
        (json!({"kind": "serverError", "path": "/v1/buildings"}), 1),
        (json!({"kind": "truncatedList", "rows": 1}), 4),
        (json!({"kind": "buildingMissing"}), 4),
    ] {
        world.fails(&json!([fault]));
        let all = [
            vec!["sync", "list"],
            vec!["who", "Garage Gate"],
            vec!["who", "Parcel Runner"],
            vec!["sync", "list", "-o", "html"],
        ];
        // A call that fails is tried again for seconds.
        let most = if fault["kind"] == "serverError" {
            2
        } else {
            all.len()
        };
        for words in all.into_iter().take(most) {
            let said = world.run(&words).exits(code);
            for name in ["Garage Gate", "Parcel Runner", "there may be more"] {
                assert!(said.out.contains(name), "{fault} {words:?}: {}", said.out);
            }
            assert!(!said.err.is_empty(), "{fault} {words:?}");
        }
        let listed = world.run(&["sync", "list", "-o", "json"]).exits(code);
        let listed = listed.json();
        assert_eq!(listed["waiting"][0]["door"]["name"], "Garage Gate");
        assert_eq!(listed["waiting"][0]["reason"], "ObservationIncomplete");
        assert_eq!(listed["complete"], false);
        let plan = world.run(&["plan"]).exits(code);
        if fault["path"] != "/v1/buildings" {
            assert!(
                plan.out.contains("Garage Gate could not be looked at"),
                "{fault}: {}",
                plan.out
            );
        }
    }
}

#[test]
fn nothing_is_said_to_be_due_or_known_where_nobody_could_look() {
    let world = World::new();
    for (fault, code) in [
        (json!({"kind": "serverError", "path": "/v1/keys"}), 1),
        (json!({"kind": "truncatedList", "rows": 1}), 4),
    ] {
        world.fails(&json!([fault]));
        let said = world.run(&["email"]).exits(code);
        assert!(said.out.contains("cannot be told"), "{}", said.out);
        let said = world.run(&["email", "-o", "json"]).exits(code);
        assert_eq!(said.json()["complete"], false);
        let said = world.run(&["sync", "list"]).exits(code);
        assert!(said.out.contains("cannot be told"), "{}", said.out);
        world.run(&["status"]).exits(code);
        let said = world.run(&["who", "Garage Gate"]).exits(code);
        assert!(!said.err.contains("is known here"), "{}", said.err);
    }
}

#[test]
fn nothing_is_said_to_be_read_back_that_was_not() {
    let world = World::new();
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Front Entrance, Mail Room"),
    );
    world.fails(&json!([
        {"kind": "serverError", "path": "/v1/doors/{uuid}"},
        {"kind": "serverError", "path": "/v1/doors", "after": 1},
    ]));
    let said = world.run(&["apply"]).exits(4);
    assert!(
        said.out.contains("Applied 2 of 2, not all read back."),
        "{}",
        said.out
    );
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Front Entrance"),
    );
    world.fails(&json!([
        {"kind": "serverError", "path": "/v1/doors/{uuid}"},
        {"kind": "serverError", "path": "/v1/doors", "after": 1},
    ]));
    let said = world.run(&["apply", "-o", "json"]).exits(4).json();
    assert_eq!(results(&said), ["applied"]);
    assert_eq!(said["properties"][0]["complete"], false);
}

#[test]
fn an_attestation_in_json_is_one_document() {
    let world = with_a_debt();
    let words = ["sync", "attest", "Garage Gate", "Nowhere", "-o", "json"];
    let said = world.run(&words).exits(1).json();
    let told = said["doors"].as_array().unwrap().iter();
    let told: Vec<_> = told.map(|door| &door["result"]).collect();
    assert_eq!(told, ["noted", "notFound"]);
}

fn embedded() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("simulator.yaml"), WORLD).unwrap();
    folder
}

#[test]
fn a_second_command_that_acts_on_an_embedded_world_is_pointed_to_simulate() {
    let folder = embedded();
    let yaml = assignment("parcel", "Parcel Runner", "Mail Room");
    let yaml = format!("{}---\n{yaml}", crate::fixture::PROPERTY);
    std::fs::write(folder.path().join("a.yaml"), yaml).unwrap();
    run_in(folder.path(), &["run", "--once"]).exits(0);
    let lock = OpenOptions::new()
        .write(true)
        .open(folder.path().join(".opendoor/lock"))
        .unwrap();
    lock.lock().unwrap();
    for words in [vec!["run", "--once"], vec!["apply"], vec!["plan"]] {
        let said = run_in(folder.path(), &words).exits(1);
        assert!(
            said.err.contains("opendoor simulate"),
            "{words:?}: {}",
            said.err
        );
        assert!(
            !said.err.contains("may run beside it"),
            "{words:?}: {}",
            said.err
        );
    }
}

#[test]
fn a_folder_without_yaml_is_an_error_and_what_it_owned_is_a_hold() {
    let folder = embedded();
    for words in [
        vec!["plan"],
        vec!["drift"],
        vec!["status"],
        vec!["email"],
        vec!["plan", "-o", "markdown"],
    ] {
        let said = run_in(folder.path(), &words).exits(1);
        assert!(
            said.err.contains("holds no OpenDOOR YAML"),
            "{words:?}: {}",
            said.err
        );
    }
    run_in(folder.path(), &["import"]).exits(0);
    let world = World::new();
    let all = assignment("parcel", "Parcel Runner", "Front Entrance, Mail Room");
    world.write("a.yaml", &all);
    world.run(&["run", "--once"]).exits(0);
    world.remove("a.yaml");
    world.remove("property.yaml");
    let said = world.run(&["plan"]).exits(3);
    assert!(said.out.contains("DeclarationIncomplete"), "{}", said.out);
}

#[test]
fn a_file_is_a_path_for_validate_only() {
    let world = World::new();
    world.run(&["validate", "property.yaml"]).exits(0);
    for words in [
        vec!["plan", "property.yaml"],
        vec!["run", "property.yaml", "--once"],
        vec!["apply", "property.yaml"],
        vec!["status", "property.yaml"],
    ] {
        let said = world.run(&words).exits(1);
        assert!(
            said.err.contains("is a file. Give the directory"),
            "{}",
            said.err
        );
    }
}

fn into(stdout: Stdio, world: &World, words: &[&str]) -> Said {
    let output = Command::new(opendoor())
        .args(words)
        .args(["--door-os", world.url()])
        .current_dir(world.yaml.path())
        .stdout(stdout)
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::new(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_a_reader_that_goes_away_is_none() {
    let world = World::new();
    for words in [
        vec!["crds"],
        vec!["explain"],
        vec!["import", "--building", "Harbor Point"],
        vec!["plan", "-o", "json"],
        vec!["run", "--once"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let said = into(full.into(), &world, &words).exits(1);
        assert!(
            said.err.contains("cannot be printed"),
            "{words:?}: {}",
            said.err
        );
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let said = into(writer.into(), &world, &words).exits(0);
        assert!(!said.err.contains("error"), "{words:?}: {}", said.err);
    }
}

#[test]
fn who_says_that_a_write_which_is_not_settled_may_have_opened_a_door() {
    let world = World::new();
    world.write("a.yaml", &assignment("a", "Parcel Runner", "Mail Room"));
    world.fails(&json!([{"kind": "lateWrite", "seconds": 300, "method": "PUT"}]));
    world.run(&["apply"]).exits(4);
    world.fails(&json!([]));
    for what in ["Mail Room", "Parcel Runner"] {
        let said = world.run(&["who", what]);
        assert!(said.out.contains("cannot tell"), "{what}: {}", said.out);
        assert!(said.out.contains("OutcomeUnknown"), "{what}: {}", said.out);
    }
}
