//! A directory of YAML, a state directory and a simulated DOOR OS, with the real client between.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use opendoor_door_os::{
    Client, Config, Credentials, DoorOs, Endpoint, FnTransport, Secret, Transport, TransportError,
};
use opendoor_planner::plan::{Plan, Step};
use opendoor_reconciler::directory::{Directory, SqliteStore};
use opendoor_reconciler::gather::{Heads, Target};
use opendoor_reconciler::pass::{Known, Mandate, PassError, PassReport, Ports, pass};
use opendoor_reconciler::ports::{Clock, Declarations, Exclusive};
use opendoor_reconciler::round::{RoundReport, round};
use opendoor_reconciler::snapshot::Snapshot;
use opendoor_simulator::contract_check::check_exchange;
use opendoor_simulator::{Outcome, Simulator, WorldFile};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const PROPERTY: &str = "
apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: harbor-point }
spec:
  building: Harbor Point
  partners:
    - name: Parcel Runner
    - name: TourPass
";

pub const WORLD: &str = "
partners:
  - { name: Parcel Runner, authorizedAt: [Harbor Point, Elm Court] }
  - { name: TourPass, authorizedAt: [Harbor Point] }
  - { name: CleanCo }
buildings:
  - name: Elm Court
    doors:
      - { name: Lobby }
  - name: Harbor Point
    doors:
      - { name: Front Entrance, doorType: BuildingEntrance }
      - { name: Mail Room }
      - { name: Package Room }
      - { name: Garage Gate, connected: false }
      - { name: Unit 101, doorType: Residence, connected: false, unit: '101', vacancy: Vacant }
      - { name: Unit 102, doorType: Residence, connected: false, unit: '102', vacancy: Occupied }
    keys:
      - { name: Staff, doors: [Front Entrance, Mail Room], holders: { NON_RESIDENT: 2 } }
";

pub struct SimulatorClock(pub Simulator);

impl Clock for SimulatorClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

pub struct Home {
    pub yaml: TempDir,
    pub state: TempDir,
    pub simulator: Simulator,
}

impl Home {
    pub fn new() -> Self {
        Self::with_world(WORLD)
    }

    /// Harbor Point with doors `D01` to `D40`, all connected.
    pub fn with_forty_doors() -> Self {
        let doors: String = (1..=40)
            .map(|number| format!("      - {{ name: D{number:02} }}\n"))
            .collect();
        Self::with_world(&format!(
            "
partners:
  - {{ name: Parcel Runner, authorizedAt: [Harbor Point] }}
  - {{ name: TourPass, authorizedAt: [Harbor Point] }}
buildings:
  - name: Harbor Point
    doors:
{doors}"
        ))
    }

    /// Harbor Point with three pages of doors, `Mail Room` and `Package Room` among them.
    pub fn with_three_pages() -> Self {
        let doors: String = (1..=1_200)
            .map(|number| format!("      - {{ name: D{number} }}\n"))
            .collect();
        Self::with_world(&format!(
            "
partners:
  - {{ name: Parcel Runner, authorizedAt: [Harbor Point] }}
  - {{ name: TourPass, authorizedAt: [Harbor Point] }}
buildings:
  - name: Harbor Point
    doors:
      - {{ name: Mail Room }}
      - {{ name: Package Room }}
{doors}"
        ))
    }

    pub fn with_world(world: &str) -> Self {
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let clock = opendoor_simulator::Clock::manual(start);
        let world = WorldFile::parse(world).unwrap();
        let home = Self {
            yaml: TempDir::new().unwrap(),
            state: TempDir::new().unwrap(),
            simulator: Simulator::new(world, 1, clock).unwrap(),
        };
        home.write("property.yaml", PROPERTY);
        home
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.yaml.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text.trim_start()).unwrap();
    }

    pub fn remove(&self, file: &str) {
        std::fs::remove_file(self.yaml.path().join(file)).unwrap();
    }

    pub async fn run(&self) -> Round {
        self.round(Mandate::Perform, &[]).await
    }

    pub async fn plan(&self) -> Round {
        self.round(Mandate::Look, &[]).await
    }

    pub async fn approve(&self, id: &str) -> Round {
        self.round(Mandate::Perform, &[id.to_owned()]).await
    }

    /// One round by a process of its own: everything but the state directory is new.
    pub async fn round(&self, mandate: Mandate, approvals: &[String]) -> Round {
        self.attempt(mandate, approvals).await.unwrap()
    }

    /// A round that may fail as a whole.
    pub async fn try_round(&self) -> Result<Round, PassError> {
        self.attempt(Mandate::Perform, &[]).await
    }

    /// A round in which the declarations change just before they are read the second time.
    pub async fn run_while(&self, change: impl Fn()) -> Round {
        let declarations = Changing {
            directory: Directory::new(self.yaml.path()),
            reads: Cell::new(0),
            change,
        };
        self.attempt_with(&declarations, Mandate::Perform, &[])
            .await
            .unwrap()
    }

    async fn attempt(&self, mandate: Mandate, approvals: &[String]) -> Result<Round, PassError> {
        let directory = Directory::new(self.yaml.path());
        self.attempt_with(&directory, mandate, approvals).await
    }

    async fn attempt_with(
        &self,
        declarations: &impl Declarations,
        mandate: Mandate,
        approvals: &[String],
    ) -> Result<Round, PassError> {
        let client = client(self.simulator.clone());
        let store = SqliteStore::open(self.state.path()).unwrap();
        let ports = Ports {
            door_os: &client,
            ledgers: &store,
            declarations,
            clock: &SimulatorClock(self.simulator.clone()),
            ownership: &Exclusive,
        };
        let before = self.simulator.calls();
        let report = round(&ports, mandate, approvals).await?;
        let calls = self
            .simulator
            .calls()
            .into_iter()
            .map(|(call, count)| {
                let earlier = before.get(&call).copied().unwrap_or(0);
                (call, count - earlier)
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        Ok(Round { report, calls })
    }

    /// A pass over Harbor Point by a process that read the heads when there was no ledger yet, in a home that knows
    /// which objects are deleted: none.
    pub async fn pass_of_a_latecomer(&self) -> PassReport {
        let client = client(self.simulator.clone());
        let store = SqliteStore::open(self.state.path()).unwrap();
        let mut snapshot = Directory::new(self.yaml.path()).read().await;
        snapshot.deleted = Some(BTreeMap::new());
        let ports = Ports {
            door_os: &client,
            ledgers: &store,
            declarations: &snapshot,
            clock: &SimulatorClock(self.simulator.clone()),
            ownership: &Exclusive,
        };
        let buildings = client.buildings().await.unwrap();
        let target = Target {
            property: String::from("harbor-point"),
            building: buildings
                .iter()
                .find(|building| building.name == "Harbor Point")
                .unwrap()
                .clone(),
        };
        let known = Known {
            snapshot: snapshot.clone(),
            heads: Heads::new(),
            buildings: Rc::new(buildings),
            losses: Rc::default(),
            looks: RefCell::default(),
        };
        pass(&ports, &known, &target, Mandate::Perform, &[])
            .await
            .unwrap()
    }

    pub fn advance(&self, minutes: u64) {
        self.simulator.advance(Duration::from_secs(minutes * 60));
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        match self.simulator.handle(request) {
            Outcome::Respond { response, .. } => {
                assert!(
                    response.status().is_success(),
                    "{method} {path}: {} {:?}",
                    response.status(),
                    response.body()
                );
                serde_json::from_slice(response.body()).unwrap_or(Value::Null)
            }
            Outcome::Lost { .. } => panic!("{method} {path} was lost"),
        }
    }

    fn door(&self, door: &str) -> String {
        self.simulator
            .door_uuid("Harbor Point", door)
            .unwrap()
            .to_string()
    }

    pub fn sync(&self, door: &str, kind: &str, phase: &str) {
        let path = format!("/app/v1/doors/{}/sync", self.door(door));
        self.call("POST", &path, &json!({"kind": kind, "phase": phase}));
    }

    pub fn opens(&self, door: &str, partner: &str) -> bool {
        let partner = self.simulator.partner_uuid(partner).unwrap();
        let path = format!("/locks/{}/try", self.door(door));
        let answer = self.call("POST", &path, &json!({"partnerUuid": partner}));
        answer["opens"].as_bool().unwrap()
    }

    pub fn edit_door(&self, door: &str, change: &Value) {
        self.call(
            "PATCH",
            &format!("/sim/v1/doors/{}", self.door(door)),
            change,
        );
    }

    pub fn edit_key(&self, key: &str, change: &Value) {
        let uuid = self.simulator.key_uuid("Harbor Point", key).unwrap();
        self.call("PATCH", &format!("/sim/v1/keys/{uuid}"), change);
    }

    pub fn sim(&self, method: &str, path: &str, body: &Value) -> Value {
        self.call(method, &format!("/sim/v1/{path}"), body)
    }

    pub fn holder(&self, door: &str) -> Option<String> {
        let state = self.call("GET", "/sim/v1/state", &Value::Null);
        let partners = state["partners"].as_array().unwrap();
        let uuid = self.door(door);
        let row = state["buildings"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|building| building["doors"].as_array().unwrap())
            .find(|row| row["uuid"] == uuid.as_str())
            .unwrap();
        let partner = row["partnerUuid"].as_str()?;
        partners
            .iter()
            .find(|known| known["uuid"] == partner)
            .and_then(|known| known["name"].as_str())
            .map(str::to_owned)
    }
}

/// A directory that changes just before it is read the second time.
struct Changing<F> {
    directory: Directory,
    reads: Cell<u32>,
    change: F,
}

impl<F: Fn()> Declarations for Changing<F> {
    async fn read(&self) -> Snapshot {
        self.reads.set(self.reads.get() + 1);
        if self.reads.get() == 2 {
            (self.change)();
        }
        self.directory.read().await
    }
}

fn client(simulator: Simulator) -> Client<impl Transport> {
    let ours = simulator.clone();
    let transport = FnTransport(move |request: Request<Bytes>| {
        let simulator = simulator.clone();
        async move {
            let asked = (
                request.method().to_string(),
                request.uri().path().to_owned(),
                request.body().clone(),
            );
            match simulator.handle(request) {
                Outcome::Respond { delay, response } => {
                    check_contract(&simulator, &asked, &response);
                    tokio::time::sleep(delay).await;
                    Ok::<Response<Bytes>, TransportError>(response)
                }
                Outcome::Lost { .. } => Err(TransportError::timeout("no answer")),
            }
        }
    });
    let credentials = Credentials {
        client_id: String::from("demo"),
        secret: Secret::new("demo"),
    };
    Client::new(
        Endpoint::in_process().unwrap(),
        transport,
        credentials,
        Config {
            wall_clock: std::sync::Arc::new(move || ours.now()),
            ..Config::default()
        },
    )
}

/// Every request and answer is one that `openapi.yaml` describes, unless a fault distorts it.
fn check_contract(
    simulator: &Simulator,
    (method, path, body): &(String, String, Bytes),
    response: &Response<Bytes>,
) {
    let asked = Request::get("/sim/v1/faults").body(Bytes::new()).unwrap();
    let Outcome::Respond {
        response: faults, ..
    } = simulator.handle(asked)
    else {
        panic!("the faults cannot be read");
    };
    let faults: Value = serde_json::from_slice(faults.body()).unwrap();
    let none = |list: &Value| list.as_array().is_some_and(Vec::is_empty);
    if none(&faults) || none(&faults["faults"]) {
        let status = response.status().as_u16();
        check_exchange(method, path, status, body, response.body()).unwrap();
    }
}

pub struct Round {
    pub report: RoundReport,
    pub calls: std::collections::BTreeMap<String, u64>,
}

impl Round {
    /// The pass over Harbor Point.
    pub fn pass(&self) -> &PassReport {
        let (_, report) = self
            .report
            .passes
            .iter()
            .find(|(target, _)| target.building.name == "Harbor Point")
            .unwrap();
        report.as_ref().unwrap()
    }

    pub fn plan(&self) -> &Plan {
        &self.pass().plan
    }

    /// Steps of the first plan, in words.
    pub fn steps(&self) -> Vec<String> {
        words(&self.plan().steps)
    }

    /// Steps that are left.
    pub fn left(&self) -> Vec<String> {
        words(&self.pass().after.steps)
    }

    pub fn refusals(&self) -> Vec<String> {
        self.pass()
            .after
            .refusals
            .iter()
            .map(|refusal| refusal.reason.to_string())
            .collect()
    }

    pub fn writes(&self) -> u64 {
        self.calls
            .iter()
            .filter(|(call, _)| !call.starts_with("GET") && !call.contains("oauth"))
            .map(|(_, count)| count)
            .sum()
    }

    /// What is waited for, in words.
    pub fn waiting(&self) -> Vec<String> {
        self.pass()
            .after
            .waiting
            .iter()
            .map(|waiting| {
                format!(
                    "{:?} {} {} {}",
                    waiting.kind,
                    waiting.door.as_ref().map_or("-", |door| &door.name),
                    waiting.partner,
                    waiting.reason
                )
            })
            .collect()
    }

    /// A condition of an object, as `Status/Reason`.
    pub fn condition(&self, object: &str, kind: &str) -> String {
        let status = self
            .pass()
            .statuses
            .iter()
            .find(|status| status.owner.to_string() == object)
            .unwrap_or_else(|| panic!("no status of {object}"));
        status
            .conditions
            .iter()
            .find(|condition| condition.kind == kind)
            .map_or_else(
                || String::from("-"),
                |condition| format!("{}/{}", condition.status, condition.reason),
            )
    }
}

fn words(steps: &[Step]) -> Vec<String> {
    let mut words: Vec<String> = steps
        .iter()
        .map(|step| {
            let what = step
                .door
                .as_ref()
                .map(|door| door.name.clone())
                .or_else(|| step.key.as_ref().map(|key| key.name.clone()))
                .unwrap();
            let held = step
                .held
                .map_or_else(String::new, |reason| format!(" held {reason}"));
            format!("{} {what} {}{held}", step.action.as_str(), step.partner)
        })
        .collect();
    words.sort();
    words
}

pub fn assignment(name: &str, partner: &str, doors: &str) -> String {
    format!(
        "apiVersion: opendoor.dev/v1alpha1
kind: DoorAssignment
metadata: {{ name: {name} }}
spec:
  propertyRef: {{ name: harbor-point }}
  partner: {partner}
  doors: [{doors}]
"
    )
}

/// `D01` to `D40` as a list, from one number to another.
pub fn doors(from: u32, to: u32) -> String {
    let names: Vec<String> = (from..=to).map(|number| format!("D{number:02}")).collect();
    names.join(", ")
}

pub fn key(name: &str, partner: &str, doors: &[&str]) -> String {
    let doors: String = doors
        .iter()
        .map(|door| format!("    - name: {door}\n"))
        .collect();
    format!(
        "apiVersion: opendoor.dev/v1alpha1
kind: PartnerKey
metadata: {{ name: {name} }}
spec:
  propertyRef: {{ name: harbor-point }}
  partner: {partner}
  doors:
{doors}"
    )
}
