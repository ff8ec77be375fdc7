//! The brake, counted from effects.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use opendoor_planner::plan::Plan;
use opendoor_planner::reasons::Reason;
use uuid::Uuid;

use super::declared::Declared;
use super::log::Change;
use super::registry::Registry;
use super::{Call, Ledgers, call_of, uuid};
use crate::laws::{Broken, Law, Tally};

/// A day, less the time by which an effect may come later than it was counted.
const WINDOW: SignedDuration = SignedDuration::from_mins(24 * 60 - 40);
/// However little is owned, this much may go.
const LEAST: u64 = 3;

#[derive(Debug, Default)]
pub struct Brake {
    /// When, where, how many.
    losses: Vec<(Timestamp, Uuid, u64)>,
    time_driven: BTreeSet<(Uuid, Uuid)>,
    /// What the ledgers have counted.
    charged: BTreeMap<Uuid, u64>,
    /// Writes that the brake held, with the object and what it said.
    held: BTreeMap<(Call, Option<Uuid>), Held>,
}

#[derive(Debug)]
struct Held {
    building: Uuid,
    owner: String,
    said: String,
}

impl Brake {
    pub fn begin(&mut self, declared: &Declared, ledgers: &Ledgers) {
        self.time_driven.extend(&declared.time_driven);
        self.charged = charged(ledgers);
    }

    /// The declarations changed while the round runs.
    pub fn also(&mut self, declared: &Declared) {
        self.time_driven.extend(&declared.time_driven);
    }

    pub fn after(&mut self, ledgers: &Ledgers) {
        self.charged = charged(ledgers);
    }

    pub fn judge(
        &mut self,
        change: &Change,
        causes: &[Rc<Declared>],
        exempt: bool,
        pairs: &BTreeMap<Uuid, u64>,
        registry: &Registry,
        tally: &mut Tally,
    ) -> Result<(), Broken> {
        if exempt {
            return Ok(());
        }
        self.stays_held(change, causes, tally)?;
        let mut lost = 0;
        let mut home = None;
        for door in &change.doors {
            home = registry.home(door.door);
            let counted = door
                .lost_wholly()
                .into_iter()
                .filter(|partner| !self.time_driven.contains(&(door.door, *partner)));
            lost += u64::try_from(counted.count()).unwrap();
        }
        let Some(home) = home.filter(|_| lost > 0) else {
            return Ok(());
        };
        tally.premise(Law::LossesAreBraked);
        self.losses.push((change.at, home, lost));
        let in_window: u64 = self
            .losses
            .iter()
            .filter(|(at, building, _)| *building == home && change.at.duration_since(*at) < WINDOW)
            .map(|(_, _, lost)| lost)
            .sum();
        let most = |of: fn(&Declared) -> u32| causes.iter().map(|declared| of(declared)).max();
        let removals = u64::from(most(|declared| declared.limits.0).unwrap_or(25));
        let percent = u64::from(most(|declared| declared.limits.1).unwrap_or(25));
        let base = pairs.get(&home).copied().unwrap_or(0)
            + in_window
            + self.charged.get(&home).copied().unwrap_or(0);
        let limit = removals.min(base * percent / 100).max(LEAST);
        if in_window <= limit {
            return Ok(());
        }
        Err(Broken {
            law: Law::LossesAreBraked,
            how: format!(
                "{in_window} losses in a day, and at most {limit} of {base} may pass: {:?}, now {change:?}",
                self.losses
            ),
        })
    }

    fn stays_held(
        &self,
        change: &Change,
        causes: &[Rc<Declared>],
        tally: &mut Tally,
    ) -> Result<(), Broken> {
        if !self.held.is_empty() {
            tally.premise(Law::HeldStaysHeld);
        }
        // What only grants may be asked for by an object that is not held.
        if change.doors.iter().all(|door| door.lost().is_empty())
            || !change.request["partnerUuid"].is_null()
        {
            return Ok(());
        }
        let asked = (change.call.clone(), uuid(&change.request["partnerUuid"]));
        let Some(Held { owner, said, .. }) = self.held.get(&asked) else {
            return Ok(());
        };
        let unchanged = causes.iter().all(|declared| says(declared, owner) == *said);
        if !unchanged {
            return Ok(());
        }
        Err(Broken {
            law: Law::HeldStaysHeld,
            how: format!("it was held for {owner}, which says the same still: {change:?}"),
        })
    }

    /// Takes note of what the brake holds now.
    pub fn note_held(
        &mut self,
        building: Uuid,
        plan: &Plan,
        declared: Option<&(Timestamp, Rc<Declared>)>,
    ) {
        let Some((_, declared)) = declared else {
            return;
        };
        // A step of an object that said something else in between is judged anew.
        if plan.complete {
            self.held.retain(|_, held| held.building != building);
        }
        for step in &plan.steps {
            if step.held != Some(Reason::RemovalLimitExceeded) {
                continue;
            }
            let partner = match &step.write {
                opendoor_planner::writes::Write::SetDoorPartner { partner, .. } => {
                    partner.map(|partner| partner.0)
                }
                _ => None,
            };
            let owner = step.owner.to_string();
            let said = says(declared, &owner);
            let held = Held {
                building,
                owner,
                said,
            };
            self.held.insert((call_of(step), partner), held);
        }
    }
}

fn says(declared: &Declared, owner: &str) -> String {
    let gone = String::from("gone");
    let said = declared
        .says
        .get(owner)
        .cloned()
        .unwrap_or_else(|| gone.clone());
    // Whether the last pass has forgotten it already makes no difference.
    if said.starts_with("Some((true") || said == "None" {
        gone
    } else {
        said
    }
}

fn charged(ledgers: &Ledgers) -> BTreeMap<Uuid, u64> {
    ledgers
        .iter()
        .map(|(building, ledger)| {
            let charges = ledger.0["charges"].as_array().into_iter().flatten();
            let losses = charges.filter_map(|charge| charge["losses"].as_u64()).sum();
            (*building, losses)
        })
        .collect()
}
