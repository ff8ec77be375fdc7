//! `plan --observed`: a plan against a table of doors, or a published snapshot, without any API.

use std::path::Path;

use jiff::Timestamp;
use opendoor_reconciler::directory::Directory;
use opendoor_reconciler::git::read_at;
use opendoor_reconciler::published::Published;
use opendoor_reconciler::table::{Table, plan_table};

use crate::commands::change::{self, Against};
use crate::connect::on_one_thread;
use crate::exit::Verdict;
use crate::output::Output;
use crate::session::check_path;

/// Plans the YAML of a directory against a table of doors, or a snapshot.
pub fn plan(path: &Path, file: &Path, against: Against<'_>, output: &Output) -> Verdict {
    match made(path, file, against, output) {
        Ok(verdict) => verdict,
        Err(message) => {
            output.note(&format!("error: {message}"));
            Verdict::Error
        }
    }
}

fn made(
    path: &Path,
    file: &Path,
    against: Against<'_>,
    output: &Output,
) -> Result<Verdict, String> {
    check_path(path).map_err(|error| error.to_string())?;
    let bytes = std::fs::read(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    // A table begins with the names of its columns.
    if bytes.trim_ascii_start().starts_with(b"{") {
        let published = Published::parse(&file.display().to_string(), &bytes)
            .map_err(|error| error.to_string())?;
        let planned = change::from_snapshot(path, &published, against, output);
        return on_one_thread(planned)
            .map_err(|error| format!("the program cannot start its event loop: {error}"))?
            .map_err(|error| error.to_string());
    }
    let base = against.base;
    let table = Table::parse(&file.display().to_string(), &bytes, None)
        .map_err(|error| error.to_string())?;
    let snapshot = Directory::new(path).snapshot();
    let before = match base {
        Some(reference) => Some(read_at(path, reference).map_err(|error| error.to_string())?),
        None => None,
    };
    let planned = plan_table(&table, &snapshot, before.as_ref(), Timestamp::now());
    for note in &planned.notes {
        output.note(&format!("note: {note}"));
    }
    output.table_plans(&planned);
    let mut verdict = Verdict::worst(planned.plans.iter().map(Verdict::of_plan));
    if !(planned.not_passed.is_empty() && planned.strays.is_empty()) {
        verdict = verdict.and(Verdict::Refused);
    }
    if !planned.unreadable.is_empty() {
        verdict = verdict.and(Verdict::CannotTell);
    }
    Ok(verdict)
}
