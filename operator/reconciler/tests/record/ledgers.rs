//! Ledgers of every shape.

use jiff::Timestamp;
use opendoor_api::{DoorAssignmentSpec, LocalRef, PartnerKeySpec, PropertySpec};
use opendoor_planner::declared::Spec;
use opendoor_planner::ids::{BuildingUuid, DoorUuid, KeyUuid, PartnerUuid};
use opendoor_planner::ledger::{
    Accepted, AcceptedPortfolio, AcceptedProperty, Charge, Claim, DoorRecord, EntryVia, Gone, Head,
    Hold, Inherited, Intent, KeyRecord, Ledger, LeftBehind, LeftDoor, MayOpen, PartnerRecord, Seen,
    UnknownHistory, UnknownWhy,
};
use opendoor_planner::observed::{Day, HeldBy, Interval, KeyDoor, Vacancy};
use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
use opendoor_planner::reasons::Reason;
use opendoor_planner::writes::{KeyPatch, Write};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use smol_str::SmolStr;
use uuid::Uuid;

pub(crate) fn ledger() -> impl Strategy<Value = Ledger> {
    let doors = btree_map(uuid().prop_map(DoorUuid), record(), 0..6);
    (uuid(), head(), doors)
        .prop_map(|(building, head, doors)| Ledger::stored(BuildingUuid(building), head, doors))
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn moment() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (
        Timestamp::MIN.as_nanosecond(),
        Timestamp::MAX.as_nanosecond(),
    );
    (first..=last).prop_map(|at| Timestamp::from_nanosecond(at).unwrap())
}

/// Names as they may be, and never with what divides an owner's text form.
fn name() -> impl Strategy<Value = String> {
    "[^/@]{0,20}"
}

fn owner() -> impl Strategy<Value = OwnerId> {
    let kind = prop::sample::select(vec![
        OwnerKind::DoorAssignment,
        OwnerKind::PartnerKey,
        OwnerKind::Property,
    ]);
    (kind, name(), option::of(name())).prop_map(|(kind, name, uid)| OwnerId::new(kind, name, uid))
}

fn record() -> impl Strategy<Value = DoorRecord> {
    let claim =
        (uuid(), vec(owner(), 0..3), any::<bool>()).prop_map(|(partner, owners, held)| Claim {
            partner: PartnerUuid(partner),
            owners: owners.into(),
            held,
        });
    let name_of_door = option::of(any::<String>());
    (
        name_of_door,
        vec(claim, 0..3),
        option::of(seen()),
        vec(entry(), 0..4),
        option::of(unknown()),
    )
        .prop_map(|(name, claims, seen, may_open, unknown)| DoorRecord {
            name: name.map(String::into_boxed_str),
            claims: claims.into(),
            seen,
            may_open: may_open.into(),
            unknown: unknown.map(Box::new),
        })
}

fn seen() -> impl Strategy<Value = Seen> {
    (
        any::<i64>(),
        any::<i64>(),
        any::<Option<i64>>(),
        any::<Option<String>>(),
        any::<bool>(),
        option::of(prop::sample::select(vec![
            Vacancy::Vacant,
            Vacancy::Occupied,
        ])),
        option::of((any::<i64>(), option::of(moment()))),
    )
        .prop_map(
            |(version, access_revision, lock_revision, serial, proven, vacancy, inherited)| Seen {
                version,
                access_revision,
                lock_revision,
                serial: serial.map(SmolStr::from),
                proven,
                vacancy,
                inherited: inherited.map(|(lock_revision, last_full_sync)| {
                    Box::new(Inherited {
                        lock_revision,
                        last_full_sync,
                    })
                }),
            },
        )
}

fn entry() -> impl Strategy<Value = MayOpen> {
    let via = prop_oneof![
        Just(EntryVia::Door),
        Just(EntryVia::NewKey),
        uuid().prop_map(|key| EntryVia::Key(KeyUuid(key))),
    ];
    let stage = prop_oneof![
        any::<i64>().prop_map(|revision| (Some(revision), None)),
        any::<u64>().prop_map(|intent| (None, Some(intent))),
        Just((None, None)),
    ];
    (uuid(), via, stage, option::of(gone())).prop_map(|(partner, via, stage, gone)| {
        let partner = PartnerUuid(partner);
        let entry = match stage {
            (Some(revision), _) => MayOpen::shown(partner, via, revision),
            (None, Some(intent)) => MayOpen::intended(partner, via, intent),
            (None, None) => MayOpen::unseen(partner, via),
        };
        entry.owing(gone.map(Box::new))
    })
}

fn gone() -> impl Strategy<Value = Gone> {
    (moment(), option::of(owner()), option::of(moment())).prop_map(|(since, cause, attested)| {
        Gone {
            since,
            cause,
            attested,
        }
    })
}

fn unknown() -> impl Strategy<Value = UnknownHistory> {
    let why = prop::sample::select(vec![
        UnknownWhy::FirstContact,
        UnknownWhy::MissedChange,
        UnknownWhy::NewDevice,
        UnknownWhy::LockFellBack,
    ]);
    (moment(), why, option::of(moment())).prop_map(|(since, why, attested)| UnknownHistory {
        since,
        why,
        attested,
    })
}

fn head() -> impl Strategy<Value = Head> {
    let declared = (
        option::of(any::<String>()),
        option::of(any::<String>()),
        btree_map(owner(), accepted(), 0..4),
        btree_map(any::<Box<str>>(), uuid().prop_map(DoorUuid), 0..4),
        btree_map(any::<String>(), partner(), 0..3),
        btree_map(uuid().prop_map(KeyUuid), key(), 0..3),
        left_behind(),
    );
    let done = (
        vec(intent(), 0..3),
        vec(charge(), 0..3),
        btree_map("[0-9a-f]{8}", hold(), 0..3),
        btree_set("[0-9a-f]{8}", 0..3),
        any::<u64>(),
        any::<u64>(),
        option::of(moment()),
        option::of(moment()),
        option::of("h-[0-9a-f]{12}"),
    );
    (declared, done).prop_map(|(declared, done)| Head {
        property: declared.0.map(property),
        portfolio: declared.1.map(|name| AcceptedPortfolio {
            name,
            spec: opendoor_api::PortfolioSpec::default(),
        }),
        accepted: declared.2,
        door_pins: declared.3,
        partners: declared.4,
        keys: declared.5,
        left_behind: declared.6,
        intents: done.0,
        charges: done.1,
        holds: done.2,
        approvals: done.3,
        approvals_given: done.4,
        last_approved: done.8,
        next_number: done.5,
        removes_added_since: done.6,
        clock_skewed_since: done.7,
    })
}

fn left_behind() -> impl Strategy<Value = LeftBehind> {
    let door =
        (uuid().prop_map(PartnerUuid), owner()).prop_map(|(partner, by)| LeftDoor { partner, by });
    (
        btree_map(uuid().prop_map(DoorUuid), door, 0..2),
        btree_map(uuid().prop_map(KeyUuid), owner(), 0..2),
    )
        .prop_map(|(doors, keys)| LeftBehind { doors, keys })
}

fn property(name: String) -> AcceptedProperty {
    AcceptedProperty {
        cause: cause(&name),
        spec: PropertySpec {
            building: name.clone(),
            approve: Some(name.clone()),
            ..PropertySpec::default()
        },
        name,
    }
}

fn cause(name: &str) -> Cause {
    Cause {
        kind: String::from("DoorAssignment"),
        name: name.to_owned(),
        file: Some(format!("{name}.yaml")),
        line: Some(7),
        column: None,
    }
}

fn accepted() -> impl Strategy<Value = Accepted> {
    (
        any::<bool>(),
        any::<String>(),
        vec(any::<String>(), 0..4),
        option::of(moment()),
        option::of(moment()),
    )
        .prop_map(
            |(key, name, doors, expiry_known_since, vacant_only_since)| {
                let property_ref = LocalRef { name: name.clone() };
                let spec = if key {
                    Spec::PartnerKey(PartnerKeySpec {
                        property_ref,
                        partner: name.clone(),
                        doors: doors
                            .into_iter()
                            .map(|name| opendoor_api::KeyDoor {
                                name,
                                provide_doorcodes: true,
                            })
                            .collect(),
                        ..PartnerKeySpec::default()
                    })
                } else {
                    Spec::DoorAssignment(DoorAssignmentSpec {
                        property_ref,
                        partner: name.clone(),
                        doors: Some(doors),
                        ..DoorAssignmentSpec::default()
                    })
                };
                Accepted {
                    spec: spec.into(),
                    cause: cause(&name),
                    expiry_known_since,
                    vacant_only_since,
                }
            },
        )
}

fn partner() -> impl Strategy<Value = PartnerRecord> {
    (option::of(uuid()), any::<bool>(), any::<bool>(), moment()).prop_map(
        |(uuid, listed, authorized, since)| PartnerRecord {
            uuid: uuid.map(PartnerUuid),
            listed,
            authorized,
            since,
        },
    )
}

fn on_key() -> impl Strategy<Value = Vec<KeyDoor>> {
    let door = (uuid(), any::<bool>()).prop_map(|(door, doorcodes)| KeyDoor {
        door: DoorUuid(door),
        doorcodes,
    });
    vec(door, 0..3)
}

fn schedule() -> impl Strategy<Value = Vec<Interval>> {
    let interval = any::<String>().prop_map(|from| Interval {
        days: vec![Day::Monday, Day::Sunday],
        to: from.clone(),
        from,
    });
    vec(interval, 0..2)
}

fn key() -> impl Strategy<Value = KeyRecord> {
    (
        owner(),
        uuid(),
        any::<String>(),
        on_key(),
        schedule(),
        any::<Option<String>>(),
        prop::sample::select(vec![HeldBy::Nobody, HeldBy::Somebody, HeldBy::Unknown]),
        any::<i64>(),
    )
        .prop_map(
            |(owner, partner, name, doors, schedule, client_ref, held_by, version)| KeyRecord {
                owner,
                partner: PartnerUuid(partner),
                name,
                doors,
                schedule,
                client_ref,
                held_by,
                version,
            },
        )
}

fn write() -> impl Strategy<Value = Write> {
    let uuids = (uuid(), option::of(uuid()), any::<i64>());
    prop_oneof![
        uuids.prop_map(|(door, partner, if_match)| Write::SetDoorPartner {
            door: DoorUuid(door),
            partner: partner.map(PartnerUuid),
            if_match,
        }),
        (uuid(), any::<String>(), on_key(), schedule()).prop_map(
            |(uuid, name, doors, schedule)| Write::CreateKey {
                building: BuildingUuid(uuid),
                client_ref: name.clone(),
                name,
                partner: PartnerUuid(uuid),
                doors,
                schedule,
            }
        ),
        (uuid(), any::<i64>(), on_key(), schedule()).prop_map(
            |(key, if_match, doors, schedule)| {
                Write::UpdateKey {
                    key: KeyUuid(key),
                    if_match,
                    patch: KeyPatch {
                        add_doors: doors,
                        schedule: Some(schedule),
                        ..KeyPatch::default()
                    },
                }
            }
        ),
        (uuid(), any::<i64>()).prop_map(|(key, if_match)| Write::DeleteKey {
            key: KeyUuid(key),
            if_match,
        }),
    ]
}

fn intent() -> impl Strategy<Value = Intent> {
    (
        any::<u64>(),
        write(),
        owner(),
        any::<String>(),
        moment(),
        option::of(moment()),
        vec(uuid().prop_map(DoorUuid), 0..3),
        vec(owner(), 0..2),
    )
        .prop_map(
            |(number, write, owner, text, begun, unknown_since, doors, shared_with)| Intent {
                number,
                write,
                fingerprint: text.clone(),
                owner,
                cause: cause(&text),
                begun,
                unknown_since,
                before: text.clone(),
                after: text,
                widens: doors.clone(),
                doors,
                shared_with,
            },
        )
}

fn charge() -> impl Strategy<Value = Charge> {
    (moment(), any::<u64>(), any::<u32>(), any::<u32>()).prop_map(|(at, intent, losses, grants)| {
        Charge {
            at,
            intent,
            losses,
            grants,
        }
    })
}

fn hold() -> impl Strategy<Value = Hold> {
    (owner(), moment(), any::<String>()).prop_map(|(owner, since, text)| Hold {
        owner,
        reason: Reason::RemovalLimitExceeded,
        since,
        declaration: text.clone(),
        target: text,
    })
}
