//! How many extra requests we allow ourselves.

use std::sync::{Mutex, PoisonError};

/// A retry costs ten; a call earns one, so that retries stay within a tenth of the calls.
const COST: u32 = 10;
/// Ten retries in hand, so that a short pass survives a hiccup. Also the most that can be saved up:
/// a long quiet time must not pay for a storm.
const RESERVE: u32 = 10 * COST;

/// A bucket that retries are paid from. When DOOR OS fails, every client repeating everything is
/// what keeps it down; a fixed number of retries per call would multiply the load at that moment.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(RESERVE))
    }
}

impl Budget {
    /// A call begins. Retries earn nothing.
    pub(crate) fn earn(&self) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = (*left + 1).min(RESERVE);
    }

    /// What is left of it, between 0 and 1.
    pub(crate) fn left(&self) -> f64 {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f64::from(*left) / f64::from(RESERVE)
    }

    /// Pays for one retry, if it can be paid.
    pub(crate) fn spend(&self) -> bool {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match left.checked_sub(COST) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_tenth_of_the_calls_and_a_small_reserve() {
        let budget = Budget::default();
        let mut retries = 0;
        for _ in 0..10_000 {
            budget.earn();
            while budget.spend() {
                retries += 1;
            }
        }
        assert!((1_000..=1_010).contains(&retries), "{retries}");
    }

    #[test]
    fn a_quiet_time_saves_up_no_more_than_the_reserve() {
        let budget = Budget::default();
        (0..10_000).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
    }
}
