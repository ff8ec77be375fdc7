//! Beginning writes: what is committed before the first one is sent.

use jiff::Timestamp;

use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::ledger::{Charge, EntryVia, Intent, Ledger, MayOpen};
use crate::plan::Step;
use crate::writes::Write;

/// Most writes begun in one commit: what a crash leaves unknown is bounded by it.
pub const BATCH: usize = 32;

/// Notes the steps about to be performed: their intents, charges, approvals spent later, and the
/// access a grant may give. To be committed before the first write is sent.
pub fn intend(ledger: &mut Ledger, steps: &[Step], now: Timestamp) -> Vec<Intent> {
    steps
        .iter()
        .map(|step| match send_again(ledger, step, now) {
            Some(open) => open,
            None => begin(ledger, step, now),
        })
        .collect()
}

/// The same write may be under way already: its answer was lost and a read since did not show it.
/// It is sent again under its own number, charged once, and may take effect late from now on.
fn send_again(ledger: &mut Ledger, step: &Step, now: Timestamp) -> Option<Intent> {
    let same = |intent: &Intent| intent.fingerprint == step.fingerprint;
    if !ledger.head.intents.iter().any(same) {
        return None;
    }
    let head = ledger.head_mut();
    let open = head.intents.iter_mut().find(|intent| same(intent))?;
    if open.unknown_since.is_some() {
        open.unknown_since = Some(now);
    }
    // What it takes away goes from now on, however long ago it was begun.
    for charge in &mut head.charges {
        if charge.intent == open.number {
            charge.at = now;
        }
    }
    Some(open.clone())
}

fn begin(ledger: &mut Ledger, step: &Step, now: Timestamp) -> Intent {
    let doors = touched(ledger, step);
    let head = ledger.head_mut();
    let number = head.next_number;
    head.next_number += 1;
    let intent = Intent {
        number,
        write: marked(step, number),
        fingerprint: step.fingerprint.clone(),
        owner: step.owner.clone(),
        shared_with: step.shared_with.clone(),
        cause: step.cause.clone(),
        begun: now,
        unknown_since: None,
        before: step.before.to_string(),
        after: step.after.to_string(),
        doors,
        widens: step.widens.clone(),
    };
    head.intents.push(intent.clone());
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let charge = Charge {
        at: now,
        intent: number,
        losses: if step.uncharged {
            0
        } else {
            count(step.losses.len())
        },
        grants: count(step.grants.len()),
    };
    if charge.losses > 0 || charge.grants > 0 {
        head.charges.push(charge);
    }
    for (door, partner, via) in may_grant(ledger, &intent) {
        let entry = MayOpen::intended(partner, via, number);
        ledger.door_mut(door).may_open.push(entry);
    }
    intent
}

/// The write with our mark on a key that it makes.
fn marked(step: &Step, number: u64) -> Write {
    let mut write = step.write.clone();
    if let Write::CreateKey { client_ref, .. } = &mut write
        && client_ref.is_empty()
    {
        *client_ref = crate::digest::short(&[&step.owner.to_string(), &number.to_string()]);
    }
    write
}

/// The doors whose access a step may change.
fn touched(ledger: &Ledger, step: &Step) -> Vec<DoorUuid> {
    let on_key = |key: &KeyUuid| {
        ledger
            .doors
            .iter()
            .filter(|(_, record)| {
                record
                    .may_open
                    .iter()
                    .any(|entry| entry.via == EntryVia::Key(*key) && entry.gone.is_none())
            })
            .map(|(door, _)| *door)
            .collect::<Vec<_>>()
    };
    let mut doors = match &step.write {
        Write::SetDoorPartner { door, .. } => vec![*door],
        Write::CreateKey { doors, .. } => doors.iter().map(|entry| entry.door).collect(),
        Write::UpdateKey { key, patch, .. } => {
            let mut doors: Vec<DoorUuid> = patch.add_doors.iter().map(|entry| entry.door).collect();
            doors.extend(&patch.remove_doors);
            doors.extend(patch.doorcodes.iter().map(|entry| entry.door));
            if patch.schedule.is_some() {
                doors.extend(on_key(key));
            }
            // A key that becomes a partner key gives its partner every door already on it.
            if patch.partner.is_some() {
                doors.extend(step.grants.iter().map(|(door, _)| *door));
            }
            doors
        }
        Write::DeleteKey { key, .. } => on_key(key),
    };
    doors.sort_unstable();
    doors.dedup();
    doors
}

fn may_grant(ledger: &Ledger, intent: &Intent) -> Vec<(DoorUuid, PartnerUuid, EntryVia)> {
    match &intent.write {
        Write::SetDoorPartner {
            door,
            partner: Some(partner),
            ..
        } => vec![(*door, *partner, EntryVia::Door)],
        Write::CreateKey { partner, doors, .. } => doors
            .iter()
            .map(|entry| (entry.door, *partner, EntryVia::NewKey))
            .collect(),
        Write::UpdateKey { key, patch, .. } => {
            let partner = patch
                .partner
                .or_else(|| ledger.head.keys.get(key).map(|record| record.partner));
            match partner {
                Some(partner) => intent
                    .doors
                    .iter()
                    .filter(|door| !patch.remove_doors.contains(door))
                    .map(|door| (*door, partner, EntryVia::Key(*key)))
                    .collect(),
                None => Vec::new(),
            }
        }
        Write::SetDoorPartner { partner: None, .. } | Write::DeleteKey { .. } => Vec::new(),
    }
}
