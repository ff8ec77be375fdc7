//! Metrics and health over HTTP.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use opendoor_api::Kind;
use tokio::net::TcpListener;

use crate::boottime;
use crate::metrics::Metrics;

/// Without a turn of the main loop in this time, the process is taken for stuck.
const STUCK: Duration = Duration::from_secs(60);
/// A pass that noted nothing for longer than this is taken for stuck.
const LONGEST_PASS: Duration = Duration::from_secs(30 * 60);

/// A watch that was not answered for longer shows what is old; nothing is done on it. It is opened anew three quarters
/// of a minute after the last answer at the latest.
const BLIND: Duration = Duration::from_secs(60);

/// How this process does. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<Doing>>);

#[derive(Debug)]
struct Doing {
    turned: Duration,
    /// Passes under way, and when each began or last went on.
    passes: BTreeMap<String, Duration>,
    /// Watches, by kind and namespace.
    watches: BTreeMap<(Kind, Option<String>), Watch>,
    /// Requests the API server does not allow us.
    forbidden: BTreeMap<Cow<'static, str>, String>,
    /// The ledgers were read.
    ledgers: Option<String>,
}

/// How a watch does.
#[derive(Debug)]
struct Watch {
    listed: bool,
    /// When it was last answered.
    heard: Duration,
    /// When it last failed and why, if it was not answered since.
    failing: Option<(Duration, String)>,
}

/// Where not everything is seen. A namespace that is gone, or in which we may not look, is in nobody else's way.
#[derive(Debug)]
pub struct Unseen(BTreeSet<Option<String>>);

impl Unseen {
    /// Whether a namespace is one of these places.
    #[must_use]
    pub fn hides(&self, namespace: &str) -> bool {
        let mut scopes = self.0.iter();
        scopes.any(|scope| scope.as_deref().is_none_or(|scope| scope == namespace))
    }
}

impl Watch {
    /// One that was not answered yet.
    fn begun(now: Duration) -> Self {
        Self {
            listed: false,
            heard: now,
            failing: None,
        }
    }

    fn heard(&mut self, at: Duration) {
        self.heard = self.heard.max(at);
        // An answer from before it failed says nothing.
        self.failing.take_if(|(failed, _)| *failed <= at);
    }

    fn is_blind(&self, now: Duration) -> bool {
        !self.listed || now.saturating_sub(self.heard) > BLIND
    }

    fn problem(&self, now: Duration) -> Option<&str> {
        match &self.failing {
            Some((_, why)) => Some(why),
            None if !self.listed => Some("not listed yet"),
            None if self.is_blind(now) => Some("the API server did not answer for a minute"),
            None => None,
        }
    }
}

impl Health {
    /// A process that has seen nothing yet.
    #[must_use]
    pub fn new(watches: impl IntoIterator<Item = (Kind, Option<String>)>) -> Self {
        let now = boottime::now();
        Self(Arc::new(Mutex::new(Doing {
            turned: now,
            passes: BTreeMap::new(),
            watches: watches
                .into_iter()
                .map(|watch| (watch, Watch::begun(now)))
                .collect(),
            forbidden: BTreeMap::new(),
            ledgers: Some(String::from("not read yet")),
        })))
    }

    fn state(&self) -> MutexGuard<'_, Doing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The main loop made a turn.
    pub fn turned(&self) {
        self.state().turned = boottime::now();
    }

    /// A pass began.
    pub fn began(&self, property: &str) {
        self.state()
            .passes
            .insert(property.to_owned(), boottime::now());
    }

    /// A pass ended.
    pub fn ended(&self, property: &str) {
        self.state().passes.remove(property);
    }

    /// A pass goes on: it noted something of what it does.
    pub fn went_on(&self, property: &str) {
        if let Some(since) = self.state().passes.get_mut(property) {
            *since = boottime::now();
        }
    }

    /// A watch listed everything there is.
    pub fn listed(&self, kind: Kind, scope: Option<String>) {
        self.on_watch(kind, scope, |watch, now| {
            watch.listed = true;
            watch.heard(now);
        });
    }

    /// A watch was answered.
    pub fn heard(&self, kind: Kind, scope: Option<String>, at: Duration) {
        self.on_watch(kind, scope, |watch, _| watch.heard(at));
    }

    /// A watch failed, and is tried again.
    pub fn failed(&self, kind: Kind, scope: Option<String>, why: String) {
        self.on_watch(kind, scope, |watch, now| watch.failing = Some((now, why)));
    }

    fn on_watch(&self, kind: Kind, scope: Option<String>, does: impl FnOnce(&mut Watch, Duration)) {
        let now = boottime::now();
        let mut state = self.state();
        let watch = state.watches.entry((kind, scope));
        does(watch.or_insert_with(|| Watch::begun(now)), now);
    }

    /// Where not everything was listed, or a watch was not answered for so long that what we know is old.
    #[must_use]
    pub fn unseen(&self) -> Unseen {
        let now = boottime::now();
        let state = self.state();
        let watches = state.watches.iter();
        let unseen = watches.filter(|(_, watch)| watch.is_blind(now));
        Unseen(unseen.map(|((_, scope), _)| scope.clone()).collect())
    }

    /// How reading the ledgers went.
    pub fn ledgers(&self, problem: Option<String>) {
        self.state().ledgers = problem;
    }

    /// A kind of request is allowed.
    pub fn may(&self, what: &str) {
        self.state().forbidden.remove(what);
    }

    /// A kind of request is not allowed.
    pub fn may_not(&self, what: impl Into<Cow<'static, str>>, why: String) {
        self.state().forbidden.insert(what.into(), why);
    }

    /// What stands in the way of work; empty: ready.
    #[must_use]
    pub fn unready(&self) -> Vec<String> {
        let now = boottime::now();
        let state = self.state();
        let watches = state.watches.iter().filter_map(|((kind, scope), watch)| {
            let place = scope.as_ref().map_or_else(
                || String::from("all namespaces"),
                |namespace| format!("namespace {namespace}"),
            );
            let problem = watch.problem(now)?;
            Some(format!("{kind} objects in {place}: {problem}"))
        });
        let forbidden = state
            .forbidden
            .iter()
            .map(|(what, why)| format!("not allowed to {what}: {why}"));
        let ledgers = state.ledgers.iter().map(|why| format!("ledgers: {why}"));
        watches.chain(ledgers).chain(forbidden).collect()
    }

    /// What is stuck; empty: alive.
    #[must_use]
    pub fn stuck(&self) -> Vec<String> {
        let state = self.state();
        let now = boottime::now();
        let mut stuck = Vec::new();
        if now.saturating_sub(state.turned) > STUCK {
            stuck.push(String::from("the main loop made no turn for a minute"));
        }
        for (property, since) in &state.passes {
            if now.saturating_sub(*since) > LONGEST_PASS {
                stuck.push(format!("a pass over {property} does not end"));
            }
        }
        stuck
    }
}

#[derive(Clone)]
struct Served {
    metrics: Metrics,
    health: Health,
}

/// Serves `/metrics`, `/healthz` and `/readyz` until the process ends. Returns the address.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
    health: Health,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    let router = Router::new()
        .route("/metrics", get(text_of_metrics))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .with_state(Served { metrics, health });
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "metrics and health are no longer served");
        }
    });
    Ok(bound)
}

async fn text_of_metrics(State(served): State<Served>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([("content-type", kind)], served.metrics.text())
}

async fn alive(State(served): State<Served>) -> (StatusCode, String) {
    answer(&served.health.stuck())
}

async fn ready(State(served): State<Served>) -> (StatusCode, String) {
    answer(&served.health.unready())
}

fn answer(problems: &[String]) -> (StatusCode, String) {
    if problems.is_empty() {
        (StatusCode::OK, String::from("ok\n"))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, problems.join("\n") + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_everything_is_listed_and_allowed() {
        let health = Health::new([(Kind::Property, None)]);
        assert!(health.unseen().hides("n"));
        health.listed(Kind::Property, None);
        health.ledgers(None);
        assert!(health.unready().is_empty() && !health.unseen().hides("n"));
        health.may_not("update leases", String::from("leases is forbidden"));
        assert!(health.unready()[0].contains("not allowed to update leases"));
        health.may("update leases");
        assert!(health.unready().is_empty());
        health.failed(Kind::Property, None, String::from("not found"));
        assert!(health.unready()[0].starts_with("Property objects in all namespaces"));
        assert!(
            !health.unseen().hides("n"),
            "it is not blind for a moment without a watch"
        );
    }

    #[test]
    fn a_watch_that_was_not_answered_for_a_minute_is_blind_however_seldom_it_says_so() {
        let at = Duration::from_secs;
        let mut watch = Watch::begun(at(0));
        assert!(watch.is_blind(at(1)), "it was not listed");
        watch.listed = true;
        watch.heard(at(10));
        // A server that hangs lets it fail once in 55 to 75 s.
        assert!(!watch.is_blind(at(65)) && watch.problem(at(65)).is_none());
        watch.failing = Some((at(65), String::from("no answer")));
        assert_eq!(watch.problem(at(65)), Some("no answer"));
        assert!(watch.is_blind(at(71)));
        watch.failing = Some((at(139), String::from("no answer")));
        assert!(watch.is_blind(at(139)));
        // An answer that was followed by a failure is none; one that comes later makes it well at once.
        watch.heard(at(138));
        assert!(watch.problem(at(139)).is_some());
        watch.heard(at(140));
        assert!(!watch.is_blind(at(140)) && watch.problem(at(140)).is_none());
        assert!(watch.problem(at(201)).is_some(), "it hangs");
    }

    #[test]
    fn a_pass_that_goes_on_is_not_stuck_however_long_it_lasts() {
        let health = Health::new([]);
        let long_ago = boottime::now().saturating_sub(LONGEST_PASS + Duration::from_secs(1));
        health.began("n/slow");
        health.began("n/stuck");
        for since in health.state().passes.values_mut() {
            *since = long_ago;
        }
        health.went_on("n/slow");
        health.went_on("n/unknown");
        let late = boottime::now() > LONGEST_PASS;
        let stuck = health.stuck();
        assert!(!stuck.iter().any(|said| said.contains("n/slow")));
        assert!(!late || stuck.iter().any(|said| said.contains("n/stuck")));
    }

    #[test]
    fn a_namespace_that_is_not_seen_hides_no_other() {
        let [harbor, elm] = ["harbor", "elm"].map(|name| Some(name.to_owned()));
        let health = Health::new([(Kind::Property, harbor), (Kind::Property, elm.clone())]);
        health.listed(Kind::Property, elm);
        assert!(health.unseen().hides("harbor") && !health.unseen().hides("elm"));
        assert!(health.unready()[0].contains("namespace harbor"));
    }
}
