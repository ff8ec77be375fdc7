//! Doors that wait until DOOR has authorised their partner.

use std::collections::BTreeSet;

use opendoor_api::DoorAssignmentSpec;

use crate::door_wants::Gather;
use crate::ids::DoorUuid;
use crate::intake::Taken;
use crate::plan::{Named, Waiting, WaitingKind};
use crate::reasons::Reason;
use crate::resolve::known_uuid;
use crate::select::{Fit, fits};

impl Gather<'_> {
    pub(crate) fn await_authorization(
        &mut self,
        taken: &Taken,
        index: usize,
        spec: &DoorAssignmentSpec,
    ) {
        let Some(object) = taken.objects.get(index) else {
            return;
        };
        let excepted: BTreeSet<DoorUuid> = spec
            .except_doors
            .iter()
            .flatten()
            .filter_map(|text| self.names.resolve(text, self.pinned(text)).ok())
            .collect();
        let named: Vec<(Option<DoorUuid>, String)> = match (&spec.doors, &spec.door_selector) {
            (Some(doors), _) => doors
                .iter()
                .map(|text| {
                    let door = self.names.resolve(text, self.pinned(text)).ok();
                    let name = door
                        .and_then(|door| self.observed.door(door))
                        .map_or_else(|| text.clone(), |row| row.name.to_string());
                    (door, name)
                })
                .collect(),
            (None, Some(selector)) => {
                let rows = self.observed.doors.iter();
                let rows = rows.filter(|row| !excepted.contains(&row.uuid));
                let mut meant = Vec::new();
                for row in rows {
                    match fits(selector, row) {
                        Fit::Yes => meant.push((Some(row.uuid), row.name.to_string())),
                        Fit::CannotTell => self.keep(row.uuid, index, taken),
                        Fit::No => {}
                    }
                }
                meant
            }
            (None, None) => Vec::new(),
        };
        let awaited = known_uuid(self.ledger, &spec.partner);
        for (uuid, name) in named {
            // What DOOR OS still holds for the partner stays: its authorisation ended, not our wish.
            if let (Some(door), Some(partner)) = (uuid, awaited)
                && self
                    .ledger
                    .doors
                    .get(&door)
                    .is_some_and(|record| record.claim(partner).is_some())
            {
                self.kept.insert((door, index));
            }
            self.waiting.push(Waiting {
                kind: WaitingKind::Authorization,
                door: Some(Named { uuid, name }),
                partner: spec.partner.clone(),
                via: Some("door"),
                since: None,
                deadline: None,
                reason: Reason::AwaitingAuthorization,
                owner: Some(object.owner.clone()),
            });
        }
    }
}
