//! From the bytes of a table to its rows.

use std::collections::BTreeMap;

use super::cells::{Keys, Written, connected, holder, keys, spelt};
use super::{TableErrors, TableFault};

/// A row as it is written, cells trimmed.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) building: Option<String>,
    pub(super) door: String,
    pub(super) holder: Written,
    pub(super) connected: Option<bool>,
    pub(super) keys: Keys,
}

/// All rows of a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// Whether there is a column for the building.
    pub(super) names_buildings: bool,
    /// Columns that are not read.
    pub(super) ignored: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Column {
    Building,
    Door,
    Partner,
    Connected,
    Key,
    Keys,
}

/// Reads a table. Every row that cannot be read is in the error, not only the first.
pub(super) fn rows(file: &str, bytes: &[u8]) -> Result<Rows, TableErrors> {
    let mut faults = Faults::new(file);
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        faults.add(
            1,
            "is UTF-16 text; save the table as \"CSV UTF-8\"".to_owned(),
        );
        return Err(faults.into_errors());
    }
    let (declared, skip) = declared_delimiter(bytes);
    let body = bytes.get(skip..).unwrap_or_default();
    let delimiter = declared.unwrap_or_else(|| delimiter_of(body));
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(body);
    let mut lines = Lines::new(bytes);
    let mut records = Vec::new();
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {
                let at = record.position().map_or(0, csv::Position::byte);
                let at = usize::try_from(at)
                    .unwrap_or(usize::MAX)
                    .saturating_add(skip);
                records.push((lines.line_of(at), record.clone()));
            }
            Ok(false) => break,
            Err(error) => {
                faults.add(
                    lines.line_of(bytes.len()),
                    format!("cannot be read: {error}"),
                );
                break;
            }
        }
    }
    let last = records.len().saturating_sub(1);
    let mut records = records.into_iter().enumerate();
    let Some((_, (line, record))) = records.next() else {
        faults.add(
            1,
            String::from("is empty; its first line names the columns, at least `door`"),
        );
        return Err(faults.into_errors());
    };
    let header: Vec<String> = cells(line, &record, &mut faults)
        .iter()
        .map(|name| on_one_line(name))
        .collect();
    let (columns, ignored) = columns(line, &header, &mut faults);
    if !faults.is_empty() {
        return Err(faults.into_errors());
    }
    let mut table = Rows {
        rows: Vec::new(),
        names_buildings: columns.contains_key(&Column::Building),
        ignored,
    };
    for (at, (line, record)) in records {
        let cells = cells(line, &record, &mut faults);
        if cells.iter().all(String::is_empty) {
            continue;
        }
        let read = |index: &usize| cells.get(*index).map(String::as_str).unwrap_or_default();
        let broken_off = if at == last {
            cells.iter().any(|cell| runs_on(cell))
        } else {
            columns.values().any(|index| runs_on(read(index)))
        };
        if broken_off {
            let why = "has a cell that runs over several lines; write it on one line, or close its quotation mark";
            faults.add(line, why.to_owned());
        } else if cells.iter().skip(header.len()).any(|cell| !cell.is_empty()) {
            let why = format!(
                "has {} cells and the first line names {} columns; put a cell that holds `{}` in quotation marks",
                cells.len(),
                header.len(),
                char::from(delimiter)
            );
            faults.add(line, why);
        } else {
            let cell = |column: Column| columns.get(&column).map(read).unwrap_or_default();
            match row(line, table.names_buildings, &cell) {
                Ok(row) => table.rows.push(row),
                Err(why) => faults.add(line, why),
            }
        }
    }
    if faults.is_empty() {
        Ok(table)
    } else {
        Err(faults.into_errors())
    }
}

/// The name of a column, which spreadsheets may break over several lines.
fn on_one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn runs_on(cell: &str) -> bool {
    cell.contains(['\n', '\r'])
}

fn cells(line: u64, record: &csv::ByteRecord, faults: &mut Faults<'_>) -> Vec<String> {
    let mut cells = Vec::with_capacity(record.len());
    for cell in record {
        match std::str::from_utf8(cell) {
            Ok(text) => cells.push(text.trim().to_owned()),
            Err(_) => {
                let why = "is not UTF-8 text; save the table as \"CSV UTF-8\"";
                faults.add(line, why.to_owned());
                return Vec::new();
            }
        }
    }
    cells
}

/// Which column is where, by header names without regard to case, blanks and marks.
fn columns(
    line: u64,
    header: &[String],
    faults: &mut Faults<'_>,
) -> (BTreeMap<Column, usize>, Vec<String>) {
    let mut columns: BTreeMap<Column, usize> = BTreeMap::new();
    let mut ignored = Vec::new();
    let plain: Vec<String> = header.iter().map(|name| letters(name)).collect();
    let has_door = plain.iter().any(|name| column(name) == Some(Column::Door));
    for (index, (name, written)) in plain.iter().zip(header).enumerate() {
        let meant = match column(name) {
            None if name == "name" && !has_door => Some(Column::Door),
            Some(Column::Keys) if columns.contains_key(&Column::Key) => Some(Column::Key),
            Some(Column::Key) if columns.contains_key(&Column::Keys) => Some(Column::Keys),
            meant => meant,
        };
        let Some(meant) = meant else {
            if !written.is_empty() {
                ignored.push(written.clone());
            }
            continue;
        };
        if let Some(first) = columns.insert(meant, index) {
            let earlier = header.get(first).map(String::as_str).unwrap_or_default();
            faults.add(
                line,
                format!(
                    "columns {} (\"{earlier}\") and {} (\"{written}\") mean the same; keep one of them",
                    first + 1,
                    index + 1
                ),
            );
        }
    }
    if !columns.contains_key(&Column::Door) && faults.is_empty() {
        let why = "names no column `door`; the first line names the columns, for example: building,door,partner,connected,key";
        faults.add(line, why.to_owned());
    }
    (columns, ignored)
}

fn letters(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

fn column(letters: &str) -> Option<Column> {
    match letters {
        "building" | "buildingname" | "property" | "propertyname" => Some(Column::Building),
        "door" | "doorname" => Some(Column::Door),
        "partner" | "partnername" | "doorpartner" | "opendoorpartner" => Some(Column::Partner),
        "connected" | "isconnected" | "online" | "isonline" | "connection" | "connectionstatus" => {
            Some(Column::Connected)
        }
        "key" | "keyname" => Some(Column::Key),
        "keys" | "keynames" => Some(Column::Keys),
        _ => None,
    }
}

fn row<'a>(
    line: u64,
    names_buildings: bool,
    cell: &impl Fn(Column) -> &'a str,
) -> Result<Row, String> {
    let door = cell(Column::Door);
    if door.is_empty() {
        return Err(String::from("names no door"));
    }
    let building = cell(Column::Building);
    if building.is_empty() && names_buildings {
        return Err(format!(
            "does not say which building the door \"{door}\" is in"
        ));
    }
    Ok(Row {
        line,
        building: (!building.is_empty()).then(|| spelt(building)),
        door: spelt(door),
        holder: holder(cell(Column::Partner))?,
        connected: connected(cell(Column::Connected))?,
        keys: keys(cell(Column::Key), cell(Column::Keys))?,
    })
}

/// Some programs write `sep=;` as a first line of its own. The delimiter it names, and its length.
fn declared_delimiter(bytes: &[u8]) -> (Option<u8>, usize) {
    let line = bytes
        .split(|byte| matches!(byte, b'\n' | b'\r'))
        .next()
        .unwrap_or_default();
    match line {
        [
            b's' | b'S',
            b'e' | b'E',
            b'p' | b'P',
            b'=',
            delimiter @ (b',' | b';' | b'\t'),
        ] => (Some(*delimiter), line.len()),
        _ => (None, 0),
    }
}

/// The delimiter that the first line uses most, outside quotation marks.
fn delimiter_of(bytes: &[u8]) -> u8 {
    let mut quoted = false;
    let (mut commas, mut semicolons, mut tabs) = (0_usize, 0_usize, 0_usize);
    let mut begun = false;
    for byte in bytes {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if begun && !quoted => break,
            b',' if !quoted => commas += 1,
            b';' if !quoted => semicolons += 1,
            b'\t' if !quoted => tabs += 1,
            _ => {}
        }
        begun |= !matches!(byte, b'\n' | b'\r');
    }
    if tabs > commas && tabs > semicolons {
        b'\t'
    } else if semicolons > commas {
        b';'
    } else {
        b','
    }
}

/// Lines of a file by their bytes, whichever way lines end.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            line: 1,
        }
    }

    /// The line of the first byte from `at` on that does not end a line. Asked in ascending order.
    fn line_of(&mut self, at: usize) -> u64 {
        while let Some(byte) = self.bytes.get(self.at) {
            let ends = matches!(byte, b'\n' | b'\r');
            if self.at >= at && !ends {
                break;
            }
            let first_of_two = *byte == b'\r' && self.bytes.get(self.at + 1) == Some(&b'\n');
            self.line += u64::from(ends && !first_of_two);
            self.at += 1;
        }
        self.line
    }
}

/// What is wrong with a table, by line.
pub(super) struct Faults<'a> {
    file: &'a str,
    faults: Vec<TableFault>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self {
            file,
            faults: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, line: u64, message: String) {
        self.faults.push(TableFault {
            file: self.file.to_owned(),
            line,
            message,
        });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    pub(super) fn into_errors(mut self) -> TableErrors {
        self.faults.sort_by_key(|fault| fault.line);
        TableErrors(self.faults)
    }
}
