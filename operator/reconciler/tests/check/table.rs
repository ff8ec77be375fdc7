//! Plans against a table of doors.

use jiff::Timestamp;
use opendoor_planner::plan::{Plan, Step};
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::snapshot::Snapshot;
use opendoor_reconciler::table::{Table, TablePlan, is_synthetic, plan_table};

use crate::validate::{PROPERTY, assignment, key, sources};

fn snapshot(documents: &[&str]) -> Snapshot {
    let text = documents.join("---\n");
    let snapshot = sources(&[("a.yaml", &text)]).snapshot();
    assert!(snapshot.broken.is_empty(), "{:?}", snapshot.broken);
    snapshot
}

fn table(text: &str) -> Table {
    Table::parse("doors.csv", text.as_bytes(), None).unwrap_or_else(|error| panic!("{error}"))
}

fn faults(text: &str) -> Vec<String> {
    let errors = Table::parse("doors.csv", text.as_bytes(), None).unwrap_err();
    errors.0.iter().map(ToString::to_string).collect()
}

fn made(text: &str, now: &[&str], base: Option<&[&str]>) -> TablePlan {
    let base = base.map(snapshot);
    let at: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
    plan_table(&table(text), &snapshot(now), base.as_ref(), at)
}

fn words(plan: &Plan) -> Vec<String> {
    let word = |step: &Step| {
        let door = step.door.as_ref().map(|door| door.name.clone());
        let key = step.key.as_ref().map(|key| format!("key {}", key.name));
        let what = door.or(key).unwrap();
        let held = step
            .held
            .map_or(String::new(), |reason| format!(" held {reason}"));
        format!("{} {what} {}{held}", step.action.as_str(), step.partner)
    };
    let mut words: Vec<String> = plan.steps.iter().map(word).collect();
    words.sort();
    words
}

fn steps(text: &str, now: &[&str], base: Option<&[&str]>) -> Vec<String> {
    words(&made(text, now, base).plans[0])
}

fn parcels(doors: &str) -> String {
    assignment("parcels", "Parcel Runner", &format!("  doors: [{doors}]\n"))
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
fn what_is_not_known_is_left_alone_and_asked_for() {
    let doors = "building,door,partner\nHarbor Point,Mail Room,\nHarbor Point,Rooftop,none\nHarbor Point,Lobby,\n";
    let made = made(doors, &[PROPERTY, &parcels("Mail Room, Rooftop")], None);
    let plan = &made.plans[0];
    assert_eq!(words(plan), ["AssignDoor Rooftop Parcel Runner"]);
    assert!(plan.cannot_tell());
    assert_eq!(plan.refusals.len(), 1, "{:?}", plan.refusals);
    let refusal = &plan.refusals[0];
    assert_eq!(refusal.reason, Reason::ObservationIncomplete);
    assert!(
        refusal
            .message
            .starts_with("doors.csv:2 does not say who holds \"Mail Room\"")
    );
    assert_eq!(refusal.cause.line, Some(17));
    assert!(
        made.notes[0].contains("does not say who holds 2 of the 3 doors"),
        "{:?}",
        made.notes
    );
}

#[test]
fn what_the_base_declared_is_ours_and_nothing_else_is() {
    let doors = "building,door,partner,connected\n\
                 Harbor Point,Mail Room,Parcel Runner,no\n\
                 Harbor Point,Rooftop,Parcel Runner,yes\n\
                 Harbor Point,Lobby,TourPass,yes\n\
                 Harbor Point,Gate,,yes\n";
    let base = parcels("Mail Room, Lobby, Gate");
    let now = parcels("Rooftop");
    let made = made(doors, &[PROPERTY, &now], Some(&[PROPERTY, &base]));
    let plan = &made.plans[0];
    assert_eq!(words(plan), ["RemoveDoor Mail Room Parcel Runner"]);
    assert_eq!(plan.summary.door_visits, 1);
    let by_hand: Vec<&str> = plan
        .unmanaged
        .iter()
        .map(|made| made.what.as_str())
        .collect();
    assert_eq!(by_hand, ["Lobby"]);
    assert_eq!(plan.refusals.len(), 1, "{:?}", plan.refusals);
    assert!(
        plan.refusals[0]
            .message
            .contains("\"Gate\", which was declared for Parcel Runner")
    );
    let without = steps(doors, &[PROPERTY, &now], None);
    assert_eq!(without, [""; 0]);
}

#[test]
fn an_object_whose_file_is_gone_is_a_removal_and_a_property_a_hold() {
    let doors = "building,door,partner\nHarbor Point,Mail Room,Parcel Runner\n";
    let base = [PROPERTY, &parcels("Mail Room")];
    assert_eq!(
        steps(doors, &[PROPERTY], Some(&base)),
        ["RemoveDoor Mail Room Parcel Runner"]
    );
    let gone = made(doors, &[], Some(&base));
    assert_eq!(
        words(&gone.plans[0]),
        ["RemoveDoor Mail Room Parcel Runner held DeclarationIncomplete"]
    );
}

#[test]
fn a_key_is_as_its_rows_say_and_the_rest_as_declared() {
    let tours = key("tours", "TourPass", "Tours");
    let wider = format!("{tours}    - {{ name: Rooftop, provideDoorcodes: true }}\n");
    let now = [PROPERTY, &wider];
    let row = |rows: &str| format!("building,door,partner,connected,key\n{rows}");
    // Not there.
    let none = row("Harbor Point,Mail Room,none,yes,none\nHarbor Point,Rooftop,none,yes,none\n");
    assert_eq!(steps(&none, &now, None), ["CreateKey key Tours TourPass"]);
    assert_eq!(made(&none, &now, None).plans[0].notes.len(), 2);
    // There, and as declared.
    let there =
        row("Harbor Point,Mail Room,TourPass,yes,Tours\nHarbor Point,Rooftop,TourPass,yes,Tours\n");
    assert_eq!(steps(&there, &now, None), [""; 0]);
    // Another partner's.
    let other = there.replace("TourPass", "Parcel Runner");
    let refused = made(&other, &now, None);
    assert_eq!(
        refused.plans[0].refusals[0].reason,
        Reason::PartnerImmutable
    );
    // Ours at the base, and wider now.
    let narrow =
        row("Harbor Point,Mail Room,TourPass,yes,Tours\nHarbor Point,Rooftop,none,yes,none\n");
    let base = [PROPERTY, &*tours];
    assert_eq!(
        steps(&narrow, &now, Some(&base)),
        ["UpdateKey key Tours TourPass"]
    );
    // Ours at the base, and the table says nothing of keys.
    let silent = "building,door,partner\nHarbor Point,Mail Room,none\nHarbor Point,Rooftop,none\n";
    assert_eq!(
        steps(silent, &now, Some(&base)),
        ["UpdateKey key Tours TourPass"]
    );
    // Ours at the base, and declared no more: people may hold it.
    assert_eq!(
        steps(&narrow, &[PROPERTY], Some(&base)),
        ["DeleteKey key Tours TourPass held HoldersAffected"]
    );
    let quiet = made(silent, &[PROPERTY], Some(&base));
    assert_eq!(words(&quiet.plans[0]), [""; 0]);
    assert!(
        quiet.plans[0]
            .notes
            .iter()
            .any(|note| note.contains("still there"))
    );
}

#[test]
fn whose_a_key_is_may_be_open() {
    let tours = key("tours", "TourPass", "Tours");
    let adopting = format!(
        "{tours}  adopt:\n    acknowledge: ConvertsToPartnerKeyForGood\n    keyUuid: 0b8f3a52-3c1e-4f6a-9d52-6f1f0a7c9e12\n"
    );
    let rows = "building,door,partner,keys\nHarbor Point,Mail Room,Parcel Runner,Tours; Staff\n";
    let taken = made(rows, &[PROPERTY, &tours], None);
    assert_eq!(words(&taken.plans[0]), [""; 0]);
    assert!(
        taken.plans[0]
            .notes
            .iter()
            .any(|note| note.contains("takes it to be TourPass's"))
    );
    assert_eq!(taken.plans[0].unmanaged.len(), 1);
    assert_eq!(
        steps(rows, &[PROPERTY, &adopting], None),
        ["ConvertKey key Tours TourPass"]
    );
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
    assert_eq!(
        split.observed[0].doors[0].holder,
        opendoor_planner::observed::Holder::Unknown
    );
}

#[test]
fn a_written_uuid_is_the_partners() {
    let tours = assignment("tours", "TourPass", "  doors: [Mail Room]\n");
    let uuid = "0b8f3a52-3c1e-4f6a-9d52-6f1f0a7c9e11";
    for written in ["TourPass", uuid] {
        let rows = format!("building,door,partner\nHarbor Point,Mail Room,{written}\n");
        let made = made(&rows, &[PROPERTY, &tours], None);
        assert_eq!(words(&made.plans[0]), [""; 0], "{written}");
        assert!(
            made.plans[0].unmanaged.is_empty(),
            "{written}: {:?}",
            made.plans[0]
        );
    }
}

#[test]
fn buildings_are_found_or_asked_for() {
    let parcels = parcels("Mail Room");
    let now = [PROPERTY, &*parcels];
    let unnamed = "door,partner\nMail Room,none\n";
    assert_eq!(
        steps(unnamed, &now, None),
        ["AssignDoor Mail Room Parcel Runner"]
    );
    let given = Table::parse("doors.csv", unnamed.as_bytes(), Some("Harbor Point")).unwrap();
    assert_eq!(given.observed[0].building_name, "Harbor Point");
    let elsewhere = made("building,door\nHarbour Point,Mail Room\n", &now, None);
    assert!(elsewhere.plans.is_empty());
    let problem = &elsewhere.not_passed[0].problem;
    assert_eq!(problem.reason, Reason::BuildingNotFound);
    assert_eq!(
        problem.message,
        "no row of doors.csv is of the building \"Harbor Point\"; the table holds \"Harbour Point\". Names must agree letter \
         for letter."
    );
    let second = PROPERTY
        .replace("name: harbor-point", "name: elm-court")
        .replace("Harbor Point", "Elm Court");
    let several = made(unnamed, &[PROPERTY, &second], None);
    assert_eq!(several.not_passed.len(), 2);
    assert!(
        several.not_passed[0]
            .problem
            .message
            .contains("add a column `building`")
    );
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

#[test]
fn the_same_rows_in_another_order_give_the_same_plan() {
    let rows = [
        "Harbor Point,Mail Room,none,no,none",
        "Harbor Point,Rooftop,TourPass,yes,Tours",
        "Harbor Point,Lobby,none,yes,none",
    ];
    let table =
        |rows: &[&str]| format!("building,door,partner,connected,key\n{}\n", rows.join("\n"));
    let now = [PROPERTY, &*parcels("Mail Room, Lobby")];
    let forward = made(&table(&rows), &now, None);
    let backward = made(&table(&[rows[2], rows[1], rows[0]]), &now, None);
    assert_eq!(forward.plans, backward.plans);
    assert_eq!(forward.plans[0].steps.len(), 2);
}
