//! A thousand files: only what is missing goes, many at a time, in little memory.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, OnceLock};

use rustix::process::Pid;

use super::app::{Arrived, SMALL, with};
use super::{Site, deploy, id, is_upload, line, uploads, url};
use crate::harness::app::{App, noise};
use crate::harness::proxy::{Moment, Proxy, Then, Verdict};

/// How many uploads are made to wait for each other.
const TOGETHER: usize = 16;
/// In KiB.
const MEMORY: u64 = 64 << 10;
/// In MiB.
const LARGE: usize = 72;

fn add(app: &App, files: std::ops::Range<usize>) {
    for n in files {
        let path = format!("static/{n:04}.bin");
        app.write(&path, noise(&path, 500));
    }
}

/// The most memory that a process has had so far, in KiB.
fn peak(pid: Pid) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[test]
fn only_what_is_missing_goes_many_at_a_time_in_little_memory() {
    let site = Site::with_files();
    let server = site.server();
    let app = with(SMALL);
    add(&app, 0..400);
    deploy(&site.machine, &app, &server.url(), &[]).ok();
    add(&app, 400..1_000);
    // Larger than all memory that is allowed: nobody holds it, or a part of it that counts.
    app.write("static/large.bin", noise("large", 1 << 20).repeat(LARGE));

    // The first uploads wait until so many are on their way: one after the other they would wait for ever.
    let (meet, met) = (Arc::new(Barrier::new(TOGETHER)), AtomicUsize::new(0));
    let process = Arc::new(OnceLock::<Pid>::new());
    let most = Arc::new(AtomicU64::new(0));
    let (watched, highest) = (process.clone(), most.clone());
    let proxy = Proxy::with(server.address(), move |request| {
        if let Some(peak) = watched.get().copied().and_then(peak) {
            highest.fetch_max(peak, Ordering::SeqCst);
        }
        if !is_upload(request) || met.fetch_add(1, Ordering::SeqCst) >= TOGETHER {
            return Verdict::Forward;
        }
        let meet = meet.clone();
        let wait = move || {
            meet.wait();
            Then::Continue
        };
        Verdict::At(Moment::Before, Box::new(wait))
    });
    let running = site.machine.start(line("deploy", &app, &url(&proxy), &[]));
    process.set(running.pid()).unwrap();
    let pushed = running.finish().ok();

    assert_eq!(uploads(&proxy), 601);
    assert_eq!(Arrived::on(&server, &id(&pushed)).parcels.len(), 1_002);
    let most = most.load(Ordering::SeqCst);
    assert!((1..MEMORY).contains(&most), "{most} KiB");
}
