//! DoorAssignment: a partner may open these doors.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    common::{DeletionPolicy, LocalRef, NAME, NAME_MAX},
    moment::Moment,
    period::Period,
    status::TEXT_MAX,
};

const DEFAULT_VACANT_FOR: Period = Period::known("24h", 24 * 3600);

/// A partner may open these doors of one property.
#[derive(
    CustomResource, KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize,
)]
#[kube(
    group = "opendoor.dev",
    version = "v1alpha1",
    kind = "DoorAssignment",
    plural = "doorassignments",
    shortname = "da",
    category = "opendoor",
    namespaced,
    status = "DoorAssignmentStatus",
    derive = "PartialEq",
    doc = "A partner may open these doors of one property.",
    selectable = ".spec.propertyRef.name",
    printcolumn(name = "Property", type_ = "string", json_path = ".spec.propertyRef.name"),
    printcolumn(name = "Partner", type_ = "string", json_path = ".spec.partner"),
    printcolumn(name = "Doors", type_ = "integer", json_path = ".status.declaredDoors"),
    printcolumn(name = "Applied", type_ = "string", json_path = ".status.conditions[?(@.type==\"Applied\")].status"),
    printcolumn(name = "Enforced", type_ = "string", json_path = ".status.conditions[?(@.type==\"Enforced\")].status"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 63")
        .message("A DoorAssignment's name has at most 63 characters.")
)]
#[x_kube(
    validation = Rule::new("has(self.doors) != has(self.doorSelector)")
        .message("Say which doors in exactly one way: name them in `doors`, or describe them with `doorSelector`."),
    validation = Rule::new("!has(self.exceptDoors) || has(self.doorSelector)")
        .message("`exceptDoors` leaves doors out of a `doorSelector`. With `doors`, take the door off that list instead.")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DoorAssignmentSpec {
    /// The Property whose doors these are. It can never be changed.
    #[x_kube(validation = Rule::new("self.name == oldSelf.name")
        .message("A DoorAssignment stays with its Property. Create a new one for the other Property, then delete this one."))]
    pub property_ref: LocalRef,
    /// The partner as DOOR OS names it, or its uuid. It must be listed in the Property.
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = NAME))]
    pub partner: String,
    /// The doors, each as DOOR OS names it or by its uuid. Not together with doorSelector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = NAME_MAX), regex(pattern = NAME)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub doors: Option<Vec<String>>,
    /// Describes the doors instead of naming them: every door of the property that meets all the conditions. Not
    /// together with doors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door_selector: Option<DoorSelector>,
    /// Doors that are left out although doorSelector describes them. Only together with doorSelector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = NAME_MAX), regex(pattern = NAME)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub except_doors: Option<Vec<String>>,
    /// Limits the access to a time. Without it the access holds until it is taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<Validity>,
    /// What happens in DOOR OS when this object is deleted: the partner is taken off the doors (Remove), or everything
    /// stays as it is (Retain).
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// Describes doors by what they are. A door has to meet every condition that is written.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("has(self.doorType) || has(self.accessibility) || has(self.namePattern) || has(self.vacancy)")
        .message("A `doorSelector` needs at least one condition: doorType, accessibility, namePattern or vacancy. \
            An empty one would mean every door."),
    validation = Rule::new("!has(self.vacantFor) || (has(self.vacancy) && self.vacancy == 'Vacant')")
        .message("`vacantFor` only goes together with `vacancy: Vacant`.")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DoorSelector {
    /// The type of the door in DOOR OS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "DoorType")]
    pub door_type: Option<DoorType>,
    /// Whether residents share the door (Communal) or it belongs to a unit (Private).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Accessibility")]
    pub accessibility: Option<Accessibility>,
    /// The name of the door, where `*` stands for any text, for example `Garage *`. Capital letters matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = NAME_MAX), regex(pattern = NAME))]
    pub name_pattern: Option<String>,
    /// Whether the unit behind the door is vacant. Access ends at once when a unit stops to be so; as long as nobody
    /// can tell, nothing changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Vacancy")]
    pub vacancy: Option<Vacancy>,
    /// How long a unit must have been vacant before the partner gets in, for example 24h (which also holds if this is
    /// left out). Only together with vacancy: Vacant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vacant_for: Option<Period>,
}

impl DoorSelector {
    /// How long a unit must have been vacant before the partner gets in.
    #[must_use]
    pub fn vacant_for(&self) -> Period {
        self.vacant_for.clone().unwrap_or(DEFAULT_VACANT_FOR)
    }
}

/// The type of a door in DOOR OS.
#[derive(
    JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[schemars(inline)]
pub enum DoorType {
    /// A door from the street into the building.
    BuildingEntrance,
    /// The door of a unit.
    Residence,
    /// A door for staff, such as a boiler room.
    Service,
    /// A door residents share, such as a gym.
    Communal,
}

/// Whether residents share a door or it belongs to a unit.
#[derive(
    JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[schemars(inline)]
pub enum Accessibility {
    /// Residents share it.
    Communal,
    /// It belongs to a unit.
    Private,
}

/// Whether the unit behind a door is vacant.
#[derive(
    JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[schemars(inline)]
pub enum Vacancy {
    /// Nobody lives there.
    Vacant,
    /// Somebody lives there.
    Occupied,
}

/// Limits access to a time.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[x_kube(
    validation = Rule::new("has(self.from) || has(self.until)")
        .message("A `validity` needs `from`, `until` or both."),
    validation = Rule::new("!has(self.from) || !has(self.until) || self.until > self.from")
        .message("`until` must be later than `from`.")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Validity {
    /// When access begins, with an offset, for example 2026-06-01T09:00:00-04:00. Without it, at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Moment>,
    /// When access ends, with an offset, for example 2026-07-01T00:00:00-04:00. Without it, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Moment>,
}

/// What was found of a DoorAssignment.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DoorAssignmentStatus {
    /// The version of the spec that the rest of this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How things stand, one entry for each question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// How many doors are declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_doors: Option<u32>,
    /// At how many of them DOOR OS grants what is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_doors: Option<u32>,
    /// At how many of them the lock is known to carry what is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced_doors: Option<u32>,
    /// How many locks a person has to visit because of this object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door_visits: Option<u32>,
    /// The first doors where something is not fine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub doors: Vec<AssignedDoorStatus>,
    /// The names of the doors that doorSelector means now, and of those that stay as they are because it cannot be told
    /// whether it still means them. At most 1000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = TEXT_MAX)))]
    pub selected_doors: Vec<String>,
    /// How many such doors there are beside those that selectedDoors names. Absent if it names them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_selected_doors: Option<u32>,
}

/// A door where something is not fine.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssignedDoorStatus {
    /// The door's name.
    #[schemars(length(max = TEXT_MAX))]
    pub door: String,
    /// The door's uuid, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 36))]
    pub uuid: Option<String>,
    /// What is not fine, in one word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// What is not fine, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}
