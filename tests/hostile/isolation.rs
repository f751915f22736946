//! A plugin knows nothing of the machine, and sends the user nowhere.

use super::attempt::{Attempt, seen};
use super::listener::Listener;

const PLANTED: &str = "planted-in-the-environment";

#[test]
fn there_is_no_environment_no_argument_no_input_and_no_file() {
    let attempt = Attempt::new()
        .behaving("look")
        .variable("AWS_SECRET_ACCESS_KEY", PLANTED)
        .variable("HOSTILE_STOLEN", PLANTED)
        .with("--output", "json");
    let finished = attempt.run().ok();
    assert_eq!(
        seen(&finished),
        [
            "arguments 0",
            "environment 0",
            "input Ok(0) \"\"",
            "terminal false",
            "preopens 0",
            "root false",
            "passwd false",
            "unknown option false",
        ]
    );
    assert!(!finished.to_string().contains(PLANTED), "{finished}");
}

#[test]
fn a_manifest_names_no_variable_of_somebody_else() {
    let attempt = Attempt::new()
        .variable("HOSTILE_STOLEN", PLANTED)
        .variable("SPIN_DEPLOYER_HOSTILE_KNOWN", "meant for it");
    let finished = attempt
        .flag("-v")
        .script("print stolen=<stolen> known=<known>")
        .ok();
    finished.says("stolen=None known=meant for it");
    // A built-in plugin's name does not make it one.
    let manifest = super::attempt::MANIFEST.replace("name = \"hostile\"", "name = \"oci\"");
    let attempt = Attempt::of(|machine| crate::harness::plugin::hostile(machine.home(), &manifest));
    let attempt = attempt.variable("HOSTILE_STOLEN", PLANTED).flag("-v");
    attempt
        .script("print stolen=<stolen>")
        .ok()
        .says("stolen=None");
}

#[test]
fn a_device_code_of_another_host() {
    let named = Listener::start();
    let trap = Listener::trap(&format!("127.0.0.2:{}", named.port()));
    let (good, bad) = (named.address(), trap.address());
    let shows = |url: &str| {
        let attempt = Attempt::naming(&named.url("/")).behaving("device-code-elsewhere");
        attempt.with("--authority", url).run()
    };
    shows(&format!("http://{good}/login"))
        .ok()
        .says("type the code ABCD");
    for url in [
        format!("http://{bad}/login"),
        format!("https://{good}/login"),
        format!("http://{good}@{bad}/login"),
        format!("http://user@{good}/login"),
        format!("http://{good}.evil.example/login"),
        format!("http://evil.example/?{good}"),
        format!("http://evil.example/http://{good}/"),
        format!("//{good}/login"),
        "javascript:alert(1)".to_owned(),
        "file:///etc/passwd".to_owned(),
        String::new(),
    ] {
        let denied = shows(&url).fails(5);
        assert!(!denied.stderr.contains("ABCD"), "{url}\n{denied}");
        assert!(
            denied.stderr.contains("wants the user to log in at"),
            "{url}\n{denied}"
        );
    }
    named.heard_nothing();
    trap.heard_nothing();
}
