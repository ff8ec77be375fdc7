//! A key's settings as lines, and the difference between two of them.

use opendoor_planner::plan::{KeySettings, Value};
use similar::{ChangeTag, TextDiff};

use super::words::clean;

/// A key's settings, one on each line.
#[must_use]
pub fn lines(key: &KeySettings) -> Vec<String> {
    let mut lines = vec![format!("name: {}", clean(&key.name))];
    if let Some(partner) = &key.partner {
        lines.push(format!("partner: {}", clean(partner)));
    }
    lines.extend(key.doors.iter().map(|door| {
        let codes = if door.provide_doorcodes {
            ", provides doorcodes"
        } else {
            ""
        };
        format!("door: {}{codes}", clean(&door.name))
    }));
    if key.schedule.is_empty() {
        lines.push(String::from("schedule: always"));
    }
    lines.extend(
        key.schedule
            .iter()
            .map(|interval| format!("schedule: {}", clean(interval))),
    );
    lines
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
