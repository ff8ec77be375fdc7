//! The lock on a state directory: one process at a time acts from it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// Held for as long as a process acts from a state directory. The system lets go of it when the
/// process ends, however it ends.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

/// The lock cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(
        "another opendoor acts from {place}. Wait until it ends; `plan`, `status` and the like may run beside it."
    )]
    InUse {
        /// The state directory.
        place: PathBuf,
    },
    /// It cannot be made.
    #[error(
        "the state directory {place} cannot be used: {why}. Check its permissions, or name another with --state."
    )]
    Unusable {
        /// The state directory.
        place: PathBuf,
        /// What the system said.
        why: std::io::Error,
    },
}

impl StateLock {
    /// Makes the state directory, which ignores itself in Git, and takes its lock.
    ///
    /// # Errors
    /// Another process has it, or the directory cannot be written.
    pub fn take(state: &Path) -> Result<Self, LockError> {
        let unusable = |why| LockError::Unusable {
            place: state.to_owned(),
            why,
        };
        fs::create_dir_all(state).map_err(unusable)?;
        let ignore = state.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(unusable)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(state.join("lock"))
            .map_err(unusable)?;
        Self::lock(file, state)
    }

    /// Takes the lock of a state directory that exists, making nothing. `None` when there is none.
    ///
    /// # Errors
    /// Another process has it.
    pub fn take_existing(state: &Path) -> Result<Option<Self>, LockError> {
        match File::open(state.join("lock")) {
            Ok(file) => Self::lock(file, state).map(Some),
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(LockError::Unusable {
                place: state.to_owned(),
                why,
            }),
        }
    }

    fn lock(file: File, state: &Path) -> Result<Self, LockError> {
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::InUse {
                place: state.to_owned(),
            }),
            Err(TryLockError::Error(why)) => Err(LockError::Unusable {
                place: state.to_owned(),
                why,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_and_a_later_one_gets_it() {
        let state = tempfile::tempdir().unwrap();
        let first = StateLock::take(state.path()).unwrap();
        assert!(matches!(
            StateLock::take(state.path()),
            Err(LockError::InUse { .. })
        ));
        drop(first);
        assert!(StateLock::take(state.path()).is_ok());
        assert_eq!(
            fs::read_to_string(state.path().join(".gitignore")).unwrap(),
            "*\n"
        );
    }
}
