//! `plan --observed`: a plan against a table of doors, without any API.

use std::path::Path;

use jiff::Timestamp;
use opendoor_reconciler::directory::Directory;
use opendoor_reconciler::git::read_at;
use opendoor_reconciler::table::{Table, plan_table};

use crate::exit::Verdict;
use crate::output::Output;

/// Plans the YAML of a directory against a table of doors.
pub fn plan(path: &Path, file: &Path, base: Option<&str>, output: &Output) -> Verdict {
    match made(path, file, base, output) {
        Ok(verdict) => verdict,
        Err(message) => {
            output.note(&format!("error: {message}"));
            Verdict::Error
        }
    }
}

fn made(path: &Path, file: &Path, base: Option<&str>, output: &Output) -> Result<Verdict, String> {
    if !path.exists() {
        return Err(format!("{} is not there", path.display()));
    }
    let bytes = std::fs::read(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
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
    let not_passed = planned.not_passed.iter().map(|other| &other.problem);
    let problems: Vec<_> = not_passed.chain(&planned.strays).collect();
    for problem in &problems {
        output.note(&format!("{}: {}", problem.reason, problem.message));
    }
    output.table_plans(&planned.plans);
    let mut verdict = Verdict::worst(planned.plans.iter().map(Verdict::of_plan));
    if !problems.is_empty() {
        verdict = verdict.and(Verdict::Refused);
    }
    if !snapshot.unreadable.is_empty() {
        for unreadable in &snapshot.unreadable {
            output.note(&format!("{}: {}", unreadable.file, unreadable.message));
        }
        verdict = verdict.and(Verdict::CannotTell);
    }
    Ok(verdict)
}
