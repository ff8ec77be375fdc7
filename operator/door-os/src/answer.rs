//! Writes as calls, and what their answers mean.

use bytes::Bytes;
use http::Method;
use opendoor_planner::ids::{DoorUuid, PartnerUuid};
use opendoor_planner::observed::{DoorRow, Interval, KeyDoor, KeyRow};
use opendoor_planner::writes::{Answer, KeyPatch, Write};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use uuid::Uuid;

use crate::call::{Call, Repeat};
use crate::deliver::{Failed, Fate, Reply};
use crate::error::Error;
use crate::rows::{self, BadField, WireDoor, WireKey};
use crate::wire::{Field, FromJson};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DoorInKey {
    door_uuid: DoorUuid,
    provide_doorcodes: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartnerAssignment {
    partner_uuid: Option<PartnerUuid>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewKey<'a> {
    building_uuid: Uuid,
    name: &'a str,
    partner_uuid: PartnerUuid,
    doors: Vec<DoorInKey>,
    schedule: &'a [Interval],
    client_ref: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyChange<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    // Sent only to set one: a null here would be an attempt to clear it.
    #[serde(skip_serializing_if = "Option::is_none")]
    partner_uuid: Option<PartnerUuid>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    add_doors: Vec<DoorInKey>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    remove_doors: &'a [DoorUuid],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    doorcodes: Vec<DoorInKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<&'a [Interval]>,
}

fn doors_in_key(doors: &[KeyDoor]) -> Vec<DoorInKey> {
    doors
        .iter()
        .map(|&KeyDoor { door, doorcodes }| DoorInKey {
            door_uuid: door,
            provide_doorcodes: doorcodes,
        })
        .collect()
}

/// The call that performs a write, if it can leave us in time.
pub(crate) fn call(write: &Write, not_after: Instant) -> Result<Call, String> {
    let (name, method, path, if_match, body) = match write {
        Write::SetDoorPartner {
            door,
            partner,
            if_match,
        } => (
            "PUT /v1/doors/{uuid}/partner",
            Method::PUT,
            format!("/v1/doors/{door}/partner"),
            Some(*if_match),
            Some(json(&PartnerAssignment {
                partner_uuid: *partner,
            })?),
        ),
        Write::CreateKey {
            building,
            name,
            partner,
            doors,
            schedule,
            client_ref,
        } => (
            "POST /v1/keys",
            Method::POST,
            "/v1/keys".to_owned(),
            None,
            Some(json(&NewKey {
                building_uuid: building.0,
                name,
                partner_uuid: *partner,
                doors: doors_in_key(doors),
                schedule,
                client_ref,
            })?),
        ),
        Write::UpdateKey {
            key,
            if_match,
            patch:
                KeyPatch {
                    name,
                    add_doors,
                    remove_doors,
                    doorcodes,
                    schedule,
                    partner,
                },
        } => (
            "PATCH /v1/keys/{uuid}",
            Method::PATCH,
            format!("/v1/keys/{key}"),
            Some(*if_match),
            Some(json(&KeyChange {
                name: name.as_deref(),
                partner_uuid: *partner,
                add_doors: doors_in_key(add_doors),
                remove_doors,
                doorcodes: doors_in_key(doorcodes),
                schedule: schedule.as_deref(),
            })?),
        ),
        Write::DeleteKey { key, if_match } => (
            "DELETE /v1/keys/{uuid}",
            Method::DELETE,
            format!("/v1/keys/{key}"),
            Some(*if_match),
            None,
        ),
    };
    Ok(Call {
        name,
        method,
        path,
        body,
        if_match,
        repeat: Repeat::Write,
        not_after: Some(not_after),
    })
}

fn json(body: &impl Serialize) -> Result<Bytes, String> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|_| "the write cannot be written as JSON".to_owned())
}

#[derive(Deserialize)]
struct WireChanged {
    #[serde(default)]
    key: Field<WireKey>,
    #[serde(default)]
    doors: Field<Vec<Field<WireDoor>>>,
}

/// What a success says was changed. It must be about the thing written: an answer that is not does
/// not say what happened.
pub(crate) fn applied(write: &Write, body: &[u8]) -> Result<Answer, String> {
    let (key, doors) = match write {
        Write::SetDoorPartner { door, .. } => {
            let row = row(body, &rows::door)?;
            same(row.uuid == *door)?;
            (None, vec![row])
        }
        Write::CreateKey { client_ref, .. } => {
            let (key, doors) = changed(body)?;
            let key = key.ok_or("it holds no key")?;
            same(key.client_ref.as_ref() == Some(client_ref))?;
            (Some(key), doors)
        }
        Write::UpdateKey { key: uuid, .. } => {
            let (key, doors) = changed(body)?;
            let key = key.ok_or("it holds no key")?;
            same(key.uuid == *uuid)?;
            (Some(key), doors)
        }
        Write::DeleteKey { .. } => (None, changed(body)?.1),
    };
    Ok(Answer::Applied { key, doors })
}

fn same(same: bool) -> Result<(), String> {
    if same {
        Ok(())
    } else {
        Err("it holds another row than the one written".to_owned())
    }
}

fn changed(body: &[u8]) -> Result<(Option<KeyRow>, Vec<DoorRow>), String> {
    let WireChanged { key, doors } =
        serde_json::from_slice(body).map_err(|_| "its body is not the JSON of changed rows")?;
    let key = key
        .strict()
        .map_err(|()| "key")
        .and_then(|key| key.map(rows::key).transpose())
        .map_err(|field| format!("the key it holds has no usable {field}"))?;
    let doors = doors
        .ok()
        .ok_or("it holds no doors")?
        .into_iter()
        .map(|door| door.ok().ok_or("uuid").and_then(rows::door))
        .collect::<Result<Vec<_>, BadField>>()
        .map_err(|field| format!("a door it holds has no usable {field}"))?;
    Ok((key, doors))
}

/// A body that is one row.
pub(crate) fn row<W: FromJson, R>(
    body: &[u8],
    parse: &impl Fn(W) -> Result<R, BadField>,
) -> Result<R, String> {
    let wire: Field<W> =
        serde_json::from_slice(body).map_err(|_| "its body is not the JSON of a row")?;
    let wire = wire.ok().ok_or("its body is not the JSON of a row")?;
    parse(wire).map_err(|field| format!("the row it holds has no usable {field}"))
}

/// What came of a write.
pub(crate) fn of(call: &Call, reply: Result<Reply<Answer>, Failed>) -> Answer {
    match reply {
        Ok(Reply::Value(answer)) => answer,
        Ok(Reply::Other {
            status: 400 | 404 | 409 | 410 | 412 | 428,
            code,
        }) => Answer::Refused { code },
        // Any other status is not one the contract gives a meaning to, so it proves nothing.
        Ok(Reply::Other { status, code }) => Answer::Unknown {
            why: Error::Unexpected {
                call: call.name,
                status,
                code,
            }
            .to_string(),
        },
        Err(Failed { error, fate }) => match fate {
            Fate::NothingDone => Answer::NotSent {
                why: error.to_string(),
            },
            Fate::Refused { code } => Answer::Refused { code },
            Fate::Unclear => Answer::Unknown {
                why: error.to_string(),
            },
        },
    }
}
