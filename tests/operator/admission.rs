//! The API server takes our definitions as they are shipped, and kubectl shows objects as the documentation says.

use opendoor_api::crds;
use serde_json::{Value, json};

use crate::control_plane::{ADMIN, ControlPlane, Namespace, Said, root};

/// One object of every kind, as a manager (or, for the last, the operator) writes it.
const OBJECTS: &str = "
apiVersion: opendoor.dev/v1alpha1
kind: Portfolio
metadata: { name: east }
spec: { connection: door, credentialsSecretRef: { name: door-os } }
---
apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: harbor-point }
spec: { building: Harbor Point, partners: [{ name: CleanCo }] }
---
apiVersion: opendoor.dev/v1alpha1
kind: DoorAssignment
metadata: { name: cleaners }
spec: { propertyRef: { name: harbor-point }, partner: CleanCo, doors: [Mail Room] }
---
apiVersion: opendoor.dev/v1alpha1
kind: PartnerKey
metadata: { name: cleaners }
spec: { propertyRef: { name: harbor-point }, partner: CleanCo, doors: [{ name: Mail Room }] }
---
apiVersion: opendoor.dev/v1alpha1
kind: DoorSyncOrder
metadata: { name: harbor-point }
";

const PLURALS: [&str; 5] = [
    "portfolios",
    "properties",
    "doorassignments",
    "partnerkeys",
    "doorsyncorders",
];
const SHORT_NAMES: [&str; 5] = ["pf", "prop", "da", "pk", "dso"];

fn with_objects() -> Namespace<'static> {
    let here = ControlPlane::shared().namespace();
    let said = here.apply(OBJECTS).works();
    assert_eq!(said.err, "", "no warning");
    here
}

#[test]
fn every_definition_is_taken_without_a_warning() {
    let empty = ControlPlane::private(&[]);
    let folder = root().join("crds");
    let said = empty
        .kubectl(&["create", "-f", folder.to_str().unwrap()])
        .works();
    assert_eq!(said.err, "", "a warning");
    empty.install_crds();
    let found = empty.kubectl(&["get", "crds", "-o", "json"]).works().json();
    let found = found["items"].as_array().unwrap();
    assert_eq!(found.len(), crds().len());
    for crd in found {
        let mut conditions: Vec<(&str, &str)> = crd["status"]["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|condition| {
                (
                    condition["type"].as_str().unwrap(),
                    condition["status"].as_str().unwrap(),
                )
            })
            .collect();
        conditions.sort_unstable();
        // Any other would be a complaint, such as NonStructuralSchema.
        let name = &crd["metadata"]["name"];
        assert_eq!(
            conditions,
            [("Established", "True"), ("NamesAccepted", "True")],
            "{name}"
        );
    }

    // The test above would see a warning: this is the kind of definition that gets one.
    let unknown_format = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "doors.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": { "plural": "doors", "kind": "Door" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": {
                "type": "object", "properties": { "spec": { "type": "integer", "format": "uint32" } },
            } } }],
        },
    });
    let here = empty.namespace();
    let said = here.apply(&unknown_format.to_string()).works();
    assert!(
        said.err.contains("Warning: unrecognized format"),
        "{}",
        said.err
    );
}

#[test]
fn short_names_and_the_category_find_every_kind() {
    let here = with_objects();
    let names = |words: &[&str]| {
        let said = here
            .kubectl(&[&["get", "-o", "name"], words].concat())
            .works();
        let mut lines: Vec<String> = said.out.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let all = names(&[&PLURALS.join(",")]);
    assert_eq!(all.len(), 5, "{all:?}");
    assert_eq!(names(&[&SHORT_NAMES.join(",")]), all);
    assert_eq!(names(&["opendoor"]), all);
}

#[test]
fn kubectl_get_shows_the_columns() {
    let here = with_objects();
    for crd in crds() {
        let plural = crd.spec.names.plural.as_str();
        for (wide, form) in [(false, ""), (true, "wide")] {
            let shown = here.kubectl(&["get", plural, "-o", form]).works();
            let columns: Vec<String> = crd.spec.versions[0]
                .additional_printer_columns
                .as_ref()
                .unwrap()
                .iter()
                .filter(|column| wide || column.priority.unwrap_or(0) == 0)
                .map(|column| column.name.to_uppercase())
                .collect();
            let header = shown.out.lines().next().unwrap();
            let header: Vec<&str> = header.split("  ").filter(|name| !name.is_empty()).collect();
            let header: Vec<&str> = header.iter().map(|name| name.trim()).collect();
            assert_eq!(header[0], "NAME");
            assert_eq!(header[1..], columns, "{plural}");
        }
    }
    let keys = here.kubectl(&["get", "pk", "--no-headers"]).works();
    let cells: Vec<&str> = keys.out.split_whitespace().collect();
    assert_eq!(cells[..3], ["cleaners", "harbor-point", "CleanCo"]);
}

/// So that neither Flux nor `kubectl wait` takes a new object for a finished one.
#[test]
fn nothing_looks_finished_before_we_looked() {
    let here = ControlPlane::shared().namespace();
    let claims = "
apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: harbor-point }
spec: { building: Harbor Point }
status: { observedGeneration: 1 }
";
    // Not with `apply`, which remembers what it was given.
    let created = here.kubectl_as(ADMIN, &["create", "-o", "json", "-f", "-"], claims);
    let fresh = json!({ "observedGeneration": -1 });
    assert_eq!(
        created.works().json()["status"],
        fresh,
        "as the answer has it"
    );
    here.apply(OBJECTS).works();
    for plural in PLURALS {
        let listed = here.kubectl(&["get", plural, "-o", "json"]).works().json();
        assert_eq!(
            listed["items"][0]["status"], fresh,
            "{plural}, as a list has it"
        );
    }
    here.kubectl(&[
        "wait",
        "--for=condition=Ready",
        "--timeout=1s",
        "property/harbor-point",
    ])
    .refused(&["timed out waiting for the condition"]);
}

/// Whoever may write objects does not write what the operator found, and the operator does not write what is wanted.
#[test]
fn spec_and_status_are_written_apart() {
    let here = with_objects();
    let patch = |more: &[&str], change: Value| -> Said {
        let change = change.to_string();
        let words = [
            "patch",
            "property",
            "harbor-point",
            "--type=merge",
            "-p",
            &change,
            "-o",
            "json",
        ];
        here.kubectl(&[&words, more].concat())
    };
    let change = json!({ "spec": { "suspend": true }, "status": { "observedGeneration": 7 } });
    let spec = patch(&[], change.clone()).works().json();
    assert_eq!(spec["spec"]["suspend"], true);
    assert_eq!(spec["status"]["observedGeneration"], -1);
    assert_eq!(spec["metadata"]["generation"], 2);
    let change = json!({ "spec": { "suspend": false }, "status": { "observedGeneration": 2 } });
    let status = patch(&["--subresource=status"], change).works().json();
    assert_eq!(status["spec"]["suspend"], true);
    assert_eq!(status["status"]["observedGeneration"], 2);
    assert_eq!(
        status["metadata"]["generation"], 2,
        "a status is no new declaration"
    );
}

#[test]
fn a_misspelt_field_is_refused_by_kubectl_apply_as_well() {
    let here = ControlPlane::shared().namespace();
    for kind in ["Portfolio", "Property", "DoorAssignment", "PartnerKey"] {
        let object = OBJECTS
            .split("---")
            .find(|object| object.contains(&format!("kind: {kind}\n")))
            .unwrap()
            .replace("spec: {", "spec: { exeptDoors: [Roof],");
        // What strict validation refuses is dropped with a warning otherwise: kubectl's own default is strict.
        here.kubectl_as(ADMIN, &["apply", "-f", "-"], &object)
            .refused(&["unknown field \"spec.exeptDoors\""]);
        here.apply(&object)
            .refused(&["unknown field \"spec.exeptDoors\""]);
    }
    let order = "
apiVersion: opendoor.dev/v1alpha1
kind: DoorSyncOrder
metadata: { name: harbor-point }
spec: { doors: [] }
";
    here.apply(order).refused(&["unknown field \"spec\""]);
}
