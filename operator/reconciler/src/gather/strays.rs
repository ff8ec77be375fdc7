//! Objects that no property takes up.

use std::collections::BTreeSet;

use opendoor_planner::declared::Problem;
use opendoor_planner::reasons::Reason;

use super::targets::accepted_as;
use super::{Heads, accepted_in, name_of, owned, properties};
use crate::snapshot::Snapshot;

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
            let (owner, property) = owned(object)?;
            let stray = !known.contains(property) && accepted_in(heads, &owner).is_none();
            stray.then(|| Problem {
                reason: Reason::Invalid,
                message: format!(
                    "no Property \"{property}\" is declared. Declare it, or correct spec.propertyRef."
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
