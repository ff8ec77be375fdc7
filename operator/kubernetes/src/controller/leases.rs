//! Which shards are wanted, and what it means to gain or lose one.

use std::collections::{BTreeMap, BTreeSet};

use opendoor_api::Kind;
use tokio::time::Instant;

use super::{Controller, Renewing};
use crate::objects::Name;
use crate::shards::{Renewal, Shards};

impl Controller {
    /// Shards there is work for.
    fn needed(&self) -> BTreeSet<u8> {
        let of_properties = self.context.shards_of.borrow();
        let of_portfolios = self.context.portfolio_shards.borrow();
        let all = of_properties.values().chain(of_portfolios.values());
        all.copied().collect()
    }

    pub(super) fn wants_new_shards(&self) -> bool {
        // One whose shard nobody asked for yet: do not wait a whole period.
        self.needed() != *self.context.asked_shards.borrow()
    }

    /// Begins to renew what is ours.
    pub(super) fn renew(&self, mut shards: Shards) -> Renewing {
        let needed = self.needed();
        *self.context.asked_shards.borrow_mut() = needed.clone();
        let busy: BTreeSet<u8> = {
            let at_work = self.context.at_work.borrow();
            let of = self.context.shards_of.borrow();
            at_work
                .values()
                .filter_map(|name| of.get(name).copied())
                .collect()
        };
        Box::pin(async move {
            let patience = shards.period() * 2;
            let renewed = tokio::time::timeout(patience, shards.renew(&needed, &busy)).await;
            (shards, renewed.ok())
        })
    }

    /// Takes in what a renewal changed, as far as it came.
    pub(super) fn renewed(
        &mut self,
        renewed: Option<Result<(), kube::Error>>,
        Renewal { gained, lost }: Renewal,
    ) {
        match renewed {
            Some(result) => {
                self.context.note("renew leases", result);
            }
            None => tracing::warn!("leases were not renewed in time; they are tried again"),
        }
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
        self.read_ledgers_anew();
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
