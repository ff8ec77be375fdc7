//! Plans against a table of doors.

use jiff::Timestamp;
use opendoor_planner::plan::{Plan, Step};
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::snapshot::Snapshot;
use opendoor_reconciler::table::{Table, TablePlan, plan_table};

use crate::validate::{PROPERTY, assignment, key, sources};

pub fn snapshot(documents: &[&str]) -> Snapshot {
    let text = documents.join("---\n");
    let snapshot = sources(&[("a.yaml", &text)]).snapshot();
    assert!(snapshot.broken.is_empty(), "{:?}", snapshot.broken);
    snapshot
}

pub fn table(text: &str) -> Table {
    Table::parse("doors.csv", text.as_bytes(), None).unwrap_or_else(|error| panic!("{error}"))
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

pub fn parcels(doors: &str) -> String {
    assignment("parcels", "Parcel Runner", &format!("  doors: [{doors}]\n"))
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
