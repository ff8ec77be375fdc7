//! Edits by a person in DOOR OS, what happens to doors, and what DOOR's integrations team does.

use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::genesis::new_device;
use crate::hand_keys;
use crate::lock::Lock;
use crate::phone::{parse, uuid};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{Device, DoorType, Unit, Vacancy};
use crate::world::{PartnerState, World};
use crate::world_file::DoorFile;

pub(crate) fn answer(
    world: &mut World,
    method: &str,
    segments: &[&str],
    body: &[u8],
) -> Result<Reply, Refusal> {
    let what = segments.get(2..).unwrap_or_default();
    let answer = match (method, what) {
        ("POST", ["partners"]) => decide(world, &parse(body)?)?,
        ("POST", ["doors"]) => add_door(world, body)?,
        ("PATCH", ["doors", door]) => {
            let door = uuid(door)?;
            edit_door(world, door, parse(body)?)?;
            logged(world, "door edited", door, body);
            json!(world.door_row(door))
        }
        ("DELETE", ["doors", door]) => {
            let door = uuid(door)?;
            world.remove_door(door)?;
            logged(world, "door removed", door, body);
            json!({})
        }
        ("POST", ["doors", door, "restore-lock"]) => {
            let door = uuid(door)?;
            world.restore_lock(door)?;
            json!(world.door_row(door))
        }
        ("POST", ["keys"]) => hand_keys::add(world, body)?,
        ("PATCH", ["keys", key]) => {
            let key = uuid(key)?;
            hand_keys::edit(world, key, parse(body)?)?;
            logged(world, "key edited", key, body);
            json!(world.key_row(key))
        }
        ("DELETE", ["keys", key]) => {
            let key = uuid(key)?;
            world.delete_key(key)?;
            logged(world, "key deleted", key, body);
            json!({})
        }
        _ => return Err(Refusal::NotFound),
    };
    Ok(Reply::json(StatusCode::OK, &answer))
}

pub(crate) fn logged(world: &mut World, what: &str, subject: Uuid, body: &[u8]) {
    let request = serde_json::from_slice(body).unwrap_or(Value::Null);
    world.log("hand", what, Some(subject), request);
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Decision {
    building: String,
    partner: String,
    state: PartnerState,
    /// A withdrawal also clears doors and deletes keys that carry the partner.
    #[serde(default)]
    force: bool,
}

/// DOOR's integrations team answers an e-mail.
fn decide(world: &mut World, decision: &Decision) -> Result<Value, Refusal> {
    let home = find_building(world, &decision.building)?;
    let partner = find_partner(world, &decision.partner).or_else(|_| {
        match Uuid::parse_str(&decision.partner) {
            Ok(_) => Err(Refusal::NotFound),
            Err(_) => Ok(world.know_partner(&decision.partner)),
        }
    })?;
    let withdrawn = decision.state != PartnerState::Authorized;
    let building = world.buildings.get(&home).ok_or(Refusal::NotFound)?;
    if withdrawn && building.uses(partner) && !world.parameters.withdrawal_keeps_assignments {
        if !decision.force {
            return Err(Refusal::PartnerInUse);
        }
        let doors: Vec<Uuid> = building
            .doors
            .values()
            .filter(|door| door.partner == Some(partner))
            .map(|door| door.uuid)
            .collect();
        let keys: Vec<Uuid> = building
            .keys
            .values()
            .filter(|key| key.partner == Some(partner))
            .map(|key| key.uuid)
            .collect();
        for door in doors {
            world.put_partner(door, None);
        }
        for key in keys {
            world.delete_key(key)?;
        }
    }
    if let Some(building) = world.buildings.get_mut(&home) {
        building.partners.insert(partner, decision.state);
    }
    let detail =
        json!({ "partnerUuid": partner, "state": decision.state, "force": decision.force });
    world.log(
        "integrations",
        "partner decided",
        Some(home),
        detail.clone(),
    );
    Ok(detail)
}

/// Tells an explicit null from an absent field.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DoorEdit {
    name: Option<String>,
    /// Name or uuid; null clears.
    #[serde(default, deserialize_with = "present")]
    partner: Option<Option<String>>,
    door_type: Option<DoorType>,
    connected: Option<bool>,
    /// Whether the network reaches the lock, whatever DOOR believes; follows `connected` when that changes.
    reachable: Option<bool>,
    /// Another one is another lock; null takes the device off.
    #[serde(default, deserialize_with = "present")]
    serial_number: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    unit: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    vacancy: Option<Option<Vacancy>>,
    vacancy_since: Option<Timestamp>,
    battery_percentage: Option<u8>,
}

fn edit_door(world: &mut World, door: Uuid, edit: DoorEdit) -> Result<(), Refusal> {
    let has_unit = world.door(door).ok_or(Refusal::NotFound)?.unit.is_some();
    let DoorEdit {
        name,
        partner,
        door_type,
        connected,
        reachable,
        serial_number,
        unit,
        vacancy,
        vacancy_since,
        battery_percentage,
    } = edit;
    // First what can be refused, so that an edit is done whole or not at all.
    if vacancy.is_some() && !unit.as_ref().map_or(has_unit, Option::is_some) {
        return Err(Refusal::invalid(
            "the door has no unit that could be vacant",
        ));
    }
    if let Some(partner) = partner {
        let partner = partner
            .map(|partner| find_partner(world, &partner))
            .transpose()?;
        world.set_partner(door, partner)?;
    }
    if let Some(name) = name {
        world.rename_door(door, name);
    }
    let now = world.now;
    world.change_door(door, |door| {
        if let Some(door_type) = door_type.filter(|wanted| *wanted != door.door_type) {
            door.door_type = door_type;
            door.revision += 1;
        }
        if let Some(unit) =
            unit.filter(|wanted| wanted.as_ref() != door.unit.as_ref().map(|unit| &unit.name))
        {
            door.unit = unit.map(|name| Unit {
                name,
                vacancy: None,
                vacancy_since: None,
            });
            door.revision += 1;
        }
        if let (Some(vacancy), Some(unit)) = (vacancy, &mut door.unit) {
            unit.vacancy = vacancy;
            unit.vacancy_since = vacancy.map(|_| vacancy_since.unwrap_or(now));
        }
        if let (Some(percentage), Some(battery)) = (
            battery_percentage,
            door.device
                .as_mut()
                .and_then(|device| device.battery.as_mut()),
        ) {
            battery.percentage = percentage;
            battery.last_updated = now.as_second();
        }
    });
    if let Some(connected) = connected {
        connect(world, door, connected, reachable.unwrap_or(connected));
    } else if let (Some(reachable), Some(connected)) =
        (reachable, world.door(door).map(|door| door.connected))
    {
        connect(world, door, connected, reachable);
    }
    if let Some(serial_number) = serial_number {
        swap_device(world, door, serial_number);
    }
    Ok(())
}

/// The door goes online or offline: to DOOR's knowledge, and in truth.
fn connect(world: &mut World, door: Uuid, connected: bool, reachable: bool) {
    let Some(state) = world.door(door) else {
        return;
    };
    let comes_back = (connected && !state.connected) || (reachable && !state.reachable);
    let behind = state
        .lock
        .revision
        .is_none_or(|has| has < state.access_revision);
    world.change_door(door, |door| {
        if door.reachable && !reachable {
            door.link += 1;
        }
        door.connected = connected;
        door.reachable = reachable;
    });
    if comes_back && behind && world.parameters.drain_on_reconnect {
        world.send_push(door);
    }
}

/// Another lock on the door, with an empty list; or none.
fn swap_device(world: &mut World, door: Uuid, serial_number: Option<String>) {
    let now = world.now;
    let same = |device: Option<&Device>| {
        device.map(|device| device.serial_number.as_str()) == serial_number.as_deref()
    };
    if world
        .door(door)
        .is_none_or(|door| same(door.device.as_ref()))
    {
        return;
    }
    world.change_door(door, |door| {
        door.device = serial_number.map(|serial_number| new_device(serial_number, now));
        // What phones hold they still hold; it is addressed to the former lock.
        door.lock = Lock {
            fetched: std::mem::take(&mut door.lock.fetched),
            ..Lock::default()
        };
        door.sync.last_sync_at = None;
        door.sync.last_full_sync_at = None;
    });
    world.send_push(door);
}

fn add_door(world: &mut World, body: &[u8]) -> Result<Value, Refusal> {
    let mut request: serde_json::Map<String, Value> = parse(body)?;
    let building = request.remove("building").unwrap_or_default();
    let home = find_building(world, building.as_str().unwrap_or_default())?;
    let file: DoorFile = serde_json::from_value(Value::Object(request))
        .map_err(|error| Refusal::invalid(error.to_string()))?;
    let building = world.buildings.get(&home).ok_or(Refusal::NotFound)?;
    if let Some(partner) = &file.partner {
        let partner = find_partner(world, partner.as_str())?;
        if !building.authorises(partner) {
            return Err(Refusal::PartnerNotAuthorized);
        }
    }
    // Every door that ever joined counts, so that a name used again gives another uuid.
    let index = usize::try_from(building.doors_joined).unwrap_or(usize::MAX);
    let mut door = world.make_door(home, file, index);
    let uuid = door.uuid;
    let own = door.partner;
    door.begin(Vec::new());
    world.add_door(home, door);
    if own.is_some() {
        world
            .door_mut(uuid)
            .into_iter()
            .for_each(|door| door.partner = None);
        world.put_partner(uuid, own);
    }
    logged(world, "door added", uuid, body);
    Ok(json!(world.door_row(uuid)))
}

pub(crate) fn find_building(world: &World, name: &str) -> Result<Uuid, Refusal> {
    world
        .buildings
        .values()
        .find(|building| building.name == name || building.uuid.to_string() == name)
        .map(|building| building.uuid)
        .ok_or_else(|| Refusal::invalid(format!("no building is named {name:?}")))
}

pub(crate) fn find_partner(world: &World, name: &str) -> Result<Uuid, Refusal> {
    world
        .partners
        .iter()
        .find(|(uuid, known)| *known == name || uuid.to_string() == name)
        .map(|(uuid, _)| *uuid)
        .ok_or_else(|| Refusal::invalid(format!("no partner is named {name:?}")))
}
