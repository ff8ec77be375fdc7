//! Laws that hold in every small world.

use std::collections::BTreeSet;

use opendoor_planner::guard::losses_in_window;
use opendoor_planner::ids::{DoorUuid, PartnerUuid};
use opendoor_planner::plan::{Action, Plan};
use opendoor_planner::reasons::Reason;
use proptest::prelude::*;

use crate::door_os;
use crate::world::{
    World, assignment, door, door_row, key_doors, lines, number, partner, partner_key,
};

const DOORS: usize = 9;
const PARTNERS: [&str; 2] = ["Parcel Runner", "TourPass"];

/// What people and files do between passes.
#[derive(Clone, Debug)]
enum Act {
    Declare { object: usize, partner: usize, doors: Vec<usize> },
    DeclareKey { object: usize, partner: usize, doors: Vec<usize> },
    Delete { object: usize },
    HandDoor { door: usize, partner: Option<usize> },
    HandKey { doors: Vec<usize> },
    DeleteKey,
    Sync { door: usize },
    Policies { remove_added: bool, hold_removed: bool },
    Advance { minutes: i64 },
    LoseAnswers { arrive: bool },
    Pass,
    PassAndApprove,
}

fn doors() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::btree_set(0..DOORS, 1..5).prop_map(|set| set.into_iter().collect())
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..3_usize, 0..2_usize, doors())
            .prop_map(|(object, partner, doors)| Act::Declare { object, partner, doors }),
        3 => (0..2_usize, 0..2_usize, doors())
            .prop_map(|(object, partner, doors)| Act::DeclareKey { object, partner, doors }),
        2 => (0..5_usize).prop_map(|object| Act::Delete { object }),
        2 => (0..DOORS, proptest::option::of(0..2_usize))
            .prop_map(|(door, partner)| Act::HandDoor { door, partner }),
        1 => doors().prop_map(|doors| Act::HandKey { doors }),
        1 => Just(Act::DeleteKey),
        2 => (0..DOORS).prop_map(|door| Act::Sync { door }),
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(remove_added, hold_removed)| Act::Policies { remove_added, hold_removed }),
        1 => (1..2000_i64).prop_map(|minutes| Act::Advance { minutes }),
        1 => any::<bool>().prop_map(|arrive| Act::LoseAnswers { arrive }),
        5 => Just(Act::Pass),
        2 => Just(Act::PassAndApprove),
    ]
}

fn world() -> World {
    let mut world = World::large(&[]);
    for n in 0..DOORS {
        let mut row = door_row(&number(n), None);
        row.connected = Some(n % 2 == 0);
        world.add_row(row);
    }
    world.plan();
    world
}

fn object_name(object: usize) -> String {
    format!("object-{object}")
}

/// The world after an act; the plan that was performed, if one was.
fn enact(world: &mut World, act: &Act) -> Option<Plan> {
    let names = |doors: &[usize]| doors.iter().copied().map(number).collect::<Vec<_>>();
    match act {
        Act::Declare { object, partner, doors } => {
            let names = names(doors);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            world.declare(&object_name(*object), assignment(PARTNERS[*partner], &names));
        }
        Act::DeclareKey { object, partner, doors } => {
            let names = names(doors);
            let doors: Vec<(&str, bool)> = names.iter().map(|name| (name.as_str(), true)).collect();
            let name = format!("Key {object}");
            let mut spec = partner_key(PARTNERS[*partner], &name, &[]);
            spec.doors = key_doors(&doors);
            world.declare_key(&object_name(object + 3), spec);
        }
        Act::Delete { object } => world.remove(&object_name(*object)),
        Act::HandDoor { door, partner } => {
            world.hand_door(&number(*door), partner.map(|partner| PARTNERS[partner]));
        }
        Act::HandKey { doors } => {
            if let Some(key) = world.observed.keys.first().map(|row| row.uuid) {
                door_os::edit_key(&mut world.observed, key, |row| {
                    row.doors = doors
                        .iter()
                        .map(|n| opendoor_planner::observed::KeyDoor {
                            door: door(&number(*n)),
                            doorcodes: true,
                        })
                        .collect();
                });
            }
        }
        Act::DeleteKey => {
            if let Some(key) = world.observed.keys.last().map(|row| row.uuid) {
                door_os::delete_key(&mut world.observed, key);
            }
        }
        Act::Sync { door } => world.sync(&number(*door)),
        Act::Policies { remove_added, hold_removed } => world.property(|spec| {
            spec.added_by_hand = if *remove_added {
                opendoor_api::AddedByHand::Remove
            } else {
                opendoor_api::AddedByHand::Report
            };
            spec.removed_by_hand = if *hold_removed {
                opendoor_api::RemovedByHand::Hold
            } else {
                opendoor_api::RemovedByHand::Restore
            };
        }),
        Act::Advance { minutes } => world.advance(*minutes),
        Act::LoseAnswers { arrive } => {
            world.lose_answers(*arrive);
        }
        Act::Pass => return Some(world.pass()),
        Act::PassAndApprove => {
            let held = world.decide();
            world.approvals.extend(held.hold_id);
            let plan = world.pass();
            world.approvals.clear();
            return Some(plan);
        }
    }
    None
}

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

/// Pairs that the ledger owned, by dropdown or key.
fn owned(world: &World) -> BTreeSet<(DoorUuid, PartnerUuid)> {
    let by_door = world.ledger.doors.iter().flat_map(|(door, record)| {
        record.claims.iter().map(|claim| (*door, claim.partner))
    });
    let keys = world.ledger.head.keys.iter();
    // Whatever is on a key of ours goes with the key.
    let by_key = keys.filter_map(|(uuid, _)| world.observed.key(*uuid)).flat_map(|row| {
        row.doors.iter().filter_map(|entry| Some((entry.door, row.partner?)))
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
        .filter(|step| head.intents.iter().all(|open| open.fingerprint != step.fingerprint))
        .flat_map(|step| step.losses.iter().map(|pair| (&step.owner, pair)))
        .collect::<BTreeSet<_>>()
        .len()
}

fn may_take_what_is_not_ours(world: &World, plan: &Plan, fingerprint: &String) -> bool {
    let step = plan.steps.iter().find(|step| step.fingerprint == *fingerprint).unwrap();
    let removes = world.ledger.head.property.as_ref().is_some_and(|property| {
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
        for act in &acts {
            let mut before = copy(&world);
            before.plan();
            let Some(plan) = enact(&mut world, act) else { continue };
            assert_covers(&world);
            let owned = owned(&before);
            for step in plan.performable() {
                prop_assert!(
                    step.losses.iter().all(|pair| owned.contains(pair))
                        || may_take_what_is_not_ours(&world, &plan, &step.fingerprint),
                    "{:?}", lines(&plan)
                );
            }
            let unasked = unasked_losses(&before, &plan);
            let charged = losses_in_window(&before.ledger, before.now) as usize;
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
            match object.spec {
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
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        items.swap(at, (state >> 33) as usize % (at + 1));
    }
}

fn copy(world: &World) -> World {
    World {
        now: world.now,
        ledger: world.ledger.clone(),
        declared: world.declared.clone(),
        observed: world.observed.clone(),
        guard: world.guard.clone(),
        approvals: world.approvals.clone(),
        taken: world.taken.clone(),
    }
}

#[test]
fn an_unheld_step_is_never_of_a_reason_that_only_a_person_may_release() {
    let mut world = World::good();
    world.key_row("Vacant tours").holders = Some(1);
    world.remove("vacant-tours");
    let plan = world.plan();
    assert!(plan.steps.iter().all(|step| step.held == Some(Reason::HoldersAffected)));
    assert_eq!(plan.steps[0].losses[0].1, partner("TourPass"));
}
