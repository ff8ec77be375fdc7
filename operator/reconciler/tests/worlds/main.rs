//! Random worlds: people, phones, faults and crashes around the real rounds, against an oracle that
//! shares no code with them.
//!
//! One world is one seed: buildings, doors, keys and partners of a simulated DOOR OS, a repository of
//! declarations, and a list of events. It runs in one thread under a paused clock. After every round the
//! oracle reads the simulator's state and log, the bytes of the ledgers, and the reports, and judges them
//! by [`laws`]. Bugs planted on purpose ([`mutants`]) show that the laws have teeth.
//!
//! `OPENDOOR_WORLDS` is how many seeds run, `OPENDOOR_WORLDS_FROM` the first of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod declare;
mod drive;
mod effects;
mod events;
mod laws;
mod mutants;
mod oracle;
mod process;
mod shrink;
mod store;
mod tamper;
mod themes;
mod wire;
mod world;

use std::collections::BTreeMap;
use std::time::Instant;

use laws::{Broken, Law, Tally};
use mutants::Mutant;

const FIRST_SEED: u64 = 1;
/// How many worlds run by default.
const WORLDS: u64 = 300;
/// Within how many worlds a planted bug must be caught.
const WORLDS_PER_MUTANT: u64 = 250;

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

/// Every law holds in every world, and none of them for want of occasion.
#[test]
fn every_law_holds_in_random_worlds() {
    let first = from_env("OPENDOOR_WORLDS_FROM", FIRST_SEED);
    let count = from_env("OPENDOOR_WORLDS", WORLDS);
    let began = Instant::now();
    let mut tally = Tally::default();
    let mut broken: BTreeMap<Law, Vec<(u64, Broken)>> = BTreeMap::new();
    for seed in first..first + count {
        let events = events::of(seed);
        let run = drive::run(seed, &events, Mutant::None);
        if let Some(how) = run.broken {
            broken.entry(how.law).or_default().push((seed, how));
            continue;
        }
        if seed % 8 == 0 {
            tally.premise(Law::SameSeedSameBytes);
            let again = drive::run(seed, &events, Mutant::None);
            assert_eq!(
                run.requests, again.requests,
                "world {seed} sent other requests the second time"
            );
        }
        tally.add(&run.tally);
    }
    let took = began.elapsed().as_secs_f64();
    println!(
        "{count} worlds from seed {first} in {took:.1} s, {:.1} a second",
        count as f64 / took
    );
    print!("{tally}");
    for (law, worlds) in &broken {
        let seeds: Vec<u64> = worlds.iter().map(|(seed, _)| *seed).collect();
        println!("{law:?} is broken in worlds {seeds:?}");
        if let Some((seed, how)) = worlds.first() {
            println!(
                "{}",
                shrink::explain(*seed, events::of(*seed), how, Mutant::None)
            );
        }
    }
    assert!(broken.is_empty(), "broken laws: {:?}", broken.keys());
    let idle = tally.idle();
    assert!(
        count < 100 || idle.is_empty(),
        "laws whose premise never held: {idle:?}"
    );
    let missed = tally.missed();
    assert!(
        count < WORLDS || missed.is_empty(),
        "what no world went through: {missed:?}"
    );
}

/// Every bug planted on purpose is caught by some law.
#[test]
fn every_planted_bug_is_caught() {
    let most = from_env("OPENDOOR_WORLDS_PER_MUTANT", WORLDS_PER_MUTANT);
    let began = Instant::now();
    let mut missed = Vec::new();
    for (mutant, known) in Mutant::ALL {
        // The world known to show it first; should the product have changed, any other.
        let seeds = std::iter::once(*known).chain(FIRST_SEED..FIRST_SEED + most);
        let caught = seeds.into_iter().find_map(|seed| {
            let run = drive::run(seed, &events::of(seed), *mutant);
            run.broken.map(|broken| (seed, broken.law))
        });
        match caught {
            Some((seed, law)) => println!("{mutant:?}: caught by {law:?} in world {seed}"),
            None => {
                println!("{mutant:?}: missed");
                missed.push(*mutant);
            }
        }
    }
    println!("{:.1} s", began.elapsed().as_secs_f64());
    assert!(missed.is_empty(), "not caught in {most} worlds: {missed:?}");
}
