//! A directory of YAML as declarations.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use opendoor_api::Resource;
use opendoor_api::yaml::{Document, parse_documents};
use opendoor_planner::declared::{Places, Problem};
use opendoor_planner::owner::Cause;
use opendoor_planner::reasons::Reason;
use walkdir::{DirEntry, WalkDir};

use super::at_rest::Stamp;
use crate::snapshot::{Broken, Object, Snapshot, Unreadable};

/// The file that describes a simulated world; never a declaration.
pub const WORLD_FILE: &str = "simulator.yaml";

/// A directory of YAML.
#[derive(Clone, Debug)]
pub struct Directory {
    pub(super) root: PathBuf,
    /// What was read last, and from which files as they were then.
    pub(super) last: RefCell<Option<(Stamp, Snapshot)>>,
}

impl Directory {
    /// The declarations below a directory (or in one file).
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            last: RefCell::new(None),
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
        self.walk(&mut |found| match found {
            Found::Text { file, text } => read_text(&file, &text, &mut snapshot),
            Found::Unreadable(unreadable) => snapshot.unreadable.push(unreadable),
            Found::Skipped { note, .. } => snapshot.notes.push(note),
        });
        snapshot
    }

    /// Shows every file of the directory that may declare something, in the order of their names; or the
    /// one file, whatever its name ends in.
    pub(crate) fn walk(&self, show: &mut dyn FnMut(Found)) {
        for entry in self.entries() {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    let path = entry.path();
                    if entry.depth() == 0 || is_yaml(path) {
                        show(found(path, self.relative(path)));
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    let file = error
                        .path()
                        .map_or_else(String::new, |path| self.relative(path));
                    let why = format!("cannot be read: {}", system_words(error.io_error()));
                    show(Found::unreadable(file, why));
                }
            }
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

/// What a walk over a directory finds.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// A file that may declare something.
    Text {
        /// Its path below the root.
        file: String,
        /// What it holds.
        text: String,
    },
    /// What cannot be read.
    Unreadable(Unreadable),
    /// What is skipped.
    Skipped {
        /// Its path below the root.
        file: String,
        /// What it is, and why it is skipped.
        note: String,
    },
}

impl Found {
    /// What a file that may declare something holds.
    pub(crate) fn of(file: String, bytes: Vec<u8>) -> Self {
        if is_world(&file) {
            return Self::world(file);
        }
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text { file, text },
            Err(_) => Self::unreadable(file, String::from("is not UTF-8 text. Save it as UTF-8.")),
        }
    }

    fn world(file: String) -> Self {
        Self::Skipped {
            note: format!("{file} describes a simulated world and is skipped."),
            file,
        }
    }

    /// Its file.
    pub(crate) fn file(&self) -> &str {
        match self {
            Self::Text { file, .. } | Self::Skipped { file, .. } => file,
            Self::Unreadable(unreadable) => &unreadable.file,
        }
    }

    /// The same, with its file named as a person reaches it who named the root.
    pub(crate) fn below(mut self, root: &Path) -> Self {
        let (Self::Text { file, .. }
        | Self::Skipped { file, .. }
        | Self::Unreadable(Unreadable { file, .. })) = &mut self;
        let whole = if root.is_file() {
            root.to_owned()
        } else {
            root.join(&*file)
        };
        let whole = whole.strip_prefix(".").unwrap_or(&whole);
        *file = whole.to_string_lossy().into_owned();
        self
    }

    fn unreadable(file: String, message: String) -> Self {
        Self::Unreadable(Unreadable {
            file,
            line: None,
            column: None,
            message,
            text: None,
        })
    }
}

fn found(path: &Path, file: String) -> Found {
    if is_world(&file) {
        return Found::world(file);
    }
    match fs::read(path) {
        Ok(bytes) => Found::of(file, bytes),
        Err(error) => Found::unreadable(
            file,
            format!("cannot be read: {}", system_words(Some(&error))),
        ),
    }
}

/// Whether a file may declare something, by its name.
pub(crate) fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn is_world(file: &str) -> bool {
    file.rsplit('/').next() == Some(WORLD_FILE)
}

impl Directory {
    /// Everything below the root that is not hidden, in the order of names.
    pub(super) fn entries(&self) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
        WalkDir::new(&self.root)
            .follow_links(true)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry))
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
            // What cannot be a name does not tell which object it is.
            name: document.name.clone().filter(|_| {
                let mut faults = faults.iter();
                !faults.any(|located| located.fault.path == "metadata.name")
            }),
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
        Resource::Property(property) => (
            &[
                "spec.building",
                "spec.partners",
                "spec.portfolioRef.name",
                "spec.approve",
            ],
            listed("spec.partners", property.spec.partners.len()),
        ),
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
