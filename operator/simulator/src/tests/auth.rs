use super::*;

fn request(id: &str, secret: &str) -> Value {
    json!({"client_id": id, "client_secret": secret, "audience": "a", "grant_type": "client_credentials"})
}

#[test]
fn a_token_is_needed_and_expires_with_simulated_time() {
    let mut bench = Bench::new();
    bench.get("/v1/buildings");
    bench.advance(24 * 60 * 60 - 1);
    bench.get("/v1/buildings");
    bench.advance(1);
    bench
        .call("GET", "/v1/buildings", None, None)
        .is(401, "UNAUTHORIZED");
    bench.login();
    bench.get("/v1/buildings");
    bench.token = "guess".to_owned();
    bench
        .call("GET", "/v1/doors/no-uuid", None, None)
        .is(401, "UNAUTHORIZED");
}

#[test]
fn wrong_credentials_are_refused_as_auth0_does() {
    let bench = Bench::new();
    let answer = bench.call("POST", "/oauth/token", None, Some(request("demo", "wrong")));
    assert_eq!(
        (answer.status, answer.body["error"].as_str()),
        (401, Some("access_denied"))
    );
    let mut no_audience = request("demo", "demo");
    no_audience["audience"] = json!("");
    assert_eq!(
        bench
            .call("POST", "/oauth/token", None, Some(no_audience))
            .status,
        403
    );
    let answer = bench.call(
        "POST",
        "/oauth/token",
        None,
        Some(json!({"client_id": "demo"})),
    );
    assert_eq!(
        (answer.status, answer.body["error"].as_str()),
        (400, Some("invalid_request"))
    );
}

#[test]
fn a_world_may_list_its_own_clients() {
    let clock = Clock::manual("2026-03-02T12:00:00Z".parse().unwrap());
    let world = WorldFile::parse("clients: [{ id: a, secret: b }]").unwrap();
    let bench = Bench {
        simulator: Simulator::new(world, 1, clock).unwrap(),
        token: String::new(),
    };
    assert_eq!(
        bench
            .call("POST", "/oauth/token", None, Some(request("demo", "demo")))
            .status,
        401
    );
    assert_eq!(
        bench
            .call("POST", "/oauth/token", None, Some(request("a", "b")))
            .status,
        200
    );
}

#[test]
fn calls_are_counted_by_template_and_answers_dated_with_simulated_time() {
    let bench = Bench::new();
    bench.row("Garage Gate");
    bench.row("Unit 1");
    assert_eq!(bench.assign("Garage Gate", None).status, 200);
    let counters = bench.get("/sim/v1/counters");
    assert_eq!(counters["calls"]["GET /v1/doors/{uuid}"], 3);
    assert_eq!(counters["calls"]["POST /oauth/token"], 1);
    assert_eq!(counters["writes"], 1);
    bench.call("DELETE", "/sim/v1/counters", None, None);
    assert_eq!(bench.get("/sim/v1/counters")["calls"], json!({}));

    bench.post("/sim/v1/clock", json!({ "advanceSeconds": 90 }));
    let answer = bench.call("GET", "/healthz", None, None);
    assert_eq!(answer.headers["date"], "Mon, 02 Mar 2026 12:01:30 GMT");
}
