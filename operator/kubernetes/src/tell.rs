//! Saying what came of a pass: statuses, Events, the DoorSyncOrder, and figures.

use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use opendoor_api::{Kind, condition};
use opendoor_planner::conditions::{Condition as Finding, ObjectStatus};
use opendoor_planner::owner::{OwnerId, OwnerKind};
use opendoor_planner::plan::HandMade;
use opendoor_planner::reasons::{Class, Reason};
use opendoor_planner::settle::Outcome;
use opendoor_planner::writes::Write;
use opendoor_reconciler::history::applied_word;
use opendoor_reconciler::pass::PassReport;
use serde_json::Value;

use crate::context::Context;
use crate::events::{Said, Tone};
use crate::measure::measure;
use crate::objects::Seen;
use crate::orders::{Order, bring_in_line};
use crate::passes::AtHand;
use crate::report::{self, before_of, conditions_only, failure, unplanned};

/// Most things named in one Event.
const NAMED: usize = 8;

/// Says what came of a pass.
pub(crate) async fn tell(context: &Context, at_hand: &AtHand, pass: &PassReport) {
    let now = Timestamp::now();
    measure(context, at_hand, pass, now);
    let by_owner: BTreeMap<&OwnerId, &ObjectStatus> = pass
        .statuses
        .iter()
        .map(|said| (&said.owner, said))
        .collect();
    let changes = changes(pass);
    for seen in objects_of(context, at_hand, pass) {
        let said = match seen.owner() {
            Some(owner) => by_owner.get(&owner).copied(),
            None => pass
                .statuses
                .iter()
                .find(|said| said.owner.kind == OwnerKind::Property),
        };
        let (status, findings) = match said {
            Some(said) if seen.kind == Kind::Property => (
                report::property(pass, said, &seen, seen.generation, now),
                said.conditions.clone(),
            ),
            Some(said) => (
                report::object(pass, said, &seen, seen.generation, now),
                said.conditions.clone(),
            ),
            None => {
                let findings = unplanned(&seen, &pass.after);
                (
                    conditions_only(&seen, &findings, seen.generation, now),
                    findings,
                )
            }
        };
        let done = changes
            .iter()
            .filter(|(owner, _)| Some(owner) == seen.owner().as_ref());
        for (_, said) in done {
            context.events.say(&seen, said).await;
        }
        let drift = found_drift(&seen, pass);
        write_and_say(context, &seen, &status, &findings, drift).await;
    }
    let order = context.object(Kind::DoorSyncOrder, &at_hand.name);
    let brought = bring_in_line(
        &context.kube,
        &at_hand.name,
        order.as_deref(),
        &pass.after,
        now,
    )
    .await;
    match context.note("write DoorSyncOrders", brought) {
        Some(Order::Written(object)) => {
            context.metrics.kube_writes.inc();
            context.take(Kind::DoorSyncOrder, *object);
        }
        Some(Order::Deleted) => {
            context.metrics.kube_writes.inc();
            context
                .objects
                .borrow_mut()
                .remove(Kind::DoorSyncOrder, &at_hand.name);
        }
        Some(Order::AsItWas) | None => {}
    }
    context.metrics.done();
    tracing::Span::current().record("result", "done");
}

/// Says that no pass could be made. What was found before stays true of DOOR OS, but nobody knows any
/// more: the Property says so at once, its objects when it lasts.
pub(crate) async fn tell_failure(
    context: &Context,
    at_hand: &AtHand,
    reason: Reason,
    message: &str,
    failures: u32,
) {
    let now = Timestamp::now();
    let findings = failure(reason, message);
    tracing::warn!(property = %at_hand.name, reason = %reason, message, failures, "no pass");
    context.metrics.failed(reason.as_str());
    tracing::Span::current().record("result", reason.as_str());
    let mut told: Vec<Rc<Seen>> = at_hand.property.iter().cloned().collect();
    if failures > 1 || reason.class() == Class::Refused {
        let objects = context.objects.borrow();
        told.extend(objects.referring_to(&at_hand.name).cloned());
    }
    for seen in told {
        let status = conditions_only(&seen, &findings, seen.generation, now);
        if seen.kind == Kind::Property {
            write_and_say(context, &seen, &status, &findings, None).await;
        } else {
            write(context, &seen, &status).await;
        }
    }
}

/// Writes a status, and says what turned. What stands in no status was not said yet: it would be said again each time.
pub(crate) async fn write_and_say(
    context: &Context,
    seen: &Seen,
    status: &Value,
    findings: &[Finding],
    drift: Option<Said>,
) {
    if write(context, seen, status).await {
        for said in drift.into_iter().chain(turns(&seen.status, findings)) {
            context.events.say(seen, &said).await;
        }
    }
}

/// Writes a status and takes the answer in. `false`: it could not be written.
pub(crate) async fn write(context: &Context, seen: &Seen, status: &Value) -> bool {
    let written = report::write(&context.kube, seen, status).await;
    let Some(written) = context.note("write statuses", written) else {
        return false;
    };
    if let Some(object) = written {
        context.metrics.kube_writes.inc();
        context.take(seen.kind, object);
    }
    true
}

/// The Property and every object of it, as they stand in the cluster now.
fn objects_of(context: &Context, at_hand: &AtHand, pass: &PassReport) -> Vec<Rc<Seen>> {
    let objects = context.objects.borrow();
    let property = objects.get(Kind::Property, &at_hand.name).cloned();
    property
        .into_iter()
        .chain(objects.belonging_to(&at_hand.name, &pass.ledger.head))
        .collect()
}

/// What was changed in DOOR OS, for each object: one Event for each kind of change.
fn changes(pass: &PassReport) -> Vec<(OwnerId, Said)> {
    let mut all: BTreeMap<(OwnerId, &'static str), Vec<String>> = BTreeMap::new();
    for settled in &pass.settled {
        let intent = &settled.intent;
        let repaired = pass
            .plan
            .steps
            .iter()
            .any(|step| step.fingerprint == intent.fingerprint && step.restores);
        let reason = match &settled.outcome {
            Outcome::Applied if repaired => "DriftRepaired",
            Outcome::Applied => applied_word(&intent.write),
            Outcome::Refused(_) => "ChangeRefused",
            Outcome::NotSent(_) | Outcome::Overtaken => continue,
        };
        let what = subject(pass, &intent.write);
        let line = match &settled.outcome {
            Outcome::Refused(code) => format!("{what}: DOOR OS refused it ({code})"),
            _ => format!("{what}: {} -> {}", intent.before, intent.after),
        };
        all.entry((intent.owner.clone(), reason))
            .or_default()
            .push(line);
    }
    all.into_iter()
        .map(|((owner, reason), lines)| {
            let tone = match reason {
                "ChangeRefused" | "DriftRepaired" => Tone::Warning,
                _ => Tone::Normal,
            };
            let note = listing(&lines);
            (owner, Said { tone, reason, note })
        })
        .collect()
}

fn subject(pass: &PassReport, write: &Write) -> String {
    use opendoor_planner::key_steps::door_name;
    match write {
        Write::SetDoorPartner { door, .. } => door_name(&pass.observed, *door),
        Write::CreateKey { name, .. } => format!("key \"{name}\""),
        Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. } => {
            let row = pass.observed.key(*key);
            row.map_or_else(
                || String::from("key"),
                |row| format!("key \"{}\"", row.name),
            )
        }
    }
}

/// What somebody changed by hand since it was last said, also where it was repaired at once.
fn found_drift(seen: &Seen, pass: &PassReport) -> Option<Said> {
    let said_before = before_of(&seen.status, condition::DRIFTED)
        .and_then(|condition| condition.get("status"))
        .and_then(Value::as_str)
        == Some("True");
    let owner = seen.owner();
    let mine: Vec<String> = pass
        .plan
        .drifted
        .iter()
        .filter(|change| match seen.kind {
            Kind::Property => true,
            _ => change.owner.is_some() && change.owner == owner,
        })
        .map(words)
        .collect();
    (!mine.is_empty() && !said_before).then(|| Said {
        tone: Tone::Warning,
        reason: "DriftFound",
        note: format!("Changed by hand in DOOR OS: {}", listing(&mine)),
    })
}

fn words(change: &HandMade) -> String {
    format!("{}: {} ({})", change.what, change.change, change.partner)
}

/// What turned since the last status.
fn turns(before: &Value, findings: &[Finding]) -> Vec<Said> {
    let mut all = Vec::new();
    for finding in findings {
        let old = before_of(before, &finding.kind);
        let text = |field: &str| old.and_then(|old| old.get(field)).and_then(Value::as_str);
        let (was, reason_was) = (text("status"), text("reason"));
        let turned = was != Some(&finding.status);
        let reason: Option<Reason> = finding.reason.parse().ok();
        let said = |tone: Tone, reason: &'static str| Said {
            tone,
            reason,
            note: finding.message.clone(),
        };
        match (finding.kind.as_str(), finding.status.as_str()) {
            // After a grant the partner's first use does the same; nobody has to be told to go.
            (condition::SYNC_REQUIRED, "True") if reason == Some(Reason::LockNotProven) => {}
            (condition::SYNC_REQUIRED, "True")
                if turned || reason_was == Some(Reason::LockNotProven.as_str()) =>
            {
                all.push(said(Tone::Warning, "DoorSyncRequired"));
            }
            (condition::SYNC_REQUIRED, "False")
                if was == Some("True") && reason_was != Some(Reason::LockNotProven.as_str()) =>
            {
                all.push(if reason == Some(Reason::Attested) {
                    said(Tone::Normal, "DoorSyncAttested")
                } else {
                    said(Tone::Normal, "DoorSyncProven")
                });
            }
            (condition::AUTHORIZED, "False") if turned => {
                all.push(said(Tone::Warning, "AuthorizationAwaited"));
            }
            (condition::AUTHORIZED, "True") if was == Some("False") => {
                all.push(said(Tone::Normal, "PartnerAuthorized"));
            }
            (condition::STALLED, "True")
                if turned || reason_was != Some(finding.reason.as_str()) =>
            {
                match reason.map(Reason::class) {
                    Some(Class::Held) => all.push(said(Tone::Warning, "ChangeHeld")),
                    Some(Class::Refused) => all.push(said(Tone::Warning, "ChangeRefused")),
                    Some(Class::CannotTell) => all.push(said(Tone::Warning, "PassFailed")),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    all
}

fn listing(lines: &[String]) -> String {
    let named = lines
        .iter()
        .take(NAMED)
        .cloned()
        .collect::<Vec<_>>()
        .join("; ");
    match lines.len().checked_sub(NAMED) {
        Some(more) if more > 0 => format!("{named}; and {more} more"),
        _ => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn finding(kind: &str, status: &str, reason: Reason) -> Finding {
        Finding {
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.as_str().to_owned(),
            message: String::from("m"),
        }
    }

    fn status(kind: &str, status: &str, reason: Reason) -> Value {
        json!({"conditions": [{"type": kind, "status": status, "reason": reason.as_str()}]})
    }

    #[test]
    fn an_outcome_is_said_once() {
        let held = [finding(
            condition::STALLED,
            "True",
            Reason::RemovalLimitExceeded,
        )];
        assert_eq!(turns(&Value::Null, &held)[0].reason, "ChangeHeld");
        let before = status(condition::STALLED, "True", Reason::RemovalLimitExceeded);
        assert_eq!(turns(&before, &held), Vec::new());
        let other = [finding(
            condition::STALLED,
            "True",
            Reason::PartnerImmutable,
        )];
        assert_eq!(turns(&before, &other)[0].reason, "ChangeRefused");
    }

    #[test]
    fn a_sync_that_only_a_grant_asks_for_is_no_news() {
        let granted = [finding(
            condition::SYNC_REQUIRED,
            "True",
            Reason::LockNotProven,
        )];
        assert_eq!(turns(&Value::Null, &granted), Vec::new());
        let before = status(condition::SYNC_REQUIRED, "True", Reason::LockNotProven);
        let removed = [finding(
            condition::SYNC_REQUIRED,
            "True",
            Reason::DoorSyncRequired,
        )];
        assert_eq!(turns(&before, &removed)[0].reason, "DoorSyncRequired");
        let used = [finding(
            condition::SYNC_REQUIRED,
            "False",
            Reason::LockProven,
        )];
        assert_eq!(turns(&before, &used), Vec::new());
    }

    #[test]
    fn a_visit_is_proven_only_where_it_was_required() {
        let proven = [finding(
            condition::SYNC_REQUIRED,
            "False",
            Reason::LockProven,
        )];
        assert_eq!(turns(&Value::Null, &proven), Vec::new());
        let before = status(condition::SYNC_REQUIRED, "True", Reason::DoorSyncRequired);
        assert_eq!(turns(&before, &proven)[0].reason, "DoorSyncProven");
        let attested = [finding(condition::SYNC_REQUIRED, "False", Reason::Attested)];
        assert_eq!(turns(&before, &attested)[0].reason, "DoorSyncAttested");
    }
}
