//! The only way out is the port.

use std::sync::atomic::Ordering;
use std::time::Duration;

use spin_deployer_sandbox::{Limits, NetworkError};

use crate::support::World;

#[tokio::test]
async fn a_request_arrives_as_the_plugin_made_it() {
    let world = World::new("fetch");
    assert_eq!(world.report().await, ["201 stored"]);
    assert_eq!(world.network.received.load(Ordering::Relaxed), 1 << 20);
    let requests = world.network.requests.lock().unwrap();
    let (parts, _) = &requests[0];
    assert_eq!(parts.method, "POST");
    assert_eq!(parts.uri, "https://evil.example/upload?x=1");
    assert_eq!(parts.headers.len(), 1, "{:?}", parts.headers);
    assert_eq!(parts.headers["x-token"], "placeholder");
}

#[tokio::test]
async fn a_denied_request_says_so_and_its_body_goes_nowhere() {
    let world = World::new("fetch");
    *world.network.fails.lock().unwrap() = Some(NetworkError::Denied);
    // Not "writing failed": the plugin writes its megabyte to the end and reads the reason from the answer.
    assert_eq!(world.report().await, ["ErrorCode::HttpRequestDenied"]);
    assert_eq!(world.network.received.load(Ordering::Relaxed), 0);
    assert_eq!(world.network.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_denied_upload_ends_too() {
    let world = World::new("splice");
    world.app.size.store(8 << 20, Ordering::Relaxed);
    *world.network.fails.lock().unwrap() = Some(NetworkError::Denied);
    assert_eq!(world.report().await, ["ErrorCode::HttpRequestDenied"]);
}

#[tokio::test]
async fn a_failure_tells_its_kind_and_nothing_of_this_machine() {
    let secret = "dial 10.0.0.7:3128 via proxy.corp";
    for (error, code) in [
        (NetworkError::Other(secret.into()), "HttpProtocolError"),
        (NetworkError::Dns, "DnsError"),
        (NetworkError::Connect, "ConnectionRefused"),
        (NetworkError::Tls, "TlsCertificateError"),
        (NetworkError::Timeout, "HttpResponseTimeout"),
        (NetworkError::Terminated, "ConnectionTerminated"),
        (NetworkError::TooLarge, "HttpResponseBodySize"),
    ] {
        // A body that nobody takes fails to be written; this plugin has none to write.
        let world = World::new("splice");
        *world.network.fails.lock().unwrap() = Some(error);
        let report = world.report().await;
        assert!(
            report[0].starts_with(&format!("ErrorCode::{code}")),
            "{report:?}"
        );
        assert!(!report[0].contains("10.0.0.7"), "{report:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_finished_is_never_taken_for_whole() {
    let world = World::new("abandon");
    assert_eq!(world.report().await, ["ErrorCode::ConnectionTerminated"]);
    let broken = world.network.broken.lock().unwrap();
    assert!(broken.as_ref().unwrap().to_string().contains("broke off"));
}

#[tokio::test]
async fn timeouts_lie_between_a_millisecond_and_the_calls_end() {
    let mut world = World::new("fetch");
    world.limits = Limits {
        wall: Duration::from_secs(50),
        ..Limits::default()
    };
    world.report().await;
    let (_, timeouts) = world.network.requests.lock().unwrap()[0].clone();
    assert_eq!(timeouts.connect, Some(Duration::from_millis(1)));
    assert!(timeouts.first_byte.unwrap() <= Duration::from_secs(50));
    assert_eq!(timeouts.between_bytes, None);
}
