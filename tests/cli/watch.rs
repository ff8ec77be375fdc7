//! `run` without `--once`: reconciles when a file changes, and ends cleanly.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::fixture::{World, assignment, opendoor, run_in};

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn started(world: &World) -> Running {
    let child = Command::new(opendoor())
        .args(["run", "--door-os", world.url()])
        .current_dir(world.yaml.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running(child)
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn holder(world: &World, door: &str) -> bool {
    let said = world.run(&["who", door, "-o", "json"]);
    said.out.contains("\"granted") && said.out.contains("Parcel Runner")
}

#[test]
fn a_changed_file_is_seen_and_ctrl_c_ends_cleanly() {
    let world = World::new();
    world.write(
        "a.yaml",
        &assignment("parcel", "Parcel Runner", "Mail Room"),
    );
    let mut running = started(&world);
    eventually("the first round assigns", || holder(&world, "Mail Room"));
    let second = world.run(&["run", "--once"]);
    assert_eq!(second.code, 1, "one process acts at a time: {}", second.err);
    world.run(&["status"]).exits(0);
    world.write(
        "b.yaml",
        &assignment("more", "Parcel Runner", "Front Entrance"),
    );
    eventually("the new file is seen", || holder(&world, "Front Entrance"));
    let interrupted = Command::new("kill")
        .args(["-INT", &running.0.id().to_string()])
        .status()
        .unwrap();
    assert!(interrupted.success());
    let ended = running.0.wait().unwrap();
    assert_eq!(ended.code(), Some(0));
    world.run(&["plan"]).exits(0);
}

#[test]
fn a_second_user_of_an_embedded_world_is_sent_to_simulate() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::write(folder.path().join("simulator.yaml"), crate::fixture::WORLD).unwrap();
    std::fs::write(
        folder.path().join("property.yaml"),
        crate::fixture::PROPERTY,
    )
    .unwrap();
    let child = Command::new(opendoor())
        .arg("run")
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _running = Running(child);
    eventually("the world is in use", || {
        folder.path().join(".opendoor/state.db").exists()
    });
    let said = run_in(folder.path(), &["plan"]).exits(1);
    assert!(said.err.contains("opendoor simulate"), "{}", said.err);
}

#[test]
fn a_killed_run_goes_on_from_its_ledger() {
    let world = World::about_to_leave_the_garage();
    for delay in [5_u64, 15, 30, 60] {
        let mut running = started(&world);
        std::thread::sleep(Duration::from_millis(delay));
        running.0.kill().unwrap();
        running.0.wait().unwrap();
    }
    world.run(&["run", "--once"]).exits(0);
    let listed = world.run(&["sync", "list"]).exits(0);
    assert!(listed.out.contains("Garage Gate"), "{}", listed.out);
}
