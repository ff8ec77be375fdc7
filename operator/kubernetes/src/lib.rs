//! The home in a Kubernetes cluster: objects are the declarations, ConfigMaps hold the ledgers, Leases
//! say who writes, and what was found is said on the objects themselves.
//!
//! Nothing is decided here: a pass over a Property is the reconciler's, the same as in the home
//! without Kubernetes.

pub mod accounts;
pub mod boottime;
pub mod client;
pub mod config;
mod context;
pub mod controller;
pub mod declared;
pub mod events;
pub mod finalizers;
pub mod ledgers;
mod measure;
pub mod metrics;
pub mod objects;
mod orders;
mod passes;
mod portfolios;
mod queue;
pub mod reading;
mod release;
mod report;
mod rights;
pub mod serve;
pub mod shards;
mod strays;
mod tell;
pub mod watch;

/// The field manager of everything we write to the API server.
pub const MANAGER: &str = "opendoor";

/// What a write that was meant for one object at one version came to; `None`: the object changed or went
/// meanwhile, and the next look shows what is there now.
pub(crate) fn unless_overtaken<T>(
    written: Result<T, kube::Error>,
) -> Result<Option<T>, kube::Error> {
    match written {
        Ok(object) => Ok(Some(object)),
        Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A failure of the API server in words for a person. The library's own message repeats its insides.
#[must_use]
pub fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        kube::Error::Auth(_) => {
            String::from("the operator could not authenticate itself to the API server")
        }
        kube::Error::HyperError(_) | kube::Error::Service(_) => {
            String::from("the API server did not answer")
        }
        other => {
            let text = other.to_string();
            text.lines().next().unwrap_or_default().to_owned()
        }
    }
}
