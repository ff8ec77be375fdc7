//! Commands that only look: `plan`, `drift`, `status`, `who`, `sync list`, `email`. They write nothing
//! and run beside one that acts.

use std::collections::BTreeMap;

use opendoor_door_os::Building;
use opendoor_reconciler::look::Look;
use opendoor_reconciler::pass::PassError;
use opendoor_reconciler::ports::Clock as _;
use opendoor_reconciler::published::{Published, Seen};
use opendoor_reconciler::round::RoundReport;

use crate::args::Output as Form;
use crate::connect::Wish;
use crate::exit::Verdict;
use crate::output::Output;
use crate::render;
use crate::render::markdown::Issue;
use crate::session::{Session, SessionError};

/// `plan`.
///
/// # Errors
/// DOOR OS or the state cannot be read.
pub async fn plan(wish: &Wish, output: &Output) -> Result<Verdict, SessionError> {
    let session = Session::to_look(wish).await?;
    let report = session.plan().await?;
    output.banner(&session.connection);
    output.round(&report, false);
    Ok(Verdict::of_round(&report, false))
}

/// `drift`.
///
/// # Errors
/// DOOR OS or the state cannot be read.
pub async fn drift(
    wish: &Wish,
    environment: Option<&str>,
    output: &Output,
) -> Result<Verdict, SessionError> {
    let session = Session::to_look(wish).await?;
    let report = session.plan().await?;
    output.banner(&session.connection);
    match output.form() {
        Form::Json => output.json(&render::json::drift(&report)),
        Form::Markdown => {
            let mut since = BTreeMap::new();
            for (target, _) in &report.passes {
                if let Some(at) = session.drifted_since(&target.property)? {
                    since.insert(target.property.clone(), at);
                }
            }
            let issue = Issue {
                path: &wish.path.display().to_string(),
                environment,
                since: &since,
            };
            output.print(&render::markdown::drift(&report, &issue));
        }
        _ => output.print(&render::text::drift(&report)),
    }
    Ok(Verdict::of_drift_round(&report))
}

/// `status`.
///
/// # Errors
/// DOOR OS or the state cannot be read.
pub async fn status(wish: &Wish, output: &Output) -> Result<Verdict, SessionError> {
    let session = Session::to_look(wish).await?;
    let report = session.look().await?;
    output.banner(&session.connection);
    let mut properties = Vec::new();
    for (target, pass) in &report.passes {
        if let Ok(pass) = pass {
            properties.push((pass, session.since(&target.property)?));
        }
    }
    match output.form() {
        Form::Json => output.json(&render::json::status(&properties)),
        _ => output.print(&render::status::conditions(&properties)),
    }
    Ok(tell_look(&report, None, output))
}

/// `who`.
///
/// # Errors
/// DOOR OS or the state cannot be read.
pub async fn who(wish: &Wish, what: &str, output: &Output) -> Result<Verdict, SessionError> {
    let session = Session::to_look(wish).await?;
    let (report, failure) = session.look_or_recall().await?;
    output.banner(&session.connection);
    let now = session.connection.now();
    let answer = crate::who::find(&report, what, now);
    let verdict = tell_look(&report, failure, output);
    let complete = verdict < Verdict::CannotTell;
    let Some(mut answer) = answer else {
        if complete {
            output.note(&format!(
                "error: no door and no partner \"{what}\" is known here. Write the name as DOOR OS shows it, or the uuid."
            ));
            return Ok(Verdict::Error);
        }
        output.note(&format!(
            "error: no door and no partner \"{what}\" was seen, and not every door could be looked at."
        ));
        return Ok(verdict);
    };
    if !complete {
        answer.notes.push(String::from(render::status::NOT_ALL));
    }
    match output.form() {
        Form::Json => output.json(&render::json::who(&answer)),
        _ => output.print(&render::status::who(&answer)),
    }
    Ok(verdict)
}

/// `sync list`.
///
/// # Errors
/// DOOR OS or the state cannot be read.
pub async fn sync_list(wish: &Wish, output: &Output) -> Result<Verdict, SessionError> {
    let session = Session::to_look(wish).await?;
    let (report, failure) = session.look_or_recall().await?;
    output.banner(&session.connection);
    let verdict = tell_look(&report, failure, output);
    // A Property that never had its building owes nothing there.
    let complete = verdict < Verdict::CannotTell;
    match output.form() {
        Form::Json => output.json(&render::json::syncs(&report, complete)),
        Form::Html => output.print(&render::html::sheets(&report, complete)),
        _ => output.print(&render::status::syncs(&report, complete)),
    }
    Ok(verdict)
}

/// `email`.
///
/// # Errors
/// DOOR OS or the state cannot be read.
pub async fn email(wish: &Wish, output: &Output) -> Result<Verdict, SessionError> {
    let session = Session::to_look(wish).await?;
    let report = session.look().await?;
    output.banner(&session.connection);
    let verdict = tell_look(&report, None, output);
    let complete = verdict == Verdict::Done;
    match output.form() {
        Form::Json => output.json(&render::email::as_json(&report, complete)),
        _ => output.print(&render::email::round(&report, complete)),
    }
    Ok(verdict)
}

/// `import`: the buildings, or one building's live state as YAML.
///
/// # Errors
/// DOOR OS cannot be read.
pub async fn import(
    wish: &Wish,
    building: Option<&str>,
    output: &Output,
) -> Result<Verdict, SessionError> {
    use opendoor_door_os::DoorOs as _;
    let session = Session::to_look(wish).await?;
    let buildings = session.buildings().await?;
    if session.connection.simulated() {
        output.note("SIMULATED DOOR OS - no real door is touched");
    }
    let Some(wanted) = building else {
        if output.form() == Form::Json {
            return publish(&session, buildings, output).await;
        }
        output.print(&render::status::buildings(&buildings));
        return Ok(Verdict::Done);
    };
    let found: Vec<_> = buildings
        .iter()
        .filter(|building| building.name == wanted || building.uuid.to_string() == wanted)
        .collect();
    let building = match found.as_slice() {
        [one] => *one,
        [] => {
            output.note(&format!(
                "error: no building \"{wanted}\" may be managed with these credentials. `opendoor import` lists those that may."
            ));
            return Ok(Verdict::Error);
        }
        _ => {
            output.note(&format!(
                "error: several buildings are named \"{wanted}\". Write the uuid; `opendoor import` lists them."
            ));
            return Ok(Verdict::Error);
        }
    };
    let observed = session.connection.client.observe(building).await?;
    if let Some(why) = &observed.incomplete {
        output.note(&format!(
            "error: the list from DOOR OS was not provably complete: {why}. Nothing was written; try again."
        ));
        return Ok(Verdict::CannotTell);
    }
    match opendoor_reconciler::import::import(&observed) {
        Ok(imported) => {
            for note in &imported.notes {
                output.note(&format!("note: {note}"));
            }
            output.print(&imported.yaml);
            Ok(Verdict::Done)
        }
        Err(error) => {
            output.note(&format!("error: {error}"));
            Ok(Verdict::Error)
        }
    }
}

/// `import -o json`: the buildings, and of those that are declared here what DOOR OS holds and the ledger,
/// for `plan --observed` where nobody may hold credentials.
async fn publish(
    session: &Session,
    buildings: Vec<Building>,
    output: &Output,
) -> Result<Verdict, SessionError> {
    let look = Look::new(
        &session.connection.client,
        session.ledgers(),
        &session.connection,
    );
    let report = look.plan(&session.directory).await?;
    tell_failures(&report, output);
    let mut verdict = Verdict::Done;
    let mut seen = BTreeMap::new();
    for (target, pass) in &report.passes {
        if let Err(error) = pass {
            verdict = verdict.and(crate::exit::of_error(error));
        }
        let Some((observed, ledger)) = look.seen(target.building.uuid) else {
            continue;
        };
        if let Some(why) = &observed.incomplete {
            output.note(&format!(
                "error: {}: the list from DOOR OS was not provably complete: {why}. Try again.",
                target.property
            ));
            verdict = verdict.and(Verdict::CannotTell);
        }
        seen.insert(target.building.uuid, Seen { observed, ledger });
    }
    if verdict != Verdict::Done {
        output.note(
            "error: nothing was written, because a plan from it would be one from half a view.",
        );
        return Ok(verdict);
    }
    let published = Published {
        at: look.now(),
        simulated: session.connection.simulated(),
        buildings,
        seen,
    };
    output.json(&published.to_json()?);
    Ok(Verdict::Done)
}

/// Says what could not be looked at, and what that means.
pub(super) fn tell_look(
    report: &RoundReport,
    failure: Option<PassError>,
    output: &Output,
) -> Verdict {
    tell_failures(report, output);
    for (target, pass) in &report.passes {
        if let Ok(pass) = pass
            && let Some(why) = &pass.observed.incomplete
        {
            output.note(&format!(
                "error: {}: the list from DOOR OS was not provably complete: {why}",
                target.property
            ));
        }
    }
    let verdict = Verdict::of_look(report);
    match failure {
        Some(error) => {
            output.note(&format!("error: {error}"));
            verdict.and(Verdict::Error)
        }
        None => verdict,
    }
}

/// Says which properties could not be looked at.
fn tell_failures(report: &RoundReport, output: &Output) {
    for (target, pass) in &report.passes {
        if let Err(error) = pass {
            output.note(&format!("error: {}: {error}", target.property));
        }
    }
    for other in &report.not_passed {
        output.note(&format!("{}: {}", other.property, other.problem.message));
    }
}
