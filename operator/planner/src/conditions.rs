//! What is said of each object: its conditions and counts, computed from one look, its ledger and
//! the plan that remains. The words are the catalogue's; the rules are the design's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use opendoor_api::condition;
use serde::{Deserialize, Serialize};

use crate::exposure::{self, Tri, Verdict, view_of};
use crate::ids::{DoorUuid, PartnerUuid};
use crate::intake::{InForce, Taken};
use crate::ledger::Ledger;
use crate::observed::{Holder, Observed};
use crate::owner::{OwnerId, OwnerKind};
use crate::partners::listing;
use crate::plan::{Plan, WaitingKind};
use crate::reasons::{Class, Reason};
use crate::selected::selected;
use crate::steps::partner_name;

pub use crate::selected::Selected;

/// Longest list of doors that are not fine, in one status.
const DOORS_SHOWN: usize = 32;

/// One condition, before a home stamps its transition time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// True, False or Unknown.
    pub status: String,
    /// A word of the catalogue.
    pub reason: String,
    /// For a person; bounded and stable.
    pub message: String,
}

/// What is said of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStatus {
    /// The object.
    pub owner: OwnerId,
    /// Its conditions, in a fixed order. `Reconciling` and `Stalled` only where they are true.
    pub conditions: Vec<Condition>,
    /// Pairs it declares now; what is only owed at a lock is not among them.
    pub declared: u32,
    /// Of them, held in DOOR OS.
    pub applied: u32,
    /// Of them, proven at the lock.
    pub enforced: u32,
    /// Doors somebody must visit for it.
    pub visits: u32,
    /// Doors that are not fine, at most 32.
    pub doors: Vec<DoorNote>,
    /// The key it is, for a PartnerKey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<crate::ids::KeyUuid>,
    /// The doors it selects, for a DoorAssignment that describes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<Selected>,
}

/// A door that is not fine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DoorNote {
    /// Its name.
    pub door: String,
    /// Why.
    pub reason: Reason,
}

/// The statuses of a property and its objects, the property first.
#[must_use]
pub fn statuses(
    ledger: &Ledger,
    taken: &Taken,
    observed: &Observed,
    plan: &Plan,
    now: Timestamp,
) -> Vec<ObjectStatus> {
    let pairs = Pairs::collect(ledger, taken, observed, now);
    let property = Taken::property_owner(ledger);
    let mut all = vec![status(&property, None, &pairs, plan, ledger, observed)];
    let mut selected = selected(ledger, taken, observed);
    for (at, object) in taken.objects.iter().enumerate() {
        let said = status(&object.owner, Some(object), &pairs, plan, ledger, observed);
        all.push(ObjectStatus {
            selected: selected.remove(&at),
            ..said
        });
    }
    all
}

/// Verdicts on every pair, by the object they belong to.
struct Pairs {
    by_owner: BTreeMap<OwnerId, BTreeMap<Pair, (bool, Verdict)>>,
    /// How many of them nothing declares any more: a lock may still accept them.
    only_owed: BTreeMap<OwnerId, usize>,
}

/// A partner at a door.
type Pair = (DoorUuid, PartnerUuid);

impl Pairs {
    fn collect(ledger: &Ledger, taken: &Taken, observed: &Observed, now: Timestamp) -> Self {
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
    fn declared(&self, owner: &OwnerId, all: usize) -> usize {
        let only_owed = if owner.kind == OwnerKind::Property {
            self.only_owed.values().sum()
        } else {
            self.only_owed.get(owner).copied().unwrap_or_default()
        };
        all.saturating_sub(only_owed)
    }

    /// The pairs of one object; of the property, everybody's.
    fn of(&self, owner: &OwnerId) -> Vec<PairView<'_>> {
        if owner.kind == OwnerKind::Property {
            self.by_owner.values().flatten().collect()
        } else {
            self.by_owner.get(owner).into_iter().flatten().collect()
        }
    }
}

fn status(
    owner: &OwnerId,
    object: Option<&InForce>,
    pairs: &Pairs,
    plan: &Plan,
    ledger: &Ledger,
    observed: &Observed,
) -> ObjectStatus {
    let is_property = owner.kind == OwnerKind::Property;
    let mine = pairs.of(owner);
    let standing = Standing::of(owner, plan);
    let visits: BTreeSet<DoorUuid> = mine
        .iter()
        .filter(|(_, (_, verdict))| owes_visit(verdict))
        .map(|((door, _), _)| *door)
        .collect();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let door_name = |door: &DoorUuid| crate::key_steps::door_name(observed, *door);
    let mut notes: Vec<DoorNote> = mine
        .iter()
        .filter(|(_, (_, verdict))| verdict.enforced != Tri::True)
        .map(|((door, _), (_, verdict))| DoorNote {
            door: door_name(door),
            reason: verdict.reason,
        })
        .collect();
    notes.sort();
    notes.dedup();
    notes.truncate(DOORS_SHOWN);
    let visit_names: Vec<String> = visits.iter().map(door_name).collect();
    let mut conditions = standing.conditions(plan);
    conditions.push(enforced(&mine, is_property, observed, ledger));
    conditions.push(sync_required(&mine, &visit_names, observed));
    conditions.push(drifted(owner, plan));
    if let Some(authorized) = authorized(owner, plan, is_property) {
        conditions.push(authorized);
    }
    let key = object
        .and_then(|object| ledger.key_of(&object.owner))
        .map(|(uuid, _)| uuid);
    ObjectStatus {
        owner: owner.clone(),
        conditions,
        declared: count(pairs.declared(owner, mine.len())),
        applied: count(mine.iter().filter(|(_, (held, _))| *held).count()),
        enforced: count(
            mine.iter()
                .filter(|(_, (_, verdict))| verdict.enforced == Tri::True)
                .count(),
        ),
        visits: count(visits.len()),
        doors: notes,
        key,
        selected: None,
    }
}

/// How an object stands towards DOOR OS.
struct Standing {
    /// Steps of it that are left and that we perform ourselves.
    working: usize,
    /// Why a person has to act, with words; the first is the one that shows.
    stalled: Vec<(Reason, String)>,
    /// Why it cannot be told.
    unclear: Vec<(Reason, String)>,
}

impl Standing {
    fn of(owner: &OwnerId, plan: &Plan) -> Self {
        let all = owner.kind == OwnerKind::Property;
        let mut standing = Self {
            working: 0,
            stalled: Vec::new(),
            unclear: Vec::new(),
        };
        for refusal in &plan.refusals {
            let mine = all || refusal.owner.as_ref().is_none_or(|of| of == owner);
            if !mine {
                continue;
            }
            let said = (refusal.reason, refusal.message.clone());
            match refusal.reason.class() {
                Class::CannotTell => standing.unclear.push(said),
                Class::Working => standing.working += 1,
                _ if refusal.owner.is_some() || all => standing.stalled.push(said),
                _ => {}
            }
        }
        let mut held: BTreeMap<Reason, usize> = BTreeMap::new();
        for step in plan.steps.iter().filter(|step| all || step.owner == *owner) {
            match step.held.or(plan.not_performed) {
                Some(reason) => *held.entry(reason).or_default() += 1,
                None => standing.working += 1,
            }
        }
        for (reason, count) in held {
            let id = plan.hold_id.as_deref().filter(|_| {
                reason.class() == Class::Held
                    || reason == Reason::Drifted
                    || reason == Reason::Unmanaged
            });
            let how = id.map_or_else(
                || reason.fix().to_owned(),
                |id| format!("Approve with {id} if it is meant."),
            );
            standing.stalled.push((
                reason,
                format!("{count} changes wait: {} {how}", reason.meaning()),
            ));
        }
        let waiting: BTreeSet<&str> = plan
            .waiting
            .iter()
            .filter(|waiting| match waiting.kind {
                WaitingKind::Authorization => all || waiting.owner.as_ref() == Some(owner),
                WaitingKind::Email => all && waiting.reason == Reason::AwaitingAuthorization,
                WaitingKind::Sync => false,
            })
            .map(|waiting| waiting.partner.as_str())
            .collect();
        if !waiting.is_empty() {
            let names: Vec<String> = waiting.into_iter().map(str::to_owned).collect();
            standing.stalled.push((
                Reason::AwaitingAuthorization,
                format!("DOOR has not authorised {} here yet.", listing(&names, 5)),
            ));
        }
        standing
    }

    fn conditions(&self, plan: &Plan) -> Vec<Condition> {
        let unclear = self.unclear.first();
        let stalled = self.stalled.first();
        let applied = match (unclear, stalled) {
            (Some((reason, message)), _) => new(condition::APPLIED, Tri::Unknown, *reason, message),
            (None, Some((reason, message))) => {
                new(condition::APPLIED, Tri::False, *reason, message)
            }
            (None, None) if self.working > 0 => new(
                condition::APPLIED,
                Tri::False,
                Reason::Progressing,
                Reason::Progressing.meaning(),
            ),
            (None, None) => new(
                condition::APPLIED,
                Tri::True,
                Reason::InSync,
                Reason::InSync.meaning(),
            ),
        };
        let mut conditions = Vec::with_capacity(7);
        let busy = self.working > 0 || unclear.is_some() || !plan.complete;
        match (stalled, unclear) {
            (Some((reason, message)), _) if !busy => {
                conditions.push(new(condition::READY, Tri::False, *reason, message));
                conditions.push(new(condition::STALLED, Tri::True, *reason, message));
            }
            (_, Some((reason, message))) => {
                conditions.push(new(condition::READY, Tri::False, *reason, message));
                conditions.push(new(condition::RECONCILING, Tri::True, *reason, message));
            }
            _ if busy => {
                let message = Reason::Progressing.meaning();
                conditions.push(new(
                    condition::READY,
                    Tri::False,
                    Reason::Progressing,
                    message,
                ));
                conditions.push(new(
                    condition::RECONCILING,
                    Tri::True,
                    Reason::Progressing,
                    message,
                ));
            }
            _ => conditions.push(new(
                condition::READY,
                Tri::True,
                Reason::InSync,
                Reason::InSync.meaning(),
            )),
        }
        conditions.push(applied);
        conditions
    }
}

fn new(kind: &str, status: Tri, reason: Reason, message: &str) -> Condition {
    Condition {
        kind: kind.to_owned(),
        status: status.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        message: bounded(message),
    }
}

/// A message that fits a condition or an Event, cut on a character's boundary.
#[must_use]
pub fn bounded(message: &str) -> String {
    const LONGEST: usize = 1000;
    if message.len() <= LONGEST {
        return message.to_owned();
    }
    let mut end = LONGEST;
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", message.get(..end).unwrap_or_default())
}

/// A pair, whether DOOR OS holds it, and the verdict on it.
type PairView<'a> = (&'a Pair, &'a (bool, Verdict));

/// Whether the locks carry it out: of an object, the worst of its pairs.
fn enforced(
    mine: &[PairView<'_>],
    is_property: bool,
    observed: &Observed,
    ledger: &Ledger,
) -> Condition {
    let worst = mine
        .iter()
        .max_by_key(|(pair, (_, verdict))| (verdict.enforced, std::cmp::Reverse(*pair)));
    let Some(((_, _), (_, verdict))) =
        worst.filter(|(_, (_, verdict))| verdict.enforced != Tri::True)
    else {
        // Doors that this look does not show may owe what nobody here knows of.
        let (enforced, reason) = if observed.incomplete.is_some() {
            (Tri::Unknown, Reason::ObservationIncomplete)
        } else if is_property && has_unknown_lock(observed, ledger) {
            (Tri::Unknown, Reason::HistoryUnknown)
        } else {
            (Tri::True, Reason::LockProven)
        };
        return new(condition::ENFORCED, enforced, reason, reason.meaning());
    };
    let mut named: Vec<String> = mine
        .iter()
        .filter(|(_, (_, other))| other.enforced == verdict.enforced)
        .map(|((door, partner), _)| {
            format!(
                "{} ({})",
                crate::key_steps::door_name(observed, *door),
                partner_name(ledger, observed, *partner)
            )
        })
        .collect();
    named.sort();
    named.dedup();
    let message = format!("{} At: {}.", verdict.reason.meaning(), listing(&named, 5));
    new(
        condition::ENFORCED,
        verdict.enforced,
        verdict.reason,
        &message,
    )
}

/// Whether a lock may accept somebody nobody here knows of, whom no object answers for.
fn has_unknown_lock(observed: &Observed, ledger: &Ledger) -> bool {
    observed.doors.iter().any(|row| {
        let record = ledger.doors.get(&row.uuid);
        row.serial.is_some() && record.is_some_and(|record| record.unknown.is_some())
    })
}

/// Whether somebody must go there because access is owed. DOOR may also ask for a Door Sync after a
/// grant; that one heals at first use and is told apart.
fn owes_visit(verdict: &Verdict) -> bool {
    verdict.sync_required == Tri::True && verdict.since.is_some()
}

fn sync_required(mine: &[PairView<'_>], visits: &[String], observed: &Observed) -> Condition {
    let first = |which: &dyn Fn(&Verdict) -> bool| {
        mine.iter()
            .map(|(_, (_, verdict))| verdict)
            .find(|verdict| which(verdict))
    };
    if let Some(verdict) = first(&owes_visit) {
        let mut names = visits.to_vec();
        names.sort();
        let message = format!(
            "{} {} a Door Sync: {}.",
            visits.len(),
            if visits.len() == 1 {
                "door needs"
            } else {
                "doors need"
            },
            listing(&names, 5)
        );
        return new(
            condition::SYNC_REQUIRED,
            Tri::True,
            verdict.reason,
            &message,
        );
    }
    if let Some(verdict) = first(&|verdict| verdict.sync_required == Tri::True) {
        let mut names: Vec<String> = mine
            .iter()
            .filter(|(_, (_, other))| other.sync_required == Tri::True)
            .map(|((door, _), _)| crate::key_steps::door_name(observed, *door))
            .collect();
        names.sort();
        names.dedup();
        let message = format!(
            "DOOR OS asks for a Door Sync after a grant at {}. The partner's first use does the same; only doorcodes wait for it.",
            listing(&names, 5)
        );
        return new(
            condition::SYNC_REQUIRED,
            Tri::True,
            verdict.reason,
            &message,
        );
    }
    match first(&|verdict| verdict.sync_required == Tri::Unknown) {
        Some(verdict) => new(
            condition::SYNC_REQUIRED,
            Tri::Unknown,
            verdict.reason,
            verdict.reason.meaning(),
        ),
        None => {
            let worst = mine.iter().map(|(_, (_, verdict))| verdict);
            let reason = worst
                .max_by_key(|verdict| verdict.enforced)
                .map_or(Reason::LockProven, |verdict| verdict.reason);
            new(
                condition::SYNC_REQUIRED,
                Tri::False,
                reason,
                "No lock needs a visit for this.",
            )
        }
    }
}

fn drifted(owner: &OwnerId, plan: &Plan) -> Condition {
    let mine: Vec<String> = plan
        .drifted
        .iter()
        .filter(|change| owner.kind == OwnerKind::Property || change.owner.as_ref() == Some(owner))
        .map(|change| format!("{}: {}", change.what, change.change))
        .collect();
    if mine.is_empty() {
        return new(
            condition::DRIFTED,
            Tri::False,
            Reason::InSync,
            "Nothing that was applied was changed by hand.",
        );
    }
    let message = listing(&mine, 5);
    new(condition::DRIFTED, Tri::True, Reason::Drifted, &message)
}

fn authorized(owner: &OwnerId, plan: &Plan, is_property: bool) -> Option<Condition> {
    let waits: BTreeSet<&str> = plan
        .waiting
        .iter()
        .filter(|waiting| {
            waiting.reason == Reason::AwaitingAuthorization
                && (is_property || waiting.owner.as_ref() == Some(owner))
        })
        .map(|waiting| waiting.partner.as_str())
        .collect();
    if waits.is_empty() {
        return Some(new(
            condition::AUTHORIZED,
            Tri::True,
            Reason::InSync,
            "DOOR has authorised every partner used here.",
        ));
    }
    let names: Vec<String> = waits.into_iter().map(str::to_owned).collect();
    let message = format!("DOOR has not authorised {} here yet.", listing(&names, 5));
    Some(new(
        condition::AUTHORIZED,
        Tri::False,
        Reason::AwaitingAuthorization,
        &message,
    ))
}
