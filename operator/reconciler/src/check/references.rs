//! What refers to something that is not there.

use opendoor_api::{Property, PropertyPartner, Resource};
use opendoor_planner::reasons::Reason;

use super::{Finding, did_you_mean, finding, same_namespace};
use crate::snapshot::{Object, Snapshot};

/// Adds what refers to nothing.
pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    for object in &snapshot.objects {
        match &object.resource {
            Resource::DoorAssignment(assignment) => {
                let spec = &assignment.spec;
                uses(
                    snapshot,
                    object,
                    &spec.property_ref.name,
                    &spec.partner,
                    findings,
                );
            }
            Resource::PartnerKey(key) => {
                let spec = &key.spec;
                uses(
                    snapshot,
                    object,
                    &spec.property_ref.name,
                    &spec.partner,
                    findings,
                );
            }
            Resource::Property(property) => looked_after(snapshot, object, property, findings),
            Resource::Portfolio(_) | Resource::DoorSyncOrder(_) => {}
        }
    }
}

/// An object's Property and partner.
fn uses(
    snapshot: &Snapshot,
    object: &Object,
    property: &str,
    partner: &str,
    findings: &mut Vec<Finding>,
) {
    let namespace = object.resource.namespace();
    let Some(found) = property_named(snapshot, property, namespace) else {
        if !is_broken(snapshot, "Property", property) {
            let cause = object.places.locate(&object.cause, "spec.propertyRef.name");
            let message = format!("no Property \"{property}\" is declared in these files");
            let names = names_of(snapshot, "Property");
            let suggestion = did_you_mean(property, names.iter().map(String::as_str))
                .unwrap_or_else(|| String::from("Declare it, or correct spec.propertyRef."));
            findings.push(finding(&cause, Reason::Invalid, message, Some(suggestion)));
        }
        return;
    };
    if listed(&found.spec.partners, partner).is_none() {
        let cause = object.places.locate(&object.cause, "spec.partner");
        let message = format!(
            "the partner \"{partner}\" is not in spec.partners of the Property \"{property}\""
        );
        let names = found
            .spec
            .partners
            .iter()
            .map(|listed| listed.name.as_str());
        let suggestion = did_you_mean(partner, names).unwrap_or_else(|| {
            String::from("Add it there (that asks for DOOR's authorisation), or correct the name.")
        });
        findings.push(finding(
            &cause,
            Reason::PartnerNotListed,
            message,
            Some(suggestion),
        ));
    }
}

/// The Portfolio of a Property.
fn looked_after(
    snapshot: &Snapshot,
    object: &Object,
    property: &Property,
    findings: &mut Vec<Finding>,
) {
    let namespace = object.resource.namespace();
    let portfolios: Vec<&str> = snapshot
        .objects
        .iter()
        .filter(|other| matches!(other.resource, Resource::Portfolio(_)))
        .filter(|other| same_namespace(other.resource.namespace(), namespace))
        .map(|other| other.resource.name())
        .collect();
    let (message, suggestion) = match &property.spec.portfolio_ref {
        Some(reference) => {
            let name = reference.name.as_str();
            if portfolios.contains(&name) || is_broken(snapshot, "Portfolio", name) {
                return;
            }
            let suggestion = did_you_mean(name, portfolios)
                .unwrap_or_else(|| String::from("Declare it, or correct spec.portfolioRef."));
            (
                format!("no Portfolio \"{name}\" is declared in these files"),
                suggestion,
            )
        }
        None if portfolios.len() > 1 => (
            format!(
                "{} Portfolios are declared, and this Property does not say which one looks after it",
                portfolios.len()
            ),
            String::from("Name it in spec.portfolioRef."),
        ),
        None => return,
    };
    let cause = object
        .places
        .locate(&object.cause, "spec.portfolioRef.name");
    findings.push(finding(&cause, Reason::Invalid, message, Some(suggestion)));
}

/// The Property of a name, if it is valid.
pub(super) fn property_named<'a>(
    snapshot: &'a Snapshot,
    name: &str,
    namespace: Option<&str>,
) -> Option<&'a Property> {
    snapshot
        .objects
        .iter()
        .find_map(|object| match &object.resource {
            Resource::Property(property)
                if object.resource.name() == name
                    && same_namespace(object.resource.namespace(), namespace) =>
            {
                Some(property)
            }
            _ => None,
        })
}

/// A partner as the Property lists it, by name or uuid.
pub(super) fn listed<'a>(
    partners: &'a [PropertyPartner],
    written: &str,
) -> Option<&'a PropertyPartner> {
    let is_meant = |partner: &&PropertyPartner| {
        let uuid = partner.uuid.as_deref().unwrap_or_default();
        partner.name == written || (!uuid.is_empty() && uuid.eq_ignore_ascii_case(written))
    };
    partners.iter().find(is_meant)
}

fn is_broken(snapshot: &Snapshot, kind: &str, name: &str) -> bool {
    snapshot
        .broken
        .iter()
        .any(|broken| broken.kind == kind && broken.name.as_deref() == Some(name))
}

/// The names of a kind's objects, broken ones included.
fn names_of(snapshot: &Snapshot, kind: &str) -> Vec<String> {
    let valid = snapshot
        .objects
        .iter()
        .filter(|object| object.cause.kind == kind)
        .map(|object| object.resource.name().to_owned());
    let broken = snapshot
        .broken
        .iter()
        .filter(|broken| broken.kind == kind)
        .filter_map(|broken| broken.name.clone());
    valid.chain(broken).collect()
}
