//! Which doors the objects in force want for which partner.

use std::collections::BTreeSet;

use jiff::Timestamp;
use opendoor_api::{DoorAssignmentSpec, DoorSelector};

use crate::ids::{DoorUuid, PartnerUuid};
use crate::intake::Taken;
use crate::ledger::Ledger;
use crate::observed::{Accessibility, DoorRow, DoorType, Holder, Observed, Vacancy};
use crate::plan::{Named, Refusal, Waiting, WaitingKind};
use crate::declared::Spec;
use crate::reasons::Reason;
use crate::resolve::{DoorNames, Standing, known_uuid, matches_pattern, standing};

/// A door wanted for a partner.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DoorWant {
    pub(crate) door: DoorUuid,
    pub(crate) partner: PartnerUuid,
    /// Who wants it, as indices into the objects in force, sorted.
    pub(crate) objects: Vec<usize>,
    /// Where in the first object's `doors` it is named; `None` for a selector.
    pub(crate) item: Option<usize>,
}

pub(crate) struct Wanted {
    pub(crate) doors: Vec<DoorWant>,
    pub(crate) kept: BTreeSet<(DoorUuid, usize)>,
}

/// One object's claim before claims on one door are reconciled.
struct Claim {
    door: DoorUuid,
    partner: PartnerUuid,
    object: usize,
    item: Option<usize>,
}

struct Gather<'a> {
    ledger: &'a Ledger,
    observed: &'a Observed,
    names: &'a DoorNames<'a>,
    now: Timestamp,
    claims: Vec<Claim>,
    kept: BTreeSet<(DoorUuid, usize)>,
    refusals: Vec<Refusal>,
    waiting: Vec<Waiting>,
    next_change: Option<Timestamp>,
}

pub(crate) fn door_wants(
    ledger: &Ledger,
    observed: &Observed,
    names: &DoorNames<'_>,
    taken: &mut Taken,
    pins: &mut BTreeSet<(String, DoorUuid)>,
    now: Timestamp,
) -> Wanted {
    let mut gather = Gather {
        ledger,
        observed,
        names,
        now,
        claims: Vec::new(),
        kept: BTreeSet::new(),
        refusals: Vec::new(),
        waiting: Vec::new(),
        next_change: None,
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
        ..
    } = gather;
    taken.refusals.extend(refusals);
    taken.waiting.extend(waiting);
    taken.next_change = earliest(taken.next_change, next_change);
    let doors = reconcile(claims, observed, taken);
    Wanted { doors, kept }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Gather<'_> {
    /// Gathers one object's wants. Returns whether the object is frozen.
    fn object(
        &mut self,
        taken: &Taken,
        index: usize,
        pins: &mut BTreeSet<(String, DoorUuid)>,
    ) -> bool {
        let Some(object) = taken.objects.get(index).filter(|object| !object.removed) else {
            return false;
        };
        let Spec::DoorAssignment(spec) = &object.spec else {
            return false;
        };
        let partner = match standing(self.ledger, self.observed, &spec.partner) {
            Standing::Usable(partner) => partner,
            Standing::Awaiting => {
                self.await_authorization(taken, index, spec);
                return false;
            }
            Standing::Refused(unresolved) => {
                self.refusals.push(Refusal {
                    cause: object.places.locate(&object.cause, "spec.partner"),
                    reason: unresolved.reason,
                    message: unresolved.message,
                    owner: Some(object.owner.clone()),
                });
                self.keep_all(index, taken);
                return true;
            }
        };
        match self.active(spec) {
            Active::Yes => {}
            Active::No => return false,
            Active::CannotTell => {
                self.keep_all(index, taken);
                return true;
            }
        }
        let excepted = self.resolve_list(
            taken,
            index,
            spec.except_doors.as_deref().unwrap_or_default(),
            "spec.exceptDoors",
            pins,
        );
        if let Some(doors) = &spec.doors {
            for (item, door) in self.resolve_list(taken, index, doors, "spec.doors", pins) {
                self.claims.push(Claim {
                    door,
                    partner,
                    object: index,
                    item: Some(item),
                });
            }
        }
        if let Some(selector) = &spec.door_selector {
            let excepted: BTreeSet<DoorUuid> = excepted.iter().map(|(_, door)| *door).collect();
            self.select(selector, &excepted, partner, index);
        }
        false
    }

    fn active(&mut self, spec: &DoorAssignmentSpec) -> Active {
        let Some(validity) = &spec.validity else {
            return Active::Yes;
        };
        let from = validity.from.as_ref().map(|from| from.timestamp());
        let until = validity.until.as_ref().map(|until| until.timestamp());
        if self.observed.clock_skewed {
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

    /// Keeps what an object owns as it is.
    fn keep_all(&mut self, index: usize, taken: &Taken) {
        let Some(object) = taken.objects.get(index) else {
            return;
        };
        for (door, record) in &self.ledger.doors {
            if record
                .claims
                .iter()
                .any(|claim| claim.owners.contains(&object.owner))
            {
                self.kept.insert((*door, index));
            }
        }
    }

    fn resolve_list(
        &mut self,
        taken: &Taken,
        index: usize,
        texts: &[String],
        path: &str,
        pins: &mut BTreeSet<(String, DoorUuid)>,
    ) -> Vec<(usize, DoorUuid)> {
        let mut doors = Vec::with_capacity(texts.len());
        for (item, text) in texts.iter().enumerate() {
            match self.names.resolve(text, &self.ledger.head.door_pins) {
                Ok(door) => {
                    if self.ledger.head.door_pins.get(text) != Some(&door) {
                        pins.insert((text.clone(), door));
                    }
                    doors.push((item, door));
                }
                Err(unresolved) => {
                    if let Some(pinned) = self.ledger.head.door_pins.get(text) {
                        self.kept.insert((*pinned, index));
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
    ) {
        for row in &self.observed.doors {
            if excepted.contains(&row.uuid) || !fits(selector, row) {
                continue;
            }
            match self.vacancy_fits(selector, row) {
                Active::Yes => self.claims.push(Claim {
                    door: row.uuid,
                    partner,
                    object,
                    item: None,
                }),
                Active::No => {}
                Active::CannotTell => {
                    self.kept.insert((row.uuid, object));
                }
            }
        }
    }

    /// Vacancy grants only after the unit has been vacant for a while, takes away at once when it is
    /// occupied, and changes nothing when it is unknown.
    fn vacancy_fits(&mut self, selector: &DoorSelector, row: &DoorRow) -> Active {
        let Some(wanted) = selector.vacancy else {
            return Active::Yes;
        };
        let Some(unit) = &row.unit else {
            return Active::No;
        };
        match (wanted, unit.vacancy) {
            (_, None) => Active::CannotTell,
            (opendoor_api::Vacancy::Occupied, Some(Vacancy::Occupied)) => Active::Yes,
            (opendoor_api::Vacancy::Occupied, Some(Vacancy::Vacant))
            | (opendoor_api::Vacancy::Vacant, Some(Vacancy::Occupied)) => Active::No,
            (opendoor_api::Vacancy::Vacant, Some(Vacancy::Vacant)) => {
                let Some(ripe) = unit
                    .vacancy_since
                    .and_then(|since| since.checked_add(selector.vacant_for().signed()).ok())
                else {
                    return Active::CannotTell;
                };
                if self.observed.clock_skewed {
                    return Active::CannotTell;
                }
                if ripe <= self.now {
                    return Active::Yes;
                }
                self.next_change = earliest(self.next_change, Some(ripe));
                Active::CannotTell
            }
        }
    }

    fn await_authorization(&mut self, taken: &Taken, index: usize, spec: &DoorAssignmentSpec) {
        let Some(object) = taken.objects.get(index) else {
            return;
        };
        let named: Vec<(Option<DoorUuid>, String)> = match (&spec.doors, &spec.door_selector) {
            (Some(doors), _) => doors
                .iter()
                .map(|text| {
                    let door = self.names.resolve(text, &self.ledger.head.door_pins).ok();
                    let name = door
                        .and_then(|door| self.observed.door(door))
                        .map_or_else(|| text.clone(), |row| row.name.clone());
                    (door, name)
                })
                .collect(),
            (None, Some(selector)) => self
                .observed
                .doors
                .iter()
                .filter(|row| fits(selector, row))
                .map(|row| (Some(row.uuid), row.name.clone()))
                .collect(),
            (None, None) => Vec::new(),
        };
        let awaited = known_uuid(self.ledger, &spec.partner);
        for (uuid, name) in named {
            // What DOOR OS still holds for the partner stays: its authorisation ended, not our wish.
            if let (Some(door), Some(partner)) = (uuid, awaited)
                && self
                    .ledger
                    .doors
                    .get(&door)
                    .is_some_and(|record| record.claim(partner).is_some())
            {
                self.kept.insert((door, index));
            }
            self.waiting.push(Waiting {
                kind: WaitingKind::Authorization,
                door: Some(Named { uuid, name }),
                partner: spec.partner.clone(),
                via: Some("door"),
                since: None,
                deadline: None,
                reason: Reason::AwaitingAuthorization,
                owner: Some(object.owner.clone()),
            });
        }
    }
}

/// Whether something applies now.
enum Active {
    Yes,
    No,
    CannotTell,
}

fn fits(selector: &DoorSelector, row: &DoorRow) -> bool {
    let type_fits = selector.door_type.is_none_or(|wanted| {
        let wanted = match wanted {
            opendoor_api::DoorType::BuildingEntrance => DoorType::BuildingEntrance,
            opendoor_api::DoorType::Residence => DoorType::Residence,
            opendoor_api::DoorType::Service => DoorType::Service,
            opendoor_api::DoorType::Communal => DoorType::Communal,
        };
        row.door_type == Some(wanted)
    });
    let accessibility_fits = selector.accessibility.is_none_or(|wanted| {
        let wanted = match wanted {
            opendoor_api::Accessibility::Communal => Accessibility::Communal,
            opendoor_api::Accessibility::Private => Accessibility::Private,
        };
        row.accessibility == Some(wanted)
    });
    let name_fits = selector
        .name_pattern
        .as_deref()
        .is_none_or(|pattern| matches_pattern(pattern, &row.name));
    type_fits && accessibility_fits && name_fits
}

/// One partner a door: the same partner's claims unite; explicit names beat a selector; otherwise
/// whoever holds the door keeps it; if nobody does, nobody gets it.
fn reconcile(mut claims: Vec<Claim>, observed: &Observed, taken: &mut Taken) -> Vec<DoorWant> {
    claims.sort_by_key(|claim| (claim.door, claim.partner, claim.object));
    let mut wants = Vec::with_capacity(claims.len());
    for group in claims.chunk_by(|a, b| a.door == b.door) {
        let Some(first) = group.first() else {
            continue;
        };
        if group.iter().all(|claim| claim.partner == first.partner) {
            wants.push(united(group, first.partner));
            continue;
        }
        let explicit: BTreeSet<PartnerUuid> = group
            .iter()
            .filter(|claim| claim.item.is_some())
            .map(|claim| claim.partner)
            .collect();
        let contenders: BTreeSet<PartnerUuid> = if explicit.is_empty() {
            group.iter().map(|claim| claim.partner).collect()
        } else {
            explicit
        };
        let holder = observed.door(first.door).map(|row| row.holder);
        let winner = match contenders.iter().next() {
            Some(only) if contenders.len() == 1 => Some(*only),
            _ => contenders
                .iter()
                .find(|partner| holder == Some(Holder::Partner(**partner)))
                .copied(),
        };
        if let Some(winner) = winner {
            wants.push(united(group, winner));
        }
        // A selector that gives way to an explicit name is no fault; two equals are.
        for claim in group {
            let loses = Some(claim.partner) != winner && contenders.contains(&claim.partner);
            if loses {
                claimed_twice(claim, group, winner, observed, taken);
            }
        }
    }
    wants
}

fn united(group: &[Claim], partner: PartnerUuid) -> DoorWant {
    let mut objects: Vec<usize> = group
        .iter()
        .filter(|claim| claim.partner == partner)
        .map(|claim| claim.object)
        .collect();
    objects.dedup();
    let item = group
        .iter()
        .find(|claim| claim.partner == partner)
        .and_then(|claim| claim.item);
    DoorWant {
        door: group
            .first()
            .map_or(DoorUuid(uuid::Uuid::nil()), |claim| claim.door),
        partner,
        objects,
        item,
    }
}

fn claimed_twice(
    claim: &Claim,
    group: &[Claim],
    winner: Option<PartnerUuid>,
    observed: &Observed,
    taken: &mut Taken,
) {
    let name = observed
        .door(claim.door)
        .map_or_else(|| claim.door.to_string(), |row| row.name.clone());
    let others: Vec<String> = group
        .iter()
        .filter(|other| other.partner != claim.partner)
        .filter_map(|other| taken.objects.get(other.object))
        .map(|object| {
            format!(
                "{} for {}{}",
                object.owner,
                object.spec.partner(),
                object
                    .cause
                    .file
                    .as_ref()
                    .map(|file| format!(" ({file})"))
                    .unwrap_or_default()
            )
        })
        .collect();
    let outcome = if winner.is_some() {
        "it keeps the door because DOOR OS holds it there now"
    } else {
        "nobody holds it now, so neither gets it"
    };
    let Some(object) = taken.objects.get(claim.object) else {
        return;
    };
    let path = claim
        .item
        .map_or(String::from("spec.doorSelector"), |item| {
            format!("spec.doors[{item}]")
        });
    taken.refusals.push(Refusal {
        cause: object.places.locate(&object.cause, &path),
        reason: Reason::DoorClaimedTwice,
        message: format!(
            "\"{name}\" is declared for {} here and by {}; {outcome}. A door has one partner: remove it from one of them.",
            object.spec.partner(),
            others.join(" and by ")
        ),
        owner: Some(object.owner.clone()),
    });
}
