//! `controller`: the Kubernetes operator.

use opendoor_kubernetes::client::connect;
use opendoor_kubernetes::config::Config;
use opendoor_kubernetes::controller::{ControllerError, Options, PATIENCE, run};

use crate::args::Controller;
use crate::exit::Verdict;
use crate::output::Output;
use crate::telemetry::Telemetry;

/// Runs the operator until it is told to end.
#[must_use]
pub fn controller(told: &Controller, verbose: bool, output: &Output) -> Verdict {
    let _telemetry = match Telemetry::begin(told.log, verbose) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            output.note(&format!("error: {error}"));
            return Verdict::Error;
        }
    };
    let config = match Config::read(&told.config) {
        Ok(config) => config,
        Err(error) => {
            output.note(&format!("error: {error}"));
            return Verdict::Error;
        }
    };
    let options = Options {
        config,
        namespace: told.namespace.clone(),
        identity: told.identity.clone(),
        listen: told.listen,
    };
    crate::drive(output, async {
        let (client, _) = connect(None, PATIENCE).await?;
        run(client, options, told_to_end()).await?;
        Ok::<_, ControllerError>(Verdict::Done)
    })
}

/// Ready at the first SIGTERM or Ctrl-C.
async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    // Without the signal's handler there is still the other one.
    let _ = tokio::signal::ctrl_c().await;
}
