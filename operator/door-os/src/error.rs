//! What can go wrong between us and DOOR OS, each with what to do next.

use std::time::Duration;

/// The classes of failure a caller acts on; the names are those of the catalogue of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// DOOR OS does not accept the client id and secret.
    CredentialsInvalid,
    /// There is no client id or secret to try.
    CredentialsMissing,
    /// The manager behind the credentials may not do this.
    PermissionDenied,
    /// No usable answer: not reachable, failing, or not speaking the contract.
    BackendUnavailable,
    /// DOOR OS asks us to slow down.
    RateLimited,
    /// An answer arrived that does not show what it should.
    ObservationIncomplete,
}

impl Reason {
    /// Its name in conditions and events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CredentialsInvalid => "CredentialsInvalid",
            Self::CredentialsMissing => "CredentialsMissing",
            Self::PermissionDenied => "PermissionDenied",
            Self::BackendUnavailable => "BackendUnavailable",
            Self::RateLimited => "RateLimited",
            Self::ObservationIncomplete => "ObservationIncomplete",
        }
    }
}

/// A call that did not give what was asked. No text in it comes from an answer's body, except a
/// code of the contract or one that looks like a code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No credentials.
    #[error(
        "no credentials for DOOR OS: {detail}; give the client id and the secret of an API client \
         made by a portfolio manager"
    )]
    CredentialsMissing {
        /// What is missing.
        detail: String,
    },
    /// The token endpoint, or a call with a fresh token, refuses the credentials.
    #[error(
        "{call} answered {status} {code}{fresh}: DOOR OS does not accept this client id and secret; \
         check both (a rotated secret is read again without a restart), and that this machine may \
         ask for tokens", fresh = if *.with_token { " with a fresh token" } else { "" }
    )]
    CredentialsInvalid {
        /// The call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// DOOR's code.
        code: String,
        /// Refused by a call that carried a fresh token, not by the token endpoint.
        with_token: bool,
    },
    /// A fresh token is not enough.
    #[error(
        "{call} answered 403 {code} with a fresh token: the manager behind these credentials may \
         not do this; ask a portfolio manager to give back portfolio or property permission, with \
         Full Key Management for keys"
    )]
    PermissionDenied {
        /// The call.
        call: &'static str,
        /// DOOR's code.
        code: String,
    },
    /// The building is not, or no longer, one of this manager's.
    #[error(
        "{call} answered 404 NOT_FOUND: these credentials may not manage this building; check its \
         uuid, or ask a portfolio manager for permission at the property"
    )]
    NotManaged {
        /// The call.
        call: &'static str,
    },
    /// 429 until we gave up.
    #[error(
        "{call} answered 429 ({}): DOOR OS asks us to slow down{}; it is tried \
         again in a later pass, or lower requestsPerSecond", tries(*.attempts), wait(*.retry_after)
    )]
    RateLimited {
        /// The call.
        call: &'static str,
        /// Requests spent on it.
        attempts: u32,
        /// How long DOOR OS asked us to wait, if it said.
        retry_after: Option<Duration>,
    },
    /// An earlier 429 asked for a long wait; not asked at all.
    #[error(
        "{call} was not sent: DOOR OS asked us to slow down and is left alone for another {} s; it is \
         tried again in a later pass, or lower requestsPerSecond", .for_another.as_secs().max(1)
    )]
    AskedToWait {
        /// The call.
        call: &'static str,
        /// For how long yet.
        for_another: Duration,
    },
    /// No answer.
    #[error(
        "{call} got no answer ({}; {detail}): check the address of DOOR OS, the network and DOOR's \
         status page; it is tried again in a later pass", tries(*.attempts)
    )]
    Unreachable {
        /// The call.
        call: &'static str,
        /// Requests spent on it.
        attempts: u32,
        /// What happened underneath.
        detail: String,
    },
    /// 5xx.
    #[error(
        "{call} answered {status} {code} ({}): DOOR OS is failing; see DOOR's status page; it is tried \
         again in a later pass", tries(*.attempts)
    )]
    Failing {
        /// The call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// DOOR's code.
        code: String,
        /// Requests spent on it.
        attempts: u32,
    },
    /// Too many failures in a row; not asked at all.
    #[error(
        "{call} was not sent: DOOR OS failed several times in a row and is left alone for another \
         {} s; see DOOR's status page", .for_another.as_secs().max(1)
    )]
    Paused {
        /// The call.
        call: &'static str,
        /// For how long yet.
        for_another: Duration,
    },
    /// No room under our own limit before the call lost its meaning.
    #[error(
        "{call} was not sent: our own limit of requests per second left no room for it in time; it \
         is tried again in a later pass, or raise requestsPerSecond if DOOR OS allows more"
    )]
    NoRoom {
        /// The call.
        call: &'static str,
    },
    /// This process may not write any more.
    #[error("{call} was not sent: another process may own this building by now; its owner goes on")]
    NotOwner {
        /// The call.
        call: &'static str,
    },
    /// An answer the contract does not know for this call.
    #[error(
        "{call} answered {status} {code}, which the manager contract does not have for it: check \
         that the address is that of a DOOR OS manager API and not of a proxy or a web page"
    )]
    Unexpected {
        /// The call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// DOOR's code, or "unrecognised".
        code: String,
    },
    /// A success whose body cannot be used.
    #[error(
        "{call} answered {status}, but {what}: check that the address is that of a DOOR OS manager \
         API; if it is, report this to whoever serves it"
    )]
    Unreadable {
        /// The call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// What is wrong with it, without any of its content.
        what: String,
    },
    /// The answer is larger than we read.
    #[error(
        "the answer to {call} is too large to read ({detail}): report this to whoever serves the \
         manager API"
    )]
    TooLarge {
        /// The call.
        call: &'static str,
        /// The bound.
        detail: String,
    },
}

impl Error {
    /// The class of failure.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::CredentialsMissing { .. } => Reason::CredentialsMissing,
            Self::CredentialsInvalid { .. } => Reason::CredentialsInvalid,
            Self::PermissionDenied { .. } | Self::NotManaged { .. } => Reason::PermissionDenied,
            Self::RateLimited { .. } | Self::AskedToWait { .. } | Self::NoRoom { .. } => {
                Reason::RateLimited
            }
            Self::Unreachable { .. }
            | Self::Failing { .. }
            | Self::Paused { .. }
            | Self::NotOwner { .. }
            | Self::Unexpected { .. } => Reason::BackendUnavailable,
            Self::Unreadable { .. } | Self::TooLarge { .. } => Reason::ObservationIncomplete,
        }
    }

    /// When it makes sense to try again, if the failure says so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            Self::AskedToWait { for_another, .. } | Self::Paused { for_another, .. } => {
                Some(*for_another)
            }
            _ => None,
        }
    }
}

fn tries(attempts: u32) -> String {
    match attempts {
        1 => "1 attempt".to_owned(),
        more => format!("{more} attempts"),
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!(" for {} s", wait.as_secs()))
}
