//! How many extra requests we allow ourselves.

use std::sync::{Mutex, PoisonError};

/// A retry costs fifteen; a call earns one. With the three that a process begins with, retries are at
/// most a tenth of the calls from the ninetieth call on.
const COST: u32 = 15;
/// Three retries in hand, so that a process that has just begun survives a hiccup.
const AT_FIRST: u32 = 3 * COST;
/// Ten retries are the most that can be saved up: a long quiet time must not pay for a storm.
const MOST: u32 = 10 * COST;

/// A bucket that retries are paid from. When DOOR OS fails, every client repeating everything is
/// what keeps it down; a fixed number of retries per call would multiply the load at that moment.
#[derive(Debug)]
pub(crate) struct Budget(Mutex<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(AT_FIRST))
    }
}

impl Budget {
    /// A call begins. Retries earn nothing.
    pub(crate) fn earn(&self) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = (*left + 1).min(MOST);
    }

    /// What is left of it, between 0 and 1.
    pub(crate) fn left(&self) -> f64 {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        f64::from(*left) / f64::from(MOST)
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
    fn retries_are_at_most_a_tenth_of_the_calls() {
        let budget = Budget::default();
        let mut retries = 0;
        for call in 1..=10_000 {
            budget.earn();
            while budget.spend() {
                retries += 1;
            }
            assert!(call < 90 || 10 * retries <= call, "{retries} after {call}");
        }
        assert!(retries > 600, "{retries}");
    }

    #[test]
    fn three_retries_are_there_from_the_start() {
        let budget = Budget::default();
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 3);
    }

    #[test]
    fn a_quiet_time_saves_up_ten_and_no_more() {
        let budget = Budget::default();
        (0..10_000).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
    }
}
