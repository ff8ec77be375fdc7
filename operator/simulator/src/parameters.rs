//! What DOOR leaves undocumented, as parameters of the world.

use serde::{Deserialize, Serialize};

/// Parameters of a simulated world. Each default is the most plausible reading of DOOR's public pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Parameters {
    /// How long a token lives, in seconds of simulated time.
    pub token_lifetime_seconds: u32,
    /// The shortest time a network update needs to reach a connected lock.
    pub push_min_seconds: u32,
    /// The longest; DOOR says up to 30 minutes.
    pub push_max_seconds: u32,
    /// Whether a lock that comes back online is sent what it missed.
    pub drain_on_reconnect: bool,
    /// Whether a lock takes a list older than the one it has, when an old fetch is delivered late.
    pub accept_older_lists: bool,
    /// Whether a partner's first unlock teaches the lock a grant that it has not received yet.
    pub first_use_heals: bool,
    /// Whether a partner can be withdrawn while doors or keys still carry it, which then keep it.
    pub withdrawal_keeps_assignments: bool,
    /// How many entries of the world log are kept.
    pub log_limit: usize,
    /// How many former rows of each door and key are kept for stale reads.
    pub history_limit: usize,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            token_lifetime_seconds: 24 * 60 * 60,
            push_min_seconds: 5,
            push_max_seconds: 30 * 60,
            drain_on_reconnect: true,
            accept_older_lists: false,
            first_use_heals: true,
            withdrawal_keeps_assignments: false,
            log_limit: 10_000,
            history_limit: 8,
        }
    }
}
