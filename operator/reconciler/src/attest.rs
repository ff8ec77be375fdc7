//! A person's word that a lock was synced: weaker than proof, shown as what it is.

use jiff::Timestamp;
use opendoor_planner::exposure;
use opendoor_planner::ids::DoorUuid;
use opendoor_planner::owner::{Cause, OwnerId, OwnerKind};
use opendoor_planner::steps::name_of_door;
use uuid::Uuid;

use crate::history::events;
use crate::pass::PassReport;
use crate::ports::{Event, Ledgers, StoreError};

/// What came of an attestation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attested {
    /// Noted at this property.
    Noted {
        /// The property.
        property: String,
        /// The door.
        door: String,
    },
    /// Nothing is owed at that door.
    NothingOwed {
        /// The door.
        door: String,
    },
    /// Several doors have that name.
    Ambiguous {
        /// Their uuids.
        doors: Vec<String>,
    },
    /// No door has that name or uuid.
    NotFound,
}

/// Attests one door, named or by uuid, in the ledgers of the properties just looked at.
///
/// # Errors
/// The ledger cannot be read or written.
pub async fn attest<L: Ledgers>(
    ledgers: &L,
    passes: &[&PassReport],
    door: &str,
    now: Timestamp,
) -> Result<Attested, StoreError> {
    let uuid = door.parse::<Uuid>().ok().map(DoorUuid);
    let found: Vec<(&PassReport, DoorUuid, String)> = passes
        .iter()
        .flat_map(|pass| {
            pass.ledger.doors.keys().filter_map(move |known| {
                let name = name_of_door(&pass.ledger, &pass.observed, *known);
                (Some(*known) == uuid || name == door).then_some((*pass, *known, name))
            })
        })
        .collect();
    let (pass, uuid, name) = match found.as_slice() {
        [] => return Ok(Attested::NotFound),
        [one] => one,
        several => {
            return Ok(Attested::Ambiguous {
                doors: several
                    .iter()
                    .map(|(_, uuid, _)| uuid.to_string())
                    .collect(),
            });
        }
    };
    let mut ledger = pass.ledger.clone();
    if !exposure::attest(&mut ledger, *uuid, now) {
        return Ok(Attested::NothingOwed { door: name.clone() });
    }
    let owner = OwnerId::new(OwnerKind::Property, pass.plan.name.as_str(), None);
    let event = Event {
        at: now,
        property: pass.plan.name.clone(),
        event: String::from("DoorSyncAttested"),
        what: name.clone(),
        before: String::new(),
        after: String::new(),
        detail: String::from("a person says that the lock was synced"),
        cause: Cause::of(&owner),
    };
    // What this look settled is in the ledger that is committed, so its history goes with it.
    let mut history = events(&pass.settled, &pass.plan.name, &pass.observed, pass.at);
    history.push(event);
    ledgers.commit(&mut ledger, &history).await?;
    Ok(Attested::Noted {
        property: pass.plan.name.clone(),
        door: name.clone(),
    })
}
