//! What DOOR OS holds for one building, as rows of the manager contract after lenient parsing.
//!
//! Anything the source did not say is `None` or `Unknown` here, never a default: the planner acts
//! strictly on what is known.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::ids::{BuildingUuid, DoorUuid, KeyUuid, PartnerUuid};

/// One look at a building: its partners, doors and keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observed {
    /// The building looked at.
    pub building: BuildingUuid,
    /// Its name in DOOR OS.
    pub building_name: String,
    /// When the look ended, by the clock the pass uses.
    pub at: Timestamp,
    /// Partners DOOR has authorised at this building, sorted by uuid.
    pub partners: Vec<Partner>,
    /// Doors, sorted by uuid, each at most once.
    pub doors: Vec<DoorRow>,
    /// Keys, sorted by uuid, each at most once.
    pub keys: Vec<KeyRow>,
    /// Why this is not provably everything; `None` when it is. An incomplete look proves no
    /// absence and no removal is planned from it.
    pub incomplete: Option<String>,
    /// Our clock and DOOR's differ by more than two minutes: nothing time-driven changes.
    pub clock_skewed: bool,
}

impl Observed {
    /// The row of a door, if this look holds one.
    #[must_use]
    pub fn door(&self, uuid: DoorUuid) -> Option<&DoorRow> {
        self.doors
            .binary_search_by_key(&uuid, |row| row.uuid)
            .ok()
            .and_then(|at| self.doors.get(at))
    }

    /// The row of a key, if this look holds one.
    #[must_use]
    pub fn key(&self, uuid: KeyUuid) -> Option<&KeyRow> {
        self.keys
            .binary_search_by_key(&uuid, |row| row.uuid)
            .ok()
            .and_then(|at| self.keys.get(at))
    }

    /// The name of an authorised partner.
    #[must_use]
    pub fn partner_name(&self, uuid: PartnerUuid) -> Option<&str> {
        self.partners
            .iter()
            .find(|partner| partner.uuid == uuid)
            .map(|partner| partner.name.as_str())
    }
}

/// A partner DOOR's integrations team has authorised at a building (DOMAIN 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partner {
    /// Its uuid.
    pub uuid: PartnerUuid,
    /// Its name as the dropdown shows it.
    pub name: String,
}

/// Who holds a door by its partner dropdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Holder {
    /// The dropdown reads None.
    Nobody,
    /// This partner.
    Partner(PartnerUuid),
    /// The source does not say (a blank cell in a table of doors).
    Unknown,
}

/// DOOR's door types (DOMAIN KB-24271724771735).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DoorType {
    /// Building Entrance.
    BuildingEntrance,
    /// Residence.
    Residence,
    /// Service.
    Service,
    /// Communal.
    Communal,
}

/// Communal or private (OAS `accessibilityType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Accessibility {
    /// Entrances, amenities.
    Communal,
    /// A unit.
    Private,
}

/// Whether a unit is lived in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Vacancy {
    /// Nobody lives there.
    Vacant,
    /// Somebody does.
    Occupied,
}

/// The unit behind a door. Only its vacancy matters here; never who lives there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unit {
    /// The unit's name.
    pub name: String,
    /// Vacant or occupied; `None` when DOOR does not say.
    pub vacancy: Option<Vacancy>,
    /// Since when.
    pub vacancy_since: Option<Timestamp>,
}

/// Whether people hold a key. One more or less of them decides nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HeldBy {
    /// Nobody does.
    Nobody,
    /// Somebody does.
    Somebody,
    /// It cannot be told.
    #[default]
    Unknown,
}

impl HeldBy {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Somebody => "somebody",
            Self::Unknown => "unknown",
        }
    }
}

/// How a partner reaches a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Via {
    /// The door's own partner dropdown.
    Door,
    /// A partner key.
    Key(KeyUuid),
}

/// One entry of a door's effective partner access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// Who.
    pub partner: PartnerUuid,
    /// How.
    pub via: Via,
    /// The door's `accessRevision` at which this entry took its present form.
    pub revision: i64,
}

/// A door as DOOR OS holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DoorRow {
    /// Its uuid.
    pub uuid: DoorUuid,
    /// Its name, shown to residents. Not unique in a building.
    pub name: Box<str>,
    /// Its type, where known to us.
    pub door_type: Option<DoorType>,
    /// Communal or private.
    pub accessibility: Option<Accessibility>,
    /// Connected to the internet; `None` when not said.
    pub connected: Option<bool>,
    /// Serial number of the device on the door; `None`: not activated.
    pub serial: Option<SmolStr>,
    /// The unit behind it. Boxed: most doors have none.
    pub unit: Option<Box<Unit>>,
    /// The partner dropdown.
    pub holder: Holder,
    /// +1 on any change, telemetry included; only orders reads.
    pub version: i64,
    /// +1 on an edit, for conditional writes; `None`: we must not write to this row.
    pub revision: Option<i64>,
    /// Effective partner access, sorted. Most doors have one entry.
    pub access: SmallVec<[Access; 1]>,
    /// +1 whenever `access` changes.
    pub access_revision: i64,
    /// The last access revision this device acknowledged; `None`: DOOR cannot say.
    pub lock_revision: Option<i64>,
    /// DOOR's own word on whether a Door Sync is needed. Proves nothing.
    pub sync_required: Option<bool>,
    /// When DOOR says a full sync last ended.
    pub last_full_sync: Option<Timestamp>,
}

impl DoorRow {
    /// Whether somebody lives behind it; `None` when DOOR does not say.
    #[must_use]
    pub fn vacancy(&self) -> Option<Vacancy> {
        self.unit.as_ref().and_then(|unit| unit.vacancy)
    }

    /// Whether the partner has any access here in DOOR OS.
    #[must_use]
    pub fn grants(&self, partner: PartnerUuid) -> bool {
        self.access.iter().any(|access| access.partner == partner)
    }
}

/// A key as DOOR OS holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyRow {
    /// Its uuid.
    pub uuid: KeyUuid,
    /// Its name, visible to staff only.
    pub name: String,
    /// Its partner; `None`: an ordinary key.
    pub partner: Option<PartnerUuid>,
    /// Doors with "Provide Doorcodes", sorted by door.
    pub doors: Vec<KeyDoor>,
    /// When holders may unlock; empty: always.
    pub schedule: Vec<Interval>,
    /// Our mark on keys we created.
    pub client_ref: Option<String>,
    /// +1 on any change; only orders reads.
    pub version: i64,
    /// For conditional writes; `None`: read-only for us.
    pub revision: Option<i64>,
    /// How many people hold it, over all roles; `None`: cannot tell.
    pub holders: Option<u32>,
    /// The same by role, sorted: words of DOOR's, never people.
    pub roles: Box<[(Box<str>, u32)]>,
}

impl KeyRow {
    /// Whether people hold it.
    #[must_use]
    pub fn held_by(&self) -> HeldBy {
        match self.holders {
            Some(0) => HeldBy::Nobody,
            Some(_) => HeldBy::Somebody,
            None => HeldBy::Unknown,
        }
    }

    /// The setting of one door on this key.
    #[must_use]
    pub fn door(&self, door: DoorUuid) -> Option<KeyDoor> {
        self.doors
            .binary_search_by_key(&door, |entry| entry.door)
            .ok()
            .and_then(|at| self.doors.get(at))
            .copied()
    }
}

/// A door on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyDoor {
    /// The door.
    pub door: DoorUuid,
    /// "Provide Doorcodes" for it.
    pub doorcodes: bool,
}

/// A weekly interval in which a key works, in the building's time zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interval {
    /// Days it applies to, Monday first, each at most once.
    pub days: Vec<Day>,
    /// From, `HH:MM`.
    pub from: String,
    /// To, `HH:MM`.
    pub to: String,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}
