//! `plan --base` against DOOR OS, and plans from a published snapshot. Nothing is written.

use std::path::Path;

use jiff::Timestamp;
use opendoor_door_os::DoorOs;
use opendoor_reconciler::change::changes;
use opendoor_reconciler::directory::Directory;
use opendoor_reconciler::git::read_at;
use opendoor_reconciler::look::Look;
use opendoor_reconciler::ports::{Clock, Ledgers};
use opendoor_reconciler::published::Published;

use crate::connect::Wish;
use crate::exit::Verdict;
use crate::output::Output;
use crate::progress::Shown;
use crate::render::change::{Asked, Origin};
use crate::session::{Session, SessionError};

/// What a plan is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    /// A Git revision.
    pub base: Option<&'a str>,
    /// Which of several environments this is.
    pub environment: Option<&'a str>,
}

/// `plan --base` against DOOR OS.
///
/// # Errors
/// DOOR OS, the state or the revision cannot be read.
pub async fn live(
    wish: &Wish,
    against: Against<'_>,
    output: &Output,
) -> Result<Verdict, SessionError> {
    let session = Session::to_look(wish).await?;
    let shown = Shown::new(&session.connection.client);
    let look = Look::new(&shown, session.ledgers(), &session.connection);
    let planned = planned(&look, &session.directory, against, None, || {
        output.banner(&session.connection);
        output
    });
    planned.await
}

/// `plan --observed snapshot.json`.
///
/// # Errors
/// The snapshot or the revision cannot be read.
pub async fn from_snapshot(
    path: &Path,
    published: &Published,
    against: Against<'_>,
    output: &Output,
) -> Result<Verdict, SessionError> {
    if !path.exists() {
        return Err(SessionError::NoPath(path.display().to_string()));
    }
    let clock = NotBefore(published.at);
    let look = Look::new(published, published, &clock);
    let origin = Origin {
        at: published.at,
        age: published.age(clock.now()),
    };
    let directory = Directory::new(path);
    planned(&look, &directory, against, Some(origin), || {
        output.simulated(published.simulated);
        output.note(&origin.told());
        output
    })
    .await
}

/// Plans, and prints after `begin` said what goes before.
async fn planned<'o, D: DoorOs, L: Ledgers, C: Clock>(
    look: &Look<'_, D, L, C>,
    directory: &Directory,
    against: Against<'_>,
    origin: Option<Origin>,
    begin: impl FnOnce() -> &'o Output,
) -> Result<Verdict, SessionError> {
    let Some(base) = against.base else {
        let report = look.plan(directory).await?;
        begin().planned(&report, origin);
        return Ok(Verdict::of_round(&report, false));
    };
    let declared = read_at(directory.root(), base)?;
    let report = changes(look, &declared, directory).await?;
    let asked = Asked {
        base,
        environment: against.environment,
        origin,
    };
    begin().change(&report, &asked);
    Ok(Verdict::of_round(&report.caused, false))
}

/// This machine's clock, and never before a look that was taken by another.
struct NotBefore(Timestamp);

impl Clock for NotBefore {
    fn now(&self) -> Timestamp {
        Timestamp::now().max(self.0)
    }
}
