//! In the end DOOR OS is as declared.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::Value;
use uuid::Uuid;

use super::declared::{Declared, SureKey};
use super::memory::Standing;
use super::{Ledgers, Oracle, rows, uuid};
use crate::laws::{Broken, Law};

impl Oracle {
    /// Judges a world that has come to rest.
    pub fn at_rest(&mut self, ledgers: &Ledgers) -> Result<(), Broken> {
        self.let_go(ledgers)?;
        let (_, declared) = self.recent.last().unwrap().clone();
        let state = std::mem::take(&mut self.last);
        self.doors_at_rest(&declared, &state)?;
        let managed = |key: &&SureKey| looked_after(&declared, key.building);
        for key in declared.sure_keys.iter().filter(managed) {
            self.key_at_rest(key, &state)?;
        }
        self.no_key_left_over(&declared, &state)?;
        self.last = state;
        Ok(())
    }

    fn broken(how: String) -> Broken {
        Broken {
            law: Law::Converges,
            how,
        }
    }

    fn doors_at_rest(&mut self, declared: &Rc<Declared>, state: &Value) -> Result<(), Broken> {
        let authorised = authorised(state);
        for (home, row) in rows(state, "doors") {
            let door = uuid(&row["uuid"]).unwrap();
            let holder = uuid(&row["partnerUuid"]);
            if self.held_subjects.contains(&door) || !looked_after(declared, home) {
                continue;
            }
            let wanted: BTreeSet<Uuid> = declared.partners_at(door).collect();
            for sure in declared.sure_door.get(&door).into_iter().flatten() {
                let alone = wanted.len() == 1;
                let may_be = sure.listed && authorised.contains(&(home, sure.partner));
                let name = row["name"].as_str();
                if !alone
                    || !may_be
                    || !sure.speaks
                    || name.is_some_and(|name| self.is_refused_at(name))
                {
                    continue;
                }
                self.tally.premise(Law::Converges);
                if holder != Some(sure.partner) {
                    return Err(Self::broken(format!(
                        "{sure:?} is declared and this is so: {row}"
                    )));
                }
            }
            let Some(holder) = holder else { continue };
            // A refused object keeps what it owns; one that retains leaves it.
            let kept = self.named_by.iter().any(|(named, owner)| {
                *named == door && (self.is_refused(owner) || self.retained.perhaps(owner))
            });
            if kept {
                continue;
            }
            if self.surely_ours.contains(&(door, holder)) && !wanted.contains(&holder) {
                self.tally.premise(Law::Converges);
                return Err(Self::broken(format!(
                    "nobody declares {holder}, whom we put there: {row}"
                )));
            }
        }
        Ok(())
    }

    /// A key that we made for an object goes with it.
    fn no_key_left_over(&mut self, declared: &Rc<Declared>, state: &Value) -> Result<(), Broken> {
        for (home, row) in rows(state, "keys") {
            let key = uuid(&row["uuid"]).unwrap();
            let made_by_us = self.our_keys.contains(&key) && !row["clientRef"].is_null();
            // Some other object may have taken it over, by its name or by what it opens.
            let perhaps = declared.maybe_keys.iter().any(|(building, _, partner, _)| {
                *building == home && Some(*partner) == uuid(&row["partnerUuid"])
            });
            let stays = uuid(&row["partnerUuid"])
                .is_some_and(|partner| self.retained.perhaps_key(home, partner));
            if !made_by_us
                || perhaps
                || stays
                || !acts(declared, home)
                || self.held_subjects.contains(&key)
            {
                continue;
            }
            self.tally.premise(Law::Converges);
            return Err(Self::broken(format!(
                "nobody declares a key that we made: {row}"
            )));
        }
        Ok(())
    }

    fn key_at_rest(&mut self, sure: &SureKey, state: &Value) -> Result<(), Broken> {
        let usable = sure.listed && authorised(state).contains(&(sure.building, sure.partner));
        let Some(doors) = &sure.doors else {
            return Ok(());
        };
        if !usable || !sure.speaks || self.is_refused(&sure.owner) {
            return Ok(());
        }
        if self.held_owners.contains(&sure.owner) {
            return Ok(());
        }
        let row = rows(state, "keys")
            .find(|(home, row)| *home == sure.building && row["name"] == sure.name.as_str())
            .map(|(_, row)| row);
        let there = doors
            .keys()
            .all(|door| rows(state, "doors").any(|(_, row)| uuid(&row["uuid"]) == Some(*door)));
        if !there {
            return Ok(());
        }
        self.tally.premise(Law::Converges);
        let on_key: BTreeMap<Uuid, bool> = row
            .and_then(|row| row["doors"].as_array())
            .into_iter()
            .flatten()
            .map(|entry| {
                let codes = entry["provideDoorcodes"].as_bool().unwrap();
                (uuid(&entry["doorUuid"]).unwrap(), codes)
            })
            .collect();
        let right = row.is_some_and(|row| uuid(&row["partnerUuid"]) == Some(sure.partner));
        let complete = doors
            .iter()
            .all(|(door, codes)| on_key.get(door) == Some(codes));
        if right && complete {
            return Ok(());
        }
        Err(Self::broken(format!(
            "{sure:?} is declared and this is so: {}",
            row.unwrap_or(&Value::Null)
        )))
    }
}

/// Whether a building's Property is there, and nothing keeps the product from acting.
fn looked_after(declared: &Declared, building: Uuid) -> bool {
    declared.managed.contains(&building) && acts(declared, building)
}

fn acts(declared: &Declared, building: Uuid) -> bool {
    declared.standing.get(&building) == Some(&Standing::Acts)
}

/// (building, partner) that DOOR has authorised.
pub fn authorised(state: &Value) -> BTreeSet<(Uuid, Uuid)> {
    let buildings = state["buildings"].as_array().unwrap();
    buildings
        .iter()
        .flat_map(|building| {
            let home = uuid(&building["uuid"]).unwrap();
            let partners = building["partners"].as_object().unwrap();
            partners
                .iter()
                .filter(|(_, state)| *state == "Authorized")
                .map(move |(partner, _)| (home, partner.parse().unwrap()))
        })
        .collect()
}
