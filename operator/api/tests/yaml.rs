//! From files to objects: places, quotes, documents side by side, and text that is no YAML at all.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod files;

use files::DAY_ONE;
use opendoor_api::{
    Kind, Resource,
    yaml::{Document, Parsed, Position, parse_documents},
};
use serde_json::json;

fn at(line: usize, column: usize) -> Position {
    Position { line, column }
}

fn only(text: &str) -> Document {
    let Parsed {
        mut documents,
        foreign,
        errors,
    } = parse_documents(text);
    assert_eq!(
        (documents.len(), foreign.len(), errors.len()),
        (1, 0, 0),
        "{errors:?}"
    );
    documents.remove(0)
}

fn faults(text: &str) -> Vec<String> {
    only(text).resource().map_or_else(
        |faults| faults.iter().map(ToString::to_string).collect(),
        |_| Vec::new(),
    )
}

fn errors(text: &str) -> Vec<String> {
    parse_documents(text)
        .errors
        .iter()
        .map(ToString::to_string)
        .collect()
}

fn assignment(spec: &str) -> String {
    format!(
        "apiVersion: opendoor.dev/v1alpha1\nkind: DoorAssignment\nmetadata: {{ name: a }}\nspec:\n  \
         propertyRef: {{ name: p }}\n{spec}"
    )
}

#[test]
fn day_one_reads_as_three_objects() {
    let parsed = parse_documents(DAY_ONE);
    assert_eq!(parsed.errors, []);
    let kinds: Vec<_> = parsed
        .documents
        .iter()
        .map(|document| document.resource().unwrap().kind())
        .collect();
    assert_eq!(
        kinds,
        [Kind::Property, Kind::DoorAssignment, Kind::PartnerKey]
    );
    let starts: Vec<_> = parsed
        .documents
        .iter()
        .map(|document| document.position)
        .collect();
    assert_eq!(starts, [at(2, 1), at(10, 1), at(18, 1)]);
    let key = &parsed.documents[2];
    assert_eq!(
        (key.name.as_deref(), key.namespace.as_deref()),
        (Some("vacant-tours"), Some("east"))
    );
    assert_eq!(
        key.body["spec"]["schedule"][0],
        json!({ "days": ["Monday"], "from": "08:00", "to": "18:30" })
    );
}

#[test]
fn every_field_has_a_place() {
    let parsed = parse_documents(DAY_ONE);
    let [property, assignment, key] = parsed.documents.as_slice() else {
        panic!("not three")
    };
    assert_eq!(property.locate("spec.building"), Some(at(6, 13)));
    assert_eq!(
        property.locate("spec.partners"),
        Some(at(7, 3)),
        "a block stands at its name"
    );
    assert_eq!(property.locate("spec.partners[0].name"), Some(at(8, 13)));
    assert_eq!(assignment.locate("spec.doors[2]"), Some(at(16, 38)));
    assert_eq!(assignment.locate("metadata.name"), Some(at(12, 19)));
    assert_eq!(key.locate("spec.doors[1]"), Some(at(30, 7)));
    assert_eq!(
        key.locate("spec.doors[7].name"),
        Some(at(27, 3)),
        "the nearest thing around it"
    );
    assert_eq!(key.locate("spec.keyName"), Some(at(23, 1)));
    assert_eq!(key.locate(""), Some(at(18, 1)));
    assert_eq!(key.locate("nothing.of.this"), Some(at(18, 1)));
    assert_eq!(key.locate("spec.doors[x]"), None);
}

#[test]
fn faults_stand_where_they_are_made_in_the_order_of_the_file() {
    let text = assignment(
        "  partner: ''\n  deletionPolicy: Retian\n  exceptDoor:\n    - Gym\n  doors:\n    - Gym\n    - Gym\n",
    );
    assert_eq!(
        faults(&text),
        [
            "6:12: spec.partner: must not be empty",
            "7:19: spec.deletionPolicy: `Retian` is not one of Remove, Retain; did you mean Retain?",
            "8:3: spec.exceptDoor: unknown field `exceptDoor`; did you mean `exceptDoors`?",
            "12:7: spec.doors[1]: `Gym` is listed twice; the first is spec.doors[0]",
        ]
    );
}

#[test]
fn a_missing_field_is_reported_at_its_parent() {
    assert_eq!(
        faults(&assignment("  doors: [Gym]\n")),
        ["4:1: spec.partner: `partner` is missing"]
    );
}

#[test]
fn what_could_be_misread_must_stand_in_quotes() {
    for (word, reading) in [
        ("101", "a number"),
        ("no", "false"),
        ("On", "true"),
        ("1e3", "a number"),
        ("010", "a number"),
    ] {
        let text = assignment(&format!(
            "  partner: P\n  doors:\n    - Gym\n    - {word}\n"
        ));
        let message = format!(
            "9:7: spec.doors[1]: `{word}` must be quoted, because unquoted it can be read as {reading}: write \"{word}\""
        );
        assert_eq!(faults(&text), [message]);
        for quoted in [
            format!("'{word}'"),
            format!("\"{word}\""),
            format!("!!str {word}"),
        ] {
            let document = only(&assignment(&format!(
                "  partner: P\n  doors:\n    - Gym\n    - {quoted}\n"
            )));
            let Ok(Resource::DoorAssignment(object)) = document.resource() else {
                panic!("{quoted} is refused")
            };
            assert_eq!(object.spec.doors.unwrap()[1], word);
        }
    }
}

#[test]
fn labels_and_names_are_text_too() {
    let text = assignment("  partner: P\n  doors: [Gym]\n")
        .replace("{ name: a }", "{ name: 7, labels: { floor: 3 } }");
    assert_eq!(
        faults(&text),
        [
            "3:19: metadata.name: `7` must be quoted, because unquoted it can be read as a number: write \"7\"",
            "3:39: metadata.labels.floor: `3` must be quoted, because unquoted it can be read as a number: write \"3\"",
        ]
    );
}

#[test]
fn numbers_and_truth_values_are_read_by_what_the_field_wants() {
    let portfolio = |spec: &str| {
        format!(
            "apiVersion: opendoor.dev/v1alpha1\nkind: Portfolio\nmetadata: {{ name: a }}\nspec:\n{spec}"
        )
    };
    let document = only(&portfolio("  suspend: true\n  limits: { removals: 7 }\n"));
    assert_eq!(
        document.body["spec"],
        json!({ "suspend": true, "limits": { "removals": 7 } })
    );
    assert!(document.resource().is_ok());
    assert_eq!(
        faults(&portfolio(
            "  suspend: yes\n  limits: { removals: 007 }\n  checkInterval: 5\n"
        )),
        [
            "5:12: spec.suspend: must be true or false, not `yes`",
            "6:23: spec.limits.removals: must be a whole number, not `007`",
            "7:18: spec.checkInterval: `5` must be quoted, because unquoted it can be read as a number: write \"5\"",
        ]
    );
    assert_eq!(
        faults(&portfolio("  limits: 5\n  mode:\n")),
        [
            "5:11: spec.limits: must be a group of fields (lines such as `name: value`), not `5`",
            "6:3: spec.mode: has no value: write one, or leave the line out",
        ]
    );
}

#[test]
fn a_broken_document_does_not_hide_the_others() {
    let text = DAY_ONE.replacen("  partner: Parcel Runner", "  partner: \"Parcel Runner", 1);
    let parsed = parse_documents(&text);
    let kinds: Vec<_> = parsed
        .documents
        .iter()
        .map(|document| document.kind.as_str())
        .collect();
    assert_eq!(kinds, ["Property", "PartnerKey"]);
    assert_eq!(parsed.errors.len(), 1);
    let error = &parsed.errors[0];
    assert!((10..=17).contains(&error.position.line), "{error}");
    assert!(!error.message.contains('\n'), "{error}");
}

#[test]
fn errors_in_the_text_have_a_place_and_show_the_line() {
    let parsed =
        parse_documents("apiVersion: opendoor.dev/v1alpha1\nkind: Property\nkind: Portfolio\n");
    assert_eq!(parsed.documents.len(), 0);
    assert_eq!(
        parsed.errors[0].to_string(),
        "3:1: `kind` is written twice in one group; the first is in line 2"
    );
    assert_eq!(
        parsed.errors[0].snippet.as_deref(),
        Some("kind: Portfolio\n^")
    );
}

#[test]
fn what_other_readers_would_expand_is_refused() {
    let head = "apiVersion: opendoor.dev/v1alpha1\nkind: Property\n";
    for (rest, message) in [
        (
            "a: &x 1\nb: *x\n",
            "4:4: an alias (`*name`) is not read here: write the value out",
        ),
        (
            "b: *unknown\n",
            "3:4: an alias (`*name`) is not read here: write the value out",
        ),
        (
            "<<: { a: 1 }\n",
            "3:1: merging with `<<` is not read here: write the fields out",
        ),
        (
            "a: !secret x\n",
            "3:12: a tag (`!secret`) is not read here: leave it out",
        ),
        (
            "? [a]\n: b\n",
            "3:3: the name of a field must be a word, not a list or a group",
        ),
    ] {
        assert_eq!(errors(&format!("{head}{rest}")), [message], "{rest}");
    }
}

#[test]
fn documents_of_others_are_passed_over_whatever_they_hold() {
    let text = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\na: &x 1\nb: *x\n---\n\
                apiVersion: v1\nkind: Namespace\nmetadata: { name: no }\n";
    let parsed = parse_documents(text);
    assert_eq!((parsed.documents.len(), parsed.errors.len()), (0, 0));
    let foreign: Vec<_> = parsed
        .foreign
        .iter()
        .map(|f| (f.api_version.as_str(), f.kind.as_str(), f.position))
        .collect();
    assert_eq!(
        foreign,
        [
            ("kustomize.config.k8s.io/v1beta1", "Kustomization", at(1, 1)),
            ("v1", "Namespace", at(6, 1)),
        ]
    );
}

#[test]
fn a_misspelt_group_does_not_make_an_object_disappear() {
    for version in [
        "opendor.dev/v1alpha1",
        "OpenDoor.dev/v1alpha1",
        "opendoor.dev/v1",
        "v1alpha1",
        "opendoor.dev",
    ] {
        let text =
            assignment("  partner: P\n  doors: [Gym]\n").replace("opendoor.dev/v1alpha1", version);
        let expected =
            format!("1:13: apiVersion: must be `opendoor.dev/v1alpha1`, not `{version}`");
        assert_eq!(faults(&text), [expected]);
    }
    let text =
        assignment("  partner: P\n  doors: [Gym]\n").replace("DoorAssignment", "DoorAssigment");
    assert_eq!(
        faults(&text),
        ["2:7: kind: unknown kind `DoorAssigment`; did you mean `DoorAssignment`?"]
    );
}

#[test]
fn a_document_must_say_what_it_is() {
    for (text, message) in [
        (
            "kind: Property\n",
            "1:1: a document without `apiVersion` cannot be told apart from others",
        ),
        (
            "apiVersion: null\nkind: Property\n",
            "1:1: a document without `apiVersion` cannot be told apart from others",
        ),
        (
            "\nspec: {}\n",
            "2:1: a document without `apiVersion` and `kind` cannot be told apart from others",
        ),
        (
            "- a\n",
            "1:1: a document is a group of fields that begins with `apiVersion:` and `kind:`",
        ),
        (
            "hello\n",
            "1:1: a document is a group of fields that begins with `apiVersion:` and `kind:`",
        ),
    ] {
        assert_eq!(errors(text), [message]);
    }
    let list = "apiVersion: v1\nkind: List\nitems:\n  - apiVersion: opendoor.dev/v1alpha1\n    kind: Property\n";
    let message = "1:1: a List is not read: write each of its items as a document of its own, separated by `---`";
    assert_eq!(errors(list), [message]);
}

#[test]
fn nothing_is_no_error() {
    for text in [
        "",
        "\n",
        "# only a comment\n",
        "---\n---\n",
        "\u{feff}# bom\n",
        "---\n# a\n---\n...\n",
    ] {
        let Parsed {
            documents,
            foreign,
            errors,
        } = parse_documents(text);
        assert_eq!(
            (documents.len(), foreign.len(), errors.len()),
            (0, 0, 0),
            "{text:?}: {errors:?}"
        );
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let text = format!("\u{feff}{}", DAY_ONE.replace('\n', "\r\n"));
    let parsed = parse_documents(&text);
    assert_eq!(parsed.errors, []);
    assert!(
        parsed
            .documents
            .iter()
            .all(|document| document.resource().is_ok())
    );
    assert_eq!(parsed.documents[0].locate("spec.building"), Some(at(6, 13)));
}

#[test]
fn columns_count_characters() {
    let document = only(&assignment("  partner: P\n  doors: [Größe, Übergang]\n"));
    assert_eq!(document.locate("spec.doors[1]"), Some(at(7, 18)));
}

#[test]
fn an_update_is_placed_in_the_new_file() {
    let parsed = parse_documents(DAY_ONE);
    let mut old = parsed.documents[2].body.clone();
    old["spec"]["partner"] = json!("Homely");
    let faults = parsed.documents[2].faults_as_update(&old);
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].position, at(26, 12));
}
