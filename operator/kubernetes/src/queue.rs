//! When each Property is due for a pass.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use crate::objects::Name;

/// How long a change waits for others that come with it.
const DEBOUNCE: Duration = Duration::from_millis(500);
/// How long a steady stream of changes may put a pass off.
const LONGEST_PUT_OFF: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    /// The first change that a pass has not seen yet.
    changed: Option<Instant>,
}

/// The Properties, by when each is due. One at work is not started again before it is done.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    due: BTreeMap<Name, Due>,
    /// The same, by when they are due.
    order: BTreeSet<(Instant, Name)>,
    working: BTreeSet<Name>,
}

impl Queue {
    /// Something of a Property changed.
    pub(crate) fn changed(&mut self, property: &Name, now: Instant) {
        let before = self.due.get(property);
        let first = before.and_then(|due| due.changed).unwrap_or(now);
        let at = (now + DEBOUNCE).min(first + LONGEST_PUT_OFF);
        // A pass that is due sooner anyhow stays so.
        let at = before.map_or(at, |due| {
            if due.changed.is_none() {
                due.at.min(at)
            } else {
                at
            }
        });
        let changed = Some(first);
        self.set(property, Due { at, changed });
    }

    fn set(&mut self, property: &Name, due: Due) {
        if let Some(before) = self.due.insert(property.clone(), due) {
            self.order.remove(&(before.at, property.clone()));
        }
        self.order.insert((due.at, property.clone()));
    }

    /// A Property is due at a time, if it is not due sooner.
    pub(crate) fn at(&mut self, property: &Name, at: Instant) {
        let before = self.due.get(property).copied();
        let due = before.unwrap_or(Due { at, changed: None });
        let at = due.at.min(at);
        self.set(property, Due { at, ..due });
    }

    /// Takes a Property that is due, the longest first, of those that may be taken.
    pub(crate) fn take(&mut self, now: Instant, may: impl Fn(&Name) -> bool) -> Option<Name> {
        let next = self.first(may).filter(|(at, _)| *at <= now)?.clone();
        self.order.remove(&next);
        let (_, next) = next;
        self.due.remove(&next);
        self.working.insert(next.clone());
        Some(next)
    }

    /// A pass is done.
    pub(crate) fn done(&mut self, property: &Name) {
        self.working.remove(property);
    }

    /// When the next one that may be taken is due.
    #[must_use]
    pub(crate) fn next(&self, may: impl Fn(&Name) -> bool) -> Option<Instant> {
        self.first(may).map(|(at, _)| *at)
    }

    /// The first one that may be taken and is not at work.
    fn first(&self, may: impl Fn(&Name) -> bool) -> Option<&(Instant, Name)> {
        self.order
            .iter()
            .find(|(_, name)| !self.working.contains(name) && may(name))
    }

    /// How many are due by now.
    #[must_use]
    pub(crate) fn depth(&self, now: Instant) -> usize {
        self.order.iter().take_while(|(at, _)| *at <= now).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Name {
        Name::new("n", "harbor-point")
    }

    fn any(_: &Name) -> bool {
        true
    }

    #[test]
    fn changes_that_come_together_make_one_pass_and_cannot_put_it_off_for_ever() {
        let start = Instant::now();
        let mut queue = Queue::default();
        for tenth in 0..80 {
            queue.changed(&name(), start + Duration::from_millis(tenth * 100));
            let first_due = queue.next(any).unwrap();
            assert!(first_due <= start + LONGEST_PUT_OFF);
        }
        assert_eq!(queue.next(any), Some(start + LONGEST_PUT_OFF));
        assert_eq!(queue.take(start + LONGEST_PUT_OFF, any), Some(name()));
        assert_eq!(queue.next(any), None);
    }

    #[test]
    fn a_change_during_a_pass_is_seen_by_the_next() {
        let start = Instant::now();
        let mut queue = Queue::default();
        queue.at(&name(), start);
        assert_eq!(queue.take(start, any), Some(name()));
        queue.changed(&name(), start);
        assert_eq!(queue.take(start + Duration::from_secs(60), any), None);
        queue.done(&name());
        assert_eq!(
            queue.take(start + Duration::from_secs(60), any),
            Some(name())
        );
    }

    #[test]
    fn what_may_not_be_taken_is_in_nobodys_way() {
        let start = Instant::now();
        let mut queue = Queue::default();
        let elsewhere = Name::new("m", "elm-street");
        queue.at(&name(), start);
        queue.at(&elsewhere, start + Duration::from_secs(1));
        let in_m = |name: &Name| name.namespace == "m";
        assert_eq!(queue.next(in_m), Some(start + Duration::from_secs(1)));
        assert_eq!(
            queue.take(start + Duration::from_secs(9), in_m),
            Some(elsewhere)
        );
        assert_eq!(queue.take(start + Duration::from_secs(9), in_m), None);
        assert_eq!(queue.take(start, any), Some(name()));
    }

    #[test]
    fn a_later_time_never_puts_off_a_sooner_one() {
        let start = Instant::now();
        let mut queue = Queue::default();
        queue.at(&name(), start);
        queue.at(&name(), start + Duration::from_secs(300));
        queue.changed(&name(), start);
        assert_eq!(queue.next(any), Some(start));
    }
}
