//! What is known of every ledger without reading it again.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use opendoor_planner::ledger::{Head, Ledger};

use super::LedgerKey;
use crate::objects::Name;

/// What is known of a ledger without reading it again.
#[derive(Clone, Debug)]
pub struct Known {
    /// The Property it was last passed over for.
    pub property: Name,
    /// The shard of the account it was last written for.
    pub shard: Option<u8>,
    /// All of it that is not per door.
    pub head: Rc<Head>,
    /// Whether nothing is owned, owed or under way.
    pub settled: bool,
}

/// What is known of every ledger, and where to look for one.
#[derive(Default)]
pub(super) struct AllKnown {
    pub(super) by_key: BTreeMap<LedgerKey, Known>,
    pub(super) by_property: BTreeMap<Name, BTreeSet<LedgerKey>>,
    /// By the uid of each object that was accepted.
    pub(super) by_object: BTreeMap<String, BTreeSet<LedgerKey>>,
    /// When each was last read or written by itself, counted in such readings and writings.
    noted: BTreeMap<LedgerKey, u64>,
    pub(super) notes: u64,
}

impl AllKnown {
    /// Takes in what one is now; `None`: there is none.
    pub(super) fn note(&mut self, key: &LedgerKey, known: Option<Known>) {
        self.notes += 1;
        self.noted.insert(key.clone(), self.notes);
        match known {
            Some(known) => self.insert(key.clone(), known),
            None => self.remove(key),
        }
    }

    /// Takes in a listing that began when so many notes were taken, and returns the ledgers noted since: a listing
    /// takes its time, and may show them as they were before.
    pub(super) fn take(
        &mut self,
        listed: BTreeMap<LedgerKey, Known>,
        began: u64,
    ) -> BTreeSet<LedgerKey> {
        let newer: BTreeSet<LedgerKey> = self
            .noted
            .iter()
            .filter(|(_, noted)| **noted > began)
            .map(|(key, _)| key.clone())
            .collect();
        let gone: Vec<LedgerKey> = self
            .by_key
            .keys()
            .filter(|key| !newer.contains(key) && !listed.contains_key(key))
            .cloned()
            .collect();
        for key in gone {
            self.remove(&key);
        }
        for (key, known) in listed {
            if !newer.contains(&key) {
                self.insert(key, known);
            }
        }
        newer
    }

    fn remove(&mut self, key: &LedgerKey) {
        if let Some(before) = self.by_key.remove(key) {
            forget(&mut self.by_property, &before.property, key);
            for uid in uids(&before.head) {
                forget(&mut self.by_object, uid, key);
            }
        }
    }

    fn insert(&mut self, key: LedgerKey, known: Known) {
        self.remove(&key);
        let of_property = self.by_property.entry(known.property.clone()).or_default();
        of_property.insert(key.clone());
        for uid in uids(&known.head) {
            let of_object = self.by_object.entry(uid.clone()).or_default();
            of_object.insert(key.clone());
        }
        self.by_key.insert(key, known);
    }
}

fn uids(head: &Head) -> impl Iterator<Item = &String> {
    head.accepted.keys().filter_map(|owner| owner.uid.as_ref())
}

fn forget<K: Ord>(index: &mut BTreeMap<K, BTreeSet<LedgerKey>>, of: &K, key: &LedgerKey) {
    if let Some(keys) = index.get_mut(of) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(of);
        }
    }
}

pub(super) fn of(ledger: &Ledger, property: Name, shard: Option<u8>) -> Known {
    Known {
        property,
        shard,
        head: Rc::new(ledger.head.clone()),
        settled: ledger.is_settled(),
    }
}

#[cfg(test)]
mod tests {
    use opendoor_planner::ids::BuildingUuid;
    use uuid::Uuid;

    use super::*;

    fn known(property: &str) -> Known {
        let ledger = Ledger::new(BuildingUuid(Uuid::from_u128(7)));
        of(&ledger, Name::new("n", property), None)
    }

    #[test]
    fn what_a_pass_wrote_during_a_listing_stays_known() {
        let key = |building: u128| LedgerKey {
            connection: String::from("door"),
            building: BuildingUuid(Uuid::from_u128(building)),
        };
        let mut all = AllKnown::default();
        for building in [1, 2, 3] {
            all.note(&key(building), Some(known("before")));
        }
        let began = all.notes;
        let old: BTreeMap<_, _> = [1, 2, 4]
            .map(|building| (key(building), known("listed")))
            .into();
        // One is written, one is found to be gone, and one is made while the listing is under way.
        all.note(&key(1), Some(known("written")));
        all.note(&key(4), None);
        all.note(&key(5), Some(known("made")));
        all.take(old, began);
        let now: Vec<(u128, &str)> = all
            .by_key
            .iter()
            .map(|(key, known)| (key.building.0.as_u128(), known.property.name.as_str()))
            .collect();
        assert_eq!(now, [(1, "written"), (2, "listed"), (5, "made")]);
        assert_eq!(all.by_property.len(), 3, "{:?}", all.by_property);
    }
}
