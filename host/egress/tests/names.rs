//! Names that lead elsewhere than they seem to. Each time a server listens at the address that must not be reached, and
//! is asked whether somebody came. Other addresses of loopback stand for it, so that the rule that is tested is the one
//! of names which the user gave: loopback is allowed to these, and the servers tell one address from the other.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::*;
use http::Method;
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;
use tokio::net::TcpListener;

/// A name server that says each time the next thing, the last one for ever.
#[derive(Default)]
struct Zone {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Zone {
    fn new(name: &str, answers: &[&[&str]]) -> Arc<Self> {
        let zone = Self::default();
        let answers = answers
            .iter()
            .map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect());
        let answers = answers.collect();
        zone.answers.lock().unwrap().insert(name.into(), answers);
        Arc::new(zone)
    }

    fn asked(&self) -> usize {
        self.asked.load(SeqCst)
    }
}

impl Names for Zone {
    fn look_up(&self, host: &str) -> Looking {
        self.asked.fetch_add(1, SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let answer = answers.get_mut(host).map(|answers| match answers.len() {
            1 => answers[0].clone(),
            _ => answers.remove(0),
        });
        Box::pin(async move { answer.ok_or_else(|| std::io::ErrorKind::NotFound.into()) })
    }
}

/// Where somebody could come, and whether somebody did. The port of all is the same.
struct Trap {
    port: u16,
    listeners: Vec<TcpListener>,
}

impl Trap {
    async fn at(addresses: &[&str]) -> Self {
        let first = TcpListener::bind((addresses[0], 0)).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let mut listeners = vec![first];
        for address in &addresses[1..] {
            listeners.push(TcpListener::bind((*address, port)).await.unwrap());
        }
        Self { port, listeners }
    }

    /// A connection that was made is there, whether it was accepted or not.
    async fn nobody_came(&self) {
        for listener in &self.listeners {
            let came = tokio::time::timeout(Duration::from_millis(20), listener.accept()).await;
            assert!(
                came.is_err(),
                "somebody came to {:?}",
                listener.local_addr()
            );
        }
    }
}

fn run_at(zone: &Arc<Zone>, reference: String) -> Run {
    let (vault, audit) = (Arc::new(Vault::default()), Arc::new(Kept::default()));
    let session = Egress::with_names(direct(), zone.clone()).session(
        grant(REGISTRY, &[("reference", reference)]),
        Phase::Deploy,
        vault.clone(),
        Limits::default(),
        audit.clone(),
    );
    Run {
        session,
        vault,
        audit,
    }
}

/// A run whose registry, at loopback, says that uploads go on at `location`.
async fn announcing(zone: &Arc<Zone>, location: String) -> (Server, Run) {
    let server =
        Server::start(move |_| answer(&format!("202 Accepted\nlocation: {location}"), "")).await;
    let run = run_at(zone, server.url("/acme/shop:v1"));
    let begin = request(
        Method::POST,
        &server.url("/v2/acme/shop/blobs/uploads/"),
        &[],
        "",
    );
    run.send(begin).await.unwrap();
    (server, run)
}

#[tokio::test]
async fn a_name_that_nobody_gave_leads_to_public_addresses_only() {
    let trap = Trap::at(&["127.0.0.1", "127.0.0.53"]).await;
    for (address, what) in [
        ("127.0.0.1", "a loopback address"),
        ("127.0.0.53", "a loopback address"),
        ("10.0.0.7", "a private address"),
        ("172.16.0.1", "a private address"),
        ("192.168.1.1", "a private address"),
        ("100.64.0.1", "a carrier-grade NAT address"),
        (
            "169.254.169.254",
            "the address of a cloud's metadata service",
        ),
        (
            "100.100.100.200",
            "the address of a cloud's metadata service",
        ),
        ("fd00:ec2::254", "the address of a cloud's metadata service"),
        ("169.254.0.9", "a link-local address"),
        ("fe80::1", "a link-local address"),
        ("0.0.0.0", "an unspecified address"),
        ("::", "an unspecified address"),
        ("::1", "a loopback address"),
        ("fd12:3456::1", "a private address"),
        ("::ffff:127.0.0.1", "an IPv4 address inside an IPv6 address"),
        ("::ffff:8.8.8.8", "an IPv4 address inside an IPv6 address"),
        ("::127.0.0.1", "an IPv4 address inside an IPv6 address"),
        ("2002:7f00:1::", "an IPv4 address inside an IPv6 address"),
        ("2001:0:7f00:1::", "an IPv4 address inside an IPv6 address"),
        ("64:ff9b::127.0.0.1", "a loopback address"),
        (
            "64:ff9b::169.254.169.254",
            "the address of a cloud's metadata service",
        ),
        (
            "64:ff9b:1::7f00:1",
            "an IPv4 address inside an IPv6 address",
        ),
        ("224.0.0.1", "a multicast address"),
        ("ff02::1", "a multicast address"),
        ("192.0.2.1", "a documentation address"),
        ("255.255.255.255", "a reserved address"),
    ] {
        let zone = Zone::new("far.example", &[&[address]]);
        let url = format!("http://far.example:{}/up/1", trap.port);
        let (_server, run) = announcing(&zone, url.clone()).await;
        let line = refused(run.get(&url).await);
        let address: IpAddr = address.parse().unwrap();
        let said = format!("far.example is at {address}, {what}, and nobody named that host");
        assert_eq!(line.reason, said);
        assert_eq!(zone.asked(), 1, "{address}");
        let audit = run.audit.0.lock().unwrap();
        assert_eq!(
            audit.last().unwrap().refused.as_deref(),
            Some(said.as_str())
        );
    }
    trap.nobody_came().await;
}

#[tokio::test]
async fn a_name_that_the_user_gave_leads_to_no_metadata_service() {
    for address in [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd00:42::42",
        "169.254.0.1",
        "fe80::1",
        "0.0.0.0",
        "::",
        "::ffff:127.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::",
    ] {
        let zone = Zone::new("r.corp", &[&[address]]);
        let run = run_at(&zone, "http://r.corp:5000/acme/shop:v1".to_owned());
        let line = refused(run.get("http://r.corp:5000/v2/").await);
        assert!(line.reason.contains("did not name that address"), "{line}");
    }
}

#[tokio::test]
async fn one_address_that_may_not_be_reached_refuses_the_name_in_either_order() {
    let trap = Trap::at(&["127.0.0.1"]).await;
    for answer in [["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"]] {
        let zone = Zone::new("far.example", &[&answer]);
        let url = format!("http://far.example:{}/up/1", trap.port);
        let (_server, run) = announcing(&zone, url.clone()).await;
        let line = refused(run.get(&url).await);
        assert!(line.reason.contains("127.0.0.1"), "{line}");
    }
    // Where the user gave the name, loopback may stand beside a public address, and the metadata service may not.
    let zone = Zone::new("r.corp", &[&["127.0.0.1", "169.254.169.254"]]);
    let run = run_at(&zone, format!("http://r.corp:{}/acme/shop:v1", trap.port));
    refused(run.get(&format!("http://r.corp:{}/v2/", trap.port)).await);
    trap.nobody_came().await;
}

#[tokio::test]
async fn what_was_checked_is_what_is_connected_to() {
    // Free at the first address: the server is there. The second one is what the name leads to from then on.
    let first = Server::start(ok).await;
    let SocketAddr::V4(at) = first.address else {
        panic!("not IPv4")
    };
    let second = TcpListener::bind(("127.0.0.2", at.port())).await.unwrap();
    let zone = Zone::new("r.corp", &[&["127.0.0.1"], &["127.0.0.2"]]);
    let run = run_at(&zone, format!("http://r.corp:{}/acme/shop:v1", at.port()));
    let answer = run.get(&format!("http://r.corp:{}/v2/", at.port())).await;
    assert_eq!(answer.unwrap().status(), 200);
    assert_eq!((zone.asked(), first.connections()), (1, 1));
    assert_eq!(first.only().header("host"), format!("r.corp:{}", at.port()));
    let came = tokio::time::timeout(Duration::from_millis(20), second.accept()).await;
    assert!(came.is_err(), "the name was asked for twice");
}

#[tokio::test]
async fn a_name_that_changes_after_the_check_gains_nothing() {
    // Public for the check, loopback for whoever asks again. Nobody routes to that public address.
    let trap = Trap::at(&["127.0.0.1"]).await;
    let zone = Zone::new("far.example", &[&["2a00::1"], &["127.0.0.1"]]);
    let url = format!("http://far.example:{}/up/1", trap.port);
    let (_server, run) = announcing(&zone, url.clone()).await;
    let soon = Some(Duration::from_millis(200));
    let timeouts = Timeouts {
        connect: soon,
        first_byte: soon,
        between_bytes: soon,
    };
    let get = || request(Method::GET, &url, &[], "");
    let error = run.session.send(get(), timeouts).await.unwrap_err();
    assert!(
        matches!(error, SendError::Connect { .. } | SendError::Timeout { .. }),
        "{error:?}"
    );
    assert_eq!(zone.asked(), 1);
    // The next request asks anew, and is refused for what it hears then.
    let line = refused(run.session.send(get(), timeouts).await);
    assert!(line.reason.contains("127.0.0.1"), "{line}");
    trap.nobody_came().await;
}

#[tokio::test]
async fn a_connection_to_a_private_address_is_not_lent_to_who_may_not_go_there() {
    let server = Server::start(ok).await;
    let port = server.address.port();
    let zone = Zone::new("r.corp", &[&["127.0.0.1"]]);
    let egress = Egress::with_names(direct(), zone.clone());
    let session = |reference: String| {
        let grant = grant(REGISTRY, &[("reference", reference)]);
        let audit = Arc::new(Kept::default());
        egress.session(
            grant,
            Phase::Deploy,
            Arc::default(),
            Limits::default(),
            audit,
        )
    };
    let url = format!("http://r.corp:{port}/v2/");
    let named = session(format!("http://r.corp:{port}/acme/shop:v1"));
    let get = || request(Method::GET, &url, &[], "");
    let there = named.send(get(), Timeouts::default()).await.unwrap();
    text(there).await;

    let location = url.clone();
    let registry =
        Server::start(move |_| answer(&format!("202 Accepted\nlocation: {location}"), "")).await;
    let other = session(registry.url("/acme/shop:v1"));
    let begin = request(Method::POST, &registry.url("/v2/x"), &[], "");
    other.send(begin, Timeouts::default()).await.unwrap();
    let line = refused(other.send(get(), Timeouts::default()).await);
    assert!(line.reason.contains("loopback"), "{line}");
    assert_eq!(server.seen().len(), 1);
}
