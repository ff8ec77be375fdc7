//! Answers of a DOOR OS that may say anything.
//!
//! An input is a script of answers with a line `%%` between them, used in turn, the last one for ever. An answer is the
//! body of a 200; or `HTTP 429`, header lines, an empty line and a body; or, for none at all, `!connect`, `!timeout`,
//! `!broken`, `!large` or `!hang`.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use opendoor_api::yaml::parse_documents;
use opendoor_door_os::{
    Building, Client, Config, Credentials, DoorOs, Endpoint, FnTransport, Secret, Transport,
    TransportError,
};
use opendoor_planner::ids::{BuildingUuid, DoorUuid, KeyUuid, PartnerUuid};
use opendoor_planner::observed::{DoorRow, KeyDoor, KeyRow, Observed};
use opendoor_planner::writes::{Answer, KeyPatch, Write};
use opendoor_reconciler::import::import;
use tokio::time::Instant;
use uuid::Uuid;

const SECRET: &str = "kept-to-ourselves";
const TOKEN: &[u8] = br#"{"access_token":"t","expires_in":3600,"token_type":"Bearer"}"#;

const BUILDING: BuildingUuid = BuildingUuid(Uuid::from_u128(0xb));
const DOOR: DoorUuid = DoorUuid(Uuid::from_u128(0xd));
const KEY: KeyUuid = KeyUuid(Uuid::from_u128(0xe));
const PARTNER: PartnerUuid = PartnerUuid(Uuid::from_u128(0xa));

/// Asks everything a client can be asked, each time from the start of the script.
pub fn check(data: &[u8]) {
    let script: Rc<[Step]> = steps(data).into();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    let Ok(runtime) = runtime else {
        return;
    };
    runtime.block_on(async {
        let name = buildings(&script).await;
        observe(&script, name).await;
        door(&script).await;
        key(&script).await;
        for write in writes() {
            send(&script, &write).await;
        }
        // The same with tokens from the script.
        let played = Played::new(&script, false);
        let asked = client(&played).door(DOOR).await;
        asked.err().iter().for_each(said);
        played.ended();
    });
}

async fn buildings(script: &Rc<[Step]>) -> String {
    let played = Played::new(script, true);
    let client = client(&played);
    let listed = client.buildings().await;
    played.ended();
    assert!(client.time().is_none_or(|time| time.now() >= time.date));
    match listed {
        Ok(listed) => {
            assert!(listed.is_sorted_by_key(|building| building.uuid));
            listed
                .into_iter()
                .next()
                .map_or_else(String::new, |building| building.name)
        }
        Err(error) => {
            said(&error);
            "Harbor Point".to_owned()
        }
    }
}

async fn observe(script: &Rc<[Step]>, name: String) {
    let played = Played::new(script, true);
    let building = Building {
        uuid: BUILDING,
        name,
        timezone: None,
    };
    let seen = client(&played).observe(&building).await;
    played.ended();
    let observed = match seen {
        Ok(observed) => observed,
        Err(error) => return said(&error),
    };
    if let Some(why) = &observed.incomplete {
        super::one_line(why);
    }
    let Observed {
        doors,
        keys,
        partners,
        ..
    } = &observed;
    assert!(doors.is_sorted_by(|a, b| a.uuid < b.uuid));
    assert!(keys.is_sorted_by(|a, b| a.uuid < b.uuid));
    assert!(partners.is_sorted_by(|a, b| a.uuid < b.uuid));
    doors.iter().for_each(door_row);
    keys.iter().for_each(key_row);
    if let Ok(imported) = import(&observed) {
        let read = parse_documents(&imported.yaml);
        assert!(
            read.errors.is_empty() && read.foreign.is_empty(),
            "{read:?}\n{}",
            imported.yaml
        );
        let keys = keys.iter().filter(|key| key.partner.is_some()).count();
        let left = imported.notes.iter();
        let written = keys - left.filter(|note| note.starts_with("The key ")).count();
        let wrote = |kind: &str| {
            read.documents
                .iter()
                .filter(|document| document.kind == kind)
                .count()
        };
        assert_eq!(
            (wrote("Property"), wrote("PartnerKey")),
            (1, written),
            "{}",
            imported.yaml
        );
    }
}

async fn door(script: &Rc<[Step]>) {
    let played = Played::new(script, true);
    match client(&played).door(DOOR).await {
        Ok(Some(row)) => {
            assert!(row.uuid == DOOR && played.succeeded());
            door_row(&row);
        }
        Ok(None) => assert_eq!(played.last.get(), Some(StatusCode::NOT_FOUND)),
        Err(error) => said(&error),
    }
    played.ended();
}

async fn key(script: &Rc<[Step]>) {
    let played = Played::new(script, true);
    match client(&played).key(KEY).await {
        Ok(Some(row)) => {
            assert!(row.uuid == KEY && played.succeeded());
            key_row(&row);
        }
        Ok(None) => assert_eq!(played.last.get(), Some(StatusCode::NOT_FOUND)),
        Err(error) => said(&error),
    }
    played.ended();
}

async fn send(script: &Rc<[Step]>, write: &Write) {
    let played = Played::new(script, true);
    match client(&played).send(write).await {
        Answer::Applied { key, doors } => {
            assert!(played.succeeded(), "{write:?}");
            key.iter().for_each(key_row);
            doors.iter().for_each(door_row);
            match write {
                Write::SetDoorPartner { door, .. } => {
                    assert!(doors.iter().all(|row| row.uuid == *door) && doors.len() == 1);
                }
                Write::CreateKey { client_ref, .. } => {
                    assert!(key.is_some_and(|key| key.client_ref.as_ref() == Some(client_ref)));
                }
                Write::UpdateKey { key: written, .. } => {
                    assert!(key.is_some_and(|key| key.uuid == *written));
                }
                Write::DeleteKey { .. } => assert_eq!(key, None),
            }
        }
        Answer::Refused { code } => {
            assert!(code.len() <= 64 && code.is_ascii(), "{code}");
            let status = played.last.get();
            assert!(
                status.is_some_and(|status| status.is_client_error()),
                "{status:?}"
            );
        }
        Answer::NotSent { why } => {
            super::one_line(&why);
            assert!(!played.unclear.get(), "it may have been performed: {why}");
        }
        Answer::Unknown { why } => {
            super::one_line(&why);
            assert!(played.unclear.get(), "nothing was performed: {why}");
        }
    }
    played.ended();
}

fn door_row(row: &DoorRow) {
    assert!(row.version >= 0 && row.access_revision >= 0 && row.revision.is_none_or(|it| it >= 0));
    assert!(row.access.is_sorted());
}

fn key_row(row: &KeyRow) {
    assert!(row.version >= 0 && row.revision.is_none_or(|it| it >= 0));
    assert!(row.doors.is_sorted() && row.schedule.is_sorted());
    for interval in &row.schedule {
        assert!(interval.days.is_sorted_by(|a, b| a < b), "{interval:?}");
    }
}

fn said(error: &opendoor_door_os::Error) {
    let message = error.to_string();
    super::one_line(&message);
    assert!(
        !message.contains(SECRET) && message.len() < 1_000,
        "{message}"
    );
}

fn writes() -> [Write; 4] {
    let patch = KeyPatch {
        name: Some("Tour amenities".to_owned()),
        remove_doors: vec![DOOR],
        ..KeyPatch::default()
    };
    [
        Write::SetDoorPartner {
            door: DOOR,
            partner: Some(PARTNER),
            if_match: 1,
        },
        Write::CreateKey {
            building: BUILDING,
            name: "Tours".to_owned(),
            partner: PARTNER,
            doors: vec![KeyDoor {
                door: DOOR,
                doorcodes: false,
            }],
            schedule: Vec::new(),
            client_ref: "ours".to_owned(),
        },
        Write::UpdateKey {
            key: KEY,
            if_match: 1,
            patch,
        },
        Write::DeleteKey {
            key: KEY,
            if_match: 1,
        },
    ]
}

/// What happens to one request.
#[derive(Clone, Debug)]
enum Step {
    Answer(Response<Bytes>),
    Fail(TransportError),
    Hang,
}

impl Step {
    fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Answer(response) => Some(response.status()),
            Self::Fail(_) | Self::Hang => None,
        }
    }

    /// Whether a write that it answers had no effect, by the contract.
    fn refuses(&self) -> bool {
        match self {
            Self::Answer(response) => matches!(
                response.status().as_u16(),
                400 | 401 | 403 | 404 | 409 | 410 | 412 | 428 | 429
            ),
            Self::Fail(error) => error.left == opendoor_door_os::Left::No,
            Self::Hang => false,
        }
    }

    /// Whether the same write may be sent again.
    fn allows_another(&self) -> bool {
        self.status()
            .is_some_and(|status| matches!(status.as_u16(), 401 | 403 | 429))
    }
}

fn steps(data: &[u8]) -> Vec<Step> {
    /// More only cost time.
    const MOST: usize = 64;
    let mut steps = vec![Vec::new()];
    for line in data.split(|byte| *byte == b'\n') {
        match steps.last_mut() {
            Some(step) if line != b"%%" => step.push(line),
            _ => steps.push(Vec::new()),
        }
    }
    steps.iter().take(MOST).map(|lines| step(lines)).collect()
}

fn step(lines: &[&[u8]]) -> Step {
    match lines {
        [b"!connect", ..] => Step::Fail(TransportError::connect("no route")),
        [b"!timeout", ..] => Step::Fail(TransportError::timeout("too late")),
        [b"!broken", ..] => Step::Fail(TransportError::broken("reset")),
        [b"!large", ..] => Step::Fail(TransportError::too_large(1)),
        [b"!hang", ..] => Step::Hang,
        [first, rest @ ..] => match first.strip_prefix(b"HTTP ") {
            Some(status) => answer(status, rest),
            None => Step::Answer(Response::new(Bytes::from(lines.join(&b'\n')))),
        },
        [] => Step::Answer(Response::default()),
    }
}

fn answer(status: &[u8], lines: &[&[u8]]) -> Step {
    let mut lines = lines.iter();
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_bytes(status).unwrap_or_default();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|byte| *byte == b':');
        let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at)) else {
            continue;
        };
        let value = value.strip_prefix(b":").unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            response.headers_mut().append(name, value);
        }
    }
    let body: Vec<&[u8]> = lines.copied().collect();
    *response.body_mut() = Bytes::from(body.join(&b'\n'));
    Step::Answer(response)
}

/// One reading of a script.
struct Played {
    script: Rc<[Step]>,
    /// Tokens are given without a look at the script.
    own_tokens: bool,
    next: Cell<usize>,
    requests: Cell<usize>,
    last: Cell<Option<StatusCode>>,
    /// A write was sent that may have had its effect.
    unclear: Cell<bool>,
    /// A write was answered so that it may be sent again, or none was sent yet.
    writable: Cell<bool>,
    began: Instant,
}

impl Played {
    fn new(script: &Rc<[Step]>, own_tokens: bool) -> Rc<Self> {
        Rc::new(Self {
            script: script.clone(),
            own_tokens,
            next: Cell::new(0),
            requests: Cell::new(0),
            last: Cell::new(None),
            unclear: Cell::new(false),
            writable: Cell::new(true),
            began: Instant::now(),
        })
    }

    fn asked(&self, request: &Request<Bytes>) -> Step {
        self.requests.set(self.requests.get() + 1);
        let token = request.uri().path() == "/oauth/token";
        if token && self.own_tokens {
            return Step::Answer(Response::new(Bytes::from_static(TOKEN)));
        }
        let at = self.next.get();
        self.next.set(at + 1);
        let step = self
            .script
            .get(at)
            .or(self.script.last())
            .cloned()
            .unwrap_or(Step::Hang);
        self.last.set(step.status());
        if request.method() != Method::GET && !token {
            assert!(self.writable.get(), "a write is sent again");
            self.writable.set(step.allows_another());
            self.unclear.set(self.unclear.get() || !step.refuses());
        }
        step
    }

    fn succeeded(&self) -> bool {
        self.last.get().is_some_and(|status| status.is_success())
    }

    /// However the answers are, an end is reached, soon and without many requests.
    fn ended(&self) {
        let requests = self.requests.get();
        assert!(
            requests <= 200 + 2 * self.script.len(),
            "{requests} requests"
        );
        let most = Duration::from_secs(180) * u32::try_from(requests + 1).unwrap_or(u32::MAX);
        assert!(
            self.began.elapsed() <= most,
            "{:?} for {requests} requests",
            self.began.elapsed()
        );
    }
}

fn client(played: &Rc<Played>) -> Client<impl Transport + use<>> {
    let origin = Instant::now();
    let often = std::num::NonZeroU32::new(1_000_000).unwrap_or(std::num::NonZeroU32::MIN);
    let config = Config {
        requests_per_second: often,
        burst: often,
        seed: 7,
        audience: Some("https://door-os.example".to_owned()),
        wall_clock: Arc::new(move || Timestamp::UNIX_EPOCH + origin.elapsed()),
        ..Config::default()
    };
    let credentials = Credentials {
        client_id: "manager".to_owned(),
        secret: Secret::new(SECRET),
    };
    let played = played.clone();
    let transport = FnTransport(move |request: Request<Bytes>| {
        let step = played.asked(&request);
        async move {
            match step {
                Step::Answer(response) => Ok(response),
                Step::Fail(error) => Err(error),
                Step::Hang => std::future::pending().await,
            }
        }
    });
    let endpoint = Endpoint::in_process();
    let endpoint = endpoint.unwrap_or_else(|error| unreachable!("a constant: {error}"));
    Client::new(endpoint, transport, credentials, config)
}
