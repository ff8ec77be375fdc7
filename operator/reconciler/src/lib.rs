//! The controller: gathers what is declared, looks at DOOR OS, plans, performs, and reports.
//!
//! [`pass`] is one pass over one property, over the small traits of [`ports`]; [`round`] is every
//! property once. The home without Kubernetes is [`directory`].

pub mod attest;
pub mod change;
pub mod check;
pub mod directory;
pub mod gather;
pub mod git;
pub mod history;
pub mod import;
pub mod look;
pub mod notices;
pub mod pass;
pub mod ports;
pub mod published;
pub mod record;
pub mod round;
pub mod snapshot;
pub mod table;
pub mod unseen;
