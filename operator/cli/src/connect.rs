//! The DOOR OS that a command talks to: the one it is told of, or a simulated one of its own.

use std::fs;
use std::future::Future;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use opendoor_door_os::{
    Client, Config, Credentials, DoorOs, Endpoint, HttpOptions, HttpTransport, Secret, SecretFile,
};
use opendoor_reconciler::directory::{LockError, StateLock, WORLD_FILE};
use opendoor_reconciler::ports::Clock;
use opendoor_simulator::{Simulator, WorldFile};
use tokio::net::TcpListener;

/// What a command was told about DOOR OS.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The directory of YAML.
    pub path: PathBuf,
    /// The state directory.
    pub state: PathBuf,
    /// Its URL.
    pub url: Option<String>,
    /// The client id.
    pub client_id: Option<String>,
    /// The file with the client secret.
    pub client_secret_file: Option<PathBuf>,
    /// Simulate, even without a `simulator.yaml`.
    pub simulate: bool,
}

impl Wish {
    /// Whether the world is to be one of this process.
    fn embeds(&self) -> bool {
        self.url.is_none() && (self.simulate || self.path.join(WORLD_FILE).is_file())
    }

    /// Why the state directory cannot be had. An embedded world has one user, so nothing runs beside it.
    #[must_use]
    pub fn locked(&self, error: LockError) -> ConnectError {
        match error {
            LockError::InUse { place } if self.embeds() => ConnectError::WorldInUse {
                place: place.display().to_string(),
                world: self.path.join(WORLD_FILE).display().to_string(),
            },
            other => ConnectError::Lock(other),
        }
    }
}

/// A DOOR OS to talk to.
pub struct Connection {
    /// The client.
    pub client: Client<HttpTransport>,
    /// Where it is.
    pub url: String,
    /// The world lives in this process.
    pub embedded: bool,
    _alone: Option<StateLock>,
}

/// Why a command has no DOOR OS to talk to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says where DOOR OS is.
    #[error(
        "no DOOR OS to talk to. Give its address with --door-os URL (or OPENDOOR_URL), or add --simulate to try against a \
         simulated one. Without any API, `opendoor plan --observed doors.csv` plans against a table of doors."
    )]
    Nowhere,
    /// Credentials are missing.
    #[error(
        "no credentials for {url}: {missing}. Set OPENDOOR_CLIENT_ID and OPENDOOR_CLIENT_SECRET_FILE."
    )]
    NoCredentials {
        /// Where to.
        url: String,
        /// What is missing.
        missing: &'static str,
    },
    /// The address is not usable.
    #[error("{0}")]
    Endpoint(String),
    /// The simulated world cannot be made.
    #[error("the simulated world in {place}: {why}. {next}")]
    World {
        /// The file.
        place: String,
        /// What is wrong.
        why: String,
        /// What to do.
        next: &'static str,
    },
    /// A simulated DOOR OS is asked for, and an address is given.
    #[error(
        "--simulate asks for a simulated DOOR OS, and --door-os or OPENDOOR_URL gives the address {url}, whose doors may be \
         real. Leave one of the two out."
    )]
    SimulateAndUrl {
        /// The address.
        url: String,
    },
    /// Another command uses the embedded world.
    #[error(
        "the simulated DOOR OS of {place} is in use by another opendoor, and an embedded world has one user. Start one that \
         several may use with `opendoor simulate --listen 127.0.0.1:8080 --world {world}`, and give its address to each with \
         --door-os."
    )]
    WorldInUse {
        /// The state directory.
        place: String,
        /// The world file.
        world: String,
    },
    /// The lock cannot be looked at.
    #[error(transparent)]
    Lock(LockError),
}

/// Requests a second to a DOOR OS on this machine, which has no other users to protect.
const LOCAL_RATE: u32 = 2_000;

impl Connection {
    /// Connects. `acts`: the command holds the state directory's lock and may change the world, which
    /// is then kept there.
    ///
    /// # Errors
    /// Nothing to connect to, or not with what was given. DOOR OS itself is not asked yet.
    pub async fn open(wish: &Wish, acts: bool) -> Result<Self, ConnectError> {
        match &wish.url {
            Some(url) if wish.simulate => Err(ConnectError::SimulateAndUrl {
                url: url.to_owned(),
            }),
            Some(url) => Self::remote(wish, url),
            None if wish.embeds() => Self::embedded(wish, acts).await,
            None => Err(ConnectError::Nowhere),
        }
    }

    fn remote(wish: &Wish, url: &str) -> Result<Self, ConnectError> {
        let endpoint = endpoint(url)?;
        let local = endpoint.is_loopback();
        let missing = |missing| ConnectError::NoCredentials {
            url: url.to_owned(),
            missing,
        };
        let client = match (&wish.client_id, &wish.client_secret_file) {
            (Some(client_id), Some(path)) => client(
                endpoint,
                SecretFile {
                    client_id: client_id.clone(),
                    path: path.clone(),
                },
            )?,
            // What a simulator on this machine accepts unless its world lists other clients.
            (None, None) if local => client(endpoint, demo())?,
            (None, _) => return Err(missing("the client id is not set")),
            (Some(_), None) => return Err(missing("the file with the client secret is not set")),
        };
        Ok(Self {
            client,
            url: url.to_owned(),
            embedded: false,
            _alone: None,
        })
    }

    async fn embedded(wish: &Wish, acts: bool) -> Result<Self, ConnectError> {
        let world_file = wish.path.join(WORLD_FILE);
        let alone = if acts {
            None
        } else {
            StateLock::take_existing(&wish.state).map_err(|error| wish.locked(error))?
        };
        let simulator = world(&world_file, &wish.state.join("world.json"))?;
        if acts {
            let place = wish.state.join("world.json");
            if !place.exists() {
                save(&place, &simulator.dump())?;
            }
            simulator.on_change(move |dump| {
                // A world that cannot be saved is told at the next start; the answer must go out.
                if let Err(error) = save(&place, &dump) {
                    tracing::warn!(%error, "the simulated world could not be saved");
                }
            });
        }
        let broken = |why: String| ConnectError::World {
            place: world_file.display().to_string(),
            why,
            next: "Check that this machine lets programs listen on 127.0.0.1.",
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(|error| broken(error.to_string()))?;
        let address = listener
            .local_addr()
            .map_err(|error| broken(error.to_string()))?;
        tokio::spawn(opendoor_simulator::serve(
            simulator,
            listener,
            std::future::pending::<()>(),
        ));
        let url = format!("http://{address}");
        Ok(Self {
            client: client(endpoint(&url)?, demo())?,
            url,
            embedded: true,
            _alone: alone,
        })
    }

    /// Whether answers so far came from a simulator.
    #[must_use]
    pub fn simulated(&self) -> bool {
        self.embedded || self.client.time().is_some_and(|time| time.simulated)
    }
}

impl Clock for Connection {
    /// Simulated time where the world is simulated, this machine's where it is real.
    fn now(&self) -> Timestamp {
        match self.client.time() {
            Some(time) if time.simulated => time.now(),
            _ => Timestamp::now(),
        }
    }
}

fn endpoint(url: &str) -> Result<Endpoint, ConnectError> {
    url.parse()
        .map_err(|error: opendoor_door_os::EndpointError| ConnectError::Endpoint(error.to_string()))
}

fn client(
    endpoint: Endpoint,
    credentials: impl opendoor_door_os::CredentialsSource + 'static,
) -> Result<Client<HttpTransport>, ConnectError> {
    let mut config = Config::default();
    if endpoint.is_loopback()
        && let Some(rate) = NonZeroU32::new(LOCAL_RATE)
    {
        config.requests_per_second = rate;
        config.burst = rate;
    }
    let transport = HttpTransport::new(&endpoint, &HttpOptions::default())
        .map_err(|error| ConnectError::Endpoint(error.to_string()))?;
    Ok(Client::new(endpoint, transport, credentials, config))
}

fn demo() -> Credentials {
    Credentials {
        client_id: String::from("demo"),
        secret: Secret::new("demo"),
    }
}

/// The world as it was kept, or as its file describes it.
fn world(file: &Path, kept: &Path) -> Result<Simulator, ConnectError> {
    let clock = opendoor_simulator::Clock::default();
    let broken = |place: &Path, why: String, next| ConnectError::World {
        place: place.display().to_string(),
        why,
        next,
    };
    if kept.is_file() {
        const NEXT: &str = "Delete it to begin again from the world file.";
        let dump =
            fs::read_to_string(kept).map_err(|error| broken(kept, error.to_string(), NEXT))?;
        return Simulator::from_dump(&dump, clock)
            .map_err(|error| broken(kept, error.to_string(), NEXT));
    }
    const NEXT: &str = "Correct the world file.";
    let described = if file.is_file() {
        let text =
            fs::read_to_string(file).map_err(|error| broken(file, error.to_string(), NEXT))?;
        WorldFile::parse(&text).map_err(|error| broken(file, error.to_string(), NEXT))?
    } else {
        WorldFile::default()
    };
    Simulator::new(described, 0, clock).map_err(|error| broken(file, error.to_string(), NEXT))
}

/// Replaces the kept world whole, so that a kill never leaves half of it.
fn save(place: &Path, dump: &str) -> Result<(), ConnectError> {
    let failed = |error: std::io::Error| ConnectError::World {
        place: place.display().to_string(),
        why: error.to_string(),
        next: "Check the state directory's permissions and room.",
    };
    let draft = place.with_extension("json.new");
    fs::write(&draft, dump).map_err(failed)?;
    fs::rename(&draft, place).map_err(failed)
}

/// Runs a command's future on one thread.
///
/// # Errors
/// The runtime cannot be started.
pub fn on_one_thread<T>(work: impl Future<Output = T>) -> std::io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(result)
}
