//! The plan: what would change, what is refused or held, and who has to do something. A value that
//! the controller performs and the CLI prints; nothing else computes a difference.

use std::cmp::Ordering;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

// The counts that a plan is published with are those it has.
pub use opendoor_api::PlanSummary as Summary;

use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::ledger::Fingerprint;
use crate::owner::{Cause, OwnerId};
use crate::reasons::{Class, Reason};
use crate::writes::Write;

/// The plan of one property.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The Property's name.
    pub name: String,
    /// The building's name in DOOR OS.
    pub building: String,
    /// Identifies this plan: the same steps from the same revisions have the same id.
    pub plan_id: String,
    /// Identifies exactly the held steps; `None` when nothing is held.
    pub hold_id: Option<String>,
    /// Whether DOOR OS was seen whole.
    pub complete: bool,
    /// Counts.
    pub summary: Summary,
    /// Doors in the building.
    #[serde(skip)]
    pub doors: usize,
    /// Keys in the building.
    #[serde(skip)]
    pub keys: usize,
    /// What would change, sorted; held steps among them.
    #[serde(skip)]
    pub steps: Vec<Step>,
    /// What is refused.
    #[serde(skip)]
    pub refusals: Vec<Refusal>,
    /// What waits on people.
    #[serde(skip)]
    pub waiting: Vec<Waiting>,
    /// Access added by hand that nothing declares.
    #[serde(skip)]
    pub unmanaged: Vec<HandMade>,
    /// What we applied and somebody changed by hand.
    #[serde(skip)]
    pub drifted: Vec<HandMade>,
    /// Fingerprints that an approval given with this plan releases.
    #[serde(skip)]
    pub approved: Vec<Fingerprint>,
    /// Approvals given that fit nothing.
    #[serde(skip)]
    pub unfitting_approvals: Vec<String>,
    /// When time alone will change this plan.
    #[serde(skip)]
    pub next_change: Option<Timestamp>,
    /// Nothing may be performed, and why (mode Observe, suspended).
    #[serde(skip)]
    pub not_performed: Option<Reason>,
    /// Things worth saying that change nothing.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Action {
    /// A partner on a door that has none.
    AssignDoor,
    /// A door's partner to None.
    RemoveDoor,
    /// Another partner on a door.
    ChangeDoor,
    /// A new partner key.
    CreateKey,
    /// An ordinary key becomes a partner key, for good.
    ConvertKey,
    /// A partner key's name, doors, doorcodes or schedule.
    UpdateKey,
    /// A partner key goes.
    DeleteKey,
}

impl Action {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::AssignDoor,
        Self::RemoveDoor,
        Self::ChangeDoor,
        Self::CreateKey,
        Self::ConvertKey,
        Self::UpdateKey,
        Self::DeleteKey,
    ];

    /// The action of a word; `None` for one that is not known here.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == word)
    }

    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AssignDoor => "AssignDoor",
            Self::RemoveDoor => "RemoveDoor",
            Self::ChangeDoor => "ChangeDoor",
            Self::CreateKey => "CreateKey",
            Self::ConvertKey => "ConvertKey",
            Self::UpdateKey => "UpdateKey",
            Self::DeleteKey => "DeleteKey",
        }
    }
}

/// A door or key as a person knows it. Sorted by name first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named<T> {
    /// Its uuid; `None` while it does not exist.
    pub uuid: Option<T>,
    /// Its name.
    pub name: String,
}

impl<T: Ord> Ord for Named<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.name, &self.uuid).cmp(&(&other.name, &other.uuid))
    }
}

impl<T: Ord> PartialOrd for Named<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// The door, for door steps.
    pub door: Option<Named<DoorUuid>>,
    /// The key, for key steps.
    pub key: Option<Named<KeyUuid>>,
    /// The partner that gains or loses.
    pub partner: String,
    /// Who holds the door now, for door steps.
    pub holder: Option<PartnerUuid>,
    /// What is there now, in words: a partner's name, or a key's settings.
    pub before: Value,
    /// What will be there.
    pub after: Value,
    /// It cannot be undone (conversion of a key, deletion of a key).
    pub irreversible: bool,
    /// How many people hold the key that changes; `None` for doors, or when it cannot be told.
    pub holders_affected: Option<u32>,
    /// Doors that somebody must visit afterwards.
    pub visits: Vec<Named<DoorUuid>>,
    /// None of these is on the internet, as far as DOOR OS says so of each.
    pub offline: bool,
    /// Why it is held, if it is.
    pub held: Option<Reason>,
    /// Other ways by which the partner still opens doors this step takes away.
    pub still_opens_by: Vec<String>,
    /// Where it was declared.
    pub cause: Cause,
    /// The object it is for.
    pub owner: OwnerId,
    /// Other objects that want the same at the same door.
    pub shared_with: Vec<OwnerId>,
    /// The write that performs it.
    pub write: Write,
    /// Identifies it across passes.
    pub fingerprint: Fingerprint,
    /// Pairs whose access shrinks over all paths.
    pub losses: Vec<(DoorUuid, PartnerUuid)>,
    /// Pairs that gain access.
    pub grants: Vec<(DoorUuid, PartnerUuid)>,
    /// The brake does not count it: an expiry long known, a unit becoming occupied.
    pub uncharged: bool,
    /// Doors already on a key at which its access only grows, sorted.
    pub widens: Vec<DoorUuid>,
    /// It puts back what somebody changed by hand.
    pub restores: bool,
}

/// A value before or after, as JSON and people see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// Nothing.
    None,
    /// A partner on a door.
    Partner(String),
    /// A key's settings.
    Key(KeySettings),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Partner(name) => f.write_str(name),
            Self::Key(key) => write!(
                f,
                "key \"{}\" of {}, {} doors{}",
                key.name,
                key.partner.as_deref().unwrap_or("nobody"),
                key.doors.len(),
                if key.schedule.is_empty() {
                    String::new()
                } else {
                    format!(", {}", key.schedule.join("; "))
                }
            ),
        }
    }
}

/// A key's settings in names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeySettings {
    /// Its name.
    pub name: String,
    /// Its partner.
    pub partner: Option<String>,
    /// Its doors, sorted by name.
    pub doors: Vec<KeyDoorSetting>,
    /// Its schedule in words, one line an interval; empty: always.
    pub schedule: Vec<String>,
}

impl KeySettings {
    /// The settings, one on each line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("name: {}", self.name)];
        if let Some(partner) = &self.partner {
            lines.push(format!("partner: {partner}"));
        }
        lines.extend(self.doors.iter().map(|door| {
            let codes = if door.provide_doorcodes {
                ", provides doorcodes"
            } else {
                ""
            };
            format!("door: {}{codes}", door.name)
        }));
        if self.schedule.is_empty() {
            lines.push(String::from("schedule: always"));
        }
        let schedule = self.schedule.iter();
        lines.extend(schedule.map(|interval| format!("schedule: {interval}")));
        lines
    }
}

/// A door on a key, in names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyDoorSetting {
    /// The door's name.
    pub name: String,
    /// "Provide Doorcodes".
    pub provide_doorcodes: bool,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// Where it was declared.
    pub cause: Cause,
    /// Its reason.
    pub reason: Reason,
    /// What, why, and what to do instead.
    pub message: String,
    /// The object it is about, if it is one of the property's objects.
    pub owner: Option<OwnerId>,
}

/// Something people have to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What.
    pub kind: WaitingKind,
    /// The door, if it is one.
    pub door: Option<Named<DoorUuid>>,
    /// The partner it is about.
    pub partner: String,
    /// How the partner reaches the door, for a Door Sync.
    pub via: Option<&'static str>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Until when, where an objective is set.
    pub deadline: Option<Timestamp>,
    /// Why.
    pub reason: Reason,
    /// The object it is for, where one is.
    pub owner: Option<OwnerId>,
}

/// What people have to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum WaitingKind {
    /// Perform a Door Sync.
    Sync,
    /// Send an e-mail to DOOR.
    Email,
    /// Wait for DOOR's authorisation.
    Authorization,
}

/// A difference somebody made by hand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandMade {
    /// The door's or key's name.
    pub what: String,
    /// The door, if it is about one.
    pub door: Option<DoorUuid>,
    /// The partner.
    pub partner: String,
    /// What was done, in words.
    pub change: String,
    /// The object whose declaration it contradicts, for drift.
    pub owner: Option<OwnerId>,
    /// The key, if it is about one that there is.
    pub key: Option<KeyUuid>,
}

impl Plan {
    /// Steps that would be performed now.
    pub fn performable(&self) -> impl Iterator<Item = &Step> {
        self.steps
            .iter()
            .filter(|step| step.held.is_none() && self.not_performed.is_none())
    }

    /// Whether anything is refused or held.
    #[must_use]
    pub fn has_refusals(&self) -> bool {
        let refused =
            |refusal: &Refusal| matches!(refusal.reason.class(), Class::Refused | Class::Held);
        self.refusals.iter().any(refused) || self.steps.iter().any(|step| step.held.is_some())
    }

    /// Whether something cannot be told: the view is incomplete, or an answer is not known.
    #[must_use]
    pub fn cannot_tell(&self) -> bool {
        let unclear = |refusal: &Refusal| refusal.reason.class() == Class::CannotTell;
        !self.complete || self.refusals.iter().any(unclear)
    }
}
