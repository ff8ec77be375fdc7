//! The difference between the keys that are wanted and the keys DOOR OS holds.

use opendoor_api::RemovedByHand;

use crate::ids::{DoorUuid, PartnerUuid};
use crate::intake::InForce;
use crate::key_diff::{after_patch, drift, narrowed};
use crate::key_wants::KeyWant;
use crate::observed::{Interval, KeyDoor, KeyRow, Observed};
use crate::owner::{Cause, OwnerId};
use crate::plan::{Action, HandMade, KeyDoorSetting, KeySettings, Named, Refusal, Step, Value};
use crate::reasons::Reason;
use crate::schedule::interval_words;
use crate::settle::key_is_stale;
use crate::steps::{Differences, fingerprint};
use crate::which_key::partner_differs;
use crate::writes::{KeyPatch, Write};

/// A change of a key, before it is a step.
pub(crate) struct KeyChange<'a> {
    pub(crate) action: Action,
    /// The key as it is; `None`: to be made.
    pub(crate) row: Option<&'a KeyRow>,
    pub(crate) partner: PartnerUuid,
    pub(crate) after: Value,
    pub(crate) write: Write,
    pub(crate) owner: OwnerId,
    pub(crate) cause: Cause,
    pub(crate) held: Option<Reason>,
    pub(crate) restores: bool,
    /// Doors at which the partner's access by this key shrinks.
    pub(crate) narrowed: Vec<DoorUuid>,
    /// Doors it gains.
    pub(crate) gained: Vec<DoorUuid>,
}

impl Differences<'_> {
    pub(crate) fn keys(&mut self) {
        let (ledger, taken) = (self.ledger, self.taken);
        for want in &taken.keys {
            let Some(object) = taken.objects.get(want.object) else {
                continue;
            };
            let before = self.steps.len();
            let open = ledger
                .head
                .intents
                .iter()
                .find(|intent| match (&intent.write, want.key) {
                    (Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. }, Some(wanted)) => {
                        *key == wanted
                    }
                    (Write::CreateKey { .. }, _) => object.owner == intent.owner,
                    _ => false,
                });
            self.key(want, object);
            self.respect_open_write(before, open);
        }
        self.keys_without_an_object();
    }

    fn key(&mut self, want: &KeyWant, object: &InForce) {
        let row = want.key.and_then(|key| self.observed.key(key));
        match row {
            Some(row) if key_is_stale(self.ledger, row) => {}
            Some(row) => self.update_key(want, object, row),
            None => self.create_key(want, object),
        }
    }

    /// Whether another key has the wanted name; if it is on its way out, the wait is ours.
    fn name_is_taken(&mut self, want: &KeyWant, object: &InForce) -> bool {
        let Some(other) = self
            .observed
            .keys
            .iter()
            .find(|row| row.name == want.name && Some(row.uuid) != want.key)
        else {
            return self.name_is_wanted_twice(want, object);
        };
        let leaving = self
            .ledger
            .head
            .keys
            .get(&other.uuid)
            .is_some_and(|record| {
                self.taken.removed.contains_key(&record.owner)
                    || self
                        .taken
                        .keys
                        .iter()
                        .any(|rival| rival.key == Some(other.uuid) && rival.name != want.name)
            });
        let (path, reason, message) = if leaving {
            (
                "spec.keyName",
                Reason::WaitingForKeyName,
                format!(
                    "the name \"{}\" is free once another key of ours has given it up.",
                    want.name
                ),
            )
        } else if other.partner.is_some() && other.partner != Some(want.partner) {
            partner_differs(&other.name, other.partner, want.partner, self.observed)
        } else {
            (
                "spec.keyName",
                Reason::KeyNameTaken,
                format!(
                    "another key ({}) is named \"{}\", and key names are unique in a building. Choose another keyName.",
                    other.uuid, want.name
                ),
            )
        };
        self.refusals.push(Refusal {
            cause: object.places.locate(&object.cause, path),
            reason,
            message,
            owner: Some(object.owner.clone()),
        });
        true
    }

    /// Whether another object wants the name as well. Nobody has it, so neither gets it, unless it was
    /// theirs before: a key's partner is for good, and is not left to who comes first.
    fn name_is_wanted_twice(&mut self, want: &KeyWant, object: &InForce) -> bool {
        let had_it = |want: &KeyWant| {
            let record = want.key.and_then(|key| self.ledger.head.keys.get(&key));
            record.is_some_and(|record| record.name == want.name)
        };
        let mut rivals = self.taken.keys.iter();
        let rival = rivals.find(|rival| rival.object != want.object && rival.name == want.name);
        let Some(rival) = rival.and_then(|rival| self.taken.objects.get(rival.object)) else {
            return false;
        };
        if had_it(want) {
            return false;
        }
        self.refusals.push(Refusal {
            cause: object.places.locate(&object.cause, "spec.keyName"),
            reason: Reason::KeyNameTaken,
            message: format!(
                "{} declares a key \"{}\" as well, and key names are unique in a building. Choose another keyName, or remove \
                 one of the two objects.",
                rival.owner, want.name
            ),
            owner: Some(object.owner.clone()),
        });
        true
    }

    fn create_key(&mut self, want: &KeyWant, object: &InForce) {
        if want.doors.is_empty() || self.name_is_taken(want, object) {
            return;
        }
        let restores = want.key.is_some();
        if restores {
            self.drifted.push(HandMade {
                what: format!("key \"{}\"", want.name),
                door: None,
                partner: self.partner_name(want.partner),
                change: String::from("key deleted by hand"),
                owner: Some(object.owner.clone()),
                key: None,
            });
        }
        let by_hand = restores && self.removed_by_hand == RemovedByHand::Hold;
        let after = self.settings(&want.name, Some(want.partner), &want.doors, &want.schedule);
        self.key_step(KeyChange {
            action: Action::CreateKey,
            row: None,
            partner: want.partner,
            after: Value::Key(after),
            write: Write::CreateKey {
                building: self.ledger.building,
                name: want.name.clone(),
                partner: want.partner,
                doors: want.doors.clone(),
                schedule: want.schedule.clone(),
                // Minted when the intent is committed.
                client_ref: String::new(),
            },
            owner: object.owner.clone(),
            cause: object.cause.clone(),
            held: by_hand.then_some(Reason::Drifted),
            restores,
            narrowed: Vec::new(),
            gained: want.doors.iter().map(|entry| entry.door).collect(),
        });
    }

    fn update_key(&mut self, want: &KeyWant, object: &InForce, row: &KeyRow) {
        let record = self.ledger.head.keys.get(&row.uuid);
        let mut patch = KeyPatch::default();
        for entry in &want.doors {
            match row.door(entry.door) {
                None => patch.add_doors.push(*entry),
                Some(live) if live.doorcodes != entry.doorcodes => patch.doorcodes.push(*entry),
                Some(_) => {}
            }
        }
        let mut by_hand = Vec::new();
        for entry in &row.doors {
            if want.declares(entry.door) || want.converts {
                continue;
            }
            if record.is_some_and(|record| record.owns(entry.door)) {
                patch.remove_doors.push(entry.door);
            } else {
                by_hand.push(entry.door);
            }
        }
        if row.schedule != want.schedule {
            patch.schedule = Some(want.schedule.clone());
        }
        if row.name != want.name && !self.name_is_taken(want, object) {
            patch.name = Some(want.name.clone());
        }
        if want.converts {
            patch.partner = Some(want.partner);
        }
        self.doors_added_by_hand(want, row, &by_hand, patch.is_empty());
        if patch.is_empty() {
            return;
        }
        let Some(if_match) = row.revision else {
            self.read_only(&row.name, &object.cause, &object.owner);
            return;
        };
        let drift = record.and_then(|record| drift(record, want, row, &patch));
        if let Some(drift) = &drift {
            self.drifted.push(HandMade {
                what: format!("key \"{}\"", row.name),
                door: None,
                partner: self.partner_name(want.partner),
                change: drift.words.clone(),
                owner: Some(object.owner.clone()),
                key: Some(row.uuid),
            });
        }
        let taken_away = drift.as_ref().is_some_and(|drift| drift.taken_away);
        let by_hand = taken_away && self.removed_by_hand == RemovedByHand::Hold;
        let after_doors = after_patch(row, &patch);
        let gained = if want.converts {
            &after_doors
        } else {
            &patch.add_doors
        };
        let gained = gained.iter().map(|entry| entry.door).collect();
        let schedule = patch.schedule.as_deref().unwrap_or(&row.schedule);
        let name = patch.name.as_deref().unwrap_or(&row.name);
        let after = self.settings(name, Some(want.partner), &after_doors, schedule);
        self.key_step(KeyChange {
            action: if want.converts {
                Action::ConvertKey
            } else {
                Action::UpdateKey
            },
            row: Some(row),
            partner: want.partner,
            after: Value::Key(after),
            narrowed: narrowed(row, &patch),
            write: Write::UpdateKey {
                key: row.uuid,
                if_match,
                patch,
            },
            owner: object.owner.clone(),
            cause: object.cause.clone(),
            held: by_hand.then_some(Reason::Drifted),
            restores: drift.is_some(),
            gained,
        });
    }

    pub(crate) fn key_step(&mut self, change: KeyChange<'_>) {
        let KeyChange {
            action,
            row,
            partner,
            after,
            write,
            owner,
            cause,
            held,
            restores,
            narrowed,
            gained,
        } = change;
        let before = row.map_or(Value::None, |row| {
            Value::Key(self.settings(&row.name, row.partner, &row.doors, &row.schedule))
        });
        let name = match (row, &write) {
            (Some(row), _) => row.name.clone(),
            (None, Write::CreateKey { name, .. }) => name.clone(),
            (None, _) => String::new(),
        };
        let made_from = fingerprint(action, &write);
        let visits = narrowed
            .iter()
            .filter_map(|door| self.observed.door(*door))
            .filter_map(|row| self.visit(row))
            .collect();
        let pairs = |doors: Vec<DoorUuid>| doors.into_iter().map(|door| (door, partner)).collect();
        self.steps.push(Step {
            action,
            door: None,
            key: Some(Named {
                uuid: row.map(|row| row.uuid),
                name,
            }),
            partner: self.partner_name(partner),
            before,
            after,
            irreversible: matches!(action, Action::ConvertKey | Action::DeleteKey),
            holders_affected: row.and_then(|row| row.holders),
            visits,
            held,
            still_opens_by: Vec::new(),
            cause,
            // Two objects may ask for the same new key.
            fingerprint: match action {
                Action::CreateKey => crate::digest::short(&[&owner.to_string(), &made_from]),
                _ => made_from,
            },
            owner,
            shared_with: Vec::new(),
            write,
            losses: pairs(narrowed),
            grants: pairs(gained),
            uncharged: false,
            restores,
        });
    }

    pub(crate) fn settings(
        &self,
        name: &str,
        partner: Option<PartnerUuid>,
        doors: &[KeyDoor],
        schedule: &[Interval],
    ) -> KeySettings {
        let mut doors: Vec<KeyDoorSetting> = doors
            .iter()
            .map(|entry| KeyDoorSetting {
                name: door_name(self.observed, entry.door),
                provide_doorcodes: entry.doorcodes,
            })
            .collect();
        doors.sort();
        KeySettings {
            name: name.to_owned(),
            partner: partner.map(|partner| self.partner_name(partner)),
            doors,
            schedule: schedule.iter().map(interval_words).collect(),
        }
    }
}

/// A door's name, or its uuid when this look does not hold it.
#[must_use]
pub fn door_name(observed: &Observed, door: DoorUuid) -> String {
    observed
        .door(door)
        .map_or_else(|| door.to_string(), |row| row.name.to_string())
}
