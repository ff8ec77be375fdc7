//! Parts of the home in a cluster against a stand-in for its API server, which can do what a real one does only when it
//! is ill.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod leases;
mod watching;
