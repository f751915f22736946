//! A content at a URL: verified, once, and from nowhere that nobody named.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{Reply, Server, User, answer, broken_after, failed, noise, redirect, sha256};
use spin_deployer_fetch::{Bounds, FetchError};

async fn fetch(user: &User, url: &str, digest: &str) -> Result<(), FetchError> {
    user.fetcher().url(&url.parse().unwrap(), digest).await
}

#[tokio::test]
async fn a_second_time_nothing_is_sent_and_offline_neither() {
    let content = noise(300_000);
    let digest = sha256(&content);
    let body = content.clone();
    let server = Server::start(move |_| answer("200 OK", &body)).await;
    let url = server.url("/a.wasm?sig=hunter2");
    let mut user = User::new();

    fetch(&user, &url, &digest).await.unwrap();
    assert_eq!(user.content(&digest), content);
    assert_eq!((server.count(), user.audit.count()), (1, 1));
    let whole = Some(content.len() as u64);
    let watched = user.progress.0.lock().unwrap().clone();
    let shown = server.url("/a.wasm");
    assert_eq!(watched[&shown], (content.len() as u64, whole));

    fetch(&user, &url, &digest).await.unwrap();
    user.offline = true;
    fetch(&user, &url, &digest).await.unwrap();
    assert_eq!((server.count(), user.audit.count()), (1, 1));

    let error = failed(fetch(&user, &url, &sha256(b"other")).await, "offline");
    assert!(error.to_string().contains(&shown), "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    assert!(error.help().contains("without --offline"));
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn what_has_another_digest_is_not_kept() {
    let server = Server::start(|_| answer("200 OK", b"evil")).await;
    let user = User::new();
    let error = failed(
        fetch(&user, &server.url("/a"), &sha256(b"good")).await,
        "wrong-digest",
    );
    let text = error.to_string();
    assert!(
        text.contains(&sha256(b"good")) && text.contains(&sha256(b"evil")),
        "{text}"
    );
    assert!(error.help().contains(&sha256(b"evil")));
    assert_eq!(user.files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke() {
    let content = noise(1_000_000);
    let body = content.clone();
    let server = Server::start(move |seen| broken_after(400_000, seen, &body)).await;
    let user = User::new();
    let digest = sha256(&content);
    fetch(&user, &server.url("/a"), &digest).await.unwrap();
    assert_eq!(user.content(&digest), content);
    let seen = server.seen();
    assert!(seen.len() > 1 && seen[1].from() > 0, "{seen:?}");
    assert_eq!(user.audit.count(), seen.len());
}

#[tokio::test]
async fn a_server_that_knows_no_parts_sends_it_again() {
    let content = noise(1_000_000);
    let (body, asked) = (content.clone(), AtomicUsize::new(0));
    let server = Server::start(move |seen| {
        let whole = common::Seen {
            headers: Default::default(),
            ..seen.clone()
        };
        let most = if asked.fetch_add(1, SeqCst) == 0 {
            500_000
        } else {
            usize::MAX / 2
        };
        broken_after(most, &whole, &body)
    })
    .await;
    let user = User::new();
    let digest = sha256(&content);
    fetch(&user, &server.url("/a"), &digest).await.unwrap();
    assert_eq!(user.content(&digest), content);
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_part_from_elsewhere_is_not_put_behind_the_first() {
    let content = noise(200_000);
    let body = content.clone();
    let server = Server::start(move |seen| match seen.from() {
        0 => broken_after(100_000, seen, &body),
        _ => answer(
            "206 Partial Content\ncontent-range: bytes 5-9/200000",
            b"xxxxx",
        ),
    })
    .await;
    let user = User::new();
    failed(
        fetch(&user, &server.url("/a"), &sha256(&content)).await,
        "bad-answer",
    );
    assert!(user.files().is_empty());
}

#[tokio::test]
async fn what_never_ends_or_lies_about_its_length_is_cut_at_the_bound() {
    let mut user = User::new();
    user.bounds = Bounds {
        content: 200_000,
        image: 400_000,
        ..Bounds::default()
    };
    let endless = Server::start(|_| Reply::Endless("200 OK\nconnection: close")).await;
    let error = failed(
        fetch(&user, &endless.url("/a"), &sha256(b"")).await,
        "too-large",
    );
    assert!(error.to_string().contains("200000 bytes"), "{error}");
    assert_eq!(endless.count(), 1);

    let announced =
        Server::start(|_| Reply::Endless("200 OK\nconnection: close\ncontent-length: 99999999999"))
            .await;
    failed(
        fetch(&user, &announced.url("/a"), &sha256(b"")).await,
        "too-large",
    );
    assert_eq!(announced.count(), 1);
    assert!(user.files().is_empty());
}

#[tokio::test]
async fn redirects_are_followed_within_bounds_and_carry_nothing() {
    let storage = Server::start(|_| answer("200 OK", b"content")).await;
    let (to, other) = (storage.url("/x?sig=1"), storage.url("/y"));
    let server = Server::start(move |seen| match seen.target.as_str() {
        "/a" => redirect("/b"),
        "/b" => redirect(&to),
        "/other" => redirect(&other),
        _ => redirect(&seen.target),
    })
    .await;
    let user = User::new();
    user.log_in(&server.address.to_string(), "me", "hunter2");
    let digest = sha256(b"content");
    fetch(&user, &server.url("/a"), &digest).await.unwrap();
    assert_eq!(user.content(&digest), b"content");
    for seen in server.seen().iter().chain(&storage.seen()) {
        assert_eq!(seen.header("authorization"), "");
    }
    let error = failed(
        fetch(&user, &server.url("/loop"), &sha256(b"x")).await,
        "bad-answer",
    );
    assert!(error.to_string().contains("redirects"), "{error}");
    assert_eq!(user.audit.count(), server.count() + storage.count());
}

#[tokio::test]
async fn no_redirect_leads_to_the_metadata_service_or_to_a_place_that_nobody_named() {
    for to in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/",
        "http://10.0.0.1/",
        "http://localhost:1/",
        "file:///etc/passwd",
    ] {
        let server = Server::start(move |_| redirect(to)).await;
        let user = User::new();
        let result = fetch(&user, &server.url("/a"), &sha256(b"x")).await;
        let error = match to {
            "file:///etc/passwd" => failed(result, "bad-answer"),
            _ => failed(result, "refused"),
        };
        assert!(!error.help().is_empty());
        if error.code() == "refused" {
            assert_eq!(user.audit.count(), 2, "{to}");
            assert!(user.audit.0.lock().unwrap()[1].refused.is_some());
        }
        assert!(user.files().is_empty());
    }
}

/// An app is looked at before it is trusted, and a machine in a cloud answers there with its own credentials.
#[tokio::test]
async fn an_app_cannot_name_the_metadata_service_either() {
    let user = User::new();
    for url in [
        "http://169.254.169.254/x",
        "http://2852039166/",
        "http://0.0.0.0/",
    ] {
        failed(fetch(&user, url, &sha256(b"x")).await, "refused");
    }
}

#[tokio::test]
async fn a_content_in_the_cache_that_was_cut_is_fetched_again() {
    let server = Server::start(|_| answer("200 OK", b"content")).await;
    let user = User::new();
    let digest = sha256(b"content");
    fetch(&user, &server.url("/a"), &digest).await.unwrap();
    std::fs::write(user.blob(&digest), b"cont").unwrap();
    fetch(&user, &server.url("/a"), &digest).await.unwrap();
    assert_eq!(user.content(&digest), b"content");
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn a_content_in_the_cache_that_was_damaged_is_fetched_again_once_it_is_discarded() {
    let server = Server::start(|_| answer("200 OK", b"content")).await;
    let user = User::new();
    let digest = sha256(b"content");
    let url = server.url("/a");
    fetch(&user, &url, &digest).await.unwrap();
    user.fetcher().discard(&digest);
    fetch(&user, &url, &digest).await.unwrap();
    assert_eq!(server.count(), 1, "what is whole stays");

    std::fs::write(user.blob(&digest), b"CONTENT").unwrap();
    user.fetcher().discard("sha256:../../names");
    user.fetcher().discard(&digest);
    fetch(&user, &url, &digest).await.unwrap();
    assert_eq!(user.content(&digest), b"content");
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn two_at_once_ask_once_and_two_processes_do_no_harm() {
    let content = noise(500_000);
    let digest = sha256(&content);
    let body = content.clone();
    let server = Server::start(move |_| answer("200 OK", &body)).await;
    let url = server.url("/a").parse().unwrap();
    let user = User::new();
    let fetcher = user.fetcher();
    let (a, b) = tokio::join!(fetcher.url(&url, &digest), fetcher.url(&url, &digest));
    a.and(b).unwrap();
    assert_eq!(server.count(), 1);

    let other = User::new();
    let processes = [other.fetcher(), other.fetcher(), other.fetcher()];
    let (a, b, c) = tokio::join!(
        processes[0].url(&url, &digest),
        processes[1].url(&url, &digest),
        processes[2].url(&url, &digest)
    );
    a.and(b).and(c).unwrap();
    assert_eq!(other.content(&digest), content);
    assert_eq!(other.files(), [other.blob(&digest)]);
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_nothing_there_is_not_found() {
    let server = Server::start(|_| answer("404 Not Found", b"")).await;
    let user = User::new();
    let error = failed(
        fetch(&user, &server.url("/a"), &sha256(b"")).await,
        "not-found",
    );
    assert!(error.to_string().contains("/a"), "{error}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/a");
    failed(fetch(&user, &url, &sha256(b"")).await, "unreachable");
    for (url, digest) in [
        ("http://user:pw@example.com/a", sha256(b"")),
        ("ftp://example.com/a", sha256(b"")),
        ("http://example.com/a", "sha512:00".to_owned()),
    ] {
        let error = failed(fetch(&user, url, &digest).await, "invalid");
        assert!(!error.to_string().contains("pw"), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn the_cache_is_for_its_user_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start(|_| answer("200 OK", b"content")).await;
    let user = User::new();
    let digest = sha256(b"content");
    fetch(&user, &server.url("/a"), &digest).await.unwrap();
    for (path, mode) in [(user.cache(), 0o700), (user.blob(&digest), 0o600)] {
        let found = std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(found, mode);
    }
}

/// What a catalog leads to: a place is not named by who typed the catalog's.
#[tokio::test]
async fn only_a_host_that_the_user_named_may_be_in_a_private_network() {
    let server = Server::start(|_| answer("200 OK", b"content")).await;
    let user = User::new();
    let digest = sha256(b"content");
    let url = server.url("/a").parse().unwrap();
    let named: Vec<_> = ["example.com", "localhost"]
        .map(|host| host.parse().unwrap())
        .into();
    let fetcher = user.fetcher();
    let error = failed(fetcher.url_as(&url, &digest, None, &named).await, "refused");
    assert!(error.to_string().contains("a loopback address"), "{error}");
    assert!(error.help().contains("name it yourself"), "{error:?}");
    let error = failed(fetcher.document(&url, 100, None, &named).await, "refused");
    assert!(error.help().contains("name it yourself"), "{error:?}");
    assert_eq!(server.count(), 0);
    assert!(user.files().is_empty());

    let named = ["127.0.0.1".parse().unwrap()];
    let document = fetcher.document(&url, 100, None, &named).await.unwrap();
    assert_eq!(document.as_deref(), Some(&b"content"[..]));
    fetcher.url_as(&url, &digest, None, &named).await.unwrap();
    assert_eq!(user.content(&digest), b"content");
}
