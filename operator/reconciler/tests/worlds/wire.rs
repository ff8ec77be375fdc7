//! The way from the client to the simulator: what passes is written down, and the process may die on
//! either side of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::rc::Rc;

use bytes::Bytes;
use http::{Method, Request, Response};
use opendoor_door_os::{Transport, TransportError};
use opendoor_simulator::{Outcome, Simulator};
use serde_json::Value;
use uuid::Uuid;

use crate::effects::{Effects, Time};
use crate::store::Disk;
use crate::tamper::Tamper;

/// What a process was told of one building's list: uuids by `doors` and `keys`.
pub type Seen = BTreeMap<(Uuid, &'static str), BTreeSet<Uuid>>;

/// A write as it was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The lists as the client had seen them.
    pub seen: Rc<Seen>,
    /// `METHOD path`.
    pub call: String,
    /// A committed ledger held it.
    pub written_down: bool,
}

/// What passed.
#[derive(Default)]
pub struct Notes {
    /// Every request, token and header aside.
    pub requests: String,
    /// Revisions of doors and keys that the client was shown.
    pub shown: BTreeSet<(Uuid, i64)>,
    /// Writes since the last round began.
    pub sent: Vec<Sent>,
    /// The lists as last told.
    pub seen: Seen,
}

impl Notes {
    /// A round begins: what earlier ones were told of lists is forgotten.
    pub fn begin(&mut self) {
        self.sent.clear();
        self.seen.clear();
    }

    fn request(&mut self, request: &Request<Bytes>, disk: &Disk) {
        let if_match = request
            .headers()
            .get("if-match")
            .and_then(|value| value.to_str().ok())
            .unwrap_or("-");
        let body = String::from_utf8_lossy(request.body());
        let path = request
            .uri()
            .path_and_query()
            .map_or("", |path| path.as_str());
        writeln!(
            self.requests,
            "{} {path} {if_match} {body}",
            request.method()
        )
        .unwrap();
        if *request.method() != Method::GET && path.starts_with("/v1/") {
            let mark = serde_json::from_slice::<Value>(request.body())
                .ok()
                .and_then(|body| body["clientRef"].as_str().map(str::to_owned));
            let subject = path.split('/').nth(3).unwrap_or_default();
            self.sent.push(Sent {
                written_down: disk.has_begun(mark.as_deref().unwrap_or(subject)),
                seen: Rc::new(self.seen.clone()),
                call: format!("{} {path}", request.method()),
            });
        }
    }

    fn response(&mut self, request: &Request<Bytes>, body: &Value) {
        let rows = |field: &str| {
            body.get(field)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        let single = [body, body.get("key").unwrap_or(&Value::Null)];
        for row in rows("doors").chain(rows("keys")).chain(single) {
            if let (Some(uuid), Some(revision)) = (uuid_of(row, "uuid"), row["revision"].as_i64()) {
                self.shown.insert((uuid, revision));
            }
        }
        let list = match request.uri().path() {
            "/v1/doors" => "doors",
            "/v1/keys" => "keys",
            _ => return,
        };
        let query: BTreeMap<String, String> = request
            .uri()
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let Some(building) = query.get("buildingUuid").and_then(|text| text.parse().ok()) else {
            return;
        };
        let seen = self.seen.entry((building, list)).or_default();
        if !query.contains_key("pageToken") {
            seen.clear();
        }
        seen.extend(rows(list).filter_map(|row| uuid_of(row, "uuid")));
    }
}

fn uuid_of(row: &Value, field: &str) -> Option<Uuid> {
    row.get(field)?.as_str()?.parse().ok()
}

/// The transport of one process.
pub struct Wire {
    pub simulator: Simulator,
    pub time: Time,
    pub effects: Effects,
    pub notes: Rc<RefCell<Notes>>,
    pub tamper: Rc<Tamper>,
    pub disk: Rc<Disk>,
}

impl Transport for Wire {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.effects.point().await;
        self.time.now();
        self.notes.borrow_mut().request(&request, &self.disk);
        self.tamper.request(&mut request, &self.simulator);
        let outcome = self.simulator.handle(request.clone());
        self.effects.point().await;
        match outcome {
            Outcome::Respond { delay, response } => {
                tokio::time::sleep(delay).await;
                self.time.now();
                if let Ok(body) = serde_json::from_slice(response.body())
                    && response.status().is_success()
                {
                    self.notes.borrow_mut().response(&request, &body);
                }
                Ok(self.tamper.response(&request, response, &self.simulator))
            }
            Outcome::Lost { delay } => {
                tokio::time::sleep(delay).await;
                self.time.now();
                self.tamper
                    .lost(&request, &self.simulator)
                    .map_or_else(|| Err(TransportError::broken("the connection broke")), Ok)
            }
        }
    }
}
