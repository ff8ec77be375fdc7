//! The resources a property manager writes, and the rules for their shape.
//!
//! Nothing here reads a file, opens a connection or looks at a clock: YAML text goes in, typed objects or a
//! complete list of faults come out.

#![allow(
    unreachable_pub,
    reason = "KubeSchema copies every struct into a function, where its `pub` cannot be reached"
)]

mod common;
mod crds;
mod door_assignment;
mod door_sync_order;
mod fault;
mod kind;
mod moment;
mod partner_key;
mod period;
mod plan_report;
mod portfolio;
mod property;
mod resource;
mod schema;
mod status;
mod suggest;
mod wording;
pub mod yaml;

pub use common::{DeletionPolicy, GROUP, GROUP_VERSION, LocalRef, SecretRef, VERSION, is_name};
pub use crds::{crd_yaml, crds, file_name, regenerate_command};
pub use door_assignment::{
    Accessibility, AssignedDoorStatus, DoorAssignment, DoorAssignmentSpec, DoorAssignmentStatus,
    DoorSelector, DoorType, Vacancy, Validity,
};
pub use door_sync_order::{
    DoorSyncOrder, DoorSyncOrderSpec, DoorSyncOrderStatus, DoorToVisit, Via,
};
pub use fault::{Fault, FaultKind};
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
pub use kind::Kind;
pub use moment::{Moment, NotAMoment};
pub use partner_key::{
    Acknowledgement, Adoption, Day, HolderCount, KeyDoor, PartnerKey, PartnerKeySpec,
    PartnerKeyStatus, ScheduleEntry,
};
pub use period::{NotAPeriod, Period};
pub use plan_report::{PlanReport, PlanSummary, PlannedStep, RefusedStep};
pub use portfolio::{
    AuthorizationRequests, Limits, Mode, Portfolio, PortfolioSpec, PortfolioStatus, PropertyCounts,
};
pub use property::{
    AddedByHand, DoorCounts, PartnerState, Property, PropertyPartner, PropertyPartnerStatus,
    PropertySpec, PropertyStatus, RemovedByHand, UnmanagedAccess,
};
pub use resource::{Resource, validate, validate_update};
pub use status::{Cause, condition};
