//! A failure with as few events as still show it.

use crate::drive;
use crate::events::Event;
use crate::laws::Broken;
use crate::mutants::Mutant;

/// Leaves out events, larger pieces first, for as long as the same law stays broken.
pub fn explain(seed: u64, mut events: Vec<Event>, broken: &Broken, mutant: Mutant) -> String {
    let mut last = broken.clone();
    let mut piece = events.len().div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < events.len() {
            let end = (at + piece).min(events.len());
            let mut fewer = events.clone();
            fewer.drain(at..end);
            match drive::run(seed, &fewer, mutant).broken {
                Some(still) if still.law == broken.law => {
                    last = still;
                    events = fewer;
                }
                _ => at = end,
            }
        }
        piece /= 2;
    }
    let list: Vec<String> = events.iter().map(|event| format!("  {event:?}")).collect();
    format!(
        "world {seed} breaks {:?}\n  {}\nwith only these events it still does:\n{}\n  {}",
        broken.law,
        broken.how,
        list.join("\n"),
        last.how
    )
}
