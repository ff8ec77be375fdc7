//! The doors to visit as sheets to print: one for each building, nothing loaded from elsewhere.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use opendoor_planner::plan::Waiting;
use opendoor_reconciler::round::RoundReport;

use super::status::NOT_ALL;
use super::waiting::{door_of, due, why};
use super::words::{clean, count, moment};

const STYLE: &str = "\
body { font: 12pt/1.4 sans-serif; margin: 2em; color: #111; background: #fff; }
h1 { font-size: 18pt; margin: 0 0 .2em; }
p { margin: 0 0 1em; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #888; padding: .35em .5em; text-align: left; vertical-align: top; }
td.tick { width: 1.5em; font-size: 16pt; line-height: 1; text-align: center; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
section + section { margin-top: 3em; }
@media print { body { margin: 0; } section + section { break-before: page; margin-top: 0; } }
";

/// One sheet for each building that has doors to visit. Where not every door was looked at, they are not
/// `complete`.
#[must_use]
pub fn sheets(report: &RoundReport, complete: bool) -> String {
    let sheets = due(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Door Syncs to perform" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                @if !complete {
                    p { strong { (NOT_ALL) } }
                }
                @if sheets.is_empty() && complete {
                    h1 { "No Door Sync is due." }
                }
                @if sheets.is_empty() && !complete {
                    h1 { "Whether a Door Sync is due cannot be told." }
                }
                @for (_, building, due) in &sheets {
                    (sheet(building, due))
                }
            }
        }
    };
    format!("{}\n", page.into_string())
}

fn sheet(building: &str, due: &[&Waiting]) -> Markup {
    html! {
        section {
            h1 { (clean(building)) }
            p {
                (count(due.len(), "Door Sync", "Door Syncs"))
                " to perform with the DOOR App. Until then the lock may still open for the partner named."
            }
            table {
                thead {
                    tr {
                        th { "Done" }
                        th { "Door" }
                        th { "Partner" }
                        th { "Reason" }
                        th { "Since" }
                        th { "Due" }
                    }
                }
                tbody {
                    @for waiting in due {
                        tr {
                            td.tick { "\u{2610}" }
                            td { (door_of(waiting)) }
                            td { (clean(&waiting.partner)) }
                            td { (why(waiting)) }
                            td { @if let Some(since) = waiting.since { (moment(since)) } }
                            td { @if let Some(deadline) = waiting.deadline { (moment(deadline)) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::{busy, empty, looked};

    #[test]
    fn a_building_is_one_sheet_with_a_box_to_tick() {
        let page = sheets(&looked(busy()), true);
        assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
        assert!(
            page.contains(
                "<tr><td class=\"tick\">\u{2610}</td><td>Garage Gate</td><td>Parcel Runner</td><td>A removed partner may still \
                 open the lock until somebody performs a Door Sync there.</td><td>2026-06-01 07:00 UTC</td>\
                 <td>2026-06-02 07:00 UTC</td></tr>"
            ),
            "{page}"
        );
        assert_eq!(page.matches("<section>").count(), 1);
        assert!(page.contains("@media print"));
        for from_elsewhere in ["http", "src=", "<link", "<script", "url("] {
            assert!(!page.contains(from_elsewhere), "{from_elsewhere}");
        }
    }

    #[test]
    fn names_are_escaped_and_nothing_due_is_said() {
        let mut plan = busy();
        plan.building = String::from("<b>Harbor</b>");
        assert!(sheets(&looked(plan), true).contains("<h1>&lt;b&gt;Harbor&lt;/b&gt;</h1>"));
        assert!(sheets(&looked(empty()), true).contains("No Door Sync is due."));
        let partly = sheets(&looked(empty()), false);
        assert!(partly.contains("cannot be told") && !partly.contains("No Door Sync"));
    }
}
