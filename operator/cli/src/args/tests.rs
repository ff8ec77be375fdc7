use super::*;

fn read(line: &str) -> Result<Cli, u8> {
    Cli::read(std::iter::once("opendoor").chain(line.split_whitespace()))
}

#[test]
fn the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn a_wrong_command_line_is_exit_1_and_help_is_exit_0() {
    for (line, code) in [
        ("", 1),
        ("frobnicate", 1),
        ("plan --frobnicate", 1),
        ("plan --environment production", 1),
        ("plan --base main --environment a--b", 1),
        ("status -o clicks", 1),
        ("import --building x -o json", 1),
        ("sync", 1),
        ("sync attest", 1),
        ("simulate --listen 0.0.0.0:80", 1),
        ("simulate --listen nonsense", 1),
        ("--help", 0),
        ("plan --help", 0),
        ("--version", 0),
    ] {
        assert_eq!(read(line).map(|_| ()), Err(code), "{line}");
    }
}

#[test]
fn paths_default_to_here_and_state_lies_beside_them() {
    let cli = read("plan").unwrap();
    let Command::Plan { place, .. } = &cli.command else {
        panic!("not a plan");
    };
    assert_eq!(place.path, Path::new("."));
    assert_eq!(
        cli.options.state_of(Path::new("homes")),
        Path::new("homes/.opendoor")
    );
    let cli = read("apply homes --state /var/lib/x --approve h-1 --approve h-2 -o json").unwrap();
    let Command::Apply { place, approve } = &cli.command else {
        panic!("not an apply");
    };
    assert_eq!(
        (place.path.as_path(), approve.len()),
        (Path::new("homes"), 2)
    );
    assert_eq!(cli.options.state_of(&place.path), Path::new("/var/lib/x"));
    assert_eq!(cli.options.output, Output::Json);
}

#[test]
fn doors_to_attest_and_a_path_are_told_apart() {
    let cli = Cli::read([
        "opendoor",
        "sync",
        "attest",
        "Garage Gate",
        "Mail Room",
        "--path",
        "x",
    ]);
    let Ok(Cli {
        command: Command::Sync(Sync::Attest { doors, path }),
        ..
    }) = cli
    else {
        panic!("not an attestation");
    };
    assert_eq!(doors, ["Garage Gate", "Mail Room"]);
    assert_eq!(path, Path::new("x"));
}

#[test]
fn help_names_the_exit_codes_where_they_mean_something() {
    for (command, shows) in [
        ("plan", true),
        ("apply", true),
        ("run", true),
        ("drift", true),
        ("validate", true),
        ("status", false),
    ] {
        let help = Cli::command()
            .find_subcommand_mut(command)
            .map(|command| command.render_help().to_string())
            .unwrap();
        assert_eq!(help.contains("Exit codes"), shows, "{command}");
    }
}

#[test]
fn the_simulator_listens_on_this_machine() {
    assert_eq!(loopback("localhost:0"), Ok("127.0.0.1:0".parse().unwrap()));
    assert_eq!(loopback("[::1]:9"), Ok("[::1]:9".parse().unwrap()));
    assert!(loopback("10.0.0.1:80").is_err());
}
