//! One round: every property once, side by side. A property, file or object that fails never stops
//! the others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures::StreamExt;
use opendoor_door_os::{Building, DoorOs};
use opendoor_planner::guard::losses_in_window;
use opendoor_planner::ids::BuildingUuid;

use crate::gather::{NotPassed, Target, strays, targets};
use crate::pass::{Begun, Known, Mandate, PassError, PassReport, Ports, pass};
use crate::ports::{Clock, Declarations, Ledgers, Ownership};
use opendoor_planner::declared::Problem;

use crate::snapshot::Unreadable;

/// How many properties are passed over side by side. One credentials' rate limit is the real bound.
const SIDE_BY_SIDE: usize = 4;

/// What a round found and did.
#[derive(Debug)]
pub struct RoundReport {
    /// Each property's pass, sorted by name.
    pub passes: Vec<(Target, Result<PassReport, PassError>)>,
    /// Properties that could not be passed over.
    pub not_passed: Vec<NotPassed>,
    /// Objects whose Property is declared nowhere, and objects nobody can place.
    pub strays: Vec<Problem>,
    /// What could not be read.
    pub unreadable: Vec<Unreadable>,
    /// What was skipped.
    pub notes: Vec<String>,
}

/// Makes one round.
///
/// # Errors
/// The store cannot be read, or DOOR OS does not list its buildings. Everything else is in the report.
pub async fn round<D, L, S, C, O>(
    ports: &Ports<'_, D, L, S, C, O>,
    mandate: Mandate,
    approvals: &[String],
) -> Result<RoundReport, PassError>
where
    D: DoorOs,
    L: Ledgers,
    S: Declarations,
    C: Clock,
    O: Ownership,
{
    let heads = ports.ledgers.heads().await?;
    let buildings = ports.door_os.buildings().await?;
    // Buildings that are looked after already are looked at, and their ledgers read, while the
    // declarations are read.
    let known: Vec<&Building> = buildings
        .iter()
        .filter(|building| {
            let head = heads.get(&building.uuid);
            head.is_some_and(|head| head.property.is_some())
        })
        .take(SIDE_BY_SIDE)
        .collect();
    let looks = futures::future::join_all(known.iter().map(|building| async {
        let (observed, ledger) = futures::join!(
            ports.door_os.observe(building),
            ports.ledgers.load(building.uuid)
        );
        (building.uuid, Begun { observed, ledger })
    }));
    let (snapshot, looks) = futures::join!(ports.declarations.read(), looks);
    let mut looks: BTreeMap<BuildingUuid, Begun> = looks.into_iter().collect();
    let declared: BTreeSet<String> = snapshot
        .objects
        .iter()
        .filter(|object| matches!(object.resource, opendoor_api::Resource::Property(_)))
        .map(|object| object.resource.name().to_owned())
        .collect();
    let mut unsettled = BTreeSet::new();
    for (building, head) in &heads {
        let is_declared = head
            .property
            .as_ref()
            .is_some_and(|property| declared.contains(&property.name));
        if is_declared || head.property.is_none() {
            continue;
        }
        let Some(mut ledger) = ports.ledgers.load(*building).await? else {
            continue;
        };
        if !ledger.is_settled() {
            unsettled.insert(*building);
        } else if mandate == Mandate::Perform {
            // Nothing is owned or owed: the building is let go.
            ledger.let_go();
            ports.ledgers.commit(&mut ledger, &[]).await?;
            // What was read of it before is the past.
            looks.remove(building);
        }
    }
    let (targets, not_passed) = targets(&snapshot, &heads, &unsettled, &buildings);
    let strays = strays(&snapshot, &heads);
    let now = ports.clock.now();
    let losses = heads
        .iter()
        .map(|(building, head)| {
            let portfolio = head
                .portfolio
                .as_ref()
                .map(|portfolio| portfolio.name.clone());
            (*building, (portfolio, losses_in_window(head, now)))
        })
        .collect();
    let (unreadable, notes) = (snapshot.unreadable.clone(), snapshot.notes.clone());
    let known = Known {
        snapshot,
        heads,
        buildings: Rc::new(buildings),
        losses: Rc::new(RefCell::new(losses)),
        looks: RefCell::new(looks),
    };
    let mut passes: Vec<(Target, Result<PassReport, PassError>)> = futures::stream::iter(targets)
        .map(|target| {
            let (known, mandate) = (&known, mandate.clone());
            async move {
                let report = pass(ports, known, &target, mandate, approvals).await;
                (target, report)
            }
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .collect()
        .await;
    passes.sort_by(|(a, _), (b, _)| a.property.cmp(&b.property));
    Ok(RoundReport {
        passes,
        not_passed,
        strays,
        unreadable,
        notes,
    })
}
