//! Rows, objects and identifiers by name.

use jiff::Timestamp;
use opendoor_api::{DoorAssignmentSpec, LocalRef, PartnerKeySpec};
use opendoor_planner::declared::{DeclaredObject, Places, Spec};
use opendoor_planner::ids::{DoorUuid, KeyUuid, PartnerUuid};
use opendoor_planner::observed::{
    Accessibility, DoorRow, DoorType, Holder, KeyDoor, KeyRow, Unit, Vacancy,
};
use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
use uuid::Uuid;

pub(crate) fn uuid_of(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes())
}

pub(crate) fn partner(name: &str) -> PartnerUuid {
    PartnerUuid(uuid_of(&format!("partner {name}")))
}

/// The uuid a door of this name was made with.
pub(crate) fn door(name: &str) -> DoorUuid {
    DoorUuid(uuid_of(&format!("door {name}")))
}

/// The uuid a key of this name was made with.
pub(crate) fn key(name: &str) -> KeyUuid {
    KeyUuid(uuid_of(&format!("key {name}")))
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn door_row(name: &str, holder: Option<&str>) -> DoorRow {
    DoorRow {
        uuid: door(name),
        name: name.into(),
        door_type: Some(DoorType::Communal),
        accessibility: Some(Accessibility::Communal),
        connected: Some(true),
        serial: Some(format!("serial of {name}").into()),
        unit: None,
        holder: holder.map_or(Holder::Nobody, |name| Holder::Partner(partner(name))),
        version: 10,
        revision: Some(5),
        access: Default::default(),
        access_revision: 3,
        lock_revision: Some(3),
        sync_required: Some(false),
        last_full_sync: None,
    }
}

pub(crate) fn unit_row(name: &str, vacancy: Option<Vacancy>, since: &str) -> DoorRow {
    DoorRow {
        door_type: Some(DoorType::Residence),
        accessibility: Some(Accessibility::Private),
        unit: Some(Box::new(Unit {
            name: name.trim_start_matches("Unit ").to_owned(),
            vacancy,
            vacancy_since: Some(at(since)),
        })),
        ..door_row(name, None)
    }
}

pub(crate) fn key_row(name: &str, partner_name: Option<&str>, doors: &[(&str, bool)]) -> KeyRow {
    let mut doors: Vec<KeyDoor> = doors
        .iter()
        .map(|(name, doorcodes)| KeyDoor {
            door: door(name),
            doorcodes: *doorcodes,
        })
        .collect();
    doors.sort_unstable();
    KeyRow {
        uuid: key(name),
        name: name.to_owned(),
        partner: partner_name.map(partner),
        doors,
        schedule: Vec::new(),
        client_ref: None,
        version: 10,
        revision: Some(5),
        holders: Some(0),
        roles: Box::default(),
    }
}

pub(crate) fn owner(name: &str, kind: OwnerKind) -> OwnerId {
    OwnerId::new(kind, name, None)
}

pub(crate) fn cause(owner: &OwnerId) -> Cause {
    Cause {
        file: Some(format!("{}.yaml", owner.name)),
        line: Some(1),
        ..Cause::of(owner)
    }
}

/// Fields stand where a person would write them.
pub(crate) fn places(spec: &Spec) -> Places {
    let mut places = Places::default();
    for (path, line) in [
        ("spec.propertyRef.name", 5),
        ("spec.partner", 6),
        ("spec.keyName", 7),
        ("spec.doors", 8),
        ("spec.doorSelector", 8),
        ("spec.adopt", 9),
    ] {
        places.insert(path.to_owned(), line, 3);
    }
    let (doors, except) = match spec {
        Spec::DoorAssignment(spec) => (
            spec.doors.as_ref().map_or(0, Vec::len),
            spec.except_doors.as_ref().map_or(0, Vec::len),
        ),
        Spec::PartnerKey(spec) => (spec.doors.len(), 0),
    };
    for (list, length, first) in [
        ("spec.doors", doors, 11_u32),
        ("spec.exceptDoors", except, 31),
    ] {
        for item in 0..length {
            places.insert(
                format!("{list}[{item}]"),
                first + u32::try_from(item).unwrap(),
                7,
            );
        }
    }
    places
}

pub(crate) fn object(name: &str, spec: Spec) -> DeclaredObject {
    let kind = match &spec {
        Spec::DoorAssignment(_) => OwnerKind::DoorAssignment,
        Spec::PartnerKey(_) => OwnerKind::PartnerKey,
    };
    let owner = owner(name, kind);
    DeclaredObject {
        cause: cause(&owner),
        places: places(&spec),
        owner,
        spec: Some(spec.into()),
        problems: Vec::new(),
    }
}

pub(crate) fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

pub(crate) fn assignment(partner: &str, doors: &[&str]) -> DoorAssignmentSpec {
    DoorAssignmentSpec {
        property_ref: LocalRef {
            name: "harbor-point".to_owned(),
        },
        partner: partner.to_owned(),
        doors: Some(strings(doors)),
        ..DoorAssignmentSpec::default()
    }
}

pub(crate) fn selecting(partner: &str, selector: opendoor_api::DoorSelector) -> DoorAssignmentSpec {
    DoorAssignmentSpec {
        doors: None,
        door_selector: Some(selector),
        ..assignment(partner, &[])
    }
}

pub(crate) fn key_doors(doors: &[(&str, bool)]) -> Vec<opendoor_api::KeyDoor> {
    doors
        .iter()
        .map(|(name, codes)| opendoor_api::KeyDoor {
            name: (*name).to_owned(),
            provide_doorcodes: *codes,
        })
        .collect()
}

pub(crate) fn partner_key(partner: &str, name: &str, doors: &[(&str, bool)]) -> PartnerKeySpec {
    PartnerKeySpec {
        property_ref: LocalRef {
            name: "harbor-point".to_owned(),
        },
        partner: partner.to_owned(),
        key_name: Some(name.to_owned()),
        doors: key_doors(doors),
        ..PartnerKeySpec::default()
    }
}
