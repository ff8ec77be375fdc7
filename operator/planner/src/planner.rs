//! From one look to a plan.

use std::collections::BTreeSet;

use jiff::Timestamp;
use opendoor_api::Mode;

use crate::digest;
use crate::exposure::{Tri, debts};
use crate::guard::{self, Guard};
use crate::ids::{DoorUuid, PartnerUuid};
use crate::intake::Taken;
use crate::ledger::{EntryVia, Ledger};
use crate::observed::Observed;
use crate::partners::withdrawals;
use crate::paths::{note_other_paths, weigh_losses};
use crate::plan::{Action, Named, Plan, Refusal, Summary, Waiting, WaitingKind};
use crate::reasons::Reason;
use crate::steps::{Differences, name_of_door, partner_name};

/// Plans one property. Nothing is changed: neither DOOR OS nor the ledger.
#[must_use]
pub fn plan(
    ledger: &Ledger,
    taken: &Taken,
    observed: &Observed,
    guard: &Guard,
    approvals: &[String],
    now: Timestamp,
) -> Plan {
    let mut differences = Differences::new(ledger, taken, observed, now);
    let mut plan = Plan {
        name: Taken::property_owner(ledger).name.clone(),
        building: observed.building_name.clone(),
        plan_id: String::new(),
        hold_id: None,
        complete: observed.incomplete.is_none(),
        summary: Summary::default(),
        doors: observed.doors.len(),
        keys: observed.keys.len(),
        steps: Vec::new(),
        refusals: taken.refusals.clone(),
        waiting: taken.waiting.clone(),
        unmanaged: Vec::new(),
        drifted: Vec::new(),
        approved: Vec::new(),
        unfitting_approvals: Vec::new(),
        next_change: taken.next_change,
        not_performed: not_performed(ledger, guard),
        notes: Vec::new(),
    };
    if let Some(why) = &observed.incomplete {
        plan.refusals.push(Refusal {
            cause: differences.property_cause.clone(),
            reason: Reason::ObservationIncomplete,
            message: format!(
                "the list from DOOR OS was not provably complete: {why}. Nothing is changed from it."
            ),
            owner: None,
        });
    } else {
        differences.doors();
        differences.keys();
        differences.count_unsettled();
        plan.steps = differences.steps;
        weigh_losses(&mut plan.steps, observed);
        plan.refusals.extend(differences.refusals);
        plan.unmanaged = differences.unmanaged;
        plan.drifted = differences.drifted;
        unsettled(
            &mut plan,
            differences.unsettled,
            taken,
            &differences.property_cause,
        );
    }
    if taken.time_in_doubt {
        plan.refusals.push(Refusal {
            cause: differences.property_cause.clone(),
            reason: Reason::ClockSkewed,
            message: String::from(
                "this machine's clock and DOOR's differ by more than two minutes, so nothing that depends on time changes. \
                 Correct the clock.",
            ),
            owner: None,
        });
    }
    sort_steps(&mut plan);
    guard::guard(&mut plan, ledger, guard, approvals, now);
    note_other_paths(&mut plan.steps, ledger, observed);
    let (refusals, waiting) = withdrawals(ledger, observed);
    plan.refusals.extend(refusals);
    plan.waiting.extend(waiting);
    syncs(&mut plan, ledger, observed, taken, guard, now);
    plan.refusals.sort();
    plan.refusals.dedup();
    plan.waiting.sort_by(|a, b| {
        (a.kind, &a.partner, &a.door, a.via).cmp(&(b.kind, &b.partner, &b.door, b.via))
    });
    plan.unmanaged.sort();
    plan.drifted.sort();
    plan.summary = summary(&plan);
    plan.plan_id = plan_id(&plan, ledger);
    notes(&mut plan, ledger, taken);
    plan
}

fn not_performed(ledger: &Ledger, guard: &Guard) -> Option<Reason> {
    let suspended = ledger
        .head
        .property
        .as_ref()
        .is_some_and(|property| property.spec.suspend);
    if suspended || guard.suspended {
        Some(Reason::Suspended)
    } else if guard.mode == Mode::Observe {
        Some(Reason::ObserveOnly)
    } else {
        None
    }
}

fn unsettled(plan: &mut Plan, count: usize, taken: &Taken, cause: &crate::owner::Cause) {
    if count > 0 {
        plan.refusals.push(Refusal {
            cause: cause.clone(),
            reason: Reason::OutcomeUnknown,
            message: format!(
                "{count} changes were sent and their answers were lost; each may still take effect for ten minutes. The \
                 next pass reads before it decides."
            ),
            owner: None,
        });
    }
    if !taken.stale.is_empty() {
        plan.refusals.push(Refusal {
            cause: cause.clone(),
            reason: Reason::StaleRow,
            message: format!(
                "DOOR OS gave {} rows that are older than ones already seen; they were left alone.",
                taken.stale.len()
            ),
            owner: None,
        });
    }
}

/// Removals before grants, so that a door is never open for two when it need not be.
fn sort_steps(plan: &mut Plan) {
    plan.steps.sort_by(|a, b| {
        let phase = |losses: bool, grants: bool| match (losses, grants) {
            (true, false) => 0,
            (true, true) => 1,
            (false, _) => 2,
        };
        let rank = |step: &crate::plan::Step| {
            let takes = step.action == Action::RemoveDoor
                || step.action == Action::DeleteKey
                || !step.losses.is_empty();
            phase(takes, !step.grants.is_empty())
        };
        (rank(a), &a.door, &a.key, &a.fingerprint).cmp(&(rank(b), &b.door, &b.key, &b.fingerprint))
    });
}

fn syncs(
    plan: &mut Plan,
    ledger: &Ledger,
    observed: &Observed,
    taken: &Taken,
    guard: &Guard,
    now: Timestamp,
) {
    for debt in debts(ledger, observed, &taken.stale, now) {
        if debt.verdict.sync_required != Tri::True {
            continue;
        }
        let name = name_of_door(ledger, observed, debt.door);
        let by_key = debt.via.iter().any(|via| *via != EntryVia::Door);
        let by_door = debt.via.contains(&EntryVia::Door);
        plan.waiting.push(Waiting {
            kind: WaitingKind::Sync,
            door: Some(Named {
                uuid: Some(debt.door),
                name,
            }),
            partner: partner_name(ledger, observed, debt.partner),
            via: Some(match (by_door, by_key) {
                (true, true) => "door and key",
                (false, _) => "key",
                (true, false) => "door",
            }),
            since: Some(debt.since),
            deadline: debt.since.checked_add(guard.objective).ok(),
            reason: debt.verdict.reason,
            owner: debt.cause,
        });
    }
}

/// Counts what a plan holds.
pub(crate) fn summary(plan: &Plan) -> Summary {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut grants: BTreeSet<(DoorUuid, PartnerUuid)> = BTreeSet::new();
    let mut removals: BTreeSet<(DoorUuid, PartnerUuid)> = BTreeSet::new();
    let mut visits: BTreeSet<Option<DoorUuid>> = BTreeSet::new();
    let mut summary = Summary::default();
    for step in &plan.steps {
        grants.extend(&step.grants);
        removals.extend(&step.losses);
        visits.extend(step.visits.iter().map(|door| door.uuid));
        match step.action {
            Action::CreateKey => summary.key_creates += 1,
            Action::ConvertKey | Action::UpdateKey => summary.key_updates += 1,
            Action::DeleteKey => summary.key_deletes += 1,
            Action::AssignDoor | Action::RemoveDoor | Action::ChangeDoor => {}
        }
        summary.held += u32::from(step.held.is_some());
    }
    summary.grants = count(grants.len());
    summary.removals = count(removals.len());
    summary.refused = count(plan.refusals.len());
    summary.door_visits = count(visits.len());
    summary
}

fn plan_id(plan: &Plan, ledger: &Ledger) -> String {
    let building = ledger.building.to_string();
    let parts: Vec<&str> = std::iter::once(building.as_str())
        .chain(plan.steps.iter().map(|step| step.fingerprint.as_str()))
        .chain(plan.refusals.iter().map(|refusal| refusal.message.as_str()))
        .collect();
    let id = digest::short(&parts);
    format!("p-{}", id.get(..12).unwrap_or(&id))
}

fn notes(plan: &mut Plan, ledger: &Ledger, taken: &Taken) {
    if taken.first_contact {
        plan.notes.push(format!(
            "First contact with {}: what already is as declared is adopted, and nothing this product does not know is removed.",
            plan.building
        ));
    }
    for id in &plan.unfitting_approvals {
        plan.notes.push(format!(
            "The approval {id} fits nothing that is held now; it is ignored."
        ));
    }
    let unknown = ledger
        .doors
        .values()
        .filter(|record| record.unknown.is_some())
        .count();
    if unknown > 0 {
        plan.notes.push(format!(
            "{unknown} locks have a history that is not known here; a full Door Sync on each proves what it carries."
        ));
    }
}
