use super::*;

impl Bench {
    fn new_key(&self, name: &str, client_ref: &str) -> Value {
        json!({
            "buildingUuid": self.house(),
            "name": name,
            "partnerUuid": self.partner("Parcel Runner"),
            "doors": [{"doorUuid": self.door("Unit 1"), "provideDoorcodes": true}],
            "schedule": [{"days": ["MONDAY"], "from": "08:00", "to": "18:00"}],
            "clientRef": client_ref,
        })
    }

    fn change_key(&self, key: &str, change: Value) -> Answer {
        let path = format!("/v1/keys/{key}");
        let revision = self.get(&path)["revision"].as_u64();
        self.call("PATCH", &path, revision, Some(change))
    }
}

#[test]
fn a_key_is_created_once_per_client_ref_for_ever() {
    let bench = Bench::new();
    let first = bench.call(
        "POST",
        "/v1/keys",
        None,
        Some(bench.new_key("Parcels", "r-1")),
    );
    assert_eq!(first.status, 201);
    assert_eq!(first.body["doors"][0]["accessRevision"], 2);
    assert_eq!(
        first.body["doors"][0]["access"].as_array().unwrap().len(),
        2
    );
    let uuid = first.body["key"]["uuid"].as_str().unwrap().to_owned();

    let again = bench.call(
        "POST",
        "/v1/keys",
        None,
        Some(bench.new_key("Another name", "r-1")),
    );
    assert_eq!((again.status, &again.body["doors"]), (200, &json!([])));
    assert_eq!(again.body["key"], first.body["key"]);

    let deleted = bench.call("DELETE", &format!("/v1/keys/{uuid}"), Some(1), None);
    assert_eq!(
        (deleted.status, &deleted.body["doors"][0]["accessRevision"]),
        (200, &json!(3))
    );
    bench
        .call(
            "POST",
            "/v1/keys",
            None,
            Some(bench.new_key("Parcels", "r-1")),
        )
        .is(410, "KEY_DELETED");
    bench
        .call("GET", &format!("/v1/keys/{uuid}"), None, None)
        .is(404, "NOT_FOUND");
    let anew = bench.call(
        "POST",
        "/v1/keys",
        None,
        Some(bench.new_key("Parcels", "r-2")),
    );
    assert_eq!(anew.status, 201, "the name is free again");
    assert_ne!(anew.body["key"]["uuid"], uuid);
}

#[test]
fn a_key_that_breaks_a_rule_is_not_created() {
    let bench = Bench::new();
    bench
        .call("POST", "/v1/keys", None, Some(bench.new_key("Staff", "r")))
        .is(409, "KEY_NAME_TAKEN");
    let with = |field: &str, value: Value| {
        let mut key = bench.new_key("New", "r");
        key[field] = value;
        bench.call("POST", "/v1/keys", None, Some(key))
    };
    with("partnerUuid", json!(bench.partner("CleanCo"))).is(409, "PARTNER_NOT_AUTHORIZED");
    with("doors", json!([{"doorUuid": bench.house()}])).is(400, "DOOR_OUTSIDE_BUILDING");
    let unit = json!({"doorUuid": bench.door("Unit 1")});
    with("doors", json!([unit, unit])).is(400, "INVALID_REQUEST");
    with("name", json!(" ")).is(400, "INVALID_REQUEST");
    with("clientRef", json!("")).is(400, "INVALID_REQUEST");
    with("buildingUuid", json!(bench.door("Unit 1"))).is(404, "NOT_FOUND");
    for (from, to) in [
        ("18:00", "08:00"),
        ("08:00", "08:00"),
        ("8:00", "09:00"),
        ("08:00", "24:01"),
    ] {
        with(
            "schedule",
            json!([{"days": ["MONDAY"], "from": from, "to": to}]),
        )
        .is(400, "INVALID_REQUEST");
    }
    assert_eq!(
        with("name", json!("staff")).status,
        201,
        "case matters, and nothing refused used up the clientRef"
    );
}

#[test]
fn the_partner_of_a_partner_key_never_changes() {
    let bench = Bench::new();
    let tours = bench.key("Tours");
    for partner in [
        json!(null),
        json!(bench.partner("Parcel Runner")),
        json!(bench.partner("TourPass")),
    ] {
        bench
            .change_key(&tours, json!({ "partnerUuid": partner }))
            .is(409, "PARTNER_IMMUTABLE");
    }
    let staff = bench.key("Staff");
    let converted = bench.change_key(
        &staff,
        json!({ "partnerUuid": bench.partner("Parcel Runner") }),
    );
    assert_eq!(converted.status, 200);
    assert_eq!(converted.body["doors"].as_array().unwrap().len(), 2);
    bench
        .change_key(&staff, json!({ "partnerUuid": null }))
        .is(409, "PARTNER_IMMUTABLE");
    let by_hand = bench.call(
        "PATCH",
        &format!("/sim/v1/keys/{staff}"),
        None,
        Some(json!({ "partner": "TourPass" })),
    );
    by_hand.is(409, "PARTNER_IMMUTABLE");
}

#[test]
fn schedule_and_doorcodes_step_access_and_renew_entries_but_names_do_not() {
    let bench = Bench::new();
    let tours = bench.key("Tours");
    let renamed = bench.change_key(&tours, json!({ "name": "Guided tours" }));
    assert_eq!(
        (&renamed.body["doors"], &renamed.body["key"]["revision"]),
        (&json!([]), &json!(2))
    );
    bench
        .change_key(&tours, json!({ "name": "Staff" }))
        .is(409, "KEY_NAME_TAKEN");

    let window = json!([{"days": ["SUNDAY"], "from": "10:00", "to": "24:00"}]);
    let narrowed = bench.change_key(&tours, json!({ "schedule": window }));
    for row in narrowed.body["doors"].as_array().unwrap() {
        assert_eq!(
            (&row["accessRevision"], &row["access"][0]["revision"]),
            (&json!(2), &json!(2))
        );
        assert_eq!(
            row["revision"], 1,
            "an edit of a key is no edit of its doors"
        );
    }
    assert_eq!(narrowed.body["doors"].as_array().unwrap().len(), 2);

    let codes = json!([{"doorUuid": bench.door("Unit 1"), "provideDoorcodes": true}]);
    let coded = bench.change_key(&tours, json!({ "doorcodes": codes }));
    assert_eq!(coded.body["doors"].as_array().unwrap().len(), 1);
    assert_eq!(coded.body["doors"][0]["accessRevision"], 3);
    assert_eq!(bench.row("Front Entrance")["accessRevision"], 2);
}

#[test]
fn one_edit_is_one_step_at_each_door() {
    let bench = Bench::new();
    let tours = bench.key("Tours");
    let edited = bench.change_key(
        &tours,
        json!({
            "name": "T",
            "addDoors": [{"doorUuid": bench.door("Garage Gate"), "provideDoorcodes": true}],
            "removeDoors": [bench.door("Unit 1"), bench.door("Bare Door")],
            "doorcodes": [{"doorUuid": bench.door("Front Entrance"), "provideDoorcodes": true}],
            "schedule": [{"days": ["MONDAY"], "from": "00:00", "to": "12:00"}],
        }),
    );
    let rows = edited.body["doors"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(
        rows.iter()
            .all(|row| row["accessRevision"] == 2 && row["version"] == 2),
        "{rows:?}"
    );
    assert_eq!(
        (
            &edited.body["key"]["revision"],
            &edited.body["key"]["version"]
        ),
        (&json!(2), &json!(2))
    );
    assert_eq!(bench.row("Unit 1")["access"], json!([]));

    let front = json!([{"doorUuid": bench.door("Front Entrance"), "provideDoorcodes": false}]);
    bench
        .change_key(
            &tours,
            json!({ "addDoors": front, "removeDoors": [bench.door("Front Entrance")] }),
        )
        .is(400, "INVALID_REQUEST");
    let absent = json!([{"doorUuid": bench.door("Unit 1"), "provideDoorcodes": false}]);
    bench
        .change_key(&tours, json!({ "doorcodes": absent }))
        .is(400, "INVALID_REQUEST");
}

#[test]
fn an_ordinary_key_gives_no_partner_access_and_holders_are_counts() {
    let bench = Bench::new();
    assert_eq!(
        bench.row("Garage Gate")["access"].as_array().unwrap().len(),
        1
    );
    assert_eq!(bench.key_row("Tours")["holders"], json!({ "GUEST": 2 }));
    let before = bench.key_row("Tours");
    let after = bench.patch(
        &format!("/sim/v1/keys/{}", bench.key("Tours")),
        json!({ "holders": { "Guest": 3 } }),
    );
    assert_eq!(after["revision"], before["revision"]);
    assert_eq!(after["version"], 2);
    let unknown = bench.patch(
        &format!("/sim/v1/keys/{}", bench.key("Tours")),
        json!({ "holders": null }),
    );
    assert_eq!(unknown["holders"], Value::Null);
    bench.key_row("Tours");
}
