//! What the operator said is left to do.

mod rows;

use opendoor_api::{PlanReport, PlannedStep, PropertyStatus};
use serde_json::{Value, json};

use super::json::{Uuids, waiting_json};
use super::rows::Row;
use super::style::{STRONG, paint};
use super::text::align;
use super::words::{clean, count, counts};
use crate::cluster::SaidPlan;

/// What is left at each Property, by name as far as the operator names it.
#[must_use]
pub fn plans(plans: &[SaidPlan]) -> String {
    if plans.is_empty() {
        return String::from("No Property is in this namespace. Name another with --namespace.\n");
    }
    let blocks: Vec<String> = plans.iter().map(plan).collect();
    blocks.join("\n")
}

fn plan(said: &SaidPlan) -> String {
    let mut text = format!(
        "{}   {}/{}\n",
        paint(STRONG, clean(&said.building)),
        said.namespace,
        said.property
    );
    let Some((status, plan)) = published(said) else {
        text.push_str("  Not looked at yet, or changed since. See: opendoor status --kubernetes\n");
        return text;
    };
    let summary = plan.summary;
    let left = counts(&[
        (summary.grants as usize, "grant", "grants"),
        (summary.removals as usize, "removal", "removals"),
        (summary.key_creates as usize, "key to make", "keys to make"),
        (
            summary.key_updates as usize,
            "key to change",
            "keys to change",
        ),
        (
            summary.key_deletes as usize,
            "key to delete",
            "keys to delete",
        ),
        (summary.held as usize, "change held", "changes held"),
        (summary.refused as usize, "refusal", "refusals"),
    ]);
    text.push_str(&if left.is_empty() && plan.steps.is_empty() {
        String::from("  Nothing left to do.\n")
    } else if left.is_empty() {
        String::new()
    } else {
        format!("  {left}\n")
    });
    if !plan.complete {
        text.push_str("  DOOR OS was not seen whole: nothing is removed on it.\n");
    }
    text.push_str(&lines(status, plan));
    if let Some(id) = &plan.hold_id {
        text.push_str(&format!(
            "  Approve exactly these with spec.approve: {id}\n"
        ));
    }
    let visits = status.counts.unwrap_or_default().door_visits;
    if visits > 0 {
        let visits = usize::try_from(visits).unwrap_or(usize::MAX);
        let visits = count(visits, "door", "doors");
        text.push_str(&format!(
            "  SYNC {visits} to visit. See: opendoor sync list --kubernetes\n"
        ));
    }
    text
}

/// Steps, refusals and what nobody declared, in columns, each list with how many more there are.
fn lines(status: &PropertyStatus, plan: &PlanReport) -> String {
    let steps = |steps: &[PlannedStep]| steps.iter().map(rows::of_step).collect::<Vec<Row>>();
    let beside = |all: u32, named: usize| {
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        all.saturating_sub(named)
    };
    let more = |more: Option<u32>| beside(more.unwrap_or_default(), 0);
    let lists = [
        (steps(&plan.steps), more(plan.more_steps), "more"),
        (
            steps(&plan.held),
            beside(plan.summary.held, plan.held.len()),
            "more held",
        ),
        (
            plan.refused.iter().map(rows::of_refusal).collect(),
            beside(plan.summary.refused, plan.refused.len()),
            "more refused",
        ),
        (
            status.unmanaged.iter().map(rows::of_unmanaged).collect(),
            more(status.more_unmanaged),
            "more that nothing declares",
        ),
    ];
    let mut text = String::new();
    for (list, more, of) in lists {
        text.push_str(&align(&list));
        if more > 0 {
            text.push_str(&format!("  and {more} {of}\n"));
        }
    }
    text
}

fn published(said: &SaidPlan) -> Option<(&PropertyStatus, &PlanReport)> {
    let status = said.status.as_ref()?;
    Some((status, status.plan.as_ref()?))
}

/// The same for machines: the document of a plan made here, as far as statuses hold it. They hold no uuid and no file,
/// of a key only words, and of every list only the first; `moreSteps`, `moreUnmanaged` and the summary say how many
/// there are.
#[must_use]
pub fn as_json(plans: &[SaidPlan]) -> Value {
    let mut properties = Vec::new();
    let mut steps = Vec::new();
    let mut refusals = Vec::new();
    let mut waiting = Vec::new();
    let mut unmanaged = Vec::new();
    for said in plans {
        let status = said.status.as_ref();
        let plan = status.and_then(|status| status.plan.as_ref());
        properties.push(json!({
            "namespace": said.namespace,
            "name": said.property,
            "building": said.building,
            "planId": plan.map(|plan| &plan.id),
            "holdId": plan.and_then(|plan| plan.hold_id.as_ref()),
            "complete": plan.is_some_and(|plan| plan.complete),
            "summary": plan.map(|plan| plan.summary),
            "held": plan.map(|plan| &plan.held),
            "refused": plan.map(|plan| &plan.refused),
            "moreSteps": plan.map(|plan| plan.more_steps.unwrap_or_default()),
            "moreUnmanaged": status.map(|status| status.more_unmanaged.unwrap_or_default()),
        }));
        let all = plan
            .into_iter()
            .flat_map(|plan| plan.steps.iter().chain(&plan.held));
        steps.extend(all.map(|step| step_json(said, step)));
        let refused = plan.into_iter().flat_map(|plan| &plan.refused);
        refusals.extend(refused.map(|refused| {
            json!({
                "namespace": said.namespace,
                "property": said.property,
                "reason": refused.reason,
                "message": refused.message,
                "cause": cause_json(refused.cause.as_ref()),
            })
        }));
        waiting.extend(said.visits.iter().map(|visit| {
            let mut value = waiting_json(&said.property, visit, Uuids::None);
            if let Some(fields) = value.as_object_mut() {
                fields.insert(String::from("namespace"), json!(said.namespace));
            }
            value
        }));
        let by_hand = status.into_iter().flat_map(|status| &status.unmanaged);
        unmanaged.extend(by_hand.map(|access| {
            json!({
                "namespace": said.namespace,
                "property": said.property,
                "what": rows::what(access),
                "door": null,
                "partner": access.partner,
                "change": rows::by_hand(access),
                "owner": null,
                "via": access.via,
                "reason": access.reason,
            })
        }));
    }
    json!({
        "schemaVersion": 1,
        "properties": properties,
        "steps": steps,
        "refusals": refusals,
        "waiting": waiting,
        "unmanaged": unmanaged,
    })
}

fn step_json(said: &SaidPlan, step: &PlannedStep) -> Value {
    let named = |name: &Option<String>| {
        name.as_ref()
            .map(|name| json!({ "uuid": null, "name": name }))
    };
    json!({
        "namespace": said.namespace,
        "property": said.property,
        "action": step.action,
        "door": named(&step.door),
        "key": named(&step.key),
        "partner": step.partner,
        "before": step.before,
        "after": step.after,
        "irreversible": step.irreversible.unwrap_or_default(),
        "holdersAffected": step.holders_affected,
        "doorVisits": step.door_visits.unwrap_or_default(),
        "held": step.reason,
        "cause": cause_json(step.cause.as_ref()),
    })
}

fn cause_json(cause: Option<&opendoor_api::Cause>) -> Value {
    json!({
        "kind": cause.map(|cause| &cause.kind),
        "name": cause.map(|cause| &cause.name),
        "file": null,
        "line": null,
    })
}

#[cfg(test)]
mod tests;
