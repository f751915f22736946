//! All tests, against real servers.

use anyhow::{Result, bail};

use crate::build;
use crate::shell::Shell;

/// What tests start, and the Debian packages with it.
const SERVERS: [(&str, &str); 7] = [
    ("docker-registry", "docker-registry"),
    ("skopeo", "skopeo"),
    ("htpasswd", "apache2-utils"),
    ("minisign", "minisign"),
    ("ip", "iproute2"),
    ("strace", "strace"),
    ("unshare", "util-linux"),
];

/// What the old servers among them are linked with: its name for pkg-config, and the Debian packages.
const TLS: (&str, [&str; 2]) = ("openssl", ["pkg-config", "libssl-dev"]);

/// Names the folder of the servers of `tests/servers` to the tests.
const FOLDER: &str = "SPIN_DEPLOYER_TEST_SERVERS";

/// Tests with a network or a disk of their own.
const OWN: &str = "tests/hostile/names.rs, tests/e2e/adverse/{disk,hardened,places,unconnected}.rs";
const EXCEPT_OWN: &str =
    "not test(/^(hostile::names|adverse::(disk|hardened|places|unconnected))::/)";

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
    libraries(shell)?;
    build::example(shell)?;
    let shell = &shell.with(FOLDER, build::servers(shell)?);
    let arguments = |before: &[&str], separator: &[&str]| -> Vec<String> {
        let before = before
            .iter()
            .chain(separator)
            .map(|word| (*word).to_owned());
        before.chain(runner.iter().cloned()).collect()
    };
    if shell.which("cargo-nextest").is_none() {
        shell.cargo(arguments(&["test", "--locked", "--no-fail-fast"], &["--"]))?;
    } else {
        let mut nextest = vec!["nextest", "run", "--locked", "--no-fail-fast"];
        if !own_network(shell) {
            eprintln!(
                "\nNOT TESTED HERE: names that lead somewhere else, full disks, read-only roots ({OWN}). They need a \
                 network and mounts of their own, which this kernel gives nobody; where AppArmor restricts that, \
                 `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`."
            );
            nextest.extend(["-E", EXCEPT_OWN]);
        }
        shell.cargo(arguments(&nextest, &[]))?;
        if runner.is_empty() {
            // nextest runs no examples of the documentation.
            shell.cargo(["test", "--locked", "--doc"])?;
        }
    }
    match runner.is_empty() {
        true => build::test_servers(shell),
        false => Ok(()),
    }
}

/// Brings the servers that have a package.
pub(crate) fn servers(shell: &Shell) -> Result<()> {
    let missing = SERVERS
        .iter()
        .filter(|(program, _)| shell.which(program).is_none());
    let (programs, packages): (Vec<_>, Vec<_>) = missing.copied().unzip();
    bring(shell, &programs, &packages)
}

/// Brings what the other servers are built with.
fn libraries(shell: &Shell) -> Result<()> {
    let (library, packages) = TLS;
    match shell.ask("pkg-config", &["--exists", library]) {
        Some(_) => Ok(()),
        None => bring(shell, &["pkg-config", library], &packages),
    }
}

/// Brings packages where that can be done without a question, and otherwise says what to install.
fn bring(shell: &Shell, missing: &[&str], packages: &[&str]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let root = shell.ask("id", &["-u"]).as_deref() == Some("0");
    if !root || shell.which("apt-get").is_none() {
        bail!(
            "install {} and run this again (on Debian: apt-get install {})",
            missing.join(", "),
            packages.join(" ")
        );
    }
    let apt = ["DEBIAN_FRONTEND=noninteractive", "apt-get"];
    shell.run("env", apt.into_iter().chain(["update"]))?;
    let install = ["install", "--yes", "--no-install-recommends"];
    let line = apt.into_iter().chain(install);
    shell.run("env", line.chain(packages.iter().copied()))
}
