//! What the other tests lean on: that the server of the tests behaves as a cluster's does.

use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::{ControlPlane, Namespace, PLAIN_USERS, wait_until};

const SOON: Duration = Duration::from_secs(30);

fn version_of(here: &Namespace<'_>, object: &str) -> String {
    let object = here.kubectl(&["get", object, "-o", "json"]).works().json();
    object["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The first event of a watch on ConfigMaps from a version on.
fn first_event(here: &Namespace<'_>, version: &str) -> Value {
    let path = format!(
        "/api/v1/namespaces/{}/configmaps?watch=1&resourceVersion={version}&timeoutSeconds=20",
        here.name
    );
    match here.first_line(&["get", "--raw", &path]) {
        Ok(line) => serde_json::from_str(&line).unwrap(),
        Err(why) => json!({ "type": "ERROR", "object": { "message": why } }),
    }
}

#[test]
fn a_plain_user_may_do_what_a_role_binding_says_and_nothing_else() {
    let here = ControlPlane::shared().namespace();
    for user in PLAIN_USERS {
        here.kubectl_as(user, &["get", "properties"], "")
            .refused(&["is forbidden", &format!("User \"{user}\"")]);
    }
    here.kubectl(&[
        "create",
        "role",
        "reader",
        "--verb=get,list",
        "--resource=properties.opendoor.dev",
    ])
    .works();
    here.kubectl(&[
        "create",
        "rolebinding",
        "reader",
        "--role=reader",
        "--user=manager",
    ])
    .works();
    // The authorizer learns of it by a watch.
    wait_until(SOON, "the role binding has an effect", || {
        let said = here.kubectl_as("manager", &["get", "properties"], "");
        if said.ok { Ok(()) } else { Err(said.err) }
    });
    here.kubectl_as("manager", &["delete", "property", "harbor-point"], "")
        .refused(&["is forbidden"]);
    here.kubectl_as("stranger", &["get", "properties"], "")
        .refused(&["is forbidden"]);
}

#[test]
fn the_token_of_a_service_account_comes_in() {
    let here = ControlPlane::shared().namespace();
    here.kubectl(&["create", "serviceaccount", "opendoor"])
        .works();
    let token = here.kubectl(&["create", "token", "opendoor"]).works().out;
    let said = here.kubectl_as(
        "stranger",
        &["auth", "whoami", "-o", "json", "--token", token.trim()],
        "",
    );
    let name = &said.works().json()["status"]["userInfo"]["username"];
    assert_eq!(
        *name,
        format!("system:serviceaccount:{}:opendoor", here.name)
    );
}

#[test]
fn a_deleted_namespace_empties_and_goes() {
    let here = ControlPlane::shared().namespace();
    here.apply("{ apiVersion: opendoor.dev/v1alpha1, kind: Property, metadata: { name: p }, spec: { building: P } }")
        .works();
    here.kubectl(&["delete", "namespace", &here.name, "--timeout=60s"])
        .works();
    here.kubectl(&["get", "namespace", &here.name])
        .refused(&["NotFound"]);
}

#[test]
fn what_a_deleted_object_owned_is_collected() {
    let here = ControlPlane::shared().namespace();
    here.apply("{ apiVersion: opendoor.dev/v1alpha1, kind: Property, metadata: { name: p }, spec: { building: P } }")
        .works();
    let owner = here
        .kubectl(&["get", "property", "p", "-o", "json"])
        .works()
        .json();
    let owned = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "owned", "ownerReferences": [{
            "apiVersion": "opendoor.dev/v1alpha1", "kind": "Property", "name": "p", "uid": owner["metadata"]["uid"],
        }] },
    });
    here.apply(&owned.to_string()).works();
    here.kubectl(&["create", "configmap", "free"]).works();
    here.kubectl(&["delete", "property", "p"]).works();
    wait_until(Duration::from_secs(60), "the owned ConfigMap goes", || {
        let said = here.kubectl(&["get", "configmap", "owned"]);
        if said.err.contains("NotFound") {
            Ok(())
        } else {
            Err(said.out)
        }
    });
    here.kubectl(&["get", "configmap", "free"]).works();
}

#[test]
fn a_server_started_again_has_the_same_address_and_objects() {
    let server = ControlPlane::private(&[]);
    let url = server.url();
    let name = {
        let here = server.namespace();
        here.kubectl(&["create", "configmap", "kept"]).works();
        here.name
    };
    server.stop();
    let down = server.kubectl(&["get", "configmap", "kept", "-n", &name]);
    down.refused(&["refused"]);
    server.start_again();
    assert_eq!(server.url(), url);
    server
        .kubectl(&["get", "configmap", "kept", "-n", &name])
        .works();
}

#[test]
fn a_watch_from_before_a_compaction_is_gone() {
    let server = ControlPlane::private(&["--watch-cache=false"]);
    let (name, old) = {
        let here = server.namespace();
        here.kubectl(&["create", "configmap", "a"]).works();
        let old = version_of(&here, "configmap/a");
        here.kubectl(&["create", "configmap", "b"]).works();
        here.kubectl(&["create", "configmap", "c"]).works();
        assert_eq!(first_event(&here, &old)["type"], "ADDED");
        (here.name, old)
    };
    server.compact();
    let here = Namespace {
        server: &server,
        name,
    };
    let event = first_event(&here, &old);
    let code = event.pointer("/object/code").or(event.get("code"));
    assert_eq!(code, Some(&json!(410)), "{event}");
}

#[test]
fn the_audit_log_says_who_did_what() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("audit.log");
    let server = ControlPlane::private(&["--audit-log", log.to_str().unwrap()]);
    let here = server.namespace();
    here.kubectl_as("stranger", &["delete", "secret", "door-os"], "")
        .refused(&["is forbidden"]);
    let text = fs::read_to_string(&log).unwrap();
    let found = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|event| event["user"]["username"] == "stranger" && event["verb"] == "delete");
    let event = found.expect("the request is in the log");
    assert_eq!(event["objectRef"]["resource"], "secrets");
    assert_eq!(event["objectRef"]["namespace"], here.name.as_str());
    assert_eq!(event["responseStatus"]["code"], 403);
    assert!(event.get("requestObject").is_none(), "no bodies");
}

/// The end of its stdin is what the server has to notice: that also comes when a test is killed.
#[test]
fn a_server_ends_with_whoever_started_it() {
    let server = ControlPlane::private(&[]);
    let address = server.url().replace("https://", "");
    let file = server.ca_file();
    assert!(TcpStream::connect(&address).is_ok());
    assert!(file.exists());
    drop(server);
    assert!(TcpStream::connect(&address).is_err());
    assert!(!file.exists(), "its files go with it");
}
