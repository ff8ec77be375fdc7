//! A table of doors that a person typed or exported, in the place of DOOR OS: `plan --observed doors.csv`.
//!
//! Columns are `building`, `door`, `partner`, `connected` and `key`, in any order and spelt as
//! spreadsheets do. How a row is read:
//!
//! - A blank cell is not known, and never "none". From what is not known nothing is planned.
//! - A row without a key says whose name the door's partner dropdown shows.
//! - A row with a `key` says by which key the partner opens the door. The key is that partner's if all rows
//!   of the key say so; else whose it is, is not known. Where no row without a key says it, the door's
//!   dropdown is taken to show the same partner, if its rows agree.
//! - A column `keys` lists the keys a door is in and says nothing of whose they are.
//!
//! A table has no uuids. Those made here depend on the names alone, so the same table gives the same plan,
//! and [`is_synthetic`] tells them apart: what prints a plan prints null for them. Nothing in a table proves
//! what a lock carries.

mod cells;
mod fill;
mod plan;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use opendoor_planner::ids::{BuildingUuid, DoorUuid, KeyUuid, PartnerUuid};
use opendoor_planner::observed::{
    Access, DoorRow, Holder, KeyDoor, KeyRow, Observed, Partner, Via,
};
use smallvec::SmallVec;
use smol_str::SmolStr;
use uuid::Uuid;

use cells::Written;
use read::{Faults, Row, Rows};

pub use plan::{TablePlan, plan_table};

/// A table of doors.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// What it says of each building, by name.
    pub observed: Vec<Observed>,
    /// What of it was not read, and what it leaves open.
    pub notes: Vec<String>,
    /// The table's own name, for messages.
    file: String,
    /// No column and no caller names the building.
    unnamed: bool,
    said: BTreeMap<BuildingUuid, Said>,
}

/// What a table says of one building beside its rows.
#[derive(Clone, Debug, Default, PartialEq)]
struct Said {
    /// The line of each door's first row.
    lines: BTreeMap<DoorUuid, u64>,
    /// Doors whose keys are not said.
    keys_unknown: BTreeSet<DoorUuid>,
    /// Keys of which it is not said whose they are.
    partner_unknown: BTreeSet<KeyUuid>,
}

/// What is wrong with a line of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableFault {
    /// The table.
    pub file: String,
    /// The line.
    pub line: u64,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for TableFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// All that is wrong with a table, by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableErrors(pub Vec<TableFault>);

impl fmt::Display for TableErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for TableErrors {}

/// Whether a uuid was made from a name because a table has none. DOOR's own uuids are never of this version.
#[must_use]
pub fn is_synthetic(uuid: Uuid) -> bool {
    uuid.get_version_num() == 8
}

/// A uuid that is written, or one made from names.
fn identity(kind: &str, building: &str, written: &str) -> Uuid {
    const SPACE: Uuid = Uuid::from_u128(0x6f70_656e_646f_6f72_8000_7461_626c_6573);
    written.parse().unwrap_or_else(|_| {
        let name = format!("{kind}/{}:{building}/{written}", building.len());
        let hashed = Uuid::new_v5(&SPACE, name.as_bytes());
        uuid::Builder::from_custom_bytes(*hashed.as_bytes()).into_uuid()
    })
}

impl Table {
    /// Reads a table. `building` names the building of a table that has no column for it.
    ///
    /// # Errors
    /// Every line that cannot be read.
    pub fn parse(file: &str, bytes: &[u8], building: Option<&str>) -> Result<Self, TableErrors> {
        let rows = read::rows(file, bytes)?;
        let mut faults = Faults::new(file);
        let mut by_building: BTreeMap<&str, BTreeMap<&str, Vec<&Row>>> = BTreeMap::new();
        for row in &rows.rows {
            let building = row.building.as_deref().or(building).unwrap_or_default();
            let doors = by_building.entry(building).or_default();
            doors.entry(&row.door).or_default().push(row);
        }
        let mut table = Self {
            observed: Vec::new(),
            notes: notes(file, &rows),
            file: file.to_owned(),
            unnamed: !rows.names_buildings && building.is_none(),
            said: BTreeMap::new(),
        };
        for (building, doors) in by_building {
            let (observed, said) = read_building(building, &doors, &mut faults);
            let blank = observed
                .doors
                .iter()
                .filter(|row| row.holder == Holder::Unknown);
            let blank = blank.count();
            if blank > 0 {
                table.notes.push(format!(
                    "{file} does not say who holds {blank} of the {} doors{}; nothing is planned there.",
                    observed.doors.len(),
                    at_building(building)
                ));
            }
            table.said.insert(observed.building, said);
            table.observed.push(observed);
        }
        if faults.is_empty() {
            Ok(table)
        } else {
            Err(faults.into_errors())
        }
    }
}

fn at_building(building: &str) -> String {
    if building.is_empty() {
        String::new()
    } else {
        format!(" of {building}")
    }
}

fn notes(file: &str, rows: &Rows) -> Vec<String> {
    let ignored = rows
        .ignored
        .iter()
        .map(|name| format!("{file}: the column \"{name}\" is not read."));
    ignored.collect()
}

fn read_building(
    name: &str,
    doors: &BTreeMap<&str, Vec<&Row>>,
    faults: &mut Faults<'_>,
) -> (Observed, Said) {
    let building = BuildingUuid(identity("building", "", name));
    let mut observed = Observed {
        building,
        building_name: name.to_owned(),
        at: Timestamp::UNIX_EPOCH,
        partners: Vec::new(),
        doors: Vec::new(),
        keys: Vec::new(),
        incomplete: None,
        clock_skewed: false,
    };
    let mut said = Said::default();
    let mut keys: BTreeMap<&str, KeyRows<'_>> = BTreeMap::new();
    let mut partners: BTreeSet<&str> = BTreeSet::new();
    for (door_name, rows) in doors {
        told_apart(door_name, rows, faults);
        let door = DoorUuid(identity("door", name, door_name));
        if let Some(first) = rows.first() {
            said.lines.insert(door, first.line);
        }
        if !rows.iter().any(|row| row.keys.said) {
            said.keys_unknown.insert(door);
        }
        for row in rows {
            if let Written::Partner(partner) = &row.holder {
                partners.insert(partner);
            }
            for key in &row.keys.names {
                let of = keys.entry(key).or_default();
                of.doors.insert(door);
                of.partners.insert(row.keys.is_path.then_some(&row.holder));
            }
        }
        let connected = connected(door_name, rows, faults);
        observed
            .doors
            .push(door_row(door, door_name, dropdown(rows), connected));
    }
    for (key_name, rows) in keys {
        let uuid = KeyUuid(identity("key", name, key_name));
        let partner = rows.partner();
        if partner.is_none() {
            said.partner_unknown.insert(uuid);
        }
        observed
            .keys
            .push(key_row(uuid, key_name, partner, rows.doors));
    }
    observed.partners = partners
        .into_iter()
        .map(|partner| Partner {
            uuid: partner_of(partner),
            name: partner.to_owned(),
        })
        .collect();
    finish(&mut observed);
    (observed, said)
}

/// A partner is the same one in every building.
fn partner_of(name: &str) -> PartnerUuid {
    PartnerUuid(identity("partner", "", name))
}

/// What the rows of a key say.
#[derive(Default)]
struct KeyRows<'a> {
    doors: BTreeSet<DoorUuid>,
    /// Whose each row says it is; `None`: the row does not say.
    partners: BTreeSet<Option<&'a Written>>,
}

impl KeyRows<'_> {
    fn partner(&self) -> Option<PartnerUuid> {
        let mut partners = self.partners.iter();
        match (partners.next(), partners.next()) {
            (Some(Some(Written::Partner(partner))), None) => Some(partner_of(partner)),
            _ => None,
        }
    }
}

/// Two rows of one door and one key are two doors of one name, or a slip: nobody can tell.
fn told_apart(door: &str, rows: &[&Row], faults: &mut Faults<'_>) {
    let mut first: BTreeMap<&str, u64> = BTreeMap::new();
    for row in rows {
        let none = row.keys.names.is_empty().then_some("");
        for key in row.keys.names.iter().map(String::as_str).chain(none) {
            let known = *first.entry(key).or_insert(row.line);
            if known != row.line {
                let by_key = if key.is_empty() {
                    String::new()
                } else {
                    format!(" in the key \"{key}\"")
                };
                let why = format!(
                    "names the door \"{door}\"{by_key} as line {known} does, and a table cannot tell two doors of one name \
                     apart; remove one of the rows, or give the doors different names in DOOR OS"
                );
                faults.add(row.line, why);
            }
        }
    }
}

/// Whom the door's dropdown shows: as its row without a key says; else as its other rows agree.
fn dropdown(rows: &[&Row]) -> Holder {
    let has_own = rows.iter().any(|row| !row.keys.is_path);
    let mut written = rows
        .iter()
        .filter(|row| !has_own || !row.keys.is_path)
        .map(|row| &row.holder)
        .filter(|holder| **holder != Written::Blank);
    let first = written.next();
    if first.is_none_or(|first| written.any(|other| other != first)) {
        return Holder::Unknown;
    }
    match first {
        Some(Written::Partner(partner)) => Holder::Partner(partner_of(partner)),
        Some(Written::Nobody) => Holder::Nobody,
        Some(Written::Blank) | None => Holder::Unknown,
    }
}

fn connected(door: &str, rows: &[&Row], faults: &mut Faults<'_>) -> Option<bool> {
    let mut said = rows
        .iter()
        .filter_map(|row| Some((row.line, row.connected?)));
    let (line, connected) = said.next()?;
    for (other, differs) in said.filter(|(_, other)| *other != connected) {
        let (now, before) = if differs {
            ("yes", "no")
        } else {
            ("no", "yes")
        };
        let why = format!(
            "says {now} to whether \"{door}\" is connected, and line {line} says {before}; correct one of them"
        );
        faults.add(other, why);
    }
    Some(connected)
}

fn door_row(uuid: DoorUuid, name: &str, holder: Holder, connected: Option<bool>) -> DoorRow {
    DoorRow {
        uuid,
        name: name.into(),
        door_type: None,
        accessibility: None,
        connected,
        // What is connected is a device; which one is not known.
        serial: (connected == Some(true)).then(SmolStr::default),
        unit: None,
        holder,
        version: 0,
        revision: Some(0),
        access: SmallVec::new(),
        access_revision: 0,
        lock_revision: None,
        sync_required: None,
        last_full_sync: None,
    }
}

fn key_row(
    uuid: KeyUuid,
    name: &str,
    partner: Option<PartnerUuid>,
    doors: BTreeSet<DoorUuid>,
) -> KeyRow {
    let doors = doors.into_iter().map(|door| KeyDoor {
        door,
        doorcodes: false,
    });
    KeyRow {
        uuid,
        name: name.to_owned(),
        partner,
        doors: doors.collect(),
        schedule: Vec::new(),
        client_ref: None,
        version: 0,
        revision: Some(0),
        holders: None,
        roles: Box::default(),
    }
}

/// Sorts everything as a look at DOOR OS is sorted, and gives each door the access its rows amount to.
fn finish(observed: &mut Observed) {
    observed.partners.sort_by_key(|partner| partner.uuid);
    observed.partners.dedup_by_key(|partner| partner.uuid);
    observed.doors.sort_by_key(|row| row.uuid);
    observed.doors.dedup_by_key(|row| row.uuid);
    observed.keys.sort_by_key(|row| row.uuid);
    observed.keys.dedup_by_key(|row| row.uuid);
    let mut access: BTreeMap<DoorUuid, SmallVec<[Access; 1]>> = BTreeMap::new();
    for row in &mut observed.keys {
        row.doors.sort_unstable();
        row.doors.dedup_by_key(|entry| entry.door);
        for entry in &row.doors {
            if let Some(partner) = row.partner {
                access.entry(entry.door).or_default().push(Access {
                    partner,
                    via: Via::Key(row.uuid),
                    revision: 0,
                });
            }
        }
    }
    for row in &mut observed.doors {
        row.access = access.remove(&row.uuid).unwrap_or_default();
        if let Holder::Partner(partner) = row.holder {
            row.access.push(Access {
                partner,
                via: Via::Door,
                revision: 0,
            });
        }
        row.access.sort_unstable();
    }
}
