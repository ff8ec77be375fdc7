//! A DOOR OS that answers by script and remembers what it was asked.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use opendoor_door_os::{
    Building, Client, Config, Credentials, FnTransport, Secret, Transport, TransportError,
};
use opendoor_planner::ids::{BuildingUuid, DoorUuid, KeyUuid, PartnerUuid};
use tokio::time::Instant;
use uuid::Uuid;

/// What happens to one request.
pub(crate) enum Step {
    Answer(u16, String),
    With(u16, &'static [(&'static str, &'static str)], String),
    Fail(TransportError),
    Hang,
}

/// One request as DOOR OS saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method and path with query.
    pub(crate) line: String,
    pub(crate) bearer: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) body: String,
    /// Since the script began.
    pub(crate) at: Duration,
}

#[derive(Default)]
pub(crate) struct Log(RefCell<Vec<Seen>>);

impl Log {
    /// All requests but those for tokens.
    pub(crate) fn calls(&self) -> Vec<Seen> {
        let seen = self.0.borrow();
        seen.iter().filter(|it| !it.is_token()).cloned().collect()
    }

    pub(crate) fn tokens(&self) -> Vec<Seen> {
        let seen = self.0.borrow();
        seen.iter().filter(|it| it.is_token()).cloned().collect()
    }
}

impl Seen {
    pub(crate) fn is_token(&self) -> bool {
        self.line == "POST /oauth/token"
    }
}

pub(crate) const NOON: &str = "2026-03-01T12:00:00Z";

pub(crate) fn demo() -> Credentials {
    Credentials {
        client_id: "demo".to_owned(),
        secret: Secret::new("hunter2"),
    }
}

/// A config that repeats itself and whose wall clock follows tokio's.
pub(crate) fn config() -> Config {
    let origin = Instant::now();
    let noon: Timestamp = NOON.parse().unwrap();
    Config {
        seed: 7,
        wall_clock: std::sync::Arc::new(move || noon + origin.elapsed()),
        ..Config::default()
    }
}

/// A client of a DOOR OS that gives tokens by itself (t1, t2, ...) and answers the rest by script.
pub(crate) fn client(
    mut script: impl FnMut(&Seen) -> Step + 'static,
) -> (Client<impl Transport>, Rc<Log>) {
    let mut tokens = 0;
    raw(demo(), config(), move |seen| {
        if seen.is_token() {
            tokens += 1;
            Step::Answer(200, token(&format!("t{tokens}"), 3600))
        } else {
            script(seen)
        }
    })
}

/// A client of a DOOR OS that answers everything by script.
pub(crate) fn raw(
    credentials: impl opendoor_door_os::CredentialsSource + 'static,
    config: Config,
    script: impl FnMut(&Seen) -> Step + 'static,
) -> (Client<impl Transport>, Rc<Log>) {
    let log = Rc::new(Log::default());
    let kept = log.clone();
    let script = Rc::new(RefCell::new(script));
    let wall_clock = config.wall_clock.clone();
    let began = Instant::now();
    let transport = FnTransport(move |request: Request<Bytes>| {
        let header = |name: &str| {
            let value = request.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        let uri = request.uri();
        let seen = Seen {
            line: format!("{} {}", request.method(), uri.path_and_query().unwrap()),
            bearer: header("authorization"),
            if_match: header("if-match"),
            body: String::from_utf8(request.body().to_vec()).unwrap(),
            at: began.elapsed(),
        };
        kept.0.borrow_mut().push(seen.clone());
        let step = (script.borrow_mut())(&seen);
        let date = httpdate::fmt_http_date(wall_clock().into());
        async move {
            // As a network does, so that concurrent callers meet.
            tokio::time::sleep(Duration::from_millis(1)).await;
            let (status, headers, body) = match step {
                Step::Answer(status, body) => (status, &[][..], body),
                Step::With(status, headers, body) => (status, headers, body),
                Step::Fail(error) => return Err(error),
                Step::Hang => std::future::pending().await,
            };
            let mut response = Response::builder().status(status);
            if !headers.iter().any(|(name, _)| *name == "date") {
                response = response.header("date", date);
            }
            for (name, value) in headers {
                response = response.header(*name, *value);
            }
            Ok(response.body(Bytes::from(body)).unwrap())
        }
    });
    let endpoint = "http://localhost:8080".parse().unwrap();
    (Client::new(endpoint, transport, credentials, config), log)
}

pub(crate) fn token(token: &str, expires_in: u64) -> String {
    format!(r#"{{"access_token":"{token}","expires_in":{expires_in},"token_type":"Bearer"}}"#)
}

pub(crate) fn code(code: &str) -> String {
    format!(r#"{{"message":"{code}"}}"#)
}

pub(crate) fn ok(body: impl Into<String>) -> Step {
    Step::Answer(200, body.into())
}

pub(crate) fn building() -> Building {
    Building {
        uuid: BuildingUuid(uuid(0xb)),
        name: "Harbor Point".to_owned(),
        timezone: None,
    }
}

pub(crate) fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

pub(crate) fn door_uuid(number: u128) -> DoorUuid {
    DoorUuid(uuid(number))
}

pub(crate) fn key_uuid(number: u128) -> KeyUuid {
    KeyUuid(uuid(number))
}

pub(crate) fn partner_uuid(number: u128) -> PartnerUuid {
    PartnerUuid(uuid(number))
}

/// A door row of the building, with all that is required.
pub(crate) fn door(number: u128) -> String {
    door_with(number, "")
}

/// A door row with more fields.
pub(crate) fn door_with(number: u128, more: &str) -> String {
    format!(
        r#"{{"uuid":"{}","name":"Door {number}","buildingUuid":"{}","version":1,"revision":1,"access":[],"accessRevision":0{more}}}"#,
        uuid(number),
        building().uuid
    )
}

pub(crate) fn key(number: u128, client_ref: &str) -> String {
    format!(
        r#"{{"uuid":"{}","name":"Key {number}","buildingUuid":"{}","version":1,"revision":1,"doors":[],"schedule":[],"clientRef":"{client_ref}","holders":{{}}}}"#,
        uuid(number),
        building().uuid
    )
}

/// One page of doors.
pub(crate) fn page(rows: &[String], next: Option<&str>, revision: u64, total: usize) -> String {
    page_of("doors", rows, next, revision, total)
}

pub(crate) fn page_of(
    name: &str,
    rows: &[String],
    next: Option<&str>,
    revision: u64,
    total: usize,
) -> String {
    let next = next.map_or("null".to_owned(), |next| format!("{next:?}"));
    format!(
        r#"{{"{name}":[{}],"nextPageToken":{next},"listRevision":{revision},"totalCount":{total}}}"#,
        rows.join(",")
    )
}

/// Whatever is not about doors: no partners, no keys.
pub(crate) fn besides_doors(seen: &Seen) -> Step {
    if seen.line.contains("/partners") {
        ok(r#"{"partners":[]}"#)
    } else {
        ok(page_of("keys", &[], None, 1, 0))
    }
}
