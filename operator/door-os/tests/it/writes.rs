//! Writes: sent once, and what their answers mean.

use std::time::Duration;

use opendoor_door_os::{Config, DoorOs, TransportError};
use opendoor_planner::observed::{Day, Interval, KeyDoor};
use opendoor_planner::writes::{Answer, KeyPatch, Write};

use crate::script::{
    Step, building, client, code, config, demo, door, door_uuid, key, key_uuid, ok, partner_uuid,
    raw, token, uuid,
};

fn assign() -> Write {
    Write::SetDoorPartner {
        door: door_uuid(1),
        partner: Some(partner_uuid(9)),
        if_match: 7,
    }
}

fn create() -> Write {
    Write::CreateKey {
        building: building().uuid,
        name: "Tours".to_owned(),
        partner: partner_uuid(9),
        doors: vec![KeyDoor {
            door: door_uuid(1),
            doorcodes: true,
        }],
        schedule: vec![Interval {
            days: vec![Day::Monday],
            from: "09:00".to_owned(),
            to: "17:00".to_owned(),
        }],
        client_ref: "ref-1".to_owned(),
    }
}

fn delete() -> Write {
    Write::DeleteKey {
        key: key_uuid(2),
        if_match: 3,
    }
}

/// What comes of a write answered like this, and how often it was sent.
async fn answered(write: Write, step: impl Fn() -> Step + 'static) -> (Answer, usize) {
    let (client, log) = client(move |_| step());
    let answer = client.send(&write).await;
    (answer, log.calls().len())
}

fn refused(code: &str) -> Answer {
    Answer::Refused {
        code: code.to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_door_is_assigned_conditionally_and_its_row_comes_back() {
    let (client, log) = client(|_| ok(door(1)));
    let Answer::Applied { key: None, doors } = client.send(&assign()).await else {
        panic!("not applied");
    };
    assert_eq!(doors[0].uuid, door_uuid(1));
    let call = &log.calls()[0];
    assert_eq!(call.line, format!("PUT /v1/doors/{}/partner", door_uuid(1)));
    assert_eq!(call.if_match.as_deref(), Some("\"7\""));
    assert_eq!(call.body, format!(r#"{{"partnerUuid":"{}"}}"#, uuid(9)));
}

#[tokio::test(start_paused = true)]
async fn a_door_is_cleared_with_an_explicit_null() {
    let (client, log) = client(|_| ok(door(1)));
    let clear = Write::SetDoorPartner {
        door: door_uuid(1),
        partner: None,
        if_match: 7,
    };
    client.send(&clear).await;
    assert_eq!(log.calls()[0].body, r#"{"partnerUuid":null}"#);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_created_with_its_reference() {
    let (client, log) = client(|_| {
        Step::Answer(
            201,
            format!(r#"{{"key":{},"doors":[{}]}}"#, key(2, "ref-1"), door(1)),
        )
    });
    let Answer::Applied {
        key: Some(key),
        doors,
    } = client.send(&create()).await
    else {
        panic!("not applied");
    };
    assert_eq!((key.uuid, doors.len()), (key_uuid(2), 1));
    let call = &log.calls()[0];
    assert_eq!(
        (call.line.as_str(), &call.if_match),
        ("POST /v1/keys", &None)
    );
    let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "buildingUuid": building().uuid,
            "name": "Tours",
            "partnerUuid": uuid(9),
            "doors": [{"doorUuid": uuid(1), "provideDoorcodes": true}],
            "schedule": [{"days": ["MONDAY"], "from": "09:00", "to": "17:00"}],
            "clientRef": "ref-1",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_key_is_edited_with_only_what_changes() {
    let (client, log) = client(|_| ok(format!(r#"{{"key":{},"doors":[]}}"#, key(2, "ref-1"))));
    let edit = Write::UpdateKey {
        key: key_uuid(2),
        if_match: 3,
        patch: KeyPatch {
            remove_doors: vec![door_uuid(1)],
            ..KeyPatch::default()
        },
    };
    assert!(matches!(client.send(&edit).await, Answer::Applied { .. }));
    let call = &log.calls()[0];
    assert_eq!(call.line, format!("PATCH /v1/keys/{}", key_uuid(2)));
    assert_eq!(call.if_match.as_deref(), Some("\"3\""));
    assert_eq!(call.body, format!(r#"{{"removeDoors":["{}"]}}"#, uuid(1)));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_deleted_and_the_doors_it_opened_come_back() {
    let (client, log) = client(|_| ok(format!(r#"{{"doors":[{},{}]}}"#, door(1), door(2))));
    let Answer::Applied { key: None, doors } = client.send(&delete()).await else {
        panic!("not applied");
    };
    assert_eq!(doors.len(), 2);
    let call = &log.calls()[0];
    assert_eq!(call.line, format!("DELETE /v1/keys/{}", key_uuid(2)));
    assert_eq!(call.body, "");
}

#[tokio::test(start_paused = true)]
async fn a_no_is_a_refusal_with_doors_code() {
    for (status, code_) in [
        (400, "DOOR_OUTSIDE_BUILDING"),
        (404, "NOT_FOUND"),
        (409, "PARTNER_IMMUTABLE"),
        (410, "KEY_DELETED"),
        (412, "REVISION_MISMATCH"),
        (428, "PRECONDITION_REQUIRED"),
    ] {
        let (answer, sent) = answered(delete(), move || Step::Answer(status, code(code_))).await;
        assert_eq!((answer, sent), (refused(code_), 1));
    }
    let (answer, _) = answered(delete(), || Step::Answer(409, "<html>".to_owned())).await;
    assert_eq!(answer, refused("unrecognised"));
}

#[tokio::test(start_paused = true)]
async fn a_write_without_a_clear_answer_is_unknown_and_never_sent_again() {
    let steps: [fn() -> Step; 8] = [
        || Step::Answer(500, code("INTERNAL_SERVER_ERROR")),
        || Step::With(503, &[("retry-after", "1")], String::new()),
        || Step::Hang,
        || Step::Fail(TransportError::broken("connection reset by peer")),
        || Step::Fail(TransportError::too_large(10)),
        || ok("<html>"),
        || Step::Answer(204, String::new()),
        || Step::Answer(302, String::new()),
    ];
    for step in steps {
        let (answer, sent) = answered(assign(), step).await;
        assert!(matches!(answer, Answer::Unknown { .. }), "{answer:?}");
        assert_eq!(sent, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_about_something_else_is_unknown() {
    let (answer, _) = answered(assign(), || ok(door(2))).await;
    assert!(matches!(answer, Answer::Unknown { .. }), "{answer:?}");
    let other = || Step::Answer(201, format!(r#"{{"key":{},"doors":[]}}"#, key(2, "ref-2")));
    let (answer, _) = answered(create(), other).await;
    assert!(matches!(answer, Answer::Unknown { .. }), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_found_no_connection_was_not_sent() {
    let (answer, sent) =
        answered(assign(), || Step::Fail(TransportError::connect("refused"))).await;
    assert!(matches!(answer, Answer::NotSent { .. }), "{answer:?}");
    assert_eq!(sent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_without_a_token_was_not_sent() {
    let (client, log) = raw(demo(), config(), |_| Step::Answer(401, String::new()));
    let answer = client.send(&assign()).await;
    assert!(matches!(answer, Answer::NotSent { .. }), "{answer:?}");
    assert_eq!(log.calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_does_not_lose_a_write() {
    for status in [401, 403] {
        let (client, log) = client(move |seen| match seen.bearer.as_deref() {
            Some("Bearer t1") => Step::Answer(status, String::new()),
            _ => ok(door(1)),
        });
        let answer = client.send(&assign()).await;
        assert!(matches!(answer, Answer::Applied { .. }), "{answer:?}");
        assert_eq!(log.calls().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_not_permitted_is_refused() {
    let (answer, sent) = answered(assign(), || Step::Answer(403, String::new())).await;
    assert_eq!((answer, sent), (refused("FORBIDDEN"), 2));
    let (answer, _) = answered(assign(), || Step::Answer(401, String::new())).await;
    assert_eq!(answer, refused("UNAUTHORIZED"));
}

#[tokio::test(start_paused = true)]
async fn a_write_answered_429_is_sent_again_when_door_os_says() {
    let mut first = true;
    let (client, log) = client(move |_| {
        if std::mem::take(&mut first) {
            Step::With(429, &[("retry-after", "5")], code("TOO_MANY_REQUESTS"))
        } else {
            ok(door(1))
        }
    });
    let answer = client.send(&assign()).await;
    assert!(matches!(answer, Answer::Applied { .. }), "{answer:?}");
    assert!(log.calls()[1].at >= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_write_answered_429_for_long_did_nothing() {
    let step = || Step::With(429, &[("retry-after", "40")], String::new());
    let (answer, sent) = answered(assign(), step).await;
    assert!(matches!(answer, Answer::NotSent { .. }), "{answer:?}");
    assert_eq!(sent, 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waits_too_long_for_its_turn_is_not_sent_late() {
    let one = std::num::NonZeroU32::MIN;
    let config = Config {
        requests_per_second: one,
        burst: one,
        write_patience: Duration::from_millis(500),
        ..config()
    };
    let (client, log) = raw(demo(), config, |seen| {
        if seen.is_token() {
            ok(token("t", 3600))
        } else {
            ok(door(1))
        }
    });
    let answer = client.send(&assign()).await;
    assert!(matches!(answer, Answer::NotSent { .. }), "{answer:?}");
    assert_eq!(log.calls().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_token_came_too_late_is_not_sent() {
    let mut first = true;
    let (client, log) = raw(demo(), config(), move |seen| {
        if std::mem::take(&mut first) {
            Step::Hang
        } else if seen.is_token() {
            ok(token("t", 3600))
        } else {
            ok(door(1))
        }
    });
    let answer = client.send(&assign()).await;
    assert!(matches!(answer, Answer::NotSent { .. }), "{answer:?}");
    assert_eq!((log.tokens().len(), log.calls().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_the_breaker_is_open() {
    let (client, log) = client(|_| Step::Answer(500, String::new()));
    for _ in 0..5 {
        let answer = client.send(&assign()).await;
        assert!(matches!(answer, Answer::Unknown { .. }), "{answer:?}");
    }
    assert!(client.breaker_open());
    let answer = client.send(&assign()).await;
    assert!(matches!(answer, Answer::NotSent { .. }), "{answer:?}");
    assert_eq!(log.calls().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_pass_dropped_during_a_write_leaves_the_client_usable() {
    let mut first = true;
    let (client, _) = client(move |_| {
        if std::mem::take(&mut first) {
            Step::Hang
        } else {
            ok(door(1))
        }
    });
    let dropped = tokio::time::timeout(Duration::from_secs(1), client.send(&assign())).await;
    assert!(dropped.is_err());
    let answer = client.send(&assign()).await;
    assert!(matches!(answer, Answer::Applied { .. }), "{answer:?}");
}
