//! The binary, on a machine that has nothing but what the test put there.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::DEADLINE;

/// A user's machine: a home of its own, and no variable that the test did not set.
pub(crate) struct Machine {
    home: TempDir,
    environment: Vec<(OsString, OsString)>,
    wrapper: Vec<OsString>,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The binary while it runs. It is killed where the test does not wait for its end.
pub(crate) struct Running {
    child: Child,
    stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
    started: Instant,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut machine = Self {
            home,
            environment: Vec::new(),
            wrapper: Vec::new(),
        };
        machine.set("HOME", machine.home().to_owned());
        machine.set("PATH", std::env::var_os("PATH").unwrap());
        // Compiled plugins are shared by all tests but those about compiled plugins, which set another folder.
        machine.set(
            "XDG_CACHE_HOME",
            concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"),
        );
        machine
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.environment.retain(|(n, _)| n != name);
        self.environment.push((name.into(), value.into()));
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.retain(|(n, _)| n != name);
    }

    /// Runs everything below this command from now on.
    pub(crate) fn wrap(&mut self, wrapper: &[&str]) {
        self.wrapper = wrapper.iter().map(Into::into).collect();
    }

    /// Writes a file below the home, and says where.
    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Where every run of this machine writes its audit log.
    pub(crate) fn audit_log(&self) -> PathBuf {
        self.home().join("audit.jsonl")
    }

    /// Starts `spin-deployer` with these arguments, in the home folder.
    pub(crate) fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Running {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running {
            stdout: collect(child.stdout.take().unwrap()),
            stderr: collect(child.stderr.take().unwrap()),
            child,
            started: Instant::now(),
        }
    }

    /// The same, without its streams.
    pub(super) fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut line = self.wrapper.clone();
        line.push(env!("CARGO_BIN_EXE_spin-deployer").into());
        line.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .arg("--audit-log")
            .arg(self.audit_log())
            .current_dir(self.home())
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Finished {
        self.start(arguments).finish()
    }

    /// `deploy -t oci` to that reference, with more arguments, with a JSON report.
    pub(crate) fn push(&self, app: &Path, reference: &str, more: &[&str]) -> Finished {
        self.run(push(app, reference, more))
    }
}

/// The arguments of a push that reports in JSON.
pub(crate) fn push(app: &Path, reference: &str, more: &[&str]) -> Vec<OsString> {
    line("deploy", app, &["oci", "--reference", reference], more)
}

/// The arguments of a command that reports in JSON. `target`: its name, and what says where it is.
pub(crate) fn line(command: &str, app: &Path, target: &[&str], more: &[&str]) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec![command.into(), "-f".into(), app.into()];
    let target = ["--output", "json", "-t"].iter().chain(target);
    line.extend(target.chain(more).map(Into::into));
    line
}

impl Running {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn finish(mut self) -> Finished {
        let left = |started: Instant| DEADLINE.saturating_sub(started.elapsed());
        let hangs = |_| -> String { panic!("spin-deployer did not end in {DEADLINE:?}") };
        let stdout = self
            .stdout
            .recv_timeout(left(self.started))
            .unwrap_or_else(hangs);
        let stderr = self
            .stderr
            .recv_timeout(left(self.started))
            .unwrap_or_else(hangs);
        Finished {
            status: self.child.wait().unwrap(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where it has ended there is nothing to kill, and nothing to do about it.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a signal to exactly that process.
pub(crate) fn signal(pid: Pid, signal: Signal) {
    kill_process(pid, signal).unwrap();
}

pub(super) fn collect(mut pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        drop(tell.send(String::from_utf8(bytes).expect("output is UTF-8")));
    });
    told
}

impl Finished {
    /// Ended with success.
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        self.fails(0)
    }

    /// Ended with this exit code.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "{self}");
        self
    }

    /// Ended by this signal.
    #[track_caller]
    pub(crate) fn killed_by(self, signal: Signal) -> Self {
        assert_eq!(self.status.signal(), Some(signal.as_raw()), "{self}");
        self
    }

    /// Said this to the user.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "does not say {text:?}\n{self}");
        self
    }

    /// The one document on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("no JSON document: {e}\n{self}"))
    }

    /// The digest of the manifest that the report of a deploy names.
    #[track_caller]
    pub(crate) fn digest(&self) -> String {
        let report = self.json();
        let artifact = report["release"]["artifact"].as_str();
        let digest = artifact.and_then(|a| Some(a.rsplit_once('@')?.1));
        digest
            .unwrap_or_else(|| panic!("no artifact\n{self}"))
            .to_owned()
    }
}

impl std::fmt::Display for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.status)?;
        writeln!(f, "-- stdout\n{}\n-- stderr\n{}", self.stdout, self.stderr)
    }
}
