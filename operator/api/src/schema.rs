//! Checks a value against the schema of its kind: types, bounds, patterns, unknown and missing fields.
//!
//! The schema is the one the API server gets, so a rule is written once. Only the keywords our definitions use are
//! known here; a test makes sure that there are no others.

use std::{
    collections::HashMap,
    sync::{LazyLock, PoisonError, RwLock},
};

use regex::Regex;
use serde_json::{Map, Value};

use crate::{
    fault::{Fault, FaultKind, join},
    moment::Moment,
    suggest::{closest, did_you_mean},
    wording::{shortened, wish, word_for, word_of},
};

/// All that is wrong with `value`.
pub(crate) fn check(schema: &Value, value: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    check_at("", schema, value, &mut faults);
    faults
}

/// Takes away the fields that the schema does not know, so that one misspelt word does not hide what the rules say about
/// the rest.
pub(crate) fn prune(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(known) = schema.get("properties").and_then(Value::as_object) {
                fields.retain(|name, _| known.contains_key(name));
                for (name, field) in fields {
                    if let Some(schema) = known.get(name) {
                        prune(schema, field);
                    }
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| prune(schema, item));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn check_at(path: &str, schema: &Value, value: &Value, faults: &mut Vec<Fault>) {
    let wanted = schema.get("type").and_then(Value::as_str);
    match (wanted, value) {
        (None, _) | (Some("boolean"), Value::Bool(_)) => {}
        (Some("string"), Value::String(text)) => check_text(path, schema, text, faults),
        (Some("integer"), Value::Number(number)) if number.is_i64() || number.is_u64() => {
            check_number(
                path,
                schema,
                number.as_f64().unwrap_or(f64::INFINITY),
                faults,
            );
        }
        (Some("array"), Value::Array(items)) => check_list(path, schema, items, faults),
        (Some("object"), Value::Object(fields)) => check_fields(path, schema, fields, faults),
        (Some(_), Value::Null) => {
            let message = "has no value: write one, or leave the line out";
            faults.push(Fault::new(path, FaultKind::WrongType, message));
        }
        (Some(wanted), found) => {
            let message = format!("must be {}, not {}", word_for(wanted), word_of(found));
            faults.push(Fault::new(path, FaultKind::WrongType, message));
        }
    }
}

fn check_fields(path: &str, schema: &Value, fields: &Map<String, Value>, faults: &mut Vec<Fault>) {
    let known = schema.get("properties").and_then(Value::as_object);
    for (name, value) in fields {
        let at = join(path, name);
        if let Some(schema) = known
            .and_then(|known| known.get(name))
            .or_else(|| schema.get("additionalProperties"))
        {
            check_at(&at, schema, value, faults);
        } else if let Some(known) = known {
            let message = format!("unknown field `{name}`{}", meant(name, known, fields));
            faults.push(Fault::new(at, FaultKind::UnknownField, message));
        }
    }
    for name in schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if !fields.contains_key(name) {
            faults.push(Fault::new(
                join(path, name),
                FaultKind::Missing,
                format!("`{name}` is missing"),
            ));
        }
    }
}

/// A field that is not there yet is meant more often than one that is.
fn meant(name: &str, known: &Map<String, Value>, present: &Map<String, Value>) -> String {
    let absent = known
        .keys()
        .map(String::as_str)
        .filter(|known| !present.contains_key(*known));
    let hint = did_you_mean(name, absent);
    if !hint.is_empty() || known.len() > 12 {
        return hint;
    }
    let names: Vec<&str> = known.keys().map(String::as_str).collect();
    format!("; the fields here are {}", names.join(", "))
}

fn check_list(path: &str, schema: &Value, items: &[Value], faults: &mut Vec<Fault>) {
    let mut value_fault =
        |message: String| faults.push(Fault::new(path, FaultKind::Value, message));
    if bound(schema, "minItems").is_some_and(|least| items.len() < least) {
        value_fault("must not be empty".to_owned());
    }
    if let Some(most) = bound(schema, "maxItems").filter(|most| items.len() > *most) {
        value_fault(format!(
            "has {} entries; at most {most} are allowed",
            items.len()
        ));
    }
    if let Some(schema) = schema.get("items") {
        for (index, item) in items.iter().enumerate() {
            check_at(&format!("{path}[{index}]"), schema, item, faults);
        }
    }
    check_unique(path, schema, items, faults);
}

/// A list of type set holds each value once, one of type map each key once.
fn check_unique(path: &str, schema: &Value, items: &[Value], faults: &mut Vec<Fault>) {
    let key = match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => None,
        Some("map") => schema
            .pointer("/x-kubernetes-list-map-keys/0")
            .and_then(Value::as_str),
        _ => return,
    };
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let Some(text) = key
            .map_or(Some(item), |key| item.get(key))
            .and_then(Value::as_str)
        else {
            continue;
        };
        if let Some(first) = seen.get(text) {
            let message = format!("`{text}` is listed twice; the first is {path}[{first}]");
            faults.push(Fault::new(
                format!("{path}[{index}]"),
                FaultKind::Value,
                message,
            ));
        } else {
            seen.insert(text, index);
        }
    }
}

fn check_text(path: &str, schema: &Value, text: &str, faults: &mut Vec<Fault>) {
    let mut value_fault =
        |message: String| faults.push(Fault::new(path, FaultKind::Value, message));
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
        let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        if !allowed.contains(&text) {
            let hint = closest(text, allowed.iter().copied());
            let hint = hint
                .map(|meant| format!("; did you mean {meant}?"))
                .unwrap_or_default();
            value_fault(format!(
                "`{}` is not one of {}{hint}",
                shortened(text),
                allowed.join(", ")
            ));
        }
        return;
    }
    let length = text.chars().count();
    if length == 0 && bound(schema, "minLength").is_some_and(|least| least > 0) {
        return value_fault("must not be empty".to_owned());
    }
    if let Some(most) = bound(schema, "maxLength").filter(|most| length > *most) {
        value_fault(format!(
            "has {length} characters; at most {most} are allowed"
        ));
    } else if let Some(pattern) = schema
        .get("pattern")
        .and_then(Value::as_str)
        .filter(|p| !matches(p, text))
    {
        value_fault(format!("`{}` {}", shortened(text), wish(pattern, path)));
    } else if bound(schema, "minLength").is_some_and(|least| length < least) {
        value_fault(format!("`{}` is too short", shortened(text)));
    } else if schema.get("format").and_then(Value::as_str) == Some("date-time")
        && text.parse::<Moment>().is_err()
    {
        value_fault(format!(
            "`{}` is not a date and time that exists",
            shortened(text)
        ));
    }
}

/// A pattern that cannot be compiled matches nothing: a fault that is shown beats a rule that is skipped.
fn matches(pattern: &str, text: &str) -> bool {
    static COMPILED: LazyLock<RwLock<HashMap<String, Option<Regex>>>> =
        LazyLock::new(RwLock::default);
    if let Some(known) = COMPILED
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(pattern)
    {
        return known.as_ref().is_some_and(|regex| regex.is_match(text));
    }
    let regex = Regex::new(pattern).ok();
    let answer = regex.as_ref().is_some_and(|regex| regex.is_match(text));
    COMPILED
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(pattern.to_owned(), regex);
    answer
}

fn check_number(path: &str, schema: &Value, number: f64, faults: &mut Vec<Fault>) {
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    let message = match (limit("minimum"), limit("maximum")) {
        (Some(least), Some(most)) if number < least || number > most => {
            format!("must be from {least} to {most}")
        }
        (Some(least), _) if number < least => format!("must be at least {least}"),
        (_, Some(most)) if number > most => format!("must be at most {most}"),
        _ => return,
    };
    faults.push(Fault::new(path, FaultKind::Value, message));
}

fn bound(schema: &Value, name: &str) -> Option<usize> {
    schema
        .get(name)
        .and_then(Value::as_u64)
        .and_then(|bound| usize::try_from(bound).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::{Kind, Rules};

    /// The keywords that `check` knows or may pass over.
    const KNOWN: [&str; 21] = [
        "additionalProperties",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maximum",
        "minItems",
        "minLength",
        "minimum",
        "pattern",
        "properties",
        "required",
        "title",
        "type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    ];

    fn each(schema: &Value, look: &mut impl FnMut(&Map<String, Value>)) {
        let Some(fields) = schema.as_object() else {
            return;
        };
        look(fields);
        for child in fields
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::values)
        {
            each(child, look);
        }
        for name in ["items", "additionalProperties"] {
            each(&schema[name], look);
        }
    }

    #[test]
    fn no_definition_uses_a_keyword_or_pattern_that_is_not_known_here() {
        for kind in Kind::ALL {
            let schema = &Rules::of(kind).unwrap().schema;
            let spec = &schema["properties"]["spec"];
            for part in [schema, spec] {
                each(part, &mut |fields| {
                    for name in fields.keys() {
                        assert!(KNOWN.contains(&name.as_str()), "{kind} uses {name}");
                    }
                    if let Some(pattern) = fields.get("pattern").and_then(Value::as_str) {
                        assert!(Regex::new(pattern).is_ok(), "{pattern}");
                        let path = if pattern.contains('@') {
                            "spec.authorizationRequests.from"
                        } else {
                            "spec"
                        };
                        assert_ne!(
                            wish(pattern, path),
                            "does not have the right form",
                            "{kind}: {pattern}"
                        );
                    }
                });
            }
        }
    }

    #[test]
    fn pruning_keeps_what_is_known() {
        let schema = json!({ "properties": { "a": { "items": { "properties": { "b": {} } } }, "free": {} } });
        let mut value = json!({ "a": [{ "b": 1, "c": 2 }], "free": { "x": 1 }, "d": 3 });
        prune(&schema, &mut value);
        assert_eq!(value, json!({ "a": [{ "b": 1 }], "free": { "x": 1 } }));
    }
}
