//! One process of the product: the real client and the real round over the test's ports.

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use opendoor_door_os::{Client, Config, Credentials, Endpoint, Secret};
use opendoor_reconciler::pass::{Mandate, PassError, Ports};
use opendoor_reconciler::ports::{Declarations, Exclusive};
use opendoor_reconciler::round::{RoundReport, round};
use opendoor_reconciler::snapshot::Snapshot;
use opendoor_simulator::Simulator;

use crate::effects::{Effects, Time};
use crate::store::{Disk, Store};
use crate::tamper::Tamper;
use crate::wire::{Notes, Wire};

/// The declarations as they lie there now.
#[derive(Default)]
pub struct Desk(pub RefCell<Snapshot>);

impl Declarations for Desk {
    async fn read(&self) -> Snapshot {
        self.0.borrow().clone()
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
    pub desk: Desk,
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
            declarations: &around.desk,
            clock: &around.time,
            ownership: &Exclusive,
        };
        let mut round = pin!(round(&ports, mandate, &[]));
        std::future::poll_fn(|context| {
            let polled = round.as_mut().poll(context);
            match polled {
                Poll::Ready(report) => Poll::Ready(Some(report)),
                Poll::Pending if around.effects.crashed() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}
