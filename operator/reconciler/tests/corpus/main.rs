//! Every input that was kept from fuzzing, on the ordinary toolchain. `tests/fuzz` says how to find more.

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub, reason = "tests")]

#[path = "../../../../tests/fuzz/src/lib.rs"]
pub mod fuzz;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    let mut failed = Vec::new();
    let mut replayed = 0;
    for entry in fs::read_dir(corpus.join(target)).unwrap() {
        let path = entry.unwrap().path();
        let input = fs::read(&path).unwrap();
        replayed += 1;
        if catch_unwind(|| check(&input)).is_err() {
            failed.push(path);
        }
    }
    assert!(replayed > 0, "no inputs for {target}");
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn files_of_declarations() {
    replay("yaml", fuzz::yaml::check);
}

#[test]
fn tables_of_doors() {
    replay("table", fuzz::table::check);
}

#[test]
fn answers_of_a_door_os() {
    replay("answers", fuzz::answers::check);
}
