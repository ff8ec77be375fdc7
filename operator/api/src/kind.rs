//! The kinds of resource, and what we know of each without asking anybody.

use std::{fmt, sync::LazyLock};

use kube::core::cel::{CompiledSchema, compile_schema};
use serde_json::{Value, json};

use crate::{
    common::{LABEL, OBJECT_NAME},
    crds::{crds, schema_of},
    suggest::closest,
};

/// A kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// How a group of properties is looked after.
    Portfolio,
    /// One building.
    Property,
    /// A partner may open these doors.
    DoorAssignment,
    /// A key that belongs to a partner.
    PartnerKey,
    /// The locks a person has to visit.
    DoorSyncOrder,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Portfolio,
        Self::Property,
        Self::DoorAssignment,
        Self::PartnerKey,
        Self::DoorSyncOrder,
    ];

    /// The kind as `kind:` spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Portfolio => "Portfolio",
            Self::Property => "Property",
            Self::DoorAssignment => "DoorAssignment",
            Self::PartnerKey => "PartnerKey",
            Self::DoorSyncOrder => "DoorSyncOrder",
        }
    }

    /// The kind of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The kind that was probably meant.
    #[must_use]
    pub fn like(name: &str) -> Option<Self> {
        closest(name, Self::ALL.iter().map(|kind| kind.as_str())).and_then(Self::named)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rules for one kind, ready for use.
pub(crate) struct Rules {
    kind: Kind,
    /// The whole object as a manager may write it.
    pub(crate) schema: Value,
    /// The CEL rules.
    pub(crate) compiled: CompiledSchema,
}

impl Rules {
    /// The rules for `kind`. There is a definition for each, which a test makes sure of.
    pub(crate) fn of(kind: Kind) -> Option<&'static Self> {
        static ALL: LazyLock<Vec<Rules>> = LazyLock::new(|| {
            crds()
                .iter()
                .filter_map(|crd| {
                    let kind = Kind::named(&crd.spec.names.kind)?;
                    let schema = schema_of(crd);
                    Some(Rules {
                        kind,
                        compiled: compile_schema(&schema),
                        schema: whole_object(schema),
                    })
                })
                .collect()
        });
        ALL.iter().find(|rules| rules.kind == kind)
    }
}

/// Adds what the API server knows of every object and no definition repeats. The status is not a manager's to write:
/// like the API server we take no notice of it.
fn whole_object(mut schema: Value) -> Value {
    let anything = json!({ "x-kubernetes-preserve-unknown-fields": true });
    let texts = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    if let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        fields.insert("apiVersion".to_owned(), json!({ "type": "string" }));
        fields.insert("kind".to_owned(), json!({ "type": "string" }));
        fields.insert("status".to_owned(), anything.clone());
        fields.insert("metadata".to_owned(), json!({
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": { "type": "string", "minLength": 1, "maxLength": 253, "pattern": OBJECT_NAME },
                "namespace": { "type": "string", "minLength": 1, "maxLength": 63, "pattern": LABEL },
                "labels": texts,
                "annotations": texts,
                "generateName": { "type": "string" },
                "finalizers": { "type": "array", "items": { "type": "string" } },
                "ownerReferences": anything,
                "managedFields": anything,
                "creationTimestamp": anything,
                "deletionTimestamp": anything,
                "deletionGracePeriodSeconds": anything,
                "generation": anything,
                "resourceVersion": { "type": "string" },
                "selfLink": { "type": "string" },
                "uid": { "type": "string" },
            },
        }));
    }
    if let Some(fields) = schema.as_object_mut() {
        let mut required = vec![json!("metadata")];
        required.extend(
            fields
                .get("required")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .cloned(),
        );
        fields.insert("required".to_owned(), Value::Array(required));
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled_rules(schema: &CompiledSchema) -> usize {
        assert!(!schema.has_errors(), "{:?}", schema.compilation_errors());
        let children = schema.properties.values().chain(schema.items.as_deref());
        schema.validations.len() + children.map(compiled_rules).sum::<usize>()
    }

    #[test]
    fn every_kind_has_rules_that_compile() {
        for kind in Kind::ALL {
            let rules = Rules::of(kind).unwrap_or_else(|| panic!("{kind} has no rules"));
            assert!(compiled_rules(&rules.compiled) > 0, "{kind}");
        }
    }

    #[test]
    fn a_kind_is_found_by_name_and_guessed_when_misspelt() {
        assert_eq!(Kind::named("PartnerKey"), Some(Kind::PartnerKey));
        assert_eq!(Kind::named("partnerkey"), None);
        assert_eq!(Kind::like("partnerkey"), Some(Kind::PartnerKey));
        assert_eq!(Kind::like("DoorAsignment"), Some(Kind::DoorAssignment));
        assert_eq!(Kind::like("Deployment"), None);
    }
}
