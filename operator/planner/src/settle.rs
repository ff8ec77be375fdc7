//! Writes from their intent to their settlement: what is committed before one is sent, what its
//! answer or a later read means.

use jiff::{SignedDuration, Timestamp};

use crate::clocks::mind_the_clocks;
use crate::exposure::{Freshness, absorb_absence, absorb_row, meet_rows};
use crate::ids::DoorUuid;
use crate::ledger::{Gone, Intent, Ledger, MayOpen};
use crate::observed::{DoorRow, Holder, KeyRow, Observed, Via};
use crate::own::{own, own_overtaken};
use crate::widened::cover;
use crate::writes::{Answer, KeyPatch, Write};

pub use crate::intend::{BATCH, intend};

/// How long after sending a request may still take effect, by the contract, plus a minute for
/// clocks that differ.
pub const LATE_EFFECT: SignedDuration = SignedDuration::from_mins(11);

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
                cover(ledger, &intent, row);
                absorb_row(ledger, row, now);
            }
            if !shows_what_was_written(&intent.write, key.as_ref(), doors) {
                mark_unknown(ledger, number, now);
                return None;
            }
            own(ledger, &intent, key.as_ref(), doors);
            Some(close(
                ledger,
                intent,
                Outcome::Applied,
                Effect::Took,
                doors,
                now,
            ))
        }
        // An earlier sending of the same write may have taken effect; only a read can tell.
        Answer::Refused { .. } | Answer::NotSent { .. } if intent.unknown_since.is_some() => None,
        Answer::Refused { code } => {
            let outcome = Outcome::Refused(code.clone());
            Some(close(ledger, intent, outcome, Effect::Never, &[], now))
        }
        Answer::NotSent { why } => {
            let outcome = Outcome::NotSent(why.clone());
            Some(close(ledger, intent, outcome, Effect::Never, &[], now))
        }
        Answer::Unknown { .. } => {
            mark_unknown(ledger, number, now);
            None
        }
    }
}

/// Without the row that was written, what came of the write is for a read to tell.
fn shows_what_was_written(write: &Write, key: Option<&KeyRow>, doors: &[DoorRow]) -> bool {
    match write {
        Write::SetDoorPartner { door, .. } => doors.iter().any(|row| row.uuid == *door),
        Write::CreateKey { .. } | Write::UpdateKey { .. } => key.is_some(),
        Write::DeleteKey { .. } => true,
    }
}

/// Marks every open write as unknown: a process that starts finds writes another one began.
pub fn mark_open_as_unknown(ledger: &mut Ledger, now: Timestamp) {
    let fresh = |intent: &Intent| intent.unknown_since.is_none();
    if ledger.head.intents.iter().any(fresh) {
        for intent in &mut ledger.head_mut().intents {
            intent.unknown_since.get_or_insert(now);
        }
    }
}

/// The answer to a write was lost just now. However often that happened before, it may take effect
/// late from now on.
fn mark_unknown(ledger: &mut Ledger, number: u64, now: Timestamp) {
    for intent in &mut ledger.head_mut().intents {
        if intent.number == number {
            intent.unknown_since = Some(now);
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
    mind_the_clocks(ledger, observed.clock_skewed, now);
    let mut stale: Vec<DoorUuid> = Vec::new();
    if ledger.doors.is_empty() {
        meet_rows(ledger, &observed.doors, now);
    } else {
        for row in &observed.doors {
            if absorb_row(ledger, row, now) == Freshness::Stale {
                stale.push(row.uuid);
            }
        }
        stale.sort_unstable();
    }
    let mut settled = Vec::new();
    for intent in ledger.head.intents.clone() {
        if let Some((outcome, effect)) = settled_by(ledger, observed, &stale, &intent, now) {
            let rows: Vec<DoorRow> = intent
                .doors
                .iter()
                .filter(|door| stale.binary_search(door).is_err())
                .filter_map(|door| observed.door(*door).cloned())
                .collect();
            let key = written_key(observed, &intent);
            if effect == Effect::Took {
                own(ledger, &intent, key, &rows);
            } else {
                own_overtaken(ledger, &intent, key);
            }
            settled.push(close(ledger, intent, outcome, effect, &rows, now));
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

/// What is known of a write's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    /// It took effect.
    Took,
    /// It did not, and will not.
    Never,
    /// Somebody has changed the same thing since; it may have taken effect in between.
    PerhapsOnce,
}

/// Whether a read settles a write whose answer is not known: the row is gone, or its revision
/// passed the one sent, or the time in which it may take effect is over, which no clock in doubt can tell.
fn settled_by(
    ledger: &Ledger,
    observed: &Observed,
    stale: &[DoorUuid],
    intent: &Intent,
    now: Timestamp,
) -> Option<(Outcome, Effect)> {
    let applied = Some((Outcome::Applied, Effect::Took));
    let never = Some((Outcome::Overtaken, Effect::Never));
    let overtaken = Some((Outcome::Overtaken, Effect::PerhapsOnce));
    let expired = !observed.clock_skewed
        && intent
            .unknown_since
            .is_some_and(|since| now.duration_since(since) >= LATE_EFFECT);
    let complete = observed.incomplete.is_none();
    let by_revision = |revision: Option<i64>, if_match: i64, as_written: bool| match revision {
        Some(revision) if revision > if_match && as_written => applied.clone(),
        Some(revision) if revision > if_match => overtaken.clone(),
        _ if expired => never.clone(),
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
            None => overtaken.filter(|_| complete),
        },
        Write::CreateKey { .. } => match written_key(observed, intent) {
            Some(row) if !doors_agree(observed, row) => None,
            Some(_) => applied,
            None => never.filter(|_| complete && expired),
        },
        Write::UpdateKey {
            key,
            if_match,
            patch,
        } => match observed.key(*key) {
            Some(row) if key_is_stale(ledger, row) || !doors_agree(observed, row) => None,
            Some(row) => by_revision(row.revision, *if_match, carries(row, patch)),
            None => overtaken.filter(|_| complete),
        },
        Write::DeleteKey { key, if_match } => match observed.key(*key) {
            Some(row) if key_is_stale(ledger, row) => None,
            Some(row) => by_revision(row.revision, *if_match, false),
            None => applied.filter(|_| complete),
        },
    }
}

/// Whether the doors of a look show what a key of it gives. Where they do not, one of the rows is an
/// old one, and which one cannot be told.
fn doors_agree(observed: &Observed, key: &KeyRow) -> bool {
    let Some(partner) = key.partner else {
        return true;
    };
    key.doors.iter().all(|entry| {
        observed.door(entry.door).is_none_or(|row| {
            row.access
                .iter()
                .any(|access| access.partner == partner && access.via == Via::Key(key.uuid))
        })
    })
}

/// Whether a key is as a patch made it.
fn carries(row: &KeyRow, patch: &KeyPatch) -> bool {
    let KeyPatch {
        name,
        add_doors,
        remove_doors,
        doorcodes,
        schedule,
        partner,
    } = patch;
    name.as_ref().is_none_or(|name| *name == row.name)
        && add_doors
            .iter()
            .chain(doorcodes)
            .all(|entry| row.door(entry.door) == Some(*entry))
        && remove_doors.iter().all(|door| row.door(*door).is_none())
        && schedule
            .as_ref()
            .is_none_or(|schedule| *schedule == row.schedule)
        && partner.is_none_or(|partner| row.partner == Some(partner))
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

fn close(
    ledger: &mut Ledger,
    intent: Intent,
    outcome: Outcome,
    effect: Effect,
    rows: &[DoorRow],
    now: Timestamp,
) -> Settled {
    let head = ledger.head_mut();
    head.intents.retain(|open| open.number != intent.number);
    if effect == Effect::Never {
        head.charges.retain(|charge| charge.intent != intent.number);
    }
    if !matches!(outcome, Outcome::NotSent(_)) {
        head.approvals.remove(&intent.fingerprint);
        head.holds.remove(&intent.fingerprint);
    }
    for door in &intent.doors {
        end_pending(ledger, *door, &intent, effect, rows, now);
    }
    // With the write settled, the same rows may now prove what they could not before.
    for row in rows {
        absorb_row(ledger, row, now);
    }
    Settled { intent, outcome }
}

/// Ends the entries that stood for a grant of this write.
fn end_pending(
    ledger: &mut Ledger,
    door: DoorUuid,
    intent: &Intent,
    effect: Effect,
    rows: &[DoorRow],
    now: Timestamp,
) {
    let mine = |entry: &MayOpen| entry.intent() == Some(intent.number);
    let pending = ledger
        .doors
        .get(&door)
        .is_some_and(|record| record.may_open.iter().any(mine));
    if !pending {
        return;
    }
    let shown = rows.iter().any(|row| row.uuid == door);
    let record = ledger.door_mut(door);
    match effect {
        // The row that shows the grant has been taken in.
        Effect::Took if shown => record.may_open.retain(|entry| !mine(entry)),
        Effect::Took => {
            for entry in record.may_open.iter_mut().filter(|entry| mine(entry)) {
                entry.settle();
            }
        }
        // Had it been granted and taken away again, the access would have changed twice.
        Effect::PerhapsOnce if record.unknown.is_some() || !shown => {
            for entry in record.may_open.iter_mut().filter(|entry| mine(entry)) {
                entry.settle();
                entry.gone = Some(Gone::now(now, Some(intent.owner.clone())));
            }
        }
        Effect::PerhapsOnce | Effect::Never => record.may_open.retain(|entry| !mine(entry)),
    }
}
