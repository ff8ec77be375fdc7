//! Writes whose answers were lost.

use opendoor_planner::exposure::Tri;
use opendoor_planner::ledger::EntryVia;
use opendoor_planner::owner::OwnerKind;
use opendoor_planner::reasons::Reason;
use opendoor_planner::settle::{Outcome, mark_open_as_unknown};
use opendoor_planner::writes::{Answer, Write};

use crate::world::{
    World, assert_quiet, assignment, door, key_doors, lines, owner, partner, partner_key, refusals,
    strings,
};

/// Unit 103 is to be given to TourPass.
fn one_grant() -> World {
    let mut world = World::good();
    world.declare("more", assignment("TourPass", &["Unit 103"]));
    world
}

const GRANT: &str = "AssignDoor Unit 103: none -> TourPass @more.yaml:11";

#[test]
fn a_write_that_arrived_is_settled_by_the_next_read_and_is_ours() {
    let mut world = one_grant();
    world.lose_answers(true);
    let plan = world.plan();
    assert_quiet(&plan);
    assert_eq!(world.taken.settled[0].outcome, Outcome::Applied);
    assert_eq!(world.record("Unit 103").claims[0].owners.len(), 1);
    world.remove("more");
    assert_eq!(world.plan().steps.len(), 1);
}

#[test]
fn a_write_that_did_not_arrive_is_sent_again_as_it_was_and_charged_once() {
    let mut world = one_grant();
    let first = world.lose_answers(false);
    world.advance(5);
    let plan = world.decide();
    assert_eq!(lines(&plan), [GRANT]);
    let again = world.begin(&plan);
    assert_eq!(
        (again[0].number, &again[0].write),
        (first[0].number, &first[0].write)
    );
    assert_eq!(world.ledger.head.charges.len(), 1);
    assert_eq!(world.record("Unit 103").may_open.len(), 1);
}

#[test]
fn another_write_to_the_same_door_waits() {
    let mut world = one_grant();
    world.lose_answers(false);
    world.remove("more");
    world.declare("rival", assignment("Parcel Runner", &["Unit 103"]));
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["OutcomeUnknown harbor-point.yaml:1"]);
    assert!(plan.cannot_tell());
}

#[test]
fn a_write_no_longer_wanted_stays_unknown_until_it_can_take_effect_no_more() {
    let mut world = one_grant();
    world.lose_answers(false);
    world.remove("more");
    world.advance(10);
    assert_eq!(
        refusals(&world.plan()),
        ["OutcomeUnknown harbor-point.yaml:1"]
    );
    assert_eq!(
        world.verdict("Unit 103", "TourPass").reason,
        Reason::OutcomeUnknown
    );
    world.advance(1);
    assert_quiet(&world.plan());
    assert_eq!(world.taken.settled[0].outcome, Outcome::Overtaken);
    assert!(world.record("Unit 103").may_open.is_empty());
}

#[test]
fn a_write_that_arrives_late_is_taken_away_again() {
    let mut world = one_grant();
    let intents = world.lose_answers(false);
    world.remove("more");
    world.advance(9);
    world.plan();
    crate::door_os::perform(&mut world.observed, &intents[0].write);
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Unit 103: TourPass -> none @more.yaml"]
    );
}

#[test]
fn the_ten_minutes_count_from_the_last_sending() {
    let mut world = one_grant();
    world.lose_answers(false);
    world.advance(9);
    world.lose_answers(false);
    world.remove("more");
    world.advance(9);
    assert_eq!(
        refusals(&world.plan()),
        ["OutcomeUnknown harbor-point.yaml:1"]
    );
    world.advance(2);
    assert_quiet(&world.plan());
}

#[test]
fn a_refusal_of_the_second_sending_settles_nothing() {
    let mut world = one_grant();
    world.lose_answers(false);
    let refused = Answer::Refused {
        code: "REVISION_MISMATCH".to_owned(),
    };
    assert!(world.answer(&refused).is_none());
    assert_eq!(world.ledger.head.intents.len(), 1);
}

#[test]
fn a_write_overtaken_by_a_person_is_not_ours() {
    let mut world = one_grant();
    world.lose_answers(false);
    world.hand_door("Unit 103", Some("Parcel Runner"));
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        ["ChangeDoor Unit 103: Parcel Runner -> TourPass HELD DoorHeldByOther @more.yaml:11"]
    );
    assert!(world.record("Unit 103").claims.is_empty());
    let opens: Vec<_> = world
        .record("Unit 103")
        .may_open
        .iter()
        .map(|entry| entry.partner)
        .collect();
    assert_eq!(
        opens,
        [partner("Parcel Runner")],
        "one change: ours cannot have been among them"
    );
}

#[test]
fn a_grant_that_may_have_been_there_for_a_moment_is_owed() {
    let mut world = one_grant();
    world.lose_answers(true);
    world.hand_door("Unit 103", None);
    world.plan();
    let entry = &world.record("Unit 103").may_open[0];
    assert_eq!(
        (entry.partner, entry.gone.as_ref().map(|gone| gone.since)),
        (partner("TourPass"), Some(world.now))
    );
    assert_eq!(world.verdict("Unit 103", "TourPass").enforced, Tri::False);
}

#[test]
fn a_write_found_open_after_a_crash_is_unknown() {
    let mut world = one_grant();
    let plan = world.decide();
    world.begin(&plan);
    mark_open_as_unknown(&mut world.ledger, world.now);
    assert_eq!(
        lines(&world.plan()),
        [GRANT],
        "it may be sent again after a read"
    );
    assert_eq!(world.ledger.head.intents[0].unknown_since, Some(world.now));
}

#[test]
fn an_answer_without_the_row_that_was_written_is_for_a_read_to_settle() {
    let mut world = one_grant();
    let bare = Answer::Applied {
        key: None,
        doors: Vec::new(),
    };
    assert!(world.answer(&bare).is_none());
    world.hand_door("Unit 103", Some("TourPass"));
    assert_quiet(&world.plan());
    assert_eq!(world.record("Unit 103").claims.len(), 1);
}

#[test]
fn an_object_that_shares_a_door_and_went_while_the_write_was_open_owns_nothing_of_it() {
    let mut world = World::good();
    world.declare("one", assignment("TourPass", &["Unit 103"]));
    world.declare("two", assignment("TourPass", &["Unit 103"]));
    world.lose_answers(false);
    world.remove("two");
    world.pass();
    assert_quiet(&world.plan());
    let one = owner("one", OwnerKind::DoorAssignment);
    assert_eq!(world.record("Unit 103").claims[0].owners[..], [one]);
    let two = owner("two", OwnerKind::DoorAssignment);
    assert!(!world.ledger.holds_for(&two), "its finalizer can go");
    world.remove("one");
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Unit 103: TourPass -> none @one.yaml"]
    );
}

#[test]
fn a_created_key_is_recognised_by_its_mark_and_not_by_its_name() {
    let mut world = World::good();
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    let intents = world.lose_answers(true);
    let Write::CreateKey { client_ref, .. } = &intents[0].write else {
        panic!()
    };
    let made = world
        .observed
        .keys
        .iter_mut()
        .find(|row| row.client_ref.as_ref() == Some(client_ref));
    made.unwrap().name = "Renamed at once".to_owned();
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        ["UpdateKey \"Renamed at once\" of TourPass @pool-key.yaml:1"]
    );
}

#[test]
fn a_key_of_ours_that_a_look_shows_before_its_doors_do_was_not_added_by_hand() {
    let mut world = World::good();
    world.property(|spec| spec.added_by_hand = opendoor_api::AddedByHand::Remove);
    world.decide();
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    let before = world.row("Pool").clone();
    world.lose_answers(true);
    let after = std::mem::replace(world.row("Pool"), before);
    world.remove("pool-key");
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(plan.unmanaged, []);
    assert_eq!(refusals(&plan), ["OutcomeUnknown harbor-point.yaml:1"]);
    *world.row("Pool") = after;
    assert_eq!(
        lines(&world.plan()),
        ["DeleteKey \"Pool\" of TourPass @pool-key.yaml"]
    );
}

#[test]
fn a_creation_whose_answer_was_lost_is_not_made_twice() {
    let mut world = World::good();
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    world.lose_answers(false);
    world.advance(5);
    world.lose_answers(true);
    assert_quiet(&world.plan());
    assert_eq!(world.observed.keys.len(), 3);
    assert_eq!(world.ledger.head.intents.len(), 0);
}

#[test]
fn a_creation_that_never_arrived_is_made_under_a_new_mark() {
    let mut world = World::good();
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    let first = world.lose_answers(false);
    world.advance(12);
    assert_eq!(world.plan().steps.len(), 1);
    let plan = world.decide();
    let second = world.begin(&plan);
    assert_ne!(first[0].write, second[0].write);
}

#[test]
fn a_creation_whose_declaration_changed_waits_for_its_outcome() {
    let mut world = World::good();
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    world.lose_answers(false);
    world.partner_key("pool-key", |spec| {
        spec.doors = key_doors(&[("Unit 103", true)])
    });
    assert_eq!(
        refusals(&world.plan()),
        ["OutcomeUnknown harbor-point.yaml:1"]
    );
    world.advance(12);
    assert_eq!(
        lines(&world.plan()),
        ["CreateKey \"Pool\" of TourPass @pool-key.yaml:1"]
    );
}

#[test]
fn a_lost_creation_whose_object_is_gone_is_still_unknown() {
    let mut world = World::good();
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    world.lose_answers(false);
    world.remove("pool-key");
    assert_eq!(
        refusals(&world.plan()),
        ["OutcomeUnknown harbor-point.yaml:1"]
    );
    world.advance(11);
    assert_quiet(&world.plan());
}

#[test]
fn a_lost_conversion_whose_object_is_gone_is_still_unknown() {
    let mut world = World::good();
    let doors = [("Front Entrance", true), ("Unit 101", true)];
    let mut spec = partner_key("TourPass", "Residents", &doors);
    spec.adopt = Some(opendoor_api::Adoption {
        acknowledge: opendoor_api::Acknowledgement::ConvertsToPartnerKeyForGood,
        key_uuid: None,
    });
    world.declare_key("residents", spec);
    world.lose_answers(false);
    world.remove("residents");
    assert_eq!(
        refusals(&world.plan()),
        ["OutcomeUnknown harbor-point.yaml:1"]
    );
}

#[test]
fn a_lost_edit_of_a_schedule_is_applied_only_if_the_schedule_is_there() {
    let mut world = World::good();
    world.partner_key("vacant-tours", |spec| {
        spec.schedule = vec![opendoor_api::ScheduleEntry {
            days: vec![opendoor_api::Day::Monday],
            from: "09:00".to_owned(),
            to: "17:00".to_owned(),
        }];
    });
    world.lose_answers(false);
    world.hand_key("Vacant tours", |row| row.holders = Some(3));
    let plan = world.plan();
    assert_eq!(world.taken.settled[0].outcome, Outcome::Overtaken);
    assert_eq!(plan.steps.len(), 1);
}

#[test]
fn a_lost_conversion_that_somebody_forestalled_does_not_make_the_key_ours() {
    let mut world = World::good();
    let doors = [("Front Entrance", true), ("Unit 101", true)];
    let mut spec = partner_key("TourPass", "Residents", &doors);
    spec.adopt = Some(opendoor_api::Adoption {
        acknowledge: opendoor_api::Acknowledgement::ConvertsToPartnerKeyForGood,
        key_uuid: None,
    });
    world.declare_key("residents", spec);
    world.lose_answers(false);
    world.hand_key("Residents", |row| {
        row.partner = Some(partner("Parcel Runner"))
    });
    assert_eq!(
        refusals(&world.plan()),
        ["PartnerImmutable residents.yaml:6"]
    );
    assert_eq!(world.ledger.head.keys.len(), 1);
}

#[test]
fn a_lost_deletion_is_settled_by_a_complete_look_without_the_key() {
    let mut world = World::good();
    world.remove("vacant-tours");
    world.lose_answers(true);
    world.observed.incomplete = Some("cut".to_owned());
    world.plan();
    assert_eq!(
        world.ledger.head.intents.len(),
        1,
        "an incomplete look proves no absence"
    );
    world.observed.incomplete = None;
    assert_quiet(&world.plan());
    assert!(world.ledger.head.keys.is_empty());
}

#[test]
fn a_conversion_grows_what_the_locks_of_all_its_doors_may_accept_before_it_is_sent() {
    let mut world = World::good();
    let doors = [("Front Entrance", true), ("Unit 101", true)];
    let mut spec = partner_key("TourPass", "Residents", &doors);
    spec.adopt = Some(opendoor_api::Adoption {
        acknowledge: opendoor_api::Acknowledgement::ConvertsToPartnerKeyForGood,
        key_uuid: None,
    });
    world.declare_key("residents", spec);
    world.lose_answers(false);
    for name in ["Front Entrance", "Unit 101"] {
        let via = EntryVia::Key(crate::world::key("Residents"));
        let pending = |entry: &&opendoor_planner::ledger::MayOpen| {
            entry.partner == partner("TourPass") && entry.via == via
        };
        assert_eq!(
            world.record(name).may_open.iter().filter(pending).count(),
            1,
            "{name}"
        );
    }
}

#[test]
fn a_lost_removal_is_sent_again_though_the_door_is_named_elsewhere_by_then() {
    let mut world = World::good();
    let three = ["Front Entrance", "Mail Room", "Package Room"];
    world.assignment("parcel-runner", |spec| spec.doors = Some(strings(&three)));
    world.lose_answers(false);
    world.declare("rival", assignment("TourPass", &["Garage Gate"]));
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        [""; 0],
        "a change of the door waits for the removal's outcome"
    );
    assert!(world.ledger.door_has_intent(door("Garage Gate")));
}

#[test]
fn a_lost_deletion_is_not_sent_again_once_somebody_holds_the_key() {
    let mut world = World::good();
    world.remove("vacant-tours");
    world.lose_answers(false);
    world.key_row("Vacant tours").holders = Some(1);
    assert_eq!(
        lines(&world.plan()),
        ["DeleteKey \"Vacant tours\" of TourPass HELD HoldersAffected @vacant-tours.yaml"]
    );
}

#[test]
fn a_retained_deletion_leaves_a_door_about_which_a_write_is_open() {
    let mut world = World::good();
    world.assignment("pool-tours", |spec| {
        spec.deletion_policy = opendoor_api::DeletionPolicy::Retain
    });
    world.pass();
    world.declare_key(
        "more",
        partner_key("Parcel Runner", "More parcels", &[("Pool", false)]),
    );
    world.lose_answers(false);
    assert!(!world.ledger.head.intents.is_empty());
    world.remove("pool-tours");
    let plan = world.plan();
    let removals = plan.steps.iter().filter(|step| step.door.is_some());
    assert_eq!(removals.count(), 0, "{:?}", lines(&plan));
    assert!(world.record("Pool").claims.is_empty());
}
