//! Whether DOOR OS grants what an object declares at a door, as far as statuses tell it.

use opendoor_api::{DoorAssignmentStatus, PartnerKeyStatus, PlanReport, condition};
use opendoor_kubernetes::objects::Seen;
use opendoor_planner::reasons::Reason;
use uuid::Uuid;

use super::conditions_of;

/// Most doors that are not fine in the status of an assignment.
const NOTED: usize = 32;

/// Whether DOOR OS grants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grants {
    Yes,
    NotYet,
    CannotTell,
}

/// How a declared pair stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    grants: Grants,
    /// Of what is granted: what is known of the lock; else why it is not.
    pub(super) reason: Reason,
}

impl Standing {
    pub(super) fn granted(self) -> bool {
        self.grants == Grants::Yes
    }

    pub(super) fn opens(self) -> &'static str {
        match self.grants {
            Grants::Yes => "yes",
            Grants::NotYet => "not yet",
            Grants::CannotTell => "cannot tell",
        }
    }
}

/// One door of an assignment.
pub(super) fn standing_at_door(
    seen: &Seen,
    status: &DoorAssignmentStatus,
    plan: Option<&PlanReport>,
    door: &str,
    partner: &str,
) -> Standing {
    let (applied, reason) = applied(seen, status.observed_generation);
    let by_selector = status.selected_doors.iter().any(|named| named == door);
    let grants = match applied {
        Grants::NotYet if by_selector && status.declared_doors == Some(0) => {
            // Refused or not to be told: those it names are those that DOOR OS still holds for it.
            Grants::Yes
        }
        Grants::NotYet
            if is(seen, condition::AUTHORIZED, "True") && is_all_but_named(plan, door, partner) =>
        {
            Grants::Yes
        }
        other => other,
    };
    let reason = match grants {
        Grants::Yes => at_the_lock(seen, status, door),
        Grants::NotYet | Grants::CannotTell => reason,
    };
    Standing { grants, reason }
}

/// The doors of a key.
pub(super) fn standing_by_key(seen: &Seen, status: &PartnerKeyStatus) -> Standing {
    let (applied, reason) = applied(seen, status.observed_generation);
    match applied {
        Grants::Yes => Standing {
            grants: Grants::Yes,
            reason: enforced(seen),
        },
        // The key is there, and which of its doors are not yet as declared is not published.
        Grants::NotYet if status.key_uuid.is_some() => Standing {
            grants: Grants::CannotTell,
            reason,
        },
        grants => Standing { grants, reason },
    }
}

/// Whether the whole object is as declared, and why not.
fn applied(seen: &Seen, observed: Option<i64>) -> (Grants, Reason) {
    let found = conditions_of(seen)
        .into_iter()
        .find(|found| found.type_ == condition::APPLIED)
        .filter(|_| observed == Some(seen.generation));
    let Some(found) = found else {
        return (Grants::CannotTell, Reason::Progressing);
    };
    let grants = match found.status.as_str() {
        "True" => Grants::Yes,
        "False" => Grants::NotYet,
        _ => Grants::CannotTell,
    };
    (grants, found.reason.parse().unwrap_or(Reason::Progressing))
}

fn is(seen: &Seen, kind: &str, status: &str) -> bool {
    conditions_of(seen)
        .iter()
        .any(|found| found.type_ == kind && found.status == status)
}

/// Whether all that is left at the property is named, and this pair is not among it.
fn is_all_but_named(plan: Option<&PlanReport>, door: &str, partner: &str) -> bool {
    let Some(plan) = plan else {
        return false;
    };
    let held = usize::try_from(plan.summary.held).unwrap_or(usize::MAX);
    let all_named = plan.complete
        && plan.more_steps.is_none()
        && plan.held.len() == held
        && plan.refused.is_empty();
    // Steps name doors as DOOR OS does.
    let by_name = door.parse::<Uuid>().is_err();
    let mut left = plan.steps.iter().chain(&plan.held);
    all_named
        && by_name
        && !left.any(|step| {
            step.door.as_deref() == Some(door) && step.after.as_deref() == Some(partner)
        })
}

/// What is known of the lock of a door that DOOR OS grants.
fn at_the_lock(seen: &Seen, status: &DoorAssignmentStatus, door: &str) -> Reason {
    let noted: Vec<Reason> = status
        .doors
        .iter()
        .filter(|note| note.door == door)
        .filter_map(|note| note.reason.parse().ok())
        // These are of somebody who had the door before.
        .filter(|reason| !matches!(reason, Reason::DoorSyncRequired | Reason::DoorGone))
        .collect();
    let beyond = status.doors.len() >= NOTED
        && status
            .doors
            .last()
            .is_some_and(|last| last.door.as_str() < door);
    match noted.first() {
        Some(_) if noted.contains(&Reason::LockNotProven) => Reason::LockNotProven,
        Some(first) => *first,
        None if beyond => enforced(seen),
        None => Reason::LockProven,
    }
}

/// What is known of the worst of an object's locks.
fn enforced(seen: &Seen) -> Reason {
    conditions_of(seen)
        .into_iter()
        .find(|found| found.type_ == condition::ENFORCED)
        .and_then(|found| found.reason.parse().ok())
        .unwrap_or(Reason::LockNotProven)
}
