//! Rows of the contract, and what they mean to us.
//!
//! A field that only informs may be missing. A field on which a removal, a proof or a conditional
//! write rests may not: such a row is refused, and its listing is not complete.

use jiff::Timestamp;
use opendoor_planner::ids::{BuildingUuid, DoorUuid, KeyUuid, PartnerUuid};
use opendoor_planner::observed::{
    Access, Accessibility, Day, DoorRow, DoorType, Holder, Interval, KeyDoor, KeyRow, Partner,
    Unit, Vacancy, Via,
};
use serde::Deserialize;
use serde::de::MapAccess;
use smallvec::SmallVec;
use smol_str::SmolStr;
use uuid::Uuid;

use crate::client::Building;
use crate::wire::{Counter, Field, FromJson, from_object};

/// The field that makes a row unusable.
pub(crate) type BadField = &'static str;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WireDoor {
    uuid: Field<Uuid>,
    name: Field<String>,
    pub(crate) building_uuid: Field<Uuid>,
    accessibility_type: Field<Accessibility>,
    is_connected: Field<bool>,
    device: Field<WireDevice>,
    door_type: Field<DoorType>,
    unit: Field<WireUnit>,
    partner_uuid: Field<Uuid>,
    version: Field<Counter>,
    revision: Field<Counter>,
    access: Field<Vec<Field<WireAccess>>>,
    access_revision: Field<Counter>,
    lock_revision: Field<Counter>,
    sync: Field<WireSync>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireDevice {
    serial_number: Field<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireUnit {
    name: Field<String>,
    vacancy: Field<Vacancy>,
    vacancy_since: Field<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireAccess {
    partner_uuid: Field<Uuid>,
    via: Field<WireVia>,
    key_uuid: Field<Uuid>,
    revision: Field<Counter>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSync {
    required: Field<bool>,
    last_full_sync_at: Field<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WireKey {
    uuid: Field<Uuid>,
    name: Field<String>,
    pub(crate) building_uuid: Field<Uuid>,
    partner_uuid: Field<Uuid>,
    doors: Field<Vec<Field<WireKeyDoor>>>,
    schedule: Field<Vec<Field<WireInterval>>>,
    client_ref: Field<String>,
    version: Field<Counter>,
    revision: Field<Counter>,
    holders: Field<WireHolders>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireKeyDoor {
    door_uuid: Field<Uuid>,
    provide_doorcodes: Field<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireInterval {
    days: Field<Vec<Field<Day>>>,
    from: Field<TimeOfDay>,
    to: Field<TimeOfDay>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WireNamed {
    uuid: Field<Uuid>,
    name: Field<String>,
    timezone: Field<String>,
}

from_object!(
    WireDoor,
    WireDevice,
    WireUnit,
    WireAccess,
    WireSync,
    WireKey,
    WireKeyDoor,
    WireInterval,
    WireNamed,
);

#[derive(Clone, Copy, Debug)]
enum WireVia {
    Door,
    Key,
}

impl FromJson for WireVia {
    fn from_text(text: &str) -> Option<Self> {
        Some(match text {
            "DOOR" => Self::Door,
            "KEY" => Self::Key,
            _ => return None,
        })
    }
}

/// `HH:MM`, up to `24:00`.
#[derive(Debug)]
struct TimeOfDay(String);

impl FromJson for TimeOfDay {
    fn from_text(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let two_digits =
            |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        if !two_digits(hours) || !two_digits(minutes) {
            return None;
        }
        let in_range = (hours < "24" && minutes < "60") || text == "24:00";
        in_range.then(|| Self(text.to_owned()))
    }
}

/// Holders of a key by role, roles unknown to us included: each is a person.
#[derive(Debug)]
struct WireHolders(Vec<(Box<str>, u32)>);

/// The longest word of a role.
const LONGEST_ROLE: usize = 64;

/// A role as it is kept: a word in capitals, or that it is none. What else might stand there is nobody's
/// to repeat.
fn role(text: &str) -> &str {
    let word = !text.is_empty()
        && text.len() <= LONGEST_ROLE
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    if word { text } else { "OTHER" }
}

impl FromJson for WireHolders {
    fn from_object<'de, A: MapAccess<'de>>(mut roles: A) -> Result<Option<Self>, A::Error> {
        let mut all: Option<Vec<(Box<str>, u32)>> = Some(Vec::new());
        while let Some((name, count)) = roles.next_entry::<String, Field<Counter>>()? {
            let count = match count {
                Field::Absent => Some(0),
                Field::Malformed => None,
                Field::Value(Counter(count)) => Some(u32::try_from(count).unwrap_or(u32::MAX)),
            };
            all = all.zip(count).map(|(mut all, count)| {
                let name = role(&name);
                match all.iter_mut().find(|(known, _)| **known == *name) {
                    Some((_, sum)) => *sum = sum.saturating_add(count),
                    None => all.push((Box::from(name), count)),
                }
                all
            });
        }
        Ok(all.map(|mut all| {
            all.retain(|(_, count)| *count > 0);
            all.sort_unstable();
            Self(all)
        }))
    }
}

fn required<T>(field: Field<T>, name: BadField) -> Result<T, BadField> {
    field.ok().ok_or(name)
}

/// A door, or the field that spoils it.
pub(crate) fn door(wire: WireDoor) -> Result<DoorRow, BadField> {
    let WireDoor {
        uuid,
        name,
        building_uuid: _,
        accessibility_type,
        is_connected,
        device,
        door_type,
        unit,
        partner_uuid,
        version,
        revision,
        access,
        access_revision,
        lock_revision,
        sync,
    } = wire;
    let wire_access = required(access, "access")?;
    // As large as it needs to be: there are as many of these as doors.
    let mut access = SmallVec::with_capacity(wire_access.len());
    for entry in wire_access {
        // An entry we cannot read is a partner who may open the door: leaving it out would hide that.
        access.push(access_entry(entry).ok_or("access")?);
    }
    access.sort_unstable();
    let sync = sync.ok().unwrap_or_default();
    Ok(DoorRow {
        uuid: DoorUuid(required(uuid, "uuid")?),
        name: required(name, "name")?.into_boxed_str(),
        door_type: door_type.ok(),
        accessibility: accessibility_type.ok(),
        connected: is_connected.ok(),
        serial: device
            .ok()
            .and_then(|device| device.serial_number.ok())
            .map(SmolStr::from),
        unit: unit.ok().map(|unit| Box::new(unit_of(unit))),
        holder: match partner_uuid {
            Field::Absent => Holder::Nobody,
            Field::Malformed => Holder::Unknown,
            Field::Value(partner) => Holder::Partner(PartnerUuid(partner)),
        },
        version: required(version, "version")?.0,
        revision: revision.ok().map(|Counter(revision)| revision),
        access,
        access_revision: required(access_revision, "accessRevision")?.0,
        lock_revision: lock_revision.ok().map(|Counter(revision)| revision),
        sync_required: sync.required.ok(),
        last_full_sync: sync.last_full_sync_at.ok(),
    })
}

fn access_entry(entry: Field<WireAccess>) -> Option<Access> {
    let WireAccess {
        partner_uuid,
        via,
        key_uuid,
        revision,
    } = entry.ok()?;
    Some(Access {
        partner: PartnerUuid(partner_uuid.ok()?),
        via: match via.ok()? {
            WireVia::Door => Via::Door,
            WireVia::Key => Via::Key(KeyUuid(key_uuid.ok()?)),
        },
        revision: revision.ok()?.0,
    })
}

fn unit_of(wire: WireUnit) -> Unit {
    let WireUnit {
        name,
        vacancy,
        vacancy_since,
    } = wire;
    Unit {
        name: name.ok().unwrap_or_default(),
        vacancy: vacancy.ok(),
        vacancy_since: vacancy_since.ok(),
    }
}

/// A key, or the field that spoils it.
pub(crate) fn key(wire: WireKey) -> Result<KeyRow, BadField> {
    let WireKey {
        uuid,
        name,
        building_uuid: _,
        partner_uuid,
        doors,
        schedule,
        client_ref,
        version,
        revision,
        holders,
    } = wire;
    let mut doors = required(doors, "doors")?
        .into_iter()
        .map(key_door)
        .collect::<Option<Vec<_>>>()
        .ok_or("doors")?;
    doors.sort_unstable();
    let mut schedule = required(schedule, "schedule")?
        .into_iter()
        .map(interval)
        .collect::<Option<Vec<_>>>()
        .ok_or("schedule")?;
    schedule.sort_unstable();
    let roles = holders.ok().map(|WireHolders(roles)| roles);
    Ok(KeyRow {
        uuid: KeyUuid(required(uuid, "uuid")?),
        name: required(name, "name")?,
        // A partner that we cannot read must not look like an ordinary key, which we could convert.
        partner: partner_uuid
            .strict()
            .map_err(|()| "partnerUuid")?
            .map(PartnerUuid),
        doors,
        schedule,
        client_ref: client_ref.ok(),
        version: required(version, "version")?.0,
        revision: revision.ok().map(|Counter(revision)| revision),
        holders: roles.as_ref().map(|roles| {
            roles
                .iter()
                .fold(0, |sum: u32, (_, count)| sum.saturating_add(*count))
        }),
        roles: roles.unwrap_or_default().into(),
    })
}

fn key_door(wire: Field<WireKeyDoor>) -> Option<KeyDoor> {
    let WireKeyDoor {
        door_uuid,
        provide_doorcodes,
    } = wire.ok()?;
    Some(KeyDoor {
        door: DoorUuid(door_uuid.ok()?),
        doorcodes: provide_doorcodes.ok()?,
    })
}

fn interval(wire: Field<WireInterval>) -> Option<Interval> {
    let WireInterval { days, from, to } = wire.ok()?;
    let mut days = days
        .ok()?
        .into_iter()
        .map(Field::ok)
        .collect::<Option<Vec<Day>>>()?;
    days.sort_unstable();
    days.dedup();
    Some(Interval {
        days,
        from: from.ok()?.0,
        to: to.ok()?.0,
    })
}

/// A partner, or the field that spoils it.
pub(crate) fn partner(wire: WireNamed) -> Result<Partner, BadField> {
    Ok(Partner {
        uuid: PartnerUuid(required(wire.uuid, "uuid")?),
        name: required(wire.name, "name")?,
    })
}

/// A building, or the field that spoils it.
pub(crate) fn building(wire: WireNamed) -> Result<Building, BadField> {
    Ok(Building {
        uuid: BuildingUuid(required(wire.uuid, "uuid")?),
        name: required(wire.name, "name")?,
        timezone: wire.timezone.ok(),
    })
}

#[cfg(test)]
mod tests;
