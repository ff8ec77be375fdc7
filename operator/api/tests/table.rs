//! One thing broken at a time, and what the manager reads about it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod objects;

use objects::{good, shown, with};
use opendoor_api::{Kind, validate};
use serde_json::json;

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
            json!("x"),
            "spec.adopt.keyUuid: `x` is not a uuid such as 0b8f3a52-3c1e-4f6a-9d52-6f1f0a7c9e11",
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
