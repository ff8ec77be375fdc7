use super::*;

#[test]
fn edits_by_hand_count_like_any_edit_and_are_logged() {
    let bench = Bench::new();
    let before = bench.row("Garage Gate");
    let after = bench.edit("Garage Gate", json!({ "partner": "TourPass" }));
    assert_eq!(after["partnerUuid"], bench.partner("TourPass"));
    for counter in ["version", "revision", "accessRevision"] {
        assert_eq!(
            after[counter].as_u64(),
            before[counter].as_u64().map(|was| was + 1),
            "{counter}"
        );
    }
    bench.edit(
        "Garage Gate",
        json!({ "partner": bench.partner("Parcel Runner") }),
    );
    assert_eq!(
        bench.edit("Garage Gate", json!({ "partner": null }))["partnerUuid"],
        Value::Null
    );
    let path = format!("/sim/v1/doors/{}", bench.door("Garage Gate"));
    bench
        .call("PATCH", &path, None, Some(json!({ "partner": "CleanCo" })))
        .is(409, "PARTNER_NOT_AUTHORIZED");
    bench
        .call("PATCH", &path, None, Some(json!({ "partner": "Nobody" })))
        .is(400, "INVALID_REQUEST");
    bench
        .call("PATCH", &path, None, Some(json!({ "colour": "red" })))
        .is(400, "INVALID_REQUEST");

    let state = bench.get("/sim/v1/state");
    let by_hand = state["log"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["actor"] == "hand")
        .count();
    assert_eq!(by_hand, 3);
}

#[test]
fn a_renamed_door_shows_in_its_keys() {
    let bench = Bench::new();
    let before = bench.key_row("Tours");
    bench.edit("Unit 1", json!({ "name": "Unit One" }));
    let after = bench.key_row("Tours");
    assert!(
        after["doors"]
            .as_array()
            .unwrap()
            .iter()
            .any(|door| door["name"] == "Unit One")
    );
    assert_eq!(
        (&after["version"], &after["revision"]),
        (&json!(2), &before["revision"])
    );
    assert_eq!(bench.row("Unit One")["revision"], 2);
}

#[test]
fn a_door_that_leaves_takes_itself_off_its_keys() {
    let bench = Bench::new();
    let path = format!("/sim/v1/doors/{}", bench.door("Unit 1"));
    let gone = path.replace("/sim", "");
    assert_eq!(bench.call("DELETE", &path, None, None).status, 200);
    bench.call("GET", &gone, None, None).is(404, "NOT_FOUND");
    let tours = bench.key_row("Tours");
    assert_eq!(
        (tours["doors"].as_array().unwrap().len(), &tours["revision"]),
        (1, &json!(2))
    );
}

#[test]
fn a_door_may_join_with_a_partner() {
    let bench = Bench::new();
    let door = bench.post(
        "/sim/v1/doors",
        json!({ "building": HOUSE, "name": "New", "connected": false, "partner": "TourPass" }),
    );
    assert_eq!(
        (&door["partnerUuid"], &door["accessRevision"]),
        (&json!(bench.partner("TourPass")), &json!(2))
    );
    assert_eq!(door["access"].as_array().unwrap().len(), 1);
    bench.row("New");
}

#[test]
fn keys_are_made_and_edited_by_hand() {
    let bench = Bench::new();
    let key = bench.post(
        "/sim/v1/keys",
        json!({ "building": HOUSE, "name": "H", "partner": "TourPass", "doors": ["Garage Gate"], "holders": {"Resident": 1} }),
    );
    assert_eq!(
        (&key["clientRef"], &key["holders"]),
        (&Value::Null, &json!({ "RESIDENT": 1 }))
    );
    assert_eq!(
        bench.row("Garage Gate")["access"].as_array().unwrap().len(),
        2
    );
    let path = format!("/sim/v1/keys/{}", bench.key("H"));
    bench.patch(
        &path,
        json!({ "provideDoorcodes": true, "addDoors": ["Unit 1"], "removeDoors": ["Garage Gate"] }),
    );
    let key = bench.key_row("H");
    assert_eq!(key["doors"][0]["name"], "Unit 1");
    assert_eq!(key["doors"][0]["provideDoorcodes"], true);
    bench
        .call("PATCH", &path, None, Some(json!({ "addDoors": ["Twin"] })))
        .is(400, "INVALID_REQUEST");
    assert_eq!(bench.call("DELETE", &path, None, None).status, 200);
    assert_eq!(bench.row("Unit 1")["access"].as_array().unwrap().len(), 1);
}

#[test]
fn a_partner_in_use_is_not_withdrawn_unless_forced() {
    let bench = Bench::new();
    let withdraw = |partner: &str, force: bool| {
        let request =
            json!({"building": HOUSE, "partner": partner, "state": "Withdrawn", "force": force});
        bench.call("POST", "/sim/v1/partners", None, Some(request))
    };
    withdraw("Parcel Runner", false).is(409, "PARTNER_IN_USE");
    withdraw("TourPass", false).is(409, "PARTNER_IN_USE");
    assert_eq!(withdraw("Parcel Runner", true).status, 200);
    assert_eq!(bench.row("Garage Gate")["access"], json!([]));
    assert_eq!(withdraw("TourPass", true).status, 200);
    assert_eq!(bench.simulator.key_uuid(HOUSE, "Tours"), None);
    bench
        .assign("Garage Gate", Some("Parcel Runner"))
        .is(409, "PARTNER_NOT_AUTHORIZED");
}

#[test]
fn a_withdrawal_may_leave_assignments_if_the_world_says_so() {
    let yaml = HARBOR.replace(
        "parameters: {",
        "parameters: { withdrawalKeepsAssignments: true,",
    );
    let bench = Bench::of(&yaml, 7);
    bench.post(
        "/sim/v1/partners",
        json!({"building": HOUSE, "partner": "Parcel Runner", "state": "Withdrawn"}),
    );
    assert_eq!(
        bench.row("Garage Gate")["partnerUuid"],
        bench.partner("Parcel Runner")
    );
    assert_eq!(bench.assign("Garage Gate", None).status, 200);
    bench
        .assign("Garage Gate", Some("Parcel Runner"))
        .is(409, "PARTNER_NOT_AUTHORIZED");
}

#[test]
fn a_partner_that_door_never_heard_of_can_be_authorised() {
    let bench = Bench::new();
    bench.post(
        "/sim/v1/partners",
        json!({"building": HOUSE, "partner": "Newcomer", "state": "Authorized"}),
    );
    assert_eq!(bench.assign("Unit 1", Some("Newcomer")).status, 200);
}
