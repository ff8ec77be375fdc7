use super::*;

#[test]
fn buildings_and_partners_are_listed() {
    let bench = Bench::new();
    let buildings = bench.get("/v1/buildings");
    assert_eq!(buildings["buildings"].as_array().unwrap().len(), 2);
    let partners = bench.get(&format!("/v1/buildings/{}/partners", bench.house()));
    let names: Vec<_> = partners["partners"]
        .as_array()
        .unwrap()
        .iter()
        .map(|partner| &partner["name"])
        .collect();
    assert_eq!(names.len(), 2, "CleanCo is not authorised: {names:?}");
    let nowhere = format!("/v1/buildings/{}/partners", bench.partner("TourPass"));
    bench.call("GET", &nowhere, None, None).is(404, "NOT_FOUND");
}

#[test]
fn an_assignment_steps_every_counter_once() {
    let bench = Bench::new();
    let before = bench.row("Unit 1");
    let answer = bench.assign("Unit 1", Some("Parcel Runner"));
    assert_eq!(answer.status, 200);
    for counter in ["version", "revision", "accessRevision"] {
        assert_eq!(
            answer.body[counter].as_u64(),
            before[counter].as_u64().map(|was| was + 1),
            "{counter}"
        );
    }
    let access = answer.body["access"].as_array().unwrap();
    assert_eq!(access.len(), 2);
    assert_eq!(
        (&access[0]["via"], &access[0]["revision"]),
        (&json!("DOOR"), &json!(2))
    );
    assert_eq!(
        (&access[1]["via"], &access[1]["revision"]),
        (&json!("KEY"), &json!(1)),
        "the key's entry stays"
    );
    assert_eq!(answer.body["lockRevision"], 1);
    assert_eq!(answer.body["sync"]["required"], true);
    assert_eq!(bench.row("Unit 1"), answer.body);
}

#[test]
fn a_grant_taken_away_and_given_again_is_a_new_entry() {
    let bench = Bench::new();
    bench.assign("Garage Gate", None);
    let row = bench.assign("Garage Gate", Some("Parcel Runner")).body;
    assert_eq!(
        (&row["accessRevision"], &row["access"][0]["revision"]),
        (&json!(3), &json!(3))
    );
}

#[test]
fn a_write_that_changes_nothing_moves_nothing() {
    let bench = Bench::new();
    let before = bench.row("Garage Gate");
    assert_eq!(
        bench.assign("Garage Gate", Some("Parcel Runner")).body,
        before
    );
}

#[test]
fn writes_need_the_present_revision() {
    let bench = Bench::new();
    let path = format!("/v1/doors/{}/partner", bench.door("Garage Gate"));
    let clear = Some(json!({ "partnerUuid": null }));
    bench
        .call("PUT", &path, None, clear.clone())
        .is(428, "PRECONDITION_REQUIRED");
    bench
        .call("PUT", &path, Some(9), clear.clone())
        .is(412, "REVISION_MISMATCH");
    bench
        .call("PUT", &path, Some(1), Some(json!({})))
        .is(400, "INVALID_REQUEST");
    bench
        .call(
            "PUT",
            &path,
            Some(1),
            Some(json!({ "partnerUuid": null, "more": 1 })),
        )
        .is(400, "INVALID_REQUEST");
    let gone = path.replace(&bench.door("Garage Gate"), &bench.house());
    bench
        .call("PUT", &gone, Some(1), clear.clone())
        .is(404, "NOT_FOUND");
    assert_eq!(bench.call("PUT", &path, Some(1), clear.clone()).status, 200);
    bench
        .call("PUT", &path, Some(1), clear)
        .is(412, "REVISION_MISMATCH");

    for tag in ["*", "W/\"2\"", "2", "\"2\", \"3\""] {
        let request =
            Request::put(&path).header("authorization", format!("Bearer {}", bench.token));
        let request = request
            .header("if-match", tag)
            .body(Bytes::from(r#"{"partnerUuid":null}"#))
            .unwrap();
        let Outcome::Respond { response, .. } = bench.simulator.handle(request) else {
            panic!("lost")
        };
        assert_eq!(response.status(), 400, "{tag}");
    }
}

#[test]
fn a_partner_must_be_authorised_at_the_building() {
    let bench = Bench::new();
    bench
        .assign("Front Entrance", Some("CleanCo"))
        .is(409, "PARTNER_NOT_AUTHORIZED");
    bench.post(
        "/sim/v1/partners",
        json!({"building": HOUSE, "partner": "CleanCo", "state": "Authorized"}),
    );
    assert_eq!(bench.assign("Front Entrance", Some("CleanCo")).status, 200);
}

#[test]
fn vacancy_and_connection_are_versions_but_no_revisions() {
    let bench = Bench::new();
    let before = bench.row("Unit 1");
    bench.advance(10);
    let after = bench.edit(
        "Unit 1",
        json!({ "vacancy": "Occupied", "connected": true }),
    );
    assert_eq!(after["revision"], before["revision"]);
    assert!(after["version"].as_u64() > before["version"].as_u64());
    assert_eq!(after["unit"]["vacancy"], "OCCUPIED");
    assert_eq!(after["unit"]["vacancySince"], "2026-03-02T12:00:10Z");
    assert_eq!(after["accessRevision"], before["accessRevision"]);
}

#[test]
fn residents_are_never_served() {
    let bench = Bench::new();
    let mut served = String::new();
    for page in bench
        .list("doors", 2)
        .into_iter()
        .chain(bench.list("keys", 1))
    {
        served.push_str(&page.to_string());
    }
    served.push_str(&bench.get("/v1/buildings").to_string());
    for secret in ["Robin", "robin@example.com", "+15550111", "1112223"] {
        assert!(!served.contains(secret), "{secret}");
    }
    assert!(bench.get("/sim/v1/state").to_string().contains("Robin"));
}
