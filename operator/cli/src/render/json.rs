//! One JSON document. Its shape is an interface: fields are added, never renamed.

mod change;

use opendoor_planner::owner::Cause;
use opendoor_planner::plan::{HandMade, Named, Refusal, Step, Waiting};
use opendoor_reconciler::round::RoundReport;
use opendoor_reconciler::table::TablePlan;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::refused;
use super::status::Looked;
use super::view::{Became, Outside, View};
use super::waiting::due;
use crate::who::Answer;

pub use change::change;

/// Whether things have uuids. A table of doors has only names, and so has what an operator publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uuids {
    Known,
    None,
}

/// What a round found; with `performed`, what it did.
#[must_use]
pub fn round(report: &RoundReport, performed: bool) -> Value {
    document(&View::of_round(report, performed), Uuids::Known)
}

/// Plans made against a table of doors: every uuid is null.
#[must_use]
pub fn table_plans(planned: &TablePlan) -> Value {
    document(&View::of_table(planned), Uuids::None)
}

/// What people changed by hand, with the plan.
#[must_use]
pub fn drift(report: &RoundReport) -> Value {
    round(report, false)
}

/// The Door Syncs that are due. Where not every door was looked at, they are not `complete`.
#[must_use]
pub fn syncs(report: &RoundReport, complete: bool) -> Value {
    let waiting: Vec<Value> = due(report)
        .iter()
        .flat_map(|(property, _, waiting)| {
            let waiting = waiting.iter();
            waiting.map(|entry| waiting_json(property, entry, Uuids::Known))
        })
        .collect();
    json!({ "schemaVersion": 1, "complete": complete, "waiting": waiting })
}

/// The conditions of every object.
#[must_use]
pub fn status(properties: &[Looked<'_>]) -> Value {
    let properties: Vec<Value> = properties
        .iter()
        .map(|(pass, since)| {
            let objects: Vec<Value> = pass
                .statuses
                .iter()
                .map(|status| {
                    let known = since.get(&status.owner.to_string());
                    let conditions: Vec<Value> = status
                        .conditions
                        .iter()
                        .map(|condition| {
                            json!({
                                "type": condition.kind,
                                "status": condition.status,
                                "reason": condition.reason,
                                "message": condition.message,
                                "since": known.and_then(|known| known.get(&condition.kind)),
                            })
                        })
                        .collect();
                    json!({
                        "kind": status.owner.kind.as_str(),
                        "name": status.owner.name,
                        "conditions": conditions,
                        "declared": status.declared,
                        "applied": status.applied,
                        "enforced": status.enforced,
                        "visits": status.visits,
                        "doors": status.doors,
                    })
                })
                .collect();
            json!({ "name": pass.after.name, "building": pass.after.building, "objects": objects })
        })
        .collect();
    json!({ "schemaVersion": 1, "properties": properties })
}

/// Who opens a door, or where a partner is.
#[must_use]
pub fn who(answer: &Answer) -> Value {
    with_version(answer)
}

/// A value's own fields, with the version of this interface.
fn with_version(value: &impl Serialize) -> Value {
    let mut fields = Map::new();
    fields.insert(String::from("schemaVersion"), json!(1));
    if let Ok(Value::Object(own)) = serde_json::to_value(value) {
        fields.extend(own);
    }
    Value::Object(fields)
}

fn document(view: &View<'_>, uuids: Uuids) -> Value {
    let mut properties = Vec::new();
    let mut steps = Vec::new();
    let mut refusals = Vec::new();
    let mut waiting = Vec::new();
    let mut unmanaged = Vec::new();
    let mut drifted = Vec::new();
    for property in &view.properties {
        let name = &property.plan.name;
        properties.push(json!({
            "name": name,
            "building": property.plan.building,
            "planId": property.plan.plan_id,
            "holdId": property.after.hold_id,
            "complete": property.complete(),
            "summary": property.plan.summary,
        }));
        let all = property.steps();
        steps.extend(
            all.iter()
                .map(|(step, became)| step_json(name, step, *became, uuids)),
        );
        let after = property.after;
        refusals.extend(
            after
                .refusals
                .iter()
                .map(|refusal| refusal_json(name, refusal)),
        );
        waiting.extend(
            after
                .waiting
                .iter()
                .map(|entry| waiting_json(name, entry, uuids)),
        );
        unmanaged.extend(
            after
                .unmanaged
                .iter()
                .map(|made| made_json(name, made, uuids)),
        );
        drifted.extend(
            after
                .drifted
                .iter()
                .map(|made| made_json(name, made, uuids)),
        );
    }
    for unseen in view.unseen {
        let entries = unseen.waiting.iter();
        waiting.extend(entries.map(|entry| waiting_json(&unseen.property, entry, uuids)));
    }
    refusals.extend(view.problems.iter().map(problem_json));
    json!({
        "schemaVersion": 1,
        "properties": properties,
        "steps": steps,
        "refusals": refusals,
        "waiting": waiting,
        "unmanaged": unmanaged,
        "drifted": drifted,
    })
}

fn step_json(property: &str, step: &Step, became: Option<Became<'_>>, uuids: Uuids) -> Value {
    let mut value = json!({
        "property": property,
        "action": step.action,
        "door": named_json(step.door.as_ref(), uuids),
        "key": named_json(step.key.as_ref(), uuids),
        "partner": step.partner,
        "before": step.before,
        "after": step.after,
        "irreversible": step.irreversible,
        "holdersAffected": step.holders_affected,
        "doorVisits": step.visits.len(),
        "held": step.held,
        "cause": cause_json(&step.cause),
    });
    if let (Some(became), Some(fields)) = (became, value.as_object_mut()) {
        fields.insert(String::from("result"), json!(became.as_str()));
        let (code, message) = match became {
            Became::Refused(code) => (Some(code), Some(refused::message(step, code))),
            Became::NotSent(why) => (None, Some(why.to_owned())),
            _ => (None, None),
        };
        // Why it was not done, where DOOR OS or the way there said so.
        if let Some(message) = message {
            fields.insert(String::from("code"), json!(code));
            fields.insert(String::from("message"), json!(message));
        }
    }
    value
}

fn refusal_json(property: &str, refusal: &Refusal) -> Value {
    json!({
        "property": property,
        "reason": refusal.reason,
        "message": refusal.message,
        "cause": cause_json(&refusal.cause),
    })
}

fn problem_json(problem: &Outside) -> Value {
    json!({
        "property": problem.property,
        "reason": problem.reason,
        "message": problem.message,
        "cause": problem.cause.as_ref().map(cause_json),
    })
}

pub(super) fn waiting_json(property: &str, waiting: &Waiting, uuids: Uuids) -> Value {
    json!({
        "property": property,
        "kind": waiting.kind,
        "door": named_json(waiting.door.as_ref(), uuids),
        "partner": waiting.partner,
        "via": waiting.via,
        "since": waiting.since,
        "deadline": waiting.deadline,
        "reason": waiting.reason,
    })
}

fn made_json(property: &str, made: &HandMade, uuids: Uuids) -> Value {
    json!({
        "property": property,
        "what": made.what,
        "door": made.door.filter(|_| uuids == Uuids::Known),
        "partner": made.partner,
        "change": made.change,
        "owner": made.owner,
    })
}

fn named_json<T: Serialize>(named: Option<&Named<T>>, uuids: Uuids) -> Value {
    named.map_or(Value::Null, |named| {
        let uuid = named.uuid.as_ref().filter(|_| uuids == Uuids::Known);
        json!({ "uuid": uuid, "name": named.name })
    })
}

fn cause_json(cause: &Cause) -> Value {
    let word = |text: &String| (!text.is_empty()).then(|| text.clone());
    json!({
        "kind": word(&cause.kind),
        "name": word(&cause.name),
        "file": cause.file,
        "line": cause.line,
    })
}

#[cfg(test)]
mod tests;
