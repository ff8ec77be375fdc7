//! Partners that are not listed, not authorised, withdrawn, or another one than before.

use opendoor_planner::plan::WaitingKind;
use opendoor_planner::reasons::Reason;

use crate::world::{
    World, assert_quiet, assignment, lines, partner, partner_key, refusal, refusals, waiting,
};

fn list_without(world: &mut World, name: &str) {
    world.property(|spec| spec.partners.retain(|partner| partner.name != name));
}

fn authorize(world: &mut World, name: &str) {
    let new = opendoor_planner::observed::Partner {
        uuid: partner(name),
        name: name.to_owned(),
    };
    world.observed.partners.push(new);
    world.observed.partners.sort_by_key(|partner| partner.uuid);
}

fn withdraw(world: &mut World, name: &str) {
    world
        .observed
        .partners
        .retain(|partner| partner.name != name);
}

#[test]
fn a_partner_that_is_not_listed_is_refused_and_the_nearest_is_named() {
    let mut world = World::good();
    world.declare("typo", assignment("TourPas", &["Unit 103"]));
    let plan = world.plan();
    assert_eq!(refusals(&plan), ["PartnerNotListed typo.yaml:6"]);
    let message = &refusal(&plan, Reason::PartnerNotListed).message;
    assert!(message.contains("Did you mean \"TourPass\""), "{message}");
}

#[test]
fn doors_of_a_partner_that_is_not_authorised_wait_and_are_no_steps() {
    let mut world = World::good();
    world.declare("cleaners", assignment("CleanCo", &["Unit 103"]));
    world.declare_key(
        "cleaner-key",
        partner_key("CleanCo", "Cleaners", &[("Pool", false)]),
    );
    let plan = world.plan();
    assert_quiet(&plan);
    assert_eq!(
        waiting(&plan),
        [
            "Authorization Pool CleanCo by key: AwaitingAuthorization",
            "Authorization Unit 103 CleanCo by door: AwaitingAuthorization",
        ]
    );
    authorize(&mut world, "CleanCo");
    assert_eq!(
        lines(&world.pass()),
        [
            "AssignDoor Unit 103: none -> CleanCo @cleaners.yaml:11",
            "CreateKey \"Cleaners\" of CleanCo @cleaner-key.yaml:1",
        ]
    );
    assert_quiet(&world.plan());
}

#[test]
fn a_listed_partner_without_authorisation_is_an_email_with_its_date() {
    let mut world = World::good();
    let plan = world.plan();
    let email: Vec<_> = plan
        .waiting
        .iter()
        .filter(|w| w.kind == WaitingKind::Email)
        .collect();
    assert_eq!(email.len(), 1);
    assert_eq!(email[0].partner, "CleanCo");
    assert_eq!(email[0].since, Some(crate::world::at(crate::world::START)));
}

#[test]
fn a_selector_of_a_partner_that_is_not_authorised_does_not_wait_for_the_doors_it_leaves_out() {
    let mut world = World::good();
    let units = opendoor_api::DoorSelector {
        name_pattern: Some("Unit *".to_owned()),
        ..Default::default()
    };
    let mut spec = crate::world::selecting("CleanCo", units);
    spec.except_doors = Some(vec!["Unit 101".to_owned()]);
    world.declare("cleaners", spec);
    assert_eq!(waiting(&world.plan()).len(), 2);
}

#[test]
fn a_partner_whose_authorisation_ended_keeps_what_door_os_still_holds() {
    let mut world = World::good();
    withdraw(&mut world, "TourPass");
    let plan = world.plan();
    assert_quiet(&plan);
    assert!(
        waiting(&plan)
            .contains(&"Authorization Pool TourPass by door: AwaitingAuthorization".to_owned())
    );
    assert!(waiting(&plan).contains(&"Email TourPass: AwaitingAuthorization".to_owned()));
}

#[test]
fn a_partner_taken_off_the_list_while_objects_use_it_loses_nothing() {
    let mut world = World::good();
    list_without(&mut world, "TourPass");
    let plan = world.pass();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(
        refusals(&plan),
        [
            "PartnerNotListed pool-tours.yaml:6",
            "PartnerNotListed vacant-tours.yaml:6",
            "InUse harbor-point.yaml:1",
        ]
    );
    let message = &refusal(&plan, Reason::InUse).message;
    assert!(
        message.contains("the door \"Pool\", the key \"Vacant tours\""),
        "{message}"
    );
}

#[test]
fn a_withdrawal_waits_for_the_locks_and_then_the_email_is_due_until_door_has_done_it() {
    let mut world = World::good();
    list_without(&mut world, "TourPass");
    world.remove("pool-tours");
    world.remove("vacant-tours");
    world.row("Pool").connected = Some(false);
    world.pass();
    world.advance(10);
    let plan = world.plan();
    let message = &refusal(&plan, Reason::InUse).message;
    assert!(
        message.contains("the lock of \"Pool\", not proven synced"),
        "{message}"
    );
    assert!(!waiting(&plan).iter().any(|line| line.starts_with("Email")));

    world.sync_all();
    let plan = world.plan();
    assert_quiet(&plan);
    assert_eq!(waiting(&plan), ["Email TourPass: InUse"]);

    withdraw(&mut world, "TourPass");
    let plan = world.plan();
    assert_quiet(&plan);
    assert_eq!(waiting(&plan), [""; 0]);
    assert!(
        !world.ledger.head.partners.contains_key("TourPass"),
        "done is forgotten"
    );
}

#[test]
fn a_request_that_was_never_granted_is_forgotten_with_its_line() {
    let mut world = World::good();
    list_without(&mut world, "CleanCo");
    let plan = world.plan();
    assert!(plan.waiting.is_empty());
    assert!(!world.ledger.head.partners.contains_key("CleanCo"));
}

#[test]
fn a_partner_listed_again_by_its_uuid_is_no_withdrawal() {
    let mut world = World::good();
    world.property(|spec| {
        let listed = spec
            .partners
            .iter_mut()
            .find(|partner| partner.name == "TourPass")
            .unwrap();
        listed.name = "Tours".to_owned();
        listed.uuid = Some(partner("TourPass").to_string());
    });
    world.assignment("pool-tours", |spec| spec.partner = "Tours".to_owned());
    let plan = world.plan();
    assert_eq!(lines(&plan), [""; 0]);
    assert!(!refusals(&plan).iter().any(|line| line.starts_with("InUse")));
}

#[test]
fn a_partner_name_that_now_means_another_partner_neither_grants_nor_revokes() {
    let mut world = World::good();
    let pinned = world
        .observed
        .partners
        .iter_mut()
        .find(|known| known.name == "TourPass")
        .unwrap();
    pinned.uuid = partner("An impostor");
    world.observed.partners.sort_by_key(|partner| partner.uuid);
    world.declare("more", assignment("TourPass", &["Unit 103"]));
    let plan = world.pass();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(
        refusals(&plan),
        [
            "IdentityChanged more.yaml:6",
            "IdentityChanged pool-tours.yaml:6",
            "IdentityChanged vacant-tours.yaml:6",
        ]
    );
    assert_eq!(
        waiting(&plan),
        [""; 0],
        "DOOR need not be asked to authorise it"
    );
}

#[test]
fn writing_the_uuid_says_which_partner_is_meant() {
    let mut world = World::good();
    let pinned = world
        .observed
        .partners
        .iter_mut()
        .find(|known| known.name == "TourPass")
        .unwrap();
    pinned.uuid = partner("TourPass Inc");
    world.observed.partners.sort_by_key(|partner| partner.uuid);
    world.property(|spec| {
        let listed = spec
            .partners
            .iter_mut()
            .find(|partner| partner.name == "TourPass")
            .unwrap();
        listed.uuid = Some(partner("TourPass Inc").to_string());
    });
    let plan = world.plan();
    assert_eq!(plan.steps.len(), 1);
    assert_eq!(plan.steps[0].action.as_str(), "ChangeDoor");
    assert_eq!(
        refusals(&plan),
        ["PartnerImmutable vacant-tours.yaml:6"],
        "a key keeps its partner"
    );
}

/// The Property writes a uuid beside the name TourPass, or none.
fn write_uuid(world: &mut World, uuid: Option<&str>) {
    let uuid = uuid.map(|name| partner(name).to_string());
    world.property(|spec| {
        for listed in &mut spec.partners {
            if listed.name == "TourPass" {
                listed.uuid.clone_from(&uuid);
            }
        }
    });
}

#[test]
fn a_uuid_of_another_partner_than_the_name_says_is_refused_in_true_words_and_not_kept() {
    let mut world = World::good();
    write_uuid(&mut world, Some("Parcel Runner"));
    let plan = world.pass();
    assert_eq!(lines(&plan), [""; 0]);
    assert_eq!(
        refusals(&plan),
        [
            "IdentityChanged pool-tours.yaml:6",
            "IdentityChanged vacant-tours.yaml:6",
        ]
    );
    let expected = format!(
        "spec.partners of the Property lists \"TourPass\" with the uuid {}, which DOOR calls \"Parcel Runner\"; DOOR's \
         \"TourPass\" is {}. Nothing is granted or taken away. Write the name and the uuid of one and the same partner there.",
        partner("Parcel Runner"),
        partner("TourPass")
    );
    assert_eq!(refusal(&plan, Reason::IdentityChanged).message, expected);
    write_uuid(&mut world, None);
    assert_quiet(&world.pass());
}

#[test]
fn a_uuid_of_another_partner_that_comes_with_an_incomplete_look_is_not_kept_either() {
    let mut world = World::good();
    write_uuid(&mut world, Some("Parcel Runner"));
    let whole = world.observed.clone();
    world.observed.incomplete = Some("a page was lost".to_owned());
    world.observed.partners.clear();
    world.pass();
    world.observed = whole;
    assert_eq!(lines(&world.pass()), [""; 0]);
    write_uuid(&mut world, None);
    assert_quiet(&world.pass());
}

#[test]
fn writing_the_uuid_of_the_partner_that_had_the_name_says_so_too() {
    let mut world = World::good();
    for known in &mut world.observed.partners {
        if known.name == "TourPass" {
            known.name = "TourPass Ltd".to_owned();
        }
    }
    world
        .observed
        .partners
        .push(opendoor_planner::observed::Partner {
            uuid: partner("An impostor"),
            name: "TourPass".to_owned(),
        });
    world.observed.partners.sort_by_key(|known| known.uuid);
    let message = refusal(&world.pass(), Reason::IdentityChanged)
        .message
        .clone();
    assert!(
        message.contains("still there as \"TourPass Ltd\""),
        "{message}"
    );
    write_uuid(&mut world, Some("TourPass"));
    assert_quiet(&world.pass());
}

#[test]
fn a_retained_object_lets_go_of_a_door_that_another_object_keeps() {
    let mut world = World::good();
    world.assignment("pool-tours", |spec| {
        spec.deletion_policy = opendoor_api::DeletionPolicy::Retain
    });
    world.declare("more", assignment("TourPass", &["Pool"]));
    world.pass();
    assert_eq!(world.record("Pool").claims[0].owners.len(), 2);
    withdraw(&mut world, "TourPass");
    world.pass();
    world.remove("pool-tours");
    assert_quiet(&world.pass());
    let owners = &world.record("Pool").claims[0].owners;
    let names: Vec<&str> = owners.iter().map(|owner| owner.name.as_str()).collect();
    assert_eq!(names, ["more"]);
}
