//! Whom a property's objects let in where, and what is proven of it.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::exposure::{self, Verdict, takes_away, view_of};
use crate::ids::{DoorUuid, PartnerUuid};
use crate::intake::Taken;
use crate::ledger::Ledger;
use crate::observed::{Holder, Observed};
use crate::owner::{OwnerId, OwnerKind};

/// Verdicts on every pair, by the object they belong to.
#[derive(Default)]
pub(super) struct Pairs {
    by_owner: BTreeMap<OwnerId, BTreeMap<Pair, Known>>,
}

/// A partner at a door.
type Pair = (DoorUuid, PartnerUuid);

/// What is known of a pair.
pub(super) struct Known {
    /// Its object declares it now, and it is not only kept, under way, or owed at the lock.
    pub(super) declared: bool,
    /// It is declared, and DOOR OS holds it.
    pub(super) held: bool,
    pub(super) verdict: Verdict,
}

pub(super) type PairView<'a> = (&'a Pair, &'a Known);

impl Pairs {
    pub(super) fn collect(
        ledger: &Ledger,
        taken: &Taken,
        observed: &Observed,
        now: Timestamp,
    ) -> Self {
        let mut pairs = Self::default();
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
                    pairs.declare(&object.owner, (want.door, want.partner), held, verdict);
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
                    pairs.declare(&object.owner, (entry.door, want.partner), held, verdict);
                }
            }
        }
        let property = Taken::property_owner(ledger);
        // What belongs to no object that there is, or that a hand edit left, is the property's.
        let answers = |owner: &OwnerId| taken.object(owner).is_some();
        for (owner, pair) in owned(ledger).chain(under_way(ledger)) {
            let owner = if answers(owner) { owner } else { &property };
            if !pairs.knows(owner, pair)
                && let Some(verdict) = verdict(pair.0, pair.1)
            {
                pairs.note(owner, pair, verdict);
            }
        }
        for debt in exposure::debts(ledger, observed, &taken.stale, now) {
            let owner = debt.cause.filter(answers);
            let pair = (debt.door, debt.partner);
            pairs.note(owner.as_ref().unwrap_or(&property), pair, debt.verdict);
        }
        pairs
    }

    /// A pair that its object declares.
    fn declare(&mut self, owner: &OwnerId, pair: Pair, held: bool, verdict: Verdict) {
        let known = self
            .by_owner
            .entry(owner.clone())
            .or_default()
            .entry(pair)
            .or_insert(Known {
                declared: true,
                held,
                verdict,
            });
        known.held |= held;
    }

    /// A pair that its object has all the same, if it does not declare it.
    fn note(&mut self, owner: &OwnerId, pair: Pair, verdict: Verdict) {
        self.by_owner
            .entry(owner.clone())
            .or_default()
            .entry(pair)
            .or_insert(Known {
                declared: false,
                held: false,
                verdict,
            });
    }

    fn knows(&self, owner: &OwnerId, pair: Pair) -> bool {
        self.by_owner
            .get(owner)
            .is_some_and(|known| known.contains_key(&pair))
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

/// What objects own, whether they declare it now or only keep it, or have not lost it yet.
fn owned(ledger: &Ledger) -> impl Iterator<Item = (&OwnerId, Pair)> {
    let by_door = ledger.doors.iter().flat_map(|(door, record)| {
        record.claims.iter().flat_map(|claim| {
            let owners = claim.owners.iter();
            owners.map(|owner| (owner, (*door, claim.partner)))
        })
    });
    let by_key = ledger.head.keys.values().flat_map(|key| {
        let doors = key.doors.iter();
        doors.map(|entry| (&key.owner, (entry.door, key.partner)))
    });
    by_door.chain(by_key)
}

/// What writes that are not settled may give or take away.
fn under_way(ledger: &Ledger) -> impl Iterator<Item = (&OwnerId, Pair)> {
    ledger.head.intents.iter().flat_map(|intent| {
        let doors = intent.doors.iter();
        let records = doors.filter_map(|door| Some((*door, ledger.doors.get(door)?)));
        let entries = records.flat_map(|(door, record)| {
            let entries = record.may_open.iter().filter(|entry| {
                entry.intent() == Some(intent.number)
                    || (entry.gone.is_none() && takes_away(intent, entry))
            });
            entries.map(move |entry| (door, entry.partner))
        });
        entries.flat_map(|pair| {
            let owners = std::iter::once(&intent.owner).chain(&intent.shared_with);
            owners.map(move |owner| (owner, pair))
        })
    })
}
