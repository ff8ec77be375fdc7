//! Taking in one look at both sides: rows into the ledger, declarations accepted or refused, names
//! pinned, what is already so adopted. Nothing here touches DOOR OS; what it changes in the ledger is
//! committed before anything is planned.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use opendoor_api::DeletionPolicy;

use crate::declared::{Absence, Declared, DeclaredObject, Places, Spec};
use crate::door_wants::{DoorWant, Wanted, door_wants};
use crate::ids::DoorUuid;
use crate::key_wants::{KeyWant, key_wants};
use crate::ledger::{Accepted, AcceptedProperty, Ledger};
use crate::observed::{Holder, Observed};
use crate::owner::{Cause, OwnerId, OwnerKind};
use crate::partners::take_in_partners;
use crate::plan::{Refusal, Waiting};
use crate::reasons::Reason;
use crate::resolve::DoorNames;
use crate::settle::{self, Settled};

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
}

/// An object in force: as declared now, or as last accepted.
#[derive(Clone, Debug)]
pub struct InForce {
    /// Which one.
    pub owner: OwnerId,
    /// Where it is declared.
    pub cause: Cause,
    /// What is in force of it.
    pub spec: Spec,
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
    let mut pins_used = BTreeSet::new();
    let Wanted { doors, kept } = door_wants(ledger, observed, &names, &mut taken, &mut pins_used, now);
    taken.doors = doors;
    taken.kept_doors = kept;
    taken.keys = key_wants(ledger, observed, &names, &mut taken, &mut pins_used);
    pin(ledger, observed, &taken, pins_used);
    own_doors(ledger, observed, &mut taken);
    forget_removed(ledger, &taken);
    taken.refusals.sort();
    taken.refusals.dedup();
    taken
}

fn accept_property(ledger: &mut Ledger, declared: &Declared, taken: &mut Taken) {
    for problem in &declared.property.problems {
        taken.refusals.push(Refusal {
            cause: problem.cause.clone(),
            reason: problem.reason,
            message: problem.message.clone(),
            owner: None,
        });
    }
    if let Some(spec) = &declared.property.spec {
        let accepted = AcceptedProperty {
            name: declared.property.name.clone(),
            spec: spec.clone(),
            cause: declared.property.cause.clone(),
        };
        if ledger.head.property.as_ref() != Some(&accepted) {
            ledger.head_mut().property = Some(accepted);
        }
    }
}

/// Decides for every object, declared or accepted before, what is in force of it.
fn accept_objects(ledger: &mut Ledger, declared: &Declared, taken: &mut Taken, now: Timestamp) {
    for object in &declared.objects {
        for problem in &object.problems {
            taken.refusals.push(Refusal {
                cause: problem.cause.clone(),
                reason: problem.reason,
                message: problem.message.clone(),
                owner: Some(object.owner.clone()),
            });
        }
        let before = ledger.head.accepted.get(&object.owner);
        let refusal = object
            .spec
            .as_ref()
            .and_then(|spec| before.and_then(|before| immutable_changed(object, &before.spec, spec)));
        let accepted_now = object.spec.as_ref().filter(|_| refusal.is_none());
        taken.refusals.extend(refusal);
        let in_force = match accepted_now {
            Some(spec) => {
                accept(ledger, object, spec, now);
                Some(spec.clone())
            }
            None => before.map(|before| before.spec.clone()),
        };
        if let Some(spec) = in_force {
            taken.objects.push(InForce {
                owner: object.owner.clone(),
                cause: object.cause.clone(),
                spec,
                places: object.places.clone(),
                frozen: false,
                removed: false,
            });
        }
    }
    for (owner, accepted) in &ledger.head.accepted {
        if declared
            .objects
            .binary_search_by(|object| object.owner.cmp(owner))
            .is_ok()
        {
            continue;
        }
        let absence = declared.absent.get(owner);
        let removed = absence != Some(&Absence::Unreadable);
        if removed {
            taken.removed.insert(
                owner.clone(),
                Removed {
                    held: match absence {
                        Some(Absence::Held(reason)) => Some(*reason),
                        _ => None,
                    },
                    cause: Cause {
                        line: None,
                        column: None,
                        ..accepted.cause.clone()
                    },
                },
            );
        }
        taken.objects.push(InForce {
            owner: owner.clone(),
            cause: Cause {
                line: None,
                column: None,
                ..accepted.cause.clone()
            },
            spec: accepted.spec.clone(),
            places: Places::default(),
            frozen: false,
            removed,
        });
    }
    taken.objects.sort_by(|a, b| a.owner.cmp(&b.owner));
}

fn accept(ledger: &mut Ledger, object: &DeclaredObject, spec: &Spec, now: Timestamp) {
    let before = ledger.head.accepted.get(&object.owner);
    let until = |spec: &Spec| match spec {
        Spec::DoorAssignment(spec) => spec
            .validity
            .as_ref()
            .and_then(|validity| validity.until.as_ref())
            .map(|until| until.timestamp()),
        Spec::PartnerKey(_) => None,
    };
    let expiry = until(spec);
    let expiry_known_since = match before {
        Some(before) if until(&before.spec) == expiry => before.expiry_known_since,
        _ => expiry.map(|_| now),
    };
    let accepted = Accepted {
        spec: spec.clone(),
        cause: object.cause.clone(),
        expiry_known_since,
    };
    if before != Some(&accepted) {
        ledger
            .head_mut()
            .accepted
            .insert(object.owner.clone(), accepted);
    }
}

/// A change of a field that never changes. The API server refuses it by the types' own rules; here it
/// is refused where there is no API server, and where one was got around.
fn immutable_changed(object: &DeclaredObject, before: &Spec, now: &Spec) -> Option<Refusal> {
    let key = matches!(now, Spec::PartnerKey(_));
    let (path, reason, message) = if key && before.partner() != now.partner() {
        (
            "spec.partner",
            Reason::PartnerImmutable,
            format!(
                "the partner of this key is \"{}\" and cannot become \"{}\": DOOR OS never changes or clears a key's \
                 partner. Create a new PartnerKey with another keyName, move its holders, then delete this one; its \
                 doorcodes go with it.",
                before.partner(),
                now.partner()
            ),
        )
    } else if before.property() != now.property() {
        (
            "spec.propertyRef.name",
            if key {
                Reason::PartnerImmutable
            } else {
                Reason::Invalid
            },
            format!(
                "this {} belongs to the Property \"{}\" and cannot move to \"{}\". Create a new one for the other \
                 Property, then delete this one.",
                object.owner.kind.as_str(),
                before.property(),
                now.property()
            ),
        )
    } else {
        return None;
    };
    Some(Refusal {
        cause: object.places.locate(&object.cause, path),
        reason,
        message,
        owner: Some(object.owner.clone()),
    })
}

/// Keeps the pins of names that something declares, adds new ones, and ends the rest.
fn pin(
    ledger: &mut Ledger,
    observed: &Observed,
    taken: &Taken,
    used: BTreeSet<(String, DoorUuid)>,
) {
    if observed.incomplete.is_some() {
        return;
    }
    let declared: BTreeSet<&str> = taken
        .objects
        .iter()
        .flat_map(|object| declared_doors(&object.spec))
        .collect();
    let ended = ledger
        .head
        .door_pins
        .keys()
        .any(|name| !declared.contains(name.as_str()));
    if ended {
        ledger
            .head_mut()
            .door_pins
            .retain(|name, _| declared.contains(name.as_str()));
    }
    for (name, door) in used {
        if ledger.head.door_pins.get(&name) != Some(&door) {
            ledger.head_mut().door_pins.insert(name, door);
        }
    }
}

fn declared_doors(spec: &Spec) -> Vec<&str> {
    match spec {
        Spec::DoorAssignment(spec) => spec
            .doors
            .iter()
            .flatten()
            .chain(spec.except_doors.iter().flatten())
            .map(String::as_str)
            .collect(),
        Spec::PartnerKey(spec) => spec.doors.iter().map(|door| door.name.as_str()).collect(),
    }
}

/// Brings ownership of door dropdowns up to date: adopts what is already as declared, moves it
/// between objects of one partner, releases what is retained or no longer there.
fn own_doors(ledger: &mut Ledger, observed: &Observed, taken: &mut Taken) {
    let mut wants = taken.doors.iter().peekable();
    for row in &observed.doors {
        while wants.next_if(|want| want.door < row.uuid).is_some() {}
        let want = wants.next_if(|want| want.door == row.uuid);
        if taken.stale.binary_search(&row.uuid).is_ok() || ledger.door_has_intent(row.uuid) {
            continue;
        }
        if let Some(want) = want
            && row.holder == Holder::Partner(want.partner)
        {
            let owners = || {
                want.objects
                    .iter()
                    .filter_map(|object| taken.objects.get(*object))
                    .map(|object| &object.owner)
            };
            let settled = ledger.doors.get(&row.uuid).is_some_and(|record| {
                matches!(record.claims.as_slice(), [claim]
                    if claim.partner == want.partner && claim.held && claim.owners.iter().eq(owners()))
            });
            if !settled {
                let owners: BTreeSet<OwnerId> = owners().cloned().collect();
                let record = ledger.door_mut(row.uuid);
                if record.claim(want.partner).is_none() {
                    taken.adopted += 1;
                }
                record.claims = vec![crate::ledger::Claim {
                    partner: want.partner,
                    owners,
                    held: true,
                }];
            }
            continue;
        }
        let Some(record) = ledger.doors.get(&row.uuid) else {
            continue;
        };
        if record.claims.is_empty() {
            continue;
        }
        let kept = |owner: &OwnerId| {
            taken
                .objects
                .binary_search_by(|object| object.owner.cmp(owner))
                .is_ok_and(|at| taken.kept_doors.contains(&(row.uuid, at)))
        };
        let still: Vec<crate::ledger::Claim> = record
            .claims
            .iter()
            .filter(|claim| {
                let wanted = want.is_some_and(|want| want.partner == claim.partner);
                let there = row.holder == Holder::Partner(claim.partner);
                wanted
                    || claim.owners.iter().any(kept)
                    || (there && !claim.owners.iter().all(|owner| retained(taken, owner)))
            })
            .cloned()
            .collect();
        if still.len() != record.claims.len() {
            ledger.door_mut(row.uuid).claims = still;
        }
    }
}

/// Whether an object's going leaves what it owned in place.
fn retained(taken: &Taken, owner: &OwnerId) -> bool {
    taken.removed.contains_key(owner)
        && taken
            .objects
            .binary_search_by(|object| object.owner.cmp(owner))
            .ok()
            .and_then(|at| taken.objects.get(at))
            .is_some_and(|object| object.spec.deletion_policy() == DeletionPolicy::Retain)
}

/// Forgets removed objects of which nothing is owned or under way any more.
fn forget_removed(ledger: &mut Ledger, taken: &Taken) {
    if taken.removed.is_empty() {
        return;
    }
    let mut owning: BTreeSet<&OwnerId> = ledger
        .head
        .keys
        .values()
        .map(|key| &key.owner)
        .chain(ledger.head.intents.iter().map(|intent| &intent.owner))
        .collect();
    for record in ledger.doors.values() {
        for claim in &record.claims {
            owning.extend(&claim.owners);
        }
    }
    let done: Vec<OwnerId> = taken
        .removed
        .keys()
        .filter(|owner| !owning.contains(owner))
        .cloned()
        .collect();
    for owner in done {
        ledger.head_mut().accepted.remove(&owner);
    }
}

impl Taken {
    /// The object in force for an owner.
    #[must_use]
    pub fn object(&self, owner: &OwnerId) -> Option<&InForce> {
        self.objects
            .binary_search_by(|object| object.owner.cmp(owner))
            .ok()
            .and_then(|at| self.objects.get(at))
    }

    /// The places of the Property's own causes.
    #[must_use]
    pub fn property_owner(ledger: &Ledger) -> OwnerId {
        OwnerId {
            kind: OwnerKind::Property,
            name: ledger
                .head
                .property
                .as_ref()
                .map(|property| property.name.clone())
                .unwrap_or_default(),
            uid: None,
        }
    }
}
