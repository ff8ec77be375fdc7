//! The history of every change with its cause, in words for a person.

use jiff::Timestamp;
use opendoor_planner::key_steps::door_name;
use opendoor_planner::observed::Observed;
use opendoor_planner::settle::{Outcome, Settled};
use opendoor_planner::writes::Write;

use crate::ports::Event;

/// The history of settled writes.
pub(crate) fn events(
    settled: &[Settled],
    property: &str,
    observed: &Observed,
    now: Timestamp,
) -> Vec<Event> {
    settled
        .iter()
        .map(|settled| {
            let intent = &settled.intent;
            let (event, detail) = match &settled.outcome {
                Outcome::Applied => (applied_word(&intent.write), String::new()),
                Outcome::Refused(code) => ("ChangeRefused", code.clone()),
                Outcome::NotSent(why) => ("ChangeNotSent", why.clone()),
                Outcome::Overtaken => ("ChangeOvertaken", String::new()),
            };
            Event {
                at: now,
                property: property.to_owned(),
                event: event.to_owned(),
                what: subject(&intent.write, observed),
                before: intent.before.clone(),
                after: intent.after.clone(),
                detail,
                cause: intent.cause.clone(),
            }
        })
        .collect()
}

/// The word for a write that took effect, in the history and in Events.
#[must_use]
pub fn applied_word(write: &Write) -> &'static str {
    match write {
        Write::SetDoorPartner {
            partner: Some(_), ..
        } => "PartnerAssigned",
        Write::SetDoorPartner { partner: None, .. } => "PartnerRemoved",
        Write::CreateKey { .. } => "KeyCreated",
        Write::UpdateKey { patch, .. } if patch.partner.is_some() => "KeyConverted",
        Write::UpdateKey { .. } => "KeyUpdated",
        Write::DeleteKey { .. } => "KeyDeleted",
    }
}

fn subject(write: &Write, observed: &Observed) -> String {
    match write {
        Write::SetDoorPartner { door, .. } => door_name(observed, *door),
        Write::CreateKey { name, .. } => format!("key \"{name}\""),
        Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. } => {
            let name = observed
                .key(*key)
                .map_or_else(|| key.to_string(), |row| row.name.clone());
            format!("key \"{name}\"")
        }
    }
}
