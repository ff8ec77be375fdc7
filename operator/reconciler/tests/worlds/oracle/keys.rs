//! Which object each key was made for.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;
use uuid::Uuid;

use super::declared::Declared;
use super::log::Change;
use super::memory::Memory;
use super::{rows, uuid};
use crate::laws::{Broken, Law, Tally};

#[derive(Debug, Default)]
pub struct KeyLabels(BTreeMap<Uuid, String>);

impl KeyLabels {
    /// An object that is gone may hand its key to another.
    pub fn forget_gone(&mut self, memory: &Memory) {
        self.0.retain(|_, owner| !memory.is_gone(owner));
    }

    /// Keys that were surely made for an object.
    pub fn of(&self, owner: &str) -> Vec<Uuid> {
        let keys = self.0.iter().filter(|(_, of)| of.as_str() == owner);
        keys.map(|(key, _)| *key).collect()
    }

    /// A key was made: for whom, if only one object can have asked.
    pub fn made(&mut self, change: &Change, causes: &[Rc<Declared>], state: &Value) {
        let (Some(mark), Some(name), Some(partner)) = (
            change.request["clientRef"].as_str(),
            change.request["name"].as_str(),
            uuid(&change.request["partnerUuid"]),
        ) else {
            return;
        };
        let key = rows(state, "keys")
            .find(|(_, row)| row["clientRef"] == mark)
            .and_then(|(_, row)| uuid(&row["uuid"]));
        let owners: BTreeSet<&str> = causes
            .iter()
            .flat_map(|declared| &declared.maybe_keys)
            .filter(|(_, wanted, by, _)| wanted == name && *by == partner)
            .map(|(_, _, _, owner)| owner.as_str())
            .collect();
        if let (Some(key), Some(owner), 1) = (key, owners.first(), owners.len()) {
            self.0.insert(key, (*owner).to_owned());
        }
    }

    /// No object has two keys.
    pub fn judge(&self, state: &Value, tally: &mut Tally) -> Result<(), Broken> {
        let mut live: BTreeMap<&str, Uuid> = BTreeMap::new();
        for (_, row) in rows(state, "keys") {
            let key = uuid(&row["uuid"]).unwrap();
            let Some(owner) = self.0.get(&key) else {
                continue;
            };
            tally.premise(Law::OneKeyPerObject);
            if let Some(other) = live.insert(owner, key) {
                return Err(Broken {
                    law: Law::OneKeyPerObject,
                    how: format!("{owner} has the keys {key} and {other}"),
                });
            }
        }
        Ok(())
    }
}
