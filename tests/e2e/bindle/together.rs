//! Several pushes at once, and names that are taken.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};

use rstest::rstest;

use super::app::{Arrived, shop, small};
use super::{Site, deploy, id, is_big, is_invoice, line, uploads, url};
use crate::harness::DEADLINE;
use crate::harness::app::noise;
use crate::harness::proxy::{Moment, Proxy, Then, Verdict};
use crate::harness::run::Running;
use crate::harness::servers::Bindle;

fn sites() -> [Site; 2] {
    [Site::with_files(), Site::with_database()]
}

/// A way to the server on which the invoice waits until that of the other way is there too.
fn waiting(server: &Bindle, meet: &Arc<Barrier>) -> Proxy {
    let (meet, waited) = (meet.clone(), AtomicBool::new(false));
    Proxy::with(server.address(), move |request| {
        if !is_invoice(request) || waited.swap(true, Ordering::SeqCst) {
            return Verdict::Forward;
        }
        let meet = meet.clone();
        let wait = move || {
            meet.wait();
            Then::Continue
        };
        Verdict::At(Moment::Before, Box::new(wait))
    })
}

#[test]
fn both_of_two_pushes_of_the_same_app_end_well() {
    for site in sites() {
        let server = site.server();
        let app = shop();
        let meet = Arc::new(Barrier::new(2));
        let ways = [(); 2].map(|()| waiting(&server, &meet));
        let runs = [0, 1].map(|n| {
            let line = line("deploy", &app, &url(&ways[n]), &[]);
            site.machine.start(line)
        });
        let [one, other] = runs.map(|run| run.finish().ok());
        assert_eq!(id(&one), id(&other));
        Arrived::on(&server, &id(&one));
    }
}

/// A server that keeps files may take both invoices, and keeps the one that it wrote last.
#[rstest]
#[case::other_contents("static/big.bin", b"another".to_vec())]
#[case::one_more("static/more.bin", b"more".to_vec())]
#[case::the_same_twice("static/twin.bin", noise("big", 100_000))]
fn one_of_two_apps_gets_the_name_and_the_other_is_told(#[case] file: &str, #[case] bytes: Vec<u8>) {
    for site in sites() {
        let server = site.server();
        let apps = [small(), small()];
        apps[1].write(file, &bytes);
        let meet = Arc::new(Barrier::new(2));
        let ways = [(); 2].map(|()| waiting(&server, &meet));
        let runs = [0, 1].map(|n| {
            let line = line("deploy", &apps[n], &url(&ways[n]), &["--no-buildinfo"]);
            site.machine.start(line)
        });
        let ends = runs.map(Running::finish);
        let mut codes = ends.each_ref().map(|end| end.status.code().unwrap());
        codes.sort_unstable();
        assert_eq!(codes, [0, 9], "{}\n{}", ends[0], ends[1]);
        let files = Arrived::on(&server, "small/0.1.0").parcels;
        let has_it = files.iter().any(|it| it.name == file && it.bytes == bytes);
        assert_eq!(has_it, ends[1].status.success(), "{}\n{}", ends[0], ends[1]);
    }
}

/// Where parcels are files, the server takes each from one client at a time.
#[test]
fn what_somebody_else_is_uploading_is_waited_for() {
    for site in sites() {
        let server = site.server();
        let app = small();
        let (begun, begins) = mpsc::channel();
        let (go, goes) = mpsc::channel::<()>();
        let goes = std::sync::Mutex::new(Some(goes));
        let slow = Proxy::with(server.address(), move |request| {
            let Some(goes) = goes.lock().unwrap().take_if(|_| is_big(request)) else {
                return Verdict::Forward;
            };
            let begun = begun.clone();
            let wait = move || {
                begun.send(()).unwrap();
                goes.recv_timeout(DEADLINE).unwrap();
                Then::Continue
            };
            Verdict::At(Moment::InBody, Box::new(wait))
        });
        let first = site.machine.start(line("deploy", &app, &url(&slow), &[]));
        begins.recv_timeout(DEADLINE).unwrap();

        // The other one has asked what is still missing, and asks again: only now the upload goes on.
        let (asked, tell) = (AtomicUsize::new(0), go.clone());
        let fast = Proxy::with(server.address(), move |request| {
            if request.target.starts_with("/v1/_r/missing/")
                && asked.fetch_add(1, Ordering::SeqCst) == 2
            {
                tell.send(()).unwrap();
            }
            Verdict::Forward
        });
        let second = deploy(&site.machine, &app, &url(&fast), &[]).ok();
        // A server with a database has taken it twice.
        let _ = go.send(());
        let first = first.finish().ok();
        assert_eq!(id(&first), id(&second));
        Arrived::on(&server, &id(&first));
    }
}

#[test]
fn a_version_that_has_other_contents_is_left_alone() {
    for site in sites() {
        let server = site.server();
        let app = shop();
        let more = ["--no-buildinfo"];
        let first = deploy(&site.machine, &app, &server.url(), &more).ok();
        assert_eq!(id(&first), "shop/1.2.3");
        app.write("both.txt", "changed");
        let proxy = Proxy::to(server.address());
        let refused = deploy(&site.machine, &app, &url(&proxy), &more).fails(9);
        refused
            .says("shop/1.2.3")
            .says("both.txt")
            .says("--no-buildinfo");
        assert!(proxy.requests().iter().all(|r| r.method == "GET"));
        let kept = Arrived::on(&server, "shop/1.2.3").parcels;
        assert!(kept.iter().any(|it| it.bytes == b"in both"));
    }
}

#[rstest]
#[case::with_the_fingerprint(&[])]
#[case::without(&["--no-buildinfo"])]
fn what_was_yanked_stays_so(#[case] more: &[&str]) {
    for site in sites() {
        let server = site.server();
        let app = small();
        let pushed = deploy(&site.machine, &app, &server.url(), more).ok();
        server.yank(&id(&pushed));
        let proxy = Proxy::to(server.address());
        let refused = deploy(&site.machine, &app, &url(&proxy), more).fails(9);
        refused
            .says(&id(&pushed))
            .says("yanked")
            .says("--buildinfo");
        assert_eq!(uploads(&proxy), 0);
        // Under another version the same goes.
        let other = deploy(
            &site.machine,
            &app,
            &server.url(),
            &["--buildinfo", "again"],
        )
        .ok();
        assert_eq!(id(&other), "small/0.1.0+again");
        Arrived::on(&server, &id(&other));
    }
}
