//! What a change of the declarations does, over every property: two rounds made from one look, apart
//! from what both would do.

use std::collections::{BTreeMap, BTreeSet};

use opendoor_door_os::DoorOs;
use opendoor_planner::change::{Change, How, change};
use opendoor_planner::declared::Problem;
use opendoor_planner::ledger::Fingerprint;
use opendoor_planner::plan::{Plan, Refusal, Step};

use crate::gather::Target;
use crate::look::Look;
use crate::pass::{PassError, PassReport};
use crate::ports::{Clock, Declarations, Ledgers};
use crate::round::RoundReport;

/// What a change does.
#[derive(Debug)]
pub struct ChangeReport {
    /// What only the change causes, as a round that would do only that.
    pub caused: RoundReport,
    /// What would be done and refused anyway, the same way.
    pub pending: RoundReport,
    /// How the steps come from the change, and what it ends, by property.
    pub beside: BTreeMap<String, Beside>,
    /// Properties without a ledger here: what the base declared and DOOR OS holds counts as ours there.
    pub adopted: Vec<String>,
}

/// What a change does at a property beside causing steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// How each step comes from the change.
    pub how: BTreeMap<Fingerprint, How>,
    /// Steps that are not done any more.
    pub unnecessary: Vec<Step>,
    /// Refusals that are not there any more.
    pub solved: Vec<Refusal>,
}

/// Plans what was declared and what is declared from the same look and the same ledgers, and tells what
/// the difference does.
///
/// # Errors
/// The store cannot be read, or DOOR OS does not list its buildings.
pub async fn changes<D: DoorOs, L: Ledgers, C: Clock>(
    look: &Look<'_, D, L, C>,
    base: &impl Declarations,
    with: &impl Declarations,
) -> Result<ChangeReport, PassError> {
    let before = look.plan(base).await?;
    let adopted = look.adopt(&before);
    let after = look.plan(with).await?;
    Ok(ChangeReport {
        adopted,
        ..between(before, after)
    })
}

/// What of the second round the first would not do.
fn between(before: RoundReport, after: RoundReport) -> ChangeReport {
    let mut base: BTreeMap<String, (Target, Result<PassReport, PassError>)> = before
        .passes
        .into_iter()
        .map(|(target, pass)| (target.property.clone(), (target, pass)))
        .collect();
    let mut caused = Vec::new();
    let mut pending = Vec::new();
    let mut beside = BTreeMap::new();
    let mut note = |target: Target, pass: PassReport, change: Change| {
        let name = target.property.clone();
        caused.push((target.clone(), Ok(planned(&pass, change.caused))));
        pending.push((target, Ok(planned(&pass, change.pending))));
        beside.insert(
            name,
            Beside {
                how: change.how,
                unnecessary: change.unnecessary,
                solved: change.solved,
            },
        );
    };
    let mut failed = Vec::new();
    for (target, pass) in after.passes {
        let was = base.remove(&target.property).and_then(|(_, was)| was.ok());
        match pass {
            Ok(pass) => {
                let was = was.as_ref().map(|was| &was.plan);
                if let Some(change) = change(was, Some(&pass.plan)) {
                    note(target, pass, change);
                }
            }
            Err(error) => failed.push((target, Err(error))),
        }
    }
    for (target, was) in base.into_values() {
        if let Ok(was) = was
            && let Some(change) = change(Some(&was.plan), None)
        {
            note(target, was, change);
        }
    }
    caused.extend(failed);
    caused.sort_by(|(a, _), (b, _)| a.property.cmp(&b.property));
    pending.sort_by(|(a, _): &(Target, _), (b, _)| a.property.cmp(&b.property));
    let (not_passed, not_passed_anyway) = split(after.not_passed, &before.not_passed, |other| {
        (other.property.clone(), told(&other.problem))
    });
    let (strays, strays_anyway) = split(after.strays, &before.strays, told);
    // A file that stays unreadable hides whatever was changed in it, unless nothing was.
    let (unreadable, unreadable_anyway) = split(after.unreadable, &before.unreadable, |other| {
        (
            other.file.clone(),
            other.text.clone(),
            other.message.clone(),
        )
    });
    let (notes, notes_anyway) = split(after.notes, &before.notes, Clone::clone);
    ChangeReport {
        caused: RoundReport {
            passes: caused,
            not_passed,
            strays,
            unreadable,
            notes,
            unseen: Vec::new(),
        },
        pending: RoundReport {
            passes: pending,
            not_passed: not_passed_anyway,
            strays: strays_anyway,
            unreadable: unreadable_anyway,
            notes: notes_anyway,
            unseen: Vec::new(),
        },
        beside,
        adopted: Vec::new(),
    }
}

fn planned(pass: &PassReport, plan: Plan) -> PassReport {
    PassReport {
        after: plan.clone(),
        plan,
        ..pass.clone()
    }
}

/// A problem wherever its line is by now.
fn told(problem: &Problem) -> (String, String, String, String) {
    (
        problem.reason.to_string(),
        problem.cause.kind.clone(),
        problem.cause.name.clone(),
        problem.message.clone(),
    )
}

/// What of some is not among others, and what is.
fn split<T, K: Ord>(some: Vec<T>, others: &[T], key: impl Fn(&T) -> K) -> (Vec<T>, Vec<T>) {
    let known: BTreeSet<K> = others.iter().map(&key).collect();
    some.into_iter().partition(|one| !known.contains(&key(one)))
}
