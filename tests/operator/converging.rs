//! What is declared becomes so, and what is so already is left alone.

use std::time::Duration;

use serde_json::json;

use crate::control_plane::{ControlPlane, wait_until};
use crate::operator::{PATIENCE, Site, assignment, portfolio};
use crate::yaml::key;

#[test]
fn the_example_converges_to_what_the_standalone_home_makes_of_it() {
    let example = crate::control_plane::root().join("examples/harbor-living");
    let world = std::fs::read_to_string(example.join("simulator.yaml")).unwrap();
    let alone = crate::served::Served::of(&world);
    let copy = tempfile::TempDir::new().unwrap();
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_opendoor"))
        .args(["run", "--once", "--door-os", alone.url(), "--state"])
        .arg(copy.path())
        .arg(&example)
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");

    let site = Site::on(ControlPlane::shared(), &world, "Apply");
    site.delete(&["property", "harbor-point"]);
    site.delete(&["portfolio", "harbor-living"]);
    let operator = site.operator("a");
    for part in ["portfolio.yaml", "elm-court", "harbor-point"] {
        let path = example.join(part);
        let path = path.to_str().unwrap();
        site.namespace.kubectl(&["apply", "-R", "-f", path]).works();
    }
    site.until("property", "harbor-point", "Ready", "True");
    site.until_reason("property", "elm-court", "Ready", "AwaitingAuthorization");
    assert_eq!(access(&site), access(&alone), "who is where in DOOR OS");

    // A further pass writes nothing, neither to DOOR OS nor to Kubernetes, once every push has landed.
    let soon = r#"{"spec":{"checkInterval":"10s"}}"#;
    site.namespace
        .kubectl(&[
            "patch",
            "portfolio",
            "harbor-living",
            "--type=merge",
            "-p",
            soon,
        ])
        .works();
    site.simulator.advance(Duration::from_secs(3_600));
    operator.until_more_passes(6.0);
    let writes = site.writes();
    let kube_writes = operator.metric("opendoor_kubernetes_writes_total", "");
    let versions = versions(&site);
    operator.until_more_passes(4.0);
    assert_eq!(site.writes(), writes);
    assert_eq!(
        operator.metric("opendoor_kubernetes_writes_total", ""),
        kube_writes
    );
    assert_eq!(self::versions(&site), versions);
}

/// Who is on which door and key, whatever the revisions.
fn access(world: &crate::served::Served) -> Vec<String> {
    let state = world.call("GET", "/sim/v1/state", &json!(null));
    let rows = |building: &serde_json::Value, of: &str| building[of].as_array().unwrap().clone();
    let mut all = Vec::new();
    for building in state["buildings"].as_array().unwrap() {
        for door in rows(building, "doors") {
            all.push(format!(
                "{} {} {}",
                building["name"], door["name"], door["partnerUuid"]
            ));
        }
        for key in rows(building, "keys") {
            let mut doors: Vec<String> = rows(&key, "doors")
                .iter()
                .map(|door| format!("{} {}", door["name"], door["provideDoorcodes"]))
                .collect();
            doors.sort();
            all.push(format!(
                "{} key {} {} {doors:?} {}",
                building["name"], key["name"], key["partnerUuid"], key["schedule"]
            ));
        }
    }
    all.sort();
    assert!(
        all.iter().filter(|row| !row.contains("null")).count() > 10,
        "{all:?}"
    );
    all
}

/// The versions of everything the operator may write, leases apart.
fn versions(site: &Site) -> Vec<String> {
    let objects = site
        .namespace
        .kubectl(&["get", "da,pk,dso,pf", "-o", "jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}"])
        .works()
        .out;
    let ledgers = site
        .system
        .kubectl(&[
            "get",
            "configmaps",
            "-l",
            "opendoor.dev/ledger",
            "-o",
            "jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}",
        ])
        .works()
        .out;
    objects
        .lines()
        .chain(ledgers.lines())
        .map(str::to_owned)
        .collect()
}

#[test]
fn an_assignment_and_a_key_are_made_and_said() {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.apply(&assignment(
        "parcel",
        "Parcel Runner",
        "Mail Room, Garage Gate",
    ));
    site.apply(&key("tours", "TourPass", "Front Entrance"));
    site.until("da", "parcel", "Ready", "True");
    site.until("pk", "tours", "Ready", "True");
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
    let wait = [
        "wait",
        "--for=condition=Ready",
        "--timeout=20s",
        "property/harbor-point",
    ];
    site.namespace.kubectl(&wait).works();
    site.until_event("parcel", "PartnerAssigned");
    site.until_event("tours", "KeyCreated");
    let key = site.object("pk", "tours");
    assert!(key["status"]["keyUuid"].is_string(), "{key}");
    // An ordinary key that people hold, converted: who holds it is told by role, as a count.
    let staff = self::key("staff", "TourPass", "Front Entrance").replace(
        "spec:",
        "spec:\n  keyName: Staff\n  adopt: { acknowledge: ConvertsToPartnerKeyForGood }",
    );
    site.apply(&staff);
    site.until("pk", "staff", "Ready", "True");
    let staff = site.object("pk", "staff");
    assert_eq!(
        staff["status"]["holders"],
        json!([{ "role": "NON_RESIDENT", "count": 2 }])
    );
    assert_eq!(
        key["metadata"]["finalizers"],
        json!(["opendoor.dev/revoke"])
    );
    let property = site.object("property", "harbor-point");
    assert_eq!(
        property["status"]["observedGeneration"],
        property["metadata"]["generation"]
    );
    assert_eq!(operator.get("/healthz").0, 200);
    operator.until_ready();
    assert_eq!(operator.end(), Some(0));
}

#[test]
fn one_illegal_object_does_not_stop_the_others() {
    let site = Site::new("Apply");
    let _operator = site.operator("a");
    site.apply(&assignment("a", "Parcel Runner", "Mail Room"));
    site.apply(&assignment("b", "Nobody", "Package Room"));
    site.apply(&assignment("c", "Parcel Runner", "No Such Door"));
    site.until("da", "a", "Ready", "True");
    let refused = site.until("da", "b", "Stalled", "True");
    assert_eq!(refused.reason, "PartnerNotListed", "{}", refused.message);
    let refused = site.until("da", "c", "Stalled", "True");
    assert_eq!(refused.reason, "DoorNotFound", "{}", refused.message);
    site.until_event("c", "ChangeRefused");
}

#[test]
fn nothing_is_written_in_observe_and_nothing_unapproved_in_propose() {
    let site = Site::new("Observe");
    let operator = site.operator("a");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    let stalled = site.until("da", "parcel", "Stalled", "True");
    assert_eq!(stalled.reason, "ObserveOnly");
    site.apply(&portfolio("Propose"));
    let held = site.until_reason("da", "parcel", "Stalled", "ApprovalRequired");
    let property = site.object("property", "harbor-point");
    let id = property["status"]["plan"]["holdId"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(held.message.contains(&id), "{}", held.message);
    assert!(operator.metric("opendoor_held_steps", "ApprovalRequired") >= 1.0);
    assert_eq!(site.writes(), 0);
    let patch = json!({ "spec": { "approve": id } }).to_string();
    let approve = [
        "patch",
        "property",
        "harbor-point",
        "--type=merge",
        "-p",
        &patch,
    ];
    site.namespace.kubectl(&approve).works();
    site.until("da", "parcel", "Ready", "True");
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
}

#[test]
fn two_properties_of_one_building_are_told_and_only_the_first_acts() {
    let site = Site::new("Apply");
    let _operator = site.operator("a");
    site.until("property", "harbor-point", "Ready", "True");
    let second = crate::operator::PROPERTY.replace("harbor-point", "second");
    site.apply(&second);
    let refused = site.until("property", "second", "Stalled", "True");
    assert_eq!(refused.reason, "BuildingClaimedTwice");
    assert!(
        refused.message.contains("harbor-point"),
        "{}",
        refused.message
    );
    wait_until(PATIENCE, "the portfolio counts both", || {
        let counts = site.object("portfolio", "harbor-living")["status"]["properties"].clone();
        if counts == json!({ "total": 2, "ready": 1, "stalled": 1 }) {
            Ok(())
        } else {
            Err(counts.to_string())
        }
    });
}
