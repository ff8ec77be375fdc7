//! What all passes of one process share.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;
use kube::Client;
use kube::api::DynamicObject;
use opendoor_api::Kind;
use opendoor_planner::ids::DoorUuid;
use opendoor_planner::plan::HandMade;
use opendoor_reconciler::pass::Losses;
use tokio::time::Instant;

use crate::accounts::Accounts;
use crate::config::Config;
use crate::events::Events;
use crate::finalizers;
use crate::ledgers::{ClusterLedgers, LedgerKey};
use crate::metrics::Metrics;
use crate::objects::{Name, Objects, Seen};
use crate::rights::Rights;
use crate::serve::Health;
use crate::shards::{Deadlines, shard_of};

/// What all passes of one process share.
pub(crate) struct Context {
    pub(crate) kube: Client,
    pub(crate) config: Rc<Config>,
    pub(crate) objects: Rc<RefCell<Objects>>,
    pub(crate) ledgers: Rc<ClusterLedgers>,
    pub(crate) accounts: Accounts,
    pub(crate) deadlines: Deadlines,
    pub(crate) events: Events,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    pub(crate) rights: Rights,
    /// Kinds whose definition is being deleted.
    pub(crate) undefined: Rc<RefCell<BTreeSet<Kind>>>,
    /// When that was last looked up.
    pub(crate) definitions_read: Cell<Option<Instant>>,
    /// What each Portfolio's limit counts.
    pub(crate) losses: RefCell<BTreeMap<Name, Rc<RefCell<Losses>>>>,
    /// What was found at each Property's last pass.
    pub(crate) memory: RefCell<BTreeMap<Name, Memory>>,
    /// Buildings that a pass is at work on, and for which Property.
    pub(crate) at_work: RefCell<BTreeMap<LedgerKey, Name>>,
    /// Each Property's shard, as far as it is known.
    pub(crate) shards_of: RefCell<BTreeMap<Name, u8>>,
    /// The shards that were last asked for.
    pub(crate) asked_shards: RefCell<BTreeSet<u8>>,
    /// Since when a Property, in a namespace that is going, has no account.
    pub(crate) without_account: RefCell<BTreeMap<Name, Instant>>,
    /// Portfolios with news of a Property: said of many Properties at once, not of each.
    pub(crate) portfolios_due: RefCell<BTreeSet<Name>>,
}

/// What was found at a Property's last pass, to tell what is new.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// Passes that failed in a row.
    pub(crate) failures: u32,
    /// Access added by hand.
    pub(crate) added: BTreeSet<HandMade>,
    /// What was changed by hand.
    pub(crate) changed: BTreeSet<HandMade>,
    /// Removals not proven at the lock, and since when.
    pub(crate) owed: BTreeMap<(Option<DoorUuid>, String), Timestamp>,
    /// Since when it is suspended.
    pub(crate) suspended_since: Option<Timestamp>,
}

impl Context {
    /// Takes the API server's answer to a write in, so that the next look does not show what was before.
    pub(crate) fn take(&self, kind: Kind, object: DynamicObject) -> Rc<Seen> {
        let seen = Seen::read(kind, object);
        let name = seen.name.clone();
        let mut objects = self.objects.borrow_mut();
        objects.put(seen.clone());
        objects
            .get(kind, &name)
            .cloned()
            .unwrap_or_else(|| Rc::new(seen))
    }

    /// Sets our finalizer on an object, once it is sure that we can also take it off. Returns the object as it is
    /// then; `None`: it was not set now.
    pub(crate) async fn prepare(&self, seen: &Seen) -> Option<Rc<Seen>> {
        let _rights = self.rights.hold(self, &seen.name.namespace).await?;
        let set = finalizers::set(&self.kube, seen).await;
        let object = self.note("set finalizers", set)??;
        self.metrics.kube_writes.inc();
        Some(self.take(seen.kind, object))
    }

    /// Has a Portfolio report soon how its Properties stand.
    pub(crate) fn portfolio_is_due(&self, portfolio: &Name) {
        self.portfolios_due.borrow_mut().insert(portfolio.clone());
    }

    pub(crate) fn object(&self, kind: Kind, name: &Name) -> Option<Rc<Seen>> {
        self.objects.borrow().get(kind, name).cloned()
    }

    /// The shard of a Portfolio that has no account here: the one its ledgers are written for, because a replica that
    /// has its credentials in memory still works on that one; without a ledger its namespace's.
    pub(crate) fn shard_without_account(&self, portfolio: &Name) -> u8 {
        let known = self.ledgers.shard_of(portfolio);
        known.unwrap_or_else(|| shard_of(&[&portfolio.namespace]))
    }

    /// The limit's count of a Portfolio, shared by its passes side by side.
    pub(crate) fn losses_of(&self, portfolio: &Name, now: Timestamp) -> Rc<RefCell<Losses>> {
        if let Some(losses) = self.losses.borrow().get(portfolio) {
            return Rc::clone(losses);
        }
        let counted: Losses = self
            .ledgers
            .all()
            .into_iter()
            .filter(|(_, known)| known.property.namespace == portfolio.namespace)
            .map(|(key, known)| {
                let name = known.head.portfolio.as_ref().map(|of| of.name.clone());
                let losses = opendoor_planner::guard::losses_in_window(&known.head, now);
                (key.building, (name, losses))
            })
            .collect();
        let losses = Rc::new(RefCell::new(counted));
        self.losses
            .borrow_mut()
            .insert(portfolio.clone(), Rc::clone(&losses));
        losses
    }

    /// Notes whether a kind of request to the API server is allowed, for readiness.
    pub(crate) fn note<T>(&self, what: &'static str, result: Result<T, kube::Error>) -> Option<T> {
        match result {
            Ok(value) => {
                self.health.may(what);
                Some(value)
            }
            Err(error) => {
                let said = crate::said(&error);
                if matches!(&error, kube::Error::Api(status) if status.is_forbidden()) {
                    self.health.may_not(what, said.clone());
                }
                tracing::warn!(what, error = %said, "the API server refused");
                None
            }
        }
    }
}
