//! What the status of several kinds has in common.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::common::NAME_MAX;

/// The types of condition an object may carry, as `kubectl wait --for=condition=` spells them.
pub mod condition {
    /// DOOR OS equals what is declared, as far as this object goes.
    pub const READY: &str = "Ready";
    /// We will act on this object again within one interval, unaided.
    pub const RECONCILING: &str = "Reconciling";
    /// A person has to do something before this object can get any further.
    pub const STALLED: &str = "Stalled";
    /// DOOR OS grants exactly what is declared.
    pub const APPLIED: &str = "Applied";
    /// A person has to perform a Door Sync at a lock.
    pub const SYNC_REQUIRED: &str = "SyncRequired";
    /// The locks themselves are known to grant exactly what is declared.
    pub const ENFORCED: &str = "Enforced";
    /// Somebody changed in DOOR OS by hand what we had applied.
    pub const DRIFTED: &str = "Drifted";
    /// DOOR has authorised the partners in question at the building.
    pub const AUTHORIZED: &str = "Authorized";
}

/// The object that asked for a step.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// The kind of the object.
    #[schemars(length(max = 63))]
    pub kind: String,
    /// Its metadata.name.
    #[schemars(length(max = 253))]
    pub name: String,
}

/// Bounds a name of DOOR OS in a status: what DOOR OS sends is not ours to refuse, so it is cut, not rejected.
pub(crate) const TEXT_MAX: u32 = NAME_MAX;
