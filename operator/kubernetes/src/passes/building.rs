//! Which building a Property has: finding it, making sure that no other Property has it, and letting it go.

use std::collections::BTreeSet;
use std::rc::Rc;

use kube::Api;
use kube::api::{DynamicObject, ListParams};
use opendoor_api::{Kind, Resource};
use opendoor_door_os::Building;
use opendoor_planner::declared::Problem;
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::gather::{Heads, Target, targets};
use opendoor_reconciler::pass::PassError;
use opendoor_reconciler::ports::Ledgers;
use opendoor_reconciler::snapshot::Snapshot;

use super::{AtHand, Obstacle};
use crate::accounts::Account;
use crate::context::Context;
use crate::ledgers::LedgerKey;
use crate::objects::{Name, Seen};
use crate::watch::resource_of;

impl AtHand {
    /// The building of the Property.
    pub(super) async fn target(
        &self,
        account: &Account,
        snapshot: &Snapshot,
    ) -> Result<(Target, Rc<Vec<Building>>), Obstacle> {
        let mut heads = Heads::new();
        let mut unsettled = BTreeSet::new();
        if let Some((key, known)) = &self.ledger {
            heads.insert(key.building, (*known.head).clone());
            unsettled.insert(key.building);
        }
        for anew in [false, true] {
            let buildings = account.buildings(anew).await?;
            let (found, not_passed) = targets(snapshot, &heads, &unsettled, &buildings);
            if let Some(target) = found
                .into_iter()
                .find(|target| target.property == self.name.name)
            {
                return Ok((target, buildings));
            }
            if let Some(problem) = not_passed.into_iter().next().filter(|_| anew) {
                let Problem {
                    reason, message, ..
                } = problem.problem;
                return Err(Obstacle::Problem(reason, message));
            }
        }
        let broken = snapshot
            .broken
            .iter()
            .find(|broken| broken.kind == "Property")
            .and_then(|broken| broken.problems.first());
        Err(match broken {
            Some(problem) => Obstacle::Problem(problem.reason, problem.message.clone()),
            // Its finalizer could not be set yet.
            None => Obstacle::Problem(
                Reason::Progressing,
                Reason::Progressing.meaning().to_owned(),
            ),
        })
    }

    /// Makes sure that no other Property has the building, as far as is known.
    pub(super) fn claim(&self, context: &Context, key: &LedgerKey) -> Result<(), Obstacle> {
        if context
            .at_work
            .borrow()
            .get(key)
            .is_some_and(|other| *other != self.name)
        {
            return Err(Obstacle::Overtaken);
        }
        match self.other_claim(context, key) {
            Some(other) if context.object(Kind::Property, &other).is_some() => {
                Err(self.claimed_twice(&other))
            }
            _ => Ok(()),
        }
    }

    /// Makes sure of it again once the ledger was read: another replica may have made it since we read them all.
    pub(super) async fn claim_as_read(
        &self,
        context: &Context,
        key: &LedgerKey,
    ) -> Result<(), Obstacle> {
        match self.other_claim(context, key) {
            Some(other) if !is_gone(context, &other).await => Err(self.claimed_twice(&other)),
            _ => Ok(()),
        }
    }

    /// Another Property that a building is known to be of.
    fn other_claim(&self, context: &Context, key: &LedgerKey) -> Option<Name> {
        let known = context.ledgers.known(key)?;
        known.head.property.as_ref()?;
        (known.property != self.name).then_some(known.property)
    }

    fn claimed_twice(&self, other: &Name) -> Obstacle {
        let message = if other.namespace == self.name.namespace {
            format!(
                "this building is already managed by the Property \"{}\". Keep one of the two.",
                other.name
            )
        } else {
            // Its name is not told in another namespace.
            String::from(
                "this building is already managed by a Property of another namespace. Keep one of the two.",
            )
        };
        Obstacle::Problem(Reason::BuildingClaimedTwice, message)
    }

    /// Whether nothing binds the Property to its building any more: nothing is owned or owed there, and it is gone, or
    /// it was made again for another building.
    pub(super) fn is_done_with_its_building(&self) -> bool {
        let Some((_, known)) = &self.ledger else {
            return false;
        };
        let moved = |seen: &Rc<Seen>| match (&seen.content, &known.head.property) {
            (Ok(Resource::Property(property)), Some(accepted)) => {
                property.spec.building != accepted.spec.building
            }
            _ => false,
        };
        known.settled && self.property.as_ref().is_none_or(moved)
    }

    /// Notes in the ledger that the building is nobody's, unless it came to be owed something meanwhile.
    pub(super) async fn let_building_go(
        &mut self,
        context: &Context,
        shard: u8,
    ) -> Result<(), Obstacle> {
        let Some((key, _)) = self.ledger.take() else {
            return Ok(());
        };
        let ledgers = self.ledgers(context, &key, shard);
        let read = ledgers.load(key.building).await.map_err(PassError::from)?;
        let still_ours = context
            .ledgers
            .known(&key)
            .filter(|known| known.property == self.name && known.head.property.is_some());
        self.ledger = still_ours.map(|known| (key.clone(), known));
        if let Some(mut ledger) = read.filter(|_| self.is_done_with_its_building()) {
            ledger.let_go();
            let committed = ledgers.commit(&mut ledger, &[]).await;
            committed.map_err(PassError::from)?;
            tracing::info!(property = %self.name, building = %key.building, "the building is let go");
            self.ledger = None;
        }
        Ok(())
    }
}

/// Whether a Property is gone. One that is not seen here may have been made just now, at another replica. Where nobody
/// looks after its namespace any more, nobody misses its building.
async fn is_gone(context: &Context, name: &Name) -> bool {
    let looked_after = &context.config.namespaces;
    if context.object(Kind::Property, name).is_some() {
        return false;
    }
    if !looked_after.is_empty() && !looked_after.contains(&name.namespace) {
        return true;
    }
    let api: Api<DynamicObject> = Api::namespaced_with(
        context.kube.clone(),
        &name.namespace,
        &resource_of(Kind::Property),
    );
    let it = ListParams::default().fields(&format!("metadata.name={}", name.name));
    let found = context.note("list properties", api.list_metadata(&it).await);
    found.is_some_and(|found| found.items.is_empty())
}
