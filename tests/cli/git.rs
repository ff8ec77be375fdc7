//! `validate --base` and `plan --observed`: against what Git holds, without any DOOR OS.

use std::path::Path;
use std::process::Command;

use crate::fixture::{PROPERTY, assignment, key, run_in};
use tempfile::TempDir;

/// Runs Git in a folder.
pub fn git(folder: &Path, words: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.invalid"])
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Makes a folder a repository with one commit.
pub fn repository_of(folder: &Path) {
    git(folder, &["init", "-q"]);
    commit(folder);
}

/// Commits everything in a folder.
pub fn commit(folder: &Path) {
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "base"]);
}

fn repository() -> TempDir {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("property.yaml"), PROPERTY).unwrap();
    std::fs::write(
        folder.path().join("k.yaml"),
        key("tours", "TourPass", "Unit 101"),
    )
    .unwrap();
    std::fs::write(
        folder.path().join("a.yaml"),
        assignment("parcel", "Parcel Runner", "Mail Room, Garage Gate"),
    )
    .unwrap();
    repository_of(folder.path());
    folder
}

#[test]
fn a_keys_partner_may_not_change_against_the_base() {
    let folder = repository();
    run_in(folder.path(), &["validate", "--base", "HEAD"]).exits(0);
    std::fs::write(
        folder.path().join("k.yaml"),
        key("tours", "Parcel Runner", "Unit 101"),
    )
    .unwrap();
    run_in(folder.path(), &["validate"]).exits(0);
    let said = run_in(folder.path(), &["validate", "--base", "HEAD"]).exits(3);
    assert!(
        said.out.contains("k.yaml:6:12: PartnerImmutable"),
        "{}",
        said.out
    );
    assert!(said.out.contains("move its holders"), "{}", said.out);
    // A new object for the same key name is the same way around the rule.
    std::fs::write(
        folder.path().join("k.yaml"),
        format!(
            "{}  keyName: tours\n",
            key("viewings", "Parcel Runner", "Unit 101")
        ),
    )
    .unwrap();
    let around = run_in(folder.path(), &["validate", "--base", "HEAD"]).exits(3);
    assert!(around.out.contains("PartnerImmutable"), "{}", around.out);
}

#[test]
fn a_base_that_is_not_there_exits_1_and_says_what_to_do() {
    let folder = repository();
    let said = run_in(folder.path(), &["validate", "--base", "no-such-branch"]).exits(1);
    assert!(said.err.contains("no-such-branch"), "{}", said.err);
}

#[test]
fn every_fault_of_a_file_is_told_with_its_place() {
    let folder = TempDir::new().unwrap();
    std::fs::write(
        folder.path().join("bad.yaml"),
        "apiVersion: opendoor.dev/v1alpha1
kind: DoorAssignment
metadata: { name: x }
spec:
  propertyRef: { name: nowhere }
  partnr: Parcel Runner
  doors: [101, Mail Room]
",
    )
    .unwrap();
    let said = run_in(folder.path(), &["validate"]).exits(3);
    for part in ["bad.yaml:6:3", "partner", "bad.yaml:7:11", "quote"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
}

#[test]
fn a_table_of_doors_gives_the_clicks() {
    let folder = repository();
    std::fs::write(
        folder.path().join("doors.csv"),
        "building,door,partner,connected\nHarbor Point,Mail Room,none,yes\nHarbor Point,Garage Gate,Parcel Runner,no\n\
         Harbor Point,Unit 101,none,no\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("a.yaml"),
        assignment("parcel", "Parcel Runner", "Mail Room"),
    )
    .unwrap();
    let plan = ["plan", "--observed", "doors.csv", "--base", "HEAD"];
    let clicks = run_in(folder.path(), &[&plan[..], &["-o", "clicks"]].concat()).exits(2);
    for part in [
        "Access > Doors > Mail Room > Edit door > partner: Parcel Runner > Save",
        "Access > Doors > Garage Gate > Edit door > partner: None > Save",
        "Door Sync",
    ] {
        assert!(clicks.out.contains(part), "{part}: {}", clicks.out);
    }
    let json = run_in(folder.path(), &[&plan[..], &["-o", "json"]].concat())
        .exits(2)
        .json();
    assert_eq!(json["steps"][0]["door"]["uuid"], serde_json::Value::Null);
    // What nobody wrote down of a lock is not said of it.
    for (connected, remark) in [("no", "  offline: 1 visit;"), ("", "  1 visit;")] {
        let table = format!(
            "building,door,partner,connected\nHarbor Point,Mail Room,none,yes\n\
             Harbor Point,Garage Gate,Parcel Runner,{connected}\nHarbor Point,Unit 101,none,no\n"
        );
        std::fs::write(folder.path().join("doors.csv"), table).unwrap();
        let said = run_in(folder.path(), &plan).exits(2);
        assert!(said.out.contains(remark), "{remark}: {}", said.out);
    }
    std::fs::write(
        folder.path().join("doors.csv"),
        "door,partner\n,Parcel Runner\n",
    )
    .unwrap();
    let bad = run_in(folder.path(), &["plan", "--observed", "doors.csv"]).exits(1);
    assert!(bad.err.contains("doors.csv:2"), "{}", bad.err);
}
