//! The way to an API server.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use kube::client::Body;
use kube::config::KubeConfigOptions;
use kube::{Client, Config};

/// There is no API server to talk to.
#[derive(Debug, thiserror::Error)]
#[error(
    "no Kubernetes API server to talk to: {0}. Run it in a cluster, or point KUBECONFIG at one."
)]
pub struct NoCluster(String);

/// The waits before a request is sent again that the API server is too busy to take.
const AGAIN: [Duration; 3] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
];

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
    let config = match context {
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
    let namespace = config.default_namespace.clone();
    Ok((client_of(config, patience)?, namespace))
}

/// A client for the API server of a configuration.
///
/// # Errors
/// What it says cannot be used.
pub fn client_of(mut config: Config, patience: Duration) -> Result<Client, NoCluster> {
    config.connect_timeout = Some(Duration::from_secs(10));
    config.read_timeout = Some(patience);
    // Else a connection that was idle for a while leaves the next answer only the rest of the time.
    config.reset_reader_on_write = true;
    config.write_timeout = Some(Duration::from_secs(30));
    // The library would go on for minutes inside one call, or for as long as the server says, and a watch that cannot
    // be opened would look like a quiet one.
    config.default_retry = false;
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(|error| NoCluster(crate::said(&error)))?;
    let patient = tower::service_fn(move |request| {
        let client = client.clone();
        async move { send(&client, request).await }
    });
    Ok(Client::new(patient, namespace))
}

/// Sends a request, and again a few times while the API server is too busy to take it.
async fn send(client: &Client, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
    let (parts, body) = request.into_parts();
    for wait in AGAIN {
        let Some(same) = body.try_clone() else {
            break;
        };
        let answer = client
            .send(Request::from_parts(parts.clone(), same))
            .await?;
        let busy = [
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ];
        if !busy.contains(&answer.status()) {
            return Ok(answer);
        }
        tokio::time::sleep(wait).await;
    }
    client.send(Request::from_parts(parts, body)).await
}
