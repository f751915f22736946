//! An app names as many contents as it likes, and all of them together are bounded.
#![allow(clippy::unwrap_used)]

mod common;

use common::registry::Registry;
use common::{Server, User, answer, failed, noise, sha256};
use spin_deployer_fetch::Bounds;

fn user() -> User {
    User {
        bounds: Bounds {
            load: 100_000,
            ..Bounds::default()
        },
        ..User::new()
    }
}

#[tokio::test]
async fn all_contents_of_one_load_share_a_bound_and_the_next_load_goes_on() {
    let contents: Vec<_> = (1..=4).map(|n| noise(40_000 + n)).collect();
    let bodies = contents.clone();
    let server = Server::start(move |seen| {
        let n: usize = seen.target[1..].parse().unwrap();
        answer("200 OK", &bodies[n])
    })
    .await;
    let url = |n: usize| server.url(&format!("/{n}")).parse().unwrap();
    let user = user();
    let fetcher = user.fetcher();
    for (n, content) in contents.iter().enumerate().take(2) {
        fetcher.url(&url(n), &sha256(content)).await.unwrap();
    }
    let digests: Vec<_> = contents.iter().map(|content| sha256(content)).collect();
    let error = failed(fetcher.url(&url(2), &digests[2]).await, "too-large");
    let text = error.to_string();
    assert!(text.contains("/2 ") && text.contains("100000"), "{text}");
    assert!(error.help().contains("again"));
    assert_eq!(server.count(), 3);
    // Nothing more is asked for, and what is here costs nothing.
    failed(fetcher.url(&url(3), &digests[3]).await, "too-large");
    fetcher.url(&url(0), &digests[0]).await.unwrap();
    assert_eq!(server.count(), 3);
    assert_eq!(user.files().len(), 2);

    let again = user.fetcher();
    for (n, digest) in digests.iter().enumerate() {
        again.url(&url(n), digest).await.unwrap();
    }
    assert_eq!(server.count(), 5);
}

#[tokio::test]
async fn layers_packages_and_manifests_count_too() {
    let registry = Registry::start();
    let (layer, other) = (noise(60_000), noise(60_001));
    let reference = format!("{}/acme/shop:v1", registry.address);
    registry.image("acme/shop", "v1", &[&layer, &other]);
    failed(
        user().fetcher().image(&reference.parse().unwrap()).await,
        "too-large",
    );

    let host = registry.address.to_string();
    registry.package("acme/one", "1.0.0", &layer);
    registry.package("acme/two", "1.0.0", &other);
    let user = user();
    let fetcher = user.fetcher();
    let fetch = async |name: &str| fetcher.package(Some(&host), name, "1.0.0").await;
    fetch("acme:one").await.unwrap();
    failed(fetch("acme:two").await, "too-large");

    let manifests = User {
        bounds: Bounds {
            load: 100,
            ..Bounds::default()
        },
        ..User::new()
    };
    let result = manifests
        .fetcher()
        .package(Some(&host), "acme:one", "1.0.0")
        .await;
    failed(result, "too-large");
    assert!(manifests.files().is_empty());
}

#[tokio::test]
async fn what_is_copied_from_a_folder_counts_too() {
    let user = user().offline();
    let root = user.home.path().join("packages");
    user.configure(&format!(
        "default_registry = \"here\"\n[registry.here]\ntype = \"local\"\n[registry.here.local]\nroot = \"{}\"\n",
        root.display()
    ));
    user.write("packages/acme/shop/1.0.0.wasm", &"x".repeat(60_000));
    let fetcher = user.fetcher();
    fetcher.package(None, "acme:shop", "1.0.0").await.unwrap();
    let second = fetcher.package(None, "acme:shop", "1.0.0").await;
    failed(second, "too-large");
}
