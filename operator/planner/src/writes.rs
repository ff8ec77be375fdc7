//! The writes DOOR OS offers a manager, as values, and what came of one.

use serde::{Deserialize, Serialize};

use crate::ids::{BuildingUuid, DoorUuid, KeyUuid, PartnerUuid};
use crate::observed::{DoorRow, Interval, KeyDoor, KeyRow};

/// One write of the manager contract. Conditional on the revision that was read; sent once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "call")]
pub enum Write {
    /// `PUT /v1/doors/{uuid}/partner`.
    #[serde(rename_all = "camelCase")]
    SetDoorPartner {
        /// The door.
        door: DoorUuid,
        /// The partner; `None` clears.
        partner: Option<PartnerUuid>,
        /// The row's revision when it was read.
        if_match: i64,
    },
    /// `POST /v1/keys`. Its `client_ref` makes it safe to repeat.
    #[serde(rename_all = "camelCase")]
    CreateKey {
        /// The building.
        building: BuildingUuid,
        /// The key's name.
        name: String,
        /// The partner, for good.
        partner: PartnerUuid,
        /// Its doors.
        doors: Vec<KeyDoor>,
        /// Its schedule.
        schedule: Vec<Interval>,
        /// Unique per building for ever.
        client_ref: String,
    },
    /// `PATCH /v1/keys/{uuid}`. Absent fields stay.
    #[serde(rename_all = "camelCase")]
    UpdateKey {
        /// The key.
        key: KeyUuid,
        /// The row's revision when it was read.
        if_match: i64,
        /// What changes.
        patch: KeyPatch,
    },
    /// `DELETE /v1/keys/{uuid}`.
    #[serde(rename_all = "camelCase")]
    DeleteKey {
        /// The key.
        key: KeyUuid,
        /// The row's revision when it was read.
        if_match: i64,
    },
}

/// The fields of a key that change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyPatch {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Doors to add.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub add_doors: Vec<KeyDoor>,
    /// Doors to take out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remove_doors: Vec<DoorUuid>,
    /// Doors whose "Provide Doorcodes" changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub doorcodes: Vec<KeyDoor>,
    /// A new schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Vec<Interval>>,
    /// A partner for a key that has none: converts it for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerUuid>,
}

impl KeyPatch {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// DOOR OS did it and returned what changed.
    Applied {
        /// The key written, if the write was to a key that still exists.
        key: Option<KeyRow>,
        /// The door rows that changed.
        doors: Vec<DoorRow>,
    },
    /// DOOR OS refused it; it will never take effect.
    Refused {
        /// DOOR's code, e.g. `REVISION_MISMATCH`.
        code: String,
    },
    /// It never left us (no token, no connection, breaker open, refused by our own limiter).
    NotSent {
        /// What happened, for a person.
        why: String,
    },
    /// No answer, or one that does not say. It may take effect up to ten minutes after sending.
    Unknown {
        /// What happened, for a person.
        why: String,
    },
}
