//! Bugs planted on purpose, each as a small change of what passes a port. The product itself is untouched.

use opendoor_planner::conditions::ObjectStatus;
use opendoor_reconciler::snapshot::Snapshot;
use serde_json::{Value, json};

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// None: the product as it is.
    None,
    /// Debts are recorded only after the write: what is committed before it is not kept.
    IntentsAfterWrites,
    /// Open writes are not kept.
    IntentsForgotten,
    /// Entries that DOOR OS no longer grants are dropped from the ledger.
    DebtsForgotten,
    /// What a write under way may grant is not kept.
    PendingGrantsForgotten,
    /// An unknown history is not kept.
    UnknownHistoryForgotten,
    /// `sync.required = false` is taken as proof.
    NotRequiredIsProof,
    /// A connected door is taken as proof.
    ConnectedIsProof,
    /// Half an hour is taken as proof.
    TimeIsProof,
    /// A passive sync is taken as proof.
    PassiveSyncIsProof,
    /// A lock that falls back is not believed.
    LocksNeverFallBack,
    /// `If-Match` is whatever the row's revision is now.
    OverwritesWhatIsThere,
    /// A write without an answer is sent again, whatever is there by then.
    SendsAgainUnread,
    /// A list that ends early is taken as whole.
    PartialListIsWhole,
    /// A file that cannot be read is taken as empty.
    UnreadableIsAbsent,
    /// An object that is not valid is taken as removed.
    InvalidIsAbsent,
    /// The brake forgets what it counted.
    ChargesForgotten,
    /// Holds are forgotten, so that the window frees them.
    HoldsForgotten,
    /// Whatever is held is approved.
    ApprovedByNobody,
    /// The last accepted declarations are forgotten.
    AcceptedForgotten,
    /// Whatever is on a door counts as put there by us.
    EverythingIsOurs,
    /// Every partner counts as listed.
    EveryoneIsListed,
    /// One door more than is declared.
    OneDoorMore,
    /// `clientRef` is made anew each time a creation is sent.
    NewMarkEachTime,
    /// A refused write is reported as applied.
    RefusedIsApplied,
    /// Edits by hand are not shown.
    HandEditsHidden,
    /// What is not known is reported as enforced.
    UnknownIsEnforced,
    /// The first of the declarations counts more than the others.
    OrderMatters,
    /// Mode Observe is taken for Apply.
    ObserveIsApply,
    /// Mode Propose is taken for Apply.
    ProposeIsApply,
    /// `suspend` of a Portfolio is not looked at.
    PortfolioNeverSuspended,
    /// `suspend` of a Property is not looked at.
    PropertyNeverSuspended,
    /// What is declared is read once a round.
    DeclarationsReadOnce,
    /// `deletionPolicy` is not looked at.
    RetainIsRemove,
    /// A person's word that a lock was synced is taken as proof.
    AttestationIsProof,
    /// What is attested is reported as enforced.
    AttestedIsEnforced,
    /// A commit that failed is taken as made.
    FailedCommitIsCommitted,
    /// The first page of a list is taken as all of it.
    FirstPageIsAll,
}

impl Mutant {
    /// Every bug, with a world that is known to show it.
    pub const ALL: &[(Self, u64)] = &[
        (Self::IntentsAfterWrites, 1),
        (Self::IntentsForgotten, 1),
        (Self::DebtsForgotten, 1),
        (Self::PendingGrantsForgotten, 177),
        (Self::UnknownHistoryForgotten, 15),
        (Self::NotRequiredIsProof, 3),
        (Self::ConnectedIsProof, 3),
        (Self::TimeIsProof, 1),
        (Self::PassiveSyncIsProof, 25),
        (Self::LocksNeverFallBack, 40),
        (Self::OverwritesWhatIsThere, 3),
        (Self::SendsAgainUnread, 90),
        (Self::PartialListIsWhole, 31),
        (Self::UnreadableIsAbsent, 32),
        (Self::InvalidIsAbsent, 42),
        (Self::ChargesForgotten, 6),
        (Self::HoldsForgotten, 1),
        (Self::ApprovedByNobody, 3),
        (Self::AcceptedForgotten, 1),
        (Self::EverythingIsOurs, 1),
        (Self::EveryoneIsListed, 3),
        (Self::OneDoorMore, 2),
        (Self::NewMarkEachTime, 4),
        (Self::RefusedIsApplied, 170),
        (Self::HandEditsHidden, 1),
        (Self::UnknownIsEnforced, 9),
        (Self::OrderMatters, 2),
        (Self::ObserveIsApply, 5),
        (Self::ProposeIsApply, 17),
        (Self::PortfolioNeverSuspended, 35),
        (Self::PropertyNeverSuspended, 36),
        (Self::DeclarationsReadOnce, 101),
        (Self::RetainIsRemove, 1),
        (Self::AttestationIsProof, 1),
        (Self::AttestedIsEnforced, 11),
        (Self::FailedCommitIsCommitted, 5),
        (Self::FirstPageIsAll, 20),
    ];

    /// Changes what is committed. `false`: it is not kept at all.
    pub fn commits(self, head: &mut Value, doors: &mut Value) -> bool {
        let records = doors.as_object_mut().unwrap().values_mut();
        match self {
            Self::IntentsAfterWrites => {
                let intents = head["intents"].as_array().map_or(&[][..], Vec::as_slice);
                return !intents
                    .iter()
                    .any(|intent| intent.get("unknownSince").is_none());
            }
            Self::IntentsForgotten => head["intents"] = json!([]),
            Self::DebtsForgotten => {
                records.for_each(|it| keep_entries(it, |entry| entry.get("goneSince").is_none()));
            }
            Self::PendingGrantsForgotten => {
                records.for_each(|it| keep_entries(it, |entry| entry.get("intent").is_none()));
            }
            Self::AttestationIsProof => {
                records.for_each(|it| keep_entries(it, |entry| entry.get("attested").is_none()));
            }
            Self::UnknownHistoryForgotten => records.for_each(|record| {
                record.as_object_mut().unwrap().remove("unknown");
            }),
            Self::ChargesForgotten => head["charges"] = json!([]),
            Self::HoldsForgotten => head["holds"] = json!({}),
            Self::AcceptedForgotten => head["accepted"] = json!({}),
            Self::EverythingIsOurs => {
                let accepted = head["accepted"].as_object().into_iter().flatten();
                if let Some((owner, _)) = accepted.into_iter().next() {
                    records.for_each(|record| claim_everything(record, owner));
                }
            }
            _ => {}
        }
        true
    }

    /// Changes what is declared.
    pub fn gathers(self, snapshot: &mut Snapshot, hold_ids: &[(String, String)], door: &str) {
        use opendoor_api::Resource;
        match self {
            Self::UnreadableIsAbsent => snapshot.unreadable.clear(),
            Self::InvalidIsAbsent => snapshot.broken.clear(),
            Self::OrderMatters => {
                // Of the assignments, only those up to the seventh are looked at.
                let mut left = 2;
                snapshot.objects.retain(|object| {
                    let counted = matches!(object.resource, Resource::DoorAssignment(_));
                    left -= i32::from(counted);
                    !counted || left >= 0
                });
            }
            _ => {}
        }
        for object in &mut snapshot.objects {
            match (self, &mut object.resource) {
                (Self::ApprovedByNobody, Resource::Property(property)) => {
                    let name = property.metadata.name.as_deref();
                    let shown = hold_ids
                        .iter()
                        .find(|(property, _)| Some(property.as_str()) == name);
                    property.spec.approve = shown.map(|(_, id)| id.clone());
                }
                (Self::EveryoneIsListed, Resource::Property(property)) => {
                    property.spec.partners = crate::world::PARTNERS
                        .iter()
                        .map(|name| opendoor_api::PropertyPartner {
                            name: (*name).to_owned(),
                            uuid: None,
                        })
                        .collect();
                }
                (Self::ObserveIsApply, Resource::Portfolio(portfolio))
                    if portfolio.spec.mode == opendoor_api::Mode::Observe =>
                {
                    portfolio.spec.mode = opendoor_api::Mode::Apply;
                }
                (Self::ProposeIsApply, Resource::Portfolio(portfolio))
                    if portfolio.spec.mode == opendoor_api::Mode::Propose =>
                {
                    portfolio.spec.mode = opendoor_api::Mode::Apply;
                }
                (Self::PortfolioNeverSuspended, Resource::Portfolio(portfolio)) => {
                    portfolio.spec.suspend = false;
                }
                (Self::PropertyNeverSuspended, Resource::Property(property)) => {
                    property.spec.suspend = false;
                }
                (Self::RetainIsRemove, Resource::DoorAssignment(assignment)) => {
                    assignment.spec.deletion_policy = opendoor_api::DeletionPolicy::Remove;
                }
                (Self::RetainIsRemove, Resource::PartnerKey(key)) => {
                    key.spec.deletion_policy = opendoor_api::DeletionPolicy::Remove;
                }
                (Self::OneDoorMore, Resource::DoorAssignment(assignment)) => {
                    if let Some(doors) = &mut assignment.spec.doors
                        && !doors.iter().any(|known| known == door)
                    {
                        doors.push(door.to_owned());
                    }
                }
                _ => {}
            }
        }
    }

    /// Changes what is reported.
    pub fn reports(self, statuses: &mut [ObjectStatus]) {
        let hides = |reason: &str| match self {
            Self::UnknownIsEnforced => true,
            Self::AttestedIsEnforced => reason == "Attested",
            _ => false,
        };
        for condition in statuses
            .iter_mut()
            .flat_map(|status| &mut status.conditions)
        {
            if condition.kind == "Enforced"
                && condition.status == "Unknown"
                && hides(&condition.reason)
            {
                condition.status = String::from("True");
            }
        }
    }
}

fn keep_entries(record: &mut Value, keep: impl Fn(&Value) -> bool) {
    if let Some(entries) = record.get_mut("mayOpen").and_then(Value::as_array_mut) {
        entries.retain(keep);
    }
}

fn claim_everything(record: &mut Value, owner: &str) {
    let entries = record["mayOpen"].as_array().cloned().unwrap_or_default();
    let here = entries
        .iter()
        .find(|entry| entry["via"] == "door" && entry.get("goneSince").is_none());
    if let Some(entry) = here
        && record.get("claims").is_none()
    {
        let claim = json!({"partner": entry["partner"], "owners": [owner], "held": true});
        record["claims"] = json!([claim]);
    }
}
