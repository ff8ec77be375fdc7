//! What a look costs: `plan` of one building against only fetching and parsing its pages, over loopback.
//!
//! `cargo bench -p opendoor-reconciler --bench look -- [DOORS]` (100,000 unless told). Prints figures;
//! nothing here passes or fails.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    reason = "a benchmark prints and may stop"
)]

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use opendoor_door_os::{
    Client, Config, Credentials, DoorOs, Endpoint, HttpOptions, HttpTransport, Secret,
};
use opendoor_planner::conditions::statuses;
use opendoor_planner::guard::Guard;
use opendoor_planner::intake::take_in;
use opendoor_planner::planner::plan;
use opendoor_reconciler::directory::{Directory, SqliteStore};
use opendoor_reconciler::gather::{Target, declared_for};
use opendoor_reconciler::pass::{Mandate, Ports};
use opendoor_reconciler::ports::{Clock, Exclusive, Ledgers};
use opendoor_reconciler::round::round;
use opendoor_simulator::{Simulator, WorldFile, serve};

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

fn serve_in_a_thread(simulator: Simulator) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            serve(simulator, listener, std::future::pending::<()>())
                .await
                .unwrap();
        });
    });
    url
}

fn client(url: &str) -> Client<HttpTransport> {
    let endpoint: Endpoint = url.parse().unwrap();
    let fast = NonZeroU32::new(100_000).unwrap();
    let config = Config {
        requests_per_second: fast,
        burst: fast,
        ..Config::default()
    };
    let credentials = Credentials {
        client_id: String::from("demo"),
        secret: Secret::new("demo"),
    };
    let transport = HttpTransport::new(&endpoint, &HttpOptions::default()).unwrap();
    Client::new(endpoint, transport, credentials, config)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let doors: usize = std::env::args()
        .skip(1)
        .find_map(|word| word.parse().ok())
        .unwrap_or(100_000);
    let mut world = WorldFile::generated(1, doors, 7);
    for building in &mut world.buildings {
        for door in building.doors.iter_mut().step_by(2) {
            door.partner = Some("Parcel Runner".into());
        }
    }
    let simulator = Simulator::new(world, 7, opendoor_simulator::Clock::default()).unwrap();
    let url = serve_in_a_thread(simulator.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(&url, &simulator, doors));
}

/// What a plan does beside fetching, part by part.
async fn parts(
    directory: &Directory,
    store: &SqliteStore,
    building: &opendoor_door_os::Building,
    seen: &opendoor_planner::observed::Observed,
) -> Vec<(&'static str, Duration)> {
    let mut parts = Vec::new();
    let mut timed = |part, begun: Instant| parts.push((part, begun.elapsed()));
    let begun = Instant::now();
    let snapshot = directory.snapshot();
    timed("read the YAML", begun);
    let begun = Instant::now();
    let heads = store.heads().await.unwrap();
    timed("read the ledgers' heads", begun);
    let begun = Instant::now();
    let mut ledger = store.load(building.uuid).await.unwrap().unwrap();
    timed("read the ledger", begun);
    let target = Target {
        property: ledger.head.property.as_ref().unwrap().name.clone(),
        building: building.clone(),
    };
    let begun = Instant::now();
    let declared = declared_for(&snapshot, &heads, std::slice::from_ref(building), &target);
    timed("gather", begun);
    let now = Timestamp::now();
    let begun = Instant::now();
    let taken = take_in(&mut ledger, &declared, seen, now);
    timed("take in", begun);
    let begun = Instant::now();
    let plan = plan(&ledger, &taken, seen, &Guard::default(), &[], now);
    timed("plan", begun);
    let begun = Instant::now();
    let said = statuses(&ledger, &taken, seen, &plan, now);
    timed("statuses", begun);
    assert!(!said.is_empty());
    parts
}

async fn measure(url: &str, simulator: &Simulator, doors: usize) {
    let building = client(url).buildings().await.unwrap().remove(0);
    let seen = client(url).observe(&building).await.unwrap();
    let imported = opendoor_reconciler::import::import(&seen).unwrap();
    let yaml = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    std::fs::write(yaml.path().join("all.yaml"), imported.yaml).unwrap();
    let store = SqliteStore::open(state.path()).unwrap();
    let mut fetches = Vec::new();
    let mut plans = Vec::new();
    let mut calls = 0;
    for turn in 0..6 {
        let fetching = client(url);
        fetching.buildings().await.unwrap();
        let begun = Instant::now();
        let observed = fetching.observe(&building).await.unwrap();
        assert_eq!(observed.doors.len(), doors);
        drop(observed);
        let fetched = begun.elapsed();
        let door_os = client(url);
        // As a command does: nothing of the directory is known yet.
        let directory = Directory::new(yaml.path());
        let ports = Ports {
            door_os: &door_os,
            ledgers: &store,
            declarations: &directory,
            clock: &Wall,
            ownership: &Exclusive,
        };
        let before: u64 = simulator.calls().values().sum();
        let mandate = if turn == 0 {
            Mandate::Perform
        } else {
            Mandate::Plan
        };
        let begun = Instant::now();
        let report = round(&ports, mandate, &[]).await.unwrap();
        let planned = begun.elapsed();
        let pass = report.passes[0].1.as_ref().unwrap();
        assert!(pass.plan.complete);
        if turn > 0 {
            fetches.push(fetched);
            plans.push(planned);
            calls = simulator.calls().values().sum::<u64>() - before;
        }
    }
    let ledger = store.load(building.uuid).await.unwrap().unwrap();
    let managed = ledger.doors.values().filter(|door| !door.claims.is_empty());
    let managed = managed.count();
    let parts = parts(&Directory::new(yaml.path()), &store, &building, &seen).await;
    let (fetch, plan) = (median(fetches), median(plans));
    let database = std::fs::metadata(state.path().join("state.db")).map_or(0, |file| file.len());
    println!("doors                        {doors}");
    println!("fetch and parse the pages    {:.3} s", fetch.as_secs_f64());
    println!("plan (YAML, ledger, pages)   {:.3} s", plan.as_secs_f64());
    println!(
        "ratio                        {:.2}",
        plan.as_secs_f64() / fetch.as_secs_f64()
    );
    for (part, time) in parts {
        println!("  {part:<26} {:.3} s", time.as_secs_f64());
    }
    println!("calls of a plan              {calls}");
    let bytes = |doors: usize| database.checked_div(doors as u64).unwrap_or_default();
    println!("state on disk a door         {} bytes", bytes(doors));
    println!("  a managed door             {} bytes", bytes(managed));
}
