//! Ctrl-C while a plugin is on its way, or while its user makes up his mind: nothing is kept, and it can be done again.

use std::fs;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::author::{Author, has_nothing, install, user_of};
use crate::harness::DEADLINE;
use crate::harness::certificate::Authority;
use crate::harness::run::{Finished, signal};
use crate::harness::sha256;
use crate::harness::terminal::Terminal;
use crate::harness::web::{Page, Web};

/// Says so in the document too.
#[track_caller]
fn was_interrupted(finished: Finished) -> Finished {
    let finished = finished.fails(130).says("interrupted");
    let error = &finished.json()["error"];
    assert_eq!(error["code"], "interrupted", "{finished}");
    assert_eq!(error["exit_code"], 130, "{finished}");
    finished
}

#[test]
fn while_the_component_comes() {
    let (authority, author) = (Authority::new(), Author::new());
    let wasm = fs::read(author.pack("0.1.0", "\"GET\"")).unwrap();
    let web = Web::start(&authority);
    let (tell, told) = mpsc::channel();
    let pages = [Page::Held(wasm.clone(), tell), Page::Whole(wasm.clone())];
    web.put("/demo.wasm", pages);
    let source = format!("{}#{}", web.url("/demo.wasm"), sha256(&wasm));
    let machine = user_of(&authority);
    let line = ["plugins", "install", &source, "--yes", "--output", "json"];
    let running = machine.start(line);
    told.recv_timeout(DEADLINE).expect("it is asked for");
    let sent = Instant::now();
    signal(running.pid(), Signal::INT);
    let finished = was_interrupted(running.finish());
    assert!(sent.elapsed() < Duration::from_secs(10), "{finished}");
    has_nothing(&machine, &finished);
    let log = fs::read_to_string(machine.audit_log()).unwrap();
    assert!(log.contains("\"failed\":\"interrupted\""), "{log}");
    install(&machine, &source, &["--yes"]).ok();
    machine.run(["plugins", "verify"]).ok();
}

#[test]
fn at_the_question() {
    let author = Author::new();
    let file = author.pack("0.1.0", "\"GET\"");
    let machine = user_of(&Authority::new());
    let file = file.to_str().unwrap();
    let line = ["plugins", "install", file, "--output", "json"];
    let mut terminal = Terminal::start(&machine, &line);
    // Once it comes as a key: a terminal that reads whole lines would take it for itself.
    terminal.answers_secretly("Let plugin demo do that?", "\u{3}");
    let finished = was_interrupted(terminal.finish());
    has_nothing(&machine, &finished);

    // By whoever started it: Spin sends its plugins this one.
    let mut terminal = Terminal::start(&machine, &line);
    terminal.shows("Let plugin demo do that?");
    signal(terminal.pid(), Signal::TERM);
    let finished = terminal.finish().fails(143);
    assert_eq!(finished.json()["error"]["exit_code"], 143, "{finished}");
    has_nothing(&machine, &finished);
}
