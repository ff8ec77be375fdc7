//! Words that several kinds share: references, policies, and the bounds of names.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The API group of every resource.
pub const GROUP: &str = "opendoor.dev";
/// The version of every resource.
pub const VERSION: &str = "v1alpha1";
/// Group and version as `apiVersion` spells them.
pub const GROUP_VERSION: &str = "opendoor.dev/v1alpha1";

/// A name in DOOR OS, or a uuid: no blank at either end and on one line, so that what is written is what is seen.
pub(crate) const NAME: &str = r"^\S(.*\S)?$";
/// The longest name in DOOR OS we accept.
pub(crate) const NAME_MAX: u32 = 200;

/// Whether a text can stand where an object names a door, a key, a partner or a building: the schema's own pattern
/// and bounds, and nothing that a terminal or a log would take for more than text.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let length = text.chars().count();
    let ends = [text.chars().next(), text.chars().next_back()];
    (1..=NAME_MAX as usize).contains(&length)
        && !ends.into_iter().flatten().any(char::is_whitespace)
        && !text.chars().any(char::is_control)
}
/// A uuid as DOOR OS prints it.
pub(crate) const UUID: &str =
    r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
/// A name that may also be a label value and part of a host name.
pub(crate) const LABEL: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// The name of any Kubernetes object.
pub(crate) const OBJECT_NAME: &str =
    r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// Names another object of the same namespace.
#[derive(
    KubeSchema, Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocalRef {
    /// The other object's metadata.name.
    #[schemars(length(min = 1, max = 63), regex(pattern = OBJECT_NAME))]
    pub name: String,
}

/// Names a Secret of the same namespace.
#[derive(
    KubeSchema, Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRef {
    /// The Secret's metadata.name. It holds the keys `clientId` and `clientSecret`.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
}

/// What happens in DOOR OS when this object is deleted.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[schemars(inline)]
pub enum DeletionPolicy {
    /// What the object declared is taken away in DOOR OS.
    #[default]
    Remove,
    /// DOOR OS is left as it is; from then on people look after it by hand.
    Retain,
}
