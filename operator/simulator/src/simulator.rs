//! The handle on a simulated world: one request in, one outcome out, nothing asynchronous.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::call;
use crate::clock::Clock;
use crate::contract::refuse;
use crate::faults::{Fault, Faults};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::world::World;
use crate::world_file::{WorldError, WorldFile};
use crate::{control, hand, phone};

/// What becomes of a request.
#[derive(Debug)]
pub enum Outcome {
    /// An answer.
    Respond {
        /// How late it comes; whoever carries it sleeps.
        delay: Duration,
        /// The answer.
        response: Response<Bytes>,
    },
    /// The answer never comes: the connection breaks.
    Lost {
        /// How late it breaks.
        delay: Duration,
    },
}

impl Outcome {
    pub(crate) fn at_once(reply: Reply, date: Timestamp) -> Self {
        Self::Respond {
            delay: Duration::ZERO,
            response: reply.into_response(date),
        }
    }
}

type OnChange = Box<dyn FnMut(String) + Send>;

struct Inner {
    world: World,
    clock: Clock,
    on_change: Option<OnChange>,
}

/// A simulated DOOR OS with its locks. Cloning gives another handle on the same world.
#[derive(Clone)]
pub struct Simulator {
    inner: Arc<Mutex<Inner>>,
}

impl fmt::Debug for Simulator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Simulator").finish_non_exhaustive()
    }
}

impl Simulator {
    /// A new world. The same file, seed and manual clock give the same world and the same run.
    pub fn new(file: WorldFile, seed: u64, clock: Clock) -> Result<Self, WorldError> {
        Ok(Self::of(World::new(file, seed, clock.base())?, clock))
    }

    /// A world taken up again from a dump. Its advances stay; what became due meanwhile happens at the next request.
    pub fn from_dump(dump: &str, clock: Clock) -> Result<Self, WorldError> {
        Ok(Self::of(serde_json::from_str(dump)?, clock))
    }

    fn of(world: World, clock: Clock) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                world,
                clock,
                on_change: None,
            })),
        }
    }

    /// Calls back with a dump of the world after every request that changed it. The world is locked meanwhile, so that
    /// dumps come in order: the callback must not use the simulator.
    pub fn on_change(&self, callback: impl FnMut(String) + Send + 'static) {
        self.lock().on_change = Some(Box::new(callback));
    }

    /// The whole world as JSON, for `from_dump`.
    pub fn dump(&self) -> String {
        self.lock().dump()
    }

    /// Answers a request. Time comes up to date first: what became due happens before.
    pub fn handle(&self, request: Request<Bytes>) -> Outcome {
        self.lock().act(|world| answer(world, &request))
    }

    /// Advances simulated time, as `POST /sim/v1/clock` does.
    pub fn advance(&self, by: Duration) {
        let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::ZERO);
        let mut inner = self.lock();
        inner.act(|world| world.advance(by));
    }

    /// Simulated time.
    pub fn now(&self) -> Timestamp {
        self.lock().act(|world| world.now)
    }

    /// Replaces the faults on order, as `PUT /sim/v1/faults` does.
    pub fn set_faults(&self, faults: Vec<Fault>) -> Result<(), String> {
        let faults = Faults::order(faults)?;
        self.lock().act(|world| {
            world.faults = faults;
            world.dirty = true;
        });
        Ok(())
    }

    /// How often each call of the contract was received, as `GET /sim/v1/counters` says.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.lock().world.calls.clone()
    }

    /// The uuid of a building.
    pub fn building_uuid(&self, name: &str) -> Option<Uuid> {
        self.lock()
            .world
            .buildings
            .values()
            .find(|building| building.name == name)
            .map(|building| building.uuid)
    }

    /// The uuid of a partner.
    pub fn partner_uuid(&self, name: &str) -> Option<Uuid> {
        self.lock()
            .world
            .partners
            .iter()
            .find(|(_, known)| *known == name)
            .map(|(uuid, _)| *uuid)
    }

    /// The uuid of a door of a building; the lowest, if several have the name.
    pub fn door_uuid(&self, building: &str, name: &str) -> Option<Uuid> {
        let inner = self.lock();
        let building = inner
            .world
            .buildings
            .values()
            .find(|found| found.name == building)?;
        building
            .doors
            .values()
            .find(|door| door.name == name)
            .map(|door| door.uuid)
    }

    /// The uuid of a key of a building.
    pub fn key_uuid(&self, building: &str, name: &str) -> Option<Uuid> {
        let inner = self.lock();
        let building = inner
            .world
            .buildings
            .values()
            .find(|found| found.name == building)?;
        building
            .keys
            .values()
            .find(|key| key.name == name)
            .map(|key| key.uuid)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic of another caller leaves the world as the last whole change left it.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn act<T>(&mut self, act: impl FnOnce(&mut World) -> T) -> T {
        let now = self
            .clock
            .base()
            .checked_add(self.world.advanced)
            .unwrap_or(self.world.now);
        // A wall clock may be set back; simulated time never goes back.
        self.world.live_until(now.max(self.world.now));
        let result = act(&mut self.world);
        if std::mem::take(&mut self.world.dirty) && self.on_change.is_some() {
            let dump = self.dump();
            if let Some(callback) = &mut self.on_change {
                callback(dump);
            }
        }
        result
    }

    fn dump(&self) -> String {
        serde_json::to_string(&self.world).unwrap_or_default()
    }
}

impl World {
    /// Moves simulated time on; what becomes due happens on the way.
    pub(crate) fn advance(&mut self, by: SignedDuration) {
        let Ok(now) = self.now.checked_add(by) else {
            return;
        };
        self.advanced = self.advanced.saturating_add(by);
        self.dirty = true;
        self.live_until(now);
    }
}

fn answer(world: &mut World, request: &Request<Bytes>) -> Outcome {
    let path = request.uri().path().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (method, body) = (request.method().as_str(), request.body().as_ref());
    let reply = match segments.as_slice() {
        ["healthz"] => Ok(Reply::json(StatusCode::OK, &json!({ "status": "ok" }))),
        ["oauth" | "v1", ..] => return call::answer(world, request),
        ["app" | "locks", ..] => phone::answer(world, method, &segments, body),
        [
            "sim",
            "v1",
            "clock" | "faults" | "counters" | "state" | "parameters",
        ] => control::answer(world, method, &segments, body),
        ["sim", "v1", ..] => hand::answer(world, method, &segments, body),
        _ => Err(Refusal::NotFound),
    };
    Outcome::at_once(reply.unwrap_or_else(|refusal| explain(&refusal)), world.now)
}

/// A refusal of the simulator's own calls says why; the contract's only gives the code.
fn explain(refusal: &Refusal) -> Reply {
    match refusal {
        Refusal::Invalid(why) => Reply::json(
            refusal.status(),
            &json!({ "message": "INVALID_REQUEST", "detail": why }),
        ),
        other => refuse(other),
    }
}
