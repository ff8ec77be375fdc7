//! What can be typed: commands, flags, and their help.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::notify::{Address, Form};

/// Exit codes of the commands that compare a building with its YAML.
const CODES: &str = "\
Exit codes (the worst of all properties, in the order 1, 4, 3, 2, 0):
  0  nothing left to do, or only people have something to do (authorisation, e-mail, Door Sync)
  1  error: usage, path missing, DOOR OS unreachable, credentials refused
  2  changes are outstanding
  3  something is refused, held or invalid
  4  cannot tell: a file unreadable, the view of DOOR OS incomplete, an answer unknown";

/// Exit codes of `plan`.
const PLAN_CODES: &str = "\
Exit codes (the worst of all properties, in the order 1, 4, 3, 2, 0):
  0  nothing left to do, or only people have something to do (authorisation, e-mail, Door Sync)
  1  error: usage, path missing, DOOR OS unreachable, credentials refused
  2  changes are outstanding
  3  something is refused, held or invalid
  4  cannot tell: a file unreadable, the view of DOOR OS incomplete, an answer unknown
With --base, 2 and 3 count only what the change causes: what is pending or refused without it is shown
and does not count. 4 counts wherever the view is incomplete.";

/// Exit codes of `validate`.
const VALIDATE_CODES: &str = "\
Exit codes:
  0  no problems
  1  could not run
  3  problems";

/// Partner access to a building's doors, kept equal to reviewed YAML.
#[derive(Clone, Debug, Parser)]
#[command(name = "opendoor", version, about, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where and how.
    #[command(flatten)]
    pub options: Options,
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Options {
    /// Address of DOOR OS; http only to this machine
    #[arg(long, global = true, value_name = "URL", env = "OPENDOOR_URL")]
    pub door_os: Option<String>,
    /// Client id of a portfolio manager's API client
    #[arg(long, global = true, value_name = "ID", env = "OPENDOOR_CLIENT_ID")]
    pub client_id: Option<String>,
    /// File that holds the client secret
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "OPENDOOR_CLIENT_SECRET_FILE"
    )]
    pub client_secret_file: Option<PathBuf>,
    /// Where to keep what was done [default: PATH/.opendoor]
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// How to print
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORM",
        default_value_t
    )]
    pub output: Output,
    /// Use a simulated DOOR OS; no real door is touched
    #[arg(long, global = true)]
    pub simulate: bool,
    /// Log what happens, to standard error
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

impl Options {
    /// The state directory for a directory of YAML.
    #[must_use]
    pub fn state_of(&self, path: &Path) -> PathBuf {
        self.state.clone().unwrap_or_else(|| path.join(".opendoor"))
    }
}

/// A form of output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For a person at a terminal
    #[default]
    Text,
    /// One JSON document
    Json,
    /// A comment on a pull request
    Markdown,
    /// The steps to do by hand in DOOR OS
    Clicks,
    /// Sheets to print
    Html,
}

impl Output {
    /// The word on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Markdown => "markdown",
            Self::Clicks => "clicks",
            Self::Html => "html",
        }
    }
}

/// A directory of YAML.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// Directory with the YAML
    #[arg(default_value = ".", hide_default_value = true, value_name = "PATH")]
    pub path: PathBuf,
}

/// A cluster in which the operator runs.
#[derive(Args, Clone, Debug, Default)]
pub struct Cluster {
    /// Answer from what the operator says of its objects in a cluster; PATH is not read
    #[arg(long)]
    pub kubernetes: bool,
    /// With --kubernetes: this namespace instead of the context's
    #[arg(short, long, value_name = "NAME", requires = "kubernetes")]
    pub namespace: Option<String>,
    /// With --kubernetes: all namespaces
    #[arg(
        short = 'A',
        long,
        requires = "kubernetes",
        conflicts_with = "namespace"
    )]
    pub all_namespaces: bool,
    /// With --kubernetes: this context of the kubeconfig
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    pub context: Option<String>,
}

/// The commands.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Keep doors equal to the YAML until stopped
    #[command(after_help = CODES)]
    Run {
        /// Where.
        #[command(flatten)]
        place: Place,
        /// Make one round and stop
        #[arg(long)]
        once: bool,
        /// Whom to tell.
        #[command(flatten)]
        notify: Notify,
    },
    /// Check YAML offline: shape, rules, references; all problems at once
    #[command(after_help = VALIDATE_CODES)]
    Validate {
        /// Directories and files
        #[arg(default_value = ".", hide_default_value = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// Also check what may not change since this Git revision, such as a key's partner
        #[arg(long, value_name = "GIT-REF")]
        base: Option<String>,
    },
    /// Show what would change, and why; changes nothing
    #[command(after_help = PLAN_CODES)]
    Plan {
        /// Where.
        #[command(flatten)]
        place: Place,
        /// The cluster.
        #[command(flatten)]
        cluster: Cluster,
        /// Plan against a snapshot (`opendoor import -o json`) or a table of doors (CSV: door, partner)
        /// instead of DOOR OS
        #[arg(long, value_name = "FILE", conflicts_with = "kubernetes")]
        observed: Option<PathBuf>,
        /// Show what the change since this Git revision does, apart from what is pending anyway; with a
        /// table of doors: what this revision declared counts as ours
        #[arg(long, value_name = "GIT-REF", conflicts_with = "kubernetes")]
        base: Option<String>,
        /// Name of the environment: a comment of one is not taken for another's
        #[arg(long, value_name = "NAME", requires = "base", value_parser = environment)]
        environment: Option<String>,
    },
    /// Perform the plan; never asks
    #[command(after_help = CODES)]
    Apply {
        /// Where.
        #[command(flatten)]
        place: Place,
        /// Perform held steps too, by the hold id that `plan` shows; may be repeated
        #[arg(long, value_name = "ID")]
        approve: Vec<String>,
    },
    /// Show what people changed by hand in DOOR OS
    #[command(after_help = CODES)]
    Drift {
        /// Where.
        #[command(flatten)]
        place: Place,
        /// Name of the environment: an issue of one is not taken for another's
        #[arg(long, value_name = "NAME", value_parser = environment)]
        environment: Option<String>,
    },
    /// Show the conditions of every object
    Status {
        /// Where.
        #[command(flatten)]
        place: Place,
        /// The cluster.
        #[command(flatten)]
        cluster: Cluster,
    },
    /// Show who can open a door and how, or where a partner is
    Who {
        /// Door or partner, by name or uuid
        what: String,
        /// Where.
        #[command(flatten)]
        place: Place,
        /// The cluster.
        #[command(flatten)]
        cluster: Cluster,
    },
    /// Doors that need a Door Sync
    #[command(subcommand, arg_required_else_help = true)]
    Sync(Sync),
    /// Print the e-mails to DOOR's integrations team that are due, and why
    Email {
        /// Where.
        #[command(flatten)]
        place: Place,
    },
    /// List buildings, or write a building's live state as YAML
    Import {
        /// Where.
        #[command(flatten)]
        place: Place,
        /// The building to write, by name or uuid
        #[arg(long, value_name = "NAME")]
        building: Option<String>,
    },
    /// Explain a reason, or list all of them
    Explain {
        /// A word such as PartnerImmutable
        reason: Option<String>,
    },
    /// Serve a simulated DOOR OS on this machine; the first line printed is its address
    Simulate {
        /// Loopback address and port; port 0 picks a free one
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = loopback)]
        listen: SocketAddr,
        /// World file; without it the world is empty
        #[arg(long, value_name = "FILE")]
        world: Option<PathBuf>,
        /// The same seed makes the same uuids and chances
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
    },
    /// Run the Kubernetes operator until stopped
    Controller(Controller),
    /// Print the Kubernetes definitions of the resources
    Crds {
        /// Write one file each into this directory instead
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Whom to tell what changed.
#[derive(Args, Clone, Debug, Default)]
pub struct Notify {
    /// Webhook that is told when something changes: drift, holds, refusals, Door Syncs, authorisations. A
    /// secret; better given by the environment
    #[arg(
        long,
        value_name = "URL",
        env = "OPENDOOR_NOTIFY_URL",
        hide_env_values = true
    )]
    pub notify: Option<Address>,
    /// What the webhook takes
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    pub notify_form: Form,
}

/// What the operator is told.
#[derive(Args, Clone, Debug)]
pub struct Controller {
    /// File with the connections to DOOR OS
    #[arg(long, value_name = "FILE", env = "OPENDOOR_CONFIG")]
    pub config: PathBuf,
    /// The namespace it lives in; Leases and ledgers are there
    #[arg(long, value_name = "NAME", env = "POD_NAMESPACE")]
    pub namespace: String,
    /// This replica's name, different from every other's
    #[arg(long, value_name = "NAME", env = "POD_NAME")]
    pub identity: String,
    /// Where to serve /metrics, /healthz and /readyz
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// How to log
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    pub log: Log,
}

/// A form of log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Log {
    /// One JSON object a line
    #[default]
    Json,
    /// For a person
    Text,
}

/// What to do about Door Syncs.
#[derive(Clone, Debug, Subcommand)]
pub enum Sync {
    /// List the doors to visit, for whom and since when
    List {
        /// Where.
        #[command(flatten)]
        place: Place,
        /// The cluster.
        #[command(flatten)]
        cluster: Cluster,
    },
    /// Say that a Door Sync was performed at doors that cannot prove it
    Attest {
        /// Doors, by name or uuid
        #[arg(required = true, value_name = "DOOR")]
        doors: Vec<String>,
        /// Directory with the YAML
        #[arg(long, default_value = ".", hide_default_value = true)]
        path: PathBuf,
    },
}

impl Command {
    /// Its name as typed.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Run { .. } => "run",
            Self::Validate { .. } => "validate",
            Self::Plan { .. } => "plan",
            Self::Apply { .. } => "apply",
            Self::Drift { .. } => "drift",
            Self::Status { .. } => "status",
            Self::Who { .. } => "who",
            Self::Sync(Sync::List { .. }) => "sync list",
            Self::Sync(Sync::Attest { .. }) => "sync attest",
            Self::Email { .. } => "email",
            Self::Import {
                building: Some(_), ..
            } => "import --building",
            Self::Import { .. } => "import",
            Self::Explain { .. } => "explain",
            Self::Simulate { .. } => "simulate",
            Self::Controller(_) => "controller",
            Self::Crds { .. } => "crds",
            Self::Completions { .. } => "completions",
        }
    }

    /// The forms it can print, the default first.
    #[must_use]
    pub fn outputs(&self) -> &'static [Output] {
        use Output::{Clicks, Html, Json, Markdown, Text};
        match self {
            Self::Plan { .. } => &[Text, Json, Markdown, Clicks],
            Self::Run { .. } | Self::Apply { .. } | Self::Drift { .. } => &[Text, Json, Markdown],
            Self::Sync(Sync::List { .. }) => &[Text, Json, Html],
            Self::Import { building: None, .. }
            | Self::Validate { .. }
            | Self::Status { .. }
            | Self::Who { .. }
            | Self::Sync(Sync::Attest { .. })
            | Self::Email { .. }
            | Self::Explain { .. } => &[Text, Json],
            // It is YAML.
            Self::Import {
                building: Some(_), ..
            }
            | Self::Simulate { .. }
            | Self::Controller(_)
            | Self::Crds { .. }
            | Self::Completions { .. } => &[Text],
        }
    }
}

impl Cli {
    /// Reads a command line. Where it is wrong or asks for help, the text is printed, and the answer is
    /// the exit code.
    ///
    /// # Errors
    /// 1 for a wrong command line; 0 for help and version.
    pub fn read<I, T>(words: I) -> Result<Self, u8>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        Self::understand(words).map_err(|error| {
            // A closed pipe loses the text; the exit code says the same.
            let _ = error.print();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => 0,
                _ => 1,
            }
        })
    }

    fn understand<I, T>(words: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = T>,
        T: Into<OsString> + Clone,
    {
        let cli = Self::try_parse_from(words)?;
        let outputs = cli.command.outputs();
        if outputs.contains(&cli.options.output) {
            return Ok(cli);
        }
        let words: Vec<&str> = outputs.iter().map(|output| output.as_str()).collect();
        let message = format!(
            "`opendoor {}` does not print {}; choose {}",
            cli.command.name(),
            cli.options.output.as_str(),
            words.join(" or ")
        );
        Err(Self::command().error(ErrorKind::InvalidValue, message))
    }
}

/// A name that can stand in a comment's marker.
fn environment(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() || text.len() > 63 || !text.chars().all(fits) || text.contains("--") {
        return Err(String::from(
            "write 1 to 63 letters, digits, dots, underscores and single dashes",
        ));
    }
    Ok(text.to_owned())
}

/// An address on this machine: the simulator has no authentication on its own calls.
fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address = match text.strip_prefix("localhost:") {
        Some(port) => port
            .parse()
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .map_err(|_| format!("{port:?} is not a port"))?,
        None => text
            .parse()
            .map_err(|_| String::from("write an address and a port, such as 127.0.0.1:8080"))?,
    };
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(String::from(
            "the simulator serves this machine only; use 127.0.0.1 or [::1]",
        ))
    }
}

#[cfg(test)]
mod tests;
