//! What was known when a round began, shared by its passes side by side.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use opendoor_door_os::Building;
use opendoor_planner::guard::losses_in_window;
use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::ledger::Ledger;
use opendoor_planner::observed::Observed;
use opendoor_planner::plan::Step;

use crate::gather::Heads;
use crate::ports::StoreError;
use crate::snapshot::Snapshot;

/// Losses charged in the window at each building, with its Portfolio's name.
pub type Losses = BTreeMap<BuildingUuid, (Option<String>, u32)>;

/// What was known when the round began.
#[derive(Debug)]
pub struct Known {
    /// Everything declared.
    pub snapshot: Snapshot,
    /// The ledgers' heads.
    pub heads: Heads,
    /// The buildings DOOR OS lists.
    pub buildings: Rc<Vec<Building>>,
    /// What the portfolio's limit counts. Passes side by side share it.
    pub losses: Rc<RefCell<Losses>>,
    /// What was begun while the declarations were read. Each is used once.
    pub looks: RefCell<BTreeMap<BuildingUuid, Begun>>,
}

/// What a pass begins with: a look at its building, and what is remembered of it.
#[derive(Debug)]
pub struct Begun {
    /// The look.
    pub observed: Result<Observed, opendoor_door_os::Error>,
    /// The ledger.
    pub ledger: Result<Option<Ledger>, StoreError>,
}

impl Known {
    /// Losses charged at the other buildings of the same Portfolio.
    pub(super) fn losses_elsewhere(&self, ledger: &Ledger) -> u32 {
        let portfolio = portfolio_name(ledger);
        self.losses
            .borrow()
            .iter()
            .filter(|(building, (name, _))| **building != ledger.building && *name == portfolio)
            .map(|(_, (_, losses))| *losses)
            .sum()
    }

    /// Counts losses that are about to be charged.
    pub(super) fn reserve(&self, ledger: &Ledger, steps: &[Step], now: Timestamp) {
        let planned: usize = steps
            .iter()
            .filter(|step| !step.uncharged)
            .map(|step| step.losses.len())
            .sum();
        let charged = losses_in_window(&ledger.head, now);
        let losses = charged.saturating_add(u32::try_from(planned).unwrap_or(u32::MAX));
        self.set_losses(ledger, losses);
    }

    /// Counts losses that were charged.
    pub(super) fn charged(&self, ledger: &Ledger, now: Timestamp) {
        self.set_losses(ledger, losses_in_window(&ledger.head, now));
    }

    fn set_losses(&self, ledger: &Ledger, losses: u32) {
        self.losses
            .borrow_mut()
            .insert(ledger.building, (portfolio_name(ledger), losses));
    }
}

fn portfolio_name(ledger: &Ledger) -> Option<String> {
    ledger
        .head
        .portfolio
        .as_ref()
        .map(|portfolio| portfolio.name.clone())
}
