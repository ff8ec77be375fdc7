//! Rounds: assign, adopt, rename, refuse.

use crate::fixture::{Home, assignment, key};
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn a_partner_is_assigned_and_a_second_run_changes_nothing() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Front Entrance, Mail Room"),
    );
    let first = home.run().await;
    assert_eq!(
        first.steps(),
        [
            "AssignDoor Front Entrance Parcel Runner",
            "AssignDoor Mail Room Parcel Runner"
        ]
    );
    assert_eq!(first.left(), Vec::<String>::new());
    assert_eq!(home.holder("Mail Room").as_deref(), Some("Parcel Runner"));
    let database = std::fs::read(home.state.path().join("state.db")).unwrap();
    let second = home.run().await;
    assert_eq!(second.steps(), Vec::<String>::new());
    assert_eq!(second.writes(), 0);
    let reads: u64 = second.calls.values().sum();
    assert_eq!(reads, 5, "{:?}", second.calls);
    assert_eq!(
        std::fs::read(home.state.path().join("state.db")).unwrap(),
        database,
        "an idle run writes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_already_as_declared_is_adopted_without_a_write() {
    let home = Home::new();
    home.edit_door("Mail Room", &json!({"partner": "Parcel Runner"}));
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    let first = home.run().await;
    assert_eq!((first.steps(), first.writes()), (vec![], 0));
    home.remove("a.yaml");
    let second = home.run().await;
    assert_eq!(second.steps(), ["RemoveDoor Mail Room Parcel Runner"]);
    assert_eq!(home.holder("Mail Room"), None);
}

#[tokio::test(start_paused = true)]
async fn renames_and_moves_write_nothing() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("one", "Parcel Runner", "Front Entrance, Mail Room"),
    );
    home.write(
        "b.yaml",
        &assignment("two", "Parcel Runner", "Package Room"),
    );
    home.write(
        "k.yaml",
        &format!(
            "{}  keyName: Tours\n",
            key("tours", "TourPass", &["Unit 101"])
        ),
    );
    home.run().await;
    home.remove("a.yaml");
    home.remove("k.yaml");
    home.write(
        "c.yaml",
        &assignment("renamed", "Parcel Runner", "Front Entrance"),
    );
    home.write(
        "b.yaml",
        &assignment("two", "Parcel Runner", "Package Room, Mail Room"),
    );
    home.write(
        "l.yaml",
        &format!(
            "{}  keyName: Tours\n",
            key("viewings", "TourPass", &["Unit 101"])
        ),
    );
    let after = home.run().await;
    assert_eq!((after.steps(), after.writes()), (vec![], 0));
    assert_eq!(after.refusals(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_key_is_made_edited_and_deleted() {
    let home = Home::new();
    home.write(
        "k.yaml",
        &key("tours", "TourPass", &["Unit 101", "Front Entrance"]),
    );
    let made = home.run().await;
    assert_eq!(made.steps(), ["CreateKey tours TourPass"]);
    assert_eq!(made.left(), Vec::<String>::new());
    assert!(home.opens("Front Entrance", "TourPass"));
    home.write(
        "k.yaml",
        &format!(
            "{}  keyName: Viewings\n",
            key("tours", "TourPass", &["Unit 101", "Unit 102"])
        ),
    );
    let edited = home.run().await;
    assert_eq!(edited.steps(), ["UpdateKey tours TourPass"]);
    assert_eq!(edited.left(), Vec::<String>::new());
    home.remove("k.yaml");
    let deleted = home.run().await;
    assert_eq!(deleted.steps(), ["DeleteKey Viewings TourPass"]);
    assert_eq!(deleted.left(), Vec::<String>::new());
    assert!(
        home.simulator
            .key_uuid("Harbor Point", "Viewings")
            .is_none()
    );
}

#[tokio::test(start_paused = true)]
async fn a_keys_partner_never_changes_and_the_rest_goes_on() {
    let home = Home::new();
    home.write("k.yaml", &key("tours", "TourPass", &["Unit 101"]));
    home.run().await;
    home.write("k.yaml", &key("tours", "Parcel Runner", &["Unit 101"]));
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    let after = home.run().await;
    assert_eq!(after.refusals(), ["PartnerImmutable"]);
    let refusal = &after.pass().after.refusals[0];
    assert_eq!(
        (
            refusal.cause.file.as_deref(),
            refusal.cause.line,
            refusal.cause.column
        ),
        (Some("k.yaml"), Some(6), Some(12))
    );
    assert_eq!(home.holder("Mail Room").as_deref(), Some("Parcel Runner"));
    assert_eq!(
        after.condition("PartnerKey/tours", "Stalled"),
        "True/PartnerImmutable"
    );
    assert_eq!(
        after.condition("DoorAssignment/parcel", "Ready"),
        "True/InSync"
    );
}

#[tokio::test(start_paused = true)]
async fn a_partner_not_authorised_waits_and_follows_by_itself() {
    let home = Home::new();
    home.write(
        "property.yaml",
        "
apiVersion: opendoor.dev/v1alpha1
kind: Property
metadata: { name: harbor-point }
spec:
  building: Harbor Point
  partners: [{ name: CleanCo }]
",
    );
    home.write("a.yaml", &assignment("clean", "CleanCo", "Mail Room"));
    let waits = home.run().await;
    assert_eq!(
        waits.waiting(),
        [
            "Email - CleanCo AwaitingAuthorization",
            "Authorization Mail Room CleanCo AwaitingAuthorization"
        ]
    );
    assert_eq!(waits.refusals(), Vec::<String>::new());
    home.sim(
        "POST",
        "partners",
        &json!({"building": "Harbor Point", "partner": "CleanCo", "state": "Authorized"}),
    );
    home.run().await;
    assert_eq!(home.holder("Mail Room").as_deref(), Some("CleanCo"));
}

#[tokio::test(start_paused = true)]
async fn a_hand_edit_is_restored_and_a_foreign_grant_is_only_reported() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.run().await;
    home.edit_door("Mail Room", &json!({"partner": null}));
    home.edit_door("Package Room", &json!({"partner": "TourPass"}));
    let after = home.run().await;
    assert_eq!(after.steps(), ["AssignDoor Mail Room Parcel Runner"]);
    assert_eq!(after.plan().drifted.len(), 1);
    assert_eq!(after.pass().after.unmanaged.len(), 1);
    assert_eq!(home.holder("Package Room").as_deref(), Some("TourPass"));
    home.edit_door("Mail Room", &json!({"partner": "TourPass"}));
    let held = home.run().await;
    assert_eq!(
        held.left(),
        ["ChangeDoor Mail Room Parcel Runner held DoorHeldByOther"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_existing_key_is_converted_only_when_acknowledged() {
    let home = Home::new();
    let declared = format!(
        "{}  keyName: Staff\n",
        key("staff", "TourPass", &["Front Entrance", "Mail Room"])
    );
    home.write("k.yaml", &declared);
    let refused = home.run().await;
    assert_eq!(refused.refusals(), ["AcknowledgementRequired"]);
    home.write(
        "k.yaml",
        &format!("{declared}  adopt: {{ acknowledge: ConvertsToPartnerKeyForGood }}\n"),
    );
    let converted = home.run().await;
    assert_eq!(converted.steps(), ["ConvertKey Staff TourPass"]);
    assert!(converted.plan().steps[0].irreversible);
    assert_eq!(converted.left(), Vec::<String>::new());
    assert_eq!(home.run().await.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_illegal_object_among_five_hundred_stops_nobody() {
    let doors: String = (1..=499)
        .map(|number| format!("      - {{ name: D{number} }}\n"))
        .collect();
    let home = Home::with_world(&format!(
        "
partners:
  - {{ name: Parcel Runner, authorizedAt: [Harbor Point] }}
  - {{ name: TourPass, authorizedAt: [Harbor Point] }}
buildings:
  - name: Harbor Point
    doors:
{doors}"
    ));
    home.write(
        "portfolio.yaml",
        "apiVersion: opendoor.dev/v1alpha1\nkind: Portfolio\nmetadata: { name: p }\nspec: { limits: { grants: 1000 } }\n",
    );
    for number in 1..=499 {
        home.write(
            &format!("d{number}.yaml"),
            &assignment(
                &format!("d{number}"),
                "Parcel Runner",
                &format!("D{number}"),
            ),
        );
    }
    home.write("bad.yaml", &assignment("bad", "Nobody", "D1"));
    let round = home.run().await;
    assert_eq!(round.refusals(), ["PartnerNotListed"]);
    assert_eq!(round.writes(), 499);
    assert_eq!(round.left(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_portfolio_that_cannot_be_read_at_first_contact_never_counts_as_none() {
    let home = Home::new();
    home.write("a.yaml", &assignment("a", "Parcel Runner", "Mail Room"));
    home.write(
        "portfolio.yaml",
        "apiVersion: opendoor.dev/v1alpha1\nkind: Portfolio\nmetadata: { name: p }\nspec: { mode: Observe\n",
    );
    let round = home.run().await;
    assert_eq!(round.writes(), 0);
    assert_eq!(round.refusals(), ["DeclarationIncomplete"]);
}

#[tokio::test(start_paused = true)]
async fn a_portfolio_that_is_broken_is_not_replaced_by_another_one() {
    let portfolio = |name: &str, spec: &str| {
        format!(
            "apiVersion: opendoor.dev/v1alpha1\nkind: Portfolio\nmetadata: {{ name: {name} }}\nspec: {{ {spec} }}\n"
        )
    };
    let observing = portfolio("a", "mode: Observe");
    for broken in [
        observing.replace("mode: Observe", "mode: Observ"),
        observing.replace("kind: Portfolio", "kind: Portfolo"),
        observing.replace(" }\n", "\n"),
    ] {
        let home = Home::new();
        home.write("a.yaml", &assignment("a", "Parcel Runner", "Mail Room"));
        home.write("portfolio.yaml", &observing);
        assert_eq!(home.run().await.writes(), 0);
        home.write("portfolio.yaml", &broken);
        home.write("another.yaml", &portfolio("b", "mode: Apply"));
        let round = home.run().await;
        assert_eq!(round.writes(), 0, "{broken}");
        assert_eq!(round.refusals(), ["DeclarationIncomplete"], "{broken}");
        home.remove("portfolio.yaml");
        assert_eq!(home.run().await.writes(), 1, "taken away on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn changes_cost_two_listings_and_the_changes() {
    let home = Home::with_three_pages();
    let doors: Vec<String> = (1..=60).map(|number| format!("D{number}")).collect();
    home.write(
        "a.yaml",
        &assignment("many", "Parcel Runner", &doors.join(", ")),
    );
    let round = home.run().await;
    assert_eq!(round.writes(), 60);
    let calls: u64 = round.calls.values().sum();
    // Three pages of doors and one of keys, twice; 60 writes; token, buildings, partners twice.
    assert_eq!(calls, 4 * 2 + 60 + 4, "{:?}", round.calls);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_resident_is_ever_kept_or_said() {
    let canary = [
        "Zebulon Quist",
        "zq@example.invalid",
        "+15550100",
        "7654321",
    ];
    let world = format!(
        "{}residents:\n  - {{ name: '{}', email: '{}', phone: '{}', doorcode: '{}' }}\n",
        crate::fixture::WORLD,
        canary[0],
        canary[1],
        canary[2],
        canary[3]
    );
    let home = Home::with_world(&world);
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Front Entrance, Mail Room"),
    );
    home.write("k.yaml", &key("tours", "TourPass", &["Unit 101"]));
    home.sim("PUT", "faults", &json!([{"kind": "leakResidents"}]));
    let round = home.run().await;
    let mut said = format!("{:?}", round.report);
    for entry in std::fs::read_dir(home.state.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        said.push_str(&String::from_utf8_lossy(&bytes));
    }
    assert!(said.contains("Parcel Runner"));
    for secret in canary {
        assert!(!said.contains(secret), "{secret}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_name_that_another_key_gives_up_is_waited_for() {
    let home = Home::new();
    let named = |object: &str, name: &str, door: &str| {
        format!("{}  keyName: {name}\n", key(object, "TourPass", &[door]))
    };
    home.write("k.yaml", &named("first", "Tours", "Unit 101"));
    home.run().await;
    home.write("k.yaml", &named("first", "Old tours", "Unit 101"));
    home.write("l.yaml", &named("second", "Tours", "Unit 102"));
    let renamed = home.run().await;
    assert_eq!(renamed.steps(), ["UpdateKey Tours TourPass"]);
    assert_eq!(
        renamed.plan().refusals[0].reason.to_string(),
        "WaitingForKeyName"
    );
    let made = home.run().await;
    assert_eq!(made.steps(), ["CreateKey Tours TourPass"]);
    assert_eq!(made.left(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_key_edited_by_hand_is_restored_but_a_door_put_on_it_is_only_reported() {
    let home = Home::new();
    home.write(
        "k.yaml",
        &key("tours", "TourPass", &["Unit 101", "Front Entrance"]),
    );
    home.run().await;
    home.edit_key(
        "tours",
        &json!({"removeDoors": ["Unit 101"], "addDoors": ["Mail Room"],
            "schedule": [{"days": ["MONDAY"], "from": "08:00", "to": "09:00"}]}),
    );
    let after = home.run().await;
    assert_eq!(after.steps(), ["UpdateKey tours TourPass"]);
    assert_eq!(after.plan().drifted.len(), 1);
    assert_eq!(
        after.pass().after.unmanaged.len(),
        1,
        "Mail Room on the key"
    );
    assert!(home.opens("Unit 101", "TourPass"));
    assert!(home.opens("Mail Room", "TourPass"));
    assert_eq!(home.run().await.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_remade_by_hand_for_another_partner_is_refused_by_the_planner() {
    let home = Home::new();
    home.write("k.yaml", &key("tours", "TourPass", &["Unit 101"]));
    home.run().await;
    let uuid = home.simulator.key_uuid("Harbor Point", "tours").unwrap();
    home.sim("DELETE", &format!("keys/{uuid}"), &json!(null));
    home.sim(
        "POST",
        "keys",
        &json!({"building": "Harbor Point", "name": "tours", "partner": "Parcel Runner",
        "doors": ["Unit 101"]}),
    );
    let after = home.run().await;
    assert_eq!(after.refusals(), ["PartnerImmutable"]);
    assert_eq!(after.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_door_of_another_property_is_told_from_one_that_is_nowhere() {
    let home = Home::new();
    let lobby = home.simulator.door_uuid("Elm Court", "Lobby").unwrap();
    let nowhere = "00000000-0000-4000-8000-000000000000";
    home.write(
        "a.yaml",
        &assignment(
            "parcel",
            "Parcel Runner",
            &format!("Mail Room, {lobby}, {nowhere}"),
        ),
    );
    let round = home.run().await;
    assert_eq!(round.refusals(), ["DoorOutsideProperty", "DoorNotFound"]);
    assert_eq!(round.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_door_elsewhere_that_cannot_be_asked_for_stops_nobody() {
    let home = Home::new();
    let lobby = home.simulator.door_uuid("Elm Court", "Lobby").unwrap();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", &format!("Mail Room, {lobby}")),
    );
    let path = format!("/v1/doors/{lobby}");
    home.sim(
        "PUT",
        "faults",
        &json!([{"kind": "serverError", "method": "GET", "path": path}]),
    );
    let round = home.run().await;
    assert_eq!(round.refusals(), ["DoorNotFound"]);
    assert_eq!(home.holder("Mail Room").as_deref(), Some("Parcel Runner"));
}

#[tokio::test(start_paused = true)]
async fn an_object_of_a_building_that_is_let_go_is_free_for_another() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "No Such Door"),
    );
    let round = home.run().await;
    assert_eq!(round.refusals(), ["DoorNotFound"]);
    let elsewhere = |text: &str| {
        text.replace("name: harbor-point", "name: elm-court")
            .replace("building: Harbor Point", "building: Elm Court")
    };
    home.write("property.yaml", &elsewhere(crate::fixture::PROPERTY));
    home.write(
        "a.yaml",
        &elsewhere(&assignment("parcel", "Parcel Runner", "Lobby")),
    );
    let planned = home.plan().await;
    for round in [planned, home.run().await] {
        let (target, pass) = &round.report.passes[0];
        assert_eq!(target.building.name, "Elm Court");
        assert_eq!(pass.as_ref().unwrap().plan.steps.len(), 1);
    }
    assert_eq!(home.run().await.writes(), 0);
}
