//! Good objects are accepted, typed and filled with the documented defaults.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod objects;

use objects::{good, shown, with};
use opendoor_api::{
    DeletionPolicy, Kind, Limits, Mode, PartnerKey, PortfolioSpec, Resource, validate,
    validate_update,
};
use serde_json::{Value, json};

#[test]
fn good_objects_are_good_and_typed() {
    for kind in Kind::ALL {
        let resource = Resource::from_json(&good(kind))
            .unwrap_or_else(|faults| panic!("{kind}: {:?}", shown(&faults)));
        assert_eq!(
            (resource.kind(), resource.name(), resource.namespace()),
            (kind, "example", Some("east"))
        );
        assert_eq!(shown(&validate_update(&good(kind), &good(kind))), [""; 0]);
    }
}

#[test]
fn defaults_are_the_documented_ones() {
    let mut object = good(Kind::Portfolio);
    object["spec"] = json!({});
    let Ok(Resource::Portfolio(portfolio)) = Resource::from_json(&object) else {
        panic!("not a Portfolio")
    };
    assert_eq!(portfolio.spec, PortfolioSpec::default());
    let PortfolioSpec {
        mode,
        check_interval,
        removal_delay,
        limits,
        revocation_objective,
        ..
    } = portfolio.spec;
    assert_eq!(mode, Mode::Apply);
    assert_eq!(
        [check_interval, removal_delay, revocation_objective].map(|p| p.to_string()),
        ["5m", "60s", "72h"]
    );
    assert_eq!(
        limits,
        Limits {
            removals: 25,
            removals_percent: 25,
            grants: 200,
            portfolio_removals: 100
        }
    );
}

#[test]
fn a_key_is_named_after_its_object_unless_it_says_otherwise() {
    let key = |object: Value| serde_json::from_value::<PartnerKey>(object).unwrap();
    assert_eq!(key(good(Kind::PartnerKey)).key_name(), "Vacant tours");
    let unnamed = key(with(good(Kind::PartnerKey), "/spec/keyName", json!(null)));
    assert_eq!(unnamed.key_name(), "example");
    assert_eq!(unnamed.spec.deletion_policy, DeletionPolicy::Remove);
}

#[test]
fn a_status_is_not_a_managers_to_write() {
    let mut object = good(Kind::DoorAssignment);
    object["status"] = json!({ "conditions": "all fine" });
    let Ok(Resource::DoorAssignment(assignment)) = Resource::from_json(&object) else {
        panic!("refused")
    };
    assert_eq!(assignment.status, None);
}

#[test]
fn the_largest_objects_are_accepted_and_checked_quickly() {
    let mut key = good(Kind::PartnerKey);
    key["spec"]["doors"] = (0..250)
        .map(|n| json!({ "name": format!("Unit {n}") }))
        .collect();
    let mut assignment = good(Kind::DoorAssignment);
    assignment["spec"]["doors"] = (0..100).map(|n| json!(format!("Unit {n}"))).collect();
    for object in [key, assignment] {
        assert_eq!(shown(&validate(&object)), [""; 0]);
    }
}
