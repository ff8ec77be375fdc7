//! A tiny DOOR OS: it performs writes on an [`Observed`] by the rules of the manager contract, and
//! lets people edit and sync by hand.

use opendoor_planner::ids::{DoorUuid, KeyUuid, PartnerUuid};
use opendoor_planner::observed::{Access, DoorRow, Holder, KeyDoor, KeyRow, Observed, Via};
use opendoor_planner::writes::{Answer, KeyPatch, Write};
use uuid::Uuid;

pub(crate) fn door_mut(observed: &mut Observed, door: DoorUuid) -> &mut DoorRow {
    observed
        .doors
        .iter_mut()
        .find(|row| row.uuid == door)
        .expect("the door exists")
}

pub(crate) fn key_mut(observed: &mut Observed, key: KeyUuid) -> &mut KeyRow {
    observed
        .keys
        .iter_mut()
        .find(|row| row.uuid == key)
        .expect("the key exists")
}

/// An edit of a door's dropdown, by a person or the API.
pub(crate) fn set_partner(observed: &mut Observed, door: DoorUuid, partner: Option<PartnerUuid>) {
    let row = door_mut(observed, door);
    row.holder = partner.map_or(Holder::Nobody, Holder::Partner);
    row.revision = row.revision.map(|revision| revision + 1);
    row.version += 1;
    regrant(observed, door, None);
}

/// Computes a door's access anew. `renewed`: a key whose schedule or doorcodes changed.
fn regrant(observed: &mut Observed, door: DoorUuid, renewed: Option<KeyUuid>) {
    let mut wanted: Vec<(PartnerUuid, Via)> = observed
        .keys
        .iter()
        .filter(|key| key.door(door).is_some())
        .filter_map(|key| Some((key.partner?, Via::Key(key.uuid))))
        .collect();
    let row = door_mut(observed, door);
    if let Holder::Partner(partner) = row.holder {
        wanted.push((partner, Via::Door));
    }
    wanted.sort_unstable();
    let now: Vec<(PartnerUuid, Via)> = row.access.iter().map(|a| (a.partner, a.via)).collect();
    let renews = |via: Via| renewed.is_some_and(|key| via == Via::Key(key));
    if now == wanted && !wanted.iter().any(|(_, via)| renews(*via)) {
        return;
    }
    row.access_revision += 1;
    let fresh = row.access_revision;
    row.access = wanted
        .into_iter()
        .map(|(partner, via)| {
            let kept = row
                .access
                .iter()
                .find(|a| (a.partner, a.via) == (partner, via) && !renews(via));
            Access {
                partner,
                via,
                revision: kept.map_or(fresh, |a| a.revision),
            }
        })
        .collect();
    row.version += 1;
}

/// A person performs a full Door Sync, or the network pushes.
pub(crate) fn full_sync(observed: &mut Observed, door: DoorUuid) {
    let row = door_mut(observed, door);
    row.lock_revision = Some(row.access_revision);
    row.version += 1;
}

/// An edit of a key, by a person or the API.
pub(crate) fn edit_key(observed: &mut Observed, key: KeyUuid, edit: impl FnOnce(&mut KeyRow)) {
    let row = key_mut(observed, key);
    let before = row.clone();
    edit(row);
    row.doors.sort_unstable();
    row.revision = row.revision.map(|revision| revision + 1);
    row.version += 1;
    let after = row.clone();
    let mut doors: Vec<DoorUuid> = before
        .doors
        .iter()
        .chain(&after.doors)
        .map(|entry| entry.door)
        .collect();
    doors.sort_unstable();
    doors.dedup();
    for door in doors {
        let renewed = before.schedule != after.schedule || before.door(door) != after.door(door);
        regrant(observed, door, renewed.then_some(key));
    }
}

pub(crate) fn delete_key(observed: &mut Observed, key: KeyUuid) -> Vec<DoorUuid> {
    let at = observed
        .keys
        .iter()
        .position(|row| row.uuid == key)
        .expect("the key exists");
    let gone = observed.keys.remove(at);
    let doors: Vec<DoorUuid> = gone.doors.iter().map(|entry| entry.door).collect();
    for door in &doors {
        regrant(observed, *door, None);
    }
    doors
}

pub(crate) fn create_key(observed: &mut Observed, row: KeyRow) {
    let doors: Vec<DoorUuid> = row.doors.iter().map(|entry| entry.door).collect();
    observed.keys.push(row);
    observed.keys.sort_by_key(|row| row.uuid);
    for door in doors {
        regrant(observed, door, None);
    }
}

/// Performs one write as the contract says.
pub(crate) fn perform(observed: &mut Observed, write: &Write) -> Answer {
    let refused = |code: &str| Answer::Refused {
        code: code.to_owned(),
    };
    let authorized = |partner: &PartnerUuid| observed.partners.iter().any(|p| p.uuid == *partner);
    match write {
        Write::SetDoorPartner {
            door,
            partner,
            if_match,
        } => {
            let Some(row) = observed.door(*door) else {
                return refused("NOT_FOUND");
            };
            if row.revision != Some(*if_match) {
                return refused("REVISION_MISMATCH");
            }
            if !partner.as_ref().is_none_or(authorized) {
                return refused("PARTNER_NOT_AUTHORIZED");
            }
            set_partner(observed, *door, *partner);
            applied(observed, None, &[*door])
        }
        Write::CreateKey {
            name,
            partner,
            doors,
            schedule,
            client_ref,
            ..
        } => {
            let known = observed
                .keys
                .iter()
                .find(|row| row.client_ref.as_deref() == Some(client_ref));
            if let Some(known) = known {
                return applied(observed, Some(known.uuid), &[]);
            }
            if observed.keys.iter().any(|row| row.name == *name) {
                return refused("KEY_NAME_TAKEN");
            }
            if !authorized(partner) {
                return refused("PARTNER_NOT_AUTHORIZED");
            }
            let uuid = KeyUuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, client_ref.as_bytes()));
            let touched: Vec<DoorUuid> = doors.iter().map(|entry| entry.door).collect();
            let row = KeyRow {
                uuid,
                name: name.clone(),
                partner: Some(*partner),
                doors: doors.clone(),
                schedule: schedule.clone(),
                client_ref: Some(client_ref.clone()),
                version: 1,
                revision: Some(1),
                holders: Some(0),
                roles: Box::default(),
            };
            create_key(observed, row);
            applied(observed, Some(uuid), &touched)
        }
        Write::UpdateKey {
            key,
            if_match,
            patch,
        } => {
            let Some(row) = observed.key(*key) else {
                return refused("NOT_FOUND");
            };
            if row.revision != Some(*if_match) {
                return refused("REVISION_MISMATCH");
            }
            if patch.partner.is_some() && row.partner.is_some() {
                return refused("PARTNER_IMMUTABLE");
            }
            let mut touched: Vec<DoorUuid> = row.doors.iter().map(|entry| entry.door).collect();
            touched.extend(patch.add_doors.iter().map(|entry| entry.door));
            edit_key(observed, *key, |row| apply_patch(row, patch));
            applied(observed, Some(*key), &touched)
        }
        Write::DeleteKey { key, if_match } => {
            let Some(row) = observed.key(*key) else {
                return refused("NOT_FOUND");
            };
            if row.revision != Some(*if_match) {
                return refused("REVISION_MISMATCH");
            }
            let touched = delete_key(observed, *key);
            applied(observed, None, &touched)
        }
    }
}

fn apply_patch(row: &mut KeyRow, patch: &KeyPatch) {
    row.doors
        .retain(|entry| !patch.remove_doors.contains(&entry.door));
    row.doors.extend(&patch.add_doors);
    for entry in &mut row.doors {
        let changed: Option<&KeyDoor> = patch.doorcodes.iter().find(|new| new.door == entry.door);
        entry.doorcodes = changed.map_or(entry.doorcodes, |new| new.doorcodes);
    }
    if let Some(name) = &patch.name {
        row.name.clone_from(name);
    }
    if let Some(schedule) = &patch.schedule {
        row.schedule.clone_from(schedule);
    }
    row.partner = row.partner.or(patch.partner);
}

fn applied(observed: &Observed, key: Option<KeyUuid>, doors: &[DoorUuid]) -> Answer {
    Answer::Applied {
        key: key.and_then(|key| observed.key(key).cloned()),
        doors: doors
            .iter()
            .filter_map(|door| observed.door(*door).cloned())
            .collect(),
    }
}
