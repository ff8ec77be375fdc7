//! The home without Kubernetes: a directory of YAML and SQLite against the simulator, through the
//! real client.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod faults;
mod fixture;
mod holds;
mod import;
mod meanwhile;
mod removals;
mod rounds;
mod storms;
