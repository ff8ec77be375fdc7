//! `opendoor simulate`: a simulated DOOR OS on this machine.

use std::fs;
use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;

use opendoor_simulator::{Clock, ServeError, Simulator, WorldError, WorldFile, serve};
use tokio::net::TcpListener;

use crate::connect::on_one_thread;
use crate::exit::Verdict;
use crate::output::Output;

/// Why the simulator does not run.
#[derive(Debug, thiserror::Error)]
enum SimulateError {
    /// The world file cannot be read.
    #[error("{place}: {error}")]
    WorldFile {
        /// The file.
        place: String,
        /// Why not.
        error: io::Error,
    },
    /// The world cannot be built.
    #[error("{place}: {error}")]
    World {
        /// The file, or what stands for it.
        place: String,
        /// What is wrong with it.
        error: WorldError,
    },
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on: {error}. Choose another port, or 0 for a free one.")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The server failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Its address cannot be told.
    #[error(transparent)]
    Print(#[from] io::Error),
}

/// Serves a simulated DOOR OS until Ctrl-C.
#[must_use]
pub fn simulate(listen: SocketAddr, world: Option<&Path>, seed: u64, output: &Output) -> Verdict {
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            // Without the signal the process is ended from outside.
            std::future::pending::<()>().await;
        }
    };
    // Not locked, so that a warning logged meanwhile still comes through.
    let (mut out, mut err) = (anstream::stdout(), anstream::stderr());
    let served = on_one_thread(run(listen, world, seed, stop, &mut out, &mut err));
    match served.map_err(SimulateError::Print).flatten() {
        Ok(verdict) => verdict,
        Err(error) => {
            output.note(&format!("error: {error}"));
            Verdict::Error
        }
    }
}

/// Serves until `stop` is ready. The first line on `out` is the address alone.
async fn run(
    listen: SocketAddr,
    world: Option<&Path>,
    seed: u64,
    stop: impl Future<Output = ()> + Send + 'static,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Verdict, SimulateError> {
    let simulator = simulator(world, seed)?;
    let failed = |error| SimulateError::Listen {
        address: listen,
        error,
    };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    writeln!(out, "http://{address}")?;
    out.flush()?;
    writeln!(
        err,
        "SIMULATED DOOR OS - no real door is touched\nUse it with --door-os http://{address}; Ctrl-C stops it."
    )?;
    serve(simulator, listener, stop).await?;
    Ok(Verdict::Done)
}

fn simulator(world: Option<&Path>, seed: u64) -> Result<Simulator, SimulateError> {
    let place = world.map_or_else(
        || String::from("the empty world"),
        |path| path.display().to_string(),
    );
    let described = match world {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| SimulateError::WorldFile {
                place: place.clone(),
                error,
            })?;
            WorldFile::parse(&text)
        }
        None => Ok(WorldFile::default()),
    };
    described
        .and_then(|described| Simulator::new(described, seed, Clock::default()))
        .map_err(|error| SimulateError::World { place, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_port() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    #[tokio::test]
    async fn the_first_line_is_the_address_alone() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let verdict = run(any_port(), None, 1, async {}, &mut out, &mut err)
            .await
            .unwrap();
        assert_eq!(verdict, Verdict::Done);
        let out = String::from_utf8(out).unwrap();
        let port = out
            .strip_prefix("http://127.0.0.1:")
            .and_then(|rest| rest.strip_suffix('\n'))
            .unwrap();
        assert_ne!(port.parse::<u16>().unwrap(), 0);
        assert!(
            String::from_utf8(err)
                .unwrap()
                .starts_with("SIMULATED DOOR OS")
        );
    }

    #[tokio::test]
    async fn a_world_that_cannot_be_built_names_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("nowhere.yaml");
        let wrong = directory.path().join("wrong.yaml");
        fs::write(&wrong, "bildings: []\n").unwrap();
        for file in [missing, wrong] {
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let failed = run(any_port(), Some(&file), 1, async {}, &mut out, &mut err).await;
            let message = failed.unwrap_err().to_string();
            assert!(
                message.starts_with(&file.display().to_string()),
                "{message}"
            );
            assert!(out.is_empty());
        }
    }

    #[tokio::test]
    async fn an_address_in_use_is_told() {
        let taken = std::net::TcpListener::bind(any_port()).unwrap();
        let address = taken.local_addr().unwrap();
        let failed = run(address, None, 1, async {}, &mut Vec::new(), &mut Vec::new()).await;
        assert!(
            failed
                .unwrap_err()
                .to_string()
                .contains("cannot be listened on")
        );
    }
}
