//! One place has one name, however its address is written; and no way of writing it makes it another place.

use super::attempt::Attempt;
use super::listener::Listener;

/// The place that the user named, written in other ways, is that place: what goes out is what was named.
#[test]
fn another_spelling_of_the_same_address_is_the_same_place() {
    let named = Listener::start();
    let port = named.port();
    let attempt = Attempt::naming(&named.url("/"));
    let spellings = [
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "0x7F.1",
    ];
    let script: Vec<_> = spellings
        .iter()
        .map(|host| format!("request GET http://{host}:{port}/api/{host}\n"))
        .collect();
    attempt.sees(&script.concat());
    for (seen, host) in named.requests().iter().zip(spellings) {
        assert_eq!(seen.target(), format!("/api/{host}"));
        assert_eq!(
            seen.head.header("host"),
            Some(&*format!("127.0.0.1:{port}"))
        );
    }
    assert_eq!(named.requests().len(), spellings.len());
}

#[test]
fn upper_case_and_a_trailing_dot_are_the_same_name_and_no_other() {
    let named = Listener::start();
    let port = named.port();
    let trap = Listener::trap(&format!("127.0.0.2:{port}"));
    let attempt = Attempt::naming(&format!("http://localhost:{port}/"));
    for host in ["LOCALHOST", "localhost.", "LocalHost."] {
        let seen = attempt.sees(&format!("request GET http://{host}:{port}/api/x"));
        assert!(seen[0].starts_with("200"), "{seen:?}");
    }
    let hosts = named
        .requests()
        .into_iter()
        .map(|seen| seen.head.header("host").map(str::to_owned));
    assert!(
        hosts
            .into_iter()
            .all(|host| host == Some(format!("localhost:{port}")))
    );
    for host in [
        "127.0.0.1",
        "localhost.localdomain",
        "evil.localhost",
        "xn--localhost",
        "localhost..",
    ] {
        let heard = named.requests().len();
        attempt.denied(&format!("request GET http://{host}:{port}/api/x"), "");
        assert_eq!(named.requests().len(), heard, "{host}");
    }
    trap.heard_nothing();
}

#[test]
fn numbers_for_another_address() {
    let named = Listener::start();
    let port = named.port();
    let trap = Listener::trap(&format!("127.0.0.2:{port}"));
    let attempt = Attempt::naming(&named.url("/"));
    for host in [
        "127.2",
        "2130706434",
        "0x7f000002",
        "0177.0.0.02",
        "0x7f.2",
        "127.0.0.2.",
        "127.0.2",
    ] {
        attempt.denied(
            &format!("request GET http://{host}:{port}/api/x"),
            &format!("http://127.0.0.2:{port}/api/x: nobody named that host"),
        );
    }
    for host in [
        "0",
        "0.0.0.0",
        "0x0",
        "127.0.0.256",
        "4294967297",
        "127.0.0.1.1",
    ] {
        attempt.denied(&format!("request GET http://{host}:{port}/api/x"), "");
    }
    named.heard_nothing();
    trap.heard_nothing();
}

#[test]
fn ipv6_and_what_ipv4_hides_in_it() {
    let named = Listener::start();
    let port = named.port();
    let trap = Listener::trap(&format!("[::1]:{port}"));
    let attempt = Attempt::naming(&named.url("/"));
    for host in [
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[::]",
    ] {
        attempt.denied(
            &format!("request GET http://{host}:{port}/api/x"),
            "/api/x: nobody named that host",
        );
    }
    for host in [
        "127.0.0.1%20",
        "[fe80::1%25lo]",
        "[::1%lo]",
        "[::1",
        "::1",
        "[]",
        "[v1.x]",
    ] {
        attempt.stopped(&format!("request GET http://{host}:{port}/api/x"));
    }
    named.heard_nothing();
    trap.heard_nothing();
}

/// The rule of a manifest does not make a place public: what leads to this machine needs the user's word for that host.
#[test]
fn a_user_who_names_another_host_has_not_named_this_machine() {
    let trap = Listener::trap("127.0.0.1:0");
    let attempt = Attempt::naming("https://example.com/");
    for host in ["127.0.0.1", "localhost", "127.1"] {
        let request = format!("request GET http://{host}:{}/api/x", trap.port());
        attempt.denied(&request, "nobody named that host");
    }
    trap.heard_nothing();
}
