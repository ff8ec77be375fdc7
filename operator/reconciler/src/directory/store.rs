//! Ledgers, history and statuses in one SQLite file.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use opendoor_planner::ids::{BuildingUuid, DoorUuid};
use opendoor_planner::ledger::{DoorRecord, Ledger, Unsaved};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::gather::Heads;
use crate::ports::{Event, Ledgers, StoreError};
use crate::record::{Owners, RecordError, decode_door, decode_head, encode_door, encode_head};

/// The format this version writes: of the tables, and of the records in them ([`FORMAT`](crate::record::FORMAT)).
const SCHEMA: i64 = 3;

/// The oldest format that is read: its tables are the same, and its records are read as what they are.
const OLDEST: i64 = 2;

const TABLES: &str = "
    CREATE TABLE ledgers (
        id INTEGER PRIMARY KEY,
        building BLOB NOT NULL UNIQUE,
        head BLOB NOT NULL
    );
    CREATE TABLE doors (
        ledger INTEGER NOT NULL,
        door BLOB NOT NULL,
        record BLOB NOT NULL,
        PRIMARY KEY (ledger, door)
    ) WITHOUT ROWID;
    CREATE TABLE history (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        property TEXT NOT NULL,
        event TEXT NOT NULL
    );
    CREATE TABLE statuses (
        property TEXT NOT NULL,
        object TEXT NOT NULL,
        status TEXT NOT NULL,
        PRIMARY KEY (property, object)
    ) WITHOUT ROWID;
";

/// What came later and an older version leaves alone, so that it needs no format of its own.
const LATER_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS told (
        property TEXT PRIMARY KEY,
        told TEXT NOT NULL
    ) WITHOUT ROWID;
";

/// The store of a state directory.
#[derive(Debug)]
pub struct SqliteStore {
    pub(super) connection: RefCell<Connection>,
    pub(super) place: PathBuf,
    /// No process writes to it, so that it can be read without a trace.
    quiet: bool,
}

impl SqliteStore {
    /// Opens the store for the process that acts from this state directory; it must hold the lock.
    ///
    /// # Errors
    /// The file cannot be opened, is no store, or was written by a newer version.
    pub fn open(state: &Path) -> Result<Self, StoreError> {
        let place = state.join("state.db");
        let connection = Connection::open(&place).map_err(|why| failed(&place, "opened", &why))?;
        let store = Self {
            connection: RefCell::new(connection),
            place,
            quiet: false,
        };
        store.prepare()?;
        Ok(store)
    }

    /// Opens the store to read beside the process that acts. `None` when there is none yet. Writes
    /// nothing, not even the files SQLite keeps beside a database, unless another process made them.
    ///
    /// # Errors
    /// The file cannot be opened, is no store, or was written by a newer version.
    pub fn open_read_only(state: &Path) -> Result<Option<Self>, StoreError> {
        let place = state.join("state.db");
        if !place.exists() {
            return Ok(None);
        }
        let quiet = !state.join("state.db-wal").exists();
        let store = Self::reader(place, quiet)?;
        let found = store.version()?;
        store.check_version(found)?;
        Ok((found > 0).then_some(store))
    }

    fn reader(place: PathBuf, quiet: bool) -> Result<Self, StoreError> {
        let uri = format!(
            "file:{}?mode=ro{}",
            percent_encoded(&place),
            if quiet { "&immutable=1" } else { "" }
        );
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(uri, flags)
            .map_err(|why| failed(&place, "opened", &why))?;
        Ok(Self {
            connection: RefCell::new(connection),
            place,
            quiet,
        })
    }

    fn prepare(&self) -> Result<(), StoreError> {
        let failed = |why| failed(&self.place, "prepared", &why);
        let found = self.version()?;
        self.check_version(found)?;
        let mut connection = self.connection.borrow_mut();
        connection
            .pragma_update(None, "journal_mode", "WAL")
            .map_err(failed)?;
        connection
            .pragma_update(None, "synchronous", "FULL")
            .map_err(failed)?;
        if found == 0 {
            let transaction = connection.transaction().map_err(failed)?;
            transaction.execute_batch(TABLES).map_err(failed)?;
            transaction
                .pragma_update(None, "user_version", SCHEMA)
                .map_err(failed)?;
            transaction.commit().map_err(failed)?;
        } else if found < SCHEMA {
            // From here on an older version would misread what is written.
            connection
                .pragma_update(None, "user_version", SCHEMA)
                .map_err(failed)?;
        }
        connection.execute_batch(LATER_TABLES).map_err(failed)?;
        Ok(())
    }

    fn version(&self) -> Result<i64, StoreError> {
        self.connection
            .borrow()
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(|why| failed(&self.place, "read", &why))
    }

    fn check_version(&self, found: i64) -> Result<(), StoreError> {
        if found > SCHEMA {
            return Err(StoreError::TooNew {
                place: self.place.display().to_string(),
                found,
                known: SCHEMA,
            });
        }
        if (1..OLDEST).contains(&found) {
            return Err(StoreError::TooOld {
                place: self.place.display().to_string(),
                found,
                known: SCHEMA,
            });
        }
        Ok(())
    }

    /// The history, oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn history(&self) -> Result<Vec<Event>, StoreError> {
        let failed = |why| failed(&self.place, "read", &why);
        let connection = self.connection.borrow();
        let mut query = connection
            .prepare("SELECT event FROM history ORDER BY id")
            .map_err(failed)?;
        let rows = query
            .query_map([], |row| row.get::<_, String>(0))
            .map_err(failed)?;
        rows.map(|row| self.decode(&row.map_err(failed)?)).collect()
    }

    fn load_now(&self, building: BuildingUuid) -> Result<Option<Ledger>, StoreError> {
        let found: Option<(i64, Vec<u8>)> = self
            .connection
            .borrow()
            .query_row(
                "SELECT id, head FROM ledgers WHERE building = ?1",
                [building.0.as_bytes().as_slice()],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .map_err(|why| failed(&self.place, "read", &why))?;
        let Some((id, head)) = found else {
            return Ok(None);
        };
        let head = decode_head(&head).map_err(|why| self.misread(&why))?;
        let doors = self.read_doors(id)?;
        Ok(Some(Ledger::stored(building, head, doors)))
    }

    fn read_doors(&self, ledger: i64) -> Result<BTreeMap<DoorUuid, DoorRecord>, StoreError> {
        let failed = |why| failed(&self.place, "read", &why);
        let connection = self.connection.borrow();
        let mut query = connection
            .prepare_cached("SELECT door, record FROM doors WHERE ledger = ?1 ORDER BY door")
            .map_err(failed)?;
        let mut rows = query.query([ledger]).map_err(failed)?;
        let mut doors = Vec::new();
        let mut owners = Owners::default();
        while let Some(row) = rows.next().map_err(failed)? {
            let door = self.uuid(row.get_ref(0).map_err(failed)?.as_blob().ok())?;
            let record = row.get_ref(1).map_err(failed)?;
            let record = decode_door(record.as_blob().unwrap_or_default(), &mut owners);
            doors.push((DoorUuid(door), record.map_err(|why| self.misread(&why))?));
        }
        // Sorted already, so the tree is built in one go.
        Ok(doors.into_iter().collect())
    }

    fn uuid(&self, bytes: Option<&[u8]>) -> Result<Uuid, StoreError> {
        bytes
            .and_then(|bytes| Uuid::from_slice(bytes).ok())
            .ok_or_else(|| self.damaged("an identifier is not a uuid"))
    }

    pub(super) fn decode<T: DeserializeOwned>(&self, text: &str) -> Result<T, StoreError> {
        serde_json::from_str(text).map_err(|error| self.damaged(&error.to_string()))
    }

    pub(super) fn encode<T: Serialize>(&self, value: &T) -> Result<String, StoreError> {
        serde_json::to_string(value).map_err(|error| self.damaged(&error.to_string()))
    }

    fn misread(&self, why: &RecordError) -> StoreError {
        self.damaged(&why.to_string())
    }

    fn damaged(&self, why: &str) -> StoreError {
        StoreError::Failed {
            place: self.place.display().to_string(),
            doing: "read",
            why: why.to_owned(),
            next: "Restore it from a backup, or move it away: the next run is then a first contact, which removes nothing it \
                   does not know.",
        }
    }
}

impl Ledgers for SqliteStore {
    async fn heads(&self) -> Result<Heads, StoreError> {
        let failed = |why| failed(&self.place, "read", &why);
        let connection = self.connection.borrow();
        let mut query = connection
            .prepare_cached("SELECT building, head FROM ledgers ORDER BY building")
            .map_err(failed)?;
        let mut rows = query.query([]).map_err(failed)?;
        let mut heads = Heads::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let building = self.uuid(row.get_ref(0).map_err(failed)?.as_blob().ok())?;
            let head = row.get_ref(1).map_err(failed)?;
            let head = decode_head(head.as_blob().unwrap_or_default());
            heads.insert(
                BuildingUuid(building),
                head.map_err(|why| self.misread(&why))?,
            );
        }
        Ok(heads)
    }

    /// On a thread and a connection of its own, so that pages of DOOR OS arrive meanwhile.
    async fn load(&self, building: BuildingUuid) -> Result<Option<Ledger>, StoreError> {
        let (place, quiet) = (self.place.clone(), self.quiet);
        let read =
            tokio::task::spawn_blocking(move || Self::reader(place, quiet)?.load_now(building))
                .await;
        read.unwrap_or_else(|_| self.load_now(building))
    }

    async fn commit(&self, ledger: &mut Ledger, history: &[Event]) -> Result<(), StoreError> {
        let failed = |why| failed(&self.place, "written", &why);
        let building = ledger.building.0.as_bytes().as_slice();
        let mut connection = self.connection.borrow_mut();
        let transaction = connection.transaction().map_err(failed)?;
        {
            let known: Option<i64> = transaction
                .prepare_cached("SELECT id FROM ledgers WHERE building = ?1")
                .and_then(|mut query| query.query_row([building], |row| row.get(0)).optional())
                .map_err(failed)?;
            let id = match known {
                Some(id) if !ledger.unsaved.head => id,
                _ => {
                    let head = encode_head(&ledger.head).map_err(|why| self.misread(&why))?;
                    transaction
                        .prepare_cached(
                            "INSERT INTO ledgers (building, head) VALUES (?1, ?2)
                             ON CONFLICT (building) DO UPDATE SET head = excluded.head
                             RETURNING id",
                        )
                        .and_then(|mut write| {
                            write.query_row(params![building, head], |row| row.get(0))
                        })
                        .map_err(failed)?
                }
            };
            for door in &ledger.unsaved.doors {
                let key = door.0.as_bytes().as_slice();
                match ledger.doors.get(door) {
                    Some(record) => {
                        let record = encode_door(record).map_err(|why| self.misread(&why))?;
                        transaction
                            .prepare_cached(
                                "INSERT INTO doors (ledger, door, record) VALUES (?1, ?2, ?3)
                                 ON CONFLICT (ledger, door) DO UPDATE SET record = excluded.record",
                            )
                            .and_then(|mut write| write.execute(params![id, key, record]))
                    }
                    None => transaction
                        .prepare_cached("DELETE FROM doors WHERE ledger = ?1 AND door = ?2")
                        .and_then(|mut write| write.execute(params![id, key])),
                }
                .map_err(failed)?;
            }
            for event in history {
                transaction
                    .prepare_cached("INSERT INTO history (at, property, event) VALUES (?1, ?2, ?3)")
                    .and_then(|mut write| {
                        let text = serde_json::to_string(event).map_err(|error| {
                            rusqlite::Error::ToSqlConversionFailure(Box::new(error))
                        })?;
                        write.execute(params![event.at.to_string(), event.property, text])
                    })
                    .map_err(failed)?;
            }
        }
        transaction.commit().map_err(failed)?;
        ledger.unsaved = Unsaved::default();
        Ok(())
    }
}

pub(super) fn failed(place: &Path, doing: &'static str, why: &rusqlite::Error) -> StoreError {
    let busy = matches!(
        why.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    );
    if busy {
        return StoreError::InUse {
            place: place.display().to_string(),
        };
    }
    StoreError::Failed {
        place: place.display().to_string(),
        doing,
        why: why.to_string(),
        next: "Check that the disk has room and that the file may be written; if it is damaged, restore it from a backup.",
    }
}

/// A path as SQLite's URIs want it.
fn percent_encoded(path: &Path) -> String {
    path.to_string_lossy()
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opendoor_planner::ledger::Seen;

    fn building() -> BuildingUuid {
        BuildingUuid(Uuid::from_u128(7))
    }

    #[tokio::test]
    async fn a_ledger_comes_back_as_it_was_committed() {
        let state = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(state.path()).unwrap();
        assert!(store.load(building()).await.unwrap().is_none());
        let mut ledger = Ledger::new(building());
        ledger.head_mut().next_number = 3;
        ledger.door_mut(DoorUuid(Uuid::from_u128(1))).seen = Some(Seen {
            version: 4,
            access_revision: 2,
            lock_revision: None,
            serial: None,
            proven: false,
            vacancy: None,
            inherited: None,
        });
        ledger.door_mut(DoorUuid(Uuid::from_u128(2)));
        store.commit(&mut ledger, &[]).await.unwrap();
        assert!(!ledger.unsaved.any());
        ledger.forget_door(DoorUuid(Uuid::from_u128(2)));
        store.commit(&mut ledger, &[]).await.unwrap();
        drop(store);
        let again = SqliteStore::open(state.path()).unwrap();
        assert_eq!(again.load(building()).await.unwrap(), Some(ledger));
        assert_eq!(again.heads().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_reader_writes_nothing() {
        let state = tempfile::tempdir().unwrap();
        assert!(SqliteStore::open_read_only(state.path()).unwrap().is_none());
        let store = SqliteStore::open(state.path()).unwrap();
        store
            .commit(&mut Ledger::new(building()), &[])
            .await
            .unwrap();
        drop(store);
        let listing = || {
            let mut names: Vec<_> = std::fs::read_dir(state.path())
                .unwrap()
                .map(|entry| {
                    let entry = entry.unwrap();
                    (entry.file_name(), entry.metadata().unwrap().len())
                })
                .collect();
            names.sort();
            names
        };
        let before = listing();
        let reader = SqliteStore::open_read_only(state.path()).unwrap().unwrap();
        assert!(reader.load(building()).await.unwrap().is_some());
        assert_eq!(listing(), before);
    }

    #[test]
    fn a_store_of_a_newer_version_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(state.path()).unwrap();
        store
            .connection
            .borrow()
            .pragma_update(None, "user_version", SCHEMA + 1)
            .unwrap();
        drop(store);
        let refused = SqliteStore::open(state.path());
        assert!(matches!(refused, Err(StoreError::TooNew { .. })));
    }

    #[tokio::test]
    async fn a_store_of_the_version_before_is_read_and_taken_over() {
        let state = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::new(building());
        ledger.door_mut(DoorUuid(Uuid::from_u128(1))).name = Some("Front".into());
        let store = SqliteStore::open(state.path()).unwrap();
        store.commit(&mut ledger, &[]).await.unwrap();
        store
            .connection
            .borrow()
            .pragma_update(None, "user_version", OLDEST)
            .unwrap();
        drop(store);
        let reader = SqliteStore::open_read_only(state.path()).unwrap().unwrap();
        assert!(reader.load(building()).await.unwrap().is_some());
        assert_eq!(reader.version().unwrap(), OLDEST, "a reader writes nothing");
        drop(reader);
        let store = SqliteStore::open(state.path()).unwrap();
        assert_eq!(store.load(building()).await.unwrap(), Some(ledger));
        assert_eq!(store.version().unwrap(), SCHEMA);
    }

    #[test]
    fn a_store_of_an_older_version_is_refused_and_not_misread() {
        let state = tempfile::tempdir().unwrap();
        let older = Connection::open(state.path().join("state.db")).unwrap();
        older
            .execute_batch(
                "CREATE TABLE ledgers (building BLOB PRIMARY KEY, head TEXT NOT NULL) WITHOUT ROWID;
                 PRAGMA user_version = 1;",
            )
            .unwrap();
        drop(older);
        for refused in [
            SqliteStore::open(state.path()).map(Some),
            SqliteStore::open_read_only(state.path()),
        ] {
            assert!(matches!(refused, Err(StoreError::TooOld { .. })));
        }
    }

    #[tokio::test]
    async fn a_damaged_record_is_an_error_that_says_what_to_do() {
        let state = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(state.path()).unwrap();
        let mut ledger = Ledger::new(building());
        ledger.door_mut(DoorUuid(Uuid::from_u128(1))).name = Some("Front".into());
        store.commit(&mut ledger, &[]).await.unwrap();
        for damage in ["x''", "x'ff'", "x'0109'", "'text'"] {
            store
                .connection
                .borrow()
                .execute(&format!("UPDATE doors SET record = {damage}"), [])
                .unwrap();
            let refused = store.load(building()).await.unwrap_err().to_string();
            assert!(refused.contains("Restore it from a backup"), "{refused}");
        }
    }
}
