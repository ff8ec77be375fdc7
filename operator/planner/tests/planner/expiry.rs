//! Access for a time.

use opendoor_api::{Moment, Validity};
use opendoor_planner::guard::losses_in_window;

use crate::world::{World, assert_quiet, assignment, at, lines, number, refusals};

fn valid(world: &mut World, name: &str, from: Option<&str>, until: Option<&str>) {
    let moment = |text: &str| text.parse::<Moment>().unwrap();
    world.assignment(name, |spec| {
        spec.validity = Some(Validity {
            from: from.map(moment),
            until: until.map(moment),
        });
    });
}

#[test]
fn access_begins_and_ends_at_its_times_and_the_plan_says_when_it_changes() {
    let mut world = World::good();
    world.declare("weekend", assignment("TourPass", &["Unit 103"]));
    valid(
        &mut world,
        "weekend",
        Some("2026-03-06T09:00:00Z"),
        Some("2026-03-08T18:00:00Z"),
    );
    let plan = world.pass();
    assert_quiet(&plan);
    assert_eq!(plan.next_change, Some(at("2026-03-06T09:00:00Z")));

    world.now = at("2026-03-06T09:00:00Z");
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["AssignDoor Unit 103: none -> TourPass @weekend.yaml:11"]
    );
    assert_eq!(plan.next_change, Some(at("2026-03-08T18:00:00Z")));

    world.now = at("2026-03-08T18:00:00Z");
    assert_eq!(
        lines(&world.pass()),
        ["RemoveDoor Unit 103: TourPass -> none @weekend.yaml:8"]
    );
    assert_quiet(&world.plan());
}

#[test]
fn an_expiry_known_for_a_day_is_not_charged() {
    let mut world = World::good();
    valid(
        &mut world,
        "parcel-runner",
        None,
        Some("2026-03-05T10:00:00Z"),
    );
    world.pass();
    world.now = at("2026-03-05T10:00:00Z");
    let plan = world.pass();
    assert_eq!(
        plan.performable().count(),
        4,
        "more than the three that the brake lets pass"
    );
    assert_eq!(losses_in_window(&world.ledger.head, world.now), 0);
}

#[test]
fn doors_that_are_added_shortly_before_an_expiry_are_braked() {
    let mut world = World::large(&[("old", 0..1), ("rest", 1..13)]);
    valid(&mut world, "old", None, Some("2026-03-05T10:00:00Z"));
    world.pass();
    world.now = at("2026-03-05T09:55:00Z");
    world.remove("rest");
    world.assignment("old", |spec| {
        spec.doors = Some((0..13).map(number).collect());
    });
    assert_quiet(&world.pass());
    world.now = at("2026-03-05T10:00:00Z");
    let plan = world.plan();
    assert_eq!(plan.steps.len(), 13);
    assert!(plan.steps.iter().all(|step| step.held.is_some()));
}

#[test]
fn an_expiry_written_at_the_last_moment_is_braked() {
    let mut world = World::good();
    valid(
        &mut world,
        "parcel-runner",
        None,
        Some("2026-03-02T13:00:00Z"),
    );
    world.pass();
    world.now = at("2026-03-02T13:00:00Z");
    assert_eq!(world.pass().performable().count(), 0);
}

#[test]
fn an_expiry_that_is_moved_is_known_only_since_then() {
    let mut world = World::good();
    valid(
        &mut world,
        "parcel-runner",
        None,
        Some("2026-05-01T00:00:00Z"),
    );
    world.pass();
    world.advance(48 * 60);
    valid(
        &mut world,
        "parcel-runner",
        None,
        Some("2026-03-04T12:00:00Z"),
    );
    world.pass();
    world.now = at("2026-03-04T12:00:00Z");
    assert_eq!(world.pass().performable().count(), 0);
}

#[test]
fn nothing_expires_while_the_clocks_differ() {
    let mut world = World::good();
    valid(&mut world, "pool-tours", None, Some("2026-03-05T10:00:00Z"));
    world.pass();
    world.now = at("2026-03-09T10:00:00Z");
    world.observed.clock_skewed = true;
    let plan = world.pass();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["ClockSkewed harbor-point.yaml:1"]);
    assert!(plan.cannot_tell());
}

#[test]
fn clocks_that_differ_are_no_matter_where_nothing_depends_on_time() {
    let mut world = World::good();
    world.observed.clock_skewed = true;
    world.remove("pool-tours");
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Pool: TourPass -> none @pool-tours.yaml"]
    );
}

#[test]
fn a_door_shared_with_an_object_in_doubt_stays_when_the_other_goes() {
    let mut world = World::good();
    world.declare("for-a-while", assignment("TourPass", &["Pool"]));
    valid(
        &mut world,
        "for-a-while",
        None,
        Some("2026-06-01T00:00:00Z"),
    );
    world.pass();
    world.observed.clock_skewed = true;
    world.pass();
    world.remove("pool-tours");
    assert_eq!(lines(&world.pass()), [""; 0]);
}

#[test]
fn access_that_ended_ends_though_its_partner_is_no_longer_listed() {
    let mut world = World::good();
    valid(&mut world, "pool-tours", None, Some("2026-03-05T10:00:00Z"));
    world.pass();
    world.property(|spec| spec.partners.retain(|partner| partner.name != "TourPass"));
    world.now = at("2026-03-05T10:00:00Z");
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Pool: TourPass -> none @pool-tours.yaml:8"]
    );
}
