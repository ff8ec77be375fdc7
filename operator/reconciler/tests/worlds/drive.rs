//! One world from its first moment to its last.

mod edits;
mod end;
mod happenings;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use opendoor_planner::plan::Plan;
use opendoor_reconciler::attest::Attested;
use opendoor_reconciler::pass::Mandate;
use opendoor_reconciler::round::RoundReport;
use opendoor_reconciler::snapshot::Snapshot;
use opendoor_simulator::Simulator;
use serde_json::Value;
use uuid::Uuid;

use crate::declare::{Doc, Repo};
use crate::effects::{Beside, Effects, Time};
use crate::events::{Edit, Event, Pick};
use crate::laws::{Broken, Law, Tally};
use crate::mutants::Mutant;
use crate::oracle::{After, Ledgers, Oracle};
use crate::process::{Desk, Process, Surroundings};
use crate::store::{Disk, Trouble};
use crate::tamper::Tamper;
use crate::themes::Themes;
use crate::wire::Notes;
use crate::world::{self, Place};
use happenings::{call, state};

/// What became of a world.
pub struct Run {
    pub broken: Option<Broken>,
    pub tally: Tally,
    /// Every request that was sent.
    pub requests: String,
}

/// Lives through a world until its end or until a law is broken.
pub fn run(seed: u64, events: &[Event], mutant: Mutant) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut scene = Scene::new(seed, mutant);
        let mut broken = None;
        for event in events {
            broken = scene.event(event).await.err();
            if broken.is_some() {
                break;
            }
        }
        if broken.is_none() {
            broken = scene.ending().await.err();
        }
        let requests = scene.around.notes.borrow().requests.clone();
        Run {
            broken,
            tally: scene.oracle.tally,
            requests,
        }
    })
}

struct Scene {
    place: Rc<Place>,
    around: Surroundings,
    process: Process,
    repo: Repo,
    oracle: Oracle,
    mutant: Mutant,
    faults: Vec<Value>,
    bin: Vec<(String, Doc)>,
    counter: u32,
    hold_ids: Vec<(String, String)>,
    /// Something happened outside of rounds since the last one.
    happened: bool,
    /// What becomes of a commit in the next round.
    trouble: Option<(u32, Trouble)>,
    /// What the repository becomes while a round runs.
    next: Option<Repo>,
}

impl Scene {
    fn new(seed: u64, mutant: Mutant) -> Self {
        let (place, simulator, repo) = world::draw(seed);
        let place = Rc::new(place);
        let around = Surroundings {
            time: Time::new(simulator.clone()),
            effects: Effects::default(),
            notes: Rc::new(RefCell::new(Notes::default())),
            tamper: Rc::new(Tamper::new(mutant)),
            disk: Rc::new(Disk::default()),
            desk: Rc::new(Desk::default()),
            page: Themes::of(seed).page,
            simulator,
        };
        let oracle = Oracle::new(&place, &state(&around.simulator));
        Self {
            process: Process::start(&around),
            place,
            around,
            repo,
            oracle,
            mutant,
            faults: Vec::new(),
            bin: Vec::new(),
            counter: 0,
            hold_ids: Vec::new(),
            happened: true,
            trouble: None,
            next: None,
        }
    }

    fn simulator(&self) -> &Simulator {
        &self.around.simulator
    }

    async fn event(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::Round => self.round(None, None).await.map(drop),
            Event::Crash(at) => self.round(Some(*at), None).await.map(drop),
            Event::Beside(at, happening) => {
                let (simulator, place) = (self.simulator().clone(), Rc::clone(&self.place));
                let (at, happening) = (*at, happening.clone());
                let beside: Beside = Box::new(move |count| {
                    if count >= at {
                        happenings::happen(&simulator, &place, &happening);
                    }
                    count >= at
                });
                self.round(None, Some(beside)).await.map(drop)
            }
            Event::Overtake(partner) => {
                let (simulator, place) = (self.simulator().clone(), Rc::clone(&self.place));
                let (disk, partner) = (Rc::clone(&self.around.disk), *partner);
                let beside: Beside = Box::new(move |_| {
                    let under_way = disk.take_under_way();
                    happenings::overtake(&simulator, &place, &under_way, partner);
                    !under_way.is_empty()
                });
                self.round(None, Some(beside)).await.map(drop)
            }
            Event::Edit(edit) => {
                self.repo = self.edited(edit);
                Ok(())
            }
            Event::Meanwhile(at, edit) => self.meanwhile(*at, edit).await,
            Event::Attest(at) => self.attest(*at).await,
            Event::Store(at, trouble) => {
                self.trouble = Some((*at, *trouble));
                self.round(None, None).await.map(drop)
            }
            Event::Happening(happening) => {
                happenings::happen(self.simulator(), &self.place, happening);
                self.happened = true;
                Ok(())
            }
            Event::Wait(minutes) => {
                self.wait(*minutes).await;
                Ok(())
            }
            Event::Fault(fault) => {
                self.faults.push(fault.clone());
                self.set_faults();
                Ok(())
            }
            Event::Repaired => {
                self.faults.clear();
                self.set_faults();
                Ok(())
            }
            Event::Shuffle(seed) => self.shuffle(*seed).await,
        }
    }

    /// The repository after an edit.
    fn edited(&mut self, edit: &Edit) -> Repo {
        let mut repo = self.repo.clone();
        let mut editor = edits::Editor {
            place: &self.place,
            now: self.around.time.now(),
            hold_ids: &self.hold_ids,
            bin: &mut self.bin,
            counter: &mut self.counter,
        };
        editor.edit(&mut repo, edit);
        repo
    }

    /// A round during which the repository changes. Only with one building: what a process had read
    /// of it when it wrote can be told then.
    async fn meanwhile(&mut self, at: u32, edit: &Edit) -> Result<(), Broken> {
        if self.place.buildings.len() > 1 {
            return Ok(());
        }
        let repo = self.edited(edit);
        let (desk, snapshot) = (Rc::clone(&self.around.desk), self.snapshot(&repo));
        let beside: Beside = Box::new(move |count| {
            if count >= at {
                desk.change(snapshot.clone());
            }
            count >= at
        });
        self.next = Some(repo);
        let round = self.round(None, Some(beside)).await.map(drop);
        if let Some(repo) = self.next.take() {
            self.repo = repo;
        }
        round
    }

    /// A person attests a door at which something is owed.
    async fn attest(&mut self, at: Pick) -> Result<(), Broken> {
        let owing = owing(&self.around.disk.ledgers());
        let Some(count) = u32::try_from(owing.len()).ok().filter(|count| *count > 0) else {
            return Ok(());
        };
        let door = owing[usize::try_from(at % count).unwrap()];
        self.begin(None, None)?;
        let attested = self.process.attest(&self.around, &door.to_string()).await;
        self.end(None)?;
        if let Some(Ok(Attested::Noted { .. })) = attested {
            self.oracle.note_attested(door);
        }
        Ok(())
    }

    fn set_faults(&self) {
        let faults = Value::Array(self.faults.clone());
        let set = call(self.simulator(), "PUT", "/sim/v1/faults", &faults);
        assert!(set.is_array(), "{faults}: {set}");
    }

    async fn wait(&self, minutes: u32) {
        self.around
            .time
            .pass(Duration::from_secs(u64::from(minutes) * 60))
            .await;
    }

    fn gather(&self) {
        self.around.desk.lay(self.snapshot(&self.repo), self.mutant);
    }

    fn snapshot(&self, repo: &Repo) -> Snapshot {
        self.gathered(repo.snapshot())
    }

    fn gathered(&self, mut snapshot: Snapshot) -> Snapshot {
        let door = &self.place.buildings[0].doors[0];
        self.mutant.gathers(&mut snapshot, &self.hold_ids, door);
        snapshot
    }

    /// One round, judged. Returns whether it left everything as it was.
    async fn round(
        &mut self,
        crash_at: Option<u32>,
        beside: Option<Beside>,
    ) -> Result<bool, Broken> {
        self.begin(crash_at, beside)?;
        let (commits, writes) = (self.around.disk.commits(), self.writes());
        let report = self.process.round(&self.around, Mandate::Perform).await;
        self.around.effects.begin(None, None);
        let report = match report {
            Some(Ok(report)) => Some(report),
            Some(Err(_)) => None,
            None => {
                self.process = Process::start(&self.around);
                None
            }
        };
        let whole = report.is_some();
        self.end(report)?;
        Ok(self.around.disk.commits() == commits && self.writes() == writes && whole)
    }

    /// Everything is laid ready for a process to look at.
    fn begin(&mut self, crash_at: Option<u32>, beside: Option<Beside>) -> Result<(), Broken> {
        self.gather();
        let still = self.oracle.last_if_still().filter(|_| !self.happened);
        let before = still.unwrap_or_else(|| state(self.simulator()));
        self.happened = false;
        let now = self.around.time.now();
        self.oracle
            .before_round(&self.repo, &before, &self.around.disk.ledgers(), now)?;
        self.around.notes.borrow_mut().begin();
        self.around.disk.begin(self.trouble.take());
        self.around.effects.begin(crash_at, beside);
        Ok(())
    }

    /// What a process did is judged.
    fn end(&mut self, mut report: Option<RoundReport>) -> Result<(), Broken> {
        if self.around.desk.was_read_anew()
            && let Some(repo) = self.next.take()
        {
            self.repo = repo;
            self.oracle
                .declared_anew(&self.repo, self.around.time.now());
        }
        if let Some(report) = &mut report {
            self.note_holds(report);
            for pass in report
                .passes
                .iter_mut()
                .filter_map(|(_, pass)| pass.as_mut().ok())
            {
                self.mutant.reports(&mut pass.statuses);
            }
        }
        let stale = self.faults.iter().any(|fault| fault["kind"] == "staleRows");
        let after = state(self.simulator());
        let notes = self.around.notes.borrow();
        self.oracle.after_round(&After {
            state: &after,
            ledgers: &self.around.disk.ledgers(),
            report: report.as_ref(),
            notes: &notes,
            commits: &self.around.disk.round(),
            stale,
        })
    }

    fn writes(&self) -> u64 {
        let counters = call(self.simulator(), "GET", "/sim/v1/counters", &Value::Null);
        counters["writes"].as_u64().unwrap()
    }

    fn note_holds(&mut self, report: &RoundReport) {
        for (target, pass) in &report.passes {
            let Ok(pass) = pass else { continue };
            self.hold_ids
                .retain(|(property, _)| *property != target.property);
            if let Some(id) = &pass.after.hold_id {
                self.hold_ids.push((target.property.clone(), id.clone()));
            }
        }
    }

    /// Plans twice from the same objects in different orders.
    async fn shuffle(&mut self, seed: u64) -> Result<(), Broken> {
        if !self.faults.is_empty() {
            return Ok(());
        }
        self.gather();
        let first = self.look().await;
        {
            let mut snapshot = self.repo.snapshot();
            let mut rng = Rng::with_seed(seed);
            rng.shuffle(&mut snapshot.objects);
            rng.shuffle(&mut snapshot.broken);
            rng.shuffle(&mut snapshot.unreadable);
            self.around.desk.lay(self.gathered(snapshot), self.mutant);
        }
        let second = self.look().await;
        self.oracle
            .tally
            .premises(Law::OrderDoesNotMatter, u64::from(!first.is_empty()));
        if first == second {
            return Ok(());
        }
        Err(Broken {
            law: Law::OrderDoesNotMatter,
            how: format!("{first:#?}\nand in another order\n{second:#?}"),
        })
    }

    async fn look(&self) -> Vec<String> {
        self.around.effects.begin(None, None);
        let report = self.process.round(&self.around, Mandate::Look).await;
        let Some(Ok(report)) = report else {
            return Vec::new();
        };
        let passes = report
            .passes
            .iter()
            .filter_map(|(_, pass)| pass.as_ref().ok());
        passes.map(|pass| words(&pass.plan)).collect()
    }
}

/// Doors at which a ledger says that something is owed.
fn owing(ledgers: &Ledgers) -> Vec<Uuid> {
    let records = ledgers.values().flat_map(|ledger| ledger.1.as_object());
    let owing = records.flatten().filter(|(_, record)| {
        let entries = record["mayOpen"].as_array().into_iter().flatten();
        !record["unknown"].is_null()
            || entries
                .into_iter()
                .any(|entry| !entry["goneSince"].is_null())
    });
    owing.map(|(door, _)| door.parse().unwrap()).collect()
}

/// What a plan says, as text; without what time alone may change between two looks.
fn words(plan: &Plan) -> String {
    format!(
        "{:#?}",
        (
            &plan.steps,
            &plan.refusals,
            &plan.hold_id,
            &plan.plan_id,
            &plan.unmanaged,
            &plan.drifted
        )
    )
}
