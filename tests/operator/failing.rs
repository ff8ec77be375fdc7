//! What may fail around the operator: DOOR OS, credentials, the API server, rights, ledgers.

use std::time::Duration;

use serde_json::json;

use crate::control_plane::{ControlPlane, wait_until};
use crate::operator::{Operator, PATIENCE, Site, WORLD, assignment};

/// Ready with one assignment.
fn at_work() -> (Site, Operator) {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    (site, operator)
}

#[test]
fn a_missing_secret_is_told_and_a_rotated_one_is_used_without_a_restart() {
    let site = Site::new("Apply");
    site.delete(&["secret", "door-os"]);
    let operator = site.operator("a");
    let told = site.until("property", "harbor-point", "Stalled", "True");
    assert_eq!(told.reason, "CredentialsMissing");
    assert!(told.message.contains("door-os"), "{}", told.message);
    assert_eq!(
        site.until("pf", "harbor-living", "Stalled", "True").reason,
        "CredentialsMissing"
    );
    site.secret("canary-wrong-secret").works();
    site.until_reason("property", "harbor-point", "Ready", "CredentialsInvalid");
    site.secret("demo").works();
    site.until("property", "harbor-point", "Ready", "True");
    // Neither secret is anywhere in what it logged, said or measured.
    let objects = site
        .namespace
        .kubectl(&["get", "opendoor,events", "-o", "json"])
        .works()
        .out;
    for text in [operator.log(), objects, operator.get("/metrics").1] {
        assert!(!text.contains("canary-wrong-secret"));
    }
}

#[test]
fn while_door_os_is_down_nothing_is_known_and_nothing_is_lost() {
    let (site, _operator) = at_work();
    site.faults(&json!([{ "kind": "serverError" }]));
    site.until_reason(
        "property",
        "harbor-point",
        "Reconciling",
        "BackendUnavailable",
    );
    site.delete(&["da", "parcel"]);
    std::thread::sleep(Duration::from_secs(4));
    assert!(
        !site.object("da", "parcel").is_null(),
        "it stays until its access is gone"
    );
    site.faults(&json!([]));
    site.until_gone("da", "parcel");
    assert_eq!(site.on_door("Mail Room"), None);
}

#[test]
fn a_lost_ledger_is_a_first_contact_and_a_damaged_one_stops_its_building() {
    let (site, _operator) = at_work();
    let writes = site.writes();
    let ledgers = ["delete", "configmaps", "-l", "opendoor.dev/ledger"];
    site.system.kubectl(&ledgers).works();
    let name = wait_until(PATIENCE, "a new ledger", || {
        let found = site
            .system
            .kubectl(&[
                "get",
                "configmaps",
                "-l",
                "opendoor.dev/ledger",
                "-o",
                "name",
            ])
            .works()
            .out;
        if found.trim().is_empty() {
            Err(found)
        } else {
            Ok(found.trim().to_owned())
        }
    });
    site.until("da", "parcel", "Ready", "True");
    let damage = json!({ "binaryData": { "ledger": "AAAA" } }).to_string();
    site.system
        .kubectl(&["patch", &name, "--type=merge", "-p", &damage])
        .works();
    let told = site.until_reason("property", "harbor-point", "Stalled", "LedgerUnavailable");
    assert!(
        told.message.contains("opendoor-ledger-"),
        "{}",
        told.message
    );
    site.delete(&["da", "parcel"]);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(
        site.writes(),
        writes,
        "nothing is changed without the ledger"
    );
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
    assert!(!site.object("da", "parcel").is_null());
}

#[test]
fn it_goes_on_when_the_api_server_was_away_and_its_history_is_gone() {
    // Without the watch cache an old resource version is 410 Gone after a compaction.
    let server = Box::leak(Box::new(ControlPlane::private(&["--watch-cache=false"])));
    server.install_crds();
    let site = Site::on(server, WORLD, "Apply");
    let mut operator = site.operator("a");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    let writes = site.writes();
    server.stop();
    std::thread::sleep(Duration::from_secs(3));
    server.start_again();
    server.compact();
    site.apply(&assignment("tours", "TourPass", "Package Room"));
    site.until("da", "tours", "Ready", "True");
    assert_eq!(site.writes(), writes + 1);
    assert!(operator.is_running(), "it is the same process");
    operator.until_ready();
}

#[test]
fn definitions_that_are_deleted_take_no_access_with_them() {
    let server = Box::leak(Box::new(ControlPlane::private(&[])));
    server.install_crds();
    let site = Site::on(server, WORLD, "Apply");
    let _operator = site.operator("a");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    let writes = site.writes();
    let crd = "doorassignments.opendoor.dev";
    server
        .kubectl(&["delete", "crd", crd, "--wait=false"])
        .works();
    std::thread::sleep(Duration::from_secs(15));
    assert_eq!(site.writes(), writes);
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
    let held = site.until("property", "harbor-point", "Stalled", "True");
    assert_eq!(held.reason, "OwnerMissing", "{}", held.message);
    // Its objects wait, so the definition does; whoever wants it gone lets them go on purpose, and then
    // the definition and the object can be made anew.
    let free = r#"{"metadata":{"finalizers":null}}"#;
    site.namespace
        .kubectl(&["patch", "da", "parcel", "--type=merge", "-p", free])
        .works();
    wait_until(PATIENCE, "the definition is gone", || {
        let left = server.kubectl(&["get", "crd", crd, "--ignore-not-found"]);
        if left.out.trim().is_empty() {
            Ok(())
        } else {
            Err(left.out)
        }
    });
    server.install_crds();
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    assert_eq!(site.writes(), writes);
    // That the kind went once is in the way of no deletion.
    site.apply(&assignment("tours", "TourPass", "Package Room"));
    site.until("da", "tours", "Ready", "True");
    site.delete(&["da", "tours"]);
    site.until_gone("da", "tours");
    assert_eq!(site.on_door("Package Room"), None);
}

#[test]
fn a_definition_that_is_deleted_while_a_pass_is_under_way_takes_no_access_with_it() {
    let server = Box::leak(Box::new(ControlPlane::private(&[])));
    server.install_crds();
    // More than is sent before declarations are gathered again.
    let doors: Vec<String> = (1..=60).map(|door| format!("Door {door}")).collect();
    let rows: String = doors
        .iter()
        .map(|door| format!("      - {{ name: {door} }}\n"))
        .collect();
    let world = WORLD.replace("    keys:\n", &format!("{rows}    keys:\n"));
    let site = Site::on(server, &world, "Apply");
    let _operator = site.operator("a");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    site.faults(&json!([{ "kind": "latency", "seconds": 0.3, "method": "PUT" }]));
    site.apply(&assignment("bulk", "TourPass", &doors.join(", ")));
    wait_until(PATIENCE, "a change under way", || match site.writes() {
        0..2 => Err(String::from("nothing is sent yet")),
        _ => Ok(()),
    });
    let crd = "doorassignments.opendoor.dev";
    server
        .kubectl(&["delete", "crd", crd, "--wait=false"])
        .works();
    let held = site.until("property", "harbor-point", "Stalled", "True");
    assert_eq!(held.reason, "OwnerMissing", "{}", held.message);
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
}

#[test]
fn without_its_definitions_or_rights_it_is_not_ready_and_says_which() {
    let server = Box::leak(Box::new(ControlPlane::private(&[])));
    let site = Site::bare(server, WORLD);
    let operator = site.operator("a");
    wait_until(PATIENCE, "not ready", || {
        let (status, said) = operator.get("/readyz");
        let named = said.contains("PartnerKey objects") && said.contains("Portfolio objects");
        if status == 503 && named {
            Ok(())
        } else {
            Err(said)
        }
    });
    assert_eq!(operator.get("/healthz").0, 200);
    server.install_crds();
    operator.until_ready();
    let weak = site.operator_as("stranger", "b");
    wait_until(PATIENCE, "not ready", || {
        let (status, said) = weak.get("/readyz");
        let named = said.contains("forbidden") && said.contains("doorassignments");
        if status == 503 && named {
            Ok(())
        } else {
            Err(said)
        }
    });
}

#[test]
fn a_namespace_that_goes_takes_its_access_with_it() {
    let (site, _operator) = at_work();
    site.delete_namespace();
    site.until_namespace_gone(PATIENCE);
    assert_eq!(
        site.on_door("Mail Room"),
        None,
        "its Secret went first, and still it was removed"
    );
}

#[test]
fn where_the_credentials_went_first_nothing_hangs_for_ever_and_it_is_noted() {
    let (site, operator) = at_work();
    operator.kill();
    site.configure("abandonAfter: 2s\n");
    site.delete(&["secret", "door-os"]);
    site.delete_namespace();
    let operator = site.operator("b");
    site.until_namespace_gone(PATIENCE);
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
    let ledgers = site
        .system
        .kubectl(&[
            "get",
            "configmaps",
            "-l",
            "opendoor.dev/ledger",
            "-o",
            "json",
        ])
        .works()
        .out;
    assert!(
        ledgers.contains("without removing their access"),
        "{ledgers}"
    );
    assert!(operator.metric("opendoor_abandoned_claims", "harbor-point") >= 1.0);
}
