//! A panic of the host itself: one line, exit status 70, no backtrace.

use std::io::Write as _;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use spin_deployer_deploy::{Code, Error};

use crate::{ending, json};

/// Writes what a crash must not lose.
static END: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

/// The longest that its audit lines may take: the locks in their way may be those of the thread that crashed.
const LAST_LINES: Duration = Duration::from_millis(700);

/// From now on a crash calls `end`, which writes the audit lines of what is under way.
pub(crate) fn keep(end: impl Fn() + Send + Sync + 'static) {
    let _ = END.set(Box::new(end));
}

/// Replaces what Rust does on a panic, in all threads. Only the place is told: what a panic says may hold values,
/// and a value may be a secret.
pub(crate) fn install(as_json: bool) {
    panic::set_hook(Box::new(move |panicked| {
        let place = panicked
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let error = Error::new(
            Code::Crashed,
            format!("spin-deployer itself crashed at {place}"),
        )
        .help("this is a mistake in it: please report it with this line");
        let exit = Code::Crashed.exit_code();
        last_lines();
        // Not through the screen: its locks may be what this thread holds.
        let help = error.help.as_deref().unwrap_or_default();
        let _ = writeln!(
            std::io::stderr(),
            "\nerror: {}\n  help: {help}",
            error.message
        );
        if as_json && ending::claim() {
            let _ = std::io::stdout().write_all(json::error(&error, None, exit, None).as_bytes());
        }
        std::process::exit(exit.into());
    }));
}

fn last_lines() {
    static BEGUN: AtomicBool = AtomicBool::new(false);
    if BEGUN.swap(true, Ordering::SeqCst) {
        return;
    }
    let Some(end) = END.get() else {
        return;
    };
    let (said, wait) = mpsc::channel();
    let writer = std::thread::Builder::new().spawn(move || {
        end();
        let _ = said.send(());
    });
    if writer.is_ok() {
        let _ = wait.recv_timeout(LAST_LINES);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;
    use std::process::Command;
    use std::sync::Arc;

    use spin_deployer_deploy::{
        AppRequest, Asked, Deployer, Environment, Event, Observer, Oversight, Request, Target,
    };

    use super::*;

    const WORDS: &str = "what a panic says may be a secret";

    struct Nobody;

    impl Observer for Nobody {
        fn event(&self, _: Event) {}
    }

    /// The process that crashes: a push to a registry that does not answer, in the working directory.
    #[test]
    #[ignore = "the next one runs it, in a process of its own"]
    fn a_host_that_crashes_in_the_middle_of_a_call() {
        install(true);
        let registry = TcpListener::bind("127.0.0.1:0").unwrap();
        let reference = format!("{}/app:v1", registry.local_addr().unwrap());
        let environment = Environment::capture().unwrap();
        let request = Request {
            app: AppRequest::default(),
            given: [("reference".to_owned(), vec![reference])].into(),
            limits: Asked::default(),
            readiness_timeout: Duration::ZERO,
            oversight: Oversight {
                command: "deploy",
                audit_log: Some(environment.cwd.join("audit.jsonl")),
                policy: None,
            },
            spin_version: None,
        };
        let target = Target::resolve(&environment, None, Some("oci")).unwrap();
        let deployer = Deployer::new(environment, target, request, Arc::new(Nobody)).unwrap();
        let deployer = Arc::new(deployer);
        keep({
            let deployer = deployer.clone();
            move || deployer.end()
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        std::thread::spawn(move || runtime.block_on(deployer.deploy()).map(drop));
        let (mut asked, _) = registry.accept().unwrap();
        asked.read_exact(&mut [0]).unwrap();
        panic!("{WORDS}");
    }

    #[test]
    fn a_crash_loses_no_audit_line_and_tells_only_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "spin_manifest_version = 2\n[application]\nname = \"app\"\n[[trigger.http]]\nroute = \"/...\"\n\
             component = \"main\"\n[component.main]\nsource = \"main.wasm\"\n";
        std::fs::write(folder.path().join("spin.toml"), manifest).unwrap();
        let wasm = wat::parse_str("(component)").unwrap();
        std::fs::write(folder.path().join("main.wasm"), wasm).unwrap();
        let crashed = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture"])
            .arg("crash::tests::a_host_that_crashes_in_the_middle_of_a_call")
            .current_dir(folder.path())
            .env_clear()
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&crashed.stdout), text(&crashed.stderr));
        assert_eq!(crashed.status.code(), Some(70), "{stdout}{stderr}");
        assert!(stderr.contains("itself crashed at"), "{stderr}");
        assert!(stdout.contains("\"crashed\""), "{stdout}");
        assert!(!(stdout + &stderr).contains(WORDS));
        let log = std::fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> = log
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let told: Vec<_> = lines
            .iter()
            .map(|line| {
                let how = [&line["failed"], &line["outcome"]];
                let how = how.into_iter().find_map(|how| how.as_str());
                (line["event"].as_str().unwrap(), how)
            })
            .collect();
        let expected = [
            ("run", None),
            ("compiled", Some("done")),
            ("call", None),
            ("started", None),
            ("request", Some("interrupted")),
            ("ended", Some("interrupted")),
        ];
        assert_eq!(told, expected, "{log}");
    }
}
