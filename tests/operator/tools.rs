//! The programs in Go that the tests drive, built from source the first time and kept.
//!
//! A test never passes without them: what cannot be built fails it, with what to do.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::time::Instant;

use sha2::{Digest, Sha256};

/// Smaller programs, and no path of this machine in them.
const FLAGS: [&str; 4] = ["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w"];

/// A Go module of ours under `tests/` and what to build of it.
struct ToolSet {
    module: &'static str,
    packages: &'static [&'static str],
    /// What a first build takes on two cores.
    cost: &'static str,
}

/// The programs of a module, built.
static CONTROL_PLANE: LazyLock<PathBuf> = LazyLock::new(|| {
    ToolSet {
        module: "control-plane",
        packages: &[".", "./kubectl"],
        cost: "4 to 9 minutes on two cores",
    }
    .ready()
});

/// The API server of the tests.
pub fn control_plane() -> PathBuf {
    CONTROL_PLANE.join("control-plane")
}

/// kubectl, of the same release.
pub fn kubectl() -> PathBuf {
    CONTROL_PLANE.join("kubectl")
}

/// Other people's programs, which check what we ship for them.
static TOOLS: LazyLock<PathBuf> = LazyLock::new(|| {
    ToolSet {
        module: "tools",
        packages: &[
            "helm.sh/helm/v4/cmd/helm",
            "github.com/prometheus/prometheus/cmd/promtool",
            "github.com/yannh/kubeconform/cmd/kubeconform",
            "github.com/yuin/gopher-lua/cmd/glua",
        ],
        cost: "about 8 minutes on two cores",
    }
    .ready()
});

/// Renders and checks charts.
pub fn helm() -> PathBuf {
    TOOLS.join("helm")
}

/// Checks manifests by schema.
pub fn kubeconform() -> PathBuf {
    TOOLS.join("kubeconform")
}

/// Runs a Lua script, as Argo CD does its health checks.
pub fn lua() -> PathBuf {
    TOOLS.join("glua")
}

/// Checks alerts.
pub fn promtool() -> PathBuf {
    TOOLS.join("promtool")
}

/// Past cargo's capture of a test's output: somebody is waiting.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "\n== {text}");
}

fn go(words: &[&str]) -> Command {
    let mut command = Command::new("go");
    command.args(words).stdin(Stdio::null());
    command
}

impl ToolSet {
    /// The folder of its programs, which are built if this version of them is not there yet.
    fn ready(&self) -> PathBuf {
        let module = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../tests")
            .join(self.module);
        let home = std::env::var_os("HOME").expect("HOME says where to keep what is built");
        let cache = PathBuf::from(home).join(".cache/opendoor");
        let name = format!("{}-{}", self.module, self.version(&module));
        let folder = cache.join(&name);
        if folder.exists() {
            return folder;
        }
        fs::create_dir_all(&cache).expect("the cache can be made");
        // Two runs at once: the second waits, and finds the work done. The lock goes with the process.
        let lock = File::create(cache.join(format!("{name}.lock"))).unwrap();
        if lock.try_lock().is_err() {
            say(&format!("waiting for another run to build {name}"));
            lock.lock().unwrap();
        }
        if !folder.exists() {
            self.build(&module, &cache.join(format!("{name}.part")), &folder);
        }
        folder
    }

    fn build(&self, module: &Path, part: &Path, folder: &Path) {
        say(&format!(
            "building the Go programs of tests/{}, once: {}",
            self.module, self.cost
        ));
        let began = Instant::now();
        let _ = fs::remove_dir_all(part); // of a build that was cut off
        fs::create_dir_all(part).unwrap();
        let built = go(&FLAGS)
            .arg("-o")
            // A folder, also for one program.
            .arg(format!("{}/", part.display()))
            .args(self.packages)
            .current_dir(module)
            .status()
            .unwrap();
        assert!(
            built.success(),
            "tests/{} does not build: what go says is above",
            self.module
        );
        fs::rename(part, folder).unwrap();
        say(&format!(
            "built {} in {} s",
            folder.display(),
            began.elapsed().as_secs()
        ));
    }

    /// Changes with everything that changes the programs.
    fn version(&self, module: &Path) -> String {
        let version = match go(&["version"]).current_dir(module).output() {
            Ok(output) if output.status.success() => output.stdout,
            Ok(output) => panic!(
                "`go version` failed in {}: {}",
                module.display(),
                String::from_utf8_lossy(&output.stderr)
            ),
            Err(error) if error.kind() == ErrorKind::NotFound => panic!(
                "These tests run a real Kubernetes API server, which is built from source and needs Go. Install Go 1.26 \
                 or newer (https://go.dev/doc/install), so that `go version` works, and run the tests again."
            ),
            Err(error) => panic!("`go version`: {error}"),
        };
        let mut hash = Sha256::new();
        hash.update(version);
        hash.update(FLAGS.concat());
        hash.update(self.packages.concat());
        let mut sources = Vec::new();
        sources_in(module, &mut sources);
        sources.sort();
        for source in sources {
            let name = source.strip_prefix(module).unwrap();
            hash.update(name.to_string_lossy().as_bytes());
            hash.update(fs::read(&source).unwrap());
        }
        hash.finalize()
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

fn sources_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            sources_in(&path, found);
        } else if name.ends_with(".go") || name == "go.mod" || name == "go.sum" {
            found.push(path);
        }
    }
}
