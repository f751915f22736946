//! Ctrl-C and a stop by whoever started it end a push within a second, and say what is already there.

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::DEADLINE;
use crate::harness::app::App;
use crate::harness::proxy::{Moment, Proxy, Request, Then, Verdict};
use crate::harness::registry::Registry;
use crate::harness::run::{Finished, Machine, push, signal};

/// Sends the signal when the first request that `hits` is half way, and lets that request hang.
fn interrupted(
    by: Signal,
    hits: fn(&Request) -> bool,
) -> (Finished, Proxy, Registry, App, Machine) {
    let registry = Registry::start();
    let (tell, told) = mpsc::channel();
    let proxy = Proxy::with(registry.address(), move |r| {
        let tell = tell.clone();
        match hits(r) {
            true => Verdict::At(
                Moment::InBody,
                Box::new(move || {
                    tell.send(()).unwrap();
                    Then::Hold
                }),
            ),
            false => Verdict::Forward,
        }
    });
    let (app, machine) = (App::small(), Machine::new());
    let running = machine.start(push(app.path(), &proxy.reference("app:v1"), &[]));
    told.recv_timeout(DEADLINE)
        .expect("the push comes to that request");
    let sent = Instant::now();
    signal(running.pid(), by);
    let finished = running.finish();
    let took = sent.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}\n{finished}");
    (finished, proxy, registry, app, machine)
}

/// The last of all requests of a push: everything else is there by then.
fn is_manifest(request: &Request) -> bool {
    request.method == "PUT" && request.target.contains("/manifests/")
}

/// The URL of that request, as the audit log has it.
fn manifest(proxy: &Proxy) -> String {
    format!("http://{}/v2/app/manifests/v1", proxy.address())
}

fn audit(machine: &Machine) -> Vec<Value> {
    let log = fs::read_to_string(machine.audit_log()).unwrap();
    let lines = log.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn sigint_ends_it_and_says_what_is_there() {
    let (finished, proxy, registry, app, machine) = interrupted(Signal::INT, is_manifest);
    let finished = finished.fails(130).says(&proxy.address().to_string());
    let error = &finished.json()["error"];
    assert_eq!(
        (&error["exit_code"], &error["sent"]),
        (&130.into(), &true.into()),
        "{finished}"
    );
    let log = audit(&machine);
    let is_put = |line: &&Value| line["method"] == "PUT" && line["url"] == manifest(&proxy);
    let put: Vec<_> = log.iter().filter(is_put).collect();
    assert_eq!(put.len(), 1, "one line for what was under way: {log:?}");
    assert_eq!(put[0]["failed"], "interrupted", "{log:?}");
    let ended: Vec<_> = log.iter().filter(|line| line["event"] == "ended").collect();
    assert_eq!(ended.len(), 1, "{log:?}");
    assert_eq!(ended[0]["outcome"], "interrupted", "{log:?}");
    let again = Proxy::to(registry.address());
    machine
        .push(app.path(), &again.reference("app:v1"), &[])
        .ok();
    assert_eq!(again.blob_bytes(), 0, "what was there is used");
}

#[test]
fn sigterm_ends_it_too() {
    let (finished, ..) = interrupted(Signal::TERM, is_manifest);
    finished.fails(143);
}

#[test]
fn before_anything_was_sent_it_says_so() {
    let (finished, ..) = interrupted(Signal::INT, |r| r.number == 1);
    let finished = finished.fails(130);
    assert_eq!(finished.json()["error"]["sent"], false, "{finished}");
}

/// `inspect` asks for what an app refers to elsewhere, and changes nothing.
#[test]
fn inspect_ends_as_soon_and_its_request_has_a_line() {
    for (by, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/app.wasm", silent.local_addr().unwrap());
        let app = App::empty();
        app.write(
            "spin.toml",
            format!(
                "spin_manifest_version = 2\n[application]\nname = \"far\"\n[[trigger.http]]\nroute = \"/...\"\n\
                 component = \"main\"\n[component.main]\nsource = {{ url = \"{url}\", digest = \"sha256:{}\" }}\n",
                "0".repeat(64)
            ),
        );
        let machine = Machine::new();
        let path = app.path().to_str().unwrap();
        let running = machine.start(["inspect", "-f", path, "--output", "json"]);
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let (mut asked, _) = silent.accept().unwrap();
            asked.read_exact(&mut [0]).unwrap();
            // Handed over, so that it stays open.
            tell.send(asked).unwrap();
        });
        let _asked = told.recv_timeout(DEADLINE).expect("inspect asks for it");
        let sent = Instant::now();
        signal(running.pid(), by);
        let finished = running.finish().fails(code).says("interrupted");
        assert!(sent.elapsed() < Duration::from_secs(1), "{finished}");
        let error = &finished.json()["error"];
        assert_eq!(
            (&error["code"], &error["sent"]),
            (&"interrupted".into(), &false.into())
        );
        let log = audit(&machine);
        let requests = log.iter().filter(|line| line["event"] == "request");
        let requests: Vec<_> = requests.collect();
        assert_eq!(requests.len(), 1, "{log:?}");
        assert_eq!(
            (&requests[0]["url"], &requests[0]["failed"]),
            (&url.into(), &"interrupted".into())
        );
    }
}
