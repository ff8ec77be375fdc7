//! What a Property's status says of its plan: what is left to do in DOOR OS, held and refused.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::status::{Cause, TEXT_MAX};

/// What is still to be done in DOOR OS for a property.
// Two lists of steps, each bounded on its own: what waits for nobody never crowds out what a person has to approve.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// Identifies the plan: the same differences give the same id.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Identifies the held changes; write it to spec.approve to approve exactly these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub hold_id: Option<String>,
    /// Whether DOOR OS showed us everything. If not, nothing is removed.
    pub complete: bool,
    /// How much is to be done.
    #[serde(default)]
    pub summary: PlanSummary,
    /// The first changes that are left and not held. With mode Apply there are none once a pass is through.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 25))]
    pub steps: Vec<PlannedStep>,
    /// How many changes are left and not held beside those that steps names. Absent if it names them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_steps: Option<u32>,
    /// The first held changes; summary.held counts them all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 25))]
    pub held: Vec<PlannedStep>,
    /// The first refused declarations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub refused: Vec<RefusedStep>,
}

/// How much is to be done. Grants and removals count a partner at a door.
#[derive(KubeSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSummary {
    /// Partners that gain a door.
    pub grants: u32,
    /// Partners that lose a door.
    pub removals: u32,
    /// Keys to create.
    pub key_creates: u32,
    /// Keys to change.
    pub key_updates: u32,
    /// Keys to delete.
    pub key_deletes: u32,
    /// Changes that wait for approval.
    pub held: u32,
    /// Declarations that were refused.
    pub refused: u32,
    /// Locks a person has to visit.
    pub door_visits: u32,
}

/// A change that is left to do in DOOR OS.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedStep {
    /// What would be done, for example RemoveDoor.
    #[schemars(length(max = 32))]
    pub action: String,
    /// The door in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_MAX))]
    pub door: Option<String>,
    /// The key in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_MAX))]
    pub key: Option<String>,
    /// The partner in question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_MAX))]
    pub partner: Option<String>,
    /// What is there now: the partner on the door, or of the key's settings those that change. Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_MAX))]
    pub before: Option<String>,
    /// What will be there, in the same words. Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_MAX))]
    pub after: Option<String>,
    /// It can never be undone. Absent: it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<bool>,
    /// How many people hold the key that changes. Absent for doors, and where it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holders_affected: Option<u32>,
    /// How many locks a person has to visit afterwards. Absent: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door_visits: Option<u32>,
    /// Why it is held. Absent if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// The object that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

/// A declaration that cannot be carried out.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedStep {
    /// Why, in one word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Why, and what to do.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// The object that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}
