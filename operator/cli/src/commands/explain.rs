//! `opendoor explain [REASON]`: the catalogue of reasons, for a person.

use std::io::{self, Write};

use opendoor_planner::reasons::{Class, Reason, UnknownReason};
use serde_json::{Value, json};

use crate::args::Output;
use crate::exit::Verdict;
use crate::output;
use crate::render::tables::table;
use crate::render::words::wrap;

/// Width of the text.
const WIDTH: usize = 96;

/// Explains one reason, or lists all.
#[must_use]
pub fn explain(word: Option<&str>, output: &output::Output) -> Verdict {
    let mut text = Vec::new();
    let mut err = anstream::stderr();
    // A reader that went away has read enough.
    let verdict = run(word, output.form(), &mut text, &mut err).unwrap_or_default();
    output.print(&String::from_utf8_lossy(&text));
    verdict
}

fn run(
    word: Option<&str>,
    output: Output,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let Some(word) = word else {
        match output {
            Output::Json => {
                let all: Vec<Value> = Reason::ALL.iter().map(|reason| as_json(*reason)).collect();
                writeln!(out, "{:#}", json!({ "schemaVersion": 1, "reasons": all }))?;
            }
            _ => write!(out, "{}", catalogue())?,
        }
        return Ok(Verdict::Done);
    };
    match word.parse::<Reason>() {
        Ok(reason) => {
            match output {
                Output::Json => writeln!(out, "{:#}", as_json(reason))?,
                _ => write!(out, "{}", one(reason))?,
            }
            Ok(Verdict::Done)
        }
        Err(UnknownReason { nearest }) => {
            let hint = nearest.map_or_else(String::new, |near| format!(" Did you mean {near}?"));
            writeln!(
                err,
                "error: there is no reason {word:?}.{hint} `opendoor explain` lists them all."
            )?;
            Ok(Verdict::Error)
        }
    }
}

fn one(reason: Reason) -> String {
    let mut text = format!("{reason} ({})\n", class(reason));
    for (label, words) in [
        ("What", reason.meaning()),
        ("Rule", reason.rule()),
        ("Do", reason.fix()),
    ] {
        let lines = wrap(words, WIDTH - 6);
        for (number, line) in lines.iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            text.push_str(&format!("{label:<6}{line}\n"));
        }
    }
    text
}

fn catalogue() -> String {
    let rows = Reason::ALL.iter().map(|reason| {
        vec![
            reason.to_string(),
            class(*reason).to_owned(),
            reason.meaning().to_owned(),
        ]
    });
    table(&["REASON", "IS", "MEANING"], rows)
}

fn as_json(reason: Reason) -> Value {
    json!({
        "reason": reason.as_str(),
        "class": class(reason),
        "meaning": reason.meaning(),
        "rule": reason.rule(),
        "fix": reason.fix(),
    })
}

/// What a reason means for whoever waits, in a word or two.
fn class(reason: Reason) -> &'static str {
    match reason.class() {
        Class::Fine => "fine",
        Class::Working => "working",
        Class::Refused => "refused",
        Class::Held => "held",
        Class::Waiting => "waiting on people",
        Class::CannotTell => "cannot tell",
        Class::Noted => "noted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(word: Option<&str>, output: Output) -> (Verdict, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let verdict = run(word, output, &mut out, &mut err).unwrap();
        (
            verdict,
            String::from_utf8(out).unwrap(),
            String::from_utf8(err).unwrap(),
        )
    }

    #[test]
    fn one_reason_is_explained_with_its_rule_and_what_to_do() {
        let (verdict, out, err) = explain(Some("doornotfound"), Output::Text);
        assert_eq!((verdict, err.as_str()), (Verdict::Done, ""));
        assert_eq!(
            out,
            "DoorNotFound (refused)\n\
             What  No door of that name or uuid is in this building.\n\
             Rule  A name must be the door's name in DOOR OS, letter for letter.\n\
             Do    Correct the name (the message names the nearest ones), or write the door's uuid.\n"
        );
    }

    #[test]
    fn every_reason_is_listed() {
        let (_, out, _) = explain(None, Output::Text);
        let (_, json, _) = explain(None, Output::Json);
        for reason in Reason::ALL {
            assert!(out.contains(reason.as_str()), "{reason}");
        }
        let json: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["reasons"].as_array().unwrap().len(), Reason::ALL.len());
    }

    #[test]
    fn an_unknown_reason_is_an_error_that_names_the_nearest() {
        let (verdict, out, err) = explain(Some("PartnerImutable"), Output::Text);
        assert_eq!((verdict, out.as_str()), (Verdict::Error, ""));
        assert_eq!(
            err,
            "error: there is no reason \"PartnerImutable\". Did you mean PartnerImmutable? `opendoor explain` lists them all.\n"
        );
    }
}
