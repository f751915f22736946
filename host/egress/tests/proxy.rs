//! Behind a proxy: the request goes through it, the audit says so, and the names are still checked.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;

/// The client asks the process's own environment for proxies, so the test proper runs in a process of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_used_and_named_and_opens_no_door() {
    let proxy = Server::start(ok).await;
    let address = proxy.address.to_string();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    for name in [
        "NO_PROXY",
        "no_proxy",
        "ALL_PROXY",
        "all_proxy",
        "http_proxy",
        "REQUEST_METHOD",
    ] {
        child.env_remove(name);
    }
    child
        .args(["--exact", "inside", "--ignored", "--nocapture"])
        .env("HTTP_PROXY", format!("http://proxyuser:hunter2@{address}"))
        .env("PROXY_UNDER_TEST", &address);
    let child = tokio::task::spawn_blocking(move || child.output().unwrap())
        .await
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && output.contains("1 passed"),
        "{output}"
    );
    assert_eq!(proxy.only().target, "http://registry.invalid/v2/");
    assert!(
        proxy
            .only()
            .header("proxy-authorization")
            .starts_with("Basic ")
    );
}

#[tokio::test]
#[ignore = "run by the test above, with a proxy in its environment"]
async fn inside() {
    let proxy = std::env::var("PROXY_UNDER_TEST").unwrap();
    let near = Server::start(ok).await;
    let options = [
        // Resolved by the proxy alone: this machine could not.
        (
            "reference",
            "http://registry.invalid/acme/shop:v1".to_owned(),
        ),
        ("other", near.url("/")),
    ];
    let run = run_with(
        Config::default(),
        grant(REGISTRY, &options),
        Phase::Deploy,
        Limits::default(),
    );
    assert_eq!(
        text(run.get("http://registry.invalid/v2/").await.unwrap()).await,
        "fine"
    );
    let audit = run.audit.json();
    assert!(
        audit.contains(&format!("\"proxy\":\"{proxy}\"")) && !audit.contains("hunter2"),
        "{audit}"
    );

    // Not through the proxy: what is refused, and this machine itself.
    refused(run.get("http://elsewhere.invalid/").await);
    refused(run.get("http://169.254.169.254/").await);
    assert_eq!(run.get(&near.url("/")).await.unwrap().status(), 200);
    assert_eq!(near.seen().len(), 1);
}
