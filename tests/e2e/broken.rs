//! Whatever breaks in the middle of a push: running it again completes it, with the same digest, and sends no more
//! than what is missing. Shown at every request of a push, at three moments of each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::app::App;
use crate::harness::proxy::{Moment, Proxy, Request, Then, Verdict};
use crate::harness::registry::Registry;
use crate::harness::run::{Finished, Machine, push, signal};

/// An application, the digest of its image, and the blobs of it with their sizes.
struct Whole {
    app: App,
    machine: Machine,
    digest: String,
    blobs: Vec<(String, u64)>,
}

impl Whole {
    /// Learnt from a push that nothing disturbs.
    fn of(registry: &Registry) -> Self {
        let (app, machine) = (App::small(), Machine::new());
        let digest = machine
            .push(app.path(), &registry.reference("whole:v1"), &[])
            .ok()
            .digest();
        let manifest: serde_json::Value =
            serde_json::from_slice(&registry.manifest("whole", "v1").body).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        let blobs = layers.iter().chain([&manifest["config"]]).map(|blob| {
            let digest = blob["digest"].as_str().unwrap().to_owned();
            (digest, blob["size"].as_u64().unwrap())
        });
        Self {
            blobs: blobs.collect(),
            app,
            machine,
            digest,
        }
    }

    /// Bytes of blobs that the repository does not have.
    fn missing(&self, registry: &Registry, repository: &str) -> u64 {
        let missing = |digest: &str| registry.blob(repository, digest).is_none();
        self.blobs
            .iter()
            .filter(|(digest, _)| missing(digest))
            .map(|(_, size)| size)
            .sum()
    }

    fn push(&self, reference: &str) -> Finished {
        self.machine.push(self.app.path(), reference, &[])
    }

    /// Pushes again, undisturbed, after something broke.
    #[track_caller]
    fn completes(&self, registry: &Registry, repository: &str) {
        let missing = self.missing(registry, repository);
        let proxy = Proxy::to(registry.address());
        let again = self
            .push(&proxy.reference(&format!("{repository}:v1")))
            .ok();
        assert_eq!(again.digest(), self.digest);
        assert!(
            proxy.blob_bytes() <= missing,
            "{missing} bytes were missing: {:#?}",
            proxy.requests()
        );
        assert_eq!(registry.manifest(repository, "v1").digest, self.digest);
        assert_eq!(self.missing(registry, repository), 0);
    }
}

/// Calls `disturb` with 1, 2, 3… and a repository of its own, until it says that a push never came to that request.
fn at_every_request(mut disturb: impl FnMut(usize, &str) -> bool) {
    let reached = (1..200)
        .take_while(|n| disturb(*n, &format!("app{n}")))
        .count();
    // A manifest and four blobs do not go in fewer.
    assert!((6..199).contains(&reached), "{reached} requests");
}

fn the_network_dies(moment: Moment) {
    let registry = Registry::start();
    let whole = Whole::of(&registry);
    at_every_request(|n, repository| {
        let proxy = Proxy::cutting(registry.address(), moment, move |r: &Request| r.number >= n);
        let broken = whole.push(&proxy.reference(&format!("{repository}:v1")));
        if proxy.requests().len() < n {
            broken.ok();
            return false;
        }
        broken.fails(7);
        whole.completes(&registry, repository);
        true
    });
}

#[test]
fn the_network_dies_before_a_request() {
    the_network_dies(Moment::Before);
}

#[test]
fn the_network_dies_in_a_body() {
    the_network_dies(Moment::InBody);
}

#[test]
fn the_network_dies_before_an_answer() {
    the_network_dies(Moment::BeforeAnswer);
}

fn a_connection_breaks(moment: Moment) {
    let registry = Registry::start();
    let whole = Whole::of(&registry);
    at_every_request(|n, repository| {
        let proxy = Proxy::cutting(registry.address(), moment, move |r: &Request| r.number == n);
        let resumed = whole
            .push(&proxy.reference(&format!("{repository}:v1")))
            .ok();
        assert_eq!(resumed.digest(), whole.digest);
        assert_eq!(registry.manifest(repository, "v1").digest, whole.digest);
        assert_eq!(whole.missing(&registry, repository), 0);
        // Once more than all of it would be a blob that started again without need.
        let all: u64 = whole.blobs.iter().map(|(_, size)| size).sum();
        let largest = whole.blobs.iter().map(|(_, size)| size).max().unwrap();
        assert!(
            proxy.blob_bytes() <= all + largest,
            "{:#?}",
            proxy.requests()
        );
        proxy.requests().len() >= n
    });
}

#[test]
fn one_connection_breaks_before_a_request() {
    a_connection_breaks(Moment::Before);
}

#[test]
fn one_connection_breaks_in_a_body() {
    a_connection_breaks(Moment::InBody);
}

#[test]
fn one_connection_breaks_before_an_answer() {
    a_connection_breaks(Moment::BeforeAnswer);
}

fn the_process_is_killed(moment: Moment) {
    let registry = Registry::start();
    let whole = Whole::of(&registry);
    at_every_request(|n, repository| {
        let process = Arc::new(OnceLock::new());
        let shared = process.clone();
        let proxy = Proxy::with(registry.address(), move |r| {
            if r.number != n {
                return Verdict::Forward;
            }
            let process = shared.clone();
            let kill = move || {
                signal(*process.wait(), Signal::KILL);
                Then::Cut
            };
            Verdict::At(moment, Box::new(kill))
        });
        let reference = proxy.reference(&format!("{repository}:v1"));
        let running = whole.machine.start(push(whole.app.path(), &reference, &[]));
        process.set(running.pid()).unwrap();
        let killed = running.finish();
        if proxy.requests().len() < n {
            killed.ok();
            return false;
        }
        killed.killed_by(Signal::KILL);
        whole.completes(&registry, repository);
        true
    });
}

#[test]
fn the_process_is_killed_before_a_request() {
    the_process_is_killed(Moment::Before);
}

#[test]
fn the_process_is_killed_in_a_body() {
    the_process_is_killed(Moment::InBody);
}

#[test]
fn the_process_is_killed_before_an_answer() {
    the_process_is_killed(Moment::BeforeAnswer);
}

/// How often a registry may lose what it was just writing, in a repository of its own each time.
const LOSSES: usize = 3;

fn the_registry_restarts(moment: Moment) {
    let registry = Arc::new(Mutex::new(Registry::start()));
    let whole = Whole::of(&registry.lock().unwrap());
    at_every_request(|n, repository| {
        for loss in 0..=LOSSES {
            let repository = &format!("{repository}-{loss}");
            let address = registry.lock().unwrap().address();
            // The proxy listens until the process ends, and would keep the registry as long.
            let shared = Arc::downgrade(&registry);
            let proxy = Proxy::with(address, move |r| {
                if r.number != n {
                    return Verdict::Forward;
                }
                let registry = shared.clone();
                let restart = move || {
                    let registry = registry.upgrade().unwrap();
                    registry.lock().unwrap().restart();
                    Then::Continue
                };
                Verdict::At(moment, Box::new(restart))
            });
            let done = whole.push(&proxy.reference(&format!("{repository}:v1")));
            // A file that it was killed over is empty, and what it is asked about that it answers with 500 from then on.
            if loss < LOSSES && done.stdout.contains("answered 500") {
                continue;
            }
            assert_eq!(done.ok().digest(), whole.digest);
            let registry = registry.lock().unwrap();
            assert_eq!(registry.manifest(repository, "v1").digest, whole.digest);
            assert_eq!(whole.missing(&registry, repository), 0);
            return proxy.requests().len() >= n;
        }
        unreachable!("the last one is asserted")
    });
}

#[test]
fn the_registry_restarts_before_a_request() {
    the_registry_restarts(Moment::Before);
}

#[test]
fn the_registry_restarts_in_a_body() {
    the_registry_restarts(Moment::InBody);
}

/// Answers the first request that `hits` with this status and `Retry-After: 1`.
fn turned_away(status: &'static str, hits: fn(&Request) -> bool) {
    let registry = Registry::start();
    let whole = Whole::of(&registry);
    let turned_away = AtomicBool::new(false);
    let proxy = Proxy::with(registry.address(), move |r| {
        if !hits(r) || turned_away.swap(true, Ordering::SeqCst) {
            return Verdict::Forward;
        }
        Verdict::Answer(format!(
            "HTTP/1.1 {status}\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        ))
    });
    let done = whole.push(&proxy.reference("app:v1")).ok();
    assert_eq!(done.digest(), whole.digest);
    let requests = proxy.requests();
    let first = requests.iter().find(|r| hits(r)).unwrap();
    let path = |r: &Request| r.target.split('?').next().unwrap().to_owned();
    let same = |r: &&Request| r.method == first.method && path(r) == path(first);
    let mut tries = requests.iter().filter(same).skip(1);
    let next = tries.next().expect("the same request comes again");
    // The clock of the test is not that of the binary.
    let waited = next.came - first.came;
    assert!(waited > Duration::from_millis(950), "{waited:?}");
}

#[test]
fn a_registry_that_is_too_busy_is_given_its_time() {
    turned_away("429 Too Many Requests", |r| {
        r.target.contains("/manifests/") && r.method == "PUT"
    });
    turned_away("503 Service Unavailable", |r| {
        r.target.contains("/manifests/") && r.method == "PUT"
    });
}

#[test]
fn blobs_too_wait_as_long_as_the_registry_says() {
    turned_away("429 Too Many Requests", |r| r.method == "HEAD");
    turned_away("429 Too Many Requests", |r| {
        r.method == "PUT" && r.target.contains("/uploads/")
    });
}
