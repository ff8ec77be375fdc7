//! The operator: watches, decides what is due, and keeps at most so many passes under way.

mod intake;
mod leases;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use kube::Client;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::accounts::Accounts;
use crate::client::NoCluster;
use crate::config::Config;
use crate::context::Context;
use crate::events::Events;
use crate::ledgers::ClusterLedgers;
use crate::measure::measure_process;
use crate::metrics::Metrics;
use crate::objects::Name;
use crate::passes::{Next, pass_over};
use crate::portfolios::report_portfolio;
use crate::queue::Queue;
use crate::rights::Rights;
use crate::serve::{Health, serve};
use crate::shards::Shards;
use crate::watch::{Change, WATCHED, changes, ready};

/// Most changes taken in at one turn.
const MOST_CHANGES: usize = 1_000;
/// How long a pass may go on after the process was told to end. What it leaves is in the ledger.
const LAST_PASS: Duration = Duration::from_secs(20);
/// How often a Property that another replica looks after is looked at, in case its account changed.
const ELSEWHERE: Duration = Duration::from_secs(60);
/// How long an answer of the API server is waited for. Longer than a watch lasts, which ends by itself.
pub const PATIENCE: Duration = Duration::from_secs(55);
/// The longest time without a turn of the loop.
const TURN: Duration = Duration::from_secs(5);

/// What the operator is told when it starts.
#[derive(Clone, Debug)]
pub struct Options {
    /// Its configuration.
    pub config: Config,
    /// The namespace it lives in: Leases and ledgers are there.
    pub namespace: String,
    /// This replica's name.
    pub identity: String,
    /// Where metrics and health are served.
    pub listen: SocketAddr,
}

/// Why the operator could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ControllerError {
    /// The API server cannot be reached with what we have.
    #[error(transparent)]
    NoCluster(#[from] NoCluster),
    /// Metrics and health cannot be served.
    #[error("{address} cannot be listened on: {why}. Give another address with --listen.")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        why: String,
    },
}

/// Runs the operator until `stop` is ready.
///
/// # Errors
/// It cannot start. What fails later is tried again, and told in readiness, statuses and logs.
pub async fn run(
    client: Client,
    options: Options,
    stop: impl Future<Output = ()>,
) -> Result<(), ControllerError> {
    end_on_panic();
    let metrics = Metrics::new();
    let namespaces = options.config.namespaces.clone();
    let scopes: Vec<Option<String>> = if namespaces.is_empty() {
        vec![None]
    } else {
        namespaces.iter().cloned().map(Some).collect()
    };
    let watches = WATCHED
        .into_iter()
        .flat_map(|kind| scopes.iter().map(move |scope| (kind, scope.clone())));
    let health = Health::new(watches);
    let bound = serve(options.listen, metrics.clone(), health.clone())
        .await
        .map_err(|error| ControllerError::Listen {
            address: options.listen,
            why: error.to_string(),
        })?;
    tracing::info!(address = %bound, identity = %options.identity, "serving metrics and health");
    let config = Rc::new(options.config);
    let rights = Rights::new(config.role_binding.clone());
    let shards = Shards::new(
        client.clone(),
        &options.namespace,
        options.identity.clone(),
        config.lease_duration.length(),
    );
    let deadlines = shards.deadlines();
    let context = Rc::new(Context {
        accounts: Accounts::new(
            client.clone(),
            Rc::clone(&config),
            deadlines.clone(),
            metrics.clone(),
        ),
        ledgers: Rc::new(ClusterLedgers::new(
            client.clone(),
            &options.namespace,
            metrics.kube_writes.clone(),
            health.clone(),
        )),
        events: Events::new(client.clone(), &options.identity),
        kube: client.clone(),
        config,
        objects: Rc::default(),
        deadlines,
        metrics,
        health,
        rights,
        undefined: Rc::default(),
        definitions_read: Cell::default(),
        deletion_seen: Cell::default(),
        losses: RefCell::default(),
        memory: RefCell::default(),
        at_work: RefCell::default(),
        shards_of: RefCell::default(),
        portfolio_shards: RefCell::default(),
        missed_since: RefCell::default(),
        overtaken: RefCell::default(),
        asked_shards: RefCell::default(),
        without_credentials: RefCell::default(),
    });
    let controller = Controller {
        context,
        queue: Queue::default(),
        portfolios: Queue::default(),
        bindings: Queue::default(),
        working: FuturesUnordered::new(),
        reads: Reads::default(),
    };
    controller
        .run(shards, changes(&client, &namespaces), stop)
        .await;
    Ok(())
}

/// A panic anywhere ends the process: half an operator that looks alive is worse than none.
fn end_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        tracing::error!("a task panicked; the process ends");
        std::process::exit(101);
    }));
}

/// A piece of work under way.
type Work = Pin<Box<dyn Future<Output = Done>>>;

/// A renewal of leases under way; without a result, it took too long.
type Renewing = Pin<Box<dyn Future<Output = (Shards, Option<Result<(), kube::Error>>)>>>;

/// What a future that may be there gives.
async fn optional<F: Future + Unpin>(future: &mut Option<F>) -> Option<F::Output> {
    match future {
        Some(future) => Some(future.await),
        None => std::future::pending().await,
    }
}

enum Done {
    Property(Name, Next, Option<Duration>),
    Portfolio(Name, Next),
    Binding(Name),
    /// Which read of them it was, and how it went.
    Ledgers(u64, Result<(), String>),
}

type Changes = futures::stream::SelectAll<futures::stream::BoxStream<'static, Change>>;

struct Controller {
    context: Rc<Context>,
    queue: Queue,
    portfolios: Queue,
    /// RoleBindings, by their namespace.
    bindings: Queue,
    working: FuturesUnordered<Work>,
    reads: Reads,
}

impl Controller {
    async fn run(mut self, shards: Shards, mut changes: Changes, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut renewal = tokio::time::interval(shards.period());
        renewal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // Beside everything else: an API server that is slow must not keep passes from their answers.
        let mut idle = Some(shards);
        let mut renewing: Option<Renewing> = None;
        self.read_ledgers_anew();
        let config = Rc::clone(&self.context.config);
        for namespace in &config.namespaces {
            self.binding_may_be_due(namespace);
        }
        loop {
            self.context.health.turned();
            self.start_what_is_due();
            let wake = self.next_wake();
            tokio::select! {
                biased;
                () = &mut stop => break,
                _ = renewal.tick(), if renewing.is_none() => {
                    renewing = idle.take().map(|shards| self.renew(shards));
                }
                Some((mut shards, renewed)) = optional(&mut renewing) => {
                    renewing = None;
                    self.renewed(renewed, shards.news());
                    idle = Some(shards);
                }
                Some(done) = self.working.next(), if !self.working.is_empty() => self.done(done),
                Some(change) = changes.next() => {
                    for change in ready(&mut changes, change, MOST_CHANGES) {
                        self.take(change);
                    }
                }
                () = tokio::time::sleep_until(wake) => {}
            }
            if renewing.is_none() && self.wants_new_shards() {
                renewal.reset_immediately();
            }
        }
        tracing::info!("ending: passes under way are finished first");
        let rest = async { while self.working.next().await.is_some() {} };
        // What is cut off is in the ledger as begun, and the next owner goes on from there.
        let _ = tokio::time::timeout(LAST_PASS, rest).await;
        let shards = match renewing {
            Some(renewing) => Some(renewing.await.0),
            None => idle,
        };
        if let Some(mut shards) = shards {
            shards.release().await;
        }
    }

    fn next_wake(&self) -> Instant {
        let latest = Instant::now() + TURN;
        if !self.reads.are_done() || self.working.len() >= self.context.config.concurrency {
            return latest;
        }
        let unseen = self.context.health.unseen();
        let seen = |name: &Name| !unseen.hides(&name.namespace);
        let next = [
            self.queue.next(seen),
            self.portfolios.next(seen),
            self.bindings.next(seen),
        ];
        next.into_iter()
            .flatten()
            .min()
            .map_or(latest, |at| at.min(latest))
    }

    fn start_what_is_due(&mut self) {
        let now = Instant::now();
        self.context
            .metrics
            .queue
            .set(i64::try_from(self.queue.depth(now)).unwrap_or(i64::MAX));
        measure_process(&self.context);
        if !self.reads.are_done() {
            return;
        }
        let unseen = self.context.health.unseen();
        let seen = |name: &Name| !unseen.hides(&name.namespace);
        while self.working.len() < self.context.config.concurrency {
            if let Some(place) = self.bindings.take(now, seen) {
                let context = Rc::clone(&self.context);
                match context.rights.due_in(&context, &place.namespace) {
                    Some(Duration::ZERO) => self.working.push(Box::pin(async move {
                        let rights = &context.rights;
                        rights
                            .bring_in_line(&context, &place.namespace, false)
                            .await;
                        Done::Binding(place)
                    })),
                    Some(wait) => {
                        self.bindings.done(&place);
                        self.bindings.at(&place, now + wait);
                    }
                    None => self.bindings.done(&place),
                }
                continue;
            }
            if let Some(portfolio) = self.portfolios.take(now, seen) {
                let context = Rc::clone(&self.context);
                self.working.push(Box::pin(async move {
                    let next = report_portfolio(&context, &portfolio).await;
                    Done::Portfolio(portfolio, next)
                }));
                continue;
            }
            let Some(property) = self.queue.take(now, seen) else {
                break;
            };
            let context = Rc::clone(&self.context);
            context.health.began(&property.to_string());
            self.working.push(Box::pin(async move {
                let begun = std::time::Instant::now();
                let span = tracing::info_span!(
                    "pass",
                    namespace = %property.namespace,
                    property = %property.name,
                    result = tracing::field::Empty,
                );
                let next = pass_over(Rc::clone(&context), property.clone())
                    .instrument(span)
                    .await;
                context
                    .metrics
                    .pass_seconds
                    .observe(begun.elapsed().as_secs_f64());
                let grace = crate::passes::next_deletion(&context, &property);
                Done::Property(property, next, grace)
            }));
        }
    }

    fn done(&mut self, done: Done) {
        let now = Instant::now();
        self.take_overtaken();
        match done {
            Done::Binding(place) => {
                self.bindings.done(&place);
                self.binding_may_be_due(&place.namespace);
            }
            Done::Property(property, next, grace) => {
                self.binding_may_be_due(&property.namespace);
                self.context.health.ended(&property.to_string());
                self.queue.done(&property);
                let wait = match next {
                    Next::In(wait) => Some(grace.map_or(wait, |grace| grace.min(wait))),
                    Next::OnChange => elsewhere(&self.context.shards_of, &property),
                };
                if let Some(wait) = wait {
                    self.queue.at(&property, now + wait);
                }
                // Whichever Portfolio looks after it now or did before, and also where nothing is left of it.
                self.portfolios_may_be_due(&property.namespace);
            }
            Done::Portfolio(portfolio, next) => {
                self.binding_may_be_due(&portfolio.namespace);
                self.portfolios.done(&portfolio);
                let wait = match next {
                    Next::In(wait) => Some(wait),
                    Next::OnChange => elsewhere(&self.context.portfolio_shards, &portfolio),
                };
                if let Some(wait) = wait {
                    self.portfolios.at(&portfolio, now + wait);
                }
            }
            Done::Ledgers(read, Ok(())) => {
                if let Some(again) = self.reads.ended(read) {
                    self.working
                        .push(read_ledgers(Rc::clone(&self.context), again));
                    return;
                }
                self.context.health.ledgers(None);
                for (_, known) in self.context.ledgers.all() {
                    if known.head.property.is_some() {
                        self.queue.at(&known.property, now);
                    }
                }
            }
            Done::Ledgers(read, Err(why)) => {
                tracing::warn!(error = %why, "the ledgers cannot be read");
                self.context.health.ledgers(Some(why));
                let context = Rc::clone(&self.context);
                self.working.push(Box::pin(async move {
                    tokio::time::sleep(Duration::from_secs(5)).await;
                    read_ledgers(context, read).await
                }));
            }
        }
    }

    /// Has no pass begin before the ledgers were read from now on.
    fn read_ledgers_anew(&mut self) {
        if let Some(read) = self.reads.want() {
            self.working
                .push(read_ledgers(Rc::clone(&self.context), read));
        }
    }
}

/// How soon one is looked at again that waits for a change. Without a shard, nothing is left of it.
fn elsewhere(shards: &RefCell<BTreeMap<Name, u8>>, name: &Name) -> Option<Duration> {
    shards.borrow().contains_key(name).then_some(ELSEWHERE)
}

fn read_ledgers(context: Rc<Context>, which: u64) -> Work {
    Box::pin(async move {
        let read = context.ledgers.read_all().await;
        let result = context.note("list ConfigMaps", read);
        let result = result.ok_or_else(|| String::from("the ConfigMaps cannot be listed"));
        Done::Ledgers(which, result)
    })
}

/// Reads of all ledgers, by number. One that began before the newest was wanted does not count; and there is one at a
/// time, so that none replaces what a later one found.
#[derive(Debug, Default)]
struct Reads {
    wanted: u64,
    done: u64,
}

impl Reads {
    fn are_done(&self) -> bool {
        self.done > 0 && self.done == self.wanted
    }

    /// One is wanted. Returns it if it is to begin now: none is under way.
    fn want(&mut self) -> Option<u64> {
        let under_way = self.done < self.wanted;
        self.wanted += 1;
        (!under_way).then_some(self.wanted)
    }

    /// One ended well. Returns the next, if another was wanted since it began.
    fn ended(&mut self, read: u64) -> Option<u64> {
        if read < self.wanted {
            return Some(self.wanted);
        }
        self.done = read;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_of_the_ledgers_that_began_before_a_shard_was_gained_does_not_count() {
        let mut reads = Reads::default();
        assert!(!reads.are_done());
        let first = reads.want().unwrap();
        assert_eq!(reads.want(), None, "one at a time");
        let second = reads.ended(first).unwrap();
        assert!(!reads.are_done());
        assert_eq!(reads.ended(second), None);
        assert!(reads.are_done());
        let third = reads.want().unwrap();
        assert!(third > second && !reads.are_done());
    }
}
