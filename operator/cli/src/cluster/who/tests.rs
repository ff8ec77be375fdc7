use serde_json::{Value, json};

use super::*;

fn object(kind: &str, name: &str, spec: Value, status: Value) -> Seen {
    let value = json!({
        "apiVersion": "opendoor.dev/v1alpha1",
        "kind": kind,
        "metadata": { "name": name, "namespace": "harbor", "uid": name, "resourceVersion": "1", "generation": 2 },
        "spec": spec,
        "status": status,
    });
    let kind = Kind::named(kind).unwrap();
    Seen::read(kind, serde_json::from_value(value).unwrap())
}

fn property(status: Value) -> Seen {
    object(
        "Property",
        "harbor-point",
        json!({ "building": "Harbor Point" }),
        status,
    )
}

fn vacant_units(status: Value) -> Seen {
    let spec = json!({
        "propertyRef": { "name": "harbor-point" },
        "partner": "TourPass",
        "doorSelector": { "vacancy": "Vacant" },
    });
    object("DoorAssignment", "vacant-units", spec, status)
}

fn condition_of(kind: &str, status: &str, reason: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": "",
        "lastTransitionTime": "2026-06-01T07:00:00Z",
    })
}

fn applied(more: &Value) -> Value {
    let mut status = json!({
        "observedGeneration": 2,
        "conditions": [condition_of("Applied", "True", "InSync"), condition_of("Enforced", "Unknown", "LockNotProven")],
        "declaredDoors": 2,
        "doors": [{ "door": "Unit 102", "reason": "LockNotProven" }],
        "selectedDoors": ["Unit 101", "Unit 102"],
    });
    for (key, value) in more.as_object().unwrap() {
        status[key] = value.clone();
    }
    status
}

fn objects(seen: impl IntoIterator<Item = Seen>) -> Objects {
    let mut objects = Objects::default();
    for seen in seen {
        objects.put(seen);
    }
    objects
}

fn brief(answer: &Answer) -> Vec<(&str, &str, String, &str, Reason)> {
    answer
        .rows
        .iter()
        .map(|row| {
            (
                row.door.as_str(),
                row.partner.as_str(),
                row.granted_by.join(", "),
                row.opens,
                row.reason,
            )
        })
        .collect()
}

#[test]
fn doors_by_selector_are_rows_of_their_own() {
    let objects = objects([property(json!({})), vacant_units(applied(&json!({})))]);
    let answer = who(&objects, "TourPass").unwrap();
    assert!(answer.is_partner);
    assert_eq!(
        brief(&answer),
        [
            (
                "Unit 101",
                "TourPass",
                String::from("door"),
                "yes",
                Reason::LockProven
            ),
            (
                "Unit 102",
                "TourPass",
                String::from("door"),
                "yes",
                Reason::LockNotProven
            ),
        ]
    );
    assert_eq!(answer.rows[0].declared_by, ["DoorAssignment/vacant-units"]);
    assert!(answer.notes.is_empty());
    let answer = who(&objects, "Unit 102").unwrap();
    assert!(!answer.is_partner);
    assert_eq!(answer.rows.len(), 1);
    assert_eq!(who(&objects, "Unit 103"), Err(Vec::new()));
}

#[test]
fn what_is_not_named_is_said_where_it_may_matter() {
    let all = [
        property(json!({ "moreUnmanaged": 1 })),
        vacant_units(applied(&json!({ "moreSelectedDoors": 7 }))),
    ];
    let objects = objects(all);
    let notes = [
        "7 more doors by selector are not named: DoorAssignment/vacant-units.",
        "1 more partner at a door that nobody declared is not named: Property/harbor-point.",
    ];
    assert_eq!(who(&objects, "TourPass").unwrap().notes, notes);
    assert_eq!(who(&objects, "Unit 101").unwrap().notes, notes);
    assert_eq!(who(&objects, "Unit 900").unwrap_err(), notes);
}

#[test]
fn an_operator_that_named_no_selected_doors_is_not_taken_to_mean_none() {
    let objects = objects([
        property(json!({})),
        vacant_units(applied(&json!({ "selectedDoors": [] }))),
    ]);
    let not_named = who(&objects, "Unit 101").unwrap_err();
    assert!(not_named[0].starts_with("2 more doors"), "{not_named:?}");
}

#[test]
fn access_that_nobody_declared_is_found_by_door_and_by_partner() {
    let status = json!({
        "partners": [{ "name": "OldCo", "state": "Authorized", "uuid": "00000000-0000-0000-0000-000000000009" }],
        "unmanaged": [
            { "door": "Pool", "partner": "CleanCo", "via": "door", "reason": "HistoryUnknown" },
            { "door": "Pool", "partner": "CleanCo", "via": "key \"Staff\"", "reason": "HistoryUnknown" },
            { "partner": "OldCo", "via": "key \"Empty\"", "reason": "Unmanaged" },
        ],
    });
    let objects = objects([property(status)]);
    let ways = String::from("door, key \"Staff\"");
    for what in ["Pool", "CleanCo"] {
        assert_eq!(
            brief(&who(&objects, what).unwrap()),
            [(
                "Pool",
                "CleanCo",
                ways.clone(),
                "yes",
                Reason::HistoryUnknown
            )]
        );
    }
    assert_eq!(who(&objects, "Pool").unwrap().unknown, ["Pool"]);
    // Listed, and nowhere.
    for what in ["OldCo", "00000000-0000-0000-0000-000000000009"] {
        let answer = who(&objects, what).unwrap();
        assert!(answer.is_partner && answer.rows.is_empty());
    }
}

#[test]
fn of_a_plan_that_is_named_whole_only_the_doors_it_names_are_not_yet() {
    let waiting = |plan: Value| {
        let status = applied(&json!({
            "conditions": [
                condition_of("Applied", "False", "DoorHeldByOther"),
                condition_of("Authorized", "True", "InSync"),
            ],
            "doors": [],
        }));
        objects([property(json!({ "plan": plan })), vacant_units(status)])
    };
    let step = json!({
        "action": "ChangeDoor", "door": "Unit 102", "before": "CleanCo", "after": "TourPass", "reason": "DoorHeldByOther",
    });
    let mut plan = json!({ "id": "p", "complete": true, "held": [step] });
    plan["summary"] = json!({
        "grants": 1, "removals": 1, "keyCreates": 0, "keyUpdates": 0, "keyDeletes": 0, "held": 1, "refused": 0,
        "doorVisits": 0,
    });
    let objects = waiting(plan.clone());
    let answer = who(&objects, "TourPass").unwrap();
    let opens: Vec<&str> = answer.rows.iter().map(|row| row.opens).collect();
    assert_eq!(opens, ["yes", "not yet"]);
    // Who is to go still has it.
    let answer = who(&objects, "Unit 102").unwrap();
    let opens: Vec<(&str, &str)> = answer
        .rows
        .iter()
        .map(|row| (row.partner.as_str(), row.opens))
        .collect();
    assert_eq!(opens, [("CleanCo", "yes"), ("TourPass", "not yet")]);

    plan["moreSteps"] = json!(1);
    let answer = who(&waiting(plan), "TourPass").unwrap();
    assert!(answer.rows.iter().all(|row| row.opens == "not yet"));
}

#[test]
fn what_changed_since_the_operator_looked_cannot_be_told() {
    let objects = objects([
        property(json!({})),
        vacant_units(applied(&json!({ "observedGeneration": 1 }))),
    ]);
    let answer = who(&objects, "Unit 101").unwrap();
    assert_eq!(answer.rows[0].opens, "cannot tell");
    assert!(answer.rows[0].granted_by.is_empty());
}
