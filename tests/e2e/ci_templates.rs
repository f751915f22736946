//! What the templates for CI run, with a program in place of this one that says how it was called.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rstest::rstest;
use tempfile::TempDir;

/// A template, by its path in the repository.
#[derive(Clone, Copy, Debug)]
enum Template {
    GitHub,
    GitLab,
}

impl Template {
    /// The script that fetches and deploys, and the shell that runs it.
    fn script(self) -> (&'static str, String) {
        let (path, shell) = match self {
            Self::GitHub => ("ci/github/deploy/action.yml", "bash"),
            Self::GitLab => ("ci/gitlab/deploy.yml", "sh"),
        };
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(path);
        let text = fs::read_to_string(path).unwrap();
        let blocks = text.split("|\n").skip(1).map(block);
        let script = blocks.into_iter().find(|text| text.contains("--no-input"));
        (shell, script.unwrap())
    }
}

/// The lines that are indented like the first one, without that.
fn block(text: &str) -> String {
    let margin = text.len() - text.trim_start_matches(' ').len();
    let margin = &text[..margin];
    let lines = text.lines().map_while(|line| line.strip_prefix(margin));
    lines.map(|line| format!("{line}\n")).collect()
}

/// A checkout with an app in `app`, and how the program was called in it: `FOLDER: ARGUMENTS`.
struct Job {
    home: TempDir,
    variables: Vec<(&'static str, &'static str)>,
}

impl Job {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| fs::write(home.path().join(path), text).unwrap();
        for folder in ["bin", "work", "work/app"] {
            fs::create_dir(home.path().join(folder)).unwrap();
        }
        let program =
            "#!/bin/sh\necho \"${PWD##*/}: $* [$SPIN_DEPLOYER_AUDIT_LOG]\" >> \"$CALLS\"\n";
        write("bin/spin-deployer", program);
        let program = home.path().join("bin/spin-deployer");
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
        for lock in [
            "work/deployer.lock",
            "work/app/deployer.lock",
            "work/app/spin.toml",
        ] {
            write(lock, "");
        }
        let variables = vec![
            ("SPIN_DEPLOYER_FROM", "."),
            ("SPIN_DEPLOYER_TARGET", ""),
            ("SPIN_DEPLOYER_VENDOR", ""),
            ("SPIN_DEPLOYER_POLICY", ""),
            ("SPIN_DEPLOYER_AUDIT_LOG", ""),
            ("GITHUB_OUTPUT", "/dev/null"),
            ("ARGUMENTS", ""),
        ];
        Self { home, variables }
    }

    fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value));
        self
    }

    #[track_caller]
    fn calls(&self, template: Template) -> Vec<String> {
        let (shell, script) = template.script();
        let calls = self.home.path().join("calls");
        let path = std::env::var("PATH").unwrap();
        let bin = self.home.path().join("bin");
        let ended = Command::new(shell)
            .args(["-c", &script])
            .current_dir(self.home.path().join("work"))
            .env_clear()
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("CALLS", &calls)
            .envs(self.variables.iter().copied())
            .status();
        assert!(ended.unwrap().success(), "{script}");
        let calls = fs::read_to_string(calls).unwrap();
        calls.lines().map(str::to_owned).collect()
    }
}

#[rstest]
#[case(".", "work")]
#[case("app", "app")]
#[case("app/spin.toml", "app")]
// An image has no folder, whatever it looks like: the lock is that of the working directory, as it is for `deploy`.
#[case("ghcr.io/acme/shop:1", "work")]
#[case("oci-layout:image", "work")]
fn what_the_lock_names_is_fetched_where_the_lock_is(
    #[values(Template::GitHub, Template::GitLab)] template: Template,
    #[case] from: &'static str,
    #[case] folder: &str,
) {
    let calls = Job::new().with("SPIN_DEPLOYER_FROM", from).calls(template);
    assert_eq!(calls.len(), 2, "{calls:?}");
    let fetch = format!("{folder}: plugins fetch --locked ");
    assert!(calls[0].starts_with(&fetch), "{calls:?}");
    assert!(
        calls[1].starts_with("work: deploy --locked --no-input "),
        "{calls:?}"
    );
}

#[rstest]
fn nothing_is_fetched_that_is_there_or_that_nothing_names(
    #[values(Template::GitHub, Template::GitLab)] template: Template,
) {
    let vendored = Job::new().with("SPIN_DEPLOYER_VENDOR", "plugins");
    assert_eq!(vendored.calls(template).len(), 1);
    let bare = Job::new();
    fs::remove_file(bare.home.path().join("work/deployer.lock")).unwrap();
    assert_eq!(bare.calls(template).len(), 1);
}

#[test]
fn an_audit_log_is_one_file_or_none() {
    let none = Job::new().calls(Template::GitHub);
    assert!(none.iter().all(|call| call.ends_with("[]")), "{none:?}");
    let job = Job::new().with("SPIN_DEPLOYER_AUDIT_LOG", "log.jsonl");
    let calls = job
        .with("SPIN_DEPLOYER_FROM", "app")
        .calls(Template::GitHub);
    let ends = "/work/log.jsonl]";
    assert!(
        calls.len() == 2 && calls.iter().all(|call| call.ends_with(ends)),
        "{calls:?}"
    );
}
