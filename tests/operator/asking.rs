//! `opendoor` and `kubectl opendoor` read from the cluster what the operator said.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::{ADMIN, Said, wait_until};
use crate::operator::{PATIENCE, PROPERTY, Site, assignment, portfolio};
use crate::yaml::key;

/// Every door whose name ends in Room.
const ROOMS: &str = "apiVersion: opendoor.dev/v1alpha1
kind: DoorAssignment
metadata: { name: rooms }
spec:
  propertyRef: { name: harbor-point }
  partner: Parcel Runner
  doorSelector: { namePattern: '* Room' }
";

fn ask(site: &Site, program: &std::path::Path, words: &[&str]) -> (Said, Option<i32>) {
    let output = Command::new(program)
        .args(words)
        .args(["--namespace", &site.namespace.name])
        .env("KUBECONFIG", site.namespace.server.kubeconfig(ADMIN))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let said = Said {
        ok: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    (said, output.status.code())
}

#[test]
fn the_answers_are_the_operators() {
    let site = Site::new("Apply");
    let _operator = site.operator("a");
    site.apply(&assignment(
        "parcel",
        "Parcel Runner",
        "Mail Room, Garage Gate",
    ));
    site.until("da", "parcel", "Ready", "True");
    site.sync("Garage Gate", "full");
    site.until("da", "parcel", "SyncRequired", "False");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.apply(&assignment("nobody", "Nobody", "Package Room"));
    site.until("property", "harbor-point", "SyncRequired", "True");
    site.until("da", "nobody", "Stalled", "True");
    // The order is written last.
    wait_until(PATIENCE, "an order", || {
        match &site.object("dso", "harbor-point")["status"]["total"] {
            total if *total == 1 => Ok(()),
            total => Err(total.to_string()),
        }
    });

    let opendoor = std::path::PathBuf::from(env!("CARGO_BIN_EXE_opendoor"));
    let (said, _) = ask(&site, &opendoor, &["status", "--kubernetes"]);
    assert!(said.out.contains("DoorAssignment/nobody"), "{}", said.out);
    assert!(said.out.contains("PartnerNotListed"), "{}", said.out);
    let (said, code) = ask(&site, &opendoor, &["plan", "--kubernetes"]);
    assert_eq!(code, Some(3), "{}{}", said.out, said.err);
    assert!(
        said.out.contains("REFUSED PartnerNotListed"),
        "{}",
        said.out
    );
    let (said, _) = ask(&site, &opendoor, &["sync", "list", "--kubernetes"]);
    assert!(
        said.out.contains("Garage Gate  Parcel Runner"),
        "{}",
        said.out
    );
    let (said, _) = ask(&site, &opendoor, &["who", "Garage Gate", "--kubernetes"]);
    assert!(said.out.contains("STILL"), "{}", said.out);

    // As a plugin of kubectl it needs no flag.
    let folder = tempfile::TempDir::new().unwrap();
    let plugin = folder.path().join("kubectl-opendoor");
    std::os::unix::fs::symlink(&opendoor, &plugin).unwrap();
    let (said, _) = ask(&site, &plugin, &["who", "Parcel Runner"]);
    assert!(said.out.contains("Mail Room"), "{}{}", said.out, said.err);
    let (said, _) = ask(&site, &plugin, &["sync", "list", "-o", "json"]);
    assert_eq!(said.json()["waiting"][0]["door"]["name"], "Garage Gate");
}

/// What the same program says of the same DOOR OS from a directory.
fn ask_alone(site: &Site, files: &[String], words: &[&str]) -> Value {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("all.yaml"), files.join("---\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_opendoor"))
        .args(words)
        .args(["-o", "json", "--door-os", site.url()])
        .current_dir(folder.path())
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// A step without what only a directory or only a cluster knows.
fn comparable(step: &Value) -> Value {
    let name = |of: &str| step[of]["name"].clone();
    let key = !step["key"].is_null();
    json!({
        "property": step["property"], "action": step["action"], "door": name("door"), "key": name("key"),
        "partner": step["partner"], "before": step["before"],
        // Of a key a status holds words.
        "after": if key { Value::Null } else { step["after"].clone() },
        "irreversible": step["irreversible"], "holdersAffected": step["holdersAffected"],
        "doorVisits": step["doorVisits"], "held": step["held"],
        "cause": [&step["cause"]["kind"], &step["cause"]["name"]],
    })
}

fn sorted(values: &Value, of: impl Fn(&Value) -> Value) -> Vec<String> {
    let mut all: Vec<String> = values
        .as_array()
        .unwrap()
        .iter()
        .map(|value| of(value).to_string())
        .collect();
    all.sort();
    all
}

#[test]
fn in_observe_the_plan_of_the_cluster_names_what_a_plan_made_here_names() {
    let site = Site::new("Observe");
    site.edit_door("Loading Dock", &json!({ "partner": "TourPass" }));
    site.edit_door("Garage Gate", &json!({ "partner": "TourPass" }));
    let files = [
        ROOMS.to_owned(),
        assignment("gate", "Parcel Runner", "Garage Gate"),
        key("tours", "TourPass", "Front Entrance"),
    ];
    site.apply(&files.join("---\n"));
    let _operator = site.operator("a");
    for (kind, name) in [("da", "rooms"), ("da", "gate"), ("pk", "tours")] {
        site.until(kind, name, "Stalled", "True");
    }

    let mut all = vec![portfolio("Observe"), PROPERTY.to_owned()];
    all.extend(files);
    let alone = ask_alone(&site, &all, &["plan"]);
    let opendoor = std::path::PathBuf::from(env!("CARGO_BIN_EXE_opendoor"));
    let (said, code) = ask(&site, &opendoor, &["plan", "--kubernetes", "-o", "json"]);
    let cluster = said.json();
    assert_eq!(code, Some(3), "something is held");
    let steps = sorted(&cluster["steps"], comparable);
    assert_eq!(steps, sorted(&alone["steps"], comparable));
    assert_eq!(steps.len(), 4, "{steps:?}");
    assert_eq!(
        cluster["properties"][0]["summary"],
        alone["properties"][0]["summary"]
    );
    let by_hand = |made: &Value| json!([made["what"], made["partner"], made["change"]]);
    assert_eq!(
        sorted(&cluster["unmanaged"], by_hand),
        sorted(&alone["unmanaged"], by_hand)
    );

    let (said, _) = ask(&site, &opendoor, &["plan", "--kubernetes"]);
    for line in [
        "+ Mail Room",
        "+ Package Room",
        "+ key \"tours\"",
        "TourPass, 1 door",
        "! Garage Gate",
        "TourPass -> Parcel Runner",
        "? Loading Dock",
    ] {
        assert!(said.out.contains(line), "{line}: {}", said.out);
    }
    assert_eq!(site.writes(), 0);
}

#[test]
fn who_opens_a_door_by_selector_or_by_hand_is_the_same_from_the_cluster() {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.apply(ROOMS);
    site.until("da", "rooms", "Ready", "True");
    site.edit_door("Loading Dock", &json!({ "partner": "TourPass" }));
    for door in ["Mail Room", "Package Room", "Loading Dock"] {
        site.sync(door, "full");
    }
    site.until("da", "rooms", "Enforced", "True");
    wait_until(PATIENCE, "what nobody declared is named", || {
        let said = site.object("property", "harbor-point")["status"]["unmanaged"].clone();
        let named = json!([{
            "door": "Loading Dock", "partner": "TourPass", "via": "door", "reason": "LockProven",
        }]);
        if said == named {
            Ok(())
        } else {
            Err(said.to_string())
        }
    });
    let status = site.object("da", "rooms")["status"].clone();
    assert_eq!(
        status["selectedDoors"],
        json!(["Mail Room", "Package Room"])
    );
    assert_eq!(status["declaredDoors"], 2);

    let opendoor = std::path::PathBuf::from(env!("CARGO_BIN_EXE_opendoor"));
    let files = [portfolio("Apply"), PROPERTY.to_owned(), ROOMS.to_owned()];
    for what in ["Mail Room", "Loading Dock", "Parcel Runner", "TourPass"] {
        let alone = ask_alone(&site, &files, &["who", what]);
        let (said, code) = ask(
            &site,
            &opendoor,
            &["who", what, "--kubernetes", "-o", "json"],
        );
        let mut cluster = said.json();
        for row in cluster["rows"].as_array_mut().unwrap() {
            row.as_object_mut().unwrap().remove("declaredBy");
        }
        assert_eq!((cluster, code), (alone, Some(0)), "{what}");
    }
    let (said, _) = ask(&site, &opendoor, &["who", "Mail Room", "--kubernetes"]);
    assert!(
        said.out.contains("door (DoorAssignment/rooms)"),
        "{}",
        said.out
    );
    let (said, code) = ask(&site, &opendoor, &["who", "No Such Door", "--kubernetes"]);
    assert_eq!(code, Some(1));
    assert!(said.err.contains("No Such Door"), "{}", said.err);

    // What is published stays as it is while nothing changes.
    let versions = || {
        let version =
            |kind: &str, name: &str| site.object(kind, name)["metadata"]["resourceVersion"].clone();
        (version("property", "harbor-point"), version("da", "rooms"))
    };
    let before = versions();
    operator.until_looked_anew();
    assert_eq!(versions(), before);
}
