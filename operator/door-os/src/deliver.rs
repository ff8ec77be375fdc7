//! Gets one call answered: limiter, breaker, timeout, and repeating where that is safe.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use http::{HeaderValue, Response};
use tokio::time::Instant;

use crate::breaker::Breaker;
use crate::budget::Budget;
use crate::call::{Call, Repeat};
use crate::client::{Fence, Observer, WallClock};
use crate::clock::{ServerClock, retry_after};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::limiter::Limiter;
use crate::transport::{Left, Transport, TransportFault};
use crate::wire::error_code;

/// Retries of one call at most, if the budget allows.
const RETRIES: usize = 3;
/// The first wait; it doubles, and up to as much again is added at random.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// The longest `Retry-After` that a call waits out. A longer one is for a later pass.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What became of a request that gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It had no effect and may be sent again.
    NothingDone,
    /// DOOR OS said no.
    Refused {
        /// Its code.
        code: String,
    },
    /// It may have had its effect, or may have it yet.
    Unclear,
}

/// A call that gave no usable answer.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) fate: Fate,
}

impl Failed {
    pub(crate) fn nothing_done(error: Error) -> Self {
        Self {
            error,
            fate: Fate::NothingDone,
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) enum Reply<V> {
    /// 2xx with a body that says what it should.
    Value(V),
    /// Any other status but 429 and 5xx.
    Other { status: u16, code: String },
}

/// Makes the value of a call from the body of a success, or says what is wrong with the body,
/// without repeating any of it.
pub(crate) trait Decode<V>: Fn(&[u8]) -> Result<V, String> {}

impl<V, F: Fn(&[u8]) -> Result<V, String>> Decode<V> for F {}

/// One failed attempt.
struct Problem {
    failed: Failed,
    /// Whether the same request may be sent again.
    repeatable: bool,
    wait: Option<Duration>,
}

/// Everything shared by the calls of one API client, whatever its secret.
pub(crate) struct Courier<T> {
    pub(crate) endpoint: Endpoint,
    pub(crate) transport: T,
    pub(crate) breaker: Breaker,
    pub(crate) budget: Budget,
    pub(crate) clock: ServerClock,
    pub(crate) wall_clock: WallClock,
    fence: Option<Fence>,
    observer: Option<Observer>,
    limiter: Limiter,
    timeout: Duration,
    seed: u64,
    calls: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
}

impl<T: Transport> Courier<T> {
    pub(crate) fn new(
        endpoint: Endpoint,
        transport: T,
        rate: (NonZeroU32, NonZeroU32),
        timeout: Duration,
        seed: u64,
        wall_clock: WallClock,
    ) -> Self {
        Self {
            endpoint,
            transport,
            breaker: Breaker::default(),
            budget: Budget::default(),
            clock: ServerClock::default(),
            wall_clock,
            fence: None,
            observer: None,
            limiter: Limiter::new(rate.0, rate.1),
            timeout,
            seed,
            calls: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
        }
    }

    /// With a fence before writes and somebody who is told of every request.
    pub(crate) fn watched(mut self, fence: Option<Fence>, observer: Option<Observer>) -> Self {
        self.fence = fence;
        self.observer = observer;
        self
    }

    fn told(&self, call: &Call, status: Option<u16>) {
        if let Some(observer) = &self.observer {
            observer(call.name, status);
        }
    }

    /// Sends a call until it is answered or is not worth another attempt.
    pub(crate) async fn deliver<V>(
        &self,
        call: &Call,
        bearer: Option<&HeaderValue>,
        decode: &impl Decode<V>,
    ) -> Result<Reply<V>, Failed> {
        // Before the limiter, so that nobody queues for something that will not be sent.
        if let Some(for_another) = self.breaker.refuses_for() {
            return Err(paused(call, for_another));
        }
        let mut waits = self.waits();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let Problem {
                failed,
                repeatable,
                wait,
            } = match self.attempt(call, bearer, decode, attempts).await {
                Ok(reply) => return Ok(reply),
                Err(problem) => problem,
            };
            if !repeatable || wait.is_some_and(|wait| wait > LONGEST_WAIT) {
                return Err(failed);
            }
            let Some(backoff) = waits.next() else {
                return Err(failed);
            };
            let again = Instant::now() + backoff.max(wait.unwrap_or_default());
            if call.not_after.is_some_and(|not_after| again > not_after) {
                return Err(failed);
            }
            if self.breaker.refuses_for().is_some() || !self.budget.spend() {
                return Err(failed);
            }
            tokio::time::sleep_until(again).await;
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn attempt<V>(
        &self,
        call: &Call,
        bearer: Option<&HeaderValue>,
        decode: &impl Decode<V>,
        attempts: u32,
    ) -> Result<Reply<V>, Problem> {
        let read = call.repeat == Repeat::Read;
        let request = call.request(&self.endpoint, bearer).map_err(|_| Problem {
            failed: Failed::nothing_done(Error::Unreachable {
                call: call.name,
                attempts,
                detail: "the request cannot be written as HTTP".to_owned(),
            }),
            repeatable: false,
            wait: None,
        })?;
        if !self.room(call).await {
            return Err(Problem {
                failed: Failed::nothing_done(Error::NoRoom { call: call.name }),
                repeatable: false,
                wait: None,
            });
        }
        let permit = self.breaker.permit().map_err(|for_another| Problem {
            failed: paused(call, for_another),
            repeatable: false,
            wait: None,
        })?;
        // The last thing before it leaves: whatever was true when the call was made may be over.
        if !read && self.fence.as_ref().is_some_and(|may| !may()) {
            return Err(Problem {
                failed: Failed::nothing_done(Error::NotOwner { call: call.name }),
                repeatable: false,
                wait: None,
            });
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = tokio::time::timeout(self.timeout, self.transport.send(request)).await;
        let (left, fault, detail) = match sent {
            Ok(Ok(response)) => {
                self.told(call, Some(response.status().as_u16()));
                if response.status().is_server_error() {
                    permit.failed();
                } else {
                    permit.answered();
                }
                return self.judge(call, response, decode, attempts);
            }
            Ok(Err(error)) => {
                self.told(call, None);
                (error.left, error.fault, error.detail)
            }
            Err(_) => {
                self.told(call, None);
                (
                    Left::Maybe,
                    TransportFault::Timeout,
                    format!("none within {} s", self.timeout.as_secs()),
                )
            }
        };
        let error = if fault == TransportFault::TooLarge {
            permit.answered();
            Error::TooLarge {
                call: call.name,
                detail,
            }
        } else {
            permit.failed();
            Error::Unreachable {
                call: call.name,
                attempts,
                detail,
            }
        };
        Err(Problem {
            failed: Failed {
                error,
                fate: match left {
                    Left::No => Fate::NothingDone,
                    Left::Maybe => Fate::Unclear,
                },
            },
            repeatable: read && fault != TransportFault::TooLarge,
            wait: None,
        })
    }

    /// Waits for the limiter; false if that takes too long for the call.
    async fn room(&self, call: &Call) -> bool {
        let acquired = self.limiter.acquire();
        match call.not_after {
            None => {
                acquired.await;
                true
            }
            // The token may have used the time up, and a timeout lets what is ready pass.
            Some(not_after) if Instant::now() > not_after => false,
            Some(not_after) => tokio::time::timeout_at(not_after, acquired).await.is_ok(),
        }
    }

    /// What an answer means for the call.
    fn judge<V>(
        &self,
        call: &Call,
        response: Response<Bytes>,
        decode: &impl Decode<V>,
        attempts: u32,
    ) -> Result<Reply<V>, Problem> {
        let ours = (self.wall_clock)();
        let headers = response.headers();
        self.clock.note(headers, self.endpoint.is_loopback(), ours);
        let wait = retry_after(headers, ours);
        let read = call.repeat == Repeat::Read;
        let (status, body) = (response.status(), response.body());
        if status.is_success() {
            return match decode(body) {
                Ok(value) => Ok(Reply::Value(value)),
                Err(what) => Err(Problem {
                    failed: Failed {
                        error: Error::Unreadable {
                            call: call.name,
                            status: status.as_u16(),
                            what,
                        },
                        fate: Fate::Unclear,
                    },
                    // It may have been cut on its way.
                    repeatable: read,
                    wait: None,
                }),
            };
        }
        let code = error_code(status.as_u16(), body);
        if status.as_u16() == 429 {
            self.limiter
                .slow_down(wait.unwrap_or_default().min(LONGEST_WAIT));
            return Err(Problem {
                failed: Failed::nothing_done(Error::RateLimited {
                    call: call.name,
                    attempts,
                    retry_after: wait,
                }),
                // 429 says that nothing was done, so a write may be sent again as well.
                repeatable: true,
                wait,
            });
        }
        if status.is_server_error() {
            return Err(Problem {
                failed: Failed {
                    error: Error::Failing {
                        call: call.name,
                        status: status.as_u16(),
                        code,
                        attempts,
                    },
                    fate: Fate::Unclear,
                },
                repeatable: read,
                wait,
            });
        }
        Ok(Reply::Other {
            status: status.as_u16(),
            code,
        })
    }

    /// Waits between the attempts of one call. Seeded, so that a simulated world repeats itself.
    fn waits(&self) -> impl Iterator<Item = Duration> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        ExponentialBuilder::new()
            .with_min_delay(FIRST_WAIT)
            .with_max_times(RETRIES)
            .with_jitter()
            .with_jitter_seed(self.seed.wrapping_add(call))
            .build()
    }
}

fn paused(call: &Call, for_another: Duration) -> Failed {
    Failed::nothing_done(Error::Paused {
        call: call.name,
        for_another,
    })
}
