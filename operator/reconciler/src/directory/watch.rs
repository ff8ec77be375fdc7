//! Told when something under a directory changes.

use std::path::Path;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Duration, timeout};

/// Editors and `git checkout` write in bursts; a round begins when they pause this long.
const PAUSE: Duration = Duration::from_millis(300);

/// However long a burst lasts, a round begins after this. Reading waits for its end in its own way.
const LONGEST_BURST: Duration = Duration::from_secs(5);

/// Watches a directory.
#[derive(Debug)]
pub struct Watcher {
    changes: mpsc::UnboundedReceiver<()>,
    _watcher: RecommendedWatcher,
}

/// A directory cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error(
    "{place} cannot be watched for changes: {why}. Changes are seen at the next check interval only."
)]
pub struct WatchError {
    place: String,
    why: notify::Error,
}

impl Watcher {
    /// Begins to watch.
    ///
    /// # Errors
    /// The system cannot watch it.
    pub fn new(root: &Path) -> Result<Self, WatchError> {
        let failed = |why| WatchError {
            place: root.display().to_string(),
            why,
        };
        let (sender, changes) = mpsc::unbounded_channel();
        let base = root.to_owned();
        let mut watcher =
            notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
                // An error may hide a change, so it counts as one.
                let matters = event.map_or(true, |event| {
                    !event.kind.is_access()
                        && event.paths.iter().any(|path| !is_hidden(&base, path))
                });
                if matters {
                    // The receiver is gone only when the program ends.
                    let _ = sender.send(());
                }
            })
            .map_err(failed)?;
        watcher
            .watch(root, RecursiveMode::Recursive)
            .map_err(failed)?;
        Ok(Self {
            changes,
            _watcher: watcher,
        })
    }

    /// Waits for a change, and for the burst it belongs to.
    pub async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        let burst = async { while let Ok(Some(())) = timeout(PAUSE, self.changes.recv()).await {} };
        let _ = timeout(LONGEST_BURST, burst).await;
    }
}

/// Whether a path lies in a dot-folder below the root, such as the state directory.
fn is_hidden(root: &Path, path: &Path) -> bool {
    path.strip_prefix(root).is_ok_and(|below| {
        below
            .components()
            .any(|part| part.as_os_str().to_string_lossy().starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_changed_file_is_told_and_the_state_directory_is_not() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join(".opendoor")).unwrap();
        let mut watcher = Watcher::new(root.path()).unwrap();
        std::fs::write(root.path().join(".opendoor/state.db"), "x").unwrap();
        let quiet = timeout(Duration::from_millis(500), watcher.changed()).await;
        assert!(quiet.is_err());
        std::fs::write(root.path().join("a.yaml"), "x").unwrap();
        let told = timeout(Duration::from_secs(5), watcher.changed()).await;
        assert!(told.is_ok());
    }
}
