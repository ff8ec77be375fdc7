//! One look at the world, from which several plans are made: what was read once is not read again, and
//! nothing is written.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use jiff::Timestamp;
use opendoor_door_os::{Building, DoorOs, Error, ServerTime};
use opendoor_planner::ids::{BuildingUuid, DoorUuid, KeyUuid};
use opendoor_planner::ledger::Ledger;
use opendoor_planner::observed::{DoorRow, KeyRow, Observed};
use opendoor_planner::writes::{Answer, Write};

use crate::gather::Heads;
use crate::pass::{Mandate, PassError, Ports};
use crate::ports::{Clock, Declarations, Event, Exclusive, Ledgers, StoreError};
use crate::round::{RoundReport, round};

/// One look. It is DOOR OS, the ledgers and the clock of every round made from it.
#[derive(Debug)]
pub struct Look<'a, D, L, C> {
    door_os: &'a D,
    ledgers: &'a L,
    clock: &'a C,
    at: OnceCell<Timestamp>,
    buildings: RefCell<Option<Result<Vec<Building>, Error>>>,
    observed: RefCell<BTreeMap<BuildingUuid, Result<Observed, Error>>>,
    doors: RefCell<BTreeMap<DoorUuid, Result<Option<DoorRow>, Error>>>,
    heads: RefCell<Option<Heads>>,
    loaded: RefCell<BTreeMap<BuildingUuid, Option<Ledger>>>,
}

impl<'a, D: DoorOs, L: Ledgers, C: Clock> Look<'a, D, L, C> {
    /// Begins a look. Nothing is read before a plan needs it.
    #[must_use]
    pub fn new(door_os: &'a D, ledgers: &'a L, clock: &'a C) -> Self {
        Self {
            door_os,
            ledgers,
            clock,
            at: OnceCell::new(),
            buildings: RefCell::default(),
            observed: RefCell::default(),
            doors: RefCell::default(),
            heads: RefCell::default(),
            loaded: RefCell::default(),
        }
    }

    /// Plans these declarations.
    ///
    /// # Errors
    /// The store cannot be read, or DOOR OS does not list its buildings.
    pub async fn plan(&self, declarations: &impl Declarations) -> Result<RoundReport, PassError> {
        let ports = Ports {
            door_os: self,
            ledgers: self,
            declarations,
            clock: self,
            ownership: &Exclusive,
        };
        round(&ports, Mandate::Plan, &[]).await
    }

    /// Takes what a round remembered of buildings that have no ledger for theirs, so that what was
    /// declared then and is already so counts as ours. Returns the names of these properties.
    pub fn adopt(&self, report: &RoundReport) -> Vec<String> {
        let mut heads = self.heads.borrow_mut();
        let heads = heads.get_or_insert_with(Heads::new);
        let mut adopted = Vec::new();
        for (target, pass) in &report.passes {
            let Ok(pass) = pass else { continue };
            let building = target.building.uuid;
            if heads.contains_key(&building) {
                continue;
            }
            heads.insert(building, pass.ledger.head.clone());
            let ledger = Some(pass.ledger.clone());
            self.loaded.borrow_mut().insert(building, ledger);
            adopted.push(target.property.clone());
        }
        adopted
    }

    /// What was read so far of a building, and its ledger.
    #[must_use]
    pub fn seen(&self, building: BuildingUuid) -> Option<(Observed, Option<Ledger>)> {
        let observed = self.observed.borrow().get(&building)?.clone().ok()?;
        let ledger = self.loaded.borrow().get(&building).cloned().flatten();
        Some((observed, ledger))
    }
}

impl<D: DoorOs, L: Ledgers, C: Clock> Clock for Look<'_, D, L, C> {
    /// The same moment for all that is planned from it.
    fn now(&self) -> Timestamp {
        *self.at.get_or_init(|| self.clock.now())
    }
}

impl<D: DoorOs, L: Ledgers, C: Clock> DoorOs for Look<'_, D, L, C> {
    async fn buildings(&self) -> Result<Vec<Building>, Error> {
        if let Some(known) = &*self.buildings.borrow() {
            return known.clone();
        }
        let buildings = self.door_os.buildings().await;
        *self.buildings.borrow_mut() = Some(buildings.clone());
        buildings
    }

    async fn observe(&self, building: &Building) -> Result<Observed, Error> {
        if let Some(known) = self.observed.borrow().get(&building.uuid) {
            return known.clone();
        }
        let mut observed = self.door_os.observe(building).await;
        if let Ok(observed) = &mut observed {
            observed.clock_skewed |= self.door_os.time().is_some_and(|time| time.skewed());
        }
        self.observed
            .borrow_mut()
            .insert(building.uuid, observed.clone());
        observed
    }

    async fn door(&self, door: DoorUuid) -> Result<Option<DoorRow>, Error> {
        if let Some(known) = self.doors.borrow().get(&door) {
            return known.clone();
        }
        let row = self.door_os.door(door).await;
        self.doors.borrow_mut().insert(door, row.clone());
        row
    }

    async fn key(&self, key: KeyUuid) -> Result<Option<KeyRow>, Error> {
        self.door_os.key(key).await
    }

    async fn send(&self, _: &Write) -> Answer {
        Answer::NotSent {
            why: String::from("a look changes nothing"),
        }
    }

    fn time(&self) -> Option<ServerTime> {
        // What it says of skew is in every look, so that two rounds say the same.
        None
    }
}

impl<D: DoorOs, L: Ledgers, C: Clock> Ledgers for Look<'_, D, L, C> {
    async fn heads(&self) -> Result<Heads, StoreError> {
        if let Some(heads) = &*self.heads.borrow() {
            return Ok(heads.clone());
        }
        let heads = self.ledgers.heads().await?;
        *self.heads.borrow_mut() = Some(heads.clone());
        Ok(heads)
    }

    async fn load(&self, building: BuildingUuid) -> Result<Option<Ledger>, StoreError> {
        if let Some(known) = self.loaded.borrow().get(&building) {
            return Ok(known.clone());
        }
        let ledger = self.ledgers.load(building).await?;
        self.loaded.borrow_mut().insert(building, ledger.clone());
        Ok(ledger)
    }

    async fn commit(&self, _: &mut Ledger, _: &[Event]) -> Result<(), StoreError> {
        Ok(())
    }
}
