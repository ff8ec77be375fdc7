//! Plans against a table.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use opendoor_api::{Mode, Resource};
use opendoor_door_os::Building;
use opendoor_planner::declared::{Declared, Problem, Spec};
use opendoor_planner::guard::Guard;
use opendoor_planner::ids::{BuildingUuid, DoorUuid};
use opendoor_planner::intake::{Taken, take_in};
use opendoor_planner::ledger::Ledger;
use opendoor_planner::observed::{Holder, Observed};
use opendoor_planner::owner::Cause;
use opendoor_planner::plan::{Plan, Refusal, Step};
use opendoor_planner::planner::plan;
use opendoor_planner::reasons::Reason;

use super::{Said, Table, fill, identity, is_synthetic};
use crate::gather::{Heads, LookedAfterBy, NotPassed, declared_for, portfolio_of, strays, targets};
use crate::snapshot::{Snapshot, Unreadable};

/// The plans made against a table.
#[derive(Clone, Debug, Default)]
pub struct TablePlan {
    /// Each property's plan, sorted by name.
    pub plans: Vec<Plan>,
    /// What was planned for each property, in the order of `plans`.
    pub observed: Vec<Observed>,
    /// Properties without a plan: their building is not in the table, or is another Property's.
    pub not_passed: Vec<NotPassed>,
    /// Objects whose Property is declared nowhere, and objects nobody can place.
    pub strays: Vec<Problem>,
    /// Files that cannot be read.
    pub unreadable: Vec<Unreadable>,
    /// What the table leaves open, and what was skipped.
    pub notes: Vec<String>,
}

/// Plans what is declared now against a table. What the base declared, and the table shows, is ours: it is
/// taken away when it is declared no more. Everything else in the table is somebody's own work.
#[must_use]
pub fn plan_table(
    table: &Table,
    now_snapshot: &Snapshot,
    base: Option<&Snapshot>,
    now: Timestamp,
) -> TablePlan {
    let mut made = TablePlan {
        notes: table.notes.clone(),
        unreadable: now_snapshot.unreadable.clone(),
        ..TablePlan::default()
    };
    made.notes.extend(now_snapshot.notes.iter().cloned());
    let mut worlds: BTreeMap<BuildingUuid, World> = BTreeMap::new();
    for observed in &table.observed {
        let world = world(table, observed, now_snapshot, base, now);
        worlds.insert(world.observed.building, world);
    }
    let buildings: Vec<Building> = worlds
        .values()
        .map(|world| Building {
            uuid: world.observed.building,
            name: world.observed.building_name.clone(),
            timezone: None,
        })
        .collect();
    let (mut ledgers, was) = match base {
        Some(base) => owned_at_base(&worlds, base, &buildings, now),
        None => Default::default(),
    };
    let heads: Heads = ledgers
        .iter()
        .map(|(building, ledger)| (*building, ledger.head.clone()))
        .collect();
    let unsettled: BTreeSet<BuildingUuid> = ledgers
        .iter()
        .filter(|(_, ledger)| !ledger.is_settled())
        .map(|(building, _)| *building)
        .collect();
    let (targets, not_passed) = targets(now_snapshot, &heads, &unsettled, &buildings);
    made.not_passed = not_passed
        .into_iter()
        .map(|problem| in_words_of_a_table(problem, table, now_snapshot, &buildings))
        .collect();
    made.strays = strays(now_snapshot, &heads);
    let mut losses: BTreeMap<Option<String>, u32> = BTreeMap::new();
    for target in targets {
        let building = target.building.uuid;
        let Some(world) = worlds.remove(&building) else {
            continue;
        };
        let ledger = ledgers.remove(&building);
        let ledger = ledger.unwrap_or_else(|| Ledger::new(building));
        let declared = declared_for(now_snapshot, &heads, &buildings, &target);
        let was = was.get(&building);
        let plan = plan_one(
            &world,
            ledger,
            now_snapshot,
            &declared,
            was,
            &mut losses,
            now,
        );
        made.plans.push(plan);
        made.observed.push(world.observed);
    }
    made
}

/// One building as the table and the declarations show it.
struct World {
    observed: Observed,
    said: Said,
    file: String,
    notes: Vec<String>,
}

fn world(
    table: &Table,
    observed: &Observed,
    now_snapshot: &Snapshot,
    base: Option<&Snapshot>,
    now: Timestamp,
) -> World {
    let mut observed = observed.clone();
    observed.at = now;
    let said = table
        .said
        .get(&observed.building)
        .cloned()
        .unwrap_or_default();
    if table.unnamed
        && let Some(name) = only_building(now_snapshot).or_else(|| only_building(base?))
    {
        observed.building = BuildingUuid(identity("building", "", &name));
        observed.building_name = name;
    }
    let snapshots = [base, Some(now_snapshot)];
    let declared = fill::Declarations::of(snapshots, &observed.building_name, observed.building.0);
    let mut notes = fill::partners(&mut observed, &declared, &table.file);
    notes.extend(fill::keys(&mut observed, &said, &declared, &table.file));
    World {
        observed,
        said,
        file: table.file.clone(),
        notes,
    }
}

/// The building of the only Property, which a table without a name for its building is about.
fn only_building(snapshot: &Snapshot) -> Option<String> {
    let mut buildings = snapshot
        .objects
        .iter()
        .filter_map(|object| match &object.resource {
            Resource::Property(property) => Some(property.spec.building.clone()),
            _ => None,
        });
    match (buildings.next(), buildings.next()) {
        (only, None) => only,
        _ => None,
    }
}

/// Doors with a blank partner that a declaration wants, with the step that would be made if nobody held them.
type Wants = BTreeMap<DoorUuid, Step>;

/// The ledgers that say what the base declared and the table shows; and what it declared for doors with a
/// blank partner.
fn owned_at_base(
    worlds: &BTreeMap<BuildingUuid, World>,
    base: &Snapshot,
    buildings: &[Building],
    now: Timestamp,
) -> (
    BTreeMap<BuildingUuid, Ledger>,
    BTreeMap<BuildingUuid, Wants>,
) {
    let mut ledgers = BTreeMap::new();
    let mut was = BTreeMap::new();
    let nothing = Heads::new();
    for target in targets(base, &nothing, &BTreeSet::new(), buildings).0 {
        let building = target.building.uuid;
        let Some(world) = worlds.get(&building) else {
            continue;
        };
        let declared = declared_for(base, &nothing, buildings, &target);
        let mut ledger = Ledger::new(building);
        was.insert(building, wants(&ledger, &declared, world, now));
        if let LookedAfterBy::Portfolio(portfolio) = portfolio_of(base, &declared, &ledger.head) {
            ledger.head_mut().portfolio = Some(portfolio);
        }
        let as_declared = fill::keys_as_at_base(&world.observed, base);
        take_in(&mut ledger, &declared, &as_declared, now);
        ledgers.insert(building, ledger);
    }
    (ledgers, was)
}

/// What would be assigned at doors with a blank partner if nobody held them: that is where the blank matters.
fn wants(ledger: &Ledger, declared: &Declared, world: &World, now: Timestamp) -> Wants {
    let mut observed = world.observed.clone();
    let mut blank = BTreeSet::new();
    for row in &mut observed.doors {
        if row.holder == Holder::Unknown {
            row.holder = Holder::Nobody;
            blank.insert(row.uuid);
        }
    }
    if blank.is_empty() {
        return Wants::new();
    }
    let mut ledger = ledger.clone();
    let taken = take_in(&mut ledger, declared, &observed, now);
    let plan = plan(&ledger, &taken, &observed, &Guard::default(), &[], now);
    plan.steps
        .into_iter()
        .filter_map(|step| Some((step.door.as_ref()?.uuid?, step)))
        .filter(|(door, _)| blank.contains(door))
        .collect()
}

fn plan_one(
    world: &World,
    mut ledger: Ledger,
    snapshot: &Snapshot,
    declared: &Declared,
    was: Option<&Wants>,
    losses: &mut BTreeMap<Option<String>, u32>,
    now: Timestamp,
) -> Plan {
    let observed = &world.observed;
    let wanted = wants(&ledger, declared, world, now);
    let (mut guard, problem) = match portfolio_of(snapshot, declared, &ledger.head) {
        LookedAfterBy::Defaults => (Guard::default(), None),
        LookedAfterBy::Portfolio(portfolio) => {
            let guard = Guard::of(&portfolio.spec);
            ledger.head_mut().portfolio = Some(portfolio);
            (guard, None)
        }
        LookedAfterBy::CannotTell(problem) => {
            let before = ledger.head.portfolio.as_ref();
            let mut guard = before.map_or_else(Guard::default, |known| Guard::of(&known.spec));
            guard.mode = Mode::Observe;
            (guard, Some(problem))
        }
    };
    let portfolio = ledger
        .head
        .portfolio
        .as_ref()
        .map(|known| known.name.clone());
    let elsewhere = losses.entry(portfolio).or_default();
    guard.losses_elsewhere = *elsewhere;
    let mut taken = take_in(&mut ledger, declared, observed, now);
    taken.refusals.extend(problem.map(|problem| Refusal {
        cause: problem.cause,
        reason: problem.reason,
        message: problem.message,
        owner: None,
    }));
    let open = open_questions(world, &wanted, was, &declared.property.cause)
        .into_iter()
        .chain(selectors_in_doubt(&taken, &world.file));
    let open: Vec<Refusal> = open.collect();
    let complete = open.is_empty();
    taken.refusals.extend(open);
    let approvals: Vec<String> = ledger
        .head
        .property
        .iter()
        .filter_map(|property| property.spec.approve.clone())
        .collect();
    let mut plan = plan(&ledger, &taken, observed, &guard, &approvals, now);
    // What the planner notes of locks and first contact is about DOOR OS, which nobody has looked at.
    plan.notes.clone_from(&world.notes);
    plan.complete &= complete;
    for refusal in &mut plan.refusals {
        without_made_up_uuids(&mut refusal.message, observed);
    }
    let lost: BTreeSet<_> = plan
        .performable()
        .filter(|step| !step.uncharged)
        .flat_map(|step| &step.losses)
        .collect();
    *elsewhere = elsewhere.saturating_add(u32::try_from(lost.len()).unwrap_or(u32::MAX));
    plan
}

/// Doors whose blank partner matters: something is declared there, or was at the base.
fn open_questions(
    world: &World,
    wanted: &Wants,
    was: Option<&Wants>,
    property: &Cause,
) -> Vec<Refusal> {
    let line = |door: &DoorUuid| match world.said.lines.get(door) {
        Some(line) => format!("{}:{line}", world.file),
        None => world.file.clone(),
    };
    let name = |step: &Step| {
        step.door
            .as_ref()
            .map_or("", |door| door.name.as_str())
            .to_owned()
    };
    let mut refusals: Vec<Refusal> = wanted
        .iter()
        .map(|(door, step)| Refusal {
            cause: step.cause.clone(),
            reason: Reason::ObservationIncomplete,
            message: format!(
                "{} does not say who holds \"{}\", so nothing is planned there. Write the partner that its dropdown shows, or \
                 none.",
                line(door),
                name(step)
            ),
            owner: Some(step.owner.clone()),
        })
        .collect();
    let dropped = was.into_iter().flatten();
    refusals.extend(dropped.filter(|(door, _)| !wanted.contains_key(door)).map(|(door, step)| {
        Refusal {
            cause: property.clone(),
            reason: Reason::ObservationIncomplete,
            message: format!(
                "{} does not say who holds \"{}\", which was declared for {} at the base and is not any more. Write the \
                 partner that its dropdown shows, or none.",
                line(door),
                name(step),
                step.partner
            ),
            owner: None,
        }
    }));
    refusals
}

/// Assignments that select doors by what a table does not say of them.
fn selectors_in_doubt(taken: &Taken, file: &str) -> Vec<Refusal> {
    let in_doubt = taken.objects.iter().filter_map(|object| {
        let Spec::DoorAssignment(spec) = &*object.spec else {
            return None;
        };
        let selector = spec.door_selector.as_ref()?;
        let asks = [
            selector.door_type.map(|_| "type"),
            selector.accessibility.map(|_| "accessibility"),
            selector.vacancy.map(|_| "vacancy"),
        ];
        let asks: Vec<&str> = asks.into_iter().flatten().collect();
        if object.removed || asks.is_empty() {
            return None;
        }
        Some(Refusal {
            cause: object.places.locate(&object.cause, "spec.doorSelector"),
            reason: Reason::ObservationIncomplete,
            message: format!(
                "{file} does not say the {} of doors, so nothing is planned for this selector. Name the doors in spec.doors, or \
                 plan against DOOR OS.",
                asks.join(" and ")
            ),
            owner: Some(object.owner.clone()),
        })
    });
    in_doubt.collect()
}

/// A key of a table has no uuid that anybody could write down.
fn without_made_up_uuids(message: &mut String, observed: &Observed) {
    for key in observed.keys.iter().filter(|key| is_synthetic(key.uuid.0)) {
        let uuid = key.uuid.to_string();
        if message.contains(&uuid) {
            *message = message
                .replace(&format!(" ({uuid})"), "")
                .replace(&uuid, "its uuid in DOOR OS");
        }
    }
}

/// What is said of a building that DOOR OS does not list, said of one that a table does not hold.
fn in_words_of_a_table(
    mut not_passed: NotPassed,
    table: &Table,
    snapshot: &Snapshot,
    buildings: &[Building],
) -> NotPassed {
    let file = &table.file;
    let known: Vec<String> = buildings
        .iter()
        .filter(|building| !building.name.is_empty())
        .take(5)
        .map(|building| format!("\"{}\"", building.name))
        .collect();
    let holds = match (known.is_empty(), table.unnamed) {
        (_, true) => String::from("does not say which building it is of; add a column `building`"),
        (true, false) => String::from("holds no doors"),
        (false, false) => format!("holds {}", known.join(", ")),
    };
    match not_passed.problem.reason {
        Reason::BuildingNotFound => {
            let written = snapshot
                .objects
                .iter()
                .find_map(|object| match &object.resource {
                    Resource::Property(property)
                        if object.resource.name() == not_passed.property =>
                    {
                        Some(property.spec.building.as_str())
                    }
                    _ => None,
                });
            not_passed.problem.message = format!(
                "no row of {file} is of the building \"{}\"; the table {holds}. Names must agree letter for letter.",
                written.unwrap_or_default()
            );
        }
        Reason::ObservationIncomplete => {
            not_passed.problem.message = format!(
                "no row of {file} is of the building of this Property, so nothing is planned there."
            );
        }
        _ => {}
    }
    not_passed
}
