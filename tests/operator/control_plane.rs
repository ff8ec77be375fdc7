//! A Kubernetes API server on loopback, and kubectl to speak to it.
//!
//! One is shared by all tests of a run, each in a namespace of its own. A test that restarts, breaks or compacts
//! its server starts a private one.

use std::fmt::Write as _;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tools;

/// May do everything.
pub const ADMIN: &str = "admin";
/// Who else may come in: they may do what a test's RoleBindings allow them, and nothing before.
pub const PLAIN_USERS: [&str; 3] = ["operator", "manager", "stranger"];

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub ok: bool,
    pub out: String,
    pub err: String,
}

impl Said {
    /// Runs a command, giving it `input`.
    pub fn of(command: &mut Command, input: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that ends without reading its input has said why.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Self {
            ok: output.status.success(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Expects success.
    #[track_caller]
    pub fn works(self) -> Self {
        assert!(self.ok, "{}\n{}", self.out, self.err);
        self
    }

    /// Expects a refusal that says all of these.
    #[track_caller]
    pub fn refused(self, sentences: &[&str]) -> Self {
        assert!(!self.ok, "not refused: {}\n{}", self.out, self.err);
        for sentence in sentences {
            assert!(self.err.contains(sentence), "{sentence}\n---\n{}", self.err);
        }
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// Looks again until it is so, and fails with what was last seen instead.
#[track_caller]
pub fn wait_until<T>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, String>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > end => panic!("{what}: not within {deadline:?}: {seen}"),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// An API server, and everything it needs, in a folder that the server itself removes at its end: this process may be
/// killed, and drops nothing then.
pub struct ControlPlane {
    folder: PathBuf,
    extra: Vec<String>,
    running: Mutex<Option<Running>>,
    port: AtomicU16,
}

/// The server ends when its stdin closes, which the kernel does for us however this process ends.
struct Running {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

static SHARED: LazyLock<ControlPlane> = LazyLock::new(|| {
    let server = ControlPlane::private(&[]);
    server.install_crds();
    server
});

impl ControlPlane {
    /// The server that all tests share, with our definitions.
    pub fn shared() -> &'static Self {
        &SHARED
    }

    /// A server of one test, empty. `extra` are flags of `tests/control-plane`.
    pub fn private(extra: &[&str]) -> Self {
        let folder = TempDir::with_prefix("opendoor-control-plane-").unwrap();
        let server = Self {
            folder: folder.keep(),
            extra: extra.iter().map(|&flag| flag.to_owned()).collect(),
            running: Mutex::new(None),
            port: AtomicU16::new(0),
        };
        let users: Vec<(&str, String)> = [ADMIN]
            .into_iter()
            .chain(PLAIN_USERS)
            .map(|user| {
                (
                    user,
                    format!("{user}-{:016x}", RandomState::new().hash_one(user)),
                )
            })
            .collect();
        let mut tokens = String::new();
        for (user, token) in &users {
            let group = if *user == ADMIN {
                ",system:masters"
            } else {
                ""
            };
            writeln!(tokens, "{token},{user},{user}{group}").unwrap();
        }
        fs::write(server.file("tokens.csv"), tokens).unwrap();
        server.start_again();
        for (user, token) in &users {
            server.write_kubeconfig(user, token);
        }
        server
    }

    /// Starts it, again after [`stop`](Self::stop): at the same address, with the same objects.
    pub fn start_again(&self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.file("log"))
            .unwrap();
        let mut child = Command::new(tools::control_plane())
            .arg("--dir")
            .arg(&self.folder)
            .arg("--tokens")
            .arg(self.file("tokens.csv"))
            .arg(format!("--port={}", self.port.load(Ordering::Relaxed)))
            .arg("--remove-dir")
            .args(&self.extra)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut running = Running {
            commands: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            child,
        };
        let ready = self.answer(&mut running);
        let port = ready["port"].as_u64().unwrap().try_into().unwrap();
        self.port.store(port, Ordering::Relaxed);
        *self.running.lock().unwrap() = Some(running);
    }

    /// Stops it as a crash would: connections are cut. Its files stay, to [start again](Self::start_again) with.
    pub fn stop(&self) {
        if let Some(mut running) = self.running.lock().unwrap().take() {
            running.commands.write_all(b"keep\n").unwrap();
            running.end();
        }
    }

    /// Forgets the history, so that a watch from an earlier resourceVersion is 410 Gone.
    pub fn compact(&self) {
        let mut running = self.running.lock().unwrap();
        let running = running.as_mut().expect("it runs");
        running.commands.write_all(b"compact\n").unwrap();
        assert!(self.answer(running)["compactedRevision"].is_u64());
    }

    /// The next line the server prints.
    fn answer(&self, running: &mut Running) -> Value {
        let mut line = String::new();
        running.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| {
            let log = fs::read_to_string(self.file("log")).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(20).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            panic!(
                "the control plane did not answer; the end of its log:\n{}",
                tail.join("\n")
            )
        })
    }

    fn write_kubeconfig(&self, user: &str, token: &str) {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "tests",
            "clusters": [{ "name": "tests", "cluster": { "server": self.url(), "certificate-authority": self.ca_file() } }],
            "users": [{ "name": user, "user": { "token": token } }],
            "contexts": [{ "name": "tests", "context": { "cluster": "tests", "user": user } }],
        });
        fs::write(self.kubeconfig(user), config.to_string()).unwrap();
    }

    /// Makes our definitions known and waits until objects can be made.
    pub fn install_crds(&self) {
        let crds = root().join("crds");
        let crds = crds.to_str().unwrap();
        self.kubectl(&["apply", "--server-side", "-f", crds])
            .works();
        self.kubectl(&[
            "wait",
            "--for=condition=Established",
            "--timeout=30s",
            "-f",
            crds,
        ])
        .works();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port.load(Ordering::Relaxed))
    }

    /// The authority that signed the server's certificate.
    pub fn ca_file(&self) -> PathBuf {
        self.file("ca.crt")
    }

    /// What KUBECONFIG is for a user: the [`ADMIN`] or one of the [`PLAIN_USERS`].
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.file(&format!("kubeconfig-{user}"))
    }

    /// kubectl, as a user.
    fn command(&self, user: &str) -> Command {
        let mut command = Command::new(tools::kubectl());
        command
            .env("KUBECONFIG", self.kubeconfig(user))
            .env("KUBECACHEDIR", self.file("kubectl-cache"))
            // Nothing of whoever runs the tests.
            .env("KUBERC", "off")
            .current_dir(root());
        command
    }

    /// Runs kubectl as the admin.
    pub fn kubectl(&self, words: &[&str]) -> Said {
        Said::of(self.command(ADMIN).args(words), "")
    }

    /// A new namespace, of this test alone.
    pub fn namespace(&self) -> Namespace<'_> {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.kubectl(&["create", "namespace", &name]).works();
        Namespace { server: self, name }
    }
}

impl Running {
    fn end(mut self) {
        drop(self.commands);
        self.child.wait().unwrap();
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        let running = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        match running.take() {
            Some(running) => running.end(),
            None => drop(fs::remove_dir_all(&self.folder)),
        }
    }
}

/// A namespace of one test.
pub struct Namespace<'a> {
    pub server: &'a ControlPlane,
    pub name: String,
}

impl Namespace<'_> {
    /// Runs kubectl here as a user, giving it `input` (for `-f -`).
    pub fn kubectl_as(&self, user: &str, words: &[&str], input: &str) -> Said {
        let mut command = self.server.command(user);
        command.args(["--namespace", &self.name]).args(words);
        Said::of(&mut command, input)
    }

    /// Runs kubectl here as the admin.
    pub fn kubectl(&self, words: &[&str]) -> Said {
        self.kubectl_as(ADMIN, words, "")
    }

    /// The first line that kubectl prints, as soon as it is there; what it says of an error if it prints none.
    pub fn first_line(&self, words: &[&str]) -> Result<String, String> {
        let mut child = self
            .server
            .command(ADMIN)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        if line.is_empty() {
            let output = child.wait_with_output().unwrap();
            return Err(String::from_utf8(output.stderr).unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        Ok(line)
    }

    /// Applies YAML, or JSON, as the admin.
    pub fn apply(&self, text: &str) -> Said {
        self.kubectl_as(ADMIN, &["apply", "--validate=strict", "-f", "-"], text)
    }
}
