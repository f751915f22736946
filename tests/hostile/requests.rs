//! Where and how a plugin may send is what the user named and the manifest asked for, and nothing beside it.

use super::attempt::Attempt;
use super::listener::Listener;

/// A place that the user named, the same port of another address of this machine, and another port of the same.
struct Places {
    named: Listener,
    other_host: Listener,
    other_port: Listener,
}

impl Places {
    fn new() -> Self {
        let named = Listener::start();
        let other_host = Listener::trap(&format!("127.0.0.2:{}", named.port()));
        let other_port = Listener::trap("127.0.0.1:0");
        Self {
            named,
            other_host,
            other_port,
        }
    }

    fn attempt(&self) -> Attempt {
        let attempt = Attempt::naming(&self.named.url("/"));
        // What is allowed goes out: what follows is stopped by nothing else.
        let seen = attempt.sees(&format!("request GET {}", self.named.url("/api/hello")));
        assert!(seen[0].starts_with("200"), "{seen:?}");
        attempt
    }

    /// Each of these is refused with these words, and nobody hears of it. `NAMED`, `HOST` and `PORT` are the places'
    /// addresses.
    fn refuses(&self, requests: &[(&str, &str)]) {
        let attempt = self.attempt();
        let written = |text: &str| {
            text.replace("NAMED", &self.named.address().to_string())
                .replace("HOST", &self.other_host.address().to_string())
                .replace("PORT", &self.other_port.address().to_string())
        };
        for (request, words) in requests {
            attempt.denied(&format!("request {}", written(request)), &written(words));
        }
        self.heard_nothing();
    }

    fn heard_nothing(&self) {
        assert_eq!(self.named.only().target(), "/api/hello");
        self.other_host.heard_nothing();
        self.other_port.heard_nothing();
    }
}

#[test]
fn another_host() {
    Places::new().refuses(&[
        (
            "GET http://HOST/api/x",
            "http://HOST/api/x: nobody named that host",
        ),
        (
            "PUT http://HOST/api/x\nbody the app",
            "http://HOST/api/x: nobody named that host",
        ),
        (
            "GET http://localhost:1/api/x",
            "http://localhost:1/api/x: nobody named that host",
        ),
    ]);
}

#[test]
fn another_port() {
    Places::new().refuses(&[
        (
            "GET http://PORT/api/x",
            "http://PORT/api/x: the user named http://NAMED, not port ",
        ),
        (
            "GET http://127.0.0.1/api/x",
            "http://127.0.0.1/api/x: the user named http://NAMED, not port 80",
        ),
        ("GET http://127.0.0.1:/api/x", "port"),
        ("GET http://127.0.0.1:99999/api/x", "port"),
        ("GET http://127.0.0.1:0/api/x", "port"),
    ]);
}

#[test]
fn another_scheme() {
    Places::new().refuses(&[(
        "GET https://NAMED/api/x",
        "https://NAMED/api/x: the user named http://NAMED, not https",
    )]);
}

/// The interface takes two schemes, and a request without one; the host takes neither that nor a third.
#[test]
fn no_scheme_of_the_web() {
    let places = Places::new();
    let attempt = places.attempt();
    let named = places.named.address();
    for request in [
        format!("GET ftp://{named}/api/x"),
        format!("GET gopher://{named}/api/x"),
        format!("GET HTTP://{named}/api/x\nscheme HTTP+x"),
        "GET file:///etc/passwd".to_owned(),
        format!("GET {named}/api/x"),
    ] {
        attempt.stopped(&format!("request {request}"));
    }
    places.heard_nothing();
}

#[test]
fn another_method() {
    Places::new().refuses(&[
        (
            "DELETE http://NAMED/api/x",
            "no rule allows it DELETE there",
        ),
        (
            "PATCH http://NAMED/api/x\nbody x",
            "no rule allows it PATCH there",
        ),
        (
            "CONNECT http://NAMED/api/x",
            "CONNECT is no method that goes out",
        ),
        (
            "TRACE http://NAMED/api/x",
            "TRACE is no method that goes out",
        ),
        ("get http://NAMED/api/x", "get is no method that goes out"),
        (
            "PROPFIND http://NAMED/api/x",
            "PROPFIND is no method that goes out",
        ),
    ]);
}

#[test]
fn another_path() {
    let twice = "can be read in more than one way";
    Places::new().refuses(&[
        (
            "GET http://NAMED/admin",
            "no rule allows it the path /admin",
        ),
        (
            "GET http://NAMED/API/x",
            "no rule allows it the path /API/x",
        ),
        ("GET http://NAMED/?/api/x", "no rule allows it the path /"),
        ("GET http://NAMED/api/../admin", twice),
        ("GET http://NAMED/api/./../admin", twice),
        ("GET http://NAMED/api/%2e%2e/admin", twice),
        ("GET http://NAMED/api/.%2E/admin", twice),
        ("GET http://NAMED/api/%252e%252e/admin", twice),
        ("GET http://NAMED/api/..%2fadmin", twice),
        ("GET http://NAMED/api/..%5cadmin", twice),
        ("GET http://NAMED/api/..;/admin", twice),
    ]);
}

/// What is no path at all is refused where it is written down.
#[test]
fn a_path_that_is_an_address() {
    let places = Places::new();
    let attempt = places.attempt();
    attempt.stopped(&format!("request GET http://{}", places.named.address()));
    for path in [
        format!("http://{}/api/x", places.other_host.address()),
        format!("//{}/api/x", places.other_host.address()),
        format!("@{}/api/x", places.other_host.address()),
        "*".to_owned(),
        "api/x".to_owned(),
        "/api/x\\r\\nHost:\\selsewhere".to_owned(),
        "/api/x\\sHTTP/1.1".to_owned(),
        "/api\\\\..\\\\admin".to_owned(),
    ] {
        attempt.stopped(&format!(
            "request GET http://{}/api\npath {path}",
            places.named.address()
        ));
    }
    places.heard_nothing();
}

#[test]
fn user_information_and_other_hosts_in_disguise() {
    let places = Places::new();
    let attempt = places.attempt();
    let (named, other) = (places.named.address(), places.other_host.address());
    for authority in [
        format!("user:password@{named}"),
        format!("{named}@{other}"),
        format!("{other}@{named}"),
        format!("{named}:80@{other}"),
        format!("{named},{other}"),
        format!("{other}\\\\@{named}"),
        format!("{other}#@{named}"),
        format!("{other}/@{named}"),
        format!("{other}?{named}"),
        format!("{other}\\0{named}"),
        format!("{other}\\r\\nHost:\\s{named}"),
        format!("{other}%00{named}"),
        format!("%31%32%37.0.0.2:{}", other.port()),
        format!("１２７.0.0.2:{}", other.port()),
        format!("127。0。0。2:{}", other.port()),
        String::new(),
        ":80".to_owned(),
    ] {
        attempt.stopped(&format!(
            "request GET http://{named}/api/x\nauthority {authority}"
        ));
    }
    places.heard_nothing();
}

#[test]
fn a_plan_changes_nothing() {
    let named = Listener::start();
    let attempt = Attempt::naming(&named.url("/")).calling("plan");
    for method in ["POST", "PUT"] {
        let request = format!("request {method} {}\nbody x", named.url("/api/x"));
        attempt.denied(&request, "`plan` only reads");
    }
    named.heard_nothing();
    let seen = attempt.sees(&format!("request GET {}", named.url("/api/x")));
    assert!(seen[0].starts_with("200"), "{seen:?}");
}

#[test]
fn a_default_of_the_manifest_names_nobody() {
    let trap = Listener::trap("127.0.0.1:0");
    let url = format!(
        "default = \"{}\", help = \"Where it may go below /api\"",
        trap.url("/")
    );
    let manifest = super::attempt::MANIFEST.replace("help = \"Where it may go below /api\"", &url);
    let attempt = Attempt::of(|machine| crate::harness::plugin::hostile(machine.home(), &manifest));
    let script = format!("request GET {}", trap.url("/api/x"));
    attempt.script(&script).fails(5).says(&format!(
        "chooses {} where --url is not given",
        trap.url("/")
    ));
    trap.heard_nothing();
}

#[test]
fn what_was_refused_is_told_where_the_plugin_goes_on_too() {
    let named = Listener::start();
    let trap = Listener::trap("127.0.0.1:0");
    let attempt = Attempt::naming(&named.url("/"));
    let script = format!(
        "request GET {}\nrequest GET {}",
        trap.url("/api/x"),
        named.url("/api/x")
    );
    let told = attempt.script(&script).ok();
    told.says("warning: the plugin wanted GET").says("[[http]]");
    named.only();
    trap.heard_nothing();
}

#[test]
fn an_address_to_wait_for() {
    let named = Listener::start();
    let trap = Listener::trap("127.0.0.1:0");
    let attempt = Attempt::naming(&named.url("/")).with("--probe", trap.url("/?data=all"));
    let denied = attempt.script("").fails(5);
    denied.says("a place that may not be asked");
    trap.heard_nothing();
    named.heard_nothing();
    // Nor the second address of a probe, nor a path that no rule reads.
    let unknown =
        Listener::answering(|_| "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned());
    for elsewhere in [trap.url("/?data=all"), unknown.url("/admin")] {
        let attempt = Attempt::naming(&unknown.url("/"))
            .with("--probe", unknown.url("/api/ready"))
            .with("--otherwise", elsewhere);
        attempt
            .script("")
            .fails(5)
            .says("a place that may not be asked");
    }
    let heard = unknown.requests();
    assert!(heard.len() == 2 && heard.iter().all(|seen| seen.target() == "/api/ready"));
    trap.heard_nothing();
}

/// What is shown before something is destroyed, and what a release wrote, is read and nothing else.
#[test]
fn what_only_reads_changes_nothing() {
    let named = Listener::start();
    let changes = |method: &str| format!("request {method} {}\nbody x", named.url("/api/x"));
    for method in ["POST", "PUT"] {
        let attempt = Attempt::naming(&named.url("/"))
            .calling("destroy")
            .flag("--yes");
        attempt.denied(&changes(method), "`status` only reads");
    }
    named.heard_nothing();
    let attempt = Attempt::naming(&named.url("/"))
        .with("--probe", named.url("/api/ready"))
        .with("--readiness-timeout", "1s")
        .with("--log", "script");
    let script = format!("request POST {}\nbody x", named.url("/api/x"));
    let unready = attempt.script(&script).fails(8);
    unready
        .says("warning: the plugin wanted POST")
        .says("`status` only reads");
    // Once, by the deploy.
    let posts = named
        .requests()
        .into_iter()
        .filter(|seen| seen.target() == "/api/x");
    assert_eq!(posts.count(), 1);
}
