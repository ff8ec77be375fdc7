//! The figures of a pass.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;
use opendoor_api::Kind;
use opendoor_planner::exposure::unproven;
use opendoor_planner::plan::WaitingKind;
use opendoor_planner::reasons::Reason;
use opendoor_planner::settle::Outcome;
use opendoor_reconciler::pass::PassReport;
use opendoor_reconciler::ports::Ownership;
use serde_json::Value;

use crate::context::Context;
use crate::metrics::{
    CONDITIONS, Metrics, OfConnection, OfLayer, STATUSES, hand_edit, of, of_condition, of_reason,
};
use crate::objects::{Name, Seen};
use crate::passes::AtHand;
use crate::report::before_of;
use crate::shards::SHARDS;

/// Measures a pass.
pub(crate) fn measure(context: &Context, at_hand: &AtHand, pass: &PassReport, now: Timestamp) {
    let (metrics, name) = (&context.metrics, &at_hand.name);
    let label = of(name);
    let mut memory = context.memory.borrow_mut();
    let memory = memory.entry(name.clone()).or_default();
    hand_edits(context, at_hand, pass, memory);
    by_reason(context, at_hand, pass);
    let mut doors = BTreeSet::new();
    let mut hand_off: Option<Timestamp> = None;
    for waiting in &pass.after.waiting {
        match (waiting.kind, waiting.since) {
            (WaitingKind::Sync, Some(_)) => {
                doors.insert(waiting.door.as_ref().and_then(|door| door.uuid));
            }
            (WaitingKind::Email, Some(since)) => {
                hand_off = Some(hand_off.map_or(since, |oldest| oldest.min(since)));
            }
            _ => {}
        }
    }
    let owed = unproven(&pass.ledger);
    for (pair, since) in &memory.owed {
        if !owed.contains_key(pair) {
            let layer = OfLayer { layer: "lock" };
            let took = pass.at.duration_since(*since).as_secs_f64();
            metrics
                .revocation
                .get_or_create(&layer)
                .observe(took.max(0.0));
        }
    }
    memory.owed = owed;
    for settled in &pass.settled {
        if settled.outcome == Outcome::Applied {
            let step = pass
                .plan
                .steps
                .iter()
                .find(|step| step.fingerprint == settled.intent.fingerprint);
            if let Some(step) = step {
                let label = of_reason(name, step.action.as_str());
                metrics.changes.get_or_create(&label).inc();
                if !step.losses.is_empty() {
                    let took = pass.at.duration_since(settled.intent.begun).as_secs_f64();
                    let layer = OfLayer { layer: "door_os" };
                    metrics
                        .revocation
                        .get_or_create(&layer)
                        .observe(took.max(0.0));
                }
            }
        }
    }
    metrics.visits.get_or_create(&label).set(size(doors.len()));
    measure_owed(context, at_hand, pass.at);
    memory.failing_since = None;
    no_longer_failing(metrics, name, None);
    if pass.observed.incomplete.is_none() {
        metrics.observed_at.get_or_create(&label).set(seconds(now));
    }
    match hand_off {
        Some(since) => {
            metrics
                .hand_off_since
                .get_or_create(&label)
                .set(seconds(since));
        }
        None => {
            metrics.hand_off_since.remove(&label);
        }
    }
    if pass.after.not_performed == Some(Reason::Suspended) {
        let since = *memory.suspended_since.get_or_insert(now);
        metrics
            .paused_since
            .get_or_create(&label)
            .set(seconds(since));
    } else {
        memory.suspended_since = None;
        metrics.paused_since.remove(&label);
    }
    only_if_held(context, name);
}

/// Measures a Property that no pass could be made over. `since`: what its status says of that, if it has one.
pub(crate) fn measure_failure(
    context: &Context,
    at_hand: &AtHand,
    reason: Reason,
    since: Option<Timestamp>,
    now: Timestamp,
) {
    let (metrics, name) = (&context.metrics, &at_hand.name);
    match since {
        Some(since) => {
            let mut memory = context.memory.borrow_mut();
            let memory = memory.entry(name.clone()).or_default();
            // A status that cannot be written must not begin the count anew.
            let since = *memory.failing_since.get_or_insert(since);
            no_longer_failing(metrics, name, Some(reason));
            let label = of_reason(name, reason.as_str());
            metrics
                .failing_since
                .get_or_create(&label)
                .set(seconds(since));
        }
        // There is no Property that could be looked at or corrected; there is what its locks owe.
        None => metrics.forget(name),
    }
    measure_owed(context, at_hand, now);
    only_if_held(context, name);
}

/// What locks owe, by the ledger and the time alone: it goes on while nothing can be seen.
fn measure_owed(context: &Context, at_hand: &AtHand, now: Timestamp) {
    let (metrics, label) = (&context.metrics, of(&at_hand.name));
    let known = context.ledgers.of_property(&at_hand.name);
    let unproven = known.map_or_else(|| Rc::from([]), |(_, known)| known.unproven);
    let objective = at_hand.objective();
    let deadline = |since: &Timestamp| since.checked_add(objective).ok();
    let overdue = unproven
        .iter()
        .filter(|since| deadline(since).is_some_and(|deadline| deadline < now));
    let oldest = unproven.first().map_or(0.0, |since| {
        now.duration_since(*since).as_secs_f64().max(0.0)
    });
    metrics
        .overdue
        .get_or_create(&label)
        .set(size(overdue.count()));
    metrics
        .unproven
        .get_or_create(&label)
        .set(size(unproven.len()));
    metrics.oldest_unproven.get_or_create(&label).set(oldest);
    match unproven.first().and_then(deadline) {
        Some(deadline) => {
            metrics
                .deadline
                .get_or_create(&label)
                .set(seconds(deadline));
        }
        None => {
            metrics.deadline.remove(&label);
        }
    }
}

/// Takes away what was measured of failures, but for one reason.
fn no_longer_failing(metrics: &Metrics, name: &Name, but_for: Option<Reason>) {
    for reason in Reason::ALL {
        if Some(*reason) != but_for {
            metrics
                .failing_since
                .remove(&of_reason(name, reason.as_str()));
        }
    }
}

/// A Property that went to another replica meanwhile is measured there: what is left here would be read for ever.
fn only_if_held(context: &Context, name: &Name) {
    let shard = context.shards_of.borrow().get(name).copied();
    if !shard.is_some_and(|shard| context.deadlines.holds(shard)) {
        context.metrics.forget(name);
    }
}

/// The figures of this replica itself.
pub(crate) fn measure_process(context: &Context) {
    let owned = (0..SHARDS).filter(|shard| context.deadlines.holds(*shard));
    context.metrics.shards.set(size(owned.count()));
    let mut left: BTreeMap<String, f64> = BTreeMap::new();
    // One that nothing is sent over keeps what it had left, which means nothing.
    let in_use = context.accounts.in_use().into_iter();
    for account in in_use.filter(|account| account.holds()) {
        // Of the accounts of a connection the one that is worst off.
        let of = account.client.budget_left();
        left.entry(account.connection.clone())
            .and_modify(|least| *least = least.min(of))
            .or_insert(of);
    }
    for connection in &context.config.connections {
        let connection = connection.name.clone();
        let now = left.get(&connection).copied();
        let label = OfConnection { connection };
        match now {
            Some(left) => {
                context.metrics.budget.get_or_create(&label).set(left);
            }
            None => {
                context.metrics.budget.remove(&label);
            }
        }
    }
}

/// Differences made by hand: how many there are, and how many were found that were not there before.
fn hand_edits(
    context: &Context,
    at_hand: &AtHand,
    pass: &PassReport,
    memory: &mut crate::context::Memory,
) {
    let metrics = &context.metrics;
    for (edit, found, left, known) in [
        (
            "added",
            &pass.plan.unmanaged,
            &pass.after.unmanaged,
            &mut memory.added,
        ),
        (
            "changed",
            &pass.plan.drifted,
            &pass.after.drifted,
            &mut memory.changed,
        ),
    ] {
        let label = hand_edit(&at_hand.name, edit);
        let new = found.iter().filter(|edit| !known.contains(edit)).count();
        metrics
            .drift_found
            .get_or_create(&label)
            .inc_by(u64::try_from(new).unwrap_or(u64::MAX));
        // What was repaired is found anew if it is done again.
        *known = left.iter().cloned().collect();
        metrics.drift.get_or_create(&label).set(size(known.len()));
    }
}

fn by_reason(context: &Context, at_hand: &AtHand, pass: &PassReport) {
    let (metrics, name) = (&context.metrics, &at_hand.name);
    let mut held: BTreeMap<Reason, usize> = BTreeMap::new();
    let mut refused: BTreeMap<Reason, usize> = BTreeMap::new();
    for reason in pass.after.steps.iter().filter_map(|step| step.held) {
        *held.entry(reason).or_default() += 1;
    }
    for refusal in &pass.after.refusals {
        *refused.entry(refusal.reason).or_default() += 1;
    }
    for (family, counts) in [(&metrics.held, held), (&metrics.refused, refused)] {
        for reason in Reason::ALL {
            let label = of_reason(name, reason.as_str());
            match counts.get(reason) {
                Some(count) => {
                    family.get_or_create(&label).set(size(*count));
                }
                None => {
                    family.remove(&label);
                }
            }
        }
    }
}

/// Counts the conditions of a Property and its objects, as their statuses say now.
pub(crate) fn measure_conditions(context: &Context, name: &Name) {
    let head = context
        .ledgers
        .of_property(name)
        .map(|(_, known)| known.head)
        .unwrap_or_default();
    let objects = context.objects.borrow();
    let property = objects.get(Kind::Property, name).cloned();
    let all: Vec<Rc<Seen>> = property
        .into_iter()
        .chain(objects.belonging_to(name, &head))
        .collect();
    let mut counts: BTreeMap<(Kind, &str, &str), usize> = BTreeMap::new();
    for seen in &all {
        for condition in CONDITIONS {
            let said = before_of(&seen.status, condition).and_then(|said| said.get("status"));
            if let Some(status) = said.and_then(Value::as_str) {
                *counts.entry((seen.kind, condition, status)).or_default() += 1;
            }
        }
    }
    for kind in [Kind::Property, Kind::DoorAssignment, Kind::PartnerKey] {
        for condition in CONDITIONS {
            for status in STATUSES {
                let family = &context.metrics.conditions;
                let label = of_condition(name, kind, condition, status);
                // Most are none: a thousand Properties would have 54,000 series that say so.
                match counts.get(&(kind, condition, status)) {
                    Some(count) => {
                        family.get_or_create(&label).set(size(*count));
                    }
                    None => {
                        family.remove(&label);
                    }
                }
            }
        }
    }
    only_if_held(context, name);
}

fn size(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
