//! The e-mails to DOOR's integrations team that are due. A person sends them: they must come from an
//! address with portfolio manager permissions, and this product has none.

use opendoor_planner::plan::WaitingKind;
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::pass::PassReport;
use opendoor_reconciler::round::RoundReport;
use serde::Serialize;
use serde_json::{Value, json};

use super::waiting::{doors_waiting, few, of_kind};
use super::words::{clean, moment};

/// Where DOOR takes them.
const TO: &str = "integrations@door.com";

/// What a letter asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Purpose {
    /// To add a partner to a property.
    Authorize,
    /// To disable a partner at a property.
    Withdraw,
}

/// One e-mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// The Property's name.
    pub property: String,
    /// What it asks for.
    pub purpose: Purpose,
    /// The partner.
    pub partner: String,
    /// To whom.
    pub to: &'static str,
    /// From whom, if the Portfolio says.
    pub from: Option<String>,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub body: String,
    /// Why it is due.
    pub why: String,
}

/// The e-mails that are due.
#[must_use]
pub fn letters(report: &RoundReport) -> Vec<Letter> {
    report
        .passes
        .iter()
        .filter_map(|(_, pass)| pass.as_ref().ok())
        .flat_map(of_pass)
        .collect()
}

/// The e-mails that are due, to copy. Where not every property was looked at, they are not `complete`.
#[must_use]
pub fn round(report: &RoundReport, complete: bool) -> String {
    text(&letters(report), complete)
}

/// The e-mails that are due, as JSON.
#[must_use]
pub fn as_json(report: &RoundReport, complete: bool) -> Value {
    json!({ "schemaVersion": 1, "complete": complete, "emails": letters(report) })
}

fn of_pass(pass: &PassReport) -> Vec<Letter> {
    let plan = &pass.after;
    let from = pass
        .ledger
        .head
        .portfolio
        .as_ref()
        .and_then(|portfolio| portfolio.spec.authorization_requests.as_ref())
        .map(|requests| clean(&requests.from).into_owned());
    let building = clean(&plan.building);
    of_kind(plan, WaitingKind::Email)
        .map(|waiting| {
            let partner = clean(&waiting.partner).into_owned();
            let since = waiting
                .since
                .map_or_else(String::new, |since| format!(" Since {}.", moment(since)));
            let (purpose, subject, body, why) = if waiting.reason == Reason::AwaitingAuthorization {
                let doors = doors_waiting(plan, &waiting.partner);
                let wait = match doors.as_slice() {
                    [] => String::new(),
                    [one] => format!(" The door {one} waits for it."),
                    more => format!(" {} doors wait for it: {}.", more.len(), few(more)),
                };
                (
                    Purpose::Authorize,
                    format!("Permission to add {partner} to {building}"),
                    format!("We give DOOR permission to add {partner} to {building}."),
                    format!(
                        "{partner} is declared at {building}, and DOOR has not authorised it there yet.{wait}{since}"
                    ),
                )
            } else {
                (
                    Purpose::Withdraw,
                    format!("Please disable {partner} at {building}"),
                    format!(
                        "Please disable the partner {partner} at our property {building}. It is unassigned from every door \
                         and key there."
                    ),
                    format!(
                        "{partner} is no longer declared at {building}; no door, key or lock there references it any \
                         more.{since}"
                    ),
                )
            };
            Letter {
                property: plan.name.clone(),
                purpose,
                partner,
                to: TO,
                from: from.clone(),
                subject,
                body,
                why,
            }
        })
        .collect()
}

fn text(letters: &[Letter], complete: bool) -> String {
    let due = match letters.len() {
        0 if complete => return String::from("No e-mail is due.\n"),
        0 => return String::from("Whether an e-mail is due cannot be told.\n"),
        1 => String::from("1 e-mail is due. It"),
        more => format!("{more} e-mails are due. Each"),
    };
    let mut text = format!(
        "{due} must come from an address with portfolio manager permissions for the property; DOOR rejects others.\n"
    );
    for letter in letters {
        text.push_str(&format!("\nTo: {}\n", letter.to));
        if let Some(from) = &letter.from {
            text.push_str(&format!("From: {from}\n"));
        }
        text.push_str(&format!(
            "Subject: {}\n\n{}\n\nWhy: {}\n",
            letter.subject, letter.body, letter.why
        ));
    }
    if !complete {
        text.push_str("\nNot everything could be looked at: there may be more.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::{busy, empty, looked};

    #[test]
    fn each_e_mail_can_be_copied_whole() {
        assert_eq!(
            round(&looked(busy()), true),
            "\
2 e-mails are due. Each must come from an address with portfolio manager permissions for the property; DOOR rejects others.

To: integrations@door.com
From: Dana <dana@example.com>
Subject: Permission to add CleanCo to Harbor Point

We give DOOR permission to add CleanCo to Harbor Point.

Why: CleanCo is declared at Harbor Point, and DOOR has not authorised it there yet. 2 doors wait for it: Gym and Pool. Since 2026-06-01 07:00 UTC.

To: integrations@door.com
From: Dana <dana@example.com>
Subject: Please disable OldCo at Harbor Point

Please disable the partner OldCo at our property Harbor Point. It is unassigned from every door and key there.

Why: OldCo is no longer declared at Harbor Point; no door, key or lock there references it any more. Since 2026-06-01 07:00 UTC.
"
        );
        assert_eq!(round(&looked(empty()), true), "No e-mail is due.\n");
        assert_eq!(
            round(&looked(empty()), false),
            "Whether an e-mail is due cannot be told.\n"
        );
    }

    #[test]
    fn a_name_cannot_add_a_line_to_an_e_mail() {
        let mut plan = busy();
        for waiting in &mut plan.waiting {
            waiting.partner = String::from("CleanCo\nBcc: x@example.com");
        }
        let text = round(&looked(plan), true);
        assert!(!text.contains("\nBcc"), "{text}");
    }

    #[test]
    fn json_names_the_purpose() {
        let json = as_json(&looked(busy()), true);
        let purposes: Vec<&Value> = json["emails"]
            .as_array()
            .unwrap()
            .iter()
            .map(|letter| &letter["purpose"])
            .collect();
        assert_eq!(purposes, ["Authorize", "Withdraw"]);
        assert_eq!(json["emails"][0]["from"], "Dana <dana@example.com>");
    }
}
