//! What a Git revision held: the same files as in the working tree, read with the `git` program.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::check::Sources;
use crate::directory::{Found, is_yaml};
use crate::snapshot::Snapshot;

/// Why a revision could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no `git` program.
    #[error("git cannot be started: {why}. Install Git, or leave out --base.")]
    NoGit {
        /// What the system says.
        why: std::io::Error,
    },
    /// The path is in no repository.
    #[error(
        "{place} is not in a Git repository that may be read: {why}. Use a path of a clone, or leave out --base."
    )]
    NotARepository {
        /// The path.
        place: PathBuf,
        /// What Git says.
        why: String,
    },
    /// The repository has no such revision.
    #[error(
        "the Git revision \"{reference}\" is not known in {place}. Check its spelling; in a shallow clone, fetch it first: \
         git fetch origin {reference}"
    )]
    UnknownReference {
        /// The revision as it was written.
        reference: String,
        /// The repository.
        place: PathBuf,
    },
    /// Git failed otherwise.
    #[error("git {command} failed in {place}: {why}")]
    Failed {
        /// What it was to do.
        command: &'static str,
        /// Where.
        place: PathBuf,
        /// What it says.
        why: String,
    },
}

/// Everything that a revision declared below a directory, or in one file. Names of files are as
/// [`crate::directory::Directory`] gives them. A path that the revision does not have declared nothing.
///
/// # Errors
/// There is no `git`, no repository, or no such revision.
pub fn read_at(root: &Path, reference: &str) -> Result<Snapshot, GitError> {
    let mut sources = Sources::default();
    read_into(root, reference, &mut |found| sources.take(found))?;
    Ok(sources.snapshot())
}

/// Shows the files of a revision below a directory, or the one file.
pub(crate) fn read_into(
    root: &Path,
    reference: &str,
    show: &mut dyn FnMut(Found),
) -> Result<(), GitError> {
    let tree = Tree::open(root, reference)?;
    let entries = tree.entries()?;
    let mut blobs = Blobs::open(&tree.place)?;
    for entry in entries {
        if entry.is_link {
            show(Found::Skipped {
                note: format!(
                    "{} is a symbolic link at {reference} and is not followed there.",
                    entry.file
                ),
                file: entry.file,
            });
            continue;
        }
        let bytes = blobs.read(&entry.object)?;
        show(Found::of(entry.file, bytes));
    }
    Ok(())
}

/// A part of a revision.
struct Tree {
    /// The directory Git runs in.
    place: PathBuf,
    /// The one file wanted in it; `None`: all.
    only: Option<String>,
    commit: String,
}

struct Entry {
    file: String,
    object: String,
    is_link: bool,
}

impl Tree {
    fn open(root: &Path, reference: &str) -> Result<Self, GitError> {
        let is_file = root.is_file();
        let parent = root
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let place = match (is_file, parent) {
            (false, _) => root.to_owned(),
            (true, Some(parent)) => parent.to_owned(),
            (true, None) => PathBuf::from("."),
        };
        let only = root
            .file_name()
            .filter(|_| is_file)
            .map(|name| name.to_string_lossy().into_owned());
        let inside = git(&place, &["rev-parse", "--show-toplevel"])?;
        if !inside.status.success() {
            return Err(GitError::NotARepository {
                why: said(&inside),
                place,
            });
        }
        let unknown = || GitError::UnknownReference {
            reference: reference.to_owned(),
            place: place.clone(),
        };
        // What begins with a dash is an option to Git, never a revision.
        if reference.is_empty() || reference.starts_with('-') {
            return Err(unknown());
        }
        let named = format!("{reference}^{{commit}}");
        let resolved = git(&place, &["rev-parse", "--verify", "--quiet", &named])?;
        let commit = String::from_utf8_lossy(&resolved.stdout).trim().to_owned();
        if !resolved.status.success() || commit.is_empty() {
            return Err(unknown());
        }
        Ok(Self {
            place,
            only,
            commit,
        })
    }

    /// Its files that may declare something, in the order of the working tree's walk.
    fn entries(&self) -> Result<Vec<Entry>, GitError> {
        let listed = git(
            &self.place,
            &["ls-tree", "-r", "-z", &self.commit, "--", "."],
        )?;
        if !listed.status.success() {
            return Err(self.failed("ls-tree", said(&listed)));
        }
        let mut entries: Vec<Entry> = listed
            .stdout
            .split(|byte| *byte == 0)
            .filter_map(|line| entry(&String::from_utf8_lossy(line)))
            .filter(|entry| match &self.only {
                Some(only) => entry.file == *only,
                None => is_yaml(Path::new(&entry.file)) && !is_hidden(&entry.file),
            })
            .collect();
        entries.sort_by(|a, b| a.file.split('/').cmp(b.file.split('/')));
        Ok(entries)
    }

    fn failed(&self, command: &'static str, why: String) -> GitError {
        failed(command, &self.place, why)
    }
}

/// A line of `ls-tree`: mode, type, object, a tab, the path.
fn entry(line: &str) -> Option<Entry> {
    let (about, file) = line.split_once('\t')?;
    let mut about = about.split(' ');
    let (mode, kind, object) = (about.next()?, about.next()?, about.next()?);
    (kind == "blob").then(|| Entry {
        file: file.to_owned(),
        object: object.to_owned(),
        is_link: mode == "120000",
    })
}

fn is_hidden(file: &str) -> bool {
    file.split('/').any(|part| part.starts_with('.'))
}

/// Contents of objects, from one `git` process.
struct Blobs {
    place: PathBuf,
    child: std::process::Child,
    ask: Option<std::process::ChildStdin>,
    answers: BufReader<std::process::ChildStdout>,
}

impl Blobs {
    fn open(place: &Path) -> Result<Self, GitError> {
        let mut child = command(place)
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|why| GitError::NoGit { why })?;
        let (Some(ask), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("cat-file", place, String::from("it has no pipes")));
        };
        Ok(Self {
            place: place.to_owned(),
            child,
            ask: Some(ask),
            answers: BufReader::new(answers),
        })
    }

    fn read(&mut self, object: &str) -> Result<Vec<u8>, GitError> {
        self.exchange(object)
            .map_err(|why| failed("cat-file", &self.place, why.to_string()))
    }

    fn exchange(&mut self, object: &str) -> std::io::Result<Vec<u8>> {
        let broken = |what: &str| std::io::Error::other(what.to_owned());
        let ask = self.ask.as_mut().ok_or_else(|| broken("it has ended"))?;
        writeln!(ask, "{object}")?;
        ask.flush()?;
        let mut head = String::new();
        self.answers.read_line(&mut head)?;
        let size: u64 = head
            .trim()
            .rsplit(' ')
            .next()
            .and_then(|size| size.parse().ok())
            .ok_or_else(|| broken(head.trim()))?;
        let mut bytes = Vec::new();
        (&mut self.answers).take(size).read_to_end(&mut bytes)?;
        let mut end = [0];
        self.answers.read_exact(&mut end)?;
        Ok(bytes)
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        // Git ends when nothing more can be asked.
        self.ask = None;
        let _ = self.child.wait();
    }
}

fn command(place: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(place);
    // A hook sets these for its own repository, which need not be the one of the path.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        command.env_remove(variable);
    }
    command
}

fn git(place: &Path, arguments: &[&str]) -> Result<Output, GitError> {
    command(place)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|why| GitError::NoGit { why })
}

fn failed(command: &'static str, place: &Path, why: String) -> GitError {
    GitError::Failed {
        command,
        place: place.to_owned(),
        why,
    }
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let text = text.trim().trim_start_matches("fatal: ");
    if text.is_empty() {
        String::from("it gives no reason")
    } else {
        text.lines().next().unwrap_or_default().to_owned()
    }
}
