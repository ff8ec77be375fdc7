//! From a look that is not provably complete nothing follows.

use opendoor_planner::reasons::Reason;

use crate::world::{World, assert_quiet, door, lines, refusal, refusals, waiting};

fn cut(world: &mut World) {
    world.observed.incomplete = Some("page 2 of the doors is missing".to_owned());
}

#[test]
fn an_incomplete_look_changes_nothing_and_says_why() {
    let mut world = World::good();
    world.remove("pool-tours");
    cut(&mut world);
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert!(!plan.complete && plan.cannot_tell());
    let message = &refusal(&plan, Reason::ObservationIncomplete).message;
    assert!(
        message.contains("page 2 of the doors is missing"),
        "{message}"
    );
}

#[test]
fn doors_and_keys_that_an_incomplete_look_does_not_show_are_neither_lost_nor_reported_missing() {
    let mut world = World::good();
    let whole = world.observed.clone();
    world.observed.doors.truncate(2);
    world.observed.keys.clear();
    cut(&mut world);
    assert_eq!(
        refusals(&world.decide()),
        ["ObservationIncomplete harbor-point.yaml:1"]
    );
    assert!(!world.ledger.unsaved.any(), "nothing was learnt");
    world.observed = whole;
    assert_quiet(&world.plan());
}

#[test]
fn pins_survive_an_incomplete_look() {
    let mut world = World::good();
    world.observed.doors.clear();
    cut(&mut world);
    world.plan();
    assert_eq!(world.ledger.head.door_pins.get("Pool"), Some(&door("Pool")));
}

#[test]
fn a_hold_outlives_an_incomplete_look() {
    let mut world = World::good();
    world.key_row("Vacant tours").holders = Some(1);
    world.remove("vacant-tours");
    let held = world.decide();
    cut(&mut world);
    world.approve(&held);
    let plan = world.decide();
    assert!(plan.approved.is_empty());
    world.observed.incomplete = None;
    world.approvals.clear();
    assert_eq!(world.decide().hold_id, held.hold_id);
}

#[test]
fn partners_that_an_incomplete_look_does_not_show_are_still_authorised() {
    let mut world = World::good();
    world.observed.partners.clear();
    cut(&mut world);
    let plan = world.plan();
    assert_eq!(waiting(&plan), [""; 0]);
    assert!(!world.ledger.unsaved.any());
}

#[test]
fn an_incomplete_look_makes_no_withdrawal_due() {
    let mut world = World::good();
    world.property(|spec| spec.partners.retain(|partner| partner.name != "TourPass"));
    world.remove("pool-tours");
    world.remove("vacant-tours");
    world.observed.doors.clear();
    world.observed.keys.clear();
    cut(&mut world);
    assert_eq!(waiting(&world.plan()), [""; 0]);
}

#[test]
fn a_missing_property_keeps_what_was_last_accepted() {
    let mut world = World::good();
    world.declared.property.spec = None;
    world.hand_door("Pool", None);
    assert_eq!(
        lines(&world.plan()),
        ["AssignDoor Pool: none -> TourPass @pool-tours.yaml:11"]
    );
}
