//! A comment under construction, and text that is safe in it.

use super::super::words::{clean, count};

/// Longest comment; GitHub refuses one of more than 65,536 characters.
pub(super) const LONGEST: usize = 60_000;

/// Kept free for what closes a comment.
const CLOSING: usize = 400;

/// A comment that stays short enough, and whose folds are all closed.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: String,
    open: Vec<&'static str>,
    cut: usize,
    /// The command that prints all of it.
    whole: String,
}

impl Page {
    pub(super) fn of(whole: String) -> Self {
        Self {
            whole,
            ..Self::default()
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        // What comes after a gap would be out of its place.
        if self.cut > 0 || self.text.len() + line.len() + CLOSING > LONGEST {
            self.cut += usize::from(!line.is_empty());
            return;
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Opens something that `shut` closes.
    pub(super) fn open(&mut self, line: &str, end: &'static str) {
        let before = self.cut;
        self.line(line);
        // What was never opened is not closed.
        self.open.push(if self.cut == before { end } else { "" });
    }

    pub(super) fn shut(&mut self) {
        if let Some(end) = self.open.pop()
            && !end.is_empty()
        {
            self.text.push_str(end);
            self.text.push('\n');
        }
    }

    pub(super) fn close(mut self) -> String {
        while !self.open.is_empty() {
            self.shut();
        }
        if self.cut > 0 {
            let lines = count(self.cut, "line is", "lines are");
            self.text.push_str(&format!(
                "\n{lines} left out here. All of it: `{}`.\n",
                self.whole
            ));
        }
        self.text
    }
}

/// Text that means only itself, in a table too, and calls nobody.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in clean(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '|' => escaped.push_str("&#124;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

pub(super) fn code(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!("`{}`", text.replace('`', "'").replace('|', "\\|"))
    }
}
