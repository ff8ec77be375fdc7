//! Watching the cluster: one stream of changes of every kind, and what cannot be watched.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::channel::mpsc::{UnboundedSender, unbounded};
use futures::stream::{BoxStream, SelectAll};
use futures::{FutureExt, StreamExt};
use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use opendoor_api::{GROUP, Kind, VERSION};

use crate::boottime;
use crate::objects::Name;

/// How long one watch may last. A connection that died without a word is noticed by then: so often is a watch opened,
/// and its answer heard of.
const WATCH: u32 = 45;

/// What a watch says.
pub enum Change {
    /// An object is there, new or changed.
    There(Kind, Box<DynamicObject>),
    /// An object is gone.
    Gone(Kind, Name),
    /// All objects of the kind in this scope were listed; those not named are gone.
    Listed(Kind, Scope, BTreeSet<Name>),
    /// The API server answered, at this time: the list was given, or the watch is open.
    Heard(Kind, Scope, Duration),
    /// The watch failed; it is tried again by itself.
    Failed(Kind, Scope, String),
}

/// A namespace, or the whole cluster.
pub type Scope = Option<String>;

/// The kinds that are watched. DoorSyncOrders too: one that was deleted by hand is made again.
pub const WATCHED: [Kind; 5] = Kind::ALL;

/// The API resource of a kind.
#[must_use]
pub fn resource_of(kind: Kind) -> ApiResource {
    let plural = match kind {
        Kind::Portfolio => "portfolios",
        Kind::Property => "properties",
        Kind::DoorAssignment => "doorassignments",
        Kind::PartnerKey => "partnerkeys",
        Kind::DoorSyncOrder => "doorsyncorders",
    };
    let gvk = GroupVersionKind::gvk(GROUP, VERSION, kind.as_str());
    ApiResource::from_gvk_with_plural(&gvk, plural)
}

/// All changes of all kinds in the given namespaces; in none: in all.
pub fn changes(client: &Client, namespaces: &[String]) -> SelectAll<BoxStream<'static, Change>> {
    let scopes: Vec<Scope> = if namespaces.is_empty() {
        vec![None]
    } else {
        namespaces.iter().cloned().map(Some).collect()
    };
    let mut all = SelectAll::new();
    for kind in WATCHED {
        for scope in &scopes {
            all.push(of_kind(client.clone(), kind, scope.clone()));
        }
    }
    all
}

fn of_kind(client: Client, kind: Kind, scope: Scope) -> BoxStream<'static, Change> {
    let (answered, answers) = unbounded();
    let client = telling(client, answered);
    let resource = resource_of(kind);
    let api: Api<DynamicObject> = match &scope {
        Some(namespace) => Api::namespaced_with(client, namespace, &resource),
        None => Api::all_with(client, &resource),
    };
    let heard_in = scope.clone();
    let heard = answers.map(move |at| Change::Heard(kind, heard_in.clone(), at));
    let config = watcher::Config::default().timeout(WATCH);
    let mut listed = BTreeSet::new();
    let seen = watcher(api, config)
        .backoff(Backoff::default())
        .filter_map(move |event| {
            let change = match event {
                Ok(Event::Apply(object)) => Some(Change::There(kind, Box::new(slim(object)))),
                Ok(Event::Delete(object)) => Some(Change::Gone(kind, name_of(&object))),
                Ok(Event::Init) => {
                    listed.clear();
                    None
                }
                Ok(Event::InitApply(object)) => {
                    listed.insert(name_of(&object));
                    Some(Change::There(kind, Box::new(slim(object))))
                }
                Ok(Event::InitDone) => Some(Change::Listed(
                    kind,
                    scope.clone(),
                    std::mem::take(&mut listed),
                )),
                Err(error) => Some(Change::Failed(kind, scope.clone(), why(&error))),
            };
            futures::future::ready(change)
        });
    futures::stream::select(heard, seen).boxed()
}

/// The same client, which tells when it is answered. The watcher itself says nothing of a watch that works and is
/// quiet.
fn telling(client: Client, answered: UnboundedSender<Duration>) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request| {
        let (client, answered) = (client.clone(), answered.clone());
        async move {
            let answer = client.send(request).await?;
            if answer.status().is_success() {
                // Nobody listens any more: the watch is not polled either.
                let _ = answered.unbounded_send(boottime::now());
            }
            Ok::<_, kube::Error>(answer)
        }
    });
    Client::new(service, namespace)
}

/// Without what nobody here reads.
fn slim(mut object: DynamicObject) -> DynamicObject {
    object.metadata.managed_fields = None;
    if let Some(annotations) = &mut object.metadata.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    object
}

fn name_of(object: &DynamicObject) -> Name {
    Name {
        namespace: object.metadata.namespace.clone().unwrap_or_default(),
        name: object.metadata.name.clone().unwrap_or_default(),
    }
}

/// A failure in words for a person: the library's own repeats its insides.
fn why(error: &watcher::Error) -> String {
    use watcher::Error;
    match error {
        Error::InitialListFailed(inner)
        | Error::WatchStartFailed(inner)
        | Error::WatchFailed(inner) => crate::said(inner),
        Error::WatchError(status) => status.message.clone(),
        Error::NoResourceVersion => String::from("the list carried no resource version"),
    }
}

/// Waits between attempts: from half a second to 20, so that a server that is back is seen soon.
#[derive(Clone, Debug, Default)]
struct Backoff {
    failures: u32,
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let wait = Duration::from_millis(500) * 2_u32.pow(self.failures.min(5));
        self.failures += 1;
        Some(wait.min(Duration::from_secs(20)))
    }
}

impl kube::runtime::utils::Backoff for Backoff {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

/// All changes that are there without waiting, at most `most`.
pub fn ready(
    changes: &mut SelectAll<BoxStream<'static, Change>>,
    first: Change,
    most: usize,
) -> Vec<Change> {
    let mut all = vec![first];
    while all.len() < most {
        match changes.next().now_or_never() {
            Some(Some(change)) => all.push(change),
            _ => break,
        }
    }
    all
}
