//! The simulator's log, read once and in order: who changed whose access, and whether that was right.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{Call, Oracle, uuid};
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
            self.losses(&change, door, &causes, in_round)?;
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
}
