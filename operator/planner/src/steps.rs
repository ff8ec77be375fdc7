//! The differences between what is wanted and what DOOR OS holds, and what all of them share.

use std::cell::OnceCell;

use jiff::Timestamp;
use opendoor_api::{AddedByHand, RemovedByHand};

use crate::digest;
use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::in_vain::InVain;
use crate::intake::Taken;
use crate::ledger::{Intent, Ledger};
use crate::observed::{DoorRow, Observed};
use crate::owner::{Cause, OwnerId};
use crate::plan::{Action, HandMade, Named, Refusal, Step};
use crate::reasons::Reason;
use crate::writes::Write;

/// The differences found, before the guard looks at them.
pub(crate) struct Differences<'a> {
    pub(crate) ledger: &'a Ledger,
    pub(crate) taken: &'a Taken,
    pub(crate) observed: &'a Observed,
    pub(crate) now: Timestamp,
    pub(crate) removed_by_hand: RemovedByHand,
    pub(crate) added_by_hand: AddedByHand,
    pub(crate) property_owner: OwnerId,
    pub(crate) property_cause: Cause,
    pub(crate) steps: Vec<Step>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) unmanaged: Vec<HandMade>,
    pub(crate) drifted: Vec<HandMade>,
    /// Writes under way that no step sends again.
    pub(crate) unsettled: usize,
    pub(crate) in_vain: OnceCell<InVain<'a>>,
}

impl<'a> Differences<'a> {
    pub(crate) fn new(
        ledger: &'a Ledger,
        taken: &'a Taken,
        observed: &'a Observed,
        now: Timestamp,
    ) -> Self {
        let property = ledger.head.property.as_ref();
        let property_owner = Taken::property_owner(ledger);
        let property_cause = property.map_or_else(
            || Cause::of(&property_owner),
            |property| property.cause.clone(),
        );
        Self {
            ledger,
            taken,
            observed,
            now,
            removed_by_hand: property
                .map(|property| property.spec.removed_by_hand)
                .unwrap_or_default(),
            added_by_hand: property
                .map(|property| property.spec.added_by_hand)
                .unwrap_or_default(),
            property_owner,
            property_cause,
            steps: Vec::new(),
            refusals: Vec::new(),
            unmanaged: Vec::new(),
            drifted: Vec::new(),
            unsettled: 0,
            in_vain: OnceCell::new(),
        }
    }

    /// A write under way may be sent again as it is, after a read; any other waits for it.
    pub(crate) fn respect_open_write(&mut self, before: usize, open: Option<&Intent>) {
        let Some(open) = open else {
            return;
        };
        let same = self
            .steps
            .get(before)
            .is_some_and(|step| step.fingerprint == open.fingerprint);
        if !same {
            self.steps.truncate(before);
        }
    }

    /// Counts the writes under way that no step sends again: also of a key that is not there yet, or of an
    /// object that is gone.
    pub(crate) fn count_unsettled(&mut self) {
        let again = |open: &Intent| {
            let mut steps = self.steps.iter();
            steps.any(|step| step.fingerprint == open.fingerprint)
        };
        let open = self.ledger.head.intents.iter();
        self.unsettled = open.filter(|open| !again(open)).count();
    }

    /// Access added by hand: removing what was there when `addedByHand: Remove` came into force
    /// waits for approval once.
    pub(crate) fn first_pass(&self) -> Option<Reason> {
        self.ledger
            .head
            .removes_added_since
            .is_none()
            .then_some(Reason::Unmanaged)
    }

    pub(crate) fn read_only(&mut self, what: &str, cause: &Cause, owner: &OwnerId) {
        self.refusals.push(Refusal {
            cause: cause.clone(),
            reason: Reason::ReadOnlyRow,
            message: format!(
                "\"{what}\" differs from what is declared, but DOOR OS gave no revision for it, so it cannot be changed \
                 without risk to an edit by hand. Change it by hand in DOOR OS."
            ),
            owner: Some(owner.clone()),
        });
    }

    /// The door, if somebody has to go there for its lock to learn of a removal.
    pub(crate) fn visit(&self, row: &DoorRow) -> Option<Named<DoorUuid>> {
        let reached = row.connected == Some(true) && row.serial.is_some();
        (!reached).then(|| Named {
            uuid: Some(row.uuid),
            name: row.name.to_string(),
        })
    }

    pub(crate) fn partner_name(&self, partner: PartnerUuid) -> String {
        partner_name(self.ledger, self.observed, partner)
    }

    /// All that an object may write to mean a partner: its name in DOOR OS, those by which the Property
    /// lists or listed it, and its uuid.
    pub(crate) fn names_of(&self, partner: PartnerUuid) -> Vec<String> {
        let records = self.ledger.head.partners.iter();
        let listed = records.filter(|(_, record)| record.uuid == Some(partner));
        let listed = listed.map(|(name, _)| name.clone());
        let in_door_os = self.observed.partner_name(partner).map(str::to_owned);
        listed
            .chain(in_door_os)
            .chain([partner.to_string()])
            .collect()
    }
}

/// A partner's name: as DOOR has it, else as the Property lists it, else its uuid.
#[must_use]
pub fn partner_name(ledger: &Ledger, observed: &Observed, partner: PartnerUuid) -> String {
    if let Some(name) = observed.partner_name(partner) {
        return name.to_owned();
    }
    ledger
        .head
        .partners
        .iter()
        .find(|(_, record)| record.uuid == Some(partner))
        .map_or_else(|| partner.to_string(), |(name, _)| name.clone())
}

/// The name of a door that may have left: as DOOR has it, else as we last knew it, else its uuid.
#[must_use]
pub fn name_of_door(ledger: &Ledger, observed: &Observed, door: DoorUuid) -> String {
    let last_known = || ledger.doors.get(&door)?.name.as_deref();
    observed
        .door(door)
        .map(|row| &*row.name)
        .or_else(last_known)
        .map_or_else(|| door.to_string(), str::to_owned)
}

/// A key's name: as DOOR has it, else as we last knew it, else its uuid.
#[must_use]
pub fn key_name(ledger: &Ledger, observed: &Observed, key: KeyUuid) -> String {
    observed
        .key(key)
        .map(|row| row.name.clone())
        .or_else(|| ledger.head.keys.get(&key).map(|record| record.name.clone()))
        .unwrap_or_else(|| key.to_string())
}

/// Identifies a step by what it writes and the revision it starts from.
pub(crate) fn fingerprint(action: Action, write: &Write) -> String {
    let write = serde_json::to_string(write).unwrap_or_default();
    digest::short(&[action.as_str(), &write])
}
