//! One pass over one property: own, gather, observe, commit what was seen, plan, commit intents, write,
//! commit answers, read back, commit proofs.

mod known;
mod read_back;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use opendoor_door_os::{Building, DoorOs};
use opendoor_planner::conditions::{ObjectStatus, statuses};
use opendoor_planner::declared::Declared;
use opendoor_planner::elsewhere::{mark_elsewhere, uuids_not_here};
use opendoor_planner::guard::{Guard, note_decisions};
use opendoor_planner::ids::DoorUuid;
use opendoor_planner::intake::{Taken, take_in};
use opendoor_planner::ledger::{Fingerprint, Intent, Ledger};
use opendoor_planner::observed::Observed;
use opendoor_planner::plan::{Plan, Refusal, Step};
use opendoor_planner::planner::plan;
use opendoor_planner::reasons::Reason;
use opendoor_planner::settle::{self, BATCH, Settled};
use opendoor_planner::writes::Answer;

use crate::gather::{LookedAfterBy, Target, declared_for, portfolio_of};
use crate::history::events;
use crate::ports::{Clock, Declarations, Ledgers, Ownership, StoreError};
use crate::snapshot::Snapshot;
pub use known::{Begun, Known, Losses};
use read_back::merge;

/// Most uuids that are looked up one by one because their building does not list them.
const MOST_ASKED: usize = 10;

/// The world a pass acts on.
#[derive(Debug)]
pub struct Ports<'a, D, L, S, C, O> {
    /// DOOR OS.
    pub door_os: &'a D,
    /// The ledgers.
    pub ledgers: &'a L,
    /// The declarations.
    pub declarations: &'a S,
    /// The clock.
    pub clock: &'a C,
    /// Whether this process may still write.
    pub ownership: &'a O,
}

/// What a pass may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mandate {
    /// Look and plan. Nothing is written anywhere, and nothing is said of objects' status.
    Plan,
    /// Look, plan, and say how every object stands. Nothing is written anywhere.
    Look,
    /// Perform the plan.
    Perform,
}

/// What came of one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// DOOR OS holds it, read back.
    Applied,
    /// DOOR OS refused it with this code.
    Refused(String),
    /// The answer was lost; a later read settles it.
    Unknown,
    /// It never left us.
    NotSent(String),
}

/// What a pass found and did.
#[derive(Clone, Debug)]
pub struct PassReport {
    /// The building.
    pub building: Building,
    /// The plan that was made first.
    pub plan: Plan,
    /// What came of its steps.
    pub results: BTreeMap<Fingerprint, StepResult>,
    /// What is left: the plan made from the last look. Equal to `plan` when nothing was performed.
    pub after: Plan,
    /// What is said of the property and its objects.
    pub statuses: Vec<ObjectStatus>,
    /// Writes that were settled, by an answer or by a read.
    pub settled: Vec<Settled>,
    /// The ledger as it is now.
    pub ledger: Ledger,
    /// The last look.
    pub observed: Observed,
    /// The time of it.
    pub at: Timestamp,
}

impl PassReport {
    /// Whether a pass at once would do more: this one did something, and what is left is ours to do.
    #[must_use]
    pub fn more_to_do(&self) -> bool {
        let tried = !self.results.is_empty();
        let untried =
            self.after
                .performable()
                .any(|step| match self.results.get(&step.fingerprint) {
                    None | Some(StepResult::Unknown) => true,
                    Some(_) => false,
                });
        let freed = self
            .after
            .refusals
            .iter()
            .any(|refusal| refusal.reason == Reason::WaitingForKeyName);
        tried && (untried || freed)
    }
}

/// A pass that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// DOOR OS failed.
    #[error(transparent)]
    DoorOs(#[from] opendoor_door_os::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

struct Pass<'a, D, L, S, C, O> {
    ports: &'a Ports<'a, D, L, S, C, O>,
    known: &'a Known,
    target: &'a Target,
    mandate: Mandate,
    ledger: Ledger,
    declared: Declared,
    guard: Guard,
    /// What was declared when it was last read between batches, where that was something else.
    read_anew: Option<Snapshot>,
    /// Refusals that are not the planner's: of the Portfolio, of a read-back.
    own_refusals: Vec<Refusal>,
    settled: Vec<Settled>,
    /// How many of `settled` the history has.
    told: usize,
    /// Doors written as uuids that are not in this building and were asked for.
    asked: BTreeSet<DoorUuid>,
    /// Of these, the ones that are in another building.
    elsewhere: BTreeSet<DoorUuid>,
}

/// Makes one pass.
///
/// # Errors
/// DOOR OS or the store failed. What was committed before that stays, and the next pass goes on from
/// it.
pub async fn pass<D, L, S, C, O>(
    ports: &Ports<'_, D, L, S, C, O>,
    known: &Known,
    target: &Target,
    mandate: Mandate,
    approvals: &[String],
) -> Result<PassReport, PassError>
where
    D: DoorOs,
    L: Ledgers,
    S: Declarations,
    C: Clock,
    O: Ownership,
{
    let begun = known.looks.borrow_mut().remove(&target.building.uuid);
    let Begun { observed, ledger } = match begun {
        Some(begun) => begun,
        None => {
            // The ledger is read while pages arrive.
            let (observed, ledger) = futures::join!(
                ports.door_os.observe(&target.building),
                ports.ledgers.load(target.building.uuid)
            );
            Begun { observed, ledger }
        }
    };
    let ledger = ledger?;
    let observed = observed?;
    let mut heads = Cow::Borrowed(&known.heads);
    // What was accepted is what the ledger says now: another process may have written it since the heads were read.
    if let Some(read) = &ledger
        && heads.get(&read.building) != Some(&read.head)
    {
        heads.to_mut().insert(read.building, read.head.clone());
    }
    let declared = declared_for(&known.snapshot, &heads, &known.buildings, target);
    let ledger = ledger.unwrap_or_else(|| Ledger::new(target.building.uuid));
    let mut pass = Pass {
        ports,
        known,
        target,
        mandate,
        ledger,
        declared,
        guard: Guard::default(),
        read_anew: None,
        own_refusals: Vec::new(),
        settled: Vec::new(),
        told: 0,
        asked: BTreeSet::new(),
        elsewhere: BTreeSet::new(),
    };
    pass.run(with_skew(ports.door_os, observed), approvals)
        .await
}

fn with_skew<D: DoorOs>(door_os: &D, mut observed: Observed) -> Observed {
    // A look that was kept knows it from when it was taken.
    observed.clock_skewed |= door_os.time().is_some_and(|time| time.skewed());
    observed
}

impl<D, L, S, C, O> Pass<'_, D, L, S, C, O>
where
    D: DoorOs,
    L: Ledgers,
    S: Declarations,
    C: Clock,
    O: Ownership,
{
    async fn run(
        &mut self,
        mut observed: Observed,
        approvals: &[String],
    ) -> Result<PassReport, PassError> {
        self.look_after(&self.known.snapshot);
        settle::mark_open_as_unknown(&mut self.ledger, self.ports.clock.now());
        let mut taken = self.take_in(&observed).await?;
        let first = self.plan(&taken, &observed, approvals);
        let mut results = BTreeMap::new();
        let mut after = first.clone();
        if self.mandate == Mandate::Perform {
            let performed = self.perform(&first, &mut observed, &mut results).await?;
            if performed {
                let read = self.read_back(&mut observed, &first, &mut results).await;
                self.note_read_back(read)?;
                taken = self.take_in(&observed).await?;
                after = self.plan(&taken, &observed, &[]);
                self.note(&after);
                self.commit(&observed).await?;
            }
        }
        let now = self.ports.clock.now();
        self.known.charged(&self.ledger, now);
        Ok(PassReport {
            building: self.target.building.clone(),
            statuses: match self.mandate {
                Mandate::Plan => Vec::new(),
                Mandate::Look | Mandate::Perform => {
                    statuses(&self.ledger, &taken, &observed, &after, now)
                }
            },
            plan: first,
            results,
            after,
            settled: std::mem::take(&mut self.settled),
            ledger: std::mem::replace(&mut self.ledger, Ledger::new(self.target.building.uuid)),
            observed,
            at: now,
        })
    }

    /// Finds the Portfolio, and with it the guard.
    fn look_after(&mut self, snapshot: &Snapshot) {
        self.own_refusals.clear();
        self.guard = match portfolio_of(snapshot, &self.declared, &self.ledger.head) {
            LookedAfterBy::Defaults => Guard::default(),
            LookedAfterBy::Portfolio(portfolio) => {
                let guard = Guard::of(&portfolio.spec);
                if self.ledger.head.portfolio.as_ref() != Some(&portfolio) {
                    self.ledger.head_mut().portfolio = Some(portfolio);
                }
                guard
            }
            LookedAfterBy::CannotTell(problem) => {
                self.own_refusals.push(Refusal {
                    cause: problem.cause,
                    reason: problem.reason,
                    message: problem.message,
                    owner: None,
                });
                let before = self.ledger.head.portfolio.as_ref();
                let mut guard =
                    before.map_or_else(Guard::default, |portfolio| Guard::of(&portfolio.spec));
                guard.mode = opendoor_api::Mode::Observe;
                guard
            }
        };
    }

    async fn observe(&self) -> Result<Observed, PassError> {
        let observed = self.ports.door_os.observe(&self.target.building).await?;
        Ok(with_skew(self.ports.door_os, observed))
    }

    /// Takes a look into the ledger and commits what is new in it.
    async fn take_in(&mut self, observed: &Observed) -> Result<Taken, PassError> {
        let now = self.ports.clock.now();
        let mut taken = take_in(&mut self.ledger, &self.declared, observed, now);
        self.settled.append(&mut taken.settled);
        taken.refusals.extend(self.own_refusals.iter().cloned());
        self.commit(observed).await?;
        let asked: Vec<DoorUuid> = uuids_not_here(&taken).into_iter().collect();
        for door in asked.into_iter().take(MOST_ASKED) {
            if !self.asked.insert(door) {
                continue;
            }
            if self.ports.door_os.door(door).await?.is_some() {
                self.elsewhere.insert(door);
            }
        }
        mark_elsewhere(&mut taken, &self.elsewhere);
        Ok(taken)
    }

    /// Commits what is unsaved, and with it the history of what was settled since the last commit.
    async fn commit(&mut self, observed: &Observed) -> Result<(), PassError> {
        if self.mandate != Mandate::Perform || !self.ledger.unsaved.any() {
            return Ok(());
        }
        let new = self.settled.get(self.told..).unwrap_or_default();
        let now = self.ports.clock.now();
        let history = events(new, &self.target.property, observed, now);
        self.ports
            .ledgers
            .commit(&mut self.ledger, &history)
            .await?;
        self.told = self.settled.len();
        Ok(())
    }

    fn plan(&mut self, taken: &Taken, observed: &Observed, approvals: &[String]) -> Plan {
        let mut given = approvals.to_vec();
        given.extend(
            self.ledger
                .head
                .property
                .as_ref()
                .and_then(|property| property.spec.approve.clone()),
        );
        let now = self.ports.clock.now();
        self.guard.losses_elsewhere = self.known.losses_elsewhere(&self.ledger);
        plan(&self.ledger, taken, observed, &self.guard, &given, now)
    }

    fn note(&mut self, plan: &Plan) {
        let removes_added = self.ledger.head.property.as_ref().is_some_and(|property| {
            property.spec.added_by_hand == opendoor_api::AddedByHand::Remove
        });
        let now = self.ports.clock.now();
        note_decisions(&mut self.ledger, plan, removes_added, now);
    }

    /// Performs a plan batch by batch. Declarations are gathered again in between; where they changed,
    /// what is left is planned anew from the same look, removals first.
    async fn perform(
        &mut self,
        first: &Plan,
        observed: &mut Observed,
        results: &mut BTreeMap<Fingerprint, StepResult>,
    ) -> Result<bool, PassError> {
        self.note(first);
        let mut queue: Vec<Step> = first.performable().cloned().collect();
        if queue.is_empty() {
            self.commit(observed).await?;
            return Ok(false);
        }
        // Before anything is awaited, so that a pass over another building counts these too.
        self.known
            .reserve(&self.ledger, &queue, self.ports.clock.now());
        while !queue.is_empty() {
            let rest = queue.split_off(queue.len().min(BATCH));
            let now = self.ports.clock.now();
            let intents = settle::intend(&mut self.ledger, &queue, now);
            self.commit(observed).await?;
            let lost = self.send(&intents, observed, results).await?;
            if lost {
                break;
            }
            queue = rest;
            if !queue.is_empty() && self.gather_again().await {
                let taken = self.take_in(observed).await?;
                let anew = self.plan(&taken, observed, &[]);
                self.note(&anew);
                queue = anew
                    .performable()
                    .filter(|step| !results.contains_key(&step.fingerprint))
                    .cloned()
                    .collect();
            }
        }
        Ok(true)
    }

    /// Reads the declarations again, the Portfolio among them: who suspends it stops a change under way.
    /// Returns whether they changed.
    async fn gather_again(&mut self) -> bool {
        let snapshot = self.ports.declarations.read().await;
        if snapshot == *self.read_anew.as_ref().unwrap_or(&self.known.snapshot) {
            return false;
        }
        let mut heads = self.known.heads.clone();
        heads.insert(self.target.building.uuid, self.ledger.head.clone());
        let declared = declared_for(&snapshot, &heads, &self.known.buildings, self.target);
        let changed = declared != self.declared;
        self.declared = declared;
        let before = Guard {
            losses_elsewhere: 0,
            ..self.guard.clone()
        };
        self.look_after(&snapshot);
        self.read_anew = Some(snapshot);
        changed || before != self.guard
    }

    /// Sends each write of a batch once and commits the answers. Returns whether ownership was lost.
    async fn send(
        &mut self,
        intents: &[Intent],
        observed: &mut Observed,
        results: &mut BTreeMap<Fingerprint, StepResult>,
    ) -> Result<bool, PassError> {
        let mut lost = false;
        for intent in intents {
            let answer = if lost || !self.ports.ownership.holds() {
                lost = true;
                Answer::NotSent {
                    why: String::from("another process may own this building by now"),
                }
            } else {
                self.ports.door_os.send(&intent.write).await
            };
            if let Answer::Applied { key, doors } = &answer {
                merge(observed, intent, key.as_ref(), doors);
            }
            results.insert(intent.fingerprint.clone(), result_of(&answer));
            let now = self.ports.clock.now();
            let settled = settle::record_answer(&mut self.ledger, intent.number, &answer, now);
            self.settled.extend(settled);
        }
        self.commit(observed).await?;
        Ok(lost)
    }
}

fn result_of(answer: &Answer) -> StepResult {
    match answer {
        Answer::Applied { .. } => StepResult::Applied,
        Answer::Refused { code } => StepResult::Refused(code.clone()),
        Answer::NotSent { why } => StepResult::NotSent(why.clone()),
        Answer::Unknown { .. } => StepResult::Unknown,
    }
}
