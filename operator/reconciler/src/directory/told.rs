//! What was told of every property, so that nothing is told twice.

use rusqlite::{OptionalExtension as _, params};

use super::store::{SqliteStore, failed};
use crate::notices::Told;
use crate::ports::StoreError;

impl SqliteStore {
    /// What was told of a property, and what could not be delivered.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn told(&self, property: &str) -> Result<Told, StoreError> {
        let failed = |why| failed(&self.place, "read", &why);
        let connection = self.connection.borrow();
        let found: Option<String> = connection
            .prepare_cached("SELECT told FROM told WHERE property = ?1")
            .and_then(|mut query| query.query_row([property], |row| row.get(0)).optional())
            .map_err(failed)?;
        found.map_or_else(|| Ok(Told::default()), |text| self.decode(&text))
    }

    /// Remembers what was told of a property.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn remember_told(&self, property: &str, told: &Told) -> Result<(), StoreError> {
        let failed = |why| failed(&self.place, "written", &why);
        let text = self.encode(told)?;
        let connection = self.connection.borrow();
        connection
            .prepare_cached(
                "INSERT INTO told (property, told) VALUES (?1, ?2)
                 ON CONFLICT (property) DO UPDATE SET told = excluded.told",
            )
            .and_then(|mut write| write.execute(params![property, text]))
            .map_err(failed)?;
        Ok(())
    }
}
