//! What a person reads about one partner at one door: each state of the table, once.

use opendoor_planner::exposure::{Tri, attest, unproven};
use opendoor_planner::reasons::Reason;

use crate::world::{World, assert_quiet, assignment, door, partner, waiting};

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
