//! What is held stays held until somebody decides.

use opendoor_api::Mode;
use opendoor_planner::declared::Absence;
use opendoor_planner::owner::OwnerKind;
use opendoor_planner::plan::Plan;
use opendoor_planner::reasons::Reason;

use crate::world::{World, assignment, lines, number, owner};

/// Twelve removals by one object at a property with forty owned pairs.
fn twelve_held() -> (World, Plan) {
    let mut world = World::large(&[("bulk", 0..30), ("other", 30..40)]);
    world.assignment("bulk", |spec| {
        spec.doors = Some((0..18).map(number).collect())
    });
    let plan = world.pass();
    assert_eq!(held(&plan), 12);
    (world, plan)
}

fn held(plan: &Plan) -> usize {
    plan.steps.iter().filter(|step| step.held.is_some()).count()
}

#[test]
fn a_day_later_it_is_still_held_under_the_same_id() {
    let (mut world, plan) = twelve_held();
    world.advance(25 * 60);
    let later = world.pass();
    assert_eq!(held(&later), 12);
    assert_eq!(later.hold_id, plan.hold_id);
}

#[test]
fn a_day_later_it_is_still_held_though_the_brake_would_let_it_pass() {
    let (mut world, _) = twelve_held();
    world.guard.limits.removals_percent = 100;
    assert_eq!(held(&world.pass()), 12);
}

#[test]
fn an_edit_of_its_doors_by_hand_does_not_free_it() {
    let (mut world, plan) = twelve_held();
    world.guard.limits.removals_percent = 100;
    for n in 18..30 {
        let row = world.row(&number(n));
        row.revision = row.revision.map(|revision| revision + 1);
    }
    let later = world.pass();
    assert_eq!(held(&later), 12);
    assert_ne!(
        later.hold_id, plan.hold_id,
        "the id covers the revisions it was given for"
    );
}

#[test]
fn an_object_that_says_something_else_is_evaluated_anew() {
    let (mut world, _) = twelve_held();
    world.assignment("bulk", |spec| {
        spec.doors = Some((0..25).map(number).collect())
    });
    let plan = world.pass();
    assert_eq!((plan.steps.len(), held(&plan)), (5, 0));
}

#[test]
fn an_object_whose_list_is_only_sorted_says_nothing_new() {
    let (mut world, _) = twelve_held();
    world.guard.limits.removals_percent = 100;
    world.assignment("bulk", |spec| spec.doors.as_mut().unwrap().reverse());
    assert_eq!(held(&world.pass()), 12);
}

#[test]
fn unrelated_changes_do_not_alter_the_id() {
    let (mut world, plan) = twelve_held();
    world.assignment("other", |spec| {
        spec.doors = Some((31..40).map(number).collect())
    });
    let later = world.pass();
    assert_eq!((later.steps.len(), held(&later)), (13, 12));
    assert_eq!(later.hold_id, plan.hold_id);
}

#[test]
fn a_held_pass_commits_once() {
    let (mut world, _) = twelve_held();
    world.commit();
    world.advance(5);
    world.pass();
    assert!(!world.ledger.unsaved.any());
}

#[test]
fn a_hold_survives_a_row_that_could_not_be_judged_for_a_while() {
    let mut world = World::large(&[("bulk", 0..4), ("other", 4..5)]);
    world.remove("bulk");
    assert_eq!(held(&world.pass()), 4);
    // All four rows come back older than seen, for one pass.
    let now = world.observed.clone();
    for n in 0..4 {
        world
            .ledger
            .door_mut(crate::world::door(&number(n)))
            .seen
            .as_mut()
            .unwrap()
            .version = 99;
    }
    assert_eq!(world.pass().steps.len(), 0);
    world.observed = now;
    for row in &mut world.observed.doors {
        row.version = 100;
    }
    world.guard.limits.removals_percent = 100;
    assert_eq!(held(&world.pass()), 4);
}

#[test]
fn declaring_it_again_ends_the_hold() {
    let (mut world, _) = twelve_held();
    world.assignment("bulk", |spec| {
        spec.doors = Some((0..30).map(number).collect())
    });
    assert_eq!(world.pass().steps.len(), 0);
    assert!(world.ledger.head.holds.is_empty());
}

#[test]
fn mode_propose_holds_every_step() {
    let mut world = World::good();
    world.guard.mode = Mode::Propose;
    world.declare("more", assignment("TourPass", &["Unit 103"]));
    world.remove("vacant-tours");
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        [
            "AssignDoor Unit 103: none -> TourPass HELD ApprovalRequired @more.yaml:11",
            "DeleteKey \"Vacant tours\" of TourPass HELD ApprovalRequired @vacant-tours.yaml",
        ]
    );
    world.approve(&plan);
    world.pass();
    assert_eq!(lines(&world.plan()), [""; 0]);
}

#[test]
fn mode_observe_and_suspend_perform_nothing() {
    let mut world = World::good();
    world.remove("pool-tours");
    world.guard.mode = Mode::Observe;
    let plan = world.plan();
    assert_eq!((plan.steps.len(), plan.performable().count()), (1, 0));
    assert_eq!(plan.not_performed, Some(Reason::ObserveOnly));
    world.property(|spec| spec.suspend = true);
    assert_eq!(world.plan().not_performed, Some(Reason::Suspended));
}

#[test]
fn objects_that_vanished_in_suspicious_company_are_held_until_approved() {
    let mut world = World::good();
    world.remove("pool-tours");
    world.remove("vacant-tours");
    for (name, kind) in [
        ("pool-tours", OwnerKind::DoorAssignment),
        ("vacant-tours", OwnerKind::PartnerKey),
    ] {
        let gone = owner(name, kind);
        world
            .declared
            .absent
            .insert(gone, Absence::Held(Reason::DeclarationIncomplete));
    }
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        [
            "DeleteKey \"Vacant tours\" of TourPass HELD DeclarationIncomplete @vacant-tours.yaml",
            "RemoveDoor Pool: TourPass -> none HELD DeclarationIncomplete @pool-tours.yaml",
        ]
    );
    world.approve(&plan);
    assert_eq!(world.pass().performable().count(), 2);
    assert_eq!(lines(&world.plan()), [""; 0]);
}
