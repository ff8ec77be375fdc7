//! What a change of a key's settings amounts to.

use crate::ids::DoorUuid;
use crate::key_wants::KeyWant;
use crate::ledger::KeyRecord;
use crate::observed::{KeyDoor, KeyRow};
use crate::schedule::covers;
use crate::writes::KeyPatch;

/// The doors of a key after a patch.
pub(crate) fn after_patch(row: &KeyRow, patch: &KeyPatch) -> Vec<KeyDoor> {
    let mut doors: Vec<KeyDoor> = row
        .doors
        .iter()
        .filter(|entry| !patch.remove_doors.contains(&entry.door))
        .map(|entry| {
            patch
                .doorcodes
                .iter()
                .find(|changed| changed.door == entry.door)
                .copied()
                .unwrap_or(*entry)
        })
        .chain(patch.add_doors.iter().copied())
        .collect();
    doors.sort_unstable();
    doors
}

/// Doors at which the key's access shrinks: taken out, doorcodes switched off, or a time in which the
/// key no longer works.
pub(crate) fn narrowed(row: &KeyRow, patch: &KeyPatch) -> Vec<DoorUuid> {
    if row.partner.is_none() {
        return Vec::new();
    }
    let mut doors = patch.remove_doors.clone();
    doors.extend(
        patch
            .doorcodes
            .iter()
            .filter(|entry| !entry.doorcodes)
            .map(|entry| entry.door),
    );
    if patch
        .schedule
        .as_ref()
        .is_some_and(|schedule| !covers(schedule, &row.schedule))
    {
        doors.extend(row.doors.iter().map(|entry| entry.door));
    }
    doors.sort_unstable();
    doors.dedup();
    doors
}

/// What of a patch only takes access away.
pub(crate) fn narrowing(row: &KeyRow, patch: KeyPatch) -> KeyPatch {
    // An ordinary key that does not become a partner key is none of ours.
    if patch.partner.is_some() {
        return KeyPatch::default();
    }
    let KeyPatch {
        remove_doors,
        mut doorcodes,
        schedule,
        ..
    } = patch;
    doorcodes.retain(|entry| !entry.doorcodes);
    KeyPatch {
        remove_doors,
        doorcodes,
        schedule: schedule.filter(|schedule| covers(&row.schedule, schedule)),
        ..KeyPatch::default()
    }
}

/// A difference that somebody made by hand.
pub(crate) struct Drift {
    pub(crate) words: String,
    /// It took access away.
    pub(crate) taken_away: bool,
}

/// What of a patch puts back something we had and somebody changed by hand.
pub(crate) fn drift(
    record: &KeyRecord,
    want: &KeyWant,
    row: &KeyRow,
    patch: &KeyPatch,
) -> Option<Drift> {
    let owned = |door: DoorUuid| record.door(door);
    let gone = patch
        .add_doors
        .iter()
        .filter(|entry| owned(entry.door).is_some())
        .count();
    let codes: Vec<&KeyDoor> = patch
        .doorcodes
        .iter()
        .filter(|entry| owned(entry.door) == Some(**entry))
        .collect();
    let schedule = patch.schedule.is_some() && record.schedule == want.schedule;
    let narrower = schedule && !covers(&row.schedule, &want.schedule);
    let renamed = patch.name.is_some() && record.name == want.name;
    let mut words = Vec::new();
    if gone > 0 {
        words.push(format!("{gone} doors taken off by hand"));
    }
    if !codes.is_empty() {
        words.push(format!(
            "doorcodes of {} doors changed by hand",
            codes.len()
        ));
    }
    if schedule {
        words.push(String::from("schedule changed by hand"));
    }
    if renamed {
        words.push(String::from("renamed by hand"));
    }
    if words.is_empty() {
        return None;
    }
    Some(Drift {
        words: words.join(", "),
        taken_away: gone > 0 || codes.iter().any(|entry| entry.doorcodes) || narrower,
    })
}
