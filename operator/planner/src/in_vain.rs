//! Doors that objects name in vain: refused, or waiting for DOOR's authorisation of their partner.

use std::collections::{BTreeSet, HashMap};

use opendoor_api::DoorSelector;
use uuid::Uuid;

use crate::declared::Spec;
use crate::ids::{DoorUuid, PartnerUuid};
use crate::intake::Taken;
use crate::ledger::Ledger;
use crate::observed::DoorRow;
use crate::owner::OwnerId;
use crate::plan::WaitingKind;
use crate::reasons::Reason;
use crate::select::{Fit, fits};
use crate::steps::Differences;

/// The doors that objects name without effect now, and for which partners.
#[derive(Debug, Default)]
pub(crate) struct InVain<'a> {
    by_door: HashMap<DoorUuid, Vec<&'a str>>,
    by_name: HashMap<&'a str, Vec<&'a str>>,
    selectors: Vec<(&'a DoorSelector, &'a str)>,
}

impl<'a> InVain<'a> {
    fn new(ledger: &Ledger, taken: &'a Taken) -> Self {
        let waits: BTreeSet<&OwnerId> = taken
            .waiting
            .iter()
            .filter(|waiting| waiting.kind == WaitingKind::Authorization)
            .filter_map(|waiting| waiting.owner.as_ref())
            .collect();
        // Of which door a name means, no more can be said: it may be any that it ever meant.
        let unclear: BTreeSet<&OwnerId> = taken
            .refusals
            .iter()
            .filter(|refusal| {
                matches!(
                    refusal.reason,
                    Reason::DoorAmbiguous | Reason::IdentityChanged
                )
            })
            .filter_map(|refusal| refusal.owner.as_ref())
            .collect();
        let mut in_vain = Self::default();
        for object in &taken.objects {
            let Spec::DoorAssignment(spec) = &*object.spec else {
                continue;
            };
            let named_in_vain =
                object.frozen || waits.contains(&object.owner) || unclear.contains(&object.owner);
            if object.removed || !named_in_vain {
                continue;
            }
            let partner = spec.partner.as_str();
            for text in spec.doors.iter().flatten() {
                let written = text.parse::<Uuid>().ok().map(DoorUuid);
                let pinned = ledger.head.door_pins.get(text.as_str()).copied();
                for door in [written, pinned].into_iter().flatten() {
                    in_vain.by_door.entry(door).or_default().push(partner);
                }
                in_vain.by_name.entry(text).or_default().push(partner);
            }
            if let Some(selector) = &spec.door_selector {
                in_vain.selectors.push((selector, partner));
            }
        }
        in_vain
    }

    fn is_empty(&self) -> bool {
        self.by_name.is_empty() && self.selectors.is_empty()
    }

    /// Whether an object names the door for a partner that goes by one of these names.
    fn names(&self, row: &DoorRow, partner: &[String]) -> bool {
        let by_door = self.by_door.get(&row.uuid).into_iter().flatten();
        let by_name = self.by_name.get(&*row.name).into_iter().flatten();
        let selectors = self
            .selectors
            .iter()
            .filter(|(selector, _)| fits(selector, row) != Fit::No);
        by_door
            .chain(by_name)
            .chain(selectors.map(|(_, partner)| partner))
            .any(|named| partner.iter().any(|name| name == named))
    }
}

impl Differences<'_> {
    /// Whether an object that is refused, or waits for DOOR's authorisation, names the door for its
    /// holder: what somebody declares is not removed as added by hand.
    pub(crate) fn is_named_in_vain(&self, row: &DoorRow, holder: PartnerUuid) -> bool {
        let in_vain = self
            .in_vain
            .get_or_init(|| InVain::new(self.ledger, self.taken));
        !in_vain.is_empty() && in_vain.names(row, &self.names_of(holder))
    }
}
