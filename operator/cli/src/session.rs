//! What a command works with: a directory of YAML, its state, and a DOOR OS.

use std::collections::BTreeMap;
use std::path::Path;

use opendoor_api::condition::DRIFTED;
use opendoor_door_os::Building;
use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::ledger::Ledger;
use opendoor_reconciler::directory::{Directory, SqliteStore, StateLock, StoredStatus};
use opendoor_reconciler::gather::Heads;
use opendoor_reconciler::git::GitError;
use opendoor_reconciler::pass::{Mandate, PassError, Ports};
use opendoor_reconciler::ports::{Clock as _, Event, Exclusive, Ledgers, StoreError};
use opendoor_reconciler::record::RecordError;
use opendoor_reconciler::round::{RoundReport, round};
use opendoor_reconciler::unseen::unseen;

use crate::connect::{ConnectError, Connection, Wish};
use crate::notify::AddressError;
use crate::progress::Shown;

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The directory of YAML is not there.
    #[error("{0} is not there. Give the directory that holds the YAML.")]
    NoPath(String),
    /// It is a file.
    #[error(
        "{0} is a file. Give the directory that holds it; only `opendoor validate` takes files."
    )]
    IsFile(String),
    /// There is nothing to do in it.
    #[error(
        "{0} holds no OpenDOOR YAML. Start with a Property and a DoorAssignment (see examples/day-one), or let `opendoor import` \
         write what a building has now."
    )]
    NothingDeclared(String),
    /// No DOOR OS to talk to.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The state cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// DOOR OS cannot be read.
    #[error(transparent)]
    DoorOs(#[from] opendoor_door_os::Error),
    /// What a Git revision declared cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// What was looked at cannot be written down.
    #[error("what was seen cannot be written as a snapshot: {0}")]
    Record(#[from] RecordError),
    /// Messages cannot go where they should.
    #[error(transparent)]
    Notify(#[from] AddressError),
    /// A round failed as a whole.
    #[error(transparent)]
    Round(#[from] PassError),
}

/// A command at work.
pub struct Session {
    /// The declarations.
    pub directory: Directory,
    /// DOOR OS.
    pub connection: Connection,
    store: Store,
    mandate: Mandate,
    _lock: Option<StateLock>,
}

impl Session {
    /// Opens a session that only looks: it writes nothing and runs beside one that acts.
    ///
    /// # Errors
    /// Something it needs is not there.
    pub async fn to_look(wish: &Wish) -> Result<Self, SessionError> {
        check_path(&wish.path)?;
        let store = match SqliteStore::open_read_only(&wish.state)? {
            Some(store) => Store::Kept(store),
            None => Store::Nothing,
        };
        Ok(Self {
            directory: Directory::new(&wish.path),
            connection: Connection::open(wish, false).await?,
            store,
            mandate: Mandate::Look,
            _lock: None,
        })
    }

    /// Opens a session that acts: alone on its state directory.
    ///
    /// # Errors
    /// Something it needs is not there, or another process acts.
    pub async fn to_act(wish: &Wish) -> Result<Self, SessionError> {
        check_path(&wish.path)?;
        let directory = Directory::new(&wish.path);
        let state_exists = wish.state.join("state.db").exists();
        if !state_exists && directory.snapshot().is_empty() {
            return Err(SessionError::NothingDeclared(
                wish.path.display().to_string(),
            ));
        }
        let lock = StateLock::take(&wish.state).map_err(|error| wish.locked(error))?;
        Ok(Self {
            directory,
            connection: Connection::open(wish, true).await?,
            store: Store::Kept(SqliteStore::open(&wish.state)?),
            mandate: Mandate::Perform,
            _lock: Some(lock),
        })
    }

    /// One round over every property.
    ///
    /// # Errors
    /// DOOR OS does not list its buildings, or the state cannot be read.
    pub async fn round(&self, approvals: &[String]) -> Result<RoundReport, SessionError> {
        let report = self.make_round(self.mandate.clone(), approvals).await?;
        if self.mandate == Mandate::Perform
            && let Store::Kept(store) = &self.store
        {
            for (target, pass) in &report.passes {
                if let Ok(pass) = pass {
                    store.report(&target.property, &pass.statuses, pass.at)?;
                }
            }
        }
        Ok(report)
    }

    /// One round that only looks, whatever the session may do.
    ///
    /// # Errors
    /// DOOR OS does not list its buildings, or the state cannot be read.
    pub async fn look(&self) -> Result<RoundReport, SessionError> {
        self.make_round(Mandate::Look, &[]).await
    }

    /// One round that only looks; where DOOR OS cannot be asked at all, what the ledgers know, and why it could not.
    ///
    /// # Errors
    /// The state cannot be read.
    pub async fn look_or_recall(&self) -> Result<(RoundReport, Option<PassError>), SessionError> {
        match self.look().await {
            Err(SessionError::Round(error @ PassError::DoorOs(_))) => {
                let unseen = unseen(&self.store, None, self.connection.now()).await?;
                let report = RoundReport {
                    passes: Vec::new(),
                    not_passed: Vec::new(),
                    strays: Vec::new(),
                    unreadable: Vec::new(),
                    notes: Vec::new(),
                    unseen,
                };
                Ok((report, Some(error)))
            }
            other => Ok((other?, None)),
        }
    }

    /// One round that only plans.
    ///
    /// # Errors
    /// DOOR OS does not list its buildings, or the state cannot be read.
    pub async fn plan(&self) -> Result<RoundReport, SessionError> {
        self.make_round(Mandate::Plan, &[]).await
    }

    async fn make_round(
        &self,
        mandate: Mandate,
        approvals: &[String],
    ) -> Result<RoundReport, SessionError> {
        let shown = Shown::new(&self.connection.client);
        let ports = Ports {
            door_os: &shown,
            ledgers: &self.store,
            declarations: &self.directory,
            clock: &self.connection,
            ownership: &Exclusive,
        };
        let mut report = round(&ports, mandate, approvals).await?;
        report.unseen = unseen(&self.store, Some(&report), self.connection.now()).await?;
        let found = report.passes.len() + report.not_passed.len();
        if found == 0
            && matches!(self.store, Store::Nothing)
            && self.directory.snapshot().is_empty()
        {
            let root = self.directory.root();
            return Err(SessionError::NothingDeclared(root.display().to_string()));
        }
        Ok(report)
    }

    /// The ledgers.
    #[must_use]
    pub fn ledgers(&self) -> &impl Ledgers {
        &self.store
    }

    /// The buildings these credentials may manage.
    ///
    /// # Errors
    /// DOOR OS cannot be read.
    pub async fn buildings(&self) -> Result<Vec<Building>, SessionError> {
        use opendoor_door_os::DoorOs;
        Ok(self.connection.client.buildings().await?)
    }

    /// The store, where there is one.
    #[must_use]
    pub fn store(&self) -> Option<&SqliteStore> {
        match &self.store {
            Store::Kept(store) => Some(store),
            Store::Nothing => None,
        }
    }

    /// Since when something at a property is changed by hand, where a round that acts noted it.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn drifted_since(&self, property: &str) -> Result<Option<jiff::Timestamp>, SessionError> {
        let Some(store) = self.store() else {
            return Ok(None);
        };
        let drifted = |status: &StoredStatus| {
            let mut conditions = status.status.conditions.iter();
            let is = conditions.any(|one| one.kind == DRIFTED && one.status == "True");
            status.since.get(DRIFTED).copied().filter(|_| is)
        };
        let statuses = store.statuses(property)?;
        Ok(statuses.values().filter_map(drifted).min())
    }

    /// Since when each condition of a property's objects has its status, by object and type.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn since(
        &self,
        property: &str,
    ) -> Result<BTreeMap<String, BTreeMap<String, jiff::Timestamp>>, SessionError> {
        let Some(store) = self.store() else {
            return Ok(BTreeMap::new());
        };
        let statuses = store.statuses(property)?;
        Ok(statuses
            .into_iter()
            .map(|(object, status)| (object, status.since))
            .collect())
    }
}

/// A directory of YAML is one that is there.
///
/// # Errors
/// It is not there, or a file.
pub fn check_path(path: &Path) -> Result<(), SessionError> {
    if path.is_dir() {
        return Ok(());
    }
    let place = path.display().to_string();
    Err(if path.exists() {
        SessionError::IsFile(place)
    } else {
        SessionError::NoPath(place)
    })
}

/// The ledgers of a session: kept, or none yet.
enum Store {
    Kept(SqliteStore),
    Nothing,
}

impl Ledgers for Store {
    async fn heads(&self) -> Result<Heads, StoreError> {
        match self {
            Self::Kept(store) => store.heads().await,
            Self::Nothing => Ok(Heads::new()),
        }
    }

    async fn load(&self, building: BuildingUuid) -> Result<Option<Ledger>, StoreError> {
        match self {
            Self::Kept(store) => store.load(building).await,
            Self::Nothing => Ok(None),
        }
    }

    async fn commit(&self, ledger: &mut Ledger, history: &[Event]) -> Result<(), StoreError> {
        match self {
            Self::Kept(store) => store.commit(ledger, history).await,
            // A session that only looks commits nothing.
            Self::Nothing => Ok(()),
        }
    }
}
