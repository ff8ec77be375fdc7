//! The rules by which DOOR OS changes, whoever asks: the API, a person in DOOR OS, or DOOR's integrations team.
//! Every row changes through `change_door` or `change_keys`, which alone count versions and keep former rows.

use std::collections::BTreeSet;

use serde_json::json;
use uuid::Uuid;

use crate::refusal::Refusal;
use crate::rows::{Access, Via};
use crate::world::{Building, Door, World};

impl World {
    /// Changes a door; its `version` moves and its former row is kept if the row changed.
    pub(crate) fn change_door(&mut self, uuid: Uuid, change: impl FnOnce(&mut Door)) -> bool {
        let (now, limit) = (self.now, self.parameters.history_limit);
        let Some(building) = self.home_of_door.get(&uuid).copied() else {
            return false;
        };
        let Some(door) = self.door_mut(uuid) else {
            return false;
        };
        let before = door.row(building);
        change(door);
        door.judge_sync(now);
        if door.row(building) == before {
            return false;
        }
        door.version += 1;
        door.history.push_back(before);
        while door.history.len() > limit {
            door.history.pop_front();
        }
        self.dirty = true;
        true
    }

    /// Changes a building in a way that shows in the rows of these keys.
    pub(crate) fn change_keys(
        &mut self,
        home: Uuid,
        keys: &BTreeSet<Uuid>,
        change: impl FnOnce(&mut Building),
    ) {
        let limit = self.parameters.history_limit;
        let Some(building) = self.buildings.get_mut(&home) else {
            return;
        };
        let before: Vec<_> = keys
            .iter()
            .filter_map(|key| building.key_row(*key))
            .collect();
        change(building);
        for row in before {
            let changed = building.key_row(row.uuid).is_some_and(|after| after != row);
            if let Some(key) = building.keys.get_mut(&row.uuid).filter(|_| changed) {
                key.version += 1;
                key.history.push_back(row);
                while key.history.len() > limit {
                    key.history.pop_front();
                }
            }
        }
        self.dirty = true;
    }

    /// Brings `access[]` of a door in line with its keys. Entries of a `touched` key take a new form even if they stay.
    pub(crate) fn refresh_access(&mut self, door: Uuid, touched: Option<Uuid>) {
        let own = self.door(door).and_then(|door| door.partner);
        if let Some(access) = self.next_access(door, own, touched) {
            self.give_access(door, access, |_| {});
        }
    }

    /// What `access[]` of a door becomes; `None` if it stays.
    pub(crate) fn next_access(
        &self,
        door: Uuid,
        own: Option<Uuid>,
        touched: Option<Uuid>,
    ) -> Option<Vec<Access>> {
        let home = self.building_of_door(door)?;
        let state = home.doors.get(&door)?;
        let by_key = home
            .keys
            .values()
            .filter(|key| key.doors.contains_key(&door))
            .filter_map(|key| Some((key.partner?, Via::Key, Some(key.uuid))));
        let access: Vec<Access> = own
            .map(|partner| (partner, Via::Door, None))
            .into_iter()
            .chain(by_key)
            .map(|(partner_uuid, via, key_uuid)| {
                let known = state.access.iter().find(|entry| {
                    entry.partner_uuid == partner_uuid
                        && entry.via == via
                        && entry.key_uuid == key_uuid
                });
                let kept = known.filter(|_| touched.is_none() || key_uuid != touched);
                let revision = kept.map_or(state.access_revision + 1, |entry| entry.revision);
                Access {
                    partner_uuid,
                    via,
                    key_uuid,
                    revision,
                }
            })
            .collect();
        (access != state.access).then_some(access)
    }

    /// One step of `accessRevision`, in one change of the row with whatever caused it; then the network carries it.
    fn give_access(&mut self, door: Uuid, access: Vec<Access>, cause: impl FnOnce(&mut Door)) {
        self.change_door(door, |door| {
            cause(door);
            door.access = access;
            door.access_revision += 1;
        });
        let Some(state) = self.door(door) else { return };
        let detail = json!({ "accessRevision": state.access_revision, "access": state.access });
        self.log("DOOR OS", "access changed", Some(door), detail);
        self.send_push(door);
    }

    /// Assigns a partner to a door, or clears it. An edit that changes nothing moves nothing.
    pub(crate) fn set_partner(&mut self, door: Uuid, partner: Option<Uuid>) -> Result<(), Refusal> {
        let home = self.building_of_door(door).ok_or(Refusal::NotFound)?;
        if self
            .door(door)
            .is_some_and(|found| found.partner == partner)
        {
            return Ok(());
        }
        if partner.is_some_and(|partner| !home.authorises(partner)) {
            return Err(Refusal::PartnerNotAuthorized);
        }
        self.put_partner(door, partner);
        Ok(())
    }

    /// The edit itself, without asking whether the partner is authorised: also what a forced withdrawal does.
    pub(crate) fn put_partner(&mut self, door: Uuid, partner: Option<Uuid>) {
        let Some(access) = self.next_access(door, partner, None) else {
            return;
        };
        self.give_access(door, access, |door| {
            door.partner = partner;
            door.revision += 1;
        });
    }

    /// A new door joins its building.
    pub(crate) fn add_door(&mut self, home: Uuid, door: Door) {
        let uuid = door.uuid;
        if let Some(building) = self.buildings.get_mut(&home) {
            building.doors.insert(uuid, door);
            building.doors_revision += 1;
            building.doors_joined += 1;
            self.home_of_door.insert(uuid, home);
            self.dirty = true;
        }
    }

    /// A door leaves its building, and its keys with it.
    pub(crate) fn remove_door(&mut self, uuid: Uuid) -> Result<(), Refusal> {
        let home = self.building_of_door(uuid).ok_or(Refusal::NotFound)?;
        let (home, keys) = (home.uuid, home.keys_covering(uuid));
        self.change_keys(home, &keys, |building| {
            building.doors.remove(&uuid);
            building.doors_revision += 1;
            for key in building.keys.values_mut() {
                if key.doors.remove(&uuid).is_some() {
                    key.revision += 1;
                }
            }
        });
        self.home_of_door.remove(&uuid);
        Ok(())
    }

    /// Renames a door; the name shows in the rows of its keys too.
    pub(crate) fn rename_door(&mut self, uuid: Uuid, name: String) {
        let Some(home) = self.building_of_door(uuid) else {
            return;
        };
        if home.doors.get(&uuid).is_some_and(|door| door.name == name) {
            return;
        }
        let (home, keys, limit) = (
            home.uuid,
            home.keys_covering(uuid),
            self.parameters.history_limit,
        );
        self.change_keys(home, &keys, |building| {
            if let Some(door) = building.doors.get_mut(&uuid) {
                door.history.push_back(door.row(home));
                while door.history.len() > limit {
                    door.history.pop_front();
                }
                door.name = name;
                door.revision += 1;
                door.version += 1;
            }
        });
    }
}

impl Door {
    /// DOOR's own opinion: an offline lock that has not acknowledged the present access needs a visit.
    fn judge_sync(&mut self, now: jiff::Timestamp) {
        let behind = self
            .lock
            .revision
            .is_none_or(|has| has < self.access_revision);
        let required = behind && self.device.is_some() && !self.connected;
        if required && !self.sync.required {
            let reason = if self.lock.revision.is_none() {
                "DEVICE_CHANGED"
            } else {
                "ACCESS_CHANGED"
            };
            self.sync.reason = Some(reason.to_owned());
            self.sync.since = Some(now);
        }
        if !required {
            self.sync.reason = None;
            self.sync.since = None;
        }
        self.sync.required = required;
    }
}
