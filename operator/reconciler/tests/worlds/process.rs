//! One process of the product: the real client and the real round over the test's ports.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use opendoor_door_os::{Client, Config, Credentials, Endpoint, Secret};
use opendoor_reconciler::attest::{Attested, attest};
use opendoor_reconciler::pass::{Mandate, PassError, Ports};
use opendoor_reconciler::ports::{Declarations, Exclusive};
use opendoor_reconciler::round::{RoundReport, round};
use opendoor_reconciler::snapshot::Snapshot;
use opendoor_simulator::Simulator;

use crate::effects::{Effects, Time};
use crate::mutants::Mutant;
use crate::store::{Disk, Store};
use crate::tamper::Tamper;
use crate::wire::{Notes, Wire};

/// The declarations as they lie there now.
#[derive(Default)]
pub struct Desk {
    lies: RefCell<Snapshot>,
    /// They were changed since the round began.
    changed: Cell<bool>,
    /// And read since then.
    read_anew: Cell<bool>,
    /// A bug: what was read first is read again.
    stuck: Cell<bool>,
    first: RefCell<Snapshot>,
}

impl Desk {
    /// Declarations as a round begins.
    pub fn lay(&self, snapshot: Snapshot, mutant: Mutant) {
        self.stuck.set(mutant == Mutant::DeclarationsReadOnce);
        self.first.replace(snapshot.clone());
        self.lies.replace(snapshot);
        self.changed.set(false);
        self.read_anew.set(false);
    }

    /// They change while the round runs.
    pub fn change(&self, snapshot: Snapshot) {
        self.lies.replace(snapshot);
        self.changed.set(true);
    }

    /// Whether they changed since the round began, and the process has read that.
    pub fn was_read_anew(&self) -> bool {
        self.read_anew.get()
    }
}

impl Declarations for Desk {
    async fn read(&self) -> Snapshot {
        self.read_anew.set(self.changed.get());
        if self.stuck.get() {
            return self.first.borrow().clone();
        }
        self.lies.borrow().clone()
    }
}

/// What processes have in common.
pub struct Surroundings {
    pub simulator: Simulator,
    pub time: Time,
    pub effects: Effects,
    pub notes: Rc<RefCell<Notes>>,
    pub tamper: Rc<Tamper>,
    pub disk: Rc<Disk>,
    pub desk: Rc<Desk>,
    /// DOOR OS serves no more rows than this on a page.
    pub page: Option<usize>,
}

/// What comes of a process's work; `None` if it died in it.
async fn until_it_dies<T>(around: &Surroundings, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| match work.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if around.effects.crashed() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// A running process.
pub struct Process {
    client: Client<Wire>,
    store: Store,
}

impl Process {
    pub fn start(around: &Surroundings) -> Self {
        let ours = around.simulator.clone();
        let wire = Wire {
            simulator: around.simulator.clone(),
            time: around.time.clone(),
            effects: around.effects.clone(),
            notes: Rc::clone(&around.notes),
            tamper: Rc::clone(&around.tamper),
            disk: Rc::clone(&around.disk),
            desk: Rc::clone(&around.desk),
            page: around.page,
        };
        let credentials = Credentials {
            client_id: String::from("demo"),
            secret: Secret::new("demo"),
        };
        let config = Config {
            wall_clock: Arc::new(move || ours.now()),
            follow_simulated_time: false,
            seed: 7,
            ..Config::default()
        };
        Self {
            client: Client::new(Endpoint::in_process().unwrap(), wire, credentials, config),
            store: Store::new(
                Rc::clone(&around.disk),
                around.effects.clone(),
                around.tamper.mutant,
            ),
        }
    }

    /// One round; `None` if the process died in it.
    pub async fn round(
        &self,
        around: &Surroundings,
        mandate: Mandate,
    ) -> Option<Result<RoundReport, PassError>> {
        let ports = Ports {
            door_os: &self.client,
            ledgers: &self.store,
            declarations: &*around.desk,
            clock: &around.time,
            ownership: &Exclusive,
        };
        until_it_dies(around, round(&ports, mandate, &[])).await
    }

    /// Somebody attests a door; `None` if the process died in it.
    pub async fn attest(
        &self,
        around: &Surroundings,
        door: &str,
    ) -> Option<Result<Attested, PassError>> {
        let attested = async {
            let ports = Ports {
                door_os: &self.client,
                ledgers: &self.store,
                declarations: &*around.desk,
                clock: &around.time,
                ownership: &Exclusive,
            };
            let report = round(&ports, Mandate::Look, &[]).await?;
            let passes = report.passes.iter();
            let passes: Vec<_> = passes.filter_map(|(_, pass)| pass.as_ref().ok()).collect();
            Ok(attest(&self.store, &passes, door, around.time.now()).await?)
        };
        until_it_dies(around, attested).await
    }
}
