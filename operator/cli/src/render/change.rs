//! What a change does, in words that every form shares.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use opendoor_planner::change::How;
use opendoor_planner::plan::{Plan, Step, Summary};
use opendoor_reconciler::change::ChangeReport;
use opendoor_reconciler::published::FRESH;

use super::rows::Row;
use super::view::View;
use super::words::{count, counts, list, moment};

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The Git revision compared with.
    pub base: &'a str,
    /// Which of several environments this is.
    pub environment: Option<&'a str>,
    /// Where the look comes from, if it is not of now.
    pub origin: Option<Origin>,
}

/// A look from a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// When it was taken.
    pub at: Timestamp,
    /// How old it is.
    pub age: SignedDuration,
}

impl Origin {
    /// In a sentence.
    #[must_use]
    pub fn told(&self) -> String {
        let told = format!(
            "planned from a snapshot of {}, {} old",
            moment(self.at),
            length(self.age)
        );
        if self.age > FRESH {
            format!(
                "WARNING: {told}. What changed in DOOR OS since then is not in this plan. Publish a new one: opendoor import -o json"
            )
        } else {
            format!("P{}.", told.trim_start_matches('p'))
        }
    }
}

fn length(age: SignedDuration) -> String {
    let minutes = age.as_mins();
    let number = |number: i64| usize::try_from(number).unwrap_or_default();
    match minutes {
        ..120 => count(number(minutes), "minute", "minutes"),
        120..2880 => count(number(minutes / 60), "hour", "hours"),
        _ => count(number(minutes / 1440), "day", "days"),
    }
}

impl Asked<'_> {
    /// By this a bot knows its own comment, whatever stands below.
    #[must_use]
    pub fn marker(&self, what: &str) -> String {
        marker(what, self.environment)
    }

    /// What the comparison rests on.
    #[must_use]
    pub fn footing(&self, report: &ChangeReport) -> Vec<String> {
        let mut sentences = vec![format!(
            "Compared with {}; both were planned from the same look.",
            self.base
        )];
        if !report.adopted.is_empty() {
            sentences.push(format!(
                "No ledger is kept here of {}: what {} declared and DOOR OS holds counts as ours there, and what a lock may \
                 still accept is not known.",
                list(&report.adopted),
                self.base
            ));
        }
        sentences
    }
}

/// By this a bot knows its own comment or issue.
#[must_use]
pub fn marker(what: &str, environment: Option<&str>) -> String {
    match environment {
        Some(name) => format!("<!-- opendoor:{what}:{name} -->"),
        None => format!("<!-- opendoor:{what} -->"),
    }
}

/// A step, and how it comes from the change.
#[must_use]
pub fn row(step: &Step, how: Option<How>) -> Row {
    let mut row = Row::of_step(step, None);
    let remark = match how {
        Some(How::Instead) => "instead of what is pending there",
        Some(How::Released) => "RELEASED by this change",
        Some(How::Held) => "it would be done without this change",
        Some(How::Added) | None => return row,
    };
    row.strong |= how == Some(How::Released);
    if !row.remark.is_empty() {
        row.remark.push_str("; ");
    }
    row.remark.push_str(remark);
    row
}

/// What the change does, in a line; `None`: nothing.
#[must_use]
pub fn totals(report: &ChangeReport) -> Option<String> {
    let view = View::of_round(&report.caused, false);
    let plans: Vec<&Plan> = view
        .properties
        .iter()
        .map(|property| property.plan)
        .collect();
    let sum = |of: fn(&Summary) -> u32| -> usize {
        plans.iter().map(|plan| of(&plan.summary) as usize).sum()
    };
    let steps = || plans.iter().flat_map(|plan| &plan.steps);
    let for_good = steps().filter(|step| step.irreversible).count();
    let released = report
        .beside
        .values()
        .flat_map(|beside| beside.how.values())
        .filter(|how| **how == How::Released)
        .count();
    let incomplete = plans.iter().filter(|plan| !plan.complete).count();
    let told = counts(&[
        (sum(|sum| sum.grants), "grant", "grants"),
        (sum(|sum| sum.removals), "removal", "removals"),
        (sum(|sum| sum.key_creates), "key made", "keys made"),
        (sum(|sum| sum.key_updates), "key changed", "keys changed"),
        (sum(|sum| sum.key_deletes), "key deleted", "keys deleted"),
        (for_good, "step for good", "steps for good"),
        (sum(|sum| sum.door_visits), "visit", "visits"),
        (people(steps()), "person affected", "people affected"),
        (released, "released", "released"),
        (sum(|sum| sum.held), "held", "held"),
        (
            sum(|sum| sum.refused) + view.problems.len(),
            "refused",
            "refused",
        ),
        (
            incomplete,
            "property not seen whole",
            "properties not seen whole",
        ),
    ]);
    (!told.is_empty()).then(|| format!("{told}."))
}

/// How many people hold the keys that change, each key once.
fn people<'a>(steps: impl Iterator<Item = &'a Step>) -> usize {
    let mut keys = BTreeSet::new();
    steps
        .filter_map(|step| {
            let key = step.key.as_ref()?.uuid?;
            let holders = step.holders_affected?;
            keys.insert(key).then_some(holders as usize)
        })
        .sum()
}

/// How much would be done, refused or not looked at anyway.
#[must_use]
pub fn pending_count(pending: &View<'_>) -> usize {
    let plans = pending.properties.iter().map(|property| property.plan);
    plans
        .map(|plan| plan.steps.len() + plan.refusals.len())
        .sum::<usize>()
        + pending.problems.len()
}
