//! The state of a simulated DOOR OS and of the building behind it. Rules that change it are in `changes` and `locks`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::agenda::Agenda;
use crate::faults::Faults;
use crate::lock::Lock;
use crate::parameters::Parameters;
use crate::rows::{
    Access, Accessibility, Device, DoorKind, DoorRow, DoorType, Holders, KeyDoorRow, KeyRow,
    KeyType, Sync, Unit, Window,
};

/// Everything there is: serialisable whole, so that a world can be kept and taken up again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) random: u64,
    /// Sum of the advances of the clock.
    pub(crate) advanced: SignedDuration,
    /// Simulated time of what is happening now; an event of the agenda happens at its own time.
    pub(crate) now: Timestamp,
    pub(crate) parameters: Parameters,
    pub(crate) clients: Vec<Client>,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) tokens_issued: u64,
    pub(crate) partners: BTreeMap<Uuid, String>,
    pub(crate) buildings: BTreeMap<Uuid, Building>,
    /// Which building a door is in.
    pub(crate) home_of_door: BTreeMap<Uuid, Uuid>,
    /// Which building a key is in.
    pub(crate) home_of_key: BTreeMap<Uuid, Uuid>,
    pub(crate) residents: Vec<Resident>,
    pub(crate) agenda: Agenda,
    pub(crate) faults: Faults,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) writes: u64,
    pub(crate) log: VecDeque<LogEntry>,
    /// Whether something changed since the last dump.
    #[serde(skip)]
    pub(crate) dirty: bool,
}

/// Credentials of an API client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`.
    pub secret: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) client: String,
    pub(crate) expires: Timestamp,
}

/// A resident: what the contract never serves. Worlds hold some so that a leak can be noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resident {
    /// Full name.
    pub name: String,
    /// E-mail address.
    #[serde(default)]
    pub email: String,
    /// Phone number.
    #[serde(default)]
    pub phone: String,
    /// Doorcode.
    #[serde(default)]
    pub doorcode: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Building {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) timezone: Option<String>,
    pub(crate) address: Option<BTreeMap<String, String>>,
    pub(crate) portfolio: Option<(Uuid, String)>,
    pub(crate) partners: BTreeMap<Uuid, PartnerState>,
    pub(crate) doors: BTreeMap<Uuid, Door>,
    pub(crate) keys: BTreeMap<Uuid, Key>,
    pub(crate) doors_revision: u64,
    pub(crate) keys_revision: u64,
    /// Which key each `clientRef` made; never forgotten.
    pub(crate) client_refs: BTreeMap<String, Uuid>,
    pub(crate) keys_created: u64,
    pub(crate) doors_joined: u64,
}

/// What DOOR's integrations team decided about a partner at a building.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PartnerState {
    Authorized,
    Rejected,
    Withdrawn,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Door {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) kind: DoorKind,
    pub(crate) accessibility: Accessibility,
    /// What DOOR believes.
    pub(crate) connected: bool,
    /// Whether the network really reaches the lock: DOOR's belief may be late.
    pub(crate) reachable: bool,
    /// How often the door went offline: an update sent over an earlier link is lost.
    pub(crate) link: u64,
    pub(crate) device: Option<Device>,
    pub(crate) sdk_door_uuid: Uuid,
    pub(crate) door_type: DoorType,
    pub(crate) unit: Option<Unit>,
    pub(crate) partner: Option<Uuid>,
    pub(crate) version: u64,
    pub(crate) revision: u64,
    pub(crate) access: Vec<Access>,
    pub(crate) access_revision: u64,
    pub(crate) lock: Lock,
    pub(crate) sync: Sync,
    pub(crate) history: VecDeque<DoorRow>,
}

impl Door {
    pub(crate) fn row(&self, building: Uuid) -> DoorRow {
        DoorRow {
            uuid: self.uuid,
            name: self.name.clone(),
            building_uuid: building,
            kind: self.kind,
            accessibility_type: self.accessibility,
            is_connected: self.connected && self.device.is_some(),
            device: self.device.clone(),
            sdk_door_uuid: Some(self.sdk_door_uuid),
            door_type: self.door_type,
            unit: self.unit.clone(),
            partner_uuid: self.partner,
            version: self.version,
            revision: self.revision,
            access: self.access.clone(),
            access_revision: self.access_revision,
            lock_revision: self.lock.revision,
            sync: self.sync.clone(),
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) uuid: Uuid,
    pub(crate) name: String,
    pub(crate) key_type: KeyType,
    pub(crate) partner: Option<Uuid>,
    /// Doors of the key, and whether it provides doorcodes there.
    pub(crate) doors: BTreeMap<Uuid, bool>,
    pub(crate) schedule: Vec<Window>,
    pub(crate) client_ref: Option<String>,
    pub(crate) version: u64,
    pub(crate) revision: u64,
    pub(crate) holders: Option<Holders>,
    pub(crate) history: VecDeque<KeyRow>,
}

impl Building {
    pub(crate) fn door_row(&self, door: Uuid) -> Option<DoorRow> {
        self.doors.get(&door).map(|door| door.row(self.uuid))
    }

    pub(crate) fn key_row(&self, key: Uuid) -> Option<KeyRow> {
        let key = self.keys.get(&key)?;
        let doors = key
            .doors
            .iter()
            .filter_map(|(uuid, provide_doorcodes)| {
                let door = self.doors.get(uuid)?;
                Some(KeyDoorRow {
                    door_uuid: *uuid,
                    name: door.name.clone(),
                    sdk_door_uuid: Some(door.sdk_door_uuid),
                    provide_doorcodes: *provide_doorcodes,
                })
            })
            .collect();
        Some(KeyRow {
            uuid: key.uuid,
            name: key.name.clone(),
            building_uuid: self.uuid,
            key_type: key.key_type,
            partner_uuid: key.partner,
            doors,
            schedule: key.schedule.clone(),
            client_ref: key.client_ref.clone(),
            version: key.version,
            revision: key.revision,
            holders: key.holders.clone(),
        })
    }

    pub(crate) fn authorises(&self, partner: Uuid) -> bool {
        self.partners.get(&partner) == Some(&PartnerState::Authorized)
    }

    /// Whether a door or a key of the building carries the partner.
    pub(crate) fn uses(&self, partner: Uuid) -> bool {
        self.doors
            .values()
            .any(|door| door.partner == Some(partner))
            || self.keys.values().any(|key| key.partner == Some(partner))
    }

    pub(crate) fn keys_covering(&self, door: Uuid) -> BTreeSet<Uuid> {
        self.keys
            .values()
            .filter(|key| key.doors.contains_key(&door))
            .map(|key| key.uuid)
            .collect()
    }
}

/// Something that happened, for people and for test oracles.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LogEntry {
    pub(crate) time: Timestamp,
    /// `api:<client>`, `hand`, `integrations`, `phone`, `network`, `partner`, `DOOR OS` or `simulator`.
    pub(crate) actor: String,
    pub(crate) what: String,
    /// The door, key or building concerned.
    pub(crate) subject: Option<Uuid>,
    pub(crate) detail: Value,
}

impl World {
    pub(crate) fn log(
        &mut self,
        actor: &str,
        what: impl Into<String>,
        subject: Option<Uuid>,
        detail: Value,
    ) {
        self.dirty = true;
        self.log.push_back(LogEntry {
            time: self.now,
            actor: actor.to_owned(),
            what: what.into(),
            subject,
            detail,
        });
        while self.log.len() > self.parameters.log_limit {
            self.log.pop_front();
        }
    }

    /// A uuid v5 of a name in this world: the same name and seed give the same uuid.
    pub(crate) fn uuid_of(&self, name: &str) -> Uuid {
        uuid_of(self.seed, name)
    }

    /// The world's only source of randomness, kept in the world so that a dump continues it.
    pub(crate) fn random<T>(&mut self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        let mut random = fastrand::Rng::with_seed(self.random);
        let drawn = draw(&mut random);
        self.random = random.get_seed();
        drawn
    }

    pub(crate) fn building_of_door(&self, door: Uuid) -> Option<&Building> {
        self.buildings.get(self.home_of_door.get(&door)?)
    }

    pub(crate) fn building_of_key(&self, key: Uuid) -> Option<&Building> {
        self.buildings.get(self.home_of_key.get(&key)?)
    }

    pub(crate) fn door(&self, door: Uuid) -> Option<&Door> {
        self.building_of_door(door)?.doors.get(&door)
    }

    pub(crate) fn door_mut(&mut self, door: Uuid) -> Option<&mut Door> {
        let building = self.home_of_door.get(&door)?;
        self.buildings.get_mut(building)?.doors.get_mut(&door)
    }

    pub(crate) fn key(&self, key: Uuid) -> Option<&Key> {
        self.building_of_key(key)?.keys.get(&key)
    }

    pub(crate) fn door_row(&self, door: Uuid) -> Option<DoorRow> {
        self.building_of_door(door)?.door_row(door)
    }

    pub(crate) fn key_row(&self, key: Uuid) -> Option<KeyRow> {
        self.building_of_key(key)?.key_row(key)
    }
}

/// The uuid v5 of a name in the world made with `seed`.
pub(crate) fn uuid_of(seed: u64, name: &str) -> Uuid {
    let world = Uuid::new_v5(
        &Uuid::NAMESPACE_URL,
        format!("opendoor-simulator:{seed}").as_bytes(),
    );
    Uuid::new_v5(&world, name.as_bytes())
}
