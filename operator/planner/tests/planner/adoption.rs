//! Keys that exist already: taken over, converted for good, or left to whoever has them.

use opendoor_api::{Acknowledgement, Adoption};
use opendoor_planner::reasons::Reason;

use crate::door_os;
use crate::world::{World, assert_quiet, key, key_row, lines, partner_key, refusal, refusals};

fn adopt(uuid: Option<String>) -> Option<Adoption> {
    Some(Adoption {
        acknowledge: Acknowledgement::ConvertsToPartnerKeyForGood,
        key_uuid: uuid,
    })
}

#[test]
fn an_ordinary_key_of_the_wanted_name_needs_an_acknowledgement() {
    let mut world = World::good();
    let doors = [("Front Entrance", true), ("Unit 101", true)];
    world.declare_key("residents", partner_key("TourPass", "Residents", &doors));
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(
        refusals(&plan),
        ["AcknowledgementRequired residents.yaml:7"]
    );
    let message = &refusal(&plan, Reason::AcknowledgementRequired).message;
    assert!(message.contains(&key("Residents").to_string()), "{message}");
}

#[test]
fn an_acknowledged_conversion_is_for_good_and_grants_every_door_of_the_key() {
    let mut world = World::good();
    let doors = [("Front Entrance", true), ("Unit 101", true)];
    let mut spec = partner_key("TourPass", "Residents", &doors);
    spec.adopt = adopt(Some(key("Residents").to_string()));
    world.declare_key("residents", spec);
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["ConvertKey \"Residents\" of TourPass @residents.yaml:1"]
    );
    let step = &plan.steps[0];
    assert!(step.irreversible);
    assert_eq!((step.holders_affected, step.grants.len()), (Some(5), 2));
    assert_quiet(&world.plan());
}

#[test]
fn a_conversion_that_would_give_away_an_undeclared_door_is_refused() {
    let mut world = World::good();
    let mut spec = partner_key("TourPass", "Residents", &[("Unit 101", true)]);
    spec.adopt = adopt(None);
    world.declare_key("residents", spec);
    let plan = world.plan();
    assert_eq!(
        refusals(&plan),
        ["AcknowledgementRequired residents.yaml:8"]
    );
    let message = &refusal(&plan, Reason::AcknowledgementRequired).message;
    assert!(message.contains("\"Front Entrance\""), "{message}");
}

#[test]
fn adopting_a_key_that_is_not_there_is_refused() {
    let mut world = World::good();
    let mut spec = partner_key("TourPass", "New", &[("Pool", true)]);
    spec.adopt = adopt(Some(key("Nothing").to_string()));
    world.declare_key("new", spec);
    assert_eq!(refusals(&world.plan()), ["KeyNotFound new.yaml:9"]);
}

#[test]
fn an_equal_partner_key_is_adopted_at_first_sight() {
    let mut world = World::good();
    door_os::create_key(
        &mut world.observed,
        key_row("Pool", Some("TourPass"), &[("Pool", true)]),
    );
    world.declare_key(
        "pool-key",
        partner_key("TourPass", "Pool", &[("Pool", true)]),
    );
    assert_quiet(&world.plan());
    assert_eq!(world.taken.adopted, 1);
}

#[test]
fn a_foreign_key_that_differs_is_taken_only_when_adopted() {
    let mut world = World::good();
    door_os::create_key(
        &mut world.observed,
        key_row("Pool", Some("TourPass"), &[("Pool", false)]),
    );
    let mut spec = partner_key("TourPass", "Pool", &[("Pool", true)]);
    world.declare_key("pool-key", spec.clone());
    assert_eq!(refusals(&world.plan()), ["KeyNameTaken pool-key.yaml:7"]);
    spec.adopt = adopt(Some(key("Pool").to_string()));
    world.declare_key("pool-key", spec);
    assert_eq!(
        lines(&world.pass()),
        ["UpdateKey \"Pool\" of TourPass @pool-key.yaml:1"]
    );
    assert_quiet(&world.plan());
}

#[test]
fn a_foreign_key_is_not_equal_to_one_of_which_a_door_is_not_known() {
    let mut world = World::good();
    door_os::create_key(
        &mut world.observed,
        key_row("Pool", Some("TourPass"), &[("Pool", true)]),
    );
    let doors = [("Pool", true), ("Mail Rom", true)];
    world.declare_key("pool-key", partner_key("TourPass", "Pool", &doors));
    assert_eq!(
        refusals(&world.plan()),
        [
            "KeyNameTaken pool-key.yaml:7",
            "DoorNotFound pool-key.yaml:12"
        ]
    );
    assert!(!world.ledger.head.keys.contains_key(&key("Pool")));
}

#[test]
fn two_objects_cannot_have_one_key() {
    let mut world = World::good();
    let tours = [("Unit 101", true), ("Unit 102", false)];
    world.declare_key("second", partner_key("TourPass", "Vacant tours", &tours));
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["KeyNameTaken second.yaml:7"]);
}
