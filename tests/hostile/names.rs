//! Names that lead where they should not: a name says nothing about where a connection ends.

use super::attempt::Attempt;
use super::listener::Listener;
use super::network::{NameServer, alone};
use super::redirects::{pointing, to};

/// The plugin is sent on to this place by a server that the user named, and goes.
fn goes_to(server: &Listener, place: &str) -> String {
    let path = to(&format!("http://{place}"));
    format!(
        "request GET {}\nsend\nrequest GET <location>",
        server.url(&path)
    )
}

#[test]
fn a_name_that_resolves_to_a_special_address() {
    alone(|| {
        let special = [
            ("loopback.example", "127.0.0.1", "a loopback address"),
            ("loopback6.example", "::1", "a loopback address"),
            ("private.example", "10.9.8.7", "a private address"),
            ("home.example", "192.168.7.7", "a private address"),
            ("unique-local.example", "fd12::1", "a private address"),
            (
                "carrier.example",
                "100.64.0.1",
                "a carrier-grade NAT address",
            ),
            (
                "metadata.example",
                "169.254.169.254",
                "the address of a cloud's metadata service",
            ),
            (
                "metadata6.example",
                "fd00:ec2::254",
                "the address of a cloud's metadata service",
            ),
            ("unspecified.example", "0.0.0.0", "an unspecified address"),
            (
                "mapped.example",
                "::ffff:127.0.0.1",
                "IPv4 address inside an IPv6 address",
            ),
            (
                "nat64.example",
                "64:ff9b::a9fe:a9fe",
                "the address of a cloud's metadata service",
            ),
        ];
        let answers = special.map(|(_, address, _)| [address]);
        let answers: Vec<[&[&str]; 1]> = answers.iter().map(|a| [&a[..]]).collect();
        let mut names: Vec<_> = special
            .iter()
            .zip(&answers)
            .map(|((name, ..), a)| (*name, &a[..]))
            .collect();
        names.push(("public.example", &[&["8.8.8.8"]]));
        let name_server = NameServer::start(&names);
        // At every address of this network, of both kinds.
        let everywhere = Listener::trap("[::]:80");
        let server = pointing("202 Accepted");
        let attempt = Attempt::naming(&server.url("/"));
        for (name, address, what) in special {
            let place = format!("{name}/api/x");
            let denied = attempt.denied(
                &goes_to(&server, &place),
                &format!("{name} is at {address}"),
            );
            denied.says(what).says("nobody named that host");
            assert!(name_server.asked(name) > 0, "{name} was not looked up");
        }
        everywhere.heard_nothing();
        // Where the name leads to somebody on the internet, the same plugin gets there.
        let seen = attempt.sees(&goes_to(&server, "public.example/api/x"));
        assert!(seen[1].contains("the trap"), "{seen:?}");
        assert_eq!(
            everywhere.only().head.header("host"),
            Some("public.example")
        );
    });
}

#[test]
fn a_name_with_a_public_and_a_special_address() {
    alone(|| {
        let _name_server = NameServer::start(&[
            ("first.example", &[&["8.8.8.8", "10.9.8.7"]]),
            ("last.example", &[&["169.254.169.254", "8.8.8.8"]]),
            ("both.example", &[&["8.8.8.8", "::1"]]),
        ]);
        let everywhere = Listener::trap("[::]:80");
        let server = pointing("202 Accepted");
        let attempt = Attempt::naming(&server.url("/"));
        for name in ["first.example", "last.example", "both.example"] {
            attempt.denied(
                &goes_to(&server, &format!("{name}/")),
                "nobody named that host",
            );
        }
        everywhere.heard_nothing();
    });
}

#[test]
fn a_name_that_the_user_gave_leads_to_no_metadata_service() {
    alone(|| {
        let _name_server = NameServer::start(&[
            ("corp.example", &[&["10.9.8.7"]]),
            ("rebound.example", &[&["169.254.169.254"]]),
            ("rebound6.example", &[&["fd00:ec2::254"]]),
            ("unspecified.example", &[&["0.0.0.0"]]),
            ("beside.example", &[&["10.9.8.7", "169.254.169.254"]]),
        ]);
        let everywhere = Listener::trap("[::]:80");
        for name in [
            "rebound.example",
            "rebound6.example",
            "unspecified.example",
            "beside.example",
        ] {
            let attempt = Attempt::naming(&format!("http://{name}/"));
            let request = format!("request GET http://{name}/api/x");
            attempt.denied(&request, "the user did not name that address");
        }
        everywhere.heard_nothing();
        // A private address is what a name of one's own may have.
        let seen =
            Attempt::naming("http://corp.example/").sees("request GET http://corp.example/api/x");
        assert!(seen[0].contains("the trap"), "{seen:?}");
    });
}

#[test]
fn the_metadata_service_by_its_address() {
    alone(|| {
        let metadata = Listener::trap("169.254.169.254:80");
        let server = pointing("202 Accepted");
        let attempt = Attempt::naming(&server.url("/"));
        let path = "latest/meta-data/iam/security-credentials/";
        for host in [
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
        ] {
            attempt.denied(
                &format!("request GET http://{host}/{path}"),
                "nobody named that host",
            );
            attempt.denied(
                &goes_to(&server, &format!("{host}/{path}")),
                "nobody named it",
            );
        }
        metadata.heard_nothing();
        // Who types it means it: the listener is there, and was not asked before.
        let attempt = Attempt::naming("http://169.254.169.254/");
        let seen = attempt.sees("request GET http://169.254.169.254/api/x");
        assert!(seen[0].contains("the trap"), "{seen:?}");
    });
}

#[test]
fn a_name_that_changes_its_address_between_check_and_connect() {
    alone(|| {
        let name_server = NameServer::start(&[
            ("turns.example", &[&["8.8.8.8"], &["127.0.0.1"]]),
            ("mine.example", &[&["10.9.8.7"], &["169.254.169.254"]]),
        ]);
        let closing = |_: &_, stream: &mut std::net::TcpStream| {
            use std::io::Write as _;
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\npublic";
            stream.write_all(answer.as_bytes())?;
            Err(std::io::ErrorKind::ConnectionAborted.into())
        };
        let public = Listener::at("8.8.8.8:80", closing);
        let private = Listener::at("10.9.8.7:80", closing);
        let traps = ["127.0.0.1:80", "[::1]:80", "169.254.169.254:80"].map(Listener::trap);
        let server = pointing("202 Accepted");

        // One question for one connection: what it was answered is where the connection goes.
        let attempt = Attempt::naming(&server.url("/"));
        let goes = goes_to(&server, "turns.example/x");
        let again =
            format!("{goes}\nsend\nrequest GET http://turns.example/x\nneeds the second answer");
        let denied = attempt.script(&again).fails(5);
        denied.says("turns.example is at 127.0.0.1, a loopback address");
        assert_eq!(
            public.requests().len(),
            1,
            "the first request went to the first address"
        );
        assert_eq!(name_server.asked("turns.example"), 2);

        let attempt = Attempt::naming("http://mine.example/");
        let get = "request GET http://mine.example/api/x";
        let denied = attempt
            .script(&format!("{get}\nsend\n{get}\nneeds the second answer"))
            .fails(5);
        denied.says("mine.example is at 169.254.169.254");
        assert_eq!(private.requests().len(), 1);
        assert_eq!(name_server.asked("mine.example"), 2);
        traps.iter().for_each(Listener::heard_nothing);
    });
}

#[test]
fn a_token_service_that_is_the_metadata_service() {
    alone(|| {
        let _name_server = NameServer::start(&[("tokens.example", &[&["169.254.169.254"]])]);
        let metadata = Listener::trap("169.254.169.254:80");
        let registry = Listener::answering(|_| {
            "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer realm=\"http://tokens.example/token\"\r\n\
             content-length: 0\r\n\r\n"
                .to_owned()
        });
        let reference = format!("{}/acme/shop:v1", registry.address());
        let attempt = Attempt::new().with("--reference", reference);
        let credential = format!(
            r#"{{"auths":{{"{}":{{"auth":"dXNlcjpwbGFudGVkLXBhc3N3b3Jk"}}}}}}"#,
            registry.address()
        );
        attempt.machine.write(".docker/config.json", credential);
        let asks = format!(
            "request GET {}\nsend\nrequest GET http://tokens.example/token\nheader authorization: Basic <base64:user:<reference>>",
            registry.url("/v2/")
        );
        attempt.denied(&asks, "tokens.example is at 169.254.169.254");
        registry.only();
        metadata.heard_nothing();
    });
}
