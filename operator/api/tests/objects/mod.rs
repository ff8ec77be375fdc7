//! One good object of each kind, and a way to break it.

use opendoor_api::{Fault, Kind};
use serde_json::{Value, json};

/// A uuid.
pub(crate) const UUID: &str = "0b8f3a52-3c1e-4f6a-9d52-6f1f0a7c9e11";

/// An object of `kind` that breaks no rule.
pub(crate) fn good(kind: Kind) -> Value {
    let spec = match kind {
        Kind::Portfolio => json!({
            "connection": "east", "credentialsSecretRef": { "name": "door-os" }, "mode": "Propose",
            "checkInterval": "10s", "removalDelay": "2m", "revocationObjective": "24h",
            "limits": { "removals": 10 }, "authorizationRequests": { "from": "Dana Diaz <dana@example.com>" },
        }),
        Kind::Property => json!({
            "portfolioRef": { "name": "east" }, "building": "Harbor Point", "removedByHand": "Hold",
            "partners": [{ "name": "Parcel Runner" }, { "name": "TourPass", "uuid": UUID }], "approve": "h-3f9a",
        }),
        Kind::DoorAssignment => json!({
            "propertyRef": { "name": "harbor-point" }, "partner": "Parcel Runner",
            "doors": ["Front Entrance", "Mail Room", UUID],
            "validity": { "from": "2026-06-01T09:00:00-04:00", "until": "2026-07-01T00:00:00Z" },
            "deletionPolicy": "Retain",
        }),
        Kind::PartnerKey => json!({
            "propertyRef": { "name": "harbor-point" }, "partner": "TourPass", "keyName": "Vacant tours",
            "doors": [{ "name": "Unit 101", "provideDoorcodes": true }, { "name": "Gym" }],
            "schedule": [{ "days": ["Monday", "Friday"], "from": "08:00", "to": "24:00" }],
            "adopt": { "acknowledge": "ConvertsToPartnerKeyForGood", "keyUuid": UUID },
        }),
        Kind::DoorSyncOrder => Value::Null,
    };
    let mut object = json!({
        "apiVersion": "opendoor.dev/v1alpha1", "kind": kind.as_str(),
        "metadata": { "name": "example", "namespace": "east", "labels": { "team": "access" } },
    });
    if !spec.is_null() {
        object["spec"] = spec;
    }
    object
}

/// `object` with the value at a JSON pointer replaced, or taken away if it is null.
pub(crate) fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = object
        .pointer_mut(parent)
        .unwrap_or_else(|| panic!("{pointer} has no parent"));
    match (parent, value) {
        (Value::Object(fields), Value::Null) => drop(fields.remove(name)),
        (Value::Object(fields), value) => drop(fields.insert(name.to_owned(), value)),
        (Value::Array(items), value) => items[name.parse::<usize>().unwrap()] = value,
        (other, _) => panic!("{pointer} leads into {other}"),
    }
    object
}

/// The faults as a manager reads them.
pub(crate) fn shown(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}
