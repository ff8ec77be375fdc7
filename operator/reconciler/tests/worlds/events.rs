//! What happens in a world, drawn from its seed before it begins. Every event picks its subject by a number
//! that is taken modulo what there is at the time, so that events can be left out when a failure is shrunk.

use fastrand::Rng;
use serde_json::{Value, json};

use crate::declare::Mode;
use crate::store::Trouble;
use crate::themes;

/// A number that picks a subject.
pub type Pick = u32;

/// One event.
#[derive(Clone, Debug)]
pub enum Event {
    /// A round.
    Round,
    /// A round whose process dies at this effect.
    Crash(u32),
    /// A round, and something that happens just before one of its effects.
    Beside(u32, Happening),
    /// A round, and a person who edits what it is just about to write.
    Overtake(Option<Pick>),
    /// A change of the repository.
    Edit(Edit),
    /// Something that happens outside of the product.
    Happening(Happening),
    /// Minutes pass.
    Wait(u32),
    /// A fault begins.
    Fault(Value),
    /// All faults end.
    Repaired,
    /// The plan is made again from the same objects in another order.
    Shuffle(u64),
    /// A person says that the lock of a door was synced.
    Attest(Pick),
    /// A round in which the commit of this number meets trouble.
    Store(u32, Trouble),
    /// A round, and a change of the repository just before one of its effects.
    Meanwhile(u32, Edit),
}

/// A change of the repository.
#[derive(Clone, Debug)]
pub enum Edit {
    NewAssignment(u64),
    NewKey(u64),
    Delete(Pick),
    /// The object last deleted comes back.
    Undo,
    Doors(Pick, u64),
    Partner(Pick, Pick),
    Property(Pick, Pick),
    KeyName(Pick),
    NewestKeyName,
    Schedule(Pick),
    Expires(Pick, u32),
    RenameObject(Pick),
    RenameFile(Pick),
    MoveDoor(Pick, Pick),
    DeleteFile(Pick),
    Unreadable(Pick, bool),
    Readable,
    Break(Pick),
    Mend,
    Approve(Pick),
    Limits(u64),
    ListPartner(Pick, Pick),
    UnlistPartner(Pick, Pick),
    RemovesAdded(Pick, bool),
    Mode(Mode),
    Suspend(bool),
    SuspendProperty(Pick, bool),
    Retain(Pick, bool),
    /// An assignment names every door there is.
    EveryDoor(Pick),
    /// An assignment names one door.
    FewDoors(Pick),
}

/// Something that happens outside of the product.
#[derive(Clone, Debug)]
pub enum Happening {
    DoorPartner(Pick, Option<Pick>),
    DoorName(Pick),
    DoorRemoved(Pick),
    KeyMade(Pick, Option<Pick>, u64),
    KeyDoors(Pick, Pick, bool),
    KeyDeleted(Pick),
    KeyRenamed(Pick),
    KeySchedule(Pick),
    KeyHolders(Pick, u32),
    Connected(Pick, bool),
    Unreachable(Pick),
    DeviceSwapped(Pick),
    DeviceTaken(Pick),
    LockRestored(Pick),
    Sync(Pick, &'static str, &'static str),
    FirstUse(Pick, Pick),
    Vacancy(Pick, bool),
    Authorised(Pick, Pick),
    Withdrawn(Pick, Pick, bool),
}

/// The events of a world.
pub fn of(seed: u64) -> Vec<Event> {
    let mut rng = Rng::with_seed(seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(7));
    let mut events = Vec::new();
    let mut numbers = 0;
    // Half of the worlds have a history before the first look.
    if rng.bool() {
        events.push(Event::Round);
    }
    for _ in 0..rng.u32(10..=40) {
        if rng.u8(0..60) == 0 {
            events.extend(late_creation(&mut rng, &mut numbers));
        }
        events.push(event(&mut rng, &mut numbers));
        match rng.u8(0..20) {
            0..=8 => events.push(Event::Round),
            9..=10 => events.push(Event::Crash(rng.u32(1..60))),
            11 => events.push(Event::Crash(rng.u32(12..30))),
            12..=14 => events.push(Event::Beside(rng.u32(8..24), beside(&mut rng))),
            15 => events.push(Event::Overtake(rng.bool().then(|| rng.u32(..)))),
            16 => events.push(Event::Shuffle(rng.u64(..))),
            _ => {}
        }
    }
    themes::weave(seed, &mut events);
    events
}

/// A key is made late, after nobody heard of it, and its declaration changes its name meanwhile.
fn late_creation(rng: &mut Rng, numbers: &mut u64) -> Vec<Event> {
    *numbers += 1;
    let late = json!({"kind": "lateWrite", "method": "POST", "path": "/v1/keys", "seconds": 120});
    vec![
        Event::Repaired,
        Event::Fault(late),
        Event::Edit(Edit::NewKey(rng.u64(..) << 8 | *numbers)),
        Event::Round,
        Event::Edit(Edit::NewestKeyName),
        Event::Repaired,
        Event::Wait(rng.u32(1..15)),
        Event::Round,
    ]
}

/// Mostly an edit of what a round may be about to write.
fn beside(rng: &mut Rng) -> Happening {
    match rng.u8(0..4) {
        0..=1 => {
            let partner = rng.bool().then(|| rng.u32(..));
            Happening::DoorPartner(rng.u32(..), partner)
        }
        2 => Happening::KeyDoors(rng.u32(..), rng.u32(..), rng.bool()),
        _ => happening(rng),
    }
}

fn event(rng: &mut Rng, numbers: &mut u64) -> Event {
    match rng.u8(0..100) {
        0..=39 => Event::Edit(edit(rng, numbers)),
        40..=74 => Event::Happening(happening(rng)),
        75..=82 => Event::Wait(wait(rng)),
        83..=93 => Event::Fault(fault(rng)),
        _ => Event::Repaired,
    }
}

fn wait(rng: &mut Rng) -> u32 {
    match rng.u8(0..10) {
        0..=4 => rng.u32(1..20),
        5..=7 => rng.u32(20..180),
        _ => rng.u32(180..4_000),
    }
}

fn edit(rng: &mut Rng, numbers: &mut u64) -> Edit {
    let pick = |rng: &mut Rng| rng.u32(..);
    *numbers += 1;
    match rng.u8(0..40) {
        0..=2 => Edit::NewAssignment(rng.u64(..) << 8 | *numbers),
        3..=4 => Edit::NewKey(rng.u64(..) << 8 | *numbers),
        5..=8 => Edit::Delete(pick(rng)),
        9 => Edit::Undo,
        10..=15 => Edit::Doors(pick(rng), rng.u64(..)),
        16..=18 => Edit::Partner(pick(rng), pick(rng)),
        19 => Edit::Property(pick(rng), pick(rng)),
        20 => Edit::KeyName(pick(rng)),
        21 => Edit::Schedule(pick(rng)),
        22 => Edit::Expires(pick(rng), rng.u32(10..4_000)),
        23..=24 => Edit::RenameObject(pick(rng)),
        25 => Edit::RenameFile(pick(rng)),
        26..=27 => Edit::MoveDoor(pick(rng), pick(rng)),
        28 => Edit::DeleteFile(pick(rng)),
        29 => Edit::Unreadable(pick(rng), rng.bool()),
        30 => Edit::Readable,
        31 => Edit::Break(pick(rng)),
        32 => Edit::Mend,
        33..=35 => Edit::Approve(pick(rng)),
        36 => Edit::Limits(rng.u64(..)),
        37 => Edit::ListPartner(pick(rng), pick(rng)),
        38 => Edit::UnlistPartner(pick(rng), pick(rng)),
        _ => Edit::RemovesAdded(pick(rng), rng.bool()),
    }
}

fn happening(rng: &mut Rng) -> Happening {
    let pick = |rng: &mut Rng| rng.u32(..);
    match rng.u8(0..44) {
        0..=4 => {
            let partner = (rng.u8(0..3) > 0).then(|| pick(rng));
            Happening::DoorPartner(pick(rng), partner)
        }
        5 => Happening::DoorName(pick(rng)),
        6 => match rng.u8(0..4) {
            0 => Happening::DoorRemoved(pick(rng)),
            _ => Happening::DoorName(pick(rng)),
        },
        7 => {
            let partner = rng.bool().then(|| pick(rng));
            Happening::KeyMade(pick(rng), partner, rng.u64(..))
        }
        8..=10 => Happening::KeyDoors(pick(rng), pick(rng), rng.bool()),
        11 => Happening::KeyDeleted(pick(rng)),
        12 => Happening::KeyRenamed(pick(rng)),
        13 => Happening::KeySchedule(pick(rng)),
        14 => Happening::KeyHolders(pick(rng), rng.u32(0..3)),
        15..=17 => Happening::Connected(pick(rng), rng.bool()),
        18 => Happening::Unreachable(pick(rng)),
        19 => Happening::DeviceSwapped(pick(rng)),
        20 => Happening::DeviceTaken(pick(rng)),
        21..=22 => Happening::LockRestored(pick(rng)),
        23..=26 => Happening::Sync(pick(rng), "passive", "both"),
        27..=30 => Happening::Sync(pick(rng), "full", "both"),
        31..=33 => Happening::Sync(pick(rng), "full", "fetch"),
        34..=36 => Happening::Sync(pick(rng), "full", "deliver"),
        37..=38 => Happening::FirstUse(pick(rng), pick(rng)),
        39 => Happening::Vacancy(pick(rng), rng.bool()),
        40..=41 => Happening::Authorised(pick(rng), pick(rng)),
        _ => Happening::Withdrawn(pick(rng), pick(rng), rng.bool()),
    }
}

fn fault(rng: &mut Rng) -> Value {
    let write = ["PUT", "POST", "PATCH", "DELETE"][rng.usize(0..4)];
    let list = ["/v1/doors", "/v1/keys"][rng.usize(0..2)];
    let probability = f64::from(rng.u32(1..=10)) / 10.0;
    match rng.u8(0..32) {
        0..=4 => json!({"kind": "lostAnswer", "method": write, "probability": probability}),
        5..=8 => {
            json!({"kind": "lateWrite", "method": write, "seconds": rng.u32(1..=600), "probability": probability})
        }
        9..=10 => json!({"kind": "truncatedList", "path": list, "probability": probability}),
        11 => json!({"kind": "lostAnswer", "probability": 0.1}),
        12 => json!({"kind": "shiftingPages", "path": list, "probability": probability}),
        13 => json!({"kind": "reorderedPage", "path": list, "probability": probability}),
        14 => json!({"kind": "repeatedPage", "path": list, "count": 3}),
        15..=17 => {
            json!({"kind": "staleRows", "versions": rng.u32(1..4), "probability": probability})
        }
        18 => json!({"kind": "noLockRevision", "probability": probability}),
        19 => json!({"kind": "skewedDate", "seconds": rng.u32(100..4_000)}),
        20..=21 => json!({"kind": "buildingMissing"}),
        22 => json!({"kind": "throttled", "probability": 0.3, "retryAfter": rng.u32(1..40)}),
        23 => json!({"kind": "throttled", "probability": 0.2}),
        24 => json!({"kind": "serverError", "status": 503, "probability": probability / 2.0}),
        25 => {
            json!({"kind": "serverError", "applied": true, "method": write, "probability": probability})
        }
        26 => json!({"kind": "malformedJson", "probability": 0.2}),
        27 => json!({"kind": "syncRequiredLies"}),
        28 => json!({"kind": "extraNulls", "probability": probability}),
        29 => {
            let status = [401, 403][rng.usize(0..2)];
            json!({"kind": "expiredTokens", "count": 2, "status": status})
        }
        30 => json!({"kind": "latency", "seconds": rng.u32(1..35), "probability": 0.3}),
        _ => json!({"kind": "forbidden", "method": write, "probability": probability}),
    }
}
