//! A deploy ends when the app answers as the version that was deployed.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};

use super::platform::{Platform, User, version};

/// What the host asked of the app in the last run: path and status, each once.
fn asked(user: &User) -> Vec<(String, Value)> {
    let audit = fs::read_to_string(user.machine.audit_log()).unwrap();
    let lines = audit
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut asked: Vec<_> = lines
        .filter_map(|line| {
            let (_, path) = line["url"].as_str()?.split_once("/.well-known/spin/")?;
            assert_eq!(line["method"], "GET");
            Some((path.to_owned(), line["status"].clone()))
        })
        .collect();
    asked.dedup();
    asked
}

#[test]
fn the_version_that_answers_is_the_one_that_was_deployed() {
    // What ran before answers for so long.
    let platform = Platform::with(&["--app-start-delay", "1500"]);
    let user = User::of(&platform);
    for wanted in ["0.1.0", "0.2.0"] {
        user.changes(wanted);
        let deployed = user.deploy(&[]).ok();
        assert_eq!(deployed.json()["ready"], true);
        // It was not before: the answer of now is the new one's.
        platform.runs("shop", &version(&deployed));
        assert_eq!(asked(&user).last(), Some(&("info".to_owned(), json!(200))));
    }
    // The old one answered at first, and that was not enough.
    let ahead = asked(&user);
    assert_eq!(ahead, [("info".to_owned(), json!(200))]);
}

#[rstest]
#[case::which_does_not_know_the_question("missing", 404)]
#[case::whose_app_answers_everything("app", 200)]
fn a_runtime_that_does_not_say_its_version_is_asked_for_its_health(
    #[case] info: &str,
    #[case] status: u16,
) {
    let platform = Platform::with(&["--app-info", info]);
    let user = User::of(&platform);
    let deployed = user.deploy(&[]).ok();
    assert_eq!(deployed.json()["ready"], true);
    let expected = [("info", status), ("health", 200)];
    assert_eq!(
        asked(&user),
        expected.map(|(path, status)| (path.to_owned(), json!(status)))
    );
}

#[test]
fn an_app_that_is_not_ready_in_time_is_shown_with_what_it_wrote_last() {
    let platform = Platform::with(&["--app-start-delay", "600000"]);
    let user = User::of(&platform);
    let started = user.deploy(&["--readiness-timeout", "0"]).ok();
    assert_eq!(started.json()["ready"], Value::Null);
    assert_eq!(asked(&user), []);
    let lines: Vec<String> = (1..=30).map(|n| format!("line {n}")).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    platform.hippo.write_logs(&lines);
    platform.hippo.write_logs(&["Error: no \u{1b}[2Jvariable"]);

    user.changes("0.2.0");
    let late = user.deploy(&["--readiness-timeout", "2s"]).fails(8);
    let late = late
        .says("deployed, but not ready after 2 seconds")
        .says("deployed is shop/0.2.0+q");
    let error = &late.json()["error"];
    assert_eq!(
        (&error["code"], &error["sent"]),
        (&json!("not-ready"), &json!(true))
    );
    let log = error["log"].as_array().unwrap();
    assert_eq!((log.len(), &log[0]), (20, &json!("line 12")));
    assert_eq!(log[19], "Error: no \u{1b}[2Jvariable");
    late.says("log | line 12\n")
        .says("log | Error: no \\u{1b}[2Jvariable\n");
}

/// An app that runs is waited for, whether or not this run started it.
#[test]
fn an_app_that_did_not_change_is_waited_for_too() {
    let platform = Platform::with(&["--app-start-delay", "1500"]);
    let user = User::of(&platform);
    user.deploy(&["--readiness-timeout", "0"]).ok();
    let again = user.deploy(&[]).ok();
    assert_eq!(again.json()["ready"], true);
    platform.runs("shop", &version(&again));
}

#[test]
fn the_one_domain_of_a_platform_without_names_is_asked() {
    let platform = Platform::with(&["--only-domain", "127.0.0.1:{port}"]);
    let user = User::of(&platform);
    let deployed = user.deploy(&[]).ok();
    assert_eq!(deployed.json()["ready"], true);
    platform.runs("shop", &version(&deployed));
}
