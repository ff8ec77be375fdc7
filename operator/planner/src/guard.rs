//! The guard over a plan: the brake on mass changes, holds that stay until a person decides, and
//! approvals that fit exactly once.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use opendoor_api::{Limits, Mode};

use crate::declared::Spec;
use crate::digest;
use crate::ids::{DoorUuid, PartnerUuid};
use crate::ledger::{Charge, Fingerprint, Head, Hold, Ledger};
use crate::owner::{OwnerId, OwnerKind};
use crate::plan::{Plan, Step};
use crate::reasons::Reason;
use crate::writes::Write;

/// The window over which the brake counts.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// However few pairs a property owns, this many removals pass: a property with six doors must not
/// need an approval for one.
const LEAST_REMOVALS: u32 = 3;

/// What guards a plan, from the Portfolio.
#[derive(Clone, Debug, PartialEq)]
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
pub fn losses_in_window(head: &Head, now: Timestamp) -> u32 {
    window(head, now).map(|charge| charge.losses).sum()
}

/// Charges of the window, and those of writes that are still open: they take effect when they do.
fn window(head: &Head, now: Timestamp) -> impl Iterator<Item = &Charge> {
    head.charges
        .iter()
        .filter(move |charge| !is_spent(head, charge, now))
}

/// Whether a charge has left the window. By a clock in doubt none does.
fn is_spent(head: &Head, charge: &Charge, now: Timestamp) -> bool {
    let open = |number: u64| head.intents.iter().any(|intent| intent.number == number);
    head.clock_skewed_since.is_none()
        && now.duration_since(charge.at) >= WINDOW
        && !open(charge.intent)
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
    let approved = &ledger.head.approvals;
    for step in &mut plan.steps {
        if approved.contains(&step.fingerprint) {
            step.held = None;
        }
    }
    let excused = excused(ledger);
    keep_holds(plan, ledger, &excused);
    brake(plan, ledger, guard, &excused, now);
    if guard.mode == Mode::Propose {
        for step in &mut plan.steps {
            if step.held.is_none() && !approved.contains(&step.fingerprint) {
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

/// Steps that the brake does not weigh: approved already, or charged when they were first sent.
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
/// that slides on frees nobody, and neither does an edit of one of its doors.
fn keep_holds(plan: &mut Plan, ledger: &Ledger, excused: &BTreeSet<Fingerprint>) {
    if ledger.head.holds.is_empty() {
        return;
    }
    let mut said = Said::new(ledger);
    let mut held_owners: BTreeMap<&OwnerId, Reason> = BTreeMap::new();
    let mut found_first: BTreeSet<&str> = BTreeSet::new();
    for hold in ledger.head.holds.values() {
        let by_brake = matches!(
            hold.reason,
            Reason::RemovalLimitExceeded | Reason::GrantLimitExceeded
        );
        if by_brake && hold.declaration == said.by(&hold.owner) {
            held_owners.insert(&hold.owner, hold.reason);
        }
        // What was found when `addedByHand: Remove` came into force waits, however often it is seen.
        if hold.reason == Reason::Unmanaged {
            found_first.insert(&hold.target);
        }
    }
    for step in &mut plan.steps {
        if step.held.is_some() || excused.contains(&step.fingerprint) {
            continue;
        }
        step.held = held_owners.get(&step.owner).copied();
        // Whichever object now takes it off the door. A key's own object only changes what is its own.
        let takes_found = step.owner.kind == OwnerKind::Property
            || matches!(step.write, Write::SetDoorPartner { .. });
        let found = |target: String| found_first.contains(target.as_str());
        if takes_found && (found(target(step)) || found(target_by_name(step))) {
            step.held = Some(Reason::Unmanaged);
        }
    }
}

/// What a step is about, whatever its revision, and whatever the partner is called by now.
fn target(step: &Step) -> String {
    match (&step.write, step.holder) {
        (Write::SetDoorPartner { door, .. }, Some(holder)) => format!("{door} {holder}"),
        _ => target_by_name(step),
    }
}

/// The same as holds have it that were begun before they knew a partner by its uuid.
fn target_by_name(step: &Step) -> String {
    match &step.write {
        Write::SetDoorPartner { door, .. } => format!("{door} {}", step.before),
        Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. } => key.to_string(),
        Write::CreateKey { name, .. } => name.clone(),
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
    let mut used_losses = losses_in_window(&ledger.head, now);
    let mut used_grants: u32 = window(&ledger.head, now).map(|charge| charge.grants).sum();
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
            let new = step
                .losses
                .iter()
                .filter(|pair| seen.insert(**pair))
                .count();
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

/// What objects say, as short texts that change when they do.
struct Said<'a> {
    ledger: &'a Ledger,
    known: BTreeMap<OwnerId, String>,
}

impl<'a> Said<'a> {
    fn new(ledger: &'a Ledger) -> Self {
        Self {
            ledger,
            known: BTreeMap::new(),
        }
    }

    fn by(&mut self, owner: &OwnerId) -> String {
        if let Some(known) = self.known.get(owner) {
            return known.clone();
        }
        let head = &self.ledger.head;
        let said = if owner.kind == OwnerKind::Property {
            head.property
                .as_ref()
                .and_then(|property| serde_json::to_string(&property.spec.added_by_hand).ok())
        } else {
            head.accepted
                .get(owner)
                .and_then(|accepted| serde_json::to_string(&in_order(&accepted.spec)).ok())
        };
        let said = digest::short(&[&said.unwrap_or_default()]);
        self.known.insert(owner.clone(), said.clone());
        said
    }
}

/// The same declaration with its lists in order: sorting a file says nothing new.
fn in_order(spec: &Spec) -> Spec {
    let mut spec = spec.clone();
    match &mut spec {
        Spec::DoorAssignment(spec) => {
            spec.doors.iter_mut().for_each(|doors| doors.sort());
            spec.except_doors.iter_mut().for_each(|doors| doors.sort());
        }
        Spec::PartnerKey(spec) => spec.doors.sort_by(|a, b| a.name.cmp(&b.name)),
    }
    spec
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
    // A step that is missing because its row cannot be judged now is neither done nor given up.
    let unclear = plan
        .refusals
        .iter()
        .any(|refusal| matches!(refusal.reason, Reason::OutcomeUnknown | Reason::StaleRow));
    let planned: BTreeSet<&Fingerprint> = plan.steps.iter().map(|step| &step.fingerprint).collect();
    let stays = |fingerprint: &Fingerprint| unclear || planned.contains(fingerprint);
    let holds = holds(ledger, plan, &stays, &planned, now);
    if holds != ledger.head.holds {
        ledger.head_mut().holds = holds;
    }
    let approvals: BTreeSet<Fingerprint> = ledger
        .head
        .approvals
        .iter()
        .filter(|fingerprint| stays(fingerprint))
        .chain(&plan.approved)
        .cloned()
        .collect();
    if approvals != ledger.head.approvals {
        ledger.head_mut().approvals = approvals;
    }
    if !plan.approved.is_empty() {
        let head = ledger.head_mut();
        head.approvals_given += 1;
        head.last_approved.clone_from(&plan.hold_id);
    }
    let removes_added_since = match (removes_added, ledger.head.removes_added_since) {
        // What could not be judged may have been there before.
        (true, since) => since.or((!unclear).then_some(now)),
        (false, _) => None,
    };
    if removes_added_since != ledger.head.removes_added_since {
        ledger.head_mut().removes_added_since = removes_added_since;
    }
    let charges: Vec<Charge> = window(&ledger.head, now).cloned().collect();
    if charges.len() < ledger.head.charges.len() {
        ledger.head_mut().charges = charges;
    }
}

/// The holds as the plan leaves them.
fn holds(
    ledger: &Ledger,
    plan: &Plan,
    stays: &impl Fn(&Fingerprint) -> bool,
    planned: &BTreeSet<&Fingerprint>,
    now: Timestamp,
) -> BTreeMap<Fingerprint, Hold> {
    let before = &ledger.head.holds;
    let mut said = Said::new(ledger);
    let mut holds: BTreeMap<Fingerprint, Hold> = before
        .iter()
        .filter(|(fingerprint, _)| stays(fingerprint) && !planned.contains(fingerprint))
        .map(|(fingerprint, hold)| (fingerprint.clone(), hold.clone()))
        .collect();
    for step in &plan.steps {
        let Some(reason) = step.held else {
            continue;
        };
        let declaration = said.by(&step.owner);
        let since = before
            .get(&step.fingerprint)
            .filter(|hold| hold.declaration == declaration && hold.reason == reason)
            .map_or(now, |hold| hold.since);
        let hold = Hold {
            owner: step.owner.clone(),
            reason,
            since,
            declaration,
            target: target(step),
        };
        holds.insert(step.fingerprint.clone(), hold);
    }
    holds
}
