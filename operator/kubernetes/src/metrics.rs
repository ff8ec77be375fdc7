//! What is counted and measured, for Prometheus. No name of a person, door code or uuid is a label.

use std::sync::Arc;

use opendoor_api::{Kind, condition};
use opendoor_door_os::Observer;
use opendoor_planner::reasons::Reason;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::objects::Name;

type FloatGauge = Gauge<f64, std::sync::atomic::AtomicU64>;

/// A Property.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfProperty {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub property: String,
}

/// A Property and a word of the catalogue.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfReason {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub property: String,
    /// The word.
    pub reason: String,
}

/// A Property and what somebody did by hand.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfHandEdit {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub property: String,
    /// `added` or `changed`.
    pub edit: &'static str,
}

/// A Property and the layer that a removal reached.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfLayer {
    /// `door_os` or `lock`.
    pub layer: &'static str,
}

/// A call to DOOR OS.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfCall {
    /// The connection.
    pub connection: String,
    /// Method and path template.
    pub call: &'static str,
    /// The status of the answer; `none` if there was none.
    pub code: String,
}

/// A connection.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfConnection {
    /// Its name.
    pub connection: String,
}

/// What came of a pass.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfResult {
    /// `done` or a word of the catalogue.
    pub result: String,
}

/// Condition of an object's kind.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfCondition {
    /// Its namespace.
    pub namespace: String,
    /// The Property.
    pub property: String,
    /// The kind.
    pub kind: &'static str,
    /// The condition's type.
    pub condition: &'static str,
    /// True, False or Unknown.
    pub status: &'static str,
}

/// What somebody can do by hand.
pub const EDITS: [&str; 2] = ["added", "changed"];
/// The conditions that objects are counted by.
pub const CONDITIONS: [&str; 6] = [
    condition::READY,
    condition::STALLED,
    condition::APPLIED,
    condition::ENFORCED,
    condition::SYNC_REQUIRED,
    condition::DRIFTED,
];
/// The status of a condition.
pub const STATUSES: [&str; 3] = ["True", "False", "Unknown"];

/// The labels of a Property.
#[must_use]
pub fn of(property: &Name) -> OfProperty {
    OfProperty {
        namespace: property.namespace.clone(),
        property: property.name.clone(),
    }
}

/// The labels of a Property and a word.
#[must_use]
pub fn of_reason(property: &Name, reason: &str) -> OfReason {
    OfReason {
        namespace: property.namespace.clone(),
        property: property.name.clone(),
        reason: reason.to_owned(),
    }
}

/// The labels of a hand edit.
#[must_use]
pub fn hand_edit(property: &Name, edit: &'static str) -> OfHandEdit {
    OfHandEdit {
        namespace: property.namespace.clone(),
        property: property.name.clone(),
        edit,
    }
}

/// The labels of a condition.
#[must_use]
pub fn of_condition(
    property: &Name,
    kind: Kind,
    condition: &'static str,
    status: &'static str,
) -> OfCondition {
    OfCondition {
        namespace: property.namespace.clone(),
        property: property.name.clone(),
        kind: kind.as_str(),
        condition,
        status,
    }
}

/// Everything measured. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// Differences somebody made by hand, as of the last look.
    pub drift: Family<OfHandEdit, Gauge>,
    /// Differences somebody made by hand, ever found, repaired at once or not.
    pub drift_found: Family<OfHandEdit, Counter>,
    /// Changes that wait for approval.
    pub held: Family<OfReason, Gauge>,
    /// Declarations that are refused.
    pub refused: Family<OfReason, Gauge>,
    /// Changes made in DOOR OS, by what was done.
    pub changes: Family<OfReason, Counter>,
    /// How long removals took, to DOOR OS and to the lock.
    pub revocation: Family<OfLayer, Histogram>,
    /// Partners at doors that a lock may still let in.
    pub unproven: Family<OfProperty, Gauge>,
    /// The oldest of them, as seconds since the removal.
    pub oldest_unproven: Family<OfProperty, FloatGauge>,
    /// Of them, past the Portfolio's objective.
    pub overdue: Family<OfProperty, Gauge>,
    /// When the oldest of them is past it, as a Unix time.
    pub deadline: Family<OfProperty, FloatGauge>,
    /// Doors that somebody must visit.
    pub visits: Family<OfProperty, Gauge>,
    /// When the Property was last seen whole, as a Unix time.
    pub observed_at: Family<OfProperty, FloatGauge>,
    /// Since when there was no pass, and why, as a Unix time.
    pub failing_since: Family<OfReason, FloatGauge>,
    /// When a partner's authorisation or withdrawal was asked for, the oldest open one, as a Unix time.
    pub hand_off_since: Family<OfProperty, FloatGauge>,
    /// Since when reconciling is suspended, as a Unix time.
    pub paused_since: Family<OfProperty, FloatGauge>,
    /// Claims abandoned because their credentials went.
    pub abandoned: Family<OfProperty, Gauge>,
    /// Objects by condition.
    pub conditions: Family<OfCondition, Gauge>,
    /// Requests to DOOR OS.
    pub requests: Family<OfCall, Counter>,
    /// What is left of the budget of retries, 0 to 1.
    pub budget: Family<OfConnection, FloatGauge>,
    /// Passes, by what came of them.
    pub passes: Family<OfResult, Counter>,
    /// How long passes took.
    pub pass_seconds: Histogram,
    /// Shards this replica owns.
    pub shards: Gauge,
    /// Properties that wait for their pass.
    pub queue: Gauge,
    /// Writes to the API server.
    pub kube_writes: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing measured yet.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("opendoor");
        macro_rules! register {
            ($name:literal, $help:literal, $metric:expr) => {{
                let metric = $metric;
                registry.register($name, $help, metric.clone());
                metric
            }};
        }
        let revocation = Family::<OfLayer, Histogram>::new_with_constructor(|| {
            Histogram::new([
                1.0, 10.0, 60.0, 300.0, 1_800.0, 7_200.0, 43_200.0, 86_400.0, 259_200.0, 604_800.0,
            ])
        });
        let metrics = Self {
            drift: register!(
                "drift_items",
                "Differences made by hand in DOOR OS at the last look",
                Family::default()
            ),
            drift_found: register!(
                "drift_found",
                "Differences made by hand in DOOR OS that were found, repaired or not",
                Family::default()
            ),
            held: register!(
                "held_steps",
                "Changes that wait for approval",
                Family::default()
            ),
            refused: register!(
                "refused",
                "Declarations that are refused",
                Family::default()
            ),
            changes: register!("changes", "Changes made in DOOR OS", Family::default()),
            revocation: register!(
                "revocation_latency_seconds",
                "From a removal's first sight to DOOR OS, and from DOOR OS to the proof at the lock",
                revocation
            ),
            unproven: register!(
                "revocations_unproven",
                "Partners at doors whose lock may still let them in after a removal",
                Family::default()
            ),
            oldest_unproven: register!(
                "oldest_unproven_revocation_seconds",
                "Age of the oldest removal not proven at its lock",
                Family::default()
            ),
            overdue: register!(
                "revocations_overdue",
                "Removals not proven at the lock within the objective",
                Family::default()
            ),
            deadline: register!(
                "revocation_deadline_timestamp_seconds",
                "By when the oldest removal not proven at its lock is to be proven",
                Family::default()
            ),
            visits: register!(
                "door_visits",
                "Doors that need a Door Sync",
                Family::default()
            ),
            observed_at: register!(
                "observed_timestamp_seconds",
                "When the Property was last seen whole",
                Family::default()
            ),
            failing_since: register!(
                "failing_since_timestamp_seconds",
                "Since when no pass over the Property could be made",
                Family::default()
            ),
            hand_off_since: register!(
                "hand_off_since_timestamp_seconds",
                "Since when the oldest e-mail to DOOR is unanswered",
                Family::default()
            ),
            paused_since: register!(
                "paused_since_timestamp_seconds",
                "Since when reconciling is suspended",
                Family::default()
            ),
            abandoned: register!(
                "abandoned_claims",
                "Access left in DOOR OS because its credentials went with their namespace",
                Family::default()
            ),
            conditions: register!(
                "objects",
                "Objects by condition and status, where there are any",
                Family::default()
            ),
            requests: register!(
                "door_os_requests",
                "Requests to DOOR OS by call and code",
                Family::default()
            ),
            budget: register!(
                "door_os_retry_budget_ratio",
                "What is left of the budget of retries",
                Family::default()
            ),
            passes: register!(
                "passes",
                "Passes over a Property by result",
                Family::default()
            ),
            pass_seconds: register!(
                "pass_duration_seconds",
                "How long a pass takes",
                Histogram::new([0.05, 0.2, 1.0, 5.0, 20.0, 60.0, 300.0])
            ),
            shards: register!("shards_owned", "Shards this replica owns", Gauge::default()),
            queue: register!(
                "queue_depth",
                "Properties that wait for their pass",
                Gauge::default()
            ),
            kube_writes: register!(
                "kubernetes_writes",
                "Writes to the API server, leases apart",
                Counter::default()
            ),
            registry: Arc::new(Registry::default()),
        };
        Self {
            registry: Arc::new(registry),
            ..metrics
        }
    }

    /// A pass was made.
    pub fn done(&self) {
        self.failed("done");
    }

    /// A pass ended like this.
    pub fn failed(&self, result: &str) {
        let result = result.to_owned();
        self.passes.get_or_create(&OfResult { result }).inc();
    }

    /// Notes access that was abandoned.
    pub fn abandoned(&self, property: &Name, claims: usize) {
        self.abandoned
            .get_or_create(&of(property))
            .set(i64::try_from(claims).unwrap_or(i64::MAX));
    }

    /// Forgets what was measured of a Property that is gone.
    pub fn forget(&self, property: &Name) {
        let label = of(property);
        for family in [&self.unproven, &self.overdue, &self.visits] {
            family.remove(&label);
        }
        for family in [
            &self.oldest_unproven,
            &self.deadline,
            &self.observed_at,
            &self.hand_off_since,
            &self.paused_since,
        ] {
            family.remove(&label);
        }
        for edit in EDITS {
            self.drift.remove(&hand_edit(property, edit));
        }
        for reason in Reason::ALL {
            self.held.remove(&of_reason(property, reason.as_str()));
            self.refused.remove(&of_reason(property, reason.as_str()));
            self.failing_since
                .remove(&of_reason(property, reason.as_str()));
        }
        for kind in [Kind::Property, Kind::DoorAssignment, Kind::PartnerKey] {
            for condition in CONDITIONS {
                for status in STATUSES {
                    self.conditions
                        .remove(&of_condition(property, kind, condition, status));
                }
            }
        }
    }

    /// Counts the requests of a connection.
    #[must_use]
    pub fn observer(&self, connection: &str) -> Observer {
        let (requests, connection) = (self.requests.clone(), connection.to_owned());
        Arc::new(move |call, status| {
            let labels = OfCall {
                connection: connection.clone(),
                call,
                code: status.map_or_else(|| String::from("none"), |status| status.to_string()),
            };
            requests.get_or_create(&labels).inc();
        })
    }

    /// Everything in the text format of Prometheus.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}
