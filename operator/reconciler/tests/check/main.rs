//! What is said without a live DOOR OS: `validate`, plans against a table, and the examples.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod base;
mod examples;
mod table;
mod table_rows;
mod validate;
mod world;
