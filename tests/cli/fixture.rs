//! A directory of YAML, a served simulator, and the binary between them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::served::Served;
pub use crate::yaml::{PROPERTY, assignment, key};

pub const WORLD: &str = "
partners:
  - { name: Parcel Runner, authorizedAt: [Harbor Point] }
  - { name: TourPass, authorizedAt: [Harbor Point] }
  - { name: CleanCo }
buildings:
  - name: Harbor Point
    doors:
      - { name: Front Entrance, doorType: BuildingEntrance }
      - { name: Mail Room }
      - { name: Garage Gate, connected: false }
      - { name: Unit 101, doorType: Residence, connected: false, unit: '101', vacancy: Vacant }
    keys:
      - { name: Staff, doors: [Front Entrance], holders: { NON_RESIDENT: 2 } }
";

pub struct World {
    pub yaml: TempDir,
    served: Served,
}

/// What the binary said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }

    /// Expects an exit code.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

pub fn opendoor() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_opendoor"))
}

/// Runs the binary in a folder.
pub fn run_in(folder: &Path, words: &[&str]) -> Said {
    let output: Output = Command::new(opendoor())
        .args(words)
        .current_dir(folder)
        .env_remove("OPENDOOR_URL")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl World {
    pub fn new() -> Self {
        Self::of(WORLD)
    }

    pub fn of(world: &str) -> Self {
        let world = Self {
            yaml: TempDir::new().unwrap(),
            served: Served::of(world),
        };
        world.write("property.yaml", PROPERTY);
        world
    }

    /// Parcel Runner is on the offline garage gate, its lock has it, and the YAML no longer does.
    pub fn about_to_leave_the_garage() -> Self {
        let world = Self::new();
        let doors = |doors| assignment("parcel", "Parcel Runner", doors);
        world.write("a.yaml", &doors("Garage Gate, Mail Room"));
        world.run(&["run", "--once"]).exits(0);
        world.sync("Garage Gate", "full");
        world.run(&["run", "--once"]).exits(0);
        world.write("a.yaml", &doors("Mail Room"));
        world
    }

    /// Faults of DOOR OS, instead of those before.
    pub fn fails(&self, faults: &Value) {
        self.call("PUT", "/sim/v1/faults", faults);
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.yaml.path().join(file), text).unwrap();
    }

    pub fn remove(&self, file: &str) {
        std::fs::remove_file(self.yaml.path().join(file)).unwrap();
    }

    /// Runs the binary in the directory of YAML against the served simulator.
    pub fn run(&self, words: &[&str]) -> Said {
        let mut all = words.to_vec();
        all.extend(["--door-os", self.url()]);
        run_in(self.yaml.path(), &all)
    }
}

/// A key of ours that three guests hold.
pub fn with_a_key_that_guests_hold() -> World {
    let world = World::new();
    world.write("k.yaml", &key("tours", "TourPass", "Unit 101"));
    world.run(&["run", "--once"]).exits(0);
    let uuid = world.simulator.key_uuid("Harbor Point", "tours").unwrap();
    world.call(
        "PATCH",
        &format!("/sim/v1/keys/{uuid}"),
        &json!({"holders": {"GUEST": 3}}),
    );
    world
}

impl std::ops::Deref for World {
    type Target = Served;

    fn deref(&self) -> &Served {
        &self.served
    }
}
