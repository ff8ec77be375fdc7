//! Keys made and edited by a person in DOOR OS.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::hand::{find_building, find_partner, logged, present};
use crate::key_changes::{KeyDraft, KeyEdit};
use crate::phone::parse;
use crate::refusal::Refusal;
use crate::rows::{Holders, Window};
use crate::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeyByHand {
    building: String,
    name: String,
    partner: Option<String>,
    /// Names or uuids.
    doors: Vec<String>,
    #[serde(default)]
    provide_doorcodes: bool,
    #[serde(default)]
    schedule: Vec<Window>,
    #[serde(default)]
    holders: Holders,
}

pub(crate) fn add(world: &mut World, body: &[u8]) -> Result<Value, Refusal> {
    let KeyByHand {
        building,
        name,
        partner,
        doors,
        provide_doorcodes,
        schedule,
        holders,
    } = parse(body)?;
    let home = find_building(world, &building)?;
    let partner = partner
        .map(|partner| find_partner(world, &partner))
        .transpose()?;
    let doors = find_doors(world, home, &doors)?
        .into_iter()
        .map(|door| (door, provide_doorcodes))
        .collect();
    let (key, _) = world.create_key(
        home,
        KeyDraft {
            name,
            partner,
            doors,
            schedule,
            client_ref: None,
        },
    )?;
    world.set_holders(home, key, Some(holders));
    logged(world, "key created", key, body);
    Ok(json!(world.key_row(key)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct KeyEditByHand {
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    partner: Option<Option<String>>,
    /// Names or uuids.
    #[serde(default)]
    add_doors: Vec<String>,
    #[serde(default)]
    remove_doors: Vec<String>,
    /// Doorcodes on or off: at doors added, and at all doors if none is.
    provide_doorcodes: Option<bool>,
    schedule: Option<Vec<Window>>,
    #[serde(default, deserialize_with = "present")]
    holders: Option<Option<Holders>>,
}

pub(crate) fn edit(world: &mut World, key: Uuid, edit: KeyEditByHand) -> Result<(), Refusal> {
    let home = world.building_of_key(key).ok_or(Refusal::NotFound)?.uuid;
    let KeyEditByHand {
        name,
        partner,
        add_doors,
        remove_doors,
        provide_doorcodes,
        schedule,
        holders,
    } = edit;
    let partner = partner
        .map(|partner| {
            partner
                .map(|partner| find_partner(world, &partner))
                .transpose()
        })
        .transpose()?;
    let add: BTreeMap<Uuid, bool> = find_doors(world, home, &add_doors)?
        .into_iter()
        .map(|door| (door, provide_doorcodes.unwrap_or(false)))
        .collect();
    let doorcodes = match (provide_doorcodes, world.key(key)) {
        (Some(provide), Some(key)) if add.is_empty() => {
            key.doors.keys().map(|door| (*door, provide)).collect()
        }
        _ => BTreeMap::new(),
    };
    let remove = find_doors(world, home, &remove_doors)?;
    let doorcodes = doorcodes
        .into_iter()
        .filter(|(door, _)| !remove.contains(door))
        .collect();
    world.edit_key(
        key,
        KeyEdit {
            name,
            partner,
            add,
            remove,
            doorcodes,
            schedule,
        },
    )?;
    if let Some(holders) = holders {
        world.set_holders(home, key, holders);
    }
    Ok(())
}

impl World {
    /// People take or lose a key: its row changes, but nobody edited it.
    fn set_holders(&mut self, home: Uuid, key: Uuid, holders: Option<Holders>) {
        self.change_keys(home, &BTreeSet::from([key]), |building| {
            if let Some(key) = building.keys.get_mut(&key) {
                key.holders = holders;
            }
        });
    }
}

fn find_doors(world: &World, home: Uuid, names: &[String]) -> Result<BTreeSet<Uuid>, Refusal> {
    let building = world.buildings.get(&home).ok_or(Refusal::NotFound)?;
    names
        .iter()
        .map(|name| {
            let by_uuid = Uuid::parse_str(name)
                .ok()
                .filter(|uuid| building.doors.contains_key(uuid));
            let mut by_name = building
                .doors
                .values()
                .filter(|door| door.name == *name)
                .map(|door| door.uuid);
            match (by_uuid, by_name.next(), by_name.next()) {
                (Some(uuid), _, _) | (None, Some(uuid), None) => Ok(uuid),
                (None, None, _) => Err(Refusal::invalid(format!("no door is named {name:?}"))),
                (None, Some(_), Some(_)) => Err(Refusal::invalid(format!(
                    "several doors are named {name:?}"
                ))),
            }
        })
        .collect()
}
