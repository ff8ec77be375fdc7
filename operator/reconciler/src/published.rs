//! A look and its ledgers as one JSON document, for plans where nobody may hold credentials, such as
//! pull requests from forks.
//!
//! It holds rows of doors, keys and partners, of people only how many hold a key, and the ledgers as
//! [`crate::record`] writes them. Its sum finds damage; who may be trusted to have written it is known
//! only to whoever fetched it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::{SignedDuration, Timestamp};
use opendoor_door_os::{Building, DoorOs, Error, ServerTime};
use opendoor_planner::ids::{BuildingUuid, DoorUuid, KeyUuid};
use opendoor_planner::ledger::Ledger;
use opendoor_planner::observed::{DoorRow, KeyRow, Observed};
use opendoor_planner::writes::{Answer, Write};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::gather::Heads;
use crate::ports::{Event, Ledgers, StoreError};
use crate::record::{RecordError, decode, encode};

/// The version written and read.
pub const VERSION: u64 = 1;

/// Older than this, a snapshot says little of what is there now.
pub const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// A look and its ledgers.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// When the look was.
    pub at: Timestamp,
    /// It was a look at a simulated DOOR OS.
    pub simulated: bool,
    /// Every building the credentials may manage, sorted by uuid.
    pub buildings: Vec<Building>,
    /// Those that were looked at.
    pub seen: BTreeMap<BuildingUuid, Seen>,
}

/// What was seen of a building.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The rows.
    pub observed: Observed,
    /// What was done there and is known, if anything.
    pub ledger: Option<Ledger>,
}

/// Why a document is not a snapshot that can be planned from.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// It cannot be read.
    #[error("{file} cannot be read: {why}")]
    Unread {
        /// The file.
        file: String,
        /// What the system says.
        why: std::io::Error,
    },
    /// It is cut short, or never was JSON.
    #[error(
        "{file} is not whole JSON ({why}). Fetch it again; if it stays so, publish it anew: opendoor import -o json"
    )]
    NotJson {
        /// The file.
        file: String,
        /// Where it ends.
        why: serde_json::Error,
    },
    /// Another version wrote it.
    #[error(
        "{file} is a snapshot of schemaVersion {found}, and this opendoor knows {VERSION}. Plan with the version that \
         published it, or publish it anew with this one: opendoor import -o json"
    )]
    Version {
        /// The file.
        file: String,
        /// What it says.
        found: String,
    },
    /// It is not what was written.
    #[error(
        "{file} is not what was published: {why}. Nothing is planned from it. Publish it anew: opendoor import -o json"
    )]
    Damaged {
        /// The file.
        file: String,
        /// What does not fit.
        why: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    at: Timestamp,
    simulated: bool,
    buildings: Vec<BuildingDocument>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildingDocument {
    uuid: BuildingUuid,
    name: String,
    timezone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observed: Option<Observed>,
    /// The compact record, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ledger: Option<String>,
}

impl Published {
    /// As JSON.
    ///
    /// # Errors
    /// A ledger has no form in bytes. No ledger that a pass made is such.
    pub fn to_json(&self) -> Result<Value, RecordError> {
        let buildings: Result<Vec<_>, RecordError> = self
            .buildings
            .iter()
            .map(|building| {
                let seen = self.seen.get(&building.uuid);
                let ledger = seen.and_then(|seen| seen.ledger.as_ref());
                let ledger = ledger.map(|ledger| encode(&without_addresses(ledger)));
                Ok(BuildingDocument {
                    uuid: building.uuid,
                    name: building.name.clone(),
                    timezone: building.timezone.clone(),
                    observed: seen.map(|seen| seen.observed.clone()),
                    ledger: ledger.transpose()?.map(|bytes| BASE64.encode(bytes)),
                })
            })
            .collect();
        let document = Document {
            at: self.at,
            simulated: self.simulated,
            buildings: buildings?,
        };
        let mut value = serde_json::to_value(&document)
            .map_err(|error| RecordError::Damaged(error.to_string()))?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert(String::from("schemaVersion"), json!(VERSION));
        }
        let sum = sum(&value);
        if let Some(fields) = value.as_object_mut() {
            fields.insert(String::from("sum"), json!(sum));
        }
        Ok(value)
    }

    /// Reads what [`Self::to_json`] wrote.
    ///
    /// # Errors
    /// It is cut short, of another version, or not what was written.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, PublishedError> {
        let damaged = |why: String| PublishedError::Damaged {
            file: file.to_owned(),
            why,
        };
        let mut value: Value =
            serde_json::from_slice(bytes).map_err(|why| PublishedError::NotJson {
                file: file.to_owned(),
                why,
            })?;
        let version = value.get("schemaVersion").cloned().unwrap_or_default();
        if version.as_u64() != Some(VERSION) {
            return Err(PublishedError::Version {
                file: file.to_owned(),
                found: version.to_string(),
            });
        }
        let written = value
            .as_object_mut()
            .and_then(|fields| fields.remove("sum"));
        let written = written.as_ref().and_then(Value::as_str);
        match written {
            None => return Err(damaged(String::from("it has no sum"))),
            Some(written) if written != sum(&value) => {
                return Err(damaged(String::from("its sum does not fit")));
            }
            Some(_) => {}
        }
        let document: Document =
            serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
        let mut published = Self {
            at: document.at,
            simulated: document.simulated,
            buildings: Vec::new(),
            seen: BTreeMap::new(),
        };
        for building in document.buildings {
            let ledger = building.ledger.map(|text| {
                let bytes = BASE64.decode(text).map_err(|error| error.to_string())?;
                decode(&bytes).map_err(|error| error.to_string())
            });
            let ledger = ledger
                .transpose()
                .map_err(|why| damaged(format!("the ledger of \"{}\": {why}", building.name)))?;
            let misplaced = ledger
                .as_ref()
                .is_some_and(|ledger| ledger.building != building.uuid)
                || building
                    .observed
                    .as_ref()
                    .is_some_and(|observed| observed.building != building.uuid);
            if misplaced {
                return Err(damaged(format!(
                    "what stands at \"{}\" is of another building",
                    building.name
                )));
            }
            if let Some(observed) = building.observed {
                let seen = Seen { observed, ledger };
                published.seen.insert(building.uuid, seen);
            }
            published.buildings.push(Building {
                uuid: building.uuid,
                name: building.name,
                timezone: building.timezone,
            });
        }
        Ok(published)
    }

    /// How old it is.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.at).max(SignedDuration::ZERO)
    }
}

/// Whom a manager's e-mails come from is nobody's business but theirs, and no plan needs it.
fn without_addresses(ledger: &Ledger) -> Ledger {
    let mut ledger = ledger.clone();
    if let Some(portfolio) = &mut ledger.head.portfolio {
        portfolio.spec.authorization_requests = None;
    }
    ledger
}

/// SHA-256 of the value's shortest form, its fields in order.
fn sum(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    Sha256::digest(value.to_string().as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl DoorOs for Published {
    async fn buildings(&self) -> Result<Vec<Building>, Error> {
        Ok(self.buildings.clone())
    }

    async fn observe(&self, building: &Building) -> Result<Observed, Error> {
        Ok(match self.seen.get(&building.uuid) {
            Some(seen) => seen.observed.clone(),
            None => Observed {
                building: building.uuid,
                building_name: building.name.clone(),
                at: self.at,
                partners: Vec::new(),
                doors: Vec::new(),
                keys: Vec::new(),
                incomplete: Some(String::from(
                    "the snapshot does not hold this building, because no Property declared it when it was published; \
                     merge the Property first, or plan with credentials",
                )),
                clock_skewed: false,
            },
        })
    }

    async fn door(&self, door: DoorUuid) -> Result<Option<DoorRow>, Error> {
        let mut seen = self.seen.values();
        Ok(seen.find_map(|seen| seen.observed.door(door).cloned()))
    }

    async fn key(&self, key: KeyUuid) -> Result<Option<KeyRow>, Error> {
        let mut seen = self.seen.values();
        Ok(seen.find_map(|seen| seen.observed.key(key).cloned()))
    }

    async fn send(&self, _: &Write) -> Answer {
        Answer::NotSent {
            why: String::from("a snapshot changes nothing"),
        }
    }

    fn time(&self) -> Option<ServerTime> {
        None
    }
}

impl Ledgers for Published {
    async fn heads(&self) -> Result<Heads, StoreError> {
        let ledgers = self.seen.values().filter_map(|seen| seen.ledger.as_ref());
        Ok(ledgers
            .map(|ledger| (ledger.building, ledger.head.clone()))
            .collect())
    }

    async fn load(&self, building: BuildingUuid) -> Result<Option<Ledger>, StoreError> {
        let seen = self.seen.get(&building);
        Ok(seen.and_then(|seen| seen.ledger.clone()))
    }

    async fn commit(&self, _: &mut Ledger, _: &[Event]) -> Result<(), StoreError> {
        Ok(())
    }
}
