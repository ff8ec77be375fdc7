//! `import` writes YAML that plans to zero changes.

use crate::fixture::Home;
use opendoor_reconciler::import::import;
use serde_json::json;

#[tokio::test(start_paused = true)]
async fn what_is_imported_plans_to_zero_changes() {
    let home = Home::new();
    home.edit_door("Mail Room", &json!({"partner": "Parcel Runner"}));
    home.edit_door("Unit 101", &json!({"name": "101", "partner": "TourPass"}));
    home.edit_door("Unit 102", &json!({"name": "no", "partner": "TourPass"}));
    home.sim(
        "POST",
        "keys",
        &json!({"building": "Harbor Point", "name": "1e3: \"tours\"", "partner": "TourPass",
        "doors": ["Front Entrance", "no"], "provideDoorcodes": true,
        "schedule": [{"days": ["MONDAY", "FRIDAY"], "from": "08:00", "to": "18:00"}]}),
    );
    let seen = home.plan().await;
    let imported = import(&seen.pass().observed).unwrap();
    assert_eq!(imported.notes, Vec::<String>::new());
    home.write("property.yaml", &imported.yaml);
    let round = home.run().await;
    assert!(
        round.report.strays.is_empty(),
        "{:?}\n{}",
        round.report.strays,
        imported.yaml
    );
    assert_eq!((round.steps(), round.writes()), (vec![], 0));
    assert_eq!(round.refusals(), Vec::<String>::new());
    assert_eq!(round.plan().unmanaged.len(), 0, "all of it is declared now");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_declared_is_named_and_left_as_it_is() {
    let home = Home::new();
    home.edit_door(
        "Mail Room",
        &json!({"partner": "Parcel Runner", "name": "Mail\nRoom "}),
    );
    home.edit_door(
        "Unit 101",
        &json!({"partner": "TourPass", "name": "x".repeat(201)}),
    );
    home.sim(
        "POST",
        "partners",
        &json!({"building": "Harbor Point", "partner": "CleanCo", "state": "Authorized"}),
    );
    home.edit_door("Unit 102", &json!({"partner": "CleanCo"}));
    for name in ["Tours ", "Tours\tby tram"] {
        home.sim(
            "POST",
            "keys",
            &json!({"building": "Harbor Point", "name": name, "partner": "TourPass", "doors": ["Front Entrance"]}),
        );
    }
    let seen = home.plan().await;
    let mut observed = seen.pass().observed.clone();
    // As if DOOR had withdrawn it since.
    observed
        .partners
        .retain(|partner| partner.name != "CleanCo");
    let imported = import(&observed).unwrap();
    assert_eq!(imported.notes.len(), 3, "{:#?}", imported.notes);
    home.write("property.yaml", &imported.yaml);
    let round = home.run().await;
    assert!(round.report.strays.is_empty(), "{:?}", round.report.strays);
    assert_eq!(round.refusals(), Vec::<String>::new());
    assert_eq!((round.steps(), round.writes()), (vec![], 0));
    assert_eq!(
        round.plan().unmanaged.len(),
        3,
        "two keys and CleanCo's door"
    );
}
