//! Tables of plain columns.

use comfy_table::{ContentArrangement, Table, presets};

use super::words::clean;

/// Width of a table with long text in its last column.
const WIDTH: u16 = 110;

/// A table with a heading, without lines, without trailing spaces. Empty without rows.
#[must_use]
pub fn table(heading: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(heading);
    let mut any = false;
    for row in rows {
        any = true;
        table.add_row(row.iter().map(|cell| clean(cell).into_owned()));
    }
    if !any {
        return String::new();
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_nothing_trails() {
        let rows = [["Front Entrance", "yes"], ["Gate", ""]];
        let rows = rows.map(|row| row.map(String::from).to_vec());
        assert_eq!(
            table(&["DOOR", "OPENS"], rows),
            "DOOR            OPENS\nFront Entrance  yes\nGate\n"
        );
        assert_eq!(table(&["DOOR"], []), "");
    }
}
