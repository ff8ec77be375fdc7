//! What a change does, as one comment that a bot finds again and replaces.

use opendoor_reconciler::change::{Beside, ChangeReport};

use super::super::change::{Asked, pending_count, row, totals};
use super::super::rows::Row;
use super::super::view::{PropertyView, View};
use super::super::words::count;
use super::{Page, escape, people, table};

/// What only the change causes, its summary first; then, folded, what was pending anyway.
#[must_use]
pub fn change(report: &ChangeReport, asked: &Asked<'_>) -> String {
    let caused = View::of_round(&report.caused, false);
    let pending = View::of_round(&report.pending, false);
    let mut page = Page::of(format!("opendoor plan --base {}", asked.base));
    page.line(&asked.marker("plan"));
    let environment = asked
        .environment
        .map_or_else(String::new, |name| format!(" in {}", escape(name)));
    page.line(&format!("## OpenDOOR: what this change does{environment}"));
    page.line("");
    page.line(&format!("**{}**", escape(&in_short(report))));
    if let Some(origin) = &asked.origin {
        page.line("");
        page.line(&format!("> {}", escape(&origin.told())));
    }
    refused(&mut page, &caused);
    for property in &caused.properties {
        let beside = report.beside.get(&property.plan.name);
        section(&mut page, property, beside);
    }
    people(&mut page, &caused);
    anyway(&mut page, &pending);
    for sentence in asked.footing(report) {
        page.line("");
        page.line(&format!("<sub>{}</sub>", escape(&sentence)));
    }
    page.close()
}

fn in_short(report: &ChangeReport) -> String {
    let ended: usize = report
        .beside
        .values()
        .map(|beside| beside.unnecessary.len())
        .sum();
    match (totals(report), ended) {
        (Some(totals), _) => totals,
        (None, 0) => String::from("This change does nothing in DOOR OS."),
        (None, ended) => format!(
            "This change only ends what was pending: {}.",
            count(ended, "step", "steps")
        ),
    }
}

/// Whatever the change brings that is refused or cannot be told, of every property, before all else.
fn refused(page: &mut Page, caused: &View<'_>) {
    let rows: Vec<Row> = caused
        .properties
        .iter()
        .flat_map(|property| property.plan.refusals.iter().map(Row::of_refusal))
        .chain(caused.problems.iter().map(Row::of_problem))
        .collect();
    if !rows.is_empty() {
        page.line("");
        page.line("### Refused because of this change");
        table(page, &rows);
    }
}

fn section(page: &mut Page, property: &PropertyView<'_>, beside: Option<&Beside>) {
    let plan = property.plan;
    let how = |step| beside.and_then(|beside| beside.how.get(step).copied());
    let rows: Vec<Row> = plan
        .steps
        .iter()
        .map(|step| row(step, how(&step.fingerprint)))
        .chain(plan.drifted.iter().map(Row::of_drifted))
        .chain(plan.unmanaged.iter().map(Row::of_unmanaged))
        .collect();
    let ended = beside.map_or(&[][..], |beside| &beside.unnecessary);
    let solved = beside.map_or(&[][..], |beside| &beside.solved);
    if rows.is_empty() && ended.is_empty() && solved.is_empty() && plan.notes.is_empty() {
        return;
    }
    let complete = if property.complete() {
        ""
    } else {
        " (**INCOMPLETE**)"
    };
    page.line("");
    page.line(&format!("### {}{complete}", escape(property.title())));
    if !rows.is_empty() {
        table(page, &rows);
    }
    if let Some(reason) = plan.not_performed.filter(|_| !plan.steps.is_empty()) {
        page.line("");
        page.line(&format!("Nothing is performed here: {reason}."));
    }
    if let Some(id) = &plan.hold_id {
        page.line("");
        page.line(&format!(
            "What is held waits after the merge until `spec.approve: {id}` is committed in the Property."
        ));
    }
    for note in &plan.notes {
        page.line("");
        page.line(&format!("> {}", escape(note)));
    }
    let ended: Vec<Row> = ended.iter().map(|step| row(step, None)).collect();
    folded(page, "Not done any more", &ended);
    let solved: Vec<Row> = solved.iter().map(Row::of_refusal).collect();
    folded(page, "Refused until now", &solved);
}

fn folded(page: &mut Page, title: &str, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    page.line("");
    let number = rows.len();
    page.open(
        &format!("<details><summary>{title} ({number})</summary>"),
        "</details>",
    );
    table(page, rows);
    page.line("");
    page.shut();
}

/// What is pending with the change and without it.
fn anyway(page: &mut Page, pending: &View<'_>) {
    let number = pending_count(pending);
    if number == 0 {
        return;
    }
    page.line("");
    page.open(
        &format!("<details><summary>Pending anyway ({number})</summary>"),
        "</details>",
    );
    for property in &pending.properties {
        let plan = property.plan;
        let rows: Vec<Row> = plan
            .steps
            .iter()
            .map(|step| row(step, None))
            .chain(plan.refusals.iter().map(Row::of_refusal))
            .collect();
        if !rows.is_empty() {
            page.line("");
            page.line(&format!("**{}**", escape(property.title())));
            table(page, &rows);
        }
    }
    let problems: Vec<Row> = pending.problems.iter().map(Row::of_problem).collect();
    if !problems.is_empty() {
        page.line("");
        page.line("**Not looked at**");
        table(page, &problems);
    }
    page.line("");
    page.shut();
}
