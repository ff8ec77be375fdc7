//! The ledger of one building: what we did, what we own, and what a lock may still accept.
//!
//! It is the product's only memory. Everything in it is an over-approximation of the truth at the
//! locks and an under-approximation of what we may take away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::declared::Spec;
use crate::ids::{BuildingUuid, DoorUuid, KeyUuid, PartnerUuid};
use crate::observed::{HeldBy, Interval, KeyDoor};
use crate::owner::{Cause, OwnerId};
use crate::reasons::Reason;
use crate::writes::Write;

pub use crate::left_behind::{LeftBehind, LeftDoor};
pub use crate::records::{
    Claim, Claims, DoorRecord, EntryVia, Gone, Inherited, MayOpen, Seen, UnknownHistory, UnknownWhy,
};

/// Identifies a step by what it does and the revision it starts from; the deletion of a key also by
/// whether people hold it, which moves no revision. It never fits again once the step is done, because
/// revisions only grow.
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
    pub door_pins: BTreeMap<Box<str>, DoorUuid>,
    /// Partners the Property lists or listed, by the name written there.
    pub partners: BTreeMap<String, PartnerRecord>,
    /// Keys we own.
    pub keys: BTreeMap<KeyUuid, KeyRecord>,
    /// What deleted objects left in place and nobody owns.
    #[serde(skip_serializing_if = "LeftBehind::is_empty")]
    pub left_behind: LeftBehind,
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
    /// The hold id that was approved last: where a Property still writes it, it is no mistake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_approved: Option<String>,
    /// Numbers intents and client references.
    pub next_number: u64,
    /// Since when access added by hand is removed (`addedByHand: Remove`): since a pass that could judge
    /// all that was there before.
    pub removes_added_since: Option<Timestamp>,
    /// Since when our clock and DOOR's were seen to differ, by our own; `None` while they agree.
    pub clock_skewed_since: Option<Timestamp>,
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
    /// What it says. Shared with what is declared and what is in force: a large property has it once.
    #[serde(with = "shared")]
    pub spec: Arc<Spec>,
    /// Where it was declared.
    pub cause: Cause,
    /// Since when `validity.until` has its present value, and no door was added: an expiry known for a day is no surprise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry_known_since: Option<Timestamp>,
    /// Since when its selector means vacant units only: whoever moved in later is no surprise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vacant_only_since: Option<Timestamp>,
}

/// A shared value is written as the value.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        T::serialize(value, serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
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
    /// The doors we own on it, with their doorcode setting as last seen or set, sorted by door.
    pub doors: Vec<KeyDoor>,
    /// Its schedule as last seen or set.
    pub schedule: Vec<Interval>,
    /// Our mark, where we created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ref: Option<String>,
    /// Whether people were seen to hold it. Like a home's vacancy it moves no revision.
    #[serde(default)]
    pub held_by: HeldBy,
    /// The newest version seen with anything new in it.
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
    /// The doors it touches, sorted.
    pub doors: Vec<DoorUuid>,
    /// Of them, those where a key's access only grows, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widens: Vec<DoorUuid>,
    /// The objects that want the same at the same door.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_with: Vec<OwnerId>,
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
    /// The door or key, and the partner, whatever its revision.
    #[serde(default)]
    pub target: String,
}

impl KeyRecord {
    /// The setting we own of a door on the key.
    #[must_use]
    pub fn door(&self, door: DoorUuid) -> Option<KeyDoor> {
        self.doors
            .binary_search_by_key(&door, |entry| entry.door)
            .ok()
            .and_then(|at| self.doors.get(at))
            .copied()
    }

    /// Whether we own a door on the key.
    #[must_use]
    pub fn owns(&self, door: DoorUuid) -> bool {
        self.door(door).is_some()
    }
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

    /// The records of every door, all at once: added one by one they leave their tree half empty.
    pub(crate) fn meet_doors(&mut self, records: BTreeMap<DoorUuid, DoorRecord>) {
        self.unsaved.doors = records.keys().copied().collect();
        self.doors = records;
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
            .any(|intent| intent.doors.binary_search(&door).is_ok())
    }

    /// Whether nothing is owned, owed or under way: then a building without a Property is done.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.head.keys.is_empty()
            && self.head.intents.is_empty()
            && self.doors.values().all(|record| {
                record.claims.is_empty() && record.may_open.iter().all(|entry| entry.gone.is_none())
            })
    }

    /// Lets a building go that is settled: no Property has it any more, and its objects are free for another.
    pub fn let_go(&mut self) {
        let head = self.head_mut();
        head.property = None;
        head.accepted.clear();
        head.door_pins.clear();
    }

    /// Whether an object still has anything here: a declaration in force, a door or key it owns, or a
    /// write that is open.
    #[must_use]
    pub fn holds_for(&self, owner: &OwnerId) -> bool {
        let head = &self.head;
        head.accepted.contains_key(owner)
            || head.keys.values().any(|key| key.owner == *owner)
            || head
                .intents
                .iter()
                .any(|intent| intent.owner == *owner || intent.shared_with.contains(owner))
            || self
                .doors
                .values()
                .flat_map(|record| &record.claims)
                .any(|claim| claim.owners.contains(owner))
    }

    /// Whether any object has anything here.
    #[must_use]
    pub fn holds_for_any(&self) -> bool {
        let head = &self.head;
        !(head.accepted.is_empty() && head.keys.is_empty() && head.intents.is_empty())
            || self.doors.values().any(|record| !record.claims.is_empty())
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
