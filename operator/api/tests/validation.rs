//! Rules between fields, and many faults at once.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod objects;

use objects::{good, shown, with};
use opendoor_api::{FaultKind, Kind, validate};
use serde_json::{Value, json};

#[test]
fn an_empty_selector_would_mean_every_door() {
    let described = |selector: Value| {
        with(
            with(good(Kind::DoorAssignment), "/spec/doors", json!(null)),
            "/spec/doorSelector",
            selector,
        )
    };
    let empty = "spec.doorSelector: A `doorSelector` needs at least one condition: doorType, accessibility, namePattern or vacancy. An empty one would mean every door.";
    assert_eq!(shown(&validate(&described(json!({})))), [empty]);
    let lonely = "spec.doorSelector: `vacantFor` only goes together with `vacancy: Vacant`.";
    assert_eq!(
        shown(&validate(&described(json!({ "vacantFor": "2h" })))),
        [empty, lonely]
    );
    assert_eq!(
        shown(&validate(&described(
            json!({ "vacancy": "Occupied", "vacantFor": "2h" })
        ))),
        [lonely]
    );
    let fine = with(
        described(json!({ "vacancy": "Vacant", "vacantFor": "2h" })),
        "/spec/exceptDoors",
        json!(["Unit 3"]),
    );
    assert_eq!(shown(&validate(&fine)), [""; 0]);
}

#[test]
fn an_empty_field_is_refused_and_not_taken_for_left_out() {
    for (kind, field) in [
        (Kind::DoorAssignment, "doors"),
        (Kind::DoorAssignment, "validity"),
        (Kind::PartnerKey, "schedule"),
    ] {
        let mut object = good(kind);
        object["spec"][field] = Value::Null;
        let message = format!("spec.{field}: has no value: write one, or leave the line out");
        assert!(
            shown(&validate(&object)).contains(&message),
            "{field}: {:?}",
            shown(&validate(&object))
        );
    }
}

#[test]
fn all_faults_come_at_once_also_across_a_misspelt_word() {
    let mut object = good(Kind::PartnerKey);
    object["spec"]["keyname"] = json!("x");
    object["spec"]["doors"][1]["name"] = json!("");
    object["spec"]["schedule"][0]["to"] = json!("06:00");
    let faults = validate(&object);
    let kinds: Vec<_> = faults
        .iter()
        .map(|fault| (fault.path.as_str(), fault.kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("spec.doors[1].name", FaultKind::Value),
            ("spec.keyname", FaultKind::UnknownField),
            ("spec.schedule[0]", FaultKind::Rule),
        ]
    );
}

#[test]
fn what_is_no_object_is_refused_without_a_panic() {
    for value in [
        json!(null),
        json!([]),
        json!("x"),
        json!({}),
        json!({ "apiVersion": 1, "kind": [] }),
    ] {
        assert!(!validate(&value).is_empty(), "{value}");
    }
}
