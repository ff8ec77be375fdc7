//! Doors assigned, removed, and named in ways that mean one door, none, or several.

use opendoor_planner::owner::OwnerKind;
use opendoor_planner::reasons::Reason;

use crate::world::{
    World, assert_quiet, assignment, door, door_row, key_doors, lines, owner, partner, partner_key,
    refusal, refusals, strings, waiting,
};

#[test]
fn a_door_added_to_the_list_is_assigned() {
    let mut world = World::good();
    world.assignment("pool-tours", |spec| {
        spec.doors = Some(strings(&["Pool", "Unit 103"]))
    });
    assert_eq!(
        lines(&world.pass()),
        ["AssignDoor Unit 103: none -> TourPass @pool-tours.yaml:12"]
    );
    assert_quiet(&world.plan());
}

#[test]
fn a_door_taken_off_the_list_is_removed_and_an_offline_one_needs_a_visit() {
    let mut world = World::good();
    let left = ["Front Entrance", "Mail Room"];
    world.assignment("parcel-runner", |spec| spec.doors = Some(strings(&left)));
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        [
            "RemoveDoor Garage Gate: Parcel Runner -> none @parcel-runner.yaml:8",
            "RemoveDoor Package Room: Parcel Runner -> none @parcel-runner.yaml:8",
        ]
    );
    let visits: Vec<_> = plan
        .steps
        .iter()
        .flat_map(|step| &step.visits)
        .map(|door| &door.name)
        .collect();
    assert_eq!(visits, ["Garage Gate"]);
    assert_eq!(plan.summary.door_visits, 1);
    world.advance(1);
    assert_eq!(
        waiting(&world.plan()),
        ["Sync Garage Gate Parcel Runner by door: DoorSyncRequired"],
        "the connected door has thirty minutes to learn of it"
    );
}

#[test]
fn removals_come_before_grants() {
    let mut world = World::good();
    world.assignment("pool-tours", |spec| {
        spec.doors = Some(strings(&["Unit 103"]))
    });
    let plan = world.plan();
    let actions: Vec<_> = plan.steps.iter().map(|step| step.action.as_str()).collect();
    assert_eq!(actions, ["RemoveDoor", "AssignDoor"]);
}

#[test]
fn a_door_given_to_another_partner_changes_in_one_step() {
    let mut world = World::good();
    let parcels = ["Front Entrance", "Mail Room", "Garage Gate"];
    world.assignment("parcel-runner", |spec| spec.doors = Some(strings(&parcels)));
    world.assignment("pool-tours", |spec| {
        spec.doors = Some(strings(&["Pool", "Package Room"]))
    });
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["ChangeDoor Package Room: Parcel Runner -> TourPass @pool-tours.yaml:12"]
    );
    assert_eq!((plan.summary.grants, plan.summary.removals), (1, 1));
    assert_quiet(&world.plan());
}

#[test]
fn a_file_that_is_gone_is_a_removal_that_names_the_file_without_a_line() {
    let mut world = World::good();
    world.remove("pool-tours");
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["RemoveDoor Pool: TourPass -> none @pool-tours.yaml"]
    );
    assert_quiet(&world.plan());
    let gone = owner("pool-tours", OwnerKind::DoorAssignment);
    assert!(
        !world.ledger.head.accepted.contains_key(&gone),
        "nothing of it is owned any more"
    );
}

#[test]
fn a_retained_deletion_leaves_the_door_and_ends_our_ownership() {
    let mut world = World::good();
    world.assignment("pool-tours", |spec| {
        spec.deletion_policy = opendoor_api::DeletionPolicy::Retain
    });
    world.pass();
    world.remove("pool-tours");
    let plan = world.pass();
    assert_quiet(&plan);
    assert!(world.record("Pool").claims.is_empty());
    assert_eq!(plan.unmanaged.len(), 1);
}

#[test]
fn an_unknown_name_is_refused_with_the_nearest_one_and_the_other_doors_proceed() {
    let mut world = World::good();
    let doors = ["Pool", "Unit 103", "Mail Rom"];
    world.assignment("pool-tours", |spec| spec.doors = Some(strings(&doors)));
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        ["AssignDoor Unit 103: none -> TourPass @pool-tours.yaml:12"]
    );
    assert_eq!(refusals(&plan), ["DoorNotFound pool-tours.yaml:13"]);
    let message = &refusal(&plan, Reason::DoorNotFound).message;
    assert!(message.contains("Did you mean \"Mail Room\""), "{message}");
}

#[test]
fn a_name_that_two_doors_have_is_refused_with_both_candidates() {
    let mut world = World::good();
    let mut twin = door_row("Twin", None);
    twin.name = "Unit 103".into();
    world.add_row(twin);
    world.assignment("pool-tours", |spec| {
        spec.doors = Some(strings(&["Pool", "Unit 103"]))
    });
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    let message = &refusal(&plan, Reason::DoorAmbiguous).message;
    for candidate in [door("Twin"), door("Unit 103")] {
        assert!(message.contains(&candidate.to_string()), "{message}");
    }
}

/// Two doors are named "Gate".
fn two_gates(world: &mut World) {
    for name in ["West Gate", "East Gate"] {
        let mut gate = door_row(name, None);
        gate.name = "Gate".into();
        world.add_row(gate);
    }
}

#[test]
fn a_name_that_two_doors_have_takes_away_neither() {
    let mut world = World::good();
    two_gates(&mut world);
    let west = door("West Gate").to_string();
    world.declare("gates", assignment("TourPass", &[&west]));
    world.declare_key(
        "gate-key",
        partner_key("TourPass", "Gates", &[(&west, true), ("Pool", true)]),
    );
    world.pass();
    assert_quiet(&world.plan());
    world.declare("gates", assignment("TourPass", &["Gate"]));
    world.partner_key("gate-key", |spec| {
        spec.doors = key_doors(&[("Gate", true), ("Pool", true)])
    });
    let plan = world.pass();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(
        refusals(&plan),
        [
            "DoorAmbiguous gates.yaml:11",
            "DoorAmbiguous gate-key.yaml:11"
        ]
    );
    world.remove("gates");
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Gate: TourPass -> none @gates.yaml"],
        "it is still ours"
    );
}

#[test]
fn what_a_name_that_two_doors_have_may_mean_is_not_removed_as_added_by_hand() {
    let mut world = World::good();
    two_gates(&mut world);
    world.property(|spec| spec.added_by_hand = opendoor_api::AddedByHand::Remove);
    world.decide();
    world.declare("gates", assignment("TourPass", &["Gate"]));
    world.hand_door("West Gate", Some("TourPass"));
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["DoorAmbiguous gates.yaml:11"]);
    world.hand_door("West Gate", Some("Parcel Runner"));
    assert_eq!(world.plan().steps.len(), 1, "this is nobody's");
}

#[test]
fn an_ambiguous_door_is_meant_by_its_uuid() {
    let mut world = World::good();
    let uuid = door("Unit 103").to_string();
    world.assignment("pool-tours", |spec| {
        spec.doors = Some(strings(&["Pool", &uuid]))
    });
    assert_eq!(
        lines(&world.plan()),
        ["AssignDoor Unit 103: none -> TourPass @pool-tours.yaml:12"]
    );
}

#[test]
fn a_door_renamed_in_door_os_stays_the_same_door() {
    let mut world = World::good();
    world.row("Pool").name = "Rooftop Pool".into();
    assert_quiet(&world.plan());
}

#[test]
fn a_name_that_now_means_another_door_neither_grants_nor_revokes() {
    let mut world = World::good();
    world.row("Pool").name = "Old Pool".into();
    let mut other = door_row("New Pool", None);
    other.name = "Pool".into();
    world.add_row(other);
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["IdentityChanged pool-tours.yaml:11"]);

    // Writing the uuid resolves it.
    let uuid = door("New Pool").to_string();
    world.assignment("pool-tours", |spec| spec.doors = Some(vec![uuid]));
    assert_eq!(
        lines(&world.plan()),
        [
            "AssignDoor Pool: none -> TourPass @pool-tours.yaml:11",
            "RemoveDoor Old Pool: TourPass -> none @pool-tours.yaml:8",
        ]
    );
}

#[test]
fn a_pin_ends_when_nothing_declares_the_name() {
    let mut world = World::good();
    world.remove("pool-tours");
    world.pass();
    world.row("Pool").name = "Old Pool".into();
    let mut other = door_row("New Pool", None);
    other.name = "Pool".into();
    world.add_row(other);
    world.plan();
    world.declare("pool-tours", assignment("TourPass", &["Pool"]));
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        ["AssignDoor Pool: none -> TourPass @pool-tours.yaml:11"]
    );
    assert_eq!(
        plan.steps[0].door.as_ref().unwrap().uuid,
        Some(door("New Pool"))
    );
}

#[test]
fn a_door_that_left_the_building_is_refused_and_its_lock_is_still_owed() {
    let mut world = World::good();
    world.observed.doors.retain(|row| *row.name != *"Pool");
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["DoorNotFound pool-tours.yaml:11"]);
    assert_eq!(
        waiting(&plan),
        [format!("Sync {} TourPass by door: DoorGone", door("Pool"))]
    );
}

#[test]
fn a_row_without_a_revision_is_not_written_to() {
    let mut world = World::good();
    world.row("Pool").revision = None;
    world.remove("pool-tours");
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["ReadOnlyRow pool-tours.yaml"]);
    assert!(plan.cannot_tell());
}

#[test]
fn a_row_older_than_one_already_seen_is_left_alone() {
    let mut world = World::good();
    let old = world.row("Pool").clone();
    world.hand_door("Pool", None);
    world.plan();
    *world.row("Pool") = old;
    world.remove("pool-tours");
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["StaleRow harbor-point.yaml:1"]);
}

#[test]
fn a_partner_that_also_has_a_key_still_opens_by_it_and_loses_nothing() {
    let mut world = World::good();
    world.declare("unit-tours", assignment("TourPass", &["Unit 101"]));
    world.pass();
    world.remove("unit-tours");
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        ["RemoveDoor Unit 101: TourPass -> none @unit-tours.yaml"]
    );
    assert_eq!(plan.steps[0].still_opens_by, ["key \"Vacant tours\""]);
    assert_eq!(plan.steps[0].losses, []);
    assert_eq!(plan.summary.removals, 0);
}

#[test]
fn a_partner_that_loses_door_and_key_at_once_loses_the_pair() {
    let mut world = World::good();
    world.declare("unit-tours", assignment("TourPass", &["Unit 101"]));
    world.pass();
    world.remove("unit-tours");
    world.remove("vacant-tours");
    let plan = world.plan();
    let removal = plan.steps.iter().find(|step| step.door.is_some()).unwrap();
    assert_eq!(removal.still_opens_by, [""; 0]);
    assert_eq!(removal.losses, [(door("Unit 101"), partner("TourPass"))]);
}

#[test]
fn a_held_key_deletion_leaves_the_partner_its_key() {
    let mut world = World::good();
    world.declare("unit-tours", assignment("TourPass", &["Unit 101"]));
    world.pass();
    world.key_row("Vacant tours").holders = Some(2);
    world.remove("unit-tours");
    world.remove("vacant-tours");
    let plan = world.plan();
    let removal = plan.steps.iter().find(|step| step.door.is_some()).unwrap();
    assert_eq!(removal.still_opens_by, ["key \"Vacant tours\""]);
}

#[test]
fn nothing_is_written_for_what_did_not_change() {
    let mut world = World::good();
    for _ in 0..3 {
        world.advance(5);
        world.row("Pool").version += 1;
        assert_quiet(&world.decide());
        assert!(!world.ledger.unsaved.any());
    }
}

#[test]
fn first_contact_adopts_what_is_equal_and_removes_nothing_it_does_not_know() {
    let mut world = World::good();
    world.ledger = opendoor_planner::ledger::Ledger::new(world.observed.building);
    world.hand_door("Unit 103", Some("TourPass"));
    let plan = world.plan();
    assert_quiet(&plan);
    assert!(world.taken.first_contact);
    assert_eq!(world.taken.adopted, 6, "five doors and a key");
    assert_eq!(plan.unmanaged[0].what, "Unit 103");
}

#[test]
fn one_illegal_object_among_five_hundred_stops_no_other() {
    let mut world = World::large(&[]);
    for n in 0..500 {
        let name = crate::world::number(n);
        world.add_row(door_row(&name, None));
        let partner = if n == 250 {
            "Nobody Ltd"
        } else {
            "Parcel Runner"
        };
        world.declare(&format!("object-{n:03}"), assignment(partner, &[&name]));
    }
    world.guard.limits.grants = 1000;
    let plan = world.plan();
    assert_eq!(plan.performable().count(), 499);
    assert_eq!(refusals(&plan), ["PartnerNotListed object-250.yaml:6"]);
}
