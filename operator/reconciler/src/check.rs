//! `validate`: everything that can be said of YAML without asking DOOR OS.
//!
//! What is unreadable, what breaks a schema or a rule, what refers to nothing, what contradicts another
//! object, and, against a Git revision, what may never change. All problems at once, each with its place.

mod claims;
mod references;
mod transitions;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use opendoor_planner::declared::Problem;
use opendoor_planner::owner::Cause;
use opendoor_planner::reasons::Reason;

use crate::directory::{Directory, Found, read_text};
use crate::git::{self, GitError};
use crate::snapshot::{Snapshot, Unreadable};

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, as a person reaches it from where the command was given.
    pub file: String,
    /// The line.
    pub line: Option<u32>,
    /// The column on it.
    pub column: Option<u32>,
    /// Its word in the catalogue.
    pub reason: Reason,
    /// What is wrong.
    pub message: String,
    /// What to do, where the message does not say it.
    pub suggestion: Option<String>,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// All problems, by file and line.
    pub findings: Vec<Finding>,
    /// Objects that were looked at, broken ones included.
    pub objects: usize,
    /// Files they are in.
    pub files: usize,
    /// What was skipped, and why.
    pub notes: Vec<String>,
}

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A path that is not there.
    #[error("{path} cannot be read: {why}. Name a directory with YAML, or a file.")]
    NoSuchPath {
        /// The path.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// The Git revision to compare with cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// The texts of some files.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    texts: Vec<(String, String)>,
    unreadable: Vec<Unreadable>,
    notes: Vec<String>,
}

impl Sources {
    /// Reads directories and files. A file that is reached twice is read once.
    ///
    /// # Errors
    /// A path is not there.
    pub fn read(paths: &[PathBuf]) -> Result<Self, CheckError> {
        let mut sources = Self::default();
        let mut known: BTreeSet<PathBuf> = BTreeSet::new();
        for path in paths {
            if let Err(why) = std::fs::metadata(path) {
                let path = path.clone();
                return Err(CheckError::NoSuchPath { path, why });
            }
            Directory::new(path).walk(&mut |found| {
                let found = found.below(path);
                let place = Path::new(found.file());
                let place = std::fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
                if known.insert(place) {
                    sources.take(found);
                }
            });
        }
        Ok(sources)
    }

    /// Reads what a Git revision held at the same paths.
    ///
    /// # Errors
    /// There is no `git`, no repository, or no such revision.
    pub fn read_at(paths: &[PathBuf], reference: &str) -> Result<Self, GitError> {
        let mut sources = Self::default();
        let mut known: BTreeSet<String> = BTreeSet::new();
        for path in paths {
            git::read_into(path, reference, &mut |found| {
                let found = found.below(path);
                if known.insert(found.file().to_owned()) {
                    sources.take(found);
                }
            })?;
        }
        Ok(sources)
    }

    /// One more file.
    pub fn add(&mut self, file: &str, text: &str) {
        self.texts.push((file.to_owned(), text.to_owned()));
    }

    pub(crate) fn take(&mut self, found: Found) {
        match found {
            Found::Text { file, text } => self.texts.push((file, text)),
            Found::Unreadable(unreadable) => self.unreadable.push(unreadable),
            Found::Skipped { note, .. } => self.notes.push(note),
        }
    }

    /// What the files declare.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            unreadable: self.unreadable.clone(),
            notes: self.notes.clone(),
            ..Snapshot::default()
        };
        for (file, text) in &self.texts {
            read_text(file, text, &mut snapshot);
        }
        snapshot
    }
}

/// Checks directories and files, and what may never change since a Git revision.
///
/// # Errors
/// A path is not there, or the revision cannot be read.
pub fn validate(paths: &[PathBuf], base: Option<&str>) -> Result<Checked, CheckError> {
    let sources = Sources::read(paths)?;
    let base = base
        .map(|reference| Sources::read_at(paths, reference))
        .transpose()?;
    Ok(check(&sources, base.as_ref()))
}

/// Checks some files, and what may never change since others.
#[must_use]
pub fn check(sources: &Sources, base: Option<&Sources>) -> Checked {
    let snapshot = sources.snapshot();
    let mut findings = findings(&snapshot);
    if let Some(base) = base {
        transitions::check(sources, &snapshot, base, &mut findings);
    }
    findings.sort();
    findings.dedup();
    let causes = snapshot
        .objects
        .iter()
        .map(|object| &object.cause)
        .chain(snapshot.broken.iter().map(|broken| &broken.cause));
    let files: BTreeSet<&str> = causes.filter_map(|cause| cause.file.as_deref()).collect();
    Checked {
        files: files.len(),
        findings,
        objects: snapshot.objects.len() + snapshot.broken.len(),
        notes: snapshot.notes,
    }
}

/// Everything that is wrong with what is declared now, by file and line.
#[must_use]
pub fn findings(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings: Vec<Finding> = snapshot
        .unreadable
        .iter()
        .map(|unreadable| Finding {
            file: unreadable.file.clone(),
            line: unreadable.line,
            column: unreadable.column,
            reason: Reason::DeclarationIncomplete,
            message: unreadable.message.clone(),
            suggestion: None,
        })
        .collect();
    for problem in snapshot.broken.iter().flat_map(|broken| &broken.problems) {
        let Problem {
            reason,
            message,
            cause,
        } = problem;
        findings.push(finding(cause, *reason, message.clone(), None));
    }
    references::check(snapshot, &mut findings);
    claims::check(snapshot, &mut findings);
    findings.sort();
    findings.dedup();
    findings
}

/// A finding at a place.
fn finding(cause: &Cause, reason: Reason, message: String, suggestion: Option<String>) -> Finding {
    Finding {
        file: cause.file.clone().unwrap_or_default(),
        line: cause.line,
        column: cause.column,
        reason,
        message,
        suggestion,
    }
}

/// Where something is, in a message about something else.
fn place(cause: &Cause) -> String {
    match (&cause.file, cause.line) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (Some(file), None) => file.clone(),
        (None, _) => cause.name.clone(),
    }
}

/// `Did you mean "..."?`, if some name looks like the one written.
fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const ALIKE: f64 = 0.85;
    let lower = written.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&lower, &name.to_lowercase()), name))
        .filter(|(score, _)| *score > ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
        .map(|(_, name)| format!("Did you mean \"{name}\"?"))
}

/// Whether two objects can refer to each other: namespaces as far as they are written.
fn same_namespace(a: Option<&str>, b: Option<&str>) -> bool {
    a.is_none() || b.is_none() || a == b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_suggested_only_if_it_looks_like_the_one_written() {
        let known = ["Parcel Runner", "TourPass"];
        let suggested = did_you_mean("parcel runer", known);
        assert_eq!(
            suggested.as_deref(),
            Some("Did you mean \"Parcel Runner\"?")
        );
        assert_eq!(did_you_mean("CleanCo", known), None);
    }

    #[test]
    fn files_are_named_as_they_are_reached() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a.yaml");
        std::fs::write(&file, "kind: [").unwrap();
        let paths = [root.path().to_owned(), file.clone()];
        let checked = validate(&paths, None).unwrap();
        assert_eq!(checked.findings.len(), 1, "{checked:?}");
        assert_eq!(checked.findings[0].file, file.display().to_string());
        assert_eq!(checked.findings[0].reason, Reason::DeclarationIncomplete);
        let missing = validate(&[root.path().join("b")], None).unwrap_err();
        assert!(matches!(missing, CheckError::NoSuchPath { .. }));
    }
}
