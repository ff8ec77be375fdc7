//! What the ledger holds of one door: who we own there, and whom its lock may accept.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::ids::{KeyUuid, PartnerUuid};
use crate::observed::{Vacancy, Via};
use crate::owner::OwnerId;

/// Claims on one door. In place, like `may_open`: a door that is managed has one of each, and a large
/// property has as many as doors.
pub type Claims = SmallVec<[Claim; 1]>;

/// A door's record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DoorRecord {
    /// Its name when last seen, kept while something is owed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// Who we own on its partner dropdown, and for which objects.
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    pub claims: Claims,
    /// The newest row we acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Whom the lock may accept: everything it ever could, less what was proven away.
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    pub may_open: SmallVec<[MayOpen; 1]>,
    /// The lock may accept others as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Box<UnknownHistory>>,
}

/// What of a door's row matters for later rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The row's version. Older rows are dropped.
    pub version: i64,
    /// Its access revision.
    pub access_revision: i64,
    /// The lock's acknowledged revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_revision: Option<i64>,
    /// The device's serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<SmolStr>,
    /// Whether the lock is proven to carry exactly what DOOR OS grants.
    #[serde(default)]
    pub proven: bool,
    /// The vacancy of its unit. Nothing else tells the row of an empty home from the later one of a
    /// home: it moves no revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vacancy: Option<Vacancy>,
    /// An acknowledgement that may be an earlier device's, and so proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited: Option<Box<Inherited>>,
}

/// The lock revision that a new device was first shown with. It may be an earlier device's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Inherited {
    /// The revision.
    pub lock_revision: i64,
    /// The last full sync shown with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_full_sync: Option<Timestamp>,
}

/// Ownership of one partner on one door's dropdown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Who.
    pub partner: PartnerUuid,
    /// For which objects, sorted, each once.
    pub owners: SmallVec<[OwnerId; 2]>,
    /// DOOR OS was seen to hold it while we claimed it.
    #[serde(default)]
    pub held: bool,
}

impl Claim {
    /// A claim on a partner that DOOR OS holds.
    pub(crate) fn held<'a>(
        partner: PartnerUuid,
        owners: impl Iterator<Item = &'a OwnerId>,
    ) -> Self {
        let owners: BTreeSet<&OwnerId> = owners.collect();
        Self {
            partner,
            owners: owners.into_iter().cloned().collect(),
            held: true,
        }
    }
}

/// One thing a lock may accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "SpelledOut", into = "SpelledOut")]
pub struct MayOpen {
    /// Who.
    pub partner: PartnerUuid,
    /// How.
    pub via: EntryVia,
    // Kept apart from its number, because there is one of these for every door and an enum that held
    // the number would be a third larger.
    stage: Stage,
    number: u64,
    /// The debt, once DOOR OS no longer grants it in this form. Apart, because most entries owe nothing
    /// and there is one for every door.
    pub gone: Option<Box<Gone>>,
}

/// How far an entry has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// A row showed it. Its number is the access revision at which DOOR OS gave it its form.
    Shown,
    /// A write may have granted it. Its number is that of the intent.
    Intended,
    /// It was granted, and no row has shown it yet. Without a number.
    Unseen,
}

impl MayOpen {
    /// An entry that a row shows, in the form that DOOR OS gave it at this access revision.
    #[must_use]
    pub fn shown(partner: PartnerUuid, via: EntryVia, revision: i64) -> Self {
        Self {
            partner,
            via,
            stage: Stage::Shown,
            number: revision.cast_unsigned(),
            gone: None,
        }
    }

    /// An entry that the write of an intent may grant.
    #[must_use]
    pub fn intended(partner: PartnerUuid, via: EntryVia, intent: u64) -> Self {
        Self {
            partner,
            via,
            stage: Stage::Intended,
            number: intent,
            gone: None,
        }
    }

    /// An entry that was granted and that no row has shown yet.
    #[must_use]
    pub fn unseen(partner: PartnerUuid, via: EntryVia) -> Self {
        Self {
            partner,
            via,
            stage: Stage::Unseen,
            number: 0,
            gone: None,
        }
    }

    /// The same entry, owing this.
    #[must_use]
    pub fn owing(self, gone: Option<Box<Gone>>) -> Self {
        Self { gone, ..self }
    }

    /// Which form of the entry: the access revision at which DOOR OS gave it that form. `None`: no row
    /// has shown it yet.
    #[must_use]
    pub fn revision(&self) -> Option<i64> {
        (self.stage == Stage::Shown).then_some(self.number.cast_signed())
    }

    /// The intent that may have granted it and is not settled.
    #[must_use]
    pub fn intent(&self) -> Option<u64> {
        (self.stage == Stage::Intended).then_some(self.number)
    }

    /// The intent is settled: from now on the entry stands for itself.
    pub(crate) fn settle(&mut self) {
        if self.stage == Stage::Intended {
            self.stage = Stage::Unseen;
            self.number = 0;
        }
    }
}

/// An entry as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpelledOut {
    partner: PartnerUuid,
    via: EntryVia,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intent: Option<u64>,
    #[serde(flatten)]
    gone: Option<Box<Gone>>,
}

impl From<SpelledOut> for MayOpen {
    fn from(entry: SpelledOut) -> Self {
        let SpelledOut {
            partner,
            via,
            revision,
            intent,
            gone,
        } = entry;
        let entry = match (revision, intent) {
            (Some(revision), _) => Self::shown(partner, via, revision),
            (None, Some(intent)) => Self::intended(partner, via, intent),
            (None, None) => Self::unseen(partner, via),
        };
        entry.owing(gone)
    }
}

impl From<MayOpen> for SpelledOut {
    fn from(entry: MayOpen) -> Self {
        Self {
            partner: entry.partner,
            via: entry.via,
            revision: entry.revision(),
            intent: entry.intent(),
            gone: entry.gone,
        }
    }
}

/// What is owed at a lock that may still accept what DOOR OS no longer grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gone {
    /// Since when DOOR OS no longer grants it.
    #[serde(rename = "goneSince")]
    pub since: Timestamp,
    /// The object whose change took it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<OwnerId>,
    /// When a person said that the lock was synced since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested: Option<Timestamp>,
}

impl Gone {
    /// A debt that begins.
    pub(crate) fn now(since: Timestamp, cause: Option<OwnerId>) -> Box<Self> {
        Box::new(Self {
            since,
            cause,
            attested: None,
        })
    }
}

/// How an entry of `may_open` reaches the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EntryVia {
    /// The door's dropdown.
    Door,
    /// A key.
    Key(KeyUuid),
    /// A key whose creation is not settled.
    NewKey,
}

impl From<Via> for EntryVia {
    fn from(via: Via) -> Self {
        match via {
            Via::Door => Self::Door,
            Via::Key(key) => Self::Key(key),
        }
    }
}

/// Why a lock may accept others than we know of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnknownHistory {
    /// Since when.
    pub since: Timestamp,
    /// What happened.
    pub why: UnknownWhy,
    /// When a person said that the lock was synced since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested: Option<Timestamp>,
}

/// What made a lock's history unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownWhy {
    /// First seen with a lock that is not proven.
    FirstContact,
    /// The access changed more often than we saw.
    MissedChange,
    /// Another device is on the door.
    NewDevice,
    /// The lock acknowledges less than it did.
    LockFellBack,
}

impl DoorRecord {
    /// Our claim for a partner on this door's dropdown.
    #[must_use]
    pub fn claim(&self, partner: PartnerUuid) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.partner == partner)
    }

    /// Whether the lock may accept more than DOOR OS grants: a debt, or a history that is not known.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.unknown.is_some() || self.may_open.iter().any(|entry| entry.gone.is_some())
    }
}
