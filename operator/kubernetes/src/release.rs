//! Letting go: finalizers of objects that are done, and what to do when credentials are gone for good.

use std::rc::Rc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, ObjectReference};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::core::PartialObjectMeta;
use opendoor_api::{GROUP, Kind};
use opendoor_planner::ledger::Ledger;
use opendoor_planner::reasons::Reason;
use tokio::time::Instant;

use crate::accounts::NoAccount;
use crate::context::Context;
use crate::events::{Said, Tone};
use crate::finalizers::{self, REVOKE};
use crate::ledgers::{Known, LedgerKey, map_name};
use crate::objects::{Name, Seen};
use crate::watch::resource_of;

/// How long the answer on definitions is taken as read.
const DEFINITIONS_FRESH: Duration = Duration::from_secs(5);

/// Takes our finalizer off objects of a Property that are being deleted and done, and off the Property
/// when nothing refers to it. `ledger`: as it is after a pass; without one, only objects that were never
/// accepted are let go.
pub(crate) async fn release(context: &Context, property: &Name, ledger: Option<&Ledger>) {
    let known = if ledger.is_some() {
        context.ledgers.of_property(property)
    } else if is_waiting(context, property) {
        match ledger_anew(context, property).await {
            Some(known) => known,
            None => return,
        }
    } else {
        return;
    };
    for seen in deleted_objects(context, property) {
        let Some(owner) = seen.owner() else {
            continue;
        };
        let done = match (ledger, &known) {
            (Some(ledger), _) => !ledger.holds_for(&owner),
            // Without a look: only what no ledger knows. One that cannot be read may know it.
            (None, Some((_, known))) => known.settled && !known.head.accepted.contains_key(&owner),
            (None, None) => {
                seen.property.as_deref() == Some(&property.name) && !context.ledgers.any_damaged()
            }
        };
        if done {
            let_go(context, &seen).await;
        }
    }
    let Some(seen) = context.object(Kind::Property, property) else {
        return;
    };
    let holds = match (ledger, &known) {
        (Some(ledger), _) => ledger.holds_for_any(),
        (None, Some((_, known))) => !(known.settled && known.head.accepted.is_empty()),
        (None, None) => context.ledgers.any_damaged(),
    };
    let referred = {
        let objects = context.objects.borrow();
        objects.referring_to(property).next().is_some()
    };
    if seen.deleting_since.is_some() && !holds && !referred {
        let_go(context, &seen).await;
    }
}

/// Whether the Property, or an object of it, is being deleted and waits for us.
fn is_waiting(context: &Context, property: &Name) -> bool {
    let own = context.object(Kind::Property, property);
    own.is_some_and(|seen| seen.deleting_since.is_some())
        || !deleted_objects(context, property).is_empty()
}

/// The ledger of a Property, read anew: what was read before may be older than what another replica wrote. `None`: it
/// cannot be told, or the account it is written for is another replica's, which alone can say what is done.
async fn ledger_anew(context: &Context, property: &Name) -> Option<Option<(LedgerKey, Known)>> {
    match context.ledgers.of_property(property) {
        Some((key, _)) => {
            if let Err(error) = context.ledgers.fetch(&key).await {
                tracing::warn!(%property, %error, "nothing is let go");
                return None;
            }
        }
        None => context.note("list ConfigMaps", context.ledgers.read_all().await)?,
    }
    let found = context.ledgers.of_property(property);
    let shard = found.as_ref().and_then(|(_, known)| known.shard);
    shard
        .is_none_or(|shard| context.deadlines.holds(shard))
        .then_some(found)
}

/// Objects of a Property that are being deleted and wait for us.
fn deleted_objects(context: &Context, property: &Name) -> Vec<Rc<Seen>> {
    let head = context
        .ledgers
        .of_property(property)
        .map(|(_, known)| known.head)
        .unwrap_or_default();
    let objects = context.objects.borrow();
    objects
        .belonging_to(property, &head)
        .into_iter()
        .filter(|seen| seen.deleting_since.is_some() && seen.has_finalizer(REVOKE))
        .collect()
}

/// Takes our finalizer off an object.
pub(crate) async fn let_go(context: &Context, seen: &Seen) {
    let Some(finalizer) = finalizers::of(seen.kind).filter(|of| seen.has_finalizer(of)) else {
        return;
    };
    let released = finalizers::release(&context.kube, seen).await;
    if let Some(Some(object)) = context.note("release finalizers", released) {
        context.metrics.kube_writes.inc();
        tracing::info!(object = %seen.name, kind = %seen.kind, finalizer, "let go");
        if object
            .metadata
            .finalizers
            .as_ref()
            .is_none_or(Vec::is_empty)
        {
            context.objects.borrow_mut().remove(seen.kind, &seen.name);
        } else {
            context.take(seen.kind, object);
        }
    }
}

/// Looks up which of our kinds are themselves being deleted: their objects go with them, which is
/// nobody's word on any one of them.
pub(crate) async fn look_at_definitions(context: &Context) {
    if context.rights.are_bound() {
        return; // in namespaces, and a definition is in none: the brake is what is left
    }
    let now = Instant::now();
    let fresh = context
        .definitions_read
        .get()
        .is_some_and(|read| now.duration_since(read) < DEFINITIONS_FRESH);
    if fresh {
        return;
    }
    let api: Api<PartialObjectMeta<CustomResourceDefinition>> = Api::all(context.kube.clone());
    for kind in [Kind::DoorAssignment, Kind::PartnerKey] {
        let name = format!("{}.{GROUP}", resource_of(kind).plural);
        match api.get_metadata_opt(&name).await {
            Ok(found) => {
                let going = found.is_none_or(|crd| crd.metadata.deletion_timestamp.is_some());
                let mut undefined = context.undefined.borrow_mut();
                if going {
                    undefined.insert(kind);
                } else {
                    undefined.remove(&kind);
                }
            }
            // Not allowed to look: the same.
            Err(error) => {
                tracing::debug!(kind = %kind, error = %crate::said(&error), "the definition cannot be looked at");
            }
        }
    }
    context.definitions_read.set(Some(now));
}

/// Gives up on a Property whose namespace is going and whose account went first: what it still grants is noted
/// as abandoned, and its objects are let go, so that nothing hangs for ever.
pub(crate) async fn abandon_if_without_account(
    context: &Context,
    property: &Name,
    why: &NoAccount,
) {
    // What the API server does not say neither begins nor ends the time.
    if !why.sure {
        return;
    }
    match is_going(context, &property.namespace).await {
        Some(true) => {}
        Some(false) => {
            context.without_account.borrow_mut().remove(property);
            return;
        }
        None => return,
    }
    let now = Instant::now();
    let since = *context
        .without_account
        .borrow_mut()
        .entry(property.clone())
        .or_insert(now);
    if now.duration_since(since) < context.config.abandon_after.length() {
        return;
    }
    let Some(Some((key, known))) = ledger_anew(context, property).await else {
        return;
    };
    let waiting = deleted_objects(context, property);
    let own = context.object(Kind::Property, property);
    if waiting.is_empty() && own.is_none() {
        return;
    }
    let claims = known.head.accepted.len();
    let note = format!(
        "{claims} objects of {property} were let go at {} without removing their access: the namespace is going, and what \
         leads to DOOR OS went first ({}). What they granted is still in DOOR OS; remove it there by hand.",
        jiff::Timestamp::now(),
        why.reason
    );
    let noted = context.ledgers.abandon(&key, &note).await;
    let Some(map) = context.note("update ledgers", noted) else {
        return;
    };
    context.metrics.abandoned(property, claims);
    let about = ObjectReference {
        api_version: Some(String::from("v1")),
        kind: Some(String::from("ConfigMap")),
        name: Some(map_name(&key)),
        namespace: map.metadata.namespace.clone(),
        uid: map.metadata.uid.clone(),
        ..ObjectReference::default()
    };
    let operators_own = map.metadata.namespace.unwrap_or_default();
    let said = Said {
        tone: Tone::Warning,
        reason: Reason::Abandoned.as_str(),
        note: note.clone(),
    };
    context.events.write(about, &operators_own, &said).await;
    tracing::error!(property = %property, "{note}");
    for seen in waiting.iter().chain(&own) {
        let_go(context, seen).await;
    }
}

/// Whether a namespace is being deleted, or gone; `None`: the API server does not say.
pub(crate) async fn is_going(context: &Context, namespace: &str) -> Option<bool> {
    let api: Api<Namespace> = Api::all(context.kube.clone());
    match api.get_metadata_opt(namespace).await {
        Ok(found) => Some(found.is_none_or(|found| found.metadata.deletion_timestamp.is_some())),
        Err(error) => {
            tracing::warn!(namespace, error = %crate::said(&error), "the namespace cannot be looked at");
            None
        }
    }
}
