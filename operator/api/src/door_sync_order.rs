//! DoorSyncOrder: the locks of a property that a person has to visit.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{moment::Moment, status::TEXT_MAX};

/// The locks of a property that a person has to visit. The operator writes it; nobody else needs to.
#[derive(
    CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[kube(
    group = "opendoor.dev",
    version = "v1alpha1",
    kind = "DoorSyncOrder",
    plural = "doorsyncorders",
    shortname = "dso",
    category = "opendoor",
    namespaced,
    no_spec,
    status = "DoorSyncOrderStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "The locks of a property that a person has to visit. The operator makes one for each Property that owes \
        visits, and takes it away when nothing is owed. Do not write one yourself.",
    printcolumn(name = "Doors", type_ = "integer", json_path = ".status.total"),
    printcolumn(name = "First", type_ = "string", json_path = ".status.doors[0].door"),
    printcolumn(name = "Deadline", type_ = "string", json_path = ".status.doors[0].deadline"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 63")
        .message("A DoorSyncOrder's name has at most 63 characters.")
)]
pub struct DoorSyncOrderSpec {}

/// The visits that are owed.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DoorSyncOrderStatus {
    /// The version of the object that the rest of this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How things stand, one entry for each question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// How many doors and partners are owed a visit, those beyond the list included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u32>,
    /// The most urgent visits, soonest deadline first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub doors: Vec<DoorToVisit>,
}

/// A lock that may still open for a partner.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DoorToVisit {
    /// The door's name.
    #[schemars(length(max = TEXT_MAX))]
    pub door: String,
    /// The partner that may still open it.
    #[schemars(length(max = TEXT_MAX))]
    pub partner: String,
    /// How the partner had access.
    pub via: Via,
    /// Why a visit is needed.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Since when DOOR OS no longer grants it.
    pub since: Moment,
    /// When the visit should be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Moment>,
}

/// How a partner has access to a door.
#[derive(
    JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[schemars(inline)]
pub enum Via {
    /// The partner is assigned to the door.
    Door,
    /// The door is on a key of the partner.
    Key,
}
