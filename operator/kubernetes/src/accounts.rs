//! Accounts at DOOR OS: a connection with credentials from a Secret. One client for each, so that one
//! limiter and one breaker serve all who use the same credentials.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use kube::Api;
use opendoor_api::Portfolio;
use opendoor_door_os::{
    Building, Client, Config as ClientConfig, Credentials, CredentialsSource, DoorOs, Error,
    HttpOptions, HttpTransport, Secret,
};
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::ports::{Clock, Ownership};

use crate::config::{Config, ConnectionConfig};
use crate::metrics::Metrics;
use crate::objects::Name;
use crate::shards::{Deadlines, shard_of, write_timeout};

/// How long a Secret is taken as read. A rotated one is used within this time, or at once when DOOR OS
/// refuses what we have.
const SECRET_FRESH: Duration = Duration::from_secs(20);
/// How long the list of buildings is taken as read.
const BUILDINGS_FRESH: Duration = Duration::from_secs(60);
/// The keys of a Secret.
const CLIENT_ID: &str = "clientId";
const CLIENT_SECRET: &str = "clientSecret";

/// Why a Portfolio has no account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAccount {
    /// In one word.
    pub reason: Reason,
    /// In a sentence.
    pub message: String,
}

/// Credentials that may be renewed while a client uses them.
#[derive(Clone, Debug)]
struct Renewable(Arc<Mutex<Credentials>>);

impl CredentialsSource for Renewable {
    fn read(&self) -> Result<Credentials, String> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(held.clone())
    }
}

/// An account at DOOR OS.
pub struct Account {
    /// The connection's name.
    pub connection: String,
    /// Its shard.
    pub shard: u8,
    /// Its client.
    pub client: Client<HttpTransport>,
    credentials: Renewable,
    deadlines: Deadlines,
    /// When they were asked for, and what came. Locked while they are: passes side by side ask once.
    buildings: tokio::sync::Mutex<Option<(Instant, Rc<Vec<Building>>)>>,
}

impl Account {
    /// The buildings it may manage, read again when they are old or `anew` is asked.
    ///
    /// # Errors
    /// DOOR OS did not list them.
    pub async fn buildings(&self, anew: bool) -> Result<Rc<Vec<Building>>, Error> {
        let wanted = Instant::now();
        let mut known = self.buildings.lock().await;
        if let Some((asked, buildings)) = &*known
            && (*asked >= wanted || (!anew && asked.elapsed() < BUILDINGS_FRESH))
        {
            return Ok(Rc::clone(buildings));
        }
        let asked = Instant::now();
        let buildings = Rc::new(self.client.buildings().await?);
        *known = Some((asked, Rc::clone(&buildings)));
        Ok(buildings)
    }
}

impl Clock for Account {
    /// Simulated time where the world is simulated, this machine's where it is real.
    fn now(&self) -> Timestamp {
        match self.client.time() {
            Some(time) if time.simulated => time.now(),
            _ => Timestamp::now(),
        }
    }
}

impl Ownership for Account {
    fn holds(&self) -> bool {
        self.deadlines.holds(self.shard)
    }
}

/// Where a Portfolio's credentials come from, and whose shard that is.
#[derive(Clone)]
pub struct Route {
    connection: ConnectionConfig,
    client_id: String,
    credentials: Renewable,
    /// The shard of this account.
    pub shard: u8,
    /// The Secret is gone; what it held is still in memory.
    pub secret_gone: Option<String>,
}

struct Held {
    secret: String,
    read: Cell<Instant>,
    route: RefCell<Route>,
}

/// Every account in use.
pub struct Accounts {
    kube: kube::Client,
    config: Rc<Config>,
    deadlines: Deadlines,
    metrics: Metrics,
    routes: RefCell<BTreeMap<Name, Rc<Held>>>,
    open: RefCell<BTreeMap<(String, String), Rc<Account>>>,
}

impl Accounts {
    /// No account yet.
    #[must_use]
    pub fn new(
        kube: kube::Client,
        config: Rc<Config>,
        deadlines: Deadlines,
        metrics: Metrics,
    ) -> Self {
        Self {
            kube,
            config,
            deadlines,
            metrics,
            routes: RefCell::default(),
            open: RefCell::default(),
        }
    }

    /// Where a Portfolio leads. `anew`: its Secret is read again whatever was read before.
    ///
    /// # Errors
    /// What is missing, for its status.
    pub async fn route(
        &self,
        name: &Name,
        portfolio: &Portfolio,
        anew: bool,
    ) -> Result<Route, NoAccount> {
        let connection = self
            .config
            .connection(&name.namespace, portfolio.spec.connection.as_deref())
            .map_err(|message| NoAccount {
                reason: Reason::ConnectionNotOffered,
                message,
            })?;
        let missing = |message: String| NoAccount {
            reason: Reason::CredentialsMissing,
            message,
        };
        let secret = portfolio
            .spec
            .credentials_secret_ref
            .as_ref()
            .ok_or_else(|| {
                missing(format!(
                    "spec.credentialsSecretRef is not set. Name a Secret of this namespace that holds {CLIENT_ID} and {CLIENT_SECRET}."
                ))
            })?;
        let held = self.routes.borrow().get(name).cloned().filter(|held| {
            held.secret == secret.name && held.route.borrow().connection.name == connection.name
        });
        if let Some(held) = &held
            && !anew
            && held.read.get().elapsed() < SECRET_FRESH
        {
            return Ok(held.route.borrow().clone());
        }
        match self.read(&name.namespace, &secret.name).await {
            Ok(credentials) => Ok(self.take(name, &secret.name, connection, held, credentials)),
            // What was read before stays in memory: a namespace that goes takes its Secret first, and
            // the removals it asks for still have to be made.
            Err(message) => match held {
                Some(held) => {
                    held.read.set(Instant::now());
                    held.route.borrow_mut().secret_gone = Some(message);
                    Ok(held.route.borrow().clone())
                }
                None => Err(missing(message)),
            },
        }
    }

    fn take(
        &self,
        name: &Name,
        secret: &str,
        connection: &ConnectionConfig,
        held: Option<Rc<Held>>,
        credentials: Credentials,
    ) -> Route {
        if let Some(held) = held
            && held.route.borrow().client_id == credentials.client_id
        {
            held.read.set(Instant::now());
            let mut route = held.route.borrow_mut();
            route.secret_gone = None;
            *route
                .credentials
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = credentials;
            return route.clone();
        }
        let id = (connection.name.clone(), credentials.client_id.clone());
        // Portfolios that share a client id share its client, and so its credentials.
        let shared = self
            .open
            .borrow()
            .get(&id)
            .map(|open| open.credentials.clone());
        let renewable = match shared {
            Some(shared) => {
                *shared.0.lock().unwrap_or_else(PoisonError::into_inner) = credentials;
                shared
            }
            None => Renewable(Arc::new(Mutex::new(credentials))),
        };
        let route = Route {
            shard: shard_of(&[&id.0, &id.1]),
            connection: connection.clone(),
            client_id: id.1,
            credentials: renewable,
            secret_gone: None,
        };
        let held = Rc::new(Held {
            secret: secret.to_owned(),
            read: Cell::new(Instant::now()),
            route: RefCell::new(route.clone()),
        });
        self.routes.borrow_mut().insert(name.clone(), held);
        route
    }

    async fn read(&self, namespace: &str, name: &str) -> Result<Credentials, String> {
        let api: Api<KubeSecret> = Api::namespaced(self.kube.clone(), namespace);
        let secret = api
            .get_opt(name)
            .await
            .map_err(|error| {
                format!(
                    "the Secret \"{name}\" cannot be read: {}",
                    crate::said(&error)
                )
            })?
            .ok_or_else(|| format!("there is no Secret \"{name}\" in this namespace"))?;
        let data = secret.data.unwrap_or_default();
        let text = |key: &str| {
            data.get(key)
                .and_then(|bytes| std::str::from_utf8(&bytes.0).ok())
                .map(|text| text.trim_end_matches(['\r', '\n']))
                .filter(|text| !text.is_empty())
                .ok_or_else(|| format!("the Secret \"{name}\" holds no usable {key}"))
        };
        Ok(Credentials {
            client_id: text(CLIENT_ID)?.to_owned(),
            secret: Secret::new(text(CLIENT_SECRET)?),
        })
    }

    /// The account that a route leads to.
    ///
    /// # Errors
    /// A client cannot be made for it.
    pub fn open(&self, route: &Route) -> Result<Rc<Account>, NoAccount> {
        let id = (route.connection.name.clone(), route.client_id.clone());
        if let Some(account) = self.open.borrow().get(&id) {
            return Ok(Rc::clone(account));
        }
        let refused = |message: String| NoAccount {
            reason: Reason::ConnectionNotOffered,
            message,
        };
        let endpoint = route.connection.endpoint().map_err(refused)?;
        let timeout =
            write_timeout(self.config.lease_duration.length()).min(Duration::from_secs(30));
        let options = HttpOptions {
            total_timeout: timeout,
            addresses: route.connection.addresses(),
            ..HttpOptions::default()
        };
        let transport = HttpTransport::new(&endpoint, &options).map_err(|error| NoAccount {
            reason: Reason::ConnectionNotOffered,
            message: error.detail,
        })?;
        let (deadlines, shard) = (self.deadlines.clone(), route.shard);
        let config = ClientConfig {
            request_timeout: timeout,
            requests_per_second: route.connection.requests_per_second,
            burst: route.connection.requests_per_second.saturating_mul(TWO),
            fence: Some(Arc::new(move || deadlines.holds(shard))),
            observer: Some(self.metrics.observer(&id.0)),
            ..ClientConfig::default()
        };
        let account = Rc::new(Account {
            connection: id.0.clone(),
            shard,
            client: Client::new(endpoint, transport, route.credentials.clone(), config),
            credentials: route.credentials.clone(),
            deadlines: self.deadlines.clone(),
            buildings: tokio::sync::Mutex::default(),
        });
        self.open.borrow_mut().insert(id, Rc::clone(&account));
        Ok(account)
    }

    /// Forgets what is in memory for a Portfolio that is gone.
    pub fn forget(&self, portfolio: &Name) {
        self.routes.borrow_mut().remove(portfolio);
    }

    /// Every account that a Portfolio leads to now, for its figures.
    #[must_use]
    pub fn in_use(&self) -> Vec<Rc<Account>> {
        let routes = self.routes.borrow();
        let used: BTreeSet<(String, String)> = routes
            .values()
            .map(|held| {
                let route = held.route.borrow();
                (route.connection.name.clone(), route.client_id.clone())
            })
            .collect();
        let open = self.open.borrow();
        used.iter().filter_map(|id| open.get(id).cloned()).collect()
    }
}

const TWO: std::num::NonZeroU32 = match std::num::NonZeroU32::new(2) {
    Some(two) => two,
    None => std::num::NonZeroU32::MIN,
};
