//! Tests through `handle`: each exchange of the contract is checked against `openapi.yaml` as well.

mod auth;
mod doors;
mod faults;
mod hand;
mod invariants;
mod keys;
mod locks;
mod pages;
mod scenarios;
mod server;
mod worlds;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::{Value, json};

use crate::contract_check::check_exchange;
use crate::{Clock, Outcome, Simulator, WorldFile};

const HARBOR: &str = r#"
partners:
  - name: Parcel Runner
    authorizedAt: [Harbor Point]
  - name: TourPass
    authorizedAt: [Harbor Point]
  - name: CleanCo
parameters: { pushMinSeconds: 60, pushMaxSeconds: 60 }
residents:
  - { name: Robin Roe, email: robin@example.com, phone: "+15550111", doorcode: "1112223" }
buildings:
  - name: Harbor Point
    timezone: America/New_York
    portfolio: Harbor
    doors:
      - { name: Front Entrance, doorType: BuildingEntrance }
      - { name: Garage Gate, doorType: Service, connected: false, partner: Parcel Runner }
      - { name: Unit 1, doorType: Residence, connected: false, unit: "1", vacancy: Vacant }
      - { name: Bare Door, activated: false }
      - { name: Twin }
      - { name: Twin }
    keys:
      - name: Tours
        partner: TourPass
        doors: [Front Entrance, Unit 1]
        holders: { Guest: 2 }
      - name: Staff
        doors: [Front Entrance, Garage Gate]
  - name: Elsewhere
    doors: [{ name: Other Door }]
"#;

const HOUSE: &str = "Harbor Point";

/// A world at a fixed time, an API client with a token, and the uuids by name.
struct Bench {
    simulator: Simulator,
    token: String,
}

/// An answer as a test looks at it.
#[derive(Debug)]
struct Answer {
    status: u16,
    body: Value,
    raw: Bytes,
    headers: http::HeaderMap,
    delay: Duration,
}

impl Bench {
    fn new() -> Self {
        Self::of(HARBOR, 7)
    }

    fn of(yaml: &str, seed: u64) -> Self {
        let clock = Clock::manual("2026-03-02T12:00:00Z".parse().unwrap());
        let simulator = Simulator::new(WorldFile::parse(yaml).unwrap(), seed, clock).unwrap();
        let mut bench = Self {
            simulator,
            token: String::new(),
        };
        bench.login();
        bench
    }

    fn login(&mut self) {
        let request = json!({"client_id":"demo","client_secret":"demo","audience":"a","grant_type":"client_credentials"});
        let answer = self.call("POST", "/oauth/token", None, Some(request));
        assert_eq!(answer.status, 200, "{answer:?}");
        self.token = answer.body["access_token"].as_str().unwrap().to_owned();
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        if_match: Option<u64>,
        body: Option<&Value>,
    ) -> Outcome {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token));
        if let Some(revision) = if_match {
            request = request.header("if-match", format!("\"{revision}\""));
        }
        let body = body
            .map(|body| serde_json::to_vec(body).unwrap())
            .unwrap_or_default();
        self.simulator
            .handle(request.body(Bytes::from(body)).unwrap())
    }

    /// A call whose answer need not keep the contract, because a fault is on order.
    fn faulty(
        &self,
        method: &str,
        path: &str,
        if_match: Option<u64>,
        body: Option<Value>,
    ) -> Answer {
        match self.send(method, path, if_match, body.as_ref()) {
            Outcome::Lost { .. } => panic!("{method} {path}: the answer was lost"),
            Outcome::Respond { delay, response } => Answer::of(delay, response),
        }
    }

    fn call(&self, method: &str, path: &str, if_match: Option<u64>, body: Option<Value>) -> Answer {
        let answer = self.faulty(method, path, if_match, body.clone());
        if path.starts_with("/v1") || path.starts_with("/oauth") {
            let plain = path.split('?').next().unwrap();
            let sent = body
                .map(|body| serde_json::to_vec(&body).unwrap())
                .unwrap_or_default();
            check_exchange(method, plain, answer.status, &sent, &answer.raw).unwrap();
        }
        answer
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.call("GET", path, None, None);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.call("POST", path, None, Some(body));
        assert!(answer.status < 300, "{answer:?}");
        answer.body
    }

    fn patch(&self, path: &str, body: Value) -> Value {
        let answer = self.call("PATCH", path, None, Some(body));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    fn faults(&self, faults: Value) {
        let answer = self.call("PUT", "/sim/v1/faults", None, Some(faults));
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    fn advance(&self, seconds: u64) {
        self.simulator.advance(Duration::from_secs(seconds));
    }

    fn house(&self) -> String {
        self.simulator.building_uuid(HOUSE).unwrap().to_string()
    }

    fn door(&self, name: &str) -> String {
        self.simulator.door_uuid(HOUSE, name).unwrap().to_string()
    }

    fn key(&self, name: &str) -> String {
        self.simulator.key_uuid(HOUSE, name).unwrap().to_string()
    }

    fn partner(&self, name: &str) -> String {
        self.simulator.partner_uuid(name).unwrap().to_string()
    }

    fn row(&self, door: &str) -> Value {
        self.get(&format!("/v1/doors/{}", self.door(door)))
    }

    fn key_row(&self, key: &str) -> Value {
        self.get(&format!("/v1/keys/{}", self.key(key)))
    }

    /// Assigns a partner through the API, with the revision that the door has now.
    fn assign(&self, door: &str, partner: Option<&str>) -> Answer {
        let revision = self.row(door)["revision"].as_u64();
        let partner = partner.map(|partner| self.partner(partner));
        let path = format!("/v1/doors/{}/partner", self.door(door));
        self.call(
            "PUT",
            &path,
            revision,
            Some(json!({ "partnerUuid": partner })),
        )
    }

    fn edit(&self, door: &str, edit: Value) -> Value {
        self.patch(&format!("/sim/v1/doors/{}", self.door(door)), edit)
    }

    fn sync(&self, door: &str, request: Value) -> Answer {
        self.call(
            "POST",
            &format!("/app/v1/doors/{}/sync", self.door(door)),
            None,
            Some(request),
        )
    }

    fn opens(&self, door: &str, partner: &str) -> bool {
        let request = json!({ "partnerUuid": self.partner(partner) });
        self.post(&format!("/locks/{}/try", self.door(door)), request)["opens"]
            .as_bool()
            .unwrap()
    }

    fn list(&self, what: &str, page_size: usize) -> Vec<Value> {
        let mut pages = Vec::new();
        let mut path = format!(
            "/v1/{what}?buildingUuid={}&pageSize={page_size}",
            self.house()
        );
        loop {
            let page = self.get(&path);
            let next = page["nextPageToken"].as_str().map(str::to_owned);
            pages.push(page);
            let Some(token) = next else { return pages };
            path = format!(
                "/v1/{what}?buildingUuid={}&pageSize={page_size}&pageToken={token}",
                self.house()
            );
        }
    }
}

impl Answer {
    fn of(delay: Duration, response: Response<Bytes>) -> Self {
        let (parts, raw) = response.into_parts();
        let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
        assert_eq!(parts.headers[crate::SIMULATED_HEADER], "true");
        assert!(parts.headers.contains_key("date"));
        Self {
            status: parts.status.as_u16(),
            body,
            raw,
            headers: parts.headers,
            delay,
        }
    }

    fn is(&self, status: u16, message: &str) {
        assert_eq!(
            (self.status, self.body["message"].as_str()),
            (status, Some(message)),
            "{self:?}"
        );
    }
}
