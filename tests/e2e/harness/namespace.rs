//! A network and mounts of a test's own, in namespaces of the kernel. Nobody has to be root for that. Where the kernel does
//! not allow it the test fails: what it promises has not been looked at then.

use std::path::Path;
use std::process::Command;

/// Set inside.
const INSIDE: &str = "SPIN_DEPLOYER_TEST_NETWORK";

/// Runs the test that calls this once more, alone, in new namespaces for users, mounts and the network. `setup` are lines
/// of a shell in there, whose `$0` is a folder that `outside` has filled. `body` has to be a closure that stands in the
/// test itself.
pub(crate) fn alone<F: FnOnce()>(setup: &str, outside: impl FnOnce(&Path), body: F) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let folder = tempfile::tempdir().unwrap();
    outside(folder.path());
    // `e2e::hostile::names::a_test::{{closure}}`
    let path = std::any::type_name::<F>();
    let test = path
        .split_once("::")
        .and_then(|(_, rest)| rest.strip_suffix("::{{closure}}"));
    let run = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--net", "sh", "-c"])
        .arg(format!("set -e\n{setup}\nexec \"$@\""))
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .args([
            test.expect("a closure of the test"),
            "--exact",
            "--nocapture",
        ])
        .env(INSIDE, "1")
        .output()
        .expect("unshare, of Debian's util-linux");
    let (stdout, stderr) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(
        run.status.success() && stdout.contains("1 passed"),
        "in namespaces of its own: {}\n{stdout}\n{stderr}\n\
         This needs util-linux, iproute2, and a kernel that lets a user have namespaces: where AppArmor restricts them, \
         `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`.",
        run.status
    );
}
