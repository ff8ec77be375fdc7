//! How a world ends: everything is put right and comes to rest.

use super::Scene;
use super::happenings::call;
use crate::declare::{Mode, Says};
use crate::laws::{Broken, Law};

impl Scene {
    /// Faults end, everything becomes readable, nothing is stopped any more, time passes; then DOOR OS must be as declared, and stay.
    pub(super) async fn ending(&mut self) -> Result<(), Broken> {
        self.faults.clear();
        self.set_faults();
        for file in self.repo.files.values_mut() {
            file.unreadable = false;
        }
        for doc in self.repo.docs_mut() {
            match &mut doc.says {
                Says::Portfolio(looker) => (looker.mode, looker.suspend) = (Mode::Apply, false),
                Says::Property { suspend, .. } => *suspend = false,
                _ => {}
            }
        }
        self.wait(12).await;
        self.until_no_change().await?;
        self.wait(3 * 24 * 60).await;
        self.until_no_change().await?;
        self.wait(45).await;
        self.until_no_change().await?;
        self.oracle.at_rest(&self.around.disk.ledgers())?;
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
