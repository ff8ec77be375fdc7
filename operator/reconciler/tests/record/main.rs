//! A ledger survives its form in bytes, and bytes that are not a ledger are never taken for one.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a test may stop"
)]

mod ledgers;

use opendoor_planner::ids::{BuildingUuid, DoorUuid};
use opendoor_planner::ledger::{Ledger, Seen};
use opendoor_planner::observed::Vacancy;
use opendoor_reconciler::record::{FORMAT, RecordError, decode, encode};
use proptest::prelude::*;
use uuid::Uuid;

proptest! {
    #[test]
    fn a_ledger_survives(ledger in ledgers::ledger()) {
        let bytes = encode(&ledger).unwrap();
        prop_assert_eq!(bytes[0], FORMAT);
        prop_assert_eq!(decode(&bytes), Ok(ledger));
    }

    #[test]
    fn what_is_changed_or_cut_short_is_refused(
        ledger in ledgers::ledger(),
        at in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let bytes = encode(&ledger).unwrap();
        let at = at.index(bytes.len());
        let mut changed = bytes.clone();
        changed[at] ^= flip;
        match decode(&changed) {
            Err(RecordError::Format { found }) => prop_assert_eq!((at, found), (0, FORMAT ^ flip)),
            Err(RecordError::Damaged(_)) => prop_assert!(at > 0),
            // What format 1 can say, it says in the same bytes.
            Ok(same) => prop_assert_eq!((at, changed[0], same), (0, 1, ledger)),
        }
        prop_assert!(matches!(decode(&bytes[..at]), Err(RecordError::Damaged(_))));
        let mut longer = bytes;
        longer.push(flip);
        prop_assert!(matches!(decode(&longer), Err(RecordError::Damaged(_))));
    }

    #[test]
    fn no_bytes_stop_the_program(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decode(&bytes).is_err());
    }
}

/// What is on disk must not change by accident: where this fails, the format needs a new number.
#[test]
fn the_format_is_as_it_was() {
    let mut ledger = Ledger::new(BuildingUuid(Uuid::from_u128(1)));
    ledger.head_mut().next_number = 3;
    ledger.door_mut(DoorUuid(Uuid::from_u128(2))).seen = Some(Seen {
        version: 4,
        access_revision: 2,
        lock_revision: Some(2),
        serial: Some("0007".into()),
        proven: true,
        vacancy: None,
        inherited: None,
    });
    let bytes = encode(&ledger).unwrap();
    assert_eq!(
        bytes.escape_ascii().to_string(),
        EXPECTED.escape_ascii().to_string()
    );
    ledger
        .door_mut(DoorUuid(Uuid::from_u128(2)))
        .seen
        .as_mut()
        .unwrap()
        .vacancy = Some(Vacancy::Occupied);
    let bytes = encode(&ledger).unwrap();
    assert_eq!(bytes[bytes.len() - 4..], [5, 0, 0, 0]);
}

#[test]
fn what_the_format_before_wrote_is_read() {
    let mut bytes = EXPECTED.to_vec();
    bytes[0] = 1;
    assert_eq!(decode(&bytes), decode(EXPECTED));
    assert!(decode(&bytes).is_ok());
    bytes[0] = 0;
    assert_eq!(decode(&bytes), Err(RecordError::Format { found: 0 }));
}

const EXPECTED: &[u8] = b"\x02)}C\xe0\xaaf\xe6\x92\
    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xba\x01\0\xb7\x01\
    {\"property\":null,\"portfolio\":null,\"accepted\":{},\"partners\":{},\"keys\":{},\"intents\":[],\"charges\":[],\
    \"holds\":{},\"approvals\":[],\"approvalsGiven\":0,\"nextNumber\":3,\"removesAddedSince\":null}\
    \x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\x01\x08\x04\x01\x04\x01\x040007\x01\0\0\0";
