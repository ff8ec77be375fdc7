//! The operator itself, as a process, between a real API server and a simulated DOOR OS.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::{ADMIN, ControlPlane, Namespace, Said, wait_until};
use crate::served::Served;
pub use crate::yaml::{PROPERTY, assignment};

/// Long enough on a loaded machine; a test that passes is done much sooner.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub const WORLD: &str = "
partners:
  - { name: Parcel Runner, authorizedAt: [Harbor Point] }
  - { name: TourPass, authorizedAt: [Harbor Point] }
  - { name: CleanCo }
buildings:
  - name: Harbor Point
    doors:
      - { name: Front Entrance, doorType: BuildingEntrance }
      - { name: Mail Room }
      - { name: Package Room }
      - { name: Loading Dock }
      - { name: Garage Gate, connected: false }
      - { name: Unit 101, doorType: Residence, connected: false, unit: '101', vacancy: Vacant }
    keys:
      - { name: Staff, doors: [Front Entrance], holders: { NON_RESIDENT: 2 } }
";

/// A Portfolio that forgives nothing but is quick.
pub fn portfolio(mode: &str) -> String {
    format!(
        "apiVersion: opendoor.dev/v1alpha1
kind: Portfolio
metadata: {{ name: harbor-living }}
spec:
  credentialsSecretRef: {{ name: door-os }}
  mode: {mode}
  checkInterval: 10s
  removalDelay: 1s
"
    )
}

/// A namespace of a portfolio, one of the operator's, and a DOOR OS.
pub struct Site {
    pub namespace: Namespace<'static>,
    pub system: Namespace<'static>,
    pub door_os: Served,
    folder: TempDir,
}

impl Deref for Site {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.door_os
    }
}

impl Site {
    /// With credentials, a Portfolio and the Property, and no operator yet.
    pub fn new(mode: &str) -> Self {
        Self::on(ControlPlane::shared(), WORLD, mode)
    }

    pub fn on(server: &'static ControlPlane, world: &str, mode: &str) -> Self {
        let site = Self::bare(server, world);
        site.apply(&portfolio(mode));
        site.apply(PROPERTY);
        site
    }

    /// With credentials, and nothing of ours.
    pub fn bare(server: &'static ControlPlane, world: &str) -> Self {
        Self::between(server, Served::of(world))
    }

    pub fn between(server: &'static ControlPlane, door_os: Served) -> Self {
        let site = Self {
            namespace: server.namespace(),
            system: server.namespace(),
            door_os,
            folder: TempDir::new().unwrap(),
        };
        site.secret("demo").works();
        site.configure("");
        site
    }

    pub fn faults(&self, faults: &Value) {
        self.call("PUT", "/sim/v1/faults", faults);
    }

    pub fn secret(&self, secret: &str) -> Said {
        let text = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "door-os" },
            "stringData": { "clientId": "demo", "clientSecret": secret },
        });
        self.namespace.apply(&text.to_string())
    }

    /// The operator's configuration, with more lines at its end.
    pub fn configure(&self, more: &str) {
        self.configure_at(self.url(), more);
    }

    /// The operator's configuration, with DOOR OS at another address.
    pub fn configure_at(&self, url: &str, more: &str) {
        let config = format!(
            "connections:
  - name: door
    url: {url}
    allowedNamespaces: [\"*\"]
    allowLoopback: true
    requestsPerSecond: 2000
namespaces: [{}]
leaseDuration: 9s
{more}",
            self.namespace.name
        );
        self.configure_with(&config);
    }

    /// The operator's configuration, whole.
    pub fn configure_with(&self, config: &str) {
        fs::write(self.folder.path().join("config.yaml"), config).unwrap();
    }

    pub fn apply(&self, text: &str) {
        self.namespace.apply(text).works();
    }

    pub fn delete(&self, what: &[&str]) {
        let mut words = vec!["delete", "--wait=false"];
        words.extend(what);
        self.namespace.kubectl(&words).works();
    }

    /// Starts a replica.
    pub fn operator(&self, identity: &str) -> Operator {
        self.operator_as(ADMIN, identity)
    }

    /// Starts a replica with more in its environment.
    pub fn operator_with(&self, identity: &str, environment: &[(&str, &str)]) -> Operator {
        self.start(ADMIN, identity, environment)
    }

    /// Starts a replica that comes to the API server as a user.
    pub fn operator_as(&self, user: &str, identity: &str) -> Operator {
        self.start(user, identity, &[])
    }

    fn start(&self, user: &str, identity: &str, environment: &[(&str, &str)]) -> Operator {
        let log = self.folder.path().join(format!("{identity}.log"));
        let earlier = fs::read(&log).map_or(0, |log| log.len());
        let child = Command::new(env!("CARGO_BIN_EXE_opendoor"))
            .arg("controller")
            .arg("--config")
            .arg(self.folder.path().join("config.yaml"))
            .args(["--namespace", &self.system.name, "--identity", identity])
            .args(["--listen", "127.0.0.1:0"])
            .env("KUBECONFIG", self.namespace.server.kubeconfig(user))
            .env("RUST_LOG", "info,opendoor_kubernetes=debug")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(
                fs::File::options()
                    .create(true)
                    .append(true)
                    .open(&log)
                    .unwrap(),
            )
            .spawn()
            .unwrap();
        Operator {
            child,
            log,
            earlier,
        }
    }

    /// An object as it is now; null if there is none.
    pub fn object(&self, kind: &str, name: &str) -> Value {
        let said = self
            .namespace
            .kubectl(&["get", kind, name, "-o", "json", "--ignore-not-found"]);
        if said.out.trim().is_empty() {
            Value::Null
        } else {
            said.json()
        }
    }

    /// A condition of an object: its status, reason and message.
    pub fn condition(&self, kind: &str, name: &str, of_type: &str) -> Option<Condition> {
        let object = self.object(kind, name);
        let found = object["status"]["conditions"]
            .as_array()?
            .iter()
            .find(|condition| condition["type"] == of_type)?;
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        Some(Condition {
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
        })
    }

    /// Waits until a condition has a status, and gives it.
    #[track_caller]
    pub fn until(&self, kind: &str, name: &str, of_type: &str, status: &str) -> Condition {
        let what = format!("{of_type}={status} on {kind}/{name}");
        wait_until(PATIENCE, &what, || {
            let found = self.condition(kind, name, of_type);
            found
                .clone()
                .filter(|found| found.status == status)
                .ok_or_else(|| format!("{found:?}"))
        })
    }

    /// Waits until a condition has a status for a reason.
    #[track_caller]
    pub fn until_reason(&self, kind: &str, name: &str, of_type: &str, reason: &str) -> Condition {
        let what = format!("{of_type} for {reason} on {kind}/{name}");
        wait_until(PATIENCE, &what, || {
            let found = self.condition(kind, name, of_type);
            found
                .clone()
                .filter(|found| found.reason == reason)
                .ok_or_else(|| format!("{found:?}"))
        })
    }

    /// Waits until an Event about an object was posted: that comes after the status that says the same.
    #[track_caller]
    pub fn until_event(&self, name: &str, reason: &str) {
        wait_until(PATIENCE, &format!("{reason} of {name}"), || {
            let events = self.events(name);
            if events.iter().any(|said| said == reason) {
                Ok(())
            } else {
                Err(format!("{events:?}"))
            }
        });
    }

    /// Waits until an object is gone.
    #[track_caller]
    pub fn until_gone(&self, kind: &str, name: &str) {
        wait_until(PATIENCE, &format!("{kind}/{name} gone"), || {
            let object = self.object(kind, name);
            if object.is_null() {
                Ok(())
            } else {
                Err(object["metadata"].to_string())
            }
        });
    }

    /// Begins to delete the namespace of the portfolio.
    pub fn delete_namespace(&self) {
        let words = ["delete", "namespace", &self.namespace.name, "--wait=false"];
        self.namespace.server.kubectl(&words).works();
    }

    /// Waits until the namespace of the portfolio is gone.
    #[track_caller]
    pub fn until_namespace_gone(&self, patience: Duration) {
        let words = [
            "get",
            "namespace",
            &self.namespace.name,
            "--ignore-not-found",
        ];
        wait_until(patience, "the namespace is gone", || {
            let left = self.namespace.server.kubectl(&words);
            if left.out.trim().is_empty() {
                Ok(())
            } else {
                Err(left.out)
            }
        });
    }

    /// Puts Parcel Runner on the offline garage gate and the mail room, and has both locks prove it.
    #[track_caller]
    pub fn settle_at_the_garage(&self) {
        self.apply(&assignment(
            "parcel",
            "Parcel Runner",
            "Garage Gate, Mail Room",
        ));
        self.until("da", "parcel", "Ready", "True");
        for door in ["Garage Gate", "Mail Room"] {
            self.sync(door, "full");
        }
        self.until("da", "parcel", "Enforced", "True");
    }

    /// The partner on a door's dropdown, by name.
    pub fn on_door(&self, door: &str) -> Option<String> {
        let state = self.call("GET", "/sim/v1/state", &Value::Null);
        let uuid = self.door(door);
        let row = find(&state, "uuid", &uuid).unwrap_or_else(|| panic!("{door} is not in {state}"));
        let partner = row["partnerUuid"]
            .as_str()
            .or(row["partner"].as_str())?
            .to_owned();
        ["Parcel Runner", "TourPass", "CleanCo"]
            .into_iter()
            .find(|name| {
                self.simulator
                    .partner_uuid(name)
                    .is_some_and(|uuid| uuid.to_string() == partner)
            })
            .map(str::to_owned)
    }

    /// How many keys of that name there are.
    pub fn keys_named(&self, name: &str) -> usize {
        let state = self.call("GET", "/sim/v1/state", &Value::Null);
        let buildings = state["buildings"].as_array().unwrap();
        let keys = buildings
            .iter()
            .flat_map(|building| building["keys"].as_array().unwrap());
        keys.filter(|key| key["name"] == name).count()
    }

    /// Writes to DOOR OS so far.
    pub fn writes(&self) -> u64 {
        self.simulator
            .calls()
            .iter()
            .filter(|(call, _)| {
                let write = ["PUT", "POST", "PATCH", "DELETE"];
                write.iter().any(|method| call.starts_with(method)) && call.contains("/v1/")
            })
            .filter(|(call, _)| !call.contains("/sim/") && !call.contains("/app/"))
            .map(|(_, count)| count)
            .sum()
    }

    /// Reasons of Events about an object so far.
    pub fn events(&self, name: &str) -> Vec<String> {
        let all = self
            .namespace
            .kubectl(&["get", "events.events.k8s.io", "-o", "json"])
            .works()
            .json();
        all["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|event| event["regarding"]["name"] == name)
            .map(|event| event["reason"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn find<'a>(value: &'a Value, field: &str, wanted: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => {
            if fields.get(field).and_then(Value::as_str) == Some(wanted) {
                return Some(value);
            }
            fields.values().find_map(|inner| find(inner, field, wanted))
        }
        Value::Array(items) => items.iter().find_map(|inner| find(inner, field, wanted)),
        _ => None,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub status: String,
    pub reason: String,
    pub message: String,
}

/// A replica at work. Killed when dropped, as a crash would.
pub struct Operator {
    child: Child,
    log: PathBuf,
    /// How much of the log is of earlier lives.
    earlier: usize,
}

impl Operator {
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    fn address(&self) -> String {
        wait_until(PATIENCE, "the operator serves", || {
            self.log()[self.earlier..]
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                .rfind(|line| line["message"] == "serving metrics and health")
                .and_then(|line| line["address"].as_str().map(str::to_owned))
                .ok_or_else(|| self.log())
        })
    }

    /// What it answers at a path: the status and the body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    /// The sum of a metric over all its labels that contain `label`.
    pub fn metric(&self, name: &str, label: &str) -> f64 {
        let (_, text) = self.get("/metrics");
        text.lines()
            .filter(|line| line.starts_with(name) && line.contains(label))
            .filter(|line| {
                let rest = &line[name.len()..];
                rest.starts_with('{') || rest.starts_with(' ')
            })
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Waits until a pass has begun and ended since, whatever was under way.
    #[track_caller]
    pub fn until_looked_anew(&self) {
        self.until_more_passes(2.0);
    }

    #[track_caller]
    pub fn until_more_passes(&self, more: f64) {
        let passes = || self.metric("opendoor_passes_total", "done");
        let before = passes();
        wait_until(PATIENCE, "more passes", || {
            let now = passes();
            if now >= before + more {
                Ok(())
            } else {
                Err(format!("{before} before, {now} now"))
            }
        });
    }

    /// Waits until it says that it is ready.
    #[track_caller]
    pub fn until_ready(&self) {
        wait_until(PATIENCE, "ready", || match self.get("/readyz") {
            (200, _) => Ok(()),
            (_, said) => Err(said),
        });
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as STOP.
    pub fn signal(&self, signal: &str) {
        let done = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(self.pid().to_string())
            .status()
            .unwrap();
        assert!(done.success());
    }

    /// Ends it in the ordinary way, and says how it ended.
    pub fn end(mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().unwrap().code()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let _ = writeln!(
                std::io::stderr(),
                "--- {}\n{}",
                self.log.display(),
                self.log()
            );
        }
    }
}
