//! The verdict a person reads on one partner at one door, and the debts a building owes its locks.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::ids::{DoorUuid, PartnerUuid};
use crate::ledger::{DoorRecord, EntryVia, Gone, Ledger};
use crate::observed::{DoorRow, Observed};
use crate::owner::OwnerId;
use crate::reasons::Reason;

/// How long a connected door is given before a person is sent: DOOR documents up to 30 minutes
/// (DOMAIN KB-24446031504919). It decides only whom to send, never what is proven.
pub const PUSH_GRACE: SignedDuration = SignedDuration::from_mins(30);

/// How far two clocks that agree may differ. What began later than that after now was stamped by a clock
/// that was wrong, and its grace cannot be told.
const CLOCKS_AGREE: SignedDuration = SignedDuration::from_mins(2);

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
        return Verdict::new(
            Tri::Unknown,
            Tri::Unknown,
            Reason::ObservationIncomplete,
            None,
        );
    }
    if unsettled {
        return Verdict::new(Tri::Unknown, Tri::Unknown, Reason::OutcomeUnknown, None);
    }
    let owed: Vec<&Gone> = record
        .may_open
        .iter()
        .filter(|entry| entry.partner == partner)
        .filter_map(|entry| entry.gone.as_deref())
        .collect();
    let since = owed.iter().map(|gone| gone.since).min();
    let attested = !owed.is_empty() && owed.iter().all(|gone| gone.attested.is_some());
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
            // What happened after the person was there, nobody has attested.
            let later = record.unknown.as_ref();
            return if later.is_some_and(|unknown| unknown.attested.is_none()) {
                Verdict::new(Tri::Unknown, Tri::Unknown, Reason::HistoryUnknown, since)
            } else {
                Verdict::new(Tri::Unknown, Tri::False, Reason::Attested, since)
            };
        }
        let no_device = row.serial.is_none();
        let in_grace = row.connected == Some(true)
            && !no_device
            && since.is_some_and(|since| {
                (-CLOCKS_AGREE..PUSH_GRACE).contains(&now.duration_since(since))
            });
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
    /// A person said that the lock was synced since.
    pub attested: bool,
    /// The verdict on it.
    pub verdict: Verdict,
}

/// Every debt of a building, sorted by door and partner.
#[must_use]
pub fn debts(
    ledger: &Ledger,
    observed: &Observed,
    stale: &[DoorUuid],
    now: Timestamp,
) -> Vec<Debt> {
    let mut debts: Vec<Debt> = Vec::new();
    for (door, record) in &ledger.doors {
        let first = debts.len();
        for entry in &record.may_open {
            let Some(gone) = &entry.gone else {
                continue;
            };
            if let Some(debt) = debts
                .iter_mut()
                .skip(first)
                .find(|debt| debt.partner == entry.partner)
            {
                debt.since = debt.since.min(gone.since);
                debt.via.push(entry.via);
                debt.cause = debt.cause.take().or_else(|| gone.cause.clone());
                debt.attested &= gone.attested.is_some();
                continue;
            }
            let view = view_of(ledger, observed, stale, *door, record);
            let verdict = verdict(view, entry.partner, now);
            debts.push(Debt {
                door: *door,
                partner: entry.partner,
                via: vec![entry.via],
                since: gone.since,
                cause: gone.cause.clone(),
                attested: gone.attested.is_some(),
                verdict,
            });
        }
        if let Some(tail) = debts.get_mut(first..) {
            tail.sort_by_key(|debt| debt.partner);
        }
    }
    debts
}

/// Since when each partner is owed a proof at a door's lock that nobody attested either: by the ledger alone,
/// also where nothing can be seen.
#[must_use]
pub fn unproven(ledger: &Ledger) -> BTreeMap<(DoorUuid, PartnerUuid), Timestamp> {
    let mut all: BTreeMap<(DoorUuid, PartnerUuid), Timestamp> = BTreeMap::new();
    for (door, record) in &ledger.doors {
        for entry in &record.may_open {
            if let Some(gone) = entry.gone.as_deref().filter(|gone| gone.attested.is_none()) {
                let since = all.entry((*door, entry.partner)).or_insert(gone.since);
                *since = gone.since.min(*since);
            }
        }
    }
    all
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
            if let Some(gone) = &mut entry.gone {
                gone.attested.get_or_insert(now);
            }
        }
        if let Some(unknown) = &mut record.unknown {
            unknown.attested.get_or_insert(now);
        }
    }
    owes
}
