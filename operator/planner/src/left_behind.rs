//! Access that deleted objects left in place, by their `deletionPolicy: Retain`. People look after it
//! from then on, and it is not taken for something that they added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::intake::Taken;
use crate::ledger::{Claims, Ledger};
use crate::observed::{Holder, Observed};
use crate::own_doors::retained;
use crate::owner::OwnerId;

/// What was left behind, for as long as it is there and nobody declares it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LeftBehind {
    /// Partners on doors.
    pub doors: BTreeMap<DoorUuid, LeftDoor>,
    /// Keys, and the objects that left them.
    pub keys: BTreeMap<KeyUuid, OwnerId>,
}

/// A partner left on a door.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftDoor {
    /// Who.
    pub partner: PartnerUuid,
    /// The object that left it.
    pub by: OwnerId,
}

impl LeftBehind {
    /// Whether nothing is left behind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.doors.is_empty() && self.keys.is_empty()
    }

    /// The object that left a partner on a door.
    pub(crate) fn on_door(&self, door: DoorUuid, partner: PartnerUuid) -> Option<&OwnerId> {
        let left = self.doors.get(&door)?;
        (left.partner == partner).then_some(&left.by)
    }
}

/// Says where access is from that an object left behind.
pub(crate) fn words(by: &OwnerId) -> String {
    format!(
        "left behind by {}/{} (deletionPolicy: Retain)",
        by.kind.as_str(),
        by.name
    )
}

/// Notes the partner that objects leave on a door whose claims become these.
pub(crate) fn leave_door(ledger: &mut Ledger, taken: &Taken, door: DoorUuid, claims: &Claims) {
    let left = ledger.doors.get(&door).and_then(|record| {
        let goes = |partner| claims.iter().all(|claim| claim.partner != partner);
        let mut claims = record.claims.iter();
        claims.find(|claim| {
            goes(claim.partner) && claim.owners.iter().all(|owner| retained(taken, owner))
        })
    });
    if let Some(claim) = left
        && let Some(by) = claim.owners.first()
    {
        let left = LeftDoor {
            partner: claim.partner,
            by: by.clone(),
        };
        ledger.head_mut().left_behind.doors.insert(door, left);
    }
}

/// Forgets what is not there any more, and what is ours again.
pub(crate) fn forget_changed(ledger: &mut Ledger, observed: &Observed, taken: &Taken) {
    if ledger.head.left_behind.is_empty() {
        return;
    }
    let complete = observed.incomplete.is_none();
    let mut left = ledger.head.left_behind.clone();
    left.doors.retain(|door, left| {
        let record = ledger.doors.get(door);
        if record.is_some_and(|record| record.claim(left.partner).is_some()) {
            return false;
        }
        let Some(row) = observed.door(*door) else {
            return !complete;
        };
        let clear = taken.stale.binary_search(door).is_err() && !ledger.door_has_intent(*door);
        !clear
            || matches!(row.holder, Holder::Unknown)
            || row.holder == Holder::Partner(left.partner)
    });
    left.keys.retain(|key, _| {
        !ledger.head.keys.contains_key(key) && (observed.key(*key).is_some() || !complete)
    });
    if left != ledger.head.left_behind {
        ledger.head_mut().left_behind = left;
    }
}
