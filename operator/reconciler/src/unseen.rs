//! What the ledgers say of buildings that a round could not look at: a debt survives also that.

use std::collections::BTreeSet;

use jiff::Timestamp;
use opendoor_planner::guard::Guard;
use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::ledger::Ledger;
use opendoor_planner::observed::Observed;
use opendoor_planner::plan::Waiting;
use opendoor_planner::planner::visits;

use crate::ports::{Ledgers, StoreError};
use crate::round::RoundReport;

/// A property that was not looked at, as its ledger has it.
#[derive(Clone, Debug)]
pub struct Unseen {
    /// The Property's name.
    pub property: String,
    /// The building, by name where that is known.
    pub building: String,
    /// The ledger.
    pub ledger: Ledger,
    /// A look that shows nothing.
    pub observed: Observed,
    /// The Door Syncs that are due, as last known.
    pub waiting: Vec<Waiting>,
}

/// What the ledgers hold of the buildings that a round did not look at; without a round, of all.
///
/// # Errors
/// The store cannot be read.
pub async fn unseen<L: Ledgers>(
    ledgers: &L,
    report: Option<&RoundReport>,
    now: Timestamp,
) -> Result<Vec<Unseen>, StoreError> {
    let mut seen = BTreeSet::new();
    if let Some(report) = report {
        let passes = report.passes.iter();
        let looked_at = passes.filter(|(_, pass)| pass.is_ok());
        seen.extend(looked_at.map(|(target, _)| target.building.uuid));
        if report.not_passed.is_empty() && seen.len() == report.passes.len() {
            return Ok(Vec::new());
        }
    }
    let mut unseen = Vec::new();
    for (building, head) in ledgers.heads().await? {
        let Some(property) = head.property.filter(|_| !seen.contains(&building)) else {
            continue;
        };
        let Some(ledger) = ledgers.load(building).await? else {
            continue;
        };
        if ledger.is_settled() {
            continue;
        }
        let name = report.and_then(|report| {
            let mut targets = report.passes.iter().map(|(target, _)| target);
            let target = targets.find(|target| target.building.uuid == building)?;
            Some(target.building.name.clone())
        });
        unseen.push(of_ledger(
            property.name,
            name.unwrap_or(property.spec.building),
            ledger,
            now,
        ));
    }
    unseen.sort_by(|a, b| a.property.cmp(&b.property));
    Ok(unseen)
}

fn of_ledger(property: String, building: String, ledger: Ledger, now: Timestamp) -> Unseen {
    let observed = nothing_of(ledger.building, building.clone(), now);
    let portfolio = ledger.head.portfolio.as_ref();
    let guard = portfolio.map_or_else(Guard::default, |portfolio| Guard::of(&portfolio.spec));
    let waiting = visits(&ledger, &observed, &[], &guard, now);
    Unseen {
        property,
        building,
        ledger,
        observed,
        waiting,
    }
}

fn nothing_of(building: BuildingUuid, building_name: String, at: Timestamp) -> Observed {
    Observed {
        building,
        building_name,
        at,
        partners: Vec::new(),
        doors: Vec::new(),
        keys: Vec::new(),
        incomplete: Some(String::from("the building was not looked at")),
        clock_skewed: false,
    }
}
