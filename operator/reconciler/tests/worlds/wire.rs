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
use crate::process::Desk;
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
    /// The revision it is conditional on.
    pub if_match: Option<i64>,
    /// What was asked.
    pub request: Value,
    /// Buildings of which a commit had failed before, in the same round.
    pub failed: BTreeSet<Uuid>,
    /// The declarations had changed since the round began, and had been read anew.
    pub read_anew: bool,
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
    /// Later pages of lists in this round, and how many of them a fault struck.
    pub later_pages: (u64, u64),
}

impl Notes {
    /// A round begins: what earlier ones were told of lists is forgotten.
    pub fn begin(&mut self) {
        self.sent.clear();
        self.seen.clear();
        self.later_pages = (0, 0);
    }

    fn request(&mut self, request: &Request<Bytes>, disk: &Disk, desk: &Desk) {
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
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            let mark = body["clientRef"].as_str();
            let subject = path.split('/').nth(3).unwrap_or_default();
            self.sent.push(Sent {
                written_down: disk.has_begun(mark.unwrap_or(subject)),
                if_match: if_match.trim_matches('"').parse().ok(),
                failed: disk.failed(),
                read_anew: desk.was_read_anew(),
                seen: Rc::new(self.seen.clone()),
                call: format!("{} {path}", request.method()),
                request: body,
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
    pub desk: Rc<Desk>,
    /// DOOR OS serves no more rows than this on a page.
    pub page: Option<usize>,
}

impl Wire {
    /// DOOR OS takes a call. It may serve fewer rows on a page than it is asked for.
    fn serve(&self, request: &Request<Bytes>) -> Outcome {
        let asked = request.uri().to_string();
        let (Some(page), true) = (self.page, asked.contains("pageSize=500")) else {
            return self.simulator.handle(request.clone());
        };
        let mut served = request.clone();
        *served.uri_mut() = asked
            .replace("pageSize=500", &format!("pageSize={page}"))
            .parse()
            .unwrap();
        if !asked.contains("pageToken") {
            return self.simulator.handle(served);
        }
        let before = struck(&self.simulator);
        let outcome = self.simulator.handle(served);
        let is_struck = struck(&self.simulator) > before;
        let (pages, strikes) = &mut self.notes.borrow_mut().later_pages;
        *pages += 1;
        *strikes += u64::from(is_struck);
        outcome
    }
}

/// How often faults have struck.
fn struck(simulator: &Simulator) -> u64 {
    let request = Request::builder().uri("/sim/v1/faults").body(Bytes::new());
    let Outcome::Respond { response, .. } = simulator.handle(request.unwrap()) else {
        return 0;
    };
    let faults: Value = serde_json::from_slice(response.body()).unwrap();
    let faults = faults.as_array().into_iter().flatten();
    faults.filter_map(|fault| fault["struck"].as_u64()).sum()
}

impl Transport for Wire {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.effects.point().await;
        self.time.now();
        self.notes
            .borrow_mut()
            .request(&request, &self.disk, &self.desk);
        self.tamper.request(&mut request, &self.simulator);
        let outcome = self.serve(&request);
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
