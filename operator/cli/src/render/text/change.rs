//! What a change does, for a person at a terminal.

use opendoor_reconciler::change::ChangeReport;

use super::super::change::{Asked, pending_count, row, totals};
use super::super::rows::Row;
use super::super::style::{STRONG, paint};
use super::super::view::View;
use super::super::words::count;
use super::lines::align;
use super::{heading, note_lines, people};

/// What only the change causes; what was pending anyway is counted.
#[must_use]
pub fn change(report: &ChangeReport, asked: &Asked<'_>) -> String {
    let caused = View::of_round(&report.caused, false);
    let mut blocks = Vec::new();
    let mut refused: Vec<Row> = caused
        .properties
        .iter()
        .flat_map(|property| property.plan.refusals.iter().map(Row::of_refusal))
        .collect();
    refused.extend(caused.problems.iter().map(Row::of_problem));
    if !refused.is_empty() {
        let title = paint(STRONG, "Refused because of this change");
        blocks.push(format!("{title}\n{}", align(&refused)));
    }
    for property in &caused.properties {
        let beside = report.beside.get(&property.plan.name);
        let how = |step| beside.and_then(|beside| beside.how.get(step).copied());
        let plan = property.plan;
        let mut rows: Vec<Row> = plan
            .steps
            .iter()
            .map(|step| row(step, how(&step.fingerprint)))
            .collect();
        rows.extend(plan.drifted.iter().map(Row::of_drifted));
        rows.extend(plan.unmanaged.iter().map(Row::of_unmanaged));
        let mut text = align(&rows);
        if let Some(reason) = plan.not_performed.filter(|_| !plan.steps.is_empty()) {
            text.push_str(&format!("  Nothing is performed here: {reason}.\n"));
        }
        if let Some(id) = &plan.hold_id {
            text.push_str(&format!(
                "  What is held waits until spec.approve: {id} stands in the Property.\n"
            ));
        }
        for (title, rows) in [
            (
                "  Not done any more",
                beside
                    .map(|beside| beside.unnecessary.iter().map(|step| row(step, None)))
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>(),
            ),
            (
                "  Refused until now",
                beside
                    .map(|beside| beside.solved.iter().map(Row::of_refusal))
                    .into_iter()
                    .flatten()
                    .collect(),
            ),
        ] {
            if !rows.is_empty() {
                text.push_str(&format!("{title}\n{}", align(&rows)));
            }
        }
        if !text.is_empty() {
            blocks.push(format!("{}{text}", heading(property)));
        }
    }
    let mut closing = match totals(report) {
        Some(totals) => format!("This change: {totals}\n"),
        None => String::from("This change does nothing new in DOOR OS.\n"),
    };
    let anyway = pending_count(&View::of_round(&report.pending, false));
    if anyway > 0 {
        closing.push_str(&format!(
            "{} pending anyway. See: opendoor plan\n",
            count(anyway, "more is", "more are")
        ));
    }
    closing.push_str(&people(&caused));
    let origin = asked.origin.iter().map(super::super::change::Origin::told);
    for sentence in asked.footing(report).into_iter().chain(origin) {
        closing.push_str(&note_lines("note: ", &sentence, 0));
    }
    blocks.push(closing);
    blocks.join("\n")
}
