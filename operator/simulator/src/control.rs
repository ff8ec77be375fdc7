//! The simulator's own controls: clock, faults, counters, parameters, and a view of everything.

use http::StatusCode;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{Fault, Faults};
use crate::parameters::Parameters;
use crate::phone::parse;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Advance {
    advance_seconds: f64,
}

pub(crate) fn answer(
    world: &mut World,
    method: &str,
    segments: &[&str],
    body: &[u8],
) -> Result<Reply, Refusal> {
    let what = segments.last().copied().unwrap_or("");
    let answer = match (method, what) {
        ("GET", "clock") => clock(world),
        ("POST", "clock") => {
            let Advance { advance_seconds } = parse(body)?;
            let by = SignedDuration::try_from_secs_f64(advance_seconds)
                .ok()
                .filter(|by| !by.is_negative())
                .ok_or_else(|| {
                    Refusal::invalid("advanceSeconds is a number of seconds, not negative")
                })?;
            world.advance(by);
            clock(world)
        }
        ("GET", "faults") => json!(world.faults.report()),
        ("PUT", "faults") => {
            let faults: Vec<Fault> = parse(body)?;
            world.faults = Faults::order(faults).map_err(Refusal::Invalid)?;
            world.dirty = true;
            json!(world.faults.report())
        }
        ("DELETE", "faults") => {
            world.faults = Faults::default();
            world.dirty = true;
            json!([])
        }
        ("GET", "counters") => json!({ "calls": world.calls, "writes": world.writes }),
        ("DELETE", "counters") => {
            world.calls.clear();
            world.writes = 0;
            json!({ "calls": {}, "writes": 0 })
        }
        ("GET", "parameters") => json!(world.parameters),
        ("PUT", "parameters") => {
            world.parameters = parse::<Parameters>(body)?;
            world.dirty = true;
            json!(world.parameters)
        }
        ("GET", "state") => state(world),
        _ => return Err(Refusal::NotFound),
    };
    Ok(Reply::json(StatusCode::OK, &answer))
}

fn clock(world: &World) -> Value {
    json!({ "now": world.now, "advancedSeconds": world.advanced.as_secs() })
}

/// Everything, in the contract's words where it has them; each door with its lock.
fn state(world: &World) -> Value {
    let buildings: Vec<Value> = world
        .buildings
        .values()
        .map(|building| {
            let doors: Vec<Value> = building
                .doors
                .values()
                .map(|door| {
                    let mut row = serde_json::to_value(door.row(building.uuid)).unwrap_or_default();
                    if let Value::Object(fields) = &mut row {
                        fields.insert("lock".to_owned(), json!(door.lock));
                    }
                    row
                })
                .collect();
            let keys: Vec<Value> = building
                .keys
                .keys()
                .map(|key| json!(building.key_row(*key)))
                .collect();
            json!({
                "uuid": building.uuid,
                "name": building.name,
                "timezone": building.timezone,
                "partners": building.partners,
                "doorsListRevision": building.doors_revision,
                "keysListRevision": building.keys_revision,
                "clientRefs": building.client_refs,
                "doors": doors,
                "keys": keys,
            })
        })
        .collect();
    let partners: Vec<Value> = world
        .partners
        .iter()
        .map(|(uuid, name)| json!({ "uuid": uuid, "name": name }))
        .collect();
    json!({
        "now": world.now,
        "seed": world.seed,
        "parameters": world.parameters,
        "partners": partners,
        "buildings": buildings,
        "residents": world.residents,
        "eventsUnderWay": world.agenda.len(),
        "log": world.log,
    })
}
