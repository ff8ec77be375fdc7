//! What the operator said is left to do.

use opendoor_api::{HeldStep, PropertyStatus};
use serde_json::{Value, json};

use super::style::{STRONG, paint};
use super::words::{clean, count, counts, wrap};
use crate::cluster::SaidPlan;

/// What is left at each Property, held and refused things by name.
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
    text.push_str(&if left.is_empty() {
        String::from("  Nothing left to do.\n")
    } else {
        format!("  {left}\n")
    });
    if !plan.complete {
        text.push_str("  DOOR OS was not seen whole: nothing is removed on it.\n");
    }
    for step in &plan.held {
        text.push_str(&format!("  ! {}\n", held(step)));
    }
    let more = usize::try_from(summary.held).unwrap_or_default();
    if let Some(more) = more.checked_sub(plan.held.len()).filter(|more| *more > 0) {
        text.push_str(&format!("  ! and {more} more\n"));
    }
    if let Some(id) = &plan.hold_id {
        text.push_str(&format!(
            "  Approve exactly these with spec.approve: {id}\n"
        ));
    }
    for refused in &plan.refused {
        text.push_str(&format!("  x {}\n", clean(&refused.reason)));
        for line in wrap(&refused.message, 100) {
            text.push_str(&format!("      {line}\n"));
        }
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

fn published(said: &SaidPlan) -> Option<(&PropertyStatus, &opendoor_api::PlanReport)> {
    let status = said.status.as_ref()?;
    Some((status, status.plan.as_ref()?))
}

fn held(step: &HeldStep) -> String {
    let what = step
        .door
        .clone()
        .or_else(|| step.key.as_ref().map(|key| format!("key \"{key}\"")))
        .unwrap_or_default();
    let cause = step.cause.as_ref().map_or_else(String::new, |cause| {
        format!("   {}/{}", cause.kind, cause.name)
    });
    format!(
        "{} {}   {}   held: {}{cause}",
        clean(&step.action),
        clean(&what),
        clean(step.partner.as_deref().unwrap_or("nobody")),
        clean(&step.reason)
    )
}

/// The same for machines. Steps that are not held are counted only: a status does not name them.
#[must_use]
pub fn as_json(plans: &[SaidPlan]) -> Value {
    let properties: Vec<Value> = plans
        .iter()
        .map(|said| {
            let plan = said.status.as_ref().and_then(|status| status.plan.as_ref());
            json!({
                "namespace": said.namespace,
                "name": said.property,
                "building": said.building,
                "planId": plan.map(|plan| &plan.id),
                "holdId": plan.and_then(|plan| plan.hold_id.as_ref()),
                "complete": plan.is_some_and(|plan| plan.complete),
                "summary": plan.map(|plan| plan.summary),
                "held": plan.map(|plan| &plan.held),
                "refused": plan.map(|plan| &plan.refused),
            })
        })
        .collect();
    json!({ "schemaVersion": 1, "properties": properties })
}

#[cfg(test)]
mod tests {
    use opendoor_api::{Cause, PlanReport, PlanSummary};

    use super::*;
    use crate::render::style::plain;

    fn said(plan: Option<PlanReport>) -> SaidPlan {
        SaidPlan {
            namespace: String::from("harbor"),
            property: String::from("harbor-point"),
            building: String::from("Harbor Point"),
            status: plan.map(|plan| PropertyStatus {
                plan: Some(plan),
                ..PropertyStatus::default()
            }),
        }
    }

    #[test]
    fn held_steps_are_named_with_the_id_that_approves_them() {
        let plan = PlanReport {
            complete: true,
            hold_id: Some(String::from("h-1")),
            summary: PlanSummary {
                removals: 30,
                held: 30,
                ..PlanSummary::default()
            },
            held: vec![HeldStep {
                action: String::from("RemoveDoor"),
                door: Some(String::from("Garage Gate")),
                partner: Some(String::from("Parcel Runner")),
                reason: String::from("RemovalLimitExceeded"),
                cause: Some(Cause {
                    kind: String::from("DoorAssignment"),
                    name: String::from("parcel"),
                }),
                ..HeldStep::default()
            }],
            ..PlanReport::default()
        };
        assert_eq!(
            plain(&plans(&[said(Some(plan))])),
            "\
Harbor Point   harbor/harbor-point
  30 removals, 30 changes held
  ! RemoveDoor Garage Gate   Parcel Runner   held: RemovalLimitExceeded   DoorAssignment/parcel
  ! and 29 more
  Approve exactly these with spec.approve: h-1
"
        );
    }

    #[test]
    fn a_property_that_was_not_looked_at_is_never_said_to_be_done() {
        let text = plans(&[said(None)]);
        assert!(text.contains("Not looked at yet"), "{text}");
        assert!(as_json(&[said(None)])["properties"][0]["planId"].is_null());
    }
}
