//! Plans in lines that a person can compare.

use opendoor_planner::owner::Cause;
use opendoor_planner::plan::{Plan, Refusal, WaitingKind};
use opendoor_planner::reasons::Reason;

/// Each step in a line: action, what, before and after for doors, why held, and where declared.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    let mut lines: Vec<String> = plan
        .steps
        .iter()
        .map(|step| {
            let what = match (&step.door, &step.key) {
                (Some(door), _) => format!("{}: {} -> {}", door.name, step.before, step.after),
                (None, Some(key)) => format!("\"{}\" of {}", key.name, step.partner),
                (None, None) => String::new(),
            };
            let held = step
                .held
                .map(|reason| format!(" HELD {reason}"))
                .unwrap_or_default();
            format!(
                "{} {what}{held} @{}",
                step.action.as_str(),
                place(&step.cause)
            )
        })
        .collect();
    lines.sort();
    lines
}

fn place(cause: &Cause) -> String {
    let file = cause.file.as_deref().unwrap_or(&cause.name);
    match cause.line {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    }
}

/// Each refusal: its reason and place.
pub(crate) fn refusals(plan: &Plan) -> Vec<String> {
    plan.refusals
        .iter()
        .map(|refusal| format!("{} {}", refusal.reason, place(&refusal.cause)))
        .collect()
}

pub(crate) fn refusal(plan: &Plan, reason: Reason) -> &Refusal {
    plan.refusals
        .iter()
        .find(|refusal| refusal.reason == reason)
        .unwrap_or_else(|| panic!("{reason} expected among {:?}", refusals(plan)))
}

/// What waits on people, but for the e-mail about CleanCo that is always due.
pub(crate) fn waiting(plan: &Plan) -> Vec<String> {
    plan.waiting
        .iter()
        .filter(|waiting| {
            (waiting.kind, waiting.partner.as_str()) != (WaitingKind::Email, "CleanCo")
        })
        .map(|waiting| {
            let door = waiting
                .door
                .as_ref()
                .map(|door| format!(" {}", door.name))
                .unwrap_or_default();
            let via = waiting
                .via
                .map(|via| format!(" by {via}"))
                .unwrap_or_default();
            format!(
                "{:?}{door} {}{via}: {}",
                waiting.kind, waiting.partner, waiting.reason
            )
        })
        .collect()
}

/// Nothing to do, nothing refused.
#[track_caller]
pub(crate) fn assert_quiet(plan: &Plan) {
    assert_eq!((lines(plan), refusals(plan)), (Vec::new(), Vec::new()));
}
