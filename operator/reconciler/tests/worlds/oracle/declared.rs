//! What is declared at one moment, from below and from above: what surely is in force, and what may be.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::memory::{Memory, Object, Standing};
use super::registry::Registry;
use crate::declare::{Assignment, Key, Repo, Says, Wanted};

/// A partner key that is surely in force.
#[derive(Clone, Debug)]
pub struct SureKey {
    pub owner: String,
    pub building: Uuid,
    pub name: String,
    pub partner: Uuid,
    pub listed: bool,
    /// Its doors with doorcodes, where all of their names are sure.
    pub doors: Option<BTreeMap<Uuid, bool>>,
    pub known_doors: BTreeSet<Uuid>,
    /// It is neither invalid nor unreadable now.
    pub speaks: bool,
}

/// A door that is surely declared by its name.
#[derive(Clone, Debug)]
pub struct SureDoor {
    pub owner: String,
    pub partner: Uuid,
    pub listed: bool,
    pub speaks: bool,
}

#[derive(Debug, Default)]
pub struct Declared {
    pub sure_door: BTreeMap<Uuid, Vec<SureDoor>>,
    pub maybe_door: BTreeSet<(Uuid, Uuid)>,
    /// Doors that objects may name, whoever their partner is.
    pub named_by: BTreeSet<(Uuid, String)>,
    pub sure_keys: Vec<SureKey>,
    /// (building, key name, partner, object) of keys that may be in force.
    pub maybe_keys: Vec<(Uuid, String, Uuid, String)>,
    pub maybe_key: BTreeSet<(Uuid, Uuid)>,
    /// (building, partner) that may be listed.
    pub maybe_listed: BTreeSet<(Uuid, Uuid)>,
    /// Buildings whose Property is there.
    pub managed: BTreeSet<Uuid>,
    /// What each building's Property and Portfolio let the product do.
    pub standing: BTreeMap<Uuid, Standing>,
    /// Buildings at which access added by hand may be removed.
    pub removes_added: BTreeSet<Uuid>,
    /// Pairs that come and go with time or with people moving.
    pub time_driven: BTreeSet<(Uuid, Uuid)>,
    pub approvals: Vec<String>,
    /// The most that the brake may let pass: removals and percent.
    pub limits: (u32, u32),
    /// What objects say, for comparing.
    pub says: BTreeMap<String, String>,
    /// Doors of objects that cannot be read or are not valid.
    pub silent_pairs: u64,
    /// Keys that ask for another partner.
    pub illegal_keys: u64,
}

impl Declared {
    pub fn new(memory: &Memory, repo: &Repo, registry: &Registry, now: Timestamp) -> Self {
        let mut declared = Self::default();
        let mut limits = Vec::new();
        for (owner, object) in &memory.0 {
            for says in object.perhaps() {
                match says {
                    Says::Portfolio(looker) => limits.push((looker.removals, looker.percent)),
                    Says::Property { .. } => declared.property(owner, object, says, registry),
                    _ => {}
                }
            }
        }
        declared.limits = (
            limits
                .iter()
                .map(|(removals, _)| *removals)
                .max()
                .unwrap_or(25),
            limits
                .iter()
                .map(|(_, percent)| *percent)
                .max()
                .unwrap_or(25),
        );
        for (owner, object) in &memory.0 {
            for says in object.perhaps() {
                declared.maybe(owner, says, registry, now);
            }
            if let Some(says) = object.in_force() {
                let speaks = object.now.as_ref() == Some(says);
                declared.surely(owner, says, speaks, registry, now);
            }
            declared.says.insert(owner.clone(), memory.says(owner));
            if let (Some(Says::Key(before)), Some(Says::Key(now))) = (&object.certain, &object.now)
            {
                declared.illegal_keys += u64::from(before.partner != now.partner);
            }
        }
        let properties = registry.properties();
        declared.standing = properties
            .map(|(name, building)| (building, memory.standing(name, registry)))
            .collect();
        declared.approvals = repo
            .readable()
            .filter_map(|(_, doc)| doc.approval())
            .collect();
        declared
    }

    /// Partners that may be declared for a door's dropdown.
    pub fn partners_at(&self, door: Uuid) -> impl Iterator<Item = Uuid> {
        let from = (door, Uuid::nil());
        self.maybe_door
            .range(from..)
            .take_while(move |(at, _)| *at == door)
            .map(|(_, partner)| *partner)
    }

    fn property(&mut self, owner: &str, object: &Object, says: &Says, registry: &Registry) {
        let Says::Property {
            partners,
            removes_added,
            ..
        } = says
        else {
            return;
        };
        let name = owner.trim_start_matches("Property/");
        let Some(building) = registry.building(name) else {
            return;
        };
        let listed = partners.iter().filter_map(|name| registry.partner(name));
        self.maybe_listed
            .extend(listed.map(|partner| (building, partner)));
        if !object.gone {
            self.managed.insert(building);
        }
        if *removes_added {
            self.removes_added.insert(building);
        }
    }

    fn maybe(&mut self, owner: &str, says: &Says, registry: &Registry, now: Timestamp) {
        match says {
            Says::Assignment(assignment) => {
                let Some(building) = registry.building(&assignment.property) else {
                    return;
                };
                let doors: Vec<Uuid> = match &assignment.doors {
                    Wanted::Named(names) => names
                        .iter()
                        .flat_map(|name| registry.may_mean(building, name))
                        .collect(),
                    Wanted::VacantUnits => registry.units_of(building),
                };
                let by_time = assignment.until.is_some() || assignment.doors == Wanted::VacantUnits;
                let over = assignment.until.is_some_and(|until| until <= now);
                let owner = owner.to_owned();
                self.named_by
                    .extend(doors.iter().map(|door| (*door, owner.clone())));
                let Some(partner) = registry.partner(&assignment.partner) else {
                    return;
                };
                for door in doors {
                    if by_time {
                        self.time_driven.insert((door, partner));
                    }
                    if !over {
                        self.maybe_door.insert((door, partner));
                    }
                }
            }
            Says::Key(key) => {
                let (Some(building), Some(partner)) = (
                    registry.building(&key.property),
                    registry.partner(&key.partner),
                ) else {
                    return;
                };
                let name = key.key_name.clone();
                self.maybe_keys
                    .push((building, name, partner, owner.to_owned()));
                let doors = key.doors.keys();
                self.maybe_key.extend(
                    doors
                        .flat_map(|name| registry.may_mean(building, name))
                        .map(|door| (door, partner)),
                );
            }
            _ => {}
        }
    }

    fn surely(
        &mut self,
        owner: &str,
        says: &Says,
        speaks: bool,
        registry: &Registry,
        now: Timestamp,
    ) {
        let (building, partner) = match says {
            Says::Assignment(Assignment {
                property, partner, ..
            })
            | Says::Key(Key {
                property, partner, ..
            }) => match (registry.building(property), registry.partner(partner)) {
                (Some(building), Some(partner)) => (building, partner),
                _ => return,
            },
            _ => return,
        };
        let listed = self.maybe_listed.contains(&(building, partner));
        match says {
            Says::Assignment(Assignment {
                doors: Wanted::Named(names),
                until,
                ..
            }) => {
                let soon = now
                    .saturating_add(jiff::SignedDuration::from_hours(1))
                    .unwrap();
                if until.is_some_and(|until| until <= soon) {
                    return;
                }
                for door in names
                    .iter()
                    .filter_map(|name| registry.surely_means(building, name))
                {
                    self.silent_pairs += u64::from(!speaks);
                    self.sure_door.entry(door).or_default().push(SureDoor {
                        owner: owner.to_owned(),
                        partner,
                        listed,
                        speaks,
                    });
                }
            }
            Says::Key(key) => {
                let doors: Vec<Option<(Uuid, bool)>> = key
                    .doors
                    .iter()
                    .map(|(name, codes)| Some((registry.surely_means(building, name)?, *codes)))
                    .collect();
                self.silent_pairs += u64::from(!speaks);
                self.sure_keys.push(SureKey {
                    owner: owner.to_owned(),
                    building,
                    name: key.key_name.clone(),
                    partner,
                    listed,
                    known_doors: doors.iter().flatten().map(|(door, _)| *door).collect(),
                    doors: doors.into_iter().collect(),
                    speaks,
                });
            }
            _ => {}
        }
    }
}
