//! The steps to do by hand in DOOR OS, as its help centre describes them, so that the product is of use
//! without any API.

use std::collections::BTreeSet;

use opendoor_planner::plan::{Action, KeySettings, Plan, Step, Value, WaitingKind};
use opendoor_planner::reasons::{Class, Reason};
use opendoor_reconciler::round::RoundReport;
use opendoor_reconciler::table::TablePlan;

use super::view::{Became, PropertyView, View};
use super::waiting::{door_of, doors_waiting, few, of_kind, syncs};
use super::words::{clean, place, wrap};

/// Width of the text.
const WIDTH: usize = 100;

/// The steps that a round would perform.
#[must_use]
pub fn round(report: &RoundReport) -> String {
    everything(&View::of_round(report, false))
}

/// The steps of plans made against a table of doors.
#[must_use]
pub fn plans(planned: &TablePlan) -> String {
    everything(&View::of_table(planned))
}

fn everything(view: &View<'_>) -> String {
    let mut blocks: Vec<String> = view.properties.iter().map(building).collect();
    let problems: String = view
        .problems
        .iter()
        .map(|problem| {
            let place = problem.cause.as_ref().map(|cause| place(cause, true));
            let about = place
                .or_else(|| problem.property.clone())
                .unwrap_or_default();
            item(&format!("{about}: {}", problem.message))
        })
        .collect();
    if !problems.is_empty() {
        blocks.push(format!("Not looked at:\n{problems}"));
    }
    blocks.join("\n")
}

/// All that is to be done in one building.
fn building(view: &PropertyView<'_>) -> String {
    let plan = view.plan;
    let steps = view.steps();
    let (held, due): (Vec<_>, Vec<_>) = steps
        .iter()
        .filter(|(_, became)| *became != Some(Became::Applied))
        .map(|(step, _)| *step)
        .partition(|step| step.held.is_some());
    let mut text = format!("{}\n", clean(view.title()));
    if due.is_empty() {
        text.push_str("  Nothing to do.\n");
    }
    // What a table leaves open may make a click wrong.
    if view.observed.is_none() && !due.is_empty() && !view.after.notes.is_empty() {
        text.push_str("  Before you begin:\n");
        for note in &view.after.notes {
            text.push_str(&item(note));
        }
    }
    let width = due.len().to_string().len();
    for (number, step) in due.iter().enumerate() {
        text.push_str(&format!(
            "  {:>width$}. {}\n",
            number + 1,
            clicks(view, step)
        ));
        for warning in warnings(step) {
            text.push_str(&format!("  {:width$}  {warning}\n", ""));
        }
    }
    let visits = visits(view, &due);
    if !visits.is_empty() {
        text.push_str("  Then perform a Door Sync in the DOOR App at:\n");
        for door in visits {
            text.push_str(&item(&door));
        }
    }
    let mut not = String::new();
    for step in held {
        let why = step.held.map_or("", Reason::as_str);
        not.push_str(&item(&format!("held, {why}: {}", clicks(view, step))));
    }
    for refusal in &plan.refusals {
        let word = match refusal.reason.class() {
            Class::CannotTell => "cannot tell",
            Class::Working => "waits",
            _ => "refused",
        };
        not.push_str(&item(&format!(
            "{word}, {}: {} {}",
            refusal.reason,
            place(&refusal.cause, true),
            refusal.message
        )));
    }
    for (partner, doors) in unauthorised(plan) {
        not.push_str(&item(&format!(
            "waits for DOOR's authorisation: {partner} at {}. See: opendoor email",
            few(&doors)
        )));
    }
    if !not.is_empty() {
        text.push_str("  Not to be done:\n");
        text.push_str(&not);
    }
    text
}

/// The clicks of one step.
fn clicks(view: &PropertyView<'_>, step: &Step) -> String {
    let path = match step.action {
        Action::AssignDoor | Action::RemoveDoor | Action::ChangeDoor => {
            let partner = match &step.after {
                Value::Partner(partner) => partner.as_str(),
                Value::None | Value::Key(_) => "None",
            };
            vec![
                String::from("Doors"),
                door(view, step),
                String::from("Edit door"),
                format!("partner: {partner}"),
                String::from("Save"),
            ]
        }
        Action::CreateKey => {
            let mut path = vec![String::from("Keys"), String::from("Add key +")];
            if let Value::Key(key) = &step.after {
                path.push(format!("name: {}", key.name));
                path.push(format!("doors: {}", doors(key)));
                path.extend(doorcodes(key));
                path.extend(schedule(key));
            }
            path.push(format!("partner: {}", step.partner));
            path.push(String::from("Add key"));
            path
        }
        Action::ConvertKey | Action::UpdateKey => {
            let mut path = vec![String::from("Keys"), key_name(step), String::from("Edit")];
            path.extend(edits(step));
            path.push(String::from("Save"));
            path
        }
        Action::DeleteKey => vec![
            String::from("Keys"),
            key_name(step),
            String::from("Edit"),
            String::from("Delete key"),
            String::from("Yes, delete"),
        ],
    };
    clean(&format!("Access > {}", path.join(" > "))).into_owned()
}

/// What to change in a key that exists.
fn edits(step: &Step) -> Vec<String> {
    let (Value::Key(before), Value::Key(after)) = (&step.before, &step.after) else {
        return Vec::new();
    };
    let mut edits = Vec::new();
    if before.name != after.name {
        edits.push(format!("name: {}", after.name));
    }
    let names = |key: &KeySettings| -> BTreeSet<String> {
        key.doors.iter().map(|door| door.name.clone()).collect()
    };
    let (had, has) = (names(before), names(after));
    let mut among = |word: &str, names: Vec<&str>| {
        if !names.is_empty() {
            edits.push(format!("{word}: {}", names.join(", ")));
        }
    };
    among(
        "remove doors",
        had.difference(&has).map(String::as_str).collect(),
    );
    among(
        "add doors",
        has.difference(&had).map(String::as_str).collect(),
    );
    for (word, on) in [
        ("Provide Doorcodes on", true),
        ("Provide Doorcodes off", false),
    ] {
        let changed = after.doors.iter().filter(|door| {
            let was = before.doors.iter().find(|other| other.name == door.name);
            door.provide_doorcodes == on && was.is_some_and(|was| was.provide_doorcodes != on)
                || on && door.provide_doorcodes && was.is_none()
        });
        among(word, changed.map(|door| door.name.as_str()).collect());
    }
    if before.schedule != after.schedule {
        edits.push(schedule(after).unwrap_or_else(|| String::from("schedule: always")));
    }
    if before.partner != after.partner {
        edits.push(format!("partner: {}", step.partner));
    }
    edits
}

fn doors(key: &KeySettings) -> String {
    let names: Vec<&str> = key.doors.iter().map(|door| door.name.as_str()).collect();
    names.join(", ")
}

fn doorcodes(key: &KeySettings) -> Option<String> {
    let names: Vec<&str> = key
        .doors
        .iter()
        .filter(|door| door.provide_doorcodes)
        .map(|door| door.name.as_str())
        .collect();
    (!names.is_empty()).then(|| format!("Provide Doorcodes on: {}", names.join(", ")))
}

fn schedule(key: &KeySettings) -> Option<String> {
    (!key.schedule.is_empty()).then(|| format!("schedule: {}", key.schedule.join("; ")))
}

/// The door's name; with its uuid where several have that name.
fn door(view: &PropertyView<'_>, step: &Step) -> String {
    let Some(door) = &step.door else {
        return String::new();
    };
    let alike = view.observed.map_or(0, |observed| {
        observed
            .doors
            .iter()
            .filter(|row| *row.name == *door.name)
            .count()
    });
    match door.uuid.filter(|_| alike > 1) {
        Some(uuid) => format!("{} (the one with the uuid {uuid})", door.name),
        None => door.name.clone(),
    }
}

/// A key's name before the step.
fn key_name(step: &Step) -> String {
    match (&step.before, &step.key) {
        (Value::Key(before), _) => before.name.clone(),
        (_, Some(key)) => key.name.clone(),
        (_, None) => String::new(),
    }
}

/// What to know before the last click.
fn warnings(step: &Step) -> Vec<String> {
    let mut warnings = Vec::new();
    match step.action {
        Action::CreateKey => warnings.push(String::from("Its partner can never change.")),
        Action::ConvertKey => warnings.push(String::from(
            "For good: it becomes a partner key, whose partner can never change.",
        )),
        Action::DeleteKey => warnings.push(String::from(
            "For good: everybody who holds the key loses it, and its doorcodes.",
        )),
        _ if step.irreversible => warnings.push(String::from("For good.")),
        _ => {}
    }
    match step.holders_affected {
        None | Some(0) => {}
        Some(1) => warnings.push(String::from("1 person holds it.")),
        Some(holders) => warnings.push(format!("{holders} people hold it.")),
    }
    warnings
}

/// The doors to visit: after these steps, and from before.
fn visits(view: &PropertyView<'_>, due: &[&Step]) -> Vec<String> {
    let mut doors: BTreeSet<(String, String)> = BTreeSet::new();
    for step in due {
        let partner = match &step.before {
            Value::Partner(partner) => partner.clone(),
            Value::Key(_) | Value::None => step.partner.clone(),
        };
        for door in &step.visits {
            doors.insert((door.name.clone(), partner.clone()));
        }
    }
    for waiting in syncs(view.after) {
        doors.insert((door_of(waiting), waiting.partner.clone()));
    }
    doors
        .iter()
        .map(|(door, partner)| format!("{door} ({partner} may open it until then)"))
        .collect()
}

/// Partners that are in no dropdown yet, with the doors that wait for them.
fn unauthorised(plan: &Plan) -> Vec<(String, Vec<String>)> {
    let partners: BTreeSet<&str> = of_kind(plan, WaitingKind::Authorization)
        .map(|waiting| waiting.partner.as_str())
        .collect();
    partners
        .into_iter()
        .map(|partner| (clean(partner).into_owned(), doors_waiting(plan, partner)))
        .collect()
}

fn item(text: &str) -> String {
    let mut lines = String::new();
    for (number, line) in wrap(text, WIDTH - 6).iter().enumerate() {
        let bullet = if number == 0 { "-" } else { " " };
        lines.push_str(&format!("    {bullet} {line}\n"));
    }
    lines
}

#[cfg(test)]
mod tests;
