//! What people changed by hand, as one issue that a bot finds again and replaces. The same findings print
//! the same bytes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use opendoor_planner::plan::Plan;
use opendoor_reconciler::round::RoundReport;

use super::super::change::marker;
use super::super::rows::Row;
use super::super::view::{PropertyView, View};
use super::super::words::{count, list, moment};
use super::{Page, by_hand, code, escape, table};

/// What an issue about drift says beside the findings.
#[derive(Clone, Copy, Debug)]
pub struct Issue<'a> {
    /// The directory of YAML as it was given.
    pub path: &'a str,
    /// Which of several environments this is.
    pub environment: Option<&'a str>,
    /// Since when something is changed by hand at a property, where that was noted.
    pub since: &'a BTreeMap<String, Timestamp>,
}

/// What people changed by hand, and what to do about it.
#[must_use]
pub fn drift(report: &RoundReport, issue: &Issue<'_>) -> String {
    let view = View::of_round(report, false);
    let mut page = Page::of(format!("opendoor drift {}", issue.path));
    page.line(&marker("drift", issue.environment));
    let environment = issue
        .environment
        .map_or_else(String::new, |name| format!(" in {}", escape(name)));
    let title = in_short(&view).unwrap_or_else(|| String::from("none"));
    page.line(&format!("# OpenDOOR drift{environment}: {title}"));
    for property in &view.properties {
        section(&mut page, property, issue);
    }
    let problems: Vec<Row> = view.problems.iter().map(Row::of_problem).collect();
    if !problems.is_empty() {
        page.line("");
        page.line("## Not looked at");
        table(&mut page, &problems);
    }
    if in_short(&view).is_none() {
        page.line("");
        page.line("Nothing in DOOR OS was changed by hand, and everything there is declared.");
    }
    page.line("");
    page.line(&format!(
        "<sub>From {}.</sub>",
        code(&format!("opendoor drift {} -o markdown", issue.path))
    ));
    page.close()
}

fn in_short(view: &View<'_>) -> Option<String> {
    let plans = || view.properties.iter().map(|property| property.plan);
    let sum = |of: fn(&Plan) -> usize| -> usize { plans().map(of).sum() };
    let unseen = plans().filter(|plan| !plan.complete).count() + view.problems.len();
    let parts: Vec<String> = [
        (sum(|plan| plan.drifted.len()), "changed by hand"),
        (sum(|plan| plan.unmanaged.len()), "declared by nobody"),
        (unseen, "not looked at"),
    ]
    .iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!("{number} {what}"))
    .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn section(page: &mut Page, property: &PropertyView<'_>, issue: &Issue<'_>) {
    let plan = property.plan;
    let rows = by_hand(property);
    if rows.is_empty() && property.complete() {
        return;
    }
    page.line("");
    page.line(&format!("## {}", escape(property.title())));
    if !property.complete() {
        page.line("");
        page.line("DOOR OS did not show everything, so there may be more.");
    }
    if !plan.drifted.is_empty() {
        page.line("");
        page.line(&match issue.since.get(&plan.name) {
            Some(since) => format!("Changed by hand since {}.", moment(*since)),
            None => String::from(
                "Since when is not known here: only `opendoor run`, or the operator, notes it.",
            ),
        });
    }
    if !rows.is_empty() {
        table(page, &rows);
    }
    page.line("");
    for line in to_do(property, issue.path) {
        page.line(&format!("- {line}"));
    }
}

/// What to do, with the commands.
fn to_do(property: &PropertyView<'_>, path: &str) -> Vec<String> {
    let plan = property.plan;
    let mut lines = Vec::new();
    let restores: Vec<_> = plan.steps.iter().filter(|step| step.restores).collect();
    if !plan.drifted.is_empty() {
        let held: Vec<String> = restores
            .iter()
            .filter_map(|step| step.held)
            .map(|reason| reason.to_string())
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        let back = match &plan.hold_id {
            Some(id) if !held.is_empty() => format!(
                "held ({}): {}, or `spec.approve: {id}` in the Property",
                list(&held),
                code(&format!("opendoor apply {path} --approve {id}"))
            ),
            _ => format!(
                "{}, or the next pass of whoever applies",
                code(&format!("opendoor apply {path}"))
            ),
        };
        lines.push(format!(
            "**Changed by hand.** If it was right, change the YAML. If not, put it back: {back}."
        ));
    }
    if !plan.unmanaged.is_empty() {
        let import = format!("opendoor import {path} --building \"{}\"", property.title());
        lines.push(format!(
            "**Declared by nobody.** If it is meant, declare it ({} writes what is there). If not, take it away in DOOR OS, or set \
             `addedByHand: Remove` in the Property.",
            code(&import)
        ));
    }
    let others = plan.steps.len() - restores.len();
    if others > 0 {
        lines.push(format!(
            "{} outstanding beside: {}.",
            count(others, "change is", "changes are"),
            code(&format!("opendoor plan {path}"))
        ));
    }
    lines
}
