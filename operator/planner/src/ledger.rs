//! The ledger of one building: what we did, what we own, and what a lock may still accept.
//!
//! It is the product's only memory. Everything in it is an over-approximation of the truth at the
//! locks and an under-approximation of what we may take away.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::declared::Spec;
use crate::ids::{BuildingUuid, DoorUuid, KeyUuid, PartnerUuid};
use crate::observed::{Interval, KeyDoor, Via};
use crate::owner::{Cause, OwnerId};
use crate::reasons::Reason;
use crate::writes::Write;

/// Identifies a step by what it does and the revision it starts from. It never fits again once
/// the step is done, because revisions only grow.
pub type Fingerprint = String;

/// The ledger of one building.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// The building.
    pub building: BuildingUuid,
    /// All that is not per door.
    #[serde(flatten)]
    pub head: Head,
    /// One record per door that was ever seen here.
    pub doors: BTreeMap<DoorUuid, DoorRecord>,
    /// What is not yet committed. Not part of the ledger's value.
    #[serde(skip)]
    pub unsaved: Unsaved,
}

/// What of a ledger differs from what its store holds.
#[derive(Clone, Debug, Default)]
pub struct Unsaved {
    /// Something outside `doors` changed.
    pub head: bool,
    /// Doors whose record changed or went.
    pub doors: BTreeSet<DoorUuid>,
}

impl Unsaved {
    /// Whether there is anything to commit.
    #[must_use]
    pub fn any(&self) -> bool {
        self.head || !self.doors.is_empty()
    }
}

/// Two ledgers are equal whatever of them is saved.
impl PartialEq for Unsaved {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// The part of a ledger that is not per door.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Head {
    /// The Property as last accepted; `None` before first contact.
    pub property: Option<AcceptedProperty>,
    /// The Portfolio the property was last looked after by, where one was declared.
    pub portfolio: Option<AcceptedPortfolio>,
    /// Each object's last accepted declaration.
    pub accepted: BTreeMap<OwnerId, Accepted>,
    /// Door names to uuids, for as long as something declares the name.
    pub door_pins: BTreeMap<String, DoorUuid>,
    /// Partners the Property lists or listed, by the name written there.
    pub partners: BTreeMap<String, PartnerRecord>,
    /// Keys we own.
    pub keys: BTreeMap<KeyUuid, KeyRecord>,
    /// Writes begun and not yet settled.
    pub intents: Vec<Intent>,
    /// What the brake has charged in the last 24 hours.
    pub charges: Vec<Charge>,
    /// Steps that wait for approval.
    pub holds: BTreeMap<Fingerprint, Hold>,
    /// Approved steps not yet done.
    pub approvals: BTreeSet<Fingerprint>,
    /// How many approvals were ever given; part of every hold id, so that none fits twice.
    pub approvals_given: u64,
    /// Numbers intents and client references.
    pub next_number: u64,
    /// Since when access added by hand is removed (`addedByHand: Remove`).
    pub removes_added_since: Option<Timestamp>,
}

/// A Property as last accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedProperty {
    /// Its name.
    pub name: String,
    /// What it says.
    pub spec: opendoor_api::PropertySpec,
    /// Where it is declared.
    pub cause: Cause,
}

/// A Portfolio as last accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedPortfolio {
    /// Its name.
    pub name: String,
    /// What it says.
    pub spec: opendoor_api::PortfolioSpec,
}

/// An object's last accepted declaration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Accepted {
    /// What it says.
    pub spec: Spec,
    /// Where it was declared.
    pub cause: Cause,
    /// When `validity.until` took its present value: an expiry known for a day is no surprise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry_known_since: Option<Timestamp>,
}

/// What we know of a partner that the Property lists or listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnerRecord {
    /// The uuid its name was resolved to; `None` until DOOR has authorised it once.
    pub uuid: Option<PartnerUuid>,
    /// Whether the Property lists it.
    pub listed: bool,
    /// Whether DOOR had it authorised when last seen.
    pub authorized: bool,
    /// Since when `listed` and `authorized` are as they are.
    pub since: Timestamp,
}

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
    pub unknown: Option<UnknownHistory>,
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
    pub serial: Option<String>,
    /// Whether the lock is proven to carry exactly what DOOR OS grants.
    #[serde(default)]
    pub proven: bool,
    /// An acknowledgement that may be an earlier device's, and so proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherited: Option<Inherited>,
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
    /// For which objects.
    pub owners: BTreeSet<OwnerId>,
    /// DOOR OS was seen to hold it while we claimed it.
    #[serde(default)]
    pub held: bool,
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
    /// Since when DOOR OS no longer grants it in this form: the debt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<Timestamp>,
    /// The object whose change took it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<OwnerId>,
    /// When a person said that the lock was synced since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested: Option<Timestamp>,
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

/// A key we own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRecord {
    /// The object it belongs to.
    pub owner: OwnerId,
    /// Its partner, for good.
    pub partner: PartnerUuid,
    /// Its name as last seen or set.
    pub name: String,
    /// The doors we own on it, with their doorcode setting as last seen or set.
    pub doors: Vec<KeyDoor>,
    /// Its schedule as last seen or set.
    pub schedule: Vec<Interval>,
    /// Our mark, where we created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// The newest version seen.
    pub version: i64,
}

/// A write begun and not yet settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Its number in this ledger.
    pub number: u64,
    /// The write.
    pub write: Write,
    /// The step it performs.
    pub fingerprint: Fingerprint,
    /// The object it is for.
    pub owner: OwnerId,
    /// Where that is declared.
    pub cause: Cause,
    /// When it was committed.
    pub begun: Timestamp,
    /// When its answer was lost, or a later process found it open. It may take effect for ten
    /// minutes after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_since: Option<Timestamp>,
    /// What the door or key was before, in words, for the history.
    pub before: String,
    /// What it becomes.
    pub after: String,
    /// The doors it touches.
    pub doors: Vec<DoorUuid>,
}

/// One loss or grant the brake has counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    /// When.
    pub at: Timestamp,
    /// For which intent.
    pub intent: u64,
    /// Losses charged.
    pub losses: u32,
    /// Grants charged.
    pub grants: u32,
}

/// A step that waits for approval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The object it is for.
    pub owner: OwnerId,
    /// Why it is held.
    pub reason: Reason,
    /// Since when.
    pub since: Timestamp,
    /// What the object said when it was held; a change of it evaluates the hold anew.
    pub declaration: String,
}

impl Ledger {
    /// An empty ledger: first contact with a building.
    #[must_use]
    pub fn new(building: BuildingUuid) -> Self {
        Self {
            building,
            head: Head::default(),
            doors: BTreeMap::new(),
            unsaved: Unsaved::default(),
        }
    }

    /// A ledger as its store holds it.
    #[must_use]
    pub fn stored(
        building: BuildingUuid,
        head: Head,
        doors: BTreeMap<DoorUuid, DoorRecord>,
    ) -> Self {
        Self {
            building,
            head,
            doors,
            unsaved: Unsaved::default(),
        }
    }

    /// The part that is not per door, to be changed.
    pub fn head_mut(&mut self) -> &mut Head {
        self.unsaved.head = true;
        &mut self.head
    }

    /// A door's record to be changed; made if there is none.
    pub fn door_mut(&mut self, door: DoorUuid) -> &mut DoorRecord {
        self.unsaved.doors.insert(door);
        self.doors.entry(door).or_default()
    }

    /// Forgets a door.
    pub fn forget_door(&mut self, door: DoorUuid) {
        if self.doors.remove(&door).is_some() {
            self.unsaved.doors.insert(door);
        }
    }

    /// Whether an unsettled write touches the door.
    #[must_use]
    pub fn door_has_intent(&self, door: DoorUuid) -> bool {
        self.head
            .intents
            .iter()
            .any(|intent| intent.doors.contains(&door))
    }

    /// Whether nothing is owned, owed or under way: then a building without a Property is done.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.head.keys.is_empty()
            && self.head.intents.is_empty()
            && self.doors.values().all(|record| {
                record.claims.is_empty()
                    && record
                        .may_open
                        .iter()
                        .all(|entry| entry.gone_since.is_none())
            })
    }

    /// How many (door, partner) pairs we own now, over dropdowns and keys.
    #[must_use]
    pub fn owned_pairs(&self) -> usize {
        let mut key_pairs: Vec<(DoorUuid, PartnerUuid)> = self
            .head
            .keys
            .values()
            .flat_map(|key| key.doors.iter().map(|entry| (entry.door, key.partner)))
            .filter(|(door, partner)| !self.owns(*door, *partner))
            .collect();
        key_pairs.sort_unstable();
        key_pairs.dedup();
        let claimed: usize = self
            .doors
            .values()
            .map(|record| record.claims.iter().filter(|claim| claim.held).count())
            .sum();
        claimed + key_pairs.len()
    }

    fn owns(&self, door: DoorUuid, partner: PartnerUuid) -> bool {
        self.doors.get(&door).is_some_and(|record| {
            record
                .claims
                .iter()
                .any(|claim| claim.held && claim.partner == partner)
        })
    }

    /// The key an object owns, if it owns one.
    #[must_use]
    pub fn key_of(&self, owner: &OwnerId) -> Option<(KeyUuid, &KeyRecord)> {
        self.head
            .keys
            .iter()
            .find(|(_, record)| record.owner == *owner)
            .map(|(uuid, record)| (*uuid, record))
    }
}

impl DoorRecord {
    /// Our claim for a partner on this door's dropdown.
    #[must_use]
    pub fn claim(&self, partner: PartnerUuid) -> Option<&Claim> {
        self.claims.iter().find(|claim| claim.partner == partner)
    }

    /// Whether nothing here needs remembering beyond the row itself.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.unknown.is_some() || self.may_open.iter().any(|entry| entry.gone_since.is_some())
    }
}
