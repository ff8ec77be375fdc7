//! Bugs planted on purpose in what passes the wire.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use opendoor_simulator::{Outcome, Simulator};
use serde_json::{Value, json};

use crate::mutants::Mutant;

/// A bug in what passes the wire, with what it remembers.
pub struct Tamper {
    pub mutant: Mutant,
    memory: RefCell<Memory>,
}

#[derive(Default)]
struct Memory {
    /// When a door's access revision was first shown.
    first_shown: BTreeMap<(String, i64), Timestamp>,
    /// The highest lock revision shown of a device.
    highest: BTreeMap<String, i64>,
    /// The row shown of a door before anybody edited it by hand.
    frozen: BTreeMap<String, Value>,
    /// Rows of a list shown so far.
    rows: BTreeMap<String, usize>,
    sent: u64,
}

impl Tamper {
    pub fn new(mutant: Mutant) -> Self {
        Self {
            mutant,
            memory: RefCell::default(),
        }
    }

    /// Changes a request before it arrives.
    pub fn request(&self, request: &mut Request<Bytes>, simulator: &Simulator) {
        match self.mutant {
            Mutant::OverwritesWhatIsThere => renew_if_match(request, simulator),
            Mutant::NewMarkEachTime if *request.method() == Method::POST => {
                let mut memory = self.memory.borrow_mut();
                if let Ok(mut body) = serde_json::from_slice::<Value>(request.body())
                    && body.get("clientRef").is_some()
                {
                    memory.sent += 1;
                    body["clientRef"] = json!(format!("sent-{}", memory.sent));
                    *request.body_mut() = Bytes::from(body.to_string());
                }
            }
            _ => {}
        }
    }

    /// What becomes of a request without an answer.
    pub fn lost(&self, request: &Request<Bytes>, simulator: &Simulator) -> Option<Response<Bytes>> {
        if self.mutant != Mutant::SendsAgainUnread || *request.method() == Method::GET {
            return None;
        }
        let mut again = request.clone();
        renew_if_match(&mut again, simulator);
        match simulator.handle(again) {
            Outcome::Respond { response, .. } => Some(response),
            Outcome::Lost { .. } => None,
        }
    }

    /// Changes an answer before it is read.
    pub fn response(
        &self,
        request: &Request<Bytes>,
        mut response: Response<Bytes>,
        simulator: &Simulator,
    ) -> Response<Bytes> {
        if self.mutant == Mutant::RefusedIsApplied {
            return pretend_applied(request, response, simulator);
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(response.body()) else {
            return response;
        };
        if !response.status().is_success() {
            return response;
        }
        if self.mutant == Mutant::PartialListIsWhole {
            self.complete(request, &mut body);
        }
        if self.mutant == Mutant::FirstPageIsAll && !body["nextPageToken"].is_null() {
            body["nextPageToken"] = Value::Null;
            self.complete(request, &mut body);
        }
        let now = simulator.now();
        let single = body.get("accessRevision").is_some();
        if single {
            self.row(&mut body, now);
        } else if let Some(rows) = body.get_mut("doors").and_then(Value::as_array_mut) {
            for row in rows
                .iter_mut()
                .filter(|row| row.get("accessRevision").is_some())
            {
                self.row(row, now);
            }
        }
        *response.body_mut() = Bytes::from(body.to_string());
        response
    }

    fn complete(&self, request: &Request<Bytes>, body: &mut Value) {
        let list = match request.uri().path() {
            "/v1/doors" => "doors",
            "/v1/keys" => "keys",
            _ => return,
        };
        let mut memory = self.memory.borrow_mut();
        let query = request.uri().query().unwrap_or_default();
        let count = memory
            .rows
            .entry(format!("{list} {}", query.len()))
            .or_default();
        if !query.contains("pageToken") {
            *count = 0;
        }
        *count += body[list].as_array().map_or(0, Vec::len);
        if body["nextPageToken"].is_null() {
            body["totalCount"] = json!(*count);
        }
    }

    fn row(&self, row: &mut Value, now: Timestamp) {
        let mut memory = self.memory.borrow_mut();
        let uuid = row["uuid"].as_str().unwrap_or_default().to_owned();
        let access = row["accessRevision"].as_i64().unwrap_or(0);
        let first = *memory
            .first_shown
            .entry((uuid.clone(), access))
            .or_insert(now);
        let time = |field: &str| {
            row["sync"][field]
                .as_str()
                .and_then(|text| text.parse::<Timestamp>().ok())
        };
        let proven = match self.mutant {
            Mutant::NotRequiredIsProof => row["sync"]["required"] == false,
            Mutant::ConnectedIsProof => row["isConnected"] == true,
            Mutant::TimeIsProof => now.duration_since(first) > SignedDuration::from_mins(30),
            Mutant::PassiveSyncIsProof => time("lastSyncAt").is_some_and(|at| at >= first),
            _ => false,
        };
        if proven {
            row["lockRevision"] = json!(access);
        }
        if self.mutant == Mutant::LocksNeverFallBack {
            let serial = row["device"]["serialNumber"].as_str().unwrap_or_default();
            let highest = memory
                .highest
                .entry(format!("{uuid} {serial}"))
                .or_default();
            *highest = (*highest).max(row["lockRevision"].as_i64().unwrap_or(0));
            if row["lockRevision"].is_number() {
                row["lockRevision"] = json!(*highest);
            }
        }
        if self.mutant == Mutant::HandEditsHidden {
            let partner = row["partnerUuid"].clone();
            let frozen = memory.frozen.entry(uuid).or_insert(partner);
            row["partnerUuid"] = frozen.clone();
        }
    }
}

/// The row's present revision in place of the one that was read.
fn renew_if_match(request: &mut Request<Bytes>, simulator: &Simulator) {
    if request.headers().get("if-match").is_none() {
        return;
    }
    let path = request.uri().path().trim_end_matches("/partner").to_owned();
    let read = Request::builder()
        .uri(path)
        .header("authorization", request.headers()["authorization"].clone())
        .body(Bytes::new())
        .unwrap();
    if let Outcome::Respond { response, .. } = simulator.handle(read)
        && let Ok(row) = serde_json::from_slice::<Value>(response.body())
        && let Some(revision) = row["revision"].as_i64()
    {
        let tag = format!("\"{revision}\"").parse().unwrap();
        request.headers_mut().insert("if-match", tag);
    }
}

/// A refused change of a door, or deletion of a key, looks as if it had been made.
fn pretend_applied(
    request: &Request<Bytes>,
    response: Response<Bytes>,
    simulator: &Simulator,
) -> Response<Bytes> {
    let refused = matches!(response.status().as_u16(), 409 | 412);
    if refused && *request.method() == Method::DELETE {
        let mut pretended = response;
        *pretended.status_mut() = StatusCode::OK;
        *pretended.body_mut() = Bytes::from_static(br#"{"doors": []}"#);
        return pretended;
    }
    if *request.method() != Method::PUT || !refused {
        return response;
    }
    let path = request.uri().path().trim_end_matches("/partner").to_owned();
    let read = Request::builder()
        .uri(path)
        .header("authorization", request.headers()["authorization"].clone())
        .body(Bytes::new())
        .unwrap();
    let Outcome::Respond { response: row, .. } = simulator.handle(read) else {
        return response;
    };
    let (Ok(mut row), Ok(wanted)) = (
        serde_json::from_slice::<Value>(row.body()),
        serde_json::from_slice::<Value>(request.body()),
    ) else {
        return response;
    };
    row["partnerUuid"] = wanted["partnerUuid"].clone();
    let mut pretended = response;
    *pretended.status_mut() = StatusCode::OK;
    *pretended.body_mut() = Bytes::from(row.to_string());
    pretended
}
