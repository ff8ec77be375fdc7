//! Ledgers in ConfigMaps of the operator's own namespace: one for each building of a connection,
//! compressed, replaced whole, and only where nobody else wrote since it was read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::rc::Rc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use opendoor_planner::exposure::unproven;
use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::ledger::{Head, Ledger, Unsaved};
use opendoor_reconciler::gather::Heads;
use opendoor_reconciler::ports::{Event, Ledgers, StoreError};
use opendoor_reconciler::record::{decode, encode};
use prometheus_client::metrics::counter::Counter;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::objects::Name;

/// Marks the ConfigMaps that are ledgers.
const LABEL: &str = "opendoor.dev/ledger";
const CONNECTION: &str = "opendoor.dev/connection";
const BUILDING: &str = "opendoor.dev/building";
const NAMESPACE: &str = "opendoor.dev/namespace";
const PROPERTY: &str = "opendoor.dev/property";
/// Notes access that was left in DOOR OS because the credentials went with their namespace.
const ABANDONED: &str = "opendoor.dev/abandoned";
const DATA: &str = "ledger";
/// A ConfigMap holds at most 1 MiB; beyond this a ledger is refused, loudly and before anything is sent.
const LARGEST: usize = 900 * 1024;
/// The most that a ledger is unpacked to: a damaged one must not eat the memory.
const LARGEST_UNPACKED: u64 = 256 << 20;

/// One ledger, by connection and building.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LedgerKey {
    /// The connection's name.
    pub connection: String,
    /// The building.
    pub building: BuildingUuid,
}

/// What is known of a ledger without reading it again.
#[derive(Clone, Debug)]
pub struct Known {
    /// The Property it was last passed over for.
    pub property: Name,
    /// All of it that is not per door.
    pub head: Rc<Head>,
    /// Whether nothing is owned, owed or under way.
    pub settled: bool,
    /// Since when each partner at a door is owed a proof at its lock, the oldest first.
    pub unproven: Rc<[Timestamp]>,
}

/// What is known of every ledger, and where to look for one.
#[derive(Default)]
struct AllKnown {
    by_key: BTreeMap<LedgerKey, Known>,
    by_property: BTreeMap<Name, BTreeSet<LedgerKey>>,
    /// By the uid of each object that was accepted.
    by_object: BTreeMap<String, BTreeSet<LedgerKey>>,
}

impl AllKnown {
    fn insert(&mut self, key: LedgerKey, known: Known) {
        if let Some(before) = self.by_key.get(&key) {
            forget(&mut self.by_property, &before.property, &key);
            for uid in uids(&before.head) {
                forget(&mut self.by_object, uid, &key);
            }
        }
        let of_property = self.by_property.entry(known.property.clone()).or_default();
        of_property.insert(key.clone());
        for uid in uids(&known.head) {
            let of_object = self.by_object.entry(uid.clone()).or_default();
            of_object.insert(key.clone());
        }
        self.by_key.insert(key, known);
    }
}

fn uids(head: &Head) -> impl Iterator<Item = &String> {
    head.accepted.keys().filter_map(|owner| owner.uid.as_ref())
}

fn forget<K: Ord>(index: &mut BTreeMap<K, BTreeSet<LedgerKey>>, of: &K, key: &LedgerKey) {
    if let Some(keys) = index.get_mut(of) {
        keys.remove(key);
        if keys.is_empty() {
            index.remove(of);
        }
    }
}

/// The ledgers of the cluster.
pub struct ClusterLedgers {
    api: Api<ConfigMap>,
    writes: Counter,
    known: RefCell<AllKnown>,
    /// Ledgers that cannot be read, and why. Their buildings are left alone.
    damaged: RefCell<BTreeMap<LedgerKey, String>>,
}

impl ClusterLedgers {
    /// The ledgers in the operator's namespace. Nothing is read yet. `writes` counts those that are
    /// written.
    #[must_use]
    pub fn new(client: Client, namespace: &str, writes: Counter) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            writes,
            known: RefCell::default(),
            damaged: RefCell::default(),
        }
    }

    /// Reads every ledger's head.
    ///
    /// # Errors
    /// The API server did not give them. One that is damaged is no error here: it stops its own
    /// building only.
    pub async fn read_all(&self) -> Result<(), kube::Error> {
        let mut known = AllKnown::default();
        let mut damaged = BTreeMap::new();
        let mut page = ListParams::default().labels(LABEL).limit(50);
        loop {
            let listed = self.api.list(&page).await?;
            for map in &listed.items {
                let Some((key, property)) = identity(&map.metadata) else {
                    continue;
                };
                match unpack(map, key.building) {
                    Ok(ledger) => {
                        known.insert(key, of(&ledger, property));
                    }
                    Err(why) => {
                        damaged.insert(key, why);
                    }
                }
            }
            match listed.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => break,
            }
        }
        *self.known.borrow_mut() = known;
        *self.damaged.borrow_mut() = damaged;
        Ok(())
    }

    /// Reads the ledgers of one Property, as another replica may have left them.
    ///
    /// # Errors
    /// The API server did not give them.
    pub async fn read_of(&self, property: &Name) -> Result<(), kube::Error> {
        let mut page = ListParams::default().labels(LABEL).limit(500);
        loop {
            let listed = self.api.list_metadata(&page).await?;
            for map in &listed.items {
                let Some((key, of)) = identity(&map.metadata).filter(|(_, of)| of == property)
                else {
                    continue;
                };
                let Some(map) = self.api.get_opt(&map_name(&key)).await? else {
                    continue;
                };
                match unpack(&map, key.building) {
                    Ok(ledger) => self.note(&key, &ledger, of),
                    Err(why) => {
                        self.damaged.borrow_mut().insert(key, why);
                    }
                }
            }
            match listed.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => page = page.continue_token(&token),
                None => return Ok(()),
            }
        }
    }

    /// What is known of a ledger.
    #[must_use]
    pub fn known(&self, key: &LedgerKey) -> Option<Known> {
        self.known.borrow().by_key.get(key).cloned()
    }

    /// The ledger of a Property, if it has one.
    #[must_use]
    pub fn of_property(&self, property: &Name) -> Option<(LedgerKey, Known)> {
        let all = self.known.borrow();
        let mut keys = all.by_property.get(property)?.iter();
        keys.find_map(|key| {
            let known = all.by_key.get(key)?;
            known
                .head
                .property
                .is_some()
                .then(|| (key.clone(), known.clone()))
        })
    }

    /// The ledgers that an object was accepted in, by its uid.
    #[must_use]
    pub fn of_object(&self, uid: &str) -> Vec<(LedgerKey, Known)> {
        let all = self.known.borrow();
        let keys = all.by_object.get(uid).into_iter().flatten();
        keys.filter_map(|key| Some((key.clone(), all.by_key.get(key)?.clone())))
            .collect()
    }

    /// Whether any ledger cannot be read: then nobody can say what it does not know. Those that could not are read
    /// again: no pass does that where the Property is gone, and somebody may have restored or deleted them.
    pub async fn any_damaged(&self) -> bool {
        let damaged: Vec<LedgerKey> = self.damaged.borrow().keys().cloned().collect();
        for key in damaged {
            match self.api.get_opt(&map_name(&key)).await {
                Ok(Some(map)) => {
                    let ledger = unpack(&map, key.building);
                    if let (Ok(ledger), Some((_, property))) = (ledger, identity(&map.metadata)) {
                        self.note(&key, &ledger, property);
                    }
                }
                Ok(None) => {
                    self.damaged.borrow_mut().remove(&key);
                }
                // Nobody knows yet.
                Err(_) => {}
            }
        }
        !self.damaged.borrow().is_empty()
    }

    /// Every ledger that is known.
    #[must_use]
    pub fn all(&self) -> Vec<(LedgerKey, Known)> {
        let all = self.known.borrow();
        all.by_key
            .iter()
            .map(|(key, known)| (key.clone(), known.clone()))
            .collect()
    }

    /// The ledgers of one connection in one namespace.
    fn heads_of(&self, connection: &str, namespace: &str) -> Heads {
        self.known
            .borrow()
            .by_key
            .iter()
            .filter(|(key, known)| {
                key.connection == connection && known.property.namespace == namespace
            })
            .map(|(key, known)| (key.building, (*known.head).clone()))
            .collect()
    }

    /// Notes on a ledger that its access was abandoned.
    ///
    /// # Errors
    /// The API server did not take it.
    pub async fn abandon(&self, key: &LedgerKey, note: &str) -> Result<ConfigMap, kube::Error> {
        let patch = serde_json::json!({"metadata": {"annotations": {ABANDONED: note}}});
        self.api
            .patch(
                &map_name(key),
                &kube::api::PatchParams::default(),
                &kube::api::Patch::Merge(patch),
            )
            .await
    }

    fn note(&self, key: &LedgerKey, ledger: &Ledger, property: Name) {
        self.damaged.borrow_mut().remove(key);
        self.known
            .borrow_mut()
            .insert(key.clone(), of(ledger, property));
    }
}

fn of(ledger: &Ledger, property: Name) -> Known {
    let mut unproven: Vec<Timestamp> = unproven(ledger).into_values().collect();
    unproven.sort_unstable();
    Known {
        property,
        head: Rc::new(ledger.head.clone()),
        settled: ledger.is_settled(),
        unproven: unproven.into(),
    }
}

/// The ledgers as one pass sees them: those of one connection and namespace.
pub struct PassLedgers {
    all: Rc<ClusterLedgers>,
    connection: String,
    property: Name,
    /// The ConfigMap each ledger was read from, which is what may be replaced.
    read: RefCell<BTreeMap<BuildingUuid, ConfigMap>>,
}

impl PassLedgers {
    /// The ledgers for a pass over one Property.
    #[must_use]
    pub fn new(all: Rc<ClusterLedgers>, connection: &str, property: Name) -> Self {
        Self {
            all,
            connection: connection.to_owned(),
            property,
            read: RefCell::default(),
        }
    }

    fn key(&self, building: BuildingUuid) -> LedgerKey {
        LedgerKey {
            connection: self.connection.clone(),
            building,
        }
    }

    fn failed(
        &self,
        building: BuildingUuid,
        doing: &'static str,
        error: &kube::Error,
    ) -> StoreError {
        let name = map_name(&self.key(building));
        if let kube::Error::Api(status) = error
            && (status.is_conflict() || status.is_already_exists())
        {
            return StoreError::InUse {
                place: format!("the ConfigMap {name}"),
            };
        }
        StoreError::Failed {
            place: format!("the ConfigMap {name}"),
            doing,
            why: crate::said(error),
            next: "It is tried again. Check that the operator may get, create and update ConfigMaps in its own namespace.",
        }
    }
}

impl Ledgers for PassLedgers {
    async fn heads(&self) -> Result<Heads, StoreError> {
        Ok(self
            .all
            .heads_of(&self.connection, &self.property.namespace))
    }

    async fn load(&self, building: BuildingUuid) -> Result<Option<Ledger>, StoreError> {
        let key = self.key(building);
        let found = self
            .all
            .api
            .get_opt(&map_name(&key))
            .await
            .map_err(|error| self.failed(building, "read", &error))?;
        let Some(map) = found else {
            self.read.borrow_mut().remove(&building);
            return Ok(None);
        };
        let ledger = unpack(&map, building).map_err(|why| {
            self.all.damaged.borrow_mut().insert(key.clone(), why.clone());
            StoreError::Failed {
                place: format!("the ConfigMap {}", map.name_any()),
                doing: "read",
                why,
                next: "Restore it from a backup; or delete it: the next pass is then a first contact, which removes nothing it \
                       does not know.",
            }
        })?;
        self.all.note(&key, &ledger, self.property.clone());
        self.read.borrow_mut().insert(building, map);
        Ok(Some(ledger))
    }

    async fn commit(&self, ledger: &mut Ledger, history: &[Event]) -> Result<(), StoreError> {
        let building = ledger.building;
        let key = self.key(building);
        let name = map_name(&key);
        let packed = pack(ledger).map_err(|why| StoreError::Failed {
            place: format!("the ConfigMap {name}"),
            doing: "written",
            why,
            next: "Report this.",
        })?;
        if packed.len() > LARGEST {
            return Err(StoreError::Failed {
                place: format!("the ConfigMap {name}"),
                doing: "written",
                why: format!(
                    "the ledger takes {} bytes, more than {LARGEST}",
                    packed.len()
                ),
                next: "Nothing was changed in DOOR OS. This building is too large for the Kubernetes home; use the standalone one.",
            });
        }
        let before = self.read.borrow().get(&building).cloned();
        let exists = before.is_some();
        let mut map = before.unwrap_or_default();
        map.metadata = ObjectMeta {
            name: Some(name.clone()),
            labels: Some(
                [
                    (LABEL.to_owned(), String::from("true")),
                    (
                        String::from("app.kubernetes.io/managed-by"),
                        String::from("opendoor"),
                    ),
                ]
                .into(),
            ),
            annotations: Some(
                [
                    (CONNECTION.to_owned(), self.connection.clone()),
                    (BUILDING.to_owned(), building.to_string()),
                    (NAMESPACE.to_owned(), self.property.namespace.clone()),
                    (PROPERTY.to_owned(), self.property.name.clone()),
                ]
                .into(),
            ),
            // Compare and swap: the API server refuses it if anybody wrote since.
            resource_version: map.metadata.resource_version,
            uid: map.metadata.uid,
            ..ObjectMeta::default()
        };
        map.binary_data = Some([(DATA.to_owned(), ByteString(packed))].into());
        let written = if exists {
            self.all
                .api
                .replace(&name, &PostParams::default(), &map)
                .await
        } else {
            self.all.api.create(&PostParams::default(), &map).await
        };
        let written = written.map_err(|error| self.failed(building, "written", &error))?;
        self.all.writes.inc();
        self.read.borrow_mut().insert(building, written);
        ledger.unsaved = Unsaved::default();
        self.all.note(&key, ledger, self.property.clone());
        for event in history {
            tracing::info!(
                property = %self.property,
                event = %event.event,
                what = %event.what,
                before = %event.before,
                after = %event.after,
                detail = %event.detail,
                cause = %format_args!("{}/{}", event.cause.kind, event.cause.name),
                "changed in DOOR OS"
            );
        }
        Ok(())
    }
}

/// The name of a ledger's ConfigMap. A connection's name may be long; its hash is not.
#[must_use]
pub fn map_name(key: &LedgerKey) -> String {
    let hash = Sha256::digest(key.connection.as_bytes());
    let short: String = hash
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("opendoor-ledger-{short}-{}", key.building)
}

fn identity(map: &ObjectMeta) -> Option<(LedgerKey, Name)> {
    let annotations = map.annotations.as_ref()?;
    let building = annotations.get(BUILDING)?.parse::<Uuid>().ok()?;
    let key = LedgerKey {
        connection: annotations.get(CONNECTION)?.clone(),
        building: BuildingUuid(building),
    };
    // Somebody who renamed or copied it has not made another ledger.
    (Some(map_name(&key)) == map.name).then_some(())?;
    let property = Name::new(annotations.get(NAMESPACE)?, annotations.get(PROPERTY)?);
    Some((key, property))
}

fn pack(ledger: &Ledger) -> Result<Vec<u8>, String> {
    let record = encode(ledger).map_err(|error| error.to_string())?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(&record)
        .map_err(|error| error.to_string())?;
    encoder.finish().map_err(|error| error.to_string())
}

fn unpack(map: &ConfigMap, building: BuildingUuid) -> Result<Ledger, String> {
    let packed = map
        .binary_data
        .as_ref()
        .and_then(|data| data.get(DATA))
        .ok_or_else(|| format!("it holds no \"{DATA}\""))?;
    let mut record = Vec::new();
    let read = DeflateDecoder::new(packed.0.as_slice())
        .take(LARGEST_UNPACKED + 1)
        .read_to_end(&mut record)
        .map_err(|error| format!("it is damaged: {error}"))?;
    if u64::try_from(read).unwrap_or(u64::MAX) > LARGEST_UNPACKED {
        return Err(String::from("it unpacks to more than a ledger can hold"));
    }
    let ledger = decode(&record).map_err(|error| error.to_string())?;
    if ledger.building != building {
        return Err(format!(
            "it is the ledger of another building, {}",
            ledger.building
        ));
    }
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map_of(ledger: &Ledger) -> ConfigMap {
        ConfigMap {
            binary_data: Some([(DATA.to_owned(), ByteString(pack(ledger).unwrap()))].into()),
            ..ConfigMap::default()
        }
    }

    #[test]
    fn a_ledger_comes_back_as_it_was_packed() {
        let mut ledger = Ledger::new(BuildingUuid(Uuid::from_u128(7)));
        ledger.head_mut().next_number = 9;
        let map = map_of(&ledger);
        assert_eq!(unpack(&map, ledger.building).unwrap(), ledger);
    }

    #[test]
    fn damage_is_told_and_never_taken_for_an_empty_ledger() {
        let building = BuildingUuid(Uuid::from_u128(7));
        let mut map = map_of(&Ledger::new(building));
        assert!(
            unpack(&map, BuildingUuid(Uuid::from_u128(8)))
                .unwrap_err()
                .contains("another building")
        );
        let data = map.binary_data.as_mut().unwrap().get_mut(DATA).unwrap();
        data.0.truncate(5);
        assert!(unpack(&map, building).is_err());
        map.binary_data = None;
        assert!(unpack(&map, building).unwrap_err().contains("holds no"));
    }

    #[test]
    fn a_name_fits_and_differs_by_connection_and_building() {
        let key = |connection: &str, building: u128| LedgerKey {
            connection: connection.to_owned(),
            building: BuildingUuid(Uuid::from_u128(building)),
        };
        let long = map_name(&key(&"x".repeat(63), 1));
        assert!(long.len() <= 253);
        assert_ne!(long, map_name(&key("y", 1)));
        assert_ne!(long, map_name(&key(&"x".repeat(63), 2)));
    }
}
