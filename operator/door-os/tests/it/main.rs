//! What a caller of the client notices, one behaviour a test, over a scripted DOOR OS under a paused
//! clock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod credentials;
mod listing;
mod network;
mod reads;
mod script;
mod simulator;
mod writes;
