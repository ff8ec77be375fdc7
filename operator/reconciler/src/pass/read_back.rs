//! Reading back what was written.

use std::collections::BTreeMap;

use opendoor_door_os::DoorOs;
use opendoor_planner::ids::{DoorUuid, KeyUuid};
use opendoor_planner::ledger::{Fingerprint, Intent};
use opendoor_planner::observed::{DoorRow, KeyRow, Observed};
use opendoor_planner::plan::{Plan, Refusal};
use opendoor_planner::reasons::Reason;
use opendoor_planner::settle::{self, Outcome};
use opendoor_planner::writes::Write;

use super::{Pass, PassError, StepResult};
use crate::ports::{Clock, Declarations, Ledgers, Ownership};

/// Rows of one page of a listing: what a read-back by listing costs.
const PAGE: usize = 500;

impl<D, L, S, C, O> Pass<'_, D, L, S, C, O>
where
    D: DoorOs,
    L: Ledgers,
    S: Declarations,
    C: Clock,
    O: Ownership,
{
    /// Reads what was written: the changed rows one by one or one listing, whichever is fewer calls.
    pub(super) async fn read_back(
        &mut self,
        observed: &mut Observed,
        plan: &Plan,
        results: &mut BTreeMap<Fingerprint, StepResult>,
    ) -> Result<(), PassError> {
        let mut doors: Vec<DoorUuid> = Vec::new();
        let mut keys: Vec<KeyUuid> = Vec::new();
        let written = self
            .settled
            .iter()
            .filter(|settled| !matches!(settled.outcome, Outcome::NotSent(_)))
            .map(|settled| &settled.intent)
            .chain(&self.ledger.head.intents);
        let mut unlisted = false;
        for intent in written {
            match &intent.write {
                Write::SetDoorPartner { door, .. } => doors.push(*door),
                Write::UpdateKey { key, .. } | Write::DeleteKey { key, .. } => {
                    keys.push(*key);
                    doors.extend(&intent.doors);
                }
                Write::CreateKey { client_ref, .. } => {
                    let made = observed
                        .keys
                        .iter()
                        .find(|row| row.client_ref.as_deref() == Some(client_ref));
                    match made {
                        Some(row) => keys.push(row.uuid),
                        None => unlisted = true,
                    }
                    doors.extend(&intent.doors);
                }
            }
        }
        doors.sort_unstable();
        doors.dedup();
        keys.sort_unstable();
        keys.dedup();
        let pages = observed.doors.len().div_ceil(PAGE).max(1)
            + observed.keys.len().div_ceil(PAGE).max(1)
            + 1;
        if unlisted || doors.len() + keys.len() > pages {
            *observed = self.observe().await?;
        } else {
            self.read_rows(observed, &doors, &keys).await?;
        }
        let now = self.ports.clock.now();
        let (_, settled) = settle::absorb(&mut self.ledger, observed, now);
        for step in &plan.steps {
            let found = settled
                .iter()
                .find(|settled| settled.intent.fingerprint == step.fingerprint);
            if let Some(settled) = found
                && settled.outcome == Outcome::Applied
            {
                results.insert(step.fingerprint.clone(), StepResult::Applied);
            }
        }
        self.settled.extend(settled);
        self.commit(observed).await
    }

    /// Changes were made: a read-back that fails must not hide them, so it is told as what it is.
    pub(super) fn note_read_back(&mut self, read: Result<(), PassError>) -> Result<(), PassError> {
        match read {
            Err(PassError::DoorOs(error)) => {
                self.own_refusals.push(Refusal {
                    cause: self.declared.property.cause.clone(),
                    reason: Reason::ObservationIncomplete,
                    message: format!(
                        "what was changed could not be read back: {error}. The next pass reads it."
                    ),
                    owner: None,
                });
                Ok(())
            }
            other => other,
        }
    }

    async fn read_rows(
        &self,
        observed: &mut Observed,
        doors: &[DoorUuid],
        keys: &[KeyUuid],
    ) -> Result<(), PassError> {
        for door in doors {
            match self.ports.door_os.door(*door).await? {
                Some(row) => put_door(observed, row),
                None => observed.doors.retain(|row| row.uuid != *door),
            }
        }
        for key in keys {
            match self.ports.door_os.key(*key).await? {
                Some(row) => put_key(observed, row),
                None => observed.keys.retain(|row| row.uuid != *key),
            }
        }
        Ok(())
    }
}

/// Puts what a write returned into the look.
pub(super) fn merge(
    observed: &mut Observed,
    intent: &Intent,
    key: Option<&KeyRow>,
    doors: &[DoorRow],
) {
    for row in doors {
        put_door(observed, row.clone());
    }
    match (&intent.write, key) {
        (Write::DeleteKey { key, .. }, _) => observed.keys.retain(|row| row.uuid != *key),
        (_, Some(row)) => put_key(observed, row.clone()),
        (_, None) => {}
    }
}

fn put_door(observed: &mut Observed, row: DoorRow) {
    match observed
        .doors
        .binary_search_by_key(&row.uuid, |known| known.uuid)
    {
        Ok(at) => {
            if let Some(known) = observed.doors.get_mut(at)
                && known.version <= row.version
            {
                *known = row;
            }
        }
        Err(at) => observed.doors.insert(at, row),
    }
}

fn put_key(observed: &mut Observed, row: KeyRow) {
    match observed
        .keys
        .binary_search_by_key(&row.uuid, |known| known.uuid)
    {
        Ok(at) => {
            if let Some(known) = observed.keys.get_mut(at)
                && known.version <= row.version
            {
                *known = row;
            }
        }
        Err(at) => observed.keys.insert(at, row),
    }
}
