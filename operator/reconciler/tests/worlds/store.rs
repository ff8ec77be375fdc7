//! Ledgers as bytes in memory: what is not committed is lost with the process.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::ledger::{Ledger, Unsaved};
use opendoor_planner::writes::Write;
use opendoor_reconciler::gather::Heads;
use opendoor_reconciler::ports::{Event, Ledgers, StoreError};
use serde_json::Value;

use crate::effects::Effects;
use crate::mutants::Mutant;

/// What may become of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is refused: nothing of it is kept.
    Refused,
    /// It is kept, and the answer is an error all the same.
    AnswerLost,
    /// Another process wrote since the ledger was loaded.
    Overtaken,
    /// Not a commit: the ledger cannot be read.
    Unreadable,
}

/// What became of commits in a round.
#[derive(Clone, Debug, Default)]
pub struct Commits {
    count: u32,
    trouble: Option<(u32, Trouble)>,
    /// Buildings of which a commit failed, as the process was told.
    pub failed: BTreeSet<uuid::Uuid>,
    /// The trouble that was met; and whether that commit began writes.
    pub met: Option<(Trouble, bool)>,
}

/// What outlives a process.
#[derive(Debug, Default)]
pub struct Disk {
    kept: RefCell<BTreeMap<BuildingUuid, Kept>>,
    commits: Cell<u64>,
    /// What the writes begun in the last commit are about: paths of their doors and keys.
    under_way: RefCell<Vec<String>>,
    round: RefCell<Commits>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    head: Vec<u8>,
    doors: Vec<u8>,
    /// The same as JSON values.
    values: Rc<(Value, Value)>,
    /// Counts commits, for compare-and-swap.
    version: u64,
}

impl Kept {
    fn of(ledger: &Ledger) -> Self {
        let head = serde_json::to_value(&ledger.head).unwrap();
        let doors = serde_json::to_value(&ledger.doors).unwrap();
        Self {
            head: serde_json::to_vec(&head).unwrap(),
            doors: serde_json::to_vec(&doors).unwrap(),
            values: Rc::new((head, doors)),
            version: 0,
        }
    }
}

impl Disk {
    /// How often anything was committed.
    pub fn commits(&self) -> u64 {
        self.commits.get()
    }

    /// A round begins, in which the commit of this number meets trouble.
    pub fn begin(&self, trouble: Option<(u32, Trouble)>) {
        *self.round.borrow_mut() = Commits {
            trouble,
            ..Commits::default()
        };
    }

    /// What became of the commits of this round so far.
    pub fn round(&self) -> Commits {
        self.round.borrow().clone()
    }

    /// Buildings of which a commit of this round failed.
    pub fn failed(&self) -> BTreeSet<uuid::Uuid> {
        self.round.borrow().failed.clone()
    }

    /// Counts a commit, and says what trouble it meets.
    fn meets(&self, ledger: &Ledger) -> Option<Trouble> {
        let mut round = self.round.borrow_mut();
        round.count += 1;
        let (at, trouble) = round.trouble?;
        if round.count < at || trouble == Trouble::Unreadable {
            return None;
        }
        let intents = ledger.head.intents.iter();
        let begins = intents.filter(|intent| intent.unknown_since.is_none());
        round.met = Some((trouble, begins.count() > 0));
        round.failed.insert(ledger.building.0);
        round.trouble = None;
        Some(trouble)
    }

    /// Whether the ledger can be read.
    fn reads(&self) -> Result<(), StoreError> {
        let mut round = self.round.borrow_mut();
        if !matches!(round.trouble, Some((_, Trouble::Unreadable))) {
            return Ok(());
        }
        round.trouble = None;
        round.met = Some((Trouble::Unreadable, false));
        Err(Store::failed("it cannot be read"))
    }

    /// Another process writes a ledger, with nothing new in it.
    fn overtake(&self, building: BuildingUuid) {
        let mut kept = self.kept.borrow_mut();
        kept.entry(building)
            .or_insert_with(|| Kept::of(&Ledger::new(building)))
            .version += 1;
    }

    /// Takes what the writes begun in the last commit are about.
    pub fn take_under_way(&self) -> Vec<String> {
        self.under_way.take()
    }

    /// Whether a ledger holds an open write about this: the uuid of a door or key, or the mark of a new key.
    pub fn has_begun(&self, subject: &str) -> bool {
        let kept = self.kept.borrow();
        kept.values().any(|kept| {
            let intents = kept.values.0["intents"].as_array().into_iter().flatten();
            let mut writes = intents.map(|intent| &intent["write"]);
            writes.any(|write| {
                ["door", "key", "clientRef"]
                    .iter()
                    .any(|field| write[field] == subject)
            })
        })
    }

    /// All bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let kept = self.kept.borrow();
        kept.values()
            .flat_map(|kept| kept.head.iter().chain(&kept.doors).copied())
            .collect()
    }

    /// The ledgers as JSON, by building.
    pub fn ledgers(&self) -> BTreeMap<uuid::Uuid, Rc<(Value, Value)>> {
        let kept = self.kept.borrow();
        kept.iter()
            .map(|(building, kept)| (building.0, Rc::clone(&kept.values)))
            .collect()
    }
}

/// The ledgers as one process sees them.
pub struct Store {
    disk: Rc<Disk>,
    effects: Effects,
    mutant: Mutant,
    /// The version of each ledger that this process loaded or wrote last.
    loaded: RefCell<BTreeMap<BuildingUuid, u64>>,
}

impl Store {
    pub fn new(disk: Rc<Disk>, effects: Effects, mutant: Mutant) -> Self {
        Self {
            disk,
            effects,
            mutant,
            loaded: RefCell::default(),
        }
    }

    fn failed(why: &str) -> StoreError {
        StoreError::Failed {
            place: String::from("memory"),
            doing: "committed",
            why: why.to_owned(),
            next: "This is a fault of the program.",
        }
    }
}

impl Ledgers for Store {
    async fn heads(&self) -> Result<Heads, StoreError> {
        let kept = self.disk.kept.borrow();
        Ok(kept
            .iter()
            .map(|(building, kept)| (*building, serde_json::from_slice(&kept.head).unwrap()))
            .collect())
    }

    async fn load(&self, building: BuildingUuid) -> Result<Option<Ledger>, StoreError> {
        self.disk.reads()?;
        let kept = self.disk.kept.borrow();
        let found = kept.get(&building);
        let version = found.map_or(0, |kept| kept.version);
        self.loaded.borrow_mut().insert(building, version);
        Ok(found.map(|kept| {
            let head = serde_json::from_slice(&kept.head).unwrap();
            let doors = serde_json::from_slice(&kept.doors).unwrap();
            Ledger::stored(building, head, doors)
        }))
    }

    async fn commit(&self, ledger: &mut Ledger, _: &[Event]) -> Result<(), StoreError> {
        self.effects.point().await;
        let trouble = self.disk.meets(ledger);
        match trouble {
            Some(Trouble::Refused) => {
                if self.mutant == Mutant::FailedCommitIsCommitted {
                    ledger.unsaved = Unsaved::default();
                    return Ok(());
                }
                return Err(Self::failed("no space is left"));
            }
            Some(Trouble::Overtaken) => self.disk.overtake(ledger.building),
            _ => {}
        }
        let expected = self.loaded.borrow().get(&ledger.building).copied();
        let found = self
            .disk
            .kept
            .borrow()
            .get(&ledger.building)
            .map_or(0, |kept| kept.version);
        if expected.unwrap_or(0) != found {
            return Err(Self::failed("another process wrote since it was loaded"));
        }
        let begun = ledger
            .head
            .intents
            .iter()
            .filter(|intent| intent.unknown_since.is_none());
        *self.disk.under_way.borrow_mut() =
            begun.filter_map(|intent| subject(&intent.write)).collect();
        let mut head = serde_json::to_value(&ledger.head).unwrap();
        let mut doors = serde_json::to_value(&ledger.doors).unwrap();
        if self.mutant.commits(&mut head, &mut doors) {
            let kept = Kept {
                head: serde_json::to_vec(&head).unwrap(),
                doors: serde_json::to_vec(&doors).unwrap(),
                values: Rc::new((head, doors)),
                version: found + 1,
            };
            self.disk.kept.borrow_mut().insert(ledger.building, kept);
            self.loaded.borrow_mut().insert(ledger.building, found + 1);
            self.disk.commits.set(self.disk.commits.get() + 1);
        }
        if trouble == Some(Trouble::AnswerLost) {
            return Err(Self::failed("the disk did not answer"));
        }
        ledger.unsaved = Unsaved::default();
        self.effects.point().await;
        Ok(())
    }
}

/// The door or key of a write, as a path of the simulator's own interface.
fn subject(write: &Write) -> Option<String> {
    match write {
        Write::SetDoorPartner { door, .. } => Some(format!("doors/{door}")),
        Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. } => Some(format!("keys/{key}")),
        Write::CreateKey { .. } => None,
    }
}
