//! The rendered chart against the schemas of the API server it is made for, with kubeconform.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::chart::{EVERY_FLAG, NAMESPACES, documents, rendered};
use crate::control_plane::{ControlPlane, Said};
use crate::tools;

/// Kinds of monitoring that are no part of Kubernetes; other tests look at them.
const FOREIGN: [&str; 2] = ["ServiceMonitor", "PrometheusRule"];

/// kubeconform over some YAML, with the schemas in a folder.
fn kubeconform(schemas: &std::path::Path, yaml: &str) -> Said {
    let location = format!("{}/{{{{ .ResourceKind }}}}.json", schemas.display());
    let mut command = Command::new(tools::kubeconform());
    command
        .args([
            "-strict",
            "-summary",
            "-output",
            "json",
            "-schema-location",
            &location,
        ])
        .args(["-skip", &FOREIGN.join(",")])
        .arg("-");
    Said::of(&mut command, yaml)
}

/// The API server's own schemas, one file for each kind that the chart renders.
fn schemas_of(server: &ControlPlane, all: &[Value]) -> tempfile::TempDir {
    let swagger = server
        .kubectl(&["get", "--raw", "/openapi/v2"])
        .works()
        .json();
    let folder = tempfile::tempdir().unwrap();
    let mut definitions = swagger["definitions"].clone();
    for (name, definition) in definitions.as_object_mut().unwrap() {
        // Swagger cannot say that these are text or a number.
        if definition["format"] == "int-or-string" || name.ends_with(".resource.Quantity") {
            definition["type"] = json!(["string", "number"]);
        }
        // What is not named is not there: kubeconform is strict only where a schema is.
        let closed = definition.get("properties").is_some()
            && definition.get("additionalProperties").is_none();
        if closed && definition["x-kubernetes-preserve-unknown-fields"] != true {
            definition["additionalProperties"] = json!(false);
        }
    }
    for document in all {
        let (group, version) = match document["apiVersion"].as_str().unwrap().split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", document["apiVersion"].as_str().unwrap()),
        };
        let kind = document["kind"].as_str().unwrap();
        let wanted = json!({ "group": group, "version": version, "kind": kind });
        let found = definitions
            .as_object()
            .unwrap()
            .iter()
            .find(|(_, definition)| {
                let named = definition["x-kubernetes-group-version-kind"].as_array();
                named.is_some_and(|named| named.contains(&wanted))
            });
        let Some((name, _)) = found else {
            assert!(FOREIGN.contains(&kind), "the API server knows no {wanted}");
            continue;
        };
        let schema = json!({ "$ref": format!("#/definitions/{name}"), "definitions": definitions });
        let file = folder.path().join(format!("{}.json", kind.to_lowercase()));
        fs::write(file, schema.to_string()).unwrap();
    }
    folder
}

#[test]
fn every_rendered_manifest_fits_its_schema() {
    for values in ["", EVERY_FLAG, NAMESPACES] {
        let more: &[&str] = if values.is_empty() {
            &[]
        } else {
            &["--values", values]
        };
        let yaml = rendered("opendoor", "opendoor-system", more);
        let all = documents(&yaml);
        let schemas = schemas_of(ControlPlane::shared(), &all);
        let said = kubeconform(schemas.path(), &yaml);
        let summary = said.json()["summary"].clone();
        assert!(said.ok, "{values}: {}", said.out);
        assert!(summary["valid"].as_u64().unwrap() >= 10, "{summary}");
        // The same with one field misspelt is not taken.
        let wrong = yaml.replacen("serviceAccountName:", "serviceAcountName:", 1);
        assert_ne!(wrong, yaml);
        assert!(!kubeconform(schemas.path(), &wrong).ok);
    }
}
