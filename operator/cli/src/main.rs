//! The `opendoor` binary: arguments and printing. Every decision is made in the crates below it.

#![allow(
    unreachable_pub,
    reason = "nothing of a binary is reachable from outside; `pub` marks what its modules share"
)]

mod args;
mod cluster;
mod commands;
mod connect;
mod exit;
mod notify;
mod output;
mod progress;
mod render;
mod session;
mod telemetry;
mod who;

use std::ffi::OsString;
use std::fmt::Display;
use std::future::Future;
use std::path::Path;
use std::process::ExitCode;

use args::{Cli, Command, Notify, Options, Sync};
use commands::change::Against;
use commands::cluster::{Question, answer};
use commands::{
    acting, change, completions, controller, crds, explain, looking, simulate, table, validate,
};
use connect::Wish;
use exit::Verdict;
use output::Output;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = match Cli::read(as_plugin(std::env::args_os().collect())) {
        Ok(cli) => cli,
        Err(code) => return ExitCode::from(code),
    };
    let Cli { command, options } = cli;
    match &command {
        // It begins its own, which may send traces.
        Command::Controller(_) => {}
        _ => log_to_stderr(options.verbose),
    }
    let output = Output::new(options.output);
    let found = perform(command, &options, &output);
    ExitCode::from(output.verdict(found))
}

/// As `kubectl opendoor`, the program answers from the cluster.
fn as_plugin(mut words: Vec<OsString>) -> Vec<OsString> {
    let called = words.first().map(Path::new).and_then(Path::file_stem);
    if called.is_some_and(|name| name == "kubectl-opendoor") {
        let word = |at: usize| {
            words
                .get(at)
                .and_then(|word| word.to_str())
                .unwrap_or_default()
        };
        let asks =
            matches!(word(1), "plan" | "status" | "who") || (word(1), word(2)) == ("sync", "list");
        if asks {
            words.push(OsString::from("--kubernetes"));
        }
    }
    words
}

fn perform(command: Command, options: &Options, output: &Output) -> Verdict {
    let wish = |path: &Path| Wish {
        path: path.to_owned(),
        state: options.state_of(path),
        url: options.door_os.clone(),
        client_id: options.client_id.clone(),
        client_secret_file: options.client_secret_file.clone(),
        simulate: options.simulate,
    };
    match command {
        Command::Run {
            place,
            once,
            notify,
        } => {
            let wish = wish(&place.path);
            if once {
                drive(output, acting::once(&wish, &[], &notify, output))
            } else {
                drive(output, acting::run(&wish, &notify, output))
            }
        }
        Command::Apply { place, approve } => {
            let wish = wish(&place.path);
            let silent = Notify::default();
            drive(output, acting::once(&wish, &approve, &silent, output))
        }
        Command::Plan { cluster, .. } if cluster.kubernetes => {
            drive(output, answer(&cluster, Question::Plan, output))
        }
        Command::Status { cluster, .. } if cluster.kubernetes => {
            drive(output, answer(&cluster, Question::Status, output))
        }
        Command::Who { cluster, what, .. } if cluster.kubernetes => {
            drive(output, answer(&cluster, Question::Who(&what), output))
        }
        Command::Sync(Sync::List { cluster, .. }) if cluster.kubernetes => {
            drive(output, answer(&cluster, Question::SyncList, output))
        }
        Command::Plan {
            place,
            observed,
            base,
            environment,
            ..
        } => {
            let against = Against {
                base: base.as_deref(),
                environment: environment.as_deref(),
            };
            match observed {
                Some(file) => table::plan(&place.path, &file, against, output),
                None if base.is_some() => {
                    drive(output, change::live(&wish(&place.path), against, output))
                }
                None => drive(output, looking::plan(&wish(&place.path), output)),
            }
        }
        Command::Drift { place, environment } => {
            let environment = environment.as_deref();
            drive(
                output,
                looking::drift(&wish(&place.path), environment, output),
            )
        }
        Command::Status { place, .. } => drive(output, looking::status(&wish(&place.path), output)),
        Command::Who { what, place, .. } => {
            drive(output, looking::who(&wish(&place.path), &what, output))
        }
        Command::Sync(Sync::List { place, .. }) => {
            drive(output, looking::sync_list(&wish(&place.path), output))
        }
        Command::Sync(Sync::Attest { doors, path }) => {
            drive(output, acting::attest_doors(&wish(&path), &doors, output))
        }
        Command::Email { place } => drive(output, looking::email(&wish(&place.path), output)),
        Command::Import { place, building } => drive(
            output,
            looking::import(&wish(&place.path), building.as_deref(), output),
        ),
        Command::Validate { paths, base } => validate::validate(&paths, base.as_deref(), output),
        Command::Explain { reason } => explain::explain(reason.as_deref(), output),
        Command::Simulate {
            listen,
            world,
            seed,
        } => simulate::simulate(listen, world.as_deref(), seed, output),
        Command::Controller(told) => controller::controller(&told, options.verbose, output),
        Command::Crds { out } => crds::crds(out.as_deref(), output),
        Command::Completions { shell } => completions::completions(shell, output),
    }
}

/// Runs a command that talks to others, on one thread.
fn drive<E: Display>(
    output: &Output,
    command: impl Future<Output = Result<Verdict, E>>,
) -> Verdict {
    match connect::on_one_thread(command) {
        Ok(Ok(verdict)) => verdict,
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

fn log_to_stderr(verbose: bool) {
    let filter = if verbose {
        EnvFilter::new("info")
    } else {
        EnvFilter::new("warn")
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}
