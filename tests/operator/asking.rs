//! `opendoor` and `kubectl opendoor` read from the cluster what the operator said.

use std::process::Command;

use crate::control_plane::{ADMIN, Said};
use crate::operator::{Site, assignment};

fn ask(site: &Site, program: &std::path::Path, words: &[&str]) -> (Said, Option<i32>) {
    let output = Command::new(program)
        .args(words)
        .args(["--namespace", &site.namespace.name])
        .env("KUBECONFIG", site.namespace.server.kubeconfig(ADMIN))
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let said = Said {
        ok: output.status.success(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    };
    (said, output.status.code())
}

#[test]
fn the_answers_are_the_operators() {
    let site = Site::new("Apply");
    let _operator = site.operator("a");
    site.apply(&assignment(
        "parcel",
        "Parcel Runner",
        "Mail Room, Garage Gate",
    ));
    site.until("da", "parcel", "Ready", "True");
    site.sync("Garage Gate", "full");
    site.until("da", "parcel", "SyncRequired", "False");
    site.apply(&assignment("parcel", "Parcel Runner", "Mail Room"));
    site.apply(&assignment("nobody", "Nobody", "Package Room"));
    site.until("property", "harbor-point", "SyncRequired", "True");
    site.until("da", "nobody", "Stalled", "True");

    let opendoor = std::path::PathBuf::from(env!("CARGO_BIN_EXE_opendoor"));
    let (said, _) = ask(&site, &opendoor, &["status", "--kubernetes"]);
    assert!(said.out.contains("DoorAssignment/nobody"), "{}", said.out);
    assert!(said.out.contains("PartnerNotListed"), "{}", said.out);
    let (said, code) = ask(&site, &opendoor, &["plan", "--kubernetes"]);
    assert_eq!(code, Some(3), "{}{}", said.out, said.err);
    assert!(said.out.contains("x PartnerNotListed"), "{}", said.out);
    let (said, _) = ask(&site, &opendoor, &["sync", "list", "--kubernetes"]);
    assert!(
        said.out.contains("Garage Gate  Parcel Runner"),
        "{}",
        said.out
    );
    let (said, _) = ask(&site, &opendoor, &["who", "Garage Gate", "--kubernetes"]);
    assert!(said.out.contains("STILL"), "{}", said.out);

    // As a plugin of kubectl it needs no flag.
    let folder = tempfile::TempDir::new().unwrap();
    let plugin = folder.path().join("kubectl-opendoor");
    std::os::unix::fs::symlink(&opendoor, &plugin).unwrap();
    let (said, _) = ask(&site, &plugin, &["who", "Parcel Runner"]);
    assert!(said.out.contains("Mail Room"), "{}{}", said.out, said.err);
    let (said, _) = ask(&site, &plugin, &["sync", "list", "-o", "json"]);
    assert_eq!(said.json()["waiting"][0]["door"]["name"], "Garage Gate");
}
