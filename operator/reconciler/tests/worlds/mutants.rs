//! Bugs planted on purpose, each as a small change of what passes a port. The product itself is untouched.

use std::cell::RefCell;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use opendoor_planner::conditions::ObjectStatus;
use opendoor_reconciler::snapshot::Snapshot;
use opendoor_simulator::{Outcome, Simulator};
use serde_json::{Value, json};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// None: the product as it is.
    None,
    /// Debts are recorded only after the write: what is committed before it is not kept.
    IntentsAfterWrites,
    /// Open writes are not kept.
    IntentsForgotten,
    /// Entries that DOOR OS no longer grants are dropped from the ledger.
    DebtsForgotten,
    /// What a write under way may grant is not kept.
    PendingGrantsForgotten,
    /// An unknown history is not kept.
    UnknownHistoryForgotten,
    /// `sync.required = false` is taken as proof.
    NotRequiredIsProof,
    /// A connected door is taken as proof.
    ConnectedIsProof,
    /// Half an hour is taken as proof.
    TimeIsProof,
    /// A passive sync is taken as proof.
    PassiveSyncIsProof,
    /// A lock that falls back is not believed.
    LocksNeverFallBack,
    /// `If-Match` is whatever the row's revision is now.
    OverwritesWhatIsThere,
    /// A write without an answer is sent again, whatever is there by then.
    SendsAgainUnread,
    /// A list that ends early is taken as whole.
    PartialListIsWhole,
    /// A file that cannot be read is taken as empty.
    UnreadableIsAbsent,
    /// An object that is not valid is taken as removed.
    InvalidIsAbsent,
    /// The brake forgets what it counted.
    ChargesForgotten,
    /// Holds are forgotten, so that the window frees them.
    HoldsForgotten,
    /// Whatever is held is approved.
    ApprovedByNobody,
    /// The last accepted declarations are forgotten.
    AcceptedForgotten,
    /// Whatever is on a door counts as put there by us.
    EverythingIsOurs,
    /// Every partner counts as listed.
    EveryoneIsListed,
    /// One door more than is declared.
    OneDoorMore,
    /// `clientRef` is made anew each time a creation is sent.
    NewMarkEachTime,
    /// A refused write is reported as applied.
    RefusedIsApplied,
    /// Edits by hand are not shown.
    HandEditsHidden,
    /// What is not known is reported as enforced.
    UnknownIsEnforced,
    /// The first of the declarations counts more than the others.
    OrderMatters,
}

impl Mutant {
    pub const ALL: &[Self] = &[
        Self::IntentsAfterWrites,
        Self::IntentsForgotten,
        Self::DebtsForgotten,
        Self::PendingGrantsForgotten,
        Self::UnknownHistoryForgotten,
        Self::NotRequiredIsProof,
        Self::ConnectedIsProof,
        Self::TimeIsProof,
        Self::PassiveSyncIsProof,
        Self::LocksNeverFallBack,
        Self::OverwritesWhatIsThere,
        Self::SendsAgainUnread,
        Self::PartialListIsWhole,
        Self::UnreadableIsAbsent,
        Self::InvalidIsAbsent,
        Self::ChargesForgotten,
        Self::HoldsForgotten,
        Self::ApprovedByNobody,
        Self::AcceptedForgotten,
        Self::EverythingIsOurs,
        Self::EveryoneIsListed,
        Self::OneDoorMore,
        Self::NewMarkEachTime,
        Self::RefusedIsApplied,
        Self::HandEditsHidden,
        Self::UnknownIsEnforced,
        Self::OrderMatters,
    ];

    /// Changes what is committed. `false`: it is not kept at all.
    pub fn commits(self, head: &mut Value, doors: &mut Value) -> bool {
        let records = doors.as_object_mut().unwrap().values_mut();
        match self {
            Self::IntentsAfterWrites => {
                let intents = head["intents"].as_array().map_or(&[][..], Vec::as_slice);
                return !intents
                    .iter()
                    .any(|intent| intent.get("unknownSince").is_none());
            }
            Self::IntentsForgotten => head["intents"] = json!([]),
            Self::DebtsForgotten => {
                records.for_each(|it| keep_entries(it, |entry| entry.get("goneSince").is_none()));
            }
            Self::PendingGrantsForgotten => {
                records.for_each(|it| keep_entries(it, |entry| entry.get("intent").is_none()));
            }
            Self::UnknownHistoryForgotten => records.for_each(|record| {
                record.as_object_mut().unwrap().remove("unknown");
            }),
            Self::ChargesForgotten => head["charges"] = json!([]),
            Self::HoldsForgotten => head["holds"] = json!({}),
            Self::AcceptedForgotten => head["accepted"] = json!({}),
            Self::EverythingIsOurs => {
                let accepted = head["accepted"].as_object().into_iter().flatten();
                if let Some((owner, _)) = accepted.into_iter().next() {
                    records.for_each(|record| claim_everything(record, owner));
                }
            }
            _ => {}
        }
        true
    }

    /// Changes what is declared.
    pub fn gathers(self, snapshot: &mut Snapshot, hold_ids: &[(String, String)], door: &str) {
        use opendoor_api::Resource;
        match self {
            Self::UnreadableIsAbsent => snapshot.unreadable.clear(),
            Self::InvalidIsAbsent => snapshot.broken.clear(),
            Self::OrderMatters => {
                // Of the assignments, only those up to the seventh are looked at.
                let mut left = 2;
                snapshot.objects.retain(|object| {
                    let counted = matches!(object.resource, Resource::DoorAssignment(_));
                    left -= i32::from(counted);
                    !counted || left >= 0
                });
            }
            _ => {}
        }
        for object in &mut snapshot.objects {
            match (self, &mut object.resource) {
                (Self::ApprovedByNobody, Resource::Property(property)) => {
                    let name = property.metadata.name.as_deref();
                    let shown = hold_ids
                        .iter()
                        .find(|(property, _)| Some(property.as_str()) == name);
                    property.spec.approve = shown.map(|(_, id)| id.clone());
                }
                (Self::EveryoneIsListed, Resource::Property(property)) => {
                    property.spec.partners = crate::world::PARTNERS
                        .iter()
                        .map(|name| opendoor_api::PropertyPartner {
                            name: (*name).to_owned(),
                            uuid: None,
                        })
                        .collect();
                }
                (Self::OneDoorMore, Resource::DoorAssignment(assignment)) => {
                    if let Some(doors) = &mut assignment.spec.doors
                        && !doors.iter().any(|known| known == door)
                    {
                        doors.push(door.to_owned());
                    }
                }
                _ => {}
            }
        }
    }

    /// Changes what is reported.
    pub fn reports(self, statuses: &mut [ObjectStatus]) {
        if self != Self::UnknownIsEnforced {
            return;
        }
        for condition in statuses
            .iter_mut()
            .flat_map(|status| &mut status.conditions)
        {
            if condition.kind == "Enforced" && condition.status == "Unknown" {
                condition.status = String::from("True");
            }
        }
    }
}

fn keep_entries(record: &mut Value, keep: impl Fn(&Value) -> bool) {
    if let Some(entries) = record.get_mut("mayOpen").and_then(Value::as_array_mut) {
        entries.retain(keep);
    }
}

fn claim_everything(record: &mut Value, owner: &str) {
    let entries = record["mayOpen"].as_array().cloned().unwrap_or_default();
    let here = entries
        .iter()
        .find(|entry| entry["via"] == "door" && entry.get("goneSince").is_none());
    if let Some(entry) = here
        && record.get("claims").is_none()
    {
        let claim = json!({"partner": entry["partner"], "owners": [owner], "held": true});
        record["claims"] = json!([claim]);
    }
}

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
