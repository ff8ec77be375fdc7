//! Effects of a process on the world, counted, so that the process can die at any of them; and the time
//! that passes meanwhile.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use jiff::Timestamp;
use opendoor_simulator::Simulator;
use tokio::time::Instant;

/// Keeps the simulator's clock in step with the paused one of tokio, which is the master.
#[derive(Clone, Debug)]
pub struct Time {
    simulator: Simulator,
    origin: Instant,
    start: Timestamp,
}

impl Time {
    pub fn new(simulator: Simulator) -> Self {
        let start = simulator.now();
        Self {
            simulator,
            origin: Instant::now(),
            start,
        }
    }

    /// Lets the simulator catch up, and says what time it is.
    pub fn now(&self) -> Timestamp {
        let passed = jiff::SignedDuration::try_from(self.origin.elapsed()).unwrap();
        let now = self.start.checked_add(passed).unwrap();
        let behind = now.duration_since(self.simulator.now());
        if behind.is_positive() {
            self.simulator.advance(Duration::try_from(behind).unwrap());
        }
        now
    }

    pub async fn pass(&self, by: Duration) {
        tokio::time::advance(by).await;
        self.now();
    }
}

impl opendoor_reconciler::ports::Clock for Time {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}

/// Something that may happen beside a round, asked just before each of its effects; `true`: it happened.
pub type Beside = Box<dyn FnMut(u32) -> bool>;

#[derive(Default)]
struct Counters {
    count: Cell<u32>,
    crash_at: Cell<Option<u32>>,
    crashed: Cell<bool>,
    beside: RefCell<Option<Beside>>,
}

/// The effects of one process.
#[derive(Clone, Default)]
pub struct Effects(Rc<Counters>);

impl Effects {
    /// A round begins: from here effects are counted anew.
    pub fn begin(&self, crash_at: Option<u32>, beside: Option<Beside>) {
        self.0.count.set(0);
        self.0.crash_at.set(crash_at);
        self.0.crashed.set(false);
        *self.0.beside.borrow_mut() = beside;
    }

    pub fn crashed(&self) -> bool {
        self.0.crashed.get()
    }

    /// A place where the process may die: just before an effect, or just after it and before the
    /// process knows. A process that died does nothing more.
    pub async fn point(&self) {
        if self.crashed() {
            std::future::pending::<()>().await;
        }
        let count = self.0.count.get() + 1;
        self.0.count.set(count);
        let beside = self.0.beside.take();
        if let Some(mut beside) = beside
            && !beside(count)
        {
            *self.0.beside.borrow_mut() = Some(beside);
        }
        if self.0.crash_at.get().is_some_and(|at| count >= at) {
            self.0.crashed.set(true);
            std::future::pending::<()>().await;
        }
    }
}
