//! A Portfolio that no pass over a Property comes to help: alone, with credentials that come later, or left by its
//! last Property.

use serde_json::json;

use crate::control_plane::{ControlPlane, wait_until};
use crate::operator::{PATIENCE, PROPERTY, Site, WORLD, portfolio};

#[test]
fn one_without_a_property_is_reported_uses_credentials_that_come_later_and_goes() {
    let site = Site::bare(ControlPlane::shared(), WORLD);
    site.delete(&["secret", "door-os"]);
    site.apply(&portfolio("Apply"));
    let _operator = site.operator("a");
    let told = site.until("pf", "harbor-living", "Stalled", "True");
    assert_eq!(told.reason, "CredentialsMissing");
    site.secret("demo").works();
    site.until("pf", "harbor-living", "Ready", "True");
    let object = site.object("pf", "harbor-living");
    assert_eq!(
        object["status"]["observedGeneration"],
        object["metadata"]["generation"]
    );
    site.delete(&["pf", "harbor-living"]);
    site.until_gone("pf", "harbor-living");
}

#[test]
fn one_whose_last_property_went_long_ago_goes_and_leaves_its_credentials_to_nobody() {
    let site = Site::new("Apply");
    let operator = site.operator("a");
    site.until("property", "harbor-point", "Ready", "True");
    site.delete(&["property", "harbor-point"]);
    site.until_gone("property", "harbor-point");
    wait_until(PATIENCE, "it counts no Property", || {
        let counts = site.object("pf", "harbor-living")["status"]["properties"].clone();
        if counts == json!({ "total": 0, "ready": 0, "stalled": 0 }) {
            Ok(())
        } else {
            Err(counts.to_string())
        }
    });
    // Longer than a shard is kept that nobody needs.
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(operator.metric("opendoor_shards_owned", "") >= 1.0);
    site.delete(&["pf", "harbor-living"]);
    site.until_gone("pf", "harbor-living");

    site.delete(&["secret", "door-os"]);
    site.apply(&portfolio("Apply"));
    site.apply(PROPERTY);
    let told = site.until("property", "harbor-point", "Ready", "False");
    assert_eq!(told.reason, "CredentialsMissing");
    assert!(!told.message.contains("read before"), "{}", told.message);
}

#[test]
fn one_that_waits_for_its_last_property_goes_when_that_moves_to_another() {
    let site = Site::bare(ControlPlane::shared(), WORLD);
    // No check comes to help.
    let portfolio = portfolio("Apply").replace("checkInterval: 10s", "checkInterval: 1h");
    let property = |name: &str| {
        PROPERTY.replace(
            "spec:",
            &format!("spec:\n  portfolioRef: {{ name: {name} }}"),
        )
    };
    site.apply(&portfolio);
    site.apply(&portfolio.replace("harbor-living", "elm-living"));
    site.apply(&property("harbor-living"));
    let _operator = site.operator("a");
    site.until("property", "harbor-point", "Ready", "True");
    site.until("pf", "elm-living", "Ready", "True");
    site.delete(&["pf", "harbor-living"]);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(!site.object("pf", "harbor-living").is_null(), "it waits");
    site.apply(&property("elm-living"));
    site.until_gone("pf", "harbor-living");
}
