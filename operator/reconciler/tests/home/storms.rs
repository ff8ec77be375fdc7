//! Storms: DOOR OS throttles, fails, loses answers, writes late, lets tokens expire, changes the secret.
//! One process, with the real client, makes a round every five minutes through half an hour of it.
//!
//! Counted is what arrives at DOOR OS. A request is a *repetition* if the last one just like it in the same
//! round was not answered usefully (429, 5xx, or nothing); all others are *needed*: calls that a round asks
//! for, tokens among them. A client that repeats everything multiplies the load of a DOOR OS that is down
//! already; this one repeats at most a tenth of what is needed, but for three at the very start.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use opendoor_door_os::{Client, Config, Credentials, Endpoint, Secret, Transport, TransportError};
use opendoor_reconciler::directory::{Directory, SqliteStore};
use opendoor_reconciler::pass::{Mandate, PassError, Ports};
use opendoor_reconciler::ports::Exclusive;
use opendoor_reconciler::round::{RoundReport, round};
use opendoor_simulator::{Outcome, Simulator};
use serde_json::{Value, json};

use crate::fixture::{Home, SimulatorClock, assignment, doors, key};

/// From so many needed calls on, repetitions are at most a tenth of them.
const MANY: usize = 90;
/// Repetitions that a process may make before it has made that many calls.
const FEW: usize = 8;
/// Rounds while the storm lasts, and at most afterwards.
const ROUNDS: usize = 6;
/// Between two rounds.
const INTERVAL: u64 = 5;

/// What arrived at DOOR OS.
#[derive(Default)]
struct Arrived {
    needed: usize,
    repeated: usize,
    /// Requests of this round whose last answer was of no use.
    failed: BTreeSet<(String, Bytes)>,
}

struct Line {
    simulator: Simulator,
    arrived: Rc<RefCell<Arrived>>,
}

impl Transport for Line {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let asked = (
            format!("{} {}", request.method(), request.uri()),
            request.body().clone(),
        );
        {
            let mut arrived = self.arrived.borrow_mut();
            if arrived.failed.remove(&asked) {
                arrived.repeated += 1;
            } else {
                arrived.needed += 1;
            }
        }
        let outcome = self.simulator.handle(request);
        let useless = match &outcome {
            Outcome::Respond { response, .. } => {
                response.status() == 429 || response.status().is_server_error()
            }
            Outcome::Lost { .. } => true,
        };
        if useless {
            self.arrived.borrow_mut().failed.insert(asked);
        }
        match outcome {
            Outcome::Respond { delay, response } => {
                tokio::time::sleep(delay).await;
                Ok(response)
            }
            Outcome::Lost { .. } => Err(TransportError::timeout("no answer")),
        }
    }
}

struct Process {
    home: Home,
    client: Client<Line>,
    store: SqliteStore,
    arrived: Rc<RefCell<Arrived>>,
}

impl Process {
    /// Thirty-six doors for one partner, four and a key for the other; nothing of it is done yet.
    fn start() -> Self {
        let home = Home::with_forty_doors();
        home.write(
            "a.yaml",
            &assignment("parcel", "Parcel Runner", &doors(1, 36)),
        );
        home.write("b.yaml", &assignment("tours", "TourPass", &doors(37, 40)));
        home.write("k.yaml", &key("vacant", "TourPass", &["D01", "D02"]));
        let arrived = Rc::new(RefCell::new(Arrived::default()));
        let ours = home.simulator.clone();
        let client = Client::new(
            Endpoint::in_process().unwrap(),
            Line {
                simulator: home.simulator.clone(),
                arrived: Rc::clone(&arrived),
            },
            Credentials {
                client_id: String::from("demo"),
                secret: Secret::new("demo"),
            },
            Config {
                wall_clock: std::sync::Arc::new(move || ours.now()),
                seed: 1,
                ..Config::default()
            },
        );
        let store = SqliteStore::open(home.state.path()).unwrap();
        Self {
            home,
            client,
            store,
            arrived,
        }
    }

    async fn round(&self) -> Result<RoundReport, PassError> {
        self.arrived.borrow_mut().failed.clear();
        let ports = Ports {
            door_os: &self.client,
            ledgers: &self.store,
            declarations: &Directory::new(self.home.yaml.path()),
            clock: &SimulatorClock(self.home.simulator.clone()),
            ownership: &Exclusive,
        };
        let report = round(&ports, Mandate::Perform, &[]).await;
        self.home.advance(INTERVAL);
        tokio::time::advance(Duration::from_secs(INTERVAL * 60)).await;
        report
    }

    /// Whether a round found nothing left to do, and did nothing.
    async fn is_done(&self) -> bool {
        let before = self.writes();
        let Ok(report) = self.round().await else {
            return false;
        };
        let [(_, Ok(pass))] = report.passes.as_slice() else {
            return false;
        };
        let open = !pass.ledger.head.intents.is_empty();
        pass.after.steps.is_empty() && !open && self.writes() == before
    }

    fn received(&self) -> usize {
        let calls = self.home.simulator.calls().into_values().sum::<u64>();
        usize::try_from(calls).unwrap()
    }

    fn writes(&self) -> u64 {
        let calls = self.home.simulator.calls().into_iter();
        let writes = calls.filter(|(call, _)| !call.starts_with("GET") && !call.contains("oauth"));
        writes.map(|(_, count)| count).sum()
    }

    fn repeated(&self) -> usize {
        self.arrived.borrow().repeated
    }
}

/// Half an hour of faults, and what is counted then.
struct Storm {
    process: Process,
    /// How often the faults struck.
    struck: u64,
}

async fn storm(faults: &Value) -> Storm {
    let process = Process::start();
    process.home.sim("PUT", "faults", faults);
    for _ in 0..ROUNDS {
        drop(process.round().await);
    }
    let faults = process.home.sim("GET", "faults", &Value::Null);
    let struck = faults.as_array().unwrap().iter();
    let struck = struck.map(|fault| fault["struck"].as_u64().unwrap()).sum();
    process.home.sim("DELETE", "faults", &Value::Null);
    Storm { process, struck }
}

impl Storm {
    /// It struck; attempts were few; and afterwards everything is as declared, once.
    async fn passes(self, name: &str) {
        let Self { process, struck } = self;
        assert!(struck > 0, "{name}: it never struck");
        let mut rounds = 0;
        while !process.is_done().await {
            rounds += 1;
            assert!(rounds < ROUNDS, "{name}: it does not converge");
        }
        let (needed, repeated) = {
            let arrived = process.arrived.borrow();
            (arrived.needed, arrived.repeated)
        };
        let received = process.received();
        assert_eq!(
            received,
            needed + repeated,
            "{name}: DOOR OS counts the same"
        );
        assert!(
            if needed >= MANY {
                10 * received <= 11 * needed
            } else {
                repeated <= FEW
            },
            "{name}: {received} calls, and {needed} were needed"
        );
        process.as_declared(name);
    }
}

impl Process {
    fn as_declared(&self, name: &str) {
        for door in 1..=40 {
            let partner = if door <= 36 {
                "Parcel Runner"
            } else {
                "TourPass"
            };
            let holder = self.home.holder(&format!("D{door:02}"));
            assert_eq!(holder.as_deref(), Some(partner), "{name}: D{door:02}");
        }
        let state = self.home.sim("GET", "state", &Value::Null);
        let keys = state["buildings"][0]["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1, "{name}: {keys:?}");
    }
}

/// What the same costs without a storm.
async fn calm() -> (usize, usize) {
    let process = Process::start();
    process.round().await.unwrap();
    let first = process.received();
    assert!(process.is_done().await);
    process.as_declared("calm");
    assert_eq!(process.repeated(), 0);
    (first, process.received() - first)
}

/// A throttled call costs itself again, and nothing else.
#[tokio::test(start_paused = true)]
async fn throttled_now_and_then_costs_only_the_throttled_calls_again() {
    let (first, quiet) = calm().await;
    for fault in [
        json!([{"kind": "throttled", "every": 20, "retryAfter": 2}]),
        json!([{"kind": "throttled", "every": 20}]),
        json!([{"kind": "serverError", "status": 503, "method": "GET", "every": 3, "count": 3}]),
    ] {
        let storm = storm(&fault).await;
        let struck = usize::try_from(storm.struck).unwrap();
        let received = storm.process.received();
        let needed = first + (ROUNDS - 1) * quiet;
        assert_eq!(received, needed + struck, "{fault}");
        assert!(
            10 * received <= 11 * needed,
            "{fault}: {received}, {needed} needed"
        );
        storm.passes(&fault.to_string()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_429_with_retry_after() {
    let fault = json!([{"kind": "throttled", "probability": 0.5, "retryAfter": 5}]);
    storm(&fault).await.passes("429 with Retry-After").await;
    let fault = json!([{"kind": "throttled", "retryAfter": 1200}]);
    let storm = storm(&fault).await;
    assert_eq!(storm.process.repeated(), 0, "that is for a later round");
    assert_eq!(storm.struck, 2, "and no round asks before");
    storm.passes("429 with a long Retry-After").await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_429_without_retry_after() {
    for probability in [0.3, 0.7, 1.0] {
        let fault = json!([{"kind": "throttled", "probability": probability}]);
        storm(&fault).await.passes("429 without Retry-After").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_5xx() {
    for (status, body) in [(500, "json"), (502, "html"), (503, "empty")] {
        let some =
            json!([{"kind": "serverError", "status": status, "body": body, "probability": 0.4}]);
        storm(&some).await.passes("some 5xx").await;
        let all = json!([{"kind": "serverError", "status": status, "body": body}]);
        storm(&all).await.passes("5xx for everything").await;
    }
    let applied = json!([{"kind": "serverError", "applied": true, "probability": 0.4}]);
    storm(&applied).await.passes("5xx that were applied").await;
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_lost_answers() {
    for fault in [
        json!([{"kind": "lostAnswer", "probability": 0.3}]),
        json!([{"kind": "lostAnswer", "method": "POST", "path": "/v1/keys"}]),
        json!([{"kind": "lostAnswer", "method": "PUT"}]),
    ] {
        storm(&fault).await.passes("lost answers").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_late_writes() {
    for seconds in [20, 250, 600] {
        let fault = json!([{"kind": "lateWrite", "method": "POST", "path": "/v1/keys", "seconds": seconds},
            {"kind": "lateWrite", "method": "PUT", "seconds": seconds, "probability": 0.5}]);
        storm(&fault).await.passes("late writes").await;
    }
}

/// An expired token costs a new one and the call again, which neither counts as a repetition.
#[tokio::test(start_paused = true)]
async fn a_storm_of_expired_tokens() {
    let (first, quiet) = calm().await;
    for status in [401, 403] {
        let fault = json!([{"kind": "expiredTokens", "every": 10, "status": status}]);
        let storm = storm(&fault).await;
        let struck = usize::try_from(storm.struck).unwrap();
        let needed = first + (ROUNDS - 1) * quiet + 2 * struck;
        assert!(10 * storm.process.received() <= 11 * needed, "{status}");
        storm.passes("expired tokens").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_changed_is_asked_once_a_round_and_taken_when_it_is_right_again() {
    let fault = json!([{"kind": "secretChanged"}]);
    let storm = storm(&fault).await;
    assert_eq!(storm.process.received(), ROUNDS, "one question a round");
    storm.passes("changed secret").await;
}
