//! Doors named by uuid that are not in this building: whether they are anywhere is known only to whoever
//! may ask DOOR OS, so the refusal is made here and sharpened there.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::ids::DoorUuid;
use crate::intake::Taken;
use crate::plan::Refusal;
use crate::reasons::Reason;

/// Doors that are written as uuids and are not in this building.
#[must_use]
pub fn uuids_not_here(taken: &Taken) -> BTreeSet<DoorUuid> {
    taken.refusals.iter().filter_map(not_here).collect()
}

/// Says of those that exist in another building that they do.
pub fn mark_elsewhere(taken: &mut Taken, elsewhere: &BTreeSet<DoorUuid>) {
    for refusal in &mut taken.refusals {
        let Some(door) = not_here(refusal).filter(|door| elsewhere.contains(door)) else {
            continue;
        };
        refusal.reason = Reason::DoorOutsideProperty;
        refusal.message = format!(
            "the door \"{door}\" belongs to another property, and an object reaches only doors of its own. Declare it under \
             the Property it belongs to."
        );
    }
}

/// The uuid that a refusal could not find: it is quoted in the message, as it was written.
fn not_here(refusal: &Refusal) -> Option<DoorUuid> {
    if refusal.reason != Reason::DoorNotFound {
        return None;
    }
    let quoted = refusal.message.split('"').nth(1)?;
    quoted.parse::<Uuid>().ok().map(DoorUuid)
}
