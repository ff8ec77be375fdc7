//! From what was found to an exit code.

use std::process::ExitCode;

use opendoor_door_os::Reason as DoorOsReason;
use opendoor_planner::plan::Plan;
use opendoor_planner::reasons::{Class, Reason};
use opendoor_reconciler::pass::{PassError, PassReport, StepResult};
use opendoor_reconciler::round::RoundReport;

use crate::cluster::SaidPlan;

/// What a command found, the least of it first: the order of their weight, not of their codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing left to do, or only people have something to do.
    #[default]
    Done,
    /// Changes are outstanding.
    Changes,
    /// Something is refused, held or invalid.
    Refused,
    /// It cannot be told.
    CannotTell,
    /// The command could not do its work.
    Error,
}

impl Verdict {
    /// The exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Error => 1,
            Self::Changes => 2,
            Self::Refused => 3,
            Self::CannotTell => 4,
        }
    }

    /// The worst of several, in the order 1, 4, 3, 2, 0.
    #[must_use]
    pub fn worst(verdicts: impl IntoIterator<Item = Self>) -> Self {
        verdicts.into_iter().max().unwrap_or_default()
    }

    /// The worse of two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.max(other)
    }

    /// What a plan says.
    #[must_use]
    pub fn of_plan(plan: &Plan) -> Self {
        let view = if plan.complete {
            Self::Done
        } else {
            Self::CannotTell
        };
        let refusals = plan
            .refusals
            .iter()
            .map(|refusal| of_reason(refusal.reason));
        let steps = plan.steps.iter().map(|step| match step.held {
            Some(_) => Self::Refused,
            None => Self::Changes,
        });
        Self::worst(std::iter::once(view).chain(refusals).chain(steps))
    }

    /// What `drift` says: a plan, and what people did by hand.
    #[must_use]
    pub fn of_drift(plan: &Plan) -> Self {
        let by_hand = if plan.unmanaged.is_empty() && plan.drifted.is_empty() {
            Self::Done
        } else {
            Self::Changes
        };
        Self::of_plan(plan).and(by_hand)
    }

    /// What a round says. `performed`: steps were meant to be made, so what is left counts, with what
    /// became of each.
    #[must_use]
    pub fn of_round(report: &RoundReport, performed: bool) -> Self {
        let one = if performed {
            of_performed
        } else {
            |pass: &PassReport| Self::of_plan(&pass.plan)
        };
        Self::of_each(report, one)
    }

    /// What a round says to `drift`.
    #[must_use]
    pub fn of_drift_round(report: &RoundReport) -> Self {
        Self::of_each(report, |pass| Self::of_drift(&pass.plan))
    }

    /// What a round says to a command that only shows how things are: whether all of them were looked at.
    #[must_use]
    pub fn of_look(report: &RoundReport) -> Self {
        Self::of_properties(report, |pass| {
            if pass.after.complete {
                Self::Done
            } else {
                Self::CannotTell
            }
        })
    }

    /// What the plans say that an operator published.
    #[must_use]
    pub fn of_published(plans: &[SaidPlan]) -> Self {
        Self::worst(plans.iter().map(|said| {
            let plan = said.status.as_ref().and_then(|status| status.plan.as_ref());
            let Some(plan) = plan.filter(|plan| plan.complete) else {
                return Self::CannotTell;
            };
            let summary = plan.summary;
            if summary.held + summary.refused > 0 {
                Self::Refused
            } else if summary == opendoor_api::PlanSummary::default() && plan.steps.is_empty() {
                Self::Done
            } else {
                Self::Changes
            }
        }))
    }

    fn of_each(report: &RoundReport, one: impl Fn(&PassReport) -> Self) -> Self {
        let strays = report.strays.iter().map(|_| Self::Refused);
        let unreadable = report.unreadable.iter().map(|_| Self::CannotTell);
        Self::worst(strays.chain(unreadable)).and(Self::of_properties(report, one))
    }

    fn of_properties(report: &RoundReport, one: impl Fn(&PassReport) -> Self) -> Self {
        let passes = report.passes.iter().map(|(_, pass)| match pass {
            Ok(pass) => one(pass),
            Err(error) => of_error(error),
        });
        let not_passed = report
            .not_passed
            .iter()
            .map(|other| match other.problem.reason.class() {
                Class::CannotTell => Self::CannotTell,
                _ => Self::Refused,
            });
        Self::worst(passes.chain(not_passed))
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        Self::from(verdict.code())
    }
}

/// What a refusal with this reason says.
fn of_reason(reason: Reason) -> Verdict {
    match reason.class() {
        Class::CannotTell => Verdict::CannotTell,
        Class::Refused | Class::Held => Verdict::Refused,
        Class::Working => Verdict::Changes,
        Class::Waiting | Class::Noted | Class::Fine => Verdict::Done,
    }
}

fn of_performed(pass: &PassReport) -> Verdict {
    let results = pass.results.values().map(|result| match result {
        StepResult::Applied => Verdict::Done,
        StepResult::Refused(_) => Verdict::Refused,
        StepResult::Unknown => Verdict::CannotTell,
        StepResult::NotSent(_) => Verdict::Changes,
    });
    Verdict::of_plan(&pass.after).and(Verdict::worst(results))
}

/// What a pass that failed says.
#[must_use]
pub fn of_error(error: &PassError) -> Verdict {
    match error {
        PassError::DoorOs(error) => match error.reason() {
            DoorOsReason::ObservationIncomplete | DoorOsReason::RateLimited => Verdict::CannotTell,
            _ => Verdict::Error,
        },
        PassError::Store(_) => Verdict::Error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::samples::{
        busy, day, empty, failed, looked, not_passed, nothing, pass, round, store_failed, troubled,
        waiting,
    };
    use opendoor_planner::plan::Refusal;

    fn refused(reason: Reason) -> Plan {
        let mut plan = day();
        plan.steps.clear();
        plan.refusals = vec![Refusal {
            reason,
            ..plan.refusals.remove(0)
        }];
        plan
    }

    #[test]
    fn the_worst_wins_in_the_order_1_4_3_2_0() {
        let all = [
            Verdict::Done,
            Verdict::Changes,
            Verdict::Refused,
            Verdict::CannotTell,
            Verdict::Error,
        ];
        let mut codes = Vec::new();
        for many in 0..=all.len() {
            codes.push(Verdict::worst(all.into_iter().take(many)).code());
        }
        assert_eq!(codes, [0, 0, 2, 3, 4, 1]);
    }

    #[test]
    fn a_plan_has_a_code() {
        let only_steps = Plan {
            refusals: Vec::new(),
            ..day()
        };
        let only_people = Plan {
            waiting: waiting(),
            ..empty()
        };
        let by_hand = Plan {
            unmanaged: busy().unmanaged,
            ..empty()
        };
        let suspended = Plan {
            not_performed: Some(Reason::Suspended),
            ..only_steps.clone()
        };
        let incomplete = Plan {
            complete: false,
            ..day()
        };
        for (plan, code, of_drift, what) in [
            (empty(), 0, 0, "nothing"),
            (only_people, 0, 0, "only people"),
            (by_hand, 0, 2, "added by hand"),
            (only_steps, 2, 2, "changes"),
            (suspended, 2, 2, "changes that are not performed"),
            (
                refused(Reason::WaitingForKeyName),
                2,
                2,
                "waiting for a key's name",
            ),
            (refused(Reason::PartnerImmutable), 3, 3, "refused"),
            (
                refused(Reason::DeclarationIncomplete),
                3,
                3,
                "held by a refusal",
            ),
            (busy(), 3, 3, "held steps"),
            (refused(Reason::OutcomeUnknown), 4, 4, "an answer unknown"),
            (incomplete, 4, 4, "incomplete, with refusals"),
        ] {
            assert_eq!(Verdict::of_plan(&plan).code(), code, "{what}");
            assert_eq!(Verdict::of_drift(&plan).code(), of_drift, "drift, {what}");
            let report = looked(plan);
            assert_eq!(
                Verdict::of_round(&report, false).code(),
                code,
                "round, {what}"
            );
            assert_eq!(
                Verdict::of_drift_round(&report).code(),
                of_drift,
                "drift round, {what}"
            );
        }
    }

    #[test]
    fn what_was_performed_counts_by_what_is_left_and_what_became_of_it() {
        let results = |result: StepResult| [("f-1", StepResult::Applied), ("f-2", result)];
        for (result, code) in [
            (StepResult::Applied, 0),
            (StepResult::NotSent(String::from("no token")), 2),
            (StepResult::Refused(String::from("PARTNER_IMMUTABLE")), 3),
            (StepResult::Unknown, 4),
        ] {
            let report = round(pass(day(), empty(), &results(result)));
            assert_eq!(Verdict::of_round(&report, true).code(), code);
        }
    }

    #[test]
    fn what_belongs_to_no_plan_counts_too() {
        assert_eq!(Verdict::of_round(&nothing(), false).code(), 0);
        let unreadable = RoundReport {
            not_passed: Vec::new(),
            strays: Vec::new(),
            passes: Vec::new(),
            ..troubled()
        };
        let strays = RoundReport {
            unreadable: Vec::new(),
            not_passed: Vec::new(),
            passes: Vec::new(),
            ..troubled()
        };
        let not_passed = |reason| RoundReport {
            not_passed: vec![not_passed(reason)],
            ..nothing()
        };
        for (report, code) in [
            (unreadable, 4),
            (strays, 3),
            (not_passed(Reason::BuildingNotFound), 3),
            (not_passed(Reason::ObservationIncomplete), 4),
            (failed(store_failed()), 1),
            (failed(PassError::DoorOs(unreachable())), 1),
            (failed(PassError::DoorOs(unreadable_answer())), 4),
            (troubled(), 1),
        ] {
            assert_eq!(Verdict::of_round(&report, true).code(), code, "{report:?}");
        }
    }

    fn unreachable() -> opendoor_door_os::Error {
        opendoor_door_os::Error::Unreachable {
            call: "GET /v1/doors",
            attempts: 3,
            detail: String::from("refused"),
        }
    }

    fn unreadable_answer() -> opendoor_door_os::Error {
        opendoor_door_os::Error::Unreadable {
            call: "GET /v1/doors",
            status: 200,
            what: String::from("it is no list"),
        }
    }
}
