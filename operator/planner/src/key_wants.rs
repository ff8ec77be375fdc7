//! Which keys the PartnerKeys in force want, and which key of DOOR OS each of them is.

use std::collections::BTreeMap;

use opendoor_api::PartnerKeySpec;

use crate::declared::Spec;
use crate::ids::{DoorUuid, KeyUuid, PartnerUuid};
use crate::intake::{InForce, NewPins, Removed, Taken};
use crate::ledger::{KeyRecord, Ledger};
use crate::observed::{Interval, KeyDoor, KeyRow, Observed};
use crate::owner::OwnerId;
use crate::plan::{Named, Refusal, Waiting, WaitingKind};
use crate::reasons::Reason;
use crate::resolve::{DoorNames, Standing, known_uuid, standing};
use crate::schedule::schedule;
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

pub(crate) struct Gather<'a> {
    pub(crate) ledger: &'a mut Ledger,
    pub(crate) observed: &'a Observed,
    names: &'a DoorNames<'a>,
    objects: &'a [InForce],
    removed: &'a BTreeMap<OwnerId, Removed>,
    pins: &'a mut NewPins,
    /// Owned keys by their object.
    pub(crate) by_owner: BTreeMap<OwnerId, KeyUuid>,
    refusals: Vec<Refusal>,
    waiting: Vec<Waiting>,
    frozen: Vec<usize>,
    pub(crate) adopted: usize,
}

/// What an object says of its key, resolved.
pub(crate) struct Said {
    pub(crate) partner: PartnerUuid,
    pub(crate) name: String,
    /// Sorted by door.
    pub(crate) doors: Vec<KeyDoor>,
    kept_doors: Vec<DoorUuid>,
    /// It is known of every door that it names which one it is.
    pub(crate) whole: bool,
    pub(crate) schedule: Vec<Interval>,
}

impl Said {
    pub(crate) fn declares(&self, door: DoorUuid) -> bool {
        has_door(&self.doors, door)
    }
}

impl KeyWant {
    /// Whether the door stays on the key: declared, or of a name that could not be resolved.
    pub(crate) fn declares(&self, door: DoorUuid) -> bool {
        has_door(&self.doors, door) || self.kept_doors.contains(&door)
    }
}

/// Whether a list sorted by door holds one.
pub(crate) fn has_door(doors: &[KeyDoor], door: DoorUuid) -> bool {
    doors
        .binary_search_by_key(&door, |entry| entry.door)
        .is_ok()
}

pub(crate) fn key_wants(
    ledger: &mut Ledger,
    observed: &Observed,
    names: &DoorNames<'_>,
    taken: &mut Taken,
    pins: &mut NewPins,
) -> Vec<KeyWant> {
    let by_owner = ledger
        .head
        .keys
        .iter()
        .map(|(uuid, record)| (record.owner.clone(), *uuid))
        .collect();
    let mut gather = Gather {
        ledger,
        observed,
        names,
        objects: &taken.objects,
        removed: &taken.removed,
        pins,
        by_owner,
        refusals: Vec::new(),
        waiting: Vec::new(),
        frozen: Vec::new(),
        adopted: 0,
    };
    let mut wants = Vec::new();
    for (index, object) in gather.objects.iter().enumerate() {
        if let Spec::PartnerKey(spec) = &*object.spec {
            if object.removed {
                gather.release_if_retained(object, spec);
            } else if let Some(want) = gather.object(index, object, spec) {
                wants.push(want);
            } else {
                gather.frozen.push(index);
            }
        }
    }
    gather.refresh_keys(&wants);
    let Gather {
        refusals,
        waiting,
        frozen,
        adopted,
        ..
    } = gather;
    taken.refusals.extend(refusals);
    taken.waiting.extend(waiting);
    taken.adopted += adopted;
    for index in frozen {
        if let Some(object) = taken.objects.get_mut(index) {
            object.frozen = true;
        }
    }
    wants
}

impl Gather<'_> {
    fn object(&mut self, index: usize, object: &InForce, spec: &PartnerKeySpec) -> Option<KeyWant> {
        let partner = match standing(self.ledger, self.observed, &spec.partner) {
            Standing::Usable(partner) => partner,
            Standing::Awaiting => {
                self.await_authorization(object, spec);
                return None;
            }
            Standing::Refused(unresolved) => {
                self.refuse(
                    object,
                    "spec.partner",
                    unresolved.reason,
                    unresolved.message,
                );
                return None;
            }
        };
        let said = self.resolve(object, spec, partner);
        let (key, converts) = match self.which_key(object, spec, &said) {
            Ok(found) => found,
            Err((path, reason, message)) => {
                self.refuse(object, path, reason, message);
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
        let mut whole = true;
        for (item, door) in spec.doors.iter().enumerate() {
            let pinned = self.ledger.head.door_pins.get(door.name.as_str()).copied();
            match self.names.resolve(&door.name, pinned) {
                Ok(uuid) => {
                    if pinned != Some(uuid) {
                        self.pins.push((door.name.as_str().into(), uuid));
                    }
                    doors.push(KeyDoor {
                        door: uuid,
                        doorcodes: door.provide_doorcodes,
                    });
                }
                Err(unresolved) => {
                    whole = false;
                    kept_doors.extend(self.names.candidates(&door.name, pinned));
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
            whole,
            schedule: schedule(spec),
        }
    }

    /// Whether nothing in force holds on to an owned key.
    pub(crate) fn is_going(&self, record: &KeyRecord) -> bool {
        self.removed.contains_key(&record.owner)
            || self
                .objects
                .binary_search_by(|object| object.owner.cmp(&record.owner))
                .is_err()
    }

    /// Whether the object of one of our keys now declares another name for it.
    pub(crate) fn gives_up_its_name(&self, record: &KeyRecord) -> bool {
        let owner = self
            .objects
            .binary_search_by(|object| object.owner.cmp(&record.owner))
            .ok()
            .and_then(|at| self.objects.get(at));
        owner.is_some_and(|object| match &*object.spec {
            Spec::PartnerKey(spec) => {
                spec.key_name.as_deref().unwrap_or(&object.owner.name) != record.name
            }
            Spec::DoorAssignment(_) => false,
        })
    }

    /// Whether an object in force declares a key of this name for this partner.
    pub(crate) fn is_declared(&self, name: &str, partner: PartnerUuid) -> bool {
        self.objects.iter().any(|object| {
            !object.removed
                && matches!(&*object.spec, Spec::PartnerKey(spec)
                    if spec.key_name.as_deref().unwrap_or(&object.owner.name) == name
                        && known_uuid(self.ledger, &spec.partner) == Some(partner))
        })
    }

    fn await_authorization(&mut self, object: &InForce, spec: &PartnerKeySpec) {
        for door in &spec.doors {
            let pinned = self.ledger.head.door_pins.get(door.name.as_str()).copied();
            let uuid = self.names.resolve(&door.name, pinned).ok();
            self.waiting.push(Waiting {
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
        self.refusals.push(Refusal {
            cause: object.places.locate(&object.cause, path),
            reason,
            message,
            owner: Some(object.owner.clone()),
        });
    }

    fn release_if_retained(&mut self, object: &InForce, spec: &PartnerKeySpec) {
        if spec.deletion_policy != opendoor_api::DeletionPolicy::Retain {
            return;
        }
        let owned = self.by_owner.get(&object.owner);
        let still = |key: &&KeyUuid| {
            self.ledger
                .head
                .keys
                .get(key)
                .is_some_and(|record| record.owner == object.owner)
        };
        if let Some(key) = owned.filter(still).copied() {
            self.ledger.head_mut().keys.remove(&key);
        }
    }

    /// Brings the records of owned keys up to date, and drops those whose key is gone and that
    /// nothing wants any more.
    fn refresh_keys(&mut self, wants: &[KeyWant]) {
        let by_key: BTreeMap<KeyUuid, &KeyWant> = wants
            .iter()
            .filter_map(|want| Some((want.key?, want)))
            .collect();
        let mut changed: Vec<(KeyUuid, Option<KeyRecord>)> = Vec::new();
        for (uuid, record) in &self.ledger.head.keys {
            let want = by_key.get(uuid).copied();
            let Some(row) = self.observed.key(*uuid) else {
                let proven_gone = self.observed.incomplete.is_none();
                if proven_gone && want.is_none() && self.is_going(record) {
                    changed.push((*uuid, None));
                }
                continue;
            };
            let silent = want.is_none() && !self.is_going(record);
            if silent || key_is_stale(self.ledger, row) || key_has_intent(self.ledger, *uuid) {
                continue;
            }
            let mut updated = record.clone();
            refresh(&mut updated, row, want);
            if updated != *record {
                updated.version = row.version;
                changed.push((*uuid, Some(updated)));
            }
        }
        for (uuid, record) in changed {
            let keys = &mut self.ledger.head_mut().keys;
            match record {
                Some(record) => keys.insert(uuid, record),
                None => keys.remove(&uuid),
            };
        }
    }
}

/// Whether an unsettled write touches the key.
pub(crate) fn key_has_intent(ledger: &Ledger, key: KeyUuid) -> bool {
    use crate::writes::Write;
    ledger
        .head
        .intents
        .iter()
        .any(|intent| match &intent.write {
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
    record
        .doors
        .retain(|owned| want.declares(owned.door) || row.door(owned.door).is_some());
    let mut adopted = Vec::new();
    for entry in &row.doors {
        let at = record
            .doors
            .binary_search_by_key(&entry.door, |owned| owned.door);
        match at {
            Ok(at) => {
                if want.doors.binary_search(entry).is_ok()
                    && let Some(owned) = record.doors.get_mut(at)
                {
                    *owned = *entry;
                }
            }
            Err(_) if has_door(&want.doors, entry.door) => adopted.push(*entry),
            Err(_) => {}
        }
    }
    if !adopted.is_empty() {
        record.doors.extend(adopted);
        record.doors.sort_unstable();
    }
    if row.name == want.name && record.name != row.name {
        record.name.clone_from(&row.name);
    }
    if row.schedule == want.schedule && record.schedule != row.schedule {
        record.schedule.clone_from(&row.schedule);
    }
}
