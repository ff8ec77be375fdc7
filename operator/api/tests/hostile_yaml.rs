//! Text that is cut off, scrambled, or made to exhaust us.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails is a test that fails"
)]

mod files;

use files::DAY_ONE;
use opendoor_api::yaml::parse_documents;

fn errors(text: &str) -> Vec<String> {
    parse_documents(text)
        .errors
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn depth_and_size_are_limited() {
    let deep = format!("a: {}1{}\n", "[".repeat(500), "]".repeat(500));
    assert_eq!(errors(&deep).len(), 1);
    let deep: String = (0..500).map(|n| format!("{}a:\n", " ".repeat(n))).collect();
    assert_eq!(errors(&deep).len(), 1);
    let wide = format!("a: [{}]\n", "1,".repeat(200_000));
    assert_eq!(errors(&wide), ["1:199999: this document is too large"]);
    let long = format!("# {}\n", "x".repeat(9 * 1024 * 1024));
    assert_eq!(
        errors(&long),
        ["1:1: the file has more than 8 MiB; split it into several"]
    );
}

/// A small generator, so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

fn survives(text: &str) {
    let parsed = parse_documents(text);
    let lines = text.split('\n').count() + 1;
    for document in &parsed.documents {
        for fault in document.resource().err().into_iter().flatten() {
            assert!(
                fault.position.line <= lines && fault.position.line >= 1,
                "{fault} in {text:?}"
            );
        }
    }
    for error in &parsed.errors {
        assert!(
            error.position.line <= lines && error.position.line >= 1,
            "{error} in {text:?}"
        );
        assert!(
            error.position.column >= 1 && !error.message.contains('\n'),
            "{error} in {text:?}"
        );
    }
}

#[test]
fn a_truncated_file_never_panics() {
    for (end, _) in DAY_ONE.char_indices() {
        survives(&DAY_ONE[..end]);
    }
}

#[test]
fn a_mutated_file_never_panics() {
    const WORDS: [&str; 28] = [
        ":", "-", "{", "}", "[", "]", ",", "\n", "\t", "\"", "'", "#", "&a ", "*a ", "!t ", "|",
        ">", "%", "---\n", "...\n", "? ", "<<: ", "\u{0}", "\u{feff}", "é", "\r", "null", "0x",
    ];
    let mut dice = Dice(7);
    for _ in 0..3_000 {
        let mut text: Vec<char> = DAY_ONE.chars().collect();
        for _ in 0..=dice.below(4) {
            let place = dice.below(text.len());
            match dice.below(3) {
                0 => drop(text.remove(place)),
                1 => text
                    .splice(place..place, WORDS[dice.below(WORDS.len())].chars())
                    .for_each(drop),
                _ => {
                    let other = (place + 7) % text.len();
                    text.swap(place, other);
                }
            }
        }
        survives(&text.into_iter().collect::<String>());
    }
}
