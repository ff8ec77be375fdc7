use opendoor_api::{Cause, PlanSummary, RefusedStep, UnmanagedAccess};

use super::*;
use crate::render::style::plain;

fn said(status: Option<PropertyStatus>) -> SaidPlan {
    SaidPlan {
        namespace: String::from("harbor"),
        property: String::from("harbor-point"),
        building: String::from("Harbor Point"),
        status,
        visits: Vec::new(),
    }
}

fn of(plan: PlanReport) -> SaidPlan {
    said(Some(PropertyStatus {
        plan: Some(plan),
        ..PropertyStatus::default()
    }))
}

fn step(action: &str, door: &str) -> PlannedStep {
    PlannedStep {
        action: action.to_owned(),
        door: Some(door.to_owned()),
        partner: Some(String::from("Parcel Runner")),
        cause: Some(Cause {
            kind: String::from("DoorAssignment"),
            name: String::from("parcel"),
        }),
        ..PlannedStep::default()
    }
}

#[test]
fn held_steps_are_named_with_the_id_that_approves_them() {
    let plan = PlanReport {
        complete: true,
        hold_id: Some(String::from("h-1")),
        summary: PlanSummary {
            removals: 30,
            held: 30,
            ..PlanSummary::default()
        },
        held: vec![PlannedStep {
            before: Some(String::from("Parcel Runner")),
            reason: Some(String::from("RemovalLimitExceeded")),
            ..step("RemoveDoor", "Garage Gate")
        }],
        ..PlanReport::default()
    };
    assert_eq!(
        plain(&plans(&[of(plan)])),
        "\
Harbor Point   harbor/harbor-point
  30 removals, 30 changes held
  ! Garage Gate  Parcel Runner -> none  DoorAssignment/parcel  HELD RemovalLimitExceeded
  and 29 more held
  Approve exactly these with spec.approve: h-1
"
    );
}

/// What is left with mode Observe, something refused, and something that nobody declared.
fn observed() -> SaidPlan {
    let tours = PlannedStep {
        door: None,
        key: Some(String::from("Tours")),
        partner: Some(String::from("TourPass")),
        ..step("UpdateKey", "")
    };
    let plan = PlanReport {
        id: String::from("p-1"),
        complete: true,
        summary: PlanSummary {
            grants: 30,
            removals: 1,
            key_updates: 1,
            refused: 1,
            ..PlanSummary::default()
        },
        steps: vec![
            PlannedStep {
                after: Some(String::from("Parcel Runner")),
                ..step("AssignDoor", "Mail Room")
            },
            PlannedStep {
                before: Some(String::from("Parcel Runner")),
                door_visits: Some(1),
                ..step("RemoveDoor", "Garage Gate")
            },
            PlannedStep {
                before: Some(String::from("door: Gym")),
                after: Some(String::from("door: Pool; schedule: always")),
                holders_affected: Some(3),
                ..tours
            },
        ],
        more_steps: Some(27),
        refused: vec![RefusedStep {
            reason: String::from("PartnerNotListed"),
            message: String::from("List it."),
            cause: Some(Cause {
                kind: String::from("DoorAssignment"),
                name: String::from("nobody"),
            }),
        }],
        ..PlanReport::default()
    };
    said(Some(PropertyStatus {
        plan: Some(plan),
        unmanaged: vec![UnmanagedAccess {
            door: Some(String::from("Pool")),
            partner: String::from("CleanCo"),
            via: String::from("door"),
            reason: String::from("LockProven"),
        }],
        more_unmanaged: Some(4),
        ..PropertyStatus::default()
    }))
}

#[test]
fn what_is_left_is_named_as_in_a_plan_made_here() {
    assert_eq!(
        plain(&plans(&[observed()])),
        "\
Harbor Point   harbor/harbor-point
  30 grants, 1 removal, 1 key to change, 1 refusal
  + Mail Room    Parcel Runner          DoorAssignment/parcel
  - Garage Gate  Parcel Runner -> none  DoorAssignment/parcel  1 visit; Parcel Runner opens it until then
  ~ key \"Tours\"  TourPass               DoorAssignment/parcel  3 people hold it
      - door: Gym
      + door: Pool
      + schedule: always
  and 27 more
  x DoorAssignment nobody  REFUSED PartnerNotListed
      List it.
  ? Pool  CleanCo  Unmanaged: partner put on the door by hand
  and 4 more that nothing declares
"
    );
}

#[test]
fn the_document_has_the_fixed_shape_of_a_plan() {
    let document = as_json(&[observed()]);
    assert_eq!(
        document["steps"][1],
        json!({
            "namespace": "harbor",
            "property": "harbor-point",
            "action": "RemoveDoor",
            "door": { "uuid": null, "name": "Garage Gate" },
            "key": null,
            "partner": "Parcel Runner",
            "before": "Parcel Runner",
            "after": null,
            "irreversible": false,
            "holdersAffected": null,
            "doorVisits": 1,
            "held": null,
            "cause": { "kind": "DoorAssignment", "name": "parcel", "file": null, "line": null },
        })
    );
    assert_eq!(document["properties"][0]["moreSteps"], 27);
    assert_eq!(document["properties"][0]["moreUnmanaged"], 4);
    assert_eq!(document["refusals"][0]["reason"], "PartnerNotListed");
    assert_eq!(document["unmanaged"][0]["what"], "Pool");
    assert_eq!(document["waiting"], json!([]));
}

#[test]
fn a_step_of_a_newer_operator_is_shown_all_the_same() {
    let plan = PlanReport {
        complete: true,
        steps: vec![PlannedStep {
            after: Some(String::from("Parcel Runner")),
            ..step("PaintDoor", "Mail Room")
        }],
        refused: vec![RefusedStep {
            reason: String::from("TooColourful"),
            message: String::from("Use one."),
            cause: None,
        }],
        ..PlanReport::default()
    };
    let text = plain(&plans(&[of(plan)]));
    assert!(
        text.contains("~ Mail Room  none -> Parcel Runner"),
        "{text}"
    );
    assert!(text.contains("REFUSED TooColourful"), "{text}");
}

#[test]
fn a_property_that_was_not_looked_at_is_never_said_to_be_done() {
    let text = plans(&[said(None)]);
    assert!(text.contains("Not looked at yet"), "{text}");
    assert!(as_json(&[said(None)])["properties"][0]["planId"].is_null());
}
