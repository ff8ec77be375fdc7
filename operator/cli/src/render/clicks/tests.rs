use super::*;
use crate::render::samples::{busy, day, empty, key, key_step, looked, row, tabled, troubled};

#[test]
fn a_plan_becomes_the_help_centres_own_steps() {
    assert_eq!(
        round(&looked(day())),
        "\
Harbor Point
  1. Access > Doors > Garage Gate > Edit door > partner: None > Save
  2. Access > Doors > Front Entrance > Edit door > partner: Parcel Runner > Save
  3. Access > Keys > Add key + > name: Vacant tours > doors: A, B, C, D, E, F > schedule: Mon Tue 09:00-17:00 > partner: TourPass > Add key
     Its partner can never change.
  Then perform a Door Sync in the DOOR App at:
    - Garage Gate (Parcel Runner may open it until then)
  Not to be done:
    - refused, PartnerImmutable: cleaners.yaml:7:12 DOOR OS never changes a key's partner. Create a
      new key, move its 5 holders, then delete this one; their doorcodes go with it.
"
    );
}

#[test]
fn what_is_held_is_not_to_be_done() {
    assert_eq!(
        round(&looked(busy())),
        "\
Harbor Point
  1. Access > Keys > Cleaners > Edit > name: Cleaning > remove doors: Hall > Provide Doorcodes off: Gate > schedule: Mon 09:00-12:00 > Save
     5 people hold it.
  Then perform a Door Sync in the DOOR App at:
    - Garage Gate (Parcel Runner may open it until then)
  Not to be done:
    - held, DoorHeldByOther: Access > Doors > Mail Room > Edit door > partner: Parcel Runner > Save
    - held, HoldersAffected: Access > Keys > Old > Edit > Delete key > Yes, delete
    - waits for DOOR's authorisation: CleanCo at Gym and Pool. See: opendoor email
"
    );
}

#[test]
fn a_conversion_says_that_it_is_for_good() {
    let step = key_step(
        Action::ConvertKey,
        "Vendors",
        key("Vendors", None, &[("Gate", false)], &["Mon 09:00-12:00"]),
        key(
            "Vendors",
            Some("CleanCo"),
            &[("Gate", true), ("Hall", true)],
            &[],
        ),
    );
    let plan = Plan {
        steps: vec![step],
        ..empty()
    };
    assert_eq!(
        round(&looked(plan)),
        "\
Harbor Point
  1. Access > Keys > Vendors > Edit > add doors: Hall > Provide Doorcodes on: Gate, Hall > schedule: always > partner: CleanCo > Save
     For good: it becomes a partner key, whose partner can never change.
"
    );
}

#[test]
fn doors_of_one_name_are_told_apart() {
    let mut report = looked(day());
    for pass in report
        .passes
        .iter_mut()
        .filter_map(|(_, pass)| pass.as_mut().ok())
    {
        pass.observed.doors.push(row(3, "Garage Gate", None));
    }
    let text = round(&report);
    assert!(
        text.contains(
            "Garage Gate (the one with the uuid 00000000-0000-0000-0000-000000000002) > Edit door"
        ),
        "{text}"
    );
}

#[test]
fn nothing_to_do_and_trouble_are_said() {
    assert_eq!(plans(&tabled(empty())), "Harbor Point\n  Nothing to do.\n");
    assert!(round(&troubled()).starts_with("Not looked at:\n    - harbor-point: the state in"));
}
