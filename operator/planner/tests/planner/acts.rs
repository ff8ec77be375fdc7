//! Random worlds: what people, files and the network do between passes, and a world to do it in.

use opendoor_planner::plan::Plan;
use proptest::prelude::*;

use crate::door_os;
use crate::world::{World, assignment, door, door_row, key_doors, number, partner_key};

pub(crate) const DOORS: usize = 9;
pub(crate) const PARTNERS: [&str; 2] = ["Parcel Runner", "TourPass"];

/// What people and files do between passes.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Declare {
        object: usize,
        partner: usize,
        doors: Vec<usize>,
    },
    DeclareKey {
        object: usize,
        partner: usize,
        doors: Vec<usize>,
    },
    Delete {
        object: usize,
    },
    HandDoor {
        door: usize,
        partner: Option<usize>,
    },
    HandKey {
        doors: Vec<usize>,
    },
    DeleteKey,
    Sync {
        door: usize,
    },
    Policies {
        remove_added: bool,
        hold_removed: bool,
    },
    Advance {
        minutes: i64,
    },
    LoseAnswers {
        arrive: bool,
    },
    Pass,
    PassAndApprove,
}

pub(crate) fn doors() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::btree_set(0..DOORS, 1..5).prop_map(|set| set.into_iter().collect())
}

pub(crate) fn act() -> impl Strategy<Value = Act> {
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

pub(crate) fn world() -> World {
    let mut world = World::large(&[]);
    for n in 0..DOORS {
        let mut row = door_row(&number(n), None);
        row.connected = Some(n % 2 == 0);
        world.add_row(row);
    }
    world.plan();
    world
}

pub(crate) fn object_name(object: usize) -> String {
    format!("object-{object}")
}

/// The world after an act; the plan that was performed, if one was.
pub(crate) fn enact(world: &mut World, act: &Act) -> Option<Plan> {
    let names = |doors: &[usize]| doors.iter().copied().map(number).collect::<Vec<_>>();
    match act {
        Act::Declare {
            object,
            partner,
            doors,
        } => {
            let names = names(doors);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            world.declare(
                &object_name(*object),
                assignment(PARTNERS[*partner], &names),
            );
        }
        Act::DeclareKey {
            object,
            partner,
            doors,
        } => {
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
        Act::Policies {
            remove_added,
            hold_removed,
        } => world.property(|spec| {
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

pub(crate) fn copy(world: &World) -> World {
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
