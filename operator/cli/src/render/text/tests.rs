use opendoor_planner::plan::{Plan, Summary};
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::pass::{PassError, StepResult};

use super::{drift, plans, round};
use crate::exit::Verdict;
use crate::render::samples::{
    busy, day, empty, failed, looked, nothing, pass, round as one, tabled, troubled, waiting,
};
use crate::render::style::plain;

fn shown(text: &str) -> String {
    let text = plain(text);
    for line in text.lines() {
        assert_eq!(line, line.trim_end(), "nothing trails");
    }
    text
}

#[test]
fn a_plan_is_a_table_of_changes() {
    assert_eq!(
        shown(&round(&looked(day()), false)),
        r#"Harbor Point   28 doors, 2 keys, complete
  - Garage Gate          Parcel Runner -> none  parcel-runner.yaml:7  offline: 1 visit; Parcel Runner opens it until then
  + Front Entrance       Parcel Runner          parcel-runner.yaml:7
  + key "Vacant tours"   TourPass, 6 doors      vacant-tours.yaml:1   its partner can never change
  x PartnerKey cleaners                         cleaners.yaml:7:12    REFUSED PartnerImmutable
      DOOR OS never changes a key's partner. Create a new key, move its 5 holders, then delete this one; their
      doorcodes go with it.

3 changes: 7 grants, 1 removal, 1 key made, 1 refused.
"#
    );
}

#[test]
fn what_is_held_says_how_to_approve_it() {
    assert_eq!(
        shown(&round(&looked(busy()), false)),
        r#"Harbor Point   28 doors, 2 keys, complete
  ! Mail Room       OldCo -> Parcel Runner  parcel-runner.yaml:7          HELD DoorHeldByOther
  ! key "Old"       OldCo, 1 door -> none   old.yaml:1                    HELD HoldersAffected; for good; 1 person holds it
  ~ key "Cleaners"  CleanCo, 2 -> 1 door    cleaners.yaml:1               5 people hold it; still opens by its assignment to Hall
      - name: Cleaners
      + name: Cleaning
      - door: Gate, provides doorcodes
      - door: Hall
      - schedule: always
      + door: Gate
      + schedule: Mon 09:00-12:00
  ~ Lobby           Parcel Runner           DoorAssignment/parcel-runner  Drifted: partner taken off the door
  ? Side Door       OldCo                                                 Unmanaged: partner put on the door by hand
  2 changes are held. If they are meant: opendoor apply --approve h-77aa (or spec.approve: h-77aa in the Property)
  note: 3 locks have a history that is not known here.

3 changes: 1 grant, 3 removals, 1 key changed, 1 key deleted, 2 held.
Waiting on people
  SYNC   Garage Gate is offline: Parcel Runner can STILL OPEN it. Perform a Door Sync there in the DOOR App. Since 2026-06-01 07:00 UTC, due 2026-06-02 07:00 UTC.
  EMAIL  CleanCo is not authorised at Harbor Point; 2 doors wait. See: opendoor email
  EMAIL  OldCo is off every door and key at Harbor Point, and its locks are proven; DOOR can withdraw it. See: opendoor email
"#
    );
}

#[test]
fn after_performing_it_says_what_became_of_each() {
    let left = Plan {
        waiting: waiting().into_iter().take(1).collect(),
        ..empty()
    };
    let all = [
        ("f-1", StepResult::Applied),
        ("f-2", StepResult::Applied),
        ("f-Vacant tours", StepResult::Applied),
    ];
    let text = shown(&round(&one(pass(day(), left.clone(), &all)), true));
    assert!(
        text.contains(
            "\nApplied 3 of 3, each read back.\nWaiting on people\n  SYNC   Garage Gate is offline"
        ),
        "{text}"
    );
    let some = [
        (
            "f-1",
            StepResult::Refused(String::from("PARTNER_NOT_AUTHORIZED")),
        ),
        ("f-2", StepResult::Applied),
        ("f-Vacant tours", StepResult::Unknown),
    ];
    let text = shown(&round(&one(pass(day(), left, &some)), true));
    assert!(
        text.contains("REFUSED by DOOR OS: PARTNER_NOT_AUTHORIZED"),
        "{text}"
    );
    assert!(
        text.contains(
            "PUT /v1/doors/{uuid}/partner answered PARTNER_NOT_AUTHORIZED: DOOR has not authorised"
        ),
        "{text}"
    );
    assert!(text.contains("ANSWER LOST OutcomeUnknown"), "{text}");
    assert!(
        text.contains("Applied 1 of 3, each read back; 1 refused by DOOR OS and 1 answer lost, which the next pass settles.\n"),
        "{text}"
    );
}

#[test]
fn nothing_to_do_is_said() {
    assert_eq!(
        shown(&round(&looked(empty()), true)),
        "Harbor Point   28 doors, 2 keys, complete\n  Nothing to do.\n"
    );
    assert_eq!(shown(&round(&nothing(), false)), "");
}

#[test]
fn an_incomplete_view_and_a_mode_that_changes_nothing_are_said() {
    let plan = Plan {
        complete: false,
        not_performed: Some(Reason::ObserveOnly),
        ..day()
    };
    let text = shown(&round(&looked(plan), true));
    assert!(
        text.starts_with("Harbor Point   28 doors, 2 keys, INCOMPLETE\n"),
        "{text}"
    );
    assert!(
        text.contains("  Nothing is performed here: ObserveOnly. There are differences"),
        "{text}"
    );
    assert!(
        text.contains("not performed; its partner can never change"),
        "{text}"
    );
}

#[test]
fn what_belongs_to_no_plan_is_listed_too() {
    assert_eq!(
        shown(&round(&troubled(), false)),
        r#"  x Property harbor-point                       ERROR
      the state in .opendoor is in use by another process. Wait for it, or stop it.
  x Property elm-court     elm-court.yaml:4:13  REFUSED BuildingNotFound
      no building is named "Elm Court".
  x DoorAssignment lost    lost.yaml:3:5        REFUSED Invalid
      no Property "x" is declared.
  ? File                   bad.yaml:2:1         CANNOT READ DeclarationIncomplete
      not YAML

note: simulator.yaml was skipped
"#
    );
}

#[test]
fn what_exits_as_an_error_is_called_one() {
    let unreachable = opendoor_door_os::Error::Unreachable {
        call: "GET /v1/doors",
        attempts: 3,
        detail: String::from("refused"),
    };
    let report = failed(PassError::DoorOs(unreachable));
    assert_eq!(Verdict::of_round(&report, false), Verdict::Error);
    let text = shown(&round(&report, false));
    assert!(
        text.starts_with("  x Property harbor-point  ERROR BackendUnavailable\n"),
        "{text}"
    );
    let slowed_down = opendoor_door_os::Error::RateLimited {
        call: "GET /v1/doors",
        attempts: 3,
        retry_after: None,
    };
    let report = failed(PassError::DoorOs(slowed_down));
    assert_eq!(Verdict::of_round(&report, false), Verdict::CannotTell);
    let text = shown(&round(&report, false));
    assert!(text.contains("CANNOT TELL BackendUnavailable"), "{text}");
}

#[test]
fn drift_shows_what_people_changed() {
    assert_eq!(
        shown(&drift(&looked(busy()))),
        "Harbor Point   28 doors, 2 keys, complete
  ~ Lobby      Parcel Runner  DoorAssignment/parcel-runner  Drifted: partner taken off the door
  ? Side Door  OldCo                                        Unmanaged: partner put on the door by hand
  3 changes are outstanding. See: opendoor plan
"
    );
    assert_eq!(
        shown(&drift(&looked(empty()))),
        "Harbor Point   28 doors, 2 keys, complete\n  As declared and applied.\n"
    );
}

#[test]
fn a_table_of_doors_knows_no_keys() {
    let plan = Plan { keys: 0, ..empty() };
    assert!(plain(&plans(&tabled(plan))).starts_with("Harbor Point   28 doors, complete\n"));
}

#[test]
fn a_hostile_name_does_nothing_to_the_terminal() {
    let mut plan = day();
    if let Some(door) = plan.steps.first_mut().and_then(|step| step.door.as_mut()) {
        door.name = String::from("Gate\u{1b}]0;owned\u{7}\nx");
    }
    let text = round(&looked(plan), false);
    assert!(
        !text.contains('\u{7}') && !text.contains("\u{1b}]"),
        "{text:?}"
    );
}

#[test]
fn what_comes_by_itself_waits_and_a_step_that_takes_nothing_is_a_change() {
    let mut plan = day();
    plan.steps.truncate(1);
    plan.refusals.clear();
    plan.summary = Summary::default();
    let last = |plan: &Plan| {
        let text = shown(&plans(&tabled(plan.clone())));
        text.lines().last().unwrap_or_default().to_owned()
    };
    assert_eq!(last(&plan), "1 change.");
    plan.refusals = day().refusals;
    plan.refusals[0].reason = Reason::WaitingForKeyName;
    plan.summary.refused = 1;
    assert_eq!(last(&plan), "1 change: 1 waits.");
}
