//! From a look that is not provably complete nothing follows.

use opendoor_planner::reasons::Reason;

use crate::door_os;
use crate::world::{
    World, assert_quiet, assignment, door, door_row, key_row, lines, partner, partner_key, refusal,
    refusals, waiting,
};

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

/// Two doors are named "Gate", of which one was given to TourPass by hand; the look shows only that one.
fn two_gates(world: &mut World) {
    for (name, holder) in [("West Gate", Some("TourPass")), ("East Gate", None)] {
        let mut gate = door_row(name, None);
        gate.name = "Gate".into();
        world.add_row(gate);
        world.hand_door(name, holder);
    }
    world.plan();
}

#[test]
fn a_name_that_an_incomplete_look_shows_once_may_be_another_doors() {
    let mut world = World::good();
    two_gates(&mut world);
    let whole = world.observed.clone();
    world.declare("gates", assignment("TourPass", &["Gate"]));
    let hidden = door("East Gate");
    world.observed.doors.retain(|row| row.uuid != hidden);
    cut(&mut world);
    assert_eq!(
        refusals(&world.plan()),
        ["ObservationIncomplete harbor-point.yaml:1"]
    );
    assert!(world.record("West Gate").claims.is_empty());
    world.observed = whole;
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0], "what we did not give stays");
    assert_eq!(refusals(&plan), ["DoorAmbiguous gates.yaml:11"]);
}

#[test]
fn a_uuid_and_a_name_known_before_mean_their_doors_in_an_incomplete_look_too() {
    let mut world = World::good();
    two_gates(&mut world);
    let gate = door("West Gate").to_string();
    world.declare("gates", assignment("TourPass", &[&gate]));
    world.declare("parcels", assignment("Parcel Runner", &["Mail Room"]));
    world.remove("parcel-runner");
    world.observed.doors.retain(|row| *row.name != *"Pool");
    cut(&mut world);
    world.plan();
    assert_eq!(world.record("West Gate").claims.len(), 1);
    let owners = &world.record("Mail Room").claims[0].owners;
    assert_eq!(owners[0].name, "parcels", "it moved between objects");
}

#[test]
fn a_door_that_is_not_shown_has_not_lost_its_name_to_another() {
    let mut world = World::good();
    let mut other = door_row("Other Pool", None);
    other.name = "Pool".into();
    world.add_row(other);
    assert_quiet(&world.plan());
    let hidden = door("Pool");
    world.observed.doors.retain(|row| row.uuid != hidden);
    cut(&mut world);
    assert_eq!(
        refusals(&world.plan()),
        ["ObservationIncomplete harbor-point.yaml:1"]
    );
}

#[test]
fn a_partners_name_is_not_bound_from_an_incomplete_look() {
    let mut world = World::good();
    let twin = |uuid: &str| opendoor_planner::observed::Partner {
        uuid: partner(uuid),
        name: "CleanCo".to_owned(),
    };
    world.declare("cleaners", assignment("CleanCo", &["Unit 103"]));
    world.observed.partners.push(twin("CleanCo"));
    world.observed.partners.sort_by_key(|partner| partner.uuid);
    cut(&mut world);
    let plan = world.plan();
    assert_eq!(world.ledger.head.partners["CleanCo"].uuid, None);
    assert!(
        plan.waiting.is_empty(),
        "nor is DOOR asked to authorise whom it has: {:?}",
        plan.waiting
    );
    world.observed.partners.push(twin("Other CleanCo"));
    world.observed.partners.sort_by_key(|partner| partner.uuid);
    world.observed.incomplete = None;
    world.plan();
    assert_eq!(world.ledger.head.partners["CleanCo"].uuid, None);
}

#[test]
fn a_partner_that_is_not_shown_has_not_lost_its_name_to_another() {
    let mut world = World::good();
    for shown in &mut world.observed.partners {
        if shown.name == "TourPass" {
            shown.uuid = partner("Other TourPass");
        }
    }
    world.observed.partners.sort_by_key(|partner| partner.uuid);
    cut(&mut world);
    assert_eq!(
        refusals(&world.plan()),
        ["ObservationIncomplete harbor-point.yaml:1"]
    );
}

#[test]
fn a_key_is_not_taken_over_from_an_incomplete_look() {
    let mut world = World::good();
    two_gates(&mut world);
    let row = key_row("Pool", Some("TourPass"), &[("Pool", true)]);
    door_os::create_key(&mut world.observed, row);
    let whole = world.observed.clone();
    let doors = [("Pool", true), ("Gate", true)];
    world.declare_key("pool-key", partner_key("TourPass", "Pool", &doors));
    let hidden = door("East Gate");
    world.observed.doors.retain(|row| row.uuid != hidden);
    cut(&mut world);
    assert_eq!(
        refusals(&world.plan()),
        ["ObservationIncomplete harbor-point.yaml:1"]
    );
    assert_eq!(world.ledger.head.keys.len(), 1);
    world.observed = whole;
    assert_eq!(lines(&world.plan()), [""; 0]);
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
