//! The difference between the keys that are wanted and the keys DOOR OS holds.

use opendoor_api::{AddedByHand, RemovedByHand};

use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::intake::InForce;
use crate::key_wants::KeyWant;
use crate::ledger::KeyRecord;
use crate::observed::{Interval, KeyDoor, KeyRow, Observed, Via};
use crate::plan::{Action, HandMade, KeyDoorSetting, KeySettings, Named, Refusal, Step, Value};
use crate::reasons::Reason;
use crate::settle::key_is_stale;
use crate::steps::{Differences, fingerprint};
use crate::writes::{KeyPatch, Write};

impl Differences<'_> {
    pub(crate) fn keys(&mut self) {
        let taken = self.taken;
        for want in &taken.keys {
            let before = self.steps.len();
            let open = self.ledger.head.intents.iter().find(|intent| {
                match (&intent.write, want.key) {
                    (Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. }, Some(wanted)) => {
                        *key == wanted
                    }
                    (Write::CreateKey { .. }, _) => taken
                        .objects
                        .get(want.object)
                        .is_some_and(|object| object.owner == intent.owner),
                    _ => false,
                }
            });
            self.key(want);
            self.respect_open_write(before, open);
        }
        self.keys_without_an_object();
    }

    fn key(&mut self, want: &KeyWant) {
        let taken = self.taken;
        let Some(object) = taken.objects.get(want.object) else {
            return;
        };
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
            return false;
        };
        let leaving = self.ledger.head.keys.get(&other.uuid).is_some_and(|record| {
            self.taken.removed.contains_key(&record.owner)
                || self
                    .taken
                    .keys
                    .iter()
                    .any(|rival| rival.key == Some(other.uuid) && rival.name != want.name)
        });
        let (reason, message) = if leaving {
            (
                Reason::WaitingForKeyName,
                format!(
                    "the name \"{}\" is free once another key of ours has given it up.",
                    want.name
                ),
            )
        } else {
            (
                Reason::KeyNameTaken,
                format!(
                    "another key ({}) is named \"{}\", and key names are unique in a building. Choose another keyName.",
                    other.uuid, want.name
                ),
            )
        };
        self.refusals.push(Refusal {
            cause: object.places.locate(&object.cause, "spec.keyName"),
            reason,
            message,
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
            });
        }
        let held = (restores && self.removed_by_hand == RemovedByHand::Hold)
            .then_some(Reason::Drifted);
        let write = Write::CreateKey {
            building: self.ledger.building,
            name: want.name.clone(),
            partner: want.partner,
            doors: want.doors.clone(),
            schedule: want.schedule.clone(),
            // Minted when the intent is committed.
            client_ref: String::new(),
        };
        let open_ref = self.ledger.head.intents.iter().find_map(|intent| {
            (intent.owner == object.owner).then_some(&intent.fingerprint)
        });
        let made_from = crate::digest::short(&[
            &object.owner.to_string(),
            &fingerprint(Action::CreateKey, &write),
        ]);
        let fingerprint = open_ref
            .filter(|open| **open == made_from)
            .cloned()
            .unwrap_or(made_from);
        let after = Value::Key(self.settings(
            &want.name,
            Some(want.partner),
            &want.doors,
            &want.schedule,
        ));
        self.steps.push(Step {
            action: Action::CreateKey,
            door: None,
            key: Some(Named {
                uuid: None,
                name: want.name.clone(),
            }),
            partner: self.partner_name(want.partner),
            before: Value::None,
            after,
            irreversible: false,
            holders_affected: None,
            visits: Vec::new(),
            held,
            still_opens_by: Vec::new(),
            cause: object.cause.clone(),
            owner: object.owner.clone(),
            write,
            fingerprint,
            losses: Vec::new(),
            grants: pairs(want.doors.iter().map(|entry| entry.door), want.partner),
            uncharged: false,
            restores,
        });
    }

    fn update_key(&mut self, want: &KeyWant, object: &InForce, row: &KeyRow) {
        let record = self.ledger.head.keys.get(&row.uuid);
        let owns = |door: DoorUuid| {
            record.is_some_and(|record| record.doors.iter().any(|entry| entry.door == door))
        };
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
            let declared = want.doors.iter().any(|wanted| wanted.door == entry.door)
                || want.kept_doors.contains(&entry.door);
            if declared || want.converts {
                continue;
            }
            if owns(entry.door) {
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
        let drift = record.and_then(|record| drift(record, want, &patch));
        if let Some(drift) = &drift {
            self.drifted.push(HandMade {
                what: format!("key \"{}\"", row.name),
                door: None,
                partner: self.partner_name(want.partner),
                change: drift.words.clone(),
                owner: Some(object.owner.clone()),
            });
        }
        let held = (drift.as_ref().is_some_and(|drift| drift.taken_away)
            && self.removed_by_hand == RemovedByHand::Hold)
            .then_some(Reason::Drifted);
        let Some(if_match) = row.revision else {
            self.read_only(&row.name, &object.cause, &object.owner);
            return;
        };
        let after_doors = after_patch(row, &patch);
        let losses = narrowed(row, &patch);
        let grants = if want.converts {
            after_doors.iter().map(|entry| entry.door).collect()
        } else {
            patch.add_doors.iter().map(|entry| entry.door).collect::<Vec<_>>()
        };
        self.going
            .extend(patch.remove_doors.iter().map(|door| (*door, Via::Key(row.uuid))));
        let before = Value::Key(self.settings(&row.name, row.partner, &row.doors, &row.schedule));
        let after = Value::Key(self.settings(
            &want.name,
            Some(want.partner),
            &after_doors,
            patch.schedule.as_deref().unwrap_or(&row.schedule),
        ));
        let visits = self.visits(&losses);
        let action = if want.converts {
            Action::ConvertKey
        } else {
            Action::UpdateKey
        };
        let write = Write::UpdateKey {
            key: row.uuid,
            if_match,
            patch,
        };
        self.steps.push(Step {
            action,
            door: None,
            key: Some(Named {
                uuid: Some(row.uuid),
                name: row.name.clone(),
            }),
            partner: self.partner_name(want.partner),
            before,
            after,
            irreversible: want.converts,
            holders_affected: row.holders,
            visits,
            held,
            still_opens_by: Vec::new(),
            cause: object.cause.clone(),
            owner: object.owner.clone(),
            fingerprint: fingerprint(action, &write),
            write,
            losses: pairs(losses.into_iter(), want.partner),
            grants: pairs(grants.into_iter(), want.partner),
            uncharged: false,
            restores: drift.is_some(),
        });
    }

    /// Doors that somebody put on one of our keys by hand.
    fn doors_added_by_hand(
        &mut self,
        want: &KeyWant,
        row: &KeyRow,
        doors: &[DoorUuid],
        nothing_else: bool,
    ) {
        for door in doors {
            self.unmanaged.push(HandMade {
                what: format!("key \"{}\"", row.name),
                door: Some(*door),
                partner: self.partner_name(want.partner),
                change: format!("door \"{}\" put on the key by hand", self.door_name(*door)),
                owner: None,
            });
        }
        if doors.is_empty() || self.added_by_hand == AddedByHand::Report || !nothing_else {
            return;
        }
        let Some(if_match) = row.revision else {
            return;
        };
        let patch = KeyPatch {
            remove_doors: doors.to_vec(),
            ..KeyPatch::default()
        };
        self.going
            .extend(doors.iter().map(|door| (*door, Via::Key(row.uuid))));
        let after_doors = after_patch(row, &patch);
        let write = Write::UpdateKey {
            key: row.uuid,
            if_match,
            patch,
        };
        self.steps.push(Step {
            action: Action::UpdateKey,
            door: None,
            key: Some(Named {
                uuid: Some(row.uuid),
                name: row.name.clone(),
            }),
            partner: self.partner_name(want.partner),
            before: Value::Key(self.settings(&row.name, row.partner, &row.doors, &row.schedule)),
            after: Value::Key(self.settings(&row.name, row.partner, &after_doors, &row.schedule)),
            irreversible: false,
            holders_affected: row.holders,
            visits: self.visits(doors),
            held: self.first_pass(),
            still_opens_by: Vec::new(),
            cause: self.property_cause.clone(),
            owner: self.property_owner.clone(),
            fingerprint: fingerprint(Action::UpdateKey, &write),
            write,
            losses: pairs(doors.iter().copied(), want.partner),
            grants: Vec::new(),
            uncharged: false,
            restores: false,
        });
    }

    /// Keys whose object went, and partner keys that nobody declares.
    fn keys_without_an_object(&mut self) {
        let (observed, ledger, taken) = (self.observed, self.ledger, self.taken);
        for row in &observed.keys {
            let Some(partner) = row.partner else {
                continue;
            };
            if taken.keys.iter().any(|want| want.key == Some(row.uuid)) {
                continue;
            }
            let before = self.steps.len();
            let open = ledger.head.intents.iter().find(|intent| {
                matches!(&intent.write,
                    Write::DeleteKey { key, .. } | Write::UpdateKey { key, .. } if *key == row.uuid)
            });
            match ledger.head.keys.get(&row.uuid) {
                Some(record) => self.delete_owned(row, record, partner),
                None => self.undeclared_key(row, partner),
            }
            self.respect_open_write(before, open);
        }
    }

    fn delete_owned(&mut self, row: &KeyRow, record: &KeyRecord, partner: PartnerUuid) {
        if key_is_stale(self.ledger, row) {
            return;
        }
        let (held, cause) = match (
            self.taken.removed.get(&record.owner),
            self.taken.object(&record.owner),
        ) {
            (Some(removed), _) => (removed.held, removed.cause.clone()),
            // Its object is there and refused, frozen, or means another key now: nothing is deleted.
            (None, Some(_)) => return,
            (None, None) => (
                Some(Reason::OwnerMissing),
                crate::owner::Cause::of(&record.owner),
            ),
        };
        let owner = record.owner.clone();
        self.delete_key(row, partner, held, owner, cause);
    }

    fn undeclared_key(&mut self, row: &KeyRow, partner: PartnerUuid) {
        self.unmanaged.push(HandMade {
            what: format!("key \"{}\"", row.name),
            door: None,
            partner: self.partner_name(partner),
            change: String::from("partner key that nothing declares"),
            owner: None,
        });
        // A refused object may be about this very key; deleting it would decide for the manager.
        let refused_here = self.taken.objects.iter().any(|object| {
            object.frozen
                && matches!(&object.spec, crate::declared::Spec::PartnerKey(spec)
                    if spec.key_name.as_deref().unwrap_or(&object.owner.name) == row.name)
        });
        if self.added_by_hand == AddedByHand::Remove && !refused_here {
            let held = self.first_pass();
            let (owner, cause) = (self.property_owner.clone(), self.property_cause.clone());
            self.delete_key(row, partner, held, owner, cause);
        }
    }

    fn delete_key(
        &mut self,
        row: &KeyRow,
        partner: PartnerUuid,
        held: Option<Reason>,
        owner: crate::owner::OwnerId,
        cause: crate::owner::Cause,
    ) {
        let Some(if_match) = row.revision else {
            self.read_only(&row.name, &cause, &owner);
            return;
        };
        let doors: Vec<DoorUuid> = row.doors.iter().map(|entry| entry.door).collect();
        self.going
            .extend(doors.iter().map(|door| (*door, Via::Key(row.uuid))));
        let held = held.or_else(|| (row.holders != Some(0)).then_some(Reason::HoldersAffected));
        let write = Write::DeleteKey {
            key: row.uuid,
            if_match,
        };
        self.steps.push(Step {
            action: Action::DeleteKey,
            door: None,
            key: Some(Named {
                uuid: Some(row.uuid),
                name: row.name.clone(),
            }),
            partner: self.partner_name(partner),
            before: Value::Key(self.settings(&row.name, row.partner, &row.doors, &row.schedule)),
            after: Value::None,
            irreversible: true,
            holders_affected: row.holders,
            visits: self.visits(&doors),
            held,
            still_opens_by: Vec::new(),
            cause,
            owner,
            fingerprint: fingerprint(Action::DeleteKey, &write),
            write,
            losses: pairs(doors.into_iter(), partner),
            grants: Vec::new(),
            uncharged: false,
            restores: false,
        });
    }

    fn visits(&self, doors: &[DoorUuid]) -> Vec<Named<DoorUuid>> {
        doors
            .iter()
            .filter_map(|door| self.observed.door(*door))
            .filter_map(|row| self.visit(row))
            .collect()
    }

    fn door_name(&self, door: DoorUuid) -> String {
        door_name(self.observed, door)
    }

    fn settings(
        &self,
        name: &str,
        partner: Option<PartnerUuid>,
        doors: &[KeyDoor],
        schedule: &[Interval],
    ) -> KeySettings {
        let mut doors: Vec<KeyDoorSetting> = doors
            .iter()
            .map(|entry| KeyDoorSetting {
                name: self.door_name(entry.door),
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
        .map_or_else(|| door.to_string(), |row| row.name.clone())
}

fn interval_words(interval: &Interval) -> String {
    let days: Vec<&str> = interval
        .days
        .iter()
        .map(|day| match day {
            crate::observed::Day::Monday => "Mon",
            crate::observed::Day::Tuesday => "Tue",
            crate::observed::Day::Wednesday => "Wed",
            crate::observed::Day::Thursday => "Thu",
            crate::observed::Day::Friday => "Fri",
            crate::observed::Day::Saturday => "Sat",
            crate::observed::Day::Sunday => "Sun",
        })
        .collect();
    format!("{} {}-{}", days.join(" "), interval.from, interval.to)
}

fn pairs(
    doors: impl Iterator<Item = DoorUuid>,
    partner: PartnerUuid,
) -> Vec<(DoorUuid, PartnerUuid)> {
    doors.map(|door| (door, partner)).collect()
}

fn after_patch(row: &KeyRow, patch: &KeyPatch) -> Vec<KeyDoor> {
    let mut doors: Vec<KeyDoor> = row
        .doors
        .iter()
        .filter(|entry| !patch.remove_doors.contains(&entry.door))
        .map(|entry| {
            patch
                .doorcodes
                .iter()
                .find(|changed| changed.door == entry.door)
                .copied()
                .unwrap_or(*entry)
        })
        .chain(patch.add_doors.iter().copied())
        .collect();
    doors.sort_unstable();
    doors
}

/// Doors at which the key's access shrinks: taken out, doorcodes switched off, or a schedule that
/// is not simply lifted.
fn narrowed(row: &KeyRow, patch: &KeyPatch) -> Vec<DoorUuid> {
    if row.partner.is_none() {
        return Vec::new();
    }
    let mut doors = patch.remove_doors.clone();
    doors.extend(
        patch
            .doorcodes
            .iter()
            .filter(|entry| !entry.doorcodes)
            .map(|entry| entry.door),
    );
    if patch
        .schedule
        .as_ref()
        .is_some_and(|schedule| !schedule.is_empty())
    {
        doors.extend(row.doors.iter().map(|entry| entry.door));
    }
    doors.sort_unstable();
    doors.dedup();
    doors
}

struct Drift {
    words: String,
    taken_away: bool,
}

/// What of a patch puts back something we had and somebody changed by hand.
fn drift(record: &KeyRecord, want: &KeyWant, patch: &KeyPatch) -> Option<Drift> {
    let owned = |door: DoorUuid| record.doors.iter().find(|entry| entry.door == door);
    let gone = patch
        .add_doors
        .iter()
        .filter(|entry| owned(entry.door).is_some())
        .count();
    let codes: Vec<&KeyDoor> = patch
        .doorcodes
        .iter()
        .filter(|entry| owned(entry.door) == Some(entry))
        .collect();
    let schedule = patch.schedule.is_some() && record.schedule == want.schedule;
    let renamed = patch.name.is_some() && record.name == want.name;
    let mut words = Vec::new();
    if gone > 0 {
        words.push(format!("{gone} doors taken off by hand"));
    }
    if !codes.is_empty() {
        words.push(format!("doorcodes of {} doors changed by hand", codes.len()));
    }
    if schedule {
        words.push(String::from("schedule changed by hand"));
    }
    if renamed {
        words.push(String::from("renamed by hand"));
    }
    if words.is_empty() {
        return None;
    }
    Some(Drift {
        words: words.join(", "),
        taken_away: gone > 0 || codes.iter().any(|entry| entry.doorcodes) || schedule,
    })
}

/// Whether a key of DOOR OS is one of ours.
#[must_use]
pub fn is_ours(ledger: &crate::ledger::Ledger, key: KeyUuid) -> bool {
    ledger.head.keys.contains_key(&key)
}
