//! PartnerKey: a key that belongs to a partner for good.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::common::{DeletionPolicy, LocalRef, NAME, NAME_MAX, UUID};

/// A key of one property that belongs to a partner for as long as it exists.
#[derive(
    CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[kube(
    group = "opendoor.dev",
    version = "v1alpha1",
    kind = "PartnerKey",
    plural = "partnerkeys",
    shortname = "pk",
    category = "opendoor",
    namespaced,
    status = "PartnerKeyStatus",
    derive = "PartialEq",
    doc = "A key of one property that belongs to a partner for as long as it exists.",
    selectable = ".spec.propertyRef.name",
    printcolumn(name = "Property", type_ = "string", json_path = ".spec.propertyRef.name"),
    printcolumn(name = "Partner", type_ = "string", json_path = ".spec.partner"),
    printcolumn(name = "Key", type_ = "string", json_path = ".spec.keyName"),
    printcolumn(name = "Applied", type_ = "string", json_path = ".status.conditions[?(@.type==\"Applied\")].status"),
    printcolumn(name = "Enforced", type_ = "string", json_path = ".status.conditions[?(@.type==\"Enforced\")].status"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "UUID", type_ = "string", json_path = ".status.keyUuid", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 63")
        .message("A PartnerKey's name has at most 63 characters.")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartnerKeySpec {
    /// The Property this key belongs to. It can never be changed.
    #[x_kube(validation = Rule::new("self.name == oldSelf.name")
        .message("A PartnerKey stays with its Property. Create a new one for the other Property, then delete this one; \
            its doorcodes go with it."))]
    pub property_ref: LocalRef,
    /// The partner as DOOR OS names it, or its uuid. It must be listed in the Property. It can never be changed: DOOR
    /// OS does not allow it.
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = NAME))]
    #[x_kube(validation = Rule::new("self == oldSelf")
        .message("DOOR OS never changes or clears a key's partner. Create a new PartnerKey with another keyName, move its \
            holders, then delete this one; its doorcodes go with it."))]
    pub partner: String,
    /// The name of the key in DOOR OS. If left out, the name of this object. Changing it renames the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = NAME))]
    pub key_name: Option<String>,
    /// The doors the key opens.
    #[schemars(length(min = 1, max = 250))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub doors: Vec<KeyDoor>,
    /// When the key opens them. Without it, always.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 56))]
    pub schedule: Vec<ScheduleEntry>,
    /// Takes over a key that already exists in DOOR OS. Has an effect only until this object has its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<Adoption>,
    /// What happens in DOOR OS when this object is deleted: the key is deleted for good with its doorcodes (Remove), or
    /// it stays (Retain).
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

impl PartnerKey {
    /// The name of the key in DOOR OS.
    #[must_use]
    pub fn key_name(&self) -> String {
        self.spec
            .key_name
            .clone()
            .unwrap_or_else(|| self.name_any())
    }
}

/// A door that a key opens.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyDoor {
    /// The door as DOOR OS names it, or its uuid.
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = NAME))]
    pub name: String,
    /// Whether holders of the key get a doorcode for this door ("Provide Doorcodes" in DOOR OS).
    #[serde(default)]
    pub provide_doorcodes: bool,
}

/// A time of the week at which a key opens its doors, in the building's time zone.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[x_kube(validation = Rule::new("self.from < self.to")
    .message("`to` must be later than `from`. Split a time that passes midnight into two: one up to \"24:00\", one from \"00:00\"."))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleEntry {
    /// The days of the week.
    #[schemars(length(min = 1, max = 7))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub days: Vec<Day>,
    /// When it begins, for example "08:00".
    #[schemars(length(max = 5), regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// When it ends, for example "18:30". The end of the day is "24:00".
    #[schemars(
        length(max = 5),
        regex(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")
    )]
    pub to: String,
}

/// A day of the week.
#[derive(
    JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[schemars(inline)]
#[expect(missing_docs, reason = "a day needs no explanation")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// Takes over a key that already exists in DOOR OS.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Adoption {
    /// Says that you know: the key becomes a partner key for good, and its partner can never be changed or cleared.
    pub acknowledge: Acknowledgement,
    /// The uuid of the key in DOOR OS. If you leave it out, it is the key that has this keyName.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36), regex(pattern = UUID))]
    pub key_uuid: Option<String>,
}

/// Says that the consequence of a step is known.
#[derive(JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[schemars(inline)]
pub enum Acknowledgement {
    /// The key becomes a partner key, and there is no way back.
    ConvertsToPartnerKeyForGood,
}

/// What was found of a PartnerKey.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnerKeyStatus {
    /// The version of the spec that the rest of this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How things stand, one entry for each question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The uuid of the key in DOOR OS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub key_uuid: Option<String>,
    /// How many people hold the key, by role. Never who.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["role".into()]))]
    pub holders: Vec<HolderCount>,
}

/// How many people of one role hold a key.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HolderCount {
    /// The role as DOOR OS names it.
    #[schemars(length(max = 64))]
    pub role: String,
    /// How many.
    pub count: u32,
}
