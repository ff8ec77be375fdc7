//! The doors that assignments by selector mean now, by name.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::declared::Spec;
use crate::ids::DoorUuid;
use crate::intake::Taken;
use crate::ledger::Ledger;
use crate::observed::{Holder, Observed};

/// Most doors named of one selector.
const NAMED: usize = 1000;

/// The doors of one selector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Selected {
    /// The first of them by name, at most 1000.
    pub names: Vec<String>,
    /// How many more there are.
    pub more: usize,
}

/// The doors of every object in force that selects any, by the object's place among those in force.
///
/// A door of which it cannot be told whether the selector still means it stays as it is: it is among
/// them where DOOR OS still holds it for the object.
pub(crate) fn selected(
    ledger: &Ledger,
    taken: &Taken,
    observed: &Observed,
) -> BTreeMap<usize, Selected> {
    let selects = |at: &usize| {
        taken.objects.get(*at).is_some_and(
            |object| matches!(&*object.spec, Spec::DoorAssignment(spec) if spec.door_selector.is_some()),
        )
    };
    let mut doors: BTreeMap<usize, Vec<DoorUuid>> = BTreeMap::new();
    for want in &taken.doors {
        for at in want.objects.iter().copied().filter(selects) {
            doors.entry(at).or_default().push(want.door);
        }
    }
    for (door, at) in &taken.kept_doors {
        if selects(at) && is_held_for(ledger, taken, observed, *door, *at) {
            doors.entry(*at).or_default().push(*door);
        }
    }
    doors
        .into_iter()
        .map(|(at, mut doors)| {
            doors.sort_unstable();
            doors.dedup();
            let rows = doors.into_iter().filter_map(|door| observed.door(door));
            let mut names: Vec<&str> = rows.map(|row| &*row.name).collect();
            names.sort_unstable();
            let more = names.len().saturating_sub(NAMED);
            let names = names.into_iter().take(NAMED).map(str::to_owned).collect();
            (at, Selected { names, more })
        })
        .collect()
}

/// Whether DOOR OS holds a door for the partner for whom an object owns it.
fn is_held_for(
    ledger: &Ledger,
    taken: &Taken,
    observed: &Observed,
    door: DoorUuid,
    at: usize,
) -> bool {
    let (Some(row), Some(object)) = (observed.door(door), taken.objects.get(at)) else {
        return false;
    };
    let Holder::Partner(partner) = row.holder else {
        return false;
    };
    ledger
        .doors
        .get(&door)
        .and_then(|record| record.claim(partner))
        .is_some_and(|claim| claim.owners.contains(&object.owner))
}
