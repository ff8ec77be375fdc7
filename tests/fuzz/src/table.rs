//! A table of doors, and a plan against it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use opendoor_planner::observed::{Holder, Observed};
use opendoor_reconciler::directory::read_text;
use opendoor_reconciler::snapshot::Snapshot;
use opendoor_reconciler::table::{Table, TableErrors, plan_table};

const FILE: &str = "doors.csv";

static DECLARED: LazyLock<Snapshot> = LazyLock::new(|| {
    let mut snapshot = Snapshot::default();
    let text = include_str!("../../../examples/day-one/harbor-point.yaml");
    read_text("harbor-point.yaml", text, &mut snapshot);
    assert!(snapshot.broken.is_empty() && snapshot.unreadable.is_empty());
    snapshot
});

/// Reads a table with and without a name for its building, and plans against it.
pub fn check(data: &[u8]) {
    for building in [None, Some("Harbor Point")] {
        let table = Table::parse(FILE, data, building);
        match &table {
            Ok(table) => read(table),
            Err(errors) => refused(data, errors),
        }
        spelt_otherwise(data, building, &table);
    }
}

fn refused(data: &[u8], TableErrors(faults): &TableErrors) {
    assert!(!faults.is_empty(), "refused for nothing");
    assert!(faults.is_sorted_by_key(|fault| fault.line));
    let ends = data
        .iter()
        .filter(|byte| matches!(byte, b'\n' | b'\r'))
        .count();
    for fault in faults {
        assert!(
            (1..=ends + 1).contains(&usize::try_from(fault.line).unwrap_or(0)),
            "{fault}"
        );
        super::one_line(&fault.to_string());
    }
}

fn read(table: &Table) {
    let buildings: BTreeSet<_> = table
        .observed
        .iter()
        .map(|observed| observed.building)
        .collect();
    assert_eq!(
        buildings.len(),
        table.observed.len(),
        "two buildings with one uuid"
    );
    table.observed.iter().for_each(consistent);
    table.notes.iter().for_each(|note| super::one_line(note));

    let nothing = Snapshot::default();
    for (now, base) in [
        (&*DECLARED, None),
        (&*DECLARED, Some(&nothing)),
        (&nothing, Some(&*DECLARED)),
        (&*DECLARED, Some(&*DECLARED)),
    ] {
        let made = plan_table(table, now, base, Timestamp::UNIX_EPOCH);
        assert_eq!(made.plans.len(), made.observed.len());
        for (plan, observed) in made.plans.iter().zip(&made.observed) {
            for step in &plan.steps {
                let door = step.door.as_ref().and_then(|door| door.uuid);
                assert!(
                    door.is_none_or(|door| observed.door(door).is_some()),
                    "{step:?}"
                );
            }
        }
    }
}

fn consistent(observed: &Observed) {
    let Observed {
        doors,
        keys,
        partners,
        ..
    } = observed;
    assert!(doors.is_sorted_by(|a, b| a.uuid < b.uuid));
    assert!(keys.is_sorted_by(|a, b| a.uuid < b.uuid));
    assert!(partners.is_sorted_by(|a, b| a.uuid < b.uuid));
    let known: BTreeSet<_> = partners.iter().map(|partner| partner.uuid).collect();
    for row in doors {
        assert!(!row.name.is_empty() && row.access.is_sorted());
        assert!(
            row.access
                .iter()
                .all(|access| known.contains(&access.partner))
        );
        if let Holder::Partner(partner) = row.holder {
            assert!(row.grants(partner), "{row:?}");
        }
    }
    for key in keys {
        assert!(!key.name.is_empty() && !key.doors.is_empty());
        assert!(key.doors.is_sorted_by(|a, b| a.door < b.door));
        assert!(
            key.doors
                .iter()
                .all(|entry| observed.door(entry.door).is_some())
        );
        assert!(key.partner.is_none_or(|partner| known.contains(&partner)));
    }
}

/// A byte order mark and the way lines end say nothing.
fn spelt_otherwise(data: &[u8], building: Option<&str>, table: &Result<Table, TableErrors>) {
    if !data.starts_with(b"\xef\xbb\xbf")
        && !data.starts_with(b"\xff\xfe")
        && !data.starts_with(b"\xfe\xff")
    {
        let marked = [b"\xef\xbb\xbf", data].concat();
        assert_eq!(&Table::parse(FILE, &marked, building), table);
    }
    if !data.contains(&b'\r') && !data.contains(&b'"') {
        let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
        assert_eq!(
            &Table::parse(FILE, &lines.join(&b"\r\n"[..]), building),
            table
        );
        assert_eq!(&Table::parse(FILE, &lines.join(&b'\r'), building), table);
    }
}
