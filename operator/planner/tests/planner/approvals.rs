//! An approval fits exactly what was held when it was read, and only once.

use opendoor_planner::plan::Plan;

use crate::world::{World, assert_quiet, lines, number};

fn twelve_held() -> (World, Plan) {
    let mut world = World::large(&[("bulk", 0..30), ("other", 30..40)]);
    world.assignment("bulk", |spec| {
        spec.doors = Some((0..18).map(number).collect())
    });
    let plan = world.pass();
    (world, plan)
}

fn held(plan: &Plan) -> usize {
    plan.steps.iter().filter(|step| step.held.is_some()).count()
}

#[test]
fn approving_releases_exactly_the_held_steps() {
    let (mut world, plan) = twelve_held();
    world.approve(&plan);
    let approved = world.pass();
    assert_eq!((held(&approved), approved.performable().count()), (0, 12));
    assert!(approved.unfitting_approvals.is_empty());
    world.approvals.clear();
    assert_eq!(lines(&world.plan()), [""; 0]);
    assert!(
        world.ledger.head.approvals.is_empty(),
        "each is spent when its step settles"
    );
}

#[test]
fn an_id_of_nothing_is_named_and_releases_nothing() {
    let (mut world, _) = twelve_held();
    world.approvals = vec!["h-000000000000".to_owned()];
    let plan = world.pass();
    assert_eq!(held(&plan), 12);
    assert_eq!(plan.unfitting_approvals, ["h-000000000000"]);
    assert_eq!(
        plan.notes, [""; 0],
        "the command that it was given to says so"
    );
    write_approval(&mut world, "h-000000000000");
    assert_eq!(
        world.pass().notes,
        ["The approval h-000000000000 fits nothing that is held now; it is ignored."]
    );
}

fn write_approval(world: &mut World, id: &str) {
    world.property(|spec| spec.approve = Some(id.to_owned()));
    world.approvals = vec![id.to_owned()];
}

#[test]
fn an_approval_that_was_given_is_no_mistake_where_it_is_still_written() {
    let (mut world, plan) = twelve_held();
    let id = plan.hold_id.unwrap();
    write_approval(&mut world, &id);
    assert_eq!(held(&world.pass()), 0);
    for _ in 0..2 {
        let plan = world.pass();
        assert_eq!(plan.unfitting_approvals, [id.as_str()]);
        assert_eq!(plan.notes, [""; 0]);
    }
}

#[test]
fn an_id_that_is_stale_because_more_is_held_now_releases_nothing() {
    let (mut world, plan) = twelve_held();
    world.approve(&plan);
    world.assignment("bulk", |spec| {
        spec.doors = Some((0..17).map(number).collect())
    });
    let later = world.pass();
    assert_eq!(held(&later), 13);
    assert_eq!(later.unfitting_approvals, world.approvals);
}

#[test]
fn an_id_of_another_building_releases_nothing() {
    let (world, plan) = twelve_held();
    let (mut other, _) = twelve_held();
    let elsewhere = opendoor_planner::ids::BuildingUuid(uuid::Uuid::nil());
    other.ledger.building = elsewhere;
    other.approve(&plan);
    assert_eq!(held(&other.pass()), 12);
    drop(world);
}

#[test]
fn a_crash_after_the_approval_loses_nothing_of_it() {
    let (mut world, plan) = twelve_held();
    world.approve(&plan);
    world.decide();
    world.approvals.clear();
    assert_eq!(world.pass().performable().count(), 12);
    assert_eq!(lines(&world.plan()), [""; 0]);
}

#[test]
fn a_crash_in_the_middle_goes_on_with_the_rest() {
    let (mut world, plan) = twelve_held();
    world.approve(&plan);
    let approved = world.decide();
    world.approvals.clear();
    let first: Vec<_> = approved.performable().take(5).cloned().collect();
    for intent in opendoor_planner::settle::intend(&mut world.ledger, &first, world.now) {
        let answer = crate::door_os::perform(&mut world.observed, &intent.write);
        opendoor_planner::settle::record_answer(
            &mut world.ledger,
            intent.number,
            &answer,
            world.now,
        );
    }
    let rest = world.pass();
    assert_eq!((held(&rest), rest.performable().count()), (0, 7));
}

#[test]
fn an_approval_outlives_a_row_that_could_not_be_judged_for_a_while() {
    let (mut world, plan) = twelve_held();
    world.approve(&plan);
    world.decide();
    world.approvals.clear();
    let old = world.row("Door 029").version;
    let seen = world.ledger.door_mut(crate::world::door("Door 029"));
    seen.seen.as_mut().unwrap().version = old + 5;
    assert_eq!(world.pass().performable().count(), 11);
    world.row("Door 029").version = old + 5;
    let last = world.pass();
    assert_eq!((held(&last), last.performable().count()), (0, 1));
}

#[test]
fn a_spent_approval_never_fits_again() {
    let (mut world, plan) = twelve_held();
    world.approve(&plan);
    world.pass();
    // The same doors are declared and dropped again.
    world.assignment("bulk", |spec| {
        spec.doors = Some((0..30).map(number).collect())
    });
    world.pass();
    world.advance(25 * 60);
    world.assignment("bulk", |spec| {
        spec.doors = Some((0..18).map(number).collect())
    });
    let again = world.pass();
    assert_eq!(held(&again), 12);
    assert_eq!(again.unfitting_approvals, world.approvals);
    assert_ne!(again.hold_id, plan.hold_id);
}

#[test]
fn an_approval_of_what_is_no_longer_wanted_is_forgotten() {
    let (mut world, plan) = twelve_held();
    world.approve(&plan);
    world.decide();
    world.approvals.clear();
    world.assignment("bulk", |spec| {
        spec.doors = Some((0..30).map(number).collect())
    });
    world.pass();
    assert!(world.ledger.head.approvals.is_empty());
    world.assignment("bulk", |spec| {
        spec.doors = Some((0..18).map(number).collect())
    });
    assert_eq!(held(&world.pass()), 12);
}

/// The deletion of a key that nobody holds, held because the mode is Propose.
fn a_deletion_proposed() -> (World, Plan) {
    let mut world = World::good();
    world.guard.mode = opendoor_api::Mode::Propose;
    world.remove("vacant-tours");
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["DeleteKey \"Vacant tours\" of TourPass HELD ApprovalRequired @vacant-tours.yaml"]
    );
    (world, plan)
}

/// Counts of holders move a row's version and never its revision.
fn hand_out(world: &mut World, holders: u32) {
    let row = world.key_row("Vacant tours");
    row.holders = Some(holders);
    row.version += 1;
}

const DELETED_FROM_PEOPLE: &str =
    "DeleteKey \"Vacant tours\" of TourPass HELD HoldersAffected @vacant-tours.yaml";

#[test]
fn an_id_read_before_people_received_the_key_does_not_delete_it() {
    let (mut world, read) = a_deletion_proposed();
    hand_out(&mut world, 3);
    world.approve(&read);
    let plan = world.pass();
    assert_eq!(lines(&plan), [DELETED_FROM_PEOPLE]);
    assert_eq!(plan.unfitting_approvals, world.approvals);

    // Of those who hold it, one more or less decides nothing.
    world.approve(&plan);
    hand_out(&mut world, 5);
    assert_eq!(world.pass().performable().count(), 1);
    world.approvals.clear();
    assert_quiet(&world.plan());
}

#[test]
fn an_approval_kept_from_before_people_received_the_key_is_not_spent_on_it() {
    let (mut world, read) = a_deletion_proposed();
    world.approve(&read);
    world.decide();
    world.approvals.clear();
    hand_out(&mut world, 3);
    assert_eq!(lines(&world.pass()), [DELETED_FROM_PEOPLE]);
    assert!(world.ledger.head.approvals.is_empty());
}
