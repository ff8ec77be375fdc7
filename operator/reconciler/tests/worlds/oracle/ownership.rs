//! What is ours: what we gave, and what was there and declared; and what a round had seen and written down.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::declared::Declared;
use super::{After, Oracle, rows, uuid};
use crate::laws::{Broken, Law};
use crate::wire::Notes;

impl Oracle {
    /// Access that is there and declared becomes ours.
    pub(super) fn adopt(&mut self, declared: &Declared) {
        for (door, entries) in &self.access {
            for entry in entries {
                let is_declared = match entry.key {
                    None => declared.maybe_door.contains(&(*door, entry.partner)),
                    Some(_) => declared.maybe_key.contains(&(*door, entry.partner)),
                };
                if is_declared {
                    self.ours.insert((*door, entry.partner, entry.key));
                    self.ever_ours.insert((*door, entry.partner, entry.key));
                    self.our_keys.extend(entry.key);
                    self.retained.taken_back(*door, entry);
                }
            }
        }
    }

    /// What a look was sure to see gone is not ours any more.
    pub(super) fn forget_not_there(&mut self, doors: &BTreeSet<Uuid>) {
        let access = &self.access;
        self.ours.retain(|(door, partner, key)| {
            let there = access.get(door).is_some_and(|entries| {
                entries
                    .iter()
                    .any(|entry| entry.partner == *partner && entry.key == *key)
            });
            there || !doors.contains(door)
        });
        let access = &self.access;
        self.surely_ours.retain(|(door, partner)| {
            let there = access.get(door).is_some_and(|entries| {
                entries
                    .iter()
                    .any(|entry| entry.partner == *partner && entry.key.is_none())
            });
            there || !doors.contains(door)
        });
    }

    /// What a whole look shows, and one object alone declares for a partner that may be used, is adopted.
    pub(super) fn surely_adopt(&mut self, doors: &BTreeSet<Uuid>) {
        let Some((_, declared)) = self.recent.last() else {
            return;
        };
        for door in doors {
            let partners: BTreeSet<Uuid> = declared.partners_at(*door).collect();
            let sure = declared.sure_door.get(door).into_iter().flatten();
            for sure in sure.filter(|sure| sure.listed && sure.speaks && partners.len() == 1) {
                let held = self.access.get(door).into_iter().flatten();
                let there = held
                    .filter(|entry| entry.key.is_none())
                    .any(|entry| entry.partner == sure.partner);
                if there && !self.beside.contains(door) {
                    self.surely_ours.insert((*door, sure.partner));
                }
            }
        }
    }

    pub(super) fn written_down(&mut self, notes: &Notes) -> Result<(), Broken> {
        let sent = u64::try_from(notes.sent.len()).unwrap();
        self.tally.premises(Law::WrittenDownFirst, sent);
        match notes.sent.iter().find(|sent| !sent.written_down) {
            None => Ok(()),
            Some(sent) => Err(Broken {
                law: Law::WrittenDownFirst,
                how: format!("no ledger holds {}", sent.call),
            }),
        }
    }

    /// Counts rounds that were told less of a building than there is, and had something to lose there.
    pub(super) fn partial_views(&mut self, after: &After<'_>) {
        let mut partial = BTreeSet::new();
        for list in ["doors", "keys"] {
            for (building, row) in rows(after.state, list) {
                let row = uuid(&row["uuid"]).unwrap();
                let told = after.notes.seen.get(&(building, list));
                if told.is_some_and(|told| !told.contains(&row)) && self.before.contains(&row) {
                    partial.insert(building);
                }
            }
        }
        let own = self.ours_by_building();
        let many = partial
            .iter()
            .filter(|building| own.contains_key(building))
            .count();
        self.tally
            .premises(Law::PartialViewLosesNothing, u64::try_from(many).unwrap());
    }
}
