//! A key's settings as lines, and the difference between two of them.

use opendoor_planner::plan::{KeySettings, Value};
use similar::{ChangeTag, TextDiff};

use super::words::clean;

/// A key's settings, one on each line.
#[must_use]
pub fn lines(key: &KeySettings) -> Vec<String> {
    let lines = key.lines();
    lines.iter().map(|line| clean(line).into_owned()).collect()
}

/// A line of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It goes.
    Removed(String),
    /// It comes.
    Added(String),
}

/// The lines that differ between two values. Empty unless both are keys.
#[must_use]
pub fn difference(before: &Value, after: &Value) -> Vec<Changed> {
    let (Value::Key(before), Value::Key(after)) = (before, after) else {
        return Vec::new();
    };
    let (before, after) = (lines(before), lines(after));
    TextDiff::from_slices(&as_strs(&before), &as_strs(&after))
        .iter_all_changes()
        .filter_map(|change| match change.tag() {
            ChangeTag::Equal => None,
            ChangeTag::Delete => Some(Changed::Removed(change.value().to_owned())),
            ChangeTag::Insert => Some(Changed::Added(change.value().to_owned())),
        })
        .collect()
}

fn as_strs(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}
