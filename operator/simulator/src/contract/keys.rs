//! Keys: list, one row, create, edit, delete.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use super::Write;
use super::pages::PageRequest;
use crate::key_changes::{KeyDraft, KeyEdit};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::{DoorRow, KeyRow, Window};
use crate::world::World;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    keys: Vec<KeyRow>,
    next_page_token: Option<String>,
    list_revision: u64,
    total_count: usize,
}

pub(super) fn list(world: &World, query: &BTreeMap<String, String>) -> Result<Reply, Refusal> {
    let request = PageRequest::parse(query)?;
    let building = world
        .buildings
        .get(&request.building)
        .ok_or(Refusal::NotFound)?;
    let (page, next_page_token) = request.cut(&building.keys);
    let page = Page {
        keys: page
            .into_iter()
            .filter_map(|key| building.key_row(key))
            .collect(),
        next_page_token,
        list_revision: building.keys_revision,
        total_count: building.keys.len(),
    };
    Ok(Reply::json(StatusCode::OK, &page))
}

pub(super) fn get(world: &World, key: Uuid) -> Result<Reply, Refusal> {
    let row = world.key_row(key).ok_or(Refusal::NotFound)?;
    Ok(Reply::json(StatusCode::OK, &row))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DoorInKey {
    door_uuid: Uuid,
    #[serde(default)]
    provide_doorcodes: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DoorcodesInKey {
    door_uuid: Uuid,
    provide_doorcodes: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewKey {
    building_uuid: Uuid,
    name: String,
    partner_uuid: Uuid,
    doors: Vec<DoorInKey>,
    #[serde(default)]
    schedule: Vec<Window>,
    client_ref: String,
}

#[derive(Serialize)]
struct KeyWithDoors {
    key: KeyRow,
    doors: Vec<DoorRow>,
}

pub(super) fn create(world: &mut World, write: &Write) -> Result<Reply, Refusal> {
    let NewKey {
        building_uuid,
        name,
        partner_uuid,
        doors,
        schedule,
        client_ref,
    } = write.body()?;
    if client_ref.is_empty() || client_ref.chars().count() > 200 {
        return Err(Refusal::invalid("clientRef has 1 to 200 characters"));
    }
    let building = world
        .buildings
        .get(&building_uuid)
        .ok_or(Refusal::NotFound)?;
    if let Some(first) = building.client_refs.get(&client_ref) {
        let key = building.key_row(*first).ok_or(Refusal::KeyDeleted)?;
        return Ok(Reply::json(
            StatusCode::OK,
            &KeyWithDoors {
                key,
                doors: Vec::new(),
            },
        ));
    }
    let doors = once_each(
        doors
            .into_iter()
            .map(|door| (door.door_uuid, door.provide_doorcodes)),
    )?;
    let draft = KeyDraft {
        name,
        partner: Some(partner_uuid),
        doors,
        schedule,
        client_ref: Some(client_ref),
    };
    let (key, changed) = world.create_key(building_uuid, draft)?;
    answer(world, StatusCode::CREATED, key, &changed)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyChange {
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    partner_uuid: Option<Option<Uuid>>,
    #[serde(default)]
    add_doors: Option<Vec<DoorInKey>>,
    #[serde(default)]
    remove_doors: Option<Vec<Uuid>>,
    #[serde(default)]
    doorcodes: Option<Vec<DoorcodesInKey>>,
    schedule: Option<Vec<Window>>,
}

/// Tells an explicit null from an absent field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Uuid>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

pub(super) fn update(world: &mut World, key: Uuid, write: &Write) -> Result<Reply, Refusal> {
    let revision = world.key(key).ok_or(Refusal::NotFound)?.revision;
    let KeyChange {
        name,
        partner_uuid,
        add_doors,
        remove_doors,
        doorcodes,
        schedule,
    } = write.body()?;
    write.expects(revision)?;
    let edit = KeyEdit {
        name,
        partner: partner_uuid,
        add: once_each(
            add_doors
                .into_iter()
                .flatten()
                .map(|door| (door.door_uuid, door.provide_doorcodes)),
        )?,
        remove: remove_doors.into_iter().flatten().collect(),
        doorcodes: once_each(
            doorcodes
                .into_iter()
                .flatten()
                .map(|door| (door.door_uuid, door.provide_doorcodes)),
        )?,
        schedule,
    };
    let mut named = BTreeSet::new();
    if !edit
        .add
        .keys()
        .chain(&edit.remove)
        .chain(edit.doorcodes.keys())
        .all(|door| named.insert(*door))
    {
        return Err(Refusal::invalid(
            "a door is named in two of addDoors, removeDoors and doorcodes",
        ));
    }
    let changed = world.edit_key(key, edit)?;
    answer(world, StatusCode::OK, key, &changed)
}

pub(super) fn delete(world: &mut World, key: Uuid, write: &Write) -> Result<Reply, Refusal> {
    let revision = world.key(key).ok_or(Refusal::NotFound)?.revision;
    write.expects(revision)?;
    let changed = world.delete_key(key)?;
    Ok(Reply::json(
        StatusCode::OK,
        &serde_json::json!({ "doors": door_rows(world, &changed) }),
    ))
}

fn answer(
    world: &World,
    status: StatusCode,
    key: Uuid,
    changed: &[Uuid],
) -> Result<Reply, Refusal> {
    let key = world.key_row(key).ok_or(Refusal::NotFound)?;
    Ok(Reply::json(
        status,
        &KeyWithDoors {
            key,
            doors: door_rows(world, changed),
        },
    ))
}

fn door_rows(world: &World, doors: &[Uuid]) -> Vec<DoorRow> {
    doors
        .iter()
        .filter_map(|door| world.door_row(*door))
        .collect()
}

fn once_each(doors: impl Iterator<Item = (Uuid, bool)>) -> Result<BTreeMap<Uuid, bool>, Refusal> {
    let mut named = BTreeMap::new();
    for (door, doorcodes) in doors {
        if named.insert(door, doorcodes).is_some() {
            return Err(Refusal::invalid("a door is named twice"));
        }
    }
    Ok(named)
}
