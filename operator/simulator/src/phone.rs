//! What a phone does at a door: a sync in its two halves, and an attempt to open.

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::lock::SyncKind;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::World;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
    #[default]
    Both,
    Fetch,
    Deliver,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct SyncRequest {
    kind: SyncKind,
    phase: Phase,
    /// Which phone: two may hold fetches of one door.
    phone: String,
}

impl Default for SyncRequest {
    fn default() -> Self {
        Self {
            kind: SyncKind::Full,
            phase: Phase::Both,
            phone: "phone".to_owned(),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TryRequest {
    partner_uuid: Uuid,
}

pub(crate) fn answer(
    world: &mut World,
    method: &str,
    segments: &[&str],
    body: &[u8],
) -> Result<Reply, Refusal> {
    match (method, segments) {
        ("POST", ["app", "v1", "doors", door, "sync"]) => {
            let request = if body.is_empty() {
                SyncRequest::default()
            } else {
                parse(body)?
            };
            sync(world, uuid(door)?, &request)
        }
        ("POST", ["locks", door, "try"]) => {
            let TryRequest { partner_uuid } = parse(body)?;
            let opens = world.try_lock(uuid(door)?, partner_uuid)?;
            Ok(Reply::json(StatusCode::OK, &json!({ "opens": opens })))
        }
        _ => Err(Refusal::NotFound),
    }
}

fn sync(world: &mut World, door: Uuid, request: &SyncRequest) -> Result<Reply, Refusal> {
    let SyncRequest { kind, phase, phone } = request;
    if *phase == Phase::Both && world.door(door).is_some_and(|door| door.device.is_none()) {
        return Err(Refusal::NoDevice);
    }
    if *phase != Phase::Deliver {
        world.fetch(door, *kind, phone)?;
    }
    let taken = if *phase == Phase::Fetch {
        None
    } else {
        Some(world.deliver(door, phone)?)
    };
    let revision = world.door(door).and_then(|door| door.lock.revision);
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "listTaken": taken, "lockRevision": revision }),
    ))
}

/// A uuid in a path of the simulator's own calls.
pub(crate) fn uuid(text: &str) -> Result<Uuid, Refusal> {
    Uuid::parse_str(text).map_err(|_| Refusal::invalid(format!("{text:?} is no uuid")))
}

/// A body of the simulator's own calls.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::invalid(error.to_string()))
}
