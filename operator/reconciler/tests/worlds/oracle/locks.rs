//! What locks accept, against what the ledger and the statuses say of them.

use std::collections::BTreeMap;

use opendoor_reconciler::pass::PassReport;
use serde_json::Value;
use uuid::Uuid;

use super::end::authorised;
use super::log::{Access, accesses};
use super::{After, Ledgers, Oracle, rows, uuid};
use crate::laws::{Broken, Law};

/// What a door's lock accepts and DOOR OS does not grant.
fn not_granted(row: &Value) -> Vec<Access> {
    let granted = accesses(&row["access"]);
    let mut accepted = accesses(&row["lock"]["entries"]);
    accepted.retain(|entry| granted.iter().all(|other| other.partner != entry.partner));
    accepted
}

impl Oracle {
    /// Whoever a lock accepts is in `mayOpen`, or the lock's history is unknown; but for what people did since the
    /// last look.
    pub(super) fn covers(&mut self, state: &Value, ledgers: &Ledgers) -> Result<(), Broken> {
        for (building, row) in rows(state, "doors") {
            let door = uuid(&row["uuid"]).unwrap();
            let record = ledgers
                .get(&building)
                .map_or(&Value::Null, |ledger| &ledger.1[door.to_string()]);
            let seen = record["seen"]["accessRevision"].as_i64();
            let may_open = |partner: Uuid| {
                let entries = record["mayOpen"].as_array().into_iter().flatten();
                entries
                    .filter_map(|entry| uuid(&entry["partner"]))
                    .any(|known| known == partner)
            };
            self.tally.premises(
                Law::MayOpenCovers,
                u64::try_from(not_granted(row).len()).unwrap(),
            );
            if self.went_back.contains(&door) || !record["unknown"].is_null() {
                continue;
            }
            for entry in accesses(&row["lock"]["entries"]) {
                let told = seen.is_some_and(|seen| seen >= entry.revision)
                    || self.made_by_us.contains(&(door, entry.revision));
                if told && !may_open(entry.partner) {
                    return Err(Broken {
                        law: Law::MayOpenCovers,
                        how: format!(
                            "the lock of {door} accepts {entry:?}; the ledger says {record}"
                        ),
                    });
                }
            }
        }
        Ok(())
    }

    /// Nothing is called enforced while a lock accepts whom DOOR OS does not grant.
    pub(super) fn enforced(
        &mut self,
        after: &After<'_>,
        building: Uuid,
        pass: &PassReport,
    ) -> Result<(), Broken> {
        let statuses: BTreeMap<String, &str> = pass
            .statuses
            .iter()
            .flat_map(|status| {
                let enforced = status.conditions.iter().find(|it| it.kind == "Enforced")?;
                Some((status.owner.to_string(), enforced.status.as_str()))
            })
            .collect();
        let property = pass.statuses.first().map(|status| status.owner.to_string());
        let (_, declared) = self.recent.last().unwrap().clone();
        let authorised = authorised(after.state);
        for (home, row) in rows(after.state, "doors") {
            let door = uuid(&row["uuid"]).unwrap();
            // What the look could not show, the status cannot know.
            let hidden =
                after.stale || self.beside.contains(&door) || self.went_back_now(door, after);
            if home != building || hidden {
                continue;
            }
            for entry in not_granted(row) {
                self.tally.premise(Law::NeverEnforcedTooEarly);
                // The object that declares it without being granted it. To which object a debt of one that declares it
                // no more is put down is nobody's promise; the property answers for all of them.
                let by_object = declared
                    .sure_door
                    .get(&door)
                    .into_iter()
                    .flatten()
                    .filter(|sure| sure.partner == entry.partner && sure.listed)
                    .filter(|_| authorised.contains(&(home, entry.partner)))
                    // A door that is claimed twice is nobody's pair; the property answers for it.
                    .filter(|_| declared.partners_at(door).count() == 1)
                    .map(|sure| sure.owner.clone());
                for owner in property.iter().cloned().chain(by_object) {
                    if statuses.get(&owner) == Some(&"True") {
                        return Err(Broken {
                            law: Law::NeverEnforcedTooEarly,
                            how: format!(
                                "{owner} is Enforced=True and the lock of {door} accepts {entry:?}: {row}"
                            ),
                        });
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether a lock went back to an earlier list while the round ran.
    fn went_back_now(&self, door: Uuid, after: &After<'_>) -> bool {
        let log = after.state["log"].as_array().into_iter().flatten();
        self.went_back.contains(&door)
            && log
                .filter(|entry| uuid(&entry["subject"]) == Some(door))
                .any(|entry| entry["detail"].get("lock").is_some())
    }
}
