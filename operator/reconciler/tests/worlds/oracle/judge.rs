//! Whether a write of ours that took effect was right.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::declared::Declared;
use super::log::{Access, Change, DoorChange};
use super::{Oracle, rows, uuid};
use crate::laws::{Broken, Law};
use crate::wire::Notes;

impl Oracle {
    /// A write that took effect was conditional on a revision that we were shown.
    pub(super) fn based_on_what_was_read(
        &mut self,
        change: &Change,
        entry: &Value,
        notes: Option<&Notes>,
    ) -> Result<(), Broken> {
        let (Some(notes), Some(if_match)) = (notes, change.call.1) else {
            return Ok(());
        };
        let subject = uuid(&entry["subject"]).unwrap();
        if notes.shown.contains(&(subject, if_match)) {
            return Ok(());
        }
        Err(Broken {
            law: Law::NoUnseenEditOverwritten,
            how: format!("revision {if_match} of {subject} was never shown to us: {entry}"),
        })
    }

    pub(super) fn grants(
        &mut self,
        change: &Change,
        door: &DoorChange,
        causes: &[std::rc::Rc<Declared>],
    ) -> Result<(), Broken> {
        for gained in door.gained() {
            self.tally.premise(Law::GrantsAreDeclared);
            let pair = (door.door, gained.partner);
            let home = self.registry.home(door.door).unwrap();
            let declared = causes.iter().any(|declared| {
                let wanted = match gained.key {
                    None => &declared.maybe_door,
                    Some(_) => &declared.maybe_key,
                };
                wanted.contains(&pair) && declared.maybe_listed.contains(&(home, gained.partner))
            });
            if !declared {
                return Err(Broken {
                    law: Law::GrantsAreDeclared,
                    how: format!("nobody declared {gained:?} at {}: {change:?}", door.door),
                });
            }
            self.ours.insert((door.door, gained.partner, gained.key));
            self.ever_ours
                .insert((door.door, gained.partner, gained.key));
            self.our_keys.extend(gained.key);
            self.retained.taken_back(door.door, &gained);
            if gained.key.is_none() {
                self.surely_ours.insert(pair);
            }
        }
        Ok(())
    }

    pub(super) fn losses(
        &mut self,
        change: &Change,
        door: &DoorChange,
        causes: &[std::rc::Rc<Declared>],
        in_round: bool,
    ) -> Result<(), Broken> {
        // What we took away is ours no more, whoever puts it there again.
        for lost in door.lost().iter().filter(|lost| lost.key.is_none()) {
            self.surely_ours.remove(&(door.door, lost.partner));
        }
        if self.approved.contains(&change.call) {
            return Ok(());
        }
        let home = self.registry.home(door.door).unwrap();
        for lost in door.lost() {
            self.tally.premise(Law::LossesAreOurs);
            self.tally.premise(Law::LossesAreUndeclared);
            let deleted = change.call.0.starts_with("DELETE");
            let ours = self.ours.contains(&(door.door, lost.partner, lost.key))
                || (deleted && lost.key.is_some_and(|key| self.our_keys.contains(&key)));
            let removes_added = causes
                .iter()
                .any(|declared| declared.removes_added.contains(&home));
            if self.retained.holds(door.door, &lost) && !removes_added {
                // What takes effect late was asked for before.
                if !in_round || change.late {
                    continue;
                }
                return Err(Broken {
                    law: Law::RetainedStays,
                    how: format!("{lost:?} at {} was to stay: {change:?}", door.door),
                });
            }
            if !ours && !removes_added {
                return Err(Broken {
                    law: Law::LossesAreOurs,
                    how: format!("{lost:?} at {} was not ours: {change:?}", door.door),
                });
            }
            // A partner that was never seen authorised cannot be told by the name that is declared.
            if !self.known_partners.contains(&(home, lost.partner)) {
                continue;
            }
            // Declared all the time in which this may have been decided.
            let keeper = causes
                .iter()
                .map(|declared| keeper(declared, door.door, &lost, self.key_name(&lost)));
            let keepers: Option<Vec<(String, bool)>> = keeper.collect();
            if let Some((owner, speaks)) = keepers.and_then(|keepers| keepers.last().cloned()) {
                let law = if speaks {
                    Law::LossesAreUndeclared
                } else {
                    Law::UnreadableLosesNothing
                };
                return Err(Broken {
                    law,
                    how: format!("{owner} declares {lost:?} at {}: {change:?}", door.door),
                });
            }
        }
        Ok(())
    }

    /// The name of the key of an entry, as it was before this round.
    fn key_name(&self, lost: &Access) -> Option<String> {
        let key = lost.key?;
        rows(&self.last, "keys")
            .find(|(_, row)| uuid(&row["uuid"]) == Some(key))
            .and_then(|(_, row)| row["name"].as_str())
            .map(str::to_owned)
    }

    /// A loss rests on lists that held everything there was.
    pub(super) fn saw_everything(
        &mut self,
        change: &Change,
        seen: &crate::wire::Seen,
        state: &Value,
    ) -> Result<(), Broken> {
        let mut missing = Vec::new();
        let home = change
            .doors
            .first()
            .and_then(|door| self.registry.home(door.door));
        for list in ["doors", "keys"] {
            for (building, row) in rows(state, list) {
                let row = uuid(&row["uuid"]).unwrap();
                let shown = seen
                    .get(&(building, list))
                    .is_some_and(|shown| shown.contains(&row));
                if Some(building) == home && self.before.contains(&row) && !shown {
                    missing.push(row);
                }
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Broken {
            law: Law::PartialViewLosesNothing,
            how: format!("without having seen {missing:?}: {change:?}"),
        })
    }

    pub(super) fn ours_by_building(&self) -> BTreeMap<Uuid, u64> {
        let mut pairs: Vec<(Uuid, Uuid)> = self
            .ever_ours
            .iter()
            .map(|(door, partner, _)| (*door, *partner))
            .collect();
        pairs.dedup();
        let mut counts = BTreeMap::new();
        for (door, _) in pairs {
            if let Some(home) = self.registry.home(door) {
                *counts.entry(home).or_default() += 1;
            }
        }
        counts
    }
}

/// The object that surely declares an entry, and whether it can be read and is valid.
fn keeper(
    declared: &Declared,
    door: Uuid,
    lost: &Access,
    key_name: Option<String>,
) -> Option<(String, bool)> {
    match lost.key {
        None => declared
            .sure_door
            .get(&door)
            .into_iter()
            .flatten()
            .find(|sure| sure.partner == lost.partner)
            .map(|sure| (sure.owner.clone(), sure.speaks)),
        Some(_) => declared
            .sure_keys
            .iter()
            .find(|sure| {
                // Of two objects for one key, only one can own it.
                let named = declared.maybe_keys.iter().filter(|(building, name, _, _)| {
                    *building == sure.building && *name == sure.name
                });
                named.count() == 1
                    && sure.partner == lost.partner
                    && Some(&sure.name) == key_name.as_ref()
                    && sure.known_doors.contains(&door)
            })
            .map(|sure| (sure.owner.clone(), sure.speaks)),
    }
}
