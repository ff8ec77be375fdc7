//! Ledgers in ConfigMaps of the operator's own namespace: one for each building of a connection,
//! compressed, replaced whole, and only where nobody else wrote since it was read.

mod known;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::rc::Rc;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client, ResourceExt};
use opendoor_planner::ids::BuildingUuid;
use opendoor_planner::ledger::{Ledger, Unsaved};
use opendoor_reconciler::gather::Heads;
use opendoor_reconciler::ports::{Event, Ledgers, StoreError};
use opendoor_reconciler::record::{decode, encode};
use prometheus_client::metrics::counter::Counter;
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use self::known::Known;
use self::known::{AllKnown, of};
use crate::objects::Name;
use crate::shards::SHARDS;

/// Marks the ConfigMaps that are ledgers.
const LABEL: &str = "opendoor.dev/ledger";
const CONNECTION: &str = "opendoor.dev/connection";
const BUILDING: &str = "opendoor.dev/building";
const NAMESPACE: &str = "opendoor.dev/namespace";
const PROPERTY: &str = "opendoor.dev/property";
/// The shard of the account it is written for, which also a replica can see that never read the Secret.
const SHARD: &str = "opendoor.dev/shard";
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
        let began = self.known.borrow().notes;
        let mut known = BTreeMap::new();
        let mut damaged = BTreeMap::new();
        let mut page = ListParams::default().labels(LABEL).limit(50);
        loop {
            let listed = self.api.list(&page).await?;
            for map in &listed.items {
                let Some((key, property)) = identity(map) else {
                    continue;
                };
                match unpack(map, key.building) {
                    Ok(ledger) => {
                        known.insert(key, of(&ledger, property, shard(map)));
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
        let newer = self.known.borrow_mut().take(known, began);
        let mut all_damaged = self.damaged.borrow_mut();
        all_damaged.retain(|key, _| newer.contains(key));
        all_damaged.extend(damaged.into_iter().filter(|(key, _)| !newer.contains(key)));
        Ok(())
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

    /// Whether any ledger cannot be read: then nobody can say what it does not know.
    #[must_use]
    pub fn any_damaged(&self) -> bool {
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

    /// The shard of the account that the ledgers of a Portfolio are written for, if any says.
    #[must_use]
    pub fn shard_of(&self, portfolio: &Name) -> Option<u8> {
        let all = self.known.borrow();
        let mut shards = all.by_key.values().filter_map(|known| {
            let looked_after = known.head.portfolio.as_ref()?;
            let of = known.head.property.is_some()
                && looked_after.name == portfolio.name
                && known.property.namespace == portfolio.namespace;
            known.shard.filter(|_| of)
        });
        shards.next()
    }

    /// Reads a ledger anew. `None`: there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn fetch(&self, key: &LedgerKey) -> Result<Option<(ConfigMap, Ledger)>, StoreError> {
        let found = self
            .api
            .get_opt(&map_name(key))
            .await
            .map_err(|error| failed(key, "read", &error))?;
        let Some(map) = found else {
            self.damaged.borrow_mut().remove(key);
            self.known.borrow_mut().note(key, None);
            return Ok(None);
        };
        let of_whom = identity(&map).map(|(_, property)| property);
        let read = unpack(&map, key.building).and_then(|ledger| {
            let property = of_whom.ok_or("its annotations do not say whose it is")?;
            Ok((ledger, property))
        });
        match read {
            Ok((ledger, property)) => {
                self.note(key, of(&ledger, property, shard(&map)));
                Ok(Some((map, ledger)))
            }
            Err(why) => {
                self.damaged.borrow_mut().insert(key.clone(), why.clone());
                Err(StoreError::Failed {
                    place: format!("the ConfigMap {}", map.name_any()),
                    doing: "read",
                    why,
                    next: "Restore it from a backup; or delete it: the next pass is then a first contact, which removes nothing it \
                           does not know.",
                })
            }
        }
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

    fn note(&self, key: &LedgerKey, known: Known) {
        self.damaged.borrow_mut().remove(key);
        self.known.borrow_mut().note(key, Some(known));
    }
}

/// The ledgers as one pass sees them: those of one connection and namespace.
pub struct PassLedgers {
    all: Rc<ClusterLedgers>,
    connection: String,
    shard: u8,
    property: Name,
    /// The ConfigMap each ledger was read from, which is what may be replaced.
    read: RefCell<BTreeMap<BuildingUuid, ConfigMap>>,
}

impl PassLedgers {
    /// The ledgers for a pass over one Property, whose account is of this shard.
    #[must_use]
    pub fn new(all: Rc<ClusterLedgers>, connection: &str, shard: u8, property: Name) -> Self {
        Self {
            all,
            connection: connection.to_owned(),
            shard,
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
}

fn failed(key: &LedgerKey, doing: &'static str, error: &kube::Error) -> StoreError {
    let place = format!("the ConfigMap {}", map_name(key));
    if let kube::Error::Api(status) = error
        && (status.is_conflict() || status.is_already_exists())
    {
        return StoreError::InUse { place };
    }
    StoreError::Failed {
        place,
        doing,
        why: crate::said(error),
        next: "It is tried again. Check that the operator may get, create and update ConfigMaps in its own namespace.",
    }
}

impl Ledgers for PassLedgers {
    async fn heads(&self) -> Result<Heads, StoreError> {
        Ok(self
            .all
            .heads_of(&self.connection, &self.property.namespace))
    }

    async fn load(&self, building: BuildingUuid) -> Result<Option<Ledger>, StoreError> {
        let Some((map, mut ledger)) = self.all.fetch(&self.key(building)).await? else {
            self.read.borrow_mut().remove(&building);
            return Ok(None);
        };
        if shard(&map) != Some(self.shard) {
            // Nothing of it is new, and still it is written: by it all replicas know whose the work is.
            ledger.unsaved.head = true;
        }
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
                    (SHARD.to_owned(), self.shard.to_string()),
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
        let written = written.map_err(|error| failed(&key, "written", &error))?;
        self.all.writes.inc();
        self.read.borrow_mut().insert(building, written);
        ledger.unsaved = Unsaved::default();
        let known = of(ledger, self.property.clone(), Some(self.shard));
        self.all.note(&key, known);
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

fn identity(map: &ConfigMap) -> Option<(LedgerKey, Name)> {
    let annotations = map.metadata.annotations.as_ref()?;
    let building = annotations.get(BUILDING)?.parse::<Uuid>().ok()?;
    let key = LedgerKey {
        connection: annotations.get(CONNECTION)?.clone(),
        building: BuildingUuid(building),
    };
    // Somebody who renamed or copied it has not made another ledger.
    (map_name(&key) == map.name_any()).then_some(())?;
    let property = Name::new(annotations.get(NAMESPACE)?, annotations.get(PROPERTY)?);
    Some((key, property))
}

fn shard(map: &ConfigMap) -> Option<u8> {
    let shard = map.metadata.annotations.as_ref()?.get(SHARD)?;
    shard.parse().ok().filter(|shard| *shard < SHARDS)
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
