//! Faults on order: which of them strike a call of the contract. What they do is in `distortions`.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::world::World;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// The answer comes `seconds` (and up to `jitterSeconds`) late.
    Latency,
    /// 401 `UNAUTHORIZED`.
    Unauthorized,
    /// 403 with an empty body.
    Forbidden,
    /// 429, with `Retry-After` in seconds (`retryAfter`), as a date (`retryAfterDate`, seconds ahead), or without.
    Throttled,
    /// `status` (500) with `body` json, html or empty; `applied` says whether a write took effect (false).
    ServerError,
    /// Applied, but the answer never comes.
    LostAnswer,
    /// The answer never comes; the write takes effect `seconds` later, if its `If-Match` still fits then.
    LateWrite,
    /// The list ends early: `rows` rows (half the page), no `nextPageToken`.
    TruncatedList,
    /// `nextPageToken` leads past a page.
    LostPage,
    /// `nextPageToken` leads to the same page again.
    RepeatedPage,
    /// A row between two pages is skipped or served twice (`mode` skip or duplicate; else by chance).
    ShiftingPages,
    /// The rows of a page in falling order.
    ReorderedPage,
    /// Rows as they were `versions` (1) versions ago.
    StaleRows,
    /// `lockRevision` is null.
    NoLockRevision,
    /// `Date` is off by `seconds`.
    SkewedDate,
    /// `building` (name or uuid; else every building) is not listed.
    BuildingMissing,
    /// The client's secret is not accepted any more.
    SecretChanged,
    /// The token of the call expires; answered `status` 401 (or 403).
    ExpiredTokens,
    /// The body breaks off in the middle.
    MalformedJson,
    /// `field` (else `type`, `doorType`, `keyType`) has a value that nobody knows.
    UnknownEnum,
    /// Optional fields are null.
    ExtraNulls,
    /// `sync.required` is the opposite.
    SyncRequiredLies,
    /// The body is padded by `bytes` (32 MiB).
    HugeBody,
    /// Rows carry residents in fields that the contract does not have.
    LeakResidents,
}

/// A page's shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Shift {
    /// A row is on no page.
    Skip,
    /// A row is on two pages.
    Duplicate,
}

/// What the body of a server error is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ErrorBody {
    /// `{"message": "INTERNAL_SERVER_ERROR"}`.
    #[default]
    Json,
    /// A proxy's page.
    Html,
    /// Nothing.
    Empty,
}

/// A fault, and when it strikes: of the calls it matches, it lets `after` pass, then strikes `every` n-th, with
/// `probability`, `count` times in all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[allow(
    missing_docs,
    reason = "the fields are explained at the kinds that use them"
)]
pub struct Fault {
    pub kind: FaultKind,
    /// Only this method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Only this path: a template (`/v1/doors/{uuid}`), a path, or a beginning with `*`. Without it `/oauth/token` is
    /// spared, except by `secretChanged` and `skewedDate`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_seconds: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<ErrorBody>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_date: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Shift>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub building: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<usize>,
}

/// DOOR promises that no request takes effect later than this.
pub(crate) const LATEST_EFFECT_SECONDS: f64 = 600.0;

/// The faults on order, with how often each matched and struck.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Faults(Vec<Armed>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Armed {
    fault: Fault,
    matched: u64,
    struck: u64,
}

impl Faults {
    /// Replaces all faults, or says why one makes no sense.
    pub(crate) fn order(faults: Vec<Fault>) -> Result<Self, String> {
        for fault in &faults {
            let seconds = fault.seconds.unwrap_or(0.0);
            let allowed = match fault.kind {
                FaultKind::LateWrite => 0.0..=LATEST_EFFECT_SECONDS,
                FaultKind::SkewedDate => -1e9..=1e9,
                _ => 0.0..=1e6,
            };
            if !allowed.contains(&seconds) {
                return Err(format!(
                    "seconds of {:?} must be within {allowed:?}",
                    fault.kind
                ));
            }
            if fault.every == Some(0) {
                return Err("every must be at least 1".to_owned());
            }
            if fault
                .status
                .is_some_and(|status| !(400..=599).contains(&status))
            {
                return Err("status must be an error, 400 to 599".to_owned());
            }
        }
        Ok(Self(
            faults
                .into_iter()
                .map(|fault| Armed {
                    fault,
                    matched: 0,
                    struck: 0,
                })
                .collect(),
        ))
    }

    /// The faults with their counts, for people.
    pub(crate) fn report(&self) -> Vec<Value> {
        self.0
            .iter()
            .map(|armed| {
                let mut row = serde_json::to_value(&armed.fault).unwrap_or_default();
                if let Value::Object(fields) = &mut row {
                    fields.insert("matched".to_owned(), armed.matched.into());
                    fields.insert("struck".to_owned(), armed.struck.into());
                }
                row
            })
            .collect()
    }
}

impl Fault {
    fn matches(&self, method: &Method, path: &str, template: &str) -> bool {
        let fits_path = match &self.path {
            None => {
                template != "/oauth/token"
                    || matches!(self.kind, FaultKind::SecretChanged | FaultKind::SkewedDate)
            }
            Some(wanted) => {
                wanted == template
                    || wanted == path
                    || wanted
                        .strip_suffix('*')
                        .is_some_and(|begin| path.starts_with(begin))
            }
        };
        let fits_method = self
            .method
            .as_ref()
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method.as_str()));
        fits_path && fits_method && self.kind.concerns(method, template)
    }
}

impl FaultKind {
    /// Whether a fault of this kind can show in such a call at all.
    fn concerns(self, method: &Method, template: &str) -> bool {
        let read = method == Method::GET;
        match self {
            Self::TruncatedList
            | Self::LostPage
            | Self::RepeatedPage
            | Self::ShiftingPages
            | Self::ReorderedPage => read && matches!(template, "/v1/doors" | "/v1/keys"),
            Self::StaleRows => read,
            Self::LateWrite => !read && template != "/oauth/token",
            Self::BuildingMissing => template == "/v1/buildings",
            Self::SecretChanged => template == "/oauth/token",
            Self::ExpiredTokens => template != "/oauth/token",
            _ => true,
        }
    }
}

impl World {
    /// The faults that strike this call, in the order they were given.
    pub(crate) fn strike(&mut self, method: &Method, path: &str, template: &str) -> Vec<Fault> {
        let mut faults = std::mem::take(&mut self.faults);
        let mut striking = Vec::new();
        for armed in &mut faults.0 {
            let Armed {
                fault,
                matched,
                struck,
            } = armed;
            if !fault.matches(method, path, template) {
                continue;
            }
            *matched += 1;
            let spared = fault.after.unwrap_or(0);
            let due = *matched > spared
                && (*matched - spared - 1).is_multiple_of(fault.every.unwrap_or(1))
                && fault.count.is_none_or(|count| *struck < count);
            if due
                && fault
                    .probability
                    .is_none_or(|probability| self.random(|random| random.f64() < probability))
            {
                *struck += 1;
                striking.push(fault.clone());
            }
        }
        self.faults = faults;
        striking
    }
}
