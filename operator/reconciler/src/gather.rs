//! From everything declared to what is declared for one building. Pure.

use std::collections::{BTreeMap, BTreeSet};

use opendoor_api::{Portfolio, Property, Resource};
use opendoor_door_os::Building;
use opendoor_planner::declared::{
    Absence, Declared, DeclaredObject, DeclaredProperty, Places, Problem, Spec,
};
use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::ledger::{AcceptedPortfolio, Head};
use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
use opendoor_planner::reasons::Reason;

use crate::snapshot::{Object, Snapshot, Unreadable};

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

/// Which buildings to pass over: every Property's, and every building whose ledger is not settled.
#[must_use]
pub fn targets(
    snapshot: &Snapshot,
    heads: &Heads,
    unsettled: &BTreeSet<BuildingUuid>,
    buildings: &[Building],
) -> (Vec<Target>, Vec<NotPassed>) {
    let mut targets: Vec<Target> = Vec::new();
    let mut not_passed = Vec::new();
    let mut properties: Vec<(&Object, &Property)> = properties(snapshot).collect();
    // A Property that has its building already goes before one that wants it.
    properties.sort_by_key(|(_, property)| {
        let name = name_of(&property.metadata.name);
        (accepted_as(heads, name).is_none(), name.to_owned())
    });
    for (object, property) in properties {
        let name = name_of(&property.metadata.name).to_owned();
        let problem = |reason: Reason, message: String| NotPassed {
            property: name.clone(),
            problem: Problem {
                reason,
                message,
                cause: object.places.locate(&object.cause, "spec.building"),
            },
        };
        let building = match accepted_as(heads, &name) {
            Some(uuid) => match buildings.iter().find(|building| building.uuid == uuid) {
                Some(building) => building,
                None => {
                    not_passed.push(problem(
                        Reason::ObservationIncomplete,
                        format!(
                            "DOOR OS does not list the building of this Property ({uuid}) any more. Nothing is changed there. \
                             If its name or these credentials changed, look at both."
                        ),
                    ));
                    continue;
                }
            },
            None => match find_building(&property.spec.building, buildings) {
                Ok(building) => building,
                Err((reason, message)) => {
                    not_passed.push(problem(reason, message));
                    continue;
                }
            },
        };
        if let Some(first) = targets
            .iter()
            .find(|target| target.building.uuid == building.uuid)
        {
            not_passed.push(problem(
                Reason::BuildingClaimedTwice,
                format!(
                    "\"{}\" is already managed by the Property \"{}\". Keep one of the two.",
                    building.name, first.property
                ),
            ));
            continue;
        }
        targets.push(Target {
            property: name,
            building: building.clone(),
        });
    }
    for (uuid, head) in heads {
        let Some(accepted) = &head.property else {
            continue;
        };
        let passed = targets.iter().any(|target| target.building.uuid == *uuid)
            || not_passed
                .iter()
                .any(|other| other.property == accepted.name);
        if passed || !unsettled.contains(uuid) {
            continue;
        }
        match buildings.iter().find(|building| building.uuid == *uuid) {
            Some(building) => targets.push(Target {
                property: accepted.name.clone(),
                building: building.clone(),
            }),
            None => not_passed.push(NotPassed {
                property: accepted.name.clone(),
                problem: Problem {
                    reason: Reason::ObservationIncomplete,
                    message: format!(
                        "DOOR OS does not list the building {uuid} any more, and access is still owned or owed there."
                    ),
                    cause: accepted.cause.clone(),
                },
            }),
        }
    }
    targets.sort_by(|a, b| a.property.cmp(&b.property));
    (targets, not_passed)
}

fn accepted_as(heads: &Heads, property: &str) -> Option<BuildingUuid> {
    heads
        .iter()
        .find(|(_, head)| {
            head.property
                .as_ref()
                .is_some_and(|accepted| accepted.name == property)
        })
        .map(|(uuid, _)| *uuid)
}

fn find_building<'a>(
    text: &str,
    buildings: &'a [Building],
) -> Result<&'a Building, (Reason, String)> {
    let by_uuid = text
        .parse::<uuid::Uuid>()
        .ok()
        .and_then(|uuid| buildings.iter().find(|building| building.uuid.0 == uuid));
    if let Some(building) = by_uuid {
        return Ok(building);
    }
    let named: Vec<&Building> = buildings
        .iter()
        .filter(|building| building.name == text)
        .collect();
    match named.as_slice() {
        [building] => Ok(building),
        [] => {
            let known: Vec<String> = buildings
                .iter()
                .take(5)
                .map(|building| format!("\"{}\"", building.name))
                .collect();
            Err((
                Reason::BuildingNotFound,
                format!(
                    "no building \"{text}\" may be managed with these credentials; they may manage {}{}. Write the name as \
                     DOOR OS shows it, or the uuid.",
                    if known.is_empty() {
                        String::from("none")
                    } else {
                        known.join(", ")
                    },
                    if buildings.len() > 5 { " and more" } else { "" }
                ),
            ))
        }
        several => Err((
            Reason::BuildingAmbiguous,
            format!(
                "{} buildings are named \"{text}\": {}. Write the uuid.",
                several.len(),
                several
                    .iter()
                    .map(|building| building.uuid.to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        )),
    }
}

/// What is declared for one building.
#[must_use]
pub fn declared_for(
    snapshot: &Snapshot,
    heads: &Heads,
    buildings: &[Building],
    target: &Target,
) -> Declared {
    let head = heads.get(&target.building.uuid);
    let property = declared_property(snapshot, head, buildings, target);
    let mut objects = declared_objects(snapshot, heads, target);
    objects.sort_by(|a, b| a.owner.cmp(&b.owner));
    refuse_doubles(&mut objects);
    let gone = property.spec.is_none() && property.problems.iter().any(is_vanished);
    let absent = absences(snapshot, heads, head, &objects, gone);
    Declared {
        property,
        objects,
        absent,
    }
}

fn is_vanished(problem: &Problem) -> bool {
    problem.reason == Reason::DeclarationIncomplete
}

fn declared_property(
    snapshot: &Snapshot,
    head: Option<&Head>,
    buildings: &[Building],
    target: &Target,
) -> DeclaredProperty {
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
    if snapshot
        .unreadable
        .iter()
        .any(|unreadable| may_hold(unreadable, &owner, &declared.cause))
    {
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

fn declared_objects(snapshot: &Snapshot, heads: &Heads, target: &Target) -> Vec<DeclaredObject> {
    let mut objects = Vec::new();
    for object in &snapshot.objects {
        let Some((owner, spec)) = owned_spec(object) else {
            continue;
        };
        let lives_in = accepted_in(heads, &owner);
        let here = spec.property() == target.property;
        match lives_in {
            Some(building) if building == target.building.uuid => {}
            Some(_) => continue,
            None if here => {}
            None => continue,
        }
        let mut declared = DeclaredObject {
            owner,
            cause: object.cause.clone(),
            spec: Some(spec),
            problems: Vec::new(),
            places: object.places.clone(),
        };
        if !here && let Some(spec) = declared.spec.take() {
            declared.problems.push(moved(&declared, &spec, target));
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
fn refuse_doubles(objects: &mut Vec<DeclaredObject>) {
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

/// What to make of accepted objects that are not declared now.
fn absences(
    snapshot: &Snapshot,
    heads: &Heads,
    head: Option<&Head>,
    objects: &[DeclaredObject],
    property_gone: bool,
) -> BTreeMap<OwnerId, Absence> {
    let mut absent = BTreeMap::new();
    let Some(head) = head else {
        return absent;
    };
    for (owner, accepted) in &head.accepted {
        if objects
            .binary_search_by(|object| object.owner.cmp(owner))
            .is_ok()
        {
            continue;
        }
        let unreadable = snapshot
            .unreadable
            .iter()
            .any(|unreadable| may_hold(unreadable, owner, &accepted.cause));
        if unreadable {
            absent.insert(owner.clone(), Absence::Unreadable);
        } else if property_gone
            || kind_vanished(snapshot, heads, owner.kind)
            || folder_vanished(snapshot, heads, &accepted.cause)
        {
            absent.insert(owner.clone(), Absence::Held(Reason::DeclarationIncomplete));
        }
    }
    absent
}

/// Whether something unreadable may hold an object: it is in the same place, it names the object, or
/// nothing can be told of it.
fn may_hold(unreadable: &Unreadable, owner: &OwnerId, cause: &Cause) -> bool {
    let same_file = cause.file.as_deref().is_some_and(|file| {
        file == unreadable.file
            || file
                .strip_prefix(&unreadable.file)
                .is_some_and(|rest| rest.starts_with('/') || unreadable.file.is_empty())
    });
    same_file
        || unreadable
            .text
            .as_ref()
            .is_none_or(|text| text.contains(&owner.name))
}

/// Whether a kind with two or more accepted objects is declared nowhere any more.
fn kind_vanished(snapshot: &Snapshot, heads: &Heads, kind: OwnerKind) -> bool {
    let accepted = heads
        .values()
        .flat_map(|head| head.accepted.keys())
        .filter(|owner| owner.kind == kind)
        .count();
    let declared = snapshot
        .objects
        .iter()
        .any(|object| owned_spec(object).is_some_and(|(owner, _)| owner.kind == kind))
        || snapshot
            .broken
            .iter()
            .any(|broken| broken.kind == kind.as_str());
    accepted >= 2 && !declared
}

/// Whether a folder from which two or more objects were accepted holds nothing of ours any more.
fn folder_vanished(snapshot: &Snapshot, heads: &Heads, cause: &Cause) -> bool {
    let folder = folder_of(cause);
    if folder.is_empty() || snapshot.folders.contains(folder) {
        return false;
    }
    let accepted = heads
        .values()
        .flat_map(|head| head.accepted.values())
        .filter(|accepted| folder_of(&accepted.cause) == folder)
        .count();
    accepted >= 2
}

fn folder_of(cause: &Cause) -> &str {
    cause
        .file
        .as_deref()
        .and_then(|file| file.rsplit_once('/'))
        .map_or("", |(folder, _)| folder)
}

/// The Portfolio that looks after a property.
#[derive(Clone, Debug, PartialEq)]
pub enum LookedAfterBy {
    /// None is declared and none was: the defaults serve.
    Defaults,
    /// This one.
    Portfolio(AcceptedPortfolio),
    /// It cannot be told; nothing is changed until it can.
    CannotTell(Problem),
}

/// Finds the Portfolio of a property. One that cannot be read must not turn `Observe` into `Apply`.
#[must_use]
pub fn portfolio_of(snapshot: &Snapshot, declared: &Declared, head: &Head) -> LookedAfterBy {
    let reference = declared
        .property
        .spec
        .as_ref()
        .or(head.property.as_ref().map(|accepted| &accepted.spec))
        .and_then(|spec| spec.portfolio_ref.as_ref())
        .map(|reference| reference.name.as_str());
    let portfolios: Vec<&Portfolio> = snapshot
        .objects
        .iter()
        .filter_map(|object| match &object.resource {
            Resource::Portfolio(portfolio) => Some(portfolio),
            _ => None,
        })
        .collect();
    let found = match reference {
        Some(name) => portfolios
            .iter()
            .find(|portfolio| name_of(&portfolio.metadata.name) == name),
        None if portfolios.len() == 1 => portfolios.first(),
        None => None,
    };
    if let Some(portfolio) = found {
        return LookedAfterBy::Portfolio(AcceptedPortfolio {
            name: name_of(&portfolio.metadata.name).to_owned(),
            spec: portfolio.spec.clone(),
        });
    }
    let cannot_tell = |reason: Reason, message: String| {
        LookedAfterBy::CannotTell(Problem {
            reason,
            message,
            cause: declared.property.cause.clone(),
        })
    };
    if let Some(name) = reference {
        return cannot_tell(
            Reason::Invalid,
            format!(
                "the Portfolio \"{name}\" that this Property refers to is not declared, or not valid. Nothing is changed \
                 until it is."
            ),
        );
    }
    if portfolios.len() > 1 {
        return cannot_tell(
            Reason::Invalid,
            String::from(
                "several Portfolios are declared; say which one looks after this Property with spec.portfolioRef. Nothing is \
                 changed until then.",
            ),
        );
    }
    let broken = snapshot
        .broken
        .iter()
        .any(|broken| broken.kind == "Portfolio");
    if broken || head.portfolio.is_some() {
        return cannot_tell(
            Reason::DeclarationIncomplete,
            String::from(
                "the Portfolio that looked after this Property is gone or not valid. Nothing is changed until it is back; to \
                 do without one, declare a Portfolio with `spec: {}`.",
            ),
        );
    }
    LookedAfterBy::Defaults
}

/// Objects that no target takes up: their Property is declared nowhere.
#[must_use]
pub fn strays(snapshot: &Snapshot, heads: &Heads) -> Vec<Problem> {
    let known: BTreeSet<&str> = properties(snapshot)
        .map(|(_, property)| name_of(&property.metadata.name))
        .chain(
            snapshot
                .broken
                .iter()
                .filter(|broken| broken.kind == "Property")
                .filter_map(|broken| broken.name.as_deref()),
        )
        .chain(heads.values().filter_map(|head| {
            head.property
                .as_ref()
                .map(|accepted| accepted.name.as_str())
        }))
        .collect();
    let mut problems: Vec<Problem> = snapshot
        .objects
        .iter()
        .filter_map(|object| {
            let (owner, spec) = owned_spec(object)?;
            let stray = !known.contains(spec.property()) && accepted_in(heads, &owner).is_none();
            stray.then(|| Problem {
                reason: Reason::Invalid,
                message: format!(
                    "no Property \"{}\" is declared. Declare it, or correct spec.propertyRef.",
                    spec.property()
                ),
                cause: object.places.locate(&object.cause, "spec.propertyRef.name"),
            })
        })
        .collect();
    for broken in &snapshot.broken {
        let taken_up = match broken.owner() {
            Some(owner) => {
                accepted_in(heads, &owner).is_some()
                    || broken
                        .property
                        .as_deref()
                        .is_some_and(|property| known.contains(property))
            }
            None => {
                broken.kind == "Property"
                    && broken
                        .name
                        .as_deref()
                        .is_some_and(|name| accepted_as(heads, name).is_some())
            }
        };
        if !taken_up {
            problems.extend(broken.problems.iter().cloned());
        }
    }
    problems
}

fn accepted_in(heads: &Heads, owner: &OwnerId) -> Option<BuildingUuid> {
    heads
        .iter()
        .find(|(_, head)| head.accepted.contains_key(owner))
        .map(|(uuid, _)| *uuid)
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

fn owned_spec(object: &Object) -> Option<(OwnerId, Spec)> {
    let (kind, spec) = match &object.resource {
        Resource::DoorAssignment(assignment) => (
            OwnerKind::DoorAssignment,
            Spec::DoorAssignment(assignment.spec.clone()),
        ),
        Resource::PartnerKey(key) => (OwnerKind::PartnerKey, Spec::PartnerKey(key.spec.clone())),
        Resource::Portfolio(_) | Resource::Property(_) | Resource::DoorSyncOrder(_) => return None,
    };
    Some((
        OwnerId {
            kind,
            name: object.resource.name().to_owned(),
            uid: object.uid.clone(),
        },
        spec,
    ))
}

impl crate::snapshot::Broken {
    fn owner(&self) -> Option<OwnerId> {
        let kind = match self.kind.as_str() {
            "DoorAssignment" => OwnerKind::DoorAssignment,
            "PartnerKey" => OwnerKind::PartnerKey,
            _ => return None,
        };
        Some(OwnerId {
            kind,
            name: self.name.clone()?,
            uid: self.uid.clone(),
        })
    }
}

fn property_owner(name: &str) -> OwnerId {
    OwnerId {
        kind: OwnerKind::Property,
        name: name.to_owned(),
        uid: None,
    }
}

fn name_of(name: &Option<String>) -> &str {
    name.as_deref().unwrap_or_default()
}

fn place(cause: &Cause) -> String {
    match (&cause.file, cause.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => cause.name.clone(),
    }
}
