//! The brake: what is held, for how long, and what an approval releases.

use crate::fixture::{Home, assignment, doors};

async fn forty_owned() -> Home {
    let home = Home::with_forty_doors();
    home.write(
        "big.yaml",
        &assignment("big", "Parcel Runner", &doors(1, 30)),
    );
    home.write(
        "small.yaml",
        &assignment("small", "Parcel Runner", &doors(31, 40)),
    );
    let first = home.run().await;
    assert_eq!(first.left(), Vec::<String>::new());
    home
}

#[tokio::test(start_paused = true)]
async fn twelve_removals_are_held_whole_while_an_urgent_one_passes() {
    let home = forty_owned().await;
    home.write(
        "big.yaml",
        &assignment("big", "Parcel Runner", &doors(13, 30)),
    );
    home.write(
        "small.yaml",
        &assignment("small", "Parcel Runner", &doors(32, 40)),
    );
    let round = home.run().await;
    assert_eq!(round.plan().summary.held, 12);
    assert_eq!(round.plan().summary.removals, 13);
    assert_eq!(home.holder("D31"), None, "the urgent one passed");
    assert_eq!(home.holder("D01").as_deref(), Some("Parcel Runner"));
    assert_eq!(round.left().len(), 12);
    assert!(
        round
            .left()
            .iter()
            .all(|step| step.ends_with("held RemovalLimitExceeded"))
    );
    let id = round.pass().after.hold_id.clone().unwrap();

    home.advance(25 * 60);
    let later = home.run().await;
    assert_eq!(later.left().len(), 12, "a day later it is still held");
    assert_eq!(later.pass().after.hold_id.as_ref(), Some(&id));

    let wrong = home.approve("h-000000000000").await;
    assert_eq!(wrong.plan().unfitting_approvals, ["h-000000000000"]);
    assert_eq!(wrong.left().len(), 12);

    let approved = home.approve(&id).await;
    assert_eq!(approved.left(), Vec::<String>::new());
    assert_eq!(approved.writes(), 12);
    let again = home.approve(&id).await;
    assert_eq!(again.plan().unfitting_approvals, [id]);
}

#[tokio::test(start_paused = true)]
async fn an_approval_in_git_releases_the_hold_and_is_then_ignored() {
    let home = forty_owned().await;
    home.write(
        "big.yaml",
        &assignment("big", "Parcel Runner", &doors(13, 30)),
    );
    let id = home.run().await.pass().after.hold_id.clone().unwrap();
    let property = crate::fixture::PROPERTY.replace(
        "building: Harbor Point",
        &format!("building: Harbor Point\n  approve: {id}"),
    );
    home.write("property.yaml", &property);
    let approved = home.run().await;
    assert_eq!(approved.writes(), 12);
    home.write(
        "big.yaml",
        &assignment("big", "Parcel Runner", &doors(29, 30)),
    );
    let next = home.run().await;
    assert_eq!(next.writes(), 0, "the old approval fits nothing");
    assert_eq!(next.left().len(), 16);
}

#[tokio::test(start_paused = true)]
async fn a_changed_object_is_looked_at_anew() {
    let home = forty_owned().await;
    home.write(
        "big.yaml",
        &assignment("big", "Parcel Runner", &doors(13, 30)),
    );
    home.run().await;
    home.write(
        "big.yaml",
        &assignment("big", "Parcel Runner", &doors(3, 30)),
    );
    let round = home.run().await;
    assert_eq!(round.left(), Vec::<String>::new());
    assert_eq!(round.writes(), 2);
}
