//! What is being done, shown on a terminal while it takes long. Nothing is shown elsewhere.

use std::cell::Cell;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use opendoor_door_os::{Building, DoorOs, Error, ServerTime};
use opendoor_planner::ids::{DoorUuid, KeyUuid};
use opendoor_planner::observed::{DoorRow, KeyRow, Observed};
use opendoor_planner::writes::{Answer, Write};

/// A DOOR OS whose calls are shown on standard error.
pub struct Shown<'a, D> {
    inner: &'a D,
    bar: ProgressBar,
    written: Cell<u64>,
}

impl<'a, D> Shown<'a, D> {
    /// Begins to show. Where standard error is no terminal, nothing is drawn.
    pub fn new(inner: &'a D) -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            inner,
            bar,
            written: Cell::new(0),
        }
    }
}

impl<D> Drop for Shown<'_, D> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl<D: DoorOs> DoorOs for Shown<'_, D> {
    async fn buildings(&self) -> Result<Vec<Building>, Error> {
        self.bar.set_message("asking DOOR OS for its buildings");
        self.inner.buildings().await
    }

    async fn observe(&self, building: &Building) -> Result<Observed, Error> {
        self.bar
            .set_message(format!("reading the doors and keys of {}", building.name));
        self.inner.observe(building).await
    }

    async fn door(&self, door: DoorUuid) -> Result<Option<DoorRow>, Error> {
        self.bar.set_message("reading back");
        self.inner.door(door).await
    }

    async fn key(&self, key: KeyUuid) -> Result<Option<KeyRow>, Error> {
        self.bar.set_message("reading back");
        self.inner.key(key).await
    }

    async fn send(&self, write: &Write) -> Answer {
        self.written.set(self.written.get() + 1);
        self.bar
            .set_message(format!("making change {}", self.written.get()));
        self.inner.send(write).await
    }

    fn time(&self) -> Option<ServerTime> {
        self.inner.time()
    }
}
