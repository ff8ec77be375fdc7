//! Every command of the README's tour, with the output it shows. `[..]` stands for any text on a line.
//!
//! With `OVERWRITE_README=1` the outputs are written into the README instead of compared.

use std::path::{Path, PathBuf};
use std::process::Command;

use snapbox::assert::Assert;
use tempfile::TempDir;

use crate::fixture::opendoor;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A command of the tour and the lines shown under it.
struct Shown {
    command: String,
    output: Vec<String>,
}

/// The README in pieces: text as it is, and blocks of commands.
enum Piece {
    Text(String),
    Block(Vec<Shown>),
}

fn pieces(readme: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        if line != "```console" {
            continue;
        }
        pieces.push(Piece::Text(std::mem::take(&mut text)));
        let mut block: Vec<Shown> = Vec::new();
        for line in lines.by_ref() {
            if line == "```" {
                text.push_str("```\n");
                break;
            }
            match line.strip_prefix("$ ") {
                Some(command) => block.push(Shown {
                    command: command.to_owned(),
                    output: Vec::new(),
                }),
                None => block
                    .last_mut()
                    .expect("a block begins with a command")
                    .output
                    .push(line.to_owned()),
            }
        }
        pieces.push(Piece::Block(block));
    }
    pieces.push(Piece::Text(text));
    pieces
}

fn run(folder: &Path, command: &str) -> String {
    let path = std::env::var("PATH").unwrap();
    let bin = opendoor();
    let output = Command::new("sh")
        .args(["-c", &format!("{command} 2>&1")])
        .current_dir(folder)
        .env(
            "PATH",
            format!("{}:{path}", bin.parent().unwrap().display()),
        )
        .env("NO_COLOR", "1")
        .env_remove("OPENDOOR_URL")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Copies a folder without the state that an earlier run of the example left in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn the_tour_shows_what_happens() {
    let place = root().join("README.md");
    let readme = std::fs::read_to_string(&place).unwrap();
    let folder = TempDir::new().unwrap();
    copy(&root().join("examples"), &folder.path().join("examples"));
    let mut rewritten = String::new();
    let mut commands = 0;
    for piece in pieces(&readme) {
        match piece {
            Piece::Text(text) => rewritten.push_str(&text),
            Piece::Block(block) => {
                for shown in block {
                    commands += 1;
                    let actual = run(folder.path(), &shown.command);
                    rewritten.push_str(&format!("$ {}\n{actual}", shown.command));
                    if std::env::var_os("OVERWRITE_README").is_none() {
                        let expected: String = shown
                            .output
                            .iter()
                            .map(|line| format!("{line}\n"))
                            .collect();
                        let under = format!("$ {}\n", shown.command);
                        Assert::new().eq(format!("{under}{actual}"), format!("{under}{expected}"));
                    }
                }
            }
        }
    }
    assert!(commands > 5, "the tour has commands");
    if std::env::var_os("OVERWRITE_README").is_some() {
        std::fs::write(place, rewritten).unwrap();
    }
}

#[test]
fn the_day_one_yaml_in_the_readme_is_the_example() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let example =
        std::fs::read_to_string(root().join("examples/day-one/harbor-point.yaml")).unwrap();
    let objects: String = example
        .lines()
        .skip_while(|line| line.starts_with('#') || line.is_empty() || *line == "---")
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(readme.contains(objects.trim_end()), "{objects}");
}
