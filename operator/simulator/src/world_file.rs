//! `simulator.yaml`: the world as a person writes it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use crate::parameters::Parameters;
use crate::rows::{Accessibility, DoorKind, DoorType, Holders, KeyType, Vacancy, Window};
use crate::world::{Client, Resident};

/// A world as a person writes it. Names stand for things; uuids come from the names and the seed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WorldFile {
    /// Partners that DOOR knows.
    pub partners: Vec<PartnerFile>,
    /// The buildings, with their doors and keys.
    pub buildings: Vec<BuildingFile>,
    /// API clients; `demo` with secret `demo` if there is none.
    pub clients: Vec<Client>,
    /// People whom the contract must never show.
    pub residents: Vec<Resident>,
    /// What DOOR leaves undocumented.
    pub parameters: Parameters,
}

/// A partner, and where DOOR authorised it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartnerFile {
    /// Its name.
    pub name: Name,
    /// Names of buildings.
    #[serde(default)]
    pub authorized_at: Vec<Name>,
}

/// A building.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BuildingFile {
    /// Its name.
    pub name: Name,
    /// An IANA zone.
    #[serde(default)]
    pub timezone: Option<String>,
    /// DOOR's address fields.
    #[serde(default)]
    pub address: Option<BTreeMap<String, String>>,
    /// The portfolio's name.
    #[serde(default)]
    pub portfolio: Option<String>,
    /// Its doors; two may have one name.
    #[serde(default)]
    pub doors: Vec<DoorFile>,
    /// Its keys.
    #[serde(default)]
    pub keys: Vec<KeyFile>,
}

/// A door.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DoorFile {
    /// Its name.
    pub name: Name,
    /// Wire form or `BuildingEntrance`; `Communal` if absent.
    #[serde(default)]
    pub door_type: DoorType,
    /// Follows the door type if absent.
    #[serde(default)]
    pub accessibility: Option<Accessibility>,
    /// `Door` or `Elevator`.
    #[serde(default, rename = "type")]
    pub kind: DoorKind,
    /// Whether the door is on the internet.
    #[serde(default = "yes")]
    pub connected: bool,
    /// Whether a device is on the door.
    #[serde(default = "yes")]
    pub activated: bool,
    /// The device's serial number; made up if absent.
    #[serde(default)]
    pub serial_number: Option<String>,
    /// The name of the unit behind the door.
    #[serde(default)]
    pub unit: Option<String>,
    /// Whether the unit is lived in; DOOR cannot say if absent.
    #[serde(default)]
    pub vacancy: Option<Vacancy>,
    /// Since when; since the world began if absent.
    #[serde(default)]
    pub vacancy_since: Option<Timestamp>,
    /// The partner in the door's dropdown.
    #[serde(default)]
    pub partner: Option<Name>,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyFile {
    /// Its name.
    pub name: Name,
    /// `Regular` or `Single`.
    #[serde(default)]
    pub key_type: KeyType,
    /// The partner, if it is a partner key.
    #[serde(default)]
    pub partner: Option<Name>,
    /// Names of doors of the building.
    #[serde(default)]
    pub doors: Vec<Name>,
    /// Whether the key provides doorcodes at its doors.
    #[serde(default)]
    pub provide_doorcodes: bool,
    /// When holders may unlock; always if empty.
    #[serde(default)]
    pub schedule: Vec<Window>,
    /// How many people hold it, by role.
    #[serde(default)]
    pub holders: Holders,
}

fn yes() -> bool {
    true
}

/// A name, and the line it was written on if it came from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    text: String,
    line: Option<u64>,
}

impl Name {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            line: None,
        }
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self { text, line: None }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.text)?;
        self.line
            .map_or(Ok(()), |line| write!(out, " in line {line}"))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned {
            value, referenced, ..
        } = Spanned::<String>::deserialize(deserializer)?;
        // Other formats than YAML know no lines.
        Ok(Self {
            text: value,
            line: Some(referenced.line()).filter(|line| *line > 0),
        })
    }
}

/// Why a world cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The file is not YAML of this shape.
    #[error("the world file cannot be read: {0}")]
    Unreadable(Box<serde_saphyr::Error>),
    /// Two things that need names of their own share one.
    #[error("two {what} are named {name}")]
    NamedTwice {
        /// Kind of thing.
        what: &'static str,
        /// The second one.
        name: Name,
    },
    /// A name that nothing has.
    #[error("no {what} is named {name}")]
    Unknown {
        /// Kind of thing.
        what: &'static str,
        /// The name.
        name: Name,
    },
    /// A name that several doors have.
    #[error("several doors are named {name}: a key cannot tell which one it means")]
    Ambiguous {
        /// The name.
        name: Name,
    },
    /// A partner without DOOR's authorisation.
    #[error(
        "partner {partner} is used at {building}, but its authorizedAt does not list that building"
    )]
    NotAuthorized {
        /// The partner.
        partner: Name,
        /// The building.
        building: Name,
    },
    /// A key that DOOR OS would refuse.
    #[error("key {name}: {why}")]
    BadKey {
        /// The key.
        name: Name,
        /// What is wrong with it.
        why: String,
    },
    /// A dump that this version did not write.
    #[error("the kept world cannot be read: {0}")]
    BadDump(#[from] serde_json::Error),
}

impl WorldFile {
    /// Reads a world file. Unknown fields are refused; errors name lines.
    pub fn parse(yaml: &str) -> Result<Self, WorldError> {
        serde_saphyr::from_str(yaml).map_err(|error| WorldError::Unreadable(Box::new(error)))
    }
}
