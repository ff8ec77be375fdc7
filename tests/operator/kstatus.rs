//! What `kubectl`-like tools make of our objects: the rules of kstatus, written down, over our statuses.

use serde_json::{Value, json};

use crate::control_plane::wait_until;
use crate::operator::{PATIENCE, Site, assignment};

/// How an object reads to Flux and other tools that follow kstatus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    Current,
    InProgress,
    Failed,
    Terminating,
}

/// The rules of kstatus for a custom resource, in their order.
fn kstatus(object: &Value) -> (Reads, String) {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return (Reads::Terminating, String::new());
    }
    let observed = &object["status"]["observedGeneration"];
    if !observed.is_null() && *observed != object["metadata"]["generation"] {
        return (
            Reads::InProgress,
            String::from("the generation is not observed"),
        );
    }
    let empty = Vec::new();
    let conditions = object["status"]["conditions"].as_array().unwrap_or(&empty);
    let of = |kind: &str| {
        conditions
            .iter()
            .find(|condition| condition["type"] == kind)
    };
    let why = |condition: &Value| condition["reason"].as_str().unwrap_or_default().to_owned();
    for (kind, reads) in [
        ("Reconciling", Reads::InProgress),
        ("Stalled", Reads::Failed),
    ] {
        if let Some(condition) = of(kind).filter(|condition| condition["status"] == "True") {
            return (reads, why(condition));
        }
    }
    match of("Ready") {
        Some(ready) if ready["status"] == "True" => (Reads::Current, why(ready)),
        Some(ready) => (Reads::InProgress, why(ready)),
        // kstatus reads an object without any of this as current.
        None => (Reads::Current, String::new()),
    }
}

#[test]
fn an_object_never_reads_current_before_we_looked_and_failed_only_for_a_person() {
    let site = Site::new("Apply");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    for (kind, name) in [
        ("da", "parcel"),
        ("property", "harbor-point"),
        ("pf", "harbor-living"),
    ] {
        let (reads, why) = kstatus(&site.object(kind, name));
        assert_eq!(reads, Reads::InProgress, "{kind}: {why}");
    }
    let operator = site.operator("a");
    let reads = |kind: &str, name: &str, wanted: Reads| {
        wait_until(PATIENCE, &format!("{kind}/{name} reads {wanted:?}"), || {
            let (reads, why) = kstatus(&site.object(kind, name));
            if reads == wanted {
                Ok(why)
            } else {
                Err(format!("{reads:?} {why}"))
            }
        })
    };
    for (kind, name) in [
        ("da", "parcel"),
        ("property", "harbor-point"),
        ("pf", "harbor-living"),
    ] {
        reads(kind, name, Reads::Current);
    }
    // A change is not current until it was seen.
    operator.signal("STOP");
    site.apply(&assignment(
        "parcel",
        "Parcel Runner",
        "Mail Room, Package Room",
    ));
    let (now, why) = kstatus(&site.object("da", "parcel"));
    assert_eq!(now, Reads::InProgress, "{why}");
    operator.signal("CONT");
    reads("da", "parcel", Reads::Current);
    // Waiting for a person reads failed, with the reason.
    let listed = crate::operator::PROPERTY.replace("[{", "[{ name: CleanCo }, {");
    site.apply(&listed);
    site.apply(&assignment("clean", "CleanCo", "Loading Dock"));
    assert_eq!(reads("da", "clean", Reads::Failed), "AwaitingAuthorization");
    assert_eq!(
        reads("property", "harbor-point", Reads::Failed),
        "AwaitingAuthorization"
    );
    assert_eq!(
        reads("pf", "harbor-living", Reads::Failed),
        "AwaitingAuthorization"
    );
    // An offline lock that still opens for a removed partner does not.
    reads("da", "parcel", Reads::Current);
    // DOOR OS being away is in progress: it is tried again unaided.
    site.faults(&json!([{ "kind": "serverError" }]));
    assert_eq!(
        reads("property", "harbor-point", Reads::InProgress),
        "BackendUnavailable"
    );
    site.delete(&["da", "parcel"]);
    reads("da", "parcel", Reads::Terminating);
    site.faults(&json!([]));
    site.until_gone("da", "parcel");
}
