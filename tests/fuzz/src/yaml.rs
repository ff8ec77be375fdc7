//! A file of declarations: the loader, the directory, `validate`.

use opendoor_api::yaml::{Document, Position, parse_documents};
use opendoor_reconciler::check::{Sources, check as validate};
use opendoor_reconciler::directory::read_text;
use opendoor_reconciler::snapshot::Snapshot;

/// Reads a file in every way it is read.
pub fn check(data: &[u8]) {
    // The directory refuses other bytes before anything looks at them.
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    loaded(text);
    taken(text);
}

fn loaded(text: &str) {
    let parsed = parse_documents(text);
    for error in &parsed.errors {
        within(text, error.position);
        super::one_line(&error.message);
        if let Some(snippet) = &error.snippet {
            assert_eq!(snippet.lines().count(), 2, "{error:?}");
        }
    }
    for foreign in &parsed.foreign {
        within(text, foreign.position);
    }
    for document in &parsed.documents {
        within(text, document.position);
        judged(text, document);
    }
}

fn judged(text: &str, document: &Document) {
    let resource = match document.resource() {
        Ok(resource) => resource,
        Err(faults) => {
            assert!(!faults.is_empty(), "refused for nothing");
            assert!(faults.is_sorted_by_key(|fault| fault.position));
            for located in faults {
                within(text, located.position);
                super::one_line(&located.fault.message);
                assert!(
                    document
                        .locate(&located.fault.path)
                        .is_none_or(|at| at.line > 0)
                );
            }
            return;
        }
    };
    assert_eq!(resource.kind().as_str(), document.kind);
    assert_eq!(Some(resource.name()), document.name.as_deref());
    let itself = document.faults_as_update(&document.body);
    assert!(itself.is_empty(), "cannot stay what it is: {itself:?}");
    let written = as_json(document);
    let again = parse_documents(&written);
    assert!(again.errors.is_empty(), "{:?}", again.errors);
    let [again] = again.documents.as_slice() else {
        unreachable!("one document was written: {written}");
    };
    assert_eq!(again.resource().as_ref(), Ok(&resource), "{written}");
}

/// JSON is YAML, with every text in quotes; but YAML wants some characters escaped that JSON does not.
fn as_json(document: &Document) -> String {
    let json = document.body.to_string();
    let mut written = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}') {
            written.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            written.push(c);
        }
    }
    written
}

fn within(text: &str, Position { line, column }: Position) {
    let lines = text.split('\n').count() + text.matches('\r').count();
    assert!(
        (1..=lines + 1).contains(&line) && column >= 1,
        "{line}:{column}"
    );
}

/// What a directory makes of the file, and what `validate` says of it.
fn taken(text: &str) {
    let mut snapshot = Snapshot::default();
    read_text("harbor-living/doors.yaml", text, &mut snapshot);
    let mut again = Snapshot::default();
    read_text("harbor-living/doors.yaml", text, &mut again);
    assert_eq!(snapshot, again);
    // An object that disappears without a word would have its access taken away.
    let declares = text
        .lines()
        .any(|line| line.starts_with("apiVersion: opendoor.dev/"));
    assert!(
        !declares || !snapshot.is_empty(),
        "read as nothing: {text:?}"
    );

    let mut sources = Sources::default();
    sources.add("harbor-living/doors.yaml", text);
    let checked = validate(&sources, None);
    assert_eq!(
        checked.objects,
        snapshot.objects.len() + snapshot.broken.len()
    );
    for finding in &checked.findings {
        super::one_line(&finding.message);
    }
    if checked.findings.is_empty() {
        let unchanged = validate(&sources, Some(&sources));
        assert_eq!(unchanged.findings, [], "staying the same is no change");
    }
}
