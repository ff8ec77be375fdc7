//! Keys and doors of keys that nothing declares: ours that go, and what somebody added by hand.

use std::collections::BTreeSet;

use opendoor_api::{AddedByHand, Adoption};

use crate::declared::Spec;
use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::key_diff::after_patch;
use crate::key_steps::{KeyChange, door_name};
use crate::key_wants::KeyWant;
use crate::ledger::KeyRecord;
use crate::observed::KeyRow;
use crate::owner::{Cause, OwnerId};
use crate::plan::{Action, HandMade, Value};
use crate::reasons::Reason;
use crate::settle::key_is_stale;
use crate::steps::Differences;
use crate::writes::{KeyPatch, Write};

impl Differences<'_> {
    /// Doors that somebody put on one of our keys by hand.
    pub(crate) fn doors_added_by_hand(
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
                change: format!(
                    "door \"{}\" put on the key by hand",
                    door_name(self.observed, *door)
                ),
                owner: None,
                key: Some(row.uuid),
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
        let after = self.settings(
            &row.name,
            row.partner,
            &after_patch(row, &patch),
            &row.schedule,
        );
        self.key_step(KeyChange {
            action: Action::UpdateKey,
            row: Some(row),
            partner: want.partner,
            after: Value::Key(after),
            write: Write::UpdateKey {
                key: row.uuid,
                if_match,
                patch,
            },
            owner: self.property_owner.clone(),
            cause: self.property_cause.clone(),
            held: self.first_pass(),
            restores: false,
            narrowed: doors.to_vec(),
            gained: Vec::new(),
        });
    }

    /// Keys whose object went, and partner keys that nobody declares.
    pub(crate) fn keys_without_an_object(&mut self) {
        let (observed, ledger, taken) = (self.observed, self.ledger, self.taken);
        let wanted: BTreeSet<KeyUuid> = taken.keys.iter().filter_map(|want| want.key).collect();
        for row in &observed.keys {
            let Some(partner) = row.partner else {
                continue;
            };
            if wanted.contains(&row.uuid) || self.is_being_made(row) {
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

    /// Whether it carries our mark of a write that is not settled yet: then it is ours, and nobody's hand's.
    fn is_being_made(&self, row: &KeyRow) -> bool {
        let mark = row.client_ref.as_deref();
        self.ledger.head.intents.iter().any(|intent| {
            matches!(&intent.write, Write::CreateKey { client_ref, .. } if mark == Some(client_ref))
        })
    }

    fn delete_owned(&mut self, row: &KeyRow, record: &KeyRecord, partner: PartnerUuid) {
        let owner = &record.owner;
        if key_is_stale(self.ledger, row) {
            return;
        }
        let cause = match (self.taken.removed.get(owner), self.taken.object(owner)) {
            (Some(removed), _) => removed.cause.clone(),
            // Its object is there and refused, frozen, or means another key now: nothing is deleted.
            (None, Some(_)) => return,
            (None, None) => Cause::of(owner),
        };
        if self.is_key_named_in_vain(row, partner) {
            return;
        }
        let held = self.taken.held_removal(owner);
        self.delete_key(row, partner, held, owner.clone(), cause);
    }

    fn undeclared_key(&mut self, row: &KeyRow, partner: PartnerUuid) {
        self.unmanaged.push(HandMade {
            what: format!("key \"{}\"", row.name),
            door: None,
            partner: self.partner_name(partner),
            change: String::from("partner key that nothing declares"),
            owner: None,
            key: Some(row.uuid),
        });
        if self.added_by_hand == AddedByHand::Report || self.is_about_a_refused_object(row) {
            return;
        }
        let held = self.first_pass();
        let (owner, cause) = (self.property_owner.clone(), self.property_cause.clone());
        self.delete_key(row, partner, held, owner, cause);
    }

    /// Whether an object that is refused, or waits for DOOR's authorisation, declares this key for its
    /// partner: the object it belonged to was renamed, and nothing was given up.
    fn is_key_named_in_vain(&self, row: &KeyRow, partner: PartnerUuid) -> bool {
        let names = self.names_of(partner);
        self.taken.objects.iter().any(|object| {
            object.frozen
                && !object.removed
                && matches!(&*object.spec, Spec::PartnerKey(spec)
                    if names.contains(&spec.partner)
                        && spec.key_name.as_deref().unwrap_or(&object.owner.name) == row.name)
        })
    }

    /// A refused object may be about this very key; deleting it would decide for the manager.
    fn is_about_a_refused_object(&self, row: &KeyRow) -> bool {
        let adopts = |adopt: &Adoption| {
            let uuid = adopt.key_uuid.as_deref();
            uuid.and_then(|uuid| uuid.parse().ok()).map(KeyUuid) == Some(row.uuid)
        };
        self.taken.objects.iter().any(|object| {
            object.frozen
                && matches!(&*object.spec, Spec::PartnerKey(spec)
                    if spec.key_name.as_deref().unwrap_or(&object.owner.name) == row.name
                        || spec.adopt.as_ref().is_some_and(adopts))
        })
    }

    fn delete_key(
        &mut self,
        row: &KeyRow,
        partner: PartnerUuid,
        held: Option<Reason>,
        owner: OwnerId,
        cause: Cause,
    ) {
        let Some(if_match) = row.revision else {
            self.read_only(&row.name, &cause, &owner);
            return;
        };
        self.key_step(KeyChange {
            action: Action::DeleteKey,
            row: Some(row),
            partner,
            after: Value::None,
            write: Write::DeleteKey {
                key: row.uuid,
                if_match,
            },
            owner,
            cause,
            held: held.or_else(|| (row.holders != Some(0)).then_some(Reason::HoldersAffected)),
            restores: false,
            narrowed: row.doors.iter().map(|entry| entry.door).collect(),
            gained: Vec::new(),
        });
    }
}
