//! Finalizers: an object stays until what it asked for is undone, and nothing is done for one that
//! could go without us knowing.

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use opendoor_api::Kind;
use serde_json::{Value, json};

use crate::objects::Seen;
use crate::watch::resource_of;

/// On a DoorAssignment and a PartnerKey, until what they granted is taken away or left on purpose.
pub const REVOKE: &str = "opendoor.dev/revoke";
/// On a Portfolio and a Property, until nothing refers to them; on our RoleBinding in a namespace, until nothing in it
/// waits for us.
pub const IN_USE: &str = "opendoor.dev/in-use";

/// The finalizer of a kind.
#[must_use]
pub fn of(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Portfolio | Kind::Property => Some(IN_USE),
        Kind::DoorAssignment | Kind::PartnerKey => Some(REVOKE),
        Kind::DoorSyncOrder => None,
    }
}

/// Sets our finalizer on an object. Returns the object as it is then; `None`: it changed or went
/// meanwhile.
///
/// # Errors
/// The API server refused.
pub async fn set(client: &Client, seen: &Seen) -> Result<Option<DynamicObject>, kube::Error> {
    let Some(finalizer) = of(seen.kind) else {
        return Ok(None);
    };
    let mut finalizers = seen.finalizers.clone();
    finalizers.push(finalizer.to_owned());
    write(client, seen, &finalizers).await
}

/// Takes our finalizer off an object. `None`: it changed meanwhile, or is gone.
///
/// # Errors
/// The API server refused.
pub async fn release(client: &Client, seen: &Seen) -> Result<Option<DynamicObject>, kube::Error> {
    let Some(finalizer) = of(seen.kind) else {
        return Ok(None);
    };
    let rest: Vec<String> = seen
        .finalizers
        .iter()
        .filter(|held| *held != finalizer)
        .cloned()
        .collect();
    write(client, seen, &rest).await
}

/// Replaces the finalizers of exactly the object that was seen: another uid or version is a conflict.
async fn write(
    client: &Client,
    seen: &Seen,
    finalizers: &[String],
) -> Result<Option<DynamicObject>, kube::Error> {
    let api: Api<DynamicObject> = Api::namespaced_with(
        client.clone(),
        &seen.name.namespace,
        &resource_of(seen.kind),
    );
    let (params, patch) = replacing(&seen.uid, &seen.resource_version, finalizers);
    let written = api.patch(&seen.name.name, &params, &patch).await;
    crate::unless_overtaken(written)
}

/// The patch that does so.
pub(crate) fn replacing(
    uid: &str,
    version: &str,
    finalizers: &[String],
) -> (PatchParams, Patch<Value>) {
    let patch = json!({
        "metadata": { "uid": uid, "resourceVersion": version, "finalizers": finalizers }
    });
    let params = PatchParams {
        field_manager: Some(crate::MANAGER.to_owned()),
        ..PatchParams::default()
    };
    (params, Patch::Merge(patch))
}
