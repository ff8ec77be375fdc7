//! What the test remembers of every object of the repository: what it surely says, and what it may say.

use std::collections::{BTreeMap, BTreeSet};

use super::registry::Registry;
use crate::declare::{Assignment, File, Key, Looker, Mode, Repo, Says};

/// What the test remembers of every object: refused or unreadable is not absent.
#[derive(Debug, Default)]
pub struct Memory(pub(super) BTreeMap<String, Object>);

#[derive(Clone, Debug, Default)]
pub(super) struct Object {
    /// What was surely accepted last.
    pub(super) certain: Option<Says>,
    /// What may have been accepted.
    possible: Vec<Says>,
    /// What it says now, if that can be read and is valid.
    pub(super) now: Option<Says>,
    pub(super) gone: bool,
    /// The file it was last read from.
    path: String,
}

/// An object that is there no more and may have said that what it gave stays.
#[derive(Debug)]
pub struct Retired {
    pub owner: String,
    /// What it may have said.
    pub said: Vec<Says>,
    /// What it surely said.
    pub surely: Option<Says>,
}

/// What a Property lets the product do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Acts,
    Proposes,
    Observes,
    PortfolioSuspended,
    PropertySuspended,
    /// It cannot be told.
    Unclear,
}

impl Standing {
    pub fn is_stopped(self) -> bool {
        matches!(
            self,
            Self::Observes | Self::PortfolioSuspended | Self::PropertySuspended
        )
    }
}

/// Whether one declaration of an object may follow another.
fn may_follow(before: &Says, now: &Says) -> bool {
    match (before, now) {
        (Says::Key(before), Says::Key(now)) => {
            before.partner == now.partner && before.property == now.property
        }
        (Says::Assignment(before), Says::Assignment(now)) => before.property == now.property,
        _ => true,
    }
}

impl Memory {
    /// A round reads the repository.
    pub fn look(&mut self, repo: &Repo) -> Vec<Retired> {
        let there: BTreeSet<String> = self
            .0
            .iter()
            .filter(|(_, object)| !object.gone)
            .map(|(owner, _)| owner.clone())
            .collect();
        for object in self.0.values_mut() {
            object.gone = true;
            object.now = None;
        }
        for (path, file) in &repo.files {
            for doc in &file.docs {
                let object = self.0.entry(doc.owner()).or_default();
                object.gone = false;
                if file.unreadable || doc.broken {
                    continue;
                }
                object.path.clone_from(path);
                object.now = Some(doc.says.clone());
                if !object.possible.contains(&doc.says) {
                    object.possible.push(doc.says.clone());
                }
            }
        }
        // What cannot be read may hold an object that is not seen elsewhere.
        for (owner, object) in &mut self.0 {
            let path = &object.path;
            object.gone &= !repo
                .files
                .iter()
                .any(|(at, file)| may_hold(file, owner, at == path));
        }
        let retired = self.0.iter().filter(|(owner, object)| {
            object.gone && there.contains(*owner) && object.said().any(Says::retains)
        });
        retired
            .map(|(owner, object)| Retired {
                owner: owner.clone(),
                said: object.said().cloned().collect(),
                surely: object
                    .certain
                    .clone()
                    .filter(|_| object.said().all(Says::retains)),
            })
            .collect()
    }

    /// Whether an object that is there no more may still have something taken away there.
    pub fn may_still_remove(&self, property: &str, partner: &str) -> bool {
        let gone = self.0.values().filter(|object| object.gone);
        gone.flat_map(Object::said).any(|says| match says {
            Says::Assignment(it) => !it.retain && it.property == property && it.partner == partner,
            Says::Key(it) => !it.retain && it.property == property && it.partner == partner,
            _ => false,
        })
    }

    /// What a Property lets the product do.
    pub(super) fn standing(&self, property: &str, registry: &Registry) -> Standing {
        let property = self.0.get(&format!("Property/{property}"));
        let suspended = |says: &Says| matches!(says, Says::Property { suspend: true, .. });
        let property = match property.and_then(Object::in_force) {
            Some(says) => Some(suspended(says)),
            None if property.is_some_and(|it| it.said().any(suspended)) => None,
            None => Some(false),
        };
        let mut portfolios = self
            .0
            .iter()
            .filter(|(owner, _)| owner.starts_with("Portfolio/"));
        let looker = match portfolios.next() {
            None => Some(Looker::usual()),
            Some((_, object)) => match object.in_force() {
                // It is accepted building by building.
                Some(Says::Portfolio(it)) if object.now.is_some() || registry.is_alone() => {
                    Some(*it)
                }
                _ => None,
            },
        };
        match (looker, property) {
            (_, Some(true)) => Standing::PropertySuspended,
            (Some(Looker { suspend: true, .. }), _) => Standing::PortfolioSuspended,
            (
                Some(Looker {
                    mode: Mode::Observe,
                    ..
                }),
                _,
            ) => Standing::Observes,
            (None, _) | (_, None) => Standing::Unclear,
            (
                Some(Looker {
                    mode: Mode::Propose,
                    ..
                }),
                _,
            ) => Standing::Proposes,
            (Some(_), _) => Standing::Acts,
        }
    }

    /// A pass over a property came to its end: what it says now is accepted, where that is allowed.
    pub fn passed(&mut self, property: &str) {
        for (owner, object) in &mut self.0 {
            if object.gone {
                // It may still be remembered, and come back into force with a file that cannot be read.
                object.certain = None;
                continue;
            }
            let Some(now) = &object.now else { continue };
            let here = match now {
                Says::Assignment(Assignment { property: of, .. })
                | Says::Key(Key { property: of, .. }) => of == property,
                Says::Property { .. } => *owner == format!("Property/{property}"),
                Says::Portfolio { .. } => true,
            };
            let follows = match &object.certain {
                Some(certain) => may_follow(certain, now),
                None => object
                    .possible
                    .iter()
                    .all(|possible| may_follow(possible, now)),
            };
            if here && follows {
                object.certain = Some(now.clone());
                object.possible = vec![now.clone()];
            }
        }
    }

    pub fn is_gone(&self, owner: &str) -> bool {
        self.0.get(owner).is_none_or(|object| object.gone)
    }

    /// What an object surely says, for comparing.
    pub fn says(&self, owner: &str) -> String {
        let object = self.0.get(owner);
        format!(
            "{:?}",
            object.map(|object| (object.gone, object.in_force()))
        )
    }
}

fn may_hold(file: &File, owner: &str, was_here: bool) -> bool {
    let name = owner.split_once('/').map_or(owner, |(_, name)| name);
    file.unreadable
        && (was_here || file.opaque || file.docs.iter().any(|doc| doc.name.contains(name)))
}

impl Object {
    /// What is surely in force, if that is sure.
    pub(super) fn in_force(&self) -> Option<&Says> {
        if self.gone {
            return None;
        }
        match (&self.certain, &self.now) {
            (Some(certain), Some(now)) if may_follow(certain, now) => Some(now),
            (Some(certain), _) => Some(certain),
            (None, Some(now)) => self
                .possible
                .iter()
                .all(|possible| may_follow(possible, now))
                .then_some(now),
            (None, None) => None,
        }
    }

    /// What it may have said last.
    fn said(&self) -> impl Iterator<Item = &Says> {
        self.possible.iter().chain(&self.certain)
    }

    /// What may be in force.
    pub(super) fn perhaps(&self) -> Vec<&Says> {
        match self.in_force() {
            Some(says) => vec![says],
            // A Property that is gone stays in force until nothing of it is left.
            None if self.gone && !matches!(self.possible.first(), Some(Says::Property { .. })) => {
                Vec::new()
            }
            None => self.possible.iter().chain(&self.certain).collect(),
        }
    }
}
