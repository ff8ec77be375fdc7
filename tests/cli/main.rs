//! The real binary, as a user runs it: against a simulated DOOR OS served by this test, and against
//! the world it embeds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod change;
mod commands;
mod failing;
mod fixture;
mod flows;
mod git;
mod gitops;
mod notify;
mod readme;
#[path = "../shared/served.rs"]
mod served;
mod watch;
#[path = "../shared/yaml.rs"]
mod yaml;
