//! Contents of the app reach a request without passing through the plugin.

use std::sync::atomic::Ordering;

use spin_deployer_sandbox::Limits;

use crate::support::{DIGEST, World, pattern};

#[tokio::test]
async fn a_large_content_is_spliced_in_constant_memory() {
    let size = 100_000_007;
    let mut world = World::new("splice");
    world.app.size.store(size, Ordering::Relaxed);
    // Not a byte of it may pass through the plugin.
    world.limits = Limits {
        memory: 4 << 20,
        ..Limits::default()
    };
    assert_eq!(world.report().await, ["201 stored"]);
    let network = &world.network;
    assert_eq!(network.received.load(Ordering::Relaxed), size);
    assert_eq!(network.wrong.load(Ordering::Relaxed), 0);
    assert_eq!(world.screen.transferred.load(Ordering::Relaxed), size);
    let in_flight = network.in_flight.load(Ordering::Relaxed);
    assert!(
        in_flight <= 2 << 20,
        "{in_flight} bytes were in memory at a time"
    );
}

#[tokio::test]
async fn a_range_is_what_was_asked_for() {
    let size = 3 * (256 << 10) + 5;
    let world = World::new("read");
    world.app.size.store(size, Ordering::Relaxed);
    let sum = (1..size).fold(0u64, |sum, at| {
        sum.wrapping_mul(31).wrapping_add(pattern(at).into())
    });
    assert_eq!(world.report().await, [format!("{} {sum}", size - 1)]);
    assert_eq!(world.screen.transferred.load(Ordering::Relaxed), size - 1);
}

#[tokio::test]
async fn a_file_that_changed_fails_the_stream_in_words_and_the_upload_with_it() {
    for changes_after in [0, 1 << 20, 3_000_000] {
        let world = World::new("splice");
        // The pattern reports the change at its end at the latest, as a file that grew would.
        world.app.size.store(3_000_000, Ordering::Relaxed);
        world.app.changes_after.set(changes_after).unwrap();
        let report = world.report().await;
        assert_eq!(
            report,
            ["`assets/a.txt` changed while it was being sent"],
            "{changes_after}"
        );
        assert!(world.network.received.load(Ordering::Relaxed) < 3_000_000);
    }
}

#[tokio::test]
async fn the_app_is_what_the_host_loaded() {
    let world = World::new("app");
    world.app.size.store(70_000, Ordering::Relaxed);
    let report = world.report().await;
    assert_eq!(
        report,
        [
            "name shop".to_owned(),
            "version Some(\"1.0.0\")".into(),
            "locked {}".into(),
            "fingerprint q1a2b3c4".into(),
            "component web 70000".into(),
            format!("archive {DIGEST} 70000"),
            "bytes Err(\"a content of more than 64 KiB has to be read as a stream\")".into(),
            "head Ok(8)".into(),
            "head Err(\"more than the first 64 KiB have to be read as a stream\")".into(),
            "past the end Some(\"that is past the end of a content of 70000 bytes\")".into(),
            "unknown Some(\"the app has no content sha256:00\")".into(),
            "no archive Some(\"no such component\")".into(),
        ]
    );
    world.app.size.store(64 << 10, Ordering::Relaxed);
    assert!(world.report().await.contains(&"bytes Ok(65536)".into()));
    world.app.size.store(7, Ordering::Relaxed);
    assert!(world.report().await.contains(&"head Ok(7)".into()));
    // Neither is on its way anywhere.
    assert_eq!(world.screen.transferred.load(Ordering::Relaxed), 0);
}
