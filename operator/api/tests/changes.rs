//! What may change in an object and what never may.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod objects;

use objects::{good, shown, with};
use opendoor_api::{FaultKind, Kind, validate, validate_update};
use serde_json::json;

#[test]
fn what_never_changes_never_changes() {
    let key = "DOOR OS never changes or clears a key's partner. Create a new PartnerKey with another keyName, move its \
        holders, then delete this one; its doorcodes go with it.";
    let cases = [
        (
            Kind::PartnerKey,
            "/spec/partner",
            "CleanCo",
            "spec.partner",
            key,
        ),
        (
            Kind::PartnerKey,
            "/spec/propertyRef/name",
            "other",
            "spec.propertyRef",
            "A PartnerKey stays with its Property.",
        ),
        (
            Kind::DoorAssignment,
            "/spec/propertyRef/name",
            "other",
            "spec.propertyRef",
            "A DoorAssignment stays with its Property.",
        ),
        (
            Kind::Property,
            "/spec/building",
            "Pier 9",
            "spec.building",
            "A Property stays with its building.",
        ),
    ];
    for (kind, pointer, value, path, message) in cases {
        let new = with(good(kind), pointer, json!(value));
        assert_eq!(
            shown(&validate(&new)),
            [""; 0],
            "{kind} {pointer} is fine on its own"
        );
        let faults = validate_update(&good(kind), &new);
        assert_eq!(faults.len(), 1, "{:?}", shown(&faults));
        assert_eq!(
            (faults[0].path.as_str(), faults[0].kind),
            (path, FaultKind::Immutable)
        );
        assert!(
            faults[0].message.starts_with(message),
            "{}",
            faults[0].message
        );
    }
}

#[test]
fn what_never_changes_cannot_be_taken_away_with_its_parent_either() {
    for (kind, pointers) in [
        (
            Kind::PartnerKey,
            [
                "/spec/partner",
                "/spec/propertyRef",
                "/spec/propertyRef/name",
                "/spec",
            ]
            .as_slice(),
        ),
        (
            Kind::DoorAssignment,
            ["/spec/propertyRef", "/spec/propertyRef/name", "/spec"].as_slice(),
        ),
        (Kind::Property, ["/spec/building", "/spec"].as_slice()),
    ] {
        for pointer in pointers {
            let faults = validate_update(&good(kind), &with(good(kind), pointer, json!(null)));
            assert!(
                faults.iter().any(|fault| fault.kind == FaultKind::Missing),
                "{kind} {pointer}: {faults:?}"
            );
        }
    }
}

#[test]
fn what_may_change_may_come_and_go() {
    let without = |kind: Kind, pointer: &str| with(good(kind), pointer, json!(null));
    for (kind, pointer) in [
        (Kind::PartnerKey, "/spec/keyName"),
        (Kind::PartnerKey, "/spec/adopt"),
        (Kind::PartnerKey, "/spec/schedule"),
        (Kind::DoorAssignment, "/spec/validity"),
        (Kind::DoorAssignment, "/spec/deletionPolicy"),
        (Kind::Property, "/spec/partners"),
        (Kind::Property, "/spec/portfolioRef"),
        (Kind::Portfolio, "/spec/limits"),
    ] {
        assert_eq!(
            shown(&validate_update(&good(kind), &without(kind, pointer))),
            [""; 0],
            "{pointer} taken away"
        );
        assert_eq!(
            shown(&validate_update(&without(kind, pointer), &good(kind))),
            [""; 0],
            "{pointer} added"
        );
    }
    let partner = with(
        good(Kind::DoorAssignment),
        "/spec/partner",
        json!("CleanCo"),
    );
    assert_eq!(
        shown(&validate_update(&good(Kind::DoorAssignment), &partner)),
        [""; 0]
    );
}

#[test]
fn an_unreadable_old_object_does_not_open_the_way() {
    let mut old = good(Kind::PartnerKey);
    old["spec"]["doors"] = json!("nonsense");
    let new = with(good(Kind::PartnerKey), "/spec/partner", json!("CleanCo"));
    assert!(
        validate_update(&old, &new)
            .iter()
            .any(|fault| fault.kind == FaultKind::Immutable)
    );
}
