//! What is said of objects and their property.

use opendoor_api::Mode;
use opendoor_planner::conditions::{ObjectStatus, statuses};
use opendoor_planner::plan::Plan;
use proptest::prelude::*;

use crate::acts::{act, enact, world};
use crate::world::{World, assignment, lines, partner_key};

/// What is said once a plan was made.
fn said(world: &World, plan: &Plan) -> Vec<ObjectStatus> {
    statuses(
        &world.ledger,
        &world.taken,
        &world.observed,
        plan,
        world.now,
    )
}

fn of<'a>(said: &'a [ObjectStatus], name: &str) -> &'a ObjectStatus {
    let mut named = said.iter().filter(|said| said.owner.name == name);
    named
        .next()
        .unwrap_or_else(|| panic!("nothing is said of {name}"))
}

/// A condition's status and reason; nothing where it is not said.
fn condition(said: &ObjectStatus, kind: &str) -> String {
    let mut found = said.conditions.iter().filter(|one| one.kind == kind);
    found
        .next()
        .map(|one| format!("{} {}", one.status, one.reason))
        .unwrap_or_default()
}

#[track_caller]
fn assert_unknown(said: &ObjectStatus) {
    assert_eq!(condition(said, "Enforced"), "Unknown OutcomeUnknown");
    assert_eq!(condition(said, "SyncRequired"), "Unknown OutcomeUnknown");
}

#[test]
fn a_removal_whose_answer_was_lost_is_not_proven_at_the_lock() {
    let mut world = World::good();
    world.remove("pool-tours");
    world.lose_answers(false);
    let plan = world.plan();
    let said = said(&world, &plan);
    assert_unknown(&said[0]);
    let gone = of(&said, "pool-tours");
    assert_unknown(gone);
    assert_eq!((gone.declared, gone.applied, gone.enforced), (0, 0, 0));
}

#[test]
fn a_grant_that_nobody_wants_any_more_and_whose_answer_was_lost_is_unknown_at_the_lock() {
    let mut world = World::good();
    world.declare("more", assignment("TourPass", &["Unit 103"]));
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    world.lose_answers(false);
    world.remove("more");
    world.remove("pool-key");
    let plan = world.plan();
    let said = said(&world, &plan);
    for name in ["harbor-point", "more", "pool-key"] {
        assert_unknown(of(&said, name));
    }
    assert_eq!(of(&said, "more").declared, 0);
    assert_eq!(
        condition(of(&said, "parcel-runner"), "Enforced"),
        "True LockProven",
        "it has nothing to do with either door"
    );
}

#[test]
fn a_lost_removal_of_what_was_added_by_hand_is_the_propertys() {
    let mut world = World::good();
    world.property(|spec| spec.added_by_hand = opendoor_api::AddedByHand::Remove);
    world.decide();
    world.hand_door("Unit 103", Some("TourPass"));
    world.sync("Unit 103");
    world.lose_answers(false);
    let plan = world.plan();
    assert_unknown(&said(&world, &plan)[0]);
}

#[test]
fn what_an_object_only_keeps_is_as_good_as_its_locks() {
    let mut world = World::good();
    world.row("Pool").lock_revision = None;
    world.row("Unit 101").lock_revision = None;
    world.property(|spec| spec.partners.retain(|partner| partner.name != "TourPass"));
    let plan = world.plan();
    let said = said(&world, &plan);
    for name in ["pool-tours", "vacant-tours"] {
        let kept = of(&said, name);
        assert!(
            condition(kept, "Enforced").starts_with("Unknown "),
            "{kept:?}"
        );
        assert_eq!((kept.declared, kept.enforced), (0, 0));
    }
}

proptest! {
    #[test]
    fn nothing_is_enforced_at_a_lock_about_which_a_write_is_open(
        acts in proptest::collection::vec(act(), 1..25)
    ) {
        let mut world = world();
        for act in &acts {
            enact(&mut world, act);
        }
        let plan = world.plan();
        let said = said(&world, &plan);
        for intent in &world.ledger.head.intents {
            for door in &intent.doors {
                let name = world.observed.door(*door).map(|row| &*row.name);
                let about = |one: &ObjectStatus| one.doors.iter().any(|at| Some(&*at.door) == name);
                prop_assert!(about(&said[0]), "{intent:?}");
                let of_its_object = said.iter().find(|one| one.owner == intent.owner);
                prop_assert!(of_its_object.is_none_or(about), "{intent:?}");
            }
        }
        for one in &said {
            prop_assert!(one.applied <= one.declared && one.enforced <= one.declared, "{one:?}");
        }
    }
}

/// The key of the tours is to be named "Pool", which a key that is to go has.
fn waits_for_a_name() -> World {
    let mut world = World::good();
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    world.pass();
    world.remove("pool-key");
    world.partner_key("vacant-tours", |spec| {
        spec.key_name = Some("Pool".to_owned())
    });
    world
}

#[test]
fn a_key_name_that_is_about_to_be_free_is_waited_for_by_us() {
    let mut world = waits_for_a_name();
    let plan = world.plan();
    let said = said(&world, &plan);
    for name in ["harbor-point", "vacant-tours"] {
        let waits = of(&said, name);
        assert_eq!(condition(waits, "Reconciling"), "True Progressing");
        assert_eq!(condition(waits, "Stalled"), "");
    }
}

/// What keeps us from doing it.
type Keep<'a> = &'a dyn Fn(&mut World);

#[test]
fn a_key_name_that_is_free_only_once_a_person_decides_is_waited_for_by_a_person() {
    let held = |world: &mut World| {
        let pool = world.observed.keys.iter_mut();
        let pool = pool.filter(|row| row.name == "Pool");
        pool.for_each(|row| row.holders = Some(2));
    };
    let observe = |world: &mut World| world.guard.mode = Mode::Observe;
    let suspended = |world: &mut World| world.guard.suspended = true;
    let ways: [(Keep<'_>, &str); 3] = [
        (&held, "True HoldersAffected"),
        (&observe, "True ObserveOnly"),
        (&suspended, "True Suspended"),
    ];
    for (keep, why) in ways {
        let mut world = waits_for_a_name();
        keep(&mut world);
        let plan = world.plan();
        assert_eq!(plan.performable().count(), 0, "{:?}", lines(&plan));
        let said = said(&world, &plan);
        assert_eq!(condition(&said[0], "Stalled"), why);
        let waits = of(&said, "vacant-tours");
        assert_eq!(condition(waits, "Stalled"), "True WaitingForKeyName");
        assert_eq!(condition(waits, "Reconciling"), "");
        assert_eq!(condition(waits, "Applied"), "False WaitingForKeyName");
    }
}
