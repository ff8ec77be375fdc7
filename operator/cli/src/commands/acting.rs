//! Commands that act: `run`, `apply`, `sync attest`. Each is alone on its state directory.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use opendoor_reconciler::attest::{Attested, attest};
use opendoor_reconciler::directory::Watcher;
use opendoor_reconciler::gather::Target;
use opendoor_reconciler::pass::PassReport;
use opendoor_reconciler::ports::Clock as _;
use opendoor_reconciler::round::RoundReport;
use serde_json::json;

use super::looking::tell_look;
use crate::args::{Notify, Output as Form};
use crate::connect::Wish;
use crate::exit::Verdict;
use crate::notify::Notifier;
use crate::output::Output;
use crate::session::{Session, SessionError};

/// How often a round follows at once on one that left work of its own: a key name that became free,
/// an answer that was lost.
const MOST_ROUNDS: usize = 4;

/// How long what it found may be told after Ctrl-C.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long a round may go on after Ctrl-C. What it leaves is in the ledger.
const LAST_ROUND: Duration = Duration::from_secs(20);

/// `run --once` and `apply`: one round, and what follows from it at once.
///
/// # Errors
/// The round could not be made.
pub async fn once(
    wish: &Wish,
    approvals: &[String],
    notify: &Notify,
    output: &Output,
) -> Result<Verdict, SessionError> {
    let session = Session::to_act(wish).await?;
    let notifier = notifier(notify)?;
    output.banner(&session.connection);
    let mut report = session.round(approvals).await?;
    output.banner(&session.connection);
    let unfitting = unfitting(&report, approvals);
    let mut failure = None;
    for _ in 1..MOST_ROUNDS {
        if !more_to_do(&report) {
            break;
        }
        match session.round(&[]).await {
            Ok(later) => report = joined(report, later),
            // What was done before is told all the same.
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    output.round(&report, true);
    tell(notifier.as_ref(), &session, &report, output).await;
    let mut verdict = Verdict::of_round(&report, true);
    if let Some(error) = failure {
        output.note(&format!(
            "error: what is left could not be looked at: {error}"
        ));
        verdict = verdict.and(Verdict::Error);
    }
    if unfitting.is_empty() {
        return Ok(verdict);
    }
    for id in unfitting {
        output.note(&format!(
            "error: {id} fits nothing that is held now. Look at `opendoor plan` for the present hold id."
        ));
    }
    Ok(verdict.and(Verdict::Error))
}

/// Who is told, if anybody.
fn notifier(notify: &Notify) -> Result<Option<Notifier>, SessionError> {
    let told = notify.notify.as_ref();
    let made = told.map(|address| Notifier::new(address, notify.notify_form));
    Ok(made.transpose()?)
}

/// Tells what a round changed. What fails is said, and changes nothing else.
async fn tell(
    notifier: Option<&Notifier>,
    session: &Session,
    report: &RoundReport,
    output: &Output,
) {
    let (Some(notifier), Some(store)) = (notifier, session.store()) else {
        return;
    };
    match notifier
        .tell(store, report, session.connection.simulated())
        .await
    {
        Ok(None) => {}
        Ok(Some(wrong)) => output.note(&format!("warning: {wrong}")),
        Err(error) => output.note(&format!("warning: nobody was told: {error}")),
    }
}

/// Whether a round at once would do more: it did something, and what is left is ours to do.
fn more_to_do(report: &RoundReport) -> bool {
    report
        .passes
        .iter()
        .filter_map(|(_, pass)| pass.as_ref().ok())
        .any(PassReport::more_to_do)
}

/// Two rounds as one: the steps and results of both, and what is left after the second. A property that
/// the second could not look at is there as the first left it, beside what went wrong.
fn joined(first: RoundReport, second: RoundReport) -> RoundReport {
    let mut before: BTreeMap<String, (Target, PassReport)> = first
        .passes
        .into_iter()
        .filter_map(|(target, pass)| Some((target.property.clone(), (target, pass.ok()?))))
        .collect();
    let mut passes = Vec::new();
    for (target, pass) in second.passes {
        let pass = match pass {
            Ok(later) => Ok(match before.remove(&target.property) {
                Some((_, earlier)) => joined_passes(earlier, later),
                None => later,
            }),
            Err(error) => Err(error),
        };
        passes.push((target, pass));
    }
    before.retain(|_, (_, pass)| !pass.results.is_empty());
    let mut unseen = second.unseen;
    unseen.retain(|unseen| !before.contains_key(&unseen.property));
    let left = before.into_values();
    passes.extend(left.map(|(target, pass)| (target, Ok(pass))));
    passes.sort_by(|(a, _), (b, _)| a.property.cmp(&b.property));
    RoundReport {
        passes,
        unseen,
        ..second
    }
}

fn joined_passes(earlier: PassReport, later: PassReport) -> PassReport {
    let mut plan = earlier.plan;
    let mut results = earlier.results;
    // A step that the first round could not do is shown once, as the second one left it.
    plan.steps.retain(|step| {
        results.contains_key(&step.fingerprint)
            && !later
                .plan
                .steps
                .iter()
                .any(|again| again.fingerprint == step.fingerprint)
    });
    plan.steps.extend(later.plan.steps);
    results.extend(later.results);
    let mut settled = earlier.settled;
    settled.extend(later.settled);
    PassReport {
        plan,
        results,
        settled,
        ..later
    }
}

/// Approvals that no property took.
fn unfitting(report: &RoundReport, approvals: &[String]) -> Vec<String> {
    approvals
        .iter()
        .filter(|id| {
            !report.passes.iter().any(|(_, pass)| {
                pass.as_ref()
                    .is_ok_and(|pass| !pass.plan.unfitting_approvals.contains(id))
            })
        })
        .cloned()
        .collect()
}

/// `run`: the standalone controller. Ends cleanly at Ctrl-C.
///
/// # Errors
/// The first round could not be made; later ones are tried again.
pub async fn run(wish: &Wish, notify: &Notify, output: &Output) -> Result<Verdict, SessionError> {
    let session = Session::to_act(wish).await?;
    let notifier = notifier(notify)?;
    output.banner(&session.connection);
    output.note(&format!(
        "Watching {} against DOOR OS at {}. Ctrl-C ends.",
        wish.path.display(),
        session.connection.url
    ));
    let mut watcher = match Watcher::new(session.directory.root()) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            output.note(&format!("warning: {error}"));
            None
        }
    };
    let mut last = String::new();
    let mut failures: u32 = 0;
    loop {
        let mut round = std::pin::pin!(session.round(&[]));
        let (result, stop) = tokio::select! {
            result = &mut round => (result, false),
            _ = tokio::signal::ctrl_c() => {
                output.note("Ending: the round under way is finished first.");
                match tokio::time::timeout(LAST_ROUND, round).await {
                    Ok(result) => (result, true),
                    Err(_) => return Ok(ended(output)),
                }
            }
        };
        let wait = match result {
            Ok(report) => {
                failures = 0;
                let said = output.said(&report, true);
                // A round that found nothing new says nothing.
                if said != last {
                    output.print(&said);
                    last = said;
                }
                let told = tell(notifier.as_ref(), &session, &report, output);
                if stop {
                    // The next run tells what is cut off here.
                    let _ = tokio::time::timeout(LAST_WORDS, told).await;
                } else {
                    tokio::select! {
                        () = told => {}
                        _ = tokio::signal::ctrl_c() => return Ok(ended(output)),
                    }
                }
                until_next(&report, session.connection.now())
            }
            Err(error) => {
                failures += 1;
                output.note(&format!("error: {error}"));
                Duration::from_secs(5 << failures.min(6))
            }
        };
        if stop {
            return Ok(ended(output));
        }
        let changed = async {
            match &mut watcher {
                Some(watcher) => watcher.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(ended(output)),
            () = changed => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn ended(output: &Output) -> Verdict {
    output.note("Ended. What was done, and what is owed at locks, is kept.");
    Verdict::Done
}

/// Until the next check, or until time alone changes what is wanted, whichever is sooner.
fn until_next(report: &RoundReport, now: Timestamp) -> Duration {
    let intervals = report
        .passes
        .iter()
        .filter_map(|(_, pass)| pass.as_ref().ok())
        .map(|pass| {
            pass.ledger
                .head
                .portfolio
                .as_ref()
                .map_or_else(opendoor_api::PortfolioSpec::default, |portfolio| {
                    portfolio.spec.clone()
                })
                .check_interval
                .length()
        });
    let interval = intervals.min().unwrap_or_else(|| {
        opendoor_api::PortfolioSpec::default()
            .check_interval
            .length()
    });
    // Two programs that started together do not ask together for ever.
    let jittered = interval.mul_f64(0.95 + 0.1 * jitter(now));
    let by_time = report
        .passes
        .iter()
        .filter_map(|(_, pass)| pass.as_ref().ok())
        .filter_map(|pass| pass.after.next_change)
        .min()
        .map(|at| {
            Duration::try_from(at.duration_since(now)).unwrap_or(Duration::ZERO)
                + Duration::from_millis(100)
        });
    by_time.map_or(jittered, |by_time| by_time.min(jittered))
}

/// A number between 0 and 1 that differs from process to process.
fn jitter(now: Timestamp) -> f64 {
    let spread = u64::from(std::process::id()) ^ now.as_microsecond().unsigned_abs();
    let thousandths = u32::try_from(spread % 1000).unwrap_or(0);
    f64::from(thousandths) / 1000.0
}

/// `sync attest`: notes a person's word that locks were synced.
///
/// # Errors
/// DOOR OS or the state cannot be read.
pub async fn attest_doors(
    wish: &Wish,
    doors: &[String],
    output: &Output,
) -> Result<Verdict, SessionError> {
    let session = Session::to_act(wish).await?;
    output.banner(&session.connection);
    let mut verdict = Verdict::Done;
    let mut told = Vec::new();
    for door in doors {
        let (attested, complete) = match attest_door(&session, door, output).await {
            Ok(answer) => answer,
            // What was noted before stays noted, and is told.
            Err(error) => {
                output.note(&format!("error: {door}: {error}"));
                verdict = Verdict::Error;
                break;
            }
        };
        let (result, said) = match attested {
            Attested::Noted { property, door } => (
                "noted",
                format!(
                    "{door} at {property}: noted that its lock was synced. DOOR OS has not proven it; proof replaces this word."
                ),
            ),
            Attested::NothingOwed { door } => {
                ("nothingOwed", format!("{door}: nothing is owed there."))
            }
            Attested::Ambiguous { doors } => (
                "ambiguous",
                format!(
                    "several doors are named \"{door}\": {}. Write the uuid.",
                    doors.join(", ")
                ),
            ),
            Attested::NotFound if !complete => (
                "notFound",
                format!("no door \"{door}\" was seen, and not every door could be looked at."),
            ),
            Attested::NotFound => (
                "notFound",
                format!(
                    "no door \"{door}\" is known here. Write its name as DOOR OS shows it, or its uuid."
                ),
            ),
        };
        if matches!(result, "ambiguous" | "notFound") {
            verdict = Verdict::Error;
        }
        if output.form() == Form::Json {
            told.push(json!({ "door": door, "result": result, "message": said }));
        } else {
            output.print_line(&said);
        }
    }
    if output.form() == Form::Json {
        output.json(&json!({ "schemaVersion": 1, "doors": told }));
    }
    Ok(verdict)
}

/// Attests a door, and says whether every door could be looked at where it was not found.
async fn attest_door(
    session: &Session,
    door: &str,
    output: &Output,
) -> Result<(Attested, bool), SessionError> {
    let report = session.look().await?;
    let passes: Vec<_> = report
        .passes
        .iter()
        .filter_map(|(_, pass)| pass.as_ref().ok())
        .collect();
    let now = session.connection.now();
    let attested = attest(session.ledgers(), &passes, door, now).await?;
    let complete =
        attested != Attested::NotFound || tell_look(&report, None, output) < Verdict::CannotTell;
    Ok((attested, complete))
}
