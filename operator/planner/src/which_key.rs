//! Which key of DOOR OS a PartnerKey is: the one it owns, one it takes over, or a new one.

use std::collections::BTreeSet;

use opendoor_api::PartnerKeySpec;
use uuid::Uuid;

use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::intake::InForce;
use crate::key_wants::{Gather, Said};
use crate::ledger::KeyRecord;
use crate::observed::{KeyRow, Observed};
use crate::reasons::Reason;

/// The key, and whether it is an ordinary one that becomes a partner key. `None`: to be made.
type Which = (Option<KeyUuid>, bool);

/// The field at fault, the reason, and the words for a person.
type Refused = (&'static str, Reason, String);

impl Gather<'_> {
    /// Which key of DOOR OS the object is: the one it owns, one it takes over, or a new one.
    pub(crate) fn which_key(
        &mut self,
        object: &InForce,
        spec: &PartnerKeySpec,
        said: &Said,
    ) -> Result<Which, Refused> {
        let same_name = self.observed.keys.iter().find(|row| row.name == said.name);
        if let Some(uuid) = self.by_owner.get(&object.owner).copied() {
            let live = self.observed.key(uuid).map(|row| row.partner);
            let owned = self
                .ledger
                .head
                .keys
                .get(&uuid)
                .map(|record| record.partner);
            let partner = live.unwrap_or(owned);
            if live.is_some() || self.observed.incomplete.is_some() {
                return if partner == Some(said.partner) {
                    Ok((Some(uuid), false))
                } else {
                    Err(partner_differs(
                        self.name_of(uuid),
                        partner,
                        said.partner,
                        self.observed,
                    ))
                };
            }
            // Its deletion is proven. Where nothing stands in the way, the key is made again.
            if same_name.is_none() && partner == Some(said.partner) {
                return Ok((Some(uuid), false));
            }
            self.forget(uuid);
        }
        // The key that it is, and the doors by which it would be known, may be among what is not shown.
        if self.observed.incomplete.is_some() {
            return Ok((None, false));
        }
        if let Some(adopted) = self.adopt(object, spec, said)? {
            return Ok(adopted);
        }
        if let Some(row) = same_name {
            return self.named_key(object, said, row);
        }
        Ok((self.renamed_object(object, said), false))
    }

    /// The key that `spec.adopt` names.
    fn adopt(
        &mut self,
        object: &InForce,
        spec: &PartnerKeySpec,
        said: &Said,
    ) -> Result<Option<Which>, Refused> {
        let Some(adopt) = &spec.adopt else {
            return Ok(None);
        };
        let uuid = match adopt.key_uuid.as_deref() {
            Some(text) => text.parse::<Uuid>().ok().map(KeyUuid),
            None => self
                .observed
                .keys
                .iter()
                .find(|row| row.name == said.name)
                .map(|row| row.uuid),
        };
        let Some(row) = uuid.and_then(|uuid| self.observed.key(uuid)) else {
            return Err((
                "spec.adopt",
                Reason::KeyNotFound,
                format!(
                    "no key {} is in {}. Correct spec.adopt.keyUuid, or remove spec.adopt to have a new key made.",
                    adopt
                        .key_uuid
                        .as_deref()
                        .map_or_else(|| format!("\"{}\"", said.name), str::to_owned),
                    self.observed.building_name
                ),
            ));
        };
        if let Some(record) = self.ledger.head.keys.get(&row.uuid)
            && !self.is_going(record)
        {
            return Err((
                "spec.adopt",
                Reason::KeyNameTaken,
                format!(
                    "the key \"{}\" already belongs to {}. One key, one object.",
                    row.name, record.owner
                ),
            ));
        }
        match row.partner {
            Some(partner) if partner == said.partner => {
                self.take_over(object, said, row);
                Ok(Some((Some(row.uuid), false)))
            }
            Some(partner) => Err(partner_differs(
                &row.name,
                Some(partner),
                said.partner,
                self.observed,
            )),
            None => {
                self.refuse_undeclared(said, row)?;
                Ok(Some((Some(row.uuid), true)))
            }
        }
    }

    /// Converting a key gives its partner every door on it, so every door must be declared.
    fn refuse_undeclared(&self, said: &Said, row: &KeyRow) -> Result<(), Refused> {
        let undeclared: Vec<String> = row
            .doors
            .iter()
            .filter(|entry| !said.declares(entry.door))
            .map(|entry| {
                self.observed
                    .door(entry.door)
                    .map_or_else(|| entry.door.to_string(), |row| format!("\"{}\"", row.name))
            })
            .collect();
        if undeclared.is_empty() {
            return Ok(());
        }
        Err((
            "spec.doors",
            Reason::AcknowledgementRequired,
            format!(
                "converting the key \"{}\" would also give the partner {}, which spec.doors does not name. Name them, or \
                 take them off the key in DOOR OS first.",
                row.name,
                crate::partners::listing(&undeclared, 5)
            ),
        ))
    }

    /// A key that already has the wanted name.
    fn named_key(&mut self, object: &InForce, said: &Said, row: &KeyRow) -> Result<Which, Refused> {
        if row.partner.is_some() && row.partner != Some(said.partner) {
            return Err(partner_differs(
                &row.name,
                row.partner,
                said.partner,
                self.observed,
            ));
        }
        if let Some(record) = self.ledger.head.keys.get(&row.uuid) {
            if self.is_going(record) {
                self.take_over(object, said, row);
                return Ok((Some(row.uuid), false));
            }
            // Its own object gives the name up: a new key is made once it is free.
            if self.gives_up_its_name(record) {
                return Ok((None, false));
            }
            return Err((
                "spec.keyName",
                Reason::KeyNameTaken,
                format!(
                    "the key \"{}\" already belongs to {}. Choose another keyName, or remove one of the two objects.",
                    row.name, record.owner
                ),
            ));
        }
        if row.partner.is_none() {
            return Err((
                "spec.keyName",
                Reason::AcknowledgementRequired,
                format!(
                    "an ordinary key \"{}\" exists ({}). Making it a partner key is for good: its partner can never be \
                     changed or cleared, and its holders stay on it. If that is meant, write spec.adopt with \
                     acknowledge: ConvertsToPartnerKeyForGood and keyUuid: {}; if not, choose another keyName.",
                    row.name, row.uuid, row.uuid
                ),
            ));
        }
        let equal = said.whole && row.doors == said.doors && row.schedule == said.schedule;
        if equal {
            self.take_over(object, said, row);
            return Ok((Some(row.uuid), false));
        }
        Err((
            "spec.keyName",
            Reason::KeyNameTaken,
            format!(
                "a partner key \"{}\" of this partner exists ({}) with other doors or settings, and this product does not \
                 own it. Take it over with spec.adopt and keyUuid: {}, or choose another keyName.",
                row.name, row.uuid, row.uuid
            ),
        ))
    }

    /// The key of an object that went while this one came with the same partner, doors and
    /// schedule: an object renamed in Git, not a key deleted for its holders. A key whose name another
    /// object declares is that one's.
    fn renamed_object(&mut self, object: &InForce, said: &Said) -> Option<KeyUuid> {
        let mut orphans = self.ledger.head.keys.iter().filter(|(uuid, record)| {
            self.is_going(record)
                && record.partner == said.partner
                && self.observed.key(**uuid).is_some_and(|row| {
                    row.partner == Some(said.partner)
                        && !self.is_declared(&row.name, said.partner)
                        && row.doors == said.doors
                        && row.schedule == said.schedule
                })
        });
        let (uuid, more) = (orphans.next()?.0, orphans.next().is_some());
        if more {
            return None;
        }
        let row = self.observed.key(*uuid)?;
        self.take_over(object, said, row);
        Some(row.uuid)
    }

    fn take_over(&mut self, object: &InForce, said: &Said, row: &KeyRow) {
        let before = self.ledger.head.keys.get(&row.uuid);
        let owned: BTreeSet<DoorUuid> = before
            .map(|record| record.doors.iter().map(|entry| entry.door).collect())
            .unwrap_or_default();
        let client_ref = before.and_then(|record| record.client_ref.clone());
        let doors = row
            .doors
            .iter()
            .filter(|entry| owned.contains(&entry.door) || said.declares(entry.door))
            .copied()
            .collect();
        self.adopted += usize::from(before.is_none());
        self.by_owner.insert(object.owner.clone(), row.uuid);
        self.ledger.head_mut().keys.insert(
            row.uuid,
            KeyRecord {
                owner: object.owner.clone(),
                partner: said.partner,
                name: row.name.clone(),
                doors,
                schedule: row.schedule.clone(),
                client_ref,
                version: row.version,
            },
        );
    }

    fn name_of(&self, key: KeyUuid) -> &str {
        let seen = self.observed.key(key).map(|row| row.name.as_str());
        let owned = self
            .ledger
            .head
            .keys
            .get(&key)
            .map(|record| record.name.as_str());
        seen.or(owned).unwrap_or_default()
    }

    /// Forgets a key that was deleted by hand and that this object cannot have again as it was.
    fn forget(&mut self, key: KeyUuid) {
        self.ledger.head_mut().keys.remove(&key);
    }
}

pub(crate) fn partner_differs(
    name: &str,
    live: Option<PartnerUuid>,
    wanted: PartnerUuid,
    observed: &Observed,
) -> (&'static str, Reason, String) {
    let called = |partner: Option<PartnerUuid>| match partner {
        Some(uuid) => observed
            .partner_name(uuid)
            .map_or_else(|| uuid.to_string(), str::to_owned),
        None => String::from("nobody"),
    };
    (
        "spec.partner",
        Reason::PartnerImmutable,
        format!(
            "the key \"{name}\" belongs to {} in DOOR OS and cannot become {}'s: DOOR OS never changes or clears a key's \
             partner. Create a new PartnerKey with another keyName, move its holders, then delete this key; its doorcodes \
             go with it.",
            called(live),
            called(Some(wanted))
        ),
    )
}
