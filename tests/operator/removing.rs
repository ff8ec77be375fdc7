//! Taking access away: what the lock still opens is said until it is proven over.

use std::time::Duration;

use serde_json::json;

use crate::control_plane::{ControlPlane, wait_until};
use crate::operator::{PATIENCE, PROPERTY, Site, assignment, portfolio};
use crate::yaml::key;

/// Parcel Runner is on the offline garage gate, its lock has it, and nothing is owed.
fn settled_at_the_garage() -> (Site, crate::operator::Operator) {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.settle_at_the_garage();
    (site, operator)
}

#[test]
fn a_removal_from_an_offline_door_is_owed_until_a_full_sync() {
    let (site, operator) = settled_at_the_garage();
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    let owed = site.until("property", "harbor-point", "SyncRequired", "True");
    assert!(owed.message.contains("Garage Gate"), "{}", owed.message);
    site.until("da", "parcel", "SyncRequired", "True");
    assert!(
        site.opens("Garage Gate", "Parcel Runner"),
        "the lock has not heard"
    );
    let order = wait_until(PATIENCE, "an order", || {
        let order = site.object("dso", "harbor-point");
        if order["status"]["total"] == 1 {
            Ok(order)
        } else {
            Err(order.to_string())
        }
    });
    assert_eq!(order["status"]["doors"][0]["door"], "Garage Gate");
    assert_eq!(order["status"]["doors"][0]["partner"], "Parcel Runner");
    assert!(order["status"]["doors"][0]["deadline"].is_string());
    assert_eq!(
        site.until("property", "harbor-point", "Ready", "True")
            .reason,
        "InSync"
    );
    let wait = [
        "wait",
        "--for=condition=SyncRequired",
        "--timeout=5s",
        "da/parcel",
    ];
    site.namespace.kubectl(&wait).works();
    assert!(
        site.events("parcel")
            .contains(&String::from("DoorSyncRequired"))
    );
    assert_eq!(
        operator.metric("opendoor_revocations_unproven", "harbor-point"),
        1.0
    );

    // Deleted by hand, it is made again.
    site.delete(&["dso", "harbor-point"]);
    wait_until(PATIENCE, "another order", || {
        let again = site.object("dso", "harbor-point");
        if again["metadata"]["uid"] != order["metadata"]["uid"] && again["status"]["total"] == 1 {
            Ok(())
        } else {
            Err(again["metadata"].to_string())
        }
    });

    site.sync("Garage Gate", "passive");
    std::thread::sleep(Duration::from_secs(1));
    assert!(site.opens("Garage Gate", "Parcel Runner"));
    site.sync("Garage Gate", "full");
    assert!(!site.opens("Garage Gate", "Parcel Runner"));
    site.until("property", "harbor-point", "SyncRequired", "False");
    site.until("da", "parcel", "Enforced", "True");
    site.until_gone("dso", "harbor-point");
    assert!(
        site.events("harbor-point")
            .contains(&String::from("DoorSyncProven"))
    );
    assert_eq!(
        operator.metric("opendoor_revocations_unproven", "harbor-point"),
        0.0
    );
}

#[test]
fn a_debt_outlives_its_object_and_a_restart() {
    let (site, operator) = settled_at_the_garage();
    site.delete(&["da", "parcel"]);
    site.until_gone("da", "parcel");
    assert_eq!(site.on_door("Garage Gate"), None);
    operator.kill();
    let _again = site.operator("b");
    let owed = site.until("property", "harbor-point", "SyncRequired", "True");
    assert!(owed.message.contains("Garage Gate"), "{}", owed.message);
    site.sync("Garage Gate", "full");
    site.until("property", "harbor-point", "SyncRequired", "False");
}

#[test]
fn a_deleted_object_stays_until_its_access_is_gone_and_one_that_retains_leaves_it() {
    let site = Site::new("Apply");
    let _operator = site.operator("a");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.apply(
        &key("tours", "TourPass", "Front Entrance")
            .replace("spec:", "spec:\n  deletionPolicy: Retain"),
    );
    site.until("da", "parcel", "Ready", "True");
    site.until("pk", "tours", "Ready", "True");
    let writes = site.writes();
    site.delete(&["pk", "tours"]);
    site.until_gone("pk", "tours");
    assert_eq!(
        site.writes(),
        writes,
        "a key that is retained is not touched"
    );
    site.delete(&["da", "parcel"]);
    site.until_gone("da", "parcel");
    assert_eq!(site.on_door("Mail Room"), None);
    assert_eq!(site.writes(), writes + 1);
}

#[test]
fn an_assignment_that_is_renamed_never_flaps_a_lock() {
    let site = Site::new("Apply");
    // Longer than two commands take on a busy machine.
    site.apply(&portfolio("Apply").replace("removalDelay: 1s", "removalDelay: 10s"));
    let _operator = site.operator("a");
    site.apply(&assignment(
        "old",
        "Parcel Runner",
        "Mail Room, Package Room",
    ));
    site.until("da", "old", "Ready", "True");
    let writes = site.writes();
    // As Flux does it: the new one first.
    site.apply(&assignment(
        "new",
        "Parcel Runner",
        "Mail Room, Package Room",
    ));
    site.delete(&["da", "old"]);
    site.until_gone("da", "old");
    site.until("da", "new", "Ready", "True");
    // As Argo CD does it: the old one is pruned first.
    site.delete(&["da", "new"]);
    site.apply(&assignment(
        "newest",
        "Parcel Runner",
        "Mail Room, Package Room",
    ));
    site.until_gone("da", "new");
    site.until("da", "newest", "Ready", "True");
    assert_eq!(site.writes(), writes);
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
}

#[test]
fn deleting_everything_is_held_and_approved_or_undone() {
    let site = Site::new("Apply");
    let _operator = site.operator("a");
    let doors = "Front Entrance, Mail Room, Package Room, Loading Dock, Garage Gate";
    site.apply(&assignment("parcel", "Parcel Runner", doors));
    site.until("da", "parcel", "Ready", "True");
    let writes = site.writes();
    site.delete(&["da", "parcel"]);
    let held = site.until_reason(
        "property",
        "harbor-point",
        "Stalled",
        "RemovalLimitExceeded",
    );
    assert!(held.message.contains("h-"), "{}", held.message);
    assert_eq!(site.writes(), writes);
    let object = site.object("da", "parcel");
    assert!(
        object["metadata"]["deletionTimestamp"].is_string(),
        "it waits: {object}"
    );
    // Undone while it is going: its access is left behind on purpose.
    let retain = r#"{"spec":{"deletionPolicy":"Retain"}}"#;
    site.namespace
        .kubectl(&["patch", "da", "parcel", "--type=merge", "-p", retain])
        .works();
    site.until_gone("da", "parcel");
    assert_eq!(site.writes(), writes);
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));

    // Declared again it is ours again, and an approval lets its removal through.
    site.apply(&assignment("parcel", "Parcel Runner", doors));
    site.until("da", "parcel", "Ready", "True");
    assert_eq!(site.writes(), writes);
    site.delete(&["da", "parcel"]);
    site.until_reason(
        "property",
        "harbor-point",
        "Stalled",
        "RemovalLimitExceeded",
    );
    let property = site.object("property", "harbor-point");
    let id = property["status"]["plan"]["holdId"].as_str().unwrap();
    let approve = json!({ "spec": { "approve": id } }).to_string();
    site.namespace
        .kubectl(&[
            "patch",
            "property",
            "harbor-point",
            "--type=merge",
            "-p",
            &approve,
        ])
        .works();
    site.until_gone("da", "parcel");
    assert_eq!(site.on_door("Mail Room"), None);
}

#[test]
fn a_property_goes_last() {
    let site = Site::new("Apply");
    let _operator = site.operator("a");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    site.delete(&["portfolio", "harbor-living"]);
    site.delete(&["property", "harbor-point"]);
    std::thread::sleep(Duration::from_secs(3));
    assert!(
        !site.object("property", "harbor-point").is_null(),
        "an assignment refers to it"
    );
    site.delete(&["da", "parcel"]);
    for (kind, name) in [
        ("da", "parcel"),
        ("property", "harbor-point"),
        ("portfolio", "harbor-living"),
    ] {
        site.until_gone(kind, name);
    }
    assert_eq!(site.on_door("Mail Room"), None);
}

#[test]
fn a_property_made_again_under_its_name_may_be_for_another_building() {
    let world = "
partners:
  - { name: Parcel Runner, authorizedAt: [Harbor Point, Elm Street] }
  - { name: TourPass, authorizedAt: [Harbor Point, Elm Street] }
buildings:
  - { name: Harbor Point, doors: [{ name: Mail Room }] }
  - { name: Elm Street, doors: [{ name: Elm Entrance }] }
";
    let site = Site::on(ControlPlane::shared(), world, "Apply");
    let _operator = site.operator("a");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    site.sync("Mail Room", "full");
    site.until("da", "parcel", "Enforced", "True");
    for (kind, name) in [("da", "parcel"), ("property", "harbor-point")] {
        site.delete(&[kind, name]);
        site.until_gone(kind, name);
    }
    site.apply(&PROPERTY.replace("building: Harbor Point", "building: Elm Street"));
    // A lock of the first building is still to be visited; what is owed there is not forgotten.
    site.until_reason("property", "harbor-point", "Ready", "Invalid");
    site.sync("Mail Room", "full");
    site.until("property", "harbor-point", "Ready", "True");
    site.apply(&assignment("parcel", "Parcel Runner", "Elm Entrance"));
    site.until("da", "parcel", "Ready", "True");
}
