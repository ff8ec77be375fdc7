//! Laws that hold in every small world.

use std::collections::{BTreeMap, BTreeSet};

use opendoor_planner::guard::losses_in_window;
use opendoor_planner::ids::{DoorUuid, PartnerUuid};
use opendoor_planner::plan::{Action, Plan};
use opendoor_planner::reasons::Reason;
use proptest::prelude::*;

use crate::acts::{Act, act, copy, enact, world};
use crate::world::{World, door, lines, number, partner};

/// Nothing that a row shows is missing from what its lock may accept.
fn assert_covers(world: &World) {
    for row in &world.observed.doors {
        let record = &world.ledger.doors[&row.uuid];
        for access in &row.access {
            assert!(
                record.may_open.iter().any(|entry| {
                    entry.partner == access.partner && entry.via == access.via.into()
                }),
                "{} at {}",
                access.partner,
                row.name
            );
        }
    }
}

/// Everybody whom each lock could have come to accept since it was last synced.
#[derive(Default)]
struct Locks(BTreeMap<DoorUuid, BTreeSet<PartnerUuid>>);

impl Locks {
    fn follow(&mut self, world: &World, act: &Act) {
        for row in &world.observed.doors {
            let lock = self.0.entry(row.uuid).or_default();
            if matches!(act, Act::Sync { door: n } if door(&number(*n)) == row.uuid) {
                lock.clear();
            }
            lock.extend(row.access.iter().map(|access| access.partner));
        }
    }

    fn assert_covered_by(&self, world: &World) {
        for (door, accepted) in &self.0 {
            let record = &world.ledger.doors[door];
            let known: BTreeSet<_> = record.may_open.iter().map(|entry| entry.partner).collect();
            assert!(
                record.unknown.is_some() || accepted.is_subset(&known),
                "{record:?}"
            );
        }
    }
}

/// Pairs that the ledger owned, by dropdown or key.
fn owned(world: &World) -> BTreeSet<(DoorUuid, PartnerUuid)> {
    let by_door = world
        .ledger
        .doors
        .iter()
        .flat_map(|(door, record)| record.claims.iter().map(|claim| (*door, claim.partner)));
    let keys = world.ledger.head.keys.iter();
    // Whatever is on a key of ours goes with the key.
    let by_key = keys
        .filter_map(|(uuid, _)| world.observed.key(*uuid))
        .flat_map(|row| {
            row.doors
                .iter()
                .filter_map(|entry| Some((entry.door, row.partner?)))
        });
    by_door.chain(by_key).collect()
}

/// Pairs that go without approval, but for writes that were charged when they were first sent.
fn unasked_losses(before: &World, plan: &Plan) -> usize {
    let head = &before.ledger.head;
    plan.performable()
        .filter(|step| !step.uncharged)
        .filter(|step| !plan.approved.contains(&step.fingerprint))
        .filter(|step| !head.approvals.contains(&step.fingerprint))
        .filter(|step| {
            head.intents
                .iter()
                .all(|open| open.fingerprint != step.fingerprint)
        })
        .flat_map(|step| step.losses.iter().map(|pair| (&step.owner, pair)))
        .collect::<BTreeSet<_>>()
        .len()
}

fn may_take_what_is_not_ours(world: &World, plan: &Plan, fingerprint: &String) -> bool {
    let step = plan
        .steps
        .iter()
        .find(|step| step.fingerprint == *fingerprint)
        .unwrap();
    let removes =
        world.ledger.head.property.as_ref().is_some_and(|property| {
            property.spec.added_by_hand == opendoor_api::AddedByHand::Remove
        });
    removes || (step.action == Action::ChangeDoor && plan.approved.contains(fingerprint))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn performing_plans_takes_only_what_was_ours_and_covers_what_locks_accept(
        acts in proptest::collection::vec(act(), 1..25)
    ) {
        let mut world = world();
        let mut locks = Locks::default();
        for act in &acts {
            let mut before = copy(&world);
            before.plan();
            let plan = enact(&mut world, act);
            locks.follow(&world, act);
            let Some(plan) = plan else { continue };
            assert_covers(&world);
            locks.assert_covered_by(&world);
            let owned = owned(&before);
            for step in plan.performable() {
                prop_assert!(
                    step.losses.iter().all(|pair| owned.contains(pair))
                        || may_take_what_is_not_ours(&world, &plan, &step.fingerprint),
                    "{:?}", lines(&plan)
                );
            }
            let unasked = unasked_losses(&before, &plan);
            let charged = losses_in_window(&before.ledger.head, before.now) as usize;
            let base = before.ledger.owned_pairs() + charged;
            prop_assert!(
                unasked == 0 || charged + unasked <= (base / 4).clamp(3, 25),
                "{unasked} after {charged} of {base}: {:?}", lines(&plan)
            );
        }
    }

    #[test]
    fn passes_converge_and_then_write_nothing(acts in proptest::collection::vec(act(), 1..25)) {
        let mut world = world();
        world.guard.limits = opendoor_api::Limits {
            removals: 1000, removals_percent: 100, grants: 1000, portfolio_removals: 1000,
        };
        for act in &acts {
            enact(&mut world, act);
        }
        world.advance(12);
        for _ in 0..4 {
            enact(&mut world, &Act::PassAndApprove);
        }
        let plan = world.decide();
        prop_assert_eq!(lines(&plan), Vec::<String>::new());
        world.commit();
        world.decide();
        prop_assert!(!world.ledger.unsaved.any());
        world.sync_all();
        let plan = world.plan();
        prop_assert!(plan.waiting.iter().all(|waiting| waiting.door.is_none()));
        prop_assert!(world.ledger.doors.values().all(|record| !record.owes()));
    }

    #[test]
    fn left_alone_passes_come_to_rest(acts in proptest::collection::vec(act(), 1..25)) {
        let mut world = world();
        for act in &acts {
            enact(&mut world, act);
        }
        world.advance(12);
        for _ in 0..5 {
            world.pass();
        }
        let plan = world.decide();
        prop_assert_eq!(plan.performable().count(), 0, "{:?}", lines(&plan));
        world.commit();
        world.decide();
        prop_assert!(!world.ledger.unsaved.any());
    }

    #[test]
    fn the_order_of_what_is_written_and_listed_does_not_matter(
        acts in proptest::collection::vec(act(), 1..15),
        seed in any::<u64>(),
    ) {
        let mut world = world();
        for act in &acts {
            enact(&mut world, act);
        }
        let mut other = copy(&world);
        for object in other.declared.objects.clone() {
            use opendoor_planner::declared::Spec;
            let name = &object.owner.name;
            match object.spec.as_deref().cloned() {
                Some(Spec::DoorAssignment(mut spec)) => {
                    shuffle(spec.doors.as_mut().unwrap(), seed);
                    other.declare(name, spec);
                }
                Some(Spec::PartnerKey(mut spec)) => {
                    shuffle(&mut spec.doors, seed);
                    other.declare_key(name, spec);
                }
                None => {}
            }
        }
        other.property(|spec| shuffle(&mut spec.partners, seed));
        let (plan, same) = (world.plan(), other.plan());
        let steps = |plan: &Plan| {
            plan.steps.iter().map(|step| (step.fingerprint.clone(), step.held)).collect::<Vec<_>>()
        };
        prop_assert_eq!(steps(&plan), steps(&same));
        prop_assert_eq!(plan.hold_id, same.hold_id);
        prop_assert_eq!(plan.waiting, same.waiting);
        let again = copy(&world).plan();
        prop_assert_eq!(format!("{again:?}"), format!("{:?}", world.plan()));
    }
}

fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed | 1;
    for at in (1..items.len()).rev() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        items.swap(at, (state >> 33) as usize % (at + 1));
    }
}

#[test]
fn an_unheld_step_is_never_of_a_reason_that_only_a_person_may_release() {
    let mut world = World::good();
    world.key_row("Vacant tours").holders = Some(1);
    world.remove("vacant-tours");
    let plan = world.plan();
    assert!(
        plan.steps
            .iter()
            .all(|step| step.held == Some(Reason::HoldersAffected))
    );
    assert_eq!(plan.steps[0].losses[0].1, partner("TourPass"));
}
