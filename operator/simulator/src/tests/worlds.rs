use std::sync::{Arc, Mutex};

use super::*;
use crate::WorldError;

fn refused(yaml: &str) -> String {
    let world = WorldFile::parse(yaml).and_then(|file| {
        Simulator::new(
            file,
            1,
            Clock::manual("2026-03-02T12:00:00Z".parse().unwrap()),
        )
    });
    world.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_world_file_with_a_fault_names_the_line() {
    let unknown_field = refused("buildings:\n  - name: A\n    colour: red\n");
    assert!(
        unknown_field.contains("colour") && unknown_field.contains('3'),
        "{unknown_field}"
    );
    let unknown_door =
        refused("buildings:\n  - name: A\n    keys:\n      - name: K\n        doors: [Attic]\n");
    assert_eq!(unknown_door, "no door is named \"Attic\" in line 5");
    assert_eq!(
        refused("partners: [{ name: P, authorizedAt: [B] }]"),
        "no building is named \"B\" in line 1"
    );
    let twins = "buildings:\n  - name: A\n    doors: [{ name: T }, { name: T }]\n    keys: [{ name: K, doors: [T] }]\n";
    assert!(refused(twins).starts_with("several doors are named \"T\" in line 4"));
    let partner =
        "partners: [{ name: P }]\nbuildings:\n  - name: A\n    doors: [{ name: T, partner: P }]\n";
    assert!(
        refused(partner).contains("authorizedAt"),
        "{}",
        refused(partner)
    );
    assert!(
        refused("buildings: [{ name: A }, { name: A }]").starts_with("two buildings are named")
    );
    let schedule = "buildings:\n  - name: A\n    keys: [{ name: K, schedule: [{ days: [], from: '08:00', to: '09:00' }] }]\n";
    assert!(refused(schedule).starts_with("key \"K\" in line 3"));
}

#[test]
fn one_file_and_seed_give_one_world() {
    let run = |seed| {
        let bench = Bench::of(HARBOR, seed);
        bench.assign("Front Entrance", Some("Parcel Runner"));
        bench.advance(3600);
        bench.simulator.dump()
    };
    assert_eq!(run(3), run(3));
    assert_ne!(Bench::of(HARBOR, 3).house(), Bench::of(HARBOR, 4).house());
    let bench = Bench::new();
    let twins = bench.list("doors", 500)[0]["doors"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["name"] == "Twin")
        .count();
    assert_eq!(twins, 2);
}

#[test]
fn a_dump_continues_where_the_world_stood() {
    let bench = Bench::new();
    bench.assign("Front Entrance", Some("Parcel Runner"));
    bench.sync("Garage Gate", json!({ "phase": "fetch" }));
    bench.advance(30);
    let clock = Clock::manual("2026-03-02T12:00:00Z".parse().unwrap());
    let simulator = Simulator::from_dump(&bench.simulator.dump(), clock).unwrap();
    let again = Bench {
        simulator,
        token: bench.token.clone(),
    };
    assert_eq!(again.simulator.dump(), bench.simulator.dump());
    assert_eq!(again.simulator.now(), bench.simulator.now());
    again.advance(30);
    assert_eq!(
        again.row("Front Entrance")["lockRevision"],
        2,
        "the update was under way"
    );
    assert_eq!(
        again
            .sync("Garage Gate", json!({ "phase": "deliver" }))
            .status,
        200
    );
    assert!(matches!(
        Simulator::from_dump("{}", clock),
        Err(WorldError::BadDump(_))
    ));
}

#[test]
fn changes_are_called_back_and_reads_are_not() {
    let bench = Bench::new();
    let dumps = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&dumps);
    bench
        .simulator
        .on_change(move |dump| kept.lock().unwrap().push(dump));
    bench.row("Garage Gate");
    bench.list("doors", 2);
    let before = dumps.lock().unwrap().len();
    bench.row("Garage Gate");
    assert_eq!(dumps.lock().unwrap().len(), before);
    bench.assign("Garage Gate", None);
    assert_eq!(dumps.lock().unwrap().len(), before + 1);
    assert_eq!(dumps.lock().unwrap().last(), Some(&bench.simulator.dump()));
    bench.edit("Garage Gate", json!({ "connected": true }));
    assert_eq!(dumps.lock().unwrap().len(), before + 2);
}

#[test]
fn a_generated_world_is_large_and_the_same_again() {
    let file = WorldFile::generated(3, 1000, 5);
    assert_eq!(file, WorldFile::generated(3, 1000, 5));
    let clock = Clock::manual("2026-03-02T12:00:00Z".parse().unwrap());
    let simulator = Simulator::new(file, 5, clock).unwrap();
    let mut bench = Bench {
        simulator,
        token: String::new(),
    };
    bench.login();
    let house = bench.simulator.building_uuid("Building 0002").unwrap();
    let page = bench.get(&format!("/v1/doors?buildingUuid={house}&pageSize=500"));
    assert_eq!(page["totalCount"], 1000);
}
