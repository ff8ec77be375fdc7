//! Objects that share a door, hand it to each other, or contend for it.

use opendoor_planner::declared::Absence;
use opendoor_planner::owner::OwnerKind;
use opendoor_planner::reasons::Reason;

use crate::world::{
    World, assert_quiet, assignment, lines, owner, partner_key, refusal, refusals, selecting,
    strings,
};

fn by_name(pattern: &str) -> opendoor_api::DoorSelector {
    opendoor_api::DoorSelector {
        name_pattern: Some(pattern.to_owned()),
        ..Default::default()
    }
}

#[test]
fn renaming_an_object_changes_nothing_in_door_os() {
    let mut world = World::good();
    world.remove("pool-tours");
    world.declare("tours-at-the-pool", assignment("TourPass", &["Pool"]));
    assert_quiet(&world.pass());
    let owners: Vec<_> = world.record("Pool").claims[0].owners.iter().collect();
    assert_eq!(
        owners,
        [&owner("tours-at-the-pool", OwnerKind::DoorAssignment)]
    );
}

#[test]
fn moving_a_door_between_objects_of_one_partner_changes_nothing_in_door_os() {
    let mut world = World::good();
    let rest = ["Front Entrance", "Mail Room", "Garage Gate"];
    world.assignment("parcel-runner", |spec| spec.doors = Some(strings(&rest)));
    world.declare(
        "parcel-annex",
        assignment("Parcel Runner", &["Package Room"]),
    );
    assert_quiet(&world.pass());
    world.remove("parcel-annex");
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Package Room: Parcel Runner -> none @parcel-annex.yaml"]
    );
}

#[test]
fn two_objects_of_one_partner_share_a_door_until_both_let_go() {
    let mut world = World::good();
    world.declare("also-the-pool", assignment("TourPass", &["Pool"]));
    assert_quiet(&world.pass());
    world.remove("pool-tours");
    assert_quiet(&world.pass());
    world.remove("also-the-pool");
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Pool: TourPass -> none @also-the-pool.yaml"]
    );
}

#[test]
fn a_door_granted_for_two_objects_belongs_to_both_at_once() {
    let mut world = World::good();
    world.declare("one", assignment("TourPass", &["Unit 103"]));
    world.declare("two", assignment("TourPass", &["Unit 103"]));
    world.pass();
    world.commit();
    assert_quiet(&world.plan());
    assert!(
        !world.ledger.unsaved.any(),
        "the pass after a grant has nothing to commit"
    );
    let both = ["one", "two"].map(|name| owner(name, OwnerKind::DoorAssignment));
    assert_eq!(world.record("Unit 103").claims[0].owners[..], both);
}

#[test]
fn a_door_that_two_partners_are_declared_for_stays_with_whoever_holds_it() {
    let mut world = World::good();
    world.declare("rival", assignment("Parcel Runner", &["Pool"]));
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["DoorClaimedTwice rival.yaml:11"]);
    let message = &refusal(&plan, Reason::DoorClaimedTwice).message;
    assert!(
        message.contains("DoorAssignment/pool-tours for TourPass (pool-tours.yaml)"),
        "{message}"
    );
}

#[test]
fn a_door_that_nobody_holds_goes_to_neither_of_two_partners_and_the_others_proceed() {
    let mut world = World::good();
    world.declare("one", assignment("TourPass", &["Unit 103"]));
    world.declare(
        "two",
        assignment("Parcel Runner", &["Unit 103", "Unit 102"]),
    );
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        ["AssignDoor Unit 102: none -> Parcel Runner @two.yaml:12"]
    );
    assert_eq!(
        refusals(&plan),
        [
            "DoorClaimedTwice one.yaml:11",
            "DoorClaimedTwice two.yaml:11"
        ]
    );
}

#[test]
fn an_explicit_name_goes_before_a_selector_without_a_refusal() {
    let mut world = World::good();
    world.declare("all-units", selecting("Parcel Runner", by_name("Unit 103")));
    world.declare("one", assignment("TourPass", &["Unit 103"]));
    assert_eq!(
        lines(&world.pass()),
        ["AssignDoor Unit 103: none -> TourPass @one.yaml:11"]
    );
    assert_quiet(&world.plan());
}

#[test]
fn an_explicit_name_takes_a_door_that_a_selector_holds() {
    let mut world = World::good();
    world.declare("all-units", selecting("Parcel Runner", by_name("Unit 103")));
    world.pass();
    world.declare("one", assignment("TourPass", &["Unit 103"]));
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        ["ChangeDoor Unit 103: Parcel Runner -> TourPass @one.yaml:11"]
    );
}

#[test]
fn two_explicit_names_that_contend_do_not_cost_the_selector_its_door() {
    let mut world = World::good();
    world.property(|spec| {
        let homely = opendoor_api::PropertyPartner {
            name: "Homely".to_owned(),
            uuid: None,
        };
        spec.partners.push(homely);
    });
    let homely = opendoor_planner::observed::Partner {
        uuid: crate::world::partner("Homely"),
        name: "Homely".to_owned(),
    };
    world.observed.partners.push(homely);
    world.declare("by-selector", selecting("Homely", by_name("Unit 103")));
    world.pass();
    world.declare("one", assignment("TourPass", &["Unit 103"]));
    world.declare("two", assignment("Parcel Runner", &["Unit 103"]));
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan).len(), 2);
}

#[test]
fn a_door_of_an_object_that_cannot_be_judged_is_not_given_to_another() {
    let mut world = World::good();
    world.property(|spec| spec.partners.retain(|partner| partner.name != "TourPass"));
    world.declare("rival", assignment("Parcel Runner", &["Pool"]));
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert!(refusals(&plan).contains(&"DoorClaimedTwice rival.yaml:11".to_owned()));
}

#[test]
fn a_door_of_an_object_that_vanished_with_its_folder_is_not_given_to_another_unasked() {
    let mut world = World::good();
    world.remove("pool-tours");
    let gone = owner("pool-tours", OwnerKind::DoorAssignment);
    world
        .declared
        .absent
        .insert(gone, Absence::Held(Reason::DeclarationIncomplete));
    world.declare("rival", assignment("Parcel Runner", &["Pool"]));
    assert_eq!(
        lines(&world.plan()),
        ["ChangeDoor Pool: TourPass -> Parcel Runner HELD DeclarationIncomplete @rival.yaml:11"]
    );
}

#[test]
fn a_shared_door_is_held_when_one_of_its_objects_vanished_with_its_folder() {
    let mut world = World::good();
    world.declare("also-the-pool", assignment("TourPass", &["Pool"]));
    world.pass();
    world.remove("pool-tours");
    world.remove("also-the-pool");
    let gone = owner("pool-tours", OwnerKind::DoorAssignment);
    world
        .declared
        .absent
        .insert(gone, Absence::Held(Reason::DeclarationIncomplete));
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Pool: TourPass -> none HELD DeclarationIncomplete @pool-tours.yaml"]
    );
}

#[test]
fn an_unreadable_object_keeps_its_doors() {
    let mut world = World::good();
    world.remove("pool-tours");
    let unreadable = owner("pool-tours", OwnerKind::DoorAssignment);
    world
        .declared
        .absent
        .insert(unreadable, Absence::Unreadable);
    assert_quiet(&world.pass());
    assert_quiet(&world.pass());
}

#[test]
fn an_unreadable_object_is_still_restored() {
    let mut world = World::good();
    world.remove("pool-tours");
    let unreadable = owner("pool-tours", OwnerKind::DoorAssignment);
    world
        .declared
        .absent
        .insert(unreadable, Absence::Unreadable);
    world.hand_door("Pool", None);
    assert_eq!(
        lines(&world.plan()),
        ["AssignDoor Pool: none -> TourPass @pool-tours.yaml"]
    );
}

#[test]
fn a_refused_object_keeps_its_last_accepted_declaration() {
    let mut world = World::good();
    let object = world.object("pool-tours");
    let problem = opendoor_planner::declared::Problem {
        reason: Reason::Invalid,
        message: "`doors` has no items".to_owned(),
        cause: object.cause.clone(),
    };
    object.problems.push(problem);
    object.spec = None;
    let plan = world.pass();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["Invalid pool-tours.yaml:1"]);
    assert!(plan.has_refusals());
}

#[test]
fn an_object_whose_owner_is_missing_without_a_trace_is_held() {
    let mut world = World::good();
    world.remove("pool-tours");
    let gone = owner("pool-tours", OwnerKind::DoorAssignment);
    world.ledger.head_mut().accepted.remove(&gone);
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Pool: TourPass -> none HELD OwnerMissing @pool-tours"]
    );
}

#[test]
fn an_assignment_does_not_move_to_another_property() {
    let mut world = World::good();
    world.assignment("pool-tours", |spec| {
        spec.property_ref.name = "other".to_owned()
    });
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["Invalid pool-tours.yaml:5"]);
}

#[test]
fn an_object_renamed_while_its_partner_cannot_be_used_loses_no_door() {
    let mut world = World::good();
    world.property(|spec| spec.partners.retain(|partner| partner.name != "TourPass"));
    world.remove("pool-tours");
    world.declare("tours-at-the-pool", assignment("TourPass", &["Pool"]));
    assert_eq!(lines(&world.pass()), [""; 0]);
    assert_eq!(lines(&world.pass()), [""; 0]);
}

#[test]
fn an_object_renamed_while_its_partner_cannot_be_used_loses_nothing_whatever_door_calls_the_partner()
 {
    let mut world = World::good();
    for partner in &mut world.observed.partners {
        if partner.name == "TourPass" {
            "TourPass Inc".clone_into(&mut partner.name);
        }
    }
    assert_quiet(&world.pass());
    world.property(|spec| spec.partners.retain(|partner| partner.name != "TourPass"));
    world.remove("pool-tours");
    world.remove("vacant-tours");
    world.declare("tours-at-the-pool", assignment("TourPass", &["Pool"]));
    let tours = [("Unit 101", true), ("Unit 102", false)];
    world.declare_key("tours", partner_key("TourPass", "Vacant tours", &tours));
    assert_eq!(lines(&world.pass()), [""; 0]);
    assert_eq!(lines(&world.pass()), [""; 0]);
}

#[test]
fn an_object_that_vanished_with_its_folder_still_owns_a_door_when_another_lets_go_of_it_later() {
    let mut world = World::good();
    world.declare("also-the-pool", assignment("TourPass", &["Pool"]));
    world.pass();
    world.remove("pool-tours");
    let gone = owner("pool-tours", OwnerKind::DoorAssignment);
    let held = Absence::Held(Reason::DeclarationIncomplete);
    world.declared.absent.insert(gone, held);
    assert_eq!(lines(&world.pass()), [""; 0]);
    world.remove("also-the-pool");
    assert_eq!(
        lines(&world.pass()),
        ["RemoveDoor Pool: TourPass -> none HELD DeclarationIncomplete @pool-tours.yaml"]
    );
}
