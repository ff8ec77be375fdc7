//! A directory with a `simulator.yaml`, run against that world through the real client.

use std::path::Path;

use bytes::Bytes;
use http::{Request, Response};
use jiff::Timestamp;
use opendoor_door_os::{
    Client, Config, Credentials, Endpoint, FnTransport, Secret, Transport, TransportError,
};
use opendoor_reconciler::directory::{Directory, SqliteStore, WORLD_FILE};
use opendoor_reconciler::pass::{Mandate, Ports};
use opendoor_reconciler::ports::{Clock, Exclusive};
use opendoor_reconciler::round::{RoundReport, round};
use opendoor_simulator::{Outcome, Simulator, WorldFile};
use tempfile::TempDir;

pub struct World {
    simulator: Simulator,
    state: TempDir,
}

struct SimulatorClock(Simulator);

impl Clock for SimulatorClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }
}

impl World {
    pub fn of(directory: &Path) -> Self {
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let file = std::fs::read_to_string(directory.join(WORLD_FILE)).unwrap();
        let file = WorldFile::parse(&file).unwrap_or_else(|error| panic!("{directory:?}: {error}"));
        let clock = opendoor_simulator::Clock::manual(start);
        let simulator = Simulator::new(file, 1, clock);
        Self {
            simulator: simulator.unwrap_or_else(|error| panic!("{directory:?}: {error}")),
            state: TempDir::new().unwrap(),
        }
    }

    pub async fn round(&self, directory: &Path, mandate: Mandate) -> RoundReport {
        let client = client(self.simulator.clone());
        let store = SqliteStore::open(self.state.path()).unwrap();
        let ports = Ports {
            door_os: &client,
            ledgers: &store,
            declarations: &Directory::new(directory),
            clock: &SimulatorClock(self.simulator.clone()),
            ownership: &Exclusive,
        };
        round(&ports, mandate, &[]).await.unwrap()
    }

    /// Writes the simulator has answered so far.
    pub fn writes(&self) -> u64 {
        self.simulator
            .calls()
            .into_iter()
            .filter(|(call, _)| !call.starts_with("GET") && !call.contains("oauth"))
            .map(|(_, count)| count)
            .sum()
    }
}

fn client(simulator: Simulator) -> Client<impl Transport> {
    let ours = simulator.clone();
    let transport = FnTransport(move |request: Request<Bytes>| {
        let simulator = simulator.clone();
        async move {
            match simulator.handle(request) {
                Outcome::Respond { delay, response } => {
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
    let config = Config {
        wall_clock: std::sync::Arc::new(move || ours.now()),
        ..Config::default()
    };
    Client::new(
        Endpoint::in_process().unwrap(),
        transport,
        credentials,
        config,
    )
}
