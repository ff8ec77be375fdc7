use opendoor_reconciler::pass::StepResult;

use super::*;
use crate::render::samples::{busy, day, empty, looked, pass, round as one, tabled, troubled};

const GATE: &str = "00000000-0000-0000-0000-000000000002";

#[test]
fn a_plan_is_one_document_of_the_fixed_shape() {
    let document = round(&looked(day()), false);
    assert_eq!(document["schemaVersion"], 1);
    assert_eq!(
        document["properties"][0],
        json!({
            "name": "harbor-point",
            "building": "Harbor Point",
            "planId": "p-0123456789ab",
            "holdId": null,
            "complete": true,
            "summary": {
                "grants": 7, "removals": 1, "keyCreates": 1, "keyUpdates": 0, "keyDeletes": 0,
                "held": 0, "refused": 1, "doorVisits": 1,
            },
        })
    );
    assert_eq!(
        document["steps"][0],
        json!({
            "property": "harbor-point",
            "action": "RemoveDoor",
            "door": { "uuid": GATE, "name": "Garage Gate" },
            "key": null,
            "partner": "Parcel Runner",
            "before": "Parcel Runner",
            "after": null,
            "irreversible": false,
            "holdersAffected": null,
            "doorVisits": 1,
            "held": null,
            "cause": {
                "kind": "DoorAssignment", "name": "parcel-runner", "file": "parcel-runner.yaml", "line": 7,
            },
        })
    );
    let created = &document["steps"][2];
    assert_eq!(
        created["key"],
        json!({ "uuid": null, "name": "Vacant tours" })
    );
    assert_eq!(
        created["after"]["doors"][0],
        json!({ "name": "A", "provideDoorcodes": false })
    );
    let refusal = &document["refusals"][0];
    assert_eq!(
        (
            &refusal["property"],
            &refusal["reason"],
            &refusal["cause"]["line"]
        ),
        (
            &json!("harbor-point"),
            &json!("PartnerImmutable"),
            &json!(7)
        )
    );
}

#[test]
fn a_write_that_was_refused_says_the_call_the_code_and_what_to_do() {
    let refused = [("f-2", StepResult::Refused(String::from("FORBIDDEN")))];
    let document = round(&one(pass(day(), empty(), &refused)), true);
    let step = &document["steps"][0];
    assert_eq!(
        (&step["result"], &step["code"]),
        (&json!("refused"), &json!("FORBIDDEN"))
    );
    let message = step["message"].as_str().unwrap();
    assert!(
        message.starts_with("PUT /v1/doors/{uuid}/partner answered FORBIDDEN: ")
            && message.contains("ask a portfolio manager"),
        "{message}"
    );
    let applied = [("f-2", StepResult::Applied)];
    let document = round(&one(pass(day(), empty(), &applied)), true);
    assert_eq!(document["steps"][0].get("message"), None);
}

#[test]
fn people_and_hand_made_changes_are_entries_of_their_own() {
    let document = round(&looked(busy()), false);
    assert_eq!(document["properties"][0]["holdId"], "h-77aa");
    assert_eq!(document["steps"][0]["held"], "DoorHeldByOther");
    assert_eq!(
        document["waiting"][0],
        json!({
            "property": "harbor-point",
            "kind": "Sync",
            "door": { "uuid": GATE, "name": "Garage Gate" },
            "partner": "Parcel Runner",
            "via": "door",
            "since": "2026-06-01T07:00:00Z",
            "deadline": "2026-06-02T07:00:00Z",
            "reason": "DoorSyncRequired",
        })
    );
    let kinds: Vec<&str> = document["waiting"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["Sync", "Email", "Email", "Authorization", "Authorization"]
    );
    assert_eq!(document["unmanaged"][0]["what"], "Side Door");
    assert_eq!(
        document["drifted"][0]["owner"],
        "DoorAssignment/parcel-runner"
    );
    let only = syncs(&looked(busy()), true);
    assert_eq!(only["waiting"].as_array().unwrap().len(), 1);
}

#[test]
fn results_appear_where_steps_were_performed() {
    let results = [
        ("f-1", StepResult::Applied),
        ("f-2", StepResult::NotSent(String::from("no token"))),
        ("f-Cleaners", StepResult::Unknown),
    ];
    let mut before = day();
    before.steps.extend(busy().steps);
    let document = round(&one(pass(before, empty(), &results)), true);
    let words: Vec<&str> = document["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["result"].as_str().unwrap())
        .collect();
    assert_eq!(
        words,
        ["notSent", "applied", "skipped", "held", "held", "unknown"]
    );
}

#[test]
fn a_table_of_doors_has_no_uuids() {
    let document = table_plans(&tabled(busy()));
    let text = document.to_string();
    assert!(!text.contains("00000000"), "{text}");
    assert_eq!(
        document["steps"][0]["door"],
        json!({ "uuid": null, "name": "Mail Room" })
    );
}

#[test]
fn what_belongs_to_no_plan_is_among_the_refusals() {
    let document = round(&troubled(), false);
    let refusals: Vec<(&Value, &Value, &Value)> = document["refusals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refusal| {
            (
                &refusal["property"],
                &refusal["reason"],
                &refusal["cause"]["file"],
            )
        })
        .collect();
    let null = Value::Null;
    assert_eq!(
        refusals,
        [
            (&json!("harbor-point"), &null, &null),
            (
                &json!("elm-court"),
                &json!("BuildingNotFound"),
                &json!("elm-court.yaml")
            ),
            (&null, &json!("Invalid"), &json!("lost.yaml")),
            (&null, &json!("DeclarationIncomplete"), &json!("bad.yaml")),
        ]
    );
    assert_eq!(document["refusals"][3]["cause"]["kind"], null);
}
