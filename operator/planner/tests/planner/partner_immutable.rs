//! The partner of a partner key never changes, by whatever route.

use opendoor_planner::reasons::Reason;

use crate::world::{World, assert_quiet, lines, partner, partner_key, refusal, refusals};

const TOURS: [(&str, bool); 2] = [("Unit 101", true), ("Unit 102", false)];

#[test]
fn a_changed_partner_is_refused_where_it_stands_with_what_to_do_and_the_rest_is_applied() {
    let mut world = World::good();
    world.partner_key("vacant-tours", |spec| {
        spec.partner = "Parcel Runner".to_owned()
    });
    world.remove("pool-tours");
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["RemoveDoor Pool: TourPass -> none @pool-tours.yaml"]
    );
    assert_eq!(refusals(&plan), ["PartnerImmutable vacant-tours.yaml:6"]);
    let message = &refusal(&plan, Reason::PartnerImmutable).message;
    for advice in [
        "Create a new PartnerKey",
        "move its holders",
        "delete this one",
        "doorcodes go with it",
    ] {
        assert!(message.contains(advice), "{message}");
    }
}

#[test]
fn an_edit_refused_for_its_partner_changes_nothing_else_of_the_key() {
    let mut world = World::good();
    let changed = partner_key("Parcel Runner", "Renamed", &[("Pool", false)]);
    world.declare_key("vacant-tours", changed);
    assert_eq!(lines(&world.plan()), [""; 0]);
}

#[test]
fn another_property_is_refused() {
    let mut world = World::good();
    world.partner_key("vacant-tours", |spec| {
        spec.property_ref.name = "other".to_owned()
    });
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["PartnerImmutable vacant-tours.yaml:5"]);
}

#[test]
fn a_key_whose_partner_was_changed_in_door_os_is_left_alone() {
    let mut world = World::good();
    world.hand_key("Vacant tours", |row| {
        row.partner = Some(partner("Parcel Runner"))
    });
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["PartnerImmutable vacant-tours.yaml:6"]);
    let message = &refusal(&plan, Reason::PartnerImmutable).message;
    assert!(
        message.contains("belongs to Parcel Runner in DOOR OS"),
        "{message}"
    );
}

#[test]
fn a_new_object_for_the_same_key_name_is_refused_while_the_old_key_lives() {
    let mut world = World::good();
    world.key_row("Vacant tours").holders = Some(4);
    world.remove("vacant-tours");
    world.declare_key(
        "parcel-tours",
        partner_key("Parcel Runner", "Vacant tours", &TOURS),
    );
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["DeleteKey \"Vacant tours\" of TourPass HELD HoldersAffected @vacant-tours.yaml"]
    );
    assert_eq!(refusals(&plan), ["PartnerImmutable parcel-tours.yaml:6"]);
}

#[test]
fn the_name_is_free_once_the_old_key_is_proven_deleted() {
    let mut world = World::good();
    world.remove("vacant-tours");
    world.declare_key(
        "parcel-tours",
        partner_key("Parcel Runner", "Vacant tours", &TOURS),
    );
    assert_eq!(
        lines(&world.pass()),
        ["DeleteKey \"Vacant tours\" of TourPass @vacant-tours.yaml"]
    );
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["CreateKey \"Vacant tours\" of Parcel Runner @parcel-tours.yaml:1"]
    );
    assert_quiet(&world.plan());
}

#[test]
fn a_foreign_key_of_another_partner_is_not_to_be_had_either() {
    let mut world = World::good();
    crate::door_os::create_key(
        &mut world.observed,
        crate::world::key_row("Concierge", Some("Parcel Runner"), &[("Pool", false)]),
    );
    world.declare_key(
        "concierge",
        partner_key("TourPass", "Concierge", &[("Pool", false)]),
    );
    assert_eq!(
        refusals(&world.plan()),
        ["PartnerImmutable concierge.yaml:6"]
    );
}

#[test]
fn a_key_that_is_adopted_keeps_its_partner() {
    let mut world = World::good();
    crate::door_os::create_key(
        &mut world.observed,
        crate::world::key_row("Concierge", Some("Parcel Runner"), &[("Pool", false)]),
    );
    let mut spec = partner_key("TourPass", "Concierge", &[("Pool", false)]);
    spec.adopt = Some(opendoor_api::Adoption {
        acknowledge: opendoor_api::Acknowledgement::ConvertsToPartnerKeyForGood,
        key_uuid: None,
    });
    world.declare_key("concierge", spec);
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["PartnerImmutable concierge.yaml:6"]);
}

fn authorise(world: &mut World, name: &str) {
    let partners = &mut world.observed.partners;
    partners.push(opendoor_planner::observed::Partner {
        uuid: partner(name),
        name: name.to_owned(),
    });
    partners.sort_by_key(|known| known.uuid);
}

#[test]
fn a_partner_stays_that_no_key_was_made_for_yet_and_none_is_made_against_the_file() {
    let mut world = World::good();
    world.declare_key(
        "pool-key",
        partner_key("CleanCo", "Pool", &[("Pool", true)]),
    );
    assert_eq!(lines(&world.pass()), [""; 0], "CleanCo is not authorised");
    world.partner_key("pool-key", |spec| spec.partner = "TourPass".to_owned());
    let plan = world.pass();
    assert_eq!(refusals(&plan), ["PartnerImmutable pool-key.yaml:6"]);
    assert!(
        plan.refusals[0]
            .message
            .contains("No key was made for it yet")
    );
    authorise(&mut world, "CleanCo");
    assert_eq!(lines(&world.pass()), [""; 0]);
    world.remove("pool-key");
    world.declare_key(
        "pool-key-2",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    assert_eq!(
        lines(&world.pass()),
        ["CreateKey \"Pool\" of TourPass @pool-key-2.yaml:1"]
    );
}

#[test]
fn a_key_that_may_be_on_its_way_has_its_partner() {
    let mut world = World::good();
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    world.lose_answers(false);
    world.partner_key("pool-key", |spec| spec.partner = "Parcel Runner".to_owned());
    let plan = world.pass();
    assert_eq!(lines(&plan), [""; 0], "nor is it sent again");
    assert_eq!(
        refusals(&plan),
        [
            "PartnerImmutable pool-key.yaml:6",
            "OutcomeUnknown harbor-point.yaml:1",
        ]
    );
    world.advance(12);
    let plan = world.pass();
    assert_eq!(lines(&plan), [""; 0], "it never came");
    assert_eq!(refusals(&plan), ["PartnerImmutable pool-key.yaml:6"]);
}

#[test]
fn a_refused_change_of_partner_has_no_key_made_for_the_old_one() {
    let mut world = World::good();
    crate::door_os::delete_key(&mut world.observed, crate::world::key("Vacant tours"));
    world.partner_key("vacant-tours", |spec| {
        spec.partner = "Parcel Runner".to_owned()
    });
    let plan = world.pass();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["PartnerImmutable vacant-tours.yaml:6"]);
}

#[test]
fn a_refused_change_keeps_what_there_is_and_grants_nothing() {
    let mut world = World::good();
    world.declare(
        "cleaners",
        crate::world::assignment("CleanCo", &["Unit 103"]),
    );
    world.pass();
    let elsewhere = |spec: &mut opendoor_api::DoorAssignmentSpec| {
        spec.property_ref.name = "other".to_owned();
    };
    world.assignment("cleaners", elsewhere);
    world.assignment("pool-tours", elsewhere);
    world.partner_key("vacant-tours", |spec| {
        spec.partner = "Parcel Runner".to_owned()
    });
    authorise(&mut world, "CleanCo");
    world.hand_key("Vacant tours", |row| {
        row.doors.remove(0);
    });
    assert_eq!(lines(&world.pass()), [""; 0]);
    world.hand_door("Pool", None);
    assert_eq!(lines(&world.pass()), [""; 0]);
}
