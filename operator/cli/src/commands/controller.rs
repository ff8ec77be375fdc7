//! `controller`: the Kubernetes operator.

use opendoor_kubernetes::config::Config;
use opendoor_kubernetes::controller::{Options, connect, run};

use crate::args::Controller;
use crate::connect::on_one_thread;
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
    let work = async {
        let client = connect().await?;
        run(client, options, told_to_end()).await
    };
    match on_one_thread(work) {
        Ok(Ok(())) => Verdict::Done,
        Ok(Err(error)) => {
            output.note(&format!("error: {error}"));
            Verdict::Error
        }
        Err(error) => {
            output.note(&format!(
                "error: the program cannot start its event loop: {error}"
            ));
            Verdict::Error
        }
    }
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
