//! Time while our clock and DOOR's differ. By a clock in doubt nothing grows old: no write is over and no
//! charge is spent; and what it stamped says nothing once it is right again.

use jiff::Timestamp;

use crate::ledger::Ledger;

/// Takes note of whether the clocks differ. Once they agree again, what was stamped meanwhile counts from
/// now on.
pub(crate) fn mind_the_clocks(ledger: &mut Ledger, skewed: bool, now: Timestamp) {
    let since = ledger.head.clock_skewed_since;
    if skewed {
        if since.is_none_or(|since| now < since) {
            ledger.head_mut().clock_skewed_since = Some(now);
        }
        return;
    }
    let Some(since) = since else {
        return;
    };
    let head = ledger.head_mut();
    head.clock_skewed_since = None;
    let anew = |stamp: &mut Timestamp| {
        if *stamp >= since {
            *stamp = now;
        }
    };
    // A process that found a write open may have stamped it before it knew of the clocks.
    for intent in &mut head.intents {
        intent.unknown_since = intent.unknown_since.map(|_| now);
    }
    for charge in &mut head.charges {
        anew(&mut charge.at);
    }
    for accepted in head.accepted.values_mut() {
        accepted.expiry_known_since.iter_mut().for_each(anew);
        accepted.vacant_only_since.iter_mut().for_each(anew);
    }
}
