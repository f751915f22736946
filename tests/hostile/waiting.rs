//! A platform says where the app is, and the host looks there: a hostile platform, or a plugin with one, gets it nowhere
//! that the platform is not itself.

use super::attempt::Attempt;
use super::listener::Listener;
use super::network::{NameServer, alone};

/// Says at `/api/NAME` that the app is there.
fn platform(address: &str) -> Listener {
    Listener::at(address, |seen, stream| {
        use std::io::Write as _;
        let body = format!("[\"{}\"]", seen.target().trim_start_matches("/api/"));
        let length = body.len();
        let head =
            format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes())
    })
}

/// A deploy whose release wants the host to wait for `probe`.
fn waiting(platform: &Listener, probe: &str) -> Attempt {
    Attempt::new()
        .with("--platform", platform.url("/"))
        .with("--probe", probe)
        .with("--readiness-timeout", "1s")
}

/// The plugin asks the platform, which says that the app is at `name`.
fn asks(platform: &Listener, name: &str) -> String {
    format!("request GET {}", platform.url(&format!("/api/{name}")))
}

#[test]
fn a_route_on_another_machine_of_the_private_network() {
    alone(|| {
        let special = [
            ("loopback.example", "127.0.0.1"),
            ("private.example", "192.168.7.7"),
            ("carrier.example", "100.64.0.1"),
            ("metadata.example", "169.254.169.254"),
            ("metadata6.example", "fd00:ec2::254"),
            ("unique-local.example", "fd12::1"),
            ("unspecified.example", "0.0.0.0"),
        ];
        let answers = special.map(|(_, address)| [address]);
        let answers: Vec<[&[&str]; 1]> = answers.iter().map(|a| [&a[..]]).collect();
        let mut names: Vec<_> = special
            .iter()
            .zip(&answers)
            .map(|((name, _), a)| (*name, &a[..]))
            .collect();
        names.push(("here.example", &[&["10.9.8.7"]]));
        names.push(("both.example", &[&["10.9.8.7", "192.168.7.7"]]));
        names.push(("public.example", &[&["8.8.8.8"]]));
        let _name_server = NameServer::start(&names);
        let everywhere = Listener::trap("[::]:80");
        let all = special.iter().map(|(name, _)| *name);
        let platform = platform("10.9.8.7:5309");
        let deploys = |name: &str| {
            let probe = format!("http://{name}/.well-known/spin/info");
            waiting(&platform, &probe).script(&asks(&platform, name))
        };
        for name in all.chain([
            "both.example",
            "127.0.0.1",
            "192.168.7.7",
            "169.254.169.254",
        ]) {
            let denied = deploys(name).fails(5);
            denied.says("and the server that named that host is not there");
        }
        everywhere.heard_nothing();
        // Its own machine, or one on the internet, is another thing.
        for name in ["here.example", "10.9.8.7", "public.example"] {
            deploys(name).fails(8);
        }
        assert_eq!(everywhere.requests().len(), 3);
    });
}

#[test]
fn a_route_that_the_platform_did_not_name() {
    let trap = Listener::trap("127.0.0.1:0");
    let place = |host: &str| format!("{host}:{}", trap.port());
    let platform = platform("127.0.0.1:0");
    let named = place("app.localhost");
    let asks = asks(&platform, &named);
    for probe in [
        format!("http://{}/", place("other.localhost")),
        format!("http://{}/", place("app.localhost.example")),
        format!("http://{}/", place("127.0.0.1")),
        format!("https://{}/", place("app.localhost").replace(':', ":1")),
        format!("http://{named}/data/of/the/app"),
        format!("http://{named}/?data=all"),
        format!("http://{named}/.well-known/../data"),
        format!("http://{named}/.well-known/data-of-the-app"),
        format!("http://{named}/.well-known/spin/info/data"),
        format!("http://{named}/.well-known/spin/info;data"),
        format!("http://{named}/.well-known/spin/health?data"),
        format!("http://user:data@{named}/"),
    ] {
        let denied = waiting(&platform, &probe).script(&asks).fails(5);
        denied.says("may not be asked");
    }
    // What was named is for the host, and not for the plugin.
    let probe = format!("http://{named}/");
    let attempt = waiting(&platform, &probe);
    attempt.denied(
        &format!("{asks}\nsend\nrequest GET {probe}"),
        "nobody named that host",
    );
    // In a run where nobody named it, it is nothing.
    attempt.script("").fails(5).says("nobody named that host");
    trap.heard_nothing();
    attempt.script(&asks).fails(8);
    assert_eq!(trap.only().target(), "/");
}
