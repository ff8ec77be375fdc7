//! Colours. The writer takes them away where nobody would see them.

use std::fmt::Display;

use anstyle::{AnsiColor, Effects, Style};

/// What is added.
pub const ADD: Style = AnsiColor::Green.on_default();
/// What goes.
pub const REMOVE: Style = AnsiColor::Red.on_default();
/// What changes.
pub const CHANGE: Style = AnsiColor::Yellow.on_default();
/// What is refused.
pub const REFUSED: Style = AnsiColor::Red.on_default().effects(Effects::BOLD);
/// What waits for a person.
pub const HELD: Style = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
/// Headings.
pub const STRONG: Style = Style::new().effects(Effects::BOLD);
/// Places and other asides.
pub const DIM: Style = Style::new().effects(Effects::DIMMED);

/// Text in a style.
#[must_use]
pub fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Text without its styles, for tests.
#[cfg(test)]
#[must_use]
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}
