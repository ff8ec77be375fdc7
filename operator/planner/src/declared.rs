//! What is declared for one building, as its home gathered it: parsed, valid objects, and what is
//! known of those that are not.

use std::collections::BTreeMap;
use std::sync::Arc;

use opendoor_api::{DeletionPolicy, DoorAssignmentSpec, PartnerKeySpec, PropertySpec};
use serde::{Deserialize, Serialize};

use crate::owner::{Cause, OwnerId};
use crate::reasons::Reason;

/// What an object says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Spec {
    /// A partner may open these doors.
    DoorAssignment(DoorAssignmentSpec),
    /// A key that belongs to a partner.
    PartnerKey(PartnerKeySpec),
}

impl Spec {
    /// The partner it names.
    #[must_use]
    pub fn partner(&self) -> &str {
        match self {
            Self::DoorAssignment(spec) => &spec.partner,
            Self::PartnerKey(spec) => &spec.partner,
        }
    }

    /// The Property it refers to.
    #[must_use]
    pub fn property(&self) -> &str {
        match self {
            Self::DoorAssignment(spec) => &spec.property_ref.name,
            Self::PartnerKey(spec) => &spec.property_ref.name,
        }
    }

    /// What happens to the access when the object goes.
    #[must_use]
    pub fn deletion_policy(&self) -> DeletionPolicy {
        match self {
            Self::DoorAssignment(spec) => spec.deletion_policy,
            Self::PartnerKey(spec) => spec.deletion_policy,
        }
    }

    pub(crate) fn set_deletion_policy(&mut self, policy: DeletionPolicy) {
        match self {
            Self::DoorAssignment(spec) => spec.deletion_policy = policy,
            Self::PartnerKey(spec) => spec.deletion_policy = policy,
        }
    }
}

/// Everything declared for one building.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// The Property.
    pub property: DeclaredProperty,
    /// Its objects, sorted by owner.
    pub objects: Vec<DeclaredObject>,
    /// What to make of accepted objects that are not among `objects`. One that is not named here
    /// was removed in the ordinary way, by its last accepted word.
    pub absent: BTreeMap<OwnerId, Absence>,
    /// Something is written that could not be read or placed, so that nobody can tell what it declares.
    pub unread: bool,
}

/// The Property of a building.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredProperty {
    /// Its name.
    pub name: String,
    /// Where it is declared.
    pub cause: Cause,
    /// What it says; `None` when it is missing or refused, and the last accepted one stays in force.
    pub spec: Option<PropertySpec>,
    /// Why it is missing or refused.
    pub problems: Vec<Problem>,
}

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredObject {
    /// Which one.
    pub owner: OwnerId,
    /// Where it is declared.
    pub cause: Cause,
    /// What it says; `None` when it is refused.
    pub spec: Option<Arc<Spec>>,
    /// Why it is refused.
    pub problems: Vec<Problem>,
    /// Lines and columns of its fields.
    pub places: Places,
}

/// A fault of one object, found before planning.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Its reason.
    pub reason: Reason,
    /// What is wrong, for a person.
    pub message: String,
    /// Where.
    pub cause: Cause,
}

/// Why an accepted object is not declared now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It was removed, but in company that looks like a mistake: its removals are held.
    Held(Reason),
    /// It could not be read: its last accepted declaration stays in force.
    Unreadable,
    /// It is being deleted, and this is what it says now of the access that goes with it.
    Deleted(DeletionPolicy),
}

/// Lines and columns of an object's fields, by path such as `spec.doors[2]`. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Places(Arc<Noted>);

#[derive(Clone, Debug, Default, PartialEq)]
struct Noted {
    fields: BTreeMap<String, (u32, u32)>,
    /// Items of lists by the list's path, from the first on: there may be as many as doors.
    items: BTreeMap<String, Vec<(u32, u32)>>,
}

impl Noted {
    fn get(&self, path: &str) -> Option<(u32, u32)> {
        let listed = item(path).and_then(|(list, at)| self.items.get(list)?.get(at));
        listed.or_else(|| self.fields.get(path)).copied()
    }
}

/// The list an item's path names, and which of its items.
fn item(path: &str) -> Option<(&str, usize)> {
    let (list, at) = path.strip_suffix(']')?.rsplit_once('[')?;
    Some((list, at.parse().ok()?))
}

impl Places {
    /// Notes a field's place. A list's items take least room when noted one after another.
    pub fn insert(&mut self, path: String, line: u32, column: u32) {
        let Noted { fields, items } = Arc::make_mut(&mut self.0);
        if let Some((list, at)) = item(&path) {
            let noted = items.entry(list.to_owned()).or_default();
            if at == noted.len() {
                return noted.push((line, column));
            }
            if let Some(known) = noted.get_mut(at) {
                *known = (line, column);
                return;
            }
        }
        fields.insert(path, (line, column));
    }

    /// The cause with the place of a field, or of its nearest known parent.
    #[must_use]
    pub fn locate(&self, cause: &Cause, path: &str) -> Cause {
        let mut path = path;
        loop {
            if let Some((line, column)) = self.0.get(path) {
                return Cause {
                    line: Some(line),
                    column: Some(column),
                    ..cause.clone()
                };
            }
            let Some(cut) = path.rfind(['.', '[']) else {
                return cause.clone();
            };
            path = path.get(..cut).unwrap_or_default();
        }
    }
}
