//! What the rest of the program sees: the trait, and its implementation over a transport.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use opendoor_planner::ids::{BuildingUuid, DoorUuid, KeyUuid};
use opendoor_planner::observed::{DoorRow, KeyRow, Observed};
use opendoor_planner::writes::{Answer, Write};
use serde::Deserialize;
use tokio::time::Instant;

use crate::answer;
use crate::call::Call;
use crate::clock::ServerTime;
use crate::credentials::CredentialsSource;
use crate::deliver::{Courier, Decode, Reply};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::listing;
use crate::rows::{self, BadField, WireNamed};
use crate::token::Tokens;
use crate::transport::Transport;
use crate::wire::{Field, FromJson};

/// A building that the credentials may manage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Building {
    /// Its uuid.
    pub uuid: BuildingUuid,
    /// Its name in DOOR OS.
    pub name: String,
    /// Its IANA time zone, by which key schedules are meant.
    pub timezone: Option<String>,
}

/// What a manager can read and do in DOOR OS.
#[allow(async_fn_in_trait, reason = "the program runs on one thread")]
pub trait DoorOs {
    /// The buildings that the credentials may manage, sorted by uuid.
    async fn buildings(&self) -> Result<Vec<Building>, Error>;

    /// One look at a building: its partners, all pages of doors, all pages of keys.
    ///
    /// A call that fails after its retries is an error, and whatever pages came before it are
    /// dropped. Pages that arrived but do not prove to be everything give an incomplete look, which
    /// says what was wrong and where.
    async fn observe(&self, building: &Building) -> Result<Observed, Error>;

    /// One door; `None` proves that it is not there. A 404 that does not say `NOT_FOUND` is an
    /// error: it may come from something that is not DOOR OS.
    async fn door(&self, door: DoorUuid) -> Result<Option<DoorRow>, Error>;

    /// One key; `None` proves that it is gone.
    async fn key(&self, key: KeyUuid) -> Result<Option<KeyRow>, Error>;

    /// Performs a write, and never sends it again unless the answer says that nothing was done.
    async fn send(&self, write: &Write) -> Answer;

    /// DOOR OS's clock as of its last answer; `None` before the first.
    fn time(&self) -> Option<ServerTime>;
}

/// Our own clock, as the caller keeps it.
pub type WallClock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Asked immediately before a write is sent: may it still be?
pub type Fence = Arc<dyn Fn() -> bool + Send + Sync>;

/// Told of every request: the call's name, and the status of its answer if one came.
pub type Observer = Arc<dyn Fn(&'static str, Option<u16>) + Send + Sync>;

/// How a [`Client`] behaves.
#[derive(Clone)]
pub struct Config {
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How long a write may wait for a token, for the limiter or for what `Retry-After` asks. After
    /// that it is not sent: whatever the caller checked before (that it still owns the building) is
    /// no longer fresh.
    pub write_patience: Duration,
    /// Requests per second, tokens included.
    pub requests_per_second: NonZeroU32,
    /// Requests that may be sent at once after a quiet time.
    pub burst: NonZeroU32,
    /// The OAuth audience; by default the origin of the endpoint.
    pub audience: Option<String>,
    /// Seed of the jitter between retries.
    pub seed: u64,
    /// Our own clock, against which DOOR's is compared.
    pub wall_clock: WallClock,
    /// Whether the time of a simulator on this machine is taken as now, so that it can never be
    /// skewed. A test of skew turns it off.
    pub follow_simulated_time: bool,
    /// Asked immediately before a write is sent.
    pub fence: Option<Fence>,
    /// Told of every request.
    pub observer: Option<Observer>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(30),
            write_patience: Duration::from_secs(15),
            requests_per_second: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN),
            burst: NonZeroU32::new(20).unwrap_or(NonZeroU32::MIN),
            audience: None,
            // Two programs that fail together must not retry together.
            seed: std::hash::RandomState::new().build_hasher().finish(),
            wall_clock: Arc::new(Timestamp::now),
            follow_simulated_time: true,
            fence: None,
            observer: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("request_timeout", &self.request_timeout)
            .field("write_patience", &self.write_patience)
            .field("requests_per_second", &self.requests_per_second)
            .field("burst", &self.burst)
            .field("audience", &self.audience)
            .field("seed", &self.seed)
            .field("follow_simulated_time", &self.follow_simulated_time)
            .finish_non_exhaustive()
    }
}

/// What a client has sent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests sent, tokens and retries included.
    pub requests: u64,
    /// Those sent again after a failure or a 429. A call sent again with a fresh token is not one.
    pub retries: u64,
}

/// The manager contract over a transport. One per credentials: its limiter, breaker, retry budget
/// and token are shared by all its callers.
pub struct Client<T> {
    pub(crate) courier: Arc<Courier<T>>,
    tokens: Tokens,
    write_patience: Duration,
    follow_simulated_time: bool,
}

impl<T: Transport> Client<T> {
    /// A client. Sends nothing yet. Must be called within a tokio runtime, whose clock it uses.
    pub fn new(
        endpoint: Endpoint,
        transport: T,
        credentials: impl CredentialsSource + 'static,
        config: Config,
    ) -> Self {
        let Config {
            request_timeout,
            write_patience,
            requests_per_second,
            burst,
            audience,
            seed,
            wall_clock,
            follow_simulated_time,
            fence,
            observer,
        } = config;
        let audience = audience.unwrap_or_else(|| endpoint.origin());
        let courier = Courier::new(
            endpoint,
            transport,
            (requests_per_second, burst),
            request_timeout,
            seed,
            wall_clock,
        )
        .watched(fence, observer);
        Self {
            courier: Arc::new(courier),
            tokens: Tokens::new(Box::new(credentials), audience),
            write_patience,
            follow_simulated_time,
        }
    }

    /// A client for other credentials of the same API client. Limiter, breaker and retry budget are
    /// shared; tokens never: whoever brings a secret gets only what that secret opens.
    #[must_use]
    pub fn with_credentials(&self, credentials: impl CredentialsSource + 'static) -> Self {
        Self {
            courier: Arc::clone(&self.courier),
            tokens: self.tokens.with_source(Box::new(credentials)),
            write_patience: self.write_patience,
            follow_simulated_time: self.follow_simulated_time,
        }
    }

    /// Whether DOOR OS failed so often that nothing is sent at the moment.
    #[must_use]
    pub fn breaker_open(&self) -> bool {
        self.courier.breaker.refuses_for().is_some()
    }

    /// What is left of the budget of retries, between 0 and 1.
    #[must_use]
    pub fn budget_left(&self) -> f64 {
        self.courier.budget.left()
    }

    /// What was sent so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            requests: self.courier.requests.load(Ordering::Relaxed),
            retries: self.courier.retries.load(Ordering::Relaxed),
        }
    }

    /// A read whose value must be there.
    pub(crate) async fn read<V>(&self, call: &Call, decode: &impl Decode<V>) -> Result<V, Error> {
        match self.tokens.deliver(&self.courier, call, decode).await {
            Ok(Reply::Value(value)) => Ok(value),
            Ok(Reply::Other { status: 404, code }) if code == NOT_FOUND => {
                Err(Error::NotManaged { call: call.name })
            }
            Ok(Reply::Other { status, code }) => Err(Error::Unexpected {
                call: call.name,
                status,
                code,
            }),
            Err(failed) => Err(failed.error),
        }
    }

    /// A row that may be gone.
    async fn row<W: FromJson, R>(
        &self,
        name: &'static str,
        path: String,
        parse: impl Fn(W) -> Result<R, BadField>,
        is_it: impl Fn(&R) -> bool,
    ) -> Result<Option<R>, Error> {
        let decode = |body: &[u8]| {
            let row = answer::row(body, &parse)?;
            if is_it(&row) {
                Ok(row)
            } else {
                Err("it holds another row than the one asked for".to_owned())
            }
        };
        match self.read(&Call::get(name, path), &decode).await {
            Ok(row) => Ok(Some(row)),
            Err(Error::NotManaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[derive(Deserialize)]
struct WireBuildings {
    #[serde(default)]
    buildings: Field<Vec<Field<WireNamed>>>,
}

/// The code of a 404 that comes from DOOR OS.
const NOT_FOUND: &str = "NOT_FOUND";

impl<T: Transport> DoorOs for Client<T> {
    async fn buildings(&self) -> Result<Vec<Building>, Error> {
        let call = Call::get("GET /v1/buildings", "/v1/buildings".to_owned());
        let decode = |body: &[u8]| {
            let WireBuildings { buildings } = serde_json::from_slice(body)
                .map_err(|_| "its body is not the JSON of a list of buildings")?;
            let (buildings, fault) = listing::unpaged(buildings, "buildings", rows::building)?;
            match fault {
                None => Ok(buildings),
                Some(fault) => Err(fault),
            }
        };
        let mut buildings = self.read(&call, &decode).await?;
        buildings.sort_by_key(|building| building.uuid);
        Ok(buildings)
    }

    async fn observe(&self, building: &Building) -> Result<Observed, Error> {
        let listing::Look {
            partners,
            doors,
            keys,
            incomplete,
        } = listing::look(self, building.uuid).await?;
        let time = self.time();
        let simulated = time.filter(|time| time.simulated && self.follow_simulated_time);
        Ok(Observed {
            building: building.uuid,
            building_name: building.name.clone(),
            at: simulated.map_or_else(&*self.courier.wall_clock, |time| time.now()),
            partners,
            doors,
            keys,
            incomplete,
            clock_skewed: simulated.is_none() && time.is_some_and(|time| time.skewed()),
        })
    }

    async fn door(&self, door: DoorUuid) -> Result<Option<DoorRow>, Error> {
        let path = format!("/v1/doors/{door}");
        self.row("GET /v1/doors/{uuid}", path, rows::door, |row| {
            row.uuid == door
        })
        .await
    }

    async fn key(&self, key: KeyUuid) -> Result<Option<KeyRow>, Error> {
        let path = format!("/v1/keys/{key}");
        self.row("GET /v1/keys/{uuid}", path, rows::key, |row| {
            row.uuid == key
        })
        .await
    }

    async fn send(&self, write: &Write) -> Answer {
        let not_after = Instant::now() + self.write_patience;
        let call = match answer::call(write, not_after) {
            Ok(call) => call,
            Err(why) => return Answer::NotSent { why },
        };
        let decode = |body: &[u8]| answer::applied(write, body);
        let reply = self.tokens.deliver(&self.courier, &call, &decode).await;
        answer::of(&call, reply)
    }

    fn time(&self) -> Option<ServerTime> {
        self.courier.clock.read()
    }
}
