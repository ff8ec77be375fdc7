//! What a target's Property says, or why it says nothing.

use opendoor_door_os::Building;
use opendoor_planner::declared::{DeclaredProperty, Problem};
use opendoor_planner::ledger::AcceptedProperty;
use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
use opendoor_planner::reasons::Reason;

use super::absence::may_be_there;
use super::targets::find_building;
use super::{Heads, Target, name_of, properties};
use crate::snapshot::Snapshot;

pub(super) fn declared_property(
    snapshot: &Snapshot,
    heads: &Heads,
    buildings: &[Building],
    target: &Target,
) -> DeclaredProperty {
    let head = heads.get(&target.building.uuid);
    let accepted = head.and_then(|head| head.property.as_ref());
    let mut declared = DeclaredProperty {
        name: target.property.clone(),
        cause: accepted.map_or_else(
            || Cause::of(&property_owner(&target.property)),
            |accepted| accepted.cause.clone(),
        ),
        spec: None,
        problems: Vec::new(),
    };
    let found = properties(snapshot)
        .find(|(_, property)| name_of(&property.metadata.name) == target.property);
    if let Some((object, property)) = found {
        declared.cause = object.cause.clone();
        let problem = accepted.and_then(|accepted| {
            building_moved(
                &accepted.spec.building,
                &property.spec.building,
                buildings,
                target,
            )
        });
        match problem {
            Some((reason, message)) => declared.problems.push(Problem {
                reason,
                message,
                cause: object.places.locate(&object.cause, "spec.building"),
            }),
            None => declared.spec = Some(property.spec.clone()),
        }
        return declared;
    }
    let broken = snapshot.broken.iter().find(|broken| {
        broken.kind == "Property" && broken.name.as_deref() == Some(&target.property)
    });
    if let Some(broken) = broken {
        declared.cause = broken.cause.clone();
        declared.problems.clone_from(&broken.problems);
        return declared;
    }
    let owner = property_owner(&target.property);
    if may_be_there(snapshot, heads, &owner, &declared.cause) {
        return declared;
    }
    declared.cause.line = None;
    declared.cause.column = None;
    declared.problems.push(Problem {
        reason: Reason::DeclarationIncomplete,
        message: format!(
            "the Property \"{}\" is not declared any more, and access is still owned or owed there. Put it back; or approve \
             the removals that are held.",
            target.property
        ),
        cause: declared.cause.clone(),
    });
    declared
}

/// Whether an accepted Property that is not declared may be among what is not valid or cannot be read.
#[must_use]
pub fn may_be_declared(snapshot: &Snapshot, heads: &Heads, accepted: &AcceptedProperty) -> bool {
    let owner = property_owner(&accepted.name);
    may_be_there(snapshot, heads, &owner, &accepted.cause)
}

/// A Property whose building is not the one it was accepted with.
fn building_moved(
    before: &str,
    now: &str,
    buildings: &[Building],
    target: &Target,
) -> Option<(Reason, String)> {
    let means = find_building(now, buildings)
        .ok()
        .map(|building| building.uuid);
    if means == Some(target.building.uuid) {
        return None;
    }
    if before == now {
        // Renamed in DOOR OS: still the same building, unless the name means another one now.
        return means.map(|other| {
            (
                Reason::IdentityChanged,
                format!(
                    "\"{now}\" was the building {} when it was accepted and is now {other}. Nothing is changed in either. \
                     Write the uuid of the one that is meant.",
                    target.building.uuid
                ),
            )
        });
    }
    Some((
        Reason::Invalid,
        format!(
            "a Property stays with its building: \"{before}\" cannot become \"{now}\". Create a new Property for the other \
             building, then delete this one; deleting it takes away what was declared for it."
        ),
    ))
}

fn property_owner(name: &str) -> OwnerId {
    OwnerId::new(OwnerKind::Property, name, None)
}
