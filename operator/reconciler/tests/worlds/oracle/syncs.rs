//! After full syncs everywhere nothing is owed.

use serde_json::Value;
use uuid::Uuid;

use super::{Ledgers, Oracle, rows, uuid};
use crate::laws::{Broken, Law};

impl Oracle {
    pub fn doors_with_device(&self) -> Vec<Uuid> {
        rows(&self.last, "doors")
            .filter(|(_, row)| row["device"].is_object())
            .map(|(_, row)| uuid(&row["uuid"]).unwrap())
            .collect()
    }

    /// Counts what is owed before.
    pub fn before_syncs(&mut self, ledgers: &Ledgers) {
        let owed = self.owed(ledgers).len();
        self.tally
            .premises(Law::SyncsSettleEverything, u64::try_from(owed).unwrap());
    }

    pub fn after_syncs(&self, ledgers: &Ledgers) -> Result<(), Broken> {
        let owed = self.owed(ledgers);
        if owed.is_empty() {
            return Ok(());
        }
        Err(Broken {
            law: Law::SyncsSettleEverything,
            how: format!("still owed after a full sync: {owed:?}"),
        })
    }

    /// Records of doors with a device that owe something.
    fn owed(&self, ledgers: &Ledgers) -> Vec<(Uuid, Value)> {
        let mut owed = Vec::new();
        for door in self.doors_with_device() {
            let home = self.registry.home(door).unwrap();
            let Some(ledger) = ledgers.get(&home) else {
                continue;
            };
            let record = &ledger.1[door.to_string()];
            let entries = record["mayOpen"].as_array().into_iter().flatten();
            let gone = entries
                .filter(|entry| !entry["goneSince"].is_null())
                .count();
            if gone > 0 || !record["unknown"].is_null() {
                owed.push((door, record.clone()));
            }
        }
        owed
    }
}
