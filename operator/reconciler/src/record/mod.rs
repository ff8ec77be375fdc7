//! A ledger as bytes, the same in both homes: compact, versioned, and never misread.
//!
//! Doors are many and alike, so they are written by position ([`door`]), apart from the names of
//! everything else. The rest holds resources as a manager wrote them, whose form is the API's, and is
//! written as JSON: a field added there needs no new format.

mod door;

use std::collections::BTreeMap;

use opendoor_planner::ids::{BuildingUuid, DoorUuid};
use opendoor_planner::ledger::{
    Accepted, AcceptedPortfolio, AcceptedProperty, Charge, DoorRecord, Fingerprint, Head, Hold,
    Intent, KeyRecord, Ledger, LeftBehind, PartnerRecord,
};
use opendoor_planner::owner::OwnerId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub(crate) use door::Owners;

/// The format written. It is part of every home's own version: a change of what is written here needs a
/// new number.
///
/// Format 2 says the vacancy of a door's unit where format 1 had nothing but zeroes, so that the one is
/// read as the other.
pub const FORMAT: u8 = 2;

/// The oldest format that is read.
const OLDEST: u8 = 1;

/// How much of a ledger's SHA-256 goes before it.
const SUM: usize = 8;

/// A uuid, without the length that serde's own form has.
type Id = [u8; 16];

/// Bytes that are not a ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Another version wrote them.
    #[error("it is written in format {found}, this version of opendoor knows {FORMAT}")]
    Format {
        /// The format found.
        found: u8,
    },
    /// They are not what was written: cut short, or changed since.
    #[error("it is damaged: {0}")]
    Damaged(String),
}

fn damaged(why: impl ToString) -> RecordError {
    RecordError::Damaged(why.to_string())
}

/// A whole building: the format's number, a sum over the rest, the rest.
///
/// # Errors
/// A value has no form in bytes. No ledger that a pass made holds one.
pub fn encode(ledger: &Ledger) -> Result<Vec<u8>, RecordError> {
    let head = head_bytes(&ledger.head)?;
    let doors = ledger
        .doors
        .iter()
        .map(|(door, record)| (id(door.0), door::Door::of(record)))
        .collect();
    let whole = Whole {
        building: id(ledger.building.0),
        head: &head,
        doors,
    };
    let body = postcard::to_stdvec(&whole).map_err(damaged)?;
    let mut bytes = vec![FORMAT];
    bytes.extend(sum(&body));
    bytes.extend(body);
    Ok(bytes)
}

/// Reads a whole building.
///
/// # Errors
/// The bytes are of another format, or not what [`encode`] wrote.
pub fn decode(bytes: &[u8]) -> Result<Ledger, RecordError> {
    let (format, rest) = bytes.split_first().ok_or_else(|| damaged("it is empty"))?;
    if !(OLDEST..=FORMAT).contains(format) {
        return Err(RecordError::Format { found: *format });
    }
    let (expected, body) = rest
        .split_at_checked(SUM)
        .ok_or_else(|| damaged("it is cut short"))?;
    if sum(body) != expected {
        return Err(damaged("its sum does not fit"));
    }
    let whole: Whole<'_> = exactly(body)?;
    let mut owners = Owners::default();
    let doors: Result<BTreeMap<_, _>, _> = whole
        .doors
        .into_iter()
        .map(|(door, record)| {
            Ok((
                DoorUuid(Uuid::from_bytes(door)),
                record.record(&mut owners)?,
            ))
        })
        .collect();
    Ok(Ledger::stored(
        BuildingUuid(Uuid::from_bytes(whole.building)),
        decode_head(whole.head)?,
        doors?,
    ))
}

/// The part of a ledger that is not per door, for a home that keeps it apart.
pub(crate) fn encode_head(head: &Head) -> Result<Vec<u8>, RecordError> {
    head_bytes(head)
}

/// Reads it.
pub(crate) fn decode_head(bytes: &[u8]) -> Result<Head, RecordError> {
    let stored: StoredHead<'_> = exactly(bytes)?;
    let mut head: Head = serde_json::from_slice(stored.rest).map_err(damaged)?;
    head.door_pins = stored
        .door_pins
        .into_iter()
        .map(|(name, door)| (name.into(), DoorUuid(Uuid::from_bytes(door))))
        .collect();
    Ok(head)
}

/// The record of one door, for a home that keeps it apart.
pub(crate) fn encode_door(record: &DoorRecord) -> Result<Vec<u8>, RecordError> {
    postcard::to_stdvec(&door::Door::of(record)).map_err(damaged)
}

/// Reads it, as one of several.
pub(crate) fn decode_door(bytes: &[u8], owners: &mut Owners) -> Result<DoorRecord, RecordError> {
    exactly::<door::Door<'_>>(bytes)?.record(owners)
}

#[derive(Serialize, Deserialize)]
struct Whole<'a> {
    building: Id,
    head: &'a [u8],
    #[serde(borrow)]
    doors: Vec<(Id, door::Door<'a>)>,
}

#[derive(Serialize, Deserialize)]
struct StoredHead<'a> {
    /// One for every door that is declared by name: too many for JSON.
    #[serde(borrow)]
    door_pins: Vec<(&'a str, Id)>,
    rest: &'a [u8],
}

/// A head without its pins, under the names the head itself has.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rest<'a> {
    property: &'a Option<AcceptedProperty>,
    portfolio: &'a Option<AcceptedPortfolio>,
    accepted: &'a BTreeMap<OwnerId, Accepted>,
    partners: &'a BTreeMap<String, PartnerRecord>,
    keys: &'a BTreeMap<opendoor_planner::ids::KeyUuid, KeyRecord>,
    #[serde(skip_serializing_if = "LeftBehind::is_empty")]
    left_behind: &'a LeftBehind,
    intents: &'a [Intent],
    charges: &'a [Charge],
    holds: &'a BTreeMap<Fingerprint, Hold>,
    approvals: &'a std::collections::BTreeSet<Fingerprint>,
    approvals_given: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_approved: &'a Option<String>,
    next_number: u64,
    removes_added_since: Option<jiff::Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_skewed_since: Option<jiff::Timestamp>,
}

fn head_bytes(head: &Head) -> Result<Vec<u8>, RecordError> {
    // Named one by one, so that a new field of the head cannot be forgotten here.
    let Head {
        property,
        portfolio,
        accepted,
        door_pins,
        partners,
        keys,
        left_behind,
        intents,
        charges,
        holds,
        approvals,
        approvals_given,
        last_approved,
        next_number,
        removes_added_since,
        clock_skewed_since,
    } = head;
    let rest = serde_json::to_vec(&Rest {
        property,
        portfolio,
        accepted,
        partners,
        keys,
        left_behind,
        intents,
        charges,
        holds,
        approvals,
        approvals_given: *approvals_given,
        last_approved,
        next_number: *next_number,
        removes_added_since: *removes_added_since,
        clock_skewed_since: *clock_skewed_since,
    })
    .map_err(damaged)?;
    let door_pins = door_pins
        .iter()
        .map(|(name, door)| (&**name, id(door.0)))
        .collect();
    let stored = StoredHead {
        door_pins,
        rest: &rest,
    };
    postcard::to_stdvec(&stored).map_err(damaged)
}

/// All of the bytes as one value.
fn exactly<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, RecordError> {
    let (value, rest) = postcard::take_from_bytes(bytes).map_err(damaged)?;
    if rest.is_empty() {
        Ok(value)
    } else {
        Err(damaged("more follows than was written"))
    }
}

fn sum(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).into_iter().take(SUM).collect()
}

fn id(uuid: Uuid) -> Id {
    uuid.into_bytes()
}
