//! Removals, and the truth about the lock after them.

use crate::fixture::{Home, assignment, key};

/// Parcel Runner is in the mail room and in the package room, by an object each.
async fn with_two_objects() -> Home {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.write(
        "b.yaml",
        &assignment("other", "Parcel Runner", "Package Room"),
    );
    home.run().await;
    home
}

async fn removed_from_the_garage() -> Home {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Garage Gate, Mail Room"),
    );
    home.run().await;
    home.sync("Garage Gate", "full", "both");
    home.advance(60);
    home.run().await;
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    let removal = home.run().await;
    assert_eq!(removal.steps(), ["RemoveDoor Garage Gate Parcel Runner"]);
    assert_eq!(
        removal.waiting(),
        ["Sync Garage Gate Parcel Runner DoorSyncRequired"]
    );
    home
}

#[tokio::test(start_paused = true)]
async fn an_offline_door_owes_a_sync_until_a_full_one_is_proven() {
    let home = removed_from_the_garage().await;
    assert!(home.opens("Garage Gate", "Parcel Runner"));
    home.sync("Garage Gate", "passive", "both");
    let passive = home.run().await;
    assert_eq!(
        passive.waiting(),
        ["Sync Garage Gate Parcel Runner DoorSyncRequired"]
    );
    assert_eq!(
        passive.condition("DoorAssignment/parcel", "SyncRequired"),
        "True/DoorSyncRequired"
    );
    assert_eq!(
        passive.condition("DoorAssignment/parcel", "Enforced"),
        "False/DoorSyncRequired"
    );
    assert_eq!(
        passive.condition("DoorAssignment/parcel", "Ready"),
        "True/InSync"
    );
    home.sync("Garage Gate", "full", "both");
    let full = home.run().await;
    assert_eq!(full.waiting(), Vec::<String>::new());
    assert!(!home.opens("Garage Gate", "Parcel Runner"));
    assert_eq!(
        full.condition("DoorAssignment/parcel", "Enforced"),
        "True/LockProven"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sync_fetched_before_the_removal_proves_nothing() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Garage Gate, Mail Room"),
    );
    home.run().await;
    home.sync("Garage Gate", "full", "both");
    home.run().await;
    home.sync("Garage Gate", "full", "fetch");
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.run().await;
    home.sync("Garage Gate", "full", "deliver");
    let late = home.run().await;
    assert_eq!(
        late.waiting(),
        ["Sync Garage Gate Parcel Runner DoorSyncRequired"]
    );
    assert!(home.opens("Garage Gate", "Parcel Runner"));
}

#[tokio::test(start_paused = true)]
async fn the_debt_outlives_the_file_and_the_property() {
    let home = removed_from_the_garage().await;
    home.remove("a.yaml");
    home.run().await;
    home.remove("property.yaml");
    let gone = home.run().await;
    assert_eq!(
        gone.waiting()[0],
        "Sync Garage Gate Parcel Runner DoorSyncRequired"
    );
    home.sync("Garage Gate", "full", "both");
    home.advance(60);
    home.run().await;
    let settled = home.run().await;
    assert!(
        settled.report.passes.is_empty(),
        "nothing is owned or owed any more"
    );
}

#[tokio::test(start_paused = true)]
async fn a_connected_door_clears_when_its_push_lands() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.run().await;
    home.advance(60);
    home.run().await;
    home.remove("a.yaml");
    let removed = home.run().await;
    assert_eq!(
        removed.waiting(),
        Vec::<String>::new(),
        "a push is on its way"
    );
    assert!(
        removed
            .condition("Property/harbor-point", "Enforced")
            .starts_with("False")
    );
    home.advance(31);
    let after = home.run().await;
    assert_eq!(
        after.condition("Property/harbor-point", "Enforced"),
        "True/LockProven"
    );
}

#[tokio::test(start_paused = true)]
async fn losing_one_of_two_ways_says_which_one_stays() {
    let home = Home::new();
    home.write("a.yaml", &assignment("tours", "TourPass", "Unit 101"));
    home.write("k.yaml", &key("viewings", "TourPass", &["Unit 101"]));
    home.run().await;
    home.remove("a.yaml");
    let one = home.plan().await;
    assert_eq!(one.plan().steps[0].still_opens_by, ["key \"viewings\""]);
    assert_eq!(one.plan().summary.removals, 0);
    home.remove("k.yaml");
    let both = home.plan().await;
    assert!(
        both.plan()
            .steps
            .iter()
            .all(|step| step.still_opens_by.is_empty())
    );
    assert_eq!(both.plan().summary.removals, 1);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_file_removes_nothing() {
    let home = with_two_objects().await;
    home.write("a.yaml", "kind: [unclosed\n");
    let broken = home.run().await;
    assert_eq!(broken.steps(), Vec::<String>::new());
    assert_eq!(broken.report.unreadable.len(), 1);
    assert_eq!(home.holder("Mail Room").as_deref(), Some("Parcel Runner"));
    home.write("a.yaml", "apiVersion: opendoor.dev/v1alpha1\nkind: DoorAssignment\nmetadata: { name: parcel }\nspec: { partnr: x }\n");
    let invalid = home.run().await;
    assert_eq!(invalid.steps(), Vec::<String>::new());
    assert!(invalid.refusals().contains(&String::from("Invalid")));
}

#[tokio::test(start_paused = true)]
async fn a_document_whose_kind_or_name_is_misspelt_removes_nothing() {
    let misspelt =
        |from: &str, to: &str| assignment("parcel", "Parcel Runner", "Mail Room").replace(from, to);
    for (file, text) in [
        (
            "a.yaml",
            misspelt("kind: DoorAssignment", "kind: DoorAssigment"),
        ),
        (
            "a.yaml",
            misspelt("kind: DoorAssignment", "kind: PartnerKey"),
        ),
        (
            "a.yaml",
            misspelt("apiVersion: opendoor.dev/v1alpha1", "apiVersion: null"),
        ),
        ("a.yaml", misspelt("{ name: parcel }", "{ nmae: parcel }")),
        ("a.yaml", misspelt("name: parcel", "name: Parcel Post")),
        // Renamed and misspelt in one commit.
        (
            "c.yaml",
            misspelt("kind: DoorAssignment", "kind: DoorAssigment"),
        ),
        ("c.yaml", misspelt("{ name: parcel }", "{ nmae: parcel }")),
    ] {
        let home = with_two_objects().await;
        home.remove("a.yaml");
        home.write(file, &text);
        let broken = home.run().await;
        assert_eq!(broken.steps(), Vec::<String>::new(), "{file}: {text}");
        assert_eq!(home.holder("Mail Room").as_deref(), Some("Parcel Runner"));
        home.remove(file);
        home.run().await;
        assert_eq!(home.holder("Mail Room"), None, "gone for good: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_misspelt_document_does_not_keep_what_it_cannot_be() {
    let home = with_two_objects().await;
    home.remove("a.yaml");
    home.write(
        "b.yaml",
        &assignment("other", "Parcel Runner", "Package Room").replace("DoorAss", "DoorAs"),
    );
    home.write(
        "c.yaml",
        &assignment("third", "Parcel Runner", "Front Entrance"),
    );
    let round = home.run().await;
    assert_eq!(round.writes(), 2, "{:?}", round.steps());
    assert_eq!(home.holder("Mail Room"), None);
    assert_eq!(
        home.holder("Package Room").as_deref(),
        Some("Parcel Runner")
    );
}

#[tokio::test(start_paused = true)]
async fn a_property_whose_kind_is_misspelt_keeps_all_it_has() {
    let home = Home::new();
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.run().await;
    let misspelt = crate::fixture::PROPERTY.replace("kind: Property", "kind: Propety");
    home.write("property.yaml", &misspelt);
    home.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Package Room"),
    );
    let round = home.run().await;
    assert_eq!(
        round.steps(),
        [
            "AssignDoor Package Room Parcel Runner",
            "RemoveDoor Mail Room Parcel Runner"
        ]
    );
    assert_eq!(round.refusals(), Vec::<String>::new());
    assert_eq!(round.report.strays.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_directory_is_held_and_can_be_approved() {
    let home = with_two_objects().await;
    for file in ["a.yaml", "b.yaml", "property.yaml"] {
        home.remove(file);
    }
    let held = home.run().await;
    assert_eq!(
        held.left(),
        [
            "RemoveDoor Mail Room Parcel Runner held DeclarationIncomplete",
            "RemoveDoor Package Room Parcel Runner held DeclarationIncomplete"
        ]
    );
    let id = held.pass().after.hold_id.clone().unwrap();
    home.advance(60 * 24);
    assert_eq!(home.run().await.pass().after.hold_id.as_ref(), Some(&id));
    let approved = home.approve(&id).await;
    assert_eq!(approved.left(), Vec::<String>::new());
    assert_eq!(home.holder("Mail Room"), None);
}
