//! What the ledger holds of one door: who we own there, and whom its lock may accept.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{KeyUuid, PartnerUuid};
use crate::observed::Via;
use crate::owner::OwnerId;

/// A door's record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DoorRecord {
    /// Its name when last seen, kept while something is owed there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who we own on its partner dropdown, and for which objects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
    /// The newest row we acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Whom the lock may accept: everything it ever could, less what was proven away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub may_open: Vec<MayOpen>,
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
    pub serial: Option<Box<str>>,
    /// Whether the lock is proven to carry exactly what DOOR OS grants.
    #[serde(default)]
    pub proven: bool,
    /// An acknowledgement that may be an earlier device's, and so proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited: Option<Box<Inherited>>,
}

/// A lock revision shown for a new device that is the earlier device's last one.
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
    pub owners: Box<[OwnerId]>,
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
#[serde(rename_all = "camelCase")]
pub struct MayOpen {
    /// Who.
    pub partner: PartnerUuid,
    /// How.
    pub via: EntryVia,
    /// Which form of the entry: the access revision at which DOOR OS gave it that form.
    /// `None`: a grant that was intended and not yet settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<i64>,
    /// The intent that may have granted it, while `revision` is `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<u64>,
    /// The debt, once DOOR OS no longer grants it in this form. Apart, because most entries owe nothing
    /// and there is one for every door.
    #[serde(flatten)]
    pub gone: Option<Box<Gone>>,
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
