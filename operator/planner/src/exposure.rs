//! Whom a lock may still let in, what proves that it no longer does, and the verdict a person reads.
//!
//! `may_open` only ever over-approximates: it grows when a row shows access and when a grant is
//! intended; it shrinks only when a row proves that the lock carries what DOOR OS grants. Connectivity,
//! elapsed time, `lastSyncAt` and DOOR's own `sync.required` prove nothing.

use jiff::{SignedDuration, Timestamp};

use crate::ids::{DoorUuid, PartnerUuid};
use crate::ledger::{
    DoorRecord, EntryVia, Inherited, Intent, Ledger, MayOpen, Seen, UnknownHistory, UnknownWhy,
};
use crate::observed::{Access, DoorRow, Observed, Via};
use crate::owner::OwnerId;
use crate::reasons::Reason;
use crate::writes::Write;

/// How long a connected door is given before a person is sent: DOOR documents up to 30 minutes
/// (DOMAIN KB-24446031504919). It decides only whom to send, never what is proven.
pub const PUSH_GRACE: SignedDuration = SignedDuration::from_mins(30);

/// Whether a row could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// It is the newest we have seen.
    Fresh,
    /// We have seen a newer one; it was dropped.
    Stale,
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
        fresh.may_open.extend(record.may_open.iter().cloned());
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
        if entry.gone_since.is_none() {
            entry.gone_since = Some(now);
            entry.cause = cause_of(ledger, record, door, entry);
        }
    }
    updated.may_open.retain(|entry| entry.attested.is_none());
    if let Some(seen) = &mut updated.seen {
        seen.proven = false;
    }
    if differs(&updated, record) {
        *ledger.door_mut(door) = updated;
    }
}

fn first_contact(row: &DoorRow, open_intent: bool, now: Timestamp) -> DoorRecord {
    let proven = !open_intent && row.lock_revision == Some(row.access_revision);
    DoorRecord {
        name: (!proven).then(|| row.name.clone()),
        claims: Vec::new(),
        seen: Some(Seen {
            version: row.version,
            access_revision: row.access_revision,
            lock_revision: row.lock_revision,
            serial: row.serial.clone(),
            proven,
            inherited: None,
        }),
        may_open: row.access.iter().map(granted).collect(),
        unknown: (!proven).then_some(UnknownHistory {
            since: now,
            why: UnknownWhy::FirstContact,
            attested: None,
        }),
    }
}

fn granted(access: &Access) -> MayOpen {
    MayOpen {
        partner: access.partner,
        via: access.via.into(),
        revision: Some(access.revision),
        intent: None,
        gone_since: None,
        cause: None,
        attested: None,
    }
}

/// The common case, kept free of allocation: the row says again what we know. Its version is not
/// recorded, because between two versions that agree in all of this nothing happened that matters.
fn nothing_new(record: &DoorRecord, seen: &Seen, row: &DoorRow, open_intent: bool) -> bool {
    seen.proven
        && !open_intent
        && record.unknown.is_none()
        && row.access_revision == seen.access_revision
        && row.lock_revision == seen.lock_revision
        && row.serial == seen.serial
        && record.may_open.len() == row.access.len()
        && record
            .may_open
            .iter()
            .zip(&row.access)
            .all(|(entry, access)| {
                entry.gone_since.is_none()
                    && entry.partner == access.partner
                    && entry.via == access.via.into()
                    && entry.revision == Some(access.revision)
            })
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
    let new_device = seen.serial != row.serial;
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
        updated.unknown = Some(UnknownHistory {
            since: now,
            why,
            attested: None,
        });
    }
    for entry in &mut updated.may_open {
        let granted_now = entry.revision.is_some()
            && row.access.iter().any(|access| same_entry(entry, access));
        if granted_now {
            entry.gone_since = None;
        } else if entry.revision.is_some() && entry.gone_since.is_none() {
            entry.gone_since = Some(now);
            entry.cause = cause_of(ledger, record, row.uuid, entry);
        }
    }
    for access in &row.access {
        if !updated.may_open.iter().any(|entry| same_entry(entry, access)) {
            updated.may_open.push(granted(access));
        }
    }
    let proven = !open_intent
        && inherited.is_none()
        && row.access_revision >= seen.access_revision
        && row.lock_revision == Some(row.access_revision);
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
        && entry.revision == Some(access.revision)
}

/// A device that was swapped may be shown with its predecessor's acknowledgement until it gives
/// one of its own.
fn inherited(seen: &Seen, row: &DoorRow, new_device: bool) -> Option<Inherited> {
    if new_device {
        return row
            .lock_revision
            .filter(|_| row.lock_revision == seen.lock_revision)
            .map(|lock_revision| Inherited {
                lock_revision,
                last_full_sync: row.last_full_sync,
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
                .filter(|entry| entry.revision.is_some() && entry.gone_since.is_none());
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

fn takes_away(intent: &Intent, entry: &MayOpen) -> bool {
    match (&intent.write, entry.via) {
        (Write::SetDoorPartner { .. }, EntryVia::Door) => true,
        (
            Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. },
            EntryVia::Key(entry_key),
        ) => *key == entry_key,
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

/// True, False, or not to be told. The three words of a Kubernetes condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tri {
    /// True.
    True,
    /// Not to be told.
    Unknown,
    /// False.
    False,
}

impl Tri {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::Unknown => "Unknown",
            Self::False => "False",
        }
    }
}

impl From<bool> for Tri {
    fn from(yes: bool) -> Self {
        if yes { Self::True } else { Self::False }
    }
}

/// What is true of one (door, partner) pair at the lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// Whether the lock carries out what DOOR OS says of this partner.
    pub enforced: Tri,
    /// Whether a person must visit the door.
    pub sync_required: Tri,
    /// Why.
    pub reason: Reason,
    /// Since when access is owed, where it is.
    pub since: Option<Timestamp>,
}

impl Verdict {
    fn new(enforced: Tri, sync_required: Tri, reason: Reason, since: Option<Timestamp>) -> Self {
        Self {
            enforced,
            sync_required,
            reason,
            since,
        }
    }
}

/// One look at a door, as far as verdicts need it.
#[derive(Clone, Copy, Debug)]
pub struct DoorView<'a> {
    /// Its record.
    pub record: &'a DoorRecord,
    /// Its row in this look; `None` when a complete look does not hold it.
    pub row: Option<&'a DoorRow>,
    /// The row is current and the look complete.
    pub current: bool,
    /// An unsettled write touches it.
    pub unsettled: bool,
}

/// The verdict on one partner at one door (the table of states in the design).
#[must_use]
pub fn verdict(view: DoorView<'_>, partner: PartnerUuid, now: Timestamp) -> Verdict {
    let DoorView {
        record,
        row,
        current,
        unsettled,
    } = view;
    if !current {
        return Verdict::new(Tri::Unknown, Tri::Unknown, Reason::ObservationIncomplete, None);
    }
    if unsettled {
        return Verdict::new(Tri::Unknown, Tri::Unknown, Reason::OutcomeUnknown, None);
    }
    let owed: Vec<&MayOpen> = record
        .may_open
        .iter()
        .filter(|entry| entry.partner == partner && entry.gone_since.is_some())
        .collect();
    let since = owed.iter().filter_map(|entry| entry.gone_since).min();
    let attested = !owed.is_empty() && owed.iter().all(|entry| entry.attested.is_some());
    let Some(row) = row else {
        return match (owed.is_empty(), attested) {
            (true, _) => Verdict::new(Tri::True, Tri::False, Reason::LockProven, None),
            (false, true) => Verdict::new(Tri::Unknown, Tri::False, Reason::Attested, since),
            (false, false) => Verdict::new(Tri::False, Tri::True, Reason::DoorGone, since),
        };
    };
    if let Some(unknown) = &record.unknown
        && owed.is_empty()
    {
        let (sync_required, reason) = if unknown.attested.is_some() {
            (Tri::False, Reason::Attested)
        } else {
            (Tri::Unknown, Reason::HistoryUnknown)
        };
        return Verdict::new(Tri::Unknown, sync_required, reason, Some(unknown.since));
    }
    if !owed.is_empty() {
        if attested {
            return Verdict::new(Tri::Unknown, Tri::False, Reason::Attested, since);
        }
        let no_device = row.serial.is_none();
        let in_grace = row.connected == Some(true)
            && !no_device
            && since.is_some_and(|since| now.duration_since(since) < PUSH_GRACE);
        let reason = if in_grace {
            Reason::AwaitingPush
        } else if no_device {
            Reason::NoDevice
        } else if row.grants(partner) {
            Reason::ReplacedEntry
        } else {
            Reason::DoorSyncRequired
        };
        return Verdict::new(Tri::False, Tri::from(!in_grace), reason, since);
    }
    if !row.grants(partner) || record.seen.as_ref().is_some_and(|seen| seen.proven) {
        return Verdict::new(Tri::True, Tri::False, Reason::LockProven, None);
    }
    let sync_required = row.sync_required.map_or(Tri::Unknown, Tri::from);
    Verdict::new(Tri::Unknown, sync_required, Reason::LockNotProven, None)
}

/// Access that DOOR OS no longer grants and that a lock was not proven to have dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct Debt {
    /// The door.
    pub door: DoorUuid,
    /// The partner who may still open it.
    pub partner: PartnerUuid,
    /// How the partner reached it.
    pub via: Vec<EntryVia>,
    /// Since when DOOR OS no longer grants it.
    pub since: Timestamp,
    /// The object whose change took it away, where it was ours.
    pub cause: Option<OwnerId>,
    /// The verdict on it.
    pub verdict: Verdict,
}

/// Every debt of a building, sorted by door and partner.
#[must_use]
pub fn debts(ledger: &Ledger, observed: &Observed, stale: &[DoorUuid], now: Timestamp) -> Vec<Debt> {
    let mut debts: Vec<Debt> = Vec::new();
    for (door, record) in &ledger.doors {
        let first = debts.len();
        for entry in &record.may_open {
            let Some(since) = entry.gone_since else {
                continue;
            };
            if let Some(debt) = debts
                .iter_mut()
                .skip(first)
                .find(|debt| debt.partner == entry.partner)
            {
                debt.since = debt.since.min(since);
                debt.via.push(entry.via);
                debt.cause = debt.cause.take().or_else(|| entry.cause.clone());
                continue;
            }
            let view = view_of(ledger, observed, stale, *door, record);
            let verdict = verdict(view, entry.partner, now);
            debts.push(Debt {
                door: *door,
                partner: entry.partner,
                via: vec![entry.via],
                since,
                cause: entry.cause.clone(),
                verdict,
            });
        }
        if let Some(tail) = debts.get_mut(first..) {
            tail.sort_by_key(|debt| debt.partner);
        }
    }
    debts
}

/// What a verdict on this door is made from.
#[must_use]
pub fn view_of<'a>(
    ledger: &Ledger,
    observed: &'a Observed,
    stale: &[DoorUuid],
    door: DoorUuid,
    record: &'a DoorRecord,
) -> DoorView<'a> {
    let row = observed.door(door);
    DoorView {
        record,
        row,
        current: (row.is_some() || observed.incomplete.is_none())
            && stale.binary_search(&door).is_err(),
        unsettled: ledger.door_has_intent(door),
    }
}

/// Notes a person's word that the lock was synced. Weaker than proof: the entries stay.
/// Returns whether there was anything to attest.
pub fn attest(ledger: &mut Ledger, door: DoorUuid, now: Timestamp) -> bool {
    let owes = ledger.doors.get(&door).is_some_and(DoorRecord::owes);
    if owes {
        let record = ledger.door_mut(door);
        for entry in &mut record.may_open {
            if entry.gone_since.is_some() {
                entry.attested.get_or_insert(now);
            }
        }
        if let Some(unknown) = &mut record.unknown {
            unknown.attested.get_or_insert(now);
        }
    }
    owes
}

/// Whether an access path of a row is by this key.
#[must_use]
pub fn is_via_key(access: &Access, key: crate::ids::KeyUuid) -> bool {
    access.via == Via::Key(key)
}
