//! `validate`: everything that can be said of YAML offline, all at once.

use std::path::PathBuf;

use opendoor_reconciler::check::{Finding, validate as check};
use serde_json::{Value, json};

use crate::args::Output as Form;
use crate::exit::Verdict;
use crate::output::Output;

/// Checks files and directories, against what Git holds at a revision if one is given.
pub fn validate(paths: &[PathBuf], base: Option<&str>, output: &Output) -> Verdict {
    let checked = match check(paths, base) {
        Ok(checked) => checked,
        Err(error) => {
            output.note(&format!("error: {error}"));
            return Verdict::Error;
        }
    };
    for note in &checked.notes {
        output.note(&format!("note: {note}"));
    }
    if output.form() == Form::Json {
        let findings: Vec<Value> = checked.findings.iter().map(as_json).collect();
        output.json(&json!({
            "schemaVersion": 1,
            "objects": checked.objects,
            "files": checked.files,
            "findings": findings,
        }));
    } else {
        for finding in &checked.findings {
            output.print_line(&as_text(finding));
        }
        output.print_line(&format!(
            "{} in {}: {}.",
            counted(checked.objects, "object"),
            counted(checked.files, "file"),
            match checked.findings.len() {
                0 => String::from("no problems"),
                problems => counted(problems, "problem"),
            }
        ));
    }
    if checked.findings.is_empty() {
        Verdict::Done
    } else {
        Verdict::Refused
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn as_text(finding: &Finding) -> String {
    let mut text = finding.file.clone();
    for number in [finding.line, finding.column].into_iter().flatten() {
        text.push_str(&format!(":{number}"));
    }
    text.push_str(&format!(": {}: {}", finding.reason, finding.message));
    if let Some(suggestion) = &finding.suggestion {
        text.push_str(&format!("\n    {suggestion}"));
    }
    text
}

fn as_json(finding: &Finding) -> Value {
    json!({
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "reason": finding.reason,
        "message": finding.message,
        "suggestion": finding.suggestion,
    })
}
