//! The OAuth token: fetched when needed, shared by all callers, renewed once when refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::call::{Call, Repeat};
use crate::credentials::{Credentials, CredentialsSource};
use crate::deliver::{Courier, Decode, Failed, Fate, Reply};
use crate::error::Error;
use crate::transport::Transport;
use crate::wire::Field;

/// A token is renewed this long before it expires, or after nine tenths of a short life.
const MARGIN: Duration = Duration::from_secs(60);
/// What is assumed if the answer does not say; DOOR's older pages leave `expires_in` out.
const DEFAULT_LIFE: Duration = Duration::from_secs(3600);
/// DOOR documents at most a day.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);
/// Refused credentials are not offered again unchanged for this long: identity providers lock
/// clients out that keep trying.
const REFUSAL_HOLDS: Duration = Duration::from_secs(30);
/// How long a call that was refused with a fresh token is not given another one. Not for ever: a
/// permission given back may show only in a new token.
const FRESH_REFUSAL_HOLDS: Duration = Duration::from_secs(300);

const TOKEN: &str = "POST /oauth/token";

/// A token and which one in the row of tokens it is.
#[derive(Clone, Debug)]
struct Token {
    bearer: HeaderValue,
    generation: u64,
    renew_at: Instant,
}

#[derive(Debug)]
struct Failure {
    fetch: u64,
    at: Instant,
    credentials: Option<Credentials>,
    error: Error,
}

#[derive(Debug, Default)]
struct State {
    token: Option<Token>,
    failure: Option<Failure>,
}

/// A call that a fresh token did not help.
#[derive(Debug)]
struct FreshRefusal {
    call: &'static str,
    generation: u64,
    until: Instant,
}

/// Where calls get their authorisation from.
pub(crate) struct Tokens {
    source: Box<dyn CredentialsSource>,
    audience: String,
    /// Held during a fetch, so that concurrent callers share it.
    state: tokio::sync::Mutex<State>,
    /// Fetches that ended, well or badly.
    fetches: AtomicU64,
    fresh_refusals: Mutex<Vec<FreshRefusal>>,
}

#[derive(Serialize)]
struct TokenRequest<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    audience: &'a str,
    grant_type: &'static str,
}

#[derive(Deserialize)]
struct WireToken {
    #[serde(default)]
    access_token: Field<String>,
    #[serde(default)]
    expires_in: Field<i64>,
    #[serde(default)]
    token_type: Field<String>,
}

impl Tokens {
    pub(crate) fn new(source: Box<dyn CredentialsSource>, audience: String) -> Self {
        Self {
            source,
            audience,
            state: tokio::sync::Mutex::default(),
            fetches: AtomicU64::new(0),
            fresh_refusals: Mutex::default(),
        }
    }

    /// No token yet, from another source, for the same audience.
    pub(crate) fn with_source(&self, source: Box<dyn CredentialsSource>) -> Self {
        Self::new(source, self.audience.clone())
    }

    /// Delivers a call with a token. A token refused with 401 or 403 (DOOR documents both for an
    /// expired one) is renewed once; both answers say that nothing was done, so a write may be sent
    /// again too.
    pub(crate) async fn deliver<T: Transport, V>(
        &self,
        courier: &Courier<T>,
        call: &Call,
        decode: &impl Decode<V>,
    ) -> Result<Reply<V>, Failed> {
        courier.budget.earn();
        let mut token = self
            .token(courier, None)
            .await
            .map_err(Failed::nothing_done)?;
        let mut renewed = false;
        loop {
            let (status, code) = match courier.deliver(call, Some(&token.bearer), decode).await? {
                Reply::Other {
                    status: status @ (401 | 403),
                    code,
                } => (status, code),
                reply => {
                    self.fresh_refusals().retain(|it| it.call != call.name);
                    return Ok(reply);
                }
            };
            if !renewed && !self.fresh_did_not_help(call, token.generation) {
                renewed = true;
                token = self
                    .token(courier, Some(token.generation))
                    .await
                    .map_err(Failed::nothing_done)?;
                continue;
            }
            self.remember(call, token.generation);
            return Err(Failed {
                error: if status == 401 {
                    Error::CredentialsInvalid {
                        call: call.name,
                        status,
                        code: code.clone(),
                        with_token: true,
                    }
                } else {
                    Error::PermissionDenied {
                        call: call.name,
                        code: code.clone(),
                    }
                },
                fate: Fate::Refused { code },
            });
        }
    }

    /// A token other than the refused one, fetched if need be.
    async fn token<T: Transport>(
        &self,
        courier: &Courier<T>,
        refused: Option<u64>,
    ) -> Result<Token, Error> {
        let began = self.fetches.load(Ordering::Relaxed);
        let mut state = self.state.lock().await;
        if let Some(token) = &state.token
            && refused != Some(token.generation)
            && Instant::now() < token.renew_at
        {
            return Ok(token.clone());
        }
        // Somebody asked while we queued; asking again at once would give the same answer.
        if let Some(failure) = &state.failure
            && failure.fetch > began
        {
            return Err(failure.error.clone());
        }
        let credentials = self.credentials();
        if let Some(failure) = &state.failure
            && matches!(failure.error, Error::CredentialsInvalid { .. })
            && failure.credentials.as_ref() == credentials.as_ref().ok()
            && failure.at.elapsed() < REFUSAL_HOLDS
        {
            return Err(failure.error.clone());
        }
        let fetched = match &credentials {
            Ok(credentials) => self.fetch(courier, credentials).await,
            Err(error) => Err(error.clone()),
        };
        let fetch = self.fetches.fetch_add(1, Ordering::Relaxed) + 1;
        match fetched {
            Ok((bearer, life)) => {
                let margin = MARGIN.min(life / 10);
                let token = Token {
                    bearer,
                    generation: fetch,
                    renew_at: Instant::now() + life.saturating_sub(margin),
                };
                state.token = Some(token.clone());
                state.failure = None;
                Ok(token)
            }
            Err(error) => {
                state.failure = Some(Failure {
                    fetch,
                    at: Instant::now(),
                    credentials: credentials.ok(),
                    error: error.clone(),
                });
                Err(error)
            }
        }
    }

    fn credentials(&self) -> Result<Credentials, Error> {
        let credentials = self
            .source
            .read()
            .map_err(|detail| Error::CredentialsMissing { detail })?;
        let missing = if credentials.client_id.is_empty() {
            "the client id is empty"
        } else if credentials.secret.is_empty() {
            "the client secret is empty"
        } else {
            return Ok(credentials);
        };
        Err(Error::CredentialsMissing {
            detail: missing.to_owned(),
        })
    }

    async fn fetch<T: Transport>(
        &self,
        courier: &Courier<T>,
        credentials: &Credentials,
    ) -> Result<(HeaderValue, Duration), Error> {
        let body = serde_json::to_vec(&TokenRequest {
            client_id: &credentials.client_id,
            client_secret: credentials.secret.expose(),
            audience: &self.audience,
            grant_type: "client_credentials",
        })
        .map_err(|_| Error::CredentialsMissing {
            detail: "the client id or secret cannot be written as JSON".to_owned(),
        })?;
        let call = Call {
            name: TOKEN,
            method: Method::POST,
            path: "/oauth/token".to_owned(),
            body: Some(Bytes::from(body)),
            if_match: None,
            // A second token does no harm.
            repeat: Repeat::Read,
            not_after: None,
        };
        courier.budget.earn();
        match courier.deliver(&call, None, &token_of).await {
            Ok(Reply::Value(token)) => Ok(token),
            Ok(Reply::Other {
                status: status @ (400 | 401 | 403),
                code,
            }) => Err(Error::CredentialsInvalid {
                call: TOKEN,
                status,
                code,
                with_token: false,
            }),
            Ok(Reply::Other { status, code }) => Err(Error::Unexpected {
                call: TOKEN,
                status,
                code,
            }),
            Err(failed) => Err(failed.error),
        }
    }

    fn fresh_did_not_help(&self, call: &Call, generation: u64) -> bool {
        self.fresh_refusals().iter().any(|it| {
            it.call == call.name && it.generation == generation && Instant::now() < it.until
        })
    }

    fn remember(&self, call: &Call, generation: u64) {
        let until = Instant::now() + FRESH_REFUSAL_HOLDS;
        let mut refusals = self.fresh_refusals();
        // Kept as first noted: a stream of refused calls must not put off the next try for ever.
        if refusals
            .iter()
            .any(|it| it.call == call.name && it.generation == generation)
        {
            return;
        }
        refusals.retain(|it| it.call != call.name);
        refusals.push(FreshRefusal {
            call: call.name,
            generation,
            until,
        });
    }

    fn fresh_refusals(&self) -> MutexGuard<'_, Vec<FreshRefusal>> {
        self.fresh_refusals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn token_of(body: &[u8]) -> Result<(HeaderValue, Duration), String> {
    let WireToken {
        access_token,
        expires_in,
        token_type,
    } = serde_json::from_slice(body).map_err(|_| "its body is not the JSON of a token")?;
    let bearer = token_type
        .ok()
        .is_none_or(|token_type| token_type.eq_ignore_ascii_case("bearer"));
    if !bearer {
        return Err("its token is not a bearer token".to_owned());
    }
    let token = access_token
        .ok()
        .filter(|token| !token.is_empty())
        .ok_or("it holds no access_token")?;
    let mut header = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| "its access_token cannot be sent in a header")?;
    header.set_sensitive(true);
    let life = expires_in
        .ok()
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(DEFAULT_LIFE, Duration::from_secs)
        .min(LONGEST_LIFE);
    Ok((header, life))
}
