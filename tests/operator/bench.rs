//! What the operator costs between a real API server and a simulated DOOR OS.
//!
//! `cargo bench -p opendoor --bench operator`; N Properties of 100 doors with `OPENDOOR_BENCH_PROPERTIES=1000` (50 unless
//! told). Prints figures; nothing here passes or fails, except that everything must become `Ready`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "a benchmark prints and may stop; its harness is the tests'"
)]

mod control_plane;
mod operator;
#[path = "../shared/served.rs"]
mod served;
mod tools;
#[path = "../shared/yaml.rs"]
mod yaml;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use opendoor_simulator::{BuildingFile, WorldFile};
use serde_json::{Value, json};
use tempfile::TempDir;

use control_plane::{ADMIN, ControlPlane, wait_until};
use operator::{Operator, Site};
use served::Served;

/// Doors of each building.
const DOORS: usize = 100;
/// Calls of one look at such a building: partners, one page of doors, one page of keys.
const LOOK: usize = 3;
/// Calls that all Properties share: the token, and the list of buildings.
const SHARED: usize = 2;
/// Objects that kubectl is given at a time.
const AT_A_TIME: usize = 500;
/// The kernel's unit of CPU time.
const TICKS_A_SECOND: f64 = 100.0;

fn main() {
    let properties = std::env::var("OPENDOOR_BENCH_PROPERTIES")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(50);
    let folder = TempDir::new().unwrap();
    let audit = folder.path().join("audit.log");
    let audit_log = format!("--audit-log={}", audit.display());
    // It ends with this process.
    let server: &'static ControlPlane = Box::leak(Box::new(ControlPlane::private(&[&audit_log])));
    server.install_crds();
    let world = WorldFile::generated(properties, DOORS, 7);
    let objects = objects(&world);
    let changes = changes(&world);
    let site = Site::between(server, Served::serving(world));
    configure(&site);
    let begun = Instant::now();
    apply(&site, &objects);
    println!("Properties x doors           {properties} x {DOORS}");
    println!("changes to make              {changes}");
    println!("kubectl create               {}", seconds(begun));
    let mut meter = Meter {
        site: &site,
        audit: &audit,
        audited: fs::metadata(&audit).unwrap().len(),
        calls: site.simulator.calls(),
    };

    let begun = Instant::now();
    let operator = start(&site);
    until_ready(&site, properties);
    let took = begun.elapsed();
    quiet(&operator);
    println!("\nfrom nothing to all Ready    {:.1} s", took.as_secs_f64());
    meter.tell(&operator, properties * 2 * LOOK + changes + SHARED);
    assert_eq!(operator.end(), Some(0));

    for what in [
        "the first hour: pushes land",
        "a no-op hour, a pass over everything",
    ] {
        site.simulator.advance(Duration::from_secs(3_600));
        let begun = Instant::now();
        let operator = start(&site);
        until_passed(&operator, properties);
        let took = begun.elapsed();
        quiet(&operator);
        println!("\n{what:<36} {:.1} s", took.as_secs_f64());
        meter.tell(&operator, properties * LOOK + SHARED);
        assert_eq!(operator.end(), Some(0));
    }
}

/// One connection that is as fast as we are, and no pass by the clock meanwhile.
fn configure(site: &Site) {
    let namespace = &site.namespace.name;
    site.configure_with(&format!(
        "connections:
  - name: door
    url: {}
    allowedNamespaces: [\"*\"]
    allowLoopback: true
    requestsPerSecond: 100000
namespaces: [{namespace}]
",
        site.url()
    ));
}

fn start(site: &Site) -> Operator {
    // As it logs unless told otherwise.
    site.operator_with("a", &[("RUST_LOG", "info")])
}

/// The shared doors of a building: the partner is put on each of them.
fn shared(building: &BuildingFile) -> Vec<&str> {
    building
        .doors
        .iter()
        .map(|door| door.name.as_str())
        .filter(|name| name.starts_with("Shared"))
        .collect()
}

fn changes(world: &WorldFile) -> usize {
    world.buildings.iter().map(|one| shared(one).len()).sum()
}

/// A Portfolio, and of each building a Property and a DoorAssignment for its shared doors.
fn objects(world: &WorldFile) -> Vec<Value> {
    let object = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "opendoor.dev/v1alpha1",
            "kind": kind,
            "metadata": { "name": name },
            "spec": spec,
        })
    };
    let portfolio = json!({
        "credentialsSecretRef": { "name": "door-os" },
        "mode": "Apply",
        "checkInterval": "24h",
    });
    let mut all = vec![object("Portfolio", "generated", portfolio)];
    for building in &world.buildings {
        let name = building.name.as_str().to_lowercase().replace(' ', "-");
        let property = json!({
            "building": building.name.as_str(),
            "partners": [{ "name": "Parcel Runner" }],
        });
        all.push(object("Property", &name, property));
        let assignment = json!({
            "propertyRef": { "name": name },
            "partner": "Parcel Runner",
            "doors": shared(building),
        });
        all.push(object("DoorAssignment", &name, assignment));
    }
    all
}

fn apply(site: &Site, objects: &[Value]) {
    for some in objects.chunks(AT_A_TIME) {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": some });
        site.namespace
            .kubectl_as(ADMIN, &["create", "-f", "-"], &list.to_string())
            .works();
    }
}

/// By the Portfolio's count, and then by the Properties' own word.
fn until_ready(site: &Site, properties: usize) {
    wait_until(Duration::from_secs(3_600), "all Ready", || {
        std::thread::sleep(Duration::from_millis(450));
        let portfolio = site.object("portfolio", "generated");
        let counts = &portfolio["status"]["properties"];
        if counts["ready"] == properties && counts["total"] == properties {
            Ok(())
        } else {
            Err(counts.to_string())
        }
    });
    let all = site
        .namespace
        .kubectl(&["get", "properties", "-o", "json"])
        .works()
        .json();
    let ready = all["items"].as_array().unwrap().iter().filter(|property| {
        let conditions = property["status"]["conditions"].as_array().unwrap();
        conditions
            .iter()
            .any(|one| one["type"] == "Ready" && one["status"] == "True")
    });
    assert_eq!(ready.count(), properties);
}

fn until_passed(operator: &Operator, properties: usize) {
    wait_until(Duration::from_secs(3_600), "a pass over each", || {
        std::thread::sleep(Duration::from_millis(950));
        let passes = operator.metric("opendoor_passes_total", "done");
        if passes >= properties as f64 {
            Ok(())
        } else {
            Err(passes.to_string())
        }
    });
}

/// Until nothing is written to Kubernetes and no pass ends any more.
fn quiet(operator: &Operator) {
    let mut before = None;
    wait_until(Duration::from_secs(600), "quiet", || {
        std::thread::sleep(Duration::from_secs(3));
        let now = (
            operator.metric("opendoor_kubernetes_writes_total", ""),
            operator.metric("opendoor_passes_total", ""),
        );
        if before.replace(now) == Some(now) {
            Ok(())
        } else {
            Err(format!("{now:?}"))
        }
    });
}

fn seconds(begun: Instant) -> String {
    format!("{:.1} s", begun.elapsed().as_secs_f64())
}

/// What was counted so far, so that what comes is counted apart.
struct Meter<'a> {
    site: &'a Site,
    audit: &'a Path,
    audited: u64,
    calls: BTreeMap<String, u64>,
}

impl Meter<'_> {
    /// Tells what was done since it was last told.
    fn tell(&mut self, operator: &Operator, floor: usize) {
        let process = Path::new("/proc").join(operator.pid().to_string());
        println!("  CPU                        {:.1} s", cpu(&process));
        println!("  peak memory                {:.1} MB", peak(&process));
        let passes = operator.metric("opendoor_passes_total", "");
        println!("  passes                     {passes}");
        let (_, text) = operator.get("/metrics");
        println!(
            "  one scrape of /metrics     {:.1} MB",
            text.len() as f64 / 1e6
        );
        let calls = self.site.simulator.calls();
        let since: BTreeMap<&str, u64> = calls
            .iter()
            .map(|(call, count)| {
                let before = self.calls.get(call).copied().unwrap_or(0);
                (call.as_str(), count - before)
            })
            .filter(|(_, count)| *count > 0)
            .collect();
        let made: u64 = since.values().sum();
        println!(
            "  calls of DOOR OS           {made}, floor {floor}: {:.3} x",
            made as f64 / floor as f64
        );
        for (call, count) in since {
            println!("    {call:<36} {count}");
        }
        self.calls = calls;
        println!(
            "  writes to Kubernetes       {} by its own count",
            operator.metric("opendoor_kubernetes_writes_total", "")
        );
        for (request, count) in self.requests() {
            println!("    {request:<36} {count}");
        }
    }

    /// Requests of the operator that the API server noted, by verb and resource.
    fn requests(&mut self) -> BTreeMap<String, u64> {
        let text = fs::read(self.audit).unwrap();
        let new = &text[usize::try_from(self.audited).unwrap()..];
        self.audited = text.len() as u64;
        let mut counts = BTreeMap::new();
        for line in new.split(|byte| *byte == b'\n') {
            let Ok(event) = serde_json::from_slice::<Value>(line) else {
                continue;
            };
            let agent = event["userAgent"].as_str().unwrap_or_default();
            if event["user"]["username"] != ADMIN || agent.starts_with("kubectl") {
                continue;
            }
            let of = &event["objectRef"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let mut request = format!("{} {}", text(&event["verb"]), text(&of["resource"]));
            if let Some(part) = of["subresource"].as_str() {
                request.push('/');
                request.push_str(part);
            }
            *counts.entry(request).or_insert(0) += 1;
        }
        counts
    }
}

/// Seconds of CPU, of all threads.
fn cpu(process: &Path) -> f64 {
    let stat = fs::read_to_string(process.join("stat")).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum();
    ticks / TICKS_A_SECOND
}

/// The most memory that was ever resident, in MB.
fn peak(process: &Path) -> f64 {
    let status = fs::read_to_string(process.join("status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib: f64 = line
        .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap();
    kib * 1024.0 / 1e6
}
