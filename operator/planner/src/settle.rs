//! Writes from their intent to their settlement: what is committed before one is sent, what its
//! answer or a later read means.

use jiff::{SignedDuration, Timestamp};

use crate::exposure::{Freshness, absorb_absence, absorb_row};
use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::ledger::{Charge, Claim, EntryVia, Intent, KeyRecord, Ledger, MayOpen};
use crate::observed::{DoorRow, Holder, KeyDoor, KeyRow, Observed};
use crate::plan::Step;
use crate::writes::{Answer, Write};

/// How long after sending a request may still take effect, by the contract, plus a minute for
/// clocks that differ.
pub const LATE_EFFECT: SignedDuration = SignedDuration::from_mins(11);

/// Most writes begun in one commit: what a crash leaves unknown is bounded by it.
pub const BATCH: usize = 32;

/// How a write ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// The write's intent.
    pub intent: Intent,
    /// How.
    pub outcome: Outcome,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// DOOR OS holds what was written.
    Applied,
    /// DOOR OS refused it with this code.
    Refused(String),
    /// It never left us.
    NotSent(String),
    /// It did not, and will not, take effect; or somebody has changed the same thing since.
    Overtaken,
}

/// Notes the steps about to be performed: their intents, charges, approvals spent later, and the
/// access a grant may give. To be committed before the first write is sent.
pub fn intend(ledger: &mut Ledger, steps: &[Step], now: Timestamp) -> Vec<Intent> {
    let mut intents = Vec::with_capacity(steps.len());
    for step in steps {
        let intent = begin(ledger, step, now);
        if intent.unknown_since.is_some() {
            intents.push(intent);
            continue;
        }
        for (door, partner, via) in may_grant(ledger, &intent) {
            ledger.door_mut(door).may_open.push(MayOpen {
                partner,
                via,
                revision: None,
                intent: Some(intent.number),
                gone_since: None,
                cause: None,
                attested: None,
            });
        }
        intents.push(intent);
    }
    intents
}

fn begin(ledger: &mut Ledger, step: &Step, now: Timestamp) -> Intent {
    let doors = touched(ledger, &step.write);
    let building = ledger.building;
    let head = ledger.head_mut();
    // The same write may be under way already: its answer was lost and a read since did not show
    // it. It is sent again under its own number, and charged once.
    if let Some(open) = head
        .intents
        .iter()
        .find(|intent| intent.fingerprint == step.fingerprint)
    {
        return open.clone();
    }
    let number = head.next_number;
    head.next_number += 1;
    let write = match &step.write {
        Write::CreateKey {
            name,
            partner,
            doors,
            schedule,
            client_ref,
            ..
        } => Write::CreateKey {
            building,
            name: name.clone(),
            partner: *partner,
            doors: doors.clone(),
            schedule: schedule.clone(),
            client_ref: if client_ref.is_empty() {
                crate::digest::short(&[&step.owner.to_string(), &number.to_string()])
            } else {
                client_ref.clone()
            },
        },
        other => other.clone(),
    };
    let intent = Intent {
        number,
        write,
        fingerprint: step.fingerprint.clone(),
        owner: step.owner.clone(),
        cause: step.cause.clone(),
        begun: now,
        unknown_since: None,
        before: step.before.to_string(),
        after: step.after.to_string(),
        doors,
    };
    head.intents.push(intent.clone());
    let charge = Charge {
        at: now,
        intent: number,
        losses: if step.uncharged {
            0
        } else {
            u32::try_from(step.losses.len()).unwrap_or(u32::MAX)
        },
        grants: u32::try_from(step.grants.len()).unwrap_or(u32::MAX),
    };
    if charge.losses > 0 || charge.grants > 0 {
        head.charges.push(charge);
    }
    intent
}

/// The doors whose access a write may change.
fn touched(ledger: &Ledger, write: &Write) -> Vec<DoorUuid> {
    let on_key = |key: &KeyUuid| {
        ledger
            .doors
            .iter()
            .filter(|(_, record)| {
                record
                    .may_open
                    .iter()
                    .any(|entry| entry.via == EntryVia::Key(*key))
            })
            .map(|(door, _)| *door)
            .collect::<Vec<_>>()
    };
    let mut doors = match write {
        Write::SetDoorPartner { door, .. } => vec![*door],
        Write::CreateKey { doors, .. } => doors.iter().map(|entry| entry.door).collect(),
        Write::UpdateKey { key, patch, .. } => {
            let mut doors: Vec<DoorUuid> = patch.add_doors.iter().map(|entry| entry.door).collect();
            doors.extend(&patch.remove_doors);
            doors.extend(patch.doorcodes.iter().map(|entry| entry.door));
            if patch.schedule.is_some() || patch.partner.is_some() {
                doors.extend(on_key(key));
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

/// Takes the answer to a write into the ledger. To be committed after the batch.
pub fn record_answer(
    ledger: &mut Ledger,
    number: u64,
    answer: &Answer,
    now: Timestamp,
) -> Option<Settled> {
    let intent = ledger
        .head
        .intents
        .iter()
        .find(|intent| intent.number == number)?
        .clone();
    match answer {
        Answer::Applied { key, doors } => {
            for row in doors {
                absorb_row(ledger, row, now);
            }
            own(ledger, &intent, key.as_ref(), doors);
            Some(close(ledger, intent, Outcome::Applied, doors, now))
        }
        // An earlier sending of the same write may have taken effect; only a read can tell.
        Answer::Refused { .. } | Answer::NotSent { .. } if intent.unknown_since.is_some() => None,
        Answer::Refused { code } => Some(close(
            ledger,
            intent,
            Outcome::Refused(code.clone()),
            &[],
            now,
        )),
        Answer::NotSent { why } => Some(close(
            ledger,
            intent,
            Outcome::NotSent(why.clone()),
            &[],
            now,
        )),
        Answer::Unknown { .. } => {
            mark_unknown(ledger, |open| open.number == number, now);
            None
        }
    }
}

/// Marks every open write as unknown: a process that starts finds writes another one began.
pub fn mark_open_as_unknown(ledger: &mut Ledger, now: Timestamp) {
    mark_unknown(ledger, |_| true, now);
}

fn mark_unknown(ledger: &mut Ledger, which: impl Fn(&Intent) -> bool, now: Timestamp) {
    let fresh = |intent: &Intent| which(intent) && intent.unknown_since.is_none();
    if ledger.head.intents.iter().any(fresh) {
        for intent in &mut ledger.head_mut().intents {
            if which(intent) {
                intent.unknown_since.get_or_insert(now);
            }
        }
    }
}

/// Takes rows into the ledger and settles what they settle. Returns the doors whose row was stale,
/// sorted, and the writes settled.
pub fn absorb(
    ledger: &mut Ledger,
    observed: &Observed,
    now: Timestamp,
) -> (Vec<DoorUuid>, Vec<Settled>) {
    let mut stale: Vec<DoorUuid> = observed
        .doors
        .iter()
        .filter(|row| absorb_row(ledger, row, now) == Freshness::Stale)
        .map(|row| row.uuid)
        .collect();
    stale.sort_unstable();
    let mut settled = Vec::new();
    for intent in ledger.head.intents.clone() {
        if let Some(outcome) = settled_by(ledger, observed, &stale, &intent, now) {
            let rows: Vec<DoorRow> = intent
                .doors
                .iter()
                .filter(|door| stale.binary_search(door).is_err())
                .filter_map(|door| observed.door(*door).cloned())
                .collect();
            own(ledger, &intent, written_key(observed, &intent), &rows);
            settled.push(close(ledger, intent, outcome, &rows, now));
        }
    }
    if observed.incomplete.is_none() && observed.doors.len() < ledger.doors.len() {
        let gone: Vec<DoorUuid> = ledger
            .doors
            .keys()
            .filter(|door| observed.door(**door).is_none())
            .copied()
            .collect();
        for door in gone {
            absorb_absence(ledger, door, now);
        }
    }
    (stale, settled)
}

/// Takes rows read one by one after a write into the ledger, and settles what they settle.
pub fn absorb_rows(
    ledger: &mut Ledger,
    doors: &[DoorRow],
    keys: &[KeyRow],
    now: Timestamp,
) -> Vec<Settled> {
    let mut doors = doors.to_vec();
    doors.sort_by_key(|row| row.uuid);
    let mut keys = keys.to_vec();
    keys.sort_by_key(|row| row.uuid);
    let part = Observed {
        building: ledger.building,
        building_name: String::new(),
        at: now,
        partners: Vec::new(),
        doors,
        keys,
        incomplete: Some(String::from("single rows")),
        clock_skewed: false,
    };
    absorb(ledger, &part, now).1
}

fn written_key<'a>(observed: &'a Observed, intent: &Intent) -> Option<&'a KeyRow> {
    match &intent.write {
        Write::CreateKey { client_ref, .. } => observed
            .keys
            .iter()
            .find(|row| row.client_ref.as_deref() == Some(client_ref)),
        Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. } => observed.key(*key),
        Write::SetDoorPartner { .. } => None,
    }
}

/// Whether a read settles a write whose answer is not known: the row is gone, or its revision
/// passed the one sent, or the time in which it may take effect is over.
fn settled_by(
    ledger: &Ledger,
    observed: &Observed,
    stale: &[DoorUuid],
    intent: &Intent,
    now: Timestamp,
) -> Option<Outcome> {
    let expired = intent
        .unknown_since
        .is_some_and(|since| now.duration_since(since) >= LATE_EFFECT);
    let complete = observed.incomplete.is_none();
    let by_revision = |revision: Option<i64>, if_match: i64, as_written: bool| match revision {
        Some(revision) if revision > if_match && as_written => Some(Outcome::Applied),
        Some(revision) if revision > if_match => Some(Outcome::Overtaken),
        _ if expired => Some(Outcome::Overtaken),
        _ => None,
    };
    match &intent.write {
        Write::SetDoorPartner {
            door,
            partner,
            if_match,
        } => match observed.door(*door) {
            Some(_) if stale.binary_search(door).is_ok() => None,
            Some(row) => {
                let wanted = partner.map_or(Holder::Nobody, Holder::Partner);
                by_revision(row.revision, *if_match, row.holder == wanted)
            }
            None => complete.then_some(Outcome::Overtaken),
        },
        Write::CreateKey { .. } => match written_key(observed, intent) {
            Some(_) => Some(Outcome::Applied),
            None => (complete && expired).then_some(Outcome::Overtaken),
        },
        Write::UpdateKey {
            key,
            if_match,
            patch,
        } => match observed.key(*key) {
            Some(row) if key_is_stale(ledger, row) => None,
            Some(row) => {
                let as_written = patch.name.as_ref().is_none_or(|name| *name == row.name)
                    && patch
                        .add_doors
                        .iter()
                        .all(|entry| row.door(entry.door).is_some())
                    && patch
                        .remove_doors
                        .iter()
                        .all(|door| row.door(*door).is_none());
                by_revision(row.revision, *if_match, as_written)
            }
            None => complete.then_some(Outcome::Overtaken),
        },
        Write::DeleteKey { key, if_match } => match observed.key(*key) {
            Some(row) if key_is_stale(ledger, row) => None,
            Some(row) => by_revision(row.revision, *if_match, false),
            None => complete.then_some(Outcome::Applied),
        },
    }
}

/// Whether we have seen a newer row of one of our keys.
#[must_use]
pub fn key_is_stale(ledger: &Ledger, row: &KeyRow) -> bool {
    ledger
        .head
        .keys
        .get(&row.uuid)
        .is_some_and(|record| row.version < record.version)
}

/// Ownership follows from a write that took effect: the intent carried it until now.
fn own(ledger: &mut Ledger, intent: &Intent, key: Option<&KeyRow>, doors: &[DoorRow]) {
    match &intent.write {
        Write::SetDoorPartner { door, partner, .. } => {
            let Some(row) = doors.iter().find(|row| row.uuid == *door) else {
                return;
            };
            let Some(partner) = *partner else {
                if row.holder == Holder::Nobody {
                    ledger.door_mut(*door).claims.clear();
                }
                return;
            };
            if row.holder == Holder::Partner(partner) {
                let record = ledger.door_mut(*door);
                let mut owners = record
                    .claim(partner)
                    .map(|claim| claim.owners.clone())
                    .unwrap_or_default();
                owners.insert(intent.owner.clone());
                record.claims = vec![Claim {
                    partner,
                    owners,
                    held: true,
                }];
            }
        }
        Write::CreateKey {
            partner,
            doors: declared,
            client_ref,
            ..
        } => {
            if let Some(row) = key {
                ledger.head_mut().keys.insert(
                    row.uuid,
                    KeyRecord {
                        owner: intent.owner.clone(),
                        partner: *partner,
                        name: row.name.clone(),
                        doors: owned_doors(row, declared.iter().map(|entry| entry.door)),
                        schedule: row.schedule.clone(),
                        client_ref: Some(client_ref.clone()),
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

fn own_updated_key(
    ledger: &mut Ledger,
    intent: &Intent,
    uuid: KeyUuid,
    patch: &crate::writes::KeyPatch,
    key: Option<&KeyRow>,
) {
    let Some(row) = key else {
        return;
    };
    let Some(partner) = row.partner else {
        return;
    };
    let head = ledger.head_mut();
    let owned_before: Vec<DoorUuid> = match head.keys.get(&uuid) {
        Some(record) => record.doors.iter().map(|entry| entry.door).collect(),
        // A key just converted: what it had was declared, or the conversion is refused.
        None => row.doors.iter().map(|entry| entry.door).collect(),
    };
    let added = patch.add_doors.iter().map(|entry| entry.door);
    let doors = owned_doors(row, owned_before.into_iter().chain(added));
    let client_ref = head
        .keys
        .get(&uuid)
        .and_then(|record| record.client_ref.clone());
    head.keys.insert(
        uuid,
        KeyRecord {
            owner: intent.owner.clone(),
            partner,
            name: row.name.clone(),
            doors,
            schedule: row.schedule.clone(),
            client_ref,
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

fn close(
    ledger: &mut Ledger,
    intent: Intent,
    outcome: Outcome,
    rows: &[DoorRow],
    now: Timestamp,
) -> Settled {
    let never = matches!(outcome, Outcome::Refused(_) | Outcome::NotSent(_));
    let head = ledger.head_mut();
    head.intents.retain(|open| open.number != intent.number);
    if never {
        head.charges.retain(|charge| charge.intent != intent.number);
    }
    if !matches!(outcome, Outcome::NotSent(_)) {
        head.approvals.remove(&intent.fingerprint);
        head.holds.remove(&intent.fingerprint);
    }
    for door in &intent.doors {
        ledger
            .door_mut(*door)
            .may_open
            .retain(|entry| entry.intent != Some(intent.number));
    }
    // With the write settled, the same rows may now prove what they could not before.
    for row in rows {
        absorb_row(ledger, row, now);
    }
    Settled { intent, outcome }
}
