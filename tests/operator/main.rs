//! The definitions and the operator against a real Kubernetes API server, spoken to with the real kubectl.
//!
//! The server is built from source the first time (`tools`) and started once for all tests (`control_plane`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod admission;
mod argocd;
mod control_plane;
mod converging;
mod drifting;
mod examples;
mod failing;
mod failing_over;
mod immutable;
mod operator;
mod removing;
mod rules;
#[path = "../shared/served.rs"]
mod served;
mod server;
mod tools;
