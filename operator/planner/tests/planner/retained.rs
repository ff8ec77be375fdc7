//! What deleted objects left in place by `deletionPolicy: Retain`.

use opendoor_api::{AddedByHand, DeletionPolicy};

use crate::door_os;
use crate::world::{World, assert_quiet, assignment, door, key, lines, partner_key};

/// A world that takes away what is added by hand, has seen its first pass, and whose objects for
/// TourPass said that what they gave stays.
fn left_behind() -> World {
    let mut world = World::good();
    world.property(|spec| spec.added_by_hand = AddedByHand::Remove);
    world.assignment("pool-tours", |spec| {
        spec.deletion_policy = DeletionPolicy::Retain
    });
    world.partner_key("vacant-tours", |spec| {
        spec.deletion_policy = DeletionPolicy::Retain
    });
    world.pass();
    world.remove("pool-tours");
    world.remove("vacant-tours");
    world
}

fn said(world: &mut World) -> Vec<String> {
    let plan = world.plan();
    assert_quiet(&plan);
    let made = plan.unmanaged.iter();
    made.map(|made| format!("{}: {}", made.what, made.change))
        .collect()
}

#[test]
fn what_was_left_behind_is_reported_as_that_and_never_goes_as_added_by_hand() {
    let mut world = left_behind();
    for _ in 0..3 {
        assert_quiet(&world.pass());
        world.advance(60);
    }
    assert_eq!(
        said(&mut world),
        [
            "Pool: left behind by DoorAssignment/pool-tours (deletionPolicy: Retain)",
            "key \"Vacant tours\": left behind by PartnerKey/vacant-tours (deletionPolicy: Retain)",
        ]
    );
    world.commit();
    world.pass();
    assert!(!world.ledger.unsaved.any(), "an idle pass writes nothing");
}

#[test]
fn what_was_left_behind_waits_for_a_person_where_another_partner_is_declared() {
    let mut world = left_behind();
    world.pass();
    world.declare("parcels", assignment("Parcel Runner", &["Pool"]));
    assert_eq!(
        lines(&world.pass()),
        ["ChangeDoor Pool: TourPass -> Parcel Runner HELD DoorHeldByOther @parcels.yaml:11"]
    );
}

#[test]
fn what_was_left_behind_and_changed_since_is_forgotten() {
    let mut world = left_behind();
    world.pass();
    world.hand_door("Pool", Some("Parcel Runner"));
    door_os::delete_key(&mut world.observed, key("Vacant tours"));
    assert_eq!(
        lines(&world.pass()),
        ["RemoveDoor Pool: Parcel Runner -> none @harbor-point.yaml:1"]
    );
    assert!(world.ledger.head.left_behind.is_empty());
    world.hand_door("Pool", Some("TourPass"));
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Pool: TourPass -> none @harbor-point.yaml:1"]
    );
}

#[test]
fn what_was_left_behind_and_is_declared_again_is_owned_again() {
    let mut world = left_behind();
    world.pass();
    world.declare("pool-tours", assignment("TourPass", &["Pool"]));
    let tours = [("Unit 101", true), ("Unit 102", false)];
    world.declare_key(
        "vacant-tours",
        partner_key("TourPass", "Vacant tours", &tours),
    );
    assert_quiet(&world.pass());
    assert!(world.ledger.head.left_behind.is_empty());
    world.remove("pool-tours");
    assert_eq!(
        lines(&world.pass()),
        ["RemoveDoor Pool: TourPass -> none @pool-tours.yaml"]
    );
}

#[test]
fn an_incomplete_look_forgets_nothing_that_was_left_behind() {
    let mut world = left_behind();
    world.pass();
    let whole = world.observed.clone();
    world.observed.incomplete = Some("a page was lost".to_owned());
    world.observed.doors.retain(|row| row.uuid != door("Pool"));
    world.observed.keys.clear();
    world.pass();
    world.observed = whole;
    assert_eq!(said(&mut world).len(), 2);
}
