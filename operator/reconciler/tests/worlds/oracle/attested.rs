//! What a person attests is a weaker word than proof, and is shown as what it is: not enforced, and not
//! to be visited again.

use std::collections::BTreeSet;

use opendoor_planner::plan::WaitingKind;
use opendoor_reconciler::pass::PassReport;
use serde_json::Value;
use uuid::Uuid;

use super::log::accesses;
use super::{After, Oracle, rows, uuid};
use crate::laws::{Broken, Law, Occasion};

/// What a ledger says of a building's locks.
#[derive(Default)]
struct Words {
    /// (door, partner) of which every debt is attested.
    attested: BTreeSet<(Uuid, Uuid)>,
    /// Something is owed, or not known, that nobody attested.
    other: bool,
}

impl Words {
    fn read(doors: &Value) -> Self {
        let mut words = Self::default();
        for (door, record) in doors.as_object().into_iter().flatten() {
            let door = door.parse().unwrap();
            let entries = record["mayOpen"].as_array().into_iter().flatten();
            let owed = entries.filter(|entry| !entry["goneSince"].is_null());
            let mut open = BTreeSet::new();
            for entry in owed {
                let pair = (door, uuid(&entry["partner"]).unwrap());
                if entry["attested"].is_null() {
                    open.insert(pair);
                } else {
                    words.attested.insert(pair);
                }
            }
            words.other |= !open.is_empty()
                || (!record["unknown"].is_null() && record["unknown"]["attested"].is_null());
            words.attested.retain(|pair| !open.contains(pair));
        }
        words
    }
}

impl Oracle {
    /// Somebody attested a door.
    pub fn note_attested(&mut self, door: Uuid) {
        self.tally.occasion(Occasion::Attested);
        let row = rows(&self.last, "doors").find(|(_, row)| uuid(&row["uuid"]) == Some(door));
        let accepts_more = row.is_some_and(|(_, row)| {
            let granted = accesses(&row["access"]);
            let accepted = accesses(&row["lock"]["entries"]);
            let granted = |partner| granted.iter().any(|entry| entry.partner == partner);
            accepted.iter().any(|entry| !granted(entry.partner))
        });
        if accepts_more {
            self.tally.occasion(Occasion::AttestedWrongly);
        }
    }

    /// Judges what a report says of what was attested.
    pub(super) fn attested(
        &mut self,
        after: &After<'_>,
        building: Uuid,
        pass: &PassReport,
    ) -> Result<(), Broken> {
        let Some(ledger) = after.ledgers.get(&building) else {
            return Ok(());
        };
        let words = Words::read(&ledger.1);
        if words.attested.is_empty() {
            return Ok(());
        }
        self.tally.premise(Law::AttestedIsNotProven);
        let broken = |how: String| Broken {
            law: Law::AttestedIsNotProven,
            how,
        };
        let said = |kind: &str| {
            let property = pass.statuses.first()?;
            let found = property.conditions.iter().find(|it| it.kind == kind)?;
            Some(found.status.as_str())
        };
        let (enforced, required) = (said("Enforced"), said("SyncRequired"));
        if enforced == Some("True") {
            return Err(broken(format!(
                "it is shown as enforced: {:?}",
                words.attested
            )));
        }
        // Whoever may open a door again is shown as what he is now.
        let mut holding = BTreeSet::new();
        let mut door_os_asks = false;
        for (home, row) in rows(after.state, "doors").filter(|(home, _)| *home == building) {
            let door = uuid(&row["uuid"]).unwrap();
            let partners = accesses(&row["access"])
                .into_iter()
                .map(|entry| entry.partner);
            holding.extend(partners.map(|partner| (door, partner)));
            door_os_asks |= row["sync"]["required"] == true && home == building;
        }
        for waiting in &pass.after.waiting {
            let door = waiting.door.as_ref().and_then(|door| door.uuid);
            let partner = self.registry.partner(&waiting.partner);
            let (Some(door), Some(partner)) = (door, partner) else {
                continue;
            };
            let pair = (door.0, partner);
            let visit = waiting.kind == WaitingKind::Sync;
            if visit && words.attested.contains(&pair) && !holding.contains(&pair) {
                return Err(broken(format!("it is to be visited again: {waiting:?}")));
            }
        }
        let open = ledger.0["intents"]
            .as_array()
            .is_some_and(|it| !it.is_empty());
        let nothing_else = !words.other
            && !open
            && !after.stale
            && pass.after.complete
            && self.beside.is_empty()
            && words.attested.is_disjoint(&holding)
            && !door_os_asks;
        if !nothing_else {
            return Ok(());
        }
        self.tally.occasion(Occasion::AttestedAlone);
        if (enforced, required) == (Some("Unknown"), Some("False")) {
            return Ok(());
        }
        Err(broken(format!(
            "all that is owed is attested: Enforced {enforced:?}, SyncRequired {required:?}"
        )))
    }
}
