//! Which keys the PartnerKeys in force want, and which key of DOOR OS each of them is.

use std::collections::BTreeSet;

use opendoor_api::PartnerKeySpec;
use uuid::Uuid;

use crate::declared::Spec;
use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::intake::{InForce, Taken};
use crate::ledger::{KeyRecord, Ledger};
use crate::observed::{Day, Interval, KeyDoor, KeyRow, Observed};
use crate::plan::{Named, Refusal, Waiting, WaitingKind};
use crate::reasons::Reason;
use crate::resolve::{DoorNames, Standing, standing};
use crate::settle::key_is_stale;

/// A key that an object wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeyWant {
    /// The object, as an index into the objects in force.
    pub(crate) object: usize,
    /// The key it is in DOOR OS; `None`: to be made.
    pub(crate) key: Option<KeyUuid>,
    pub(crate) name: String,
    pub(crate) partner: PartnerUuid,
    /// Sorted by door.
    pub(crate) doors: Vec<KeyDoor>,
    /// Doors that stay as they are on the key: their names could not be resolved.
    pub(crate) kept_doors: Vec<DoorUuid>,
    pub(crate) schedule: Vec<Interval>,
    /// The key is an ordinary one and becomes a partner key.
    pub(crate) converts: bool,
}

struct Gather<'a> {
    ledger: &'a mut Ledger,
    observed: &'a Observed,
    names: &'a DoorNames<'a>,
    taken: &'a mut Taken,
    pins: &'a mut BTreeSet<(String, DoorUuid)>,
}

/// What an object says of its key, resolved.
struct Said {
    partner: PartnerUuid,
    name: String,
    doors: Vec<KeyDoor>,
    kept_doors: Vec<DoorUuid>,
    schedule: Vec<Interval>,
}

pub(crate) fn key_wants(
    ledger: &mut Ledger,
    observed: &Observed,
    names: &DoorNames<'_>,
    taken: &mut Taken,
    pins: &mut BTreeSet<(String, DoorUuid)>,
) -> Vec<KeyWant> {
    let mut gather = Gather {
        ledger,
        observed,
        names,
        taken,
        pins,
    };
    let mut wants = Vec::new();
    for index in 0..gather.taken.objects.len() {
        let Some(object) = gather.taken.objects.get(index).cloned() else {
            continue;
        };
        if let Spec::PartnerKey(spec) = &object.spec {
            if object.removed {
                gather.release_if_retained(&object, spec);
            } else if let Some(want) = gather.object(index, &object, spec) {
                wants.push(want);
            }
        }
    }
    gather.drop_absent_keys(&wants);
    wants
}

impl Gather<'_> {
    fn object(&mut self, index: usize, object: &InForce, spec: &PartnerKeySpec) -> Option<KeyWant> {
        let partner = match standing(self.ledger, self.observed, &spec.partner) {
            Standing::Usable(partner) => partner,
            Standing::Awaiting => {
                self.await_authorization(object, spec);
                self.freeze(index);
                return None;
            }
            Standing::Refused(unresolved) => {
                self.refuse(object, "spec.partner", unresolved.reason, unresolved.message);
                self.freeze(index);
                return None;
            }
        };
        let said = self.resolve(object, spec, partner);
        let (key, converts) = match self.which_key(object, spec, &said) {
            Ok(found) => found,
            Err((path, reason, message)) => {
                self.refuse(object, path, reason, message);
                self.freeze(index);
                return None;
            }
        };
        Some(KeyWant {
            object: index,
            key,
            name: said.name,
            partner: said.partner,
            doors: said.doors,
            kept_doors: said.kept_doors,
            schedule: said.schedule,
            converts,
        })
    }

    fn resolve(&mut self, object: &InForce, spec: &PartnerKeySpec, partner: PartnerUuid) -> Said {
        let mut doors = Vec::with_capacity(spec.doors.len());
        let mut kept_doors = Vec::new();
        for (item, door) in spec.doors.iter().enumerate() {
            match self.names.resolve(&door.name, &self.ledger.head.door_pins) {
                Ok(uuid) => {
                    self.pins.insert((door.name.clone(), uuid));
                    doors.push(KeyDoor {
                        door: uuid,
                        doorcodes: door.provide_doorcodes,
                    });
                }
                Err(unresolved) => {
                    kept_doors.extend(self.ledger.head.door_pins.get(&door.name));
                    self.refuse(
                        object,
                        &format!("spec.doors[{item}]"),
                        unresolved.reason,
                        unresolved.message,
                    );
                }
            }
        }
        doors.sort_unstable();
        doors.dedup_by_key(|entry| entry.door);
        Said {
            partner,
            name: spec
                .key_name
                .clone()
                .unwrap_or_else(|| object.owner.name.clone()),
            doors,
            kept_doors,
            schedule: schedule(spec),
        }
    }

    /// Which key of DOOR OS the object is: the one it owns, one it takes over, or a new one.
    #[allow(clippy::type_complexity)]
    fn which_key(
        &mut self,
        object: &InForce,
        spec: &PartnerKeySpec,
        said: &Said,
    ) -> Result<(Option<KeyUuid>, bool), (&'static str, Reason, String)> {
        if let Some((uuid, record)) = self.ledger.key_of(&object.owner) {
            let live_partner = self.observed.key(uuid).map(|row| row.partner);
            return match live_partner {
                Some(live) if live != Some(said.partner) => {
                    Err(partner_differs(&record.name, live, said, self.observed))
                }
                None if record.partner != said.partner => {
                    Err(partner_differs(&record.name, Some(record.partner), said, self.observed))
                }
                _ => Ok((Some(uuid), false)),
            };
        }
        if let Some(adopted) = self.adopt(object, spec, said)? {
            return Ok(adopted);
        }
        let same_name = self
            .observed
            .keys
            .iter()
            .find(|row| row.name == said.name);
        if let Some(row) = same_name {
            return self.named_key(object, said, row);
        }
        Ok((self.renamed_object(object, said), false))
    }

    /// The key that `spec.adopt` names.
    #[allow(clippy::type_complexity)]
    fn adopt(
        &mut self,
        object: &InForce,
        spec: &PartnerKeySpec,
        said: &Said,
    ) -> Result<Option<(Option<KeyUuid>, bool)>, (&'static str, Reason, String)> {
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
                said,
                self.observed,
            )),
            None => {
                self.refuse_undeclared(said, row)?;
                Ok(Some((Some(row.uuid), true)))
            }
        }
    }

    /// Converting a key gives its partner every door on it, so every door must be declared.
    fn refuse_undeclared(
        &self,
        said: &Said,
        row: &KeyRow,
    ) -> Result<(), (&'static str, Reason, String)> {
        let undeclared: Vec<String> = row
            .doors
            .iter()
            .filter(|entry| said.doors.iter().all(|declared| declared.door != entry.door))
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
    #[allow(clippy::type_complexity)]
    fn named_key(
        &mut self,
        object: &InForce,
        said: &Said,
        row: &KeyRow,
    ) -> Result<(Option<KeyUuid>, bool), (&'static str, Reason, String)> {
        if row.partner.is_some() && row.partner != Some(said.partner) {
            return Err(partner_differs(&row.name, row.partner, said, self.observed));
        }
        if let Some(record) = self.ledger.head.keys.get(&row.uuid) {
            if self.is_going(record) {
                self.take_over(object, said, row);
                return Ok((Some(row.uuid), false));
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
        let equal = row.doors == said.doors && row.schedule == said.schedule;
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
    /// schedule: an object renamed in Git, not a key deleted for its holders.
    fn renamed_object(&mut self, object: &InForce, said: &Said) -> Option<KeyUuid> {
        let mut orphans = self.ledger.head.keys.iter().filter(|(uuid, record)| {
            self.is_going(record)
                && record.partner == said.partner
                && self.observed.key(**uuid).is_some_and(|row| {
                    row.partner == Some(said.partner)
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

    fn is_going(&self, record: &KeyRecord) -> bool {
        self.taken.removed.contains_key(&record.owner)
            || self
                .taken
                .objects
                .iter()
                .all(|object| object.owner != record.owner)
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
            .filter(|entry| {
                owned.contains(&entry.door)
                    || said.doors.iter().any(|declared| declared.door == entry.door)
            })
            .copied()
            .collect();
        self.taken.adopted += usize::from(before.is_none());
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

    fn await_authorization(&mut self, object: &InForce, spec: &PartnerKeySpec) {
        for door in &spec.doors {
            let uuid = self
                .names
                .resolve(&door.name, &self.ledger.head.door_pins)
                .ok();
            self.taken.waiting.push(Waiting {
                kind: WaitingKind::Authorization,
                door: Some(Named {
                    uuid,
                    name: door.name.clone(),
                }),
                partner: spec.partner.clone(),
                via: Some("key"),
                since: None,
                deadline: None,
                reason: Reason::AwaitingAuthorization,
                owner: Some(object.owner.clone()),
            });
        }
    }

    fn refuse(&mut self, object: &InForce, path: &str, reason: Reason, message: String) {
        self.taken.refusals.push(Refusal {
            cause: object.places.locate(&object.cause, path),
            reason,
            message,
            owner: Some(object.owner.clone()),
        });
    }

    fn freeze(&mut self, index: usize) {
        if let Some(object) = self.taken.objects.get_mut(index) {
            object.frozen = true;
        }
    }

    fn release_if_retained(&mut self, object: &InForce, spec: &PartnerKeySpec) {
        if spec.deletion_policy != opendoor_api::DeletionPolicy::Retain {
            return;
        }
        if let Some((uuid, _)) = self.ledger.key_of(&object.owner) {
            self.ledger.head_mut().keys.remove(&uuid);
        }
    }

    /// Brings the records of owned keys up to date, and drops those whose key is gone and that
    /// nothing wants any more.
    fn drop_absent_keys(&mut self, wants: &[KeyWant]) {
        let mut records = self.ledger.head.keys.clone();
        records.retain(|uuid, record| {
            let want = wants.iter().find(|want| want.key == Some(*uuid));
            let Some(row) = self.observed.key(*uuid) else {
                return self.observed.incomplete.is_some()
                    || want.is_some()
                    || !self.is_going(record);
            };
            if !key_is_stale(self.ledger, row) && !self.has_intent(*uuid) {
                refresh(record, row, want);
            }
            true
        });
        if records != self.ledger.head.keys {
            self.ledger.head_mut().keys = records;
        }
    }

    fn has_intent(&self, key: KeyUuid) -> bool {
        key_has_intent(self.ledger, key)
    }
}

/// Whether an unsettled write touches the key.
pub(crate) fn key_has_intent(ledger: &Ledger, key: KeyUuid) -> bool {
    use crate::writes::Write;
    ledger.head.intents.iter().any(|intent| match &intent.write {
        Write::UpdateKey { key: open, .. } | Write::DeleteKey { key: open, .. } => *open == key,
        Write::SetDoorPartner { .. } | Write::CreateKey { .. } => false,
    })
}

/// Doors that are declared and on the key become ours; ours that are gone from it and no longer
/// declared stop being ours. Its name and schedule stay as we last saw or set them while they are
/// declared so, which is how an edit by hand is told from a change of the declaration.
fn refresh(record: &mut KeyRecord, row: &KeyRow, want: Option<&KeyWant>) {
    let Some(want) = want else {
        record.doors.retain(|owned| row.door(owned.door).is_some());
        return;
    };
    let declared = |door: DoorUuid| want.doors.iter().any(|entry| entry.door == door);
    record.doors.retain(|owned| {
        declared(owned.door) || want.kept_doors.contains(&owned.door) || row.door(owned.door).is_some()
    });
    for entry in &row.doors {
        match record
            .doors
            .iter_mut()
            .find(|owned| owned.door == entry.door)
        {
            Some(owned) if want.doors.contains(entry) => *owned = *entry,
            None if declared(entry.door) => record.doors.push(*entry),
            _ => {}
        }
    }
    record.doors.sort_unstable();
    if row.name == want.name {
        record.name.clone_from(&row.name);
    }
    if row.schedule == want.schedule {
        record.schedule.clone_from(&row.schedule);
    }
}

fn partner_differs(
    name: &str,
    live: Option<PartnerUuid>,
    said: &Said,
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
            called(Some(said.partner))
        ),
    )
}

fn schedule(spec: &PartnerKeySpec) -> Vec<Interval> {
    let mut schedule: Vec<Interval> = spec
        .schedule
        .iter()
        .map(|entry| {
            let mut days: Vec<Day> = entry.days.iter().map(|day| day_of(*day)).collect();
            days.sort_unstable();
            days.dedup();
            Interval {
                days,
                from: entry.from.clone(),
                to: entry.to.clone(),
            }
        })
        .collect();
    schedule.sort();
    schedule
}

fn day_of(day: opendoor_api::Day) -> Day {
    match day {
        opendoor_api::Day::Monday => Day::Monday,
        opendoor_api::Day::Tuesday => Day::Tuesday,
        opendoor_api::Day::Wednesday => Day::Wednesday,
        opendoor_api::Day::Thursday => Day::Thursday,
        opendoor_api::Day::Friday => Day::Friday,
        opendoor_api::Day::Saturday => Day::Saturday,
        opendoor_api::Day::Sunday => Day::Sunday,
    }
}
