//! Packages, found as `wkg` finds them.
#![allow(clippy::unwrap_used)]

mod common;

use common::registry::{Registry, image};
use common::{Server, User, answer, failed, noise, sha256};
use rstest::rstest;
use serde_json::json;
use spin_deployer_fetch::FetchError;

async fn fetch(user: &User, registry: Option<&str>) -> Result<String, FetchError> {
    user.fetcher().package(registry, "acme:shop", "1.0.0").await
}

#[tokio::test]
async fn a_package_comes_once_and_is_found_offline() {
    let registry = Registry::start();
    let wasm = noise(100_000);
    registry.package("acme/shop", "1.0.0", &wasm);
    let host = registry.address.to_string();
    let mut user = User::new();
    assert_eq!(fetch(&user, Some(&host)).await.unwrap(), sha256(&wasm));
    assert_eq!(user.content(&sha256(&wasm)), wasm);
    // The well-known file, which is not there, the manifest, and the layer; not the configuration.
    assert_eq!(user.audit.count(), 3);
    fetch(&user, Some(&host)).await.unwrap();
    user.offline = true;
    fetch(&user, Some(&host)).await.unwrap();
    let again = user
        .fetcher()
        .package(Some(&host), "acme:shop", "=1.0.0")
        .await;
    assert_eq!(again.unwrap(), sha256(&wasm));
    assert_eq!(user.audit.count(), 3);
    let other = user
        .fetcher()
        .package(Some(&host), "acme:shop", "1.0.1")
        .await;
    let error = failed(other, "offline");
    assert!(error.to_string().contains("acme:shop@1.0.1"), "{error}");
    assert_eq!(user.audit.count(), 3);

    std::fs::write(user.blob(&sha256(&wasm)), b"cut").unwrap();
    failed(fetch(&user, Some(&host)).await, "offline");
    user.offline = false;
    fetch(&user, Some(&host)).await.unwrap();
    assert_eq!(user.content(&sha256(&wasm)), wasm);
}

/// Each with `REGISTRY` where the registry is; `other.invalid` must never be asked.
#[rstest]
#[case::default_registry(r#"default_registry = "REGISTRY""#)]
#[case::namespace(
    "default_registry = \"other.invalid\"\n[namespace_registries]\nacme = \"REGISTRY\""
)]
#[case::package(
    "[namespace_registries]\nacme = \"other.invalid\"\n[package_registry_overrides]\n\"acme:shop\" = \"REGISTRY\""
)]
#[case::type_named(
    "default_registry = \"REGISTRY\"\n[registry.\"REGISTRY\"]\ntype = \"oci\"\nunknown = 1"
)]
#[case::default_named(
    "default_registry = \"REGISTRY\"\n[registry.\"REGISTRY\"]\ndefault = \"oci\"\n[registry.\"REGISTRY\".warg]\nconfig_file = \"x\""
)]
#[case::protocol(
    "default_registry = \"REGISTRY\"\n[registry.\"REGISTRY\".oci]\nprotocol = \"http\""
)]
#[case::described(
    "[namespace_registries]\nacme = { registry = \"other.invalid\", metadata = { preferredProtocol = \"oci\", oci = { registry = \"REGISTRY\" } } }"
)]
#[tokio::test]
async fn the_users_configuration_says_where_packages_are(#[case] configuration: &str) {
    let registry = Registry::start();
    registry.package("acme/shop", "1.0.0", b"wasm");
    let user = User::new();
    user.configure(&configuration.replace("REGISTRY", &registry.address.to_string()));
    assert_eq!(fetch(&user, None).await.unwrap(), sha256(b"wasm"));
}

#[tokio::test]
async fn what_was_found_in_one_place_is_not_taken_for_what_is_in_another() {
    let registry = Registry::start();
    for place in ["staging", "prod"] {
        registry.package(&format!("{place}/acme/shop"), "1.0.0", place.as_bytes());
    }
    let mut user = User::new();
    let host = registry.address;
    let choose = |user: &User, place: &str| {
        user.configure(&format!(
            "[namespace_registries]\nacme = {{ registry = \"example.com\", metadata = {{ oci = {{ registry = \"{host}\", namespacePrefix = \"{place}/\" }} }} }}"
        ));
    };
    for place in ["staging", "prod", "staging"] {
        choose(&user, place);
        let digest = fetch(&user, None).await.unwrap();
        assert_eq!(user.content(&digest), place.as_bytes());
    }
    // The third time it was there.
    assert_eq!(user.audit.count(), 4);

    user.offline = true;
    let highest = async |user: &User| user.fetcher().package(None, "acme:shop", "^1").await;
    assert_eq!(highest(&user).await.unwrap(), sha256(b"staging"));
    choose(&user, "elsewhere");
    failed(fetch(&user, None).await, "offline");
    failed(highest(&user).await, "offline");
}

#[rstest]
#[case::table(r#"{ username = "me", password = "hunter2" }"#)]
#[case::base64(r#""bWU6aHVudGVyMg==""#)]
#[case::base64_unpadded(r#""bWU6aHVudGVyMg""#)]
#[tokio::test]
async fn the_credential_of_the_configuration_is_shown_to_its_registry(#[case] auth: &str) {
    let registry = Registry::of("me", "hunter2");
    registry.package("acme/shop", "1.0.0", b"wasm");
    let host = registry.address;
    let user = User::new();
    user.configure(&format!(
        "default_registry = \"{host}\"\n[registry.\"{host}\".oci]\nauth = {auth}\n"
    ));
    assert_eq!(fetch(&user, None).await.unwrap(), sha256(b"wasm"));
    user.configure(&format!("default_registry = \"{host}\"\n"));
    let user = User {
        audit: Default::default(),
        ..user
    };
    std::fs::remove_dir_all(user.cache()).unwrap();
    failed(fetch(&user, None).await, "unauthorized");
    user.log_in(&host.to_string(), "me", "hunter2");
    fetch(&user, None).await.unwrap();
}

#[rstest]
#[case::table(r#"{ "preferredProtocol": "oci", "oci": { "registry": "REGISTRY", "namespacePrefix": "wasm/" } }"#)]
#[case::only(r#"{ "oci": { "registry": "REGISTRY", "namespacePrefix": "wasm/" }, "more": 1 }"#)]
#[case::legacy(r#"{ "ociRegistry": "REGISTRY", "ociNamespacePrefix": "wasm/" }"#)]
#[case::preferred(r#"{ "preferredProtocol": "oci", "warg": { "url": "x" }, "oci": { "registry": "REGISTRY", "namespacePrefix": "wasm/" } }"#)]
#[tokio::test]
async fn a_registry_says_where_its_packages_are(#[case] metadata: &str) {
    let registry = Registry::start();
    registry.package("wasm/acme/shop", "1.0.0", b"wasm");
    let metadata = metadata.replace("REGISTRY", &registry.address.to_string());
    let server = Server::start(move |_| answer("200 OK", metadata.as_bytes())).await;
    let host = server.address.to_string();
    let user = User::new();
    assert_eq!(fetch(&user, Some(&host)).await.unwrap(), sha256(b"wasm"));
    assert_eq!(
        server.seen()[0].target,
        "/.well-known/wasm-pkg/registry.json"
    );
    fetch(&user, Some(&host)).await.unwrap();
    assert_eq!(server.count(), 1);
}

#[rstest]
#[case::warg(r#"{ "warg": { "url": "https://warg.example.com" } }"#, "unsupported")]
#[case::legacy_warg(r#"{ "wargUrl": "https://warg.example.com" }"#, "unsupported")]
#[case::local(r#"{ "local": { "root": "/etc" } }"#, "unsupported")]
#[case::private(r#"{ "oci": { "registry": "localhost:1" } }"#, "refused")]
#[case::metadata(r#"{ "oci": { "registry": "169.254.169.254" } }"#, "refused")]
#[case::path(r#"{ "oci": { "namespacePrefix": "../../" } }"#, "invalid")]
#[case::user(r#"{ "oci": { "registry": "me@example.com" } }"#, "invalid")]
#[tokio::test]
async fn a_registry_cannot_lead_anywhere(#[case] metadata: &'static str, #[case] code: &str) {
    let server = Server::start(move |_| answer("200 OK", metadata.as_bytes())).await;
    let user = User::new();
    failed(fetch(&user, Some(&server.address.to_string())).await, code);
    assert_eq!(server.count(), 1);
}

#[rstest]
#[case::page("200 OK", "<html>")]
#[case::forbidden("403 Forbidden", "")]
#[case::who("401 Unauthorized", "")]
#[case::list("200 OK", "[]")]
#[tokio::test]
async fn a_registry_that_says_nothing_of_itself_is_asked_itself(
    #[case] head: &'static str,
    #[case] body: &'static str,
) {
    let layer = json!({ "mediaType": "application/wasm", "digest": sha256(b"wasm"), "size": 4 });
    let manifest = serde_json::to_vec(&image(&layer.clone(), &[layer])).unwrap();
    let server = Server::start(move |seen| match seen.target.as_str() {
        "/.well-known/wasm-pkg/registry.json" => answer(head, body.as_bytes()),
        "/v2/acme/shop/manifests/1.0.0" => answer("200 OK", &manifest),
        _ => answer("200 OK", b"wasm"),
    })
    .await;
    let user = User::new();
    let digest = fetch(&user, Some(&server.address.to_string())).await;
    assert_eq!(digest.unwrap(), sha256(b"wasm"));
}

#[tokio::test]
async fn a_namespace_that_nobody_mapped_says_how_to_map_it() {
    let user = User::new();
    let error = failed(fetch(&user, None).await, "unmapped");
    assert!(error.to_string().contains("acme:shop"), "{error}");
    let file = user.home.path().join(".config/wasm-pkg/config.toml");
    let help = error.help();
    assert!(help.contains(&file.display().to_string()), "{help}");
    // The advice is good.
    let (_, advice) = help.split_once(":\n").unwrap();
    user.configure(&advice.replace("registry.example.com", "127.0.0.1:1"));
    failed(fetch(&user, None).await, "unreachable");
    assert_eq!(user.audit.count(), 1);
}

#[tokio::test]
async fn packages_in_a_folder_need_no_network_and_are_read_anew() {
    let user = User::new().offline();
    let root = user.home.path().join("packages");
    user.configure(&format!(
        "default_registry = \"here\"\n[registry.here]\ntype = \"local\"\n[registry.here.local]\nroot = \"{}\"\n",
        root.display()
    ));
    failed(fetch(&user, None).await, "not-found");
    for wasm in ["one", "two"] {
        user.write("packages/acme/shop/1.0.0.wasm", wasm);
        let digest = fetch(&user, None).await.unwrap();
        assert_eq!(user.content(&digest), wasm.as_bytes());
    }
    assert_eq!(user.audit.count(), 0);
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_named_without_its_secrets() {
    let user = User::new();
    for text in [
        "default_registry = \"a\"\n[registry.a.oci]\nauth = { username = \"hunter2\" }",
        "default_registry = \"a\"\n[registry.a.oci]\nauth = \"hunter2",
        "default_registry = \"a\"\n[registry.a.oci]\nauth = \"hunter2\"",
        "default_registry = \"a\"\n[registry.a.oci]\nprotocol = \"hunter2\"",
    ] {
        user.configure(text);
        let error = failed(fetch(&user, None).await, "configuration");
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("config.toml") && !text.contains("hunter2"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn what_is_no_package_is_said_before_anything_is_sent() {
    let user = User::new();
    for (registry, package, version) in [
        ("example.com", "shop", "1.0.0"),
        ("example.com", "Acme:shop", "1.0.0"),
        ("example.com", "acme:../x", "1.0.0"),
        ("example.com", "acme:shop", "one"),
        ("example.com", "acme:shop", ""),
        ("example.com", "acme:shop", "^1.0.0.0"),
        ("me:pw@example.com", "acme:shop", "1.0.0"),
        ("example.com/x", "acme:shop", "1.0.0"),
    ] {
        let result = user
            .fetcher()
            .package(Some(registry), package, version)
            .await;
        failed(result, "invalid");
    }
    user.configure("[registry.\"example.com\"]\ntype = \"warg\"");
    failed(fetch(&user, Some("example.com")).await, "unsupported");
    assert_eq!(user.audit.count(), 0);
}
