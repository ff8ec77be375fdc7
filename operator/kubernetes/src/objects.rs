//! The objects of the cluster as they were last seen: parsed and checked once, when they change.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;
use kube::ResourceExt;
use kube::api::DynamicObject;
use opendoor_api::{Kind, Resource};
use opendoor_planner::declared::Problem;
use opendoor_planner::ledger::Head;
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

    /// Whether it should carry our finalizer and does not yet.
    #[must_use]
    pub fn is_unprepared(&self) -> bool {
        let ours = finalizers::of(self.kind);
        self.deleting_since.is_none() && ours.is_some_and(|ours| !self.has_finalizer(ours))
    }

    /// Whether it carries a finalizer.
    #[must_use]
    pub fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|held| held == finalizer)
    }
}

/// Where a person finds an object, also one that is not there.
pub(crate) fn cause(kind: Kind, name: &Name) -> Cause {
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
    /// By the Property they refer to: the names of objects of its namespace.
    referring: BTreeMap<(Kind, Name), BTreeSet<String>>,
}

/// The kinds whose objects belong to a Property.
const OF_A_PROPERTY: [Kind; 2] = [Kind::DoorAssignment, Kind::PartnerKey];

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

    /// The objects that refer to a Property, by kind and name.
    pub fn referring_to(&self, property: &Name) -> impl Iterator<Item = &Rc<Seen>> {
        OF_A_PROPERTY.into_iter().flat_map(move |kind| {
            let names = self.referring.get(&(kind, property.clone()));
            names
                .into_iter()
                .flatten()
                .filter_map(move |name| self.get(kind, &Name::new(&property.namespace, name)))
        })
    }

    /// The objects that refer to a Property, and those of its namespace that were accepted for it before they referred
    /// to another one: by kind and name.
    #[must_use]
    pub fn belonging_to(&self, property: &Name, head: &Head) -> Vec<Rc<Seen>> {
        let accepted = head.accepted.keys().filter_map(|owner| {
            let kind = match owner.kind {
                OwnerKind::DoorAssignment => Kind::DoorAssignment,
                OwnerKind::PartnerKey => Kind::PartnerKey,
                OwnerKind::Property => return None,
            };
            let seen = self.get(kind, &Name::new(&property.namespace, &owner.name))?;
            // Another one that took its name was never accepted.
            (seen.owner().as_ref() == Some(owner)).then_some(seen)
        });
        let all: BTreeMap<(Kind, &Name), &Rc<Seen>> = self
            .referring_to(property)
            .chain(accepted)
            .map(|seen| ((seen.kind, &seen.name), seen))
            .collect();
        all.into_values().cloned().collect()
    }

    /// Whether an object is known at just this version.
    #[must_use]
    pub fn knows(&self, kind: Kind, name: &Name, uid: &str, version: &str) -> bool {
        self.get(kind, name)
            .is_some_and(|seen| seen.uid == uid && seen.resource_version == version)
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
        if let Some(before) = &before {
            self.refers_no_more(before);
        }
        if let Some(key) = reference(&seen) {
            let names = self.referring.entry(key).or_default();
            names.insert(seen.name.name.clone());
        }
        let objects = self.kinds.entry(seen.kind).or_default();
        objects.insert(seen.name.clone(), Rc::new(seen));
        (before, changed)
    }

    fn refers_no_more(&mut self, seen: &Seen) {
        if let Some(key) = reference(seen)
            && let Some(names) = self.referring.get_mut(&key)
        {
            names.remove(&seen.name.name);
            if names.is_empty() {
                self.referring.remove(&key);
            }
        }
    }

    /// Forgets an object that is gone.
    pub fn remove(&mut self, kind: Kind, name: &Name) -> Option<Rc<Seen>> {
        let gone = self.kinds.get_mut(&kind)?.remove(name)?;
        self.refers_no_more(&gone);
        Some(gone)
    }

    /// Forgets just this object. One that was made anew with its name stays.
    pub fn remove_only(&mut self, seen: &Seen) {
        let there = self.get(seen.kind, &seen.name);
        if there.is_some_and(|there| there.uid == seen.uid) {
            self.remove(seen.kind, &seen.name);
        }
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
            .filter_map(|name| self.remove(kind, name))
            .collect()
    }
}

/// The Property that an object refers to, if its kind belongs to one.
fn reference(seen: &Seen) -> Option<(Kind, Name)> {
    let property = seen.property.as_deref()?;
    OF_A_PROPERTY
        .contains(&seen.kind)
        .then(|| (seen.kind, Name::new(&seen.name.namespace, property)))
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
    use std::sync::Arc;

    use super::*;
    use opendoor_planner::declared::Spec;
    use opendoor_planner::ledger::Accepted;
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
    fn an_object_made_anew_is_not_forgotten_with_the_one_before() {
        let mut objects = Objects::default();
        let before = seen("a", "10", 1);
        let mut anew = seen("a", "12", 1);
        anew.uid = String::from("another");
        objects.put(before.clone());
        objects.put(anew.clone());
        objects.remove_only(&before);
        assert!(objects.get(Kind::Property, &anew.name).is_some());
        objects.remove_only(&anew);
        assert!(objects.get(Kind::Property, &anew.name).is_none());
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

    #[test]
    fn an_object_is_found_by_what_it_refers_to_now_and_by_what_it_was_accepted_for() {
        let assignment = |property: &str, version: &str| {
            let object = serde_json::from_value(json!({
                "apiVersion": "opendoor.dev/v1alpha1",
                "kind": "DoorAssignment",
                "metadata": {"name": "parcel", "namespace": "n", "uid": "u", "resourceVersion": version},
                "spec": {"propertyRef": {"name": property}, "partner": "P", "doors": ["Mail Room"]},
            }));
            Seen::read(Kind::DoorAssignment, object.unwrap())
        };
        let (first, second) = (Name::new("n", "first"), Name::new("n", "second"));
        let mut objects = Objects::default();
        objects.put(assignment("first", "1"));
        assert_eq!(objects.referring_to(&first).count(), 1);
        assert!(objects.knows(Kind::DoorAssignment, &Name::new("n", "parcel"), "u", "1"));
        objects.put(assignment("second", "2"));
        assert_eq!(objects.referring_to(&first).count(), 0);
        assert_eq!(objects.referring_to(&second).count(), 1);
        let mut head = Head::default();
        assert!(objects.belonging_to(&first, &head).is_empty());
        let accepted = |uid: &str| {
            OwnerId::new(
                OwnerKind::DoorAssignment,
                String::from("parcel"),
                Some(uid.to_owned()),
            )
        };
        let Ok(Resource::DoorAssignment(declared)) = assignment("first", "1").content else {
            panic!("it is valid");
        };
        let said = Accepted {
            spec: Arc::new(Spec::DoorAssignment(declared.spec)),
            cause: cause(Kind::DoorAssignment, &Name::new("n", "parcel")),
            expiry_known_since: None,
        };
        head.accepted = [(accepted("another"), said.clone())].into();
        assert!(objects.belonging_to(&first, &head).is_empty());
        head.accepted = [(accepted("u"), said)].into();
        assert_eq!(objects.belonging_to(&first, &head).len(), 1);
        assert_eq!(objects.belonging_to(&second, &head).len(), 1);
        objects.remove(Kind::DoorAssignment, &Name::new("n", "parcel"));
        assert_eq!(objects.referring_to(&second).count(), 0);
        assert!(objects.belonging_to(&first, &head).is_empty());
    }
}
