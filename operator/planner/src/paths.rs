//! The paths by which a partner reaches a door: which of them a plan takes away, and which stay.

use std::collections::BTreeSet;

use crate::ids::{DoorUuid, PartnerUuid};
use crate::ledger::Ledger;
use crate::observed::{DoorRow, Holder, Observed, Via};
use crate::plan::Step;
use crate::steps::key_name;
use crate::writes::Write;

type Path = (DoorUuid, Via);

/// Takes from each step's losses the pairs that keep a path which no step takes away.
pub(crate) fn weigh_losses(steps: &mut [Step], observed: &Observed) {
    if steps.iter().all(|step| step.losses.is_empty()) {
        return;
    }
    let going: BTreeSet<Path> = steps
        .iter()
        .flat_map(|step| paths_taken(step, observed))
        .collect();
    for step in steps {
        let own = way(&step.write);
        step.losses.retain(|(door, partner)| {
            let stays = |row: &DoorRow| {
                row.access.iter().any(|access| {
                    access.partner == *partner
                        && Some(access.via) != own
                        && !going.contains(&(*door, access.via))
                })
            };
            !observed.door(*door).is_some_and(stays)
        });
    }
}

/// Says which paths stay open to partners that steps take off doors, once it is known which steps
/// are performed.
pub(crate) fn note_other_paths(steps: &mut [Step], ledger: &Ledger, observed: &Observed) {
    let performed: BTreeSet<Path> = steps
        .iter()
        .filter(|step| step.held.is_none())
        .flat_map(|step| paths_taken(step, observed))
        .collect();
    for step in steps.iter_mut() {
        let mine: BTreeSet<Path> = paths_taken(step, observed).into_iter().collect();
        let mut ways: BTreeSet<String> = BTreeSet::new();
        for row in mine.iter().filter_map(|(door, _)| observed.door(*door)) {
            let Some(partner) = partner_before(step, row, observed) else {
                continue;
            };
            let others = row.access.iter().filter(|access| {
                let path = (row.uuid, access.via);
                access.partner == partner && !mine.contains(&path) && !performed.contains(&path)
            });
            ways.extend(others.map(|access| match access.via {
                Via::Door => format!("its assignment to {}", row.name),
                Via::Key(key) => format!("key \"{}\"", key_name(ledger, observed, key)),
            }));
        }
        step.still_opens_by = ways.into_iter().collect();
    }
}

/// The path a write changes.
fn way(write: &Write) -> Option<Via> {
    match write {
        Write::SetDoorPartner { .. } => Some(Via::Door),
        Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. } => Some(Via::Key(*key)),
        Write::CreateKey { .. } => None,
    }
}

/// Who had the path that a step takes away.
fn partner_before(step: &Step, row: &DoorRow, observed: &Observed) -> Option<PartnerUuid> {
    match &step.write {
        Write::SetDoorPartner { .. } => match row.holder {
            Holder::Partner(partner) => Some(partner),
            Holder::Nobody | Holder::Unknown => None,
        },
        Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. } => {
            observed.key(*key).and_then(|row| row.partner)
        }
        Write::CreateKey { .. } => None,
    }
}

/// The paths a step takes away.
fn paths_taken(step: &Step, observed: &Observed) -> Vec<Path> {
    match &step.write {
        Write::SetDoorPartner { door, .. } => match observed.door(*door).map(|row| row.holder) {
            Some(Holder::Partner(_)) => vec![(*door, Via::Door)],
            _ => Vec::new(),
        },
        Write::CreateKey { .. } => Vec::new(),
        Write::UpdateKey { key, patch, .. } => patch
            .remove_doors
            .iter()
            .map(|door| (*door, Via::Key(*key)))
            .collect(),
        Write::DeleteKey { key, .. } => observed
            .key(*key)
            .into_iter()
            .flat_map(|row| &row.doors)
            .map(|entry| (entry.door, Via::Key(*key)))
            .collect(),
    }
}
