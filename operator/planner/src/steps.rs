//! The difference between what is wanted and what DOOR OS holds, door by door.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use opendoor_api::{AddedByHand, RemovedByHand};

use crate::declared::Spec;
use crate::digest;
use crate::door_wants::DoorWant;
use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::intake::{InForce, Taken};
use crate::ledger::{Claim, DoorRecord, Intent, Ledger};
use crate::observed::{Access, DoorRow, Holder, Observed, Vacancy, Via};
use crate::owner::{Cause, OwnerId};
use crate::plan::{Action, HandMade, Named, Refusal, Step, Value};
use crate::reasons::Reason;
use crate::writes::Write;

/// An expiry accepted at least this long before it is no surprise, and the brake does not count it.
const EXPIRY_KNOWN: SignedDuration = SignedDuration::from_hours(24);

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
    /// Doors and keys with a write under way that is not to be sent again now.
    pub(crate) unsettled: usize,
    /// Paths to a door that some step takes away.
    pub(crate) going: BTreeSet<(DoorUuid, Via)>,
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
            going: BTreeSet::new(),
        }
    }

    pub(crate) fn doors(&mut self) {
        let mut wants = self.taken.doors.iter().peekable();
        let mut records = self.ledger.doors.iter().peekable();
        for row in &self.observed.doors {
            while wants.next_if(|want| want.door < row.uuid).is_some() {}
            let want = wants.next_if(|want| want.door == row.uuid);
            while records.next_if(|(door, _)| **door < row.uuid).is_some() {}
            let record = records
                .next_if(|(door, _)| **door == row.uuid)
                .map(|(_, record)| record);
            let as_wanted = match want {
                Some(want) => row.holder == Holder::Partner(want.partner),
                None => row.holder == Holder::Nobody,
            };
            if !as_wanted || !self.ledger.head.intents.is_empty() {
                self.door(row, want, record, as_wanted);
            }
        }
    }

    fn door(
        &mut self,
        row: &DoorRow,
        want: Option<&DoorWant>,
        record: Option<&DoorRecord>,
        as_wanted: bool,
    ) {
        if self.taken.stale.binary_search(&row.uuid).is_ok() {
            return;
        }
        let open = self.ledger.head.intents.iter().find(|intent| {
            matches!(&intent.write, Write::SetDoorPartner { door, .. } if *door == row.uuid)
        });
        if as_wanted {
            self.unsettled += usize::from(open.is_some());
            return;
        }
        let before = self.steps.len();
        match (want, row.holder) {
            (_, Holder::Unknown) => {}
            (Some(want), holder) => self.wanted(row, want, record, holder),
            (None, Holder::Partner(holder)) => self.unwanted(row, record, holder),
            (None, Holder::Nobody) => {}
        }
        self.respect_open_write(before, open);
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
            self.unsettled += 1;
            self.steps.truncate(before);
        }
    }

    fn wanted(
        &mut self,
        row: &DoorRow,
        want: &DoorWant,
        record: Option<&DoorRecord>,
        holder: Holder,
    ) {
        let Some(object) = want
            .objects
            .first()
            .and_then(|first| self.taken.objects.get(*first))
        else {
            return;
        };
        let cause = self.door_cause(object, want.item);
        let ours = |partner: PartnerUuid| record.and_then(|record| record.claim(partner));
        let restores = ours(want.partner).is_some_and(|claim| claim.held);
        let (action, before, held) = match holder {
            Holder::Partner(other) => {
                let held = if ours(other).is_some() {
                    None
                } else {
                    self.hand_made(row, other);
                    match self.added_by_hand {
                        AddedByHand::Report => Some(Reason::DoorHeldByOther),
                        AddedByHand::Remove => self.first_pass(),
                    }
                };
                (Action::ChangeDoor, Some(other), held)
            }
            Holder::Nobody | Holder::Unknown => (Action::AssignDoor, None, None),
        };
        if restores {
            self.drifted.push(HandMade {
                what: row.name.clone(),
                door: Some(row.uuid),
                partner: self.partner_name(want.partner),
                change: match before {
                    Some(other) => format!("now held by {}", self.partner_name(other)),
                    None => String::from("partner taken off the door"),
                },
                owner: Some(object.owner.clone()),
            });
        }
        let held = held.or_else(|| {
            (restores && self.removed_by_hand == RemovedByHand::Hold).then_some(Reason::Drifted)
        });
        let owner = object.owner.clone();
        self.door_step(
            row,
            DoorChange {
                action,
                before,
                after: Some(want.partner),
                owner,
                cause,
                held,
                uncharged: false,
                restores,
            },
        );
    }

    fn unwanted(&mut self, row: &DoorRow, record: Option<&DoorRecord>, holder: PartnerUuid) {
        let Some(claim) = record.and_then(|record| record.claim(holder)) else {
            self.hand_made(row, holder);
            if self.added_by_hand == AddedByHand::Remove {
                self.door_step(
                    row,
                    DoorChange {
                        action: Action::RemoveDoor,
                        before: Some(holder),
                        after: None,
                        owner: self.property_owner.clone(),
                        cause: self.property_cause.clone(),
                        held: self.first_pass(),
                        uncharged: false,
                        restores: false,
                    },
                );
            }
            return;
        };
        if claim.owners.iter().any(|owner| self.keeps(row.uuid, owner)) {
            return;
        }
        let Some(owner) = claim.owners.first() else {
            return;
        };
        let object = self.taken.object(owner);
        let removed = self.taken.removed.get(owner);
        let cause = match (removed, object) {
            (Some(removed), _) => removed.cause.clone(),
            (None, Some(object)) => self.door_cause(object, None),
            (None, None) => Cause::of(owner),
        };
        let held = if removed.is_none() && object.is_none() {
            Some(Reason::OwnerMissing)
        } else {
            removed.and_then(|removed| removed.held)
        };
        let uncharged = object.is_some_and(|object| self.is_uncharged(object, row, claim));
        self.door_step(
            row,
            DoorChange {
                action: Action::RemoveDoor,
                before: Some(holder),
                after: None,
                owner: owner.clone(),
                cause,
                held,
                uncharged,
                restores: false,
            },
        );
    }

    /// Whether the object neither grants nor revokes at this door now.
    fn keeps(&self, door: DoorUuid, owner: &OwnerId) -> bool {
        self.taken
            .objects
            .binary_search_by(|object| object.owner.cmp(owner))
            .is_ok_and(|at| self.taken.kept_doors.contains(&(door, at)))
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

    fn hand_made(&mut self, row: &DoorRow, partner: PartnerUuid) {
        self.unmanaged.push(HandMade {
            what: row.name.clone(),
            door: Some(row.uuid),
            partner: self.partner_name(partner),
            change: String::from("partner put on the door by hand"),
            owner: None,
        });
    }

    /// An expiry that was known for a day, or a unit somebody moved into.
    fn is_uncharged(&self, object: &InForce, row: &DoorRow, _claim: &Claim) -> bool {
        let Spec::DoorAssignment(spec) = &object.spec else {
            return false;
        };
        if object.removed {
            return false;
        }
        let until = spec
            .validity
            .as_ref()
            .and_then(|validity| validity.until.as_ref())
            .map(|until| until.timestamp());
        let known_since = self
            .ledger
            .head
            .accepted
            .get(&object.owner)
            .and_then(|accepted| accepted.expiry_known_since);
        let expired = match (until, known_since) {
            (Some(until), Some(known)) => {
                until <= self.now && until.duration_since(known) >= EXPIRY_KNOWN
            }
            _ => false,
        };
        let moved_in = spec
            .door_selector
            .as_ref()
            .is_some_and(|selector| selector.vacancy == Some(opendoor_api::Vacancy::Vacant))
            && row
                .unit
                .as_ref()
                .is_some_and(|unit| unit.vacancy == Some(Vacancy::Occupied));
        expired || moved_in
    }

    fn door_cause(&self, object: &InForce, item: Option<usize>) -> Cause {
        let path = match (item, &object.spec) {
            (Some(item), _) => format!("spec.doors[{item}]"),
            (None, Spec::DoorAssignment(spec)) if spec.doors.is_some() => String::from("spec.doors"),
            (None, _) => String::from("spec.doorSelector"),
        };
        object.places.locate(&object.cause, &path)
    }

    fn door_step(&mut self, row: &DoorRow, change: DoorChange) {
        let Some(if_match) = row.revision else {
            self.read_only(&row.name, &change.cause, &change.owner);
            return;
        };
        let write = Write::SetDoorPartner {
            door: row.uuid,
            partner: change.after,
            if_match,
        };
        let mut visits = Vec::new();
        if change.before.is_some() {
            self.going.insert((row.uuid, Via::Door));
            visits.extend(self.visit(row));
        }
        let named = |partner: Option<PartnerUuid>| {
            partner.map_or(Value::None, |partner| {
                Value::Partner(self.partner_name(partner))
            })
        };
        let subject = change.after.or(change.before);
        let step = Step {
            action: change.action,
            door: Some(Named {
                uuid: Some(row.uuid),
                name: row.name.clone(),
            }),
            key: None,
            partner: subject.map_or_else(String::new, |partner| self.partner_name(partner)),
            before: named(change.before),
            after: named(change.after),
            irreversible: false,
            holders_affected: None,
            visits,
            held: change.held,
            still_opens_by: Vec::new(),
            fingerprint: fingerprint(change.action, &write),
            cause: change.cause,
            owner: change.owner,
            write,
            losses: change
                .before
                .map(|partner| vec![(row.uuid, partner)])
                .unwrap_or_default(),
            grants: change
                .after
                .map(|partner| vec![(row.uuid, partner)])
                .unwrap_or_default(),
            uncharged: change.uncharged,
            restores: change.restores,
        };
        self.steps.push(step);
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
            name: row.name.clone(),
        })
    }

    pub(crate) fn partner_name(&self, partner: PartnerUuid) -> String {
        partner_name(self.ledger, self.observed, partner)
    }

    /// Takes from each step's losses the pairs that keep another path, and says which paths stay.
    pub(crate) fn weigh_losses(&mut self) {
        let (observed, going) = (self.observed, &self.going);
        for step in &mut self.steps {
            let own = match &step.write {
                Write::SetDoorPartner { .. } => Some(Via::Door),
                Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. } => Some(Via::Key(*key)),
                Write::CreateKey { .. } => None,
            };
            step.losses.retain(|(door, partner)| {
                !observed.door(*door).is_some_and(|row| {
                    row.access.iter().any(|access| {
                        access.partner == *partner
                            && Some(access.via) != own
                            && !going.contains(&(*door, access.via))
                    })
                })
            });
        }
    }
}

struct DoorChange {
    action: Action,
    before: Option<PartnerUuid>,
    after: Option<PartnerUuid>,
    owner: OwnerId,
    cause: Cause,
    held: Option<Reason>,
    uncharged: bool,
    restores: bool,
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

/// A key's name: as DOOR has it, else as we last knew it, else its uuid.
#[must_use]
pub fn key_name(ledger: &Ledger, observed: &Observed, key: KeyUuid) -> String {
    observed
        .key(key)
        .map(|row| row.name.clone())
        .or_else(|| {
            ledger
                .head
                .keys
                .get(&key)
                .map(|record| record.name.clone())
        })
        .unwrap_or_else(|| key.to_string())
}

/// Identifies a step by what it writes and the revision it starts from.
pub(crate) fn fingerprint(action: Action, write: &Write) -> String {
    let write = serde_json::to_string(write).unwrap_or_default();
    digest::short(&[action.as_str(), &write])
}

/// Says which paths stay open to partners that steps take off doors, once it is known which steps
/// are performed.
pub(crate) fn note_other_paths(steps: &mut [Step], ledger: &Ledger, observed: &Observed) {
    let performed: BTreeSet<(DoorUuid, Via)> = steps
        .iter()
        .filter(|step| step.held.is_none())
        .flat_map(|step| paths_taken(step, observed))
        .collect();
    for step in steps.iter_mut() {
        let mine: BTreeSet<(DoorUuid, Via)> = paths_taken(step, observed).collect();
        let partner = |access: &Access| match &step.write {
            Write::SetDoorPartner { .. } => step.before == Value::Partner(partner_name(ledger, observed, access.partner)),
            _ => step.partner == partner_name(ledger, observed, access.partner),
        };
        let mut ways: BTreeSet<String> = BTreeSet::new();
        for (door, _) in &mine {
            let Some(row) = observed.door(*door) else {
                continue;
            };
            for access in row.access.iter().filter(|access| partner(access)) {
                let path = (*door, access.via);
                if mine.contains(&path) || performed.contains(&path) {
                    continue;
                }
                ways.insert(match access.via {
                    Via::Door => format!("its assignment to {}", row.name),
                    Via::Key(key) => format!("key \"{}\"", key_name(ledger, observed, key)),
                });
            }
        }
        step.still_opens_by = ways.into_iter().collect();
    }
}

/// The paths a step takes away.
fn paths_taken<'a>(
    step: &'a Step,
    observed: &'a Observed,
) -> Box<dyn Iterator<Item = (DoorUuid, Via)> + 'a> {
    match &step.write {
        Write::SetDoorPartner { door, .. } if step.before != Value::None => {
            Box::new(std::iter::once((*door, Via::Door)))
        }
        Write::SetDoorPartner { .. } | Write::CreateKey { .. } => Box::new(std::iter::empty()),
        Write::UpdateKey { key, patch, .. } => Box::new(
            patch
                .remove_doors
                .iter()
                .map(|door| (*door, Via::Key(*key))),
        ),
        Write::DeleteKey { key, .. } => Box::new(
            observed
                .key(*key)
                .into_iter()
                .flat_map(|row| row.doors.iter())
                .map(|entry| (entry.door, Via::Key(*key))),
        ),
    }
}
