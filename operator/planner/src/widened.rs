//! Keys that only gained. What a lock carries of such a key from before is part of what DOOR OS grants
//! now, so nothing is owed for it.

use crate::ledger::{EntryVia, Intent, Ledger};
use crate::observed::DoorRow;
use crate::writes::Write;

/// Takes the entry of a key off a door, where the answer to our own write shows that nothing but this
/// write gave it its new form, and the write only widened it there. The row itself shows the new form.
pub(crate) fn cover(ledger: &mut Ledger, intent: &Intent, row: &DoorRow) {
    let Write::UpdateKey { key, .. } = &intent.write else {
        return;
    };
    // A write that was sent before may have taken effect before somebody else's did.
    if intent.unknown_since.is_some() || intent.widens.binary_search(&row.uuid).is_err() {
        return;
    }
    let via = EntryVia::Key(*key);
    let fresh = |partner| {
        row.access.iter().any(|access| {
            access.partner == partner
                && EntryVia::from(access.via) == via
                && access.revision == row.access_revision
        })
    };
    let Some(record) = ledger.doors.get(&row.uuid) else {
        return;
    };
    let only_ours = record.seen.as_ref().is_some_and(|seen| {
        row.version > seen.version && row.access_revision == seen.access_revision + 1
    });
    if !only_ours {
        return;
    }
    let before = record.may_open.iter().position(|entry| {
        entry.via == via
            && entry.gone.is_none()
            && entry.revision().is_some()
            && fresh(entry.partner)
    });
    if let Some(before) = before {
        ledger.door_mut(row.uuid).may_open.remove(before);
    }
}
