//! Several objects that want one door.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::door_wants::{Claim, DoorWant};
use crate::ids::{DoorUuid, PartnerUuid};
use crate::intake::Taken;
use crate::observed::{Holder, Observed};
use crate::plan::Refusal;
use crate::reasons::Reason;

/// One partner a door: the same partner's claims unite; explicit names beat a selector; otherwise
/// whoever holds the door keeps it; if nobody does, nobody gets it.
pub(crate) fn reconcile(
    mut claims: Vec<Claim>,
    observed: &Observed,
    taken: &mut Taken,
) -> Vec<DoorWant> {
    claims.sort_unstable_by_key(|claim| (claim.door, claim.partner, claim.object, claim.item));
    let mut wants = Vec::with_capacity(claims.len());
    for group in claims.chunk_by(|a, b| a.door == b.door) {
        let Some(first) = group.first() else {
            continue;
        };
        if group.iter().all(|claim| claim.partner == first.partner) {
            wants.push(united(group, first.partner));
            continue;
        }
        let explicit: BTreeSet<PartnerUuid> = group
            .iter()
            .filter(|claim| claim.item.is_some())
            .map(|claim| claim.partner)
            .collect();
        let contenders: BTreeSet<PartnerUuid> = if explicit.is_empty() {
            group.iter().map(|claim| claim.partner).collect()
        } else {
            explicit
        };
        let holder = observed.door(first.door).map(|row| row.holder);
        // Even a selector's partner keeps the door while two explicit names contend for it.
        let winner = match contenders.iter().next() {
            Some(only) if contenders.len() == 1 => Some(*only),
            _ => group
                .iter()
                .map(|claim| claim.partner)
                .find(|partner| holder == Some(Holder::Partner(*partner))),
        };
        if let Some(winner) = winner {
            wants.push(united(group, winner));
        }
        // A selector that gives way to an explicit name is no fault; two equals are.
        for claim in group {
            let loses = Some(claim.partner) != winner && contenders.contains(&claim.partner);
            if loses {
                claimed_twice(claim, group, winner, observed, taken);
            }
        }
    }
    wants
}

fn united(group: &[Claim], partner: PartnerUuid) -> DoorWant {
    let theirs = group.iter().filter(|claim| claim.partner == partner);
    let mut objects: SmallVec<[usize; 2]> = theirs.map(|claim| claim.object).collect();
    objects.dedup();
    let item = group
        .iter()
        .find(|claim| claim.partner == partner)
        .and_then(|claim| claim.item);
    DoorWant {
        door: group
            .first()
            .map_or(DoorUuid(uuid::Uuid::nil()), |claim| claim.door),
        partner,
        objects,
        item,
    }
}

fn claimed_twice(
    claim: &Claim,
    group: &[Claim],
    winner: Option<PartnerUuid>,
    observed: &Observed,
    taken: &mut Taken,
) {
    let name = observed
        .door(claim.door)
        .map_or_else(|| claim.door.to_string(), |row| row.name.to_string());
    let others: Vec<String> = group
        .iter()
        .filter(|other| other.partner != claim.partner)
        .filter_map(|other| taken.objects.get(other.object))
        .map(|object| {
            format!(
                "{} for {}{}",
                object.owner,
                object.spec.partner(),
                object
                    .cause
                    .file
                    .as_ref()
                    .map(|file| format!(" ({file})"))
                    .unwrap_or_default()
            )
        })
        .collect();
    let outcome = if winner.is_some() {
        "whoever DOOR OS holds there now keeps it"
    } else {
        "nobody holds it now, so neither gets it"
    };
    let Some(object) = taken.objects.get(claim.object) else {
        return;
    };
    let path = claim
        .item
        .map_or(String::from("spec.doorSelector"), |item| {
            format!("spec.doors[{item}]")
        });
    taken.refusals.push(Refusal {
        cause: object.places.locate(&object.cause, &path),
        reason: Reason::DoorClaimedTwice,
        message: format!(
            "\"{name}\" is declared for {} here and by {}; {outcome}. A door has one partner: remove it from one of them.",
            object.spec.partner(),
            others.join(" and by ")
        ),
        owner: Some(object.owner.clone()),
    });
}
