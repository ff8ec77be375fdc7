//! The way to an API server.

use std::time::Duration;

use kube::config::KubeConfigOptions;
use kube::{Client, Config};

/// There is no API server to talk to.
#[derive(Debug, thiserror::Error)]
#[error(
    "no Kubernetes API server to talk to: {0}. Run it in a cluster, or point KUBECONFIG at one."
)]
pub struct NoCluster(String);

/// A client for the cluster we are in or that the kubeconfig names, by its context or the one given; and
/// the namespace that context stands in. No answer is waited for longer than `patience`.
///
/// # Errors
/// There is no such cluster.
pub async fn connect(
    context: Option<&str>,
    patience: Duration,
) -> Result<(Client, String), NoCluster> {
    // Twice is no harm: the first one stands.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut config = match context {
        None => Config::infer()
            .await
            .map_err(|error| NoCluster(error.to_string()))?,
        Some(context) => {
            let options = KubeConfigOptions {
                context: Some(context.to_owned()),
                ..KubeConfigOptions::default()
            };
            Config::from_kubeconfig(&options)
                .await
                .map_err(|error| NoCluster(error.to_string()))?
        }
    };
    config.connect_timeout = Some(Duration::from_secs(10));
    config.read_timeout = Some(patience);
    config.write_timeout = Some(Duration::from_secs(30));
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(|error| NoCluster(crate::said(&error)))?;
    Ok((client, namespace))
}
