//! What is said on the objects themselves: conditions and counts, written once and only where they
//! differ from what is there.

mod plan;
mod unmanaged;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use opendoor_api::{
    AssignedDoorStatus, Condition, DoorAssignmentStatus, DoorCounts, GROUP_VERSION, HolderCount,
    Kind, PartnerKeyStatus, PartnerState, PropertyPartnerStatus, PropertyStatus, condition,
};
use opendoor_planner::conditions::{Condition as Finding, ObjectStatus};
use opendoor_planner::plan::{Plan, WaitingKind};
use opendoor_planner::reasons::{Class, Reason};
use opendoor_reconciler::pass::PassReport;
use serde_json::{Value, json};

use crate::objects::Seen;
use crate::watch::resource_of;

/// Most roles in a status.
const ROLES_SHOWN: usize = 16;
/// Longest text of DOOR OS in a status, in characters.
const LONGEST_NAME: usize = 200;

/// Conditions as the API server keeps them. The time of a transition stays unless the status flips.
#[must_use]
pub(crate) fn conditions(
    before: &Value,
    findings: &[Finding],
    generation: i64,
    now: Timestamp,
) -> Vec<Condition> {
    findings
        .iter()
        .map(|finding| {
            let kept = before_of(before, &finding.kind)
                .filter(|old| old.get("status").and_then(Value::as_str) == Some(&finding.status))
                .and_then(|old| old.get("lastTransitionTime"))
                .and_then(Value::as_str)
                .and_then(|at| at.parse::<Timestamp>().ok());
            Condition {
                type_: finding.kind.clone(),
                status: finding.status.clone(),
                reason: finding.reason.clone(),
                message: finding.message.clone(),
                observed_generation: Some(generation),
                last_transition_time: Time(kept.unwrap_or_else(|| whole_seconds(now))),
            }
        })
        .collect()
}

/// A condition of a status as it stands.
#[must_use]
pub(crate) fn before_of<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    status
        .get("conditions")?
        .as_array()?
        .iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// What is said where a pass could not be made.
#[must_use]
pub(crate) fn failure(reason: Reason, message: &str) -> Vec<Finding> {
    let finding = |kind: &str, status: &str| Finding {
        kind: kind.to_owned(),
        status: status.to_owned(),
        reason: reason.as_str().to_owned(),
        message: bounded(message, 1000),
    };
    let person = matches!(
        reason.class(),
        Class::Refused | Class::Held | Class::Waiting
    ) || matches!(
        reason,
        Reason::CredentialsInvalid
            | Reason::CredentialsMissing
            | Reason::PermissionDenied
            | Reason::LedgerUnavailable
    );
    vec![
        finding(condition::READY, "False"),
        finding(
            if person {
                condition::STALLED
            } else {
                condition::RECONCILING
            },
            "True",
        ),
        finding(condition::APPLIED, "Unknown"),
        finding(condition::ENFORCED, "Unknown"),
        finding(condition::SYNC_REQUIRED, "Unknown"),
        finding(condition::DRIFTED, "Unknown"),
    ]
}

/// What is said of an object that has no place in the plan: refused before it was ever accepted, or
/// not yet taken up.
#[must_use]
pub(crate) fn unplanned(seen: &Seen, plan: &Plan) -> Vec<Finding> {
    let owner = seen.owner();
    let refused = plan
        .refusals
        .iter()
        .find(|refusal| refusal.owner.is_some() && refusal.owner == owner);
    match refused {
        Some(refusal) => self::refused(refusal.reason, &refusal.message),
        None => failure(Reason::Progressing, Reason::Progressing.meaning()),
    }
}

/// What is said of an object that was refused before it was ever accepted.
#[must_use]
pub(crate) fn refused(reason: Reason, message: &str) -> Vec<Finding> {
    let mut all = failure(reason, message);
    // Nothing was ever granted for it, so nothing is owed at a lock.
    for finding in &mut all {
        if finding.kind == condition::APPLIED {
            finding.status = String::from("False");
        }
    }
    all
}

/// The status of a Property.
#[must_use]
pub(crate) fn property(
    pass: &PassReport,
    said: &ObjectStatus,
    seen: &Seen,
    generation: i64,
    now: Timestamp,
) -> Value {
    let plan = &pass.after;
    let head = &pass.ledger.head;
    let (unmanaged, more_unmanaged) = unmanaged::unmanaged(plan, &pass.ledger, &pass.observed, now);
    let status = PropertyStatus {
        observed_generation: Some(generation),
        conditions: conditions(&seen.status, &said.conditions, generation, now),
        building_uuid: Some(pass.building.uuid.to_string()),
        partners: head
            .partners
            .iter()
            .map(|(name, record)| PropertyPartnerStatus {
                name: bounded(name, LONGEST_NAME),
                uuid: record.uuid.map(|uuid| uuid.to_string()),
                state: match (record.listed, record.authorized) {
                    (true, true) => PartnerState::Authorized,
                    (true, false) => PartnerState::AwaitingAuthorization,
                    (false, _) => PartnerState::AwaitingWithdrawal,
                },
                since: Some(record.since.into()),
            })
            .collect(),
        plan: Some(plan::plan_report(plan)),
        counts: Some(DoorCounts {
            doors: count(plan.doors),
            assigned: count(
                pass.ledger
                    .doors
                    .values()
                    .filter(|record| record.claims.iter().any(|claim| claim.held))
                    .count(),
            ),
            keys: count(head.keys.len()),
            unmanaged: count(plan.unmanaged.len()),
            door_visits: said.visits,
        }),
        unmanaged,
        more_unmanaged,
    };
    json_of(&status)
}

/// The status of a DoorAssignment or PartnerKey.
#[must_use]
pub(crate) fn object(
    pass: &PassReport,
    said: &ObjectStatus,
    seen: &Seen,
    generation: i64,
    now: Timestamp,
) -> Value {
    let conditions = conditions(&seen.status, &said.conditions, generation, now);
    match seen.kind {
        Kind::PartnerKey => json_of(&PartnerKeyStatus {
            observed_generation: Some(generation),
            conditions,
            key_uuid: said.key.map(|key| key.to_string()),
            holders: said
                .key
                .and_then(|key| pass.observed.key(key))
                .map(|row| {
                    row.roles
                        .iter()
                        .take(ROLES_SHOWN)
                        .map(|(role, count)| HolderCount {
                            role: role.to_string(),
                            count: *count,
                        })
                        .collect()
                })
                .unwrap_or_default(),
        }),
        _ => json_of(&DoorAssignmentStatus {
            observed_generation: Some(generation),
            conditions,
            declared_doors: Some(said.declared),
            applied_doors: Some(said.applied),
            enforced_doors: Some(said.enforced),
            door_visits: Some(said.visits),
            doors: said
                .doors
                .iter()
                .map(|note| AssignedDoorStatus {
                    door: bounded(&note.door, LONGEST_NAME),
                    uuid: None,
                    reason: note.reason.as_str().to_owned(),
                    message: Some(bounded(note.reason.meaning(), 250)),
                })
                .collect(),
            selected_doors: said
                .selected
                .iter()
                .flat_map(|selected| &selected.names)
                .map(|door| bounded(door, LONGEST_NAME))
                .collect(),
            more_selected_doors: said
                .selected
                .as_ref()
                .and_then(|selected| more(selected.more, 0)),
        }),
    }
}

/// A status of conditions alone, with what else stood there.
#[must_use]
pub(crate) fn conditions_only(
    seen: &Seen,
    findings: &[Finding],
    generation: i64,
    now: Timestamp,
) -> Value {
    let mut status = match &seen.status {
        Value::Object(fields) => fields.clone(),
        _ => serde_json::Map::new(),
    };
    let conditions = conditions(&seen.status, findings, generation, now);
    status.insert(String::from("observedGeneration"), json!(generation));
    status.insert(String::from("conditions"), json_of(&conditions));
    Value::Object(status)
}

/// Writes a status where it differs from what is there. Returns the object if it was written; `None`
/// also where the object is gone.
///
/// # Errors
/// The API server refused.
pub(crate) async fn write(
    client: &Client,
    seen: &Seen,
    status: &Value,
) -> Result<Option<DynamicObject>, kube::Error> {
    if seen.status == *status {
        return Ok(None);
    }
    let api: Api<DynamicObject> = Api::namespaced_with(
        client.clone(),
        &seen.name.namespace,
        &resource_of(seen.kind),
    );
    let patch = json!({
        "apiVersion": GROUP_VERSION,
        "kind": seen.kind.as_str(),
        "metadata": {"name": seen.name.name, "uid": seen.uid},
        "status": status,
    });
    let params = PatchParams::apply(crate::MANAGER).force();
    let written = api
        .patch_status(&seen.name.name, &params, &Patch::Apply(patch))
        .await;
    crate::unless_overtaken(written)
}

/// What a person must do at locks, from a plan.
pub(crate) fn visits(plan: &Plan) -> impl Iterator<Item = &opendoor_planner::plan::Waiting> {
    plan.waiting
        .iter()
        .filter(|waiting| waiting.kind == WaitingKind::Sync)
}

pub(crate) fn json_of<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

pub(crate) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// How many there are beside the first; `None` where there are no more.
fn more(all: usize, shown: usize) -> Option<u32> {
    let more = all.saturating_sub(shown);
    (more > 0).then(|| count(more))
}

pub(crate) fn bounded(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars()
            .take(most.saturating_sub(3))
            .chain("...".chars())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(status: &str, message: &str) -> Finding {
        Finding {
            kind: String::from("Ready"),
            status: status.to_owned(),
            reason: String::from("InSync"),
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_transition_time_moves_only_when_the_status_flips() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first =
            json!({"conditions": conditions(&Value::Null, &[finding("True", "a")], 1, at(100))});
        let same = conditions(&first, &[finding("True", "b")], 2, at(200));
        assert_eq!(same[0].last_transition_time.0, at(100));
        assert_eq!(same[0].observed_generation, Some(2));
        let flipped = conditions(&first, &[finding("False", "b")], 2, at(200));
        assert_eq!(flipped[0].last_transition_time.0, at(200));
    }

    #[test]
    fn a_failure_is_never_ready_and_never_both_at_work_and_stalled() {
        for reason in Reason::ALL {
            let all = failure(*reason, "why");
            let is = |kind: &str, status: &str| {
                all.iter()
                    .any(|finding| finding.kind == kind && finding.status == status)
            };
            assert!(is("Ready", "False"));
            assert!(
                is("Stalled", "True") != is("Reconciling", "True"),
                "{reason}"
            );
        }
    }
}
