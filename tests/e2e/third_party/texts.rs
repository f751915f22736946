//! What a plugin, a path or a server says is shown, and never obeyed by a terminal or turned around for its reader.

use std::fs;

use rstest::rstest;

use super::author::{Author, has_nothing, user_of};
use super::shop::Shop;
use crate::harness::certificate::Authority;
use crate::harness::plugin::built;
use crate::harness::run::{Finished, Machine};
use crate::harness::terminal::Terminal;

/// What nobody's text may do to a terminal. The program's own lines move the cursor and colour it; none does one of these.
const ACTS: [&str; 8] = [
    "\u{1b}]",
    "\u{1b}[2J",
    "\u{7}",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{e0041}",
    "\nerror: all is well",
];

#[track_caller]
fn is_harmless(finished: &Finished) {
    for text in [&finished.stdout, &finished.stderr] {
        for acts in ACTS {
            // A terminal makes a line break of its own of each.
            let shown = text.replace("\r\n", "\n");
            assert!(!shown.contains(acts), "{acts:?} in {shown:?}");
        }
    }
}

fn at_terminal(machine: &Machine, line: &[&str]) -> Finished {
    Terminal::start(machine, line).finish()
}

/// As a tool writes it that checks nothing.
fn with_section(component: &[u8], manifest: &str) -> Vec<u8> {
    fn number(mut value: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }
    let name = "spin-deployer:manifest";
    let payload = [&number(name.len()), name.as_bytes(), manifest.as_bytes()].concat();
    [component, &[0], &number(payload.len()), &payload].concat()
}

#[rstest]
#[case::title("\u{1b}]0;owned\u{7}", "invalid basic string")]
#[case::title_as_toml_writes_it(r"\u001b]0;owned\u0007", "U+001B")]
#[case::clears(r"\u001b[2J", "U+001B")]
#[case::turns("nice\u{202e}ecin", "U+202E")]
#[case::isolates("\u{2066}x", "U+2066")]
#[case::a_second_message(r"nice\nerror: all is well", "U+000A")]
fn a_manifest_that_would_act_is_no_manifest(#[case] text: &str, #[case] visible: &str) {
    let author = Author::new();
    let machine = user_of(&Authority::new());
    let in_description = format!("description = \"{text}\"\n");
    let in_why = format!(
        "description = \"x\"\nhttp = [{{ to = \"https://a.example.com\", methods = [\"GET\"], why = \"{text}\" }}]\n"
    );
    for more in [in_description, in_why] {
        let manifest = format!("name = \"demo\"\nversion = \"0.1.0\"\n{more}");
        author.machine.write("plugin.toml", &manifest);
        let line = ["plugins", "pack", "component.wasm"];
        let packed = at_terminal(&author.machine, &line).fails(2);
        is_harmless(&packed);
        assert!(packed.stderr.contains(visible), "{packed}");

        let file = machine.write("demo.wasm", with_section(&built("hostile"), &manifest));
        let file = file.to_str().unwrap();
        for line in [
            &["plugins", "check", file][..],
            &["plugins", "show", file],
            &["plugins", "install", file, "--yes"],
            &["deploy", "-t", file, "--yes"],
        ] {
            let refused = at_terminal(&machine, line).fails(2);
            is_harmless(&refused);
            assert!(refused.stderr.contains(visible), "{refused}");
            assert!(refused.stderr.contains("is no plugin") || line[0] == "deploy");
            has_nothing(&machine, &refused);
        }
    }
}

/// These are letters in some language or other, and so a manifest may have them.
#[test]
fn what_hides_is_seen_before_somebody_agrees() {
    let author = Author::new();
    let manifest = "name = \"demo\"\nversion = \"0.1.0\"\ndescription = \"ni\u{200b}ce\u{e0041}\"\n\
        http = [{ to = \"https://a.example.com\", methods = [\"GET\"], why = \"be\u{200b}cause\u{e0041}\" }]\n";
    let file = author.pack_manifest("demo.wasm", manifest);
    let machine = user_of(&Authority::new());
    // A name that anybody can give to a file.
    let name = "a\u{200b}b\u{e0041}.wasm";
    let worse = "a\u{1b}[2J\u{202e}b\u{7}.wasm";
    for name in [name, worse] {
        fs::copy(&file, machine.home().join(name)).unwrap();
    }
    let mut terminal = Terminal::start(&machine, &["plugins", "install", name]);
    terminal.answers("Let plugin demo do that?", "n");
    let refused = terminal.finish().fails(5);
    is_harmless(&refused);
    for visible in [
        r"author: be\u{200b}cause\u{e0041}",
        r"a\u{200b}b\u{e0041}.wasm",
    ] {
        assert!(refused.stderr.contains(visible), "{visible}\n{refused}");
    }
    let refused = at_terminal(&machine, &["plugins", "install", worse]).fails(2);
    is_harmless(&refused);
    assert!(refused.stderr.contains("U+001B"), "{refused}");
    for line in [
        &["plugins", "check", worse][..],
        &["plugins", "show", worse],
        &["plugins", "check", worse, "--output", "json"],
    ] {
        let told = at_terminal(&machine, line).ok();
        is_harmless(&told);
        assert!(told.stdout.contains("200b"), "{told}");
    }
}

#[test]
fn a_catalog_cannot_draw_either() {
    let shop = Shop::with_two();
    let machine = shop.customer();
    shop.change("index.json", |index| {
        index["plugins"]["demo"]["description"] = "ni\u{200b}ce\u{e0041}".into();
    });
    let found = at_terminal(&machine, &["plugins", "search"]).ok();
    is_harmless(&found);
    assert!(found.stdout.contains(r"ni\u{200b}ce\u{e0041}"), "{found}");
    for text in ["\u{1b}]0;owned\u{7}", "\u{202e}x", "x\nerror: all is well"] {
        shop.change("index.json", |index| {
            index["plugins"]["demo"]["description"] = text.into();
        });
        let refused = at_terminal(&machine, &["plugins", "search"]).fails(2);
        is_harmless(&refused);
        assert!(refused.stderr.contains("U+"), "{refused}");
        // A key of the document is quoted in the error.
        shop.change("index.json", |index| {
            index[text] = 1.into();
        });
        let refused = at_terminal(&machine, &["plugins", "search"]).fails(2);
        is_harmless(&refused);
    }
}
