//! Accepting declarations: what is in force of every object, declared now or accepted before.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::declared::{Absence, Declared, DeclaredObject, Places, Spec};
use crate::intake::{InForce, Removed, Taken};
use crate::ledger::{Accepted, AcceptedProperty, Ledger};
use crate::owner::{Cause, OwnerId};
use crate::plan::Refusal;
use crate::reasons::Reason;

/// Accepts the Property, or says why not.
pub(crate) fn accept_property(ledger: &mut Ledger, declared: &Declared, taken: &mut Taken) {
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
pub(crate) fn accept_objects(
    ledger: &mut Ledger,
    declared: &Declared,
    taken: &mut Taken,
    now: Timestamp,
) {
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
        let refusal = object.spec.as_ref().and_then(|spec| {
            before.and_then(|before| {
                let has_key = has_key(ledger, &object.owner);
                let property = &declared.property.name;
                immutable_changed(object, &before.spec, spec, property, has_key)
            })
        });
        let refused = refusal.is_some();
        let accepted_now = object.spec.as_ref().filter(|_| refusal.is_none());
        taken.refusals.extend(refusal);
        let in_force = match accepted_now {
            Some(spec) => {
                accept(ledger, object, spec, now);
                Some(Arc::clone(spec))
            }
            None => before.map(|before| Arc::clone(&before.spec)),
        };
        if let Some(spec) = in_force {
            taken.objects.push(InForce {
                owner: object.owner.clone(),
                cause: object.cause.clone(),
                spec,
                places: object.places.clone(),
                refused,
                frozen: false,
                removed: false,
            });
        }
    }
    follow_last_words(ledger, declared);
    let present: BTreeSet<&OwnerId> = declared
        .objects
        .iter()
        .map(|object| &object.owner)
        .collect();
    for (owner, accepted) in &ledger.head.accepted {
        if present.contains(owner) {
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
            spec: Arc::clone(&accepted.spec),
            places: Places::default(),
            refused: false,
            frozen: false,
            removed,
        });
    }
    taken.objects.sort_by(|a, b| a.owner.cmp(&b.owner));
}

/// Takes over what objects say of their deletion while they are being deleted, so that a held one can
/// still be told to leave its access behind.
fn follow_last_words(ledger: &mut Ledger, declared: &Declared) {
    for (owner, absence) in &declared.absent {
        let Absence::Deleted(policy) = absence else {
            continue;
        };
        let before = ledger.head.accepted.get(owner);
        if before.is_some_and(|accepted| accepted.spec.deletion_policy() != *policy)
            && let Some(accepted) = ledger.head_mut().accepted.get_mut(owner)
        {
            Arc::make_mut(&mut accepted.spec).set_deletion_policy(*policy);
        }
    }
}

fn accept(ledger: &mut Ledger, object: &DeclaredObject, spec: &Arc<Spec>, now: Timestamp) {
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
        Some(before) if until(&before.spec) == expiry && adds_no_door(&before.spec, spec) => {
            before.expiry_known_since
        }
        _ => expiry.map(|_| now),
    };
    let vacant_only_since = selects_vacant_only(spec).then(|| {
        before
            .filter(|before| selects_vacant_only(&before.spec))
            .and_then(|before| before.vacant_only_since)
            .unwrap_or(now)
    });
    let as_before = before.is_some_and(|before| {
        before.spec == *spec
            && before.cause == object.cause
            && before.expiry_known_since == expiry_known_since
            && before.vacant_only_since == vacant_only_since
    });
    if as_before {
        // The same words, held once.
        if let Some(before) = ledger.head.accepted.get_mut(&object.owner) {
            before.spec = Arc::clone(spec);
        }
    } else {
        let accepted = Accepted {
            spec: Arc::clone(spec),
            cause: object.cause.clone(),
            expiry_known_since,
            vacant_only_since,
        };
        ledger
            .head_mut()
            .accepted
            .insert(object.owner.clone(), accepted);
    }
}

/// Whether a declaration gives nobody a door that the one before did not give: of such a door the expiry was not known.
fn adds_no_door(before: &Spec, now: &Spec) -> bool {
    let (Spec::DoorAssignment(before), Spec::DoorAssignment(now)) = (before, now) else {
        return true;
    };
    let all_in = |some: &Option<Vec<String>>, all: &Option<Vec<String>>| {
        let all = all.as_deref().unwrap_or_default();
        some.iter().flatten().all(|text| all.contains(text))
    };
    before.partner == now.partner
        && before.door_selector == now.door_selector
        && all_in(&now.doors, &before.doors)
        && all_in(&before.except_doors, &now.except_doors)
}

/// Whether a declaration's selector means vacant units and no others.
fn selects_vacant_only(spec: &Spec) -> bool {
    let Spec::DoorAssignment(spec) = spec else {
        return false;
    };
    spec.door_selector
        .as_ref()
        .is_some_and(|selector| selector.vacancy == Some(opendoor_api::Vacancy::Vacant))
}

/// Whether an object has a key, or may be about to: a write for it is open.
fn has_key(ledger: &Ledger, owner: &OwnerId) -> bool {
    let mut intents = ledger.head.intents.iter();
    ledger.key_of(owner).is_some() || intents.any(|intent| intent.owner == *owner)
}

/// A change of a field that never changes. The API server refuses it by the types' own rules; here it
/// is refused where there is no API server, and where one was got around: also before there is a key, as the
/// types' rules do, so that every home says the same. A Property that got another name while it kept its building
/// is no move.
fn immutable_changed(
    object: &DeclaredObject,
    before: &Spec,
    now: &Spec,
    property: &str,
    has_key: bool,
) -> Option<Refusal> {
    let key = matches!(now, Spec::PartnerKey(_));
    let (path, reason, message) = if key && before.partner() != now.partner() {
        let (was, is) = (before.partner(), now.partner());
        let message = if has_key {
            format!(
                "the partner of this key is \"{was}\" and cannot become \"{is}\": DOOR OS never changes or clears a key's \
                 partner. Create a new PartnerKey with another keyName, move its holders, then delete this one; its \
                 doorcodes go with it."
            )
        } else {
            format!(
                "this PartnerKey was declared for \"{was}\" and cannot become one of \"{is}\": a key's partner never \
                 changes. No key was made for it yet, and none is made while this differs. Declare another PartnerKey \
                 and remove this one, or put \"{was}\" back."
            )
        };
        ("spec.partner", Reason::PartnerImmutable, message)
    } else if before.property() != now.property() && now.property() != property {
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
