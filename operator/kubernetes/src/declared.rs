//! What the cluster's objects declare for one Property, at this moment.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use opendoor_api::{Kind, Portfolio, PropertySpec, Resource};
use opendoor_planner::declared::{Places, Problem, Spec};
use opendoor_planner::ledger::Head;
use opendoor_planner::owner::OwnerId;
use opendoor_planner::reasons::Reason;
use opendoor_reconciler::ports::Declarations;
use opendoor_reconciler::snapshot::{Broken, Object, Snapshot};

use crate::finalizers::{IN_USE, REVOKE};
use crate::objects::{Name, Objects, Seen, cause};

/// The Portfolio that looks after a Property.
///
/// # Errors
/// Why none can be told.
pub fn portfolio_of(
    objects: &Objects,
    property: &Name,
    head: Option<&Head>,
) -> Result<Rc<Seen>, Problem> {
    let seen = objects.get(Kind::Property, property);
    let declared: Option<&PropertySpec> = seen.and_then(|seen| match &seen.content {
        Ok(Resource::Property(property)) => Some(&property.spec),
        _ => None,
    });
    let accepted = head
        .and_then(|head| head.property.as_ref())
        .map(|accepted| &accepted.spec);
    let reference = declared
        .or(accepted)
        .and_then(|spec| spec.portfolio_ref.as_ref())
        .map(|reference| reference.name.as_str());
    let here: Vec<&Rc<Seen>> = objects.of(Kind::Portfolio, &property.namespace).collect();
    let before = head
        .and_then(|head| head.portfolio.as_ref())
        .map(|portfolio| portfolio.name.as_str());
    let named = |name: &str| here.iter().copied().find(|seen| seen.name.name == name);
    let found = match reference {
        Some(name) => named(name),
        None => match here.as_slice() {
            [only] => Some(*only),
            // Several now, but this Property has been looked after by one of them.
            _ if declared.is_none() => before.and_then(named),
            _ => None,
        },
    };
    let cause = cause(Kind::Property, property);
    found.cloned().ok_or_else(|| Problem {
        reason: Reason::Invalid,
        message: match (reference, here.len()) {
            (Some(name), _) => format!(
                "there is no Portfolio \"{name}\" in this namespace. Apply it, or correct spec.portfolioRef. Nothing is \
                 changed until then."
            ),
            (None, 0) => String::from(
                "there is no Portfolio in this namespace, and it holds the credentials. Apply one with \
                 spec.credentialsSecretRef. Nothing is changed until then.",
            ),
            (None, _) => String::from(
                "several Portfolios are in this namespace; say which one looks after this Property with \
                 spec.portfolioRef. Nothing is changed until then.",
            ),
        },
        cause,
    })
}

/// What one Property and its objects declare, read anew each time.
pub struct PropertyDeclarations {
    objects: Rc<RefCell<Objects>>,
    property: Name,
    portfolio: Name,
    /// Objects whose declarations were accepted for the building.
    accepted: Rc<Head>,
    /// Kinds whose definition is being deleted: their objects go with it, which nobody asked of each.
    undefined: Rc<RefCell<BTreeSet<Kind>>>,
}

/// Objects of one Property, apart by what is to be done with them.
#[derive(Debug, Default)]
pub struct Sorted {
    /// Declared: they are there, and carry our finalizer.
    pub declared: Vec<Rc<Seen>>,
    /// There, without our finalizer yet: it is set before anything is done for them.
    pub unprepared: Vec<Rc<Seen>>,
    /// Being deleted, with their time of grace over.
    pub deleted: Vec<Rc<Seen>>,
    /// Whether any of them is being deleted, whatever comes of it.
    pub any_going: bool,
    /// When the next time of grace ends.
    pub next: Option<Timestamp>,
}

impl PropertyDeclarations {
    /// The declarations of a Property.
    #[must_use]
    pub fn new(
        objects: Rc<RefCell<Objects>>,
        property: Name,
        portfolio: Name,
        accepted: Rc<Head>,
        undefined: Rc<RefCell<BTreeSet<Kind>>>,
    ) -> Self {
        Self {
            objects,
            property,
            portfolio,
            accepted,
            undefined,
        }
    }

    /// The Property's objects, sorted. The Property and its Portfolio are not among them.
    #[must_use]
    pub fn sorted(&self, now: Timestamp) -> Sorted {
        let objects = self.objects.borrow();
        let delay = self.removal_delay(&objects);
        let mut sorted = Sorted::default();
        for seen in objects.belonging_to(&self.property, &self.accepted) {
            let Some(owner) = seen.owner() else {
                continue;
            };
            let accepted = self.accepted.accepted.contains_key(&owner);
            let ours = seen.has_finalizer(REVOKE);
            sorted.any_going |= seen.deleting_since.is_some();
            match seen.deleting_since {
                None if ours => sorted.declared.push(seen),
                None => sorted.unprepared.push(seen),
                Some(_) if self.undefined.borrow().contains(&seen.kind) => {}
                // It was not taken up before this pass, so there is nothing that others rely on.
                Some(_) if !accepted => sorted.deleted.push(seen),
                Some(since) => {
                    let due = since.saturating_add(delay).unwrap_or(since);
                    if due > now && ours {
                        sorted.next = Some(sorted.next.map_or(due, |next| next.min(due)));
                        sorted.declared.push(seen);
                    } else {
                        sorted.deleted.push(seen);
                    }
                }
            }
        }
        sorted
    }

    fn removal_delay(&self, objects: &Objects) -> SignedDuration {
        match objects
            .get(Kind::Portfolio, &self.portfolio)
            .map(|seen| &seen.content)
        {
            Some(Ok(Resource::Portfolio(Portfolio { spec, .. }))) => spec.removal_delay.signed(),
            _ => opendoor_api::PortfolioSpec::default()
                .removal_delay
                .signed(),
        }
    }

    /// What is declared now.
    #[must_use]
    pub fn snapshot(&self, now: Timestamp) -> Snapshot {
        let sorted = self.sorted(now);
        let mut snapshot = Snapshot {
            deleted: Some(BTreeMap::new()),
            ..Snapshot::default()
        };
        let objects = self.objects.borrow();
        let property = objects
            .get(Kind::Property, &self.property)
            .filter(|seen| seen.has_finalizer(IN_USE));
        let portfolio = objects.get(Kind::Portfolio, &self.portfolio);
        for seen in portfolio
            .into_iter()
            .chain(property)
            .chain(&sorted.declared)
        {
            take(&mut snapshot, seen);
        }
        if let Some(deleted) = &mut snapshot.deleted {
            for seen in &sorted.deleted {
                if let Some(owner) = seen.owner() {
                    let policy = self.policy_of(seen, &owner);
                    deleted.insert(owner, policy);
                }
            }
        }
        snapshot
    }

    /// What an object that is being deleted says of its access; what it said before, if it cannot be read.
    fn policy_of(&self, seen: &Seen, owner: &OwnerId) -> opendoor_api::DeletionPolicy {
        match &seen.content {
            Ok(Resource::DoorAssignment(assignment)) => assignment.spec.deletion_policy,
            Ok(Resource::PartnerKey(key)) => key.spec.deletion_policy,
            _ => self
                .accepted
                .accepted
                .get(owner)
                .map_or_else(Default::default, |accepted| {
                    Spec::deletion_policy(&accepted.spec)
                }),
        }
    }
}

fn take(snapshot: &mut Snapshot, seen: &Seen) {
    let uid = Some(seen.uid.clone());
    match &seen.content {
        Ok(resource) => snapshot.objects.push(Object {
            resource: resource.clone(),
            uid,
            cause: seen.cause(),
            places: Places::default(),
        }),
        Err(problems) => snapshot.broken.push(Broken {
            kind: seen.kind.as_str().to_owned(),
            name: Some(seen.name.name.clone()),
            uid,
            property: seen.property.clone(),
            cause: seen.cause(),
            problems: problems.clone(),
        }),
    }
}

impl Declarations for PropertyDeclarations {
    async fn read(&self) -> Snapshot {
        self.snapshot(Timestamp::now())
    }
}
