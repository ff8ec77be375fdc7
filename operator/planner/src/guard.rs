//! The guard over a plan: the brake on mass changes, holds that stay until a person decides, and
//! approvals that fit exactly once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use opendoor_api::{Limits, Mode};

use crate::digest;
use crate::ids::{DoorUuid, PartnerUuid};
use crate::ledger::{Fingerprint, Hold, Ledger};
use crate::owner::{OwnerId, OwnerKind};
use crate::plan::{Plan, Step};
use crate::reasons::Reason;

/// The window over which the brake counts.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// However few pairs a property owns, this many removals pass: a property with six doors must not
/// need an approval for one.
const LEAST_REMOVALS: u32 = 3;

/// What guards a plan, from the Portfolio.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Observe, Propose or Apply.
    pub mode: Mode,
    /// Reconciling is suspended.
    pub suspended: bool,
    /// The brake's limits.
    pub limits: Limits,
    /// Losses charged in the window at the portfolio's other buildings.
    pub losses_elsewhere: u32,
    /// How long a removal may stay unproven at a lock.
    pub objective: SignedDuration,
}

impl Default for Guard {
    fn default() -> Self {
        let portfolio = opendoor_api::PortfolioSpec::default();
        Self::of(&portfolio)
    }
}

impl Guard {
    /// The guard a Portfolio asks for.
    #[must_use]
    pub fn of(portfolio: &opendoor_api::PortfolioSpec) -> Self {
        Self {
            mode: portfolio.mode,
            suspended: portfolio.suspend,
            limits: portfolio.limits,
            losses_elsewhere: 0,
            objective: portfolio.revocation_objective.signed(),
        }
    }
}

/// Losses charged at a building within the window.
#[must_use]
pub fn losses_in_window(ledger: &Ledger, now: Timestamp) -> u32 {
    window(ledger, now).map(|charge| charge.losses).sum()
}

fn window(
    ledger: &Ledger,
    now: Timestamp,
) -> impl Iterator<Item = &crate::ledger::Charge> {
    ledger
        .head
        .charges
        .iter()
        .filter(move |charge| now.duration_since(charge.at) < WINDOW)
}

/// How many losses a building's brake lets pass in a window.
fn loss_limit(ledger: &Ledger, limits: &Limits, used: u32) -> u32 {
    let owned = u32::try_from(ledger.owned_pairs()).unwrap_or(u32::MAX);
    let base = owned.saturating_add(used);
    let by_percent = u64::from(base) * u64::from(limits.removals_percent) / 100;
    limits
        .removals
        .min(u32::try_from(by_percent).unwrap_or(u32::MAX))
        .max(LEAST_REMOVALS)
}

/// Holds what must be held, and releases what is approved by one of the ids given.
pub(crate) fn guard(
    plan: &mut Plan,
    ledger: &Ledger,
    guard: &Guard,
    approvals: &[String],
    now: Timestamp,
) {
    let excused = excused(ledger);
    for step in &mut plan.steps {
        if excused.contains(&step.fingerprint) {
            step.held = None;
        }
    }
    keep_holds(plan, ledger, &excused);
    brake(plan, ledger, guard, &excused, now);
    if guard.mode == Mode::Propose {
        for step in &mut plan.steps {
            if step.held.is_none() && !excused.contains(&step.fingerprint) {
                step.held = Some(Reason::ApprovalRequired);
            }
        }
    }
    plan.hold_id = hold_id(plan, ledger);
    let fits = |id: &&String| Some(id.as_str()) == plan.hold_id.as_deref();
    plan.unfitting_approvals = approvals.iter().filter(|id| !fits(id)).cloned().collect();
    if approvals.iter().any(|id| fits(&id)) {
        for step in plan.steps.iter_mut().filter(|step| step.held.is_some()) {
            step.held = None;
            plan.approved.push(step.fingerprint.clone());
        }
    }
}

/// Steps that are approved already, or were charged when they were first sent.
fn excused(ledger: &Ledger) -> BTreeSet<Fingerprint> {
    ledger
        .head
        .approvals
        .iter()
        .cloned()
        .chain(
            ledger
                .head
                .intents
                .iter()
                .map(|intent| intent.fingerprint.clone()),
        )
        .collect()
}

/// An object held by the brake stays held until it is approved or says something else: a window
/// that slides on frees nobody.
fn keep_holds(plan: &mut Plan, ledger: &Ledger, excused: &BTreeSet<Fingerprint>) {
    let mut held_owners: BTreeMap<OwnerId, Reason> = BTreeMap::new();
    for step in &plan.steps {
        let Some(hold) = ledger.head.holds.get(&step.fingerprint) else {
            continue;
        };
        let by_brake = matches!(
            hold.reason,
            Reason::RemovalLimitExceeded | Reason::GrantLimitExceeded
        );
        if by_brake && hold.declaration == declaration(ledger, &step.owner) {
            held_owners.insert(step.owner.clone(), hold.reason);
        }
    }
    for step in &mut plan.steps {
        if step.held.is_some() || excused.contains(&step.fingerprint) {
            continue;
        }
        step.held = held_owners.get(&step.owner).copied();
        // What was found when `addedByHand: Remove` came into force waits, however often it is seen.
        let first_pass = ledger
            .head
            .holds
            .get(&step.fingerprint)
            .is_some_and(|hold| hold.reason == Reason::Unmanaged);
        if first_pass {
            step.held = Some(Reason::Unmanaged);
        }
    }
}

/// Each causing object passes or is held whole, smallest first, so that one urgent removal passes
/// beside a mistake.
fn brake(
    plan: &mut Plan,
    ledger: &Ledger,
    guard: &Guard,
    excused: &BTreeSet<Fingerprint>,
    now: Timestamp,
) {
    let mut used_losses = losses_in_window(ledger, now);
    let mut used_grants: u32 = window(ledger, now).map(|charge| charge.grants).sum();
    let loss_limit = loss_limit(ledger, &guard.limits, used_losses);
    let mut groups: BTreeMap<OwnerId, (u32, u32)> = BTreeMap::new();
    let mut counted: BTreeMap<OwnerId, BTreeSet<(DoorUuid, PartnerUuid)>> = BTreeMap::new();
    for step in &plan.steps {
        if step.held.is_some() || excused.contains(&step.fingerprint) {
            continue;
        }
        let (losses, grants) = groups.entry(step.owner.clone()).or_default();
        if !step.uncharged {
            let seen = counted.entry(step.owner.clone()).or_default();
            let new = step.losses.iter().filter(|pair| seen.insert(**pair)).count();
            *losses = losses.saturating_add(u32::try_from(new).unwrap_or(u32::MAX));
        }
        *grants = grants.saturating_add(u32::try_from(step.grants.len()).unwrap_or(u32::MAX));
    }
    let mut by_size: Vec<(OwnerId, (u32, u32))> = groups.into_iter().collect();
    by_size.sort_by(|(a_owner, a), (b_owner, b)| a.cmp(b).then_with(|| a_owner.cmp(b_owner)));
    let mut held: BTreeMap<OwnerId, Reason> = BTreeMap::new();
    for (owner, (losses, grants)) in by_size {
        let losses_after = used_losses.saturating_add(losses);
        let portfolio_after = losses_after.saturating_add(guard.losses_elsewhere);
        let grants_after = used_grants.saturating_add(grants);
        if losses > 0
            && (losses_after > loss_limit || portfolio_after > guard.limits.portfolio_removals)
        {
            held.insert(owner, Reason::RemovalLimitExceeded);
        } else if grants > 0 && grants_after > guard.limits.grants {
            held.insert(owner, Reason::GrantLimitExceeded);
        } else {
            used_losses = losses_after;
            used_grants = grants_after;
        }
    }
    for step in &mut plan.steps {
        if step.held.is_none() && !excused.contains(&step.fingerprint) {
            step.held = held.get(&step.owner).copied();
        }
    }
}

/// What an object says, as a short text that changes when it does.
fn declaration(ledger: &Ledger, owner: &OwnerId) -> String {
    let said = if owner.kind == OwnerKind::Property {
        ledger
            .head
            .property
            .as_ref()
            .and_then(|property| serde_json::to_string(&property.spec.added_by_hand).ok())
    } else {
        ledger
            .head
            .accepted
            .get(owner)
            .and_then(|accepted| serde_json::to_string(&accepted.spec).ok())
    };
    digest::short(&[&said.unwrap_or_default()])
}

/// Covers exactly the held steps and the revisions they start from.
fn hold_id(plan: &Plan, ledger: &Ledger) -> Option<String> {
    let mut held: Vec<&str> = plan
        .steps
        .iter()
        .filter(|step| step.held.is_some())
        .map(|step| step.fingerprint.as_str())
        .collect();
    if held.is_empty() {
        return None;
    }
    held.sort_unstable();
    let building = ledger.building.to_string();
    let given = ledger.head.approvals_given.to_string();
    let parts: Vec<&str> = [building.as_str(), given.as_str()]
        .into_iter()
        .chain(held)
        .collect();
    let id = digest::short(&parts);
    Some(format!("h-{}", id.get(..12).unwrap_or(&id)))
}

/// Writes what the guard decided into the ledger: holds begun and ended, approvals given, charges
/// that left the window. Only a pass that acts commits this; a plan alone changes nothing.
pub fn note_decisions(ledger: &mut Ledger, plan: &Plan, removes_added: bool, now: Timestamp) {
    if !plan.complete {
        return;
    }
    let mut holds: BTreeMap<Fingerprint, Hold> = BTreeMap::new();
    for step in &plan.steps {
        if let Some(reason) = step.held {
            let before = ledger.head.holds.get(&step.fingerprint);
            let declaration = declaration(ledger, &step.owner);
            let since = before
                .filter(|hold| hold.declaration == declaration && hold.reason == reason)
                .map_or(now, |hold| hold.since);
            holds.insert(
                step.fingerprint.clone(),
                Hold {
                    owner: step.owner.clone(),
                    reason,
                    since,
                    declaration,
                },
            );
        }
    }
    if holds != ledger.head.holds {
        ledger.head_mut().holds = holds;
    }
    let planned: BTreeSet<&Fingerprint> = plan.steps.iter().map(|step| &step.fingerprint).collect();
    let approvals: BTreeSet<Fingerprint> = ledger
        .head
        .approvals
        .iter()
        .chain(&plan.approved)
        .filter(|fingerprint| planned.contains(fingerprint))
        .cloned()
        .collect();
    if approvals != ledger.head.approvals {
        ledger.head_mut().approvals = approvals;
    }
    if !plan.approved.is_empty() {
        ledger.head_mut().approvals_given += 1;
    }
    let removes_added_since = match (removes_added, ledger.head.removes_added_since) {
        (true, since) => since.or(Some(now)),
        (false, _) => None,
    };
    if removes_added_since != ledger.head.removes_added_since {
        ledger.head_mut().removes_added_since = removes_added_since;
    }
    let old = |charge: &crate::ledger::Charge| now.duration_since(charge.at) >= WINDOW;
    if ledger.head.charges.iter().any(old) {
        ledger.head_mut().charges.retain(|charge| !old(charge));
    }
}

/// Whether a step is a loss for somebody.
#[must_use]
pub fn takes_away(step: &Step) -> bool {
    !step.losses.is_empty()
}
