//! Whole flows of a manager, through the binary and its JSON.

use crate::fixture::{World, assignment, key, with_a_key_that_guests_hold};
use serde_json::json;

#[test]
fn plan_apply_and_nothing_left() {
    let world = World::new();
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Front Entrance, Mail Room"),
    );
    let plan = world.run(&["plan", "-o", "json"]).exits(2).json();
    assert_eq!(plan["schemaVersion"], 1);
    assert_eq!(plan["properties"][0]["name"], "harbor-point");
    assert_eq!(plan["properties"][0]["building"], "Harbor Point");
    assert_eq!(plan["properties"][0]["summary"]["grants"], 2);
    assert_eq!(plan["steps"][0]["action"], "AssignDoor");
    assert_eq!(plan["steps"][0]["after"], "Parcel Runner");
    assert_eq!(plan["steps"][0]["cause"]["file"], "a.yaml");
    assert_eq!(plan["steps"][0]["cause"]["line"], 7);
    assert!(
        !world.yaml.path().join(".opendoor").exists(),
        "a plan writes nothing"
    );
    let applied = world.run(&["apply", "-o", "json"]).exits(0).json();
    assert_eq!(applied["steps"][0]["result"], "applied");
    let again = world.run(&["run", "--once", "-o", "json"]).exits(0).json();
    assert_eq!(again["steps"], json!([]));
}

#[test]
fn an_offline_removal_is_named_until_it_is_proven() {
    let world = World::about_to_leave_the_garage();
    let removed = world.run(&["run", "--once", "-o", "json"]).exits(0).json();
    assert_eq!(removed["steps"][0]["action"], "RemoveDoor");
    assert_eq!(removed["steps"][0]["doorVisits"], 1);
    assert_eq!(removed["waiting"][0]["kind"], "Sync");
    assert!(world.opens("Garage Gate", "Parcel Runner"));
    for words in [
        vec!["status"],
        vec!["sync", "list"],
        vec!["who", "Garage Gate"],
        vec!["who", "Parcel Runner"],
        vec!["sync", "list", "-o", "html"],
    ] {
        let said = world.run(&words).exits(0);
        assert!(said.out.contains("Garage Gate"), "{words:?}: {}", said.out);
    }
    world.sync("Garage Gate", "passive");
    let listed = world.run(&["sync", "list", "-o", "json"]).exits(0).json();
    assert_eq!(listed["waiting"][0]["door"]["name"], "Garage Gate");
    assert_eq!(listed["waiting"][0]["partner"], "Parcel Runner");
    world.sync("Garage Gate", "full");
    let clear = world.run(&["sync", "list", "-o", "json"]).exits(0).json();
    assert_eq!(clear["waiting"], json!([]));
    assert!(!world.opens("Garage Gate", "Parcel Runner"));
}

#[test]
fn a_keys_partner_is_refused_with_its_place_and_the_way_out() {
    let world = World::new();
    world.write("k.yaml", &key("tours", "TourPass", "Unit 101"));
    world.run(&["run", "--once"]).exits(0);
    world.write("k.yaml", &key("tours", "Parcel Runner", "Unit 101"));
    let plan = world.run(&["plan"]).exits(3);
    assert!(plan.out.contains("k.yaml:6:12"), "{}", plan.out);
    assert!(plan.out.contains("PartnerImmutable"), "{}", plan.out);
    assert!(plan.out.contains("move its holders"), "{}", plan.out);
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    let run = world.run(&["run", "--once", "-o", "json"]).exits(3).json();
    assert_eq!(run["refusals"][0]["reason"], "PartnerImmutable");
    assert_eq!(run["refusals"][0]["cause"]["line"], 6);
    assert_eq!(run["steps"][0]["result"], "applied");
}

#[test]
fn holds_are_approved_by_their_id_only() {
    let world = with_a_key_that_guests_hold();
    world.remove("k.yaml");
    let held = world.run(&["run", "--once", "-o", "json"]).exits(3).json();
    assert_eq!(held["steps"][0]["held"], "HoldersAffected");
    assert_eq!(held["steps"][0]["holdersAffected"], 3);
    let id = held["properties"][0]["holdId"].as_str().unwrap().to_owned();
    world
        .run(&["apply", "--approve", "h-0123456789ab"])
        .exits(1);
    let done = world
        .run(&["apply", "--approve", &id, "-o", "json"])
        .exits(0)
        .json();
    assert_eq!(done["steps"][0]["result"], "applied");
    world.run(&["apply", "--approve", &id]).exits(1);
}

#[test]
fn hand_edits_are_drift_and_only_ours_are_restored() {
    let world = World::new();
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    world.run(&["run", "--once"]).exits(0);
    world.run(&["drift"]).exits(0);
    world.edit_door("Front Entrance", &json!({"partner": "TourPass"}));
    world.run(&["plan"]).exits(0);
    let drift = world.run(&["drift"]).exits(2);
    assert!(drift.out.contains("Front Entrance"), "{}", drift.out);
    // One issue, whose text is the same while nothing changes.
    let issue = || world.run(&["drift", "-o", "markdown"]).exits(2).out;
    let first = issue();
    assert!(
        first.starts_with("<!-- opendoor:drift -->\n# OpenDOOR drift: 1 declared by nobody\n"),
        "{first}"
    );
    assert_eq!(issue(), first);
    world.edit_door("Mail Room", &json!({"partner": null}));
    world.run(&["run", "--once"]).exits(0);
    world.run(&["plan"]).exits(0);
}

#[test]
fn a_partner_not_authorised_is_an_email_and_no_failure() {
    let world = World::new();
    world.write(
        "property.yaml",
        "apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: harbor-point }
spec:
  building: Harbor Point
  partners: [{ name: CleanCo }]
",
    );
    world.write("a.yaml", &assignment("clean", "CleanCo", "Mail Room"));
    let run = world.run(&["run", "--once", "-o", "json"]).exits(0).json();
    assert_eq!(run["steps"], json!([]));
    let kinds: Vec<&str> = run["waiting"]
        .as_array()
        .unwrap()
        .iter()
        .map(|waiting| waiting["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["Email", "Authorization"]);
    let email = world.run(&["email"]).exits(0);
    assert!(
        email
            .out
            .contains("We give DOOR permission to add CleanCo to Harbor Point."),
        "{}",
        email.out
    );
}

#[test]
fn an_import_plans_to_zero_changes() {
    let world = World::new();
    world.edit_door("Mail Room", &json!({"partner": "TourPass"}));
    let listed = world.run(&["import"]).exits(0);
    assert!(listed.out.contains("Harbor Point"));
    let imported = world
        .run(&["import", "--building", "Harbor Point"])
        .exits(0);
    world.write("property.yaml", &imported.out);
    world.run(&["validate"]).exits(0);
    world.run(&["plan"]).exits(0);
    let run = world.run(&["run", "--once", "-o", "json"]).exits(0).json();
    assert_eq!(run["steps"], json!([]));
}

#[test]
fn an_attestation_is_a_weaker_word() {
    let world = World::about_to_leave_the_garage();
    world.run(&["run", "--once"]).exits(0);
    world.run(&["sync", "attest", "Nowhere"]).exits(1);
    world.run(&["sync", "attest", "Garage Gate"]).exits(0);
    let listed = world.run(&["sync", "list", "-o", "json"]).exits(0).json();
    assert_eq!(listed["waiting"], json!([]));
    let status = world.run(&["status", "-o", "json"]).exits(0).json();
    assert!(status.to_string().contains("Attested"), "{status}");
}
