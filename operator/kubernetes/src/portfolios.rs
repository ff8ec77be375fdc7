//! What is said of a Portfolio: how its Properties stand, and whether its credentials can be used.

use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use opendoor_api::{Kind, PortfolioSpec, PortfolioStatus, PropertyCounts, Resource, condition};
use opendoor_planner::conditions::Condition as Finding;
use opendoor_planner::reasons::Reason;
use serde_json::Value;

use crate::accounts::{NoAccount, Route};
use crate::context::Context;
use crate::declared::portfolio_of;
use crate::objects::{Name, Seen};
use crate::passes::{Next, jittered};
use crate::release::let_go;
use crate::report::{before_of, conditions, count, failure, json_of};
use crate::shards::shard_of;
use crate::tell::write;

/// How soon a Portfolio is looked at again that could not be written.
const SOON: Duration = Duration::from_secs(5);
/// How often credentials that are missing are looked for, if not more often anyhow.
const WITHOUT_CREDENTIALS: Duration = Duration::from_secs(30);

/// Says how a Portfolio stands, and lets it go when nothing refers to it. Returns when it is looked at again.
pub(crate) async fn report_portfolio(context: &Context, name: &Name) -> Next {
    let Some(seen) = context.object(Kind::Portfolio, name) else {
        forget_portfolio(context, name);
        return Next::OnChange;
    };
    let (found, interval) = match &seen.content {
        Ok(Resource::Portfolio(portfolio)) => (
            context.accounts.route(name, portfolio, false).await,
            portfolio.spec.check_interval.length(),
        ),
        Ok(_) => return Next::OnChange,
        Err(problems) => {
            let message = problems.first().map(|problem| problem.message.clone());
            let invalid = NoAccount {
                reason: Reason::Invalid,
                message: message.unwrap_or_default(),
            };
            (
                Err(invalid),
                PortfolioSpec::default().check_interval.length(),
            )
        }
    };
    let shard = found
        .as_ref()
        .map_or_else(|_| shard_of(&[&name.namespace]), |route| route.shard);
    context
        .portfolio_shards
        .borrow_mut()
        .insert(name.clone(), shard);
    if !context.deadlines.holds(shard) {
        return Next::OnChange;
    }
    let properties = properties_of(context, name);
    if seen.deleting_since.is_some() && properties.is_empty() {
        if !let_go(context, &seen).await {
            return Next::In(SOON);
        }
        forget_portfolio(context, name);
        return Next::OnChange;
    }
    let now = Timestamp::now();
    let prepared = if seen.is_unprepared() {
        context.prepare(&seen).await
    } else {
        Some(Rc::clone(&seen))
    };
    let is_prepared = prepared.is_some();
    let seen = prepared.unwrap_or(seen);
    let is = |property: &Seen, kind: &str| {
        before_of(&property.status, kind)
            .and_then(|condition| condition.get("status"))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let with = |kind: &str, status: &str| {
        properties
            .iter()
            .filter(|property| is(property, kind).as_deref() == Some(status))
            .count()
    };
    let total = properties.len();
    let mut without_credentials = false;
    let findings = match &found {
        Err(NoAccount { reason, message }) => {
            without_credentials = *reason == Reason::CredentialsMissing;
            failure(*reason, message)
        }
        Ok(Route {
            secret_gone: Some(message),
            ..
        }) => {
            without_credentials = true;
            failure(
                Reason::CredentialsMissing,
                &format!("{message}. What was read before is used as long as this process lives."),
            )
        }
        Ok(_) => {
            let stalled_for = properties.iter().find_map(|property| {
                let stalled = before_of(&property.status, condition::STALLED)?;
                stalled.get("reason")?.as_str()?.parse().ok()
            });
            findings(stalled_for, total, with)
        }
    };
    let status = PortfolioStatus {
        observed_generation: Some(seen.generation),
        conditions: conditions(&seen.status, &findings, seen.generation, now),
        properties: Some(PropertyCounts {
            total: count(total),
            ready: count(with(condition::READY, "True")),
            stalled: count(with(condition::STALLED, "True")),
        }),
    };
    let written = write(context, &seen, &json_of(&status)).await;
    Next::In(match (is_prepared && written, without_credentials) {
        (false, _) => SOON,
        (true, true) => jittered(interval.min(WITHOUT_CREDENTIALS), name),
        (true, false) => jittered(interval, name),
    })
}

/// Forgets what is in memory for a Portfolio that is gone. Its credentials are not those of another that takes its name.
pub(crate) fn forget_portfolio(context: &Context, name: &Name) {
    context.accounts.forget(name);
    context.losses.borrow_mut().remove(name);
    context.portfolio_shards.borrow_mut().remove(name);
}

/// The Properties that a Portfolio looks after.
fn properties_of(context: &Context, portfolio: &Name) -> Vec<Rc<Seen>> {
    let objects = context.objects.borrow();
    objects
        .of(Kind::Property, &portfolio.namespace)
        .filter(|seen| {
            let known = context.ledgers.of_property(&seen.name);
            let head = known.as_ref().map(|(_, known)| &*known.head);
            portfolio_of(&objects, &seen.name, head).is_ok_and(|found| found.name == *portfolio)
        })
        .cloned()
        .collect()
}

/// Of a Portfolio, the worst of its Properties.
fn findings(
    stalled_for: Option<Reason>,
    total: usize,
    with: impl Fn(&str, &str) -> usize,
) -> Vec<Finding> {
    let finding = |kind: &str, status: &str, reason: Reason, message: String| Finding {
        kind: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.as_str().to_owned(),
        message,
    };
    let ready = with(condition::READY, "True");
    let stalled = with(condition::STALLED, "True");
    let mut all = Vec::new();
    if ready == total {
        let message = format!("All {total} Properties are as declared.");
        all.push(finding(condition::READY, "True", Reason::InSync, message));
    } else if stalled > 0 && stalled + ready == total {
        let message = format!("{stalled} of {total} Properties wait for a person; each says why.");
        // The first one's reason stands for all; each says its own.
        let reason = stalled_for.unwrap_or(Reason::ApprovalRequired);
        all.push(finding(condition::READY, "False", reason, message.clone()));
        all.push(finding(condition::STALLED, "True", reason, message));
    } else {
        let message = format!("{ready} of {total} Properties are as declared.");
        all.push(finding(
            condition::READY,
            "False",
            Reason::Progressing,
            message.clone(),
        ));
        all.push(finding(
            condition::RECONCILING,
            "True",
            Reason::Progressing,
            message,
        ));
    }
    for (kind, bad) in [
        (condition::APPLIED, "False"),
        (condition::ENFORCED, "False"),
        (condition::SYNC_REQUIRED, "True"),
        (condition::DRIFTED, "True"),
    ] {
        let good = if bad == "True" { "False" } else { "True" };
        let (worst, fine) = (with(kind, bad), with(kind, good));
        let (status, reason) = match (worst, fine == total) {
            (0, true) => (good, Reason::InSync),
            (0, false) => ("Unknown", Reason::Progressing),
            _ => (bad, Reason::Progressing),
        };
        let message = format!("{fine} of {total} Properties say {kind}={good}.");
        all.push(finding(kind, status, reason, message));
    }
    all
}
