//! Reading what the operator said, for somebody who asks from outside the cluster.

use kube::api::{DynamicObject, ListParams};
use kube::{Api, Client};
use opendoor_api::Kind;

use crate::objects::{Objects, Seen};
use crate::watch::resource_of;

/// Most objects asked for at a time.
const PAGE: u32 = 500;

/// All our objects of a namespace; without one, of the whole cluster.
///
/// # Errors
/// The API server does not give them, with the kind that was asked for.
pub async fn read(client: &Client, namespace: Option<&str>) -> Result<Objects, (Kind, String)> {
    let mut objects = Objects::default();
    for kind in Kind::ALL {
        let resource = resource_of(kind);
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let mut page = ListParams::default().limit(PAGE);
        loop {
            let listed = api
                .list(&page)
                .await
                .map_err(|error| (kind, crate::said(&error)))?;
            for object in listed.items {
                objects.put(Seen::read(kind, object));
            }
            match listed.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(objects)
}
