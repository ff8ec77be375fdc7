//! One comment on a pull request: the summary first, details folded, and never too long to be posted.

mod change;
mod drift;
mod page;

use opendoor_reconciler::round::RoundReport;
use opendoor_reconciler::table::TablePlan;

use super::rows::Row;
use super::settings::Changed;
use super::text::totals;
use super::view::{PropertyView, View};
use super::waiting::{errands, errands_unseen};
use super::words::count;

use page::{Page, code, escape};

pub use change::change;
pub use drift::{Issue, drift};

/// More rows than this are folded away.
const OPEN_ROWS: usize = 25;

/// What a round found; with `performed`, what it did.
#[must_use]
pub fn round(report: &RoundReport, performed: bool) -> String {
    let title = if performed { "Applied" } else { "Plan" };
    let view = View::of_round(report, performed);
    comment(title, &in_short(&view), &view, everything)
}

/// Plans made against a table of doors.
#[must_use]
pub fn plans(planned: &TablePlan) -> String {
    let view = View::of_table(planned);
    comment("Plan", &in_short(&view), &view, everything)
}

/// All of it in a line.
fn in_short(view: &View<'_>) -> String {
    let refused: usize = view
        .properties
        .iter()
        .map(|property| property.after.refusals.len())
        .sum();
    totals(view).unwrap_or_else(|| match refused + view.problems.len() {
        0 => String::from("Nothing to do."),
        wrong => format!("No changes; {wrong} refused or not looked at."),
    })
}

fn comment(
    title: &str,
    short: &str,
    view: &View<'_>,
    rows: fn(&PropertyView<'_>) -> Vec<Row>,
) -> String {
    let mut page = Page::of(String::from("opendoor plan"));
    page.line(&format!("## OpenDOOR: {title}"));
    page.line("");
    page.line(&format!("**{}**", escape(short)));
    for property in &view.properties {
        section(&mut page, property, &rows(property));
    }
    let problems: Vec<Row> = view.problems.iter().map(Row::of_problem).collect();
    if !problems.is_empty() {
        page.line("");
        page.line("### Not looked at");
        table(&mut page, &problems);
    }
    people(&mut page, view);
    page.close()
}

fn everything(property: &PropertyView<'_>) -> Vec<Row> {
    let steps = property.steps();
    let after = property.after;
    steps
        .iter()
        .map(|(step, became)| Row::of_step(step, *became))
        .chain(after.refusals.iter().map(Row::of_refusal))
        .chain(by_hand(property))
        .collect()
}

fn by_hand(property: &PropertyView<'_>) -> Vec<Row> {
    let after = property.after;
    let drifted = after.drifted.iter().map(Row::of_drifted);
    drifted
        .chain(after.unmanaged.iter().map(Row::of_unmanaged))
        .collect()
}

fn section(page: &mut Page, property: &PropertyView<'_>, rows: &[Row]) {
    let plan = property.after;
    let complete = if property.complete() {
        "complete"
    } else {
        "**INCOMPLETE**"
    };
    page.line("");
    page.line(&format!(
        "### {} ({}, {}, {complete})",
        escape(property.title()),
        count(plan.doors, "door", "doors"),
        count(plan.keys, "key", "keys"),
    ));
    if rows.is_empty() {
        page.line("");
        page.line("Nothing to do.");
    } else {
        table(page, rows);
    }
    if let Some(reason) = plan.not_performed {
        page.line("");
        page.line(&format!("Nothing is performed here: {reason}."));
    }
    if let Some(id) = &plan.hold_id {
        page.line("");
        page.line(&format!(
            "What is held can be approved with `opendoor apply --approve {id}`, or `spec.approve: {id}` in the Property."
        ));
    }
    for note in &plan.notes {
        page.line("");
        page.line(&format!("> {}", escape(note)));
    }
}

fn table(page: &mut Page, rows: &[Row]) {
    let folded = rows.len() > OPEN_ROWS;
    if folded {
        let rows = count(rows.len(), "line", "lines");
        page.open(&format!("<details><summary>{rows}</summary>"), "</details>");
    }
    page.line("");
    page.line("| | What | Change | Where | Note |");
    page.line("|---|---|---|---|---|");
    for row in rows {
        page.line(&format!(
            "| `{}` | {} | {} | {} | {} |",
            row.mark,
            escape(&row.what),
            escape(&row.change),
            code(&row.place),
            note(row)
        ));
    }
    if folded {
        page.shut();
    }
    differences(page, rows);
}

fn note(row: &Row) -> String {
    let remark = escape(&row.remark);
    let remark = if row.strong {
        format!("**{remark}**")
    } else {
        remark
    };
    if row.message.is_empty() {
        remark
    } else {
        format!("{remark}<br>{}", escape(&row.message))
    }
}

/// What changes in keys, folded.
fn differences(page: &mut Page, rows: &[Row]) {
    let keys: Vec<&Row> = rows
        .iter()
        .filter(|row| !row.difference.is_empty())
        .collect();
    if keys.is_empty() {
        return;
    }
    page.line("");
    page.open("<details><summary>Settings of keys</summary>", "</details>");
    page.line("");
    page.open("```diff", "```");
    for row in keys {
        page.line(&format!("@@ {} @@", row.what));
        for changed in &row.difference {
            page.line(&match changed {
                Changed::Removed(line) => format!("- {line}"),
                Changed::Added(line) => format!("+ {line}"),
            });
        }
    }
    page.shut();
    page.line("");
    page.shut();
}

fn people(page: &mut Page, view: &View<'_>) {
    let unseen = view.unseen.iter().flat_map(errands_unseen);
    let errands: Vec<_> = view
        .properties
        .iter()
        .flat_map(errands)
        .chain(unseen)
        .collect();
    if errands.is_empty() {
        return;
    }
    page.line("");
    let number = errands.len();
    page.open(
        &format!("<details><summary>Waiting on people ({number})</summary>"),
        "</details>",
    );
    page.line("");
    for errand in errands {
        page.line(&format!("- **{}** {}", errand.label, escape(&errand.text)));
    }
    page.line("");
    page.shut();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use opendoor_reconciler::change::ChangeReport;

    use super::page::LONGEST;
    use super::*;
    use crate::render::change::Asked;
    use crate::render::samples::{busy, day, looked, troubled};

    #[test]
    fn a_comment_begins_with_its_summary() {
        assert_eq!(
            round(&looked(day()), false),
            "\
## OpenDOOR: Plan

**3 changes: 7 grants, 1 removal, 1 key made, 1 refused.**

### Harbor Point (28 doors, 2 keys, complete)

| | What | Change | Where | Note |
|---|---|---|---|---|
| `-` | Garage Gate | Parcel Runner -&gt; none | `parcel-runner.yaml:7` | offline: 1 visit; Parcel Runner opens it until then |
| `+` | Front Entrance | Parcel Runner | `parcel-runner.yaml:7` |  |
| `+` | key \"Vacant tours\" | TourPass, 6 doors | `vacant-tours.yaml:1` | its partner can never change |
| `x` | PartnerKey cleaners |  | `cleaners.yaml:7:12` | **REFUSED PartnerImmutable**<br>DOOR OS never changes a key's partner. Create a new key, move its 5 holders, then delete this one; their doorcodes go with it. |
"
        );
    }

    #[test]
    fn details_are_folded() {
        let text = round(&looked(busy()), false);
        assert!(
            text.contains(
                "<details><summary>Settings of keys</summary>\n\n```diff\n@@ key \"Cleaners\" @@\n- name: Cleaners\n+ name: Cleaning\n"
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "<details><summary>Waiting on people (3)</summary>\n\n- **SYNC** Garage Gate"
            ),
            "{text}"
        );
        assert!(text.contains("`opendoor apply --approve h-77aa`"), "{text}");
        assert_eq!(
            text.matches("<details>").count(),
            text.matches("</details>").count()
        );
        let troubled = round(&troubled(), false);
        assert!(
            troubled.contains("**No changes; 4 refused or not looked at.**\n\n### Not looked at\n"),
            "{troubled}"
        );
    }

    #[test]
    fn drift_is_an_issue_that_stays_the_same() {
        let since = BTreeMap::from([(
            busy().name,
            crate::render::samples::at("2026-06-01T07:00:00Z"),
        )]);
        let issue = Issue {
            path: "access",
            environment: None,
            since: &since,
        };
        assert_eq!(
            drift(&looked(busy()), &issue),
            "\
<!-- opendoor:drift -->
# OpenDOOR drift: 1 changed by hand, 1 declared by nobody

## Harbor Point

Changed by hand since 2026-06-01 07:00 UTC.

| | What | Change | Where | Note |
|---|---|---|---|---|
| `~` | Lobby | Parcel Runner | `DoorAssignment/parcel-runner` | Drifted: partner taken off the door |
| `?` | Side Door | OldCo |  | Unmanaged: partner put on the door by hand |

- **Changed by hand.** If it was right, change the YAML. If not, put it back: `opendoor apply access`, or the next pass of whoever applies.
- **Declared by nobody.** If it is meant, declare it (`opendoor import access --building \"Harbor Point\"` writes what is there). If not, take it away in DOOR OS, or set `addedByHand: Remove` in the Property.
- 3 changes are outstanding beside: `opendoor plan access`.

<sub>From `opendoor drift access -o markdown`.</sub>
"
        );
        let environment = Some("production");
        let none = drift(
            &looked(day()),
            &Issue {
                environment,
                ..issue
            },
        );
        assert!(
            none.starts_with(
                "<!-- opendoor:drift:production -->\n# OpenDOOR drift in production: none\n\nNothing"
            ),
            "{none}"
        );
        let troubled = drift(&troubled(), &issue);
        assert!(
            troubled.contains("# OpenDOOR drift: 4 not looked at\n\n## Not looked at"),
            "{troubled}"
        );
    }

    #[test]
    fn a_long_plan_is_cut_and_says_so() {
        let mut plan = busy();
        plan.steps = (0..5_000).flat_map(|_| busy().steps).collect();
        let text = round(&looked(plan), false);
        assert!(text.len() <= LONGEST, "{}", text.len());
        assert!(text.ends_with("lines are left out here. All of it: `opendoor plan`.\n"));
        assert_eq!(
            text.matches("<details>").count(),
            text.matches("</details>").count()
        );
        assert_eq!(text.matches("```").count() % 2, 0);
    }

    #[test]
    fn a_long_change_is_cut_and_keeps_its_marker() {
        let mut plan = busy();
        plan.steps = (0..5_000).flat_map(|_| busy().steps).collect();
        let report = ChangeReport {
            caused: looked(plan),
            pending: looked(busy()),
            beside: BTreeMap::new(),
            adopted: Vec::new(),
        };
        let asked = Asked {
            base: "origin/main",
            environment: Some("production"),
            origin: None,
        };
        let text = change(&report, &asked);
        assert!(text.chars().count() < 65_536, "{}", text.len());
        assert!(
            text.starts_with("<!-- opendoor:plan:production -->\n## OpenDOOR: what this change does in production\n"),
            "{text}"
        );
        assert!(
            text.ends_with(
                "lines are left out here. All of it: `opendoor plan --base origin/main`.\n"
            ),
            "{}",
            text.chars().rev().take(200).collect::<String>()
        );
        assert_eq!(
            text.matches("<details>").count(),
            text.matches("</details>").count()
        );
    }

    #[test]
    fn a_name_means_only_itself() {
        assert_eq!(
            escape("a|b <img> @all *x* [y](z)\n`c`"),
            "a&#124;b &lt;img&gt; &#64;all \\*x\\* \\[y\\](z)\u{fffd}\\`c\\`"
        );
        assert_eq!(code("a`|b"), "`a'\\|b`");
    }
}
