//! `opendoor completions SHELL`.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::Cli;
use crate::exit::Verdict;
use crate::output::Output;

/// Prints the completions for a shell.
#[must_use]
pub fn completions(shell: Shell, output: &Output) -> Verdict {
    let mut text = Vec::new();
    let done = run(shell, &mut text);
    output.print(&String::from_utf8_lossy(&text));
    match done {
        Ok(verdict) => verdict,
        Err(error) => {
            output.note(&format!("error: {error}"));
            Verdict::Error
        }
    }
}

fn run(shell: Shell, out: &mut dyn Write) -> io::Result<Verdict> {
    let mut text = Vec::new();
    generate(shell, &mut Cli::command(), "opendoor", &mut text);
    out.write_all(&text)?;
    Ok(Verdict::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_knows_the_commands() {
        for shell in Shell::value_variants() {
            let mut out = Vec::new();
            run(*shell, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(
                text.contains("attest") && text.contains("observed"),
                "{shell}"
            );
        }
    }
}
