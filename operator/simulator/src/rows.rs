//! The rows that the contract serves, as `openapi.yaml` writes them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a door is mechanically.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DoorKind {
    /// A door.
    #[default]
    #[serde(alias = "Door")]
    Door,
    /// An elevator set up as such.
    #[serde(alias = "Elevator")]
    Elevator,
}

/// Who shares a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Accessibility {
    /// Entrances, amenities.
    #[serde(alias = "Communal")]
    Communal,
    /// A unit's door.
    #[serde(alias = "Private")]
    Private,
}

/// The door type of DOOR OS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DoorType {
    /// An entrance of the building.
    #[serde(alias = "BuildingEntrance")]
    BuildingEntrance,
    /// The door of a unit.
    #[serde(alias = "Residence")]
    Residence,
    /// A door for staff.
    #[serde(alias = "Service")]
    Service,
    /// An amenity.
    #[default]
    #[serde(alias = "Communal")]
    Communal,
}

/// Whether a unit is lived in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Vacancy {
    /// Nobody lives there.
    #[serde(alias = "Vacant")]
    Vacant,
    /// Somebody does.
    #[serde(alias = "Occupied")]
    Occupied,
}

/// Whether a key was made for one door.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum KeyType {
    /// An ordinary key of DOOR OS.
    #[default]
    #[serde(alias = "Regular")]
    Regular,
    /// A key that DOOR made for a single door.
    #[serde(alias = "Single")]
    Single,
}

/// How a partner reaches a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Via {
    /// The door's own partner.
    Door,
    /// A partner key that covers the door.
    Key,
}

/// A day of a key's schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "the days of the week")]
pub enum Day {
    #[serde(alias = "Monday")]
    Monday,
    #[serde(alias = "Tuesday")]
    Tuesday,
    #[serde(alias = "Wednesday")]
    Wednesday,
    #[serde(alias = "Thursday")]
    Thursday,
    #[serde(alias = "Friday")]
    Friday,
    #[serde(alias = "Saturday")]
    Saturday,
    #[serde(alias = "Sunday")]
    Sunday,
}

/// A window of a key's schedule, in the building's time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days it applies to.
    pub days: Vec<Day>,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`, later than `from`; `24:00` is the end of the day.
    pub to: String,
}

/// One way by which a partner may open a door; also the entry a lock keeps for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Access {
    /// Who.
    pub(crate) partner_uuid: Uuid,
    /// By the door itself or by a key.
    pub(crate) via: Via,
    /// Which key.
    pub(crate) key_uuid: Option<Uuid>,
    /// The door's `accessRevision` at which the entry took its present form.
    pub(crate) revision: u64,
}

/// Battery of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Battery {
    /// Estimated charge.
    pub(crate) percentage: u8,
    /// Epoch seconds.
    pub(crate) last_updated: i64,
}

/// The device on a door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    /// Which lock it is.
    pub(crate) serial_number: String,
    /// Its model.
    #[serde(rename = "type")]
    pub(crate) model: String,
    /// Its battery.
    pub(crate) battery: Option<Battery>,
}

/// The unit behind a door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Unit {
    /// Its name.
    pub(crate) name: String,
    /// Null where DOOR cannot say.
    pub(crate) vacancy: Option<Vacancy>,
    /// Since when.
    pub(crate) vacancy_since: Option<Timestamp>,
}

/// DOOR's own opinion of what a lock needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sync {
    /// Whether DOOR asks for a visit.
    pub(crate) required: bool,
    /// Why.
    pub(crate) reason: Option<String>,
    /// Since when.
    pub(crate) since: Option<Timestamp>,
    /// Last contact of any kind.
    pub(crate) last_sync_at: Option<Timestamp>,
    /// Last full Door Sync.
    pub(crate) last_full_sync_at: Option<Timestamp>,
}

/// A row of `GET /v1/doors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DoorRow {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) building_uuid: Uuid,
    #[serde(rename = "type")]
    pub(crate) kind: DoorKind,
    pub(crate) accessibility_type: Accessibility,
    pub(crate) is_connected: bool,
    pub(crate) device: Option<Device>,
    pub(crate) sdk_door_uuid: Option<Uuid>,
    pub(crate) door_type: DoorType,
    pub(crate) unit: Option<Unit>,
    pub(crate) partner_uuid: Option<Uuid>,
    pub(crate) version: u64,
    pub(crate) revision: u64,
    pub(crate) access: Vec<Access>,
    pub(crate) access_revision: u64,
    pub(crate) lock_revision: Option<u64>,
    pub(crate) sync: Sync,
}

/// A door in a key's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyDoorRow {
    pub(crate) door_uuid: Uuid,
    pub(crate) name: String,
    pub(crate) sdk_door_uuid: Option<Uuid>,
    pub(crate) provide_doorcodes: bool,
}

/// Counts of a key's holders by role.
pub type Holders = BTreeMap<Role, u64>;

/// What a holder of a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Lives there.
    #[serde(alias = "Resident")]
    Resident,
    /// Does not.
    #[serde(alias = "NonResident")]
    NonResident,
    /// A resident's guest.
    #[serde(alias = "Guest")]
    Guest,
    /// On a tour.
    #[serde(alias = "Tourer")]
    Tourer,
}

/// A row of `GET /v1/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyRow {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) building_uuid: Uuid,
    pub(crate) key_type: KeyType,
    pub(crate) partner_uuid: Option<Uuid>,
    pub(crate) doors: Vec<KeyDoorRow>,
    pub(crate) schedule: Vec<Window>,
    pub(crate) client_ref: Option<String>,
    pub(crate) version: u64,
    pub(crate) revision: u64,
    pub(crate) holders: Option<Holders>,
}
