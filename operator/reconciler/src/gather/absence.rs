//! What to make of accepted objects that are not declared now.

use std::collections::BTreeMap;

use opendoor_planner::declared::{Absence, DeclaredObject};
use opendoor_planner::ledger::Head;
use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
use opendoor_planner::reasons::Reason;

use super::{Heads, owned};
use crate::snapshot::{Snapshot, Unreadable};

/// What to make of accepted objects that are not declared now.
pub(super) fn absences(
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
        if let Some(deleted) = &snapshot.deleted {
            let absence = deleted
                .get(owner)
                .map_or(Absence::Held(Reason::OwnerMissing), |policy| {
                    Absence::Deleted(*policy)
                });
            absent.insert(owner.clone(), absence);
            continue;
        }
        if may_be_there(snapshot, heads, owner, &accepted.cause) {
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

/// Whether an accepted object may be among what cannot be read or placed: refused is not absent.
pub(super) fn may_be_there(
    snapshot: &Snapshot,
    heads: &Heads,
    owner: &OwnerId,
    cause: &Cause,
) -> bool {
    let mut unreadable = snapshot.unreadable.iter();
    let mut broken = snapshot.broken.iter();
    unreadable.any(|unreadable| may_hold(unreadable, owner, cause))
        || broken.any(|broken| broken.may_be(owner, cause, heads))
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
        .any(|object| owned(object).is_some_and(|(owner, _)| owner.kind == kind))
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
