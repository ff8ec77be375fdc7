//! Lists, and when they do not prove to be everything.

use opendoor_door_os::{DoorOs, Error, Reason, TransportError};
use opendoor_planner::observed::{Observed, Partner};

use crate::script::{
    Seen, Step, besides_doors, building, client, code, door, door_uuid, door_with, key, ok, page,
    page_of, partner_uuid, uuid,
};

/// A look at a building whose n-th page of doors is this, and how many pages were asked for.
async fn look(mut pages: impl FnMut(usize, &Seen) -> Step + 'static) -> (Observed, Vec<Seen>) {
    let mut turn = 0;
    let (client, log) = client(move |seen| {
        if seen.line.contains("/v1/doors") {
            turn += 1;
            pages(turn, seen)
        } else {
            besides_doors(seen)
        }
    });
    let observed = client.observe(&building()).await.unwrap();
    let mut calls = log.calls();
    calls.retain(|call| call.line.contains("/v1/doors"));
    (observed, calls)
}

/// Why a look at these pages is incomplete.
async fn fault(pages: Vec<String>) -> String {
    let (observed, _) = look(move |turn, _| ok(pages[turn - 1].clone())).await;
    observed.incomplete.expect("incomplete")
}

fn doors(numbers: impl IntoIterator<Item = u128>) -> Vec<String> {
    numbers.into_iter().map(door).collect()
}

#[tokio::test(start_paused = true)]
async fn all_pages_are_read_in_pages_of_500_and_the_look_is_complete() {
    let (observed, calls) = look(|turn, _| match turn {
        1 => ok(page(&doors(1..=500), Some("a/b&c"), 4, 501)),
        _ => ok(page(&doors([501]), None, 4, 501)),
    })
    .await;
    assert_eq!(observed.incomplete, None);
    assert_eq!(observed.doors.len(), 501);
    assert_eq!(
        calls[0].line,
        format!(
            "GET /v1/doors?buildingUuid={}&pageSize=500",
            building().uuid
        )
    );
    assert!(calls[1].line.ends_with("&pageToken=a%2Fb%26c"), "{calls:?}");
    assert_eq!(observed.building, building().uuid);
    assert_eq!(observed.building_name, "Harbor Point");
}

#[tokio::test(start_paused = true)]
async fn partners_and_keys_belong_to_the_look() {
    let (client, _) = client(|seen| {
        if seen.line.contains("/partners") {
            let one = |n| format!(r#"{{"uuid":"{}","name":"P{n}"}}"#, uuid(n));
            ok(format!(r#"{{"partners":[{},{}]}}"#, one(8), one(7)))
        } else if seen.line.contains("/v1/doors") {
            ok(page(&[], None, 1, 0))
        } else {
            ok(page_of("keys", &[key(2, "r")], None, 1, 1))
        }
    });
    let observed = client.observe(&building()).await.unwrap();
    assert_eq!(
        observed.partners[0],
        Partner {
            uuid: partner_uuid(7),
            name: "P7".to_owned()
        }
    );
    assert_eq!(observed.keys[0].client_ref.as_deref(), Some("r"));
    assert_eq!(observed.incomplete, None);
}

#[tokio::test(start_paused = true)]
async fn an_empty_last_page_is_fine_and_an_empty_page_before_it_is_not() {
    let (observed, _) = look(|turn, _| match turn {
        1 => ok(page(&doors([1]), Some("x"), 1, 1)),
        _ => ok(page(&[], None, 1, 1)),
    })
    .await;
    assert_eq!(observed.incomplete, None);
    let fault = fault(vec![page(&[], Some("x"), 1, 1)]).await;
    assert_eq!(fault, "doors: page 1: it is empty but names another page");
}

#[tokio::test(start_paused = true)]
async fn a_row_out_of_order_or_twice_is_noticed_across_pages() {
    let disorder = fault(vec![
        page(&doors([1, 5]), Some("x"), 1, 4),
        page(&doors([3, 6]), None, 1, 4),
    ])
    .await;
    assert_eq!(disorder, "doors: page 2: row 1 is out of uuid order");
    let twice = fault(vec![
        page(&doors([1, 5]), Some("x"), 1, 4),
        page(&doors([5, 6]), None, 1, 4),
    ])
    .await;
    assert_eq!(twice, "doors: page 2: row 1 is the row before it again");
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_look_still_has_its_rows_sorted_and_each_once() {
    let (observed, _) = look(|_, _| ok(page(&doors([1, 5, 3]), None, 1, 3))).await;
    let uuids: Vec<_> = observed.doors.iter().map(|door| door.uuid).collect();
    assert_eq!(uuids, [door_uuid(1), door_uuid(5)]);
    assert!(observed.incomplete.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_page_token_that_comes_back_ends_the_listing() {
    let (observed, calls) =
        look(|turn, _| ok(page(&doors([turn as u128]), Some("same"), 1, 1000))).await;
    assert_eq!(calls.len(), 2);
    assert!(observed.incomplete.unwrap().contains("goes in a circle"));
}

#[tokio::test(start_paused = true)]
async fn more_or_fewer_rows_than_the_total_are_noticed() {
    let fewer = fault(vec![page(&doors([1, 2]), None, 1, 3)]).await;
    assert_eq!(fewer, "doors: 2 rows on all pages, but a totalCount of 3");
    let more = fault(vec![page(&doors([1, 2]), Some("x"), 1, 1)]).await;
    assert_eq!(
        more,
        "doors: page 1: 2 rows up to here, more than the totalCount of 1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_that_moved_is_listed_again_at_once() {
    let (observed, calls) = look(|turn, _| match turn {
        1 => ok(page(&doors([1]), Some("x"), 1, 2)),
        2 => ok(page(&doors([3]), None, 2, 3)),
        3 => ok(page(&doors([1, 2]), Some("x"), 2, 3)),
        _ => ok(page(&doors([3]), None, 2, 3)),
    })
    .await;
    assert_eq!(observed.incomplete, None);
    assert_eq!((observed.doors.len(), calls.len()), (3, 4));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_keeps_moving_is_incomplete() {
    let (observed, calls) = look(|turn, _| {
        let next = (turn % 2 == 1).then_some("x");
        ok(page(&doors([turn as u128]), next, turn as u64, 2))
    })
    .await;
    assert_eq!(calls.len(), 4);
    assert_eq!(
        observed.incomplete.unwrap(),
        "doors: page 2: listRevision went from 3 to 4: the list changed while it was read"
    );
}

#[tokio::test(start_paused = true)]
async fn a_total_that_changes_alone_is_noticed() {
    let fault = fault(vec![
        page(&doors([1]), Some("x"), 1, 2),
        page(&doors([2]), None, 1, 3),
    ])
    .await;
    assert!(fault.contains("totalCount went from 2 to 3"), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn a_page_without_its_account_proves_nothing() {
    for page in [
        r#"{"doors":[],"nextPageToken":null,"totalCount":0}"#,
        r#"{"doors":[],"nextPageToken":null,"listRevision":1}"#,
        r#"{"nextPageToken":null,"listRevision":1,"totalCount":0}"#,
        r#"{"doors":[],"nextPageToken":7,"listRevision":1,"totalCount":0}"#,
    ] {
        let fault = fault(vec![page.to_owned()]).await;
        assert!(fault.starts_with("doors: page 1: "), "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_absent_next_page_token_is_the_same_as_null() {
    let (observed, _) = look(|_, _| ok(r#"{"doors":[],"listRevision":1,"totalCount":0}"#)).await;
    assert_eq!(observed.incomplete, None);
}

#[tokio::test(start_paused = true)]
async fn a_row_of_another_building_is_left_out_and_noticed() {
    let other = door(2).replace(&building().uuid.to_string(), &uuid(0xc).to_string());
    let (observed, _) = look(move |_, _| ok(page(&[door(1), other.clone()], None, 1, 2))).await;
    assert_eq!(observed.doors.len(), 1);
    assert_eq!(
        observed.incomplete.unwrap(),
        "doors: page 1: row 2 is not of the building asked for"
    );
}

#[tokio::test(start_paused = true)]
async fn a_row_that_lacks_what_everything_rests_on_is_named() {
    for field in ["uuid", "name", "version", "access", "accessRevision"] {
        let broken = door(2).replace(&format!("\"{field}\""), "\"other\"");
        let (observed, _) =
            look(move |_, _| ok(page(&[door(1), broken.clone(), door(3)], None, 1, 3))).await;
        assert_eq!(observed.doors.len(), 2);
        assert_eq!(
            observed.incomplete.unwrap(),
            format!("doors: page 1: row 2 has no usable {field}")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_without_a_revision_is_read_only() {
    let row = door_with(1, "").replace("\"revision\":1", "\"revision\":null");
    let (observed, _) = look(move |_, _| ok(page(std::slice::from_ref(&row), None, 1, 1))).await;
    assert_eq!(observed.doors[0].revision, None);
    assert_eq!(observed.incomplete, None);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_fails_half_way_is_an_error_and_no_look() {
    let (client, _) = client(|seen| {
        if seen.line.contains("pageToken") {
            Step::Fail(TransportError::connect("connection refused"))
        } else if seen.line.contains("/v1/doors") {
            ok(page(&doors([1]), Some("x"), 1, 2))
        } else {
            besides_doors(seen)
        }
    });
    let error = client.observe(&building()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::BackendUnavailable);
    assert!(
        error
            .to_string()
            .starts_with("GET /v1/doors got no answer (4 attempts; connection refused)"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_that_stays_unreadable_makes_the_look_incomplete() {
    let (observed, calls) = look(|turn, _| match turn {
        1 => ok(page(&doors([1]), Some("x"), 1, 2)),
        _ => ok("{\"doors\":[{"),
    })
    .await;
    assert_eq!(calls.len(), 5);
    assert_eq!(observed.doors.len(), 1);
    let fault = observed.incomplete.unwrap();
    assert!(
        fault.starts_with("doors: page 2: GET /v1/doors answered 200, but"),
        "{fault}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_token_that_is_refused_makes_the_look_incomplete() {
    let (observed, _) = look(|turn, _| match turn {
        1 => ok(page(&doors([1]), Some("x"), 1, 2)),
        _ => Step::Answer(400, code("INVALID_PAGE_TOKEN")),
    })
    .await;
    assert_eq!(
        observed.incomplete.unwrap(),
        "doors: page 2: it was refused with 400 INVALID_PAGE_TOKEN"
    );
}

#[tokio::test(start_paused = true)]
async fn pages_too_large_to_read_are_asked_for_in_smaller_ones() {
    let (observed, calls) = look(|turn, _| match turn {
        1 => Step::Fail(TransportError::too_large(4 << 20)),
        _ => ok(page(&doors([1]), None, 1, 1)),
    })
    .await;
    assert_eq!(observed.incomplete, None);
    assert!(calls[1].line.ends_with("pageSize=125"), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_building_that_is_not_ours_is_a_matter_of_permission() {
    let (client, _) = client(|_| Step::Answer(404, code("NOT_FOUND")));
    let error = client.observe(&building()).await.unwrap_err();
    assert!(matches!(error, Error::NotManaged { .. }), "{error:?}");
    assert_eq!(error.reason(), Reason::PermissionDenied);
}

#[tokio::test(start_paused = true)]
async fn a_broken_partner_makes_the_look_incomplete() {
    let (client, _) = client(|seen| {
        if seen.line.contains("/partners") {
            ok(r#"{"partners":[{"name":"P"}]}"#)
        } else if seen.line.contains("/v1/doors") {
            ok(page(&[], None, 1, 0))
        } else {
            besides_doors(seen)
        }
    });
    let observed = client.observe(&building()).await.unwrap();
    assert_eq!(
        observed.incomplete.unwrap(),
        "partners: row 1 has no usable uuid"
    );
}
