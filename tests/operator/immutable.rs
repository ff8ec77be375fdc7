//! The partner of a partner key never changes and is never cleared, whatever way somebody tries it.

use serde_json::{Value, json};

use crate::control_plane::{ADMIN, ControlPlane, Namespace, Said};

/// What a manager has to know: that it is for good, what to do instead, and what that costs.
const SENTENCE: &str = "DOOR OS never changes or clears a key's partner. Create a new PartnerKey with another keyName, move its \
                        holders, then delete this one; its doorcodes go with it.";

fn key() -> Value {
    json!({
        "apiVersion": "opendoor.dev/v1alpha1", "kind": "PartnerKey", "metadata": { "name": "cleaners" },
        "spec": {
            "propertyRef": { "name": "harbor-point" }, "partner": "CleanCo", "keyName": "Cleaners",
            "doors": [{ "name": "Mail Room" }],
            "schedule": [{ "days": ["Monday"], "from": "08:00", "to": "12:00" }],
            "adopt": { "acknowledge": "ConvertsToPartnerKeyForGood" },
        },
    })
}

fn with_key() -> Namespace<'static> {
    let here = ControlPlane::shared().namespace();
    here.apply(&key().to_string()).works();
    here
}

/// The key as it is now.
fn now(here: &Namespace<'_>) -> Value {
    here.kubectl(&["get", "partnerkey", "cleaners", "-o", "json"])
        .works()
        .json()
}

fn patch(here: &Namespace<'_>, form: &str, patch: &Value) -> Said {
    let patch = patch.to_string();
    here.kubectl(&[
        "patch",
        "partnerkey",
        "cleaners",
        "--type",
        form,
        "-p",
        &patch,
    ])
}

fn replace(here: &Namespace<'_>, object: &Value) -> Said {
    here.kubectl_as(ADMIN, &["replace", "-f", "-"], &object.to_string())
}

#[track_caller]
fn still_cleanco(here: &Namespace<'_>) {
    assert_eq!(now(here)["spec"]["partner"], "CleanCo");
}

#[test]
fn another_partner_is_refused_with_what_to_do() {
    let here = with_key();
    let mut other = key();
    other["spec"]["partner"] = json!("Homely");
    let said = here.apply(&other.to_string()).refused(&[SENTENCE]);
    assert!(said.err.contains("spec.partner: "), "{}", said.err);
    replace(&here, &other).refused(&[SENTENCE]);
    here.kubectl_as(
        ADMIN,
        &["apply", "--server-side", "--force-conflicts", "-f", "-"],
        &other.to_string(),
    )
    .refused(&[SENTENCE]);
    patch(&here, "merge", &json!({ "spec": { "partner": "Homely" } })).refused(&[SENTENCE]);
    let set = json!([{ "op": "replace", "path": "/spec/partner", "value": "Homely" }]);
    patch(&here, "json", &set).refused(&[SENTENCE]);
    let again = json!([
        { "op": "remove", "path": "/spec/partner" },
        { "op": "add", "path": "/spec/partner", "value": "Homely" },
    ]);
    patch(&here, "json", &again).refused(&[SENTENCE]);
    // The same partner by another spelling is another text: only the uuid's owner could tell.
    let spelling = json!({ "spec": { "partner": "Cleanco" } });
    patch(&here, "merge", &spelling).refused(&[SENTENCE]);
    still_cleanco(&here);
}

#[test]
fn no_partner_is_refused_too() {
    let here = with_key();
    let mut cleared = key();
    cleared["spec"].as_object_mut().unwrap().remove("partner");
    let required = "spec.partner: Required value";
    here.apply(&cleared.to_string()).refused(&[required]);
    replace(&here, &cleared).refused(&[required]);
    let removed = json!([{ "op": "remove", "path": "/spec/partner" }]);
    patch(&here, "json", &removed).refused(&[required]);
    patch(&here, "merge", &json!({ "spec": { "partner": null } })).refused(&[required]);
    for empty in ["", " "] {
        let empty = json!({ "spec": { "partner": empty } });
        patch(&here, "merge", &empty).refused(&["spec.partner: Invalid value"]);
    }
    still_cleanco(&here);
}

/// A rule about a change sees nothing to compare once the parent is gone: so the parents must not go.
#[test]
fn the_partner_does_not_go_with_what_it_stands_in() {
    let here = with_key();
    let mut bare = key();
    bare.as_object_mut().unwrap().remove("spec");
    let required = "spec: Required value";
    replace(&here, &bare).refused(&[required]);
    for path in ["/spec", "/spec/propertyRef"] {
        let removed = json!([{ "op": "remove", "path": path }]);
        patch(&here, "json", &removed).refused(&["Required value"]);
    }
    patch(&here, "merge", &json!({ "spec": null })).refused(&[required]);
    let mut other = key()["spec"].clone();
    other["partner"] = json!("Homely");
    let again = json!([
        { "op": "remove", "path": "/spec" },
        { "op": "add", "path": "/spec", "value": other },
    ]);
    patch(&here, "json", &again).refused(&[SENTENCE]);
    // By the back door of status nothing of the spec changes.
    let status = json!({ "spec": { "partner": "Homely" }, "status": { "observedGeneration": 1 } })
        .to_string();
    here.kubectl(&[
        "patch",
        "partnerkey",
        "cleaners",
        "--subresource=status",
        "--type=merge",
        "-p",
        &status,
    ])
    .works();
    still_cleanco(&here);
}

/// What may be left out comes and goes; the rule holds before, meanwhile and after.
#[test]
fn optional_parts_come_and_go_and_the_partner_stays() {
    let here = with_key();
    let homely = json!({ "spec": { "partner": "Homely" } });
    for path in ["adopt", "schedule", "keyName", "deletionPolicy"] {
        let had = now(&here)["spec"][path].clone();
        let together = json!([
            { "op": "remove", "path": format!("/spec/{path}") },
            { "op": "replace", "path": "/spec/partner", "value": "Homely" },
        ]);
        patch(&here, "json", &together).refused(&[SENTENCE]);
        let removed = json!([{ "op": "remove", "path": format!("/spec/{path}") }]);
        patch(&here, "json", &removed).works();
        patch(&here, "merge", &homely).refused(&[SENTENCE]);
        let together = json!({ "spec": { path: had, "partner": "Homely" } });
        patch(&here, "merge", &together).refused(&[SENTENCE]);
        patch(&here, "merge", &json!({ "spec": { path: had } })).works();
        patch(&here, "merge", &homely).refused(&[SENTENCE]);
        assert_eq!(now(&here)["spec"][path], had, "{path}");
    }
    still_cleanco(&here);
}

/// Another name for the key is a rename, and asks for nobody's leave.
#[test]
fn all_else_of_a_key_may_change() {
    let here = with_key();
    let change = json!({ "spec": { "keyName": "Night cleaners", "doors": [{ "name": "Gym" }], "schedule": null } });
    patch(&here, "merge", &change).works();
    let spec = now(&here)["spec"].clone();
    assert_eq!(spec["keyName"], "Night cleaners");
    assert_eq!(
        spec["doors"],
        json!([{ "name": "Gym", "provideDoorcodes": false }])
    );
}
