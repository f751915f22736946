//! A login comes in the middle of another command, so it is as harmless as that one, and it does not come unasked.

use std::fs;

use super::attempt::Attempt;
use super::listener::Listener;

/// Of the places that a login could do something at.
const SCRIPT: &str = "
    request GET <url>/who
    request POST <url>/apps
    request PUT <url>/apps/1
    write <folder>/planted x
";

/// Whose plugin does not know them, has a place to send to and one to write to, and would save something.
fn attempt(place: &Listener, call: &'static str) -> Attempt {
    let attempt = Attempt::naming(&place.url("/api")).calling(call);
    let folder = attempt.machine.home().join("absent");
    attempt
        .with("--folder", folder.to_str().unwrap())
        .with("--script", SCRIPT)
}

fn saved(attempt: &Attempt) -> String {
    let data = attempt.machine.home().join(".local/share/spin-deployer");
    fs::read_to_string(data.join("secrets/saved.json")).unwrap_or_default()
}

/// The commands that call the plugin, and what they need.
const COMMANDS: [(&str, &[&str]); 6] = [
    ("plan", &[]),
    ("status", &[]),
    ("history", &[]),
    ("destroy", &[]),
    ("destroy", &["--yes"]),
    ("deploy", &[]),
];

#[test]
fn nobody_is_logged_in_who_has_not_said_yes() {
    for (call, more) in COMMANDS {
        for answer in ["n", ""] {
            let place = Listener::start();
            let attempt = attempt(&place, call).behaving("stranger");
            let mut terminal = attempt.at_terminal(more);
            terminal.shows("plugin `hostile` says: who are you?");
            terminal.answers("Log in to ", answer);
            terminal.finish().fails(3);
            place.heard_nothing();
            wrote_nothing(&attempt, call);
            assert_eq!(saved(&attempt), "", "{call}");
            let calls = attempt.audited_as("call");
            assert!(calls.iter().all(|line| line["call"] != "login"), "{call}");
        }
        // Where nobody can be asked, neither.
        let place = Listener::start();
        attempt(&place, call)
            .behaving("stranger")
            .typing(more)
            .fails(3);
        place.heard_nothing();
    }
}

#[test]
fn a_login_changes_nothing_but_what_is_saved() {
    for (call, more) in COMMANDS {
        let place = Listener::start();
        let attempt = attempt(&place, call).behaving("stranger");
        let mut terminal = attempt.at_terminal(more);
        terminal.answers("Log in to ", "y");
        // Once: the plugin knows nobody after that either.
        terminal.finish().fails(3);
        did_nothing(&place, &attempt, call);
        assert!(saved(&attempt).contains("planted-by-a-login"), "{call}");
        let [line] = &attempt.audited_as("saved")[..] else {
            panic!("not one line")
        };
        assert_eq!(line["option"], "token");
        assert_eq!(line["origins"][0], place.url(""));
    }
    // The command of that name may do no more.
    let place = Listener::start();
    let attempt = attempt(&place, "login").behaving("stranger");
    let login = attempt.run().ok();
    did_nothing(&place, &attempt, "login");
    login
        .says("POST /api/apps")
        .says("plan = [\"POST /api/apps\"]");
}

/// It was heard when it read, and that was all.
#[track_caller]
fn did_nothing(place: &Listener, attempt: &Attempt, call: &str) {
    assert_eq!(place.only().head.start[0], "GET");
    let audited = attempt.audited();
    let refused = audited.iter().filter(|line| line["refused"].is_string());
    let refused: Vec<_> = refused.map(|line| line["method"].clone()).collect();
    assert_eq!(refused, ["POST", "PUT"], "{call}");
    wrote_nothing(attempt, call);
}

#[track_caller]
fn wrote_nothing(attempt: &Attempt, call: &str) {
    let folder = attempt.machine.home().join("absent");
    assert!(!folder.join("planted").exists(), "{call}");
    // A deploy may write to it, and so it is made.
    assert_eq!(folder.exists(), call == "deploy", "{call}");
}

/// It would be somebody else's app than the one that was shown.
#[test]
fn nobody_is_logged_in_between_agreeing_to_destroy_and_destroying() {
    for (more, answer) in [(&[][..], Some("y")), (&["--yes"], None)] {
        let place = Listener::start();
        let attempt = attempt(&place, "destroy").behaving("turncoat");
        let mut terminal = attempt.at_terminal(more);
        if let Some(answer) = answer {
            terminal.answers("Remove all of it from ", answer);
        }
        let finished = terminal.finish().fails(3).says("who are you?");
        assert!(!finished.to_string().contains("Log in to "), "{finished}");
        let calls = attempt.audited_as("call");
        let calls: Vec<_> = calls.iter().map(|line| line["call"].clone()).collect();
        assert_eq!(calls, ["removal", "destroy"]);
        place.heard_nothing();
    }
}

/// What it says is not taken for the host's question, which names the target.
#[test]
fn what_a_plugin_says_before_a_question() {
    let place = Listener::start();
    let words = format!("Type the password of GitHub: \u{1b}[2J{}", "x".repeat(1000));
    let attempt = attempt(&place, "plan")
        .behaving("stranger")
        .with("--known", words);
    let mut terminal = attempt.at_terminal(&[]);
    terminal.shows("plugin `hostile` says: Type the password of GitHub: \\u{1b}[2J");
    terminal.shows("xxx…");
    terminal.answers("Log in to ", "n");
    // The error has all of it, when nothing is asked any more.
    let shown = terminal.finish().fails(3).to_string();
    let (before, _) = shown.split_once("Log in to ").unwrap();
    assert!(!before.contains(&"x".repeat(200)), "{before}");
}
