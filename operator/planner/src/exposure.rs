//! Whom a lock may still let in, what proves that it no longer does, and the verdict a person reads.
//!
//! `may_open` only ever over-approximates: it grows when a row shows access and when a grant is
//! intended; it shrinks only when a row proves that the lock carries what DOOR OS grants. Connectivity,
//! elapsed time, `lastSyncAt` and DOOR's own `sync.required` prove nothing.

use jiff::Timestamp;

use crate::ids::DoorUuid;
use crate::ledger::{
    DoorRecord, EntryVia, Gone, Inherited, Intent, Ledger, MayOpen, Seen, UnknownHistory,
    UnknownWhy,
};
use crate::observed::{Access, DoorRow, Via};
use crate::owner::OwnerId;
use crate::writes::Write;

pub use crate::verdict::{
    Debt, DoorView, PUSH_GRACE, Tri, Verdict, attest, debts, verdict, view_of,
};

/// Whether a row could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is the newest we have seen.
    Fresh,
    /// We have seen a newer one; it was dropped.
    Stale,
}

/// Takes the rows of doors into a ledger that has no record of any.
pub(crate) fn meet_rows(ledger: &mut Ledger, rows: &[DoorRow], now: Timestamp) {
    let records = rows
        .iter()
        .map(|row| {
            let open_intent = ledger.door_has_intent(row.uuid);
            (row.uuid, first_contact(row, open_intent, now))
        })
        .collect();
    ledger.meet_doors(records);
}

/// Takes one row of a door into the ledger.
pub fn absorb_row(ledger: &mut Ledger, row: &DoorRow, now: Timestamp) -> Freshness {
    let open_intent = ledger.door_has_intent(row.uuid);
    let Some(record) = ledger.doors.get(&row.uuid) else {
        let record = first_contact(row, open_intent, now);
        *ledger.door_mut(row.uuid) = record;
        return Freshness::Fresh;
    };
    let Some(seen) = &record.seen else {
        let mut fresh = first_contact(row, open_intent, now);
        fresh.claims.clone_from(&record.claims);
        let known = |entry: &&MayOpen| !row.access.iter().any(|access| same_entry(entry, access));
        fresh
            .may_open
            .extend(record.may_open.iter().filter(known).cloned());
        *ledger.door_mut(row.uuid) = fresh;
        return Freshness::Fresh;
    };
    if row.version < seen.version {
        return Freshness::Stale;
    }
    if nothing_new(record, seen, row, open_intent) {
        return Freshness::Fresh;
    }
    let updated = follow(ledger, record, seen, row, open_intent, now);
    if differs(&updated, record) {
        *ledger.door_mut(row.uuid) = updated;
    }
    Freshness::Fresh
}

/// Takes note that a complete look holds no such door.
pub fn absorb_absence(ledger: &mut Ledger, door: DoorUuid, now: Timestamp) {
    let Some(record) = ledger.doors.get(&door) else {
        return;
    };
    if ledger.door_has_intent(door) {
        return;
    }
    if record.may_open.is_empty() && record.claims.is_empty() {
        ledger.forget_door(door);
        return;
    }
    let mut updated = record.clone();
    updated.claims.clear();
    for entry in &mut updated.may_open {
        if entry.gone.is_none() {
            let cause = cause_of(ledger, record, door, entry);
            entry.gone = Some(Gone::now(now, cause));
        }
    }
    // Without a door nothing can prove more than a person's word.
    updated.may_open.retain(|entry| {
        entry
            .gone
            .as_ref()
            .is_none_or(|gone| gone.attested.is_none())
    });
    if let Some(seen) = &mut updated.seen {
        seen.proven = false;
    }
    if differs(&updated, record) {
        *ledger.door_mut(door) = updated;
    }
}

fn first_contact(row: &DoorRow, open_intent: bool, now: Timestamp) -> DoorRecord {
    let proven = !open_intent && acknowledged(row);
    DoorRecord {
        name: (!proven).then(|| row.name.clone()),
        claims: Default::default(),
        seen: Some(Seen {
            version: row.version,
            access_revision: row.access_revision,
            lock_revision: row.lock_revision,
            serial: row.serial.clone(),
            proven,
            inherited: None,
        }),
        may_open: row.access.iter().map(granted).collect(),
        unknown: (!proven).then(|| history_unknown(UnknownWhy::FirstContact, now)),
    }
}

fn history_unknown(why: UnknownWhy, since: Timestamp) -> Box<UnknownHistory> {
    Box::new(UnknownHistory {
        since,
        why,
        attested: None,
    })
}

/// Whether the device on the door says that it carries what DOOR OS grants. A door without a device
/// has nothing that could say so.
fn acknowledged(row: &DoorRow) -> bool {
    row.serial.is_some() && row.lock_revision == Some(row.access_revision)
}

fn granted(access: &Access) -> MayOpen {
    MayOpen::shown(access.partner, access.via.into(), access.revision)
}

/// The common case, kept free of allocation: the row says again what we know. Its version is not
/// recorded, because between two versions that agree in all of this nothing happened that matters.
fn nothing_new(record: &DoorRecord, seen: &Seen, row: &DoorRow, open_intent: bool) -> bool {
    let as_seen = !open_intent
        && seen.inherited.is_none()
        && row.access_revision == seen.access_revision
        && row.lock_revision == seen.lock_revision
        && row.serial.as_deref() == seen.serial.as_deref()
        && seen.proven == acknowledged(row)
        && record.owes() == record.name.is_some()
        && record.name.as_ref().is_none_or(|name| *name == row.name);
    if !as_seen {
        return false;
    }
    let mut granted = row.access.iter();
    let known = record
        .may_open
        .iter()
        .filter(|entry| entry.gone.is_none())
        .all(|entry| {
            granted
                .next()
                .is_some_and(|access| same_entry(entry, access))
        });
    let settled = !seen.proven || !record.owes();
    known && granted.next().is_none() && settled
}

fn follow(
    ledger: &Ledger,
    record: &DoorRecord,
    seen: &Seen,
    row: &DoorRow,
    open_intent: bool,
    now: Timestamp,
) -> DoorRecord {
    let mut updated = record.clone();
    let new_device = seen.serial.as_deref() != row.serial.as_deref();
    let inherited = inherited(seen, row, new_device);
    let unknown = if new_device {
        Some(UnknownWhy::NewDevice)
    } else if row.lock_revision < seen.lock_revision {
        Some(UnknownWhy::LockFellBack)
    } else if missed_change(record, seen, row) {
        Some(UnknownWhy::MissedChange)
    } else {
        None
    };
    if let Some(why) = unknown {
        updated.unknown = Some(history_unknown(why, now));
    }
    updated.may_open.retain(|entry| {
        !is_unseen_grant(entry) || !row.access.iter().any(|access| is_grant(entry, access))
    });
    for entry in &mut updated.may_open {
        if row.access.iter().any(|access| same_entry(entry, access)) {
            entry.gone = None;
        } else if entry.intent().is_none() && entry.gone.is_none() {
            let cause = cause_of(ledger, record, row.uuid, entry);
            entry.gone = Some(Gone::now(now, cause));
        }
    }
    for access in &row.access {
        if !updated
            .may_open
            .iter()
            .any(|entry| same_entry(entry, access))
        {
            updated.may_open.push(granted(access));
        }
    }
    let proven = !open_intent
        && inherited.is_none()
        && row.access_revision >= seen.access_revision
        && acknowledged(row);
    if proven {
        updated.may_open = row.access.iter().map(granted).collect();
        updated.unknown = None;
    }
    updated.name = updated.owes().then(|| row.name.clone());
    updated.seen = Some(Seen {
        version: row.version,
        access_revision: row.access_revision.max(seen.access_revision),
        lock_revision: row.lock_revision,
        serial: row.serial.clone(),
        proven,
        inherited,
    });
    updated
}

fn same_entry(entry: &MayOpen, access: &Access) -> bool {
    entry.partner == access.partner
        && entry.via == access.via.into()
        && entry.revision() == Some(access.revision)
}

/// A grant that took effect and that no row has shown yet.
fn is_unseen_grant(entry: &MayOpen) -> bool {
    entry.revision().is_none() && entry.intent().is_none() && entry.gone.is_none()
}

/// Whether a row's entry is what an unseen grant became.
fn is_grant(entry: &MayOpen, access: &Access) -> bool {
    let same_way = match entry.via {
        EntryVia::NewKey => matches!(access.via, Via::Key(_)),
        via => via == access.via.into(),
    };
    entry.partner == access.partner && same_way
}

/// A device that was swapped may be shown with its predecessor's acknowledgement until it gives
/// one of its own.
fn inherited(seen: &Seen, row: &DoorRow, new_device: bool) -> Option<Box<Inherited>> {
    if new_device {
        return row
            .lock_revision
            .filter(|_| row.lock_revision == seen.lock_revision)
            .map(|lock_revision| {
                Box::new(Inherited {
                    lock_revision,
                    last_full_sync: row.last_full_sync,
                })
            });
    }
    seen.inherited.clone().filter(|inherited| {
        row.lock_revision == Some(inherited.lock_revision)
            && row.last_full_sync == inherited.last_full_sync
    })
}

/// Whether the access went through a state we did not see: it moved back, by more than one step,
/// or without its revision saying so.
fn missed_change(record: &DoorRecord, seen: &Seen, row: &DoorRow) -> bool {
    match row.access_revision - seen.access_revision {
        0 => {
            let known = record
                .may_open
                .iter()
                .filter(|entry| entry.revision().is_some() && entry.gone.is_none());
            let known_count = known.clone().count();
            known_count != row.access.len()
                || known
                    .into_iter()
                    .any(|entry| !row.access.iter().any(|access| same_entry(entry, access)))
        }
        1 => false,
        _ => true,
    }
}

/// The object whose change took an entry away: of a write under way, else of our ownership.
fn cause_of(
    ledger: &Ledger,
    record: &DoorRecord,
    door: DoorUuid,
    entry: &MayOpen,
) -> Option<OwnerId> {
    let by_intent = ledger
        .head
        .intents
        .iter()
        .find(|intent| intent.doors.contains(&door) && takes_away(intent, entry))
        .map(|intent| intent.owner.clone());
    by_intent.or_else(|| match entry.via {
        EntryVia::Door => record
            .claim(entry.partner)
            .and_then(|claim| claim.owners.first().cloned()),
        EntryVia::Key(key) => ledger.head.keys.get(&key).map(|key| key.owner.clone()),
        EntryVia::NewKey => None,
    })
}

/// Whether a write may take an entry away.
pub(crate) fn takes_away(intent: &Intent, entry: &MayOpen) -> bool {
    match (&intent.write, entry.via) {
        (Write::SetDoorPartner { .. }, EntryVia::Door) => true,
        (Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. }, EntryVia::Key(entry_key)) => {
            *key == entry_key
        }
        _ => false,
    }
}

/// Two records differ in more than the version of the last row, which alone is no news.
fn differs(a: &DoorRecord, b: &DoorRecord) -> bool {
    let quiet = |seen: &Option<Seen>| {
        seen.as_ref().map(|seen| Seen {
            version: 0,
            ..seen.clone()
        })
    };
    a.may_open != b.may_open
        || a.unknown != b.unknown
        || a.claims != b.claims
        || a.name != b.name
        || quiet(&a.seen) != quiet(&b.seen)
}
