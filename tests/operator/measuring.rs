//! What the operator measures while it cannot look: an alert that should be heard then goes by these figures.

use serde_json::json;

use crate::control_plane::wait_until;
use crate::operator::{Operator, PATIENCE, PROPERTY, Site, assignment};

/// Since when passes fail for a reason.
fn failing_since(operator: &Operator, reason: &str) -> f64 {
    wait_until(PATIENCE, "failing is measured", || {
        let since = operator.metric("opendoor_failing_since_timestamp_seconds", reason);
        if since > 0.0 {
            Ok(since)
        } else {
            Err(operator.get("/metrics").1)
        }
    })
}

/// Properties that say Ready with this status.
fn ready(operator: &Operator, status: &str) -> f64 {
    let labels = format!("kind=\"Property\",condition=\"Ready\",status=\"{status}\"");
    operator.metric("opendoor_objects", &labels)
}

#[track_caller]
fn until_ready_is(operator: &Operator, status: &str) {
    wait_until(PATIENCE, "objects are counted", || {
        let counts = ["True", "False"].map(|status| ready(operator, status));
        let wanted = ["True", "False"].map(|of| f64::from(u8::from(of == status)));
        if counts == wanted {
            Ok(())
        } else {
            Err(format!("{counts:?}"))
        }
    });
}

#[test]
fn a_property_that_cannot_be_looked_after_says_since_when_also_after_a_restart() {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.until("property", "harbor-point", "Ready", "True");
    until_ready_is(&operator, "True");
    site.faults(&json!([{ "kind": "serverError" }]));
    let since = failing_since(&operator, "BackendUnavailable");
    until_ready_is(&operator, "False");
    operator.kill();
    std::thread::sleep(std::time::Duration::from_secs(3));
    let operator = site.operator("b");
    let again = failing_since(&operator, "BackendUnavailable");
    assert!((since - again).abs() <= 1.0, "{since} {again}");
    // It was never seen by this process, and what is wrong now is something else.
    site.faults(&json!([]));
    site.apply(&PROPERTY.replace("harbor-point", "second"));
    failing_since(&operator, "BuildingClaimedTwice");
    site.until("property", "harbor-point", "Ready", "True");
    let failing = "opendoor_failing_since_timestamp_seconds";
    assert!(operator.metric(failing, "harbor-point") == 0.0);
    site.delete(&["property", "second"]);
    site.until_gone("property", "second");
    wait_until(PATIENCE, "forgotten", || {
        match operator.metric(failing, "") {
            0.0 => Ok(()),
            since => Err(since.to_string()),
        }
    });
}

/// Parcel Runner was taken off a gate whose lock has not heard of it.
fn owing() -> (Site, Operator) {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.settle_at_the_garage();
    site.delete(&["da", "parcel"]);
    site.until_gone("da", "parcel");
    site.sync("Mail Room", "full");
    wait_until(PATIENCE, "an order for the gate alone", || {
        match &site.object("dso", "harbor-point")["status"]["total"] {
            total if *total == 1 => Ok(()),
            total => Err(total.to_string()),
        }
    });
    (site, operator)
}

#[track_caller]
fn until_owed_is_measured(operator: &Operator) {
    wait_until(PATIENCE, "what is owed is measured", || {
        let unproven = operator.metric("opendoor_revocations_unproven", "harbor-point");
        let deadline = operator.metric("opendoor_revocation_deadline_timestamp_seconds", "");
        if unproven == 1.0 && deadline > 0.0 {
            Ok(())
        } else {
            Err(format!("{unproven} {deadline}"))
        }
    });
}

#[test]
fn what_locks_owe_is_measured_while_door_os_is_down_also_by_one_that_starts_then() {
    let (site, operator) = owing();
    until_owed_is_measured(&operator);
    operator.kill();
    site.faults(&json!([{ "kind": "serverError" }]));
    until_owed_is_measured(&site.operator("b"));
}

#[test]
fn what_locks_owe_outlives_property_and_portfolio_and_nobody_claims_to_see_it() {
    let (site, operator) = owing();
    for (kind, name) in [("property", "harbor-point"), ("pf", "harbor-living")] {
        site.delete(&[kind, name]);
        site.until_gone(kind, name);
    }
    let order = site.until("dso", "harbor-point", "SyncRequired", "Unknown");
    assert!(
        order.message.contains("Nobody can see any more") && order.message.contains("no Portfolio"),
        "{}",
        order.message
    );
    assert_eq!(site.object("dso", "harbor-point")["status"]["total"], 1);
    until_owed_is_measured(&operator);
    // Nobody is woken to look at a Property that does not exist, or at an account that nothing uses.
    let measured = operator.get("/metrics").1;
    for gone in [
        "opendoor_observed_timestamp_seconds{",
        "opendoor_failing_since_timestamp_seconds{",
        "opendoor_door_os_retry_budget_ratio{",
    ] {
        assert!(!measured.contains(gone), "{gone} in {measured}");
    }
    operator.kill();
    let operator = site.operator("b");
    until_owed_is_measured(&operator);

    // Made again, it is seen again.
    site.apply(&crate::operator::portfolio("Apply"));
    site.apply(PROPERTY);
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.until("dso", "harbor-point", "SyncRequired", "True");
    site.sync("Garage Gate", "full");
    site.until_gone("dso", "harbor-point");
}
