//! The words a manager reads for what a schema says.

use serde_json::Value;

use crate::common::{LABEL, NAME, OBJECT_NAME, UUID};

/// What a manager calls a type.
pub(crate) fn word_for(wanted: &str) -> &'static str {
    match wanted {
        "string" => "text",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list (lines that begin with `-`)",
        _ => "a group of fields (lines such as `name: value`)",
    }
}

pub(crate) fn word_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a group of fields",
    }
}

/// What a pattern asks for, in words.
pub(crate) fn wish(pattern: &str, path: &str) -> &'static str {
    match pattern {
        NAME => "must be one line of text without blanks at its ends",
        UUID => "is not a uuid such as 0b8f3a52-3c1e-4f6a-9d52-6f1f0a7c9e11",
        LABEL | OBJECT_NAME => {
            "may have small letters, digits and `-`, and begins and ends with a letter or digit"
        }
        _ if pattern == crate::period::PATTERN => {
            "is not a length of time such as 60s, 5m, 24h or 1h30m (above zero, at most five digits each)"
        }
        _ if pattern == crate::moment::PATTERN => {
            "is not a date, time and offset such as 2026-06-01T09:00:00-04:00"
        }
        _ if path.ends_with(".from") && pattern.contains('@') => "is not an e-mail address",
        _ if pattern.contains("[0-5][0-9]") => "is not a time of day such as \"08:00\"",
        _ if pattern.starts_with("^h-") => "is not the id of a hold, which begins with h-",
        _ => "does not have the right form",
    }
}

/// Enough of a text to recognise it, on one line.
pub(crate) fn shortened(text: &str) -> String {
    const ENOUGH: usize = 60;
    let mut short: String = text
        .chars()
        .take(ENOUGH)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(ENOUGH).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_quoted_back_stays_short_and_harmless() {
        assert_eq!(shortened("a\u{1b}[31m"), "a\u{fffd}[31m");
        assert_eq!(shortened(&"x".repeat(61)).chars().count(), 61);
    }
}
