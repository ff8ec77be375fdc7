//! The repository of declarations: files of objects, as the test remembers them, and as a home would
//! gather them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use opendoor_api::{DoorAssignment, PartnerKey, Portfolio, Property, Resource};
use opendoor_planner::declared::{Places, Problem};
use opendoor_planner::owner::Cause;
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::snapshot::{Broken, Object, Snapshot, Unreadable};
use serde_json::{Value, json};

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub struct Doc {
    pub name: String,
    pub says: Says,
    /// It is there and not valid.
    pub broken: bool,
}

/// What an object says.
#[derive(Clone, Debug, PartialEq)]
pub enum Says {
    Portfolio(Looker),
    Property {
        building: String,
        partners: Vec<String>,
        removes_added: bool,
        approve: Option<String>,
        suspend: bool,
    },
    Assignment(Assignment),
    Key(Key),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Looker {
    pub removals: u32,
    pub percent: u32,
    pub mode: Mode,
    pub suspend: bool,
}

impl Looker {
    /// As a Portfolio is without a word about it.
    pub fn usual() -> Self {
        Self {
            removals: 25,
            percent: 25,
            mode: Mode::Apply,
            suspend: false,
        }
    }
}

/// What a Portfolio lets the product do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Observe,
    Propose,
    Apply,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    pub property: String,
    pub partner: String,
    pub doors: Wanted,
    pub until: Option<Timestamp>,
    /// What it gave stays when it is deleted.
    pub retain: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    Named(Vec<String>),
    VacantUnits,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    pub property: String,
    pub partner: String,
    pub key_name: String,
    /// With doorcodes or without.
    pub doors: BTreeMap<String, bool>,
    pub mornings: bool,
    /// Takes over the ordinary key of this name, for good.
    pub adopt: bool,
    /// The key stays when this is deleted.
    pub retain: bool,
}

/// Files by path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Repo {
    pub files: BTreeMap<String, File>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    pub docs: Vec<Doc>,
    /// Nothing of it can be read.
    pub unreadable: bool,
    /// Of an unreadable file: nothing can be told of it, not even a text.
    pub opaque: bool,
}

impl Doc {
    pub fn new(name: impl Into<String>, says: Says) -> Self {
        Self {
            name: name.into(),
            says,
            broken: false,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self.says {
            Says::Portfolio(_) => "Portfolio",
            Says::Property { .. } => "Property",
            Says::Assignment(_) => "DoorAssignment",
            Says::Key(_) => "PartnerKey",
        }
    }

    pub fn property(&self) -> Option<&str> {
        match &self.says {
            Says::Assignment(Assignment { property, .. }) | Says::Key(Key { property, .. }) => {
                Some(property)
            }
            _ => None,
        }
    }

    /// The identity of an object, as reports name it.
    pub fn owner(&self) -> String {
        format!("{}/{}", self.kind(), self.name)
    }

    /// The hold id that a valid Property approves.
    pub fn approval(&self) -> Option<String> {
        match &self.says {
            Says::Property { approve, .. } if !self.broken => approve.clone(),
            _ => None,
        }
    }

    fn resource(&self) -> Resource {
        let spec = self.spec();
        let name = self.name.as_str();
        match self.says {
            Says::Portfolio(_) => Resource::Portfolio(Portfolio::new(name, typed(spec))),
            Says::Property { .. } => Resource::Property(Property::new(name, typed(spec))),
            Says::Assignment(_) => Resource::DoorAssignment(DoorAssignment::new(name, typed(spec))),
            Says::Key(_) => Resource::PartnerKey(PartnerKey::new(name, typed(spec))),
        }
    }

    fn spec(&self) -> Value {
        match &self.says {
            Says::Portfolio(looker) => json!({
                "limits": {
                    "removals": looker.removals,
                    "removalsPercent": looker.percent,
                    "portfolioRemovals": looker.removals.max(100),
                    "grants": looker.removals.max(200),
                },
                "mode": format!("{:?}", looker.mode),
                "suspend": looker.suspend,
            }),
            Says::Property {
                building,
                partners,
                removes_added,
                approve,
                suspend,
            } => {
                let partners: Vec<Value> =
                    partners.iter().map(|name| json!({"name": name})).collect();
                let mut spec = json!({
                    "building": building,
                    "partners": partners,
                    "addedByHand": if *removes_added { "Remove" } else { "Report" },
                    "suspend": suspend,
                });
                if let Some(id) = approve {
                    spec["approve"] = json!(id);
                }
                spec
            }
            Says::Assignment(assignment) => {
                let mut spec = json!({
                    "propertyRef": {"name": assignment.property},
                    "partner": assignment.partner,
                });
                match &assignment.doors {
                    Wanted::Named(doors) => spec["doors"] = json!(doors),
                    Wanted::VacantUnits => {
                        spec["doorSelector"] =
                            json!({"doorType": "Residence", "vacancy": "Vacant"});
                    }
                }
                if let Some(until) = assignment.until {
                    spec["validity"] = json!({"until": until.to_string()});
                }
                if assignment.retain {
                    spec["deletionPolicy"] = json!("Retain");
                }
                spec
            }
            Says::Key(key) => {
                let doors: Vec<Value> = key
                    .doors
                    .iter()
                    .map(|(name, codes)| json!({"name": name, "provideDoorcodes": codes}))
                    .collect();
                let mut spec = json!({
                    "propertyRef": {"name": key.property},
                    "partner": key.partner,
                    "keyName": key.key_name,
                    "doors": doors,
                });
                if key.mornings {
                    spec["schedule"] =
                        json!([{"days": ["Monday", "Friday"], "from": "08:00", "to": "12:00"}]);
                }
                if key.adopt {
                    spec["adopt"] = json!({"acknowledge": "ConvertsToPartnerKeyForGood"});
                }
                if key.retain {
                    spec["deletionPolicy"] = json!("Retain");
                }
                spec
            }
        }
    }
}

impl Says {
    pub fn retains(&self) -> bool {
        matches!(
            self,
            Self::Assignment(Assignment { retain: true, .. }) | Self::Key(Key { retain: true, .. })
        )
    }
}

fn typed<T: serde::de::DeserializeOwned>(spec: Value) -> T {
    serde_json::from_value(spec.clone()).unwrap_or_else(|error| panic!("{spec}: {error}"))
}

impl Repo {
    /// Every object whose file can be read, with its file.
    pub fn readable(&self) -> impl Iterator<Item = (&str, &Doc)> {
        self.files
            .iter()
            .filter(|(_, file)| !file.unreadable)
            .flat_map(|(path, file)| file.docs.iter().map(move |doc| (path.as_str(), doc)))
    }

    /// Every object, to be edited.
    pub fn docs_mut(&mut self) -> Vec<&mut Doc> {
        self.files
            .values_mut()
            .flat_map(|file| file.docs.iter_mut())
            .collect()
    }

    /// What a home would gather now.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let mut folders = BTreeSet::new();
        for (path, file) in &self.files {
            if file.unreadable {
                let names: Vec<String> = file
                    .docs
                    .iter()
                    .map(|doc| format!("kind: {}\nname: {}", doc.kind(), doc.name))
                    .collect();
                snapshot.unreadable.push(Unreadable {
                    file: path.clone(),
                    line: Some(1),
                    column: Some(1),
                    message: String::from("not YAML"),
                    text: (!file.opaque).then(|| names.join("\n")),
                });
                continue;
            }
            if file.docs.is_empty() {
                continue;
            }
            folders.insert(
                path.rsplit_once('/')
                    .map_or("", |(folder, _)| folder)
                    .to_owned(),
            );
            for (index, doc) in file.docs.iter().enumerate() {
                take(path, index, doc, &mut snapshot);
            }
        }
        snapshot.folders = folders;
        snapshot
    }
}

fn take(path: &str, index: usize, doc: &Doc, snapshot: &mut Snapshot) {
    let line = u32::try_from(index).unwrap() * 20 + 1;
    let cause = Cause {
        kind: doc.kind().to_owned(),
        name: doc.name.clone(),
        file: Some(path.to_owned()),
        line: Some(line),
        column: Some(1),
    };
    if doc.broken {
        snapshot.broken.push(Broken {
            kind: doc.kind().to_owned(),
            name: Some(doc.name.clone()),
            uid: None,
            property: doc.property().map(str::to_owned),
            problems: vec![Problem {
                reason: Reason::Invalid,
                message: String::from("unknown field"),
                cause: cause.clone(),
            }],
            cause,
        });
        return;
    }
    let mut places = Places::default();
    places.insert(String::from("spec.partner"), line + 4, 3);
    places.insert(String::from("spec.doors"), line + 5, 3);
    snapshot.objects.push(Object {
        resource: doc.resource(),
        uid: None,
        cause,
        places,
    });
}
