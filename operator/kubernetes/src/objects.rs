//! The objects of the cluster as they were last seen: parsed and checked once, when they change.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;
use opendoor_api::{Kind, Resource};
use opendoor_planner::declared::Problem;
use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
use opendoor_planner::reasons::Reason;
use serde_json::Value;

use crate::finalizers;

/// A namespaced name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// The namespace.
    pub namespace: String,
    /// The object's name in it.
    pub name: String,
}

impl Name {
    /// A namespaced name.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// One object as it was last seen. `managedFields` are not kept.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its kind.
    pub kind: Kind,
    /// Where it is.
    pub name: Name,
    /// Its uid.
    pub uid: String,
    /// The version it was seen at.
    pub resource_version: String,
    /// The version of its spec.
    pub generation: i64,
    /// Since when it is being deleted, if it is.
    pub deleting_since: Option<Timestamp>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// What it says, or all that is wrong with it.
    pub content: Result<Resource, Vec<Problem>>,
    /// The Property it refers to, as far as that can be told.
    pub property: Option<String>,
    /// Its status as it stands in the cluster.
    pub status: Value,
}

impl Seen {
    /// Reads an object.
    #[must_use]
    pub fn read(kind: Kind, mut object: DynamicObject) -> Self {
        object.metadata.managed_fields = None;
        let name = Name {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        };
        let status = object.data.get("status").cloned().unwrap_or(Value::Null);
        let property = object
            .data
            .pointer("/spec/propertyRef/name")
            .and_then(Value::as_str)
            .map(str::to_owned);
        let content = serde_json::to_value(&object)
            .map_err(|error| vec![fault(kind, &name, error.to_string())])
            .and_then(|value| {
                Resource::from_json(&value).map_err(|faults| {
                    faults
                        .into_iter()
                        .map(|found| fault(kind, &name, found.to_string()))
                        .collect()
                })
            });
        Self {
            kind,
            uid: object.uid().unwrap_or_default(),
            resource_version: object.resource_version().unwrap_or_default(),
            generation: object.metadata.generation.unwrap_or_default(),
            deleting_since: object.metadata.deletion_timestamp.as_ref().map(|at| at.0),
            finalizers: object.metadata.finalizers.clone().unwrap_or_default(),
            content,
            property,
            status,
            name,
        }
    }

    /// The owner it is in a ledger, if its kind owns anything.
    #[must_use]
    pub fn owner(&self) -> Option<OwnerId> {
        let kind = match self.kind {
            Kind::DoorAssignment => OwnerKind::DoorAssignment,
            Kind::PartnerKey => OwnerKind::PartnerKey,
            Kind::Portfolio | Kind::Property | Kind::DoorSyncOrder => return None,
        };
        let uid = Some(self.uid.clone());
        Some(OwnerId::new(kind, self.name.name.as_str(), uid))
    }

    /// Where a person finds it.
    #[must_use]
    pub fn cause(&self) -> Cause {
        cause(self.kind, &self.name)
    }

    /// Whether it carries a finalizer.
    #[must_use]
    pub fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|held| held == finalizer)
    }
}

fn cause(kind: Kind, name: &Name) -> Cause {
    Cause {
        kind: kind.as_str().to_owned(),
        name: name.name.clone(),
        file: None,
        line: None,
        column: None,
    }
}

fn fault(kind: Kind, name: &Name, message: String) -> Problem {
    Problem {
        reason: Reason::Invalid,
        message,
        cause: cause(kind, name),
    }
}

/// Every object that was last seen.
#[derive(Debug, Default)]
pub struct Objects {
    kinds: BTreeMap<Kind, BTreeMap<Name, Rc<Seen>>>,
}

impl Objects {
    /// One object.
    #[must_use]
    pub fn get(&self, kind: Kind, name: &Name) -> Option<&Rc<Seen>> {
        self.kinds.get(&kind)?.get(name)
    }

    /// All objects of a kind.
    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Rc<Seen>> {
        self.kinds.get(&kind).into_iter().flat_map(BTreeMap::values)
    }

    /// The objects of a kind in one namespace, in the order of their names.
    pub fn of(&self, kind: Kind, namespace: &str) -> impl Iterator<Item = &Rc<Seen>> {
        let first = Name::new(namespace, "");
        self.kinds
            .get(&kind)
            .into_iter()
            .flat_map(move |objects| objects.range(first.clone()..))
            .map(|(_, seen)| seen)
            .take_while(move |seen| seen.name.namespace == namespace)
    }

    /// Takes an object in. Returns what was there before, and whether anything but its status changed.
    pub fn put(&mut self, seen: Seen) -> (Option<Rc<Seen>>, bool) {
        let objects = self.kinds.entry(seen.kind).or_default();
        let before = objects.get(&seen.name).cloned();
        if let Some(before) = &before
            && before.uid == seen.uid
            && is_older(&seen.resource_version, &before.resource_version)
        {
            return (Some(Rc::clone(before)), false);
        }
        let changed = before.as_ref().is_none_or(|before| {
            before.uid != seen.uid
                || before.generation != seen.generation
                || before.deleting_since != seen.deleting_since
                || lost_ours(before, &seen)
        });
        objects.insert(seen.name.clone(), Rc::new(seen));
        (before, changed)
    }

    /// Forgets an object that is gone.
    pub fn remove(&mut self, kind: Kind, name: &Name) -> Option<Rc<Seen>> {
        self.kinds.get_mut(&kind)?.remove(name)
    }

    /// Forgets what a whole listing of a kind in some namespaces did not hold. Returns it.
    pub fn keep_only(
        &mut self,
        kind: Kind,
        listed: &BTreeSet<Name>,
        in_scope: impl Fn(&Name) -> bool,
    ) -> Vec<Rc<Seen>> {
        let objects = self.kinds.entry(kind).or_default();
        let gone: Vec<Name> = objects
            .keys()
            .filter(|name| in_scope(name) && !listed.contains(name))
            .cloned()
            .collect();
        gone.iter()
            .filter_map(|name| objects.remove(name))
            .collect()
    }
}

/// Whether our finalizer was taken off. That we set it is no news.
fn lost_ours(before: &Seen, seen: &Seen) -> bool {
    finalizers::of(seen.kind)
        .is_some_and(|ours| before.has_finalizer(ours) && !seen.has_finalizer(ours))
}

/// Whether a version is older than another. Our own answers can overtake the watch.
fn is_older(version: &str, than: &str) -> bool {
    match (version.parse::<u64>(), than.parse::<u64>()) {
        (Ok(version), Ok(than)) => version < than,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn seen(name: &str, version: &str, generation: i64) -> Seen {
        let object = serde_json::from_value(json!({
            "apiVersion": "opendoor.dev/v1alpha1",
            "kind": "Property",
            "metadata": {
                "name": name, "namespace": "n", "uid": "u", "resourceVersion": version, "generation": generation,
                "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {"building": "Harbor Point"},
        }));
        Seen::read(Kind::Property, object.unwrap())
    }

    #[test]
    fn a_late_event_never_replaces_a_newer_object() {
        let mut objects = Objects::default();
        objects.put(seen("a", "10", 2));
        let (_, changed) = objects.put(seen("a", "9", 1));
        assert!(!changed);
        let kept = objects.get(Kind::Property, &Name::new("n", "a")).unwrap();
        assert_eq!(kept.generation, 2);
    }

    #[test]
    fn a_status_written_by_us_is_no_change() {
        let mut objects = Objects::default();
        assert!(objects.put(seen("a", "10", 1)).1);
        assert!(!objects.put(seen("a", "11", 1)).1);
        assert!(objects.put(seen("a", "12", 2)).1);
    }

    #[test]
    fn an_object_that_breaks_a_rule_is_kept_with_all_its_faults() {
        let object = serde_json::from_value(json!({
            "apiVersion": "opendoor.dev/v1alpha1",
            "kind": "PartnerKey",
            "metadata": {"name": "k", "namespace": "n"},
            "spec": {"propertyRef": {"name": "harbor-point"}, "partner": " x", "doors": [], "colour": "red"},
        }));
        let seen = Seen::read(Kind::PartnerKey, object.unwrap());
        assert_eq!(seen.property.as_deref(), Some("harbor-point"));
        assert!(seen.content.unwrap_err().len() >= 2);
    }

    #[test]
    fn a_listing_forgets_only_what_it_could_have_shown() {
        let mut objects = Objects::default();
        objects.put(seen("a", "1", 1));
        objects.put(seen("b", "2", 1));
        let listed = [Name::new("n", "a")].into();
        assert!(
            objects
                .keep_only(Kind::Property, &listed, |name| name.namespace == "other")
                .is_empty()
        );
        assert_eq!(
            objects.keep_only(Kind::Property, &listed, |_| true).len(),
            1
        );
        assert_eq!(objects.of(Kind::Property, "n").count(), 1);
    }
}
