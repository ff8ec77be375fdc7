//! The brake: how much may be taken away or given in a day.

use opendoor_api::DoorSelector;
use opendoor_planner::guard::losses_in_window;
use opendoor_planner::observed::Vacancy;
use opendoor_planner::reasons::Reason;

use crate::world::{World, assert_quiet, assignment, lines, number, selecting, unit_row};

/// Forty owned pairs: thirty of one object, ten of another.
fn forty() -> World {
    World::large(&[("bulk", 0..30), ("other", 30..40)])
}

fn keep(world: &mut World, name: &str, doors: std::ops::Range<usize>) {
    world.assignment(name, |spec| spec.doors = Some(doors.map(number).collect()));
}

fn held(plan: &opendoor_planner::plan::Plan) -> usize {
    plan.steps.iter().filter(|step| step.held.is_some()).count()
}

#[test]
fn ten_of_forty_pairs_may_go_and_eleven_may_not() {
    let mut world = forty();
    keep(&mut world, "bulk", 0..20);
    assert_eq!(held(&world.plan()), 0);
    keep(&mut world, "bulk", 0..19);
    assert_eq!(held(&world.plan()), 11, "the object is held whole");
}

#[test]
fn an_urgent_removal_of_another_object_passes_beside_a_held_one() {
    let mut world = forty();
    keep(&mut world, "bulk", 0..18);
    keep(&mut world, "other", 31..40);
    let plan = world.pass();
    assert_eq!(held(&plan), 12);
    assert!(plan.hold_id.is_some());
    let urgent: Vec<_> = plan
        .performable()
        .map(|step| &step.door.as_ref().unwrap().name)
        .collect();
    assert_eq!(urgent, ["Door 030"]);
    assert_eq!(
        losses_in_window(&world.ledger.head, world.now),
        1,
        "held steps do not spend the window"
    );
}

#[test]
fn at_least_three_removals_pass_however_few_doors_there_are() {
    let mut world = World::large(&[("few", 0..4)]);
    keep(&mut world, "few", 3..4);
    assert_eq!(held(&world.plan()), 0);
    keep(&mut world, "few", 0..0);
    assert_eq!(held(&world.plan()), 4);
}

#[test]
fn no_more_than_twenty_five_go_however_many_doors_there_are() {
    let mut world = World::large(&[("many", 0..400)]);
    keep(&mut world, "many", 0..375);
    assert_eq!(held(&world.plan()), 0);
    keep(&mut world, "many", 0..374);
    assert_eq!(held(&world.plan()), 26);
}

#[test]
fn what_went_within_a_day_counts_and_after_a_day_no_longer() {
    let mut world = forty();
    keep(&mut world, "bulk", 0..22);
    world.pass();
    keep(&mut world, "other", 33..40);
    assert_eq!(held(&world.plan()), 3, "eight and three are more than ten");
    // Said anew after the window has passed, it is evaluated anew.
    world.advance(24 * 60);
    assert_eq!(held(&world.plan()), 0);
}

#[test]
fn removals_performed_batch_by_batch_stay_within_the_brake() {
    let mut world = forty();
    keep(&mut world, "bulk", 0..20);
    let plan = world.decide();
    let first: Vec<_> = plan.performable().take(4).cloned().collect();
    for intent in opendoor_planner::settle::intend(&mut world.ledger, &first, world.now) {
        let answer = crate::door_os::perform(&mut world.observed, &intent.write);
        opendoor_planner::settle::record_answer(
            &mut world.ledger,
            intent.number,
            &answer,
            world.now,
        );
    }
    let rest = world.plan();
    assert_eq!((rest.steps.len(), held(&rest)), (6, 0));
}

#[test]
fn losses_at_other_buildings_count_for_the_portfolio() {
    let mut world = forty();
    world.guard.losses_elsewhere = 100;
    keep(&mut world, "bulk", 1..30);
    assert_eq!(held(&world.plan()), 1);
}

#[test]
fn too_many_grants_are_held_and_smaller_ones_pass() {
    let mut world = World::large(&[]);
    world.guard.limits.grants = 5;
    for n in 0..10 {
        world.add_row(crate::world::door_row(&number(n), None));
    }
    let many: Vec<String> = (0..6).map(number).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    world.declare("many", assignment("Parcel Runner", &many));
    world.declare(
        "few",
        assignment("Parcel Runner", &["Door 008", "Door 009"]),
    );
    let plan = world.plan();
    let reasons: Vec<_> = plan.steps.iter().filter_map(|step| step.held).collect();
    assert_eq!(reasons, [Reason::GrantLimitExceeded; 6]);
    assert_eq!(plan.performable().count(), 2);
}

#[test]
fn a_change_from_one_partner_to_another_is_a_loss_and_a_grant() {
    let mut world = forty();
    world.remove("bulk");
    world.declare("others", assignment("TourPass", &[]));
    keep(&mut world, "others", 0..30);
    let plan = world.plan();
    assert_eq!(held(&plan), 30);
    assert!(
        plan.steps
            .iter()
            .all(|step| step.held == Some(Reason::RemovalLimitExceeded))
    );
}

#[test]
fn a_refused_write_gives_its_charge_back() {
    let mut world = forty();
    keep(&mut world, "bulk", 1..30);
    let refused = opendoor_planner::writes::Answer::Refused {
        code: "REVISION_MISMATCH".to_owned(),
    };
    world.answer(&refused);
    assert_eq!(losses_in_window(&world.ledger.head, world.now), 0);
}

#[test]
fn a_write_that_never_took_effect_gives_its_charge_back() {
    let mut world = forty();
    keep(&mut world, "bulk", 1..30);
    world.lose_answers(false);
    assert_eq!(losses_in_window(&world.ledger.head, world.now), 1);
    keep(&mut world, "bulk", 0..30);
    world.advance(12);
    assert_quiet(&world.plan());
    assert_eq!(losses_in_window(&world.ledger.head, world.now), 0);
}

#[test]
fn deleting_everything_at_once_is_a_hold_that_can_be_approved() {
    let mut world = forty();
    world.remove("bulk");
    world.remove("other");
    let plan = world.pass();
    assert_eq!(
        held(&plan),
        30,
        "the ten pass, and with them the day's allowance is spent"
    );
    world.approve(&plan);
    world.pass();
    world.approvals.clear();
    assert_eq!(lines(&world.plan()), [""; 0]);
}

/// Twelve homes in which people live, all given to Parcel Runner by one object.
fn twelve_homes(declared: opendoor_api::DoorAssignmentSpec) -> World {
    let mut world = World::large(&[]);
    for n in 0..12 {
        let row = unit_row(&number(n), Some(Vacancy::Occupied), "2026-01-01T00:00:00Z");
        world.add_row(row);
    }
    world.declare("homes", declared);
    assert_eq!(world.pass().performable().count(), 12);
    world.advance(60);
    world
}

fn residences(vacancy: Option<opendoor_api::Vacancy>) -> opendoor_api::DoorAssignmentSpec {
    let selector = DoorSelector {
        door_type: Some(opendoor_api::DoorType::Residence),
        vacancy,
        ..DoorSelector::default()
    };
    selecting("Parcel Runner", selector)
}

#[test]
fn an_edit_to_vacant_units_takes_lived_in_ones_away_by_the_brake_only() {
    let mut named = assignment("Parcel Runner", &[]);
    named.doors = Some((0..12).map(number).collect());
    for before in [
        residences(None),
        residences(Some(opendoor_api::Vacancy::Occupied)),
        named,
    ] {
        let mut world = twelve_homes(before);
        world.declare("homes", residences(Some(opendoor_api::Vacancy::Vacant)));
        for _ in 0..2 {
            let plan = world.pass();
            let reasons: Vec<_> = plan.steps.iter().filter_map(|step| step.held).collect();
            assert_eq!(reasons, [Reason::RemovalLimitExceeded; 12]);
            assert!(plan.steps.iter().all(|step| !step.uncharged));
        }
    }
}

#[test]
fn units_that_people_move_into_go_however_many_they_are() {
    let mut world = World::large(&[]);
    for n in 0..12 {
        let row = unit_row(&number(n), Some(Vacancy::Vacant), "2026-01-01T00:00:00Z");
        world.add_row(row);
    }
    world.declare("homes", residences(Some(opendoor_api::Vacancy::Vacant)));
    world.pass();
    world.advance(60);
    for n in 0..12 {
        let now = world.now;
        let unit = world.row(&number(n)).unit.as_mut().unwrap();
        unit.vacancy = Some(Vacancy::Occupied);
        unit.vacancy_since = Some(now);
    }
    assert_eq!(world.pass().performable().count(), 12);
    assert_eq!(losses_in_window(&world.ledger.head, world.now), 0);
}

#[test]
fn a_clock_in_doubt_frees_no_charge() {
    let mut world = forty();
    keep(&mut world, "bulk", 0..22);
    world.pass();
    world.observed.clock_skewed = true;
    world.advance(25 * 60);
    keep(&mut world, "other", 33..40);
    assert_eq!(held(&world.pass()), 3);
    assert_eq!(losses_in_window(&world.ledger.head, world.now), 8);
    world.observed.clock_skewed = false;
    world.advance(-25 * 60 + 1);
    assert_eq!(held(&world.pass()), 3);
}

#[test]
fn what_went_while_the_clock_was_slow_counts_for_a_day_once_it_is_right() {
    let mut world = forty();
    world.observed.clock_skewed = true;
    keep(&mut world, "bulk", 0..22);
    world.pass();
    world.observed.clock_skewed = false;
    world.advance(25 * 60);
    keep(&mut world, "other", 33..40);
    assert_eq!(held(&world.plan()), 3);
    world.advance(24 * 60);
    assert_eq!(held(&world.plan()), 0);
}
