//! What may never change, and what Git held.

use std::path::Path;
use std::process::Command;

use opendoor_planner::reasons::Reason;
use opendoor_reconciler::check::{CheckError, Finding, check, validate};
use opendoor_reconciler::git::{GitError, read_at};
use tempfile::TempDir;

use crate::validate::{PROPERTY, assignment, at, key, sources};

fn changed(before: &[(&str, &str)], after: &[(&str, &str)]) -> Vec<Finding> {
    check(&sources(after), Some(&sources(before))).findings
}

#[test]
fn a_key_keeps_its_partner_wherever_it_is_written() {
    let was = key("tours", "TourPass", "Tours");
    let now = key("tours", "Parcel Runner", "Tours");
    let before = [("p.yaml", PROPERTY), ("old/tours.yaml", &*was)];
    let found = changed(&before, &[("p.yaml", PROPERTY), ("new/keys.yaml", &*now)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        at(&found[0]),
        (Reason::PartnerImmutable, String::from("new/keys.yaml:6:12"))
    );
    assert!(
        found[0]
            .message
            .contains("\"TourPass\" and cannot become \"Parcel Runner\"")
    );
    assert!(
        found[0]
            .suggestion
            .as_ref()
            .unwrap()
            .contains("another keyName")
    );
    let moved = [("p.yaml", PROPERTY), ("new/keys.yaml", &*was)];
    assert_eq!(changed(&before, &moved), []);
}

#[test]
fn a_key_whose_partner_is_cleared_is_told_so() {
    let was = key("tours", "TourPass", "Tours");
    let before = [("p.yaml", PROPERTY), ("k.yaml", &*was)];
    for cleared in ["", "  partner:\n", "  partner: \"\"\n"] {
        let now = was.replace("  partner: TourPass\n", cleared);
        let found = changed(&before, &[("p.yaml", PROPERTY), ("k.yaml", &*now)]);
        assert_eq!(found.len(), 1, "{cleared:?}: {found:?}");
        assert_eq!(found[0].reason, Reason::PartnerImmutable);
        assert!(found[0].message.contains("cannot be cleared"), "{found:?}");
    }
}

#[test]
fn ways_around_the_rule_are_refused_too() {
    let was = key("tours", "TourPass", "Tours");
    let renamed = key("parcels", "Parcel Runner", "Tours");
    let elsewhere = PROPERTY
        .replace("name: harbor-point", "name: elm-court")
        .replace("Harbor Point", "Elm Court");
    let another_property = was.replace("name: harbor-point", "name: elm-court");
    let another_building = PROPERTY.replace("Harbor Point", "Elm Court");
    let new_name = PROPERTY.replace("name: harbor-point", "name: harbor");
    let under_new_name = renamed.replace("name: harbor-point", "name: harbor");
    let before = [
        ("p.yaml", PROPERTY),
        ("e.yaml", &*elsewhere),
        ("k.yaml", &*was),
    ];
    for (after, reason, place) in [
        (
            [("p.yaml", PROPERTY), ("k.yaml", &*renamed)],
            Reason::PartnerImmutable,
            "k.yaml:6:12",
        ),
        (
            [("p.yaml", &*new_name), ("k.yaml", &*under_new_name)],
            Reason::PartnerImmutable,
            "k.yaml:6:12",
        ),
        (
            [("e.yaml", &*elsewhere), ("k.yaml", &*another_property)],
            Reason::PartnerImmutable,
            "k.yaml:5:",
        ),
        (
            [("p.yaml", &*another_building), ("k.yaml", &*was)],
            Reason::Invalid,
            "p.yaml:5:13",
        ),
    ] {
        let found = changed(&before, &after);
        assert_eq!(found.len(), 1, "{place}: {found:?}");
        let (found, there) = at(&found[0]);
        assert!(found == reason && there.starts_with(place), "{there}");
    }
}

#[test]
fn a_key_name_that_was_given_up_is_free() {
    let was = key("tours", "TourPass", "Tours");
    let renamed = key("tours", "TourPass", "Tours weekdays");
    let new = key("parcels", "Parcel Runner", "Tours");
    let before = [("p.yaml", PROPERTY), ("k.yaml", &*was)];
    let after = [
        ("p.yaml", PROPERTY),
        ("k.yaml", &*renamed),
        ("n.yaml", &*new),
    ];
    assert_eq!(changed(&before, &after), []);
}

#[test]
fn a_partner_leaves_last_and_keeps_its_identity() {
    let tours = assignment("tours", "TourPass", "  doors: [Mail Room]\n");
    let before = [("p.yaml", PROPERTY), ("t.yaml", &*tours)];
    let start = PROPERTY.find("    - name: TourPass").unwrap();
    let without = &PROPERTY[..start];
    let found = changed(&before, &[("p.yaml", without), ("t.yaml", &*tours)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].reason, Reason::InUse);
    assert!(found[0].message.contains("t.yaml:6"), "{found:?}");
    assert_eq!(changed(&before, &[("p.yaml", without)]), []);
    let renamed = PROPERTY.replace("name: TourPass", "name: Tour Pass");
    assert_eq!(changed(&before, &[("p.yaml", &renamed)]), []);
    let another = PROPERTY.replace("0b8f3a52", "1b8f3a52");
    let found = changed(&before, &[("p.yaml", &*another), ("t.yaml", &*tours)]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        at(&found[0]),
        (Reason::IdentityChanged, String::from("p.yaml:8:7"))
    );
}

struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let repository = Self(TempDir::new().unwrap());
        repository.git(&["init", "--quiet"]);
        repository
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&[
            "commit",
            "--quiet",
            "--message",
            "A change",
            "--no-gpg-sign",
        ]);
    }

    fn git(&self, arguments: &[&str]) {
        let done = Command::new("git")
            .arg("-C")
            .arg(self.path())
            .args([
                "-c",
                "user.name=A Manager",
                "-c",
                "user.email=manager@example.com",
            ])
            .args(["-c", "core.hooksPath=/dev/null"])
            .args(arguments)
            .env_remove("GIT_DIR")
            .output()
            .unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    }
}

#[test]
fn a_revision_is_read_as_it_was() {
    let repository = Repository::new();
    let tours = key("tours", "TourPass", "Tours");
    repository.write("site/p.yaml", PROPERTY);
    repository.write("site/keys/grün tours.yaml", &tours);
    repository.write("site/simulator.yaml", "buildings: []\n");
    repository.write("site/.hidden/x.yaml", "kind: [\n");
    repository.write("elsewhere/x.yaml", "kind: [\n");
    repository.commit();
    repository.git(&["branch", "base"]);
    std::fs::remove_dir_all(repository.path().join("site/keys")).unwrap();
    repository.write(
        "site/tours.yaml",
        &tours.replace("TourPass", "Parcel Runner"),
    );
    repository.commit();

    let site = repository.path().join("site");
    let base = read_at(&site, "base").unwrap();
    let files: Vec<_> = base
        .objects
        .iter()
        .map(|object| object.cause.file.clone().unwrap())
        .collect();
    assert_eq!(files, ["keys/grün tours.yaml", "p.yaml"]);
    assert!(base.unreadable.is_empty() && base.broken.is_empty());
    assert_eq!(base.notes.len(), 1);
    assert_eq!(read_at(&site, "HEAD~1").unwrap(), base);

    let checked = validate(std::slice::from_ref(&site), Some("base")).unwrap();
    let found: Vec<_> = checked
        .findings
        .iter()
        .map(|finding| finding.reason)
        .collect();
    assert_eq!(found, [Reason::PartnerImmutable]);
    let file = site.join("tours.yaml").display().to_string();
    assert_eq!(checked.findings[0].file, file);
    assert_eq!(
        validate(std::slice::from_ref(&site), Some("HEAD"))
            .unwrap()
            .findings,
        []
    );

    let one = read_at(&site.join("p.yaml"), "base").unwrap();
    assert_eq!(one.objects.len(), 1);
    repository.write("new/p.yaml", PROPERTY);
    let nothing = read_at(&repository.path().join("new"), "base").unwrap();
    assert!(nothing.is_empty());
}

#[test]
fn what_git_cannot_give_is_said_with_what_to_do() {
    let repository = Repository::new();
    repository.write("p.yaml", PROPERTY);
    repository.commit();
    for reference in ["no-such-branch", "", "--all", "HEAD:p.yaml"] {
        let error = read_at(repository.path(), reference).unwrap_err();
        assert!(
            matches!(error, GitError::UnknownReference { .. }),
            "{reference}: {error}"
        );
        assert!(error.to_string().contains("git fetch origin"), "{error}");
    }
    let alone = TempDir::new().unwrap();
    let error = read_at(alone.path(), "HEAD").unwrap_err();
    assert!(matches!(error, GitError::NotARepository { .. }), "{error}");
    let error = validate(&[alone.path().to_owned()], Some("HEAD")).unwrap_err();
    assert!(matches!(error, CheckError::Git(_)), "{error}");
}
