//! What is declared changes while a change of more than one batch runs.

use std::time::Duration;

use opendoor_planner::guard::losses_in_window;
use opendoor_planner::reasons::Reason;
use tokio::time::sleep;

use crate::fixture::{Home, Round, assignment, doors};

const BATCH: usize = 32;

fn portfolio(spec: &str) -> String {
    format!(
        "
apiVersion: opendoor.dev/v1alpha1
kind: Portfolio
metadata: {{ name: main }}
spec: {{ {spec} }}
"
    )
}

/// Forty grants, during which the Portfolio comes to say something else.
async fn overtaken_by(spec: &str) -> (Home, usize) {
    let home = Home::with_forty_doors();
    home.write("portfolio.yaml", &portfolio("mode: Apply"));
    home.write(
        "big.yaml",
        &assignment("big", "Parcel Runner", &doors(1, 40)),
    );
    let round = home
        .run_while(|| home.write("portfolio.yaml", &portfolio(spec)))
        .await;
    let writes = usize::try_from(round.writes()).unwrap();
    (home, writes)
}

#[tokio::test(start_paused = true)]
async fn a_portfolio_that_is_suspended_stops_a_change_after_its_batch() {
    let (home, writes) = overtaken_by("suspend: true").await;
    assert_eq!(writes, BATCH);
    home.write("portfolio.yaml", &portfolio("mode: Apply"));
    assert_eq!(home.run().await.writes(), 8, "and goes on afterwards");
}

#[tokio::test(start_paused = true)]
async fn mode_observe_stops_a_change_after_its_batch() {
    let (home, writes) = overtaken_by("mode: Observe").await;
    assert_eq!(writes, BATCH);
    let round = home.run().await;
    assert_eq!((round.writes(), round.steps().len()), (0, 8));
}

#[tokio::test(start_paused = true)]
async fn mode_propose_holds_what_is_left_of_a_change() {
    let (home, writes) = overtaken_by("mode: Propose").await;
    assert_eq!(writes, BATCH);
    let left = home.run().await.left();
    assert_eq!(left.len(), 8);
    assert!(
        left.iter()
            .all(|step| step.ends_with("held ApprovalRequired")),
        "{left:?}"
    );
}

/// Thirty-nine grants. During that change the file of another object is gone, and written again after each of
/// these pauses.
async fn rewritten_during_a_change(pauses: &'static [u64]) -> (Home, Round) {
    let home = Home::with_forty_doors();
    let one = assignment("one", "Parcel Runner", "D40");
    home.write("one.yaml", &one);
    home.run().await;
    home.write("big.yaml", &assignment("big", "TourPass", &doors(1, 39)));
    let file = home.yaml.path().join("one.yaml");
    let round = home
        .run_while(|| {
            let (file, mut text) = (file.clone(), one.clone());
            std::fs::remove_file(&file).unwrap();
            tokio::spawn(async move {
                for pause in pauses {
                    sleep(Duration::from_millis(*pause)).await;
                    std::fs::write(&file, &text).unwrap();
                    text.push_str("# again\n");
                }
            });
        })
        .await;
    (home, round)
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_gone_for_a_moment_removes_nothing() {
    let (home, round) = rewritten_during_a_change(&[100]).await;
    assert_eq!(round.writes(), 39, "{:?}", round.steps());
    assert_eq!(home.holder("D40").as_deref(), Some("Parcel Runner"));
    assert_eq!(home.run().await.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_never_comes_to_rest_stops_a_change_and_removes_nothing() {
    let (home, round) = rewritten_during_a_change(&[200; 200]).await;
    assert_eq!(usize::try_from(round.writes()).unwrap(), BATCH);
    assert_eq!(home.holder("D40").as_deref(), Some("Parcel Runner"));
    sleep(Duration::from_secs(40)).await;
    assert_eq!(home.run().await.writes(), 7, "and goes on afterwards");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_removed_while_git_is_at_work() {
    let home = Home::new();
    let one = assignment("one", "Parcel Runner", "Mail Room");
    home.write("one.yaml", &one);
    home.run().await;
    home.remove("one.yaml");
    home.write(".git/index.lock", "");
    let folder = home.yaml.path().to_owned();
    tokio::spawn(async move {
        sleep(Duration::from_secs(5)).await;
        std::fs::write(folder.join("one.yaml"), &one).unwrap();
        std::fs::remove_file(folder.join(".git/index.lock")).unwrap();
    });
    assert_eq!(home.run().await.writes(), 0);
    home.write(".git/index.lock", "");
    home.remove("one.yaml");
    assert_eq!(
        home.run().await.writes(),
        1,
        "it is not waited for for ever"
    );
}

const STREETS: [&str; 3] = ["Elm Court", "Harbor Point", "Oak Row"];

fn at(street: &str, text: &str) -> String {
    let name = street.to_lowercase().replace(' ', "-");
    text.replace("name: harbor-point", &format!("name: {name}"))
        .replace("building: Harbor Point", &format!("building: {street}"))
}

#[tokio::test(start_paused = true)]
async fn buildings_that_change_side_by_side_stay_within_the_portfolios_limit() {
    let doors_of_one: String = (1..=40)
        .map(|number| format!("      - {{ name: D{number:02} }}\n"))
        .collect();
    let buildings: String = STREETS
        .iter()
        .map(|street| format!("  - name: {street}\n    doors:\n{doors_of_one}"))
        .collect();
    let home = Home::with_world(&format!(
        "
partners:
  - {{ name: Parcel Runner, authorizedAt: [Elm Court, Harbor Point, Oak Row] }}
  - {{ name: TourPass, authorizedAt: [Elm Court, Harbor Point, Oak Row] }}
buildings:
{buildings}"
    ));
    home.write(
        "portfolio.yaml",
        &portfolio(
            "limits: { removals: 50, removalsPercent: 100, portfolioRemovals: 8, grants: 500 }",
        ),
    );
    home.remove("property.yaml");
    let write = |name: &str, partner: &str, listed: &str| {
        for (number, street) in STREETS.iter().enumerate() {
            let object = assignment(&format!("{name}-{number}"), partner, listed);
            home.write(&format!("{name}{number}.yaml"), &at(street, &object));
        }
    };
    for (number, street) in STREETS.iter().enumerate() {
        let property = at(street, crate::fixture::PROPERTY);
        home.write(&format!("property{number}.yaml"), &property);
    }
    write("old", "TourPass", &doors(1, 6));
    home.run().await;
    write("new", "Parcel Runner", &doors(7, 40));
    let round = home.run_while(|| write("old", "TourPass", "D06")).await;
    let passes = round.report.passes.iter();
    let losses: Vec<u32> = passes
        .map(|(_, pass)| pass.as_ref().unwrap())
        .map(|pass| losses_in_window(&pass.ledger.head, pass.at))
        .collect();
    assert_eq!(losses.iter().sum::<u32>(), 5, "{losses:?}");
}

#[tokio::test(start_paused = true)]
async fn what_another_process_accepted_since_the_heads_were_read_is_missed_and_not_removed() {
    let home = Home::new();
    home.write(
        "parcel.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    home.run().await;
    home.remove("parcel.yaml");
    let report = home.pass_of_a_latecomer().await;
    assert_eq!(home.holder("Mail Room").as_deref(), Some("Parcel Runner"));
    let held: Vec<_> = report.after.steps.iter().map(|step| step.held).collect();
    assert_eq!(held, [Some(Reason::OwnerMissing)]);
}
