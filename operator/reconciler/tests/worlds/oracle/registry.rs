//! Doors, buildings and partners by name and uuid, as far as the test can be sure of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use uuid::Uuid;

use super::log::{Access, accesses};
use super::{rows, uuid};
use crate::world::Place;

#[derive(Debug)]
struct Door {
    building: Uuid,
    /// Every name it ever had.
    names: BTreeSet<String>,
    is_unit: bool,
}

#[derive(Debug)]
pub struct Registry {
    doors: BTreeMap<Uuid, Door>,
    /// Property name to building.
    buildings: BTreeMap<String, Uuid>,
    partners: BTreeMap<String, Uuid>,
}

impl Registry {
    pub fn new(place: &Place, state: &Value) -> Self {
        let partners = place
            .partners
            .iter()
            .zip(&place.uuids)
            .map(|(name, uuid)| ((*name).to_owned(), *uuid))
            .collect();
        let mut buildings = BTreeMap::new();
        for building in state["buildings"].as_array().unwrap() {
            let known = place
                .buildings
                .iter()
                .find(|known| building["name"] == known.name)
                .unwrap();
            buildings.insert(known.property.clone(), uuid(&building["uuid"]).unwrap());
        }
        let mut registry = Self {
            doors: BTreeMap::new(),
            buildings,
            partners,
        };
        registry.update(state);
        registry
    }

    pub fn update(&mut self, state: &Value) {
        for (building, row) in rows(state, "doors") {
            let door = self
                .doors
                .entry(uuid(&row["uuid"]).unwrap())
                .or_insert_with(|| Door {
                    building,
                    names: BTreeSet::new(),
                    is_unit: row["unit"].is_object(),
                });
            door.names.insert(row["name"].as_str().unwrap().to_owned());
        }
    }

    pub fn access(&self, state: &Value) -> BTreeMap<Uuid, Vec<Access>> {
        rows(state, "doors")
            .map(|(_, row)| (uuid(&row["uuid"]).unwrap(), accesses(&row["access"])))
            .collect()
    }

    pub fn properties(&self) -> impl Iterator<Item = (&str, Uuid)> {
        let buildings = self.buildings.iter();
        buildings.map(|(name, building)| (name.as_str(), *building))
    }

    /// Whether there is one building only.
    pub fn is_alone(&self) -> bool {
        self.buildings.len() == 1
    }

    pub fn building(&self, property: &str) -> Option<Uuid> {
        self.buildings.get(property).copied()
    }

    pub fn home(&self, door: Uuid) -> Option<Uuid> {
        self.doors.get(&door).map(|door| door.building)
    }

    pub fn doors_of(&self, building: Uuid) -> BTreeSet<Uuid> {
        self.doors
            .iter()
            .filter(|(_, door)| door.building == building)
            .map(|(uuid, _)| *uuid)
            .collect()
    }

    pub fn units_of(&self, building: Uuid) -> Vec<Uuid> {
        self.doors
            .iter()
            .filter(|(_, door)| door.building == building && door.is_unit)
            .map(|(uuid, _)| *uuid)
            .collect()
    }

    pub fn partner(&self, name: &str) -> Option<Uuid> {
        self.partners.get(name).copied()
    }

    /// Doors that a name may mean.
    pub fn may_mean(&self, building: Uuid, name: &str) -> Vec<Uuid> {
        self.doors
            .iter()
            .filter(|(_, door)| door.building == building && door.names.contains(name))
            .map(|(uuid, _)| *uuid)
            .collect()
    }

    /// The door that a name surely means: nobody else ever had it, and the door never had another.
    pub fn surely_means(&self, building: Uuid, name: &str) -> Option<Uuid> {
        match self.may_mean(building, name).as_slice() {
            [door]
                if self
                    .doors
                    .get(door)
                    .is_some_and(|door| door.names.len() == 1) =>
            {
                Some(*door)
            }
            _ => None,
        }
    }
}
