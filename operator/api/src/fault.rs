//! What is wrong with an object, and where.

use std::fmt;

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field, for example `spec.doors[3]`; empty for the object as a whole.
    pub path: String,
    /// What is wrong and what to do, in a manager's words.
    pub message: String,
    /// What sort of fault it is.
    pub kind: FaultKind,
}

/// The sorts of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// `apiVersion` or `kind` is not one of ours.
    UnknownKind,
    /// The kind has no such field.
    UnknownField,
    /// A field that is needed is not there.
    Missing,
    /// A field has no value, or one of the wrong type.
    WrongType,
    /// Text that must stand in quotes.
    Unquoted,
    /// A value outside what is allowed.
    Value,
    /// A rule between fields is broken.
    Rule,
    /// A change that is never allowed.
    Immutable,
}

impl Fault {
    pub(crate) fn new(
        path: impl Into<String>,
        kind: FaultKind,
        message: impl Into<String>,
    ) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            kind,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            message,
            kind: _,
        } = self;
        if path.is_empty() {
            f.write_str(message)
        } else {
            write!(f, "{path}: {message}")
        }
    }
}

/// `parent.field`, or just `field` at the top.
pub(crate) fn join(parent: &str, field: &str) -> String {
    if parent.is_empty() {
        field.to_owned()
    } else {
        format!("{parent}.{field}")
    }
}
