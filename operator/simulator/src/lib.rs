//! An embedded DOOR OS for tests, trials and measurements: the manager contract (`operator/door-os/openapi.yaml`), the
//! locks behind it, the people who edit by hand, and the faults of a network.
//!
//! The core is synchronous and deterministic: [`Simulator::handle`] takes a request and says what becomes of it. It
//! never sleeps, and reads time only through its [`Clock`]. [`serve`] puts it on a loopback port.
//!
//! It shares nothing with the programs it tests except the contract, so that a mistake cannot agree with itself.

mod agenda;
mod call;
mod changes;
mod clock;
mod contract;
#[cfg(any(test, feature = "contract-check"))]
pub mod contract_check;
mod control;
mod distortions;
mod faults;
mod generated;
mod genesis;
mod hand;
mod hand_keys;
mod key_changes;
mod lock;
mod parameters;
mod phone;
mod refusal;
mod reply;
mod rows;
mod server;
mod simulator;
mod world;
mod world_file;

#[cfg(test)]
mod tests;

pub use clock::Clock;
pub use faults::{ErrorBody, Fault, FaultKind, Shift};
pub use parameters::Parameters;
pub use reply::SIMULATED_HEADER;
pub use rows::{Accessibility, Day, DoorKind, DoorType, Holders, KeyType, Role, Vacancy, Window};
pub use server::{ServeError, serve};
pub use simulator::{Outcome, Simulator};
pub use world::{Client, Resident};
pub use world_file::{BuildingFile, DoorFile, KeyFile, Name, PartnerFile, WorldError, WorldFile};
