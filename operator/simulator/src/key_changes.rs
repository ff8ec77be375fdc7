//! The rules by which keys change. What a key gives at its doors follows through `refresh_access`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uuid::Uuid;

use crate::refusal::Refusal;
use crate::rows::{KeyType, Window};
use crate::world::{Building, Key, World};

/// An edit of a key; what is `None` or empty stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyEdit {
    pub(crate) name: Option<String>,
    /// `Some(None)` is an attempt to clear it.
    pub(crate) partner: Option<Option<Uuid>>,
    /// Doors to add, with their doorcodes.
    pub(crate) add: BTreeMap<Uuid, bool>,
    pub(crate) remove: BTreeSet<Uuid>,
    /// Doorcodes of doors that the key has.
    pub(crate) doorcodes: BTreeMap<Uuid, bool>,
    pub(crate) schedule: Option<Vec<Window>>,
}

/// A key to be created.
#[derive(Clone, Debug)]
pub(crate) struct KeyDraft {
    pub(crate) name: String,
    pub(crate) partner: Option<Uuid>,
    pub(crate) doors: BTreeMap<Uuid, bool>,
    pub(crate) schedule: Vec<Window>,
    pub(crate) client_ref: Option<String>,
}

impl World {
    /// Creates a key; answers with it and with the doors whose rows changed.
    pub(crate) fn create_key(
        &mut self,
        home: Uuid,
        draft: KeyDraft,
    ) -> Result<(Uuid, Vec<Uuid>), Refusal> {
        let building = self.buildings.get(&home).ok_or(Refusal::NotFound)?;
        let KeyDraft {
            name,
            partner,
            doors,
            schedule,
            client_ref,
        } = draft;
        check_schedule(&schedule)?;
        building.check_doors(doors.keys())?;
        building.check_key_name(&name, None)?;
        if partner.is_some_and(|partner| !building.authorises(partner)) {
            return Err(Refusal::PartnerNotAuthorized);
        }
        let uuid = self.uuid_of(&format!(
            "key/{}/made/{}",
            building.uuid, building.keys_created
        ));
        let covered: Vec<Uuid> = doors.keys().copied().collect();
        let key = Key {
            uuid,
            name,
            key_type: KeyType::Regular,
            partner,
            doors,
            schedule,
            client_ref: client_ref.clone(),
            version: 1,
            revision: 1,
            holders: Some(BTreeMap::new()),
            history: VecDeque::new(),
        };
        if let Some(building) = self.buildings.get_mut(&home) {
            building.keys.insert(uuid, key);
            building.keys_created += 1;
            building.keys_revision += 1;
            if let Some(client_ref) = client_ref {
                building.client_refs.insert(client_ref, uuid);
            }
        }
        self.home_of_key.insert(uuid, home);
        Ok((uuid, self.refresh_all(covered, None)))
    }

    /// Edits a key as one edit; answers with the doors whose rows changed.
    pub(crate) fn edit_key(&mut self, uuid: Uuid, edit: KeyEdit) -> Result<Vec<Uuid>, Refusal> {
        let home = self.building_of_key(uuid).ok_or(Refusal::NotFound)?;
        let key = home.keys.get(&uuid).ok_or(Refusal::NotFound)?;
        let KeyEdit {
            name,
            partner,
            add,
            remove,
            doorcodes,
            schedule,
        } = edit;
        if partner.is_some() && key.partner.is_some() {
            return Err(Refusal::PartnerImmutable);
        }
        if doorcodes.keys().any(|door| !key.doors.contains_key(door)) {
            return Err(Refusal::invalid(
                "doorcodes of a door that the key does not have",
            ));
        }
        home.check_doors(add.keys())?;
        if let Some(name) = &name {
            home.check_key_name(name, Some(uuid))?;
        }
        if let Some(schedule) = &schedule {
            check_schedule(schedule)?;
        }
        let partner = partner.flatten();
        if partner.is_some_and(|partner| !home.authorises(partner)) {
            return Err(Refusal::PartnerNotAuthorized);
        }

        let mut after = key.clone();
        after.name = name.unwrap_or(after.name);
        after.partner = partner.or(after.partner);
        after.schedule = schedule.unwrap_or(after.schedule);
        after.doors.retain(|door, _| !remove.contains(door));
        after.doors.extend(add.into_iter().chain(doorcodes));
        let rescheduled = after.schedule != key.schedule;
        let concerned: BTreeSet<Uuid> = key
            .doors
            .keys()
            .chain(after.doors.keys())
            .copied()
            .collect();
        let (touched, others): (Vec<Uuid>, Vec<Uuid>) = concerned
            .into_iter()
            .partition(|door| rescheduled || key.doors.get(door) != after.doors.get(door));
        let unchanged = after.name == key.name
            && after.partner == key.partner
            && after.schedule == key.schedule
            && after.doors == key.doors;
        if unchanged {
            return Ok(Vec::new());
        }
        after.revision += 1;
        let home = home.uuid;
        self.change_keys(home, &BTreeSet::from([uuid]), |building| {
            building.keys.insert(uuid, after);
        });
        let mut changed = self.refresh_all(touched, Some(uuid));
        changed.extend(self.refresh_all(others, None));
        changed.sort_unstable();
        Ok(changed)
    }

    /// Deletes a key; answers with the doors whose rows changed.
    pub(crate) fn delete_key(&mut self, uuid: Uuid) -> Result<Vec<Uuid>, Refusal> {
        let home = self.home_of_key.remove(&uuid).ok_or(Refusal::NotFound)?;
        let building = self.buildings.get_mut(&home).ok_or(Refusal::NotFound)?;
        let key = building.keys.remove(&uuid).ok_or(Refusal::NotFound)?;
        building.keys_revision += 1;
        Ok(self.refresh_all(key.doors.into_keys().collect(), None))
    }

    fn refresh_all(&mut self, doors: Vec<Uuid>, touched: Option<Uuid>) -> Vec<Uuid> {
        let mut changed = doors;
        changed.retain(|door| {
            let before = self.door(*door).map(|door| door.version);
            self.refresh_access(*door, touched);
            self.door(*door).map(|door| door.version) != before
        });
        changed
    }
}

impl Building {
    fn check_doors<'a>(&self, mut doors: impl Iterator<Item = &'a Uuid>) -> Result<(), Refusal> {
        if doors.any(|door| !self.doors.contains_key(door)) {
            return Err(Refusal::DoorOutsideBuilding);
        }
        Ok(())
    }

    fn check_key_name(&self, name: &str, except: Option<Uuid>) -> Result<(), Refusal> {
        if name.trim().is_empty() || name.chars().count() > 200 {
            return Err(Refusal::invalid("a key's name has 1 to 200 characters"));
        }
        if self
            .keys
            .values()
            .any(|key| key.name == name && Some(key.uuid) != except)
        {
            return Err(Refusal::KeyNameTaken);
        }
        Ok(())
    }
}

/// Windows name days, once each, and end after they start.
pub(crate) fn check_schedule(schedule: &[Window]) -> Result<(), Refusal> {
    let sound = |window: &Window| {
        let days: BTreeSet<_> = window.days.iter().collect();
        !days.is_empty()
            && days.len() == window.days.len()
            && is_time(&window.from)
            && (is_time(&window.to) || window.to == "24:00")
            && window.from < window.to
    };
    if schedule.len() > 56 || !schedule.iter().all(sound) {
        return Err(Refusal::invalid(
            "a schedule's windows name days once each and end after they start (HH:MM)",
        ));
    }
    Ok(())
}

fn is_time(text: &str) -> bool {
    let Some((hours, minutes)) = text.split_once(':') else {
        return false;
    };
    let below = |part: &str, limit: u8| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse().is_ok_and(|n: u8| n < limit)
    };
    below(hours, 24) && below(minutes, 60)
}
