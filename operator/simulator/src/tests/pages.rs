use super::*;

#[test]
fn pages_follow_each_other_in_uuid_order_and_agree_on_the_list() {
    let bench = Bench::new();
    for (what, total) in [("doors", 6), ("keys", 2)] {
        for page_size in [1, 2, 3, 500] {
            let pages = bench.list(what, page_size);
            assert_eq!(pages.len(), usize::div_ceil(total, page_size));
            let uuids: Vec<_> = pages
                .iter()
                .flat_map(|page| page[what].as_array().unwrap())
                .map(|row| row["uuid"].as_str().unwrap())
                .collect();
            assert_eq!(uuids.len(), total);
            assert!(uuids.is_sorted_by(|a, b| a < b));
            assert!(
                pages
                    .iter()
                    .all(|page| page["totalCount"] == total && page["listRevision"] == 1)
            );
        }
    }
}

#[test]
fn list_requests_are_checked() {
    let bench = Bench::new();
    let house = bench.house();
    let get = |query: String| bench.call("GET", &format!("/v1/doors{query}"), None, None);
    get(String::new()).is(400, "BUILDING_UUID_REQUIRED");
    get(format!("?buildingUuid={}", bench.door("Twin"))).is(404, "NOT_FOUND");
    for size in ["0", "501", "x"] {
        get(format!("?buildingUuid={house}&pageSize={size}")).is(400, "INVALID_REQUEST");
    }
    get(format!("?buildingUuid={house}&pageToken=2")).is(400, "INVALID_PAGE_TOKEN");
    get(format!("?buildingUuid={}", house.to_uppercase())).is(400, "INVALID_REQUEST");
}

#[test]
fn only_a_door_that_joins_or_leaves_moves_the_list_revision() {
    let bench = Bench::new();
    let revision = |what: &str| bench.list(what, 500)[0]["listRevision"].as_u64().unwrap();
    bench.assign("Garage Gate", None);
    bench.edit("Garage Gate", json!({ "name": "Gate", "connected": true }));
    assert_eq!((revision("doors"), revision("keys")), (1, 1));

    let joined = bench.post(
        "/sim/v1/doors",
        json!({ "building": HOUSE, "name": "Twin", "connected": false }),
    );
    assert_eq!(revision("doors"), 2);
    bench.call(
        "DELETE",
        &format!("/sim/v1/doors/{}", joined["uuid"].as_str().unwrap()),
        None,
        None,
    );
    assert_eq!((revision("doors"), revision("keys")), (3, 1));

    bench.post(
        "/sim/v1/keys",
        json!({ "building": HOUSE, "name": "K", "doors": ["Gate"] }),
    );
    assert_eq!((revision("doors"), revision("keys")), (3, 2));
    bench.call(
        "DELETE",
        &format!("/sim/v1/keys/{}", bench.key("K")),
        None,
        None,
    );
    assert_eq!(revision("keys"), 3);
}

#[test]
fn a_row_that_leaves_between_two_pages_makes_no_gap() {
    let bench = Bench::new();
    let house = bench.house();
    let all: Vec<String> = bench.list("doors", 500)[0]["doors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["uuid"].as_str().unwrap().to_owned())
        .collect();
    let first = bench.get(&format!("/v1/doors?buildingUuid={house}&pageSize=2"));
    bench.call("DELETE", &format!("/sim/v1/doors/{}", all[1]), None, None);
    let token = first["nextPageToken"].as_str().unwrap();
    let second = bench.get(&format!(
        "/v1/doors?buildingUuid={house}&pageSize=2&pageToken={token}"
    ));
    assert_eq!(second["doors"][0]["uuid"], all[2].as_str());
    assert_ne!(second["listRevision"], first["listRevision"]);
}
