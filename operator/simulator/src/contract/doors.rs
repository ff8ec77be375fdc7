//! Doors: list, one row, and the partner dropdown.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Write;
use super::pages::PageRequest;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::rows::DoorRow;
use crate::world::World;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    doors: Vec<DoorRow>,
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
    let (page, next_page_token) = request.cut(&building.doors);
    let page = Page {
        doors: page
            .into_iter()
            .filter_map(|door| building.door_row(door))
            .collect(),
        next_page_token,
        list_revision: building.doors_revision,
        total_count: building.doors.len(),
    };
    Ok(Reply::json(StatusCode::OK, &page))
}

pub(super) fn get(world: &World, door: Uuid) -> Result<Reply, Refusal> {
    let row = world.door_row(door).ok_or(Refusal::NotFound)?;
    Ok(Reply::json(StatusCode::OK, &row))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Assignment {
    // A value and not an option: null clears, but the field must be there.
    partner_uuid: Value,
}

pub(super) fn set_partner(world: &mut World, door: Uuid, write: &Write) -> Result<Reply, Refusal> {
    let revision = world.door(door).ok_or(Refusal::NotFound)?.revision;
    let Assignment { partner_uuid } = write.body()?;
    let partner: Option<Uuid> = serde_json::from_value(partner_uuid)
        .map_err(|error| Refusal::invalid(error.to_string()))?;
    write.expects(revision)?;
    world.set_partner(door, partner)?;
    get(world, door)
}
