//! DOOR OS's own clock, as its `Date` headers show it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use http::header::DATE;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// What DOOR OS's clock read when, and how it compares with ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerTime {
    /// The `Date` of an answer. Whole seconds.
    pub date: Timestamp,
    /// When that answer arrived, by the monotonic clock.
    pub arrived: Instant,
    /// The answer says that it comes from a simulator on this machine, whose time is the world's, and is now for us too.
    pub simulated: bool,
    /// DOOR's clock minus ours at that moment; positive: DOOR's is ahead.
    pub skew: SignedDuration,
}

impl ServerTime {
    /// What DOOR OS's clock reads now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    /// Whether our clock and DOOR's are further apart than the two minutes that time-driven changes
    /// tolerate. A simulator's clock may be advanced, and we follow it.
    #[must_use]
    pub fn skewed(&self) -> bool {
        !self.simulated && self.skew.abs() > SignedDuration::from_mins(2)
    }

    fn at(&self, instant: Instant) -> Timestamp {
        let passed = SignedDuration::try_from(instant.saturating_duration_since(self.arrived))
            .unwrap_or(SignedDuration::MAX);
        self.date.saturating_add(passed).unwrap_or(self.date)
    }
}

/// Remembers the last `Date`.
#[derive(Debug, Default)]
pub(crate) struct ServerClock(Mutex<Option<ServerTime>>);

impl ServerClock {
    pub(crate) fn read(&self) -> Option<ServerTime> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the `Date` of an answer. `ours` is our wall clock at this moment.
    pub(crate) fn note(&self, headers: &HeaderMap, loopback: bool, ours: Timestamp) {
        let Some(date) = headers.get(DATE).and_then(|value| value.to_str().ok()) else {
            return;
        };
        let Some(date) = http_date(date) else { return };
        let simulated = loopback
            && headers
                .get("opendoor-simulated")
                .is_some_and(|value| value.as_bytes() == b"true");
        let new = ServerTime {
            date,
            arrived: Instant::now(),
            simulated,
            skew: date.duration_since(ours),
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // `Date` is cut to seconds. While it agrees with what we extrapolate, keep extrapolating: the
        // time a caller reads would otherwise step back by up to a second with each answer.
        let agrees = last.as_ref().is_some_and(|last| {
            let ahead = last.at(new.arrived).duration_since(date);
            last.simulated == simulated
                && (SignedDuration::ZERO..SignedDuration::from_secs(1)).contains(&ahead)
        });
        match last.as_mut() {
            Some(last) if agrees => last.skew = new.skew,
            _ => *last = Some(new),
        }
    }
}

/// How long `Retry-After` asks to wait: seconds, or a date by the server's own clock. `None` if
/// absent or unreadable.
pub(crate) fn retry_after(headers: &HeaderMap, ours: Timestamp) -> Option<Duration> {
    let text = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(text)?;
    let from = headers
        .get(DATE)
        .and_then(|value| value.to_str().ok())
        .and_then(http_date)
        .unwrap_or(ours);
    Some(Duration::try_from(until.duration_since(from)).unwrap_or(Duration::ZERO))
}

fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    http::HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    const NOON: &str = "Sun, 01 Mar 2026 12:00:00 GMT";

    fn noon() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_date_runs_on_between_answers() {
        let clock = ServerClock::default();
        clock.note(&headers(&[("date", NOON)]), false, noon());
        tokio::time::advance(Duration::from_secs(90)).await;
        let now = clock.read().unwrap().now();
        assert_eq!(now.duration_since(noon()), SignedDuration::from_secs(90));
    }

    #[tokio::test(start_paused = true)]
    async fn whole_seconds_in_date_never_make_time_step_back() {
        let clock = ServerClock::default();
        clock.note(&headers(&[("date", NOON)]), false, noon());
        tokio::time::advance(Duration::from_millis(900)).await;
        clock.note(&headers(&[("date", NOON)]), false, noon());
        let now = clock.read().unwrap().now();
        assert_eq!(now.duration_since(noon()), SignedDuration::from_millis(900));
    }

    #[tokio::test(start_paused = true)]
    async fn only_more_than_two_minutes_is_skew() {
        let clock = ServerClock::default();
        let behind = noon() - SignedDuration::from_secs(121);
        clock.note(&headers(&[("date", NOON)]), false, behind);
        assert!(clock.read().unwrap().skewed());
        clock.note(
            &headers(&[("date", NOON)]),
            false,
            noon() + SignedDuration::from_secs(120),
        );
        assert!(!clock.read().unwrap().skewed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_simulator_is_believed_on_this_machine_only() {
        let clock = ServerClock::default();
        let answer = headers(&[("date", NOON), ("opendoor-simulated", "true")]);
        clock.note(&answer, false, noon());
        assert!(!clock.read().unwrap().simulated);
        clock.note(&answer, true, noon());
        assert!(clock.read().unwrap().simulated);
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_by_the_servers_own_clock() {
        let wrong_clock = noon() + SignedDuration::from_hours(5);
        let seconds = headers(&[("retry-after", "7")]);
        assert_eq!(
            retry_after(&seconds, wrong_clock),
            Some(Duration::from_secs(7))
        );
        let date = headers(&[
            ("retry-after", "Sun, 01 Mar 2026 12:00:20 GMT"),
            ("date", NOON),
        ]);
        assert_eq!(
            retry_after(&date, wrong_clock),
            Some(Duration::from_secs(20))
        );
        let past = headers(&[
            ("retry-after", NOON),
            ("date", "Sun, 01 Mar 2026 12:00:20 GMT"),
        ]);
        assert_eq!(retry_after(&past, wrong_clock), Some(Duration::ZERO));
        assert_eq!(
            retry_after(&headers(&[("retry-after", "soon")]), noon()),
            None
        );
    }
}
