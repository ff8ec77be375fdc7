//! Everything deleted at once, in every state of DOOR OS: nothing is lost, nothing hangs for ever.

use std::time::Duration;

use serde_json::json;

use crate::operator::{Operator, PATIENCE, Site, assignment};
use crate::yaml::key;

/// An assignment and a key, all as declared.
fn at_work() -> (Site, Operator) {
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
    site.sync("Garage Gate", "full");
    site.until("da", "parcel", "SyncRequired", "False");
    (site, operator)
}

/// As `kubectl delete -f` of the whole directory does it, the Secret too.
fn delete_everything(site: &Site) {
    for kind in [
        "secret/door-os",
        "pf/harbor-living",
        "property/harbor-point",
        "da/parcel",
        "pk/tours",
    ] {
        site.delete(&[kind]);
    }
}

fn all_gone(site: &Site) {
    for (kind, name) in [
        ("da", "parcel"),
        ("pk", "tours"),
        ("property", "harbor-point"),
        ("pf", "harbor-living"),
    ] {
        site.until_gone(kind, name);
    }
    assert_eq!(site.on_door("Mail Room"), None);
    assert_eq!(site.on_door("Garage Gate"), None);
    assert_eq!(site.keys_named("tours"), 0);
}

#[test]
fn with_door_os_up_everything_is_taken_away_and_the_debt_is_kept() {
    let (site, _operator) = at_work();
    delete_everything(&site);
    all_gone(&site);
    // The lock still opens, and the ledger says so, whoever looks next.
    assert!(site.opens("Garage Gate", "Parcel Runner"));
    site.secret("demo").works();
    site.apply(&crate::operator::portfolio("Apply"));
    site.apply(crate::operator::PROPERTY);
    let owed = site.until("property", "harbor-point", "SyncRequired", "True");
    assert!(owed.message.contains("Garage Gate"), "{}", owed.message);
}

#[test]
fn with_door_os_down_everything_waits_and_is_finished_when_it_is_back() {
    let (site, _operator) = at_work();
    site.faults(&json!([{ "kind": "serverError" }]));
    delete_everything(&site);
    std::thread::sleep(Duration::from_secs(8));
    for (kind, name) in [
        ("da", "parcel"),
        ("pk", "tours"),
        ("property", "harbor-point"),
        ("pf", "harbor-living"),
    ] {
        assert!(!site.object(kind, name).is_null(), "{kind}/{name} waits");
    }
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
    site.faults(&json!([]));
    all_gone(&site);
}

#[test]
fn a_namespace_that_goes_while_door_os_is_down_is_finished_when_it_is_back() {
    let (site, _operator) = at_work();
    site.faults(&json!([{ "kind": "serverError" }]));
    site.delete_namespace();
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
    site.faults(&json!([]));
    site.until_namespace_gone(PATIENCE * 2);
    assert_eq!(site.on_door("Mail Room"), None);
    assert_eq!(site.keys_named("tours"), 0);
}
