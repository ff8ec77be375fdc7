//! A typed object of any kind, and the way to it through all the rules.

use kube::core::cel::{ErrorKind, ValidationError, ValidationErrors, Validator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    DoorAssignment, DoorSyncOrder, GROUP_VERSION, PartnerKey, Portfolio, Property,
    fault::{Fault, FaultKind},
    kind::{Kind, Rules},
    schema::{check, prune},
    wording::shortened,
};

/// An object of any of our kinds, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Resource {
    /// How a group of properties is looked after.
    Portfolio(Portfolio),
    /// One building.
    Property(Property),
    /// A partner may open these doors.
    DoorAssignment(DoorAssignment),
    /// A key that belongs to a partner.
    PartnerKey(PartnerKey),
    /// The locks a person has to visit.
    DoorSyncOrder(DoorSyncOrder),
}

impl Resource {
    /// The kind of the object.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Portfolio(_) => Kind::Portfolio,
            Self::Property(_) => Kind::Property,
            Self::DoorAssignment(_) => Kind::DoorAssignment,
            Self::PartnerKey(_) => Kind::PartnerKey,
            Self::DoorSyncOrder(_) => Kind::DoorSyncOrder,
        }
    }

    /// Its metadata.name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata().name.as_deref().unwrap_or_default()
    }

    /// Its namespace, if it is written.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.metadata().namespace.as_deref()
    }

    const fn metadata(&self) -> &kube::core::ObjectMeta {
        match self {
            Self::Portfolio(object) => &object.metadata,
            Self::Property(object) => &object.metadata,
            Self::DoorAssignment(object) => &object.metadata,
            Self::PartnerKey(object) => &object.metadata,
            Self::DoorSyncOrder(object) => &object.metadata,
        }
    }

    /// Checks an object by every rule and makes it typed. A status in it is dropped: it is not a manager's to write.
    ///
    /// # Errors
    ///
    /// All faults of the object.
    pub fn from_json(object: &Value) -> Result<Self, Vec<Fault>> {
        let Checked { resource, faults } = checked(object, None);
        match resource {
            Some(resource) if faults.is_empty() => Ok(resource),
            _ => Err(faults),
        }
    }
}

/// All that is wrong with an object, by its schema and by the rules between its fields.
#[must_use]
pub fn validate(object: &Value) -> Vec<Fault> {
    checked(object, None).faults
}

/// All that is wrong with an object that takes the place of `old`, the changes that are never allowed included.
#[must_use]
pub fn validate_update(old: &Value, new: &Value) -> Vec<Fault> {
    checked(new, Some(old)).faults
}

pub(crate) struct Checked {
    pub(crate) resource: Option<Resource>,
    pub(crate) faults: Vec<Fault>,
}

pub(crate) fn checked(object: &Value, old: Option<&Value>) -> Checked {
    match kind_of(object) {
        Ok(kind) => match kind {
            Kind::Portfolio => checked_as(kind, object, old, Resource::Portfolio),
            Kind::Property => checked_as(kind, object, old, Resource::Property),
            Kind::DoorAssignment => checked_as(kind, object, old, Resource::DoorAssignment),
            Kind::PartnerKey => checked_as(kind, object, old, Resource::PartnerKey),
            Kind::DoorSyncOrder => checked_as(kind, object, old, Resource::DoorSyncOrder),
        },
        Err(faults) => Checked {
            resource: None,
            faults,
        },
    }
}

fn kind_of(object: &Value) -> Result<Kind, Vec<Fault>> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    let mut faults = Vec::new();
    let version = text("apiVersion");
    if version != Some(GROUP_VERSION) {
        let found = version
            .map(|version| format!(", not `{}`", shortened(version)))
            .unwrap_or_default();
        let message = format!("must be `{GROUP_VERSION}`{found}");
        faults.push(Fault::new("apiVersion", FaultKind::UnknownKind, message));
    }
    let kind = text("kind").and_then(Kind::named);
    if kind.is_none() {
        let message = match text("kind") {
            None => "`kind` is missing".to_owned(),
            Some(name) => match Kind::like(name) {
                Some(meant) => format!(
                    "unknown kind `{}`; did you mean `{meant}`?",
                    shortened(name)
                ),
                None => {
                    let all = Kind::ALL.map(Kind::as_str).join(", ");
                    format!("unknown kind `{}`; the kinds are {all}", shortened(name))
                }
            },
        };
        faults.push(Fault::new("kind", FaultKind::UnknownKind, message));
    }
    kind.filter(|_| faults.is_empty()).ok_or(faults)
}

fn checked_as<K>(
    kind: Kind,
    object: &Value,
    old: Option<&Value>,
    wrap: fn(K) -> Resource,
) -> Checked
where
    K: Serialize + DeserializeOwned,
{
    let Some(rules) = Rules::of(kind) else {
        let message = format!("there are no rules for kind {kind}");
        return Checked {
            resource: None,
            faults: vec![Fault::new("kind", FaultKind::UnknownKind, message)],
        };
    };
    let mut faults = check(&rules.schema, object);
    let typed = match typed::<K>(rules, object) {
        Ok(typed) => typed,
        Err(error) => {
            if faults.is_empty() {
                faults.push(Fault::new("", FaultKind::WrongType, error.to_string()));
            }
            return Checked {
                resource: None,
                faults,
            };
        }
    };
    // An explicit null counts as present for these rules, unlike in the API server, so they see the typed object.
    match serde_json::to_value(&typed) {
        Ok(new) => {
            let old = old.map(|old| as_typed::<K>(rules, old));
            let broken = broken_rules(rules, &new, old.as_ref());
            let broken: Vec<_> = broken
                .into_iter()
                .filter(|error| !reads_a_fault(error, &faults))
                .collect();
            faults.extend(broken.into_iter().map(broken_rule));
        }
        Err(error) => faults.push(Fault::new("", FaultKind::WrongType, error.to_string())),
    }
    Checked {
        resource: Some(wrap(typed)),
        faults,
    }
}

fn typed<K: DeserializeOwned>(rules: &Rules, object: &Value) -> serde_json::Result<K> {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    prune(&rules.schema, &mut object);
    serde_json::from_value(object)
}

/// The old object, with its defaults if it can be read.
fn as_typed<K: Serialize + DeserializeOwned>(rules: &Rules, object: &Value) -> Value {
    typed::<K>(rules, object)
        .ok()
        .and_then(|typed| serde_json::to_value(typed).ok())
        .unwrap_or_else(|| object.clone())
}

fn broken_rules(rules: &Rules, new: &Value, old: Option<&Value>) -> Vec<ValidationError> {
    thread_local! {
        static VALIDATOR: Validator = Validator::new();
    }
    let outcome =
        VALIDATOR.with(|validator| validator.validate_compiled(&rules.compiled, new, old));
    outcome.map_or_else(ValidationErrors::into_vec, |()| Vec::new())
}

/// Whether a rule reads a field that is wrong by itself: what it says then is a consequence, not one more fault.
fn reads_a_fault(error: &ValidationError, faults: &[Fault]) -> bool {
    let parent = path_of(error);
    faults.iter().any(|fault| {
        let field = fault
            .path
            .strip_prefix(parent)
            .and_then(|rest| rest.strip_prefix('.'));
        // Whether a field is there at all can be told even of one that is wrong.
        field.is_some_and(|field| {
            error
                .rule
                .replace(&format!("has(self.{field})"), "")
                .contains(&format!("self.{field}"))
        })
    })
}

fn path_of(error: &ValidationError) -> &str {
    error.field_path.trim_start_matches('.')
}

fn broken_rule(error: ValidationError) -> Fault {
    let kind = match error.kind {
        ErrorKind::ValidationFailure if error.rule.contains("oldSelf") => FaultKind::Immutable,
        _ => FaultKind::Rule,
    };
    Fault::new(path_of(&error).to_owned(), kind, error.message)
}
