//! What a change of the declarations does: the plan without it against the plan with it, both made from
//! the same look and the same ledger. What both would do is pending anyway.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::ledger::Fingerprint;
use crate::plan::{Action, Plan, Refusal, Step, Summary, Waiting, WaitingKind};
use crate::planner::summary;
use crate::reasons::Reason;

/// What a change does at one property.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What only the change causes. Its counts leave out what would have come anyway.
    pub caused: Plan,
    /// How each step of `caused` comes from the change.
    pub how: BTreeMap<Fingerprint, How>,
    /// Steps that were pending and are not done any more.
    pub unnecessary: Vec<Step>,
    /// Refusals that were there and are not any more.
    pub solved: Vec<Refusal>,
    /// What would be done and refused anyway.
    pub pending: Plan,
}

/// How a step comes from a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Nothing was to be done there.
    Added,
    /// Something else was to be done there.
    Instead,
    /// It was held, or not to be performed, and now is: an approval, a higher limit, another mode.
    Released,
    /// It was to be performed, and is now held.
    Held,
}

impl How {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Instead => "instead",
            Self::Released => "released",
            Self::Held => "held",
        }
    }
}

/// Compares the plan of a property without a change and with it. `None`: no plan is made there.
#[must_use]
pub fn change(base: Option<&Plan>, with: Option<&Plan>) -> Option<Change> {
    let nothing = |like: &Plan| Plan {
        steps: Vec::new(),
        refusals: Vec::new(),
        waiting: Vec::new(),
        unmanaged: Vec::new(),
        drifted: Vec::new(),
        notes: Vec::new(),
        ..like.clone()
    };
    match (base, with) {
        (None, None) => None,
        (Some(base), Some(with)) => Some(compare(base, with)),
        (Some(base), None) => Some(compare(base, &nothing(base))),
        (None, Some(with)) => Some(compare(&nothing(with), with)),
    }
}

fn compare(base: &Plan, with: &Plan) -> Change {
    let was: BTreeMap<&Fingerprint, &Step> = base
        .steps
        .iter()
        .map(|step| (&step.fingerprint, step))
        .collect();
    let stays: BTreeSet<&Fingerprint> = with.steps.iter().map(|step| &step.fingerprint).collect();
    let replaced: BTreeMap<Subject<'_>, &Step> = base
        .steps
        .iter()
        .filter(|step| !stays.contains(&step.fingerprint))
        .map(|step| (subject(step), step))
        .collect();
    let mut how = BTreeMap::new();
    let mut pending = Vec::new();
    let mut caused = Vec::new();
    let mut unnecessary = Vec::new();
    for step in &with.steps {
        let before = was.get(&step.fingerprint);
        let why = match before.map(|before| (done(base, before), done(with, step))) {
            None if replaced.contains_key(&subject(step)) => How::Instead,
            None => How::Added,
            Some((false, true)) => How::Released,
            Some((true, false)) if step.held.is_some() => How::Held,
            // Not performed any more: the mode, or suspended.
            Some((true, false)) => {
                unnecessary.push(step.clone());
                continue;
            }
            Some((true, true) | (false, false)) => {
                pending.push(step.clone());
                continue;
            }
        };
        how.insert(step.fingerprint.clone(), why);
        caused.push(step.clone());
    }
    let about: BTreeSet<Subject<'_>> = with.steps.iter().map(subject).collect();
    unnecessary.extend(
        base.steps
            .iter()
            .filter(|step| !stays.contains(&step.fingerprint) && !about.contains(&subject(step)))
            .cloned(),
    );
    let (new_refusals, old_refusals) = split(&with.refusals, &base.refusals, refused);
    let (solved, _) = split(&base.refusals, &with.refusals, refused);
    let (new_waiting, old_waiting) = split(&with.waiting, &base.waiting, waits);
    let (new_unmanaged, old_unmanaged) = split(&with.unmanaged, &base.unmanaged, Clone::clone);
    let (new_drifted, old_drifted) = split(&with.drifted, &base.drifted, Clone::clone);
    let (new_notes, old_notes) = split(&with.notes, &base.notes, Clone::clone);
    let mut caused = Plan {
        steps: caused,
        refusals: new_refusals,
        waiting: new_waiting,
        unmanaged: new_unmanaged,
        drifted: new_drifted,
        notes: new_notes,
        ..with.clone()
    };
    caused.summary = counts(&caused, base);
    if caused.steps.iter().all(|step| step.held.is_none()) {
        caused.hold_id = None;
    }
    let mut pending = Plan {
        steps: pending,
        refusals: old_refusals,
        waiting: old_waiting,
        unmanaged: old_unmanaged,
        drifted: old_drifted,
        notes: old_notes,
        ..with.clone()
    };
    pending.summary = summary(&pending);
    Change {
        caused,
        how,
        unnecessary,
        solved,
        pending,
    }
}

/// What a step is about: a door, or a key, which has no uuid before it is made.
type Subject<'a> = (Option<DoorUuid>, Option<KeyUuid>, Option<&'a str>);

fn subject(step: &Step) -> Subject<'_> {
    (
        step.door.as_ref().and_then(|door| door.uuid),
        step.key.as_ref().and_then(|key| key.uuid),
        step.key.as_ref().map(|key| key.name.as_str()),
    )
}

/// Whether a step of this plan would be performed.
fn done(plan: &Plan, step: &Step) -> bool {
    step.held.is_none() && plan.not_performed.is_none()
}

/// What of some is not among others, and what is, by what makes two the same.
fn split<T: Clone, K: Ord>(some: &[T], others: &[T], key: fn(&T) -> K) -> (Vec<T>, Vec<T>) {
    let known: BTreeSet<K> = others.iter().map(key).collect();
    some.iter()
        .cloned()
        .partition(|one| !known.contains(&key(one)))
}

/// A line that moved in its file is no other refusal.
fn refused(refusal: &Refusal) -> (Reason, String, String, String) {
    (
        refusal.reason,
        refusal.cause.kind.clone(),
        refusal.cause.name.clone(),
        refusal.message.clone(),
    )
}

#[allow(clippy::type_complexity, reason = "it is a key and nothing else")]
fn waits(
    waiting: &Waiting,
) -> (
    WaitingKind,
    Option<DoorUuid>,
    String,
    Option<&'static str>,
    Reason,
) {
    (
        waiting.kind,
        waiting.door.as_ref().and_then(|door| door.uuid),
        waiting.partner.clone(),
        waiting.via,
        waiting.reason,
    )
}

fn counts(caused: &Plan, base: &Plan) -> Summary {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut counts = summary(caused);
    let new = |of: fn(&Step) -> &[(DoorUuid, PartnerUuid)]| {
        let pair = |plan: &Plan, step: &Step| -> BTreeSet<((DoorUuid, PartnerUuid), bool)> {
            let done = done(plan, step);
            of(step).iter().map(|pair| (*pair, done)).collect()
        };
        number(more(caused, base, pair))
    };
    counts.grants = new(|step| &step.grants);
    counts.removals = new(|step| &step.losses);
    let visits = |plan: &Plan| -> BTreeSet<Option<DoorUuid>> {
        let steps = plan.steps.iter();
        steps
            .flat_map(|step| step.visits.iter().map(|door| door.uuid))
            .collect()
    };
    counts.door_visits = number(visits(caused).difference(&visits(base)).count());
    let keys = |action: Action| {
        let key = move |plan: &Plan, step: &Step| -> BTreeSet<(String, bool)> {
            let key = step.key.as_ref().filter(|_| step.action == action);
            key.map(|key| (key.name.clone(), done(plan, step)))
                .into_iter()
                .collect()
        };
        number(more(caused, base, key))
    };
    counts.key_creates = keys(Action::CreateKey);
    counts.key_deletes = keys(Action::DeleteKey);
    counts
}

/// How many things a plan does that would not have been done anyway, or held anyway.
fn more<T: Ord + Clone>(
    caused: &Plan,
    base: &Plan,
    of: impl Fn(&Plan, &Step) -> BTreeSet<(T, bool)>,
) -> usize {
    let all = |plan: &Plan| -> BTreeSet<(T, bool)> {
        plan.steps.iter().flat_map(|step| of(plan, step)).collect()
    };
    let before = all(base);
    all(caused)
        .iter()
        .filter(|(thing, done)| {
            !before.contains(&(thing.clone(), true)) && !before.contains(&(thing.clone(), *done))
        })
        .map(|(thing, _)| thing)
        .collect::<BTreeSet<_>>()
        .len()
}
