//! What two objects claim and only one can have.

use std::collections::BTreeMap;

use jiff::Timestamp;
use opendoor_api::{DoorAssignment, PartnerKey, Resource};
use opendoor_planner::owner::Cause;
use opendoor_planner::reasons::Reason;

use super::references::{listed, property_named};
use super::{Finding, finding, place};
use crate::snapshot::{Object, Snapshot};

/// Adds what two objects claim: a name, a building, a key, a door.
pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    names(snapshot, findings);
    buildings(snapshot, findings);
    keys(snapshot, findings);
    doors(snapshot, findings);
}

/// Two documents for one object.
fn names(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let valid = snapshot.objects.iter().map(|object| {
        let resource = &object.resource;
        (&object.cause, resource.namespace(), resource.name())
    });
    let broken = snapshot
        .broken
        .iter()
        .filter_map(|broken| Some((&broken.cause, None, broken.name.as_deref()?)));
    let mut documents: Vec<(&Cause, Option<&str>, &str)> = valid.chain(broken).collect();
    documents.sort_by_key(|(cause, _, _)| (&cause.file, cause.line));
    let mut first: BTreeMap<(&str, Option<&str>, &str), &Cause> = BTreeMap::new();
    for (cause, namespace, name) in documents {
        let known = first
            .entry((cause.kind.as_str(), namespace, name))
            .or_insert(cause);
        if *known != cause {
            let message = format!(
                "{} \"{name}\" is declared twice, here and at {}",
                cause.kind,
                place(known)
            );
            let suggestion = String::from(
                "Keep one of them; until then neither is taken, and the last accepted declaration stays in force.",
            );
            findings.push(finding(cause, Reason::Invalid, message, Some(suggestion)));
        }
    }
}

/// Two Properties for one building.
fn buildings(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let mut first: BTreeMap<(Option<&str>, &str), &Object> = BTreeMap::new();
    for object in &snapshot.objects {
        let Resource::Property(property) = &object.resource else {
            continue;
        };
        let building = property.spec.building.as_str();
        let known = first
            .entry((object.resource.namespace(), building))
            .or_insert(object);
        if known.resource.name() != object.resource.name() {
            let message = format!(
                "\"{building}\" is already the building of the Property \"{}\" ({})",
                known.resource.name(),
                place(&known.cause)
            );
            let cause = object.places.locate(&object.cause, "spec.building");
            let suggestion = String::from("Keep one of the two Properties.");
            let reason = Reason::BuildingClaimedTwice;
            findings.push(finding(&cause, reason, message, Some(suggestion)));
        }
    }
}

/// Two PartnerKeys of one property with one key name.
fn keys(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let mut first: BTreeMap<(Option<&str>, &str, String), &Object> = BTreeMap::new();
    for (object, key) in partner_keys(snapshot) {
        let property = key.spec.property_ref.name.as_str();
        let known = first
            .entry((object.resource.namespace(), property, key.key_name()))
            .or_insert(object);
        if known.resource.name() != object.resource.name() {
            let message = format!(
                "the key name \"{}\" is already used at this Property by PartnerKey \"{}\" ({}), and key names are unique \
                 in a building",
                key.key_name(),
                known.resource.name(),
                place(&known.cause)
            );
            let cause = object.places.locate(&object.cause, "spec.keyName");
            let suggestion =
                String::from("Choose another keyName, or remove one of the two objects.");
            findings.push(finding(
                &cause,
                Reason::KeyNameTaken,
                message,
                Some(suggestion),
            ));
        }
    }
}

/// The PartnerKeys, and where they are.
pub(super) fn partner_keys(snapshot: &Snapshot) -> impl Iterator<Item = (&Object, &PartnerKey)> {
    snapshot
        .objects
        .iter()
        .filter_map(|object| match &object.resource {
            Resource::PartnerKey(key) => Some((object, key)),
            _ => None,
        })
}

/// One explicit claim of a door.
struct DoorClaim<'a> {
    object: &'a Object,
    assignment: &'a DoorAssignment,
    /// The partner as its Property lists it, however the object writes it.
    partner: &'a str,
    item: usize,
}

/// One door named for two partners in one property, at the same time.
fn doors(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    let mut claims: BTreeMap<(Option<&str>, &str, &str), Vec<DoorClaim<'_>>> = BTreeMap::new();
    for object in &snapshot.objects {
        let Resource::DoorAssignment(assignment) = &object.resource else {
            continue;
        };
        let namespace = object.resource.namespace();
        let property = assignment.spec.property_ref.name.as_str();
        let written = assignment.spec.partner.as_str();
        let partner = property_named(snapshot, property, namespace)
            .and_then(|property| listed(&property.spec.partners, written))
            .map_or(written, |partner| partner.name.as_str());
        for (item, door) in assignment.spec.doors.iter().flatten().enumerate() {
            claims
                .entry((namespace, property, door))
                .or_default()
                .push(DoorClaim {
                    object,
                    assignment,
                    partner,
                    item,
                });
        }
    }
    for ((_, _, door), claims) in claims {
        for (at, claim) in claims.iter().enumerate() {
            let rival = claims.iter().take(at).find(|other| {
                other.partner != claim.partner && meet(other.assignment, claim.assignment)
            });
            if let Some(rival) = rival {
                findings.push(claimed_twice(door, claim, rival));
            }
        }
    }
}

fn claimed_twice(door: &str, claim: &DoorClaim<'_>, rival: &DoorClaim<'_>) -> Finding {
    let path = |item: usize| format!("spec.doors[{item}]");
    let there = rival
        .object
        .places
        .locate(&rival.object.cause, &path(rival.item));
    let message = format!(
        "\"{door}\" is declared for {} here and for {} by DoorAssignment \"{}\" ({}), and a door has one partner",
        claim.partner,
        rival.partner,
        rival.object.resource.name(),
        place(&there)
    );
    let suggestion = String::from("Remove the door from one of the two objects.");
    let cause = claim
        .object
        .places
        .locate(&claim.object.cause, &path(claim.item));
    finding(&cause, Reason::DoorClaimedTwice, message, Some(suggestion))
}

/// Whether two assignments are ever in force at the same time.
fn meet(a: &DoorAssignment, b: &DoorAssignment) -> bool {
    let ends_before = |one: &DoorAssignment, other: &DoorAssignment| matches!((until(one), from(other)), (Some(until), Some(from)) if until <= from);
    !ends_before(a, b) && !ends_before(b, a)
}

fn from(assignment: &DoorAssignment) -> Option<Timestamp> {
    let validity = assignment.spec.validity.as_ref()?;
    validity.from.as_ref().map(|from| from.timestamp())
}

fn until(assignment: &DoorAssignment) -> Option<Timestamp> {
    let validity = assignment.spec.validity.as_ref()?;
    validity.until.as_ref().map(|until| until.timestamp())
}
