//! The planner as its users see it: one good world, one change, one expected outcome.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod acts;
mod adoption;
mod approvals;
mod brake;
mod build;
mod change;
mod claims;
mod conditions;
mod door_os;
mod doors;
mod expiry;
mod exposure;
mod hand;
mod holds;
mod incomplete;
mod keys;
mod laws;
mod partner_immutable;
mod partners;
mod print;
mod proof;
mod unknown_writes;
mod vacancy;
mod world;
