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
use crate::shards::Deadlines;

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
    /// When an object was last seen to be deleted. It may go because its kind goes: what was looked up before does not
    /// count.
    pub(crate) deletion_seen: Cell<Option<Instant>>,
    /// What each Portfolio's limit counts.
    pub(crate) losses: RefCell<BTreeMap<Name, Rc<RefCell<Losses>>>>,
    /// What was found at each Property's last pass.
    pub(crate) memory: RefCell<BTreeMap<Name, Memory>>,
    /// Buildings that a pass is at work on, and for which Property.
    pub(crate) at_work: RefCell<BTreeMap<LedgerKey, Name>>,
    /// Each Property's shard, as far as it is known.
    pub(crate) shards_of: RefCell<BTreeMap<Name, u8>>,
    /// Each Portfolio's: it is reported and let go also without a Property.
    pub(crate) portfolio_shards: RefCell<BTreeMap<Name, u8>>,
    /// Since when a Property is not there that objects refer to.
    pub(crate) missed_since: RefCell<BTreeMap<Name, Instant>>,
    /// Objects that somebody else changed, as an answer to a write of ours showed. The watch shows them too, but nothing
    /// new any more: before and after.
    pub(crate) overtaken: RefCell<Vec<Rc<Seen>>>,
    /// The shards that were last asked for.
    pub(crate) asked_shards: RefCell<BTreeSet<u8>>,
    /// Since when a namespace that is going has no credentials.
    pub(crate) without_credentials: RefCell<BTreeMap<String, Instant>>,
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
    /// Takes an object in. Returns what was there before, and whether anything but its status changed.
    pub(crate) fn put(&self, seen: Seen) -> (Option<Rc<Seen>>, bool) {
        let is_going = seen.deleting_since.is_some();
        let (before, changed) = self.objects.borrow_mut().put(seen);
        if is_going && before.as_ref().is_none_or(|b| b.deleting_since.is_none()) {
            self.deletion_seen.set(Some(Instant::now()));
        }
        (before, changed)
    }

    /// Takes the API server's answer to a write in, so that the next look does not show what was before.
    pub(crate) fn take(&self, kind: Kind, object: DynamicObject) -> Rc<Seen> {
        let seen = Seen::read(kind, object);
        let (before, _) = self.put(seen.clone());
        let now = self.object(kind, &seen.name);
        let now = now.unwrap_or_else(|| Rc::new(seen));
        // Nothing we write to an object of others changes these.
        let others = before.filter(|before| {
            before.uid == now.uid
                && kind != Kind::DoorSyncOrder
                && (before.generation != now.generation
                    || before.deleting_since != now.deleting_since)
        });
        if let Some(before) = others {
            self.overtaken
                .borrow_mut()
                .extend([before, Rc::clone(&now)]);
        }
        now
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

    pub(crate) fn object(&self, kind: Kind, name: &Name) -> Option<Rc<Seen>> {
        self.objects.borrow().get(kind, name).cloned()
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
