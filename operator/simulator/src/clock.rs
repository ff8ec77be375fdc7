//! Simulated time: a base clock plus the advances that the world has seen.

use jiff::Timestamp;

/// Where simulated time comes from. The world adds its advances to it; nothing else in this crate reads a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The machine's clock plus advances: for people, and for programs that compare with their own clock.
    #[default]
    Wall,
    /// A fixed start plus advances: time moves only when told to, so that a run can be repeated exactly.
    Manual {
        /// Simulated time before any advance.
        start: Timestamp,
    },
}

impl Clock {
    /// A manual clock that starts at `start`.
    pub fn manual(start: Timestamp) -> Self {
        Self::Manual { start }
    }

    /// The base time, before advances.
    pub(crate) fn base(self) -> Timestamp {
        match self {
            Self::Wall => Timestamp::now(),
            Self::Manual { start } => start,
        }
    }
}
