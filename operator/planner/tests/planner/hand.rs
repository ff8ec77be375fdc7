//! What people change by hand in DOOR OS.

use opendoor_api::{AddedByHand, RemovedByHand};
use opendoor_planner::observed::Day;
use opendoor_planner::observed::Interval;

use crate::door_os;
use crate::world::{
    World, assert_quiet, assignment, door, key, key_row, lines, number, partner_key,
};

fn hold(world: &mut World) {
    world.property(|spec| spec.removed_by_hand = RemovedByHand::Hold);
}

fn remove_added(world: &mut World) {
    world.property(|spec| spec.added_by_hand = AddedByHand::Remove);
}

#[test]
fn a_partner_taken_off_by_hand_is_put_back_and_called_drift() {
    let mut world = World::good();
    world.hand_door("Pool", None);
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["AssignDoor Pool: none -> TourPass @pool-tours.yaml:11"]
    );
    assert!(plan.steps[0].restores);
    assert_eq!(plan.drifted[0].change, "partner taken off the door");
    assert_quiet(&world.plan());
}

#[test]
fn a_partner_taken_off_by_hand_waits_for_a_person_where_the_property_says_hold() {
    let mut world = World::good();
    hold(&mut world);
    world.hand_door("Pool", None);
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["AssignDoor Pool: none -> TourPass HELD Drifted @pool-tours.yaml:11"]
    );
    assert_eq!(
        lines(&world.pass()),
        lines(&plan),
        "however often it is seen"
    );
    world.approve(&plan);
    world.pass();
    assert_quiet(&world.plan());
}

#[test]
fn a_declared_door_that_somebody_gave_to_another_partner_is_held() {
    let mut world = World::good();
    world.hand_door("Pool", Some("Parcel Runner"));
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["ChangeDoor Pool: Parcel Runner -> TourPass HELD DoorHeldByOther @pool-tours.yaml:11"]
    );
    assert_eq!(plan.drifted[0].change, "now held by Parcel Runner");
    assert_eq!(plan.unmanaged[0].partner, "Parcel Runner");
    world.approve(&plan);
    world.pass();
    assert_quiet(&world.plan());
}

#[test]
fn access_that_nobody_declares_is_reported_and_left_alone() {
    let mut world = World::good();
    world.hand_door("Unit 103", Some("TourPass"));
    let plan = world.pass();
    assert_quiet(&plan);
    assert_eq!(plan.unmanaged[0].what, "Unit 103");
}

#[test]
fn what_was_there_when_removal_came_into_force_waits_for_approval_and_later_additions_go() {
    let mut world = World::good();
    world.hand_door("Unit 103", Some("TourPass"));
    remove_added(&mut world);
    let found = "RemoveDoor Unit 103: TourPass -> none HELD Unmanaged @harbor-point.yaml:1";
    assert_eq!(lines(&world.pass()), [found]);
    assert_eq!(
        lines(&world.pass()),
        [found],
        "it waits however often it is seen"
    );
    let row = world.row("Unit 103");
    row.revision = row.revision.map(|revision| revision + 1);
    assert_eq!(lines(&world.pass()), [found], "and whoever edits the door");

    world.hand_door("Unit 102", Some("Parcel Runner"));
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        [
            "RemoveDoor Unit 102: Parcel Runner -> none @harbor-point.yaml:1",
            found
        ]
    );
    world.approve(&plan);
    world.pass();
    world.approvals.clear();
    assert_quiet(&world.plan());
}

#[test]
fn removing_what_was_added_by_hand_is_braked_like_everything_else() {
    let mut world = World::large(&[("few", 0..4)]);
    for n in 4..10 {
        world.add_row(crate::world::door_row(&number(n), None));
    }
    remove_added(&mut world);
    world.pass();
    for n in 4..10 {
        world.hand_door(&number(n), Some("TourPass"));
    }
    assert!(world.plan().steps.iter().all(|step| step.held.is_some()));
}

#[test]
fn a_key_that_nobody_declares_is_reported() {
    let mut world = World::good();
    let concierge = key_row("Concierge", Some("TourPass"), &[("Pool", false)]);
    door_os::create_key(&mut world.observed, concierge);
    let plan = world.plan();
    assert_quiet(&plan);
    assert_eq!(plan.unmanaged[0].what, "key \"Concierge\"");
}

#[test]
fn an_ordinary_key_is_nobodys_business() {
    let mut world = World::good();
    remove_added(&mut world);
    world.pass();
    assert_quiet(&world.plan());
    assert_eq!(world.observed.keys.len(), 2);
}

#[test]
fn a_key_added_by_hand_goes_under_remove_unless_people_hold_it() {
    let mut world = World::good();
    remove_added(&mut world);
    world.pass();
    let concierge = key_row("Concierge", Some("TourPass"), &[("Pool", false)]);
    door_os::create_key(&mut world.observed, concierge);
    assert_eq!(
        lines(&world.plan()),
        ["DeleteKey \"Concierge\" of TourPass @harbor-point.yaml:1"]
    );
    world.key_row("Concierge").holders = Some(1);
    assert_eq!(
        lines(&world.plan()),
        ["DeleteKey \"Concierge\" of TourPass HELD HoldersAffected @harbor-point.yaml:1"]
    );
}

#[test]
fn a_key_that_a_refused_object_is_about_does_not_go_under_remove() {
    let mut world = World::good();
    let concierge = key_row("Concierge", Some("TourPass"), &[("Pool", false)]);
    door_os::create_key(&mut world.observed, concierge);
    remove_added(&mut world);
    world.declare_key(
        "concierge",
        partner_key("TourPass", "Concierge", &[("Pool", true)]),
    );
    world.pass();
    assert_eq!(lines(&world.pass()), [""; 0]);
}

#[test]
fn a_key_that_a_refused_object_is_to_take_over_does_not_go_under_remove() {
    let mut world = World::good();
    let concierge = key_row("Concierge", Some("TourPass"), &[("Pool", false)]);
    door_os::create_key(&mut world.observed, concierge);
    remove_added(&mut world);
    let mut spec = partner_key("TourPas", "Front desk", &[("Pool", false)]);
    spec.adopt = Some(opendoor_api::Adoption {
        acknowledge: opendoor_api::Acknowledgement::ConvertsToPartnerKeyForGood,
        key_uuid: Some(key("Concierge").to_string()),
    });
    world.declare_key("concierge", spec);
    world.pass();
    assert_eq!(lines(&world.pass()), [""; 0]);
}

#[test]
fn a_door_put_on_our_key_by_hand_is_reported_and_goes_under_remove_and_the_key_stays_ours() {
    let mut world = World::good();
    let pool = opendoor_planner::observed::KeyDoor {
        door: door("Pool"),
        doorcodes: true,
    };
    world.hand_key("Vacant tours", |row| row.doors.push(pool));
    let plan = world.pass();
    assert_quiet(&plan);
    assert_eq!(
        plan.unmanaged[0].change,
        "door \"Pool\" put on the key by hand"
    );

    remove_added(&mut world);
    let held = world.pass();
    assert_eq!(
        lines(&held),
        ["UpdateKey \"Vacant tours\" of TourPass HELD Unmanaged @harbor-point.yaml:1"]
    );
    world.approve(&held);
    world.pass();
    world.approvals.clear();
    assert_quiet(&world.plan());
    let record = &world.ledger.head.keys[&key("Vacant tours")];
    assert_eq!(record.owner.name, "vacant-tours");
}

#[test]
fn a_door_taken_off_our_key_by_hand_is_put_back() {
    let mut world = World::good();
    world.hand_key("Vacant tours", |row| {
        row.doors.remove(0);
    });
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["UpdateKey \"Vacant tours\" of TourPass @vacant-tours.yaml:1"]
    );
    assert_eq!(plan.drifted[0].change, "1 doors taken off by hand");
    assert_quiet(&world.plan());
}

#[test]
fn a_door_taken_off_our_key_by_hand_waits_where_the_property_says_hold() {
    let mut world = World::good();
    hold(&mut world);
    world.hand_key("Vacant tours", |row| {
        row.doors.remove(0);
    });
    assert_eq!(
        lines(&world.pass()),
        ["UpdateKey \"Vacant tours\" of TourPass HELD Drifted @vacant-tours.yaml:1"]
    );
}

#[test]
fn a_key_renamed_by_hand_gets_its_name_back_even_under_hold() {
    let mut world = World::good();
    hold(&mut world);
    world.hand_key("Vacant tours", |row| row.name = "Tours!".to_owned());
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["UpdateKey \"Tours!\" of TourPass @vacant-tours.yaml:1"]
    );
    assert_eq!(plan.drifted[0].change, "renamed by hand");
    assert_quiet(&world.plan());
}

#[test]
fn a_schedule_narrowed_by_hand_took_access_away_and_one_widened_did_not() {
    let hours = |from: &str, to: &str| Interval {
        days: vec![Day::Monday],
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let mut world = World::good();
    hold(&mut world);
    world.partner_key("vacant-tours", |spec| {
        spec.schedule = vec![opendoor_api::ScheduleEntry {
            days: vec![opendoor_api::Day::Monday],
            from: "09:00".to_owned(),
            to: "17:00".to_owned(),
        }];
    });
    world.pass();
    world.hand_key("Vacant tours", |row| {
        row.schedule = vec![hours("10:00", "11:00")]
    });
    assert_eq!(
        lines(&world.plan()),
        ["UpdateKey \"Vacant tours\" of TourPass HELD Drifted @vacant-tours.yaml:1"]
    );
    world.advance(25 * 60);
    world.hand_key("Vacant tours", |row| {
        row.schedule = vec![hours("08:00", "18:00")]
    });
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        ["UpdateKey \"Vacant tours\" of TourPass @vacant-tours.yaml:1"]
    );
    assert_eq!(plan.drifted[0].change, "schedule changed by hand");
}

#[test]
fn a_key_deleted_by_hand_waits_where_the_property_says_hold() {
    let mut world = World::good();
    hold(&mut world);
    door_os::delete_key(&mut world.observed, key("Vacant tours"));
    assert_eq!(
        lines(&world.pass()),
        ["CreateKey \"Vacant tours\" of TourPass HELD Drifted @vacant-tours.yaml:1"]
    );
}

#[test]
fn a_door_cleared_by_hand_that_is_no_longer_declared_is_simply_done() {
    let mut world = World::good();
    world.hand_door("Pool", None);
    world.remove("pool-tours");
    assert_quiet(&world.pass());
    assert!(world.record("Pool").claims.is_empty());
}

#[test]
fn a_holder_that_is_unknown_changes_nothing_and_loses_no_claim() {
    let mut world = World::good();
    world.row("Pool").holder = opendoor_planner::observed::Holder::Unknown;
    world.remove("pool-tours");
    assert_quiet(&world.pass());
    assert_eq!(world.record("Pool").claims.len(), 1);
    world.declare("units", assignment("TourPass", &["Unit 103"]));
    assert_eq!(world.plan().steps.len(), 1);
}
