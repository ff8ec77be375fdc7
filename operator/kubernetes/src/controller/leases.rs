//! Which shards are wanted, and what it means to gain or lose one.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use opendoor_api::Kind;
use tokio::time::Instant;

use super::{Controller, Renewing, read_ledgers};
use crate::objects::Name;
use crate::shards::{Renewal, Shards};

impl Controller {
    /// Shards there is work for.
    fn needed(&self) -> BTreeSet<u8> {
        self.context.shards_of.borrow().values().copied().collect()
    }

    pub(super) fn wants_new_shards(&self) -> bool {
        // A Property whose shard nobody asked for yet: do not wait a whole period.
        self.needed() != *self.context.asked_shards.borrow()
    }

    /// Begins to renew what is ours.
    pub(super) fn renew(&self, mut shards: Shards) -> Renewing {
        let needed = self.needed();
        *self.context.asked_shards.borrow_mut() = needed.clone();
        let busy: BTreeSet<u8> = {
            let at_work = self.context.at_work.borrow();
            let of = self.context.shards_of.borrow();
            let at_work = at_work.values().filter_map(|name| of.get(name).copied());
            at_work
                .chain(self.context.accounts.only_in_memory())
                .collect()
        };
        Box::pin(async move {
            let patience = shards.period() * 2;
            let renewed = tokio::time::timeout(patience, shards.renew(&needed, &busy)).await;
            (shards, renewed.ok())
        })
    }

    /// Takes in what a renewal changed.
    pub(super) fn renewed(&mut self, renewed: Option<Result<Renewal, kube::Error>>) {
        let Some(result) = renewed else {
            tracing::warn!("leases were not renewed in time; they are tried again");
            return;
        };
        let Some(Renewal { gained, lost }) = self.context.note("renew leases", result) else {
            return;
        };
        if !lost.is_empty() {
            tracing::info!(?lost, "shards given up or lost");
            // Their Properties are measured by another replica from now on.
            for (property, shard) in self.context.shards_of.borrow().iter() {
                if lost.contains(shard) {
                    self.context.metrics.forget(property);
                }
            }
        }
        if gained.is_empty() {
            return;
        }
        tracing::info!(?gained, "shards gained");
        // Whoever had them may have written since our ledgers were read.
        self.ledgers_read = false;
        self.working.push(read_ledgers(Rc::clone(&self.context)));
        let now = Instant::now();
        let of: BTreeMap<Name, u8> = self.context.shards_of.borrow().clone();
        for (property, shard) in of {
            if gained.contains(&shard) {
                self.queue.at(&property, now);
            }
        }
        let portfolios: Vec<Name> = self
            .context
            .objects
            .borrow()
            .all(Kind::Portfolio)
            .map(|seen| seen.name.clone())
            .collect();
        for portfolio in portfolios {
            self.portfolios.at(&portfolio, now);
        }
    }
}
