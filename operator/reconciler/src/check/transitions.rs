//! What may never change: the files now against the files of a Git revision.
//!
//! The same object in another file is the same object. What changed without breaking a rule is for the
//! plan to show.

use std::collections::BTreeMap;

use opendoor_api::yaml::{Document, LocatedFault, parse_documents};
use opendoor_api::{FaultKind, PartnerKey, Property, PropertyPartner, Resource};
use opendoor_planner::owner::Cause;
use opendoor_planner::reasons::Reason;

use super::claims::partner_keys;
use super::references::{listed, property_named};
use super::{Finding, Sources, finding, place, same_namespace};
use crate::snapshot::{Object, Snapshot};

/// What to do instead, as the rule of the type itself says it.
const INSTEAD: &str = "DOOR OS never changes or clears a key's partner. Create a new PartnerKey with another keyName, move its \
                       holders, then delete this one; its doorcodes go with it.";

/// Adds what changed though it may not.
pub(super) fn check(
    sources: &Sources,
    snapshot: &Snapshot,
    base: &Sources,
    findings: &mut Vec<Finding>,
) {
    let before = documents(base);
    let mut by_name: BTreeMap<(&str, Option<&str>), Vec<&Document>> = BTreeMap::new();
    for (_, old) in &before {
        by_name.entry(key(old)).or_default().push(old);
    }
    for (file, document) in &documents(sources) {
        let known = by_name.get(&key(document)).into_iter().flatten();
        let old = known
            .copied()
            .find(|old| same_namespace(old.namespace.as_deref(), document.namespace.as_deref()));
        if let Some(old) = old
            && old.resource().is_ok()
        {
            changed(file, old, document, findings);
        }
    }
    let base = base.snapshot();
    made_again(&base, snapshot, findings);
    for (object, property) in properties(snapshot) {
        let old = property_named(&base, object.resource.name(), object.resource.namespace());
        if let Some(old) = old {
            meant_another(object, old, property, findings);
            withdrawn(snapshot, object, old, property, findings);
        }
    }
}

/// The documents of some files that have a name.
fn documents(sources: &Sources) -> Vec<(&str, Document)> {
    let mut documents = Vec::new();
    for (file, text) in &sources.texts {
        let named = parse_documents(text)
            .documents
            .into_iter()
            .filter(|document| document.name.is_some());
        documents.extend(named.map(|document| (file.as_str(), document)));
    }
    documents
}

/// Kind and name, by which an object is the same one wherever it is written.
fn key(document: &Document) -> (&str, Option<&str>) {
    (document.kind.as_str(), document.name.as_deref())
}

/// What the rules of an object's own type say about its change.
fn changed(file: &str, old: &Document, new: &Document, findings: &mut Vec<Finding>) {
    let is_key = new.kind == "PartnerKey";
    for LocatedFault { position, fault } in new.faults_as_update(&old.body) {
        let cleared = is_key && fault.path == "spec.partner" && text(new, "partner").is_none();
        if fault.kind != FaultKind::Immutable && !cleared {
            continue;
        }
        if cleared {
            // The same fault without its history.
            let known = fault.to_string();
            findings.retain(|finding| finding.file != file || finding.message != known);
        }
        let of_partner = is_key && fault.path == "spec.partner";
        let reason = if is_key {
            Reason::PartnerImmutable
        } else {
            Reason::Invalid
        };
        let (message, suggestion) = if of_partner {
            let was = text(old, "partner").unwrap_or_default();
            let becomes = text(new, "partner").map_or_else(
                || String::from("be cleared"),
                |now| format!("become \"{now}\""),
            );
            let message = format!("the partner of this key is \"{was}\" and cannot {becomes}");
            (message, Some(INSTEAD.to_owned()))
        } else {
            (fault.message, None)
        };
        findings.push(Finding {
            file: file.to_owned(),
            line: u32::try_from(position.line).ok(),
            column: u32::try_from(position.column).ok(),
            reason,
            message,
            suggestion,
        });
    }
}

/// A field of a document's spec, if it says anything.
fn text<'a>(document: &'a Document, field: &str) -> Option<&'a str> {
    let value = document.body.pointer(&format!("/spec/{field}"))?.as_str()?;
    (!value.is_empty()).then_some(value)
}

/// A key made again under another object name, with another partner, while the old one may still be
/// there: a way around the rule.
fn made_again(base: &Snapshot, now: &Snapshot, findings: &mut Vec<Finding>) {
    let mut old_keys: BTreeMap<String, Vec<(&Object, &PartnerKey)>> = BTreeMap::new();
    for (object, key) in partner_keys(base) {
        old_keys
            .entry(key.key_name())
            .or_default()
            .push((object, key));
    }
    let mut still: BTreeMap<&str, &PartnerKey> = BTreeMap::new();
    for (object, key) in partner_keys(now) {
        still.insert(object.resource.name(), key);
    }
    for (object, key) in partner_keys(now) {
        for (old_object, old) in old_keys.get(&key.key_name()).into_iter().flatten() {
            let given_up = still
                .get(old_object.resource.name())
                .is_some_and(|kept| kept.key_name() != key.key_name());
            let another = old_object.resource.name() != object.resource.name()
                && home(base, old_object, old) == home(now, object, key)
                && !is_same_partner(&partner(base, old_object, old), &partner(now, object, key));
            if given_up || !another {
                continue;
            }
            let message = format!(
                "the key \"{}\" is {}'s, by PartnerKey \"{}\" ({} at the base), and cannot become {}'s by a new object",
                key.key_name(),
                old.spec.partner,
                old_object.resource.name(),
                place(&old_object.cause),
                key.spec.partner
            );
            let cause = object.places.locate(&object.cause, "spec.partner");
            let suggestion = Some(INSTEAD.to_owned());
            findings.push(finding(
                &cause,
                Reason::PartnerImmutable,
                message,
                suggestion,
            ));
        }
    }
}

/// The building a key is in: by its Property, whatever that is called.
fn home<'a>(snapshot: &'a Snapshot, object: &Object, key: &'a PartnerKey) -> &'a str {
    let name = key.spec.property_ref.name.as_str();
    property_named(snapshot, name, object.resource.namespace())
        .map_or(name, |property| property.spec.building.as_str())
}

/// A key's partner as its Property lists it.
fn partner(snapshot: &Snapshot, object: &Object, key: &PartnerKey) -> PropertyPartner {
    let property = &key.spec.property_ref.name;
    property_named(snapshot, property, object.resource.namespace())
        .and_then(|property| listed(&property.spec.partners, &key.spec.partner))
        .cloned()
        .unwrap_or_else(|| PropertyPartner {
            name: key.spec.partner.clone(),
            uuid: None,
        })
}

fn is_same_partner(a: &PropertyPartner, b: &PropertyPartner) -> bool {
    match (&a.uuid, &b.uuid) {
        (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
        _ => a.name == b.name,
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

/// A partner's name that was written with one uuid and now with another.
fn meant_another(
    object: &Object,
    old: &Property,
    property: &Property,
    findings: &mut Vec<Finding>,
) {
    for (item, now) in property.spec.partners.iter().enumerate() {
        let was = old.spec.partners.iter().find(|was| was.name == now.name);
        if let Some(PropertyPartner {
            uuid: Some(was), ..
        }) = was
            && let Some(uuid) = &now.uuid
            && !was.eq_ignore_ascii_case(uuid)
        {
            let cause = object
                .places
                .locate(&object.cause, &format!("spec.partners[{item}]"));
            let message = format!(
                "\"{}\" was the partner {was} and is now the partner {uuid}: everything that names it would pass to another \
                 partner",
                now.name
            );
            let suggestion = String::from(
                "Put the uuid back. Another partner is listed under a name of its own, and gets its own objects.",
            );
            findings.push(finding(
                &cause,
                Reason::IdentityChanged,
                message,
                Some(suggestion),
            ));
        }
    }
}

/// A partner taken off its Property while objects still use it.
fn withdrawn(
    snapshot: &Snapshot,
    object: &Object,
    old: &Property,
    property: &Property,
    findings: &mut Vec<Finding>,
) {
    for gone in &old.spec.partners {
        let stays = property
            .spec
            .partners
            .iter()
            .any(|now| now.name == gone.name || (now.uuid.is_some() && now.uuid == gone.uuid));
        if stays {
            continue;
        }
        let users: Vec<(&Object, Cause)> = snapshot
            .objects
            .iter()
            .filter(|user| uses(user, object, gone))
            .map(|user| (user, user.places.locate(&user.cause, "spec.partner")))
            .collect();
        if users.is_empty() {
            continue;
        }
        // The same fault seen from the other side.
        findings.retain(|known| {
            known.reason != Reason::PartnerNotListed
                || !users.iter().any(|(_, cause)| is_at(known, cause))
        });
        let named: Vec<String> = users
            .iter()
            .map(|(user, cause)| {
                format!(
                    "{} \"{}\" ({})",
                    cause.kind,
                    user.resource.name(),
                    place(cause)
                )
            })
            .collect();
        let cause = object.places.locate(&object.cause, "spec.partners");
        let message = format!(
            "{} is taken off this Property while it is still used by {}",
            gone.name,
            named.join(", ")
        );
        let suggestion = String::from(
            "Remove these first; take the partner off once its doors, keys and locks are done.",
        );
        findings.push(finding(&cause, Reason::InUse, message, Some(suggestion)));
    }
}

/// Whether an object uses a partner at a Property.
fn uses(user: &Object, property: &Object, gone: &PropertyPartner) -> bool {
    let (reference, partner) = match &user.resource {
        Resource::DoorAssignment(object) => (&object.spec.property_ref.name, &object.spec.partner),
        Resource::PartnerKey(object) => (&object.spec.property_ref.name, &object.spec.partner),
        _ => return false,
    };
    reference == property.resource.name()
        && same_namespace(user.resource.namespace(), property.resource.namespace())
        && listed(std::slice::from_ref(gone), partner).is_some()
}

fn is_at(finding: &Finding, cause: &Cause) -> bool {
    Some(&finding.file) == cause.file.as_ref()
        && finding.line == cause.line
        && finding.column == cause.column
}
