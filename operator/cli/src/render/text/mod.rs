//! For a person at a terminal.

mod change;
mod lines;
#[cfg(test)]
mod tests;

use opendoor_planner::plan::{Plan, Summary};
use opendoor_planner::reasons::{Class, Reason};
use opendoor_reconciler::pass::StepResult;
use opendoor_reconciler::round::RoundReport;
use opendoor_reconciler::table::TablePlan;

use super::rows::Row;
use super::style::{DIM, HELD, REFUSED, STRONG, paint};
use super::view::{PropertyView, View};
use super::waiting::{errands, errands_unseen};
use super::words::{clean, count, counts, list, wrap};

pub use change::change;
pub(super) use lines::align;

/// Width at which sentences wrap.
const WIDTH: usize = 110;

/// How many lines of a list that another command shows whole.
const SHOWN: usize = 20;

/// What a round found; with `performed`, what it did.
#[must_use]
pub fn round(report: &RoundReport, performed: bool) -> String {
    everything(&View::of_round(report, performed))
}

/// Plans made against a table of doors.
#[must_use]
pub fn plans(planned: &TablePlan) -> String {
    everything(&View::of_table(planned))
}

/// What people changed by hand.
#[must_use]
pub fn drift(report: &RoundReport) -> String {
    let view = View::of_round(report, false);
    let mut blocks: Vec<String> = view.properties.iter().map(drift_of).collect();
    blocks.extend(problems(&view));
    blocks.join("\n")
}

fn everything(view: &View<'_>) -> String {
    let mut blocks: Vec<String> = view.properties.iter().map(property).collect();
    blocks.extend(problems(view));
    let mut closing = String::new();
    if let Some(totals) = totals(view) {
        closing.push_str(&format!("{totals}\n"));
    }
    closing.push_str(&people(view));
    for note in view.notes {
        closing.push_str(&note_lines("note: ", note, 0));
    }
    if !closing.is_empty() {
        blocks.push(closing);
    }
    blocks.join("\n")
}

fn property(view: &PropertyView<'_>) -> String {
    let mut text = heading(view);
    let steps = view.steps();
    let mut rows: Vec<Row> = steps
        .iter()
        .map(|(step, became)| Row::of_step(step, *became))
        .collect();
    say_once(&mut rows);
    rows.extend(view.after.refusals.iter().map(Row::of_refusal));
    if rows.is_empty() {
        text.push_str("  Nothing to do.\n");
    }
    rows.extend(view.after.drifted.iter().map(Row::of_drifted));
    let unmanaged = &view.after.unmanaged;
    rows.extend(unmanaged.iter().take(SHOWN).map(Row::of_unmanaged));
    text.push_str(&align(&rows));
    if unmanaged.len() > SHOWN {
        let more = unmanaged.len() - SHOWN;
        text.push_str(&format!(
            "  and {more} more that nothing declares: opendoor drift\n"
        ));
    }
    if let Some(reason) = view.after.not_performed
        && (!steps.is_empty() || reason == Reason::Suspended)
    {
        let why = paint(HELD, reason);
        text.push_str(&format!(
            "  Nothing is performed here: {why}. {}\n",
            reason.meaning()
        ));
    }
    // A table has nothing to apply to.
    if view.observed.is_some() {
        text.push_str(&approval(view.after));
    }
    for note in &view.after.notes {
        text.push_str(&note_lines("note: ", note, 2));
    }
    text
}

/// Steps that were refused for the same reason say it under the first of them.
fn say_once(rows: &mut [Row]) {
    let mut said = String::new();
    for row in rows {
        if row.message == said {
            row.message.clear();
        } else {
            said.clone_from(&row.message);
        }
    }
}

fn drift_of(view: &PropertyView<'_>) -> String {
    let plan = view.plan;
    let mut text = heading(view);
    let mut rows: Vec<Row> = plan.drifted.iter().map(Row::of_drifted).collect();
    rows.extend(plan.unmanaged.iter().map(Row::of_unmanaged));
    rows.extend(plan.refusals.iter().map(Row::of_refusal));
    text.push_str(&align(&rows));
    match plan.steps.len() {
        0 if rows.is_empty() => text.push_str("  As declared and applied.\n"),
        0 => {}
        1 => text.push_str("  1 change is outstanding. See: opendoor plan\n"),
        more => text.push_str(&format!(
            "  {more} changes are outstanding. See: opendoor plan\n"
        )),
    }
    text
}

fn heading(view: &PropertyView<'_>) -> String {
    let plan = view.after;
    let mut sizes = vec![count(plan.doors, "door", "doors")];
    if view.pass.is_some() || plan.keys > 0 {
        sizes.push(count(plan.keys, "key", "keys"));
    }
    let complete = if view.complete() {
        String::from("complete")
    } else {
        paint(REFUSED, "INCOMPLETE")
    };
    format!(
        "{}   {}, {complete}\n",
        paint(STRONG, clean(view.title())),
        sizes.join(", ")
    )
}

/// How to approve what is held.
fn approval(plan: &Plan) -> String {
    let held = plan.steps.iter().filter(|step| step.held.is_some()).count();
    let Some(id) = plan.hold_id.as_deref().filter(|_| held > 0) else {
        return String::new();
    };
    let (are, they) = if held == 1 {
        ("is", "it is")
    } else {
        ("are", "they are")
    };
    format!(
        "  {} {are} {}. If {they} meant: opendoor apply --approve {id} (or spec.approve: {id} in the Property)\n",
        count(held, "change", "changes"),
        paint(HELD, "held")
    )
}

/// What is wrong beside any plan.
fn problems(view: &View<'_>) -> Option<String> {
    let rows: Vec<Row> = view.problems.iter().map(Row::of_problem).collect();
    (!rows.is_empty()).then(|| align(&rows))
}

/// What there is to say of all of it, in a line.
pub(super) fn totals(view: &View<'_>) -> Option<String> {
    if view.performed {
        return performed(view);
    }
    let steps: usize = view
        .properties
        .iter()
        .map(|property| property.plan.steps.len())
        .sum();
    if steps == 0 {
        return None;
    }
    let sum = view
        .properties
        .iter()
        .map(|property| property.plan.summary)
        .fold(Summary::default(), add);
    // What comes by itself is no refusal.
    let waits: usize = view
        .properties
        .iter()
        .flat_map(|property| &property.plan.refusals)
        .filter(|refusal| refusal.reason.class() == Class::Working)
        .count();
    let refused = (sum.refused as usize).saturating_sub(waits);
    let told = counts(&[
        (sum.grants as usize, "grant", "grants"),
        (sum.removals as usize, "removal", "removals"),
        (sum.key_creates as usize, "key made", "keys made"),
        (sum.key_updates as usize, "key changed", "keys changed"),
        (sum.key_deletes as usize, "key deleted", "keys deleted"),
        (sum.held as usize, "held", "held"),
        (refused, "refused", "refused"),
        (waits, "waits", "wait"),
    ]);
    let changes = count(steps, "change", "changes");
    // A way that goes while another stays takes nothing from anybody.
    let told = if told.is_empty() {
        told
    } else {
        format!(": {told}")
    };
    Some(format!("{changes}{told}."))
}

fn add(a: Summary, b: Summary) -> Summary {
    Summary {
        grants: a.grants.saturating_add(b.grants),
        removals: a.removals.saturating_add(b.removals),
        key_creates: a.key_creates.saturating_add(b.key_creates),
        key_updates: a.key_updates.saturating_add(b.key_updates),
        key_deletes: a.key_deletes.saturating_add(b.key_deletes),
        held: a.held.saturating_add(b.held),
        refused: a.refused.saturating_add(b.refused),
        door_visits: a.door_visits.saturating_add(b.door_visits),
    }
}

fn performed(view: &View<'_>) -> Option<String> {
    let results: Vec<&StepResult> = view
        .properties
        .iter()
        .filter_map(|property| property.results)
        .flat_map(|results| results.values())
        .collect();
    if results.is_empty() {
        return None;
    }
    let number = |of: fn(&StepResult) -> bool| results.iter().filter(|result| of(result)).count();
    let applied = number(|result| matches!(result, StepResult::Applied));
    let refused = number(|result| matches!(result, StepResult::Refused(_)));
    let unknown = number(|result| matches!(result, StepResult::Unknown));
    let not_sent = number(|result| matches!(result, StepResult::NotSent(_)));
    let mut rest = Vec::new();
    if refused > 0 {
        rest.push(format!("{refused} refused by DOOR OS"));
    }
    if unknown > 0 {
        rest.push(format!(
            "{} lost, which the next pass settles",
            count(unknown, "answer", "answers")
        ));
    }
    if not_sent > 0 {
        rest.push(format!("{not_sent} not sent"));
    }
    let performed = view.properties.iter().filter(|property| {
        let results = property.results;
        results.is_some_and(|results| !results.is_empty())
    });
    let read_back = match applied {
        0 => "",
        _ if performed.clone().all(PropertyView::read_back) => ", each read back",
        _ => ", not all read back",
    };
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!("; {}", list(&rest))
    };
    Some(format!(
        "Applied {applied} of {}{read_back}{rest}.",
        results.len()
    ))
}

/// What people have to do.
fn people(view: &View<'_>) -> String {
    let mut text = String::new();
    let seen = view.properties.iter();
    let seen = seen.map(|property| (property.title(), errands(property)));
    let unseen = view.unseen.iter();
    let unseen = unseen.map(|unseen| (unseen.building.as_str(), errands_unseen(unseen)));
    for (title, errands) in seen.chain(unseen) {
        for errand in errands.iter().take(SHOWN) {
            let label = paint(HELD, format_args!("{:<5}", errand.label));
            text.push_str(&format!("  {label}  {}\n", clean(&errand.text)));
        }
        if errands.len() > SHOWN {
            text.push_str(&format!(
                "  and {} more at {}: opendoor sync list, opendoor email\n",
                errands.len() - SHOWN,
                clean(title)
            ));
        }
    }
    if text.is_empty() {
        text
    } else {
        format!("{}\n{text}", paint(STRONG, "Waiting on people"))
    }
}

/// A sentence, wrapped, with its label before the first line.
fn note_lines(label: &str, sentence: &str, indent: usize) -> String {
    let mut text = String::new();
    for (number, line) in wrap(sentence, WIDTH - indent - label.len())
        .iter()
        .enumerate()
    {
        let label = if number == 0 { label } else { "      " };
        let line = paint(DIM, format_args!("{label}{line}"));
        text.push_str(&format!("{:indent$}{line}\n", ""));
    }
    text
}
