//! Who writes to DOOR OS: 16 shards, each owned by at most one replica at a time through a Lease.
//!
//! A replica announces itself with a Lease of its own. Each shard belongs to the living replica that
//! wins a rendezvous hash, so that replicas share the shards evenly, and only the shards of one that
//! came or went move. The Leases of shards make that safe: whatever a replica believes, it writes only
//! until the deadline of the Lease it holds, by a clock that cannot be set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, Client};
use sha2::{Digest, Sha256};

use crate::boottime;

/// How many shards there are. A constant of the product: replicas that disagree would both own.
pub const SHARDS: u8 = 16;
/// Marks our Leases, and says what each is for.
const LABEL: &str = "opendoor.dev/lease";
const OF_SHARD: &str = "shard";
const OF_REPLICA: &str = "replica";

/// The part of a Lease's duration before its end in which nothing more is sent. A request that was
/// sent before it has been answered or given up by the end.
const MARGIN: u32 = 3;

/// The time a write request may take, for a Lease of this duration: less than the margin.
#[must_use]
pub fn write_timeout(lease: Duration) -> Duration {
    (lease / MARGIN).saturating_sub(Duration::from_secs(1))
}

/// The shard of some text.
#[must_use]
pub fn shard_of(parts: &[&str]) -> u8 {
    let byte = digest(parts).first().copied().unwrap_or_default();
    byte % SHARDS
}

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

/// Until when each shard may be written for, shared with the clients that write.
#[derive(Clone, Debug)]
pub struct Deadlines(Arc<[AtomicU64; SHARDS as usize]>);

impl Default for Deadlines {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| AtomicU64::new(0))))
    }
}

impl Deadlines {
    /// Whether a write for this shard may leave now.
    #[must_use]
    pub fn holds(&self, shard: u8) -> bool {
        self.0
            .get(usize::from(shard))
            .is_some_and(|deadline| boottime::now_millis() < deadline.load(Ordering::Acquire))
    }

    fn set(&self, shard: u8, deadline: u64) {
        if let Some(cell) = self.0.get(usize::from(shard)) {
            cell.store(deadline, Ordering::Release);
        }
    }
}

/// What was last seen of a Lease, and when by our own clock: another machine's clock is not trusted.
#[derive(Clone, Debug)]
struct Sighting {
    lease: Lease,
    seen: Duration,
}

/// This replica's part in sharing the shards.
pub struct Shards {
    api: Api<Lease>,
    identity: String,
    duration: Duration,
    deadlines: Deadlines,
    seen: BTreeMap<String, Sighting>,
    held: BTreeSet<u8>,
    /// What nobody was told of yet.
    news: Renewal,
}

/// What renewing changed. A shard that went and came back is both lost and gained: meanwhile it was another's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// Shards that are ours from now on.
    pub gained: BTreeSet<u8>,
    /// Shards that are, or were, no longer ours.
    pub lost: BTreeSet<u8>,
}

impl Shards {
    /// A replica that holds nothing yet.
    #[must_use]
    pub fn new(client: Client, namespace: &str, identity: String, duration: Duration) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            identity,
            duration,
            deadlines: Deadlines::default(),
            seen: BTreeMap::new(),
            held: BTreeSet::new(),
            news: Renewal::default(),
        }
    }

    /// Until when each shard may be written for.
    #[must_use]
    pub fn deadlines(&self) -> Deadlines {
        self.deadlines.clone()
    }

    /// How often [`Self::renew`] is to be called.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.duration / 6
    }

    /// Renews what is ours, takes what is free and ours to have, and gives up what another should
    /// have. `needed`: shards there is work for. `busy`: shards at work now, which are not given up.
    /// However it ends, also where it is dropped half way, [`Self::news`] tells what it changed.
    ///
    /// # Errors
    /// The API server did not answer. Deadlines stand; they end by themselves.
    pub async fn renew(
        &mut self,
        needed: &BTreeSet<u8>,
        busy: &BTreeSet<u8>,
    ) -> Result<(), kube::Error> {
        self.look().await?;
        let own = format!("opendoor-replica-{}", self.identity);
        self.take(&own, OF_REPLICA).await?;
        let replicas = self.living();
        for shard in 0..SHARDS {
            let name = lease_name(shard);
            let mine = self.holder(&name) == Some(&self.identity);
            if !mine {
                self.lose(shard);
            }
            let meant = preferred(shard, &replicas) == Some(self.identity.as_str());
            let wanted = needed.contains(&shard) && (meant || (mine && busy.contains(&shard)));
            let asked = boottime::now();
            if wanted && (mine || self.is_free(&name)) {
                if self.take(&name, OF_SHARD).await? {
                    let until = asked + self.duration - self.duration / MARGIN;
                    let millis = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
                    self.deadlines.set(shard, millis);
                    if self.held.insert(shard) {
                        self.news.gained.insert(shard);
                    }
                    continue;
                }
            } else if mine && !busy.contains(&shard) {
                // Nothing is sent any more before somebody else may.
                self.lose(shard);
                self.give_up(&name).await?;
                continue;
            }
            if !self.deadlines.holds(shard) {
                self.lose(shard);
            }
        }
        Ok(())
    }

    fn lose(&mut self, shard: u8) {
        self.deadlines.set(shard, 0);
        if self.held.remove(&shard) {
            self.news.gained.remove(&shard);
            self.news.lost.insert(shard);
        }
    }

    /// What changed since this was last asked.
    pub fn news(&mut self) -> Renewal {
        std::mem::take(&mut self.news)
    }

    /// Gives everything up, when the process ends.
    pub async fn release(&mut self) {
        for shard in std::mem::take(&mut self.held) {
            self.deadlines.set(shard, 0);
            if let Err(error) = self.give_up(&lease_name(shard)).await {
                tracing::warn!(shard, error = %crate::said(&error), "a shard could not be given up; it goes by itself");
            }
        }
        let own = format!("opendoor-replica-{}", self.identity);
        if let Err(error) = self.api.delete(&own, &DeleteParams::default()).await {
            tracing::debug!(error = %crate::said(&error), "this replica's lease was not deleted");
        }
    }

    /// Looks at all our Leases in one call, and forgets replicas that are long gone.
    async fn look(&mut self) -> Result<(), kube::Error> {
        let listed = self.api.list(&ListParams::default().labels(LABEL)).await?;
        let now = boottime::now();
        let mut seen = BTreeMap::new();
        let mut long_gone = Vec::new();
        for lease in listed {
            let Some(name) = lease.metadata.name.clone() else {
                continue;
            };
            let before = self.seen.remove(&name).filter(|before| {
                before.lease.metadata.resource_version == lease.metadata.resource_version
            });
            let since = before.map_or(now, |before| before.seen);
            let silent = now.saturating_sub(since) > self.duration * 10;
            if silent && kind_of(&lease) == Some(OF_REPLICA) && name != self.own_name() {
                long_gone.push(name);
            } else {
                seen.insert(name, Sighting { lease, seen: since });
            }
        }
        // Before anything is waited for: a sighting that is lost there makes a Lease look renewed.
        self.seen = seen;
        for name in long_gone {
            // Only tidying: whoever is first does it.
            let _ = self.api.delete(&name, &DeleteParams::default()).await;
        }
        Ok(())
    }

    fn own_name(&self) -> String {
        format!("opendoor-replica-{}", self.identity)
    }

    fn holder(&self, name: &str) -> Option<&String> {
        let spec = self.seen.get(name)?.lease.spec.as_ref()?;
        spec.holder_identity.as_ref().filter(|id| !id.is_empty())
    }

    /// Whether nobody holds it any more: given up, or not renewed for its own duration while we looked.
    fn is_free(&self, name: &str) -> bool {
        let Some(sighting) = self.seen.get(name) else {
            return true;
        };
        self.holder(name).is_none() || expired(sighting)
    }

    fn living(&self) -> BTreeSet<String> {
        let mut living: BTreeSet<String> = self
            .seen
            .values()
            .filter(|sighting| kind_of(&sighting.lease) == Some(OF_REPLICA) && !expired(sighting))
            .filter_map(|sighting| sighting.lease.spec.as_ref()?.holder_identity.clone())
            .collect();
        living.insert(self.identity.clone());
        living
    }

    /// Takes or renews a Lease. `false`: somebody else was faster.
    async fn take(&mut self, name: &str, what: &str) -> Result<bool, kube::Error> {
        let before = self.seen.get(name).map(|sighting| sighting.lease.clone());
        let now = MicroTime(Timestamp::now());
        let old = before.as_ref().and_then(|lease| lease.spec.as_ref());
        let mine = old.and_then(|spec| spec.holder_identity.as_ref()) == Some(&self.identity);
        let transitions = old.and_then(|spec| spec.lease_transitions).unwrap_or(0);
        let spec = LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.duration.as_secs()).ok(),
            acquire_time: match (mine, old.and_then(|spec| spec.acquire_time.clone())) {
                (true, Some(since)) => Some(since),
                _ => Some(now.clone()),
            },
            renew_time: Some(now),
            lease_transitions: Some(if mine || before.is_none() {
                transitions
            } else {
                transitions.saturating_add(1)
            }),
            ..LeaseSpec::default()
        };
        let written = match before {
            Some(mut lease) => {
                lease.spec = Some(spec);
                lease.metadata.managed_fields = None;
                self.api.replace(name, &PostParams::default(), &lease).await
            }
            None => {
                let lease = Lease {
                    metadata: ObjectMeta {
                        name: Some(name.to_owned()),
                        labels: Some([(LABEL.to_owned(), what.to_owned())].into()),
                        ..ObjectMeta::default()
                    },
                    spec: Some(spec),
                };
                self.api.create(&PostParams::default(), &lease).await
            }
        };
        match crate::unless_overtaken(written)? {
            Some(lease) => {
                let seen = boottime::now();
                self.seen.insert(name.to_owned(), Sighting { lease, seen });
                Ok(true)
            }
            None => {
                self.seen.remove(name);
                Ok(false)
            }
        }
    }

    /// Leaves a Lease without a holder, so that another need not wait for its end.
    async fn give_up(&mut self, name: &str) -> Result<(), kube::Error> {
        let Some(Sighting { mut lease, .. }) = self.seen.remove(name) else {
            return Ok(());
        };
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
        }
        lease.metadata.managed_fields = None;
        let written = self.api.replace(name, &PostParams::default(), &lease).await;
        crate::unless_overtaken(written).map(|_| ())
    }
}

fn lease_name(shard: u8) -> String {
    format!("opendoor-shard-{shard:02}")
}

fn kind_of(lease: &Lease) -> Option<&str> {
    lease
        .metadata
        .labels
        .as_ref()?
        .get(LABEL)
        .map(String::as_str)
}

fn expired(sighting: &Sighting) -> bool {
    let duration = sighting
        .lease
        .spec
        .as_ref()
        .and_then(|spec| spec.lease_duration_seconds)
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(Duration::ZERO, Duration::from_secs);
    boottime::now().saturating_sub(sighting.seen) > duration
}

/// The replica that should own a shard: the highest hash of both, which moves little when replicas
/// come and go.
fn preferred(shard: u8, replicas: &BTreeSet<String>) -> Option<&str> {
    replicas
        .iter()
        .max_by_key(|replica| digest(&[&shard.to_string(), replica.as_str()]))
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_that_goes_moves_only_its_own_shards() {
        let three: BTreeSet<String> = ["a", "b", "c"].map(str::to_owned).into();
        let two: BTreeSet<String> = ["a", "b"].map(str::to_owned).into();
        let mut each = BTreeMap::new();
        for shard in 0..SHARDS {
            let owner = preferred(shard, &three).unwrap();
            *each.entry(owner.to_owned()).or_insert(0) += 1;
            if owner != "c" {
                assert_eq!(preferred(shard, &two), Some(owner));
            }
        }
        assert_eq!(each.len(), 3, "{each:?}");
    }

    #[test]
    fn a_deadline_that_passed_or_was_never_set_holds_nothing() {
        let deadlines = Deadlines::default();
        assert!(!deadlines.holds(3));
        deadlines.set(3, boottime::now_millis() + 60_000);
        assert!(deadlines.holds(3) && !deadlines.holds(4));
        deadlines.set(3, boottime::now_millis());
        assert!(!deadlines.holds(3));
        assert!(!deadlines.holds(200));
    }

    #[test]
    fn a_request_sent_at_the_deadline_is_over_when_the_lease_is() {
        for seconds in [9, 30, 45, 120] {
            let lease = Duration::from_secs(seconds);
            assert!(write_timeout(lease) < lease / MARGIN);
            assert!(write_timeout(lease) >= Duration::from_secs(2));
        }
    }
}
