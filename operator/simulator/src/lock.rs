//! The physical world: each lock keeps its own list, and only what was fetched after a change and delivered changes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::agenda::{Event, later};
use crate::refusal::Refusal;
use crate::rows::Access;
use crate::world::{Door, World};

/// What a lock carries. It belongs to the device: a new device starts with none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lock {
    /// Whom the lock accepts.
    pub(crate) entries: Vec<Access>,
    /// The `accessRevision` it last acknowledged.
    pub(crate) revision: Option<u64>,
    /// What it carried before, for a lock that is restored.
    pub(crate) previous: Option<(Vec<Access>, Option<u64>)>,
    /// What phones fetched and have not delivered yet.
    pub(crate) fetched: BTreeMap<String, Fetched>,
}

/// A door's access as it was at one moment, under way to one lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Carried {
    pub(crate) serial_number: String,
    pub(crate) revision: u64,
    pub(crate) entries: Vec<Access>,
}

/// What a phone holds between the two halves of a sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fetched {
    pub(crate) kind: SyncKind,
    pub(crate) carried: Option<Carried>,
}

/// A Door Sync by a person, or what an app does by itself after an unlock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SyncKind {
    #[default]
    Full,
    Passive,
}

impl Lock {
    /// A lock that carries everything the door grants.
    pub(crate) fn up_to_date(entries: &[Access], revision: u64) -> Self {
        Self {
            entries: entries.to_vec(),
            revision: Some(revision),
            ..Self::default()
        }
    }

    pub(crate) fn accepts(&self, partner: Uuid) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.partner_uuid == partner)
    }

    /// Takes a list; false if it is older than what the lock has and the lock refuses that.
    fn take(&mut self, carried: Carried, accept_older: bool) -> bool {
        if !accept_older && self.revision.is_some_and(|has| has > carried.revision) {
            return false;
        }
        let entries = std::mem::replace(&mut self.entries, carried.entries);
        let revision = self.revision.replace(carried.revision);
        if revision != self.revision {
            self.previous = Some((entries, revision));
        }
        true
    }
}

impl Door {
    /// The access of the door as it is now, addressed to the lock that is on it now.
    pub(crate) fn carry(&self) -> Option<Carried> {
        self.device.as_ref().map(|device| Carried {
            serial_number: device.serial_number.clone(),
            revision: self.access_revision,
            entries: self.access.clone(),
        })
    }

    fn is_for(&self, carried: &Carried) -> bool {
        self.device
            .as_ref()
            .is_some_and(|device| device.serial_number == carried.serial_number)
    }
}

impl World {
    /// Sends a connected door's lock what it should carry; it arrives after a while.
    pub(crate) fn send_push(&mut self, door: Uuid) {
        let Some((link, carried)) = self
            .door(door)
            .filter(|door| door.connected)
            .and_then(|door| Some((door.link, door.carry()?)))
        else {
            return;
        };
        let (min, max) = (
            self.parameters.push_min_seconds,
            self.parameters.push_max_seconds,
        );
        let delay = self.random(|random| random.u32(min.min(max)..=max));
        self.agenda.add(
            later(self.now, u64::from(delay)),
            Event::Push {
                door,
                link,
                carried,
            },
        );
    }

    /// A network update comes to the door: lost if the link broke or the lock was replaced meanwhile.
    pub(crate) fn push_arrives(&mut self, door: Uuid, link: u64, carried: Carried) {
        let reachable = self
            .door(door)
            .is_some_and(|door| door.reachable && door.link == link && door.is_for(&carried));
        if !reachable {
            self.log(
                "network",
                "update lost",
                Some(door),
                json!({ "accessRevision": carried.revision }),
            );
            return;
        }
        let accept_older = self.parameters.accept_older_lists;
        let revision = carried.revision;
        let mut taken = false;
        self.change_door(door, |door| taken = door.lock.take(carried, accept_older));
        self.log_lock(
            "network",
            if taken {
                "update delivered"
            } else {
                "older update refused"
            },
            door,
            revision,
        );
    }

    /// A phone fetches what a sync of the door should bring.
    pub(crate) fn fetch(&mut self, door: Uuid, kind: SyncKind, phone: &str) -> Result<(), Refusal> {
        let found = self.door_mut(door).ok_or(Refusal::NotFound)?;
        let carried = match kind {
            SyncKind::Full => found.carry(),
            SyncKind::Passive => None,
        };
        let revision = carried.as_ref().map(|carried| carried.revision);
        found
            .lock
            .fetched
            .insert(phone.to_owned(), Fetched { kind, carried });
        self.log(
            "phone",
            "sync fetched",
            Some(door),
            json!({ "kind": kind, "phone": phone, "accessRevision": revision }),
        );
        Ok(())
    }

    /// A phone delivers to the lock what it fetched; true if the lock took a list.
    pub(crate) fn deliver(&mut self, door: Uuid, phone: &str) -> Result<bool, Refusal> {
        let now = self.now;
        let accept_older = self.parameters.accept_older_lists;
        let found = self.door_mut(door).ok_or(Refusal::NotFound)?;
        if found.device.is_none() {
            return Err(Refusal::NoDevice);
        }
        let fetched = found
            .lock
            .fetched
            .remove(phone)
            .ok_or(Refusal::NothingFetched)?;
        if fetched
            .carried
            .as_ref()
            .is_some_and(|carried| !found.is_for(carried))
        {
            return Err(Refusal::OtherDevice);
        }
        let Some(carried) = fetched.carried.filter(|_| fetched.kind == SyncKind::Full) else {
            self.change_door(door, |door| door.sync.last_sync_at = Some(now));
            self.log(
                "phone",
                "passive sync",
                Some(door),
                json!({ "phone": phone }),
            );
            return Ok(false);
        };
        let revision = carried.revision;
        let mut taken = false;
        self.change_door(door, |door| {
            door.sync.last_sync_at = Some(now);
            taken = door.lock.take(carried, accept_older);
            if taken {
                door.sync.last_full_sync_at = Some(now);
            }
        });
        self.log_lock(
            "phone",
            if taken {
                "sync delivered"
            } else {
                "older sync refused"
            },
            door,
            revision,
        );
        Ok(taken)
    }

    /// A partner's user stands at the door: does it open? A grant that DOOR OS holds heals the lock's list at first use;
    /// a removal never does.
    pub(crate) fn try_lock(&mut self, door: Uuid, partner: Uuid) -> Result<bool, Refusal> {
        let heals = self.parameters.first_use_heals;
        let found = self.door_mut(door).ok_or(Refusal::NotFound)?;
        if found.device.is_none() {
            return Ok(false);
        }
        if found.lock.accepts(partner) {
            return Ok(true);
        }
        let granted: Vec<Access> = found
            .access
            .iter()
            .filter(|entry| entry.partner_uuid == partner)
            .cloned()
            .collect();
        if !heals || granted.is_empty() {
            return Ok(false);
        }
        found.lock.entries.extend(granted);
        self.log(
            "partner",
            "grant healed at first use",
            Some(door),
            json!({ "partnerUuid": partner }),
        );
        Ok(true)
    }

    /// The lock goes back to what it carried before: a restored device, whose acknowledged revision falls.
    pub(crate) fn restore_lock(&mut self, door: Uuid) -> Result<(), Refusal> {
        let found = self.door(door).ok_or(Refusal::NotFound)?;
        let (entries, revision) = found.lock.previous.clone().ok_or(Refusal::NothingFetched)?;
        self.change_door(door, |door| {
            door.lock.entries = entries;
            door.lock.revision = revision;
            door.lock.previous = None;
        });
        self.log_lock("hand", "lock restored", door, revision.unwrap_or(0));
        Ok(())
    }

    fn log_lock(&mut self, actor: &str, what: &str, door: Uuid, revision: u64) {
        let entries = self.door(door).map(|door| door.lock.entries.clone());
        self.log(
            actor,
            what,
            Some(door),
            json!({ "accessRevision": revision, "lock": entries }),
        );
    }
}
