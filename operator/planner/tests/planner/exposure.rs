//! What a person reads about one partner at one door: each state of the table, once.

use opendoor_planner::conditions::{Condition, statuses};
use opendoor_planner::exposure::{Tri, attest, unproven};
use opendoor_planner::reasons::Reason;

use crate::world::{World, assert_quiet, assignment, door, number, partner, waiting};

/// The Pool was taken from TourPass a minute ago.
fn removed(connected: bool) -> World {
    let mut world = World::good();
    world.row("Pool").connected = Some(connected);
    world.remove("pool-tours");
    world.pass();
    world.advance(1);
    assert_quiet(&world.plan());
    world
}

#[track_caller]
fn assert_pool(world: &World, enforced: Tri, sync_required: Tri, reason: Reason) {
    let verdict = world.verdict("Pool", "TourPass");
    assert_eq!(
        (verdict.enforced, verdict.sync_required, verdict.reason),
        (enforced, sync_required, reason)
    );
}

#[test]
fn held_and_proven_or_nowhere_is_enforced() {
    let mut world = World::good();
    world.plan();
    assert_pool(&world, Tri::True, Tri::False, Reason::LockProven);
    let nowhere = world.verdict("Pool", "Parcel Runner");
    assert_eq!(
        (nowhere.enforced, nowhere.sync_required),
        (Tri::True, Tri::False)
    );
}

#[test]
fn held_and_not_proven_is_unknown_and_a_sync_is_required_as_door_os_says() {
    let mut world = World::good();
    world.declare("more", assignment("TourPass", &["Unit 103"]));
    world.pass();
    for (said, required) in [
        (Some(true), Tri::True),
        (Some(false), Tri::False),
        (None, Tri::Unknown),
    ] {
        world.row("Unit 103").sync_required = said;
        world.plan();
        let verdict = world.verdict("Unit 103", "TourPass");
        assert_eq!(
            (verdict.enforced, verdict.sync_required, verdict.reason),
            (Tri::Unknown, required, Reason::LockNotProven)
        );
    }
}

#[test]
fn held_again_after_a_removal_that_the_lock_never_saw_needs_a_sync() {
    let mut world = removed(false);
    world.declare("pool-tours", assignment("TourPass", &["Pool"]));
    world.pass();
    assert_pool(&world, Tri::False, Tri::True, Reason::ReplacedEntry);
}

#[test]
fn a_narrowed_key_that_the_lock_never_saw_needs_a_sync() {
    let mut world = World::good();
    world.row("Unit 101").connected = Some(false);
    world.partner_key("vacant-tours", |spec| {
        spec.doors[0].provide_doorcodes = false
    });
    world.pass();
    let verdict = world.verdict("Unit 101", "TourPass");
    assert_eq!(
        (verdict.enforced, verdict.sync_required, verdict.reason),
        (Tri::False, Tri::True, Reason::ReplacedEntry)
    );
}

#[test]
fn removed_from_a_connected_door_sends_nobody_for_thirty_minutes() {
    let mut world = removed(true);
    assert_pool(&world, Tri::False, Tri::False, Reason::AwaitingPush);
    world.advance(28);
    assert_pool(&world, Tri::False, Tri::False, Reason::AwaitingPush);
    world.advance(1);
    assert_pool(&world, Tri::False, Tri::True, Reason::DoorSyncRequired);
}

#[test]
fn removed_from_an_offline_door_needs_a_sync_at_once() {
    let world = removed(false);
    assert_pool(&world, Tri::False, Tri::True, Reason::DoorSyncRequired);
}

#[test]
fn a_door_of_which_nobody_says_whether_it_is_connected_counts_as_offline() {
    let mut world = removed(true);
    world.row("Pool").connected = None;
    assert_pool(&world, Tri::False, Tri::True, Reason::DoorSyncRequired);
}

#[test]
fn removed_from_a_door_without_a_device_says_so() {
    let mut world = removed(true);
    world.row("Pool").serial = None;
    world.plan();
    assert_pool(&world, Tri::False, Tri::True, Reason::NoDevice);
}

#[test]
fn attested_by_a_person_is_a_weaker_word_than_proof() {
    let mut world = removed(false);
    assert!(attest(&mut world.ledger, door("Pool"), world.now));
    assert_pool(&world, Tri::Unknown, Tri::False, Reason::Attested);
    assert_eq!(waiting(&world.plan()), [""; 0]);
    assert_eq!(
        world.record("Pool").may_open.len(),
        1,
        "the entry stays until it is proven away"
    );
}

#[test]
fn what_is_unproven_is_told_by_the_ledger_alone_since_the_first_removal() {
    let mut world = removed(false);
    let first = unproven(&world.ledger);
    let pool = (door("Pool"), partner("TourPass"));
    assert_eq!(first.keys().collect::<Vec<_>>(), [&pool]);
    world.declare("pool-tours", assignment("TourPass", &["Pool"]));
    world.pass();
    world.advance(60);
    world.remove("pool-tours");
    world.pass();
    assert_eq!(unproven(&world.ledger), first);
    attest(&mut world.ledger, door("Pool"), world.now);
    assert!(unproven(&world.ledger).is_empty());
}

#[test]
fn what_happens_after_an_attestation_is_not_attested() {
    let mut world = removed(false);
    attest(&mut world.ledger, door("Pool"), world.now);
    world.row("Pool").serial = Some("another device".into());
    world.plan();
    assert_pool(&world, Tri::Unknown, Tri::Unknown, Reason::HistoryUnknown);

    world.declare("pool-tours", assignment("TourPass", &["Pool"]));
    world.pass();
    world.remove("pool-tours");
    world.pass();
    assert_eq!(world.verdict("Pool", "TourPass").enforced, Tri::False);
}

#[test]
fn there_is_nothing_to_attest_at_a_door_that_owes_nothing() {
    let mut world = World::good();
    assert!(!attest(&mut world.ledger, door("Pool"), world.now));
}

#[test]
fn an_unsettled_write_makes_it_unknown() {
    let mut world = World::good();
    world.remove("pool-tours");
    world.lose_answers(false);
    assert_pool(&world, Tri::Unknown, Tri::Unknown, Reason::OutcomeUnknown);
}

#[test]
fn a_stale_row_or_a_missing_one_makes_it_unknown() {
    let mut world = removed(false);
    world.row("Pool").version -= 1;
    world.plan();
    assert_pool(
        &world,
        Tri::Unknown,
        Tri::Unknown,
        Reason::ObservationIncomplete,
    );
    world.observed.doors.retain(|row| *row.name != *"Pool");
    world.observed.incomplete = Some("cut".to_owned());
    world.plan();
    assert_pool(
        &world,
        Tri::Unknown,
        Tri::Unknown,
        Reason::ObservationIncomplete,
    );
}

#[test]
fn an_unknown_history_makes_it_unknown() {
    let mut world = World::good();
    let row = world.row("Pool");
    row.access_revision += 2;
    row.version += 1;
    world.plan();
    assert_pool(&world, Tri::Unknown, Tri::Unknown, Reason::HistoryUnknown);
    attest(&mut world.ledger, door("Pool"), world.now);
    assert_pool(&world, Tri::Unknown, Tri::False, Reason::Attested);
}

#[test]
fn a_removal_is_not_enforced_from_before_the_first_write() {
    let mut world = World::good();
    world.remove("pool-tours");
    let plan = world.decide();
    world.begin(&plan);
    assert_ne!(world.verdict("Pool", "TourPass").enforced, Tri::True);
}

#[test]
fn a_debt_survives_its_object_and_names_it() {
    let mut world = removed(false);
    world.advance(72 * 60);
    let plan = world.plan();
    let sync = plan
        .waiting
        .iter()
        .find(|waiting| waiting.door.is_some())
        .unwrap();
    assert_eq!(sync.owner.as_ref().unwrap().name, "pool-tours");
    assert_eq!(
        sync.since.map(|since| since.to_string()).as_deref(),
        Some("2026-03-02T11:00:00Z")
    );
    assert_eq!(
        sync.deadline.map(|at| at.to_string()).as_deref(),
        Some("2026-03-05T11:00:00Z")
    );
}

#[test]
fn a_debt_survives_a_list_that_came_short() {
    let mut world = removed(false);
    let due = waiting(&world.plan());
    world.observed.doors.clear();
    world.observed.incomplete = Some("cut".to_owned());
    let plan = world.plan();
    assert_eq!(waiting(&plan).len(), due.len());
    assert!(
        plan.waiting
            .iter()
            .any(|waiting| waiting.reason == Reason::ObservationIncomplete)
    );
    attest(&mut world.ledger, door("Pool"), world.now);
    assert_eq!(waiting(&world.plan()), [""; 0]);
}

#[test]
fn a_door_removed_by_key_and_by_hand_on_the_door_is_one_visit() {
    let mut world = World::good();
    world.row("Unit 101").connected = Some(false);
    world.declare("more", assignment("TourPass", &["Unit 101"]));
    world.pass();
    world.remove("more");
    world.remove("vacant-tours");
    world.pass();
    assert!(
        waiting(&world.plan())
            .contains(&"Sync Unit 101 TourPass by door and key: DoorSyncRequired".to_owned())
    );
}

#[test]
fn a_building_is_done_when_nothing_is_owned_or_owed() {
    let mut world = removed(false);
    world.remove("parcel-runner");
    world.remove("vacant-tours");
    world.guard.limits.removals_percent = 100;
    world.pass();
    world.plan();
    assert!(!world.ledger.is_settled());
    world.sync_all();
    world.plan();
    assert!(world.ledger.is_settled());
}

#[test]
fn what_was_removed_at_a_time_that_is_still_to_come_waits_for_no_push() {
    let mut world = removed(true);
    world.advance(-2);
    assert_pool(&world, Tri::False, Tri::False, Reason::AwaitingPush);
    world.advance(-60);
    assert_pool(&world, Tri::False, Tri::True, Reason::DoorSyncRequired);
}

/// What is said of the property's locks.
fn enforced(world: &mut World) -> Condition {
    let plan = world.plan();
    let mut said = statuses(
        &world.ledger,
        &world.taken,
        &world.observed,
        &plan,
        world.now,
    );
    let mut said = said.remove(0).conditions.into_iter();
    said.find(|said| said.kind == "Enforced").unwrap()
}

#[test]
fn a_verdict_names_only_the_doors_that_it_is_the_reason_of() {
    let mut world = World::good();
    world.declare("unit-tours", assignment("TourPass", &["Unit 103"]));
    world.pass();
    world.remove("unit-tours");
    world.remove("pool-tours");
    world.pass();
    world.advance(1);
    let enforced = enforced(&mut world);
    let at = enforced.message.split(" At: ").nth(1).unwrap();
    let expected = match enforced.reason.as_str() {
        "AwaitingPush" => "Pool (TourPass).",
        _ => "Unit 103 (TourPass).",
    };
    assert_eq!(at, expected, "{}", enforced.reason);
}

#[test]
fn locks_of_unknown_history_are_named() {
    let mut world = World::large(&[("many", 0..12)]);
    let swap = |world: &mut World, n: usize| {
        world.row(&number(n)).serial = Some("another device".into());
    };
    swap(&mut world, 3);
    assert_eq!(
        world.plan().notes,
        [
            "1 lock has a history that is not known here: Door 003. A full Door Sync on each proves what it carries."
        ]
    );
    for n in 0..12 {
        swap(&mut world, n);
    }
    let note = world.plan().notes.remove(0);
    assert!(
        note.starts_with("12 locks have a history that is not known here: Door 000, Door 001, ")
    );
    assert!(note.contains(", Door 009 and 2 more. "), "{note}");
    let mut world = World::good();
    world.row("Unit 103").serial = Some("another device".into());
    assert_eq!(
        enforced(&mut world).message,
        "What this lock may accept is not known. At: Unit 103.",
        "where no object answers for it"
    );
}
