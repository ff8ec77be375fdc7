//! Where words go: one document to standard output, everything else to standard error.

use std::cell::Cell;
use std::io::{ErrorKind, Write as _};

use opendoor_reconciler::change::ChangeReport;
use opendoor_reconciler::round::RoundReport;
use opendoor_reconciler::table::TablePlan;

use crate::args::Output as Form;
use crate::connect::Connection;
use crate::exit::Verdict;
use crate::render;
use crate::render::change::{Asked, Origin};

/// Said every time a simulated world is used.
const BANNER: &str = "SIMULATED DOOR OS - no real door is touched";

/// How a command speaks.
pub struct Output {
    form: Form,
    banner_said: Cell<bool>,
    unwritten: Cell<bool>,
}

impl Output {
    /// A way to speak in this form.
    #[must_use]
    pub fn new(form: Form) -> Self {
        Self {
            form,
            banner_said: Cell::new(false),
            unwritten: Cell::new(false),
        }
    }

    /// The form.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Says once that the world is simulated, if it is.
    pub fn banner(&self, connection: &Connection) {
        self.simulated(connection.simulated());
    }

    /// Says once that what follows is of a simulated world, if it is.
    pub fn simulated(&self, simulated: bool) {
        if !simulated || self.banner_said.replace(true) {
            return;
        }
        if self.form == Form::Text {
            self.print(&format!("{BANNER}\n\n"));
        } else {
            self.note(BANNER);
        }
    }

    /// Prints a document, or a part of one, to standard output.
    pub fn print(&self, text: &str) {
        let mut out = anstream::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        drop(out);
        match written {
            // A reader that went away has read enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                self.unwritten.set(true);
                self.note(&format!("error: what was found cannot be printed: {error}"));
            }
            _ => {}
        }
    }

    /// What a command found; an error where that could not be printed.
    #[must_use]
    pub fn verdict(&self, found: Verdict) -> Verdict {
        if self.unwritten.get() {
            found.and(Verdict::Error)
        } else {
            found
        }
    }

    /// Prints a line to standard output.
    pub fn print_line(&self, text: &str) {
        self.print(&format!("{text}\n"));
    }

    /// Says something beside the document, on standard error.
    pub fn note(&self, text: &str) {
        let _ = writeln!(anstream::stderr().lock(), "{text}");
    }

    /// What is said of a round.
    #[must_use]
    pub fn said(&self, report: &RoundReport, performed: bool) -> String {
        match self.form {
            Form::Json => pretty(&render::json::round(report, performed)),
            Form::Markdown => render::markdown::round(report, performed),
            Form::Clicks => render::clicks::round(report),
            Form::Text | Form::Html => render::text::round(report, performed),
        }
    }

    /// Prints a round.
    pub fn round(&self, report: &RoundReport, performed: bool) {
        self.print(&self.said(report, performed));
    }

    /// Prints what is planned, from a snapshot if it has an origin.
    pub fn planned(&self, report: &RoundReport, origin: Option<Origin>) {
        match (self.form, origin) {
            (Form::Json, Some(origin)) => {
                let mut value = render::json::round(report, false);
                if let Some(fields) = value.as_object_mut() {
                    fields.insert(String::from("snapshotAt"), serde_json::json!(origin.at));
                }
                self.json(&value);
            }
            (Form::Markdown, Some(origin)) => {
                self.round(report, false);
                self.print(&format!("\n> {}\n", origin.told()));
            }
            _ => self.round(report, false),
        }
    }

    /// Prints what a change does.
    pub fn change(&self, report: &ChangeReport, asked: &Asked<'_>) {
        match self.form {
            Form::Json => self.json(&render::json::change(report, asked)),
            Form::Markdown => self.print(&render::markdown::change(report, asked)),
            Form::Clicks => self.print(&render::clicks::round(&report.caused)),
            Form::Text | Form::Html => self.print(&render::text::change(report, asked)),
        }
    }

    /// Prints plans made against a table of doors.
    pub fn table_plans(&self, planned: &TablePlan) {
        let text = match self.form {
            Form::Json => pretty(&render::json::table_plans(planned)),
            Form::Markdown => render::markdown::plans(planned),
            Form::Clicks => render::clicks::plans(planned),
            Form::Text | Form::Html => render::text::plans(planned),
        };
        self.print(&text);
    }

    /// Prints a JSON document.
    pub fn json(&self, value: &serde_json::Value) {
        self.print(&pretty(value));
    }
}

fn pretty(value: &serde_json::Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
