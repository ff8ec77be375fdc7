//! What is worth telling somebody who watches nothing: each thing once, when it begins and when it ends.
//!
//! A pass gives the facts that hold now. What was told before is remembered, so that nothing is told
//! again while nothing changes, also after a restart. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use opendoor_planner::plan::{HandMade, Plan, Waiting, WaitingKind};
use opendoor_planner::reasons::{Class, Reason};
use serde::{Deserialize, Serialize};

use crate::pass::PassReport;

/// An e-mail that DOOR has not acted on for longer is told again, once.
pub const UNANSWERED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Most events kept for later, when nobody takes them.
const MOST_UNSENT: usize = 200;

/// What kind of thing holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// What was applied was changed by hand.
    Drifted,
    /// Access that nothing declares.
    Unmanaged,
    /// Steps wait for an approval.
    Held,
    /// A rule refuses something.
    Refused,
    /// A lock must be visited.
    Sync,
    /// A partner waits for DOOR's authorisation.
    Authorization,
    /// An e-mail to DOOR is due.
    Email,
    /// It was due a week ago, and DOOR OS shows no answer.
    Unanswered,
}

/// The facts of a property, each by what makes it the same tomorrow, with its words.
pub type Facts = BTreeMap<String, Fact>;

/// A thing that holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// Its kind.
    pub kind: Kind,
    /// The door, key or object it is about.
    pub what: String,
    /// The partner it is about, if it is about one.
    pub partner: Option<String>,
    /// A sentence.
    pub text: String,
}

/// Something that began or ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// A word in the past tense.
    pub event: String,
    /// The door, key or object it is about.
    pub what: String,
    /// The partner it is about, if it is about one.
    pub partner: Option<String>,
    /// A sentence.
    pub message: String,
}

/// What was told of a property, and what could not be delivered yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// What holds, as far as it was told.
    pub facts: Facts,
    /// What nobody has taken.
    pub unsent: Vec<Notice>,
}

impl Told {
    /// Takes in what a pass found. Afterwards `unsent` holds all there is to tell. A pass that did not
    /// see everything ends nothing and begins nothing.
    pub fn take_in(&mut self, pass: &PassReport) {
        if !(pass.plan.complete && pass.after.complete) {
            return;
        }
        let now = facts(&pass.after, pass.at);
        // What was repaired in this very pass began and ended in it.
        let mut begun = by_hand(&pass.plan.drifted, Kind::Drifted);
        let passing = begun.clone();
        begun.extend(now.clone());
        let began: Vec<Notice> = begun
            .iter()
            .filter(|(key, _)| !self.facts.contains_key(*key))
            .map(|(_, fact)| fact.notice(began(fact.kind)))
            .collect();
        let mut before = passing;
        before.append(&mut self.facts);
        let ended = before
            .iter()
            .filter(|(key, _)| !now.contains_key(*key))
            .filter_map(|(_, fact)| Some(fact.notice(ended(fact, pass)?)));
        self.unsent.extend(began.into_iter().chain(ended));
        let spare = self.unsent.len().saturating_sub(MOST_UNSENT);
        self.unsent.drain(..spare);
        self.facts = now;
    }
}

impl Fact {
    fn notice(&self, event: &str) -> Notice {
        Notice {
            event: event.to_owned(),
            what: self.what.clone(),
            partner: self.partner.clone(),
            message: self.text.clone(),
        }
    }
}

fn began(kind: Kind) -> &'static str {
    match kind {
        Kind::Drifted => "DriftFound",
        Kind::Unmanaged => "AccessAddedByHand",
        Kind::Held => "ChangeHeld",
        Kind::Refused => "ChangeRefused",
        Kind::Sync => "DoorSyncRequired",
        Kind::Authorization => "AuthorizationAwaited",
        Kind::Email => "EmailDue",
        Kind::Unanswered => "EmailUnanswered",
    }
}

/// How something ended; `None`: with something else that is told.
fn ended(fact: &Fact, pass: &PassReport) -> Option<&'static str> {
    Some(match fact.kind {
        Kind::Drifted => "DriftRepaired",
        Kind::Unmanaged => "AccessAddedByHandEnded",
        Kind::Held => "HoldEnded",
        Kind::Refused => "RefusalEnded",
        Kind::Sync if still_accepted(fact, pass) => "DoorSyncEnded",
        Kind::Sync => "DoorSyncProven",
        Kind::Authorization => {
            let mut partners = pass.observed.partners.iter();
            if partners.any(|partner| Some(&partner.name) == fact.partner.as_ref()) {
                "PartnerAuthorized"
            } else {
                "AuthorizationNotAwaited"
            }
        }
        Kind::Email => "EmailEnded",
        Kind::Unanswered => return None,
    })
}

/// Whether the lock of a visit that is owed no more may still accept the partner: because it holds the door
/// again, or a person attested it.
fn still_accepted(fact: &Fact, pass: &PassReport) -> bool {
    let partner = pass
        .observed
        .partners
        .iter()
        .find(|partner| Some(&partner.name) == fact.partner.as_ref());
    pass.ledger.doors.values().any(|record| {
        let here = record.name.as_deref() == Some(&*fact.what);
        here && record
            .may_open
            .iter()
            .any(|entry| partner.is_none_or(|partner| partner.uuid == entry.partner))
    })
}

fn facts(plan: &Plan, now: Timestamp) -> Facts {
    let mut facts = by_hand(&plan.drifted, Kind::Drifted);
    facts.extend(by_hand(&plan.unmanaged, Kind::Unmanaged));
    if let Some(id) = &plan.hold_id {
        let held = plan.steps.iter().filter_map(|step| step.held);
        let reasons: BTreeSet<&str> = held.map(Reason::as_str).collect();
        let number = plan.steps.iter().filter(|step| step.held.is_some()).count();
        let fact = Fact {
            kind: Kind::Held,
            what: id.clone(),
            partner: None,
            text: format!(
                "{number} held ({}); approve with {id} if it is meant.",
                Vec::from_iter(reasons).join(", ")
            ),
        };
        facts.insert(format!("held {id}"), fact);
    }
    for refusal in &plan.refusals {
        if matches!(refusal.reason.class(), Class::Refused | Class::Held) {
            let what = format!("{}/{}", refusal.cause.kind, refusal.cause.name);
            let key = format!("refused {} {what} {}", refusal.reason, refusal.message);
            let fact = Fact {
                kind: Kind::Refused,
                what,
                partner: None,
                text: format!("{}: {}", refusal.reason, refusal.message),
            };
            facts.insert(key, fact);
        }
    }
    for waiting in &plan.waiting {
        let (key, fact) = of_waiting(waiting);
        let overdue = waiting.kind == WaitingKind::Email
            && waiting
                .since
                .is_some_and(|since| now.duration_since(since) > UNANSWERED);
        if overdue {
            let fact = Fact {
                kind: Kind::Unanswered,
                text: format!("{} It has been due for more than a week.", fact.text),
                ..fact.clone()
            };
            facts.insert(format!("unanswered {key}"), fact);
        }
        facts.insert(key, fact);
    }
    facts
}

fn by_hand(made: &[HandMade], kind: Kind) -> Facts {
    made.iter()
        .map(|made| {
            let key = format!(
                "{kind:?} {:?} {} {} {}",
                made.door, made.what, made.partner, made.change
            );
            let fact = Fact {
                kind,
                what: made.what.clone(),
                partner: Some(made.partner.clone()),
                text: format!("{}: {} ({}).", made.what, made.change, made.partner),
            };
            (key, fact)
        })
        .collect()
}

fn of_waiting(waiting: &Waiting) -> (String, Fact) {
    let partner = &waiting.partner;
    let door = waiting.door.as_ref();
    let name = door.map_or("", |door| door.name.as_str());
    let (kind, what, text) = match (waiting.kind, waiting.reason) {
        (WaitingKind::Sync, _) => (
            Kind::Sync,
            name,
            format!("{name}: its lock may still open for {partner}. Perform a Door Sync there."),
        ),
        // Told once for each partner, whatever the number of doors.
        (WaitingKind::Authorization, _) => (
            Kind::Authorization,
            partner.as_str(),
            format!("{partner} waits for DOOR's authorisation."),
        ),
        (WaitingKind::Email, Reason::InUse) => (
            Kind::Email,
            partner.as_str(),
            format!("DOOR is to be asked to withdraw {partner}: opendoor email."),
        ),
        (WaitingKind::Email, _) => (
            Kind::Email,
            partner.as_str(),
            format!("DOOR is to be asked to authorise {partner}: opendoor email."),
        ),
    };
    let uuid = door
        .filter(|_| kind == Kind::Sync)
        .and_then(|door| door.uuid);
    let key = format!("{kind:?} {uuid:?} {partner} {:?}", waiting.reason);
    let fact = Fact {
        kind,
        what: what.to_owned(),
        partner: Some(partner.clone()),
        text,
    };
    (key, fact)
}
