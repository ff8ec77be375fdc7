//! How the rows of a table are read.

use jiff::Timestamp;
use opendoor_planner::observed::Holder;
use opendoor_reconciler::table::{Table, is_synthetic, plan_table};

use crate::table::{parcels, snapshot, table};
use crate::validate::{PROPERTY, key};

fn faults(text: &str) -> Vec<String> {
    let errors = Table::parse("doors.csv", text.as_bytes(), None).unwrap_err();
    errors.0.iter().map(ToString::to_string).collect()
}

#[test]
fn headers_and_words_are_read_as_people_write_them() {
    let plain = table(
        "building,door,partner,connected,key\nHarbor Point,Mail Room,TourPass,yes,\nHarbor Point,Rooftop,none,no,\n",
    );
    for text in [
        "\u{feff}Property;Door name;Partner;Is connected;Keys\r\nHarbor Point;Mail Room;TourPass;Online;\r\nHarbor Point;Rooftop;No partner;OFFLINE;\r\n",
        "door_name\tBUILDING\tis-connected\tPartner name\nRooftop\tHarbor Point\tfalse\t-\n\nMail Room\tHarbor Point\t1\t TourPass \n",
        "sep=;\ndoor;building;partner;online\n\"Mail Room\";Harbor Point;TourPass;true\n;;;\nRooftop;Harbor Point;NONE;0\n",
        "Name,Property name,Door partner,Connected\rMail Room,Harbor Point,TourPass,y\rRooftop,Harbor Point,\u{2013},n\r",
    ] {
        assert_eq!(table(text).observed, plain.observed, "{text:?}");
    }
    let made = &plain.observed[0];
    assert!(is_synthetic(made.building.0) && is_synthetic(made.doors[0].uuid.0));
    assert!(made.doors.iter().all(|row| row.lock_revision.is_none()));
}

#[test]
fn columns_that_are_not_read_are_noted() {
    let read = table("building,door,partner,Floor,\nHarbor Point,Mail Room,none,2,\n");
    assert_eq!(read.notes, ["doors.csv: the column \"Floor\" is not read."]);
}

#[test]
fn a_row_that_cannot_be_read_names_its_line() {
    for (text, expected) in [
        ("", "doors.csv:1: is empty"),
        ("building,partner\n", "doors.csv:1: names no column `door`"),
        (
            "door,Door name\n",
            "doors.csv:1: columns 1 (\"door\") and 2 (\"Door name\") mean the same",
        ),
        (
            "door,partner\n\n\n,TourPass\n",
            "doors.csv:4: names no door",
        ),
        (
            "building,door\n,Mail Room\n",
            "doors.csv:2: does not say which building",
        ),
        (
            "door,connected\nA,yes\nB,maybe\n",
            "doors.csv:3: has \"maybe\" where it says",
        ),
        (
            "door,partner\nA,n/a\n",
            "doors.csv:2: has \"n/a\" as its partner",
        ),
        (
            "door,partner\nA,x,y\n",
            "doors.csv:2: has 3 cells and the first line names 2 columns",
        ),
        (
            "door,partner\nA,none\n\"B,none\nC,none\n",
            "doors.csv:3: has a cell that runs over several lines",
        ),
        (
            "door,partner\nA,none\nB,none\nA,TourPass\n",
            "doors.csv:4: names the door \"A\" as line 2 does",
        ),
        (
            "door,connected,key\nA,yes,K\nA,no,L\n",
            "doors.csv:3: says no to whether \"A\" is connected, and line 2 says yes",
        ),
    ] {
        let found = faults(text);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(expected), "{found:?}");
    }
    assert_eq!(faults("door,connected\nA,maybe\nB,perhaps\n").len(), 2);
    let latin = Table::parse("doors.csv", b"door\nCaf\xe9\n", None).unwrap_err();
    assert!(
        latin.to_string().starts_with("doors.csv:2: is not UTF-8"),
        "{latin}"
    );
    let wide = Table::parse("doors.csv", b"\xff\xfed\0o\0", None).unwrap_err();
    assert!(wide.to_string().contains("CSV UTF-8"), "{wide}");
}

#[test]
fn one_door_may_stand_on_several_rows() {
    let read = table(
        "building,door,partner,key\nHarbor Point,Mail Room,Parcel Runner,\nHarbor Point,Mail Room,TourPass,Tours\n",
    );
    let made = &read.observed[0];
    assert_eq!(
        (made.doors.len(), made.keys.len(), made.partners.len()),
        (1, 1, 2)
    );
    assert_eq!(made.doors[0].access.len(), 2);
    assert!(made.keys[0].partner.is_some());
    let split = table(
        "building,door,partner,key\nHarbor Point,Mail Room,Parcel Runner,Parcels\nHarbor Point,Mail Room,TourPass,Tours\n",
    );
    assert_eq!(split.observed[0].doors[0].holder, Holder::Unknown);
}

#[test]
fn a_table_of_any_bytes_is_read_or_refused() {
    let seed: &[u8] = b"\xef\xbb\xbfbuilding,door,partner,connected,key\r\nHarbor Point,\"Mail \"\"Room\"\"\",TourPass,yes,Tours\r\nHarbor Point,Rooftop,none,no,\n";
    let now = [
        PROPERTY,
        &*parcels("Mail Room"),
        &*key("tours", "TourPass", "Tours"),
    ];
    let now = snapshot(&now);
    let interesting = b"\",;\t\r\n\0\xff\xfe\xef-=|ab0";
    let mut random: u64 = 7;
    let mut next = |below: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below.max(1)
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let mut bytes = seed.to_vec();
        for _ in 0..=next(6) {
            let at = next(bytes.len());
            match next(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, interesting[next(interesting.len())]),
                2 if !bytes.is_empty() => bytes[at] = interesting[next(interesting.len())],
                _ => {
                    let piece: Vec<u8> = bytes[at..].iter().copied().take(next(40)).collect();
                    bytes.splice(at..at, piece);
                }
            }
        }
        match Table::parse("doors.csv", &bytes, None) {
            Ok(table) => {
                read += 1;
                if read % 50 == 0 {
                    let made = plan_table(&table, &now, Some(&now), Timestamp::UNIX_EPOCH);
                    assert_eq!(made.plans.len(), made.observed.len());
                }
            }
            Err(errors) => {
                refused += 1;
                assert!(!errors.0.is_empty());
                assert!(
                    errors
                        .0
                        .iter()
                        .all(|fault| fault.line > 0 && !fault.message.is_empty())
                );
            }
        }
    }
    assert!(read > 1_000 && refused > 1_000, "{read} {refused}");
}
