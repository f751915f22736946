//! All tests, against real servers.

use anyhow::{Result, bail};

use crate::build;
use crate::shell::Shell;

/// What tests start, and the Debian packages with it.
const SERVERS: [(&str, &str); 5] = [
    ("docker-registry", "docker-registry"),
    ("skopeo", "skopeo"),
    ("htpasswd", "apache2-utils"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
];

/// Tests with a name server of their own.
const NAMES: &str = "tests/hostile/names.rs";
const EXCEPT_NAMES: &str = "not test(/^hostile::names::/)";

/// Whether a user can have a network and mounts of his own.
fn own_network(shell: &Shell) -> bool {
    let tried = [
        "--user",
        "--map-root-user",
        "--mount",
        "--net",
        "ip",
        "link",
        "set",
        "lo",
        "up",
    ];
    shell.ask("unshare", &tried).is_some()
}

pub(crate) fn run(shell: &Shell, runner: &[String]) -> Result<()> {
    build::wasm_target(shell)?;
    servers(shell)?;
    build::example(shell)?;
    let arguments = |before: &[&str], separator: &[&str]| -> Vec<String> {
        let before = before
            .iter()
            .chain(separator)
            .map(|word| (*word).to_owned());
        before.chain(runner.iter().cloned()).collect()
    };
    if shell.which("cargo-nextest").is_none() {
        return shell.cargo(arguments(&["test", "--locked", "--no-fail-fast"], &["--"]));
    }
    let mut nextest = vec!["nextest", "run", "--locked", "--no-fail-fast"];
    if !own_network(shell) {
        eprintln!(
            "\nNOT TESTED HERE: names that lead somewhere else ({NAMES}). They need a network of their own, which this \
             kernel gives nobody; where AppArmor restricts that, `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`."
        );
        nextest.extend(["-E", EXCEPT_NAMES]);
    }
    shell.cargo(arguments(&nextest, &[]))?;
    // nextest runs no examples of the documentation.
    match runner.is_empty() {
        true => shell.cargo(["test", "--locked", "--doc"]),
        false => Ok(()),
    }
}

/// Brings the servers where that can be done without a question, and otherwise says what to install.
pub(crate) fn servers(shell: &Shell) -> Result<()> {
    let missing = SERVERS
        .iter()
        .filter(|(program, _)| shell.which(program).is_none());
    let (programs, packages): (Vec<_>, Vec<_>) = missing.copied().unzip();
    if packages.is_empty() {
        return Ok(());
    }
    let root = shell.ask("id", &["-u"]).as_deref() == Some("0");
    if !root || shell.which("apt-get").is_none() {
        bail!(
            "install {} and run this again (on Debian: apt-get install {})",
            programs.join(", "),
            packages.join(" ")
        );
    }
    let apt = ["DEBIAN_FRONTEND=noninteractive", "apt-get"];
    shell.run("env", apt.into_iter().chain(["update"]))?;
    let install = ["install", "--yes", "--no-install-recommends"];
    shell.run("env", apt.into_iter().chain(install).chain(packages))
}
