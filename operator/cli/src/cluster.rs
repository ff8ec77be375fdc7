//! What the objects of a cluster say, in the terms that the rest of the program prints.

mod standing;
mod who;

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use opendoor_api::{
    Condition as KubeCondition, DoorSyncOrderStatus, Kind, PropertyStatus, Resource, Via,
};
use opendoor_door_os::Building;
use opendoor_kubernetes::objects::{Name, Objects, Seen};
use opendoor_planner::conditions::{Condition, ObjectStatus};
use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::ledger::Ledger;
use opendoor_planner::observed::Observed;
use opendoor_planner::owner::{OwnerId, OwnerKind};
use opendoor_planner::plan::{Named, Plan, Waiting, WaitingKind};
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::gather::Target;
use opendoor_reconciler::pass::PassReport;
use opendoor_reconciler::round::RoundReport;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::render::status::Since;

pub use who::who;

/// What the operator said of one Property.
#[derive(Clone, Debug)]
pub struct SaidPlan {
    /// The namespace.
    pub namespace: String,
    /// The Property.
    pub property: String,
    /// The building, as declared.
    pub building: String,
    /// Its status; `None`: it was never looked at, or changed since.
    pub status: Option<PropertyStatus>,
    /// The Door Syncs that its DoorSyncOrder lists.
    pub visits: Vec<Waiting>,
}

/// The plans that the operator published.
#[must_use]
pub fn said_plans(objects: &Objects) -> Vec<SaidPlan> {
    objects
        .all(Kind::Property)
        .map(|seen| SaidPlan {
            namespace: seen.name.namespace.clone(),
            property: seen.name.name.clone(),
            building: building_of(seen),
            status: status_of::<PropertyStatus>(seen)
                .filter(|status| status.observed_generation == Some(seen.generation)),
            visits: visits(objects, seen),
        })
        .collect()
}

/// What the operator last found, as a round.
#[must_use]
pub fn round_of(objects: &Objects) -> RoundReport {
    let passes = objects
        .all(Kind::Property)
        .map(|seen| {
            let pass = pass_of(objects, seen);
            let target = Target {
                property: seen.name.name.clone(),
                building: pass.building.clone(),
            };
            (target, Ok(pass))
        })
        .collect();
    RoundReport {
        passes,
        not_passed: Vec::new(),
        strays: Vec::new(),
        unreadable: Vec::new(),
        notes: Vec::new(),
        unseen: Vec::new(),
    }
}

fn pass_of(objects: &Objects, property: &Rc<Seen>) -> PassReport {
    let status: PropertyStatus = status_of(property).unwrap_or_default();
    let uuid = status
        .building_uuid
        .as_deref()
        .and_then(|uuid| uuid.parse::<Uuid>().ok())
        .unwrap_or_default();
    let building = Building {
        uuid: BuildingUuid(uuid),
        name: building_of(property),
        timezone: None,
    };
    let plan = plan_of(objects, property, &status, &building);
    let mut statuses = vec![object_status(property)];
    for kind in [Kind::DoorAssignment, Kind::PartnerKey] {
        statuses.extend(
            objects
                .of(kind, &property.name.namespace)
                .filter(|seen| seen.property.as_deref() == Some(&property.name.name))
                .map(object_status),
        );
    }
    PassReport {
        plan: plan.clone(),
        after: plan,
        results: BTreeMap::new(),
        statuses,
        settled: Vec::new(),
        ledger: Ledger::new(building.uuid),
        observed: Observed {
            building: building.uuid,
            building_name: building.name.clone(),
            at: Timestamp::now(),
            partners: Vec::new(),
            doors: Vec::new(),
            keys: Vec::new(),
            incomplete: None,
            clock_skewed: false,
        },
        at: Timestamp::now(),
        building,
    }
}

/// What is left, as far as a status tells it: counts and visits, no steps.
fn plan_of(
    objects: &Objects,
    property: &Seen,
    status: &PropertyStatus,
    building: &Building,
) -> Plan {
    let said = status.plan.clone().unwrap_or_default();
    let counts = status.counts.unwrap_or_default();
    Plan {
        name: property.name.name.clone(),
        building: building.name.clone(),
        plan_id: said.id,
        hold_id: said.hold_id,
        complete: said.complete,
        summary: said.summary,
        doors: usize::try_from(counts.doors).unwrap_or_default(),
        keys: usize::try_from(counts.keys).unwrap_or_default(),
        waiting: visits(objects, property),
        ..Plan::default()
    }
}

/// The visits that a Property's DoorSyncOrder names.
fn visits(objects: &Objects, property: &Seen) -> Vec<Waiting> {
    order_of(objects, &property.name)
        .doors
        .into_iter()
        .map(|visit| Waiting {
            kind: WaitingKind::Sync,
            door: Some(Named {
                uuid: None,
                name: visit.door,
            }),
            partner: visit.partner,
            via: Some(match visit.via {
                Via::Door => "door",
                Via::Key => "key",
            }),
            since: Some(visit.since.timestamp()),
            deadline: visit.deadline.map(|deadline| deadline.timestamp()),
            reason: visit.reason.parse().unwrap_or(Reason::DoorSyncRequired),
            owner: None,
        })
        .collect()
}

fn order_of(objects: &Objects, property: &Name) -> DoorSyncOrderStatus {
    objects
        .get(Kind::DoorSyncOrder, property)
        .and_then(|order| status_of(order))
        .unwrap_or_default()
}

fn object_status(seen: &Rc<Seen>) -> ObjectStatus {
    let number = |field: &str| {
        let value = seen.status.get(field).and_then(Value::as_u64);
        value
            .and_then(|value| u32::try_from(value).ok())
            .unwrap_or_default()
    };
    let kind = match seen.kind {
        Kind::PartnerKey => OwnerKind::PartnerKey,
        Kind::Property => OwnerKind::Property,
        _ => OwnerKind::DoorAssignment,
    };
    ObjectStatus {
        owner: OwnerId::new(kind, seen.name.name.as_str(), None),
        conditions: conditions_of(seen)
            .into_iter()
            .map(|condition| Condition {
                kind: condition.type_,
                status: condition.status,
                reason: condition.reason,
                message: condition.message,
            })
            .collect(),
        declared: number("declaredDoors"),
        applied: number("appliedDoors"),
        enforced: number("enforcedDoors"),
        visits: number("doorVisits"),
        doors: Vec::new(),
        key: None,
        selected: None,
    }
}

/// Since when the conditions of a Property's objects are as they are.
#[must_use]
pub fn since_of(objects: &Objects, pass: &PassReport) -> Since {
    let mut since = Since::new();
    for kind in [Kind::Property, Kind::DoorAssignment, Kind::PartnerKey] {
        for seen in objects.all(kind) {
            let known: BTreeMap<String, Timestamp> = conditions_of(seen)
                .into_iter()
                .map(|condition| (condition.type_, condition.last_transition_time.0))
                .collect();
            let here =
                seen.kind == Kind::Property || seen.property.as_deref() == Some(&pass.after.name);
            if here {
                since.insert(format!("{}/{}", seen.kind, seen.name.name), known);
            }
        }
    }
    since
}

fn building_of(seen: &Seen) -> String {
    match &seen.content {
        Ok(Resource::Property(property)) => property.spec.building.clone(),
        _ => seen.name.name.clone(),
    }
}

fn conditions_of(seen: &Seen) -> Vec<KubeCondition> {
    seen.status
        .get("conditions")
        .and_then(|conditions| Vec::<KubeCondition>::deserialize(conditions).ok())
        .unwrap_or_default()
}

fn status_of<T: for<'de> Deserialize<'de>>(seen: &Seen) -> Option<T> {
    T::deserialize(&seen.status).ok()
}
