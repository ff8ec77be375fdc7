use super::*;

#[test]
fn a_removal_at_an_offline_door_waits_for_a_full_sync() {
    let bench = Bench::new();
    bench.assign("Garage Gate", None);
    bench.advance(365 * 24 * 60 * 60);
    // The token is old by now; the lock does not care.
    assert!(bench.opens("Garage Gate", "Parcel Runner"));
    let mut bench = bench;
    bench.login();
    let row = bench.row("Garage Gate");
    assert_eq!(
        (&row["sync"]["required"], &row["sync"]["reason"]),
        (&json!(true), &json!("ACCESS_CHANGED"))
    );
    assert_eq!(row["sync"]["since"], "2026-03-02T12:00:00Z");

    assert_eq!(
        bench
            .sync("Garage Gate", json!({ "kind": "passive" }))
            .status,
        200
    );
    let row = bench.row("Garage Gate");
    assert_eq!(
        (&row["lockRevision"], &row["sync"]["lastFullSyncAt"]),
        (&json!(1), &Value::Null)
    );
    assert!(row["sync"]["lastSyncAt"].is_string());
    assert!(bench.opens("Garage Gate", "Parcel Runner"));

    assert_eq!(
        bench.sync("Garage Gate", json!({ "kind": "full" })).body["lockRevision"],
        2
    );
    let row = bench.row("Garage Gate");
    assert_eq!(
        (&row["lockRevision"], &row["sync"]["required"]),
        (&json!(2), &json!(false))
    );
    assert!(!bench.opens("Garage Gate", "Parcel Runner"));
}

#[test]
fn a_sync_carries_what_was_fetched_not_what_is_granted_at_delivery() {
    let bench = Bench::new();
    bench.sync("Garage Gate", json!({ "phase": "fetch" }));
    bench.assign("Garage Gate", None);
    assert_eq!(
        bench
            .sync("Garage Gate", json!({ "phase": "deliver" }))
            .body["listTaken"],
        true
    );
    let row = bench.row("Garage Gate");
    assert_eq!(
        (&row["lockRevision"], &row["accessRevision"]),
        (&json!(1), &json!(2))
    );
    assert!(
        row["sync"]["lastFullSyncAt"].is_string(),
        "a full sync it was, and proves nothing"
    );
    assert!(bench.opens("Garage Gate", "Parcel Runner"));
    bench
        .sync("Garage Gate", json!({ "phase": "deliver" }))
        .is(409, "NOTHING_FETCHED");
}

#[test]
fn a_lock_refuses_an_older_list_unless_told_otherwise() {
    for accepts in [false, true] {
        let bench = Bench::new();
        let mut parameters = bench.get("/sim/v1/parameters");
        parameters["acceptOlderLists"] = json!(accepts);
        bench.call("PUT", "/sim/v1/parameters", None, Some(parameters));
        bench.sync("Garage Gate", json!({ "phase": "fetch", "phone": "a" }));
        bench.assign("Garage Gate", None);
        bench.sync("Garage Gate", json!({ "phone": "b" }));
        assert_eq!(
            bench
                .sync("Garage Gate", json!({ "phase": "deliver", "phone": "a" }))
                .body["listTaken"],
            accepts
        );
        assert_eq!(bench.opens("Garage Gate", "Parcel Runner"), accepts);
        assert_eq!(
            bench.row("Garage Gate")["lockRevision"],
            if accepts { 1 } else { 2 }
        );
    }
}

#[test]
fn a_grant_heals_at_first_use_and_leaves_the_lock_revision() {
    let bench = Bench::new();
    assert!(!bench.opens("Unit 1", "Parcel Runner"));
    bench.assign("Unit 1", Some("Parcel Runner"));
    assert!(bench.opens("Unit 1", "Parcel Runner"));
    assert_eq!(bench.row("Unit 1")["lockRevision"], 1);
    bench.assign("Unit 1", None);
    assert!(
        bench.opens("Unit 1", "Parcel Runner"),
        "what healed is on the lock's own list"
    );
}

#[test]
fn a_door_without_a_device_never_opens_and_cannot_be_synced() {
    let bench = Bench::new();
    assert_eq!(bench.assign("Bare Door", Some("Parcel Runner")).status, 200);
    assert!(!bench.opens("Bare Door", "Parcel Runner"));
    bench.sync("Bare Door", json!({})).is(409, "NO_DEVICE");
    let row = bench.row("Bare Door");
    assert_eq!(
        (&row["device"], &row["lockRevision"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_connected_lock_learns_over_the_network_after_a_while() {
    let bench = Bench::new();
    let changed = bench.assign("Front Entrance", Some("Parcel Runner")).body;
    assert_eq!(changed["sync"]["required"], false);
    bench.advance(59);
    assert_eq!(bench.row("Front Entrance")["lockRevision"], 1);
    bench.advance(1);
    let row = bench.row("Front Entrance");
    assert_eq!(row["lockRevision"], 2);
    assert_eq!(
        row["version"].as_u64(),
        changed["version"].as_u64().map(|was| was + 1)
    );
    assert_eq!(row["revision"], changed["revision"]);
}

#[test]
fn an_update_is_lost_when_the_link_breaks_and_sent_again_on_reconnect() {
    for drains in [true, false] {
        let bench = Bench::new();
        let mut parameters = bench.get("/sim/v1/parameters");
        parameters["drainOnReconnect"] = json!(drains);
        bench.call("PUT", "/sim/v1/parameters", None, Some(parameters));
        bench.assign("Front Entrance", Some("Parcel Runner"));
        let offline = bench.edit("Front Entrance", json!({ "connected": false }));
        assert_eq!(offline["sync"]["required"], true);
        bench.advance(30);
        bench.edit("Front Entrance", json!({ "connected": true }));
        bench.advance(59);
        assert_eq!(
            bench.row("Front Entrance")["lockRevision"],
            1,
            "the first update is lost for good"
        );
        bench.advance(1);
        assert_eq!(
            bench.row("Front Entrance")["lockRevision"],
            if drains { 2 } else { 1 }
        );
    }
}

#[test]
fn another_device_starts_empty_and_does_not_take_what_was_meant_for_the_first() {
    let bench = Bench::new();
    bench.sync("Garage Gate", json!({ "phase": "fetch" }));
    let swapped = bench.edit("Garage Gate", json!({ "serialNumber": "0000000002" }));
    assert_eq!(
        (&swapped["lockRevision"], &swapped["sync"]["reason"]),
        (&Value::Null, &json!("DEVICE_CHANGED"))
    );
    assert_eq!(swapped["revision"], 1);
    bench
        .sync("Garage Gate", json!({ "phase": "deliver" }))
        .is(409, "OTHER_DEVICE");
    assert_eq!(bench.row("Garage Gate")["lockRevision"], Value::Null);
    bench.sync("Garage Gate", json!({}));
    assert_eq!(bench.row("Garage Gate")["lockRevision"], 1);
    let bare = bench.edit("Garage Gate", json!({ "serialNumber": null }));
    assert_eq!(
        (&bare["device"], &bare["lockRevision"]),
        (&Value::Null, &Value::Null)
    );
    assert!(!bench.opens("Garage Gate", "Parcel Runner"));
}

#[test]
fn a_restored_lock_falls_back() {
    let bench = Bench::new();
    bench.assign("Garage Gate", None);
    bench.sync("Garage Gate", json!({}));
    let path = format!("/sim/v1/doors/{}/restore-lock", bench.door("Garage Gate"));
    assert_eq!(bench.post(&path, json!({}))["lockRevision"], 1);
    assert!(bench.opens("Garage Gate", "Parcel Runner"));
}

#[test]
fn a_door_that_is_only_believed_to_be_connected_learns_nothing() {
    let bench = Bench::new();
    bench.edit("Front Entrance", json!({ "reachable": false }));
    let row = bench.assign("Front Entrance", Some("Parcel Runner")).body;
    assert_eq!(
        (&row["isConnected"], &row["sync"]["required"]),
        (&json!(true), &json!(false))
    );
    bench.advance(3600);
    assert_eq!(bench.row("Front Entrance")["lockRevision"], 1);
    bench.edit("Front Entrance", json!({ "reachable": true }));
    bench.advance(60);
    assert_eq!(bench.row("Front Entrance")["lockRevision"], 2);
}
