//! The home without Kubernetes: a directory of YAML, and SQLite for what must be remembered.

mod at_rest;
mod files;
mod lock;
mod statuses;
mod store;
mod told;
mod watch;

pub use files::{Directory, WORLD_FILE, read_text};
pub(crate) use files::{Found, is_yaml};
pub use lock::{LockError, StateLock};
pub use statuses::StoredStatus;
pub use store::SqliteStore;
pub use watch::{WatchError, Watcher};
