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
    let known = context.ledgers.of_property(property);
    for seen in deleted_objects(context, property) {
        let Some(owner) = seen.owner() else {
            continue;
        };
        let done = match (ledger, &known) {
            (Some(ledger), _) => !ledger.holds_for(&owner),
            // Without a look: only what no ledger knows. One that cannot be read may know it.
            (None, Some((_, known))) => known.settled && !known.head.accepted.contains_key(&owner),
            (None, None) => {
                seen.property.as_deref() == Some(&property.name)
                    && !context.ledgers.any_damaged()
                    && context.ledgers.of_object(&seen.uid).is_empty()
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

/// Takes our finalizer off an object. `false`: it could not be taken off now.
pub(crate) async fn let_go(context: &Context, seen: &Seen) -> bool {
    let Some(finalizer) = finalizers::of(seen.kind).filter(|of| seen.has_finalizer(of)) else {
        return true;
    };
    let released = finalizers::release(&context.kube, seen).await;
    let Some(Some(object)) = context.note("release finalizers", released) else {
        return false;
    };
    context.metrics.kube_writes.inc();
    tracing::info!(object = %seen.name, kind = %seen.kind, finalizer, "let go");
    if object
        .metadata
        .finalizers
        .as_ref()
        .is_none_or(Vec::is_empty)
    {
        context.objects.borrow_mut().remove_only(seen);
    } else {
        context.take(seen.kind, object);
    }
    true
}

/// Looks up which of our kinds are themselves being deleted: their objects go with them, which is
/// nobody's word on any one of them.
pub(crate) async fn look_at_definitions(context: &Context) {
    if context.rights.are_bound() {
        return; // in namespaces, and a definition is in none: the brake is what is left
    }
    let now = Instant::now();
    let fresh = context.definitions_read.get().is_some_and(|read| {
        now.duration_since(read) < DEFINITIONS_FRESH && Some(read) > context.deletion_seen.get()
    });
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

/// Gives up on a namespace that is going and whose credentials went first: what it still grants is noted
/// as abandoned, and its objects are let go, so that nothing hangs for ever.
pub(crate) async fn abandon_if_credentials_went(
    context: &Context,
    property: &Name,
    reason: Reason,
    ledger: Option<&(LedgerKey, Known)>,
) {
    let namespace = &property.namespace;
    if reason != Reason::CredentialsMissing || !is_going(context, namespace).await {
        context.without_credentials.borrow_mut().remove(namespace);
        return;
    }
    let now = Instant::now();
    let since = *context
        .without_credentials
        .borrow_mut()
        .entry(namespace.clone())
        .or_insert(now);
    if now.duration_since(since) < context.config.abandon_after.length() {
        return;
    }
    let Some((key, known)) = ledger else {
        return;
    };
    let waiting = deleted_objects(context, property);
    let own = context.object(Kind::Property, property);
    if waiting.is_empty() && own.is_none() {
        return;
    }
    let claims = known.head.accepted.len();
    let note = format!(
        "{claims} objects of {property} were let go at {} without removing their access: the namespace and its credentials \
         are gone. What they granted is still in DOOR OS; remove it there by hand.",
        jiff::Timestamp::now()
    );
    let noted = context.ledgers.abandon(key, &note).await;
    let Some(map) = context.note("update ledgers", noted) else {
        return;
    };
    context.metrics.abandoned(property, claims);
    let about = ObjectReference {
        api_version: Some(String::from("v1")),
        kind: Some(String::from("ConfigMap")),
        name: Some(map_name(key)),
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

/// Whether a namespace is being deleted, or gone.
pub(crate) async fn is_going(context: &Context, namespace: &str) -> bool {
    let api: Api<Namespace> = Api::all(context.kube.clone());
    match api.get_metadata_opt(namespace).await {
        Ok(found) => found.is_none_or(|found| found.metadata.deletion_timestamp.is_some()),
        Err(error) => {
            tracing::warn!(namespace, error = %crate::said(&error), "the namespace cannot be looked at");
            false
        }
    }
}
