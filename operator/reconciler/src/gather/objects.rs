//! The objects of one building.

use opendoor_planner::declared::{DeclaredObject, Places, Problem, Spec};
use opendoor_planner::owner::{Cause, OwnerKind};
use opendoor_planner::reasons::Reason;

use super::{Heads, Target, accepted_in, owned, spec_of};
use crate::snapshot::Snapshot;

pub(super) fn declared_objects(
    snapshot: &Snapshot,
    heads: &Heads,
    target: &Target,
) -> Vec<DeclaredObject> {
    let mut objects = Vec::new();
    for object in &snapshot.objects {
        let Some((owner, property)) = owned(object) else {
            continue;
        };
        let lives_in = accepted_in(heads, &owner);
        let here = property == target.property;
        match lives_in {
            Some(building) if building == target.building.uuid => {}
            Some(_) => continue,
            None if here => {}
            None => continue,
        }
        let mut declared = DeclaredObject {
            owner,
            cause: object.cause.clone(),
            spec: spec_of(object),
            problems: Vec::new(),
            places: object.places.clone(),
        };
        if !here && let Some(spec) = declared.spec.take() {
            let problem = if refers_as_accepted(heads, target, &declared, &spec) {
                property_renamed(&declared, &spec, target)
            } else {
                moved(&declared, &spec, target)
            };
            declared.problems.push(problem);
        }
        objects.push(declared);
    }
    for broken in &snapshot.broken {
        let Some(owner) = broken.owner() else {
            continue;
        };
        let lives_in = accepted_in(heads, &owner);
        let here = lives_in == Some(target.building.uuid)
            || (lives_in.is_none() && broken.property.as_deref() == Some(&target.property));
        if here {
            objects.push(DeclaredObject {
                owner,
                cause: broken.cause.clone(),
                spec: None,
                problems: broken.problems.clone(),
                places: Places::default(),
            });
        }
    }
    objects
}

/// Whether an object refers to the Property that it was accepted with: then that one has another name.
fn refers_as_accepted(
    heads: &Heads,
    target: &Target,
    object: &DeclaredObject,
    spec: &Spec,
) -> bool {
    let head = heads.get(&target.building.uuid);
    let accepted = head.and_then(|head| head.accepted.get(&object.owner));
    accepted.is_some_and(|accepted| accepted.spec.property() == spec.property())
}

/// An object that refers to its Property by the name that it had.
fn property_renamed(object: &DeclaredObject, spec: &Spec, target: &Target) -> Problem {
    Problem {
        reason: Reason::Invalid,
        message: format!(
            "the Property \"{}\" of this {} is named \"{}\" now, for the same building. Write that name here; until then \
             what was accepted stays as it is.",
            spec.property(),
            object.owner.kind.as_str(),
            target.property
        ),
        cause: object.places.locate(&object.cause, "spec.propertyRef.name"),
    }
}

/// An object that was accepted for one Property and now refers to another.
fn moved(object: &DeclaredObject, spec: &Spec, target: &Target) -> Problem {
    let key = object.owner.kind == OwnerKind::PartnerKey;
    Problem {
        reason: if key {
            Reason::PartnerImmutable
        } else {
            Reason::Invalid
        },
        message: format!(
            "this {} belongs to the Property \"{}\" and cannot move to \"{}\". Create a new one for the other Property, then \
             delete this one{}.",
            object.owner.kind.as_str(),
            target.property,
            spec.property(),
            if key {
                "; its doorcodes go with it"
            } else {
                ""
            }
        ),
        cause: object.places.locate(&object.cause, "spec.propertyRef.name"),
    }
}

/// Two documents for one object: neither is taken.
pub(super) fn refuse_doubles(objects: &mut Vec<DeclaredObject>) {
    let mut kept: Vec<DeclaredObject> = Vec::with_capacity(objects.len());
    for object in objects.drain(..) {
        match kept.last_mut() {
            Some(last) if last.owner == object.owner => {
                last.spec = None;
                last.problems.push(Problem {
                    reason: Reason::Invalid,
                    message: format!(
                        "{} is declared twice, here and at {}. Keep one of them; until then the last accepted declaration \
                         stays in force.",
                        object.owner,
                        place(&object.cause)
                    ),
                    cause: last.cause.clone(),
                });
            }
            _ => kept.push(object),
        }
    }
    *objects = kept;
}

fn place(cause: &Cause) -> String {
    match (&cause.file, cause.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => cause.name.clone(),
    }
}
