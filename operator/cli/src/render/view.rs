//! What there is to print, whether it comes from a round, or from a plan made against a table.

use std::collections::BTreeMap;

use opendoor_door_os::Reason as DoorOsReason;
use opendoor_planner::declared::Problem;
use opendoor_planner::ids::{DoorUuid, KeyUuid};
use opendoor_planner::ledger::Fingerprint;
use opendoor_planner::observed::Observed;
use opendoor_planner::owner::Cause;
use opendoor_planner::plan::{Plan, Step};
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::gather::NotPassed;
use opendoor_reconciler::pass::{PassError, PassReport, StepResult};
use opendoor_reconciler::round::RoundReport;
use opendoor_reconciler::snapshot::Unreadable;
use opendoor_reconciler::table::TablePlan;
use opendoor_reconciler::unseen::Unseen;

use crate::exit::{Verdict, of_error};

/// What there is to print.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// One for each property that was looked at.
    pub properties: Vec<PropertyView<'a>>,
    /// What is wrong beside any plan.
    pub problems: Vec<Outside>,
    /// Properties that were not looked at, as last known.
    pub unseen: &'a [Unseen],
    /// Things worth saying that change nothing.
    pub notes: &'a [String],
    /// Whether steps were performed.
    pub performed: bool,
}

/// One property.
#[derive(Clone, Copy, Debug)]
pub struct PropertyView<'a> {
    /// The plan made first.
    pub plan: &'a Plan,
    /// What is left.
    pub after: &'a Plan,
    /// What came of the steps, where they were performed.
    pub results: Option<&'a BTreeMap<Fingerprint, StepResult>>,
    /// The last look.
    pub observed: Option<&'a Observed>,
    /// The pass, where there was one.
    pub pass: Option<&'a PassReport>,
}

/// Something wrong that belongs to no plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Outside {
    /// The property's name, if it is about one.
    pub property: Option<String>,
    /// The reason; `None`: the program's own store failed.
    pub reason: Option<Reason>,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub cause: Option<Cause>,
    /// The command could not do its work there: its exit code is that of an error.
    pub failed: bool,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Became<'a> {
    /// DOOR OS holds it, read back.
    Applied,
    /// DOOR OS refused it with this code.
    Refused(&'a str),
    /// Its answer was lost.
    Unknown,
    /// It never left us.
    NotSent(&'a str),
    /// It is held.
    Held,
    /// It was not its turn: nothing is performed here, or something stopped the batch.
    Skipped,
}

impl Became<'_> {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused(_) => "refused",
            Self::Unknown => "unknown",
            Self::NotSent(_) => "notSent",
            Self::Held => "held",
            Self::Skipped => "skipped",
        }
    }
}

impl<'a> View<'a> {
    /// What a round has to say.
    #[must_use]
    pub fn of_round(report: &'a RoundReport, performed: bool) -> Self {
        let properties = report
            .passes
            .iter()
            .filter_map(|(_, pass)| pass.as_ref().ok())
            .map(|pass| PropertyView {
                plan: &pass.plan,
                after: if performed { &pass.after } else { &pass.plan },
                results: performed.then_some(&pass.results),
                observed: Some(&pass.observed),
                pass: Some(pass),
            })
            .collect();
        Self {
            properties,
            problems: outside(report),
            unseen: &report.unseen,
            notes: &report.notes,
            performed,
        }
    }

    /// What plans made against a table have to say.
    #[must_use]
    pub fn of_table(planned: &'a TablePlan) -> Self {
        let properties = planned
            .plans
            .iter()
            .map(|plan| PropertyView {
                plan,
                after: plan,
                results: None,
                observed: None,
                pass: None,
            })
            .collect();
        Self {
            properties,
            problems: not_passed(&planned.not_passed)
                .chain(strays(&planned.strays))
                .chain(unreadable(&planned.unreadable))
                .collect(),
            unseen: &[],
            notes: &[],
            performed: false,
        }
    }
}

impl<'a> PropertyView<'a> {
    /// Its steps, with what became of each where they were performed. Steps that only came up
    /// afterwards are among them.
    #[must_use]
    pub fn steps(&self) -> Vec<(&'a Step, Option<Became<'a>>)> {
        let Some(results) = self.results else {
            return self.plan.steps.iter().map(|step| (step, None)).collect();
        };
        let known: Vec<_> = self.plan.steps.iter().map(about).collect();
        let new = self
            .after
            .steps
            .iter()
            .filter(|step| !known.contains(&about(step)));
        self.plan
            .steps
            .iter()
            .chain(new)
            .map(|step| (step, Some(became(step, results))))
            .collect()
    }

    /// Whether a door is on the internet, where that was seen.
    #[must_use]
    pub fn connected(&self, door: DoorUuid) -> Option<bool> {
        self.observed?.door(door)?.connected
    }

    /// The building's name, or the property's where it has none.
    #[must_use]
    pub fn title(&self) -> &'a str {
        if self.plan.building.is_empty() {
            &self.plan.name
        } else {
            &self.plan.building
        }
    }

    /// Whether DOOR OS was seen whole, every time.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.plan.complete && self.read_back()
    }

    /// Whether the last look showed everything: a read-back that failed is a refusal of its own.
    #[must_use]
    pub fn read_back(&self) -> bool {
        let mut refusals = self.after.refusals.iter();
        self.after.complete
            && !refusals.any(|refusal| refusal.reason == Reason::ObservationIncomplete)
    }
}

/// What a step is about: a door, or a key, which has no uuid before it is made.
fn about(step: &Step) -> (Option<DoorUuid>, Option<KeyUuid>, Option<&str>) {
    (
        step.door.as_ref().and_then(|door| door.uuid),
        step.key.as_ref().and_then(|key| key.uuid),
        step.key.as_ref().map(|key| key.name.as_str()),
    )
}

fn became<'a>(step: &Step, results: &'a BTreeMap<Fingerprint, StepResult>) -> Became<'a> {
    match results.get(&step.fingerprint) {
        Some(StepResult::Applied) => Became::Applied,
        Some(StepResult::Refused(code)) => Became::Refused(code),
        Some(StepResult::Unknown) => Became::Unknown,
        Some(StepResult::NotSent(why)) => Became::NotSent(why),
        None if step.held.is_some() => Became::Held,
        None => Became::Skipped,
    }
}

fn outside(report: &RoundReport) -> Vec<Outside> {
    let failed = report.passes.iter().filter_map(|(target, pass)| {
        let error = pass.as_ref().err()?;
        Some(Outside {
            property: Some(target.property.clone()),
            reason: reason_of(error),
            message: error.to_string(),
            cause: None,
            failed: of_error(error) == Verdict::Error,
        })
    });
    failed
        .chain(not_passed(&report.not_passed))
        .chain(strays(&report.strays))
        .chain(unreadable(&report.unreadable))
        .collect()
}

fn not_passed(all: &[NotPassed]) -> impl Iterator<Item = Outside> {
    all.iter().map(|other| Outside {
        property: Some(other.property.clone()),
        reason: Some(other.problem.reason),
        message: other.problem.message.clone(),
        cause: Some(other.problem.cause.clone()),
        failed: false,
    })
}

fn strays(all: &[Problem]) -> impl Iterator<Item = Outside> {
    all.iter().map(|problem| Outside {
        property: None,
        reason: Some(problem.reason),
        message: problem.message.clone(),
        cause: Some(problem.cause.clone()),
        failed: false,
    })
}

fn unreadable(all: &[Unreadable]) -> impl Iterator<Item = Outside> {
    all.iter().map(|unreadable| Outside {
        property: None,
        reason: Some(Reason::DeclarationIncomplete),
        message: unreadable.message.clone(),
        cause: Some(Cause {
            kind: String::new(),
            name: String::new(),
            file: Some(unreadable.file.clone()),
            line: unreadable.line,
            column: unreadable.column,
        }),
        failed: false,
    })
}

/// The catalogue's word for a pass that failed.
fn reason_of(error: &PassError) -> Option<Reason> {
    match error {
        PassError::DoorOs(error) => Some(match error.reason() {
            DoorOsReason::CredentialsInvalid => Reason::CredentialsInvalid,
            DoorOsReason::CredentialsMissing => Reason::CredentialsMissing,
            DoorOsReason::PermissionDenied => Reason::PermissionDenied,
            DoorOsReason::BackendUnavailable | DoorOsReason::RateLimited => {
                Reason::BackendUnavailable
            }
            DoorOsReason::ObservationIncomplete => Reason::ObservationIncomplete,
        }),
        PassError::Store(_) => None,
    }
}
