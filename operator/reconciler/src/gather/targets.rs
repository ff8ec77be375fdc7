//! Which buildings a round passes over.

use std::collections::BTreeSet;

use opendoor_api::Property;
use opendoor_door_os::Building;
use opendoor_planner::declared::Problem;
use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::reasons::Reason;

use super::{Heads, NotPassed, Target, name_of, properties};
use crate::snapshot::{Object, Snapshot};

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

pub(super) fn accepted_as(heads: &Heads, property: &str) -> Option<BuildingUuid> {
    heads
        .iter()
        .find(|(_, head)| {
            head.property
                .as_ref()
                .is_some_and(|accepted| accepted.name == property)
        })
        .map(|(uuid, _)| *uuid)
}

pub(super) fn find_building<'a>(
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
