//! How a world begins: from a world file, with every lock carrying what DOOR OS grants.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::agenda::Agenda;
use crate::faults::Faults;
use crate::key_changes::check_schedule;
use crate::lock::Lock;
use crate::rows::{Access, Accessibility, Battery, Device, DoorType, KeyType, Sync, Unit};
use crate::world::{Building, Client, Door, Key, PartnerState, World};
use crate::world_file::{
    BuildingFile, DoorFile, KeyFile, Name, PartnerFile, WorldError, WorldFile,
};

impl World {
    /// A new world at simulated time `now`.
    pub(crate) fn new(file: WorldFile, seed: u64, now: Timestamp) -> Result<Self, WorldError> {
        let WorldFile {
            partners,
            buildings,
            mut clients,
            residents,
            parameters,
        } = file;
        if clients.is_empty() {
            clients.push(Client {
                id: "demo".to_owned(),
                secret: "demo".to_owned(),
            });
        }
        let mut world = Self {
            seed,
            random: seed,
            advanced: SignedDuration::ZERO,
            now,
            parameters,
            clients,
            tokens: BTreeMap::new(),
            tokens_issued: 0,
            partners: BTreeMap::new(),
            buildings: BTreeMap::new(),
            home_of_door: BTreeMap::new(),
            home_of_key: BTreeMap::new(),
            residents,
            agenda: Agenda::default(),
            faults: Faults::default(),
            calls: BTreeMap::new(),
            writes: 0,
            log: VecDeque::new(),
            dirty: true,
        };
        unique("partners", partners.iter().map(|partner| &partner.name))?;
        unique("buildings", buildings.iter().map(|building| &building.name))?;
        let homes: BTreeSet<String> = buildings
            .iter()
            .map(|building| building.name.as_str().to_owned())
            .collect();
        for PartnerFile {
            name,
            authorized_at,
        } in &partners
        {
            world.know_partner(name.as_str());
            if let Some(name) = authorized_at
                .iter()
                .find(|building| !homes.contains(building.as_str()))
            {
                return Err(WorldError::Unknown {
                    what: "building",
                    name: name.clone(),
                });
            }
        }
        for building in buildings {
            world.found_building(building, &partners)?;
        }
        Ok(world)
    }

    /// The uuid of a partner, which DOOR knows from now on.
    pub(crate) fn know_partner(&mut self, name: &str) -> Uuid {
        let uuid = self.uuid_of(&format!("partner/{name}"));
        self.partners.insert(uuid, name.to_owned());
        uuid
    }

    fn found_building(
        &mut self,
        file: BuildingFile,
        partners: &[PartnerFile],
    ) -> Result<(), WorldError> {
        let BuildingFile {
            name,
            timezone,
            address,
            portfolio,
            doors,
            keys,
        } = file;
        let uuid = self.uuid_of(&format!("building/{}", name.as_str()));
        let authorized = partners
            .iter()
            .filter(|partner| {
                partner
                    .authorized_at
                    .iter()
                    .any(|at| at.as_str() == name.as_str())
            })
            .map(|partner| {
                (
                    self.uuid_of(&format!("partner/{}", partner.name.as_str())),
                    PartnerState::Authorized,
                )
            })
            .collect();
        let portfolio =
            portfolio.map(|portfolio| (self.uuid_of(&format!("portfolio/{portfolio}")), portfolio));
        self.buildings.insert(
            uuid,
            Building {
                uuid,
                name: name.as_str().to_owned(),
                timezone,
                address,
                portfolio,
                partners: authorized,
                doors: BTreeMap::new(),
                keys: BTreeMap::new(),
                doors_revision: 1,
                keys_revision: 1,
                client_refs: BTreeMap::new(),
                keys_created: 0,
                doors_joined: 0,
            },
        );
        let mut door_uuids: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
        for door in doors {
            if let Some(partner) = &door.partner {
                self.check_partner(uuid, partner, &name)?;
            }
            let same_name = door_uuids.entry(door.name.as_str().to_owned()).or_default();
            let door = self.make_door(uuid, door, same_name.len());
            same_name.push(door.uuid);
            self.add_door(uuid, door);
        }
        unique("keys", keys.iter().map(|key| &key.name))?;
        for key in keys {
            if let Some(partner) = &key.partner {
                self.check_partner(uuid, partner, &name)?;
            }
            self.found_key(uuid, key, &door_uuids)?;
        }
        self.settle(uuid);
        Ok(())
    }

    fn check_partner(&self, home: Uuid, partner: &Name, building: &Name) -> Result<(), WorldError> {
        let uuid = self.uuid_of(&format!("partner/{}", partner.as_str()));
        if !self.partners.contains_key(&uuid) {
            return Err(WorldError::Unknown {
                what: "partner",
                name: partner.clone(),
            });
        }
        if !self
            .buildings
            .get(&home)
            .is_some_and(|building| building.authorises(uuid))
        {
            return Err(WorldError::NotAuthorized {
                partner: partner.clone(),
                building: building.clone(),
            });
        }
        Ok(())
    }

    /// A door as it joins a building; `index` tells doors of one name apart.
    pub(crate) fn make_door(&self, home: Uuid, file: DoorFile, index: usize) -> Door {
        let DoorFile {
            name,
            door_type,
            accessibility,
            kind,
            connected,
            activated,
            serial_number,
            unit,
            ..
        } = &file;
        let name = name.as_str();
        let uuid = self.uuid_of(&format!("door/{home}/{name}/{index}"));
        let by_type = if *door_type == DoorType::Residence {
            Accessibility::Private
        } else {
            Accessibility::Communal
        };
        let serial_number = serial_number
            .clone()
            .unwrap_or_else(|| serial_number_of(uuid));
        let device = activated.then(|| new_device(serial_number, self.now));
        Door {
            uuid,
            name: name.to_owned(),
            kind: *kind,
            accessibility: accessibility.unwrap_or(by_type),
            connected: *connected,
            reachable: *connected,
            link: 0,
            device,
            sdk_door_uuid: self.uuid_of(&format!("sdk-door/{home}/{name}/{index}")),
            door_type: *door_type,
            unit: unit.as_ref().map(|unit| Unit {
                name: unit.clone(),
                vacancy: file.vacancy,
                vacancy_since: file.vacancy_since.or(file.vacancy.map(|_| self.now)),
            }),
            partner: file
                .partner
                .as_ref()
                .map(|partner| self.uuid_of(&format!("partner/{}", partner.as_str()))),
            version: 1,
            revision: 1,
            access: Vec::new(),
            access_revision: 0,
            lock: Lock::default(),
            sync: Sync::default(),
            history: VecDeque::new(),
        }
    }

    fn found_key(
        &mut self,
        home: Uuid,
        file: KeyFile,
        doors: &BTreeMap<String, Vec<Uuid>>,
    ) -> Result<(), WorldError> {
        let KeyFile {
            name,
            key_type,
            partner,
            doors: named,
            provide_doorcodes,
            schedule,
            holders,
        } = file;
        if let Err(refusal) = check_schedule(&schedule) {
            return Err(WorldError::BadKey {
                name,
                why: refusal.to_string(),
            });
        }
        let mut covered = BTreeMap::new();
        for door in named {
            match doors.get(door.as_str()).map(Vec::as_slice) {
                None | Some([]) => {
                    return Err(WorldError::Unknown {
                        what: "door",
                        name: door,
                    });
                }
                Some([uuid]) => covered.insert(*uuid, provide_doorcodes),
                Some(_) => return Err(WorldError::Ambiguous { name: door }),
            };
        }
        if key_type == KeyType::Single && covered.len() != 1 {
            return Err(WorldError::BadKey {
                name,
                why: "a single key has one door".to_owned(),
            });
        }
        let uuid = self.uuid_of(&format!("key/{home}/named/{}", name.as_str()));
        let key = Key {
            uuid,
            name: name.as_str().to_owned(),
            key_type,
            partner: partner.map(|partner| self.uuid_of(&format!("partner/{}", partner.as_str()))),
            doors: covered,
            schedule,
            client_ref: None,
            version: 1,
            revision: 1,
            holders: Some(holders),
            history: VecDeque::new(),
        };
        if let Some(building) = self.buildings.get_mut(&home) {
            building.keys.insert(uuid, key);
            self.home_of_key.insert(uuid, home);
        }
        Ok(())
    }

    /// Ends the beginning: access as the file says, and every lock in step with it.
    fn settle(&mut self, home: Uuid) {
        let Some(building) = self.buildings.get(&home) else {
            return;
        };
        let granted: Vec<_> = building
            .doors
            .values()
            .map(|door| {
                (
                    door.uuid,
                    self.next_access(door.uuid, door.partner, None)
                        .unwrap_or_default(),
                )
            })
            .collect();
        let Some(building) = self.buildings.get_mut(&home) else {
            return;
        };
        for (uuid, access) in granted {
            if let Some(door) = building.doors.get_mut(&uuid) {
                door.begin(access);
            }
        }
        building.doors_revision = 1;
    }
}

impl Door {
    /// The access that a door begins with, known to its lock. Having none is a step of `accessRevision` too.
    pub(crate) fn begin(&mut self, access: Vec<Access>) {
        self.access_revision = 1;
        self.access = access;
        if self.device.is_some() {
            self.lock = Lock::up_to_date(&self.access, self.access_revision);
        }
    }
}

/// A device fresh from its box.
pub(crate) fn new_device(serial_number: String, now: Timestamp) -> Device {
    let battery = Battery {
        percentage: 90,
        last_updated: now.as_second(),
    };
    Device {
        serial_number,
        model: "C".to_owned(),
        battery: Some(battery),
    }
}

/// Ten digits, as DOOR's serial numbers have.
fn serial_number_of(uuid: Uuid) -> String {
    format!("{:010}", uuid.as_u128() % 10_000_000_000)
}

fn unique<'a>(what: &'static str, names: impl Iterator<Item = &'a Name>) -> Result<(), WorldError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name.as_str()) {
            return Err(WorldError::NamedTwice {
                what,
                name: name.clone(),
            });
        }
    }
    Ok(())
}
