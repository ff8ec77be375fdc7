//! Every rule of the definitions says the same to whoever runs `opendoor validate` and whoever runs `kubectl apply`: the
//! rules that the command evaluates offline are the rules that the server runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use opendoor_api::crds;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::{ControlPlane, Said};

/// What `opendoor validate` says about files.
pub fn validate(files: &[(String, String)]) -> String {
    let folder = TempDir::new().unwrap();
    write(folder.path(), files);
    opendoor(folder.path(), &["validate"])
}

/// What it says about files that take the place of others.
pub fn validate_change(before: &[(String, String)], after: &[(String, String)]) -> String {
    let folder = TempDir::new().unwrap();
    let git = |words: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
            .args(words)
            .current_dir(folder.path());
        Said::of(&mut git, "").works();
    };
    write(folder.path(), before);
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["commit", "-q", "-m", "before"]);
    for (name, _) in before {
        fs::remove_file(folder.path().join(name)).unwrap();
    }
    write(folder.path(), after);
    opendoor(folder.path(), &["validate", "--base", "HEAD"])
}

fn write(folder: &Path, files: &[(String, String)]) {
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn opendoor(folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new(PathBuf::from(env!("CARGO_BIN_EXE_opendoor")));
    command
        .args(words)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env_remove("OPENDOOR_URL");
    let said = Said::of(&mut command, "");
    assert_eq!(said.err, "");
    said.out
}

/// An object, what it was before (for rules about a change), and the sentence that refuses it.
struct Broken {
    object: Value,
    before: Option<Value>,
    message: &'static str,
}

fn object(kind: &str, spec: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "opendoor.dev/v1alpha1", "kind": kind, "metadata": { "name": "example" },
    });
    if !spec.is_null() {
        object["spec"] = spec.clone();
    }
    object
}

/// `spec` with other values for some of its fields; null takes one away.
fn with(mut spec: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            spec.as_object_mut().unwrap().remove(name);
        } else {
            spec[name] = value.clone();
        }
    }
    spec
}

fn broken() -> Vec<Broken> {
    let property = json!({ "building": "Harbor Point" });
    let assignment =
        json!({ "propertyRef": { "name": "here" }, "partner": "CleanCo", "doors": ["Gym"] });
    let key = json!({ "propertyRef": { "name": "here" }, "partner": "CleanCo", "doors": [{ "name": "Gym" }] });
    let mut all = Vec::new();
    let mut one = |kind: &str, spec: Value, message| {
        all.push(Broken {
            object: object(kind, &spec),
            before: None,
            message,
        });
    };
    one(
        "Portfolio",
        json!({ "checkInterval": "9s" }),
        "checkInterval must be at least 10s, so that DOOR OS is not flooded with requests.",
    );
    let selector = |selector: Value| {
        with(
            assignment.clone(),
            json!({ "doors": null, "doorSelector": selector }),
        )
    };
    one(
        "DoorAssignment",
        selector(json!({})),
        "A `doorSelector` needs at least one condition: doorType, accessibility, namePattern or vacancy. An empty one would mean every door.",
    );
    one(
        "DoorAssignment",
        selector(json!({ "doorType": "Residence", "vacantFor": "24h" })),
        "`vacantFor` only goes together with `vacancy: Vacant`.",
    );
    for (doors, selector) in [
        (json!(["Gym"]), json!({ "vacancy": "Vacant" })),
        (Value::Null, Value::Null),
    ] {
        one(
            "DoorAssignment",
            with(
                assignment.clone(),
                json!({ "doors": doors, "doorSelector": selector }),
            ),
            "Say which doors in exactly one way: name them in `doors`, or describe them with `doorSelector`.",
        );
    }
    one(
        "DoorAssignment",
        with(assignment.clone(), json!({ "exceptDoors": ["Roof"] })),
        "`exceptDoors` leaves doors out of a `doorSelector`. With `doors`, take the door off that list instead.",
    );
    one(
        "DoorAssignment",
        with(assignment.clone(), json!({ "validity": {} })),
        "A `validity` needs `from`, `until` or both.",
    );
    for (from, until) in [
        ("2026-06-01T00:00:00Z", "2026-05-01T00:00:00Z"),
        ("2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z"),
        // Later on the clock, earlier in time.
        ("2026-06-01T09:00:00-04:00", "2026-06-01T12:00:00Z"),
    ] {
        one(
            "DoorAssignment",
            with(
                assignment.clone(),
                json!({ "validity": { "from": from, "until": until } }),
            ),
            "`until` must be later than `from`.",
        );
    }
    let schedule = json!([{ "days": ["Monday"], "from": "22:00", "to": "06:00" }]);
    one(
        "PartnerKey",
        with(key.clone(), json!({ "schedule": schedule })),
        "`to` must be later than `from`. Split a time that passes midnight into two: one up to \"24:00\", one from \"00:00\".",
    );
    for (kind, spec, message) in [
        (
            "Portfolio",
            json!({}),
            "A Portfolio's name has at most 63 characters.",
        ),
        (
            "Property",
            property.clone(),
            "A Property's name has at most 63 characters.",
        ),
        (
            "DoorAssignment",
            assignment.clone(),
            "A DoorAssignment's name has at most 63 characters.",
        ),
        (
            "PartnerKey",
            key.clone(),
            "A PartnerKey's name has at most 63 characters.",
        ),
        (
            "DoorSyncOrder",
            Value::Null,
            "A DoorSyncOrder's name has at most 63 characters.",
        ),
    ] {
        let mut long = object(kind, &spec);
        long["metadata"]["name"] = json!("x".repeat(64));
        all.push(Broken {
            object: long,
            before: None,
            message,
        });
    }
    let elsewhere = json!({ "propertyRef": { "name": "elsewhere" } });
    for (kind, spec, change, message) in [
        (
            "Property",
            property,
            json!({ "building": "Elm Court" }),
            "A Property stays with its building. Create a new Property for the other building, then delete this one; deleting it takes away what was declared for it.",
        ),
        (
            "DoorAssignment",
            assignment,
            elsewhere.clone(),
            "A DoorAssignment stays with its Property. Create a new one for the other Property, then delete this one.",
        ),
        (
            "PartnerKey",
            key.clone(),
            elsewhere,
            "A PartnerKey stays with its Property. Create a new one for the other Property, then delete this one; its doorcodes go with it.",
        ),
        (
            "PartnerKey",
            key,
            json!({ "partner": "Homely" }),
            "DOOR OS never changes or clears a key's partner. Create a new PartnerKey with another keyName, move its holders, then delete this one; its doorcodes go with it.",
        ),
    ] {
        all.push(Broken {
            before: Some(object(kind, &spec)),
            object: object(kind, &with(spec, change)),
            message,
        });
    }
    all
}

#[test]
fn every_rule_says_the_same_offline_and_at_the_server() {
    let one_file = |object: &Value| vec![("object.yaml".to_owned(), object.to_string())];
    for Broken {
        object,
        before,
        message,
    } in broken()
    {
        let here = ControlPlane::shared().namespace();
        let offline = match &before {
            Some(before) => {
                here.apply(&before.to_string()).works();
                validate_change(&one_file(before), &one_file(&object))
            }
            None => validate(&one_file(&object)),
        };
        assert!(
            offline.contains(message),
            "offline, of {object}:\n{message}\n{offline}"
        );
        here.apply(&object.to_string()).refused(&[message]);
    }
}

#[test]
fn no_rule_is_left_out_above() {
    fn messages_in(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for rule in fields
                    .get("x-kubernetes-validations")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                {
                    found.push(rule["message"].as_str().unwrap().to_owned());
                }
                fields.values().for_each(|value| messages_in(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| messages_in(value, found)),
            _ => {}
        }
    }
    let mut rules = Vec::new();
    for crd in crds() {
        messages_in(&serde_json::to_value(crd).unwrap(), &mut rules);
    }
    assert!(!rules.is_empty());
    let broken = broken();
    for rule in &rules {
        assert!(
            broken.iter().any(|broken| broken.message == rule),
            "no object breaks: {rule}"
        );
    }
}
