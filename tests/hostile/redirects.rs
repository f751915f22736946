//! An answer is an answer: the host goes nowhere because of it, and a plugin goes on only where a rule says that it may
//! follow, and exactly there.

use super::attempt::Attempt;
use super::listener::{Listener, ok};

/// Answers below `/to/` with this status, and a `Location` to what stands there in hexadecimal digits.
pub(super) fn pointing(status: &'static str) -> Listener {
    Listener::answering(move |seen| match seen.target().split_once("/to/") {
        Some((_, location)) => {
            let digits = location
                .as_bytes()
                .chunks(2)
                .map(|two| std::str::from_utf8(two).unwrap());
            let bytes = digits
                .map(|two| u8::from_str_radix(two, 16).unwrap())
                .collect();
            let location = String::from_utf8(bytes).unwrap();
            format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n")
        }
        None => ok("named"),
    })
}

/// The path at which it points there.
pub(super) fn to(location: &str) -> String {
    let digits: String = location.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("/api/to/{digits}")
}

const STATUSES: [&str; 6] = [
    "301 Moved Permanently",
    "302 Found",
    "303 See Other",
    "307 Temporary Redirect",
    "308 Permanent Redirect",
    "201 Created",
];

#[test]
fn the_host_follows_nothing() {
    let trap = Listener::trap("127.0.0.1:0");
    for status in STATUSES {
        let server = pointing(status);
        let attempt = Attempt::naming(&server.url("/"));
        let location = trap.url("/api/x");
        let seen = attempt.sees(&format!("request GET {}", server.url(&to(&location))));
        // The plugin learns of it.
        assert!(
            seen[0].starts_with(&status[..3]) && seen[0].contains(&location),
            "{seen:?}"
        );
        server.only();
    }
    trap.heard_nothing();
}

/// What a redirect to each of these places brings the plugin that follows it.
#[test]
fn a_redirect_to_where_the_plugin_may_not_go() {
    let server = pointing("307 Temporary Redirect");
    let port = server.port();
    let trap = Listener::trap(&format!("127.0.0.2:{port}"));
    let trap6 = Listener::trap(&format!("[::1]:{port}"));
    let attempt = Attempt::naming(&server.url("/"));
    for (location, words) in [
        (
            format!("http://127.0.0.2:{port}/api/x"),
            "a loopback address, and nobody named it",
        ),
        (
            format!("http://2130706434:{port}/api/x"),
            "a loopback address, and nobody named it",
        ),
        (
            format!("http://[::1]:{port}/api/x"),
            "a loopback address, and nobody named it",
        ),
        (
            format!("http://[::ffff:127.0.0.2]:{port}/api/x"),
            "an IPv4 address inside an IPv6 address",
        ),
        (
            "http://169.254.169.254/latest/meta-data/".to_owned(),
            "metadata service, and nobody named it",
        ),
        (
            "http://10.0.0.1/".to_owned(),
            "a private address, and nobody named it",
        ),
        (
            format!("http://0.0.0.0:{port}/"),
            "an unspecified address, and nobody named it",
        ),
        (format!("http://localhost:{port}/"), "localhost is at"),
        (format!("http://user:pw@127.0.0.2:{port}/"), "user"),
        (
            format!("http://127.0.0.1:{port}/admin/../secret"),
            "more than one way",
        ),
    ] {
        let goes = server.url(&to(&location));
        let script = format!("request GET {goes}\nsend\nrequest GET <location>");
        let denied = attempt.denied(&script, words);
        assert!(!denied.stderr.contains("the trap"), "{denied}");
    }
    for location in [
        format!("ftp://127.0.0.2:{port}/x"),
        "file:///etc/passwd".to_owned(),
        "x:y".to_owned(),
    ] {
        let goes = server.url(&to(&location));
        attempt.stopped(&format!("request GET {goes}\nsend\nrequest GET <location>"));
    }
    // Each first request, and no second one.
    assert!(
        server
            .requests()
            .iter()
            .all(|seen| seen.target().contains("/to/")),
        "{}",
        server.text()
    );
    trap.heard_nothing();
    trap6.heard_nothing();
}

#[test]
fn exactly_what_was_announced_and_nothing_near_it() {
    let server = pointing("202 Accepted");
    let elsewhere = Listener::start();
    let attempt = Attempt::naming(&server.url("/"));
    let announced = elsewhere.url("/upload/1?state=a");
    let begins = format!("request POST {}\nsend", server.url(&to(&announced)));
    for near in [
        format!("request GET {}", elsewhere.url("/upload/2?state=a")),
        format!("request GET {}", elsewhere.url("/upload/1")),
        format!("request GET {}", elsewhere.url("/upload/1?state=b")),
        format!("request GET {}", elsewhere.url("/upload/1?state=a&x=1")),
        format!("request GET {}", elsewhere.url("/upload/1/?state=a")),
        format!("request GET {}", elsewhere.url("/")),
        format!("request DELETE {announced}"),
        format!("request GET {}", announced.replace("http:", "https:")),
    ] {
        attempt.denied(
            &format!("{begins}\n{near}"),
            "the user named http://127.0.0.1:",
        );
    }
    elsewhere.heard_nothing();
    let seen = attempt.sees(&format!("{begins}\nrequest PUT {announced}\nbody x"));
    assert!(seen[1].starts_with("200"), "{seen:?}");
    assert_eq!(elsewhere.only().target(), "/upload/1?state=a");
}

#[test]
fn a_location_that_nobody_announced() {
    let server = pointing("202 Accepted");
    let elsewhere = Listener::trap("127.0.0.1:0");
    let attempt = Attempt::naming(&server.url("/"));
    let announced = elsewhere.url("/upload/1");
    let goes = format!("request GET {announced}");
    attempt.denied(&goes, "the user named http://127.0.0.1:");
    // Announced in one run is nothing in the next.
    attempt.sees(&format!("request POST {}", server.url(&to(&announced))));
    attempt.denied(&goes, "the user named http://127.0.0.1:");
    elsewhere.heard_nothing();
}

#[test]
fn a_rule_that_follows_nothing() {
    let server = pointing("202 Accepted");
    let elsewhere = Listener::trap("127.0.0.1:0");
    let attempt = Attempt::new().with("--other", server.url("/"));
    let begins = format!(
        "request POST {}\nsend",
        server.url(&to(&elsewhere.url("/x")))
    );
    attempt.denied(
        &format!("{begins}\nrequest GET <location>"),
        "the user named http://127.0.0.1:",
    );
    elsewhere.heard_nothing();
}

#[test]
fn who_was_announced_announces_nobody_else() {
    let server = pointing("202 Accepted");
    let second = pointing("202 Accepted");
    let third = Listener::trap("127.0.0.1:0");
    let attempt = Attempt::naming(&server.url("/"));
    let next = second.url(&to(&third.url("/x")));
    let script = format!(
        "request POST {}\nsend\nrequest GET {next}\nsend\nrequest GET {}",
        server.url(&to(&next)),
        third.url("/x")
    );
    attempt.denied(&script, "the user named http://127.0.0.1:");
    second.only();
    third.heard_nothing();
}

#[test]
fn what_was_announced_changes_nothing_in_a_plan() {
    let server = pointing("202 Accepted");
    let elsewhere = Listener::trap("127.0.0.1:0");
    let attempt = Attempt::naming(&server.url("/")).calling("plan");
    let announced = elsewhere.url("/x");
    let begins = format!("request GET {}\nsend", server.url(&to(&announced)));
    for method in ["POST", "PUT"] {
        attempt.denied(
            &format!("{begins}\nrequest {method} {announced}\nbody x"),
            "",
        );
    }
    elsewhere.heard_nothing();
}

#[test]
fn no_secret_goes_to_an_announced_place() {
    let server = pointing("202 Accepted");
    let elsewhere = Listener::trap("127.0.0.1:0");
    let attempt = Attempt::naming(&server.url("/"))
        .variable("SPIN_DEPLOYER_HOSTILE_TOKEN", "planted-token-5c1e");
    let begins = format!(
        "request POST {}\nsend",
        server.url(&to(&elsewhere.url("/x")))
    );
    let goes = format!("{begins}\nrequest PUT {}\n", elsewhere.url("/x"));
    attempt.denied(
        &format!("{goes}header authorization: Bearer <token>"),
        "token",
    );
    attempt.denied(
        &format!("{goes}header content-type: application/json\nbody \"<token>\""),
        "token",
    );
    elsewhere.heard_nothing();
}
