//! What people change by hand in DOOR OS is found without any event to wake us, and said.

use serde_json::json;

use crate::control_plane::wait_until;
use crate::operator::{PATIENCE, Site, assignment, portfolio};

#[test]
fn a_hand_edit_is_found_restored_and_counted() {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    site.edit_door("Mail Room", &json!({ "partner": null }));
    wait_until(PATIENCE, "restored", || match site.on_door("Mail Room") {
        Some(partner) if partner == "Parcel Runner" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    wait_until(PATIENCE, "said", || {
        let events = site.events("parcel");
        let said = |reason: &str| events.iter().any(|said| said == reason);
        if said("DriftFound") && said("DriftRepaired") {
            Ok(())
        } else {
            Err(format!("{events:?}"))
        }
    });
    assert_eq!(
        operator.metric("opendoor_drift_found_total", "changed"),
        1.0
    );
    assert_eq!(operator.metric("opendoor_drift_items", "changed"), 0.0);
    site.until("da", "parcel", "Drifted", "False");
}

#[test]
fn where_the_property_says_hold_access_taken_away_by_hand_stays_away_until_approved() {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.apply(&crate::operator::PROPERTY.replace("spec:", "spec:\n  removedByHand: Hold"));
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("da", "parcel", "Ready", "True");
    site.edit_door("Mail Room", &json!({ "partner": null }));
    let drifted = site.until("da", "parcel", "Drifted", "True");
    assert!(drifted.message.contains("Mail Room"), "{}", drifted.message);
    site.until("da", "parcel", "Stalled", "True");
    assert_eq!(site.on_door("Mail Room"), None);
    assert_eq!(operator.metric("opendoor_drift_items", "changed"), 1.0);
}

#[test]
fn in_observe_and_propose_a_hand_edit_is_only_reported() {
    for mode in ["Observe", "Propose"] {
        let site = Site::new("Apply");
        let operator = site.operator("a");
        site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
        site.until("da", "parcel", "Ready", "True");
        site.apply(&portfolio(mode));
        // One that began before would restore it.
        operator.until_looked_anew();
        let writes = site.writes();
        site.edit_door("Mail Room", &json!({ "partner": null }));
        site.until("da", "parcel", "Drifted", "True");
        site.until("da", "parcel", "Stalled", "True");
        assert_eq!(site.writes(), writes, "{mode}");
        site.until_event("parcel", "DriftFound");
    }
}

#[test]
fn access_added_by_hand_is_counted_and_left_alone() {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.until("property", "harbor-point", "Ready", "True");
    site.edit_door("Package Room", &json!({ "partner": "TourPass" }));
    wait_until(PATIENCE, "counted", || {
        let found = operator.metric("opendoor_drift_found_total", "added");
        if found >= 1.0 {
            Ok(())
        } else {
            Err(found.to_string())
        }
    });
    assert_eq!(site.on_door("Package Room").as_deref(), Some("TourPass"));
    wait_until(PATIENCE, "said", || {
        match &site.object("property", "harbor-point")["status"]["counts"]["unmanaged"] {
            unmanaged if *unmanaged == 1 => Ok(()),
            unmanaged => Err(unmanaged.to_string()),
        }
    });
    assert_eq!(
        site.until("property", "harbor-point", "Ready", "True")
            .status,
        "True"
    );
}
