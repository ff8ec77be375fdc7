//! The manager contract: routes, authentication, and the one place where a write is performed.

mod auth;
mod buildings;
mod doors;
mod keys;
mod pages;

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::World;

pub(crate) use auth::{authenticate, bearer};
pub(crate) use pages::token_after;

/// An operation of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    CreateToken,
    ListBuildings,
    ListPartners(Uuid),
    ListDoors,
    GetDoor(Uuid),
    SetDoorPartner(Uuid),
    ListKeys,
    CreateKey,
    GetKey(Uuid),
    UpdateKey(Uuid),
    DeleteKey(Uuid),
}

/// Method and path template of a call, for counters and faults, and what it means if it means anything.
pub(crate) struct Route {
    pub(crate) template: &'static str,
    pub(crate) operation: Result<Operation, Refusal>,
}

/// Finds the route of a request; `None` if it is no call of the contract.
pub(crate) fn route(method: &Method, path: &str) -> Option<Route> {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (template, operation) = match (method.as_str(), segments.as_slice()) {
        ("POST", ["oauth", "token"]) => ("/oauth/token", Ok(Operation::CreateToken)),
        ("GET", ["v1", "buildings"]) => ("/v1/buildings", Ok(Operation::ListBuildings)),
        ("GET", ["v1", "buildings", uuid, "partners"]) => (
            "/v1/buildings/{uuid}/partners",
            parse_uuid(uuid).map(Operation::ListPartners),
        ),
        ("GET", ["v1", "doors"]) => ("/v1/doors", Ok(Operation::ListDoors)),
        ("GET", ["v1", "doors", uuid]) => {
            ("/v1/doors/{uuid}", parse_uuid(uuid).map(Operation::GetDoor))
        }
        ("PUT", ["v1", "doors", uuid, "partner"]) => (
            "/v1/doors/{uuid}/partner",
            parse_uuid(uuid).map(Operation::SetDoorPartner),
        ),
        ("GET", ["v1", "keys"]) => ("/v1/keys", Ok(Operation::ListKeys)),
        ("POST", ["v1", "keys"]) => ("/v1/keys", Ok(Operation::CreateKey)),
        ("GET", ["v1", "keys", uuid]) => {
            ("/v1/keys/{uuid}", parse_uuid(uuid).map(Operation::GetKey))
        }
        ("PATCH", ["v1", "keys", uuid]) => (
            "/v1/keys/{uuid}",
            parse_uuid(uuid).map(Operation::UpdateKey),
        ),
        ("DELETE", ["v1", "keys", uuid]) => (
            "/v1/keys/{uuid}",
            parse_uuid(uuid).map(Operation::DeleteKey),
        ),
        _ => return None,
    };
    Some(Route {
        template,
        operation,
    })
}

/// Performs a read, or a token request.
pub(crate) fn read(
    world: &mut World,
    operation: Operation,
    query: &str,
    body: &[u8],
) -> Result<Reply, Refusal> {
    match operation {
        Operation::CreateToken => Ok(auth::create_token(world, body)),
        Operation::ListBuildings => Ok(buildings::list(world)),
        Operation::ListPartners(building) => buildings::partners(world, building),
        Operation::ListDoors => doors::list(world, &parse_query(query)),
        Operation::GetDoor(door) => doors::get(world, door),
        Operation::ListKeys => keys::list(world, &parse_query(query)),
        Operation::GetKey(key) => keys::get(world, key),
        Operation::SetDoorPartner(_)
        | Operation::CreateKey
        | Operation::UpdateKey(_)
        | Operation::DeleteKey(_) => Err(Refusal::NotFound),
    }
}

/// A write as it was sent, kept whole because it may take effect after its answer was given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Write {
    pub(crate) client: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) if_match: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl Write {
    pub(crate) fn new(
        client: String,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Self {
        let if_match = headers
            .get(header::IF_MATCH)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Self {
            client,
            method: method.to_string(),
            path: path.to_owned(),
            if_match,
            body: body.to_vec(),
        }
    }

    /// Performs the write now, and logs it.
    pub(crate) fn perform(&self, world: &mut World, late: bool) -> Result<Reply, Refusal> {
        let route = Method::from_bytes(self.method.as_bytes())
            .ok()
            .and_then(|method| route(&method, &self.path));
        let operation = route
            .ok_or(Refusal::NotFound)
            .and_then(|route| route.operation);
        let answer = operation.and_then(|operation| match operation {
            Operation::SetDoorPartner(door) => doors::set_partner(world, door, self),
            Operation::CreateKey => keys::create(world, self),
            Operation::UpdateKey(key) => keys::update(world, key, self),
            Operation::DeleteKey(key) => keys::delete(world, key, self),
            _ => Err(Refusal::NotFound),
        });
        let status = answer
            .as_ref()
            .map_or_else(Refusal::status, |reply| reply.status);
        let request = serde_json::from_slice::<Value>(&self.body).unwrap_or(Value::Null);
        let code = answer.as_ref().err().map(Refusal::code);
        world.log(
            &format!("api:{}", self.client),
            format!("{} {}", self.method, self.path),
            self.path.split('/').find_map(|segment| Uuid::parse_str(segment).ok()),
            json!({ "status": status.as_u16(), "code": code, "late": late, "ifMatch": self.if_match, "request": request }),
        );
        answer
    }

    pub(crate) fn take_effect_late(&self, world: &mut World) {
        // Nobody waits for the answer any more; the log has it.
        let _ = self.perform(world, true);
    }

    /// The revision in `If-Match`, which every write of an existing row needs.
    pub(crate) fn expects(&self, revision: u64) -> Result<(), Refusal> {
        let tag = self
            .if_match
            .as_deref()
            .ok_or(Refusal::PreconditionRequired)?;
        let expected: Option<u64> = tag
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            .and_then(|tag| tag.parse().ok());
        match expected {
            None => Err(Refusal::invalid(
                "If-Match is the revision in double quotes",
            )),
            Some(expected) if expected != revision => Err(Refusal::RevisionMismatch),
            Some(_) => Ok(()),
        }
    }

    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.body).map_err(|error| Refusal::invalid(error.to_string()))
    }
}

/// `{"message": CODE}`; the explanation of an invalid request is not part of the contract.
pub(crate) fn refuse(refusal: &Refusal) -> Reply {
    Reply::json(refusal.status(), &json!({ "message": refusal.code() }))
}

/// The answer to a secret that is not accepted.
pub(crate) fn denied() -> Reply {
    auth::refused(StatusCode::UNAUTHORIZED, "access_denied", "Unauthorized")
}

/// `{"message": code}` with a status of one's choice.
pub(crate) fn message(status: StatusCode, code: &str) -> Reply {
    Reply::json(status, &json!({ "message": code }))
}

fn parse_uuid(text: &str) -> Result<Uuid, Refusal> {
    Uuid::parse_str(text)
        .ok()
        .filter(|uuid| uuid.to_string() == text)
        .ok_or_else(|| Refusal::invalid("a uuid in canonical form"))
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}
