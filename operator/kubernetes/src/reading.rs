//! Reading what the operator said, for somebody who asks from outside the cluster.

use kube::api::{DynamicObject, ListParams};
use kube::config::KubeConfigOptions;
use kube::{Api, Client};
use opendoor_api::Kind;

use crate::controller::ControllerError;
use crate::objects::{Objects, Seen};
use crate::watch::resource_of;

/// Most objects asked for at a time.
const PAGE: u32 = 500;

/// A client for a cluster of the user's kubeconfig, and the namespace the context stands in.
///
/// # Errors
/// There is no such cluster.
pub async fn connect(context: Option<&str>) -> Result<(Client, String), ControllerError> {
    // Twice is no harm: the first one stands.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let no = |error: String| ControllerError::NoCluster(error);
    let mut config = match context {
        None => kube::Config::infer()
            .await
            .map_err(|error| no(error.to_string()))?,
        Some(context) => {
            let options = KubeConfigOptions {
                context: Some(context.to_owned()),
                ..KubeConfigOptions::default()
            };
            kube::Config::from_kubeconfig(&options)
                .await
                .map_err(|error| no(error.to_string()))?
        }
    };
    config.read_timeout = Some(std::time::Duration::from_secs(30));
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(|error| no(crate::said(&error)))?;
    Ok((client, namespace))
}

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
