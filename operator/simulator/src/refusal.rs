//! Why DOOR OS refuses a request: the error codes of the contract, and a few of the simulator's own calls.

use http::StatusCode;

/// A refusal, sent as `{"message": CODE}`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// With an explanation for whoever drives the simulator by hand; the contract's callers see only the code.
    #[error("{0}")]
    Invalid(String),
    #[error("BUILDING_UUID_REQUIRED")]
    BuildingUuidRequired,
    #[error("INVALID_PAGE_TOKEN")]
    InvalidPageToken,
    #[error("DOOR_OUTSIDE_BUILDING")]
    DoorOutsideBuilding,
    #[error("UNAUTHORIZED")]
    Unauthorized,
    #[error("NOT_FOUND")]
    NotFound,
    #[error("PARTNER_NOT_AUTHORIZED")]
    PartnerNotAuthorized,
    #[error("PARTNER_IMMUTABLE")]
    PartnerImmutable,
    #[error("KEY_NAME_TAKEN")]
    KeyNameTaken,
    #[error("PARTNER_IN_USE")]
    PartnerInUse,
    #[error("KEY_DELETED")]
    KeyDeleted,
    #[error("REVISION_MISMATCH")]
    RevisionMismatch,
    #[error("PRECONDITION_REQUIRED")]
    PreconditionRequired,
    /// A phone delivers what it never fetched.
    #[error("NOTHING_FETCHED")]
    NothingFetched,
    /// A phone stands before a door without a lock.
    #[error("NO_DEVICE")]
    NoDevice,
    /// What the phone fetched is meant for another lock.
    #[error("OTHER_DEVICE")]
    OtherDevice,
}

impl Refusal {
    pub(crate) fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid(why.into())
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_)
            | Self::BuildingUuidRequired
            | Self::InvalidPageToken
            | Self::DoorOutsideBuilding => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::PartnerNotAuthorized
            | Self::PartnerImmutable
            | Self::KeyNameTaken
            | Self::PartnerInUse
            | Self::NothingFetched
            | Self::NoDevice
            | Self::OtherDevice => StatusCode::CONFLICT,
            Self::KeyDeleted => StatusCode::GONE,
            Self::RevisionMismatch => StatusCode::PRECONDITION_FAILED,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
        }
    }

    /// The code as the contract sends it.
    pub(crate) fn code(&self) -> String {
        match self {
            Self::Invalid(_) => "INVALID_REQUEST".to_owned(),
            other => other.to_string(),
        }
    }
}
