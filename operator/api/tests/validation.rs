//! One good object of each kind; then one thing broken at a time, and what the manager reads about it.

use opendoor_api::{
    DeletionPolicy, Fault, FaultKind, Kind, Limits, Mode, PartnerKey, PortfolioSpec, Resource,
    validate, validate_update,
};
use serde_json::{Value, json};

const UUID: &str = "0b8f3a52-3c1e-4f6a-9d52-6f1f0a7c9e11";

fn good(kind: Kind) -> Value {
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
fn with(mut object: Value, pointer: &str, value: Value) -> Value {
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

fn shown(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

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
fn one_broken_thing_is_one_plain_message() {
    use Kind::{
        DoorAssignment as Da, DoorSyncOrder as Dso, PartnerKey as Pk, Portfolio as Pf,
        Property as Prop,
    };
    let long = "x".repeat(201);
    let many: Vec<String> = (0..101).map(|n| format!("Door {n}")).collect();
    let cases = [
        (
            Da,
            "/apiVersion",
            json!("opendoor.dev/v1"),
            "apiVersion: must be `opendoor.dev/v1alpha1`, not `opendoor.dev/v1`",
        ),
        (
            Da,
            "/kind",
            json!("DoorAsignment"),
            "kind: unknown kind `DoorAsignment`; did you mean `DoorAssignment`?",
        ),
        (
            Da,
            "/kind",
            json!("Deployment"),
            "kind: unknown kind `Deployment`; the kinds are Portfolio, Property, DoorAssignment, PartnerKey, DoorSyncOrder",
        ),
        (
            Da,
            "/metadata",
            json!(null),
            "metadata: `metadata` is missing",
        ),
        (
            Da,
            "/metadata/name",
            json!("Parcel Runner"),
            "metadata.name: `Parcel Runner` may have small letters, digits and `-`, and begins and ends with a letter or digit",
        ),
        (
            Da,
            "/metadata/name",
            json!("x".repeat(64)),
            "A DoorAssignment's name has at most 63 characters.",
        ),
        (
            Da,
            "/metadata/labels/team",
            json!(1),
            "metadata.labels.team: must be text, not a number",
        ),
        (
            Da,
            "/metadata/lables",
            json!({}),
            "metadata.lables: unknown field `lables`",
        ),
        (Da, "/spec", json!(null), "spec: `spec` is missing"),
        (
            Da,
            "/spec/partner",
            json!(null),
            "spec.partner: `partner` is missing",
        ),
        (
            Da,
            "/spec/partner",
            json!(""),
            "spec.partner: must not be empty",
        ),
        (
            Da,
            "/spec/partner",
            json!("Parcel Runner "),
            "spec.partner: `Parcel Runner ` must be one line of text without blanks at its ends",
        ),
        (
            Da,
            "/spec/partner",
            json!(long),
            "spec.partner: has 201 characters; at most 200 are allowed",
        ),
        (
            Da,
            "/spec/partner",
            json!(7),
            "spec.partner: must be text, not a number",
        ),
        (
            Da,
            "/spec/partnr",
            json!("x"),
            "spec.partnr: unknown field `partnr`; the fields here are deletionPolicy, doorSelector, doors, exceptDoors, partner, propertyRef, validity",
        ),
        (
            Da,
            "/spec/exceptDoor",
            json!(["x"]),
            "spec.exceptDoor: unknown field `exceptDoor`; did you mean `exceptDoors`?",
        ),
        (
            Da,
            "/spec/doors",
            json!([]),
            "spec.doors: must not be empty",
        ),
        (
            Da,
            "/spec/doors",
            json!(many),
            "spec.doors: has 101 entries; at most 100 are allowed",
        ),
        (
            Da,
            "/spec/doors",
            json!("Gym"),
            "spec.doors: must be a list (lines that begin with `-`), not text",
        ),
        (
            Da,
            "/spec/doors/2",
            json!("Mail Room"),
            "spec.doors[2]: `Mail Room` is listed twice; the first is spec.doors[1]",
        ),
        (
            Da,
            "/spec/doors/1",
            json!(101),
            "spec.doors[1]: must be text, not a number",
        ),
        (
            Da,
            "/spec/doors",
            json!(null),
            "spec: Say which doors in exactly one way: name them in `doors`, or describe them with `doorSelector`.",
        ),
        (
            Da,
            "/spec/doorSelector",
            json!({ "vacancy": "Vacant" }),
            "spec: Say which doors in exactly one way: name them in `doors`, or describe them with `doorSelector`.",
        ),
        (
            Da,
            "/spec/exceptDoors",
            json!(["Gym"]),
            "spec: `exceptDoors` leaves doors out of a `doorSelector`. With `doors`, take the door off that list instead.",
        ),
        (
            Da,
            "/spec/deletionPolicy",
            json!("Retian"),
            "spec.deletionPolicy: `Retian` is not one of Remove, Retain; did you mean Retain?",
        ),
        (
            Da,
            "/spec/validity",
            json!({}),
            "spec.validity: A `validity` needs `from`, `until` or both.",
        ),
        (
            Da,
            "/spec/validity/until",
            json!("2026-06-01T13:00:00Z"),
            "spec.validity: `until` must be later than `from`.",
        ),
        (
            Da,
            "/spec/validity/until",
            json!("2026-07-01"),
            "spec.validity.until: `2026-07-01` is not a date, time and offset such as 2026-06-01T09:00:00-04:00",
        ),
        (
            Da,
            "/spec/validity/until",
            json!("2026-02-30T00:00:00Z"),
            "spec.validity.until: `2026-02-30T00:00:00Z` is not a date and time that exists",
        ),
        (
            Da,
            "/spec/propertyRef",
            json!({}),
            "spec.propertyRef.name: `name` is missing",
        ),
        (
            Prop,
            "/spec/building",
            json!(null),
            "spec.building: `building` is missing",
        ),
        (
            Prop,
            "/spec/partners/1",
            json!({ "name": "Parcel Runner" }),
            "spec.partners[1]: `Parcel Runner` is listed twice; the first is spec.partners[0]",
        ),
        (
            Prop,
            "/spec/partners/1/uuid",
            json!("x"),
            "spec.partners[1].uuid: `x` is not a uuid such as 0b8f3a52-3c1e-4f6a-9d52-6f1f0a7c9e11",
        ),
        (
            Prop,
            "/spec/partners",
            json!({ "name": "x" }),
            "spec.partners: must be a list (lines that begin with `-`), not a group of fields",
        ),
        (
            Prop,
            "/spec/approve",
            json!("yes"),
            "spec.approve: `yes` is not the id of a hold, which begins with h-",
        ),
        (
            Prop,
            "/spec/suspend",
            json!("yes"),
            "spec.suspend: must be true or false, not text",
        ),
        (
            Prop,
            "/spec/addedByHand",
            json!("Restore"),
            "spec.addedByHand: `Restore` is not one of Report, Remove",
        ),
        (
            Pf,
            "/spec/mode",
            json!("apply"),
            "spec.mode: `apply` is not one of Observe, Propose, Apply; did you mean Apply?",
        ),
        (
            Pf,
            "/spec/checkInterval",
            json!("9s"),
            "spec.checkInterval: checkInterval must be at least 10s, so that DOOR OS is not flooded with requests.",
        ),
        (
            Pf,
            "/spec/checkInterval",
            json!("0s"),
            "spec.checkInterval: `0s` is not a length of time such as 60s, 5m, 24h or 1h30m (above zero, at most five digits each)",
        ),
        (
            Pf,
            "/spec/removalDelay",
            json!("-1m"),
            "spec.removalDelay: `-1m` is not a length of time such as 60s, 5m, 24h or 1h30m (above zero, at most five digits each)",
        ),
        (
            Pf,
            "/spec/limits/removals",
            json!(0),
            "spec.limits.removals: must be from 1 to 100000",
        ),
        (
            Pf,
            "/spec/limits/removalsPercent",
            json!(101),
            "spec.limits.removalsPercent: must be from 1 to 100",
        ),
        (
            Pf,
            "/spec/limits/grants",
            json!(1.5),
            "spec.limits.grants: must be a whole number, not a number",
        ),
        (
            Pf,
            "/spec/authorizationRequests/from",
            json!("Dana"),
            "spec.authorizationRequests.from: `Dana` is not an e-mail address",
        ),
        (
            Pk,
            "/spec/doors",
            json!([]),
            "spec.doors: must not be empty",
        ),
        (
            Pk,
            "/spec/doors/1/name",
            json!("Unit 101"),
            "spec.doors[1]: `Unit 101` is listed twice; the first is spec.doors[0]",
        ),
        (
            Pk,
            "/spec/doors/1/provideDoorcode",
            json!(true),
            "spec.doors[1].provideDoorcode: unknown field `provideDoorcode`; did you mean `provideDoorcodes`?",
        ),
        (
            Pk,
            "/spec/schedule/0/to",
            json!("07:00"),
            "spec.schedule[0]: `to` must be later than `from`. Split a time that passes midnight into two: one up to \"24:00\", one from \"00:00\".",
        ),
        (
            Pk,
            "/spec/schedule/0/from",
            json!("8:00"),
            "spec.schedule[0].from: `8:00` is not a time of day such as \"08:00\"",
        ),
        (
            Pk,
            "/spec/schedule/0/days/1",
            json!("Monday"),
            "spec.schedule[0].days[1]: `Monday` is listed twice; the first is spec.schedule[0].days[0]",
        ),
        (
            Pk,
            "/spec/schedule/0/days/1",
            json!("friday"),
            "spec.schedule[0].days[1]: `friday` is not one of Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday; did you mean Friday?",
        ),
        (
            Pk,
            "/spec/adopt/acknowledge",
            json!("Yes"),
            "spec.adopt.acknowledge: `Yes` is not one of ConvertsToPartnerKeyForGood",
        ),
        (
            Pk,
            "/spec/adopt/keyUuid",
            json!(null),
            "spec.adopt.keyUuid: `keyUuid` is missing",
        ),
        (
            Dso,
            "/spec",
            json!({}),
            "spec: unknown field `spec`; the fields here are apiVersion, kind, metadata, status",
        ),
    ];
    for (kind, pointer, value, message) in cases {
        let faults = validate(&with(good(kind), pointer, value.clone()));
        assert_eq!(shown(&faults), [message], "{kind} with {pointer} = {value}");
    }
}

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
