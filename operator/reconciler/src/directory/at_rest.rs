//! A directory is read when nobody writes to it: half of a checkout, and half of a file, look like removals.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::files::{Directory, is_yaml};
use crate::ports::Declarations;
use crate::snapshot::{Snapshot, Unreadable};

/// Every folder and every file that may declare something, with its length and when it was written; without
/// both where it cannot be looked at.
pub(super) type Stamp = Vec<(PathBuf, Option<(u64, SystemTime)>)>;

/// A directory at rest is one that nobody has written to for this long.
const QUIET: Duration = Duration::from_millis(500);

/// How long rest is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// How long Git is waited for. It locks its index for a checkout, but also while somebody writes a commit's
/// message and while hooks run, so that its lock alone is no reason not to read.
const WAIT_FOR_GIT: Duration = Duration::from_secs(10);

/// A lock of Git's that is older was left behind by a process that died.
const LEFT_BEHIND: Duration = Duration::from_secs(60);

impl Declarations for Directory {
    /// Waits until nobody writes to it, and reads again what was written to meanwhile. A directory that does
    /// not come to rest is one that cannot be read. Between the batches of a pass this is asked often, so files
    /// that were not touched are not parsed again.
    async fn read(&self) -> Snapshot {
        let began = Instant::now();
        let mut stamp = self.stamp();
        while began.elapsed() < LONGEST_WAIT {
            if let Some((known, snapshot)) = &*self.last.borrow()
                && *known == stamp
            {
                return snapshot.clone();
            }
            if began.elapsed() < WAIT_FOR_GIT && self.git_is_at_work() {
                tokio::time::sleep(QUIET).await;
                stamp = self.stamp();
                continue;
            }
            tokio::time::sleep(self.until_at_rest(&stamp)).await;
            let (before, snapshot) = (stamp, self.parsed().await);
            stamp = self.stamp();
            if stamp == before {
                // Leave to read may be given without a trace in the stamp.
                let readable = snapshot.unreadable.is_empty();
                *self.last.borrow_mut() = readable.then(|| (stamp, snapshot.clone()));
                return snapshot;
            }
        }
        in_motion()
    }
}

impl Directory {
    /// What tells whether anything was touched. A file that is removed or made shows in its folder.
    fn stamp(&self) -> Stamp {
        let looked_at = self.entries().filter_map(|entry| {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let path = error.path().map(Path::to_owned).unwrap_or_default();
                    return Some((path, None));
                }
            };
            let matters = entry.depth() == 0 || entry.file_type().is_dir() || is_yaml(entry.path());
            let metadata = || {
                let metadata = entry.metadata().ok()?;
                Some((metadata.len(), metadata.modified().ok()?))
            };
            matters.then(|| (entry.path().to_owned(), metadata()))
        });
        looked_at.collect()
    }

    /// For how long a stamp must stay as it is yet. What was read before says best whether anything changes;
    /// at first only the times do.
    fn until_at_rest(&self, stamp: &Stamp) -> Duration {
        if self.last.borrow().is_some() {
            return QUIET;
        }
        let times = stamp.iter().filter_map(|(_, written)| *written);
        let newest = times.map(|(_, written)| written).max();
        newest.map_or(Duration::ZERO, |newest| QUIET.saturating_sub(age(newest)))
    }

    /// Whether Git is at work on the files here.
    fn git_is_at_work(&self) -> bool {
        let Ok(root) = self.root.canonicalize() else {
            return false;
        };
        root.ancestors()
            .filter_map(|folder| fs::metadata(folder.join(".git/index.lock")).ok())
            .filter_map(|lock| lock.modified().ok())
            .any(|locked| age(locked) < LEFT_BEHIND)
    }

    /// Parsed on a thread of its own, so that pages of DOOR OS arrive meanwhile.
    async fn parsed(&self) -> Snapshot {
        let directory = Self::new(&self.root);
        let parsed = tokio::task::spawn_blocking(move || directory.snapshot()).await;
        parsed.unwrap_or_else(|_| self.snapshot())
    }
}

/// What is declared while nobody can tell.
fn in_motion() -> Snapshot {
    let message = "the directory is being written to, and half of a change may look like a removal. Nothing is changed \
                   until it is left alone; if no checkout is under way, look for what writes there.";
    Snapshot {
        unreadable: vec![Unreadable {
            file: String::new(),
            line: None,
            column: None,
            message: String::from(message),
            text: None,
        }],
        ..Snapshot::default()
    }
}

/// How long ago that was; a time to come is now.
fn age(time: SystemTime) -> Duration {
    time.elapsed().unwrap_or_default()
}
