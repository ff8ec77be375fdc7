//! Property: one building, and the partners used there.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    common::{LocalRef, NAME, NAME_MAX, UUID},
    moment::Moment,
    plan_report::PlanReport,
    status::TEXT_MAX,
};

/// One building of DOOR OS, and the partners that are used there.
#[derive(
    CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[kube(
    group = "opendoor.dev",
    version = "v1alpha1",
    kind = "Property",
    plural = "properties",
    shortname = "prop",
    category = "opendoor",
    namespaced,
    status = "PropertyStatus",
    derive = "PartialEq",
    doc = "One building of DOOR OS, and the partners that are used there.",
    selectable = ".spec.building",
    printcolumn(name = "Building", type_ = "string", json_path = ".spec.building"),
    printcolumn(name = "Applied", type_ = "string", json_path = ".status.conditions[?(@.type==\"Applied\")].status"),
    printcolumn(name = "Enforced", type_ = "string", json_path = ".status.conditions[?(@.type==\"Enforced\")].status"),
    printcolumn(name = "Visits", type_ = "integer", json_path = ".status.counts.doorVisits"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Hold", type_ = "string", json_path = ".status.plan.holdId", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 63")
        .message("A Property's name has at most 63 characters.")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PropertySpec {
    /// The Portfolio this property belongs to. May be left out if there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portfolio_ref: Option<LocalRef>,
    /// The building as DOOR OS names it, or its uuid. It can never be changed: write a new Property for another
    /// building.
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = NAME))]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("A Property stays with its building. Create a new Property for the other building, then delete this one; \
            deleting it takes away what was declared for it."))]
    pub building: String,
    /// The partners used at this building. Adding one asks DOOR to authorise it here, removing one asks for its
    /// withdrawal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub partners: Vec<PropertyPartner>,
    /// What to do if somebody takes away by hand what is declared here: give it back (Restore), or leave it and wait
    /// for a person (Hold).
    #[serde(default)]
    pub removed_by_hand: RemovedByHand,
    /// What to do if somebody adds by hand what is not declared here: report it (Report), or take it away (Remove).
    #[serde(default)]
    pub added_by_hand: AddedByHand,
    /// Approves exactly the held changes that carry this id; see status.plan.holdId. An id that fits nothing is noted
    /// and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = "^h-[0-9A-Za-z-]+$"))]
    pub approve: Option<String>,
    /// Stop looking after this property until this is false again.
    #[serde(default)]
    pub suspend: bool,
}

/// One partner used at a building.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PropertyPartner {
    /// The partner as DOOR OS names it.
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = NAME))]
    pub name: String,
    /// The partner's uuid in DOOR OS, needed only if the name alone is not clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36), regex(pattern = UUID))]
    pub uuid: Option<String>,
}

/// What to do if somebody takes away by hand what is declared.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[schemars(inline)]
pub enum RemovedByHand {
    /// Give it back.
    #[default]
    Restore,
    /// Leave it and wait for a person.
    Hold,
}

/// What to do if somebody adds by hand what is not declared.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[schemars(inline)]
pub enum AddedByHand {
    /// Report it and leave it.
    #[default]
    Report,
    /// Take it away.
    Remove,
}

/// What was found of a Property.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyStatus {
    /// The version of the spec that the rest of this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How things stand, one entry for each question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The uuid of the building in DOOR OS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub building_uuid: Option<String>,
    /// The partners and whether DOOR has authorised them here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 128))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub partners: Vec<PropertyPartnerStatus>,
    /// What is still to be done in DOOR OS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanReport>,
    /// Numbers about the building.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<DoorCounts>,
    /// The first pairs of a partner and a door that are in DOOR OS and that nobody declared, by door.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 25))]
    pub unmanaged: Vec<UnmanagedAccess>,
    /// How many such pairs there are beside those that unmanaged names. Absent if it names them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_unmanaged: Option<u32>,
}

/// Whether DOOR has authorised a partner at the building.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyPartnerStatus {
    /// The partner's name.
    #[schemars(length(max = TEXT_MAX))]
    pub name: String,
    /// The partner's uuid in DOOR OS, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub uuid: Option<String>,
    /// Where the partner stands.
    pub state: PartnerState,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
}

/// Where a partner stands at a building.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[schemars(inline)]
pub enum PartnerState {
    /// DOOR has authorised it.
    Authorized,
    /// It is listed, and DOOR has not authorised it yet.
    AwaitingAuthorization,
    /// It is no longer listed, and DOOR has not withdrawn it yet.
    AwaitingWithdrawal,
    /// DOOR OS could not be asked.
    Unknown,
}

/// Access that DOOR OS grants and that nobody declared.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnmanagedAccess {
    /// The door; absent for a key without doors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = TEXT_MAX))]
    pub door: Option<String>,
    /// The partner who has it.
    #[schemars(length(max = TEXT_MAX))]
    pub partner: String,
    /// How: `door`, or `key "NAME"`.
    #[schemars(length(max = TEXT_MAX))]
    pub via: String,
    /// What is known of the lock, in one word.
    #[schemars(length(max = 64))]
    pub reason: String,
}

/// Numbers about a building.
#[derive(KubeSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DoorCounts {
    /// Doors of the building.
    pub doors: u32,
    /// Doors with a partner that is declared here.
    pub assigned: u32,
    /// Partner keys that are declared here.
    pub keys: u32,
    /// Partners at doors, and keys and doors on keys, that nobody declares. A key counts once, whatever its doors.
    pub unmanaged: u32,
    /// Locks a person has to visit.
    pub door_visits: u32,
}
