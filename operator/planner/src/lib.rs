//! Decisions, and nothing else: which doors and keys should change, what must be refused or held,
//! and whom a lock may still let in.
//!
//! Everything here is a pure function of its arguments. There is no client, clock, log or random
//! source, and the same input gives the same bytes.
//!
//! The order of a pass: [`intake::take_in`] one look at both sides, [`planner::plan`], then for each
//! batch [`settle::intend`], the writes, [`settle::record_answer`], and [`settle::absorb`].

mod accept;
mod awaiting;
pub mod change;
mod clocks;
pub mod conditions;
mod contend;
pub mod declared;
pub mod digest;
mod door_steps;
mod door_wants;
pub mod elsewhere;
pub mod exposure;
pub mod guard;
pub mod ids;
mod in_vain;
pub mod intake;
mod intend;
mod key_diff;
mod key_removals;
pub mod key_steps;
mod key_wants;
pub mod ledger;
mod left_behind;
pub mod observed;
mod own;
mod own_doors;
pub mod owner;
mod partners;
mod paths;
pub mod plan;
pub mod planner;
pub mod reasons;
mod records;
mod resolve;
pub mod schedule;
mod select;
mod selected;
pub mod settle;
pub mod steps;
mod verdict;
mod which_key;
mod widened;
pub mod writes;
