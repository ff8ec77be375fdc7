//! `run --notify`: one message when something changes, none while nothing does, and no harm when nobody
//! takes it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fixture::{Said, World, assignment, key, opendoor};

/// An address that takes what is sent, and answers as it is told.
struct Hook {
    url: String,
    got: Arc<Mutex<Vec<Value>>>,
    answer: Arc<Mutex<u16>>,
}

/// Holds connections open without a word.
const SILENT: u16 = 0;

impl Hook {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!(
            "http://{}/T0/s3cret?x=s3cret",
            listener.local_addr().unwrap()
        );
        let got = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(Mutex::new(200));
        let (taken, said) = (got.clone(), answer.clone());
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut length = 0;
                let mut line = String::new();
                while reader.read_line(&mut line).unwrap() > 2 {
                    if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    line.clear();
                }
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                taken
                    .lock()
                    .unwrap()
                    .push(serde_json::from_slice(&body).unwrap());
                let status = *said.lock().unwrap();
                if status == SILENT {
                    open.push(stream);
                } else {
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                    );
                }
            }
        });
        Self { url, got, answer }
    }

    fn answers(&self, status: u16) {
        *self.answer.lock().unwrap() = status;
    }

    fn take(&self) -> Vec<Value> {
        std::mem::take(&mut self.got.lock().unwrap())
    }

    /// The events of the one message that came.
    fn one(&self) -> Vec<(String, String)> {
        let got = self.take();
        assert_eq!(got.len(), 1, "{got:?}");
        assert_eq!(got[0]["schemaVersion"], 1);
        assert_eq!(got[0]["property"], "harbor-point");
        assert_eq!(got[0]["simulated"], true);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let events = got[0]["events"].as_array().unwrap();
        events
            .iter()
            .map(|event| (text(&event["event"]), text(&event["what"])))
            .collect()
    }
}

impl World {
    /// A round that tells the hook.
    fn told(&self, hook: &Hook) -> Said {
        let said = self.run(&["run", "--once", "--notify", &hook.url]);
        for text in [&said.out, &said.err] {
            assert!(!text.contains("s3cret"), "{text}");
        }
        said
    }
}

fn events(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter()
        .map(|(event, what)| ((*event).to_owned(), (*what).to_owned()))
        .collect()
}

#[test]
fn a_change_of_outcome_is_told_once_and_its_end_too() {
    let world = World::about_to_leave_the_garage();
    let hook = Hook::new();
    world.told(&hook).exits(0);
    assert_eq!(hook.one(), events(&[("DoorSyncRequired", "Garage Gate")]));
    // Every round is a new process: what was told is remembered.
    world.told(&hook).exits(0);
    world.told(&hook).exits(0);
    assert_eq!(hook.take(), [] as [Value; 0]);
    world.sync("Garage Gate", "full");
    world.told(&hook).exits(0);
    assert_eq!(hook.one(), events(&[("DoorSyncProven", "Garage Gate")]));
    // Drift that is repaired in the round that finds it.
    world.edit_door("Mail Room", &json!({"partner": null}));
    world.told(&hook).exits(0);
    assert_eq!(
        hook.one(),
        events(&[("DriftFound", "Mail Room"), ("DriftRepaired", "Mail Room")])
    );
    world.write("z.yaml", &assignment("z", "TourPass", "Nowhere"));
    world.told(&hook).exits(3);
    assert_eq!(hook.one(), events(&[("ChangeRefused", "DoorAssignment/z")]));
    world.remove("z.yaml");
    world.told(&hook).exits(0);
    assert_eq!(hook.one(), events(&[("RefusalEnded", "DoorAssignment/z")]));
    assert_eq!(world.told(&hook).exits(0).err.matches("warning").count(), 0);
    assert_eq!(hook.take(), [] as [Value; 0]);
}

#[test]
fn holds_and_authorisations_are_told() {
    let world = World::new();
    let hook = Hook::new();
    world.write("k.yaml", &key("tours", "TourPass", "Unit 101"));
    let property =
        crate::fixture::PROPERTY.replace("TourPass }]", "TourPass }, { name: CleanCo }]");
    world.write("property.yaml", &property);
    world.write(
        "c.yaml",
        &assignment("c", "CleanCo", "Mail Room, Front Entrance"),
    );
    world.told(&hook).exits(0);
    assert_eq!(
        hook.one(),
        events(&[("AuthorizationAwaited", "CleanCo"), ("EmailDue", "CleanCo")])
    );
    let uuid = world.simulator.key_uuid("Harbor Point", "tours").unwrap();
    let held = json!({"holders": {"GUEST": 3}});
    world.call("PATCH", &format!("/sim/v1/keys/{uuid}"), &held);
    world.remove("k.yaml");
    let id = world.run(&["plan", "-o", "json"]).exits(3).json();
    let id = id["properties"][0]["holdId"].as_str().unwrap();
    world.told(&hook).exits(3);
    assert_eq!(hook.one(), events(&[("ChangeHeld", id)]));
    world.run(&["apply", "--approve", id]).exits(0);
    world.told(&hook).exits(0);
    assert_eq!(
        hook.one(),
        events(&[("DoorSyncRequired", "Unit 101"), ("HoldEnded", id)])
    );
    // A week without an answer.
    world.simulator.advance(Duration::from_secs(8 * 24 * 3600));
    world.told(&hook);
    assert_eq!(hook.one(), events(&[("EmailUnanswered", "CleanCo")]));
    world.told(&hook);
    assert_eq!(hook.take(), [] as [Value; 0]);
}

#[test]
fn a_hook_that_fails_changes_nothing_and_gets_it_later() {
    let world = World::new();
    let hook = Hook::new();
    world.write("z.yaml", &assignment("z", "TourPass", "Nowhere, Mail Room"));
    hook.answers(503);
    let said = world.told(&hook).exits(3);
    assert!(
        said.err
            .contains("could not be delivered (it answered 503)"),
        "{}",
        said.err
    );
    assert!(
        world.run(&["who", "Mail Room"]).out.contains("TourPass"),
        "the round was made"
    );
    assert_eq!(hook.take().len(), 3, "attempts are bounded");
    hook.answers(404);
    let said = world.told(&hook).exits(3);
    assert!(
        said.err.contains("was refused (it answered 404)"),
        "{}",
        said.err
    );
    assert_eq!(hook.take().len(), 1, "what is refused is not asked again");
    hook.answers(200);
    world.told(&hook).exits(3);
    assert_eq!(hook.one(), events(&[("ChangeRefused", "DoorAssignment/z")]));
    world.told(&hook).exits(3);
    assert_eq!(hook.take(), [] as [Value; 0]);
    // Nobody is there, or nobody answers.
    world.remove("z.yaml");
    hook.answers(SILENT);
    let begun = Instant::now();
    let said = world.told(&hook);
    assert!(said.err.contains("no answer in time"), "{}", said.err);
    assert!(begun.elapsed() < Duration::from_secs(60));
    let gone = Hook {
        url: String::from("http://127.0.0.1:9/s3cret"),
        ..Hook::new()
    };
    let said = world.told(&gone);
    assert!(said.err.contains("it cannot be reached"), "{}", said.err);
    let open = Hook {
        url: String::from("http://hooks.example/s3cret"),
        ..Hook::new()
    };
    world.told(&open).exits(1);
}

#[test]
fn slack_gets_text_and_the_environment_may_say_where() {
    let world = World::about_to_leave_the_garage();
    let hook = Hook::new();
    let done = std::process::Command::new(opendoor())
        .args([
            "run",
            "--once",
            "--door-os",
            world.url(),
            "--notify-form",
            "slack",
            "-v",
        ])
        .current_dir(world.yaml.path())
        .env("OPENDOOR_NOTIFY_URL", &hook.url)
        .output()
        .unwrap();
    assert!(done.status.success());
    assert!(!String::from_utf8(done.stderr).unwrap().contains("s3cret"));
    let got = hook.take();
    assert_eq!(
        got,
        [
            json!({ "text": "*OpenDOOR: Harbor Point* (simulated)\n• *DoorSyncRequired* Garage Gate: its lock may still open for \
                          Parcel Runner. Perform a Door Sync there." })
        ]
    );
    let help = std::process::Command::new(opendoor())
        .args(["run", "--help"])
        .env("OPENDOOR_NOTIFY_URL", &hook.url)
        .output()
        .unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("s3cret"));
}

#[test]
fn the_controller_tells_too_and_a_silent_hook_does_not_keep_it_from_ending() {
    let world = World::about_to_leave_the_garage();
    let hook = Hook::new();
    let started = || {
        std::process::Command::new(opendoor())
            .args(["run", "--door-os", world.url(), "--notify", &hook.url])
            .current_dir(world.yaml.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let first_message = || {
        let begun = Instant::now();
        while hook.got.lock().unwrap().is_empty() {
            assert!(begun.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(50));
        }
        hook.one()
    };
    let end = |mut child: std::process::Child| {
        let begun = Instant::now();
        let id = child.id().to_string();
        let asked = std::process::Command::new("kill")
            .args(["-INT", &id])
            .status();
        assert!(asked.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(4), "{begun:?}");
    };
    hook.answers(SILENT);
    let running = started();
    let required = events(&[("DoorSyncRequired", "Garage Gate")]);
    assert_eq!(first_message(), required);
    end(running);
    // What nobody took is told by the next one, and the end of it as soon as it is seen.
    hook.answers(200);
    let running = started();
    assert_eq!(first_message(), required);
    world.sync("Garage Gate", "full");
    world.write("touched.yaml", "# Nothing.\n");
    assert_eq!(
        first_message(),
        events(&[("DoorSyncProven", "Garage Gate")])
    );
    end(running);
}
