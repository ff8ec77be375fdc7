//! What only some worlds are about: in every other one nothing of it happens, so that what a world shows
//! can be told from what it is about.

use fastrand::Rng;

use crate::declare::Mode;
use crate::events::{Edit, Event};
use crate::store::Trouble;

/// What a world is about, beside what every world is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct Themes {
    /// The Portfolio and the Property let the product act and stop it again.
    modes: bool,
    /// Objects leave behind what they gave.
    retaining: bool,
    /// People say that locks were synced.
    attesting: bool,
    /// The ledger's store fails.
    store: bool,
    /// DOOR OS serves no more rows than this on a page.
    pub page: Option<usize>,
    /// A building so large that one batch of writes does not do.
    pub large: bool,
    /// The brake lets a large change pass.
    pub raised: bool,
}

impl Themes {
    pub fn of(seed: u64) -> Self {
        let mut rng = stream(seed, 1);
        if rng.bool() {
            return Self::default();
        }
        let large = rng.u8(0..8) == 0;
        Self {
            modes: rng.u8(0..5) < 2,
            retaining: rng.u8(0..5) < 2,
            attesting: rng.u8(0..5) < 2,
            store: rng.u8(0..5) < 2,
            page: (rng.u8(0..5) < 2).then(|| rng.usize(2..=7) * if large { 8 } else { 1 }),
            large,
            raised: large && rng.bool(),
        }
    }
}

fn stream(seed: u64, which: u64) -> Rng {
    Rng::with_seed(seed.wrapping_mul(0xa076_1d64_78bd_642f).wrapping_add(which))
}

/// Draws a few events that belong together.
type Scene = fn(&mut Rng) -> Vec<Event>;

/// Puts what a world is about among its other events.
pub fn weave(seed: u64, events: &mut Vec<Event>) {
    let themes = Themes::of(seed);
    let mut rng = stream(seed, 2);
    let scenes: [(bool, Scene); 6] = [
        (themes.modes, modes),
        (themes.retaining, retaining),
        (themes.attesting, attesting),
        (themes.store, store),
        (themes.page.is_some(), later_pages),
        (themes.large, large),
    ];
    for (_, scene) in scenes.into_iter().filter(|(on, _)| *on) {
        for _ in 0..rng.u32(2..=4) {
            let at = rng.usize(0..=events.len());
            events.splice(at..at, scene(&mut rng));
        }
    }
}

/// The product is stopped, or may only propose; something is asked of it; and it may act again.
fn modes(rng: &mut Rng) -> Vec<Event> {
    let property = rng.u32(..);
    let (stop, go) = match rng.u8(0..5) {
        0 => (Edit::Mode(Mode::Observe), Edit::Mode(Mode::Apply)),
        1..=2 => (Edit::Mode(Mode::Propose), Edit::Mode(Mode::Apply)),
        3 => (Edit::Suspend(true), Edit::Suspend(false)),
        _ => (
            Edit::SuspendProperty(property, true),
            Edit::SuspendProperty(property, false),
        ),
    };
    let mut events = vec![Event::Edit(stop)];
    if rng.bool() {
        events.push(Event::Round);
    }
    events.push(Event::Edit(some_change(rng)));
    events.push(Event::Round);
    if rng.bool() {
        events.push(Event::Edit(Edit::Approve(1)));
        events.push(Event::Round);
    }
    if rng.u8(0..4) > 0 {
        events.push(Event::Edit(go));
        events.push(Event::Round);
    }
    events
}

fn some_change(rng: &mut Rng) -> Edit {
    match rng.u8(0..4) {
        0 => Edit::Delete(rng.u32(..)),
        1 => Edit::Partner(rng.u32(..), rng.u32(..)),
        _ => Edit::Doors(rng.u32(..), rng.u64(..)),
    }
}

/// An object is to leave behind what it gave, and is deleted; mostly the product saw it say so.
fn retaining(rng: &mut Rng) -> Vec<Event> {
    let at = rng.u32(..);
    let mut events = Vec::new();
    if rng.bool() {
        events.push(Event::Repaired);
        events.push(Event::Round);
    }
    events.push(Event::Edit(Edit::Retain(at, true)));
    match rng.u8(0..8) {
        0..=5 => events.push(Event::Round),
        6 => events.push(Event::Crash(rng.u32(1..40))),
        _ => {}
    }
    match rng.u8(0..6) {
        0 => {
            events.push(Event::Edit(Edit::Retain(at, false)));
            events.push(Event::Edit(Edit::Delete(at)));
        }
        _ => events.push(Event::Edit(Edit::Delete(at))),
    }
    events.push(Event::Round);
    if rng.u8(0..3) == 0 {
        events.push(Event::Edit(Edit::Undo));
        events.push(Event::Round);
    }
    events
}

/// Something is taken away, and somebody says that the locks were synced.
fn attesting(rng: &mut Rng) -> Vec<Event> {
    let mut events = Vec::new();
    if rng.bool() {
        events.push(Event::Edit(some_change(rng)));
        events.push(Event::Round);
    }
    for _ in 0..rng.u32(1..=4) {
        events.push(Event::Attest(rng.u32(..)));
    }
    events.push(Event::Round);
    events
}

/// One of the next commits fails, in one way or another.
fn store(rng: &mut Rng) -> Vec<Event> {
    let trouble = match rng.u8(0..8) {
        0..=2 => Trouble::Refused,
        3..=4 => Trouble::AnswerLost,
        5..=6 => Trouble::Overtaken,
        _ => Trouble::Unreadable,
    };
    let mut events = Vec::new();
    if rng.u8(0..4) > 0 {
        events.push(Event::Edit(some_change(rng)));
    }
    events.push(Event::Store(rng.u32(1..=4), trouble));
    events
}

/// The first page comes, and something is wrong with a later one.
fn later_pages(rng: &mut Rng) -> Vec<Event> {
    let path = ["/v1/doors", "/v1/keys"][usize::from(rng.u8(0..4) == 0)];
    let kind = [
        "truncatedList",
        "lostPage",
        "repeatedPage",
        "shiftingPages",
        "reorderedPage",
        "malformedJson",
        "lostAnswer",
        "serverError",
        "throttled",
    ][rng.usize(0..9)];
    let fault = serde_json::json!({
        "kind": kind, "path": path, "method": "GET", "after": 1, "every": rng.u32(1..=2), "count": rng.u32(1..=6),
    });
    vec![
        Event::Edit(some_change(rng)),
        Event::Fault(fault),
        Event::Round,
    ]
}

/// A change of more than one batch, which may be held first, and may be overtaken while it runs.
fn large(rng: &mut Rng) -> Vec<Event> {
    let mut events = vec![
        Event::Repaired,
        Event::Edit(Edit::Readable),
        Event::Edit(Edit::Mend),
    ];
    events.extend(free());
    // All doors for one partner, and then for another, or for nobody.
    events.push(Event::Edit(Edit::EveryDoor(0)));
    events.push(Event::Round);
    events.push(Event::Edit(match rng.u8(0..4) {
        0 => Edit::Delete(0),
        1 => Edit::FewDoors(0),
        _ => Edit::Partner(0, rng.u32(..)),
    }));
    if rng.bool() {
        events.push(Event::Round);
        events.push(Event::Edit(Edit::Approve(1)));
    }
    let meanwhile = match rng.u8(0..8) {
        0..=1 => Edit::Suspend(true),
        2 => Edit::Mode(Mode::Observe),
        3 => Edit::Mode(Mode::Propose),
        4 => Edit::SuspendProperty(0, true),
        5 => Edit::Delete(rng.u32(..)),
        _ => Edit::Doors(rng.u32(..), rng.u64(..)),
    };
    events.push(match rng.u8(0..4) {
        0 => Event::Round,
        _ => Event::Meanwhile(rng.u32(14..80), meanwhile),
    });
    events.push(Event::Round);
    if rng.bool() {
        events.extend(free());
        events.push(Event::Round);
    }
    events
}

/// Nothing keeps the product from acting.
fn free() -> [Event; 3] {
    [
        Event::Edit(Edit::Mode(Mode::Apply)),
        Event::Edit(Edit::Suspend(false)),
        Event::Edit(Edit::SuspendProperty(0, false)),
    ]
}
