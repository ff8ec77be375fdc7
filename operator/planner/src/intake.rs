//! Taking in one look at both sides: rows into the ledger, declarations accepted or refused, names
//! pinned, what is already so adopted. Nothing here touches DOOR OS; what it changes in the ledger is
//! committed before anything is planned.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::accept::{accept_objects, accept_property};
use crate::declared::{Declared, Places, Spec};
use crate::door_wants::{DoorWant, Wanted, door_wants};
use crate::ids::DoorUuid;
use crate::key_wants::{KeyWant, key_wants};
use crate::ledger::Ledger;
use crate::observed::Observed;
use crate::own_doors::{forget_removed, own_doors};
use crate::owner::{Cause, OwnerId, OwnerKind};
use crate::partners::{forget_withdrawn, is_shown_unbound, take_in_partners};
use crate::plan::{Refusal, Waiting};
use crate::reasons::Reason;
use crate::resolve::DoorNames;
use crate::settle::{self, Settled};

/// Names that were resolved and are not pinned yet.
pub(crate) type NewPins = Vec<(Box<str>, DoorUuid)>;

/// What one look amounts to.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Doors whose row was older than one already seen, sorted.
    pub stale: Vec<DoorUuid>,
    /// Objects in force, sorted by owner.
    pub objects: Vec<InForce>,
    /// Doors wanted by them, sorted.
    pub(crate) doors: Vec<DoorWant>,
    /// Doors of objects that neither grant nor revoke now, sorted.
    pub(crate) kept_doors: BTreeSet<(DoorUuid, usize)>,
    /// Keys wanted by them.
    pub(crate) keys: Vec<KeyWant>,
    /// Objects that were removed, with what happens to what they own.
    pub removed: BTreeMap<OwnerId, Removed>,
    /// What is refused.
    pub refusals: Vec<Refusal>,
    /// What waits on DOOR's authorisation.
    pub waiting: Vec<Waiting>,
    /// Writes this look settled.
    pub settled: Vec<Settled>,
    /// When time alone will change what is wanted.
    pub next_change: Option<Timestamp>,
    /// Doors and keys that already were as declared and are owned from now on.
    pub adopted: usize,
    /// This is the first look at the building.
    pub first_contact: bool,
    /// Something depends on the time, and our clock and DOOR's differ.
    pub time_in_doubt: bool,
}

/// An object in force: as declared now, or as last accepted.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Which one.
    pub owner: OwnerId,
    /// Where it is declared.
    pub cause: Cause,
    /// What is in force of it.
    pub spec: Arc<Spec>,
    /// Places of its fields.
    pub places: Places,
    /// It neither grants nor revokes: refused or unreadable with a partner that cannot be used.
    pub frozen: bool,
    /// It was removed, and something of it is still owned.
    pub removed: bool,
}

/// A removed object.
#[derive(Clone, Debug, PartialEq)]
pub struct Removed {
    /// Its removals are held for this reason.
    pub held: Option<Reason>,
    /// Where it was declared; no line, as it is gone.
    pub cause: Cause,
}

/// Takes one look into the ledger.
pub fn take_in(
    ledger: &mut Ledger,
    declared: &Declared,
    observed: &Observed,
    now: Timestamp,
) -> Taken {
    let mut taken = Taken {
        first_contact: ledger.head.property.is_none() && ledger.doors.is_empty(),
        ..Taken::default()
    };
    (taken.stale, taken.settled) = settle::absorb(ledger, observed, now);
    accept_property(ledger, declared, &mut taken);
    take_in_partners(ledger, observed, &mut taken, now);
    accept_objects(ledger, declared, &mut taken, now);
    let names = DoorNames::new(observed);
    let mut pins = NewPins::new();
    let Wanted { doors, kept } = door_wants(ledger, observed, &names, &mut taken, &mut pins, now);
    taken.doors = doors;
    taken.kept_doors = kept;
    taken.keys = key_wants(ledger, observed, &names, &mut taken, &mut pins);
    drop(names);
    pin(ledger, observed, &taken, pins);
    own_doors(ledger, observed, &mut taken);
    forget_withdrawn(ledger, observed);
    forget_removed(ledger, &taken);
    if observed.incomplete.is_some() {
        taken
            .refusals
            .retain(|refusal| !says_absent(refusal.reason));
        taken
            .waiting
            .retain(|waiting| !is_shown_unbound(ledger, observed, &waiting.partner));
    }
    taken.refusals.sort();
    taken.refusals.dedup();
    taken
}

/// Whether a reason rests on something not being in DOOR OS, which an incomplete look cannot tell.
fn says_absent(reason: Reason) -> bool {
    matches!(reason, Reason::DoorNotFound | Reason::DoorOutsideProperty)
}

/// Keeps the pins of names that something declares, adds new ones, and ends the rest.
fn pin(ledger: &mut Ledger, observed: &Observed, taken: &Taken, new: NewPins) {
    if observed.incomplete.is_some() {
        return;
    }
    let declared: HashSet<&str> = taken
        .objects
        .iter()
        .flat_map(|object| declared_doors(&object.spec))
        .collect();
    let ended = ledger
        .head
        .door_pins
        .keys()
        .any(|name| !declared.contains(&**name));
    if ended {
        ledger
            .head_mut()
            .door_pins
            .retain(|name, _| declared.contains(&**name));
    }
    if !new.is_empty() {
        let mut new = new.into_iter().collect();
        ledger.head_mut().door_pins.append(&mut new);
    }
}

fn declared_doors(spec: &Spec) -> impl Iterator<Item = &str> {
    let (assigned, on_key) = match spec {
        Spec::DoorAssignment(spec) => (Some(spec), None),
        Spec::PartnerKey(spec) => (None, Some(spec)),
    };
    let named = assigned.into_iter().flat_map(|spec| {
        let doors = spec.doors.iter().flatten();
        doors.chain(spec.except_doors.iter().flatten())
    });
    let on_key = on_key.into_iter().flat_map(|spec| &spec.doors);
    named
        .map(String::as_str)
        .chain(on_key.map(|door| door.name.as_str()))
}

impl Taken {
    /// Whether an object neither grants nor revokes at this door now.
    pub(crate) fn is_kept(&self, door: DoorUuid, owner: &OwnerId) -> bool {
        !self.kept_doors.is_empty()
            && self
                .objects
                .binary_search_by(|object| object.owner.cmp(owner))
                .is_ok_and(|at| self.kept_doors.contains(&(door, at)))
    }

    /// Why the removals of an owner are held: its object went in company that looks like a mistake,
    /// or is missing without having been removed.
    pub(crate) fn held_removal(&self, owner: &OwnerId) -> Option<Reason> {
        match (self.removed.get(owner), self.object(owner)) {
            (Some(removed), _) => removed.held,
            (None, Some(_)) => None,
            (None, None) => Some(Reason::OwnerMissing),
        }
    }

    /// Whether an owner's last accepted declaration stays in force at a door though it wants
    /// nothing there now.
    pub(crate) fn is_silent(&self, door: DoorUuid, owner: &OwnerId) -> bool {
        self.is_kept(door, owner) || self.held_removal(owner).is_some()
    }

    /// The object in force for an owner.
    #[must_use]
    pub fn object(&self, owner: &OwnerId) -> Option<&InForce> {
        self.objects
            .binary_search_by(|object| object.owner.cmp(owner))
            .ok()
            .and_then(|at| self.objects.get(at))
    }

    /// The Property as the owner of what it causes itself.
    #[must_use]
    pub fn property_owner(ledger: &Ledger) -> OwnerId {
        let property = ledger.head.property.as_ref();
        let name = property.map_or("", |property| &property.name);
        OwnerId::new(OwnerKind::Property, name, None)
    }
}
