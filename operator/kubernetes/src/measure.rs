//! The figures of a pass.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use opendoor_api::Kind;
use opendoor_planner::plan::{HandMade, WaitingKind};
use opendoor_planner::reasons::Reason;
use opendoor_planner::settle::Outcome;
use opendoor_reconciler::pass::PassReport;

use crate::context::Context;
use crate::metrics::{
    CONDITIONS, OfConnection, OfLayer, STATUSES, hand_edit, of, of_condition, of_reason,
};
use crate::passes::AtHand;
use crate::shards::SHARDS;

/// Measures a pass.
pub(crate) fn measure(context: &Context, at_hand: &AtHand, pass: &PassReport, now: Timestamp) {
    let (metrics, name) = (&context.metrics, &at_hand.name);
    let label = of(name);
    let mut memory = context.memory.borrow_mut();
    let memory = memory.entry(name.clone()).or_default();
    hand_edits(context, at_hand, pass, memory);
    by_reason(context, at_hand, pass);
    let mut owed = BTreeMap::new();
    let mut overdue = 0;
    let mut hand_off: Option<Timestamp> = None;
    for waiting in &pass.after.waiting {
        match (waiting.kind, waiting.since) {
            (WaitingKind::Sync, Some(since)) => {
                let door = waiting.door.as_ref().and_then(|door| door.uuid);
                owed.insert((door, waiting.partner.clone()), since);
                overdue += i64::from(waiting.deadline.is_some_and(|deadline| deadline < pass.at));
            }
            (WaitingKind::Email, Some(since)) => {
                hand_off = Some(hand_off.map_or(since, |oldest| oldest.min(since)));
            }
            _ => {}
        }
    }
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
    let oldest = owed.values().min().map_or(0.0, |since| {
        pass.at.duration_since(*since).as_secs_f64().max(0.0)
    });
    let doors: BTreeSet<_> = owed.keys().map(|(door, _)| door).collect();
    metrics.unproven.get_or_create(&label).set(size(owed.len()));
    metrics.visits.get_or_create(&label).set(size(doors.len()));
    metrics.overdue.get_or_create(&label).set(overdue);
    metrics.oldest_unproven.get_or_create(&label).set(oldest);
    memory.owed = owed;
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
    conditions(context, at_hand, pass);
    let shard = context.shards_of.borrow().get(name).copied();
    if !shard.is_some_and(|shard| context.deadlines.holds(shard)) {
        // It went to another replica meanwhile, which measures it: what is left here would be read for ever.
        metrics.forget(name);
    }
}

/// The figures of this replica itself.
pub(crate) fn measure_process(context: &Context) {
    let owned = (0..SHARDS).filter(|shard| context.deadlines.holds(*shard));
    context.metrics.shards.set(size(owned.count()));
    let mut left: BTreeMap<String, f64> = BTreeMap::new();
    for account in context.accounts.all_open() {
        // Of the accounts of a connection the one that is worst off.
        let of = account.client.budget_left();
        left.entry(account.connection.clone())
            .and_modify(|least| *least = least.min(of))
            .or_insert(of);
    }
    for (connection, left) in left {
        let label = OfConnection { connection };
        context.metrics.budget.get_or_create(&label).set(left);
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
    let added: BTreeSet<HandMade> = pass.plan.unmanaged.iter().cloned().collect();
    let changed: BTreeSet<HandMade> = pass.plan.drifted.iter().cloned().collect();
    for (edit, now, before) in [
        ("added", &added, &memory.added),
        ("changed", &changed, &memory.changed),
    ] {
        let label = hand_edit(&at_hand.name, edit);
        let new = now.difference(before).count();
        metrics.drift.get_or_create(&label).set(size(now.len()));
        metrics
            .drift_found
            .get_or_create(&label)
            .inc_by(u64::try_from(new).unwrap_or(u64::MAX));
    }
    // What was repaired is found anew if it is done again.
    memory.changed = pass.after.drifted.iter().cloned().collect();
    memory.added = added;
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

fn conditions(context: &Context, at_hand: &AtHand, pass: &PassReport) {
    let mut counts: BTreeMap<(Kind, &str, &str), usize> = BTreeMap::new();
    for said in &pass.statuses {
        let Some(kind) = Kind::named(said.owner.kind.as_str()) else {
            continue;
        };
        for finding in &said.conditions {
            *counts
                .entry((kind, finding.kind.as_str(), finding.status.as_str()))
                .or_default() += 1;
        }
    }
    for kind in [Kind::Property, Kind::DoorAssignment, Kind::PartnerKey] {
        for condition in CONDITIONS {
            for status in STATUSES {
                let family = &context.metrics.conditions;
                let label = of_condition(&at_hand.name, kind, condition, status);
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
}

fn size(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}
