//! An image: manifest, configuration and all layers, from a registry that is not trusted.
#![allow(clippy::unwrap_used)]

mod common;

use common::registry::{Registry, image};
use common::{Reply, Server, User, answer, broken_after, failed, noise, redirect, sha256};
use serde_json::{Value, json};
use spin_deployer_fetch::{Bounds, FetchError};

async fn fetch(user: &User, reference: &str) -> Result<String, FetchError> {
    user.fetcher().image(&reference.parse().unwrap()).await
}

fn requests(user: &User) -> Vec<String> {
    let entries = user.audit.0.lock().unwrap();
    let path = |url: &str| url.splitn(4, '/').last().unwrap().to_owned();
    entries.iter().map(|entry| path(&entry.url)).collect()
}

#[tokio::test]
async fn an_image_comes_by_tag_and_by_digest_and_only_a_tag_is_asked_about_again() {
    let registry = Registry::start();
    let layers = [noise(3_000_000), noise(100_000), noise(10), noise(10)];
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let digest = registry.image("acme/shop", "v1", &layers);
    let by_tag = format!("{}/acme/shop:v1", registry.address);
    let by_digest = format!("{}/acme/shop@{digest}", registry.address);
    let mut user = User::new();

    assert_eq!(fetch(&user, &by_tag).await.unwrap(), digest);
    let manifest: Value = serde_json::from_slice(&user.content(&digest)).unwrap();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 4);
    for layer in &layers {
        assert_eq!(user.content(&sha256(layer)), *layer);
    }
    // Manifest, configuration, and three layers: two are the same.
    assert_eq!(requests(&user).len(), 5, "{:?}", requests(&user));

    assert_eq!(fetch(&user, &by_tag).await.unwrap(), digest);
    assert_eq!(requests(&user)[5..], ["v2/acme/shop/manifests/v1"]);
    assert_eq!(fetch(&user, &by_digest).await.unwrap(), digest);
    assert_eq!(requests(&user).len(), 6);

    user.offline = true;
    assert_eq!(fetch(&user, &by_tag).await.unwrap(), digest);
    assert_eq!(fetch(&user, &by_digest).await.unwrap(), digest);
    let other = format!("{}/acme/shop:v2", registry.address);
    let error = failed(fetch(&user, &other).await, "offline");
    assert!(error.to_string().contains(&other), "{error}");

    // Of an image that is there in part it is the part that is missing that is named.
    std::fs::remove_file(user.blob(&sha256(layers[1]))).unwrap();
    let error = failed(fetch(&user, &by_tag).await, "offline");
    assert!(error.to_string().contains(&sha256(layers[1])), "{error}");
    assert_eq!(requests(&user).len(), 6);
    user.offline = false;
    fetch(&user, &by_digest).await.unwrap();
    assert_eq!(requests(&user).len(), 7);
}

#[tokio::test]
async fn a_tag_that_moved_leads_to_the_new_image() {
    let registry = Registry::start();
    let first = registry.image("acme/shop", "latest", &[b"one"]);
    let reference = format!("{}/acme/shop", registry.address);
    let user = User::new().offline();
    failed(fetch(&user, &reference).await, "offline");
    let user = User::new();
    assert_eq!(fetch(&user, &reference).await.unwrap(), first);
    let second = registry.image("acme/shop", "latest", &[b"two"]);
    assert_eq!(fetch(&user, &reference).await.unwrap(), second);
}

#[tokio::test]
async fn a_password_is_shown_where_it_belongs_and_one_that_is_missing_or_wrong_is_said() {
    let registry = Registry::of("me", "hunter2");
    let digest = registry.image("acme/shop", "v1", &[b"layer"]);
    let reference = format!("{}/acme/shop:v1", registry.address);
    let user = User::new();
    let error = failed(fetch(&user, &reference).await, "unauthorized");
    assert!(
        error
            .help()
            .contains(&format!("docker login {}", registry.address))
    );
    user.log_in(&registry.address.to_string(), "me", "wrong");
    let error = failed(fetch(&user, &reference).await, "unauthorized");
    assert!(!error.to_string().contains("wrong"), "{error}");
    user.log_in(&registry.address.to_string(), "me", "hunter2");
    assert_eq!(fetch(&user, &reference).await.unwrap(), digest);
    let entries = serde_json::to_string(&*user.audit.0.lock().unwrap()).unwrap();
    assert!(entries.contains(r#""secrets":["registry"]"#), "{entries}");
    assert!(!entries.contains("hunter2"), "{entries}");
}

/// What the manifest's registry answers: the manifest to every question for one, and blobs as `blob` says.
async fn scripted(
    manifest: Value,
    blob: impl Fn(&common::Seen) -> Reply + Send + Sync + 'static,
) -> Server {
    let manifest = serde_json::to_vec(&manifest).unwrap();
    Server::start(move |seen| {
        if seen.target.contains("/manifests/") {
            answer("200 OK", &manifest)
        } else {
            blob(seen)
        }
    })
    .await
}

fn descriptor(bytes: &[u8]) -> Value {
    json!({ "mediaType": "application/wasm", "digest": sha256(bytes), "size": bytes.len() })
}

#[tokio::test]
async fn a_token_is_asked_for_reading_only_and_shown_to_nobody_else() {
    let content = noise(50_000);
    let body = content.clone();
    let storage = Server::start(move |_| answer("200 OK", &body)).await;
    let tokens = Server::start(|_| {
        answer(
            "200 OK\ncontent-type: application/json",
            br#"{"token":"t0ken"}"#,
        )
    })
    .await;
    let realm = tokens.url("/token");
    let to = storage.url("/blob?sig=1");
    let manifest = serde_json::to_vec(&image(&descriptor(&content), &[])).unwrap();
    let registry = Server::start(move |seen| {
        if seen.header("authorization") != "Bearer t0ken" {
            let challenge = format!(
                "401 Unauthorized\nwww-authenticate: Bearer realm=\"{realm}\",service=\"s\""
            );
            answer(&challenge, b"")
        } else if seen.target.contains("/manifests/") {
            answer("200 OK", &manifest)
        } else {
            redirect(&to)
        }
    })
    .await;
    let user = User::new();
    user.log_in(&registry.address.to_string(), "me", "hunter2");
    fetch(&user, &format!("{}/acme/shop:v1", registry.address))
        .await
        .unwrap();
    assert_eq!(user.content(&sha256(&content)), content);
    let asked = tokens.seen();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(
        asked[0]
            .target
            .ends_with("scope=repository%3Aacme/shop%3Apull"),
        "{asked:?}"
    );
    assert!(asked[0].header("authorization").starts_with("Basic "));
    assert_eq!(storage.count(), 1);
    assert_eq!(storage.seen()[0].header("authorization"), "");
    let all = registry.count() + tokens.count() + storage.count();
    assert_eq!(user.audit.count(), all);
}

#[tokio::test]
async fn a_layer_goes_on_where_it_broke_and_one_that_is_another_is_not_kept() {
    let content = noise(1_000_000);
    let body = content.clone();
    let manifest = image(&descriptor(&content), &[]);
    let registry = scripted(manifest.clone(), move |seen| {
        broken_after(600_000, seen, &body)
    })
    .await;
    let user = User::new();
    let reference = |server: &Server| format!("{}/acme/shop:v1", server.address);
    fetch(&user, &reference(&registry)).await.unwrap();
    assert_eq!(user.content(&sha256(&content)), content);

    for (wrong, code) in [
        (noise(1_000_001), "wrong-size"),
        (noise(999_999), "wrong-size"),
        (vec![7; 1_000_000], "wrong-digest"),
    ] {
        let registry = scripted(manifest.clone(), move |_| answer("200 OK", &wrong)).await;
        let user = User::new();
        failed(fetch(&user, &reference(&registry)).await, code);
        assert!(!user.blob(&sha256(&content)).exists());
        assert_eq!(user.files().len(), 1, "the manifest alone");
    }
    let endless = scripted(manifest, |_| Reply::Endless("200 OK\nconnection: close")).await;
    failed(
        fetch(&User::new(), &reference(&endless)).await,
        "wrong-size",
    );
}

#[tokio::test]
async fn a_hostile_manifest_is_refused_before_anything_else_is_asked() {
    let small = descriptor(b"x");
    let mut huge = descriptor(b"y");
    huge["size"] = json!(u64::MAX);
    let mut other = small.clone();
    other["size"] = json!(2);
    let mut sha512 = small.clone();
    sha512["digest"] = json!(format!("sha512:{}", "0".repeat(128)));
    let mut path = small.clone();
    path["digest"] = json!("sha256:../../../../etc/passwd");
    let mut both = image(&small, &[]);
    both["manifests"] = json!([]);
    for (manifest, code) in [
        (image(&small, &[huge]), "too-large"),
        (image(&small, &[other]), "unsupported"),
        (image(&small, &[sha512]), "unsupported"),
        (image(&small, &[path]), "unsupported"),
        (image(&small, &vec![small.clone(); 10_001]), "unsupported"),
        (both, "unsupported"),
        (
            json!({ "schemaVersion": 2, "manifests": [] }),
            "unsupported",
        ),
        (
            json!({ "manifests": [
            { "digest": sha256(b"a"), "platform": { "architecture": "amd64", "os": "linux" } },
            { "digest": sha256(b"b"), "platform": { "architecture": "arm64", "os": "linux" } },
        ] }),
            "unsupported",
        ),
        (json!([]), "unsupported"),
        (json!("<html>"), "unsupported"),
    ] {
        let server = scripted(manifest.clone(), |_| answer("200 OK", b"x")).await;
        let user = User::new();
        let error = failed(
            fetch(&user, &format!("{}/a:v1", server.address)).await,
            code,
        );
        assert!(error.to_string().contains("/a:v1"), "{error}");
        assert_eq!(server.count(), 1, "{manifest}");
    }
    let long = Server::start(|_| Reply::Endless("200 OK\nconnection: close")).await;
    let error = failed(
        fetch(&User::new(), &format!("{}/a:v1", long.address)).await,
        "too-large",
    );
    assert!(error.to_string().contains("4194304"), "{error}");
}

#[tokio::test]
async fn all_blobs_together_are_bounded() {
    let server = scripted(
        image(
            &descriptor(b"xyz"),
            &[descriptor(b"abcd"), descriptor(b"efgh")],
        ),
        |_| answer("500 No", b""),
    )
    .await;
    let mut user = User::new();
    user.bounds = Bounds {
        content: 100,
        image: 10,
        ..Bounds::default()
    };
    let error = failed(
        fetch(&user, &format!("{}/a:v1", server.address)).await,
        "too-large",
    );
    assert!(error.to_string().contains("10 bytes"), "{error}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_manifest_that_is_not_the_one_that_was_named_is_not_taken() {
    let manifest = image(&descriptor(b"x"), &[]);
    let server = scripted(manifest, |_| answer("200 OK", b"x")).await;
    let wanted = sha256(b"another");
    let user = User::new();
    let reference = format!("{}/a@{wanted}", server.address);
    failed(fetch(&user, &reference).await, "wrong-digest");
    assert!(user.files().is_empty());

    let claimed = sha256(b"claimed");
    let lying =
        Server::start(move |_| answer(&format!("200 OK\ndocker-content-digest: {claimed}"), b"{}"))
            .await;
    failed(
        fetch(&user, &format!("{}/a:v1", lying.address)).await,
        "wrong-digest",
    );
    assert!(user.files().is_empty());
}

#[tokio::test]
async fn of_several_images_it_is_the_one_for_wasm() {
    let registry = Registry::start();
    let wasm = registry.image("acme/shop", "wasm", &[b"wasm"]);
    let attested = registry.image("acme/shop", "attestation", &[b"attestation"]);
    let entry = |digest: &str, architecture: &str| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": digest,
            "size": 400,
            "platform": { "architecture": architecture, "os": "wasip1" },
        })
    };
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry(&attested, "unknown"), entry(&wasm, "wasm")],
    });
    let index = registry.manifest("acme/shop", "both", &index);
    let mut user = User::new();
    for reference in ["shop:both".to_owned(), format!("shop@{index}")] {
        let reference = format!("{}/acme/{reference}", registry.address);
        assert_eq!(fetch(&user, &reference).await.unwrap(), wasm);
        user.offline = true;
        assert_eq!(fetch(&user, &reference).await.unwrap(), wasm);
        user.offline = false;
    }
    assert!(!user.blob(&attested).exists());
}

#[tokio::test]
async fn what_is_not_in_the_registry_is_not_found() {
    let registry = Registry::start();
    registry.image("acme/shop", "v1", &[b"layer"]);
    let user = User::new();
    for name in ["acme/shop:v2", "acme/other:v1"] {
        let error = fetch(&user, &format!("{}/{name}", registry.address)).await;
        let error = failed(error, "not-found");
        assert!(error.to_string().contains(name), "{error}");
    }
}
