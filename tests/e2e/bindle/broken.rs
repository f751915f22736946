//! Whatever breaks in the middle of a push: running it again completes the same bindle, or says what the server will never
//! take again and how to mend that. Shown at every request of a push, at three moments of each.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rstest::rstest;
use rustix::process::{Pid, Signal};

use super::app::{Arrived, missing, small};
use super::{Site, deploy, id, is_big, is_upload, line, uploads, url};
use crate::harness::app::App;
use crate::harness::proxy::{Moment, Proxy, Then, Verdict};
use crate::harness::run::{Finished, signal};
use crate::harness::servers::{Bindle, Release};

/// An app, its id, and where it goes.
struct Whole {
    site: Site,
    app: App,
    id: String,
    /// How many a push takes that nothing disturbs.
    requests: usize,
}

impl Whole {
    fn of(site: Site) -> Self {
        let (app, server) = (small(), site.server());
        let proxy = Proxy::to(server.address());
        let id = id(&deploy(&site.machine, &app, &url(&proxy), &[]).ok());
        // Question, invoice, three parcels, question.
        let requests = proxy.requests().len();
        assert_eq!(requests, 6, "{:#?}", proxy.requests());
        Self {
            site,
            app,
            id,
            requests,
        }
    }

    fn push(&self, url: &str) -> Finished {
        deploy(&self.site.machine, &self.app, url, &[])
    }

    /// Kills the process in its request number `n`. Says whether that was an upload.
    fn killed(&self, server: &Bindle, n: usize, moment: Moment) -> bool {
        let process = Arc::new(OnceLock::<Pid>::new());
        let victim = process.clone();
        let proxy = Proxy::with(server.address(), move |r| {
            if r.number != n {
                return Verdict::Forward;
            }
            let victim = victim.clone();
            let kill = move || {
                signal(*victim.wait(), Signal::KILL);
                Then::Cut
            };
            Verdict::At(moment, Box::new(kill))
        });
        let line = line("deploy", &self.app, &url(&proxy), &[]);
        let running = self.site.machine.start(line);
        process.set(running.pid()).unwrap();
        running.finish().killed_by(Signal::KILL);
        is_upload(&proxy.requests()[n - 1])
    }

    /// Pushes again, undisturbed: no more is sent than what was missing.
    #[track_caller]
    fn completes(&self, server: &Bindle) {
        let lacks = missing(server, &self.id);
        let proxy = Proxy::to(server.address());
        let again = self.push(&url(&proxy)).ok();
        self.is_on(server, &again);
        let sent = uploads(&proxy);
        assert!(
            sent <= lacks.unwrap_or(3),
            "{lacks:?}: {:#?}",
            proxy.requests()
        );
    }

    #[track_caller]
    fn is_on(&self, server: &Bindle, pushed: &Finished) {
        assert_eq!(id(pushed), self.id);
        assert_eq!(missing(server, &self.id), Some(0));
        assert_eq!(Arrived::on(server, &self.id).parcels.len(), 2);
    }

    /// The same where parcels are files: what the kill broke off beside its own request may be there for ever.
    #[track_caller]
    fn completes_or_is_stuck(&self, server: &Bindle) {
        let again = self.push(&server.url());
        match again.status.success() {
            true => self.is_on(server, &again),
            false => self.is_stuck(server, again),
        }
    }

    /// A push says which parcels the server never takes, and what its administrator removes to mend that. Removed, the
    /// next push completes.
    #[track_caller]
    fn is_stuck(&self, server: &Bindle, stuck: Finished) {
        let stuck = stuck.fails(1);
        let error = stuck.json()["error"].clone();
        let text = |key: &str| error[key].as_str().unwrap().to_owned();
        let (detail, help) = (text("detail"), text("help"));
        // Behind them is what the first attempt came to, where that was this push's.
        let parcels = detail
            .lines()
            .filter(|line| !line.starts_with("before it said so: POST "));
        let parcels: Vec<_> = parcels.collect();
        for parcel in &parcels {
            let known = ["front.wasm", "static/big.bin"].contains(parcel);
            assert!(known || parcel.starts_with("spin."), "{stuck}");
        }
        assert!(help.contains("--use-embedded-db"), "{stuck}");
        let folders = help.lines().filter(|line| line.starts_with("parcels/"));
        let folders: Vec<_> = folders.collect();
        assert_eq!(folders.len(), parcels.len(), "{stuck}");
        for folder in folders {
            fs::remove_dir_all(server.directory().join(folder)).unwrap();
        }
        self.completes(server);
    }
}

#[rstest]
fn the_process_is_killed(
    #[values(Release::V0_8, Release::V0_9)] release: Release,
    #[values(Moment::Before, Moment::InBody, Moment::BeforeAnswer)] moment: Moment,
) {
    let whole = Whole::of(Site::of(release, true));
    for n in 1..=whole.requests {
        let server = whole.site.server();
        whole.killed(&server, n, moment);
        whole.completes(&server);
    }
}

#[rstest]
fn the_process_is_killed_where_parcels_are_files(
    #[values(Release::V0_8, Release::V0_9)] release: Release,
    #[values(Moment::Before, Moment::BeforeAnswer)] moment: Moment,
) {
    let whole = Whole::of(Site::of(release, false));
    for n in 1..=whole.requests {
        let server = whole.site.server();
        whole.killed(&server, n, moment);
        whole.completes_or_is_stuck(&server);
    }
}

/// All at once, because a push waits some time for others that may be uploading.
#[rstest]
fn half_a_parcel_in_a_file_is_named_with_the_way_out(
    #[values(Release::V0_8, Release::V0_9)] release: Release,
) {
    let whole = Whole::of(Site::of(release, false));
    let stuck = std::thread::scope(|scope| {
        let tries = (1..=whole.requests).map(|n| {
            let whole = &whole;
            scope.spawn(move || {
                let server = whole.site.server();
                let is_upload = whole.killed(&server, n, Moment::InBody);
                match is_upload {
                    true => whole.is_stuck(&server, whole.push(&server.url())),
                    false => whole.completes(&server),
                }
                is_upload
            })
        });
        let tries: Vec<_> = tries.collect();
        let tries = tries.into_iter().map(|it| it.join().unwrap());
        tries.filter(|stuck| *stuck).count()
    });
    assert_eq!(stuck, 3);
}

#[test]
fn a_limit_is_reached() {
    let whole = Whole::of(Site::with_database());
    let server = whole.site.server();
    let more = ["--max-bytes", "20000B"];
    let ended = deploy(&whole.site.machine, &whole.app, &server.url(), &more).fails(70);
    let there = format!(
        "has {} without all of its parcels, and running it again completes it",
        whole.id
    );
    ended.says("raise it with --max-bytes 40000B").says(&there);
    whole.completes(&server);
}

#[rstest]
fn a_connection_breaks(
    #[values(Moment::Before, Moment::InBody, Moment::BeforeAnswer)] moment: Moment,
) {
    let whole = Whole::of(Site::with_database());
    for n in 1..=whole.requests {
        let server = whole.site.server();
        let proxy = Proxy::cutting(server.address(), moment, move |r| r.number == n);
        let resumed = whole.push(&url(&proxy)).ok();
        whole.is_on(&server, &resumed);
    }
}

#[rstest]
fn a_connection_breaks_in_a_parcel_that_becomes_a_file(
    #[values(Release::V0_8, Release::V0_9)] release: Release,
) {
    let whole = Whole::of(Site::of(release, false));
    let server = whole.site.server();
    let cut = AtomicBool::new(false);
    let proxy = Proxy::cutting(server.address(), Moment::InBody, move |r| {
        is_big(r) && !cut.swap(true, Ordering::SeqCst)
    });
    let stuck = whole
        .push(&url(&proxy))
        .says("static/big.bin")
        .says("before it said so: POST ");
    whole.is_stuck(&server, stuck);
}

/// All at once, because each is given its time to come back.
#[test]
fn the_network_dies() {
    let whole = &Whole::of(Site::with_database());
    std::thread::scope(|scope| {
        for n in 1..=whole.requests {
            scope.spawn(move || {
                let server = whole.site.server();
                let address = server.address();
                let proxy = Proxy::cutting(address, Moment::Before, move |r| r.number >= n);
                whole.push(&url(&proxy)).fails(7);
                whole.completes(&server);
            });
        }
    });
}
