//! How long and how much memory one look and its plan take.
//!
//! `cargo bench -p opendoor-planner`. Inputs are built outside the clock. Each case runs in a process
//! of its own, so that its peak memory is its own.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench prints its figures, and stops where it cannot go on"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use opendoor_api::{DoorAssignmentSpec, LocalRef, PartnerKeySpec, PropertyPartner, PropertySpec};
use opendoor_planner::declared::{Declared, DeclaredObject, DeclaredProperty, Places, Spec};
use opendoor_planner::guard::Guard;
use opendoor_planner::ids::{BuildingUuid, DoorUuid, KeyUuid, PartnerUuid};
use opendoor_planner::intake::take_in;
use opendoor_planner::ledger::{Ledger, Unsaved};
use opendoor_planner::observed::{
    Access, DoorRow, DoorType, Holder, KeyDoor, KeyRow, Observed, Partner, Via,
};
use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
use opendoor_planner::planner::plan;
use smallvec::SmallVec;
use uuid::Uuid;

/// Doors named by one DoorAssignment, and doors on one key.
const DOORS_OF_AN_OBJECT: usize = 80;
const DOORS_OF_A_KEY: usize = 50;

/// One door in so many is offline and not proven.
const OFFLINE_ONE_IN: usize = 3;

struct Property {
    ledger: Ledger,
    declared: Declared,
    observed: Observed,
}

fn main() {
    let cases: [(&str, usize, usize); 3] = [
        ("1,000 properties of 1,000 doors", 1000, 1000),
        ("one property of 1,000 doors", 1, 1000),
        ("one property of 100,000 doors", 1, 100_000),
    ];
    let asked: Option<usize> = std::env::var("PLANNER_BENCH_CASE")
        .ok()
        .and_then(|n| n.parse().ok());
    if let Some((name, properties, doors)) = asked.and_then(|n| cases.get(n)) {
        return run(name, *properties, *doors);
    }
    let this = std::env::current_exe().expect("a running program has a path");
    for n in 0..cases.len() {
        let status = std::process::Command::new(&this)
            .env("PLANNER_BENCH_CASE", n.to_string())
            .status();
        assert!(status.expect("it can run itself").success());
    }
}

fn run(name: &str, properties: usize, doors: usize) {
    let (mut spent, mut steps, mut longest, mut given) = (Duration::ZERO, 0, Duration::ZERO, 0);
    for seed in 0..properties {
        let Property {
            mut ledger,
            declared,
            observed,
        } = property(seed, doors);
        given = given.max(memory("VmRSS:"));
        let now = start();
        let began = Instant::now();
        let taken = take_in(&mut ledger, &declared, &observed, now);
        let plan = plan(&ledger, &taken, &observed, &Guard::default(), &[], now);
        let took = began.elapsed();
        steps += plan.steps.len();
        spent += took;
        longest = longest.max(took);
    }
    println!(
        "{name}, 1 % changed: {:.3} s in all, {:.3} ms a property, {:.3} ms the longest, {steps} steps, peak {} MB of which {given} MB are given to it",
        spent.as_secs_f64(),
        spent.as_secs_f64() * 1e3 / u32::try_from(properties).map_or(1.0, f64::from),
        longest.as_secs_f64() * 1e3,
        memory("VmHWM:"),
    );
}

/// Resident memory in MB, as the kernel counts it.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib: Option<u64> = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
    kib.unwrap_or_default() / 1024
}

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time in range")
}

fn uuid(seed: usize, kind: u8, n: usize) -> Uuid {
    let hash = Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        format!("{seed} {kind} {n}").as_bytes(),
    );
    Uuid::from_bytes(hash.into_bytes())
}

fn door(seed: usize, n: usize) -> DoorUuid {
    DoorUuid(uuid(seed, 0, n))
}

/// As large as its text, like one that was read.
fn name(n: usize) -> String {
    let mut name = format!("Building A, floor {}, door {n:06}", n / 20);
    name.shrink_to_fit();
    name
}

fn partner() -> PartnerUuid {
    PartnerUuid(Uuid::from_u128(7))
}

/// A property whose ledger knows it, and of which one door in a hundred has changed since: half by
/// hand, half in the declarations.
fn property(seed: usize, doors: usize) -> Property {
    let observed = observed(seed, doors);
    let declared = declared(doors);
    let mut ledger = Ledger::new(observed.building);
    take_in(&mut ledger, &declared, &observed, start());
    ledger.unsaved = Unsaved::default();
    let mut property = Property {
        ledger,
        declared,
        observed,
    };
    for n in (0..doors).step_by(200) {
        let row = property
            .observed
            .doors
            .iter_mut()
            .find(|row| row.uuid == door(seed, n));
        let row = row.expect("the door is listed");
        row.holder = Holder::Nobody;
        row.access.retain(|access| access.via != Via::Door);
        row.access_revision += 1;
        row.version += 1;
    }
    for object in &mut property.declared.objects {
        if let Some(Spec::DoorAssignment(spec)) = object.spec.as_mut().map(Arc::make_mut) {
            let listed = spec.doors.get_or_insert_default();
            listed.truncate(listed.len().saturating_sub(listed.len().div_ceil(200)));
        }
    }
    property
}

fn observed(seed: usize, doors: usize) -> Observed {
    let building = BuildingUuid(uuid(seed, 9, 0));
    let keys = key_rows(seed, doors);
    let mut by_door: BTreeMap<DoorUuid, Vec<KeyUuid>> = BTreeMap::new();
    for key in &keys {
        for entry in &key.doors {
            by_door.entry(entry.door).or_default().push(key.uuid);
        }
    }
    let mut rows: Vec<DoorRow> = (0..doors)
        .map(|n| {
            let uuid = door(seed, n);
            let offline = n % OFFLINE_ONE_IN == 0;
            let keys = by_door.get(&uuid).into_iter().flatten();
            let by_key = keys.map(|key| access(Via::Key(*key)));
            let by_door = is_assigned(n).then(|| access(Via::Door));
            let mut access: SmallVec<[Access; 1]> = by_door.into_iter().chain(by_key).collect();
            access.sort_unstable();
            DoorRow {
                uuid,
                name: name(n).into(),
                door_type: Some(DoorType::Communal),
                accessibility: None,
                connected: Some(!offline),
                serial: Some(format!("{n:010}").into()),
                unit: None,
                holder: if is_assigned(n) {
                    Holder::Partner(partner())
                } else {
                    Holder::Nobody
                },
                version: 10,
                revision: Some(4),
                access,
                access_revision: 3,
                lock_revision: Some(if offline { 2 } else { 3 }),
                sync_required: Some(offline),
                last_full_sync: None,
            }
        })
        .collect();
    rows.sort_by_key(|row| row.uuid);
    Observed {
        building,
        building_name: format!("Building {seed}"),
        at: start(),
        partners: vec![Partner {
            uuid: partner(),
            name: String::from("Parcel Runner"),
        }],
        doors: rows,
        keys,
        incomplete: None,
        clock_skewed: false,
    }
}

fn access(via: Via) -> Access {
    Access {
        partner: partner(),
        via,
        revision: 2,
    }
}

/// Four doors in five are assigned; of the others, each is on a key.
fn is_assigned(n: usize) -> bool {
    n % 5 != 4
}

fn key_rows(seed: usize, doors: usize) -> Vec<KeyRow> {
    let mut keys: Vec<KeyRow> = (0..doors)
        .filter(|n| !is_assigned(*n))
        .collect::<Vec<_>>()
        .chunks(DOORS_OF_A_KEY)
        .enumerate()
        .map(|(n, doors)| {
            let mut doors: Vec<KeyDoor> = doors
                .iter()
                .map(|n| KeyDoor {
                    door: door(seed, *n),
                    doorcodes: true,
                })
                .collect();
            doors.sort_unstable();
            KeyRow {
                uuid: KeyUuid(uuid(seed, 1, n)),
                name: format!("Key {n}"),
                partner: Some(partner()),
                doors,
                schedule: Vec::new(),
                client_ref: None,
                version: 10,
                revision: Some(4),
                holders: Some(3),
                roles: Box::default(),
            }
        })
        .collect();
    keys.sort_by_key(|key| key.uuid);
    keys
}

fn declared(doors: usize) -> Declared {
    let property_ref = LocalRef {
        name: String::from("property"),
    };
    let assigned: Vec<usize> = (0..doors).filter(|n| is_assigned(*n)).collect();
    let assignments = assigned
        .chunks(DOORS_OF_AN_OBJECT)
        .enumerate()
        .map(|(n, doors)| {
            let spec = DoorAssignmentSpec {
                property_ref: property_ref.clone(),
                partner: String::from("Parcel Runner"),
                doors: Some(doors.iter().map(|n| name(*n)).collect()),
                ..DoorAssignmentSpec::default()
            };
            object(
                OwnerKind::DoorAssignment,
                format!("doors-{n:06}"),
                Spec::DoorAssignment(spec),
                doors.len(),
            )
        });
    let on_keys: Vec<usize> = (0..doors).filter(|n| !is_assigned(*n)).collect();
    let keys = on_keys
        .chunks(DOORS_OF_A_KEY)
        .enumerate()
        .map(|(n, doors)| {
            let named = |n: &usize| opendoor_api::KeyDoor {
                name: name(*n),
                provide_doorcodes: true,
            };
            let spec = PartnerKeySpec {
                property_ref: property_ref.clone(),
                partner: String::from("Parcel Runner"),
                key_name: Some(format!("Key {n}")),
                doors: doors.iter().map(named).collect(),
                ..PartnerKeySpec::default()
            };
            object(
                OwnerKind::PartnerKey,
                format!("key-{n:06}"),
                Spec::PartnerKey(spec),
                doors.len(),
            )
        });
    let mut objects: Vec<DeclaredObject> = assignments.chain(keys).collect();
    objects.sort_by(|a, b| a.owner.cmp(&b.owner));
    let owner = OwnerId::new(OwnerKind::Property, "property", None);
    Declared {
        unread: false,
        property: DeclaredProperty {
            name: owner.name.clone(),
            cause: Cause::of(&owner),
            spec: Some(PropertySpec {
                building: String::from("Building"),
                partners: vec![PropertyPartner {
                    name: String::from("Parcel Runner"),
                    uuid: None,
                }],
                ..PropertySpec::default()
            }),
            problems: Vec::new(),
        },
        objects,
        absent: BTreeMap::new(),
    }
}

fn object(kind: OwnerKind, name: String, spec: Spec, doors: usize) -> DeclaredObject {
    let mut places = Places::default();
    for n in 0..doors {
        places.insert(
            format!("spec.doors[{n}]"),
            10 + u32::try_from(n).unwrap_or(0),
            5,
        );
    }
    let file = Some(format!("{name}.yaml"));
    let owner = OwnerId::new(kind, name, None);
    DeclaredObject {
        cause: Cause {
            file,
            line: Some(1),
            ..Cause::of(&owner)
        },
        owner,
        spec: Some(spec.into()),
        problems: Vec::new(),
        places,
    }
}
