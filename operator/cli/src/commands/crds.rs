//! `opendoor crds [--out DIR]`: the Kubernetes definitions of the resources.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::exit::Verdict;
use crate::output::Output;

/// Prints all definitions, or writes a file for each.
#[must_use]
pub fn crds(directory: Option<&Path>, output: &Output) -> Verdict {
    let mut text = Vec::new();
    let done = run(directory, &mut text);
    output.print(&String::from_utf8_lossy(&text));
    match done {
        Ok(verdict) => verdict,
        Err(error) => {
            output.note(&format!("error: {error}"));
            Verdict::Error
        }
    }
}

fn run(directory: Option<&Path>, out: &mut dyn Write) -> io::Result<Verdict> {
    if let Some(directory) = directory {
        fs::create_dir_all(directory).map_err(|error| at(directory, &error))?;
    }
    for crd in opendoor_api::crds() {
        let text = opendoor_api::crd_yaml(&crd).map_err(io::Error::other)?;
        match directory {
            Some(directory) => {
                let place = directory.join(opendoor_api::file_name(&crd));
                fs::write(&place, text).map_err(|error| at(&place, &error))?;
                writeln!(out, "{}", place.display())?;
            }
            None => out.write_all(text.as_bytes())?,
        }
    }
    Ok(Verdict::Done)
}

fn at(place: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", place.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_five_are_one_stream_of_documents() {
        let mut out = Vec::new();
        run(None, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches("\n---\n").count(), 5);
        assert_eq!(text.matches("kind: CustomResourceDefinition\n").count(), 5);
    }

    #[test]
    fn each_becomes_a_file_whose_name_is_printed() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("deep/crds");
        let mut out = Vec::new();
        run(Some(&place), &mut out).unwrap();
        let printed = String::from_utf8(out).unwrap();
        assert_eq!(printed.lines().count(), 5);
        for line in printed.lines() {
            assert!(
                fs::read_to_string(line).unwrap().contains("opendoor.dev"),
                "{line}"
            );
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let place = file.path().join("crds");
        let error = run(Some(&place), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("crds"), "{error}");
    }
}
