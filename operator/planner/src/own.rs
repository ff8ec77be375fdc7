//! Ownership that follows from a write: the intent carried it until its outcome was known.

use crate::ids::{DoorUuid, KeyUuid};
use crate::ledger::{Claim, Intent, KeyRecord, Ledger};
use crate::observed::{DoorRow, Holder, KeyDoor, KeyRow};
use crate::writes::{KeyPatch, Write};

/// Notes what is owned now that a write took effect.
pub(crate) fn own(ledger: &mut Ledger, intent: &Intent, key: Option<&KeyRow>, doors: &[DoorRow]) {
    match &intent.write {
        Write::SetDoorPartner { door, .. } => {
            if let Some(row) = doors.iter().find(|row| row.uuid == *door) {
                own_door(ledger, intent, row);
            }
        }
        Write::CreateKey {
            partner,
            doors: declared,
            client_ref,
            ..
        } => {
            if let Some(row) = key {
                let keys = &mut ledger.head_mut().keys;
                // One object, one key: an earlier one was deleted by hand, and this one replaces it.
                keys.retain(|_, record| record.owner != intent.owner);
                keys.insert(
                    row.uuid,
                    KeyRecord {
                        owner: intent.owner.clone(),
                        partner: *partner,
                        name: row.name.clone(),
                        doors: owned_doors(row, declared.iter().map(|entry| entry.door)),
                        schedule: row.schedule.clone(),
                        client_ref: Some(client_ref.clone()),
                        held_by: row.held_by(),
                        version: row.version,
                    },
                );
            }
        }
        Write::UpdateKey {
            key: uuid, patch, ..
        } => own_updated_key(ledger, intent, *uuid, patch, key),
        Write::DeleteKey { key: uuid, .. } => {
            if key.is_none() {
                ledger.head_mut().keys.remove(uuid);
            }
        }
    }
}

/// Notes what of a write that was overtaken is ours all the same: doors it put on our key stay ours
/// whoever edited the key afterwards.
pub(crate) fn own_overtaken(ledger: &mut Ledger, intent: &Intent, key: Option<&KeyRow>) {
    let (
        Write::UpdateKey {
            key: uuid, patch, ..
        },
        Some(row),
    ) = (&intent.write, key)
    else {
        return;
    };
    let added: Vec<KeyDoor> = patch
        .add_doors
        .iter()
        .filter_map(|entry| row.door(entry.door))
        .collect();
    if added.is_empty() || !ledger.head.keys.contains_key(uuid) {
        return;
    }
    if let Some(record) = ledger.head_mut().keys.get_mut(uuid) {
        for entry in added {
            if record.doors.iter().all(|owned| owned.door != entry.door) {
                record.doors.push(entry);
            }
        }
        record.doors.sort_unstable();
    }
}

fn own_door(ledger: &mut Ledger, intent: &Intent, row: &DoorRow) {
    let Write::SetDoorPartner { partner, .. } = &intent.write else {
        return;
    };
    let Some(partner) = *partner else {
        if row.holder == Holder::Nobody {
            ledger.door_mut(row.uuid).claims.clear();
        }
        return;
    };
    if row.holder != Holder::Partner(partner) {
        return;
    }
    let record = ledger.door_mut(row.uuid);
    let before = record.claim(partner);
    let owners = before
        .into_iter()
        .flat_map(|claim| &claim.owners)
        .chain([&intent.owner])
        .chain(&intent.shared_with);
    record.claims = [Claim::held(partner, owners)].into();
}

fn own_updated_key(
    ledger: &mut Ledger,
    intent: &Intent,
    uuid: KeyUuid,
    patch: &KeyPatch,
    key: Option<&KeyRow>,
) {
    let Some(row) = key else {
        return;
    };
    let Some(partner) = row.partner else {
        return;
    };
    let before = ledger.head.keys.get(&uuid);
    if before.is_none() && patch.partner != Some(partner) {
        return;
    }
    let owned_before: Vec<DoorUuid> = match before {
        Some(record) => record.doors.iter().map(|entry| entry.door).collect(),
        // A key just converted: what it had was declared, or the conversion is refused.
        None => row.doors.iter().map(|entry| entry.door).collect(),
    };
    let client_ref = before.and_then(|record| record.client_ref.clone());
    // Removing doors that somebody added by hand is the Property's doing; the key stays its object's.
    let owner = before.map_or_else(|| intent.owner.clone(), |record| record.owner.clone());
    let added = patch.add_doors.iter().map(|entry| entry.door);
    let doors = owned_doors(row, owned_before.into_iter().chain(added));
    ledger.head_mut().keys.insert(
        uuid,
        KeyRecord {
            owner,
            partner,
            name: row.name.clone(),
            doors,
            schedule: row.schedule.clone(),
            client_ref,
            held_by: row.held_by(),
            version: row.version,
        },
    );
}

fn owned_doors(row: &KeyRow, ours: impl Iterator<Item = DoorUuid>) -> Vec<KeyDoor> {
    let mut doors: Vec<KeyDoor> = ours.filter_map(|door| row.door(door)).collect();
    doors.sort_unstable();
    doors.dedup();
    doors
}
