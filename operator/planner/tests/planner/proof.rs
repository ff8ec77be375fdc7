//! What proves that a lock carries what DOOR OS grants, and what does not.

use opendoor_planner::ids::PartnerUuid;
use opendoor_planner::ledger::UnknownWhy;
use opendoor_planner::observed::DoorRow;
use opendoor_planner::writes::Answer;

use crate::world::{World, assignment, at, key, partner};

/// The Pool was taken from TourPass; its lock has not heard of it.
fn removed() -> World {
    let mut world = World::good();
    world.remove("pool-tours");
    world.pass();
    world.advance(1);
    world.plan();
    assert_eq!(opens(&world, "Pool"), [partner("TourPass")]);
    world
}

fn opens(world: &World, door: &str) -> Vec<PartnerUuid> {
    world
        .record(door)
        .may_open
        .iter()
        .map(|entry| entry.partner)
        .collect()
}

fn why(world: &World, door: &str) -> Option<UnknownWhy> {
    world
        .record(door)
        .unknown
        .as_ref()
        .map(|unknown| unknown.why)
}

#[track_caller]
fn proves_nothing(change: impl FnOnce(&mut DoorRow)) {
    let mut world = removed();
    let row = world.row("Pool");
    row.version += 1;
    change(row);
    world.plan();
    assert!(opens(&world, "Pool").contains(&partner("TourPass")));
}

#[test]
fn a_lock_that_acknowledges_the_present_access_is_proof() {
    let mut world = removed();
    world.sync("Pool");
    world.plan();
    assert_eq!(opens(&world, "Pool"), []);
}

#[test]
fn being_connected_proves_nothing() {
    proves_nothing(|row| row.connected = Some(true));
}

#[test]
fn a_last_full_sync_proves_nothing() {
    proves_nothing(|row| row.last_full_sync = Some(at("2026-03-02T12:00:00Z")));
}

#[test]
fn door_os_saying_that_no_sync_is_required_proves_nothing() {
    proves_nothing(|row| row.sync_required = Some(false));
}

#[test]
fn a_lock_revision_that_door_cannot_say_proves_nothing() {
    proves_nothing(|row| row.lock_revision = None);
}

#[test]
fn an_earlier_list_that_arrives_late_proves_nothing() {
    let mut world = World::good();
    world.hand_door("Pool", None);
    world.hand_door("Pool", Some("TourPass"));
    world.plan();
    let fetched = world.row("Pool").access_revision;
    world.hand_door("Pool", None);
    let row = world.row("Pool");
    row.lock_revision = Some(fetched);
    row.version += 1;
    world.remove("pool-tours");
    world.plan();
    assert!(opens(&world, "Pool").contains(&partner("TourPass")));
}

#[test]
fn time_proves_nothing() {
    let mut world = removed();
    world.advance(60 * 24 * 365);
    world.plan();
    assert_eq!(opens(&world, "Pool"), [partner("TourPass")]);
}

#[test]
fn a_stale_row_proves_nothing() {
    let mut world = World::good();
    let old = world.row("Pool").clone();
    world.remove("pool-tours");
    world.pass();
    *world.row("Pool") = old;
    world.plan();
    assert_eq!(opens(&world, "Pool"), [partner("TourPass")]);
}

#[test]
fn a_row_with_less_access_revision_than_our_write_returned_proves_nothing() {
    proves_nothing(|row| {
        row.access_revision -= 1;
        row.lock_revision = Some(row.access_revision);
    });
}

#[test]
fn another_device_proves_nothing_by_what_its_predecessor_acknowledged() {
    let mut world = removed();
    world.row("Pool").lock_revision = Some(4);
    world.row("Pool").access_revision = 5;
    world.row("Pool").version += 1;
    world.plan();
    let row = world.row("Pool");
    row.serial = Some("a new lock".into());
    row.access_revision = 4;
    row.version += 1;
    world.plan();
    assert_eq!(why(&world, "Pool"), Some(UnknownWhy::NewDevice));
}

#[test]
fn a_new_device_that_shows_the_old_acknowledgement_is_proven_only_by_its_own() {
    let mut world = World::good();
    let row = world.row("Pool");
    row.serial = Some("a new lock".into());
    row.version += 1;
    world.plan();
    assert_eq!(why(&world, "Pool"), Some(UnknownWhy::NewDevice));
    world.plan();
    assert_eq!(
        why(&world, "Pool"),
        Some(UnknownWhy::NewDevice),
        "seen again, it is no better"
    );
    let now = world.now;
    let row = world.row("Pool");
    row.last_full_sync = Some(now);
    row.version += 1;
    world.plan();
    assert_eq!(why(&world, "Pool"), None);
}

#[test]
fn an_acknowledgement_first_seen_with_a_new_device_may_be_its_predecessors() {
    // The old lock took the removal in and was swapped between two looks.
    let mut world = removed();
    world.sync("Pool");
    world.row("Pool").serial = Some("a new lock".into());
    world.plan();
    assert_eq!(why(&world, "Pool"), Some(UnknownWhy::NewDevice));
    assert_eq!(opens(&world, "Pool"), [partner("TourPass")]);
    world.plan();
    assert_eq!(opens(&world, "Pool"), [partner("TourPass")]);
    // The next thing it acknowledges is its own.
    world.declare("pool-tours", assignment("TourPass", &["Pool"]));
    world.pass();
    world.sync("Pool");
    world.plan();
    assert_eq!(why(&world, "Pool"), None);
    assert!(!world.record("Pool").owes());
}

#[test]
fn a_door_that_was_bare_for_a_while_may_show_the_acknowledgement_of_the_lock_before() {
    let mut world = World::good();
    let acknowledged = world.row("Pool").lock_revision;
    for (serial, lock_revision) in [(None, None), (Some("a new lock".into()), acknowledged)] {
        let row = world.row("Pool");
        row.serial = serial;
        row.lock_revision = lock_revision;
        row.version += 1;
        world.plan();
        assert_eq!(why(&world, "Pool"), Some(UnknownWhy::NewDevice));
    }
}

#[test]
fn an_acknowledgement_that_may_be_another_devices_is_no_better_after_door_could_not_say() {
    let mut world = World::good();
    let acknowledged = world.row("Pool").lock_revision;
    world.row("Pool").serial = Some("a new lock".into());
    for lock_revision in [acknowledged, None, acknowledged] {
        let row = world.row("Pool");
        row.lock_revision = lock_revision;
        row.version += 1;
        world.plan();
        assert!(why(&world, "Pool").is_some(), "{lock_revision:?}");
    }
}

#[test]
fn a_full_sync_from_before_a_device_was_seen_does_not_make_an_acknowledgement_its_own() {
    let mut world = World::good();
    let row = world.row("Pool");
    row.serial = Some("a new lock".into());
    row.version += 1;
    world.plan();
    let seen = world.now;
    world.advance(5);
    for (last_full_sync, proven) in [(at("2026-03-02T10:30:00Z"), false), (seen, true)] {
        let row = world.row("Pool");
        row.last_full_sync = Some(last_full_sync);
        row.version += 1;
        world.plan();
        assert_eq!(why(&world, "Pool").is_none(), proven);
    }
}

#[test]
fn a_door_without_a_device_is_never_proven() {
    let mut world = removed();
    world.sync("Pool");
    world.row("Pool").serial = None;
    world.plan();
    assert_eq!(opens(&world, "Pool"), [partner("TourPass")]);
}

#[test]
fn an_open_write_lets_nothing_be_proven() {
    let mut world = removed();
    world.declare("pool-tours", assignment("TourPass", &["Pool"]));
    world.lose_answers(false);
    world.sync("Pool");
    world.plan();
    assert_eq!(
        world.record("Pool").may_open.len(),
        2,
        "the old entry and the one that may come"
    );
}

#[test]
fn a_grant_grows_what_may_open_before_it_is_sent() {
    let mut world = World::good();
    world.declare("more", assignment("TourPass", &["Unit 103"]));
    let plan = world.decide();
    world.begin(&plan);
    assert_eq!(opens(&world, "Unit 103"), [partner("TourPass")]);
}

#[test]
fn a_new_key_grows_what_may_open_at_each_of_its_doors() {
    let mut world = World::good();
    let doors = [("Pool", true), ("Unit 103", true)];
    world.declare_key(
        "more",
        crate::world::partner_key("TourPass", "More", &doors),
    );
    let plan = world.decide();
    world.begin(&plan);
    assert_eq!(world.record("Pool").may_open.len(), 2);
    assert_eq!(world.record("Unit 103").may_open.len(), 1);
}

#[test]
fn a_refused_grant_leaves_no_debt() {
    let mut world = World::good();
    world.declare("more", assignment("TourPass", &["Unit 103"]));
    world.answer(&Answer::Refused {
        code: "PARTNER_NOT_AUTHORIZED".to_owned(),
    });
    assert_eq!(opens(&world, "Unit 103"), []);
    assert!(!world.record("Unit 103").owes());
}

#[test]
fn a_grant_never_sent_leaves_no_debt_and_keeps_its_approval() {
    let mut world = World::good();
    world.guard.mode = opendoor_api::Mode::Propose;
    world.declare("more", assignment("TourPass", &["Unit 103"]));
    let held = world.decide();
    world.approve(&held);
    world.answer(&Answer::NotSent {
        why: "breaker open".to_owned(),
    });
    world.approvals.clear();
    assert_eq!(opens(&world, "Unit 103"), []);
    assert_eq!(world.pass().performable().count(), 1);
}

#[test]
fn a_grant_whose_row_the_answer_left_out_is_kept_until_a_row_shows_it() {
    let mut world = World::good();
    let doors = [("Pool", true), ("Unit 103", true)];
    world.declare_key(
        "more",
        crate::world::partner_key("TourPass", "More", &doors),
    );
    let plan = world.decide();
    let intents = world.begin(&plan);
    let Answer::Applied { key, .. } =
        crate::door_os::perform(&mut world.observed, &intents[0].write)
    else {
        panic!()
    };
    let bare = Answer::Applied {
        key,
        doors: Vec::new(),
    };
    opendoor_planner::settle::record_answer(&mut world.ledger, intents[0].number, &bare, world.now);
    assert_eq!(opens(&world, "Unit 103"), [partner("TourPass")]);
    world.plan();
    assert_eq!(opens(&world, "Unit 103"), [partner("TourPass")]);
    assert!(!world.record("Unit 103").owes());
}

#[test]
fn the_same_partner_removed_and_given_the_door_again_owes_the_first_entry() {
    let mut world = World::good();
    world.hand_door("Pool", None);
    world.plan();
    world.hand_door("Pool", Some("TourPass"));
    world.plan();
    let gone: Vec<_> = world
        .record("Pool")
        .may_open
        .iter()
        .map(|e| e.gone.is_some())
        .collect();
    assert_eq!(gone, [true, false]);
    world.sync("Pool");
    world.plan();
    assert_eq!(opens(&world, "Pool"), [partner("TourPass")]);
    assert!(!world.record("Pool").owes());
}

#[test]
fn a_door_changed_from_one_partner_to_another_ends_right_for_each() {
    let mut world = World::good();
    world.row("Pool").connected = Some(false);
    world.remove("pool-tours");
    world.declare("parcels", assignment("Parcel Runner", &["Pool"]));
    world.pass();
    world.plan();
    use opendoor_planner::exposure::Tri;
    let tours = world.verdict("Pool", "TourPass");
    let parcels = world.verdict("Pool", "Parcel Runner");
    assert_eq!(
        (tours.enforced, tours.sync_required),
        (Tri::False, Tri::True)
    );
    assert_eq!(
        parcels.enforced,
        Tri::Unknown,
        "the lock has not heard of it"
    );
    world.sync("Pool");
    world.plan();
    for name in ["TourPass", "Parcel Runner"] {
        assert_eq!(world.verdict("Pool", name).enforced, Tri::True, "{name}");
    }
}

#[test]
fn access_that_changed_more_often_than_we_saw_is_an_unknown_history() {
    let mut world = World::good();
    world.hand_door("Pool", Some("Parcel Runner"));
    world.hand_door("Pool", Some("TourPass"));
    world.plan();
    assert_eq!(why(&world, "Pool"), Some(UnknownWhy::MissedChange));
    world.sync("Pool");
    world.plan();
    assert_eq!(why(&world, "Pool"), None);
}

#[test]
fn access_that_differs_without_its_revision_saying_so_is_an_unknown_history() {
    let mut world = World::good();
    let row = world.row("Pool");
    row.access.clear();
    row.version += 1;
    world.plan();
    assert_eq!(
        why(&world, "Pool"),
        None,
        "the lock acknowledges exactly this"
    );
    let row = world.row("Pool");
    row.access_revision += 1;
    row.version += 1;
    world.plan();
    let other = opendoor_planner::observed::Access {
        partner: partner("Parcel Runner"),
        via: opendoor_planner::observed::Via::Key(key("Residents")),
        revision: 4,
    };
    let row = world.row("Pool");
    row.access.push(other);
    row.version += 1;
    world.plan();
    assert_eq!(why(&world, "Pool"), Some(UnknownWhy::MissedChange));
}

#[test]
fn a_lock_that_acknowledges_less_than_it_did_is_an_unknown_history() {
    let mut world = World::good();
    let row = world.row("Pool");
    row.lock_revision = Some(1);
    row.version += 1;
    world.plan();
    assert_eq!(why(&world, "Pool"), Some(UnknownWhy::LockFellBack));
}

#[test]
fn first_contact_with_a_lock_that_is_not_proven_is_an_unknown_history() {
    let mut world = World::good();
    let mut row = crate::world::door_row("New Door", None);
    row.lock_revision = Some(1);
    world.add_row(row);
    world.plan();
    assert_eq!(why(&world, "New Door"), Some(UnknownWhy::FirstContact));
}

#[test]
fn a_door_that_is_gone_owes_until_somebody_attests_it() {
    let mut world = World::good();
    world.remove("pool-tours");
    world.observed.doors.retain(|row| *row.name != *"Pool");
    world.plan();
    assert_eq!(opens(&world, "Pool"), [partner("TourPass")]);
    opendoor_planner::exposure::attest(&mut world.ledger, crate::world::door("Pool"), world.now);
    world.plan();
    world.plan();
    assert!(!world.ledger.doors.contains_key(&crate::world::door("Pool")));
}

#[test]
fn a_door_that_is_gone_and_owes_nothing_is_forgotten() {
    let mut world = World::good();
    world.observed.doors.retain(|row| *row.name != *"Unit 103");
    world.plan();
    assert!(
        !world
            .ledger
            .doors
            .contains_key(&crate::world::door("Unit 103"))
    );
}
