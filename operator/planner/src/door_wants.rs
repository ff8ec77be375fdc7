//! Which doors the objects in force want for which partner.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use opendoor_api::{DoorAssignmentSpec, DoorSelector};
use smallvec::SmallVec;

use crate::contend::reconcile;
use crate::declared::Spec;
use crate::ids::{DoorUuid, PartnerUuid};
use crate::intake::{NewPins, Taken};
use crate::ledger::Ledger;
use crate::observed::{DoorRow, Observed};
use crate::owner::OwnerId;
use crate::plan::{Refusal, Waiting};
use crate::reasons::Reason;
use crate::resolve::{DoorNames, Standing, standing};
use crate::select::{Fit, fits, vacancy_fits};

/// A door wanted for a partner.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DoorWant {
    pub(crate) door: DoorUuid,
    pub(crate) partner: PartnerUuid,
    /// Who wants it, as indices into the objects in force, sorted.
    pub(crate) objects: SmallVec<[usize; 2]>,
    /// Where in the first object's `doors` it is named; `None` for a selector.
    pub(crate) item: Option<u32>,
}

pub(crate) struct Wanted {
    pub(crate) doors: Vec<DoorWant>,
    pub(crate) kept: BTreeSet<(DoorUuid, usize)>,
}

/// One object's claim before claims on one door are reconciled.
pub(crate) struct Claim {
    pub(crate) door: DoorUuid,
    pub(crate) partner: PartnerUuid,
    pub(crate) object: usize,
    /// Where in the object's `doors` it is named; `None` for a selector.
    pub(crate) item: Option<u32>,
}

pub(crate) struct Gather<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) observed: &'a Observed,
    pub(crate) names: &'a DoorNames<'a>,
    now: Timestamp,
    claims: Vec<Claim>,
    pub(crate) kept: BTreeSet<(DoorUuid, usize)>,
    refusals: Vec<Refusal>,
    pub(crate) waiting: Vec<Waiting>,
    next_change: Option<Timestamp>,
    time_in_doubt: bool,
    /// Doors by the objects that own them, made when first asked for.
    owned: OnceCell<BTreeMap<&'a OwnerId, Vec<DoorUuid>>>,
}

pub(crate) fn door_wants(
    ledger: &Ledger,
    observed: &Observed,
    names: &DoorNames<'_>,
    taken: &mut Taken,
    pins: &mut NewPins,
    now: Timestamp,
) -> Wanted {
    let mut gather = Gather {
        ledger,
        observed,
        names,
        now,
        claims: Vec::with_capacity(named(taken)),
        kept: BTreeSet::new(),
        refusals: Vec::new(),
        waiting: Vec::new(),
        next_change: None,
        time_in_doubt: false,
        owned: OnceCell::new(),
    };
    let mut frozen = Vec::new();
    for index in 0..taken.objects.len() {
        if gather.object(taken, index, pins) {
            frozen.push(index);
        }
    }
    for index in frozen {
        if let Some(object) = taken.objects.get_mut(index) {
            object.frozen = true;
        }
    }
    let Gather {
        claims,
        kept,
        refusals,
        waiting,
        next_change,
        time_in_doubt,
        ..
    } = gather;
    taken.refusals.extend(refusals);
    taken.waiting.extend(waiting);
    taken.time_in_doubt |= time_in_doubt;
    taken.next_change = earliest(taken.next_change, next_change);
    let doors = reconcile(claims, observed, taken);
    Wanted { doors, kept }
}

/// How many doors are wanted by name: grown step by step, as many claims would take twice the room.
fn named(taken: &Taken) -> usize {
    let doors = |spec: &Spec| match spec {
        Spec::DoorAssignment(spec) => spec.doors.as_ref().map_or(0, Vec::len),
        Spec::PartnerKey(_) => 0,
    };
    taken.objects.iter().map(|object| doors(&object.spec)).sum()
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl<'a> Gather<'a> {
    /// Gathers one object's wants. Returns whether the object is frozen.
    fn object(&mut self, taken: &Taken, index: usize, pins: &mut NewPins) -> bool {
        let Some(object) = taken.objects.get(index).filter(|object| !object.removed) else {
            return false;
        };
        let Spec::DoorAssignment(spec) = &*object.spec else {
            return false;
        };
        let active = self.active(spec);
        let partner = match standing(self.ledger, self.observed, &spec.partner) {
            Standing::Usable(partner) => partner,
            Standing::Awaiting => {
                // What has ended waits for nobody.
                if !matches!(active, Active::No) {
                    self.await_authorization(taken, index, spec);
                }
                return false;
            }
            Standing::Refused(unresolved) => {
                self.refusals.push(Refusal {
                    cause: object.places.locate(&object.cause, "spec.partner"),
                    reason: unresolved.reason,
                    message: unresolved.message,
                    owner: Some(object.owner.clone()),
                });
                // Refused or not, what has ended has ended.
                if matches!(active, Active::No) {
                    return false;
                }
                self.keep_all(index, taken);
                return true;
            }
        };
        match active {
            Active::Yes => {}
            Active::No => return false,
            Active::CannotTell => {
                self.keep_all(index, taken);
                return true;
            }
        }
        let except = spec.except_doors.as_deref().unwrap_or_default();
        let excepted = self.resolve_list(taken, index, except, "spec.exceptDoors", pins);
        // A door that was to be left out and is not known could be any of those selected.
        if excepted.len() < except.len() && except.iter().any(|text| self.could_be_any(text)) {
            self.keep_all(index, taken);
            return true;
        }
        if let Some(doors) = &spec.doors {
            for (item, door) in self.resolve_list(taken, index, doors, "spec.doors", pins) {
                self.claims.push(Claim {
                    door,
                    partner,
                    object: index,
                    item: Some(u32::try_from(item).unwrap_or(u32::MAX)),
                });
            }
        }
        if let Some(selector) = &spec.door_selector {
            let excepted: BTreeSet<DoorUuid> = excepted.iter().map(|(_, door)| *door).collect();
            self.select(selector, &excepted, partner, index, taken);
        }
        false
    }

    pub(crate) fn pinned(&self, text: &str) -> Option<DoorUuid> {
        self.ledger.head.door_pins.get(text).copied()
    }

    /// Whether a text names no door, and is not the name of a door that has left the building.
    fn could_be_any(&self, text: &str) -> bool {
        let pinned = self.pinned(text);
        match self.names.resolve(text, pinned) {
            Ok(_) => false,
            Err(unresolved) => unresolved.reason != Reason::DoorNotFound || pinned.is_none(),
        }
    }

    fn active(&mut self, spec: &DoorAssignmentSpec) -> Active {
        let Some(validity) = &spec.validity else {
            return Active::Yes;
        };
        let from = validity.from.as_ref().map(|from| from.timestamp());
        let until = validity.until.as_ref().map(|until| until.timestamp());
        if self.observed.clock_skewed {
            self.time_in_doubt = true;
            return Active::CannotTell;
        }
        for change in [from, until].into_iter().flatten() {
            if change > self.now {
                self.next_change = earliest(self.next_change, Some(change));
            }
        }
        let begun = from.is_none_or(|from| from <= self.now);
        let ended = until.is_some_and(|until| until <= self.now);
        if begun && !ended {
            Active::Yes
        } else {
            Active::No
        }
    }

    /// Keeps what an object owns as it is, but for a unit that somebody moved into: that has ended.
    fn keep_all(&mut self, index: usize, taken: &Taken) {
        let Some(object) = taken.objects.get(index) else {
            return;
        };
        let selector = match &*object.spec {
            Spec::DoorAssignment(spec) => spec.door_selector.as_ref(),
            Spec::PartnerKey(_) => None,
        };
        let has_ended = |door: DoorUuid| {
            selector
                .zip(self.observed.door(door))
                .is_some_and(|(selector, row)| vacancy_fits(selector, row) == Fit::No)
        };
        let owned = self.owned.get_or_init(|| owned_doors(self.ledger));
        let doors = owned.get(&object.owner).into_iter().flatten().copied();
        let doors = doors.filter(|door| !has_ended(*door));
        self.kept.extend(doors.map(|door| (door, index)));
    }

    /// Keeps a door as it is if the object owns it.
    pub(crate) fn keep(&mut self, door: DoorUuid, index: usize, taken: &Taken) {
        let owns = taken.objects.get(index).is_some_and(|object| {
            self.ledger.doors.get(&door).is_some_and(|record| {
                record
                    .claims
                    .iter()
                    .any(|claim| claim.owners.contains(&object.owner))
            })
        });
        if owns {
            self.kept.insert((door, index));
        }
    }

    fn resolve_list(
        &mut self,
        taken: &Taken,
        index: usize,
        texts: &[String],
        path: &str,
        pins: &mut NewPins,
    ) -> Vec<(usize, DoorUuid)> {
        let mut doors = Vec::with_capacity(texts.len());
        for (item, text) in texts.iter().enumerate() {
            let pinned = self.pinned(text);
            match self.names.resolve(text, pinned) {
                Ok(door) => {
                    if pinned != Some(door) {
                        pins.push((text.as_str().into(), door));
                    }
                    doors.push((item, door));
                }
                Err(unresolved) => {
                    if let Some(pinned) = pinned {
                        self.kept.insert((pinned, index));
                    }
                    let names = self.names;
                    for door in names.candidates(text, pinned) {
                        self.keep(door, index, taken);
                    }
                    if let Some(object) = taken.objects.get(index) {
                        self.refusals.push(Refusal {
                            cause: object
                                .places
                                .locate(&object.cause, &format!("{path}[{item}]")),
                            reason: unresolved.reason,
                            message: unresolved.message,
                            owner: Some(object.owner.clone()),
                        });
                    }
                }
            }
        }
        doors
    }

    fn select(
        &mut self,
        selector: &DoorSelector,
        excepted: &BTreeSet<DoorUuid>,
        partner: PartnerUuid,
        object: usize,
        taken: &Taken,
    ) {
        for row in &self.observed.doors {
            if excepted.contains(&row.uuid) {
                continue;
            }
            let fit = match fits(selector, row) {
                Fit::Yes => self.is_ripe(selector, row),
                fit => fit,
            };
            match fit {
                Fit::Yes => self.claims.push(Claim {
                    door: row.uuid,
                    partner,
                    object,
                    item: None,
                }),
                Fit::No => {}
                Fit::CannotTell => self.keep(row.uuid, object, taken),
            }
        }
    }

    /// Vacancy grants only after the unit has been vacant for a while; it takes away at once when it is
    /// occupied, and changes nothing when it is unknown.
    fn is_ripe(&mut self, selector: &DoorSelector, row: &DoorRow) -> Fit {
        if selector.vacancy != Some(opendoor_api::Vacancy::Vacant) {
            return Fit::Yes;
        }
        let vacant_since = row.unit.as_ref().and_then(|unit| unit.vacancy_since);
        let Some(ripe) =
            vacant_since.and_then(|since| since.checked_add(selector.vacant_for().signed()).ok())
        else {
            return Fit::CannotTell;
        };
        if self.observed.clock_skewed {
            self.time_in_doubt = true;
            return Fit::CannotTell;
        }
        if ripe <= self.now {
            return Fit::Yes;
        }
        self.next_change = earliest(self.next_change, Some(ripe));
        Fit::CannotTell
    }
}

/// Whether something applies now.
enum Active {
    Yes,
    No,
    CannotTell,
}

fn owned_doors(ledger: &Ledger) -> BTreeMap<&OwnerId, Vec<DoorUuid>> {
    let mut owned: BTreeMap<&OwnerId, Vec<DoorUuid>> = BTreeMap::new();
    for (door, record) in &ledger.doors {
        for owner in record.claims.iter().flat_map(|claim| &claim.owners) {
            owned.entry(owner).or_default().push(*door);
        }
    }
    owned
}
