//! Requests per second, all callers of one client together.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// The longest `Retry-After` that a call waits out. A longer one is for a later pass.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest that we keep away because an answer asks for it.
const LONGEST_AWAY: Duration = Duration::from_secs(3600);
/// How long a 429 keeps us slow.
const SLOW_FOR: Duration = Duration::from_secs(60);
/// The slowest we get, as a fraction of the configured rate.
const SLOWEST: u32 = 8;

/// Time for governor as tokio tells it, so that it stands still and jumps with a paused clock.
#[derive(Clone, Debug)]
struct TokioClock {
    origin: Instant,
}

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

#[derive(Debug)]
struct Slowness {
    /// Each request counts as this many.
    weight: u32,
    /// Until when.
    until: Instant,
    /// Nothing is sent before.
    not_before: Instant,
}

/// A token bucket. After a 429 each request weighs twice as much (up to eightfold) for a minute, and
/// nothing is sent while DOOR OS asked us to wait.
pub(crate) struct Limiter {
    rate: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
    clock: TokioClock,
    burst: NonZeroU32,
    slow: Mutex<Slowness>,
    /// First come, first served; without it waiters would race at each refill.
    queue: tokio::sync::Mutex<()>,
}

impl Limiter {
    pub(crate) fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let now = Instant::now();
        let clock = TokioClock { origin: now };
        let quota = Quota::per_second(per_second).allow_burst(burst);
        Self {
            rate: RateLimiter::direct_with_clock(quota, clock.clone()),
            clock,
            burst,
            slow: Mutex::new(Slowness {
                weight: 1,
                until: now,
                not_before: now,
            }),
            queue: tokio::sync::Mutex::new(()),
        }
    }

    /// Waits until one request may be sent. Where DOOR OS asked for more than a call waits out, says at once
    /// for how long yet.
    pub(crate) async fn acquire(&self) -> Result<(), Duration> {
        let _turn = self.queue.lock().await;
        loop {
            let not_before = self.slow().not_before;
            let left = not_before.saturating_duration_since(Instant::now());
            if left > LONGEST_WAIT {
                return Err(left);
            }
            if !left.is_zero() {
                tokio::time::sleep_until(not_before).await;
                continue;
            }
            // Never more than the burst: a heavier request could not be served at all.
            let weight = NonZeroU32::new(self.weight())
                .unwrap_or(NonZeroU32::MIN)
                .min(self.burst);
            match self.rate.check_n(weight) {
                Ok(Ok(())) | Err(_) => return Ok(()),
                Ok(Err(not_until)) => {
                    // At least a millisecond, the grain of tokio's timer; less would spin.
                    let wait = not_until
                        .wait_time_from(self.clock.now())
                        .max(Duration::from_millis(1));
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// DOOR OS answered 429 and asked to wait.
    pub(crate) fn slow_down(&self, wait: Duration) {
        let now = Instant::now();
        let wait = wait.min(LONGEST_AWAY);
        let weight = (self.weight() * 2).min(SLOWEST);
        let mut slow = self.slow();
        slow.weight = weight;
        slow.until = now + wait + SLOW_FOR;
        slow.not_before = slow.not_before.max(now + wait);
    }

    fn weight(&self) -> u32 {
        let slow = self.slow();
        if Instant::now() < slow.until {
            slow.weight
        } else {
            1
        }
    }

    fn slow(&self) -> MutexGuard<'_, Slowness> {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(per_second: u32, burst: u32) -> Limiter {
        Limiter::new(
            NonZeroU32::new(per_second).unwrap(),
            NonZeroU32::new(burst).unwrap(),
        )
    }

    async fn time_for(limiter: &Limiter, requests: u32) -> Duration {
        let start = Instant::now();
        for _ in 0..requests {
            limiter.acquire().await.unwrap();
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_then_the_rate_holds_under_a_paused_clock() {
        let limiter = limiter(10, 20);
        assert_eq!(time_for(&limiter, 20).await, Duration::ZERO);
        let taken = time_for(&limiter, 100).await;
        assert!((9_900..=10_200).contains(&taken.as_millis()), "{taken:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_sent_while_door_os_asked_to_wait_and_less_after() {
        let limiter = limiter(10, 1);
        limiter.slow_down(Duration::from_secs(5));
        let taken = time_for(&limiter, 1).await;
        assert!(taken >= Duration::from_secs(5), "{taken:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_429_halves_the_rate_for_a_minute() {
        let limiter = limiter(10, 10);
        time_for(&limiter, 10).await;
        limiter.slow_down(Duration::ZERO);
        let slow = time_for(&limiter, 50).await;
        assert!((9_800..=10_300).contains(&slow.as_millis()), "{slow:?}");
        tokio::time::advance(Duration::from_secs(61)).await;
        time_for(&limiter, 10).await;
        let normal = time_for(&limiter, 50).await;
        assert!((4_900..=5_200).contains(&normal.as_millis()), "{normal:?}");
    }
}
