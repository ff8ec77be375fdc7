//! The difference between what is wanted and what DOOR OS holds, door by door.

use jiff::SignedDuration;
use opendoor_api::{AddedByHand, RemovedByHand};

use crate::declared::Spec;
use crate::door_wants::DoorWant;
use crate::ids::PartnerUuid;
use crate::intake::InForce;
use crate::ledger::{Claim, DoorRecord};
use crate::observed::{DoorRow, Holder, Vacancy};
use crate::owner::{Cause, OwnerId};
use crate::plan::{Action, HandMade, Named, Refusal, Step, Value};
use crate::reasons::Reason;
use crate::steps::{Differences, fingerprint};
use crate::writes::Write;

/// An expiry accepted at least this long before it is no surprise, and the brake does not count it.
const EXPIRY_KNOWN: SignedDuration = SignedDuration::from_hours(24);

struct DoorChange {
    action: Action,
    before: Option<PartnerUuid>,
    after: Option<PartnerUuid>,
    owner: OwnerId,
    shared_with: Vec<OwnerId>,
    cause: Cause,
    held: Option<Reason>,
    uncharged: bool,
    restores: bool,
}

impl Differences<'_> {
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
            if !as_wanted {
                self.door(row, want, record);
            }
        }
    }

    fn door(&mut self, row: &DoorRow, want: Option<&DoorWant>, record: Option<&DoorRecord>) {
        if self.taken.stale.binary_search(&row.uuid).is_ok() {
            return;
        }
        let open = self.ledger.head.intents.iter().find(|intent| {
            matches!(&intent.write, Write::SetDoorPartner { door, .. } if *door == row.uuid)
        });
        let before = self.steps.len();
        match (want, row.holder) {
            (_, Holder::Unknown) => {}
            (Some(want), holder) => self.wanted(row, want, record, holder),
            (None, Holder::Partner(holder)) => self.unwanted(row, record, holder),
            (None, Holder::Nobody) => {}
        }
        self.respect_open_write(before, open);
    }

    fn wanted(
        &mut self,
        row: &DoorRow,
        want: &DoorWant,
        record: Option<&DoorRecord>,
        holder: Holder,
    ) {
        let mut objects = want
            .objects
            .iter()
            .filter_map(|at| self.taken.objects.get(*at));
        let Some(object) = objects.next() else {
            return;
        };
        let shared_with = objects.map(|object| object.owner.clone()).collect();
        let cause = self.door_cause(object, want.item);
        let ours = |partner: PartnerUuid| record.and_then(|record| record.claim(partner));
        let restores = ours(want.partner).is_some_and(|claim| claim.held);
        let (action, before, held) = match holder {
            Holder::Partner(other) => {
                let held = match ours(other) {
                    Some(claim) => {
                        if let Some(keeper) = self.keeper(row, claim, want) {
                            self.not_given_up(row, object, &cause, other, keeper);
                            return;
                        }
                        // Its object was renamed while its partner cannot be used: a person decides.
                        self.held_removal(claim).or_else(|| {
                            self.is_named_in_vain(row, other)
                                .then_some(Reason::DoorHeldByOther)
                        })
                    }
                    None => {
                        self.hand_made(row, other);
                        match self.added_by_hand {
                            AddedByHand::Report => Some(Reason::DoorHeldByOther),
                            AddedByHand::Remove if self.is_named_in_vain(row, other) => {
                                Some(Reason::DoorHeldByOther)
                            }
                            AddedByHand::Remove => self.first_pass(),
                        }
                    }
                };
                (Action::ChangeDoor, Some(other), held)
            }
            Holder::Nobody | Holder::Unknown => (Action::AssignDoor, None, None),
        };
        if restores {
            self.drifted.push(HandMade {
                what: row.name.to_string(),
                door: Some(row.uuid),
                partner: self.partner_name(want.partner),
                change: match before {
                    Some(other) => format!("now held by {}", self.partner_name(other)),
                    None => String::from("partner taken off the door"),
                },
                owner: Some(object.owner.clone()),
                key: None,
            });
        }
        let held = held.or_else(|| {
            (restores && self.removed_by_hand == RemovedByHand::Hold).then_some(Reason::Drifted)
        });
        self.door_step(
            row,
            DoorChange {
                action,
                before,
                after: Some(want.partner),
                owner: object.owner.clone(),
                shared_with,
                cause,
                held,
                uncharged: false,
                restores,
            },
        );
    }

    /// The object that holds the door now and neither grants nor revokes there, unless an explicit
    /// name goes before its selector.
    fn keeper<'c>(&self, row: &DoorRow, claim: &'c Claim, want: &DoorWant) -> Option<&'c OwnerId> {
        claim.owners.iter().find(|owner| {
            let by_selector = self.taken.object(owner).is_some_and(|object| {
                matches!(&*object.spec, Spec::DoorAssignment(spec) if spec.door_selector.is_some())
            });
            self.taken.is_kept(row.uuid, owner) && !(by_selector && want.item.is_some())
        })
    }

    fn not_given_up(
        &mut self,
        row: &DoorRow,
        object: &InForce,
        cause: &Cause,
        holder: PartnerUuid,
        keeper: &OwnerId,
    ) {
        self.refusals.push(Refusal {
            cause: cause.clone(),
            reason: Reason::DoorClaimedTwice,
            message: format!(
                "\"{}\" is declared for {} here and is held for {} by {keeper}, which cannot give it up as it stands. A \
                 door has one partner: correct that object, or remove the door from one of them.",
                row.name,
                object.spec.partner(),
                self.partner_name(holder)
            ),
            owner: Some(object.owner.clone()),
        });
    }

    /// Why taking away what a claim owns is held: each of its owners must have let go of it.
    fn held_removal(&self, claim: &Claim) -> Option<Reason> {
        claim
            .owners
            .iter()
            .find_map(|owner| self.taken.held_removal(owner))
    }

    fn unwanted(&mut self, row: &DoorRow, record: Option<&DoorRecord>, holder: PartnerUuid) {
        let Some(claim) = record.and_then(|record| record.claim(holder)) else {
            self.hand_made(row, holder);
            if self.added_by_hand == AddedByHand::Remove && !self.is_named_in_vain(row, holder) {
                self.door_step(
                    row,
                    DoorChange {
                        action: Action::RemoveDoor,
                        before: Some(holder),
                        after: None,
                        owner: self.property_owner.clone(),
                        shared_with: Vec::new(),
                        cause: self.property_cause.clone(),
                        held: self.first_pass(),
                        uncharged: false,
                        restores: false,
                    },
                );
            }
            return;
        };
        let taken = self.taken;
        if claim
            .owners
            .iter()
            .any(|owner| taken.is_kept(row.uuid, owner))
            || self.is_named_in_vain(row, holder)
        {
            return;
        }
        let held = self.held_removal(claim);
        let owner = claim
            .owners
            .iter()
            .find(|owner| taken.held_removal(owner).is_some())
            .or_else(|| claim.owners.first());
        let Some(owner) = owner else {
            return;
        };
        let cause = match (taken.removed.get(owner), taken.object(owner)) {
            (Some(removed), _) => removed.cause.clone(),
            (None, Some(object)) => self.door_cause(object, None),
            (None, None) => Cause::of(owner),
        };
        let uncharged = claim.owners.iter().all(|owner| {
            taken
                .object(owner)
                .is_some_and(|object| self.is_uncharged(object, row))
        });
        self.door_step(
            row,
            DoorChange {
                action: Action::RemoveDoor,
                before: Some(holder),
                after: None,
                owner: owner.clone(),
                shared_with: Vec::new(),
                cause,
                held,
                uncharged,
                restores: false,
            },
        );
    }

    fn hand_made(&mut self, row: &DoorRow, partner: PartnerUuid) {
        self.unmanaged.push(HandMade {
            what: row.name.to_string(),
            door: Some(row.uuid),
            partner: self.partner_name(partner),
            change: String::from("partner put on the door by hand"),
            owner: None,
            key: None,
        });
    }

    /// An expiry that was known for a day, or a unit somebody moved into.
    fn is_uncharged(&self, object: &InForce, row: &DoorRow) -> bool {
        let Spec::DoorAssignment(spec) = &*object.spec else {
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

    fn door_cause(&self, object: &InForce, item: Option<u32>) -> Cause {
        let path = match (item, &*object.spec) {
            (Some(item), _) => format!("spec.doors[{item}]"),
            (None, Spec::DoorAssignment(spec)) if spec.doors.is_some() => {
                String::from("spec.doors")
            }
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
        let named = |partner: Option<PartnerUuid>| {
            partner.map_or(Value::None, |partner| {
                Value::Partner(self.partner_name(partner))
            })
        };
        let pair = |partner: Option<PartnerUuid>| {
            partner
                .map(|partner| vec![(row.uuid, partner)])
                .unwrap_or_default()
        };
        let subject = change.after.or(change.before);
        self.steps.push(Step {
            action: change.action,
            door: Some(Named {
                uuid: Some(row.uuid),
                name: row.name.to_string(),
            }),
            key: None,
            partner: subject.map_or_else(String::new, |partner| self.partner_name(partner)),
            before: named(change.before),
            after: named(change.after),
            irreversible: false,
            holders_affected: None,
            visits: change
                .before
                .and_then(|_| self.visit(row))
                .into_iter()
                .collect(),
            held: change.held,
            still_opens_by: Vec::new(),
            fingerprint: fingerprint(change.action, &write),
            cause: change.cause,
            owner: change.owner,
            shared_with: change.shared_with,
            write,
            losses: pair(change.before),
            grants: pair(change.after),
            uncharged: change.uncharged,
            restores: change.restores,
        });
    }
}
