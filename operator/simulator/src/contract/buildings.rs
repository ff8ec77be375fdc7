//! Buildings, and the partners that DOOR authorised there.

use http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::World;

pub(super) fn list(world: &World) -> Reply {
    let buildings: Vec<Value> = world
        .buildings
        .values()
        .map(|building| {
            let mut row = json!({ "uuid": building.uuid, "name": building.name });
            if let Value::Object(fields) = &mut row {
                if let Some(timezone) = &building.timezone {
                    fields.insert("timezone".to_owned(), json!(timezone));
                }
                if let Some(address) = &building.address {
                    fields.insert("address".to_owned(), json!(address));
                }
                if let Some((uuid, name)) = &building.portfolio {
                    fields.insert(
                        "portfolio".to_owned(),
                        json!({ "uuid": uuid, "name": name }),
                    );
                }
            }
            row
        })
        .collect();
    Reply::json(StatusCode::OK, &json!({ "buildings": buildings }))
}

pub(super) fn partners(world: &World, building: Uuid) -> Result<Reply, Refusal> {
    let building = world.buildings.get(&building).ok_or(Refusal::NotFound)?;
    let partners: Vec<Value> = world
        .partners
        .iter()
        .filter(|(uuid, _)| building.authorises(**uuid))
        .map(|(uuid, name)| json!({ "uuid": uuid, "name": name }))
        .collect();
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "partners": partners }),
    ))
}
