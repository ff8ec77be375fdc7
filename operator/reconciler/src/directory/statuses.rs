//! What was last said of every object, and since when each condition is as it is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use opendoor_planner::conditions::{Condition, ObjectStatus};
use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::store::{SqliteStore, failed};
use crate::ports::StoreError;

/// A status with the times its conditions last changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredStatus {
    /// The status.
    #[serde(flatten)]
    pub status: ObjectStatus,
    /// Since when each condition has its status, by type.
    pub since: BTreeMap<String, Timestamp>,
}

impl SqliteStore {
    /// The statuses of a property's objects, by object.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn statuses(&self, property: &str) -> Result<BTreeMap<String, StoredStatus>, StoreError> {
        let failed = |why| failed(&self.place, "read", &why);
        let connection = self.connection.borrow();
        let mut query = connection
            .prepare_cached("SELECT object, status FROM statuses WHERE property = ?1")
            .map_err(failed)?;
        let rows = query
            .query_map([property], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })
            .map_err(failed)?;
        let mut statuses = BTreeMap::new();
        for row in rows {
            let (object, status) = row.map_err(failed)?;
            statuses.insert(object, self.decode(&status)?);
        }
        Ok(statuses)
    }

    /// Writes the statuses of a property's objects, where they differ from what is there. Returns
    /// how many were written or removed.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub fn report(
        &self,
        property: &str,
        statuses: &[ObjectStatus],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let before = self.statuses(property)?;
        let mut changed: Vec<(String, Option<String>)> = Vec::new();
        for status in statuses {
            let object = status.owner.to_string();
            let known = before.get(&object);
            if known.is_some_and(|known| known.status == *status) {
                continue;
            }
            let stored = StoredStatus {
                since: since(known, &status.conditions, now),
                status: status.clone(),
            };
            changed.push((object, Some(self.encode(&stored)?)));
        }
        for object in before.keys() {
            if statuses
                .iter()
                .all(|status| status.owner.to_string() != *object)
            {
                changed.push((object.clone(), None));
            }
        }
        if changed.is_empty() {
            return Ok(0);
        }
        let failed = |why| failed(&self.place, "written", &why);
        let mut connection = self.connection.borrow_mut();
        let transaction = connection.transaction().map_err(failed)?;
        for (object, status) in &changed {
            match status {
                Some(status) => transaction.execute(
                    "INSERT INTO statuses (property, object, status) VALUES (?1, ?2, ?3)
                     ON CONFLICT (property, object) DO UPDATE SET status = excluded.status",
                    params![property, object, status],
                ),
                None => transaction.execute(
                    "DELETE FROM statuses WHERE property = ?1 AND object = ?2",
                    params![property, object],
                ),
            }
            .map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        Ok(changed.len())
    }
}

/// When each condition took its status: kept while the status stays, whatever else changes.
fn since(
    before: Option<&StoredStatus>,
    conditions: &[Condition],
    now: Timestamp,
) -> BTreeMap<String, Timestamp> {
    conditions
        .iter()
        .map(|condition| {
            let kept = before.and_then(|before| {
                let same =
                    before.status.conditions.iter().any(|known| {
                        known.kind == condition.kind && known.status == condition.status
                    });
                before.since.get(&condition.kind).filter(|_| same)
            });
            (condition.kind.clone(), kept.copied().unwrap_or(now))
        })
        .collect()
}
