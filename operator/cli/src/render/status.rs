//! Tables: conditions, who opens what, doors to visit, buildings.

use std::collections::BTreeMap;

use jiff::Timestamp;
use opendoor_door_os::Building;
use opendoor_planner::conditions::{Condition, ObjectStatus};
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::pass::PassReport;
use opendoor_reconciler::round::RoundReport;

use super::style::{STRONG, paint};
use super::tables::table;
use super::waiting::{door_of, due};
use super::words::{clean, count, list, moment, wrap};
use crate::who::{Answer, Row};

/// Since when each condition has its status, by object and type.
pub type Since = BTreeMap<String, BTreeMap<String, Timestamp>>;

/// A property that was looked at, and since when its conditions are as they are.
pub type Looked<'a> = (&'a PassReport, Since);

/// The conditions of every object: a table of them all, then what is not as it should be, and why.
#[must_use]
pub fn conditions(properties: &[Looked<'_>]) -> String {
    let blocks: Vec<String> = properties
        .iter()
        .map(|(pass, since)| {
            let mut text = format!("{}\n{}", title(&pass.after.building), overview(pass));
            for status in &pass.statuses {
                text.push_str(&not_fine(status, since.get(&status.owner.to_string())));
            }
            text
        })
        .collect();
    blocks.join("\n")
}

/// `Reconciling` and `Stalled` are there only where they are true, and say the same as `Ready`.
fn has_column(condition: &Condition) -> bool {
    !matches!(condition.kind.as_str(), "Reconciling" | "Stalled")
}

fn object(status: &ObjectStatus) -> String {
    format!("{}/{}", status.owner.kind.as_str(), status.owner.name)
}

/// `SyncRequired` as `SYNC REQUIRED`.
fn heading_of(kind: &str) -> String {
    let mut heading = String::new();
    for c in kind.chars() {
        if c.is_uppercase() && !heading.is_empty() {
            heading.push(' ');
        }
        heading.extend(c.to_uppercase());
    }
    heading
}

fn overview(pass: &PassReport) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for condition in pass.statuses.iter().flat_map(|status| &status.conditions) {
        if has_column(condition) && !kinds.contains(&condition.kind.as_str()) {
            kinds.push(&condition.kind);
        }
    }
    let heading: Vec<String> = std::iter::once(String::from("OBJECT"))
        .chain(kinds.iter().map(|kind| heading_of(kind)))
        .collect();
    let rows = pass.statuses.iter().map(|status| {
        let cell = |kind: &&str| {
            let condition = status.conditions.iter().find(|other| other.kind == *kind);
            condition.map_or_else(String::new, |condition| condition.status.clone())
        };
        std::iter::once(object(status))
            .chain(kinds.iter().map(cell))
            .collect()
    });
    let heading: Vec<&str> = heading.iter().map(String::as_str).collect();
    table(&heading, rows)
}

/// What is not as it should be with an object, each reason once.
fn not_fine(status: &ObjectStatus, since: Option<&BTreeMap<String, Timestamp>>) -> String {
    let mut said: Vec<(&str, &str, Vec<&Condition>)> = Vec::new();
    for condition in status
        .conditions
        .iter()
        .filter(|condition| !is_fine(condition))
    {
        let same = said.iter_mut().find(|(reason, message, _)| {
            *reason == condition.reason && *message == condition.message
        });
        match same {
            Some((_, _, all)) => all.push(condition),
            None => said.push((&condition.reason, &condition.message, vec![condition])),
        }
    }
    let mut text = String::new();
    for (reason, message, all) in said {
        if text.is_empty() {
            text.push_str(&format!("  {}\n", clean(&object(status))));
        }
        let kinds: Vec<&str> = all
            .iter()
            .map(|condition| condition.kind.as_str())
            .collect();
        let first = all
            .iter()
            .filter_map(|condition| since?.get(&condition.kind))
            .min()
            .map_or_else(String::new, |since| format!(" since {}", moment(*since)));
        text.push_str(&format!(
            "    {} ({}){first}\n",
            clean(reason),
            kinds.join(", ")
        ));
        for line in wrap(message, 100) {
            text.push_str(&format!("      {line}\n"));
        }
    }
    text
}

fn is_fine(condition: &Condition) -> bool {
    let good = match condition.kind.as_str() {
        "SyncRequired" | "Drifted" | "Stalled" | "Reconciling" => "False",
        _ => "True",
    };
    condition.status == good
}

/// Who opens a door, or where a partner is.
#[must_use]
pub fn who(answer: &Answer) -> String {
    let first = if answer.is_partner { "DOOR" } else { "PARTNER" };
    let rows = answer.rows.iter().map(|row| {
        vec![
            if answer.is_partner {
                row.door.clone()
            } else {
                row.partner.clone()
            },
            row.opens.to_owned(),
            granted_by(row),
            row.reason.to_string(),
            row.since.map_or_else(String::new, moment),
            row.property.clone(),
        ]
    });
    let mut text = title(&answer.of);
    text.push('\n');
    let heading = [first, "OPENS", "GRANTED BY", "REASON", "SINCE", "PROPERTY"];
    text.push_str(&table(&heading, rows));
    if answer.rows.is_empty() {
        text.push_str(if answer.is_partner {
            "Opens no door that is known here.\n"
        } else {
            "No partner opens it, as far as is known here.\n"
        });
    }
    for line in answer.notes.iter().flat_map(|note| wrap(note, 100)) {
        text.push_str(&format!("{line}\n"));
    }
    if !answer.unknown.is_empty() {
        let what = if answer.is_partner {
            format!(
                "Who else these locks accept is not known: {}.",
                list(&answer.unknown)
            )
        } else {
            String::from("Whether its lock accepts others as well is not known.")
        };
        for line in wrap(
            &format!("{what} See: opendoor explain {}", Reason::HistoryUnknown),
            100,
        ) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text
}

/// The ways to the door, and which objects declare it where that is known.
fn granted_by(row: &Row) -> String {
    let ways = match (row.granted_by.as_slice(), row.opens) {
        ([], "STILL") => String::from("nothing any more"),
        ([], _) if row.reason == Reason::ObservationIncomplete => String::from("it cannot be told"),
        ([], _) if row.declared_by.is_empty() => String::from("nothing any more"),
        ([], "not yet") => String::from("nothing yet"),
        ([], _) => String::from("it cannot be told"),
        (ways, _) => ways.join(", "),
    };
    if row.declared_by.is_empty() {
        ways
    } else {
        format!("{ways} ({})", row.declared_by.join(", "))
    }
}

/// Said where not everything could be looked at.
pub const NOT_ALL: &str = "Not every door could be looked at: there may be more.";

/// The doors to visit. Where not every door was looked at, they are not `complete`.
#[must_use]
pub fn syncs(report: &RoundReport, complete: bool) -> String {
    let mut blocks = Vec::new();
    for (_, building, waiting) in due(report) {
        let rows: Vec<Vec<String>> = waiting
            .iter()
            .map(|waiting| {
                vec![
                    door_of(waiting),
                    waiting.partner.clone(),
                    waiting.via.unwrap_or_default().to_owned(),
                    waiting.reason.to_string(),
                    waiting.since.map_or_else(String::new, moment),
                    waiting.deadline.map_or_else(String::new, moment),
                ]
            })
            .collect();
        let mut doors: Vec<&str> = rows
            .iter()
            .filter_map(|row| row.first())
            .map(String::as_str)
            .collect();
        doors.sort_unstable();
        doors.dedup();
        blocks.push(format!(
            "{}   {}\n{}",
            title(building),
            count(doors.len(), "door to visit", "doors to visit"),
            table(
                &["DOOR", "STILL OPENS FOR", "BY", "REASON", "SINCE", "DUE"],
                rows.iter().cloned()
            )
        ));
    }
    if blocks.is_empty() && complete {
        return String::from("No Door Sync is due.\n");
    }
    if blocks.is_empty() {
        return String::from("Whether a Door Sync is due cannot be told.\n");
    }
    if !complete {
        blocks.push(format!("{NOT_ALL}\n"));
    }
    blocks.push(String::from(
        "Perform a Door Sync at each in the DOOR App. The list shortens when DOOR OS proves it; where it cannot, say so with\n\
         `opendoor sync attest DOOR`.\n",
    ));
    blocks.join("\n")
}

/// The buildings that may be managed.
#[must_use]
pub fn buildings(buildings: &[Building]) -> String {
    let rows = buildings.iter().map(|building| {
        vec![
            building.name.clone(),
            building.uuid.to_string(),
            building.timezone.clone().unwrap_or_default(),
        ]
    });
    let text = table(&["BUILDING", "UUID", "TIME ZONE"], rows);
    if text.is_empty() {
        String::from("These credentials may manage no building.\n")
    } else {
        text
    }
}

fn title(name: &str) -> String {
    paint(STRONG, clean(name))
}

#[cfg(test)]
mod tests {
    use opendoor_planner::owner::OwnerKind;

    use super::*;
    use crate::render::samples::{at, busy, empty, looked, owner, pass};
    use crate::render::style::plain;

    #[test]
    fn conditions_are_a_table() {
        let mut pass = pass(empty(), empty(), &[]);
        let condition = |kind: &str, status: &str, reason: &str| Condition {
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: String::from("1 of 2 doors."),
        };
        pass.statuses = vec![ObjectStatus {
            owner: owner(OwnerKind::DoorAssignment, "parcel-runner"),
            conditions: vec![
                condition("Ready", "False", "Progressing"),
                condition("Reconciling", "True", "Progressing"),
                condition("Applied", "False", "Progressing"),
                condition("SyncRequired", "False", "LockProven"),
            ],
            declared: 2,
            applied: 1,
            enforced: 0,
            visits: 0,
            doors: Vec::new(),
            key: None,
            selected: None,
        }];
        let mut since = Since::new();
        since
            .entry(String::from("DoorAssignment/parcel-runner"))
            .or_default()
            .insert(String::from("Ready"), at("2026-06-01T07:00:00Z"));
        let properties = [(&pass, since)];
        assert_eq!(
            plain(&conditions(&properties)),
            "\
Harbor Point
OBJECT                        READY  APPLIED  SYNC REQUIRED
DoorAssignment/parcel-runner  False  False    False
  DoorAssignment/parcel-runner
    Progressing (Ready, Reconciling, Applied) since 2026-06-01 07:00 UTC
      1 of 2 doors.
"
        );
        let json = crate::render::json::status(&properties);
        assert_eq!(
            json["properties"][0]["objects"][0]["conditions"][0]["since"],
            "2026-06-01T07:00:00Z"
        );
    }

    #[test]
    fn who_tells_what_the_lock_may_still_accept() {
        let answer = Answer {
            of: String::from("Garage Gate"),
            is_partner: false,
            rows: vec![Row {
                property: String::from("harbor-point"),
                door: String::from("Garage Gate"),
                partner: String::from("Parcel Runner"),
                granted_by: Vec::new(),
                declared_by: Vec::new(),
                opens: "STILL",
                reason: Reason::DoorSyncRequired,
                since: Some(at("2026-06-01T07:00:00Z")),
            }],
            unknown: vec![String::from("Garage Gate")],
            notes: vec![String::from("2 more doors are not named.")],
        };
        assert_eq!(
            plain(&who(&answer)),
            "\
Garage Gate
PARTNER        OPENS  GRANTED BY        REASON            SINCE                 PROPERTY
Parcel Runner  STILL  nothing any more  DoorSyncRequired  2026-06-01 07:00 UTC  harbor-point
2 more doors are not named.
Whether its lock accepts others as well is not known. See: opendoor explain HistoryUnknown
"
        );
        assert_eq!(
            crate::render::json::who(&answer)["rows"][0]["opens"],
            "STILL"
        );
    }

    #[test]
    fn the_sync_list_names_door_partner_and_times() {
        let text = plain(&syncs(&looked(busy()), true));
        assert!(
            text.starts_with(
                "\
Harbor Point   1 door to visit
DOOR         STILL OPENS FOR  BY    REASON            SINCE                 DUE
Garage Gate  Parcel Runner    door  DoorSyncRequired  2026-06-01 07:00 UTC  2026-06-02 07:00 UTC
"
            ),
            "{text}"
        );
        assert_eq!(syncs(&looked(empty()), true), "No Door Sync is due.\n");
        assert_eq!(
            syncs(&looked(empty()), false),
            "Whether a Door Sync is due cannot be told.\n"
        );
    }
}
