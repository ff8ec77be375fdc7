//! What a Property says of its plan: how much is left, and the first of it by name.

use opendoor_api::{Cause, PlanReport, PlannedStep, RefusedStep};
use opendoor_planner::plan::{KeySettings, Plan, Step, Value};

use super::{LONGEST_NAME, bounded, count, more};

/// Most steps of each list in a status.
const STEPS_SHOWN: usize = 25;
/// Most refusals in a status.
const REFUSED_SHOWN: usize = 10;

/// What is left, in the order of the plan.
#[must_use]
pub(super) fn plan_report(plan: &Plan) -> PlanReport {
    let (held, left): (Vec<&Step>, Vec<&Step>) =
        plan.steps.iter().partition(|step| step.held.is_some());
    let named = |steps: &[&Step]| {
        steps
            .iter()
            .take(STEPS_SHOWN)
            .map(|step| self::step(step))
            .collect()
    };
    PlanReport {
        id: plan.plan_id.clone(),
        hold_id: plan.hold_id.clone(),
        complete: plan.complete,
        summary: plan.summary,
        steps: named(&left),
        more_steps: more(left.len(), STEPS_SHOWN),
        held: named(&held),
        refused: plan
            .refusals
            .iter()
            .take(REFUSED_SHOWN)
            .map(|refusal| RefusedStep {
                reason: refusal.reason.as_str().to_owned(),
                message: bounded(&refusal.message, 1000),
                cause: Some(cause(&refusal.cause)),
            })
            .collect(),
    }
}

fn step(step: &Step) -> PlannedStep {
    let name = |name: &str| bounded(name, LONGEST_NAME);
    let (before, after) = words(&step.before, &step.after);
    let visits = count(step.visits.len());
    PlannedStep {
        action: step.action.as_str().to_owned(),
        door: step.door.as_ref().map(|door| name(&door.name)),
        key: step.key.as_ref().map(|key| name(&key.name)),
        partner: Some(name(&step.partner)),
        before: before.map(|words| name(&words)),
        after: after.map(|words| name(&words)),
        irreversible: step.irreversible.then_some(true),
        holders_affected: step.holders_affected,
        door_visits: (visits > 0).then_some(visits),
        reason: step.held.map(|reason| reason.as_str().to_owned()),
        cause: Some(cause(&step.cause)),
    }
}

/// What is there and what will be. Of a key that changes only the settings that differ: two lists of many doors would be
/// cut before the door in question.
fn words(before: &Value, after: &Value) -> (Option<String>, Option<String>) {
    let whole = |value: &Value| match value {
        Value::None => None,
        Value::Partner(partner) => Some(partner.clone()),
        Value::Key(key) => Some(key_words(key)),
    };
    let (Value::Key(from), Value::Key(to)) = (before, after) else {
        return (whole(before), whole(after));
    };
    let (from, to) = (from.lines(), to.lines());
    let only = |of: &[String], other: &[String]| {
        let lines: Vec<&str> = of
            .iter()
            .filter(|line| !other.contains(line))
            .map(String::as_str)
            .collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    };
    (only(&from, &to), only(&to, &from))
}

/// A key that comes or goes: its partner, how many doors, and when it works if not always.
fn key_words(key: &KeySettings) -> String {
    let partner = key.partner.as_deref().unwrap_or("nobody");
    let doors = match key.doors.len() {
        1 => String::from("1 door"),
        doors => format!("{doors} doors"),
    };
    let mut words = vec![format!("{partner}, {doors}")];
    words.extend(key.schedule.iter().cloned());
    words.join("; ")
}

fn cause(cause: &opendoor_planner::owner::Cause) -> Cause {
    Cause {
        kind: cause.kind.clone(),
        name: cause.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use opendoor_planner::ids::{DoorUuid, PartnerUuid};
    use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
    use opendoor_planner::plan::{Action, KeyDoorSetting, Named};
    use opendoor_planner::reasons::Reason;
    use opendoor_planner::writes::Write;
    use uuid::Uuid;

    use super::*;

    fn assign(number: u128, held: Option<Reason>) -> Step {
        let owner = OwnerId::new(OwnerKind::DoorAssignment, "parcel", None);
        let door = DoorUuid(Uuid::from_u128(number));
        Step {
            action: Action::AssignDoor,
            door: Some(Named {
                uuid: Some(door),
                name: format!("Door {number:03}"),
            }),
            key: None,
            partner: String::from("Parcel Runner"),
            holder: None,
            before: Value::None,
            after: Value::Partner(String::from("Parcel Runner")),
            irreversible: false,
            holders_affected: None,
            visits: Vec::new(),
            held,
            offline: false,
            still_opens_by: Vec::new(),
            cause: Cause::of(&owner),
            owner,
            shared_with: Vec::new(),
            write: Write::SetDoorPartner {
                door,
                partner: Some(PartnerUuid(Uuid::from_u128(1))),
                if_match: 1,
            },
            fingerprint: number.to_string(),
            losses: Vec::new(),
            grants: Vec::new(),
            uncharged: false,
            widens: Vec::new(),
            restores: false,
        }
    }

    #[test]
    fn what_waits_for_nobody_crowds_out_nothing_that_is_held() {
        let plan = Plan {
            steps: (0..60)
                .map(|number| assign(number, (number >= 30).then_some(Reason::ApprovalRequired)))
                .collect(),
            ..Plan::default()
        };
        let said = plan_report(&plan);
        assert_eq!((said.steps.len(), said.more_steps), (25, Some(5)));
        assert_eq!(said.held.len(), 25);
        assert_eq!(said.steps[0].door.as_deref(), Some("Door 000"));
        assert_eq!(said.steps[0].after.as_deref(), Some("Parcel Runner"));
        assert_eq!(
            (&said.steps[0].before, &said.steps[0].reason),
            (&None, &None)
        );
        assert_eq!(said.held[0].door.as_deref(), Some("Door 030"));
        assert_eq!(said.held[0].reason.as_deref(), Some("ApprovalRequired"));
        assert_eq!(plan_report(&plan), said);
    }

    #[test]
    fn a_long_name_is_cut_and_never_refused_by_the_definition() {
        let mut long = assign(1, None);
        long.door.as_mut().unwrap().name = "東".repeat(300);
        let said = step(&long);
        assert_eq!(said.door.unwrap().chars().count(), 200);
    }

    #[test]
    fn of_a_key_that_changes_only_what_differs_is_said() {
        let settings = |doors: &[&str], schedule: &[&str]| KeySettings {
            name: String::from("Tours"),
            partner: Some(String::from("TourPass")),
            doors: doors
                .iter()
                .map(|name| KeyDoorSetting {
                    name: (*name).to_owned(),
                    provide_doorcodes: *name == "Pool",
                })
                .collect(),
            schedule: schedule.iter().map(|words| (*words).to_owned()).collect(),
        };
        let before = Value::Key(settings(&["Gym", "Hall"], &[]));
        let after = Value::Key(settings(&["Hall", "Pool"], &["Mon 09:00-12:00"]));
        assert_eq!(
            words(&before, &after),
            (
                Some(String::from("door: Gym; schedule: always")),
                Some(String::from(
                    "door: Pool, provides doorcodes; schedule: Mon 09:00-12:00"
                ))
            )
        );
        assert_eq!(
            words(&Value::None, &after),
            (
                None,
                Some(String::from("TourPass, 2 doors; Mon 09:00-12:00"))
            )
        );
    }
}
