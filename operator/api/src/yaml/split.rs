//! Cuts a file into its documents, so that a broken one does not take the others with it.
//!
//! YAML forbids a line that begins with `---` or `...` inside a document, even inside quotes, so cutting by lines is exact.

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// Its text.
    pub(super) text: &'a str,
    /// How many lines of the file come before it.
    pub(super) lines_before: usize,
}

/// The documents of a file, without those that hold nothing but comments.
pub(super) fn documents(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut begin, mut begin_line, mut offset) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let marker = marker(line);
        if marker == Some(Marker::Start) {
            push(text, begin, offset, begin_line, &mut parts);
            (begin, begin_line) = (offset, number);
        }
        offset += line.len();
        if marker == Some(Marker::End) {
            push(text, begin, offset, begin_line, &mut parts);
            (begin, begin_line) = (offset, number + 1);
        }
    }
    push(text, begin, offset, begin_line, &mut parts);
    parts
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    Start,
    End,
}

fn marker(line: &str) -> Option<Marker> {
    let (marker, rest) = match line.strip_prefix("---") {
        Some(rest) => (Marker::Start, rest),
        None => (Marker::End, line.strip_prefix("...")?),
    };
    let ends = rest
        .chars()
        .next()
        .is_none_or(|next| matches!(next, ' ' | '\t' | '\r' | '\n'));
    ends.then_some(marker)
}

fn push<'a>(
    text: &'a str,
    begin: usize,
    end: usize,
    lines_before: usize,
    parts: &mut Vec<Part<'a>>,
) {
    let Some(text) = text.get(begin..end) else {
        return;
    };
    let says_something = |line: &str| {
        let line = line.trim();
        let only_marker = line == "---" || line == "...";
        // A directive such as `%YAML 1.2` stands before the marker, so on its own it is nothing.
        !(line.is_empty() || line.starts_with('#') || line.starts_with('%') || only_marker)
    };
    if text.lines().any(says_something) {
        parts.push(Part { text, lines_before });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_markers_and_counts_lines() {
        let text =
            "# only a comment\n---\na: 1\n--- # second\nb: ---\nc: |\n  ---\n...\n# tail\n---\n";
        assert_eq!(
            documents(text),
            [
                Part {
                    text: "---\na: 1\n",
                    lines_before: 1
                },
                Part {
                    text: "--- # second\nb: ---\nc: |\n  ---\n...\n",
                    lines_before: 3
                },
            ]
        );
    }

    #[test]
    fn nothing_comes_from_nothing() {
        for text in [
            "",
            "\n\n",
            "# a\n",
            "---\n---\n...\n",
            "%YAML 1.2\n---\n# a\n",
        ] {
            assert_eq!(documents(text), [], "{text:?}");
        }
    }

    #[test]
    fn windows_line_ends_are_line_ends() {
        let parts = documents("a: 1\r\n---\r\nb: 2\r\n");
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[1].lines_before, 1);
    }
}
