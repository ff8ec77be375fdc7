//! From everything declared to what is declared for one building. Pure.

mod absence;
mod objects;
mod portfolio;
mod property;
mod strays;
mod targets;

use std::collections::BTreeMap;
use std::sync::Arc;

use opendoor_api::{Kind, Property, Resource};
use opendoor_door_os::Building;
use opendoor_planner::declared::{Declared, Problem, Spec};
use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::ledger::Head;
use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
use opendoor_planner::reasons::Reason;

use crate::snapshot::{Broken, Object, Snapshot};
use absence::absences;
use objects::{declared_objects, refuse_doubles};
pub use portfolio::{LookedAfterBy, portfolio_of};
use property::declared_property;
pub use property::may_be_declared;
pub use strays::strays;
use targets::accepted_as;
pub use targets::targets;

/// A building to pass over.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The Property's name.
    pub property: String,
    /// The building.
    pub building: Building,
}

/// A Property that cannot be passed over now.
#[derive(Clone, Debug, PartialEq)]
pub struct NotPassed {
    /// The Property's name.
    pub property: String,
    /// Why.
    pub problem: Problem,
}

/// The ledgers' heads by building: what was accepted so far.
pub type Heads = BTreeMap<BuildingUuid, Head>;

/// What is declared for one building.
#[must_use]
pub fn declared_for(
    snapshot: &Snapshot,
    heads: &Heads,
    buildings: &[Building],
    target: &Target,
) -> Declared {
    let head = heads.get(&target.building.uuid);
    let property = declared_property(snapshot, heads, buildings, target);
    let mut objects = declared_objects(snapshot, heads, target);
    objects.sort_by(|a, b| a.owner.cmp(&b.owner));
    refuse_doubles(&mut objects);
    let gone = property.spec.is_none() && property.problems.iter().any(is_vanished);
    let absent = absences(snapshot, heads, head, &objects, gone);
    let unread = !snapshot.unreadable.is_empty()
        || !snapshot.broken.is_empty()
        || objects.iter().any(|object| object.spec.is_none())
        || !strays(snapshot, heads).is_empty();
    Declared {
        property,
        objects,
        absent,
        unread,
    }
}

fn is_vanished(problem: &Problem) -> bool {
    problem.reason == Reason::DeclarationIncomplete
}

/// The building an object lives in. One that is let go has no objects.
fn accepted_in(heads: &Heads, owner: &OwnerId) -> Option<BuildingUuid> {
    heads
        .iter()
        .find(|(_, head)| head.property.is_some() && head.accepted.contains_key(owner))
        .map(|(uuid, _)| *uuid)
}

fn is_accepted(heads: &Heads, kind: OwnerKind, name: &str) -> bool {
    match kind {
        OwnerKind::Property => accepted_as(heads, name).is_some(),
        OwnerKind::DoorAssignment | OwnerKind::PartnerKey => {
            accepted_in(heads, &OwnerId::new(kind, name, None)).is_some()
        }
    }
}

fn properties(snapshot: &Snapshot) -> impl Iterator<Item = (&Object, &Property)> {
    snapshot
        .objects
        .iter()
        .filter_map(|object| match &object.resource {
            Resource::Property(property) => Some((object, property)),
            _ => None,
        })
}

/// Which object of a Property this is, and the Property's name.
fn owned(object: &Object) -> Option<(OwnerId, &str)> {
    let (kind, property) = match &object.resource {
        Resource::DoorAssignment(assignment) => (
            OwnerKind::DoorAssignment,
            &assignment.spec.property_ref.name,
        ),
        Resource::PartnerKey(key) => (OwnerKind::PartnerKey, &key.spec.property_ref.name),
        Resource::Portfolio(_) | Resource::Property(_) | Resource::DoorSyncOrder(_) => return None,
    };
    let owner = OwnerId::new(kind, object.resource.name(), object.uid.clone());
    Some((owner, property))
}

/// What an object of a Property says.
fn spec_of(object: &Object) -> Option<Arc<Spec>> {
    let spec = match &object.resource {
        Resource::DoorAssignment(assignment) => Spec::DoorAssignment(assignment.spec.clone()),
        Resource::PartnerKey(key) => Spec::PartnerKey(key.spec.clone()),
        Resource::Portfolio(_) | Resource::Property(_) | Resource::DoorSyncOrder(_) => return None,
    };
    Some(Arc::new(spec))
}

impl Broken {
    /// Which object of a Property it is, if that can be told.
    fn owner(&self) -> Option<OwnerId> {
        let kind = match self.kind.as_str() {
            "DoorAssignment" => OwnerKind::DoorAssignment,
            "PartnerKey" => OwnerKind::PartnerKey,
            _ => return None,
        };
        Some(OwnerId::new(kind, self.name.clone()?, self.uid.clone()))
    }

    /// Whether it may be this accepted object, misspelt: one whose name cannot be told may be any of its kind,
    /// wherever it was; one whose kind is none of ours may be the object of that name or, where none was
    /// accepted under it, any from the same file; and one of another kind of ours the object of that name from the
    /// same file, if there was no other.
    fn may_be(&self, owner: &OwnerId, cause: &Cause, heads: &Heads) -> bool {
        let misspelt = Kind::named(&self.kind).is_none();
        let same_file = cause.file.is_some() && cause.file == self.cause.file;
        if !misspelt && self.kind != owner.kind.as_str() {
            let is_new = self
                .owner()
                .is_some_and(|own| own.name == owner.name && accepted_in(heads, &own).is_none());
            return is_new && same_file;
        }
        self.name.as_ref().is_none_or(|name| {
            *name == owner.name || (misspelt && same_file && !is_accepted(heads, owner.kind, name))
        })
    }
}

fn name_of(name: &Option<String>) -> &str {
    name.as_deref().unwrap_or_default()
}
