//! What must hold, computed from the simulator's state and log, the bytes of the ledgers, and the test's own
//! record of what was declared when. Of the product it takes only what a person would be shown: statuses, what
//! is refused, and what is held under which id.

mod attested;
mod brake;
mod declared;
mod end;
mod judge;
mod keys;
mod locks;
mod log;
mod memory;
mod ownership;
mod registry;
mod retained;
mod sends;
mod syncs;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::{SignedDuration, Timestamp};
use opendoor_planner::plan::Step;
use opendoor_planner::writes::Write;
use opendoor_reconciler::round::RoundReport;
use serde_json::Value;
use uuid::Uuid;

use crate::declare::Repo;
use crate::laws::{Broken, Law, Tally};
use crate::store::Commits;
use crate::wire::Notes;
use crate::world::Place;
use brake::Brake;
use declared::Declared;
use keys::KeyLabels;
use log::{Access, Change};
use memory::Memory;
use registry::Registry;
use retained::Retained;

/// The ledgers as JSON: head and doors by building.
pub type Ledgers = BTreeMap<Uuid, Rc<(Value, Value)>>;

/// A write takes effect up to ten minutes after it was sent, and a round may take long: what was declared within
/// this time before a late effect may be its cause.
const LATE: SignedDuration = SignedDuration::from_mins(40);

/// What there is to judge after a round.
pub struct After<'a> {
    pub state: &'a Value,
    pub ledgers: &'a Ledgers,
    /// `None`: the round failed as a whole, or its process died.
    pub report: Option<&'a RoundReport>,
    pub notes: &'a Notes,
    pub commits: &'a Commits,
    /// Some rows that were shown may have been old ones.
    pub stale: bool,
}

/// A write as DOOR OS sees it: method and path, and the revision it is conditional on.
pub type Call = (String, Option<i64>);

pub struct Oracle {
    pub tally: Tally,
    registry: Registry,
    memory: Memory,
    /// What was declared at each recent round.
    recent: Vec<(Timestamp, Rc<Declared>)>,
    access: BTreeMap<Uuid, Vec<Access>>,
    /// Access that we gave, or that was declared while it was there.
    ours: BTreeSet<(Uuid, Uuid, Option<Uuid>)>,
    /// The same, and what people took away since: the product may own it still.
    ever_ours: BTreeSet<(Uuid, Uuid, Option<Uuid>)>,
    our_keys: BTreeSet<Uuid>,
    /// (door, partner) on the dropdown that we gave, or that was there and declared beyond doubt.
    surely_ours: BTreeSet<(Uuid, Uuid)>,
    /// Objects that ever named a door.
    named_by: BTreeSet<(Uuid, String)>,
    /// (building, partner) that a pass can have seen authorised: only then is it known by its name.
    known_partners: BTreeSet<(Uuid, Uuid)>,
    /// (door, access revision) of changes that a write of ours made.
    made_by_us: BTreeSet<(Uuid, i64)>,
    brake: Brake,
    labels: KeyLabels,
    /// What each hold id ever shown covers.
    shown: BTreeMap<String, BTreeSet<Call>>,
    approved: BTreeSet<Call>,
    /// Doors whose lock went back to an earlier list since a look that was sure to see it.
    went_back: BTreeSet<Uuid>,
    delivered: BTreeMap<Uuid, u64>,
    /// When a round was last shown old rows.
    stale_at: Option<Timestamp>,
    /// Doors whose access people changed while the last round ran.
    beside: BTreeSet<Uuid>,
    /// Doors and keys there were when the round began.
    before: BTreeSet<Uuid>,
    last: Value,
    /// What the last report refuses of objects, with its words; and doors and keys of held steps.
    refused: Vec<(String, String)>,
    held_subjects: BTreeSet<Uuid>,
    /// Objects with a held step.
    held_owners: BTreeSet<String>,
    /// The declarations changed while the round ran, and that was read.
    turned: bool,
    /// The building of every key.
    key_homes: BTreeMap<Uuid, Uuid>,
    retained: Retained,
}

impl Oracle {
    pub fn new(place: &Place, state: &Value) -> Self {
        let registry = Registry::new(place, state);
        Self {
            tally: Tally::default(),
            access: registry.access(state),
            registry,
            memory: Memory::default(),
            recent: Vec::new(),
            ours: BTreeSet::new(),
            our_keys: BTreeSet::new(),
            surely_ours: BTreeSet::new(),
            named_by: BTreeSet::new(),
            known_partners: BTreeSet::new(),
            ever_ours: BTreeSet::new(),
            made_by_us: BTreeSet::new(),
            brake: Brake::default(),
            labels: KeyLabels::default(),
            shown: BTreeMap::new(),
            approved: BTreeSet::new(),
            went_back: BTreeSet::new(),
            delivered: BTreeMap::new(),
            stale_at: None,
            beside: BTreeSet::new(),
            before: BTreeSet::new(),
            last: state.clone(),
            refused: Vec::new(),
            held_subjects: BTreeSet::new(),
            held_owners: BTreeSet::new(),
            turned: false,
            key_homes: BTreeMap::new(),
            retained: Retained::default(),
        }
    }

    /// The world as it was last looked at, if nothing can have changed in it since by itself.
    pub fn last_if_still(&self) -> Option<Value> {
        (self.last["eventsUnderWay"] == 0).then(|| {
            let mut still = self.last.clone();
            still["log"] = Value::Array(Vec::new());
            still
        })
    }

    /// Takes note of what is declared as a round begins, and of what happened since the last one.
    pub fn before_round(
        &mut self,
        repo: &Repo,
        state: &Value,
        ledgers: &Ledgers,
        now: Timestamp,
    ) -> Result<(), Broken> {
        self.registry.update(state);
        // What took effect since then was sent in an earlier round.
        self.judge_log(state, None)?;
        self.covers(state, ledgers)?;
        self.turned = false;
        let declared = self.declare(repo, now);
        self.brake.begin(&declared, ledgers);
        self.tally
            .premises(Law::UnreadableLosesNothing, declared.silent_pairs);
        self.tally
            .premises(Law::KeyPartnerIsForGood, declared.illegal_keys);
        self.key_homes.extend(keys_by_home(state));
        self.before = uuids(state).collect();
        self.beside.clear();
        self.last = state.clone();
        Ok(())
    }

    /// The declarations changed while a round ran, and the process has read that.
    pub fn declared_anew(&mut self, repo: &Repo, now: Timestamp) {
        self.turned = true;
        let declared = self.declare(repo, now);
        self.brake.also(&declared);
    }

    fn declare(&mut self, repo: &Repo, now: Timestamp) -> Rc<Declared> {
        let retired = self.memory.look(repo);
        let declared = Rc::new(Declared::new(&self.memory, repo, &self.registry, now));
        self.retire(retired, &declared);
        self.labels.forget_gone(&self.memory);
        for id in &declared.approvals {
            let covered = self.shown.get(id).cloned().unwrap_or_default();
            self.approved.extend(covered);
        }
        self.note_standing(&declared);
        self.recent.retain(|(at, _)| now.duration_since(*at) < LATE);
        self.recent.push((now, Rc::clone(&declared)));
        self.named_by.extend(declared.named_by.iter().cloned());
        self.adopt(&declared);
        declared
    }

    /// Judges a round.
    pub fn after_round(&mut self, after: &After<'_>) -> Result<(), Broken> {
        self.registry.update(after.state);
        if after.stale {
            self.stale_at = self.recent.last().map(|(at, _)| *at);
        }
        self.judge_log(after.state, Some(after.notes))?;
        self.brake.after(after.ledgers);
        let declared = self.recent.last().map(|(_, declared)| Rc::clone(declared));
        if let Some(declared) = declared {
            self.adopt(&declared);
        }
        self.partial_views(after);
        self.covers(after.state, after.ledgers)?;
        self.key_homes.extend(keys_by_home(after.state));
        self.written_down(after.notes)?;
        self.sends(after)?;
        self.labels.judge(after.state, &mut self.tally)?;
        self.last = after.state.clone();
        let Some(report) = after.report else {
            return Ok(());
        };
        self.refused.clear();
        self.held_subjects.clear();
        self.held_owners.clear();
        for (target, pass) in &report.passes {
            let Ok(pass) = pass else { continue };
            self.memory.passed(&target.property);
            let known = end::authorised(after.state).into_iter();
            let here = target.building.uuid.0;
            self.known_partners
                .extend(known.filter(|(home, _)| *home == here));
            self.enforced(after, target.building.uuid.0, pass)?;
            self.attested(after, target.building.uuid.0, pass)?;
            self.note_stopped(target.building.uuid.0, pass);
            if pass.after.complete && !after.stale {
                let doors = self.registry.doors_of(target.building.uuid.0);
                self.went_back.retain(|door| !doors.contains(door));
                self.forget_not_there(&doors);
                self.surely_adopt(&doors);
            }
            self.note_shown(&pass.plan);
            self.note_shown(&pass.after);
            let home = target.building.uuid.0;
            self.brake.note_held(home, &pass.after, self.recent.last());
            self.note_excuses(&pass.after);
        }
        Ok(())
    }

    fn note_shown(&mut self, plan: &opendoor_planner::plan::Plan) {
        if let Some(id) = &plan.hold_id {
            let held = plan.steps.iter().filter(|step| step.held.is_some());
            self.shown
                .entry(id.clone())
                .or_default()
                .extend(held.map(call_of));
        }
    }

    fn note_excuses(&mut self, plan: &opendoor_planner::plan::Plan) {
        let refused = plan.refusals.iter().filter_map(|refusal| {
            let owner = refusal.owner.as_ref()?.to_string();
            Some((owner, refusal.message.clone()))
        });
        self.refused.extend(refused);
        let held: Vec<&Step> = plan
            .steps
            .iter()
            .filter(|step| step.held.is_some())
            .collect();
        for step in held {
            self.held_owners.insert(step.owner.to_string());
            self.held_subjects.extend(
                step.door
                    .as_ref()
                    .and_then(|door| door.uuid)
                    .map(|uuid| uuid.0),
            );
            self.held_subjects.extend(
                step.key
                    .as_ref()
                    .and_then(|key| key.uuid)
                    .map(|uuid| uuid.0),
            );
        }
    }

    /// Whether the last report refuses something of an object.
    fn is_refused(&self, owner: &str) -> bool {
        self.refused.iter().any(|(of, _)| of == owner)
    }

    /// Whether the last report refuses something about a door, of whichever of its objects.
    fn is_refused_at(&self, door: &str) -> bool {
        let quoted = format!("\"{door}\"");
        self.refused
            .iter()
            .any(|(_, message)| message.contains(&quoted))
    }

    /// What was declared when a write was decided on: in this round, or, if it took effect late, in a recent one.
    fn causes(&self, change: &Change, in_round: bool) -> Vec<Rc<Declared>> {
        let since = if in_round && !change.late {
            1 + usize::from(self.turned)
        } else {
            self.recent.len()
        };
        let skipped = self.recent.len().saturating_sub(since);
        self.recent
            .iter()
            .skip(skipped)
            .map(|(_, declared)| Rc::clone(declared))
            .collect()
    }
}

/// How DOOR OS is asked for a step.
pub fn call_of(step: &Step) -> Call {
    match &step.write {
        Write::SetDoorPartner { door, if_match, .. } => {
            (format!("PUT /v1/doors/{door}/partner"), Some(*if_match))
        }
        Write::CreateKey { name, .. } => (format!("POST /v1/keys {name}"), None),
        Write::UpdateKey { key, if_match, .. } => {
            (format!("PATCH /v1/keys/{key}"), Some(*if_match))
        }
        Write::DeleteKey { key, if_match } => (format!("DELETE /v1/keys/{key}"), Some(*if_match)),
    }
}

/// Every door and key of a state.
fn uuids(state: &Value) -> impl Iterator<Item = Uuid> {
    rows(state, "doors")
        .chain(rows(state, "keys"))
        .filter_map(|(_, row)| uuid(&row["uuid"]))
}

/// The building of every key of a state.
fn keys_by_home(state: &Value) -> impl Iterator<Item = (Uuid, Uuid)> {
    rows(state, "keys").filter_map(|(home, row)| Some((uuid(&row["uuid"])?, home)))
}

/// The rows of a list, over all buildings, each with its building.
fn rows<'a>(state: &'a Value, list: &'static str) -> impl Iterator<Item = (Uuid, &'a Value)> {
    state["buildings"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(move |building| {
            let home = uuid(&building["uuid"]).unwrap();
            building[list]
                .as_array()
                .into_iter()
                .flatten()
                .map(move |row| (home, row))
        })
}

fn uuid(value: &Value) -> Option<Uuid> {
    value.as_str()?.parse().ok()
}
