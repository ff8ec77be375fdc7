//! Lines of a plan in columns.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::WIDTH;
use crate::render::rows::{Row, Tone};
use crate::render::settings::Changed;
use crate::render::style::{ADD, CHANGE, DIM, HELD, REFUSED, REMOVE, paint};
use crate::render::words::wrap;

/// Widest column that others line up with; a longer entry pushes its own line only.
const WIDEST: usize = 44;

/// Rows in columns.
pub(in crate::render) fn align(rows: &[Row]) -> String {
    let width = |of: fn(&Row) -> &str| {
        let widths = rows.iter().map(|row| of(row).width());
        widths.filter(|width| *width <= WIDEST).max().unwrap_or(0)
    };
    let columns = [
        width(|row| &row.what),
        width(|row| &row.change),
        width(|row| &row.place),
    ];
    rows.iter().map(|row| line(row, columns)).collect()
}

fn line(row: &Row, columns: [usize; 3]) -> String {
    let style = style(row.tone);
    let remark_style = if row.strong { style } else { DIM };
    let cells = [
        (row.what.as_str(), None),
        (row.change.as_str(), None),
        (row.place.as_str(), Some(DIM)),
        (row.remark.as_str(), Some(remark_style)),
    ];
    let mut text = format!("  {}", paint(style, row.mark));
    let mut gap = 1;
    for ((cell, style), width) in cells.into_iter().zip(columns.into_iter().chain([0])) {
        if cell.is_empty() {
            gap += if width > 0 { width + 2 } else { 0 };
            continue;
        }
        text.push_str(&" ".repeat(gap));
        match style {
            Some(style) => text.push_str(&paint(style, cell)),
            None => text.push_str(cell),
        }
        gap = width.saturating_sub(cell.width()) + 2;
    }
    text.push('\n');
    for line in wrap(&row.message, WIDTH - 6) {
        text.push_str(&format!("      {line}\n"));
    }
    for changed in &row.difference {
        let line = match changed {
            Changed::Removed(line) => paint(REMOVE, format_args!("- {line}")),
            Changed::Added(line) => paint(ADD, format_args!("+ {line}")),
        };
        text.push_str(&format!("      {line}\n"));
    }
    text
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Add => ADD,
        Tone::Remove => REMOVE,
        Tone::Change => CHANGE,
        Tone::Ask => HELD,
        Tone::Refuse => REFUSED,
    }
}
