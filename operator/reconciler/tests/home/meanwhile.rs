//! What is declared changes while a change of more than one batch runs.

use opendoor_planner::reasons::Reason;

use crate::fixture::{Home, assignment, doors};

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
