//! One pass over one Property: prepare its objects, find its building, let the reconciler do its work,
//! say what came of it, and let go of what is done.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use opendoor_api::{Kind, Portfolio, PortfolioSpec, Resource};
use opendoor_door_os::{Building, Error as DoorOsError, Reason as DoorOsReason};
use opendoor_planner::declared::Problem;
use opendoor_planner::ledger::Head;
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::gather::{Heads, Target, targets};
use opendoor_reconciler::pass::{Known, Mandate, PassError, PassReport, Ports, pass};
use opendoor_reconciler::ports::{Clock, Declarations, StoreError};
use opendoor_reconciler::snapshot::Snapshot;

use crate::accounts::{Account, NoAccount, Route};
use crate::context::Context;
use crate::declared::{PropertyDeclarations, portfolio_of};
use crate::ledgers::{Known as KnownLedger, LedgerKey, PassLedgers};
use crate::objects::{Name, Seen, cause};
use crate::release::{abandon_if_credentials_went, look_at_definitions, release};
use crate::shards::shard_of;
use crate::strays::look_at_strays;
use crate::tell::{tell, tell_failure};

/// When a Property is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// After this time.
    In(Duration),
    /// When something of it changes: another replica looks after it, or nothing is left of it.
    OnChange,
}

/// How soon a pass follows on one that was overtaken by another writer.
const SOON: Duration = Duration::from_secs(2);
/// The first wait after a failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(5);

/// Makes a pass over a Property, whatever state it is in.
pub(crate) async fn pass_over(context: Rc<Context>, name: Name) -> Next {
    tracing::debug!(property = %name, "pass");
    let mut at_hand = match AtHand::find(&context, &name) {
        Some(at_hand) => at_hand,
        None => {
            context.memory.borrow_mut().remove(&name);
            context.metrics.forget(&name);
            return look_at_strays(&context, &name).await;
        }
    };
    context.missed_since.borrow_mut().remove(&name);
    let route = at_hand.route(&context).await;
    let shard = match &route {
        Ok(route) => route.shard,
        Err(_) => shard_of(&[&name.namespace]),
    };
    context.shards_of.borrow_mut().insert(name.clone(), shard);
    if !context.deadlines.holds(shard) {
        return Next::OnChange;
    }
    let route = match route {
        Ok(route) => route,
        Err(problem) => {
            at_hand.prepare(&context).await;
            abandon_if_credentials_went(&context, &name, problem.reason, at_hand.ledger.as_ref())
                .await;
            return at_hand
                .fail(&context, problem.reason, &problem.message)
                .await;
        }
    };
    at_hand.prepare(&context).await;
    let account = match context.accounts.open(&route) {
        Ok(account) => account,
        Err(NoAccount { reason, message }) => {
            return at_hand.fail(&context, reason, &message).await;
        }
    };
    match at_hand.work(&context, &account).await {
        Ok(report) => {
            let more = report.more_to_do();
            let next = at_hand.next(&report, &account);
            tell(&context, &at_hand, &report).await;
            release(&context, &at_hand.name, Some(&report.ledger)).await;
            context
                .memory
                .borrow_mut()
                .entry(name)
                .or_default()
                .failures = 0;
            Next::In(if more { Duration::ZERO } else { next })
        }
        Err(Obstacle::Overtaken) => Next::In(SOON),
        Err(Obstacle::Problem(reason, message)) => {
            if reason == Reason::CredentialsInvalid {
                // The Secret may have been rotated since it was read.
                at_hand.credentials_anew(&context).await;
            }
            at_hand.fail(&context, reason, &message).await
        }
    }
}

/// Why there was no pass.
pub(crate) enum Obstacle {
    /// Another process wrote the ledger, or works on the building.
    Overtaken,
    /// It cannot be done now.
    Problem(Reason, String),
}

impl From<PassError> for Obstacle {
    fn from(error: PassError) -> Self {
        match error {
            PassError::DoorOs(error) => error.into(),
            PassError::Store(StoreError::InUse { .. }) => Self::Overtaken,
            PassError::Store(error) => Self::Problem(Reason::LedgerUnavailable, error.to_string()),
        }
    }
}

impl From<DoorOsError> for Obstacle {
    fn from(error: DoorOsError) -> Self {
        let reason = match error.reason() {
            DoorOsReason::CredentialsInvalid => Reason::CredentialsInvalid,
            DoorOsReason::CredentialsMissing => Reason::CredentialsMissing,
            DoorOsReason::PermissionDenied => Reason::PermissionDenied,
            DoorOsReason::ObservationIncomplete => Reason::ObservationIncomplete,
            DoorOsReason::BackendUnavailable | DoorOsReason::RateLimited => {
                Reason::BackendUnavailable
            }
        };
        Self::Problem(reason, error.to_string())
    }
}

/// What there is of a Property before a pass.
pub(crate) struct AtHand {
    pub(crate) name: Name,
    pub(crate) property: Option<Rc<Seen>>,
    pub(crate) portfolio: Result<Rc<Seen>, Problem>,
    pub(crate) ledger: Option<(LedgerKey, KnownLedger)>,
}

impl AtHand {
    /// Finds it. `None`: nothing is left of it.
    fn find(context: &Context, name: &Name) -> Option<Self> {
        let ledger = context.ledgers.of_property(name);
        let property = context.object(Kind::Property, name);
        let owes = ledger.as_ref().is_some_and(|(_, known)| !known.settled);
        if property.is_none() && !owes {
            return None;
        }
        let head = ledger.as_ref().map(|(_, known)| &*known.head);
        let portfolio = portfolio_of(&context.objects.borrow(), name, head);
        Some(Self {
            name: name.clone(),
            property,
            portfolio,
            ledger,
        })
    }

    /// The spec of its Portfolio; the defaults where that cannot be read.
    pub(crate) fn portfolio_spec(&self) -> PortfolioSpec {
        match self.portfolio.as_ref().map(|seen| &seen.content) {
            Ok(Ok(Resource::Portfolio(portfolio))) => portfolio.spec.clone(),
            _ => PortfolioSpec::default(),
        }
    }

    fn readable_portfolio(&self) -> Result<(&Name, &Portfolio), Problem> {
        let seen = self.portfolio.as_ref().map_err(Clone::clone)?;
        match &seen.content {
            Ok(Resource::Portfolio(portfolio)) => Ok((&seen.name, portfolio)),
            _ => Err(Problem {
                reason: Reason::DeclarationIncomplete,
                message: format!(
                    "the Portfolio \"{}\" is not valid. Nothing is changed until it is.",
                    seen.name.name
                ),
                cause: seen.cause(),
            }),
        }
    }

    async fn route(&self, context: &Context) -> Result<Route, Problem> {
        let (name, portfolio) = self.readable_portfolio()?;
        context
            .accounts
            .route(name, portfolio, false)
            .await
            .map_err(|NoAccount { reason, message }| Problem {
                reason,
                message,
                cause: cause(Kind::Portfolio, name),
            })
    }

    async fn credentials_anew(&self, context: &Context) {
        if let Ok((name, portfolio)) = self.readable_portfolio() {
            // What comes of it shows at the next pass.
            let _ = context.accounts.route(name, portfolio, true).await;
        }
    }

    /// The declarations of the Property, as they are at each moment.
    fn declarations(&self, context: &Context) -> PropertyDeclarations {
        let head = self.ledger.as_ref().map_or_else(
            || Rc::new(Head::default()),
            |(_, known)| Rc::clone(&known.head),
        );
        let portfolio = self.portfolio.as_ref().map_or_else(
            |_| Name::new(&self.name.namespace, ""),
            |seen| seen.name.clone(),
        );
        PropertyDeclarations::new(
            Rc::clone(&context.objects),
            self.name.clone(),
            portfolio,
            head,
            Rc::clone(&context.undefined),
        )
    }

    /// Sets our finalizer wherever it lacks, before anything is done for an object.
    async fn prepare(&mut self, context: &Context) {
        let sorted = self.declarations(context).sorted(Timestamp::now());
        if sorted.any_going {
            look_at_definitions(context).await;
        }
        let own = [self.property.as_ref(), self.portfolio.as_ref().ok()];
        let lacking: Vec<Rc<Seen>> = own
            .into_iter()
            .flatten()
            .filter(|seen| seen.is_unprepared())
            .chain(&sorted.unprepared)
            .cloned()
            .collect();
        for seen in lacking {
            context.prepare(&seen).await;
        }
        self.property = context.object(Kind::Property, &self.name);
    }

    /// Finds the building and makes the pass.
    async fn work(
        &mut self,
        context: &Context,
        account: &Rc<Account>,
    ) -> Result<PassReport, Obstacle> {
        let declarations = self.declarations(context);
        let snapshot = declarations.snapshot(Timestamp::now());
        let (target, buildings) = self.target(account, &snapshot).await?;
        let key = LedgerKey {
            connection: account.connection.clone(),
            building: target.building.uuid,
        };
        self.claim(context, &key)?;
        context
            .at_work
            .borrow_mut()
            .insert(key.clone(), self.name.clone());
        let _done = AtWork { context, key: &key };
        let portfolio = self
            .portfolio
            .as_ref()
            .map_or_else(|_| self.name.clone(), |seen| seen.name.clone());
        let known = Known {
            heads: self.heads(context, &key, &snapshot),
            snapshot,
            buildings,
            losses: context.losses_of(&portfolio, account.now()),
            looks: RefCell::default(),
        };
        let ledgers = PassLedgers::new(
            Rc::clone(&context.ledgers),
            &account.connection,
            self.name.clone(),
        );
        let ports = Ports {
            door_os: &account.client,
            ledgers: &ledgers,
            declarations: &Gathered {
                declarations: &declarations,
                context,
            },
            clock: &**account,
            ownership: &**account,
        };
        Ok(pass(&ports, &known, &target, Mandate::Perform, &[]).await?)
    }

    /// The building of the Property.
    async fn target(
        &self,
        account: &Account,
        snapshot: &Snapshot,
    ) -> Result<(Target, Rc<Vec<Building>>), Obstacle> {
        let mut heads = Heads::new();
        let mut unsettled = BTreeSet::new();
        if let Some((key, known)) = &self.ledger {
            heads.insert(key.building, (*known.head).clone());
            unsettled.insert(key.building);
        }
        for anew in [false, true] {
            let buildings = account.buildings(anew).await?;
            let (found, not_passed) = targets(snapshot, &heads, &unsettled, &buildings);
            if let Some(target) = found
                .into_iter()
                .find(|target| target.property == self.name.name)
            {
                return Ok((target, buildings));
            }
            if let Some(problem) = not_passed.into_iter().next().filter(|_| anew) {
                let Problem {
                    reason, message, ..
                } = problem.problem;
                return Err(Obstacle::Problem(reason, message));
            }
        }
        let broken = snapshot
            .broken
            .iter()
            .find(|broken| broken.kind == "Property")
            .and_then(|broken| broken.problems.first());
        Err(match broken {
            Some(problem) => Obstacle::Problem(problem.reason, problem.message.clone()),
            // Its finalizer could not be set yet.
            None => Obstacle::Problem(
                Reason::Progressing,
                Reason::Progressing.meaning().to_owned(),
            ),
        })
    }

    /// Makes sure that no other Property has the building.
    fn claim(&self, context: &Context, key: &LedgerKey) -> Result<(), Obstacle> {
        if context
            .at_work
            .borrow()
            .get(key)
            .is_some_and(|other| *other != self.name)
        {
            return Err(Obstacle::Overtaken);
        }
        let other = context.ledgers.known(key).filter(|known| {
            known.head.property.is_some()
                && known.property != self.name
                && context.object(Kind::Property, &known.property).is_some()
        });
        match other {
            None => Ok(()),
            // The name of a Property in another namespace is not told here.
            Some(known) if known.property.namespace != self.name.namespace => {
                Err(Obstacle::Problem(
                    Reason::BuildingClaimedTwice,
                    String::from(
                        "this building is already managed by a Property of another namespace. Keep one of the two.",
                    ),
                ))
            }
            Some(known) => Err(Obstacle::Problem(
                Reason::BuildingClaimedTwice,
                format!(
                    "this building is already managed by the Property \"{}\". Keep one of the two.",
                    known.property.name
                ),
            )),
        }
    }

    /// The heads that matter: the building's own, and those of buildings that any of the objects was
    /// accepted for.
    fn heads(&self, context: &Context, key: &LedgerKey, snapshot: &Snapshot) -> Heads {
        let uids = snapshot
            .objects
            .iter()
            .filter_map(|object| object.uid.as_ref())
            .chain(
                snapshot
                    .broken
                    .iter()
                    .filter_map(|broken| broken.uid.as_ref()),
            );
        let own = context.ledgers.known(key);
        own.map(|known| (key.building, known))
            .into_iter()
            .chain(
                uids.flat_map(|uid| context.ledgers.of_object(uid))
                    .filter(|(_, known)| known.property.namespace == self.name.namespace)
                    .map(|(other, known)| (other.building, known)),
            )
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            .map(|(building, known)| (building, (*known.head).clone()))
            .collect()
    }

    /// When the Property is due again without anybody changing anything.
    fn next(&self, report: &PassReport, account: &Account) -> Duration {
        let interval = self.portfolio_spec().check_interval.length();
        let by_interval = jittered(interval, &self.name);
        let by_time = report.after.next_change.map(|at| until(at, account.now()));
        by_time.map_or(by_interval, |by_time| by_time.min(by_interval))
    }

    /// Says why there was no pass, lets go of what needs none, and puts the next one off.
    async fn fail(&self, context: &Context, reason: Reason, message: &str) -> Next {
        let failures = {
            let mut memory = context.memory.borrow_mut();
            let memory = memory.entry(self.name.clone()).or_default();
            memory.failures = memory.failures.saturating_add(1);
            memory.failures
        };
        tell_failure(context, self, reason, message, failures).await;
        release(context, &self.name, None).await;
        let interval = self.portfolio_spec().check_interval.length();
        let wait = FIRST_WAIT * 2_u32.pow(failures.saturating_sub(1).min(6));
        Next::In(jittered(wait.min(interval.max(FIRST_WAIT)), &self.name))
    }
}

/// When the next time of grace of a deletion ends.
pub(crate) fn next_deletion(context: &Context, name: &Name) -> Option<Duration> {
    let now = Timestamp::now();
    let at_hand = AtHand::find(context, name)?;
    let next = at_hand.declarations(context).sorted(now).next?;
    Some(until(next, now))
}

/// Declarations that are gathered again while a pass is under way: what is deleted then may go because its kind goes.
struct Gathered<'a> {
    declarations: &'a PropertyDeclarations,
    context: &'a Context,
}

impl Declarations for Gathered<'_> {
    async fn read(&self) -> Snapshot {
        if self.declarations.sorted(Timestamp::now()).any_going {
            look_at_definitions(self.context).await;
        }
        self.declarations.read().await
    }
}

/// Marks a building as at work for as long as it lives, also where a pass is dropped.
struct AtWork<'a> {
    context: &'a Context,
    key: &'a LedgerKey,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.context.at_work.borrow_mut().remove(self.key);
    }
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
        + Duration::from_millis(100)
}

/// Within a tenth of the time, differently for each Property and each time, so that those that were due
/// together do not stay so.
pub(crate) fn jittered(time: Duration, name: &Name) -> Duration {
    let nanos = u64::from(Timestamp::now().subsec_nanosecond().unsigned_abs());
    let spread = name.name.bytes().fold(nanos, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(byte))
    });
    let thousandths = u32::try_from(spread % 1000).unwrap_or(0);
    time.mul_f64(0.9 + 0.1 * f64::from(thousandths) / 1000.0)
}
