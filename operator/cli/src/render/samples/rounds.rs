//! Rounds of plans.

use std::collections::BTreeMap;

use opendoor_door_os::Building;
use opendoor_planner::declared::Problem;
use opendoor_planner::ids::{BuildingUuid, DoorUuid, PartnerUuid};
use opendoor_planner::ledger::{AcceptedPortfolio, Ledger};
use opendoor_planner::observed::{DoorRow, Holder, Observed};
use opendoor_planner::plan::Plan;
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::gather::{NotPassed, Target};
use opendoor_reconciler::pass::{PassError, PassReport, StepResult};
use opendoor_reconciler::ports::StoreError;
use opendoor_reconciler::round::RoundReport;
use opendoor_reconciler::snapshot::Unreadable;
use uuid::Uuid;

use super::{at, cause};

/// A door as it was last seen.
pub fn row(number: u128, name: &str, connected: Option<bool>) -> DoorRow {
    DoorRow {
        uuid: DoorUuid(Uuid::from_u128(number)),
        name: name.into(),
        door_type: None,
        accessibility: None,
        connected,
        serial: None,
        unit: None,
        holder: Holder::Partner(PartnerUuid(Uuid::from_u128(77))),
        version: 1,
        revision: Some(1),
        access: Default::default(),
        access_revision: 1,
        lock_revision: None,
        sync_required: None,
        last_full_sync: None,
    }
}

/// A pass with this plan, of which these steps were performed.
pub fn pass(plan: Plan, after: Plan, results: &[(&str, StepResult)]) -> PassReport {
    let building = BuildingUuid(Uuid::from_u128(500));
    let mut ledger = Ledger::new(building);
    ledger.head.portfolio = Some(AcceptedPortfolio {
        name: String::from("all"),
        spec: opendoor_api::PortfolioSpec {
            authorization_requests: Some(opendoor_api::AuthorizationRequests {
                from: String::from("Dana <dana@example.com>"),
            }),
            ..opendoor_api::PortfolioSpec::default()
        },
    });
    PassReport {
        building: Building {
            uuid: building,
            name: plan.building.clone(),
            timezone: None,
        },
        plan,
        results: results
            .iter()
            .map(|(fingerprint, result)| ((*fingerprint).to_owned(), result.clone()))
            .collect::<BTreeMap<_, _>>(),
        after,
        statuses: Vec::new(),
        settled: Vec::new(),
        ledger,
        observed: Observed {
            building,
            building_name: String::from("Harbor Point"),
            at: at("2026-06-01T07:00:00Z"),
            partners: Vec::new(),
            doors: vec![row(2, "Garage Gate", Some(false))],
            keys: Vec::new(),
            incomplete: None,
            clock_skewed: false,
        },
        at: at("2026-06-01T07:00:00Z"),
    }
}

/// A round of one pass.
pub fn round(pass: PassReport) -> RoundReport {
    let target = Target {
        property: pass.plan.name.clone(),
        building: pass.building.clone(),
    };
    RoundReport {
        passes: vec![(target, Ok(pass))],
        not_passed: Vec::new(),
        strays: Vec::new(),
        unreadable: Vec::new(),
        notes: Vec::new(),
        unseen: Vec::new(),
    }
}

/// A round that only looked.
pub fn looked(plan: Plan) -> RoundReport {
    round(pass(plan.clone(), plan, &[]))
}

/// A pass that failed.
pub fn failed(error: PassError) -> RoundReport {
    let building = Building {
        uuid: BuildingUuid(Uuid::from_u128(500)),
        name: String::from("Harbor Point"),
        timezone: None,
    };
    RoundReport {
        passes: vec![(
            Target {
                property: String::from("harbor-point"),
                building,
            },
            Err(error),
        )],
        ..nothing()
    }
}

/// A store that failed.
pub fn store_failed() -> PassError {
    PassError::Store(StoreError::InUse {
        place: String::from(".opendoor"),
    })
}

/// A round over nothing.
pub fn nothing() -> RoundReport {
    RoundReport {
        passes: Vec::new(),
        not_passed: Vec::new(),
        strays: Vec::new(),
        unreadable: Vec::new(),
        notes: Vec::new(),
        unseen: Vec::new(),
    }
}

/// A round with one of each thing that belongs to no plan.
pub fn troubled() -> RoundReport {
    RoundReport {
        not_passed: vec![not_passed(Reason::BuildingNotFound)],
        strays: vec![Problem {
            reason: Reason::Invalid,
            message: String::from("no Property \"x\" is declared."),
            cause: cause("DoorAssignment", "lost", 3, Some(5)),
        }],
        unreadable: vec![Unreadable {
            file: String::from("bad.yaml"),
            line: Some(2),
            column: Some(1),
            message: String::from("not YAML"),
            text: None,
        }],
        notes: vec![String::from("simulator.yaml was skipped")],
        ..failed(store_failed())
    }
}

/// A Property that was not passed over.
pub fn not_passed(reason: Reason) -> NotPassed {
    NotPassed {
        property: String::from("elm-court"),
        problem: Problem {
            reason,
            message: String::from("no building is named \"Elm Court\"."),
            cause: cause("Property", "elm-court", 4, Some(13)),
        },
    }
}
