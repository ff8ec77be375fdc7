//! What will happen by itself as time goes on: network updates under way, and writes that take effect late.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::contract::Write;
use crate::lock::Carried;
use crate::world::World;

/// An event to come.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Event {
    /// A network update on its way to a lock, over the link the door had when it was sent.
    Push {
        door: Uuid,
        link: u64,
        carried: Carried,
    },
    /// A write whose answer was lost before it took effect.
    LateWrite(Write),
}

/// Events by due time, then in the order they were made.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(into = "Vec<Entry>", from = "Vec<Entry>")]
pub(crate) struct Agenda {
    events: BTreeMap<(Timestamp, u64), Event>,
    made: u64,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    due: Timestamp,
    event: Event,
}

impl From<Agenda> for Vec<Entry> {
    fn from(agenda: Agenda) -> Self {
        agenda
            .events
            .into_iter()
            .map(|((due, _), event)| Entry { due, event })
            .collect()
    }
}

impl From<Vec<Entry>> for Agenda {
    fn from(entries: Vec<Entry>) -> Self {
        let mut agenda = Self::default();
        for Entry { due, event } in entries {
            agenda.add(due, event);
        }
        agenda
    }
}

impl Agenda {
    pub(crate) fn add(&mut self, due: Timestamp, event: Event) {
        self.events.insert((due, self.made), event);
        self.made += 1;
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Event)> {
        let first = self.events.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let ((due, _), event) = first.remove_entry();
        Some((due, event))
    }
}

impl World {
    /// Lets time come to `now`: what is due happens in order, each at its own time, and may add what is due later.
    pub(crate) fn live_until(&mut self, now: Timestamp) {
        while let Some((due, event)) = self.agenda.take_due(now) {
            self.now = due;
            self.dirty = true;
            match event {
                Event::Push {
                    door,
                    link,
                    carried,
                } => self.push_arrives(door, link, carried),
                Event::LateWrite(write) => write.take_effect_late(self),
            }
        }
        self.now = now;
    }
}

/// `time` later by whole seconds; a time out of range stays where it is.
pub(crate) fn later(time: Timestamp, seconds: u64) -> Timestamp {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| time.checked_add(SignedDuration::from_secs(seconds)).ok())
        .unwrap_or(time)
}
