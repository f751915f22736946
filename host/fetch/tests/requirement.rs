//! Packages of which the highest version is wanted that meets a requirement.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::registry::{Registry, image};
use common::{Server, User, answer, failed, sha256};
use rstest::rstest;
use serde_json::json;
use spin_deployer_fetch::FetchError;

async fn fetch(user: &User, host: &str, version: &str) -> Result<String, FetchError> {
    let registry = (!host.is_empty()).then_some(host);
    user.fetcher().package(registry, "acme:shop", version).await
}

/// Each version is the content of its own name.
fn publish(registry: &Registry, versions: &[&str]) {
    for version in versions {
        registry.package("acme/shop", version, version.as_bytes());
    }
}

#[rstest]
#[case::caret("^1.0.0", "1.10.0")]
#[case::range(">=1.2, <1.10", "1.9.0")]
#[case::any("*", "2.0.0")]
#[case::compatible_below_one("^0.3.0", "0.3.4")]
#[case::pre_release_of_a_version_that_is_named("^3.0.0-rc.1", "3.0.0-rc.2")]
#[case::pre_release_in_full("3.0.0-rc.1", "3.0.0-rc.1")]
#[case::exact("=1.9.0", "1.9.0")]
#[tokio::test]
async fn the_highest_version_that_meets_it_is_taken(#[case] required: &str, #[case] taken: &str) {
    let registry = Registry::start();
    let versions = [
        "0.3.4",
        "0.3.3",
        "1.9.0",
        "1.10.0",
        "2.0.0",
        "3.0.0-rc.1",
        "3.0.0-rc.2",
    ];
    publish(&registry, &versions);
    // What `wkg` ignores, too.
    for other in ["latest", "v9.0.0", "9", "sha256-00.sig"] {
        registry.package("acme/shop", other, b"not this one");
    }
    let host = registry.address.to_string();
    let digest = fetch(&User::new(), &host, required).await.unwrap();
    assert_eq!(digest, sha256(taken.as_bytes()));
}

#[tokio::test]
async fn a_new_version_is_seen_and_what_is_here_is_not_fetched_again() {
    let registry = Registry::start();
    publish(&registry, &["1.0.0"]);
    let host = registry.address.to_string();
    let user = User::new();
    let taken = async |expected: &str| {
        let before = user.audit.count();
        let digest = fetch(&user, &host, "^1").await.unwrap();
        assert_eq!(user.content(&digest), expected.as_bytes());
        user.audit.count() - before
    };
    // The well-known file, which is not there, the tags, the manifest and the layer.
    assert_eq!(taken("1.0.0").await, 4);
    assert_eq!(taken("1.0.0").await, 2);
    publish(&registry, &["1.1.0", "2.0.0"]);
    assert_eq!(taken("1.1.0").await, 4);
    // In full it needs no list, and this one is here.
    let before = user.audit.count();
    fetch(&user, &host, "1.1.0").await.unwrap();
    assert_eq!(user.audit.count(), before);
    fetch(&user, &host, "2.0.0").await.unwrap();
    assert_eq!(user.audit.count() - before, 3);
}

#[tokio::test]
async fn offline_it_is_the_highest_that_is_here_however_it_came() {
    let registry = Registry::start();
    publish(&registry, &["1.0.0", "1.1.0", "1.2.0", "2.0.0"]);
    let host = registry.address.to_string();
    let mut user = User::new().offline();
    let error = failed(fetch(&user, &host, "^1").await, "offline");
    assert!(error.to_string().contains("acme:shop@^1"), "{error}");
    user.offline = false;
    fetch(&user, &host, "~1.0").await.unwrap();
    fetch(&user, &host, "1.1.0").await.unwrap();
    fetch(&user, &host, "2").await.unwrap();
    user.offline = true;
    let sent = user.audit.count();
    for (required, expected) in [("^1", "1.1.0"), ("*", "2.0.0"), ("<1.1", "1.0.0")] {
        let digest = fetch(&user, &host, required).await.unwrap();
        assert_eq!(digest, sha256(expected.as_bytes()), "{required}");
    }
    failed(fetch(&user, &host, "^1.2").await, "offline");
    // Of another registry nothing is here.
    failed(fetch(&user, "localhost:1", "^1").await, "offline");
    // One that is gone does not count.
    std::fs::remove_file(user.blob(&sha256(b"1.1.0"))).unwrap();
    let digest = fetch(&user, &host, "^1").await.unwrap();
    assert_eq!(digest, sha256(b"1.0.0"));
    assert_eq!(user.audit.count(), sent);
}

#[tokio::test]
async fn what_no_version_meets_says_which_there_are() {
    let registry = Registry::start();
    publish(&registry, &["1.0.0", "1.1.0"]);
    let host = registry.address.to_string();
    let user = User::new();
    let error = failed(fetch(&user, &host, "^2").await, "no-matching-version");
    let text = error.to_string();
    assert!(text.contains("acme:shop@^2"), "{text}");
    assert!(text.ends_with("there are 1.1.0, 1.0.0"), "{text}");
    assert!(!error.help().is_empty());
    publish(&registry, &["2.0.0-beta"]);
    failed(fetch(&user, &host, "^2").await, "no-matching-version");
    let other = user.fetcher().package(Some(&host), "acme:none", "*").await;
    failed(other, "not-found");
}

/// What a server answers to everything but the list of tags.
fn version(target: &str, version: &str) -> common::Reply {
    let layer = json!({ "mediaType": "application/wasm", "digest": sha256(b"wasm"), "size": 4 });
    let manifest = serde_json::to_vec(&image(&layer.clone(), &[layer])).unwrap();
    if target == format!("/v2/acme/shop/manifests/{version}") {
        answer("200 OK", &manifest)
    } else if target.contains("/blobs/") {
        answer("200 OK", b"wasm")
    } else {
        answer("404 Not Found", b"")
    }
}

#[tokio::test]
async fn the_list_is_read_to_its_end() {
    let pages = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pages);
    let server = Server::start(move |seen| match seen.target.split_once('?') {
        Some(("/v2/acme/shop/tags/list", query)) => {
            counted.fetch_add(1, Ordering::Relaxed);
            let page = query
                .strip_prefix("last=")
                .map_or(0, |n| n.parse().unwrap());
            let tags = json!({ "tags": [format!("1.{page}.0")] }).to_string();
            let next = page + 1;
            let link = format!("link: </v2/acme/shop/tags/list?last={next}>; rel=\"next\"");
            match page {
                29 => answer("200 OK", tags.as_bytes()),
                _ => answer(&format!("200 OK\n{link}"), tags.as_bytes()),
            }
        }
        _ => version(&seen.target, "1.29.0"),
    })
    .await;
    let digest = fetch(&User::new(), &server.address.to_string(), "^1").await;
    assert_eq!(digest.unwrap(), sha256(b"wasm"));
    assert_eq!(pages.load(Ordering::Relaxed), 30);
}

#[rstest]
#[case::loops("/v2/acme/shop/tags/list?last=1", 102)]
#[case::elsewhere("http://localhost:1/v2/acme/shop/tags/list", 2)]
#[case::another_repository("/v2/acme/secret/tags/list", 2)]
#[tokio::test]
async fn a_list_that_leads_astray_is_left(#[case] next: &'static str, #[case] requests: usize) {
    let server = Server::start(move |seen| match seen.target.contains("/tags/list") {
        true => answer(
            &format!("200 OK\nlink: <{next}>; rel=\"next\""),
            br#"{"tags":["1.0.0"]}"#,
        ),
        false => version(&seen.target, "1.0.0"),
    })
    .await;
    let user = User::new();
    let result = fetch(&user, &server.address.to_string(), "^1").await;
    failed(result, "bad-answer");
    // The well-known file is the first, and the last page of too many is the last.
    assert!(server.count() <= requests, "{}", server.count());
    assert_eq!(user.audit.count(), server.count());
}

#[rstest]
#[case::overloaded("503 Service Unavailable\nretry-after: 9999", "unavailable")]
#[case::limited("429 Too Many Requests\nretry-after: 9999", "unavailable")]
#[case::unknown(
    "401 Unauthorized\nwww-authenticate: Basic realm=\"x\"",
    "unauthorized"
)]
#[case::forbidden("403 Forbidden", "forbidden")]
#[case::absent("404 Not Found", "not-found")]
#[case::page("200 OK", "bad-answer")]
#[tokio::test]
async fn what_the_registry_says_instead_of_a_list_is_told(
    #[case] head: &'static str,
    #[case] code: &str,
) {
    let server = Server::start(move |seen| match seen.target.contains("/tags/list") {
        true => answer(head, b"<html>"),
        false => version(&seen.target, "1.0.0"),
    })
    .await;
    let result = fetch(&User::new(), &server.address.to_string(), "^1").await;
    assert!(!failed(result, code).help().is_empty());
}

#[tokio::test]
async fn in_a_folder_it_is_the_highest_file() {
    let user = User::new().offline();
    let root = user.home.path().join("packages");
    user.configure(&format!(
        "default_registry = \"here\"\n[registry.here]\ntype = \"local\"\n[registry.here.local]\nroot = \"{}\"\n",
        root.display()
    ));
    failed(fetch(&user, "", "^1").await, "not-found");
    let taken = async |required: &str, expected: &str| {
        let digest = fetch(&user, "", required).await.unwrap();
        assert_eq!(user.content(&digest), expected.as_bytes());
    };
    for file in [
        "1.0.0.wasm",
        "1.2.0.wasm",
        "2.0.0-rc.1.wasm",
        "1.9.0.wat",
        "latest.wasm",
    ] {
        user.write(&format!("packages/acme/shop/{file}"), file);
    }
    taken("^1", "1.2.0.wasm").await;
    taken("*", "1.2.0.wasm").await;
    taken("^2.0.0-rc.0", "2.0.0-rc.1.wasm").await;
    user.write("packages/acme/shop/1.10.0.wasm", "new");
    taken("^1", "new").await;
    let error = failed(fetch(&user, "", "^3").await, "no-matching-version");
    assert!(error.to_string().contains("2.0.0-rc.1, 1.10.0"), "{error}");
    assert_eq!(user.audit.count(), 0);
}

#[tokio::test]
async fn a_private_list_is_read_with_the_credential() {
    let registry = Registry::of("me", "hunter2");
    publish(&registry, &["1.0.0"]);
    let host = registry.address.to_string();
    let user = User::new();
    failed(fetch(&user, &host, "^1").await, "unauthorized");
    user.log_in(&host, "me", "hunter2");
    fetch(&user, &host, "^1").await.unwrap();
}
