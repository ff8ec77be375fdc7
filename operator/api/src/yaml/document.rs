//! One document of a file, and the way from it to a checked object.

use std::{collections::HashSet, fmt};

use serde_json::Value;

use super::{
    Position, convert,
    tree::{Field, Node},
};
use crate::{
    fault::{Fault, FaultKind},
    kind::{Kind, Rules},
    resource::{Checked, Resource, checked},
};

/// A document of our group, still to be checked.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its `apiVersion`, which may be misspelt.
    pub api_version: String,
    /// Its `kind`, which may be misspelt.
    pub kind: String,
    /// Its metadata.name, if there is one.
    pub name: Option<String>,
    /// Its metadata.namespace, if there is one.
    pub namespace: Option<String>,
    /// What it says.
    pub body: Value,
    /// Where its first word stands.
    pub position: Position,
    root: Node,
    faults: Vec<Fault>,
}

/// A fault and its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocatedFault {
    /// Where.
    pub position: Position,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for LocatedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.fault)
    }
}

impl Document {
    pub(super) fn new(api_version: String, kind: String, root: Node) -> Self {
        let schema = Kind::named(&kind)
            .and_then(Rules::of)
            .map(|rules| &rules.schema);
        let (body, faults) = convert::value(schema, &root);
        let metadata = |name: &str| {
            root.field("metadata")?
                .value
                .field(name)?
                .value
                .text()
                .map(str::to_owned)
        };
        Self {
            name: metadata("name"),
            namespace: metadata("namespace"),
            position: root.start(),
            api_version,
            kind,
            body,
            root,
            faults,
        }
    }

    /// Checks the document by every rule and makes it typed.
    ///
    /// # Errors
    ///
    /// All faults of the document, in the order of the file.
    pub fn resource(&self) -> Result<Resource, Vec<LocatedFault>> {
        let Checked { resource, faults } = checked(&self.body, None);
        match resource {
            Some(resource) if faults.is_empty() && self.faults.is_empty() => Ok(resource),
            _ => Err(self.located(faults)),
        }
    }

    /// All that is wrong with the document if it takes the place of `old`, the changes that are never allowed included.
    #[must_use]
    pub fn faults_as_update(&self, old: &Value) -> Vec<LocatedFault> {
        self.located(checked(&self.body, Some(old)).faults)
    }

    fn located(&self, faults: Vec<Fault>) -> Vec<LocatedFault> {
        // What was refused while reading is not refused again for the same field.
        let known: HashSet<&str> = self
            .faults
            .iter()
            .map(|fault| fault.path.as_str())
            .collect();
        let others = faults
            .into_iter()
            .filter(|fault| !known.contains(fault.path.as_str()));
        let mut located: Vec<_> = self
            .faults
            .iter()
            .cloned()
            .chain(others)
            .map(|fault| self.place(fault))
            .collect();
        located.sort_by(|a, b| (a.position, &a.fault.path).cmp(&(b.position, &b.fault.path)));
        located
    }

    fn place(&self, fault: Fault) -> LocatedFault {
        let names_the_field = fault.kind == FaultKind::UnknownField;
        let found = self.find(&fault.path);
        let position = found.map_or(self.position, |found| {
            if names_the_field {
                found.name
            } else {
                found.best()
            }
        });
        LocatedFault { position, fault }
    }

    /// Where a field such as `spec.partner` or `spec.doors[2]` stands: its value if that is on the line of its name, else
    /// its name. Of a field that is not there, the nearest thing around it; of a path that makes no sense, nothing.
    #[must_use]
    pub fn locate(&self, path: &str) -> Option<Position> {
        self.find(path).map(Found::best)
    }

    fn find(&self, path: &str) -> Option<Found> {
        let mut node = &self.root;
        let mut found = Found {
            name: self.position,
            value: self.position,
        };
        for step in steps(path)? {
            match step {
                Step::Field(name) => {
                    let Some(Field {
                        position, value, ..
                    }) = node.field(&name)
                    else {
                        break;
                    };
                    found = Found {
                        name: *position,
                        value: if value.is_empty() {
                            *position
                        } else {
                            value.start()
                        },
                    };
                    node = value;
                }
                Step::Item(index) => {
                    let Some(item) = node.items().and_then(|items| items.get(index)) else {
                        break;
                    };
                    found = Found {
                        name: item.start(),
                        value: item.start(),
                    };
                    node = item;
                }
            }
        }
        Some(found)
    }
}

#[derive(Clone, Copy)]
struct Found {
    name: Position,
    value: Position,
}

impl Found {
    fn best(self) -> Position {
        if self.name.line == self.value.line {
            self.value
        } else {
            self.name
        }
    }
}

enum Step {
    Field(String),
    Item(usize),
}

/// `spec.doors[2]` as steps; nothing if it is no such path.
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (name, indexes) = part
            .split_once('[')
            .map_or((part, ""), |(name, rest)| (name, rest));
        if !name.is_empty() {
            steps.push(Step::Field(name.to_owned()));
        }
        for index in indexes.split('[').filter(|index| !index.is_empty()) {
            steps.push(Step::Item(index.strip_suffix(']')?.parse().ok()?));
        }
    }
    Some(steps)
}
