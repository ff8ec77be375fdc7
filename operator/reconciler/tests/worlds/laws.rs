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
}

impl Law {
    const ALL: [Self; 18] = [
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
    ];
}

/// A law that was broken.
#[derive(Clone, Debug)]
pub struct Broken {
    pub law: Law,
    pub how: String,
}

/// How often each law's premise held.
#[derive(Clone, Debug, Default)]
pub struct Tally(BTreeMap<Law, u64>);

impl Tally {
    pub fn premise(&mut self, law: Law) {
        self.premises(law, 1);
    }

    pub fn premises(&mut self, law: Law, times: u64) {
        *self.0.entry(law).or_default() += times;
    }

    pub fn add(&mut self, other: &Self) {
        for (law, times) in &other.0 {
            self.premises(*law, *times);
        }
    }

    /// Laws whose premise never held.
    pub fn idle(&self) -> Vec<Law> {
        Law::ALL
            .into_iter()
            .filter(|law| self.0.get(law).copied().unwrap_or(0) == 0)
            .collect()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for law in Law::ALL {
            let times = self.0.get(&law).copied().unwrap_or(0);
            writeln!(f, "{:<26} {times}", format!("{law:?}"))?;
        }
        Ok(())
    }
}
