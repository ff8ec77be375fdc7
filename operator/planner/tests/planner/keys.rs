//! Partner keys: made, edited, adopted, converted, renamed, retained and deleted.

use opendoor_api::DeletionPolicy;

use crate::door_os;
use crate::world::{
    World, assert_quiet, key, key_doors, key_row, lines, partner_key, refusals, waiting,
};

fn schedule(from: &str, to: &str) -> Vec<opendoor_api::ScheduleEntry> {
    vec![opendoor_api::ScheduleEntry {
        days: vec![opendoor_api::Day::Friday, opendoor_api::Day::Monday],
        from: from.to_owned(),
        to: to.to_owned(),
    }]
}

#[test]
fn a_new_key_is_made_once() {
    let mut world = World::good();
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["CreateKey \"Pool\" of TourPass @pool-key.yaml:1"]
    );
    assert_eq!(
        plan.steps[0].after.to_string(),
        "key \"Pool\" of TourPass, 1 doors"
    );
    assert_quiet(&world.pass());
    assert_eq!(world.observed.keys.len(), 3);
}

#[test]
fn the_name_of_the_object_is_the_name_of_the_key_unless_it_says_another() {
    let mut world = World::good();
    let mut spec = partner_key("TourPass", "", &[("Pool", true)]);
    spec.key_name = None;
    world.declare_key("pool-key", spec);
    assert_eq!(
        lines(&world.plan()),
        ["CreateKey \"pool-key\" of TourPass @pool-key.yaml:1"]
    );
}

#[test]
fn name_doors_doorcodes_and_schedule_change_in_one_write() {
    let mut world = World::good();
    world.partner_key("vacant-tours", |spec| {
        spec.key_name = Some("Tours".to_owned());
        spec.doors = key_doors(&[("Unit 101", false), ("Unit 103", true)]);
        spec.schedule = schedule("09:00", "17:00");
    });
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["UpdateKey \"Vacant tours\" of TourPass @vacant-tours.yaml:1"]
    );
    assert_eq!(
        plan.steps[0].after.to_string(),
        "key \"Tours\" of TourPass, 2 doors, Mon Fri 09:00-17:00"
    );
    assert_eq!(
        (plan.summary.grants, plan.summary.removals),
        (1, 2),
        "both old doors are narrowed"
    );
    assert!(plan.drifted.is_empty());
    assert_quiet(&world.plan());
}

#[test]
fn a_schedule_that_only_widens_takes_nothing_away() {
    let mut world = World::good();
    world.partner_key("vacant-tours", |spec| {
        spec.schedule = schedule("09:00", "17:00")
    });
    world.pass();
    world.partner_key("vacant-tours", |spec| {
        spec.schedule = schedule("08:00", "18:00")
    });
    let plan = world.pass();
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(plan.summary.removals, 0);
}

#[test]
fn a_door_taken_out_of_a_key_of_an_offline_lock_is_a_visit_by_key() {
    let mut world = World::good();
    world.row("Unit 102").connected = Some(false);
    world.partner_key("vacant-tours", |spec| {
        spec.doors = key_doors(&[("Unit 101", true)])
    });
    world.pass();
    world.advance(1);
    assert_eq!(
        waiting(&world.plan()),
        ["Sync Unit 102 TourPass by key: DoorSyncRequired"]
    );
}

#[test]
fn renaming_the_object_changes_nothing_in_door_os() {
    let mut world = World::good();
    world.key_row("Vacant tours").holders = Some(9);
    let tours = [("Unit 101", true), ("Unit 102", false)];
    world.remove("vacant-tours");
    world.declare_key("tours", partner_key("TourPass", "Vacant tours", &tours));
    assert_quiet(&world.pass());
    assert_quiet(&world.pass());
}

#[test]
fn an_object_renamed_together_with_its_key_renames_the_key_and_keeps_its_holders() {
    let mut world = World::good();
    world.key_row("Vacant tours").holders = Some(9);
    let tours = [("Unit 101", true), ("Unit 102", false)];
    world.remove("vacant-tours");
    world.declare_key("tours", partner_key("TourPass", "Tours", &tours));
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["UpdateKey \"Vacant tours\" of TourPass @tours.yaml:1"]
    );
    assert_quiet(&world.plan());
}

#[test]
fn a_key_goes_to_the_object_that_declares_its_name_whatever_that_is_called() {
    for (kept, new) in [("a", "b"), ("b", "a")] {
        let mut world = World::good();
        let tours = [("Unit 101", true), ("Unit 102", false)];
        world.remove("vacant-tours");
        world.declare_key(kept, partner_key("TourPass", "Vacant tours", &tours));
        world.declare_key(new, partner_key("TourPass", "More tours", &tours));
        let plan = world.pass();
        assert_eq!(
            lines(&plan),
            [format!(
                "CreateKey \"More tours\" of TourPass @{new}.yaml:1"
            )]
        );
        let record = &world.ledger.head.keys[&key("Vacant tours")];
        assert_eq!(record.owner.name, kept);
        assert_quiet(&world.plan());
    }
}

#[test]
fn a_key_name_that_two_new_objects_want_goes_to_neither() {
    let mut world = World::good();
    world.declare_key("one", partner_key("TourPass", "Pool", &[("Pool", true)]));
    world.declare_key(
        "two",
        partner_key("Parcel Runner", "Pool", &[("Pool", true)]),
    );
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(
        refusals(&plan),
        ["KeyNameTaken one.yaml:7", "KeyNameTaken two.yaml:7"]
    );
    world.remove("two");
    world.pass();
    let keys = &world.observed.keys;
    let pool = keys.iter().find(|row| row.name == "Pool").unwrap().uuid;
    door_os::delete_key(&mut world.observed, pool);
    world.declare_key(
        "two",
        partner_key("Parcel Runner", "Pool", &[("Pool", true)]),
    );
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        ["CreateKey \"Pool\" of TourPass @one.yaml:1"],
        "it was its own before"
    );
    assert_eq!(refusals(&plan), ["KeyNameTaken two.yaml:7"]);
}

#[test]
fn a_name_that_a_key_of_ours_is_giving_up_is_waited_for() {
    let mut world = World::good();
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    world.pass();
    world.remove("pool-key");
    world.partner_key("vacant-tours", |spec| {
        spec.key_name = Some("Pool".to_owned())
    });
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["DeleteKey \"Pool\" of TourPass @pool-key.yaml"]
    );
    assert_eq!(refusals(&plan), ["WaitingForKeyName vacant-tours.yaml:7"]);
    assert!(!plan.has_refusals(), "it comes by itself");
    assert_eq!(
        lines(&world.pass()),
        ["UpdateKey \"Vacant tours\" of TourPass @vacant-tours.yaml:1"]
    );
    assert_quiet(&world.plan());
}

#[test]
fn a_name_that_a_foreign_key_has_is_taken_and_the_rest_of_the_edit_proceeds() {
    let mut world = World::good();
    world.partner_key("vacant-tours", |spec| {
        spec.key_name = Some("Residents".to_owned());
        spec.doors = key_doors(&[("Unit 101", true), ("Unit 102", false), ("Pool", false)]);
    });
    let plan = world.plan();
    assert_eq!(refusals(&plan), ["KeyNameTaken vacant-tours.yaml:7"]);
    assert_eq!(
        plan.steps[0].after.to_string(),
        "key \"Vacant tours\" of TourPass, 3 doors"
    );
}

#[test]
fn a_key_without_holders_is_deleted_with_its_object() {
    let mut world = World::good();
    world.remove("vacant-tours");
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["DeleteKey \"Vacant tours\" of TourPass @vacant-tours.yaml"]
    );
    assert!(plan.steps[0].irreversible);
    assert_eq!(plan.summary.removals, 2);
    assert_quiet(&world.plan());
}

#[test]
fn a_key_that_people_hold_or_may_hold_is_deleted_only_when_approved() {
    for holders in [Some(1), None] {
        let mut world = World::good();
        world.key_row("Vacant tours").holders = holders;
        world.remove("vacant-tours");
        let plan = world.pass();
        assert_eq!(
            lines(&plan),
            ["DeleteKey \"Vacant tours\" of TourPass HELD HoldersAffected @vacant-tours.yaml"]
        );
        world.approve(&plan);
        world.pass();
        world.approvals.clear();
        assert_quiet(&world.plan());
        assert_eq!(world.observed.keys.len(), 1, "the ordinary key");
    }
}

#[test]
fn a_held_deletion_is_undone_by_declaring_the_key_again() {
    let mut world = World::good();
    world.key_row("Vacant tours").holders = Some(1);
    let object = world.object("vacant-tours").clone();
    world.remove("vacant-tours");
    world.pass();
    world.declared.objects.push(object);
    world.declared.objects.sort_by(|a, b| a.owner.cmp(&b.owner));
    assert_quiet(&world.pass());
    assert!(world.ledger.head.holds.is_empty());
}

#[test]
fn a_retained_key_is_left_in_place_and_no_longer_ours() {
    let mut world = World::good();
    world.partner_key("vacant-tours", |spec| {
        spec.deletion_policy = DeletionPolicy::Retain
    });
    world.pass();
    world.remove("vacant-tours");
    let plan = world.pass();
    assert_quiet(&plan);
    assert!(world.ledger.head.keys.is_empty());
    assert_eq!(plan.unmanaged[0].what, "key \"Vacant tours\"");
}

#[test]
fn a_door_of_an_unknown_name_is_refused_and_the_key_keeps_its_other_doors() {
    let mut world = World::good();
    world.partner_key("vacant-tours", |spec| {
        spec.doors = key_doors(&[("Unit 101", true), ("Unit 102", false), ("Attic", true)]);
    });
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["DoorNotFound vacant-tours.yaml:13"]);
}

#[test]
fn a_door_name_that_means_another_door_leaves_the_key_as_it_is() {
    let mut world = World::good();
    world.row("Unit 102").name = "Unit 102 old".into();
    world.row("Unit 103").name = "Unit 102".into();
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["IdentityChanged vacant-tours.yaml:12"]);
}

#[test]
fn a_key_deleted_by_hand_and_made_again_by_hand_is_taken_up_where_it_is_equal() {
    let mut world = World::good();
    let mut again = key_row(
        "Again",
        Some("TourPass"),
        &[("Unit 101", true), ("Unit 102", false)],
    );
    door_os::delete_key(&mut world.observed, key("Vacant tours"));
    again.name = "Vacant tours".to_owned();
    door_os::create_key(&mut world.observed, again);
    assert_quiet(&world.pass());
    assert_quiet(&world.pass());
    assert_eq!(world.ledger.head.keys.len(), 1);
}

#[test]
fn a_key_restored_after_it_was_deleted_by_hand_is_restored_once() {
    let mut world = World::good();
    for round in 0..3 {
        let uuid = world.ledger.head.keys.keys().next().copied().unwrap();
        door_os::delete_key(&mut world.observed, uuid);
        let plan = world.pass();
        assert_eq!(
            lines(&plan),
            ["CreateKey \"Vacant tours\" of TourPass @vacant-tours.yaml:1"]
        );
        assert_quiet(&world.pass());
        assert_eq!(world.observed.keys.len(), 2, "round {round}");
    }
}

#[test]
fn a_stale_row_of_a_key_is_left_alone() {
    let mut world = World::good();
    let old = world.key_row("Vacant tours").clone();
    world.partner_key("vacant-tours", |spec| {
        spec.doors = key_doors(&[("Unit 101", true)])
    });
    world.pass();
    *world.key_row("Vacant tours") = old;
    assert_eq!(lines(&world.plan()), [""; 0]);
}
