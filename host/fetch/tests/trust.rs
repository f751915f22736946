//! What lies in the cache is believed only where this user alone can have put it there.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use common::registry::Registry;
use common::{Server, User, answer, failed, sha256};

/// More than any of this takes, and less than for ever.
const DEADLINE: Duration = Duration::from_secs(30);

/// Of all that was remembered.
fn records(user: &User) -> Vec<PathBuf> {
    let entries = fs::read_dir(user.cache().join("names")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn pipe_in_place_of(path: &Path) {
    fs::remove_file(path).unwrap();
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

/// Fails where `work` does not end.
fn ends(work: impl AsyncFnOnce() + Send + 'static) {
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(work());
        done.send(()).unwrap();
    });
    wait.recv_timeout(DEADLINE).expect("it ends");
}

#[tokio::test]
async fn what_others_could_have_remembered_for_this_user_is_not_believed() {
    let registry = Registry::start();
    registry.package("acme/shop", "1.0.0", b"wasm");
    let host = registry.address.to_string();
    let mut user = User::new();
    let fetch = async |user: &User, version: &str| {
        let fetcher = user.fetcher();
        fetcher.package(Some(&host), "acme:shop", version).await
    };
    fetch(&user, "1.0.0").await.unwrap();
    let [record] = &records(&user)[..] else {
        panic!("one record")
    };
    // Somebody who may write here has it lead to what he put beside it.
    let text = fs::read_to_string(record).unwrap();
    let evil = text.replace(&sha256(b"wasm"), &sha256(b"evil"));
    assert_ne!(text, evil);
    fs::write(record, evil).unwrap();
    fs::write(user.blob(&sha256(b"evil")), "evil").unwrap();
    fs::set_permissions(record, fs::Permissions::from_mode(0o666)).unwrap();
    user.offline = true;
    failed(fetch(&user, "1.0.0").await, "offline");
    failed(fetch(&user, "^1").await, "offline");
    user.offline = false;
    assert_eq!(fetch(&user, "1.0.0").await.unwrap(), sha256(b"wasm"));
    let mode = fs::metadata(record).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "what is believed again is this user's own");
}

#[test]
fn a_pipe_in_the_cache_stops_nobody() {
    ends(async || {
        let registry = Registry::start();
        registry.package("acme/shop", "1.0.0", b"wasm");
        let host = registry.address.to_string();
        let user = User::new();
        let fetch = async || {
            let fetcher = user.fetcher();
            fetcher.package(Some(&host), "acme:shop", "1.0.0").await
        };
        fetch().await.unwrap();
        pipe_in_place_of(&records(&user)[0]);
        for folder in fs::read_dir(user.cache().join("packages")).unwrap() {
            pipe_in_place_of(&folder.unwrap().path().join("1.0.0"));
        }
        assert_eq!(fetch().await.unwrap(), sha256(b"wasm"));
        pipe_in_place_of(&user.blob(&sha256(b"wasm")));
        fetch().await.unwrap();
        assert_eq!(user.content(&sha256(b"wasm")), b"wasm");
    });
}

#[test]
fn a_link_to_what_never_ends_is_not_followed() {
    ends(async || {
        let server = Server::start(|_| answer("200 OK", b"content")).await;
        let url = server.url("/a").parse().unwrap();
        let digest = sha256(b"content");
        let user = User::new();
        let blob = user.blob(&digest);
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        symlink("/dev/zero", &blob).unwrap();
        user.fetcher().url(&url, &digest).await.unwrap();
        assert_eq!(user.content(&digest), b"content");
        assert!(!blob.is_symlink());
    });
}
