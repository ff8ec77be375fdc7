//! Portfolio: how a group of properties is looked after.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    common::{LABEL, SecretRef},
    period::Period,
};

/// How a group of properties is looked after: at which DOOR OS account, how often, and with which limits.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "opendoor.dev",
    version = "v1alpha1",
    kind = "Portfolio",
    plural = "portfolios",
    shortname = "pf",
    category = "opendoor",
    namespaced,
    status = "PortfolioStatus",
    derive = "PartialEq",
    doc = "How a group of properties is looked after: at which DOOR OS account, how often, and with which limits.",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Properties", type_ = "integer", json_path = ".status.properties.total"),
    printcolumn(name = "Applied", type_ = "string", json_path = ".status.conditions[?(@.type==\"Applied\")].status"),
    printcolumn(name = "Enforced", type_ = "string", json_path = ".status.conditions[?(@.type==\"Enforced\")].status"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("size(self.metadata.name) <= 63")
        .message("A Portfolio's name has at most 63 characters.")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortfolioSpec {
    /// Which of the DOOR OS connections offered by whoever runs the operator to use. May be left out if there is only
    /// one. Not used outside Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub connection: Option<String>,
    /// The Secret with the credentials for DOOR OS. Required in Kubernetes, not used outside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretRef>,
    /// What we may do: only watch and report (Observe), hold every change until a person approves it (Propose), or
    /// make the changes (Apply).
    #[serde(default)]
    pub mode: Mode,
    /// Stop looking after all properties of this portfolio until this is false again.
    #[serde(default)]
    pub suspend: bool,
    /// How often every property is compared with DOOR OS, for example 5m. At least 10s.
    #[serde(default = "PortfolioSpec::default_check_interval")]
    #[x_kube(validation = Rule::new("duration(self) >= duration('10s')")
        .message("checkInterval must be at least 10s, so that DOOR OS is not flooded with requests."))]
    pub check_interval: Period,
    /// How long a removal waits in Kubernetes before it is carried out, so that renaming an object does not take
    /// access away for a moment. For example 60s.
    #[serde(default = "PortfolioSpec::default_removal_delay")]
    pub removal_delay: Period,
    /// The brake: how much may change before a person has to approve it.
    #[serde(default)]
    pub limits: Limits,
    /// How soon after a removal the locks should have forgotten the partner, for example 72h. A door that still owes
    /// a Door Sync after that is reported as overdue.
    #[serde(default = "PortfolioSpec::default_revocation_objective")]
    pub revocation_objective: Period,
    /// Who asks DOOR to authorise partners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_requests: Option<AuthorizationRequests>,
}

impl PortfolioSpec {
    const fn default_check_interval() -> Period {
        Period::known("5m", 300)
    }

    const fn default_removal_delay() -> Period {
        Period::known("60s", 60)
    }

    const fn default_revocation_objective() -> Period {
        Period::known("72h", 72 * 3600)
    }
}

impl Default for PortfolioSpec {
    /// What holds where no Portfolio is written.
    fn default() -> Self {
        Self {
            connection: None,
            credentials_secret_ref: None,
            mode: Mode::default(),
            suspend: false,
            check_interval: Self::default_check_interval(),
            removal_delay: Self::default_removal_delay(),
            limits: Limits::default(),
            revocation_objective: Self::default_revocation_objective(),
            authorization_requests: None,
        }
    }
}

/// What we may do in DOOR OS.
#[derive(JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[schemars(inline)]
pub enum Mode {
    /// Compare and report; change nothing.
    Observe,
    /// Hold every change until a person approves it.
    Propose,
    /// Make the changes.
    #[default]
    Apply,
}

/// The brake: how much may change before a person has to approve it. A removal is one partner losing one door.
#[derive(KubeSchema, Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Removals in one building within 24 hours.
    #[serde(default = "Limits::default_removals")]
    #[schemars(range(min = 1, max = 100_000))]
    pub removals: u32,
    /// Removals in one building within 24 hours, as a percentage of all that we look after there. The lower of this
    /// and `removals` counts; three removals always pass.
    #[serde(default = "Limits::default_removals_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub removals_percent: u32,
    /// New grants in one building within 24 hours.
    #[serde(default = "Limits::default_grants")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub grants: u32,
    /// Removals in all buildings of the portfolio within 24 hours.
    #[serde(default = "Limits::default_portfolio_removals")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub portfolio_removals: u32,
}

impl Limits {
    const fn default_removals() -> u32 {
        25
    }

    const fn default_removals_percent() -> u32 {
        25
    }

    const fn default_grants() -> u32 {
        200
    }

    const fn default_portfolio_removals() -> u32 {
        100
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            removals: Self::default_removals(),
            removals_percent: Self::default_removals_percent(),
            grants: Self::default_grants(),
            portfolio_removals: Self::default_portfolio_removals(),
        }
    }
}

/// Who asks DOOR to authorise partners.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorizationRequests {
    /// The sender of the e-mails to DOOR's integrations team, for example `Dana Diaz <dana@example.com>`.
    #[schemars(
        length(min = 3, max = 254),
        regex(pattern = r"^[^@\r\n]*[^@\s]@[^@\s]+$")
    )]
    pub from: String,
}

/// What was found of a Portfolio.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortfolioStatus {
    /// The version of the spec that the rest of this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How things stand, one entry for each question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// How many properties belong to the portfolio and how they stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<PropertyCounts>,
}

/// How many properties belong to a portfolio and how they stand.
#[derive(KubeSchema, Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PropertyCounts {
    /// All of them.
    pub total: u32,
    /// Those where DOOR OS equals what is declared.
    pub ready: u32,
    /// Those that wait for a person.
    pub stalled: u32,
}
