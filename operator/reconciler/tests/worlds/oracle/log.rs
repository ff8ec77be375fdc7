//! The simulator's log, read once and in order: who changed whose access, and whether that was right.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::declared::Declared;
use super::{Call, Oracle, rows, uuid};
use crate::laws::{Broken, Law};
use crate::wire::Notes;

/// One way by which a partner may open a door, as DOOR OS or a lock holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub partner: Uuid,
    /// By this key; `None`: by the door's dropdown.
    pub key: Option<Uuid>,
    pub revision: i64,
}

pub fn accesses(list: &Value) -> Vec<Access> {
    let entries = list.as_array().into_iter().flatten();
    entries
        .map(|entry| Access {
            partner: uuid(&entry["partnerUuid"]).unwrap(),
            key: uuid(&entry["keyUuid"]),
            revision: entry["revision"].as_i64().unwrap(),
        })
        .collect()
}

/// What one act did to the access of doors.
#[derive(Clone, Debug)]
pub struct Change {
    pub at: Timestamp,
    pub late: bool,
    pub call: Call,
    /// What was asked.
    pub request: Value,
    pub doors: Vec<DoorChange>,
}

#[derive(Clone, Debug)]
pub struct DoorChange {
    pub door: Uuid,
    /// The access revision it made.
    pub revision: i64,
    pub before: Vec<Access>,
    pub after: Vec<Access>,
}

impl DoorChange {
    fn only(a: &[Access], b: &[Access]) -> Vec<Access> {
        let mut only = a.to_vec();
        only.retain(|entry| {
            !b.iter()
                .any(|other| other.partner == entry.partner && other.key == entry.key)
        });
        only
    }

    pub fn lost(&self) -> Vec<Access> {
        Self::only(&self.before, &self.after)
    }

    pub fn gained(&self) -> Vec<Access> {
        Self::only(&self.after, &self.before)
    }

    /// Partners who do not reach the door in any way any more.
    pub fn lost_wholly(&self) -> Vec<Uuid> {
        let mut lost: Vec<Uuid> = self
            .before
            .iter()
            .map(|entry| entry.partner)
            .filter(|partner| self.after.iter().all(|entry| entry.partner != *partner))
            .collect();
        lost.sort_unstable();
        lost.dedup();
        lost
    }
}

impl Oracle {
    /// Reads what is new in the log. `notes`: what passed the wire, if a round just ended.
    pub(super) fn judge_log(&mut self, state: &Value, notes: Option<&Notes>) -> Result<(), Broken> {
        let log = state["log"].as_array().unwrap();
        let mut pending: Vec<DoorChange> = Vec::new();
        let mut sent = notes.map(|notes| notes.sent.iter());
        for entry in log {
            let actor = entry["actor"].as_str().unwrap();
            let what = entry["what"].as_str().unwrap();
            let subject = uuid(&entry["subject"]);
            match (actor, subject) {
                ("DOOR OS", Some(door)) => {
                    let after = accesses(&entry["detail"]["access"]);
                    let before = self.access.insert(door, after.clone()).unwrap_or_default();
                    pending.push(DoorChange {
                        door,
                        revision: entry["detail"]["accessRevision"].as_i64().unwrap(),
                        before,
                        after,
                    });
                }
                ("hand" | "network" | "phone", Some(door))
                    if entry["detail"].get("lock").is_some() =>
                {
                    self.lock_took(door, entry);
                }
                ("hand" | "integrations", _) => {
                    for change in std::mem::take(&mut pending) {
                        self.by_hand(&change);
                    }
                    if what == "door removed"
                        && let Some(door) = subject
                    {
                        self.access.remove(&door);
                    }
                }
                _ if actor.starts_with("api:") => {
                    let doors = std::mem::take(&mut pending);
                    self.by_us(entry, what, doors, &mut sent, state, notes)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn lock_took(&mut self, door: Uuid, entry: &Value) {
        let revision = entry["detail"]["accessRevision"].as_u64().unwrap_or(0);
        let before = self.delivered.insert(door, revision);
        let refused = entry["what"]
            .as_str()
            .is_some_and(|what| what.contains("refused"));
        if entry["actor"] == "hand" || (!refused && before.is_some_and(|before| revision < before))
        {
            self.went_back.insert(door);
        }
    }

    fn by_hand(&mut self, change: &DoorChange) {
        self.beside.insert(change.door);
        let declared = self
            .recent
            .last()
            .map(|(_, declared)| std::rc::Rc::clone(declared));
        if let Some(declared) = declared {
            self.adopt(&declared);
        }
    }

    fn by_us<'n>(
        &mut self,
        entry: &Value,
        what: &str,
        doors: Vec<DoorChange>,
        sent: &mut Option<impl Iterator<Item = &'n crate::wire::Sent>>,
        state: &Value,
        notes: Option<&Notes>,
    ) -> Result<(), Broken> {
        let detail = &entry["detail"];
        let status = detail["status"].as_u64().unwrap();
        let late = detail["late"].as_bool().unwrap();
        let seen = match sent {
            Some(sent) if !late => sent.find(|sent| sent.call == what),
            _ => None,
        };
        if detail["code"] == "PARTNER_IMMUTABLE" {
            return Err(Broken {
                law: Law::KeyPartnerIsForGood,
                how: format!("we asked for it: {entry}"),
            });
        }
        if detail["code"] == "REVISION_MISMATCH" {
            self.tally.premise(Law::NoUnseenEditOverwritten);
        }
        if !(200..300).contains(&status) {
            return Ok(());
        }
        let if_match = detail["ifMatch"]
            .as_str()
            .and_then(|tag| tag.trim_matches('"').parse().ok());
        let request = detail["request"].clone();
        let call = match request["name"].as_str() {
            Some(name) if what.starts_with("POST") => (format!("{what} {name}"), None),
            _ => (what.to_owned(), if_match),
        };
        let change = Change {
            at: entry["time"].as_str().unwrap().parse().unwrap(),
            late,
            call,
            request,
            doors,
        };
        self.based_on_what_was_read(&change, entry, notes)?;
        let in_round = notes.is_some();
        let causes = self.causes(&change, in_round);
        for door in &change.doors {
            self.made_by_us.insert((door.door, door.revision));
            self.grants(&change, door, &causes)?;
            self.losses(&change, door, &causes)?;
        }
        let losing = change.doors.iter().any(|door| !door.lost().is_empty());
        if let (Some(seen), true) = (seen, losing) {
            self.saw_everything(&change, &seen.seen, state)?;
        }
        // What was shown decides what counts as a loss; old rows that nobody could tell from new ones are no fault.
        let stale = self
            .stale_at
            .is_some_and(|at| change.at.duration_since(at) < super::LATE);
        let exempt = stale || self.approved.contains(&change.call);
        let pairs = self.ours_by_building();
        self.brake.judge(
            &change,
            &causes,
            exempt,
            &pairs,
            &self.registry,
            &mut self.tally,
        )?;
        self.labels.made(&change, &causes, state);
        if change.call.0.starts_with("POST")
            && let Some(key) = change
                .doors
                .first()
                .and_then(|door| door.gained().first().and_then(|entry| entry.key))
        {
            self.our_keys.insert(key);
        }
        Ok(())
    }

    /// A write that took effect was conditional on a revision that we were shown.
    fn based_on_what_was_read(
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

    fn grants(
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
            self.our_keys.extend(gained.key);
            if gained.key.is_none() {
                self.surely_ours.insert(pair);
                self.took.remove(&pair);
            }
        }
        Ok(())
    }

    fn losses(
        &mut self,
        change: &Change,
        door: &DoorChange,
        causes: &[std::rc::Rc<Declared>],
    ) -> Result<(), Broken> {
        self.note_for_whom(change, door);
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
            if !ours && !removes_added {
                return Err(Broken {
                    law: Law::LossesAreOurs,
                    how: format!("{lost:?} at {} was not ours: {change:?}", door.door),
                });
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

    /// Remembers the object that alone declared what it declares no more.
    fn note_for_whom(&mut self, change: &Change, door: &DoorChange) {
        let before = self
            .recent
            .len()
            .checked_sub(2)
            .and_then(|at| self.recent.get(at));
        let (Some((_, before)), false) = (before, change.late) else {
            return;
        };
        for lost in door.lost().iter().filter(|lost| lost.key.is_none()) {
            let mut owners = before.sure_door.get(&door.door).into_iter().flatten();
            let pair = (door.door, lost.partner);
            match (owners.next(), owners.next()) {
                (Some(only), None)
                    if only.partner == lost.partner && self.surely_ours.contains(&pair) =>
                {
                    self.took.insert(pair, only.owner.clone());
                }
                _ => {}
            }
        }
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
    fn saw_everything(
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
            .ours
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
