//! One function per command.

pub mod acting;
pub mod change;
pub mod cluster;
pub mod completions;
pub mod controller;
pub mod crds;
pub mod explain;
pub mod looking;
pub mod simulate;
pub mod table;
pub mod validate;
