//! Leaves DOOR OS alone for a while when it keeps failing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it stays open before one request may probe.
const OPEN_FOR: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Open { until: Instant },
    Probing { since: Instant },
}

/// Counts failures of the service: no connection, no answer, 5xx. An answer that we do not like,
/// 429 included, is no failure of the service.
#[derive(Debug)]
pub(crate) struct Breaker(Mutex<State>);

impl Default for Breaker {
    fn default() -> Self {
        Self(Mutex::new(State::Closed { failures: 0 }))
    }
}

impl Breaker {
    /// For how long a request would still be refused; `None`: it would be let through.
    pub(crate) fn refuses_for(&self) -> Option<Duration> {
        let now = Instant::now();
        let state = *self.state();
        match state {
            State::Closed { .. } => None,
            State::Open { until } if until <= now => None,
            State::Open { until } => Some(until - now),
            // Whoever probes will close or open it; the time is only for the message.
            State::Probing { since } => Some((since + OPEN_FOR).saturating_duration_since(now)),
        }
    }

    /// Leave to send one request, whose outcome must be told to the permit.
    pub(crate) fn permit(&self) -> Result<Permit<'_>, Duration> {
        if let Some(left) = self.refuses_for() {
            return Err(left);
        }
        let mut state = self.state();
        if matches!(*state, State::Open { .. }) {
            *state = State::Probing {
                since: Instant::now(),
            };
        }
        Ok(Permit {
            breaker: self,
            settled: false,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One request on its way.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    settled: bool,
}

impl Permit<'_> {
    /// DOOR OS answered.
    pub(crate) fn answered(mut self) {
        self.settled = true;
        *self.breaker.state() = State::Closed { failures: 0 };
    }

    /// DOOR OS failed.
    pub(crate) fn failed(mut self) {
        self.settled = true;
        let mut state = self.breaker.state();
        let open = State::Open {
            until: Instant::now() + OPEN_FOR,
        };
        *state = match *state {
            State::Closed { failures } if failures + 1 < FAILURES => State::Closed {
                failures: failures + 1,
            },
            State::Closed { .. } | State::Probing { .. } => open,
            // Sent before it opened; that it fails too is no news.
            already @ State::Open { .. } => already,
        };
    }
}

impl Drop for Permit<'_> {
    /// A request dropped half-way tells nothing, but a probe must not stay reserved for ever.
    fn drop(&mut self) {
        let mut state = self.breaker.state();
        if !self.settled && matches!(*state, State::Probing { .. }) {
            *state = State::Open {
                until: Instant::now(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            breaker.permit().expect("closed").failed();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_fifth_failure_in_a_row_opens_it_for_half_a_minute() {
        let breaker = Breaker::default();
        fail(&breaker, 4);
        assert_eq!(breaker.refuses_for(), None);
        fail(&breaker, 1);
        assert_eq!(breaker.refuses_for(), Some(Duration::from_secs(30)));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(breaker.refuses_for(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_between_starts_the_count_anew() {
        let breaker = Breaker::default();
        fail(&breaker, 4);
        breaker.permit().expect("closed").answered();
        fail(&breaker, 4);
        assert_eq!(breaker.refuses_for(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn half_open_lets_one_probe_through() {
        let breaker = Breaker::default();
        fail(&breaker, 5);
        tokio::time::advance(Duration::from_secs(31)).await;
        let probe = breaker.permit().expect("the probe");
        assert!(breaker.permit().is_err());
        probe.failed();
        assert_eq!(breaker.refuses_for(), Some(Duration::from_secs(30)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_frees_its_place() {
        let breaker = Breaker::default();
        fail(&breaker, 5);
        tokio::time::advance(Duration::from_secs(31)).await;
        drop(breaker.permit());
        breaker.permit().expect("another probe").answered();
        assert_eq!(breaker.refuses_for(), None);
    }
}
