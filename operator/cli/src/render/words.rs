//! Words and numbers as a person reads them.

use std::borrow::Cow;

use jiff::Timestamp;
use opendoor_planner::owner::Cause;

/// A number with its noun: `1 door`, `2 doors`.
#[must_use]
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Numbers with their nouns, without those that are zero: `1 door, 2 keys`.
#[must_use]
pub fn counts(parts: &[(usize, &str, &str)]) -> String {
    let told: Vec<String> = parts
        .iter()
        .filter(|(number, _, _)| *number > 0)
        .map(|(number, one, many)| count(*number, one, many))
        .collect();
    told.join(", ")
}

/// Text from elsewhere without anything that could act on a terminal or reorder what is read.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let acts = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(acts) {
        Cow::Owned(text.replace(acts, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// A moment to the minute, in UTC.
#[must_use]
pub fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `file:line`, or the object where its file is not known.
#[must_use]
pub fn place(cause: &Cause, with_column: bool) -> String {
    let Some(file) = &cause.file else {
        return clean(&format!("{}/{}", cause.kind, cause.name)).into_owned();
    };
    let mut place = clean(file).into_owned();
    if let Some(line) = cause.line {
        place.push_str(&format!(":{line}"));
        if let Some(column) = cause.column.filter(|_| with_column) {
            place.push_str(&format!(":{column}"));
        }
    }
    place
}

/// Text in lines of at most so many characters, broken between words.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in clean(text).split_whitespace() {
        let more = word.chars().count();
        if length > 0 && length + 1 + more > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += more;
    }
    if length > 0 {
        lines.push(line);
    }
    lines
}

/// `a, b and c`.
#[must_use]
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_agree_with_their_nouns() {
        let words: Vec<String> = (0..3).map(|n| count(n, "person", "people")).collect();
        assert_eq!(words, ["0 people", "1 person", "2 people"]);
        let items = |n: usize| ["a", "b", "c"].map(String::from).into_iter().take(n);
        let lists: Vec<String> = (0..4)
            .map(|n| list(&items(n).collect::<Vec<_>>()))
            .collect();
        assert_eq!(lists, ["", "a", "a and b", "a, b and c"]);
    }

    #[test]
    fn nothing_from_elsewhere_acts_on_a_terminal() {
        assert_eq!(
            clean("Gate \u{1b}[2J\n\u{202e}x"),
            "Gate \u{fffd}[2J\u{fffd}\u{fffd}x"
        );
        assert!(matches!(clean("Zürich 東"), Cow::Borrowed(_)));
    }

    #[test]
    fn long_words_stand_alone_on_their_line() {
        assert_eq!(wrap("a bb  ccccccccc d", 5), ["a bb", "ccccccccc", "d"]);
        assert!(wrap(" ", 5).is_empty());
    }

    #[test]
    fn a_place_is_what_an_editor_opens() {
        let mut cause = Cause {
            kind: String::from("PartnerKey"),
            name: String::from("tours"),
            file: Some(String::from("a/b.yaml")),
            line: Some(7),
            column: Some(12),
        };
        assert_eq!(place(&cause, true), "a/b.yaml:7:12");
        assert_eq!(place(&cause, false), "a/b.yaml:7");
        cause.line = None;
        assert_eq!(place(&cause, true), "a/b.yaml");
        cause.file = None;
        assert_eq!(place(&cause, true), "PartnerKey/tours");
    }
}
