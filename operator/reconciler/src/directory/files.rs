//! A directory of YAML as declarations.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use opendoor_api::Resource;
use opendoor_api::yaml::{Document, parse_documents};
use opendoor_planner::declared::{Places, Problem};
use opendoor_planner::owner::Cause;
use opendoor_planner::reasons::Reason;
use walkdir::{DirEntry, WalkDir};

use crate::ports::Declarations;
use crate::snapshot::{Broken, Object, Snapshot, Unreadable};

/// The file that describes a simulated world; never a declaration.
pub const WORLD_FILE: &str = "simulator.yaml";

/// A directory of YAML.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The declarations below a directory (or in one file).
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads everything that is declared.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let entries = WalkDir::new(&self.root)
            .follow_links(true)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry));
        for entry in entries {
            match entry {
                Ok(entry) if entry.file_type().is_file() => self.file(&entry, &mut snapshot),
                Ok(_) => {}
                Err(error) => {
                    let file = error.path().map_or_else(String::new, |path| self.relative(path));
                    snapshot.unreadable.push(Unreadable {
                        message: format!("cannot be read: {}", system_words(error.io_error())),
                        file,
                        line: None,
                        column: None,
                        text: None,
                    });
                }
            }
        }
        snapshot
    }

    fn file(&self, entry: &DirEntry, snapshot: &mut Snapshot) {
        let path = entry.path();
        let is_yaml = path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml");
        if !is_yaml {
            return;
        }
        let file = self.relative(path);
        if entry.file_name() == WORLD_FILE {
            snapshot
                .notes
                .push(format!("{file} describes a simulated world and is skipped."));
            return;
        }
        match fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => read_text(&file, &text, snapshot),
            Ok(Err(_)) => snapshot.unreadable.push(Unreadable {
                file,
                line: None,
                column: None,
                message: String::from("is not UTF-8 text. Save it as UTF-8."),
                text: None,
            }),
            Err(error) => snapshot.unreadable.push(Unreadable {
                file,
                line: None,
                column: None,
                message: format!("cannot be read: {}", system_words(Some(&error))),
                text: None,
            }),
        }
    }

    fn relative(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.root).unwrap_or(path);
        if relative.as_os_str().is_empty() {
            return path
                .file_name()
                .filter(|_| path.is_file())
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        }
        relative
            .components()
            .map(|component| component.as_os_str().to_string_lossy())
            .collect::<Vec<_>>()
            .join("/")
    }
}

impl Declarations for Directory {
    async fn read(&self) -> Snapshot {
        self.snapshot()
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with('.')
}

fn system_words(error: Option<&io::Error>) -> String {
    error.map_or_else(
        || String::from("its links go round in a circle"),
        |error| error.kind().to_string(),
    )
}

/// Takes the documents of one file into a snapshot.
pub fn read_text(file: &str, text: &str, snapshot: &mut Snapshot) {
    let parsed = parse_documents(text);
    for error in parsed.errors {
        snapshot.unreadable.push(Unreadable {
            file: file.to_owned(),
            line: line_number(error.position.line),
            column: line_number(error.position.column),
            message: error.message,
            text: Some(text.to_owned()),
        });
    }
    for foreign in parsed.foreign {
        snapshot.notes.push(format!(
            "{file}:{}: {} {} is not ours and is skipped.",
            foreign.position.line, foreign.api_version, foreign.kind
        ));
    }
    for document in &parsed.documents {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        snapshot.folders.insert(folder.to_owned());
        take_document(file, document, snapshot);
    }
}

fn take_document(file: &str, document: &Document, snapshot: &mut Snapshot) {
    let cause = Cause {
        kind: document.kind.clone(),
        name: document.name.clone().unwrap_or_default(),
        file: Some(file.to_owned()),
        line: line_number(document.position.line),
        column: None,
    };
    match document.resource() {
        Ok(Resource::DoorSyncOrder(_)) => snapshot.notes.push(format!(
            "{file}:{}: a DoorSyncOrder is made by the operator and is skipped.",
            document.position.line
        )),
        Ok(resource) => snapshot.objects.push(Object {
            places: places(document, &resource),
            resource,
            uid: None,
            cause,
        }),
        Err(faults) => snapshot.broken.push(Broken {
            kind: document.kind.clone(),
            name: document.name.clone(),
            uid: None,
            property: document
                .body
                .pointer("/spec/propertyRef/name")
                .and_then(|name| name.as_str())
                .map(str::to_owned),
            problems: faults
                .iter()
                .map(|located| Problem {
                    reason: Reason::Invalid,
                    message: located.fault.to_string(),
                    cause: Cause {
                        line: line_number(located.position.line),
                        column: line_number(located.position.column),
                        ..cause.clone()
                    },
                })
                .collect(),
            cause,
        }),
    }
}

fn line_number(number: usize) -> Option<u32> {
    u32::try_from(number).ok()
}

/// The places of the fields that plans and refusals point at.
fn places(document: &Document, resource: &Resource) -> Places {
    let mut places = Places::default();
    let mut note = |path: String| {
        if let Some(position) = document.locate(&path) {
            let (line, column) = (line_number(position.line), line_number(position.column));
            places.insert(path, line.unwrap_or(0), column.unwrap_or(0));
        }
    };
    let listed = |field: &str, count: usize| {
        (0..count)
            .map(|item| format!("{field}[{item}]"))
            .collect::<Vec<_>>()
    };
    let (fields, lists): (&[&str], Vec<String>) = match resource {
        Resource::Property(_) => (&["spec.building", "spec.partners", "spec.approve"], Vec::new()),
        Resource::DoorAssignment(assignment) => {
            let spec = &assignment.spec;
            let mut lists = listed("spec.doors", spec.doors.as_ref().map_or(0, Vec::len));
            lists.extend(listed(
                "spec.exceptDoors",
                spec.except_doors.as_ref().map_or(0, Vec::len),
            ));
            (
                &[
                    "spec.partner",
                    "spec.propertyRef.name",
                    "spec.doors",
                    "spec.doorSelector",
                    "spec.validity",
                ],
                lists,
            )
        }
        Resource::PartnerKey(key) => (
            &[
                "spec.partner",
                "spec.propertyRef.name",
                "spec.keyName",
                "spec.adopt",
                "spec.schedule",
            ],
            listed("spec.doors", key.spec.doors.len()),
        ),
        Resource::Portfolio(_) | Resource::DoorSyncOrder(_) => (&[], Vec::new()),
    };
    for field in fields {
        // Only fields that are written; a parent's place would mislead.
        let pointer = format!("/{}", field.replace('.', "/"));
        if document.body.pointer(&pointer).is_some() {
            note((*field).to_owned());
        }
    }
    for path in lists {
        note(path);
    }
    places
}
