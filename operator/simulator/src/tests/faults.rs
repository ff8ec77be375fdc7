use super::*;

fn rows(answer: &Answer) -> &Vec<Value> {
    answer.body["doors"].as_array().unwrap()
}

impl Bench {
    fn page(&self, size: usize) -> Answer {
        self.faulty(
            "GET",
            &format!("/v1/doors?buildingUuid={}&pageSize={size}", self.house()),
            None,
            None,
        )
    }

    fn clear_garage(&self) -> Outcome {
        let path = format!("/v1/doors/{}/partner", self.door("Garage Gate"));
        self.send("PUT", &path, Some(1), Some(&json!({ "partnerUuid": null })))
    }

    fn after(&self, page: &Answer, size: usize) -> Answer {
        let token = page.body["nextPageToken"].as_str().unwrap();
        let path = format!(
            "/v1/doors?buildingUuid={}&pageSize={size}&pageToken={token}",
            self.house()
        );
        self.faulty("GET", &path, None, None)
    }
}

#[test]
fn a_fault_strikes_when_and_where_it_is_ordered() {
    let bench = Bench::new();
    bench.faults(json!([
        { "kind": "unauthorized", "method": "get", "path": "/v1/doors/{uuid}", "after": 1, "every": 2, "count": 2 }
    ]));
    let path = format!("/v1/doors/{}", bench.door("Twin"));
    let statuses: Vec<u16> = (0..7)
        .map(|_| bench.faulty("GET", &path, None, None).status)
        .collect();
    assert_eq!(statuses, [200, 401, 200, 401, 200, 200, 200]);
    assert_eq!(bench.page(1).status, 200);
    let report = bench.get("/sim/v1/faults");
    assert_eq!(
        (&report[0]["matched"], &report[0]["struck"]),
        (&json!(7), &json!(2))
    );
    assert_eq!(
        bench.get("/sim/v1/counters")["calls"]["GET /v1/doors/{uuid}"],
        7
    );
    bench.faults(json!([{ "kind": "forbidden", "path": "/v1/*" }]));
    assert_eq!(bench.page(1).status, 403);
    bench.call("DELETE", "/sim/v1/faults", None, None);
    assert_eq!(bench.page(1).status, 200);
}

#[test]
fn chance_is_seeded() {
    let run = |seed| {
        let bench = Bench::of(HARBOR, seed);
        bench.faults(json!([{ "kind": "forbidden", "probability": 0.5 }]));
        (0..40).map(|_| bench.page(1).status).collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    assert!(run(1).contains(&403) && run(1).contains(&200));
}

#[test]
fn nonsense_is_refused() {
    let bench = Bench::new();
    for fault in [
        json!({ "kind": "lateWrite", "seconds": 601 }),
        json!({ "kind": "latency", "seconds": -1 }),
        json!({ "kind": "nothing" }),
        json!({ "kind": "latency", "every": 0 }),
        json!({ "kind": "latency", "sceonds": 1 }),
        json!({ "kind": "serverError", "status": 200 }),
    ] {
        bench
            .call("PUT", "/sim/v1/faults", None, Some(json!([fault])))
            .is(400, "INVALID_REQUEST");
    }
}

#[test]
fn refusals_and_errors() {
    let bench = Bench::new();
    bench.faults(json!([{ "kind": "forbidden" }]));
    assert!(bench.page(1).raw.is_empty());
    bench.faults(json!([{ "kind": "throttled", "retryAfter": 7 }]));
    assert_eq!(bench.page(1).headers["retry-after"], "7");
    bench.faults(json!([{ "kind": "throttled", "retryAfterDate": 60 }]));
    assert_eq!(
        bench.page(1).headers["retry-after"],
        "Mon, 02 Mar 2026 12:01:00 GMT"
    );
    bench.faults(json!([{ "kind": "throttled" }]));
    let answer = bench.page(1);
    answer.is(429, "TOO_MANY_REQUESTS");
    assert!(!answer.headers.contains_key("retry-after"));
    bench.faults(json!([{ "kind": "serverError", "status": 502, "body": "html" }]));
    assert_eq!(bench.page(1).status, 502);
    bench.faults(json!([{ "kind": "serverError", "body": "empty" }]));
    assert!(bench.page(1).raw.is_empty());
    bench.faults(json!([{ "kind": "latency", "seconds": 1.5 }]));
    assert_eq!(bench.page(1).delay, Duration::from_millis(1500));
    bench.faults(json!([{ "kind": "skewedDate", "seconds": -300 }]));
    assert_eq!(
        bench.page(1).headers["date"],
        "Mon, 02 Mar 2026 11:55:00 GMT"
    );
    bench.faults(json!([{ "kind": "malformedJson" }]));
    assert_eq!(bench.page(1).body, Value::Null);
    bench.faults(json!([{ "kind": "hugeBody", "bytes": 1000 }]));
    assert!(bench.page(1).raw.len() > 1000);
    bench.faults(json!([{ "kind": "serverError", "applied": true, "count": 1, "method": "PUT" }]));
    let Outcome::Respond { response, .. } = bench.clear_garage() else {
        panic!("lost")
    };
    assert_eq!(response.status(), 500);
    assert_eq!(bench.row("Garage Gate")["partnerUuid"], Value::Null);
}

#[test]
fn a_lost_answer_was_applied() {
    let bench = Bench::new();
    bench.faults(json!([{ "kind": "lostAnswer", "method": "PUT" }]));
    assert!(matches!(bench.clear_garage(), Outcome::Lost { .. }));
    assert_eq!(bench.row("Garage Gate")["revision"], 2);
}

#[test]
fn a_late_write_is_conditional_when_it_takes_effect() {
    for overtaken in [false, true] {
        let bench = Bench::new();
        bench.faults(json!([{ "kind": "lateWrite", "seconds": 300 }]));
        assert!(matches!(bench.clear_garage(), Outcome::Lost { .. }));
        bench.advance(299);
        assert_eq!(bench.row("Garage Gate")["revision"], 1);
        if overtaken {
            bench.edit("Garage Gate", json!({ "partner": "TourPass" }));
        }
        bench.advance(1);
        let row = bench.row("Garage Gate");
        assert_eq!(row["revision"], 2);
        assert_eq!(row["partnerUuid"].is_null(), !overtaken);
        let state = bench.get("/sim/v1/state");
        let late = state["log"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["detail"]["late"] == true)
            .unwrap();
        assert_eq!(late["detail"]["status"], if overtaken { 412 } else { 200 });
    }
}

#[test]
fn credentials_fail_in_their_ways() {
    let mut bench = Bench::new();
    bench.faults(json!([{ "kind": "expiredTokens", "count": 1 }]));
    assert_eq!(bench.page(1).status, 401);
    assert_eq!(bench.page(1).status, 401, "the token is gone");
    bench.login();
    assert_eq!(bench.page(1).status, 200);
    bench.faults(json!([{ "kind": "expiredTokens", "status": 403 }]));
    assert_eq!(bench.page(1).status, 403);
    bench.faults(json!([{ "kind": "secretChanged" }]));
    let request = json!({"client_id":"demo","client_secret":"demo","audience":"a","grant_type":"client_credentials"});
    assert_eq!(
        bench
            .call("POST", "/oauth/token", None, Some(request))
            .status,
        401
    );
}

#[test]
fn pages_go_wrong_in_their_ways() {
    let bench = Bench::new();
    let all: Vec<Value> = rows(&bench.page(500))
        .iter()
        .map(|row| row["uuid"].clone())
        .collect();
    let uuids = |answer: &Answer| {
        rows(answer)
            .iter()
            .map(|row| row["uuid"].clone())
            .collect::<Vec<_>>()
    };

    bench.faults(json!([{ "kind": "truncatedList" }]));
    let page = bench.page(4);
    assert_eq!(
        (uuids(&page), &page.body["nextPageToken"]),
        (all[..2].to_vec(), &Value::Null)
    );
    assert_eq!(page.body["totalCount"], 6);

    bench.faults(json!([{ "kind": "lostPage", "count": 1 }]));
    let page = bench.page(2);
    assert_eq!(uuids(&bench.after(&page, 2)), all[4..]);

    bench.faults(json!([{ "kind": "repeatedPage" }]));
    let page = bench.page(2);
    let again = bench.after(&page, 2);
    assert_eq!(uuids(&again), all[..2]);
    assert_eq!(again.body["nextPageToken"], page.body["nextPageToken"]);

    bench.faults(json!([{ "kind": "shiftingPages", "mode": "skip", "count": 1 }]));
    let page = bench.page(2);
    assert_eq!(uuids(&bench.after(&page, 2)), all[3..5]);

    bench.faults(json!([{ "kind": "shiftingPages", "mode": "duplicate", "count": 1 }]));
    let page = bench.page(2);
    assert_eq!(uuids(&bench.after(&page, 2)), all[1..3]);

    bench.faults(json!([{ "kind": "reorderedPage" }]));
    assert!(uuids(&bench.page(6)).into_iter().rev().eq(all));
}

#[test]
fn rows_go_wrong_in_their_ways() {
    let bench = Bench::new();
    let old = bench.row("Garage Gate");
    bench.assign("Garage Gate", None);
    let path = format!("/v1/doors/{}", bench.door("Garage Gate"));
    let get = || bench.faulty("GET", &path, None, None);

    bench.faults(json!([{ "kind": "staleRows" }]));
    assert_eq!(get().body, old);
    bench.faults(json!([{ "kind": "noLockRevision" }]));
    assert_eq!(get().body["lockRevision"], Value::Null);
    bench.faults(json!([{ "kind": "syncRequiredLies" }]));
    assert_eq!(get().body["sync"]["required"], false);
    bench.faults(json!([{ "kind": "unknownEnum" }]));
    assert_eq!(
        (&get().body["doorType"], &get().body["type"]),
        (&json!("HOLOGRAM"), &json!("HOLOGRAM"))
    );
    bench.faults(json!([{ "kind": "unknownEnum", "field": "accessibilityType" }]));
    assert_eq!(get().body["accessibilityType"], "HOLOGRAM");
    bench.faults(json!([{ "kind": "extraNulls" }]));
    assert_eq!(get().body["device"]["battery"], Value::Null);
    bench.faults(json!([{ "kind": "leakResidents" }]));
    assert_eq!(get().body["residents"][0]["email"], "robin@example.com");
    bench.faults(json!([{ "kind": "buildingMissing", "building": HOUSE }]));
    let left = bench.faulty("GET", "/v1/buildings", None, None).body;
    assert_eq!(left["buildings"].as_array().unwrap().len(), 1);
    assert_eq!(left["buildings"][0]["name"], "Elsewhere");
}
