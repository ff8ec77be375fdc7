//! Whatever happens in whatever order, the counters mean what the contract says.

use std::collections::BTreeMap;

use super::*;

const DOORS: [&str; 4] = ["Front Entrance", "Garage Gate", "Unit 1", "Bare Door"];
const PARTNERS: [&str; 2] = ["Parcel Runner", "TourPass"];

/// Something happens to the world: by the API, by hand, at a door, or by time.
fn happen(bench: &Bench, random: &mut fastrand::Rng, step: usize) {
    let door = DOORS[random.usize(..DOORS.len())];
    let partner = PARTNERS[random.usize(..PARTNERS.len())];
    match random.u8(..12) {
        0 => drop(bench.assign(door, random.bool().then_some(partner))),
        1 => drop(bench.edit(door, json!({ "partner": random.bool().then_some(partner) }))),
        2 => drop(bench.edit(door, json!({ "connected": random.bool() }))),
        3 => drop(bench.edit(door, json!({ "reachable": random.bool() }))),
        4 => {
            let serial = (random.u8(..3) > 0).then(|| step.to_string());
            bench.edit(door, json!({ "serialNumber": serial }));
        }
        5 => bench.advance(random.u64(..120)),
        6 => drop(bench.opens(door, partner)),
        7 => {
            let kind = if random.bool() { "full" } else { "passive" };
            let phase = ["both", "fetch", "deliver"][random.usize(..3)];
            let phone = if random.bool() { "a" } else { "b" };
            bench.sync(
                door,
                json!({ "kind": kind, "phase": phase, "phone": phone }),
            );
        }
        8 => {
            let keys = bench.list("keys", 500).remove(0);
            let keys = keys["keys"].as_array().unwrap();
            let key = &keys[random.usize(..keys.len())];
            let from = format!("0{}:00", random.u8(..3));
            let change = match random.u8(..4) {
                0 => json!({ "schedule": [{"days": ["MONDAY"], "from": from, "to": "20:00"}] }),
                1 => {
                    json!({ "addDoors": [{"doorUuid": bench.door(door), "provideDoorcodes": random.bool()}] })
                }
                2 => json!({ "removeDoors": [bench.door(door)] }),
                _ => json!({ "name": format!("key {step}") }),
            };
            let path = format!("/v1/keys/{}", key["uuid"].as_str().unwrap());
            assert_eq!(
                bench
                    .call("PATCH", &path, key["revision"].as_u64(), Some(change))
                    .status,
                200
            );
        }
        9 => {
            let key = json!({
                "buildingUuid": bench.house(), "name": format!("new {step}"), "partnerUuid": bench.partner(partner),
                "doors": [{"doorUuid": bench.door(door)}], "clientRef": step.to_string(),
            });
            assert_eq!(bench.call("POST", "/v1/keys", None, Some(key)).status, 201);
        }
        10 => {
            let keys = bench.list("keys", 500).remove(0);
            let keys = keys["keys"].as_array().unwrap();
            if keys.len() > 2 {
                let key = &keys[random.usize(..keys.len())];
                let path = format!("/v1/keys/{}", key["uuid"].as_str().unwrap());
                assert_eq!(
                    bench
                        .call("DELETE", &path, key["revision"].as_u64(), None)
                        .status,
                    200
                );
            }
        }
        _ => {
            let path = format!("/sim/v1/doors/{}/restore-lock", bench.door(door));
            bench.call("POST", &path, None, None);
        }
    }
}

fn number(row: &Value, field: &str) -> u64 {
    row[field].as_u64().unwrap()
}

#[test]
fn counters_keep_their_meaning() {
    for seed in 0..12 {
        let bench = Bench::of(HARBOR, seed);
        let mut random = fastrand::Rng::with_seed(seed);
        let mut before: BTreeMap<String, Value> = BTreeMap::new();
        for step in 0..120 {
            let waits = random.u8(..8) == 0;
            if waits {
                bench.advance(30);
            }
            happen(&bench, &mut random, step);
            let state = bench.get("/sim/v1/state");
            for building in state["buildings"].as_array().unwrap() {
                for row in building["doors"].as_array().unwrap() {
                    let uuid = row["uuid"].as_str().unwrap().to_owned();
                    check(row, before.get(&uuid), &format!("seed {seed}, step {step}"));
                    before.insert(uuid, row.clone());
                }
            }
        }
    }
}

fn check(row: &Value, before: Option<&Value>, when: &str) {
    let access_revision = number(row, "accessRevision");
    let access = row["access"].as_array().unwrap();
    assert!(
        access
            .iter()
            .all(|entry| number(entry, "revision") <= access_revision),
        "{when}"
    );
    if let Some(lock_revision) = row["lockRevision"].as_u64() {
        assert!(lock_revision <= access_revision, "{when}");
        if lock_revision == access_revision {
            assert_eq!(
                row["lock"]["entries"], row["access"],
                "{when}: equality is proof"
            );
        }
    }
    let Some(before) = before else { return };
    let moved = access_revision - number(before, "accessRevision");
    assert!(moved <= 1, "{when}: one write, one step");
    assert_eq!(moved == 1, row["access"] != before["access"], "{when}");
    assert!(
        number(row, "revision") >= number(before, "revision"),
        "{when}"
    );
    let served = |row: &Value| {
        let mut row = row.clone();
        row.as_object_mut().unwrap().remove("lock");
        row
    };
    let steps = number(row, "version") - number(before, "version");
    assert_eq!(
        steps > 0,
        served(row) != served(before),
        "{when}: version moves with the row, and only then"
    );
}
