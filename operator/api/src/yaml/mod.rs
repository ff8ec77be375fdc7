//! From the text of a YAML file to checked objects, with a line and a column for everything that is wrong.
//!
//! Text stays text: an unquoted `no` or `101` where a name belongs is refused instead of becoming a truth value or a number,
//! because tools disagree on what it means.

mod convert;
mod document;
mod split;
mod tree;

use std::fmt;

pub use document::{Document, LocatedFault};

use crate::{GROUP, suggest::closest, wording::shortened};

/// The longest file that is read. The largest object allowed has 10 KB, so this holds hundreds of them.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// A place in a file. Lines and columns begin at 1; a column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A part of a file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {message}")]
pub struct YamlError {
    /// Where.
    pub position: Position,
    /// What is wrong, on one line.
    pub message: String,
    /// The line of the file, and below it a mark at the column.
    pub snippet: Option<String>,
}

/// A document that is not ours to judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Its `apiVersion`.
    pub api_version: String,
    /// Its `kind`.
    pub kind: String,
    /// Where it begins.
    pub position: Position,
}

/// What a file holds.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The documents of our group, in the order of the file; each is still to be checked.
    pub documents: Vec<Document>,
    /// The documents of other groups.
    pub foreign: Vec<Foreign>,
    /// The parts that cannot be read. While there are any, nobody knows what else the file declares.
    pub errors: Vec<YamlError>,
}

/// Reads a file of one or more documents. What cannot be read is reported and does not hide the documents around it.
#[must_use]
pub fn parse_documents(text: &str) -> Parsed {
    let mut parsed = Parsed::default();
    if text.len() > MAX_BYTES {
        let message = format!(
            "the file has more than {} MiB; split it into several",
            MAX_BYTES / 1024 / 1024
        );
        parsed.errors.push(YamlError {
            position: Position::START,
            message,
            snippet: None,
        });
        return parsed;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for part in split::documents(text) {
        match tree::read(part) {
            Ok(roots) => roots
                .into_iter()
                .for_each(|root| take(text, part.text, root, &mut parsed)),
            Err(problem) => parsed.errors.push(error(text, problem)),
        }
    }
    parsed
}

fn take(text: &str, part: &str, root: tree::Root, parsed: &mut Parsed) {
    let tree::Root { node, problems } = root;
    if node.is_empty() && problems.is_empty() {
        return;
    }
    let position = node.start();
    let head = match head(&node) {
        Ok(head) => head,
        Err(message) => {
            parsed
                .errors
                .extend(problems.into_iter().map(|problem| error(text, problem)));
            parsed
                .errors
                .push(error(text, tree::Problem { position, message }));
            return;
        }
    };
    if !head.ours && (problems.is_empty() || !swallows_ours(part)) {
        let Head {
            api_version,
            kind,
            ours: _,
        } = head;
        parsed.foreign.push(Foreign {
            api_version,
            kind,
            position,
        });
    } else if problems.is_empty() {
        parsed
            .documents
            .push(Document::new(head.api_version, head.kind, node));
    } else {
        parsed
            .errors
            .extend(problems.into_iter().map(|problem| error(text, problem)));
    }
}

struct Head {
    api_version: String,
    kind: String,
    ours: bool,
}

/// What a document says it is.
fn head(node: &tree::Node) -> Result<Head, String> {
    if node.fields().is_none() {
        return Err(
            "a document is a group of fields that begins with `apiVersion:` and `kind:`".to_owned(),
        );
    }
    let text = |name: &str| {
        node.field(name)
            .and_then(|field| field.value.text())
            .filter(|text| !text.is_empty() && (name != "apiVersion" || is_api_version(text)))
    };
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        let missing: Vec<_> = ["apiVersion", "kind"]
            .into_iter()
            .filter(|name| text(name).is_none())
            .collect();
        return Err(format!(
            "a document without `{}` cannot be told apart from others",
            missing.join("` and `")
        ));
    };
    let ours = is_ours(api_version);
    if kind == "List" && !ours && holds_ours(node) {
        let message = "a List is not read: write each of its items as a document of its own, separated by `---`";
        return Err(message.to_owned());
    }
    Ok(Head {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        ours,
    })
}

/// Whether a text can be an `apiVersion` at all: `null` or `5` says nothing of whose a document is.
fn is_api_version(text: &str) -> bool {
    let version = text.strip_prefix('v').and_then(|rest| rest.chars().next());
    text.contains('/') || version.is_some_and(|first| first.is_ascii_digit()) || is_ours(text)
}

/// Whether an `apiVersion` is of our group, or was meant to be: a misspelt group must not make an object disappear.
fn is_ours(api_version: &str) -> bool {
    match api_version.split_once('/') {
        Some((group, _)) => closest(group, [GROUP]).is_some(),
        None => api_version == crate::VERSION || api_version == GROUP,
    }
}

/// Whether one of our documents follows without a `---` between them, so that its fields seem to be of this one.
fn swallows_ours(part: &str) -> bool {
    part.lines()
        .filter_map(|line| line.strip_prefix("apiVersion:"))
        .any(|version| is_ours(version.trim_matches([' ', '\t', '"', '\''])))
}

fn holds_ours(list: &tree::Node) -> bool {
    let items = list
        .field("items")
        .and_then(|field| field.value.items())
        .unwrap_or_default();
    items
        .iter()
        .filter_map(|item| item.field("apiVersion")?.value.text())
        .any(is_ours)
}

fn error(text: &str, problem: tree::Problem) -> YamlError {
    let tree::Problem { position, message } = problem;
    YamlError {
        position,
        message,
        snippet: snippet(text, position),
    }
}

fn snippet(text: &str, Position { line, column }: Position) -> Option<String> {
    /// Wider lines are not shown: the mark would be off the screen.
    const WIDEST: usize = 120;
    let shown = text.lines().nth(line.checked_sub(1)?)?;
    if shown.trim().is_empty() || shown.chars().count() > WIDEST || column > WIDEST {
        return None;
    }
    let shown: String = shown
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    Some(format!(
        "{shown}\n{}^",
        " ".repeat(column.saturating_sub(1))
    ))
}

/// A message of the parser, cut to one harmless line.
fn one_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.chars()
        .take(200)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// A name that is quoted back in a message.
fn quoted(name: &str) -> String {
    format!("`{}`", shortened(name))
}
