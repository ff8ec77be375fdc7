//! What deleted objects with `deletionPolicy: Retain` leave behind: it stays, and is ours no more.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::declared::Declared;
use super::log::Access;
use super::memory::Retired;
use super::{Ledgers, Oracle};
use crate::declare::{Assignment, Key, Says, Wanted};
use crate::laws::{Broken, Law, Occasion};

/// What stays.
#[derive(Debug, Default)]
pub struct Retained {
    /// (door, partner) on the dropdown that surely stays, until somebody declares it again.
    doors: BTreeSet<(Uuid, Uuid)>,
    /// The same of keys.
    keys: BTreeSet<Uuid>,
    /// Objects of which all that they owned may stay, what they gave up and still had to lose too: DOOR
    /// OS is left as it is.
    perhaps: BTreeSet<String>,
    /// (building, partner) of which a key may stay.
    perhaps_keys: BTreeSet<(Uuid, Uuid)>,
    /// Objects that surely own nothing for as long as they are gone.
    owners: BTreeSet<String>,
}

impl Retained {
    /// Somebody declares it again.
    pub fn taken_back(&mut self, door: Uuid, entry: &Access) {
        match entry.key {
            None => self.doors.remove(&(door, entry.partner)),
            Some(key) => self.keys.remove(&key),
        };
    }

    /// Whether access surely stays.
    pub fn holds(&self, door: Uuid, entry: &Access) -> bool {
        match entry.key {
            None => self.doors.contains(&(door, entry.partner)),
            Some(key) => self.keys.contains(&key),
        }
    }

    /// Whether what an object owned may stay.
    pub fn perhaps(&self, owner: &str) -> bool {
        self.perhaps.contains(owner)
    }

    pub fn perhaps_key(&self, building: Uuid, partner: Uuid) -> bool {
        self.perhaps_keys.contains(&(building, partner))
    }
}

impl Oracle {
    /// Objects are gone that may have said that what they gave stays.
    pub(super) fn retire(&mut self, retired: Vec<Retired>, declared: &Declared) {
        // One that came back may go another way the next time.
        let memory = &self.memory;
        self.retained.owners.retain(|owner| memory.is_gone(owner));
        for Retired {
            owner,
            said,
            surely,
        } in retired
        {
            self.retained.perhaps.insert(owner.clone());
            for says in &said {
                if let Says::Key(key) = says
                    && let Some(building) = self.registry.building(&key.property)
                    && let Some(partner) = self.registry.partner(&key.partner)
                {
                    self.retained.perhaps_keys.insert((building, partner));
                }
            }
            match surely {
                Some(Says::Assignment(assignment)) => {
                    self.retained.owners.insert(owner);
                    self.doors_stay(&assignment, declared);
                }
                Some(Says::Key(key)) => {
                    self.keys_stay(&owner, &key, declared);
                    self.retained.owners.insert(owner);
                }
                _ => self.tally.occasion(Occasion::RetainUnseen),
            }
        }
    }

    fn doors_stay(&mut self, assignment: &Assignment, declared: &Declared) {
        let Assignment {
            property,
            partner: name,
            doors: Wanted::Named(names),
            until: None,
            ..
        } = assignment
        else {
            return;
        };
        let (Some(building), Some(partner)) = (
            self.registry.building(property),
            self.registry.partner(name),
        ) else {
            return;
        };
        if self.memory.may_still_remove(property, name) {
            return;
        }
        let doors = names
            .iter()
            .filter_map(|name| self.registry.surely_means(building, name));
        for door in doors.collect::<Vec<_>>() {
            let pair = (door, partner);
            let there = self.access.get(&door).into_iter().flatten();
            let mut there = there.filter(|entry| entry.key.is_none());
            if declared.maybe_door.contains(&pair)
                || !self.ours.contains(&(door, partner, None))
                || !there.any(|entry| entry.partner == partner)
            {
                continue;
            }
            self.tally.premise(Law::RetainedStays);
            self.tally.occasion(Occasion::DoorRetained);
            self.ours.remove(&(door, partner, None));
            self.retained.doors.insert(pair);
        }
    }

    fn keys_stay(&mut self, owner: &str, key: &Key, declared: &Declared) {
        let (Some(building), Some(partner)) = (
            self.registry.building(&key.property),
            self.registry.partner(&key.partner),
        ) else {
            return;
        };
        let wanted = declared
            .maybe_keys
            .iter()
            .any(|(home, _, of, _)| *home == building && *of == partner);
        if wanted || self.memory.may_still_remove(&key.property, &key.partner) {
            return;
        }
        for key in self.labels.of(owner) {
            let there = self.access.values().flatten();
            if there.clone().all(|entry| entry.key != Some(key)) {
                continue;
            }
            self.tally.premise(Law::RetainedStays);
            self.tally.occasion(Occasion::KeyRetained);
            self.ours.retain(|(_, _, by)| *by != Some(key));
            self.our_keys.remove(&key);
            self.retained.keys.insert(key);
        }
    }

    /// In the end no ledger says that anything is owned by an object that is gone and retained.
    pub(super) fn let_go(&mut self, ledgers: &Ledgers) -> Result<(), Broken> {
        for owner in &self.retained.owners {
            if !self.memory.is_gone(owner) {
                continue;
            }
            for ledger in ledgers.values() {
                let keys = ledger.0["keys"].as_object().into_iter().flatten();
                let of_keys = keys.map(|(_, key)| &key["owner"]);
                let records = ledger.1.as_object().into_iter().flatten();
                let claims = records.flat_map(|(_, record)| record["claims"].as_array());
                let owners = claims
                    .flatten()
                    .flat_map(|claim| claim["owners"].as_array());
                if owners
                    .flatten()
                    .chain(of_keys)
                    .any(|it| it == owner.as_str())
                {
                    return Err(Broken {
                        law: Law::RetainedStays,
                        how: format!("{owner} is gone and still owns something"),
                    });
                }
            }
        }
        Ok(())
    }
}
