use opendoor_planner::observed::{Accessibility, DoorType};
use serde_json::{Value, json};

use super::*;

fn parse_door(row: &Value) -> Result<DoorRow, BadField> {
    door(serde_json::from_str(&row.to_string()).expect("JSON"))
}

fn parse_key(row: &Value) -> Result<KeyRow, BadField> {
    key(serde_json::from_str(&row.to_string()).expect("JSON"))
}

fn a_door() -> Value {
    json!({
        "uuid": Uuid::from_u128(1),
        "name": "Front Entrance",
        "buildingUuid": Uuid::from_u128(0xb),
        "type": "DOOR",
        "accessibilityType": "COMMUNAL",
        "isConnected": true,
        "device": {"serialNumber": "0123456789", "type": "C", "battery": null},
        "sdkDoorUuid": null,
        "doorType": "BUILDING_ENTRANCE",
        "unit": {"name": "4B", "vacancy": "VACANT", "vacancySince": "2026-03-01T12:00:00Z"},
        "partnerUuid": Uuid::from_u128(9),
        "version": 12,
        "revision": 3,
        "access": [
            {"partnerUuid": Uuid::from_u128(9), "via": "DOOR", "keyUuid": null, "revision": 2},
            {"partnerUuid": Uuid::from_u128(8), "via": "KEY", "keyUuid": Uuid::from_u128(2), "revision": 4},
        ],
        "accessRevision": 4,
        "lockRevision": 2,
        "sync": {"required": true, "reason": "ACCESS_CHANGED", "lastFullSyncAt": "2026-02-01T12:00:00-05:00"},
    })
}

fn a_key() -> Value {
    json!({
        "uuid": Uuid::from_u128(2),
        "name": "Tours",
        "partnerUuid": null,
        "doors": [
            {"doorUuid": Uuid::from_u128(5), "name": "x", "provideDoorcodes": false},
            {"doorUuid": Uuid::from_u128(1), "name": "y", "provideDoorcodes": true},
        ],
        "schedule": [
            {"days": ["FRIDAY", "MONDAY"], "from": "13:00", "to": "24:00"},
            {"days": ["MONDAY"], "from": "09:00", "to": "12:00"},
        ],
        "clientRef": "ref",
        "version": 1,
        "revision": 1,
        "holders": {"RESIDENT": 2, "GUEST": 1, "BUTLER": 4, "TOURER": null},
    })
}

#[test]
fn a_door_is_read_in_full() {
    let row = parse_door(&a_door()).unwrap();
    assert_eq!(row.door_type, Some(DoorType::BuildingEntrance));
    assert_eq!(row.accessibility, Some(Accessibility::Communal));
    assert_eq!(row.connected, Some(true));
    assert_eq!(row.serial.as_deref(), Some("0123456789"));
    assert_eq!(row.unit.as_ref().unwrap().vacancy, Some(Vacancy::Vacant));
    assert_eq!(row.holder, Holder::Partner(PartnerUuid(Uuid::from_u128(9))));
    assert_eq!((row.version, row.revision), (12, Some(3)));
    assert_eq!((row.access_revision, row.lock_revision), (4, Some(2)));
    assert_eq!(row.sync_required, Some(true));
    assert_eq!(
        row.last_full_sync.unwrap().to_string(),
        "2026-02-01T17:00:00Z"
    );
    // Sorted by partner.
    assert_eq!(row.access[0].via, Via::Key(KeyUuid(Uuid::from_u128(2))));
    assert_eq!(row.access[1].via, Via::Door);
}

#[test]
fn what_only_informs_may_be_missing_null_or_unknown() {
    let fields = [
        "accessibilityType",
        "isConnected",
        "device",
        "doorType",
        "unit",
        "lockRevision",
        "revision",
        "sync",
    ];
    for odd in [Value::Null, json!("SOMETHING_NEW"), json!([1]), json!(-1)] {
        let mut row = a_door();
        for field in fields {
            row[field] = odd.clone();
        }
        let row = parse_door(&row).unwrap();
        assert_eq!(row.door_type, None);
        assert_eq!(row.accessibility, None);
        assert_eq!(row.connected, None);
        assert_eq!(row.serial, None);
        assert_eq!(row.unit, None);
        assert_eq!((row.revision, row.lock_revision), (None, None));
        assert_eq!(row.sync_required, None);
    }
}

#[test]
fn an_absent_partner_is_nobody_and_an_unreadable_one_is_unknown() {
    let mut row = a_door();
    row["partnerUuid"] = Value::Null;
    assert_eq!(parse_door(&row).unwrap().holder, Holder::Nobody);
    row["partnerUuid"] = json!("Parcel Runner");
    assert_eq!(parse_door(&row).unwrap().holder, Holder::Unknown);
}

#[test]
fn an_access_entry_that_cannot_be_read_spoils_the_row() {
    for (field, value) in [
        ("via", json!("TELEPATHY")),
        ("partnerUuid", Value::Null),
        ("revision", json!("4")),
    ] {
        let mut row = a_door();
        row["access"][1][field] = value;
        assert_eq!(parse_door(&row), Err("access"), "{field}");
    }
    let mut row = a_door();
    row["access"][1]["keyUuid"] = Value::Null;
    assert_eq!(parse_door(&row), Err("access"));
}

#[test]
fn a_key_is_read_in_full_and_sorted() {
    let row = parse_key(&a_key()).unwrap();
    assert_eq!(row.doors[0].door, DoorUuid(Uuid::from_u128(1)));
    assert!(row.doors[0].doorcodes);
    assert_eq!(row.schedule[0].days, [Day::Monday]);
    assert_eq!(row.schedule[1].days, [Day::Monday, Day::Friday]);
    assert_eq!(row.schedule[1].to, "24:00");
    assert_eq!(row.partner, None);
}

#[test]
fn holders_of_all_roles_count_and_what_cannot_be_counted_is_unknown() {
    assert_eq!(parse_key(&a_key()).unwrap().holders, Some(7));
    let roles = parse_key(&a_key()).unwrap().roles;
    let told: Vec<(&str, u32)> = roles
        .iter()
        .map(|(role, count)| (&**role, *count))
        .collect();
    assert_eq!(told, [("BUTLER", 4), ("GUEST", 1), ("RESIDENT", 2)]);
    let mut named = a_key();
    named["holders"] = serde_json::json!({ "Jane Roe": 1, "jroe@example.com": 2 });
    let roles = parse_key(&named).unwrap().roles;
    assert_eq!(roles.len(), 1, "what is no role is not repeated");
    assert_eq!(&*roles[0].0, "OTHER");
    let mut row = a_key();
    for (holders, count) in [
        (json!({}), Some(0)),
        (Value::Null, None),
        (json!([]), None),
        (json!({"RESIDENT": "two"}), None),
        (json!({"RESIDENT": -1}), None),
        (json!({"RESIDENT": u32::MAX, "GUEST": 5}), Some(u32::MAX)),
    ] {
        row["holders"] = holders;
        assert_eq!(parse_key(&row).unwrap().holders, count, "{row}");
    }
    row.as_object_mut().unwrap().remove("holders");
    assert_eq!(parse_key(&row).unwrap().holders, None);
}

#[test]
fn a_key_whose_partner_doors_or_schedule_cannot_be_read_is_refused() {
    for (field, value) in [
        ("partnerUuid", json!("CleanCo")),
        ("doors", Value::Null),
        (
            "doors",
            json!([{"doorUuid": "x", "provideDoorcodes": true}]),
        ),
        (
            "schedule",
            json!([{"days": ["SOMEDAY"], "from": "09:00", "to": "12:00"}]),
        ),
        (
            "schedule",
            json!([{"days": ["MONDAY"], "from": "9:00", "to": "12:00"}]),
        ),
        (
            "schedule",
            json!([{"days": ["MONDAY"], "from": "09:00", "to": "24:01"}]),
        ),
        ("version", Value::Null),
    ] {
        let mut row = a_key();
        row[field] = value;
        assert_eq!(parse_key(&row), Err(field), "{row}");
    }
}
