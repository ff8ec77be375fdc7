//! Objects that no API server of today would take, and references that lead elsewhere.

use std::time::Duration;

use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, root, wait_until};
use crate::operator::{PATIENCE, PROPERTY, Site, WORLD, assignment, portfolio};
use crate::yaml::key;

/// Our definitions as an older version might have had them: anything goes.
fn install_lenient_definitions(server: &ControlPlane) {
    server.install_crds();
    for kind in ["doorassignments", "partnerkeys"] {
        let name = format!("{kind}.opendoor.dev");
        let mut crd = server
            .kubectl(&["get", "crd", &name, "-o", "json"])
            .works()
            .json();
        crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = json!({
            "type": "object", "x-kubernetes-preserve-unknown-fields": true,
        });
        crd["spec"]["versions"][0]["selectableFields"] = Value::Null;
        crd["metadata"]["managedFields"] = Value::Null;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), crd.to_string()).unwrap();
        let path = file.path().to_str().unwrap();
        server.kubectl(&["replace", "-f", path]).works();
    }
}

#[test]
fn an_object_that_cannot_be_parsed_is_reported_on_and_stops_nobody() {
    let server = Box::leak(Box::new(ControlPlane::private(&[])));
    install_lenient_definitions(server);
    let site = Site::bare(server, WORLD);
    site.apply(&portfolio("Apply"));
    site.apply(PROPERTY);
    let broken = json!({
        "apiVersion": "opendoor.dev/v1alpha1", "kind": "DoorAssignment", "metadata": { "name": "broken" },
        "spec": { "propertyRef": { "name": "harbor-point" }, "partner": 7, "dors": ["Mail Room"] },
    });
    site.apply(&broken.to_string());
    site.apply(&assignment("sound", "Parcel Runner", "Mail Room"));
    let _operator = site.operator("a");
    site.until("da", "sound", "Ready", "True");
    let told = site.until("da", "broken", "Stalled", "True");
    assert_eq!(told.reason, "Invalid");
    assert!(
        told.message.contains("dors") || told.message.contains("partner"),
        "{}",
        told.message
    );
    let property = site.object("property", "harbor-point");
    assert_eq!(
        property["status"]["plan"]["refused"][0]["reason"], "Invalid",
        "{property}"
    );

    // A partner that was changed where no rule stood in the way is refused all the same.
    site.apply(&key("tours", "TourPass", "Front Entrance"));
    site.until("pk", "tours", "Ready", "True");
    let writes = site.writes();
    site.apply(&key("tours", "Parcel Runner", "Front Entrance"));
    let refused = site.until("pk", "tours", "Stalled", "True");
    assert_eq!(refused.reason, "PartnerImmutable");
    assert!(
        refused.message.contains("Create a new PartnerKey"),
        "{}",
        refused.message
    );
    assert_eq!(site.writes(), writes);
    // With its real definition the object is what it was.
    server
        .kubectl(&[
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            root().join("crds").to_str().unwrap(),
        ])
        .works();
    site.apply(&assignment(
        "sound",
        "Parcel Runner",
        "Mail Room, Package Room",
    ));
    site.until("da", "sound", "Ready", "True");
}

#[test]
fn nothing_refers_to_another_namespace() {
    let (here, there) = (Site::new("Apply"), Site::new("Apply"));
    let elsewhere = format!(
        "propertyRef: {{ name: harbor-point, namespace: {} }}",
        there.namespace.name
    );
    let text = assignment("stray", "Parcel Runner", "Mail Room")
        .replace("propertyRef: { name: harbor-point }", &elsewhere);
    let refused = here.namespace.apply(&text);
    assert!(
        !refused.ok && refused.err.contains("namespace"),
        "{}",
        refused.err
    );
    // Credentials of another namespace are not found.
    here.delete(&["secret", "door-os"]);
    let _operator = here.operator("a");
    assert_eq!(
        here.until("property", "harbor-point", "Stalled", "True")
            .reason,
        "CredentialsMissing"
    );
}

#[test]
fn a_connection_that_is_not_offered_to_the_namespace_is_refused() {
    let site = Site::new("Apply");
    let other = portfolio("Apply").replace("spec:", "spec:\n  connection: elsewhere");
    site.apply(&other);
    let _operator = site.operator("a");
    let refused = site.until("property", "harbor-point", "Stalled", "True");
    assert_eq!(refused.reason, "ConnectionNotOffered");
    assert!(
        refused.message.contains("offered: door"),
        "{}",
        refused.message
    );
}

#[test]
fn access_that_ends_by_its_validity_ends_without_anything_to_wake_us() {
    let site = Site::new("Apply");
    // No check comes to help.
    site.apply(&portfolio("Apply").replace("checkInterval: 10s", "checkInterval: 1h"));
    let _operator = site.operator("a");
    site.until("property", "harbor-point", "Ready", "True");
    // Long enough to see it begin, on a busy machine.
    const AHEAD: i64 = 30;
    let now = site.simulator.now().as_second();
    let until = jiff::Timestamp::from_second(now + AHEAD).unwrap();
    let limited = format!(
        "{}  validity: {{ until: \"{until}\" }}\n",
        assignment("short", "Parcel Runner", "Mail Room")
    );
    site.apply(&limited);
    site.until("da", "short", "Ready", "True");
    assert_eq!(site.on_door("Mail Room").as_deref(), Some("Parcel Runner"));
    let patience = Duration::from_secs(AHEAD.unsigned_abs()) + PATIENCE;
    wait_until(patience, "it ended", || match site.on_door("Mail Room") {
        None => Ok(()),
        Some(partner) => Err(partner),
    });
    assert!(site.simulator.now() >= until);
}
