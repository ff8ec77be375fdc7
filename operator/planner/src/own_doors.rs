//! Ownership of door dropdowns as one look and the declarations leave it.

use std::collections::BTreeSet;
use std::iter::Peekable;

use opendoor_api::DeletionPolicy;
use smallvec::SmallVec;

use crate::door_wants::DoorWant;
use crate::ids::DoorUuid;
use crate::intake::Taken;
use crate::ledger::{Claim, Claims, DoorRecord, Ledger};
use crate::left_behind::leave_door;
use crate::observed::{DoorRow, Holder, Observed};
use crate::owner::OwnerId;

/// Rows whose claims are worked out before the ledger changes.
const ROWS_AT_A_TIME: usize = 1000;

/// Brings ownership of door dropdowns up to date: adopts what is already as declared, moves it
/// between objects of one partner, releases what is retained or no longer there.
pub(crate) fn own_doors(ledger: &mut Ledger, observed: &Observed, taken: &mut Taken) {
    let mut adopted = 0;
    let mut wants = taken.doors.iter().peekable();
    // A few at a time: at first contact every door may change.
    for rows in observed.doors.chunks(ROWS_AT_A_TIME) {
        let changes = changed_claims(ledger, rows, &mut wants, taken, &mut adopted);
        for (door, claims) in changes {
            leave_door(ledger, taken, door, &claims);
            ledger.door_mut(door).claims = claims;
        }
    }
    taken.adopted += adopted;
}

/// The claims that change on these doors.
fn changed_claims<'a>(
    ledger: &Ledger,
    rows: &[DoorRow],
    wants: &mut Peekable<impl Iterator<Item = &'a DoorWant>>,
    taken: &Taken,
    adopted: &mut usize,
) -> Vec<(DoorUuid, Claims)> {
    let mut changes = Vec::new();
    let Some(first) = rows.first() else {
        return changes;
    };
    let mut records = ledger.doors.range(first.uuid..).peekable();
    for row in rows {
        while wants.next_if(|want| want.door < row.uuid).is_some() {}
        let want = wants.next_if(|want| want.door == row.uuid);
        while records.next_if(|(door, _)| **door < row.uuid).is_some() {}
        let Some((_, record)) = records.next_if(|(door, _)| **door == row.uuid) else {
            continue;
        };
        if want.is_none() && record.claims.is_empty() {
            continue;
        }
        if taken.stale.binary_search(&row.uuid).is_ok() {
            continue;
        }
        let claims = match want {
            _ if ledger.door_has_intent(row.uuid) => not_retained(taken, record, want),
            Some(want) if row.holder == Holder::Partner(want.partner) => {
                *adopted += usize::from(record.claim(want.partner).is_none());
                as_wanted(taken, record, want)
            }
            _ => still_ours(taken, record, want, row),
        };
        changes.extend(claims.map(|claims| (row.uuid, claims)));
    }
    changes
}

/// The claims on a door that holds whom it should, if they change.
fn as_wanted(taken: &Taken, record: &DoorRecord, want: &DoorWant) -> Option<Claims> {
    let wanting = || {
        want.objects
            .iter()
            .filter_map(|object| taken.objects.get(*object))
            .map(|object| &object.owner)
    };
    if let [claim] = record.claims.as_slice()
        && claim.partner == want.partner
        && claim.held
        && claim.owners.iter().eq(wanting())
    {
        return None;
    }
    // An object that cannot speak now has not given up what it owns.
    let silent = record
        .claim(want.partner)
        .into_iter()
        .flat_map(|claim| &claim.owners)
        .filter(|owner| taken.is_silent(want.door, owner));
    let claim = Claim::held(want.partner, wanting().chain(silent));
    (record.claims.as_slice() != [claim.clone()]).then(|| Claims::from([claim]))
}

/// The claims on a door that does not hold whom it should, if they change.
fn still_ours(
    taken: &Taken,
    record: &DoorRecord,
    want: Option<&DoorWant>,
    row: &DoorRow,
) -> Option<Claims> {
    let ours = |claim: &&Claim| {
        let wanted = want.is_some_and(|want| want.partner == claim.partner);
        let may_be_there = match row.holder {
            Holder::Partner(holder) => holder == claim.partner,
            Holder::Nobody => false,
            Holder::Unknown => true,
        };
        let released = claim.owners.iter().all(|owner| retained(taken, owner));
        wanted
            || claim
                .owners
                .iter()
                .any(|owner| taken.is_kept(row.uuid, owner))
            || (may_be_there && !released)
    };
    let still = record.claims.iter().filter(ours);
    let still: Claims = still.map(|claim| let_go(taken, claim)).collect();
    (still != record.claims).then_some(still)
}

/// The claims on a door about which a write is open, if they change. Who will hold it is not known; but
/// what every owner left in place when it went is nobody's, whatever the write comes to.
fn not_retained(taken: &Taken, record: &DoorRecord, want: Option<&DoorWant>) -> Option<Claims> {
    let ours = |claim: &&Claim| {
        let wanted = want.is_some_and(|want| want.partner == claim.partner);
        wanted || !claim.owners.iter().all(|owner| retained(taken, owner))
    };
    let still = record.claims.iter().filter(ours);
    let still: Claims = still.map(|claim| let_go(taken, claim)).collect();
    (still != record.claims).then_some(still)
}

/// A claim without the owners that left what they owned in place; as it is, if that is all of them.
fn let_go(taken: &Taken, claim: &Claim) -> Claim {
    let left = claim.owners.iter().filter(|owner| !retained(taken, owner));
    let left: SmallVec<[OwnerId; 2]> = left.cloned().collect();
    let mut claim = claim.clone();
    if !left.is_empty() {
        claim.owners = left;
    }
    claim
}

/// Whether an object's going leaves what it owned in place.
pub(crate) fn retained(taken: &Taken, owner: &OwnerId) -> bool {
    taken.removed.contains_key(owner)
        && taken
            .object(owner)
            .is_some_and(|object| object.spec.deletion_policy() == DeletionPolicy::Retain)
}

/// Forgets removed objects of which nothing is owned or under way any more.
pub(crate) fn forget_removed(ledger: &mut Ledger, taken: &Taken) {
    if taken.removed.is_empty() {
        return;
    }
    let mut owning: BTreeSet<&OwnerId> = ledger.head.keys.values().map(|key| &key.owner).collect();
    for intent in &ledger.head.intents {
        owning.insert(&intent.owner);
        owning.extend(&intent.shared_with);
    }
    for record in ledger.doors.values() {
        for claim in &record.claims {
            owning.extend(&claim.owners);
        }
    }
    let done: Vec<OwnerId> = taken
        .removed
        .keys()
        .filter(|owner| !owning.contains(owner))
        .cloned()
        .collect();
    for owner in done {
        ledger.head_mut().accepted.remove(&owner);
    }
}
