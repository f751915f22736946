//! Who may push is the server's to say; what it says comes with the way in, and what lets somebody in is shown nowhere.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rstest::rstest;

use super::app::{Arrived, SMALL, missing, small};
use super::arrives::verifies;
use super::{KEY, Site, create_key, deploy, id, line, url};
use crate::harness::proxy::{Proxy, Verdict};
use crate::harness::run::{Finished, Machine};
use crate::harness::servers::{Bindle, Options, PASSWORD, Release, USER};
use crate::hostile::planted::{hide, places};

/// What [`PASSWORD`] is not.
const WRONG: &str = "planted-Wrong%password";
const TOKEN: &str = "planted/Token+7f3a=&x";

/// A server with one user, of either release: 0.8 with files, 0.9 with a database and the machine's key.
fn with_users(release: Release, machine: &Machine) -> Bindle {
    let creators = match release {
        Release::V0_8 => vec![],
        Release::V0_9 => vec![create_key(machine)],
    };
    let options = Options {
        user: Some((USER, PASSWORD)),
        embedded_db: matches!(release, Release::V0_9),
        creators,
        ..Options::default()
    };
    Bindle::start(release, &options)
}

/// The push is refused with this status, says this, and leaves nothing.
#[track_caller]
fn refused(server: &Bindle, finished: Finished, code: i32, says: &[&str]) -> Finished {
    let mut finished = finished.fails(code);
    for words in says {
        finished = finished.says(words);
    }
    let (status, text) = server.get("_q?q=small");
    assert_eq!(status, 200, "{text}");
    assert!(!text.contains("[[invoices]]"), "{text}");
    finished
}

#[rstest]
#[case::nobody(&[], &["nobody was named", "BINDLE_USERNAME", "BINDLE_PASSWORD"])]
#[case::wrong_password(
    &[("BINDLE_USERNAME", USER), ("BINDLE_PASSWORD", WRONG)],
    &["does not accept the credential", "BINDLE_PASSWORD"]
)]
#[case::wrong_user(
    &[("BINDLE_USERNAME", "nobody"), ("BINDLE_PASSWORD", PASSWORD)],
    &["does not accept the credential", "BINDLE_USERNAME"]
)]
#[case::token_where_passwords_are_taken(
    &[("BINDLE_TOKEN", TOKEN)],
    &["does not accept the credential", "BINDLE_TOKEN"]
)]
fn a_server_with_users_tells_who_may(
    #[values(Release::V0_8, Release::V0_9)] release: Release,
    #[case] variables: &[(&str, &str)],
    #[case] says: &[&str],
) {
    let mut machine = Machine::new();
    let server = with_users(release, &machine);
    for (name, value) in variables {
        machine.set(name, *value);
    }
    let mut more = vec!["-v"];
    if matches!(release, Release::V0_9) {
        more.extend(["--bindle-key", KEY]);
    }
    let finished = deploy(&machine, &small(), &server.url(), &more);
    let finished = refused(&server, finished, 3, says);
    assert_eq!(finished.json()["error"]["code"], "unauthenticated");
    shows_no_secret(&machine, &finished);
}

const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-type: application/toml\r\ncontent-length: 23\r\n\
                       connection: close\r\n\r\nerror = \"unauthorized\"\n";

/// Tokens are OpenID Connect's, of which no server here knows anything: it stands behind somebody who looks at them.
#[test]
fn a_token_lets_in() {
    let Site {
        mut machine,
        release,
        options,
    } = Site::with_database();
    let server = Bindle::start(release, &options);
    let bearer = ("authorization".to_owned(), format!("Bearer {TOKEN}"));
    let proxy = Proxy::with(server.address(), move |request| {
        match request.headers.contains(&bearer) {
            true => Verdict::Forward,
            false => Verdict::Answer(REFUSED.to_owned()),
        }
    });
    let app = small();
    let line = |command| line(command, &app, &url(&proxy), &["-v"]);
    machine.set("BINDLE_TOKEN", WRONG);
    let wrong = machine.run(line("deploy")).fails(3);
    shows_no_secret(&machine, &wrong.says("does not accept the credential"));
    assert_eq!(proxy.requests().len(), 1);

    machine.set("BINDLE_TOKEN", TOKEN);
    shows_no_secret(&machine, &machine.run(line("plan")).ok());
    let pushed = machine.run(line("deploy")).ok();
    shows_no_secret(&machine, &pushed);
    Arrived::on(&server, &id(&pushed));
}

#[test]
fn what_nobody_signed_says_how_to_sign() {
    let server = Bindle::start(Release::V0_9, &Options::default());
    let machine = Machine::new();
    let finished = deploy(&machine, &small(), &server.url(), &[]);
    let says = [
        "signed bindles only",
        "--bindle-key",
        "spin-deployer key create",
    ];
    let finished = refused(&server, finished, 4, &says);
    assert_eq!(finished.json()["error"]["code"], "forbidden");
}

/// 0.8 takes what nobody signed, and looks at what somebody did.
#[rstest]
fn a_key_that_the_server_does_not_know_comes_with_the_lines_for_its_keyring(
    #[values(Release::V0_8, Release::V0_9)] release: Release,
    #[values(false, true)] new_keyring: bool,
) {
    let somebody = create_key(&Machine::new());
    let options = Options {
        creators: (!new_keyring).then_some(somebody).into_iter().collect(),
        ..Options::default()
    };
    let server = Bindle::start(release, &options);
    let machine = Machine::new();
    let public = create_key(&machine);
    let app = small();
    let finished = deploy(&machine, &app, &server.url(), &["--bindle-key", KEY]);
    let says = [
        "does not know the key",
        "keyring",
        "version = \"1.0\"",
        "[[key]]",
    ];
    let finished = refused(&server, finished, 4, &says).says("leave out --bindle-key");

    // Pasted as they are, behind the first line and beside the keys that are there.
    let error = &finished.json()["error"];
    let help = error["help"].as_str().unwrap();
    let (_, lines) = help.split_at(help.find("[[key]]").unwrap());
    let options = Options {
        keyring: format!("{lines}\n"),
        ..options
    };
    let server = Bindle::start(release, &options);
    let pushed = deploy(&machine, &app, &server.url(), &["--bindle-key", KEY]).ok();
    let arrived = Arrived::on(&server, &id(&pushed));
    verifies(&arrived, "Jane Doe <jane@example.com>", &public);
}

#[rstest]
#[case::none("")]
#[case::empty("authors = [\"\", \" \"]\n")]
fn nobody_signs_for_an_app_without_authors(#[case] authors: &str) {
    let site = Site::with_database();
    let server = site.server();
    let proxy = Proxy::to(server.address());
    let app = small();
    let manifest = SMALL.replace("authors = [\"Jane Doe <jane@example.com>\"]\n", authors);
    app.write("spin.toml", manifest);
    for command in ["plan", "deploy"] {
        let line = line(command, &app, &url(&proxy), &[]);
        let refused = site.machine.run(line).fails(2);
        refused
            .says("nobody is named who signs")
            .says("--bindle-author");
    }
    assert_eq!(proxy.connections(), 0, "{:#?}", proxy.requests());
    let more = ["--bindle-author", "CI <ci@example.com>"];
    deploy(&site.machine, &app, &url(&proxy), &more).ok();
}

#[rstest]
fn what_lets_somebody_in_is_shown_nowhere(#[values("json", "text")] output: &str) {
    let mut machine = Machine::new();
    let server = with_users(Release::V0_9, &machine);
    let key = fs::read_to_string(machine.home().join(KEY)).unwrap();
    machine.set("BINDLE_SIGNING_KEY", key);
    machine.set("BINDLE_USERNAME", USER);
    machine.set("BINDLE_PASSWORD", PASSWORD);
    let (app, url) = (small(), server.url());
    let path = app.path().to_str().unwrap();
    for command in ["plan", "deploy", "deploy"] {
        let line = [
            command,
            "-v",
            "-f",
            path,
            "-t",
            "bindle",
            "--bindle-server",
            &url,
        ];
        let finished = machine.run(line.iter().chain(&["--output", output]));
        shows_no_secret(&machine, &finished.ok());
    }
    let log = fs::read_to_string(machine.audit_log()).unwrap();
    assert!(log.contains("\"signed\"") && log.contains("/_i"), "{log}");
}

/// Neither what was said nor a file of the machine has a password, the token, or more of the key than its file.
#[track_caller]
fn shows_no_secret(machine: &Machine, finished: &Finished) {
    let mut values = vec![PASSWORD.to_owned(), WRONG.to_owned(), TOKEN.to_owned()];
    if let Ok(pem) = fs::read_to_string(machine.home().join(KEY)) {
        let line = pem.lines().nth(1).unwrap();
        let document = BASE64_STANDARD.decode(line).unwrap();
        // The private half is the last that PKCS#8 has of it.
        let seed = BASE64_STANDARD.encode(&document[document.len() - 32..]);
        values.extend([line.to_owned(), seed]);
    }
    let mut places = places(finished, &[machine.home()]);
    assert!(
        places
            .iter()
            .any(|(name, bytes)| name.ends_with("audit.jsonl") && !bytes.is_empty())
    );
    places.retain(|(name, _)| !name.ends_with(KEY));
    let values: Vec<_> = values.iter().map(String::as_str).collect();
    hide(&places, &values, finished);
}

#[test]
fn the_server_keeps_a_bindle_that_somebody_else_may_only_read() {
    let server = with_users(Release::V0_8, &Machine::new());
    let app = small();
    let mut owner = Machine::new();
    owner.set("BINDLE_PASSWORD", PASSWORD);
    let pushed = deploy(&owner, &app, &server.url(), &["--bindle-username", USER]).ok();
    assert_eq!(missing(&server, &id(&pushed)), Some(0));
    // Everything is there: nobody has to be anybody to be told so.
    let again = deploy(&Machine::new(), &app, &server.url(), &[]).ok();
    assert_eq!(id(&again), id(&pushed));
}
