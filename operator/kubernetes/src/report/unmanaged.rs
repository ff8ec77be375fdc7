//! Who has access that nobody declared, door by door.

use std::collections::BTreeSet;

use jiff::Timestamp;
use opendoor_api::UnmanagedAccess;
use opendoor_planner::exposure::{verdict, view_of};
use opendoor_planner::ids::{DoorUuid, KeyUuid};
use opendoor_planner::ledger::Ledger;
use opendoor_planner::observed::{Observed, Via};
use opendoor_planner::plan::Plan;
use opendoor_planner::reasons::Reason;
use opendoor_planner::steps::{key_name, partner_name};

use super::{LONGEST_NAME, bounded, more};

/// Most pairs in a status.
const SHOWN: usize = 25;

/// The first pairs by door, partner and way, and how many more there are.
#[must_use]
pub(super) fn unmanaged(
    plan: &Plan,
    ledger: &Ledger,
    observed: &Observed,
    now: Timestamp,
) -> (Vec<UnmanagedAccess>, Option<u32>) {
    if plan.unmanaged.is_empty() {
        return (Vec::new(), None);
    }
    let mut doors: BTreeSet<DoorUuid> = BTreeSet::new();
    let mut keys: BTreeSet<KeyUuid> = BTreeSet::new();
    let mut doors_of_keys: BTreeSet<(KeyUuid, DoorUuid)> = BTreeSet::new();
    for made in &plan.unmanaged {
        match (made.key, made.door) {
            (Some(key), Some(door)) => {
                doors_of_keys.insert((key, door));
            }
            (Some(key), None) => {
                keys.insert(key);
            }
            (None, Some(door)) => {
                doors.insert(door);
            }
            (None, None) => {}
        }
    }
    let name = |name: &str| bounded(name, LONGEST_NAME);
    let way = |key: KeyUuid| name(&format!("key \"{}\"", key_name(ledger, observed, key)));
    let mut all = Vec::new();
    for row in &observed.doors {
        let Some(record) = ledger.doors.get(&row.uuid) else {
            continue;
        };
        for access in &row.access {
            let declared = match access.via {
                Via::Door => !doors.contains(&row.uuid),
                Via::Key(key) => !keys.contains(&key) && !doors_of_keys.contains(&(key, row.uuid)),
            };
            if declared {
                continue;
            }
            let named = UnmanagedAccess {
                door: Some(name(&row.name)),
                partner: name(&partner_name(ledger, observed, access.partner)),
                via: match access.via {
                    Via::Door => String::from("door"),
                    Via::Key(key) => way(key),
                },
                reason: String::new(),
            };
            all.push((named, Some((row.uuid, record, access.partner))));
        }
    }
    // A key without doors opens nothing, and is there all the same.
    for row in keys.iter().filter_map(|key| observed.key(*key)) {
        if let Some(partner) = row.partner.filter(|_| row.doors.is_empty()) {
            let named = UnmanagedAccess {
                door: None,
                partner: name(&partner_name(ledger, observed, partner)),
                via: way(row.uuid),
                reason: String::new(),
            };
            all.push((named, None));
        }
    }
    all.sort_by(|(a, _), (b, _)| {
        (a.door.is_none(), &a.door, &a.partner, &a.via).cmp(&(
            b.door.is_none(),
            &b.door,
            &b.partner,
            &b.via,
        ))
    });
    let rest = more(all.len(), SHOWN);
    // What is known of a lock takes longer to find than what is there: only for those that are shown.
    let shown = all.into_iter().take(SHOWN).map(|(named, at)| {
        let reason = at.map_or(Reason::Unmanaged, |(door, record, partner)| {
            let view = view_of(ledger, observed, &[], door, record);
            verdict(view, partner, now).reason
        });
        UnmanagedAccess {
            reason: reason.as_str().to_owned(),
            ..named
        }
    });
    (shown.collect(), rest)
}

#[cfg(test)]
mod tests {
    use opendoor_planner::exposure::absorb_row;
    use opendoor_planner::ids::{BuildingUuid, PartnerUuid};
    use opendoor_planner::observed::{Access, DoorRow, Holder, KeyDoor, KeyRow};
    use opendoor_planner::plan::HandMade;
    use uuid::Uuid;

    use super::*;

    const STAFF: KeyUuid = KeyUuid(Uuid::from_u128(100));
    const EMPTY: KeyUuid = KeyUuid(Uuid::from_u128(101));
    const OURS: KeyUuid = KeyUuid(Uuid::from_u128(102));
    const PARTNER: PartnerUuid = PartnerUuid(Uuid::from_u128(200));

    fn door(number: u128, ways: &[Via], proven: bool) -> DoorRow {
        let access = ways.iter().map(|via| Access {
            partner: PARTNER,
            via: *via,
            revision: 1,
        });
        DoorRow {
            uuid: DoorUuid(Uuid::from_u128(number)),
            name: format!("Door {number:02}").into(),
            door_type: None,
            accessibility: None,
            connected: Some(true),
            serial: Some("s".into()),
            unit: None,
            holder: Holder::Nobody,
            version: 1,
            revision: Some(1),
            access: access.collect(),
            access_revision: 1,
            lock_revision: proven.then_some(1),
            sync_required: None,
            last_full_sync: None,
        }
    }

    fn key(uuid: KeyUuid, name: &str, doors: &[u128]) -> KeyRow {
        let doors = doors.iter().map(|number| KeyDoor {
            door: DoorUuid(Uuid::from_u128(*number)),
            doorcodes: false,
        });
        KeyRow {
            uuid,
            name: name.to_owned(),
            partner: Some(PARTNER),
            doors: doors.collect(),
            schedule: Vec::new(),
            client_ref: None,
            version: 1,
            revision: Some(1),
            holders: Some(0),
            roles: Box::default(),
        }
    }

    fn made(door: Option<u128>, key: Option<KeyUuid>) -> HandMade {
        HandMade {
            what: String::new(),
            door: door.map(|number| DoorUuid(Uuid::from_u128(number))),
            partner: String::new(),
            change: String::new(),
            owner: None,
            key,
        }
    }

    fn said(doors: Vec<DoorRow>, unmanaged: Vec<HandMade>) -> (Vec<UnmanagedAccess>, Option<u32>) {
        let building = BuildingUuid(Uuid::from_u128(300));
        let now = Timestamp::UNIX_EPOCH;
        let mut ledger = Ledger::new(building);
        for row in &doors {
            absorb_row(&mut ledger, row, now);
        }
        let observed = Observed {
            building,
            building_name: String::from("Harbor Point"),
            at: now,
            partners: Vec::new(),
            doors,
            keys: vec![
                key(STAFF, "Staff", &[2]),
                key(EMPTY, "Empty", &[]),
                key(OURS, "Ours", &[1, 2, 3]),
            ],
            incomplete: None,
            clock_skewed: false,
        };
        let plan = Plan {
            unmanaged,
            ..Plan::default()
        };
        super::unmanaged(&plan, &ledger, &observed, now)
    }

    #[test]
    fn each_way_that_nobody_declared_is_a_pair_and_no_other_is() {
        let doors = vec![
            door(1, &[Via::Door, Via::Key(OURS)], true),
            door(2, &[Via::Key(STAFF), Via::Key(OURS)], false),
            door(3, &[Via::Key(OURS)], true),
        ];
        let by_hand = vec![
            made(Some(1), None),
            made(Some(3), Some(OURS)),
            made(None, Some(EMPTY)),
            made(None, Some(STAFF)),
        ];
        let (pairs, more) = said(doors, by_hand);
        let pairs: Vec<(Option<&str>, &str, &str)> = pairs
            .iter()
            .map(|pair| {
                (
                    pair.door.as_deref(),
                    pair.via.as_str(),
                    pair.reason.as_str(),
                )
            })
            .collect();
        assert_eq!(
            pairs,
            [
                (Some("Door 01"), "door", "LockProven"),
                (Some("Door 02"), "key \"Staff\"", "HistoryUnknown"),
                (Some("Door 03"), "key \"Ours\"", "LockProven"),
                // It opens nothing, and is there all the same.
                (None, "key \"Empty\"", "Unmanaged"),
            ]
        );
        assert_eq!(more, None);
    }

    #[test]
    fn of_many_the_first_by_door_are_named_and_the_others_counted() {
        let doors = || -> Vec<DoorRow> {
            (1..=30)
                .map(|number| door(number, &[Via::Door], true))
                .collect()
        };
        let by_hand = || (1..=30).map(|number| made(Some(number), None)).collect();
        let (pairs, more) = said(doors(), by_hand());
        assert_eq!((pairs.len(), more), (25, Some(5)));
        assert_eq!(pairs[24].door.as_deref(), Some("Door 25"));
        assert_eq!(said(doors(), Vec::new()), (Vec::new(), None));
    }
}
