//! DOOR OS at its worst: nothing is removed on a bad view, nothing is done twice, and it converges.

use crate::fixture::{Home, assignment, key};
use opendoor_reconciler::attest::{Attested, attest};
use opendoor_reconciler::directory::SqliteStore;
use opendoor_reconciler::pass::{Mandate, PassError};
use serde_json::json;

async fn assigned(home: Home) -> Home {
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room, Package Room"),
    );
    home.run().await;
    home.remove("a.yaml");
    home
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_list_removes_nothing() {
    for fault in [
        "truncatedList",
        "lostPage",
        "repeatedPage",
        "shiftingPages",
        "reorderedPage",
    ] {
        let home = assigned(Home::with_three_pages()).await;
        let wanted = json!([{"kind": fault, "path": "/v1/doors"}]);
        home.sim("PUT", "faults", &wanted);
        let round = home.round(Mandate::Perform, &[]).await;
        let (_, pass) = &round.report.passes[0];
        match pass {
            Ok(pass) => {
                assert!(!pass.plan.complete, "{fault}");
                assert_eq!(round.refusals(), ["ObservationIncomplete"], "{fault}");
            }
            Err(error) => assert!(matches!(error, PassError::DoorOs(_)), "{fault}: {error}"),
        }
        assert_eq!(round.writes(), 0, "{fault}");
        assert_eq!(
            home.holder("Mail Room").as_deref(),
            Some("Parcel Runner"),
            "{fault}"
        );
        home.sim("DELETE", "faults", &json!(null));
        home.run().await;
        assert_eq!(home.holder("Mail Room"), None, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_building_missing_from_the_list_removes_nothing() {
    let home = assigned(Home::new()).await;
    home.sim(
        "PUT",
        "faults",
        &json!([{"kind": "buildingMissing", "building": "Harbor Point"}]),
    );
    let round = home.run().await;
    assert!(round.report.passes.is_empty());
    assert_eq!(round.report.not_passed.len(), 1);
    assert_eq!(round.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_read_and_never_blindly_repeated() {
    let home = Home::new();
    home.write("k.yaml", &key("tours", "TourPass", &["Unit 101"]));
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.sim(
        "PUT",
        "faults",
        &json!([{"kind": "lostAnswer", "method": "POST", "path": "/v1/keys"},
        {"kind": "lostAnswer", "method": "PUT", "path": "/v1/doors/{uuid}/partner"}]),
    );
    let round = home.run().await;
    assert_eq!(round.writes(), 2, "{:?}", round.calls);
    assert_eq!(round.left(), Vec::<String>::new(), "a read settled both");
    home.sim("DELETE", "faults", &json!(null));
    let next = home.run().await;
    assert_eq!((next.writes(), next.left()), (0, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_late_write_is_waited_for() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.sim(
        "PUT",
        "faults",
        &json!([{"kind": "lateWrite", "method": "PUT", "seconds": 300, "count": 1}]),
    );
    let round = home.run().await;
    assert_eq!(
        round
            .condition("DoorAssignment/parcel", "Ready")
            .split('/')
            .next(),
        Some("False")
    );
    home.remove("a.yaml");
    let unwanted = home.run().await;
    assert!(
        unwanted
            .refusals()
            .contains(&String::from("OutcomeUnknown"))
    );
    home.advance(6);
    home.run().await;
    home.advance(12);
    home.run().await;
    assert_eq!(
        home.holder("Mail Room"),
        None,
        "what landed late is taken back"
    );
    assert_eq!(home.run().await.left(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn storms_pass_with_few_extra_attempts() {
    for fault in [
        json!({"kind": "throttled", "retryAfter": 2, "probability": 0.2}),
        json!({"kind": "throttled", "probability": 0.2}),
        json!({"kind": "serverError", "status": 503, "body": "html", "probability": 0.2}),
        json!({"kind": "unauthorized", "count": 1}),
        json!({"kind": "expiredTokens", "status": 403, "count": 1}),
    ] {
        let home = Home::new();
        home.write(
            "a.yaml",
            &assignment("parcel", "Parcel Runner", "Mail Room, Package Room"),
        );
        home.sim("PUT", "faults", &json!([fault]));
        for _ in 0..4 {
            // A round may fail as a whole while the storm lasts.
            let _ = home.try_round().await;
            home.advance(1);
        }
        home.sim("DELETE", "faults", &json!(null));
        home.advance(15);
        home.run().await;
        assert_eq!(home.run().await.left(), Vec::<String>::new(), "{fault}");
        assert_eq!(
            home.holder("Mail Room").as_deref(),
            Some("Parcel Runner"),
            "{fault}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_back_that_fails_does_not_hide_what_was_done() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.sim(
        "PUT",
        "faults",
        &json!([{"kind": "serverError", "path": "/v1/doors/{uuid}", "method": "GET"}]),
    );
    let round = home.run().await;
    assert_eq!(round.steps(), ["AssignDoor Mail Room Parcel Runner"]);
    assert_eq!(round.pass().results.len(), 1);
    assert_eq!(round.refusals(), ["ObservationIncomplete"]);
    home.sim("DELETE", "faults", &json!(null));
    assert_eq!(home.run().await.refusals(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_an_attesting_look_settles_is_in_the_history() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Garage Gate"),
    );
    home.run().await;
    home.sync("Garage Gate", "full", "both");
    home.advance(60);
    home.run().await;
    home.remove("a.yaml");
    // The answer is lost, and what was done cannot be read back: as if the process had died.
    home.sim(
        "PUT",
        "faults",
        &json!([{"kind": "lostAnswer", "method": "PUT"},
        {"kind": "serverError", "path": "/v1/doors/{uuid}", "method": "GET"}]),
    );
    home.run().await;
    home.sim("DELETE", "faults", &json!(null));
    let look = home.plan().await;
    let store = SqliteStore::open(home.state.path()).unwrap();
    let words = |store: &SqliteStore| -> Vec<String> {
        let history = store.history().unwrap().into_iter();
        history.map(|event| event.event).collect()
    };
    assert_eq!(words(&store), ["PartnerAssigned"]);
    let attested = attest(&store, &[look.pass()], "Garage Gate", home.simulator.now()).await;
    assert!(matches!(attested.unwrap(), Attested::Noted { .. }));
    assert_eq!(
        words(&store),
        ["PartnerAssigned", "PartnerRemoved", "DoorSyncAttested"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_property_that_is_renamed_with_its_references_writes_nothing() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.run().await;
    let renamed = |text: &str| text.replace("name: harbor-point", "name: the-point");
    home.write("property.yaml", &renamed(crate::fixture::PROPERTY));
    home.write(
        "a.yaml",
        &renamed(&assignment("parcel", "Parcel Runner", "Mail Room")),
    );
    let round = home.run().await;
    assert_eq!((round.writes(), round.refusals()), (0, vec![]));
    assert_eq!(round.left(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn objects_that_refer_to_their_property_by_the_name_it_had_are_told_its_new_one() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.run().await;
    let renamed = crate::fixture::PROPERTY.replace("name: harbor-point", "name: the-point");
    home.write("property.yaml", &renamed);
    let round = home.run().await;
    assert_eq!(
        (round.writes(), round.refusals()),
        (0, vec!["Invalid".to_owned()])
    );
    assert_eq!(
        round.pass().after.refusals[0].message,
        "the Property \"harbor-point\" of this DoorAssignment is named \"the-point\" now, for the same building. Write that \
         name here; until then what was accepted stays as it is."
    );
}
