//! Tokens, secrets and permissions.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use opendoor_door_os::{Credentials, DoorOs, Error, Reason, Secret};

use crate::script::{Step, building, client, code, config, demo, door, door_uuid, ok, raw, token};

const EMPTY: &str = r#"{"buildings":[]}"#;

#[tokio::test(start_paused = true)]
async fn a_token_is_asked_for_as_the_contract_says_and_used_for_all_calls() {
    let (client, log) = client(|_| ok(EMPTY));
    client.buildings().await.unwrap();
    client.buildings().await.unwrap();
    let tokens = log.tokens();
    assert_eq!(tokens.len(), 1);
    let body: serde_json::Value = serde_json::from_str(&tokens[0].body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "client_id": "demo",
            "client_secret": "hunter2",
            "audience": "http://localhost:8080",
            "grant_type": "client_credentials",
        })
    );
    for call in log.calls() {
        assert_eq!(call.bearer.as_deref(), Some("Bearer t1"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_shortly_before_it_expires() {
    let (client, log) = client(|_| ok(EMPTY));
    client.buildings().await.unwrap();
    tokio::time::advance(Duration::from_secs(3500)).await;
    client.buildings().await.unwrap();
    assert_eq!(log.tokens().len(), 1);
    tokio::time::advance(Duration::from_secs(50)).await;
    client.buildings().await.unwrap();
    assert_eq!(log.tokens().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_refused_with_401_or_403_is_renewed_once() {
    for status in [401, 403] {
        let (client, log) = client(move |seen| match seen.bearer.as_deref() {
            Some("Bearer t1") => Step::Answer(status, String::new()),
            _ => ok(EMPTY),
        });
        client.buildings().await.unwrap();
        assert_eq!((log.tokens().len(), log.calls().len()), (2, 2), "{status}");
        assert_eq!(client.counters().retries, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fresh_token_answered_401_means_that_the_credentials_are_invalid() {
    let (client, log) = client(|_| Step::Answer(401, code("UNAUTHORIZED")));
    let error = client.buildings().await.unwrap_err();
    assert_eq!(error.reason(), Reason::CredentialsInvalid);
    assert!(
        error.to_string().starts_with(
            "GET /v1/buildings answered 401 UNAUTHORIZED with a fresh token: DOOR OS does not"
        ),
        "{error}"
    );
    assert_eq!((log.tokens().len(), log.calls().len()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_fresh_token_answered_403_means_that_permission_is_gone() {
    let (client, _) = client(|_| Step::Answer(403, String::new()));
    let error = client.buildings().await.unwrap_err();
    assert_eq!(error.reason(), Reason::PermissionDenied);
    assert!(
        error.to_string().starts_with(
            "GET /v1/buildings answered 403 FORBIDDEN with a fresh token: the manager"
        ),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn lost_permission_costs_one_request_a_call_and_not_a_token_each() {
    let (client, log) = client(|_| Step::Answer(403, String::new()));
    for _ in 0..10 {
        client.buildings().await.unwrap_err();
    }
    assert_eq!((log.tokens().len(), log.calls().len()), (2, 11));
}

#[tokio::test(start_paused = true)]
async fn permission_given_back_is_noticed_even_if_it_takes_a_new_token() {
    let (client, _) = client(|seen| match seen.bearer.as_deref() {
        Some("Bearer t1" | "Bearer t2") => Step::Answer(403, String::new()),
        _ => ok(EMPTY),
    });
    client.buildings().await.unwrap_err();
    tokio::time::advance(Duration::from_secs(301)).await;
    client.buildings().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_token_endpoint_refusing_means_that_the_credentials_are_invalid() {
    for (status, word) in [
        (400, "invalid_request"),
        (401, "access_denied"),
        (403, "access_denied"),
    ] {
        let (client, log) = raw(demo(), config(), move |_| {
            Step::Answer(status, format!(r#"{{"error":"{word}"}}"#))
        });
        let error = client.buildings().await.unwrap_err();
        assert_eq!(error.reason(), Reason::CredentialsInvalid);
        assert!(
            error.to_string().starts_with(&format!(
                "POST /oauth/token answered {status} {word}: DOOR OS"
            )),
            "{error}"
        );
        assert_eq!(log.calls().len(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_are_not_offered_over_and_over() {
    let (client, log) = raw(demo(), config(), |_| Step::Answer(401, String::new()));
    for _ in 0..10 {
        client.buildings().await.unwrap_err();
    }
    assert_eq!(log.tokens().len(), 1);
    tokio::time::advance(Duration::from_secs(31)).await;
    client.buildings().await.unwrap_err();
    assert_eq!(log.tokens().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_secret_is_used_without_a_restart() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let source = || {
        let version = ASKED.fetch_add(1, Ordering::Relaxed);
        Ok(Credentials {
            client_id: "demo".to_owned(),
            secret: Secret::new(format!("s{version}")),
        })
    };
    let (client, _) = raw(source, config(), |seen| {
        if !seen.is_token() {
            ok(EMPTY)
        } else if seen.body.contains("\"s1\"") {
            ok(token("t", 3600))
        } else {
            Step::Answer(401, String::new())
        }
    });
    client.buildings().await.unwrap_err();
    client.buildings().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_secret_for_the_same_client_id_gets_no_token_of_it_and_shares_its_breaker() {
    let (client, log) = raw(demo(), config(), |seen| {
        if !seen.is_token() {
            Step::Answer(500, String::new())
        } else if seen.body.contains("\"hunter2\"") {
            ok(token("t", 3600))
        } else {
            Step::Answer(401, String::new())
        }
    });
    let guess = client.with_credentials(Credentials {
        secret: Secret::new("a guess"),
        ..demo()
    });
    assert_eq!(
        client.buildings().await.unwrap_err().reason(),
        Reason::BackendUnavailable
    );
    let error = guess.buildings().await.unwrap_err();
    assert_eq!(error.reason(), Reason::CredentialsInvalid);
    assert_eq!(log.tokens().len(), 2);
    // What it was refused is nothing to the first one, whose token goes on.
    for _ in 0..5 {
        client.buildings().await.unwrap_err();
    }
    assert_eq!(log.tokens().len(), 2);
    assert!(client.breaker_open() && guess.breaker_open());
    assert_eq!(client.counters(), guess.counters());
}

#[tokio::test(start_paused = true)]
async fn missing_credentials_are_said_to_be_missing_and_nothing_is_sent() {
    let source = || Err("the Secret harbor-credentials does not exist".to_owned());
    let (client, log) = raw(source, config(), |_| ok(EMPTY));
    let error = client.buildings().await.unwrap_err();
    assert_eq!(error.reason(), Reason::CredentialsMissing);
    assert!(error.to_string().contains("harbor-credentials"), "{error}");
    let (empty, _) = raw(
        Credentials {
            client_id: "demo".to_owned(),
            secret: Secret::new(""),
        },
        config(),
        |_| ok(EMPTY),
    );
    assert_eq!(
        empty.buildings().await.unwrap_err().reason(),
        Reason::CredentialsMissing
    );
    assert_eq!(log.tokens().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_one_token() {
    let (client, log) = client(|_| ok(door(1)));
    let door = || client.door(door_uuid(1));
    let (a, b, c) = tokio::join!(door(), door(), door());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(log.tokens().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_one_renewal() {
    let (client, log) = client(|seen| match seen.bearer.as_deref() {
        Some("Bearer t1") => Step::Answer(401, code("UNAUTHORIZED")),
        _ => ok(door(1)),
    });
    let door = || client.door(door_uuid(1));
    let (a, b, c) = tokio::join!(door(), door(), door());
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(log.tokens().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn concurrent_callers_share_a_failed_fetch() {
    let (client, log) = raw(demo(), config(), |_| Step::Answer(404, String::new()));
    let look = || client.observe_nothing();
    let (a, b, c) = tokio::join!(look(), look(), look());
    assert_eq!(a, b);
    assert_eq!(b, c);
    assert_eq!(log.tokens().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_token_is_an_error_and_never_shown() {
    for body in [
        "<html>secret page</html>",
        r#"{"access_token":""}"#,
        r#"{"access_token":"a\nb","token_type":"Bearer"}"#,
        r#"{"access_token":"secret","token_type":"mac"}"#,
    ] {
        let (client, _) = raw(demo(), config(), move |_| ok(body));
        let error = client.buildings().await.unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret page"), "{error}");
    }
}

/// A call whose success does not matter.
trait ObserveNothing {
    async fn observe_nothing(&self) -> Option<Error>;
}

impl<T: DoorOs> ObserveNothing for T {
    async fn observe_nothing(&self) -> Option<Error> {
        self.observe(&building()).await.err()
    }
}
