//! One world from its first moment to its last.

mod edits;
mod happenings;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use opendoor_planner::plan::Plan;
use opendoor_reconciler::pass::Mandate;
use opendoor_reconciler::round::RoundReport;
use opendoor_simulator::Simulator;
use serde_json::Value;

use crate::declare::{Doc, Repo};
use crate::effects::{Beside, Effects, Time};
use crate::events::Event;
use crate::laws::{Broken, Law, Tally};
use crate::mutants::Mutant;
use crate::oracle::{After, Oracle};
use crate::process::{Desk, Process, Surroundings};
use crate::store::Disk;
use crate::tamper::Tamper;
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
            desk: Desk::default(),
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
                let mut editor = edits::Editor {
                    place: &self.place,
                    now: self.around.time.now(),
                    hold_ids: &self.hold_ids,
                    bin: &mut self.bin,
                    counter: &mut self.counter,
                };
                editor.edit(&mut self.repo, edit);
                Ok(())
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
        let mut snapshot = self.repo.snapshot();
        let door = &self.place.buildings[0].doors[0];
        self.mutant.gathers(&mut snapshot, &self.hold_ids, door);
        *self.around.desk.0.borrow_mut() = snapshot;
    }

    /// One round, judged. Returns whether it left everything as it was.
    async fn round(
        &mut self,
        crash_at: Option<u32>,
        beside: Option<Beside>,
    ) -> Result<bool, Broken> {
        self.gather();
        let still = self.oracle.last_if_still().filter(|_| !self.happened);
        let before = still.unwrap_or_else(|| state(self.simulator()));
        self.happened = false;
        let now = self.around.time.now();
        self.oracle
            .before_round(&self.repo, &before, &self.around.disk.ledgers(), now)?;
        self.around.notes.borrow_mut().begin();
        self.around.effects.begin(crash_at, beside);
        let (commits, writes) = (self.around.disk.commits(), self.writes());
        let report = self.process.round(&self.around, Mandate::Perform).await;
        self.around.effects.begin(None, None);
        let mut report = match report {
            Some(Ok(report)) => Some(report),
            Some(Err(_)) => None,
            None => {
                self.process = Process::start(&self.around);
                None
            }
        };
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
            stale,
        })?;
        Ok(self.around.disk.commits() == commits && self.writes() == writes && report.is_some())
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
            let door = &self.place.buildings[0].doors[0];
            self.mutant.gathers(&mut snapshot, &self.hold_ids, door);
            *self.around.desk.0.borrow_mut() = snapshot;
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

    /// Faults end, everything becomes readable, time passes; then DOOR OS must be as declared, and stay.
    async fn ending(&mut self) -> Result<(), Broken> {
        self.faults.clear();
        self.set_faults();
        for file in self.repo.files.values_mut() {
            file.unreadable = false;
        }
        self.wait(12).await;
        self.until_no_change().await?;
        self.wait(3 * 24 * 60).await;
        self.until_no_change().await?;
        self.wait(45).await;
        self.until_no_change().await?;
        self.oracle.at_rest()?;
        let bytes = self.around.disk.bytes();
        for _ in 0..2 {
            self.wait(5).await;
            let quiet = self.round(None, None).await?;
            self.oracle.tally.premise(Law::ThenQuiet);
            if !quiet || bytes != self.around.disk.bytes() {
                return Err(Broken {
                    law: Law::ThenQuiet,
                    how: format!(
                        "a round after everything was done was not quiet: {:?}",
                        self.around.notes.borrow().sent
                    ),
                });
            }
        }
        self.sync_everything().await
    }

    async fn until_no_change(&mut self) -> Result<(), Broken> {
        for _ in 0..12 {
            if self.round(None, None).await? {
                return Ok(());
            }
            self.wait(12).await;
        }
        Err(Broken {
            law: Law::ThenQuiet,
            how: format!(
                "still changing after twelve rounds: {:?}",
                self.around.notes.borrow().sent
            ),
        })
    }

    async fn sync_everything(&mut self) -> Result<(), Broken> {
        self.oracle.before_syncs(&self.around.disk.ledgers());
        let doors = self.oracle.doors_with_device();
        for door in doors {
            let path = format!("/app/v1/doors/{door}/sync");
            call(self.simulator(), "POST", &path, &serde_json::json!({}));
        }
        self.happened = true;
        self.round(None, None).await?;
        self.oracle.after_syncs(&self.around.disk.ledgers())
    }
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
