//! Values of secrets are where the user put them and on the wire to where they belong, and nowhere else: neither after a
//! run that ends well nor after one that fails, whatever plugin and server do to show them.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

use super::attempt::Attempt;
use super::listener::{Listener, Seen};
use super::signing::{LINE, SEED, pem};
use crate::harness::run::Finished;

const TOKEN: &str = "planted/Token+7f3a=&x";
const PASSWORD: &str = "planted-Password%91c2\"y";

/// All ways in which a value could be written that a log, a server or an encoder writes.
fn forms(value: &str) -> Vec<String> {
    let percent = |plain: &[u8]| -> String {
        let escaped =
            value
                .bytes()
                .map(|b| match b.is_ascii_alphanumeric() || plain.contains(&b) {
                    true => char::from(b).to_string(),
                    false => format!("%{b:02X}"),
                });
        escaped.collect()
    };
    let json = serde_json::to_string(value).unwrap();
    let mut forms = vec![
        value.to_owned(),
        json[1..json.len() - 1].to_owned(),
        percent(b"-_.~"),
        percent(b"-_.~").to_lowercase(),
        value.bytes().map(|b| format!("{b:02x}")).collect(),
        value.chars().rev().collect(),
    ];
    // Wherever it begins among the bytes that were encoded.
    for before in ["", "a", "ab"] {
        let bytes = format!("{before}{value}");
        for text in [
            BASE64_STANDARD.encode(&bytes),
            BASE64_URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            forms.push(text[4..text.len() - 4].to_owned());
        }
    }
    forms
}

/// What a server makes of the secrets that it was sent, and of a key that it was not: every form that the host promises to
/// find.
fn echo(seen: &Seen) -> String {
    let sent = seen.text();
    assert!(
        sent.contains(TOKEN) || sent.contains("Basic"),
        "the secret arrived"
    );
    let shown = [TOKEN, PASSWORD, LINE, SEED].map(|value| {
        let json = serde_json::to_string(value).unwrap();
        let form: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let base64 = BASE64_STANDARD.encode(value);
        let pair = BASE64_STANDARD.encode(format!("ci-bot:{value}"));
        format!("plain {value} json {json} form {form} base64 {base64} pair {pair}\n")
    });
    shown.concat()
}

/// Shows them in its headers, in a body of text with a length, and in one without, a few bytes at a time.
fn showing(status: &'static str) -> Listener {
    Listener::writing(move |seen, stream| {
        use std::io::Write as _;
        let text = echo(seen);
        let headers = format!(
            "HTTP/1.1 {status}\r\nx-echo: {TOKEN}\r\nwww-authenticate: Basic realm=\"{TOKEN}\"\r\n\
             location: /api/next?token={}\r\n",
            url::form_urlencoded::byte_serialize(TOKEN.as_bytes()).collect::<String>()
        );
        if seen.target().contains("/long") {
            let (kind, padding) = ("application/octet-stream", "-".repeat(100_000));
            let text = format!("{padding}{text}{padding}");
            stream.write_all(
                format!("{headers}content-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n")
                    .as_bytes(),
            )?;
            for piece in text.as_bytes().chunks(4_001) {
                let size = format!("{:x}\r\n", piece.len());
                stream.write_all(&[size.as_bytes(), piece, b"\r\n"].concat())?;
            }
            return stream.write_all(b"0\r\n\r\n");
        }
        let kind = "content-type: text/plain";
        stream.write_all(
            format!(
                "{headers}{kind}\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            )
            .as_bytes(),
        )
    })
}

fn attempt(server: &Listener) -> Attempt {
    let mut attempt = Attempt::naming(&server.url("/"))
        .with("--reference", format!("{}/acme/shop:v1", server.address()))
        .variable("SPIN_DEPLOYER_HOSTILE_TOKEN", TOKEN)
        .variable("SPIN_DEPLOYER_HOSTILE_SIGNER", &pem())
        .flag("--verbose");
    let pair = BASE64_STANDARD.encode(format!("ci-bot:{PASSWORD}"));
    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"{pair}"}}}}}}"#,
        server.address()
    );
    attempt.machine.write(".docker/config.json", config);
    // All that is kept of a run lies below the home, where it is looked through, and there the plugin's own memory goes.
    let memory = attempt.machine.home().join("memory");
    attempt = attempt.with("--folder", memory.to_str().unwrap());
    let cache = attempt.machine.home().join("cache");
    attempt.machine.set("XDG_CACHE_HOME", cache);
    attempt
}

/// Sends both secrets where they belong, and shows all that it has and all that it got.
fn script(server: &Listener) -> String {
    let mut script = "print <token> <reference> <signer>\nsign signer hello\n".to_owned();
    for path in ["short", "long"] {
        let url = server.url(&format!("/api/{path}"));
        script += &format!(
            "request POST {url}\nheader authorization: Bearer <token>\nbody x\nsend\nprint <body> <location>\n\
             request POST {}\nheader authorization: Basic <base64:ci-bot:<reference>>\nbody x\nsend\nprint <body>\n\
             request POST {url}\nheader content-type: application/json\nbody {{\"t\":\"<token>\"}}\nsend\nprint <body>\n\
             request GET {}\nsend\n",
            server.url(&format!("/v2/{path}")),
            server.url("/api/<token>")
        );
    }
    script + DUMP
}

/// Writes down all that the plugin has in its memory.
const DUMP: &str = "dump /options/folder/dump\n";

/// Neither what was said nor a file of the machine has one of the values, in any form.
#[track_caller]
fn nowhere(attempt: &Attempt, finished: &Finished) {
    let mut places = places(finished, &[attempt.machine.home(), attempt.app.path()]);
    let has = |part: &str| {
        places
            .iter()
            .any(|(name, bytes)| name.contains(part) && !bytes.is_empty())
    };
    // What should be looked through is there: the log, that of the last runs, compiled code, the plugin's own words.
    for part in [
        "audit.jsonl",
        ".local/share/spin-deployer/audit",
        "cache/",
        "memory/dump",
    ] {
        assert!(has(part), "no {part}");
    }
    let dump = places
        .iter()
        .find(|(name, _)| name.ends_with("memory/dump"));
    let dump = String::from_utf8_lossy(&dump.unwrap().1);
    assert!(
        dump.contains("spin-deployer-secret-"),
        "it is no memory of this plugin"
    );
    assert!(finished.stderr.contains("plugin | "), "{finished}");
    assert!(
        finished.to_string().contains("spin-deployer-secret-"),
        "{finished}"
    );
    let seed = BASE64_STANDARD.decode(SEED).unwrap();
    for (name, bytes) in &places {
        let raw = bytes.windows(seed.len()).any(|part| part == seed);
        assert!(!raw, "{name} has the key in bytes\n{finished}");
    }
    let digits: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    places.retain(|(name, _)| !name.ends_with(".docker/config.json"));
    hide(&places, &[TOKEN, PASSWORD, LINE, SEED, &digits], finished);
}

/// All that a run said, and every file below these folders, with where it is.
pub(crate) fn places(finished: &Finished, folders: &[&Path]) -> Vec<(String, Vec<u8>)> {
    let said = [
        ("standard output", &finished.stdout),
        ("standard error", &finished.stderr),
    ];
    let mut places: Vec<_> = said
        .map(|(name, text)| (name.to_owned(), text.clone().into_bytes()))
        .into();
    for folder in folders {
        files(folder, &mut places);
    }
    places
}

/// None of these places has one of the values, in any form.
#[track_caller]
pub(crate) fn hide(places: &[(String, Vec<u8>)], values: &[&str], finished: &Finished) {
    for value in values {
        for form in forms(value) {
            for (name, bytes) in places {
                let text = String::from_utf8_lossy(bytes);
                assert!(
                    !text.contains(&form),
                    "{name} has {value} as {form}\n{finished}"
                );
            }
        }
    }
}

fn files(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), into),
            false => into.push((
                entry.path().display().to_string(),
                fs::read(entry.path()).unwrap(),
            )),
        }
    }
}

#[test]
fn after_a_run_that_ends_well() {
    for output in ["json", "text"] {
        let server = showing("200 OK");
        let attempt = attempt(&server).with("--output", output);
        let finished = attempt.script(&script(&server)).ok();
        assert_eq!(server.requests().len(), 6, "{finished}");
        assert!(server.text().contains(TOKEN));
        nowhere(&attempt, &finished);
    }
}

#[test]
fn after_a_run_that_fails() {
    for output in ["json", "text"] {
        let server = showing("403 Forbidden");
        let attempt = attempt(&server).with("--output", output);
        let ends = format!(
            "{}request POST {}\nheader authorization: Bearer <token>\nbody x\nsend\nfail <token> <body>",
            script(&server),
            server.url("/api/short")
        );
        let finished = attempt.script(&ends).fails(1);
        assert_eq!(server.requests().len(), 7, "{finished}");
        nowhere(&attempt, &finished);
    }
}

/// The host itself asks whether a release is ready, and shows what was answered instead.
#[test]
fn in_the_answer_of_a_release_that_is_not_ready() {
    for output in ["json", "text"] {
        let server = Listener::answering(|seen| match seen.target() {
            "/ready" => super::listener::ok(&format!(r#"{{"version":"{TOKEN}"}}"#)),
            _ => super::listener::ok(&echo(seen)),
        });
        let attempt = attempt(&server)
            .with("--output", output)
            .with("--other", server.url("/"))
            .with("--readiness-timeout", "1s")
            .with("--probe", server.url("/ready"));
        let script = format!(
            "print <token>\nrequest POST {}\nheader authorization: Bearer <token>\nbody x\nsend\n{DUMP}",
            server.url("/api/x")
        );
        let finished = attempt.script(&script).fails(8).says("/version");
        nowhere(&attempt, &finished);
    }
}
