//! The health that Argo CD sees: our script, run by the interpreter that Argo CD has inside, over objects as
//! the real operator leaves them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use opendoor_planner::reasons::{Class, Reason};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::{ControlPlane, root, wait_until};
use crate::operator::{PATIENCE, PROPERTY, Site, WORLD, assignment, portfolio};
use crate::tools;
use crate::yaml::key;

fn folder() -> PathBuf {
    root().join("examples/gitops/argocd")
}

fn script() -> String {
    fs::read_to_string(folder().join("health.lua")).unwrap()
}

/// JSON as a Lua expression. Absent and null are the same there.
fn lua_of(value: &Value) -> String {
    match value {
        Value::Null => String::from("nil"),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(lua_of).collect();
            format!("{{{}}}", items.join(","))
        }
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("[{}]={}", quoted(name), lua_of(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::String(text) => quoted(text),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// Every byte by its number, so that no text can end the string.
fn quoted(text: &str) -> String {
    let bytes: String = text.bytes().map(|byte| format!("\\{byte:03}")).collect();
    format!("\"{bytes}\"")
}

/// Status and message of an object, without the libraries that Argo CD keeps from its scripts.
fn health(object: &Value) -> (String, String) {
    let place = TempDir::new().unwrap();
    let program = format!(
        "local print = print\nstring, io, os, debug, coroutine, math = nil\nobj = {}\nlocal function check()\n{}\nend\n\
         local hs = check()\nprint(hs.status)\nprint(hs.message)\n",
        lua_of(object),
        script()
    );
    let file = place.path().join("check.lua");
    fs::write(&file, program).unwrap();
    let output = Command::new(tools::lua()).arg(&file).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (status, message) = said.split_once('\n').unwrap();
    (status.to_owned(), message.trim_end().to_owned())
}

fn object(status: &Value) -> Value {
    json!({ "kind": "Property", "metadata": { "generation": 3 }, "status": status })
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": reason, "message": format!("of {kind}.") })
}

#[test]
fn what_nobody_has_looked_at_is_progressing() {
    let ready = json!([condition("Ready", "True", "InSync")]);
    for status in [
        Value::Null,
        json!({}),
        json!({ "observedGeneration": -1 }),
        json!({ "conditions": ready }),
        json!({ "observedGeneration": 2, "conditions": ready }),
        json!({ "observedGeneration": 3 }),
        json!({ "observedGeneration": 3, "conditions": [] }),
    ] {
        let (said, message) = health(&object(&status));
        assert_eq!(said, "Progressing", "{status}");
        assert!(message.contains("not looked"), "{message}");
    }
    let (said, message) = health(&object(
        &json!({ "observedGeneration": 3, "conditions": ready }),
    ));
    assert_eq!((said.as_str(), message.as_str()), ("Healthy", "of Ready."));
}

#[test]
fn stalled_is_degraded_unless_it_is_peoples_turn() {
    for reason in Reason::ALL {
        let status = json!({
            "observedGeneration": 3,
            "conditions": [
                condition("Ready", "False", reason.as_str()),
                condition("Stalled", "True", reason.as_str()),
            ],
        });
        let expected = match reason.class() {
            Class::Waiting => "Suspended",
            _ => "Degraded",
        };
        let (said, message) = health(&object(&status));
        assert_eq!(said, expected, "{reason}");
        assert_eq!(message, format!("{reason}: of Stalled."));
    }
}

#[test]
fn every_kind_has_the_script() {
    // As the file's own first lines say: by the real kubectl, over what an installation has already.
    let place = TempDir::new().unwrap();
    let before = place.path().join("before.yaml");
    let own = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "argocd-cm", "namespace": "argocd" },
        "data": { "url": "https://argo.example.com" },
    });
    fs::write(&before, own.to_string()).unwrap();
    let patched = Command::new(tools::kubectl())
        .args(["patch", "--local", "-o", "json", "-f"])
        .arg(&before)
        .arg("--patch-file")
        .arg(folder().join("argocd-cm.yaml"))
        .output()
        .unwrap();
    assert!(patched.status.success(), "{patched:?}");
    let map: Value = serde_json::from_slice(&patched.stdout).unwrap();
    let mut data = map["data"].as_object().unwrap().clone();
    assert!(data.remove("url").is_some(), "what was there stays");
    let mut kinds: Vec<String> = fs::read_dir(root().join("crds"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .map(|text| {
            let kind = text.lines().find_map(|line| {
                line.trim()
                    .strip_prefix("kind: ")
                    .filter(|kind| *kind != "CustomResourceDefinition")
            });
            format!(
                "resource.customizations.health.opendoor.dev_{}",
                kind.unwrap()
            )
        })
        .collect();
    kinds.sort();
    assert_eq!(data.keys().cloned().collect::<Vec<_>>(), kinds);
    for (kind, text) in data {
        assert_eq!(text.as_str(), Some(script().as_str()), "{kind}");
    }
}

#[test]
fn the_operators_own_words_make_the_health() {
    let site = Site::bare(ControlPlane::shared(), WORLD);
    site.apply(&portfolio("Apply"));
    site.apply(PROPERTY);
    site.apply(&assignment(
        "parcel",
        "Parcel Runner",
        "Garage Gate, Mail Room",
    ));
    let of = |kind: &str, name: &str| health(&site.object(kind, name));
    for (kind, name) in [
        ("portfolio", "harbor-living"),
        ("property", "harbor-point"),
        ("doorassignment", "parcel"),
    ] {
        assert_eq!(
            of(kind, name).0,
            "Progressing",
            "before the operator: {kind}"
        );
    }
    let operator = site.operator("a");
    let until = |kind: &str, name: &str, status: &str, word: &str| {
        wait_until(PATIENCE, &format!("{kind}/{name} {status}"), || {
            let (said, message) = of(kind, name);
            if said == status && message.contains(word) {
                Ok(message)
            } else {
                Err(format!("{said}: {message}"))
            }
        })
    };
    until("portfolio", "harbor-living", "Healthy", "");
    until("property", "harbor-point", "Healthy", "");
    until("doorassignment", "parcel", "Healthy", "");
    // An offline lock does not touch health: it is told in the message, and by the order.
    site.sync("Garage Gate", "full");
    site.until("property", "harbor-point", "SyncRequired", "False");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    let order = || {
        let orders = site.namespace.kubectl(&["get", "dso", "-o", "json"]);
        orders.works().json()["items"][0].clone()
    };
    until("property", "harbor-point", "Healthy", "DoorSyncRequired");
    let (said, message) = health(&order());
    assert_eq!(said, "Suspended", "{message}");
    // A refusal is ours to correct, an authorisation is DOOR's to give.
    site.apply(&assignment("second", "CleanCo", "Package Room"));
    until("doorassignment", "second", "Degraded", "PartnerNotListed: ");
    until("property", "harbor-point", "Degraded", "PartnerNotListed: ");
    site.apply(&PROPERTY.replace(
        "{ name: TourPass }",
        "{ name: TourPass }, { name: CleanCo }",
    ));
    until(
        "doorassignment",
        "second",
        "Suspended",
        "AwaitingAuthorization: ",
    );
    until(
        "property",
        "harbor-point",
        "Suspended",
        "AwaitingAuthorization: ",
    );
    // A deletion that is held says why it waits.
    site.apply(&key("tours", "TourPass", "Unit 101"));
    until("partnerkey", "tours", "Healthy", "");
    let uuid = site.simulator.key_uuid("Harbor Point", "tours").unwrap();
    site.call(
        "PATCH",
        &format!("/sim/v1/keys/{uuid}"),
        &json!({"holders": {"GUEST": 3}}),
    );
    site.delete(&["partnerkey", "tours"]);
    until("partnerkey", "tours", "Progressing", "Being deleted");
    until("partnerkey", "tours", "Progressing", "HoldersAffected");
    drop(operator);
}
