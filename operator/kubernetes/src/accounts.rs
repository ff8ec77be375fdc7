//! Accounts at DOOR OS: a connection with credentials from a Secret. Those of one client id share one limiter and one
//! breaker. A token is shared only by those who bring the same secret: a client id is no secret, and whoever names
//! somebody else's gets nothing by it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret as KubeSecret;
use kube::Api;
use opendoor_api::Portfolio;
use opendoor_door_os::{
    Building, Client, Config as ClientConfig, Credentials, DoorOs, Error, HttpOptions,
    HttpTransport, Secret,
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

/// A connection's name and a client id.
type Id = (String, String);

/// Why a Portfolio has no account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoAccount {
    /// In one word.
    pub reason: Reason,
    /// In a sentence.
    pub message: String,
    /// Whether that is sure. It is not where the API server did not say.
    pub sure: bool,
}

impl NoAccount {
    fn for_sure(reason: Reason, message: String) -> Self {
        Self {
            reason,
            message,
            sure: true,
        }
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
    credentials: Credentials,
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
    credentials: Credentials,
    /// The shard of this account.
    pub shard: u8,
    /// The Secret is gone; what it held is still in memory.
    pub secret_gone: Option<String>,
}

impl Route {
    fn id(&self) -> Id {
        (
            self.connection.name.clone(),
            self.credentials.client_id.clone(),
        )
    }
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
    /// One for each secret in use.
    open: RefCell<BTreeMap<Id, Vec<Rc<Account>>>>,
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
            .map_err(|message| NoAccount::for_sure(Reason::ConnectionNotOffered, message))?;
        let secret = portfolio
            .spec
            .credentials_secret_ref
            .as_ref()
            .ok_or_else(|| {
                let message = format!(
                    "spec.credentialsSecretRef is not set. Name a Secret of this namespace that holds {CLIENT_ID} and {CLIENT_SECRET}."
                );
                NoAccount::for_sure(Reason::CredentialsMissing, message)
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
            Ok(credentials) => Ok(self.take(name, &secret.name, connection, credentials)),
            // What was read before stays in memory: a namespace that goes takes its Secret first, and
            // the removals it asks for still have to be made.
            Err(why) => match held {
                Some(held) => {
                    held.read.set(Instant::now());
                    held.route.borrow_mut().secret_gone = Some(why.message);
                    Ok(held.route.borrow().clone())
                }
                None => Err(why),
            },
        }
    }

    fn take(
        &self,
        name: &Name,
        secret: &str,
        connection: &ConnectionConfig,
        credentials: Credentials,
    ) -> Route {
        let route = Route {
            shard: shard_of(&[&connection.name, &credentials.client_id]),
            connection: connection.clone(),
            credentials,
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

    async fn read(&self, namespace: &str, name: &str) -> Result<Credentials, NoAccount> {
        let missing = |message: String| NoAccount::for_sure(Reason::CredentialsMissing, message);
        let api: Api<KubeSecret> = Api::namespaced(self.kube.clone(), namespace);
        let secret = api
            .get_opt(name)
            .await
            .map_err(|error| NoAccount {
                reason: Reason::CredentialsMissing,
                message: format!(
                    "the Secret \"{name}\" cannot be read: {}",
                    crate::said(&error)
                ),
                sure: false,
            })?
            .ok_or_else(|| missing(format!("there is no Secret \"{name}\" in this namespace")))?;
        let data = secret.data.unwrap_or_default();
        let text = |key: &str| {
            data.get(key)
                .and_then(|bytes| std::str::from_utf8(&bytes.0).ok())
                .map(|text| text.trim_end_matches(['\r', '\n']))
                .filter(|text| !text.is_empty())
                .ok_or_else(|| missing(format!("the Secret \"{name}\" holds no usable {key}")))
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
        let id = route.id();
        let mut same_id = self.open.borrow().get(&id).cloned().unwrap_or_default();
        let same = same_id
            .iter()
            .find(|account| account.credentials == route.credentials);
        if let Some(account) = same {
            return Ok(Rc::clone(account));
        }
        let account = Rc::new(Account {
            connection: route.connection.name.clone(),
            shard: route.shard,
            client: match same_id.first() {
                Some(other) => other.client.with_credentials(route.credentials.clone()),
                None => self.client(route)?,
            },
            credentials: route.credentials.clone(),
            deadlines: self.deadlines.clone(),
            buildings: tokio::sync::Mutex::default(),
        });
        // A secret that was rotated is forgotten, and its token with it.
        same_id.retain(|open| self.leads_to(open));
        same_id.push(Rc::clone(&account));
        self.open.borrow_mut().insert(id, same_id);
        Ok(account)
    }

    /// Whether any Portfolio leads to an account.
    fn leads_to(&self, account: &Account) -> bool {
        self.routes.borrow().values().any(|held| {
            let route = held.route.borrow();
            route.connection.name == account.connection && route.credentials == account.credentials
        })
    }

    fn client(&self, route: &Route) -> Result<Client<HttpTransport>, NoAccount> {
        let refused = |message: String| NoAccount::for_sure(Reason::ConnectionNotOffered, message);
        let endpoint = route.connection.endpoint().map_err(refused)?;
        let timeout =
            write_timeout(self.config.lease_duration.length()).min(Duration::from_secs(30));
        let options = HttpOptions {
            total_timeout: timeout,
            addresses: route.connection.addresses(),
            ..HttpOptions::default()
        };
        let transport =
            HttpTransport::new(&endpoint, &options).map_err(|error| refused(error.detail))?;
        let (deadlines, shard) = (self.deadlines.clone(), route.shard);
        let config = ClientConfig {
            request_timeout: timeout,
            requests_per_second: route.connection.requests_per_second,
            burst: route.connection.requests_per_second.saturating_mul(TWO),
            fence: Some(Arc::new(move || deadlines.holds(shard))),
            observer: Some(self.metrics.observer(&route.connection.name)),
            ..ClientConfig::default()
        };
        let credentials = route.credentials.clone();
        Ok(Client::new(endpoint, transport, credentials, config))
    }

    /// Forgets what is in memory for a Portfolio that is gone.
    pub fn forget(&self, portfolio: &Name) {
        self.routes.borrow_mut().remove(portfolio);
    }

    /// The shards of credentials that are in memory and nowhere else any more: no other replica can do this work.
    #[must_use]
    pub fn only_in_memory(&self) -> BTreeSet<u8> {
        let routes = self.routes.borrow();
        let routes = routes.values().map(|held| held.route.borrow());
        routes
            .filter(|route| route.secret_gone.is_some())
            .map(|route| route.shard)
            .collect()
    }

    /// Every account that a Portfolio leads to now, for its figures.
    #[must_use]
    pub fn in_use(&self) -> Vec<Rc<Account>> {
        let routes = self.routes.borrow();
        let used: BTreeSet<Id> = routes
            .values()
            .map(|held| held.route.borrow().id())
            .collect();
        let open = self.open.borrow();
        used.iter()
            .filter_map(|id| open.get(id))
            .flatten()
            .cloned()
            .collect()
    }
}

const TWO: std::num::NonZeroU32 = match std::num::NonZeroU32::new(2) {
    Some(two) => two,
    None => std::num::NonZeroU32::MIN,
};
