//! What faults do to an answer after the call was performed.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::call::server_error;
use crate::contract::{Operation, read, token_after};
use crate::faults::{Fault, FaultKind, Shift};
use crate::reply::Reply;
use crate::world::{Resident, World};

/// Padding of `hugeBody`, unless the fault says how much.
const HUGE: usize = 32 << 20;

/// The call whose answer is distorted.
pub(crate) struct Scene<'a> {
    pub(crate) query: &'a str,
    pub(crate) operation: Option<Operation>,
}

impl Scene<'_> {
    /// The answer as the fault leaves it.
    pub(crate) fn distort(&self, world: &mut World, fault: &Fault, mut reply: Reply) -> Reply {
        match fault.kind {
            FaultKind::ServerError => return server_error(fault),
            FaultKind::MalformedJson => {
                reply.body = reply.body.slice(..reply.body.len() / 2);
                return reply;
            }
            _ => {}
        }
        if !reply.status.is_success() || !fault.kind.is_in_body() {
            return reply;
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(&reply.body) else {
            return reply;
        };
        match fault.kind {
            FaultKind::TruncatedList => truncate(&mut body, fault.rows),
            FaultKind::LostPage => self.lose_page(world, &mut body),
            FaultKind::RepeatedPage => {
                let token = self
                    .page_token()
                    .unwrap_or_else(|| token_after(Uuid::nil()));
                set_next(&mut body, Some(token));
            }
            FaultKind::ShiftingPages => self.shift_pages(world, &mut body, fault.mode),
            FaultKind::ReorderedPage => {
                if let Some(rows) = page_rows(&mut body) {
                    rows.reverse();
                }
            }
            FaultKind::BuildingMissing => hide_building(&mut body, fault.building.as_deref()),
            FaultKind::HugeBody => {
                if let Value::Object(fields) = &mut body {
                    fields.insert(
                        "padding".to_owned(),
                        "x".repeat(fault.bytes.unwrap_or(HUGE)).into(),
                    );
                }
            }
            kind => {
                for row in all_rows(&mut body) {
                    distort_row(world, fault, kind, row);
                }
            }
        }
        let status = reply.status;
        Reply::json(status, &body)
    }

    fn page_token(&self) -> Option<String> {
        url::form_urlencoded::parse(self.query.as_bytes())
            .find(|(name, _)| name == "pageToken")
            .map(|(_, token)| token.into_owned())
    }

    /// The page that a token leads to, of `size` rows if that is said.
    fn page_after(&self, world: &mut World, token: &str, size: Option<usize>) -> Option<Value> {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in url::form_urlencoded::parse(self.query.as_bytes()) {
            if name != "pageToken" && (name != "pageSize" || size.is_none()) {
                query.append_pair(&name, &value);
            }
        }
        query.append_pair("pageToken", token);
        if let Some(size) = size {
            query.append_pair("pageSize", &size.to_string());
        }
        let reply = read(world, self.operation?, &query.finish(), b"").ok()?;
        serde_json::from_slice(&reply.body).ok()
    }

    fn lose_page(&self, world: &mut World, body: &mut Value) {
        let Some(token) = next_token(body) else {
            return;
        };
        if let Some(lost) = self.page_after(world, &token, None) {
            set_next(body, next_token(&lost));
        }
    }

    fn shift_pages(&self, world: &mut World, body: &mut Value, mode: Option<Shift>) {
        let Some(token) = next_token(body) else {
            return;
        };
        let by_chance = if world.random(|random| random.bool()) {
            Shift::Skip
        } else {
            Shift::Duplicate
        };
        match mode.unwrap_or(by_chance) {
            Shift::Skip => {
                if let Some(skipped) = self.page_after(world, &token, Some(1)) {
                    set_next(body, next_token(&skipped));
                }
            }
            Shift::Duplicate => {
                let before_last = page_rows(body)
                    .and_then(|rows| rows.iter().rev().nth(1))
                    .and_then(row_uuid);
                set_next(
                    body,
                    Some(token_after(before_last.unwrap_or_else(Uuid::nil))),
                );
            }
        }
    }
}

impl FaultKind {
    /// Whether it changes the JSON of an answer.
    fn is_in_body(self) -> bool {
        !matches!(
            self,
            Self::Latency
                | Self::Unauthorized
                | Self::Forbidden
                | Self::Throttled
                | Self::ServerError
                | Self::LostAnswer
                | Self::LateWrite
                | Self::SkewedDate
                | Self::SecretChanged
                | Self::ExpiredTokens
                | Self::MalformedJson
        )
    }
}

fn distort_row(world: &World, fault: &Fault, kind: FaultKind, row: &mut Value) {
    match kind {
        FaultKind::StaleRows => {
            if let Some(former) = former_row(world, row, fault.versions.unwrap_or(1)) {
                *row = former;
            }
        }
        FaultKind::NoLockRevision => {
            if let Some(revision) = row.get_mut("lockRevision") {
                *revision = Value::Null;
            }
        }
        FaultKind::SyncRequiredLies => lie_about_sync(world, row),
        FaultKind::UnknownEnum => match &fault.field {
            Some(field) => set_everywhere(row, &[field], &json!("HOLOGRAM")),
            None => set_everywhere(row, &["type", "doorType", "keyType"], &json!("HOLOGRAM")),
        },
        FaultKind::ExtraNulls => {
            let optional = [
                "unit",
                "sdkDoorUuid",
                "battery",
                "lastSyncAt",
                "lastFullSyncAt",
                "holders",
                "clientRef",
            ];
            let optional = optional.into_iter().chain([
                "timezone",
                "address",
                "portfolio",
                "accountUuid",
                "startTime",
            ]);
            set_everywhere(row, &optional.collect::<Vec<_>>(), &Value::Null);
            if let Value::Object(fields) = row {
                fields.insert("startTime".to_owned(), Value::Null);
                fields.insert("endTime".to_owned(), Value::Null);
            }
        }
        FaultKind::LeakResidents => leak(&world.residents, row),
        _ => {}
    }
}

fn former_row(world: &World, row: &Value, versions: usize) -> Option<Value> {
    let uuid = row_uuid(row)?;
    if let Some(door) = world.door(uuid) {
        let back = versions.min(door.history.len());
        return serde_json::to_value(door.history.iter().rev().nth(back.checked_sub(1)?)?).ok();
    }
    let key = world.key(uuid)?;
    let back = versions.min(key.history.len());
    serde_json::to_value(key.history.iter().rev().nth(back.checked_sub(1)?)?).ok()
}

fn lie_about_sync(world: &World, row: &mut Value) {
    let Some(sync) = row.get_mut("sync").and_then(Value::as_object_mut) else {
        return;
    };
    let truly = sync
        .get("required")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    sync.insert("required".to_owned(), (!truly).into());
    sync.insert(
        "reason".to_owned(),
        if truly {
            Value::Null
        } else {
            json!("ACCESS_CHANGED")
        },
    );
    sync.insert(
        "since".to_owned(),
        if truly { Value::Null } else { json!(world.now) },
    );
}

fn leak(residents: &[Resident], row: &mut Value) {
    let Value::Object(fields) = row else { return };
    let stand_in = [Resident {
        name: "Canary Resident".to_owned(),
        email: "canary.resident@example.com".to_owned(),
        phone: "+15550100".to_owned(),
        doorcode: "7654321".to_owned(),
    }];
    let residents = if residents.is_empty() {
        stand_in.as_slice()
    } else {
        residents
    };
    fields.insert("residents".to_owned(), json!(residents));
    if let Some(first) = residents.first() {
        fields.insert("contactEmail".to_owned(), json!(first.email));
        fields.insert("doorcode".to_owned(), json!(first.doorcode));
    }
}

fn truncate(body: &mut Value, rows: Option<usize>) {
    if let Some(page) = page_rows(body) {
        page.truncate(rows.unwrap_or(page.len() / 2));
    }
    set_next(body, None);
}

fn hide_building(body: &mut Value, hidden: Option<&str>) {
    if let Some(buildings) = body.get_mut("buildings").and_then(Value::as_array_mut) {
        buildings.retain(|building| {
            let named = |field: &str| building.get(field).and_then(Value::as_str) == hidden;
            hidden.is_some() && !named("uuid") && !named("name")
        });
    }
}

fn page_rows(body: &mut Value) -> Option<&mut Vec<Value>> {
    let list = if body.get("doors").is_some() {
        "doors"
    } else {
        "keys"
    };
    body.get_mut(list)?.as_array_mut()
}

/// Every row of an answer, whatever kind of answer it is.
fn all_rows(body: &mut Value) -> Vec<&mut Value> {
    let single = body.get("version").is_some();
    if single {
        return vec![body];
    }
    let Value::Object(fields) = body else {
        return Vec::new();
    };
    fields
        .iter_mut()
        .flat_map(|(name, value)| match (name.as_str(), value) {
            ("doors" | "keys" | "buildings" | "partners", Value::Array(rows)) => {
                rows.iter_mut().collect()
            }
            ("key", row) => vec![row],
            _ => Vec::new(),
        })
        .collect()
}

fn row_uuid(row: &Value) -> Option<Uuid> {
    row.get("uuid")?.as_str()?.parse().ok()
}

fn next_token(body: &Value) -> Option<String> {
    body.get("nextPageToken")?.as_str().map(str::to_owned)
}

fn set_next(body: &mut Value, token: Option<String>) {
    if let Value::Object(fields) = body {
        fields.insert("nextPageToken".to_owned(), json!(token));
    }
}

/// Sets fields of these names wherever they are in a row.
fn set_everywhere(row: &mut Value, names: &[impl AsRef<str>], to: &Value) {
    match row {
        Value::Object(fields) => set_in(fields, names, to),
        Value::Array(rows) => rows
            .iter_mut()
            .for_each(|row| set_everywhere(row, names, to)),
        _ => {}
    }
}

fn set_in(fields: &mut Map<String, Value>, names: &[impl AsRef<str>], to: &Value) {
    for (name, value) in fields {
        if names.iter().any(|wanted| wanted.as_ref() == name) {
            *value = to.clone();
        } else {
            set_everywhere(value, names, to);
        }
    }
}
