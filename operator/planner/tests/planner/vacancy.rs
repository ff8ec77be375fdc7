//! Doors that follow whether somebody lives behind them, and other selectors.

use opendoor_api::DoorSelector;
use opendoor_planner::conditions::{Selected, statuses};
use opendoor_planner::ids::DoorUuid;
use opendoor_planner::observed::{DoorType, Vacancy};

use crate::world::{World, assert_quiet, at, lines, refusals, selecting, strings};

fn vacant_units(world: &mut World) {
    let selector = DoorSelector {
        door_type: Some(opendoor_api::DoorType::Residence),
        vacancy: Some(opendoor_api::Vacancy::Vacant),
        ..DoorSelector::default()
    };
    world.declare("vacant-units", selecting("TourPass", selector));
}

fn set(world: &mut World, unit: &str, vacancy: Option<Vacancy>) {
    let now = world.now;
    let unit = world.row(unit).unit.as_mut().unwrap();
    unit.vacancy = vacancy;
    unit.vacancy_since = Some(now);
}

#[test]
fn a_unit_is_granted_a_day_after_it_became_vacant() {
    let mut world = World::good();
    vacant_units(&mut world);
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        ["AssignDoor Unit 101: none -> TourPass @vacant-units.yaml:8"]
    );
    assert_eq!(
        plan.next_change,
        Some(at("2026-03-03T04:00:00Z")),
        "then Unit 103 is ripe"
    );
    world.now = at("2026-03-03T04:00:00Z");
    assert_eq!(
        lines(&world.pass()),
        ["AssignDoor Unit 103: none -> TourPass @vacant-units.yaml:8"]
    );
}

#[test]
fn how_long_a_unit_must_be_vacant_can_be_said() {
    let mut world = World::good();
    vacant_units(&mut world);
    world.assignment("vacant-units", |spec| {
        spec.door_selector.as_mut().unwrap().vacant_for = Some("1h".parse().unwrap());
    });
    assert_eq!(world.plan().steps.len(), 2);
}

#[test]
fn a_unit_that_is_occupied_loses_access_at_once_and_the_brake_does_not_count_it() {
    let mut world = World::good();
    vacant_units(&mut world);
    world.pass();
    set(&mut world, "Unit 101", Some(Vacancy::Occupied));
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        ["RemoveDoor Unit 101: TourPass -> none @vacant-units.yaml:8"]
    );
    assert!(plan.steps[0].uncharged);
}

#[test]
fn a_unit_of_unknown_vacancy_changes_nothing() {
    for known in [true, false] {
        let mut world = World::good();
        vacant_units(&mut world);
        world.pass();
        set(&mut world, "Unit 101", None);
        set(&mut world, "Unit 103", None);
        if !known {
            world.row("Unit 101").unit = None;
        }
        world.advance(48 * 60);
        assert_quiet(&world.pass());
        assert_eq!(world.record("Unit 101").claims.len(), 1);
    }
}

#[test]
fn a_door_of_which_door_os_does_not_say_what_is_asked_for_is_left_as_it_is() {
    let selector = DoorSelector {
        door_type: Some(opendoor_api::DoorType::Residence),
        accessibility: Some(opendoor_api::Accessibility::Private),
        name_pattern: Some("Unit 10*".to_owned()),
        ..DoorSelector::default()
    };
    let mut world = World::good();
    world.row("Unit 103").door_type = None;
    world.declare("units", selecting("TourPass", selector));
    let plan = world.pass();
    assert_eq!(
        lines(&plan),
        [
            "AssignDoor Unit 101: none -> TourPass @units.yaml:8",
            "AssignDoor Unit 102: none -> TourPass @units.yaml:8",
        ]
    );
    world.row("Unit 101").door_type = None;
    world.row("Unit 102").accessibility = None;
    assert_quiet(&world.pass());
    world.row("Unit 102").name = "Store".into();
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Store: TourPass -> none @units.yaml:8"],
        "its name says that it is not meant"
    );
}

#[test]
fn a_unit_that_somebody_moved_into_is_taken_from_a_partner_that_cannot_be_used() {
    let withdrawn = |world: &mut World| {
        let partners = &mut world.observed.partners;
        partners.retain(|partner| partner.name != "TourPass");
    };
    let not_listed = |world: &mut World| {
        world.property(|spec| spec.partners.retain(|partner| partner.name != "TourPass"));
    };
    let ways: [&dyn Fn(&mut World); 2] = [&withdrawn, &not_listed];
    for end in ways {
        let mut world = World::good();
        vacant_units(&mut world);
        world.advance(48 * 60);
        world.pass();
        assert_eq!(world.record("Unit 103").claims.len(), 1);
        end(&mut world);
        set(&mut world, "Unit 101", Some(Vacancy::Occupied));
        assert_eq!(
            lines(&world.pass()),
            ["RemoveDoor Unit 101: TourPass -> none @vacant-units.yaml:8"]
        );
        assert_eq!(lines(&world.pass()), [""; 0], "the other one stays");
    }
}

#[test]
fn occupied_units_are_granted_at_once() {
    let mut world = World::good();
    let selector = DoorSelector {
        vacancy: Some(opendoor_api::Vacancy::Occupied),
        ..DoorSelector::default()
    };
    world.declare("lived-in", selecting("TourPass", selector));
    assert_eq!(
        lines(&world.plan()),
        ["AssignDoor Unit 102: none -> TourPass @lived-in.yaml:8"]
    );
}

/// What is said of the doors that the assignment `vacant-units` selects.
fn selected(world: &mut World) -> Option<Selected> {
    let plan = world.plan();
    let said = statuses(
        &world.ledger,
        &world.taken,
        &world.observed,
        &plan,
        world.now,
    );
    let mut named = said.into_iter().filter_map(|said| {
        let selected = said.selected?;
        assert_eq!(said.owner.name, "vacant-units", "no other selects");
        Some(selected)
    });
    named.next()
}

#[test]
fn the_doors_that_a_selector_means_are_named_and_so_are_those_it_keeps() {
    let named = |names: &[&str]| {
        Some(Selected {
            names: strings(names),
            more: 0,
        })
    };
    let mut world = World::good();
    assert_eq!(selected(&mut world), None);
    vacant_units(&mut world);
    assert_eq!(selected(&mut world), named(&["Unit 101"]));
    world.pass();
    set(&mut world, "Unit 101", None);
    assert_eq!(
        selected(&mut world),
        named(&["Unit 101"]),
        "DOOR OS still holds it for this"
    );
    set(&mut world, "Unit 101", Some(Vacancy::Occupied));
    assert_eq!(selected(&mut world), None);
}

#[test]
fn what_a_lock_only_owes_is_not_declared() {
    let mut world = World::good();
    vacant_units(&mut world);
    world.pass();
    set(&mut world, "Unit 101", Some(Vacancy::Occupied));
    world.row("Unit 101").connected = Some(false);
    world.pass();
    let plan = world.plan();
    let said = statuses(
        &world.ledger,
        &world.taken,
        &world.observed,
        &plan,
        world.now,
    );
    let units = said
        .iter()
        .find(|said| said.owner.name == "vacant-units")
        .unwrap();
    assert_eq!((units.declared, units.applied, units.visits), (0, 0, 1));
}

#[test]
fn of_more_doors_than_a_status_holds_the_first_are_named() {
    let mut world = World::good();
    let selector = DoorSelector {
        name_pattern: Some("Store *".to_owned()),
        ..DoorSelector::default()
    };
    world.declare("vacant-units", selecting("TourPass", selector));
    let like = world.row("Unit 101").clone();
    for number in 0..1_003_u128 {
        let mut row = like.clone();
        row.uuid = DoorUuid(uuid::Uuid::from_u128(0xffff_0000 + number));
        row.name = format!("Store {number:04}").into();
        world.observed.doors.push(row);
    }
    world.observed.doors.sort_by_key(|row| row.uuid);
    let said = selected(&mut world).unwrap();
    assert_eq!((said.names.len(), said.more), (1000, 3));
    assert_eq!(said.names[999], "Store 0999");
}

#[test]
fn nothing_that_depends_on_time_changes_while_the_clocks_differ() {
    let mut world = World::good();
    vacant_units(&mut world);
    world.pass();
    world.observed.clock_skewed = true;
    world.advance(48 * 60);
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        [""; 0],
        "Unit 103 is ripe only by a clock in doubt"
    );
    assert_eq!(refusals(&plan), ["ClockSkewed harbor-point.yaml:1"]);
}

#[test]
fn a_move_is_no_matter_of_time() {
    let mut world = World::good();
    vacant_units(&mut world);
    world.pass();
    world.observed.clock_skewed = true;
    set(&mut world, "Unit 101", Some(Vacancy::Occupied));
    assert_eq!(
        lines(&world.plan()),
        ["RemoveDoor Unit 101: TourPass -> none @vacant-units.yaml:8"]
    );
}

#[test]
fn a_selector_follows_type_and_name_and_leaves_out_what_it_must() {
    let mut world = World::good();
    let selector = DoorSelector {
        accessibility: Some(opendoor_api::Accessibility::Private),
        name_pattern: Some("Unit *".to_owned()),
        ..DoorSelector::default()
    };
    let mut spec = selecting("Parcel Runner", selector);
    spec.except_doors = Some(strings(&["Unit 102"]));
    world.declare("units", spec);
    assert_eq!(
        lines(&world.plan()),
        [
            "AssignDoor Unit 101: none -> Parcel Runner @units.yaml:8",
            "AssignDoor Unit 103: none -> Parcel Runner @units.yaml:8",
        ]
    );
}

#[test]
fn an_exception_that_names_no_door_grants_and_revokes_nothing() {
    let mut world = World::good();
    let selector = DoorSelector {
        name_pattern: Some("Unit *".to_owned()),
        ..DoorSelector::default()
    };
    let mut spec = selecting("Parcel Runner", selector);
    spec.except_doors = Some(strings(&["Unit 1O2"]));
    world.declare("units", spec);
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(refusals(&plan), ["DoorNotFound units.yaml:31"]);
}

#[test]
fn an_exception_whose_name_now_means_another_door_grants_neither() {
    let mut world = World::good();
    let selector = DoorSelector {
        name_pattern: Some("Unit *".to_owned()),
        ..DoorSelector::default()
    };
    let mut spec = selecting("Parcel Runner", selector);
    spec.except_doors = Some(strings(&["Unit 102"]));
    world.declare("units", spec);
    world.pass();
    world.row("Unit 102").name = "Unit 102 old".into();
    world.row("Unit 103").name = "Unit 102".into();
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert!(refusals(&plan).contains(&"IdentityChanged units.yaml:31".to_owned()));
}

#[test]
fn an_exception_that_left_the_building_does_not_stop_its_selector() {
    let mut world = World::good();
    let selector = DoorSelector {
        name_pattern: Some("Unit *".to_owned()),
        ..DoorSelector::default()
    };
    let mut spec = selecting("Parcel Runner", selector);
    spec.except_doors = Some(strings(&["Unit 103", "Unit 102"]));
    world.declare("units", spec);
    world.plan();
    world.observed.doors.retain(|row| *row.name != *"Unit 103");
    assert_eq!(
        lines(&world.plan()),
        ["AssignDoor Unit 101: none -> Parcel Runner @units.yaml:8"]
    );
}

#[test]
fn a_door_of_unknown_type_is_not_selected_by_type() {
    let mut world = World::good();
    world.row("Unit 101").door_type = None;
    world.row("Unit 103").door_type = Some(DoorType::Service);
    vacant_units(&mut world);
    world.advance(48 * 60);
    assert_quiet(&world.plan());
}
