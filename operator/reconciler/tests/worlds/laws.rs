//! The laws, and how often each had occasion to be broken.

use std::collections::BTreeMap;
use std::fmt;

/// What must hold in every world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Law {
    /// Whoever a lock accepts and DOOR OS does not grant is in the ledger's `mayOpen`, or its history is unknown.
    MayOpenCovers,
    /// Every write is in a committed ledger before it is sent.
    WrittenDownFirst,
    /// No `Enforced=True` while a lock accepts whom DOOR OS does not grant.
    NeverEnforcedTooEarly,
    /// Every grant was declared, for a partner that was listed.
    GrantsAreDeclared,
    /// Every loss was of ours.
    LossesAreOurs,
    /// Every loss was undeclared.
    LossesAreUndeclared,
    /// Losses in a sliding day stay within the brake.
    LossesAreBraked,
    /// What the brake held stays held until it is approved or declared otherwise.
    HeldStaysHeld,
    /// An object never has two live keys.
    OneKeyPerObject,
    /// Nothing is lost in a round that saw only a part of DOOR OS.
    PartialViewLosesNothing,
    /// Nothing is lost because its declaration cannot be read or is not valid.
    UnreadableLosesNothing,
    /// Every write that took effect was based on a revision that was read.
    NoUnseenEditOverwritten,
    /// In the end DOOR OS is as declared.
    Converges,
    /// And then nothing is written any more, anywhere.
    ThenQuiet,
    /// After full syncs everywhere nothing is owed.
    SyncsSettleEverything,
    /// One seed, one list of requests.
    SameSeedSameBytes,
    /// The order of objects and files does not matter.
    OrderDoesNotMatter,
    /// Nobody tries to change the partner of a partner key.
    KeyPartnerIsForGood,
    /// Nothing is written where the Portfolio only observes, or it or the Property is suspended.
    StoppedWritesNothing,
    /// In mode Propose nothing is written that was not shown as held and approved.
    ProposedIsApproved,
    /// What a deleted object with `deletionPolicy: Retain` gave stays, and is ours no more.
    RetainedStays,
    /// What a person attests is neither proven nor to be visited.
    AttestedIsNotProven,
    /// Once a commit failed, nothing more is written to that building in the same round.
    FailedCommitStops,
}

impl Law {
    const ALL: [Self; 23] = [
        Self::MayOpenCovers,
        Self::WrittenDownFirst,
        Self::NeverEnforcedTooEarly,
        Self::GrantsAreDeclared,
        Self::LossesAreOurs,
        Self::LossesAreUndeclared,
        Self::LossesAreBraked,
        Self::HeldStaysHeld,
        Self::OneKeyPerObject,
        Self::PartialViewLosesNothing,
        Self::UnreadableLosesNothing,
        Self::NoUnseenEditOverwritten,
        Self::Converges,
        Self::ThenQuiet,
        Self::SyncsSettleEverything,
        Self::SameSeedSameBytes,
        Self::OrderDoesNotMatter,
        Self::KeyPartnerIsForGood,
        Self::StoppedWritesNothing,
        Self::ProposedIsApproved,
        Self::RetainedStays,
        Self::AttestedIsNotProven,
        Self::FailedCommitStops,
    ];
}

/// What worlds must have been through for the laws to mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Occasion {
    /// Something was to be done where the Portfolio observes.
    Observed,
    /// Or where it is suspended.
    PortfolioSuspended,
    /// Or where the Property is.
    PropertySuspended,
    /// Everything that was to be done waited for an approval, in mode Propose.
    Proposed,
    /// A write was approved in mode Propose.
    ProposedAndApproved,
    /// A property that was stopped acts again.
    ActsAgain,
    /// A door was left with its partner by an object that retains.
    DoorRetained,
    /// A key was.
    KeyRetained,
    /// The product cannot have seen the object say so: it was deleted at once.
    RetainUnseen,
    /// A person attested a lock.
    Attested,
    /// And it was all that was owed in its building.
    AttestedAlone,
    /// And the lock did still accept who lost access.
    AttestedWrongly,
    /// A commit that began writes was refused.
    IntentsRefused,
    /// Another commit was.
    CommitRefused,
    /// A commit that began writes was kept and not answered.
    IntentsUnanswered,
    /// Another one was.
    CommitUnanswered,
    /// Another process had written in between.
    CommitOvertaken,
    /// A ledger could not be read.
    LedgerUnreadable,
    /// A list came on several pages.
    SeveralPages,
    /// A fault struck a later page.
    LaterPageStruck,
    /// More than one batch was written in a round.
    SeveralBatches,
    /// The brake let pass what was approved, of more than one batch.
    ApprovedBatches,
    /// The declarations changed between batches.
    ChangedMeanwhile,
    /// And so that nothing more was to be written.
    StoppedMeanwhile,
}

impl Occasion {
    const ALL: [Self; 24] = [
        Self::Observed,
        Self::PortfolioSuspended,
        Self::PropertySuspended,
        Self::Proposed,
        Self::ProposedAndApproved,
        Self::ActsAgain,
        Self::DoorRetained,
        Self::KeyRetained,
        Self::RetainUnseen,
        Self::Attested,
        Self::AttestedAlone,
        Self::AttestedWrongly,
        Self::IntentsRefused,
        Self::CommitRefused,
        Self::IntentsUnanswered,
        Self::CommitUnanswered,
        Self::CommitOvertaken,
        Self::LedgerUnreadable,
        Self::SeveralPages,
        Self::LaterPageStruck,
        Self::SeveralBatches,
        Self::ApprovedBatches,
        Self::ChangedMeanwhile,
        Self::StoppedMeanwhile,
    ];
}

/// A law that was broken.
#[derive(Clone, Debug)]
pub struct Broken {
    pub law: Law,
    pub how: String,
}

/// How often each law's premise held, and each occasion arose.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    laws: BTreeMap<Law, u64>,
    occasions: BTreeMap<Occasion, u64>,
}

impl Tally {
    pub fn premise(&mut self, law: Law) {
        self.premises(law, 1);
    }

    pub fn premises(&mut self, law: Law, times: u64) {
        *self.laws.entry(law).or_default() += times;
    }

    pub fn add(&mut self, other: &Self) {
        for (law, times) in &other.laws {
            self.premises(*law, *times);
        }
        for (occasion, times) in &other.occasions {
            self.occasions(*occasion, *times);
        }
    }

    pub fn occasion(&mut self, occasion: Occasion) {
        self.occasions(occasion, 1);
    }

    pub fn occasions(&mut self, occasion: Occasion, times: u64) {
        *self.occasions.entry(occasion).or_default() += times;
    }

    /// Occasions that never arose.
    pub fn missed(&self) -> Vec<Occasion> {
        Occasion::ALL
            .into_iter()
            .filter(|occasion| self.occasions.get(occasion).copied().unwrap_or(0) == 0)
            .collect()
    }

    /// Laws whose premise never held.
    pub fn idle(&self) -> Vec<Law> {
        Law::ALL
            .into_iter()
            .filter(|law| self.laws.get(law).copied().unwrap_or(0) == 0)
            .collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for law in Law::ALL {
            let times = self.laws.get(&law).copied().unwrap_or(0);
            writeln!(f, "{:<26} {times}", format!("{law:?}"))?;
        }
        for occasion in Occasion::ALL {
            let times = self.occasions.get(&occasion).copied().unwrap_or(0);
            writeln!(f, "  {:<24} {times}", format!("{occasion:?}"))?;
        }
        Ok(())
    }
}
