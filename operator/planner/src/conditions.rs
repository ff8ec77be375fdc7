//! What is said of each object: its conditions and counts, computed from one look, its ledger and
//! the plan that remains. The words are the catalogue's; the rules are the design's.

mod locks;
mod pairs;
mod standing;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::locks::{enforced, owes_visit, sync_required};
use self::pairs::{Known, Pairs};
use self::standing::{Standing, authorized, drifted};
use crate::exposure::Tri;
use crate::ids::DoorUuid;
use crate::intake::{InForce, Taken};
use crate::ledger::Ledger;
use crate::observed::Observed;
use crate::owner::{OwnerId, OwnerKind};
use crate::plan::Plan;
use crate::reasons::Reason;
use crate::selected::selected;

pub use crate::selected::Selected;

/// Longest list of doors that are not fine, in one status.
const DOORS_SHOWN: usize = 32;

/// One condition, before a home stamps its transition time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// True, False or Unknown.
    pub status: String,
    /// A word of the catalogue.
    pub reason: String,
    /// For a person; bounded and stable.
    pub message: String,
}

/// What is said of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStatus {
    /// The object.
    pub owner: OwnerId,
    /// Its conditions, in a fixed order. `Reconciling` and `Stalled` only where they are true.
    pub conditions: Vec<Condition>,
    /// Pairs it declares now; what it only keeps, has under way or owes at a lock is not among them.
    pub declared: u32,
    /// Of them, held in DOOR OS.
    pub applied: u32,
    /// Of them, proven at the lock.
    pub enforced: u32,
    /// Doors somebody must visit for it.
    pub visits: u32,
    /// Doors that are not fine, at most 32.
    pub doors: Vec<DoorNote>,
    /// The key it is, for a PartnerKey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<crate::ids::KeyUuid>,
    /// The doors it selects, for a DoorAssignment that describes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<Selected>,
}

/// A door that is not fine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DoorNote {
    /// Its name.
    pub door: String,
    /// Why.
    pub reason: Reason,
}

/// The statuses of a property and its objects, the property first.
#[must_use]
pub fn statuses(
    ledger: &Ledger,
    taken: &Taken,
    observed: &Observed,
    plan: &Plan,
    now: Timestamp,
) -> Vec<ObjectStatus> {
    let pairs = Pairs::collect(ledger, taken, observed, now);
    let property = Taken::property_owner(ledger);
    let mut all = vec![status(&property, None, &pairs, plan, ledger, observed)];
    let mut selected = selected(ledger, taken, observed);
    for (at, object) in taken.objects.iter().enumerate() {
        let said = status(&object.owner, Some(object), &pairs, plan, ledger, observed);
        all.push(ObjectStatus {
            selected: selected.remove(&at),
            ..said
        });
    }
    all
}

fn status(
    owner: &OwnerId,
    object: Option<&InForce>,
    pairs: &Pairs,
    plan: &Plan,
    ledger: &Ledger,
    observed: &Observed,
) -> ObjectStatus {
    let is_property = owner.kind == OwnerKind::Property;
    let mine = pairs.of(owner);
    let standing = Standing::of(owner, plan);
    let visits: BTreeSet<DoorUuid> = mine
        .iter()
        .filter(|(_, known)| owes_visit(&known.verdict))
        .map(|((door, _), _)| *door)
        .collect();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let count_of = |which: &dyn Fn(&Known) -> bool| {
        count(mine.iter().filter(|(_, known)| which(known)).count())
    };
    let door_name = |door: &DoorUuid| crate::key_steps::door_name(observed, *door);
    let mut notes: Vec<DoorNote> = mine
        .iter()
        .filter(|(_, known)| known.verdict.enforced != Tri::True)
        .map(|((door, _), known)| DoorNote {
            door: door_name(door),
            reason: known.verdict.reason,
        })
        .collect();
    notes.sort();
    notes.dedup();
    notes.truncate(DOORS_SHOWN);
    let visit_names: Vec<String> = visits.iter().map(door_name).collect();
    let mut conditions = standing.conditions(plan);
    conditions.push(enforced(&mine, is_property, observed, ledger));
    conditions.push(sync_required(&mine, &visit_names, observed));
    conditions.push(drifted(owner, plan));
    if let Some(authorized) = authorized(owner, plan, is_property) {
        conditions.push(authorized);
    }
    let key = object
        .and_then(|object| ledger.key_of(&object.owner))
        .map(|(uuid, _)| uuid);
    ObjectStatus {
        owner: owner.clone(),
        conditions,
        declared: count_of(&|known| known.declared),
        applied: count_of(&|known| known.held),
        enforced: count_of(&|known| known.declared && known.verdict.enforced == Tri::True),
        visits: count(visits.len()),
        doors: notes,
        key,
        selected: None,
    }
}

fn new(kind: &str, status: Tri, reason: Reason, message: &str) -> Condition {
    Condition {
        kind: kind.to_owned(),
        status: status.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        message: bounded(message),
    }
}

/// A message that fits a condition or an Event, cut on a character's boundary.
#[must_use]
pub fn bounded(message: &str) -> String {
    const LONGEST: usize = 1000;
    if message.len() <= LONGEST {
        return message.to_owned();
    }
    let mut end = LONGEST;
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", message.get(..end).unwrap_or_default())
}
