//! Reads: repeating, waiting, giving up; and the server's clock.

use std::time::Duration;

use jiff::SignedDuration;
use opendoor_door_os::{Config, DoorOs, Error, Reason, TransportError};

use crate::script::{
    Step, besides_doors, building, client, code, config, demo, door, door_uuid, key, key_uuid, ok,
    page, raw, token,
};

const EMPTY: &str = r#"{"buildings":[]}"#;

#[tokio::test(start_paused = true)]
async fn a_read_is_repeated_after_5xx_no_connection_and_no_answer() {
    let mut turn = 0;
    let (client, log) = client(move |_| {
        turn += 1;
        match turn {
            1 => Step::Answer(503, "<html>".to_owned()),
            2 => Step::Fail(TransportError::connect("connection refused")),
            3 => Step::Hang,
            _ => ok(EMPTY),
        }
    });
    client.buildings().await.unwrap();
    assert_eq!(log.calls().len(), 4);
    assert_eq!(client.counters().retries, 3);
    assert_eq!(client.counters().requests, 5);
}

#[tokio::test(start_paused = true)]
async fn waits_between_attempts_grow_and_repeat_with_the_seed() {
    async fn times(seed: u64) -> Vec<Duration> {
        let config = Config { seed, ..config() };
        let (client, log) = raw(demo(), config, |seen| {
            if seen.is_token() {
                ok(token("t", 60))
            } else {
                Step::Answer(500, String::new())
            }
        });
        client.buildings().await.unwrap_err();
        let at: Vec<_> = log.calls().iter().map(|call| call.at).collect();
        at.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
    let waits = times(7).await;
    assert_eq!(waits.len(), 3);
    for (wait, least) in waits.iter().zip([500, 1000, 2000]) {
        let range = least..=2 * least + 5;
        assert!(range.contains(&wait.as_millis()), "{waits:?}");
    }
    assert_eq!(waits, times(7).await);
    assert_ne!(waits, times(8).await);
}

#[tokio::test(start_paused = true)]
async fn a_failing_service_is_said_to_fail_with_its_code_and_without_its_body() {
    let (client, _) = client(|_| Step::Answer(500, code("INTERNAL_SERVER_ERROR")));
    let error = client.buildings().await.unwrap_err();
    assert_eq!(error.reason(), Reason::BackendUnavailable);
    assert_eq!(
        error.to_string(),
        "GET /v1/buildings answered 500 INTERNAL_SERVER_ERROR (4 attempts): DOOR OS is failing; see \
         DOOR's status page; it is tried again in a later pass"
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_out_in_both_forms() {
    for (retry_after, date) in [
        ("9", "Sun, 01 Mar 2026 12:00:00 GMT"),
        // The server's clock is an hour ahead of ours; its dates are by its own clock.
        (
            "Sun, 01 Mar 2026 13:00:09 GMT",
            "Sun, 01 Mar 2026 13:00:00 GMT",
        ),
    ] {
        let headers: &'static [_] = vec![("retry-after", retry_after), ("date", date)].leak();
        let mut first = true;
        let (client, log) = client(move |_| {
            if std::mem::take(&mut first) {
                Step::With(429, headers, code("TOO_MANY_REQUESTS"))
            } else {
                ok(EMPTY)
            }
        });
        client.buildings().await.unwrap();
        let calls = log.calls();
        let waited = calls[1].at - calls[0].at;
        assert!((9_000..9_100).contains(&waited.as_millis()), "{waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_retry_after_is_left_to_a_later_pass_and_nothing_is_sent_before() {
    let mut first = true;
    let (client, log) = client(move |_| {
        if std::mem::take(&mut first) {
            Step::With(429, &[("retry-after", "3600")], String::new())
        } else {
            ok(EMPTY)
        }
    });
    let error = client.buildings().await.unwrap_err();
    assert_eq!(error.reason(), Reason::RateLimited);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    for _ in 0..5 {
        tokio::time::advance(Duration::from_secs(600)).await;
        let error = client.buildings().await.unwrap_err();
        assert_eq!(error.reason(), Reason::RateLimited);
        assert!(matches!(error, Error::AskedToWait { .. }), "{error:?}");
    }
    assert_eq!(log.calls().len(), 1);
    tokio::time::advance(Duration::from_secs(600)).await;
    client.buildings().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_retry_after_keeps_us_away_for_more_than_an_hour() {
    let mut first = true;
    let (client, _) = client(move |_| {
        if std::mem::take(&mut first) {
            Step::With(429, &[("retry-after", "86400")], String::new())
        } else {
            ok(EMPTY)
        }
    });
    client.buildings().await.unwrap_err();
    tokio::time::advance(Duration::from_secs(3600)).await;
    client.buildings().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn all_callers_wait_when_one_is_asked_to() {
    let mut first = true;
    let (client, log) = client(move |_| {
        if std::mem::take(&mut first) {
            Step::With(429, &[("retry-after", "9")], String::new())
        } else {
            ok(door(1))
        }
    });
    let other = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.door(door_uuid(1)).await
    };
    let (a, b) = tokio::join!(client.door(door_uuid(1)), other);
    assert!(a.is_ok() && b.is_ok());
    assert!(log.calls()[1].at >= Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn attempts_stay_within_a_tenth_more_than_the_calls() {
    let mut turn = 0;
    let (client, log) = client(move |_| {
        turn += 1;
        // Never five in a row, so that the breaker stays out of it.
        if turn % 4 == 0 {
            ok(EMPTY)
        } else {
            Step::Answer(500, String::new())
        }
    });
    for _ in 0..1000 {
        let _ = client.buildings().await;
    }
    let attempts = log.calls().len();
    assert!(attempts <= 1_070, "{attempts}");
    assert_eq!(client.counters().retries, attempts as u64 - 1000);
}

#[tokio::test(start_paused = true)]
async fn five_failures_in_a_row_stop_all_requests_for_half_a_minute() {
    let (client, log) = client(|_| Step::Answer(502, String::new()));
    client.buildings().await.unwrap_err();
    assert!(!client.breaker_open());
    client.buildings().await.unwrap_err();
    assert!(client.breaker_open());
    assert_eq!(log.calls().len(), 5);
    let error = client.buildings().await.unwrap_err();
    assert!(matches!(error, Error::Paused { .. }), "{error:?}");
    assert_eq!(error.reason(), Reason::BackendUnavailable);
    assert_eq!(log.calls().len(), 5);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(!client.breaker_open());
    client.buildings().await.unwrap_err();
    assert_eq!(log.calls().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn requests_keep_to_the_rate() {
    let (client, log) = client(|_| ok(EMPTY));
    for _ in 0..119 {
        client.buildings().await.unwrap();
    }
    // 20 at once, the token among them, then 10 a second.
    let last = log.calls().last().unwrap().at;
    assert!((9_800..10_300).contains(&last.as_millis()), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn a_404_that_says_so_proves_absence_and_another_one_does_not() {
    let (client, _) = client(|_| Step::Answer(404, code("NOT_FOUND")));
    assert_eq!(client.door(door_uuid(1)).await, Ok(None));
    assert_eq!(client.key(key_uuid(1)).await, Ok(None));
    for body in ["", "<html>404</html>", r#"{"message":"NO_SUCH_ROUTE"}"#] {
        let (client, _) = self::client_of(404, body);
        let error = client.door(door_uuid(1)).await.unwrap_err();
        assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
    }
}

fn client_of(
    status: u16,
    body: &'static str,
) -> (
    opendoor_door_os::Client<impl opendoor_door_os::Transport>,
    std::rc::Rc<crate::script::Log>,
) {
    client(move |_| Step::Answer(status, body.to_owned()))
}

#[tokio::test(start_paused = true)]
async fn one_row_is_read() {
    let (client, log) = client(|seen| {
        if seen.line.contains("doors") {
            ok(door(1))
        } else {
            ok(key(2, "ref"))
        }
    });
    assert_eq!(
        client.door(door_uuid(1)).await.unwrap().unwrap().name,
        Box::from("Door 1")
    );
    assert_eq!(
        client.key(key_uuid(2)).await.unwrap().unwrap().name,
        "Key 2"
    );
    assert_eq!(
        log.calls()[0].line,
        format!("GET /v1/doors/{}", door_uuid(1))
    );
    assert_eq!(log.calls()[1].line, format!("GET /v1/keys/{}", key_uuid(2)));
}

#[tokio::test(start_paused = true)]
async fn another_row_than_the_one_asked_for_is_an_error() {
    let (client, _) = client(|_| ok(door(2)));
    let error = client.door(door_uuid(1)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::ObservationIncomplete);
}

#[tokio::test(start_paused = true)]
async fn a_cut_answer_is_read_again() {
    let mut first = true;
    let (client, _) = client(move |_| {
        if std::mem::take(&mut first) {
            ok(&door(1)[..40])
        } else {
            ok(door(1))
        }
    });
    assert!(client.door(door_uuid(1)).await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_not_followed_but_an_error() {
    let (client, log) =
        client(|_| Step::With(302, &[("location", "https://evil.example/")], String::new()));
    let error = client.buildings().await.unwrap_err();
    assert!(matches!(error, Error::Unexpected { status: 302, .. }));
    assert_eq!(log.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_body_of_an_error_is_ever_repeated() {
    for status in [400, 404, 409, 418, 500, 503] {
        let (client, _) = client_of(status, "<p>Jane Doe, unit 4B, code 1234567</p>");
        let error = client.buildings().await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("Jane"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn buildings_are_sorted_and_a_broken_one_is_an_error() {
    let (client, _) = client_of(
        200,
        r#"{"buildings":[
            {"uuid":"00000000-0000-0000-0000-000000000002","name":"B","timezone":null,"address":{"city":"x"}},
            {"uuid":"00000000-0000-0000-0000-000000000001","name":"A","timezone":"America/New_York"}]}"#,
    );
    let names: Vec<_> = client.buildings().await.unwrap();
    assert_eq!(names[0].name, "A");
    assert_eq!(names[0].timezone.as_deref(), Some("America/New_York"));
    assert_eq!(names[1].timezone, None);
    let (client, _) = client_of(200, r#"{"buildings":[{"name":"A"}]}"#);
    let error = client.buildings().await.unwrap_err();
    assert!(
        error.to_string().contains("row 1 has no usable uuid"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_servers_clock_is_known_and_compared_with_ours() {
    let (client, _) = client(|_| {
        Step::With(
            200,
            &[("date", "Sun, 01 Mar 2026 12:05:00 GMT")],
            EMPTY.to_owned(),
        )
    });
    assert_eq!(client.time(), None);
    client.buildings().await.unwrap();
    let time = client.time().unwrap();
    assert!(time.skewed() && !time.simulated);
    assert_eq!(
        time.skew.round(jiff::Unit::Second).unwrap(),
        SignedDuration::from_mins(5)
    );
}

const SIMULATED: &[(&str, &str)] = &[
    ("opendoor-simulated", "true"),
    ("date", "Sun, 01 Mar 2026 18:00:00 GMT"),
];

fn simulated(seen: &crate::script::Seen) -> Step {
    let answer = if seen.is_token() {
        ok(token("t", 3600))
    } else if seen.line.contains("/v1/doors") {
        ok(page(&[], None, 1, 0))
    } else {
        besides_doors(seen)
    };
    match answer {
        Step::Answer(status, body) => Step::With(status, SIMULATED, body),
        other => other,
    }
}

#[tokio::test(start_paused = true)]
async fn a_simulators_time_is_now_and_never_skewed() {
    let (client, _) = raw(demo(), config(), simulated);
    let look = client.observe(&building()).await.unwrap();
    let time = client.time().unwrap();
    assert!(time.simulated && !time.skewed());
    assert!(!look.clock_skewed);
    assert!(
        look.at.to_string().starts_with("2026-03-01T18:00:00"),
        "{}",
        look.at
    );
}

#[tokio::test(start_paused = true)]
async fn a_test_of_skew_can_keep_its_own_clock() {
    let config = Config {
        follow_simulated_time: false,
        ..config()
    };
    let (client, _) = raw(demo(), config, simulated);
    let look = client.observe(&building()).await.unwrap();
    assert!(look.clock_skewed);
    assert!(
        look.at.to_string().starts_with("2026-03-01T12:00:00"),
        "{}",
        look.at
    );
}
