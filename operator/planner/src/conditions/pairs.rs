//! Whom a property's objects let in where, and what is proven of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::exposure::{self, Verdict, view_of};
use crate::ids::{DoorUuid, PartnerUuid};
use crate::intake::Taken;
use crate::ledger::Ledger;
use crate::observed::{Holder, Observed};
use crate::owner::{OwnerId, OwnerKind};

/// Verdicts on every pair, by the object they belong to.
pub(super) struct Pairs {
    by_owner: BTreeMap<OwnerId, BTreeMap<Pair, (bool, Verdict)>>,
    /// How many of them nothing declares any more: a lock may still accept them.
    only_owed: BTreeMap<OwnerId, usize>,
}

/// A partner at a door.
type Pair = (DoorUuid, PartnerUuid);

/// A pair, whether DOOR OS holds it, and the verdict on it.
pub(super) type PairView<'a> = (&'a Pair, &'a (bool, Verdict));

impl Pairs {
    pub(super) fn collect(
        ledger: &Ledger,
        taken: &Taken,
        observed: &Observed,
        now: Timestamp,
    ) -> Self {
        let mut pairs = Self {
            by_owner: BTreeMap::new(),
            only_owed: BTreeMap::new(),
        };
        let verdict = |door: DoorUuid, partner: PartnerUuid| {
            let record = ledger.doors.get(&door)?;
            let view = view_of(ledger, observed, &taken.stale, door, record);
            Some(exposure::verdict(view, partner, now))
        };
        for want in &taken.doors {
            let held = observed
                .door(want.door)
                .is_some_and(|row| row.holder == Holder::Partner(want.partner));
            for object in want.objects.iter().filter_map(|at| taken.objects.get(*at)) {
                if let Some(verdict) = verdict(want.door, want.partner) {
                    pairs.add(&object.owner, want.door, want.partner, held, verdict);
                }
            }
        }
        for want in &taken.keys {
            let Some(object) = taken.objects.get(want.object) else {
                continue;
            };
            let row = want.key.and_then(|key| observed.key(key));
            for entry in &want.doors {
                let held = row.is_some_and(|row| row.door(entry.door).is_some());
                if let Some(verdict) = verdict(entry.door, want.partner) {
                    pairs.add(&object.owner, entry.door, want.partner, held, verdict);
                }
            }
        }
        let property = Taken::property_owner(ledger);
        for debt in exposure::debts(ledger, observed, &taken.stale, now) {
            // A debt whose object is gone, or that a hand edit left, is the property's.
            let owner = debt
                .cause
                .filter(|owner| taken.object(owner).is_some())
                .unwrap_or_else(|| property.clone());
            let known = pairs.by_owner.get(&owner);
            if known.is_none_or(|known| !known.contains_key(&(debt.door, debt.partner))) {
                *pairs.only_owed.entry(owner.clone()).or_default() += 1;
            }
            pairs.add(&owner, debt.door, debt.partner, false, debt.verdict);
        }
        pairs
    }

    fn add(
        &mut self,
        owner: &OwnerId,
        door: DoorUuid,
        partner: PartnerUuid,
        held: bool,
        verdict: Verdict,
    ) {
        self.by_owner
            .entry(owner.clone())
            .or_default()
            .entry((door, partner))
            .and_modify(|(known, _)| *known |= held)
            .or_insert((held, verdict));
    }

    /// How many of an object's pairs are declared now.
    pub(super) fn declared(&self, owner: &OwnerId, all: usize) -> usize {
        let only_owed = if owner.kind == OwnerKind::Property {
            self.only_owed.values().sum()
        } else {
            self.only_owed.get(owner).copied().unwrap_or_default()
        };
        all.saturating_sub(only_owed)
    }

    /// The pairs of one object; of the property, everybody's.
    pub(super) fn of(&self, owner: &OwnerId) -> Vec<PairView<'_>> {
        if owner.kind == OwnerKind::Property {
            self.by_owner.values().flatten().collect()
        } else {
            self.by_owner.get(owner).into_iter().flatten().collect()
        }
    }
}
