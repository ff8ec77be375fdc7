//! What people have to do, in sentences.

use std::collections::BTreeSet;

use opendoor_planner::plan::{Plan, Waiting, WaitingKind};
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::round::RoundReport;
use opendoor_reconciler::unseen::Unseen;

use super::view::{PropertyView, View};
use super::words::{clean, count, list, moment};

/// One thing people have to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// `SYNC`, `EMAIL` or `AUTH`.
    pub label: &'static str,
    /// What, and why.
    pub text: String,
}

/// All that people have to do at a property.
#[must_use]
pub fn errands(property: &PropertyView<'_>) -> Vec<Errand> {
    let plan = property.after;
    let title = clean(property.title());
    let mut errands: Vec<Errand> = syncs(plan)
        .map(|waiting| {
            let uuid = waiting.door.as_ref().and_then(|door| door.uuid);
            visit(waiting, uuid.and_then(|uuid| property.connected(uuid)))
        })
        .collect();
    for waiting in of_kind(plan, WaitingKind::Email) {
        errands.push(Errand {
            label: "EMAIL",
            text: email(plan, waiting, &title),
        });
    }
    let mailed: BTreeSet<&str> = of_kind(plan, WaitingKind::Email)
        .map(|waiting| waiting.partner.as_str())
        .collect();
    let asked: BTreeSet<&str> = of_kind(plan, WaitingKind::Authorization)
        .map(|waiting| waiting.partner.as_str())
        .filter(|partner| !mailed.contains(partner))
        .collect();
    for partner in asked {
        errands.push(Errand {
            label: "AUTH",
            text: format!(
                "{} waits for DOOR's authorisation at {title}: {}.",
                clean(partner),
                few(&doors_waiting(plan, partner))
            ),
        });
    }
    errands
}

/// What people have to do at a property that was not looked at, as last known.
#[must_use]
pub fn errands_unseen(unseen: &Unseen) -> Vec<Errand> {
    let waiting = unseen.waiting.iter();
    waiting.map(|waiting| visit(waiting, None)).collect()
}

fn visit(waiting: &Waiting, connected: Option<bool>) -> Errand {
    Errand {
        label: "SYNC",
        text: format!("{}{}", sync(waiting, connected), when(waiting)),
    }
}

/// Why a Door Sync is due, for a person who goes there.
#[must_use]
pub fn why(waiting: &Waiting) -> &'static str {
    match waiting.reason {
        Reason::ObservationIncomplete => "As last known: the door could not be looked at now.",
        reason => reason.meaning(),
    }
}

/// The Door Syncs that are due.
pub fn syncs(plan: &Plan) -> impl Iterator<Item = &Waiting> {
    of_kind(plan, WaitingKind::Sync)
}

/// The Door Syncs that are due by property, with the building's name; also of what was not looked at.
#[must_use]
pub fn due(report: &RoundReport) -> Vec<(&str, &str, Vec<&Waiting>)> {
    let view = View::of_round(report, false);
    let mut due: Vec<_> = view
        .properties
        .iter()
        .map(|property| {
            let waiting = syncs(property.after).collect();
            (property.after.name.as_str(), property.title(), waiting)
        })
        .collect();
    due.extend(view.unseen.iter().map(|unseen| {
        let waiting: Vec<&Waiting> = unseen.waiting.iter().collect();
        (unseen.property.as_str(), unseen.building.as_str(), waiting)
    }));
    due.retain(|(_, _, waiting)| !waiting.is_empty());
    due
}

/// What waits of one kind.
pub fn of_kind(plan: &Plan, kind: WaitingKind) -> impl Iterator<Item = &Waiting> {
    plan.waiting
        .iter()
        .filter(move |waiting| waiting.kind == kind)
}

/// Names of the doors that wait for a partner's authorisation, each once.
#[must_use]
pub fn doors_waiting(plan: &Plan, partner: &str) -> Vec<String> {
    let names: BTreeSet<String> = of_kind(plan, WaitingKind::Authorization)
        .filter(|waiting| waiting.partner == partner)
        .filter_map(|waiting| waiting.door.as_ref())
        .map(|door| clean(&door.name).into_owned())
        .collect();
    names.into_iter().collect()
}

/// The first few names, and how many more there are.
#[must_use]
pub fn few(names: &[String]) -> String {
    const MOST: usize = 4;
    let mut shown: Vec<String> = names.iter().take(MOST).cloned().collect();
    if names.len() > MOST {
        shown.push(count(names.len() - MOST, "more door", "more doors"));
    }
    list(&shown)
}

/// Name of the door that something waits for.
#[must_use]
pub fn door_of(waiting: &Waiting) -> String {
    waiting
        .door
        .as_ref()
        .map_or_else(String::new, |door| clean(&door.name).into_owned())
}

fn sync(waiting: &Waiting, connected: Option<bool>) -> String {
    const GO: &str = "Perform a Door Sync there in the DOOR App.";
    let door = door_of(waiting);
    let partner = clean(&waiting.partner);
    match waiting.reason {
        Reason::DoorSyncRequired => {
            let state = match connected {
                Some(false) => "is offline",
                _ => "has not synced",
            };
            format!("{door} {state}: {partner} can STILL OPEN it. {GO}")
        }
        Reason::ReplacedEntry => format!(
            "{door}: {partner} holds it again, but the lock may still accept its older access. {GO}"
        ),
        Reason::NoDevice => format!(
            "{door} has no device now, and the one that was there may still let {partner} in. Sync it once a device is \
             activated, or attest it."
        ),
        Reason::DoorGone => format!(
            "{door} is no longer in DOOR OS, and its lock may still let {partner} in. Make sure that its device was \
             deactivated, then attest it."
        ),
        Reason::ObservationIncomplete => format!(
            "{door} could not be looked at: as last known, {partner} can STILL OPEN it. {GO}"
        ),
        Reason::HistoryUnknown => {
            format!("{door}: whether its lock still lets {partner} in is not known. {GO}")
        }
        other => format!("{door}: {} ({partner}, {other}) {GO}", other.meaning()),
    }
}

fn when(waiting: &Waiting) -> String {
    match (waiting.since, waiting.deadline) {
        (None, None) => String::new(),
        (Some(since), None) => format!(" Since {}.", moment(since)),
        (None, Some(deadline)) => format!(" Due {}.", moment(deadline)),
        (Some(since), Some(deadline)) => {
            format!(" Since {}, due {}.", moment(since), moment(deadline))
        }
    }
}

fn email(plan: &Plan, waiting: &Waiting, title: &str) -> String {
    let partner = clean(&waiting.partner);
    match waiting.reason {
        Reason::AwaitingAuthorization => {
            let doors = doors_waiting(plan, &waiting.partner).len();
            let wait = match doors {
                0 => String::new(),
                1 => String::from("; 1 door waits"),
                more => format!("; {more} doors wait"),
            };
            format!("{partner} is not authorised at {title}{wait}. See: opendoor email")
        }
        _ => format!(
            "{partner} is off every door and key at {title}, and its locks are proven; DOOR can withdraw it. See: opendoor \
             email"
        ),
    }
}
