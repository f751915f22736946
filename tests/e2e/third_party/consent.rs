//! What somebody reads at a terminal before a plugin is installed, and what comes of yes and no.

use std::fs;
use std::path::PathBuf;

use super::author::{Author, component, deploy, has_nothing, lock, user_of};
use crate::harness::certificate::Authority;
use crate::harness::run::Machine;
use crate::harness::sha256;
use crate::harness::terminal::Terminal;

const QUESTION: &str = "Let plugin demo do that?";

fn user() -> Machine {
    user_of(&Authority::new())
}

/// Asks for everything that there is.
const MANIFEST: &str = r#"
name = "demo"
version = "0.1.0"
description = "Asks for much"
options = [
    { name = "url", type = "url", default = "https://shelf.example.com", help = "Where the shelf is" },
    { name = "token", type = "secret", env = "SHELF_TOKEN", help = "Lets you in" },
    { name = "notes", type = "file", default = "notes.txt", help = "What to tell" },
]
http = [
    { to = "{url}", methods = ["GET", "PUT"], paths = ["/v1/*"], sends = ["token"], why = "put it there" },
    { to = "https://counter.example.com", methods = ["POST"], paths = ["/count"], why = "count who uses it" },
]
"#;

fn install(machine: &Machine, file: &str) -> Terminal {
    Terminal::start(machine, &["plugins", "install", file])
}

fn agreements(machine: &Machine) -> Vec<serde_json::Value> {
    let log = fs::read_to_string(machine.audit_log()).unwrap();
    let lines = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let all = lines.filter(|line: &serde_json::Value| line["event"] == "agreed");
    all.collect()
}

#[test]
fn everything_that_it_may_do_is_shown_and_no_keeps_nothing() {
    let author = Author::new();
    let file: PathBuf = author.pack_manifest("demo.wasm", MANIFEST);
    let (machine, file) = (user(), file.to_str().unwrap().to_owned());
    for no in ["n", "", "no"] {
        let mut terminal = install(&machine, &file);
        terminal.answers(QUESTION, no);
        let refused = terminal.finish().fails(5);
        has_nothing(&machine, &refused);
        let digest = sha256(&fs::read(&file).unwrap());
        for line in [
            "Plugin demo 0.1.0 asks for this",
            &file,
            &digest,
            "signed by nobody",
            "talks to https://counter.example.com, which its author chose",
            "POST /count",
            "author: count who uses it",
            "talks to {url}, and without it https://shelf.example.com, which its author chose",
            "GET, PUT /v1/*",
            "sends: token",
            "author: put it there",
            "takes the secret --token, for {url}",
            "author: Lets you in",
            "reads what --notes names, and without it notes.txt, which its author chose",
            "reads the variable SHELF_TOKEN for --token",
            "was not agreed to",
        ] {
            assert!(refused.stderr.contains(line), "no {line:?} in\n{refused}");
        }
        assert!(agreements(&machine).is_empty());
    }
    let mut terminal = install(&machine, &file);
    terminal.answers(QUESTION, "y");
    terminal.finish().ok();
    assert_eq!(
        sha256(&fs::read(component(&machine)).unwrap()),
        sha256(&fs::read(&file).unwrap())
    );
    assert!(lock(&machine).contains("counter.example.com"));
    let agreed = agreements(&machine);
    assert_eq!(agreed.len(), 1);
    assert_eq!(agreed[0]["by"], "terminal");
    // Nobody is asked twice.
    let again = install(&machine, &file).finish().ok();
    assert!(!again.stderr.contains(QUESTION), "{again}");
}

#[test]
fn an_upgrade_shows_what_it_gains_and_no_leaves_the_old_one() {
    let author = Author::new();
    let (first, second) = (
        author.pack("0.1.0", "\"GET\""),
        author.pack("0.2.0", "\"GET\", \"DELETE\""),
    );
    let machine = user();
    let line = ["plugins", "install", first.to_str().unwrap(), "--yes"];
    machine.run(line).ok();
    let before = lock(&machine);
    let mut terminal = install(&machine, second.to_str().unwrap());
    let gained = format!("+ DELETE http://{}/**", author.platform.address());
    terminal.shows("differs from what");
    terminal.shows(&gained);
    terminal.answers(QUESTION, "n");
    terminal.finish().fails(5);
    assert_eq!(lock(&machine), before);
    assert!(before.contains(&sha256(&fs::read(component(&machine)).unwrap())));
    deploy(&machine, &author).ok();
    let mut terminal = install(&machine, second.to_str().unwrap());
    terminal.answers(QUESTION, "y");
    terminal.finish().ok();
    assert!(lock(&machine).contains("version = \"0.2.0\""));
}

/// The lock may have come with a checkout of somebody else's.
#[test]
fn the_lock_of_somebody_else_agrees_to_nothing() {
    let author = Author::new();
    let file = author.pack("0.1.0", "\"GET\"");
    let file = file.to_str().unwrap();
    let attacker = user();
    attacker.run(["plugins", "install", file, "--yes"]).ok();
    let machine = user();
    machine.write("deployer.lock", lock(&attacker));
    let mut terminal = install(&machine, file);
    terminal.shows("which its author chose");
    terminal.answers(QUESTION, "n");
    terminal.finish().fails(5);
    assert!(agreements(&machine).is_empty());
    let installed = machine.run(["plugins", "list", "--offline", "--output", "json"]);
    let installed = installed.ok().json();
    let all = installed["plugins"].as_array().unwrap();
    assert!(
        all.iter().all(|one| one["from"] != "installed"),
        "{installed}"
    );
    // Where nothing else may run it is the agreement: it was committed and reviewed.
    let mut ci = user();
    ci.write("deployer.lock", lock(&attacker));
    ci.run(["plugins", "install", file]).fails(5);
    assert!(agreements(&ci).is_empty());
    ci.set("CI", "true");
    ci.run(["plugins", "install", file]).ok();
}
