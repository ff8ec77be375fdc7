//! What a pass needs of the world, as few small traits. Every effect goes through one of them, so that
//! a whole world can run in one thread, and a crash is a future that is dropped at one of them.

use jiff::Timestamp;
use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::ledger::Ledger;
use opendoor_planner::owner::Cause;
use serde::{Deserialize, Serialize};

use crate::gather::Heads;
use crate::snapshot::Snapshot;

/// Where ledgers are kept.
#[allow(async_fn_in_trait, reason = "the program runs on one thread")]
pub trait Ledgers {
    /// The head of every ledger: all that is not per door.
    ///
    /// # Errors
    /// The store cannot be read, or holds something that is not a ledger.
    async fn heads(&self) -> Result<Heads, StoreError>;

    /// A building's ledger, if it has one.
    ///
    /// # Errors
    /// The store cannot be read, or holds something that is not a ledger.
    async fn load(&self, building: BuildingUuid) -> Result<Option<Ledger>, StoreError>;

    /// Makes what is unsaved of a ledger durable, with the history that goes with it, all or nothing.
    /// Afterwards nothing is unsaved.
    ///
    /// # Errors
    /// Nothing was written; or another process wrote since the ledger was loaded.
    async fn commit(&self, ledger: &mut Ledger, history: &[Event]) -> Result<(), StoreError>;
}

/// Where declarations come from.
#[allow(async_fn_in_trait, reason = "the program runs on one thread")]
pub trait Declarations {
    /// Everything declared now. What cannot be read is in the answer, never an error: unreadable is
    /// not absent.
    async fn read(&self) -> Snapshot;
}

/// What was declared at one moment, such as at a Git revision.
impl Declarations for Snapshot {
    async fn read(&self) -> Snapshot {
        self.clone()
    }
}

/// The clock of a pass.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Whether this process may still write.
pub trait Ownership {
    /// Asked immediately before every write to DOOR OS. `false`: another process may own the
    /// building by now, and nothing more is sent.
    fn holds(&self) -> bool;
}

/// A home in which one process owns everything for as long as it runs.
#[derive(Clone, Copy, Debug)]
pub struct Exclusive;

impl Ownership for Exclusive {
    fn holds(&self) -> bool {
        true
    }
}

/// One thing that happened, for the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The Property's name.
    pub property: String,
    /// What: a word in the past tense, such as `PartnerAssigned`.
    pub event: String,
    /// The door or key it is about.
    pub what: String,
    /// What was there before, in words.
    pub before: String,
    /// What is there now, or was wanted.
    pub after: String,
    /// More, such as DOOR's code for a refusal.
    pub detail: String,
    /// Where it was declared.
    pub cause: Cause,
}

/// The store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Reading or writing failed.
    #[error("the state in {place} cannot be {doing}: {why}. {next}")]
    Failed {
        /// Where the state is kept.
        place: String,
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        why: String,
        /// What to do next.
        next: &'static str,
    },
    /// Another process has it.
    #[error("the state in {place} is in use by another process. Wait for it, or stop it.")]
    InUse {
        /// Where the state is kept.
        place: String,
    },
    /// It was written by a newer version.
    #[error(
        "the state in {place} was written by a newer opendoor (its format is {found}, this one knows {known}). Use that version."
    )]
    TooNew {
        /// Where the state is kept.
        place: String,
        /// The format found.
        found: i64,
        /// The newest format known.
        known: i64,
    },
    /// It was written by an older version, in a format this one does not read.
    #[error(
        "the state in {place} was written by an older opendoor (its format is {found}, this one knows {known}). Use that \
         version; or move the file away: the next run is then a first contact, which removes nothing it does not know."
    )]
    TooOld {
        /// Where the state is kept.
        place: String,
        /// The format found.
        found: i64,
        /// The format known.
        known: i64,
    },
}
