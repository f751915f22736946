//! What the host itself reads because an app refers to it.
#![allow(clippy::unwrap_used)]

mod common;

use common::authority::Authority;
use common::*;
use http::Method;
use spin_deployer_egress::*;
use spin_deployer_grants::{Grant, Phase, Policies};
use spin_deployer_manifest::{Origin, Secret};

fn origin(url: &str) -> Origin {
    url.trim_end_matches('/').parse().unwrap()
}

fn loading(url: &str) -> Run {
    let origin = origin(url);
    let named = [origin.host.clone()];
    run_with(
        direct(),
        Grant::loading(origin, &named, &Policies::default()),
        Phase::Load,
        Limits::default(),
    )
}

/// A server that leads to `to`.
async fn leading(to: String) -> Server {
    Server::start(move |_| answer(&format!("302 Found\nlocation: {to}"), "")).await
}

#[tokio::test]
async fn only_reading_and_only_there() {
    let (server, other) = (Server::start(ok).await, Server::start(ok).await);
    let run = loading(&server.url(""));
    assert_eq!(
        text(run.get(&server.url("/a?b=1")).await.unwrap()).await,
        "fine"
    );
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        refused(run.send(request(method, &server.url("/a"), &[], "")).await);
    }
    let line = refused(run.get(&other.url("/")).await);
    assert!(line.reason.contains("neither the app nor"), "{line}");
    assert_eq!(line.suggestion, None);
    assert_eq!((server.connections(), other.connections()), (1, 0));
    assert_eq!(run.audit.0.lock().unwrap().len(), 5);
}

#[tokio::test]
async fn redirects_lead_on_and_each_address_is_one_that_the_answer_before_named() {
    let last = Server::start(ok).await;
    let middle = leading(last.url("/c")).await;
    let first = leading(middle.url("/b")).await;
    let run = loading(&first.url(""));
    refused(run.get(&last.url("/c")).await);
    run.get(&first.url("/a")).await.unwrap();
    refused(run.get(&last.url("/c")).await);
    refused(run.get(&middle.url("/x")).await);
    run.get(&middle.url("/b")).await.unwrap();
    run.get(&last.url("/c")).await.unwrap();
    assert_eq!(last.connections(), 1);
}

#[tokio::test]
async fn nothing_leads_from_https_to_http() {
    let plain = Server::start(ok).await;
    let to = format!("http://localhost:{}/", plain.address.port());
    let location = to.clone();
    let authority = Authority::new();
    let tls = authority.acceptor(|_| ());
    let server = Server::start_with(Some(tls), move |_| {
        answer(&format!("302 Found\nlocation: {location}"), "")
    })
    .await;
    let (config, _file) = authority.trusted();
    let url = format!("https://localhost:{}", server.address.port());
    let named = [origin(&url).host];
    let grant = Grant::loading(origin(&url), &named, &Policies::default());
    let run = run_with(config, grant, Phase::Load, Limits::default());
    run.get(&format!("{url}/a")).await.unwrap();
    let line = refused(run.get(&to).await);
    assert!(
        line.reason.contains("from https nothing leads to http"),
        "{line}"
    );
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn an_app_that_names_the_metadata_service_is_not_loaded_from_there() {
    for url in [
        "http://169.254.169.254",
        "http://[fd00:ec2::254]",
        "http://0.0.0.0",
    ] {
        let run = loading(url);
        let line = refused(run.get(&format!("{url}/")).await);
        assert!(
            line.reason.contains("no app is loaded from there"),
            "{line}"
        );
        assert!(run.audit.0.lock().unwrap()[0].refused.is_some());
    }
}

#[tokio::test]
async fn the_credential_goes_to_the_registry_and_its_token_service_alone() {
    let storage = Server::start(ok).await;
    let tokens = Server::start(|_| {
        answer(
            "200 OK\ncontent-type: application/json",
            r#"{"token":"t0ken"}"#,
        )
    })
    .await;
    let (realm, to) = (tokens.url("/token"), storage.url("/blob"));
    let registry = Server::start(move |seen| match seen.header("authorization") {
        "" => answer(
            &format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{realm}\""),
            "",
        ),
        _ => answer(&format!("307 Moved\nlocation: {to}"), ""),
    })
    .await;
    let origin = origin(&registry.url(""));
    let named = [origin.host.clone()];
    let name = "registry".parse().unwrap();
    let grant = Grant::loading_from_registry(origin.clone(), &named, &name, &Policies::default());
    let run = run_with(direct(), grant, Phase::Load, Limits::default());
    let secret = Secret::new("hunter2".to_owned());
    let audience = Audience::Registry(origin);
    let placeholder = run.vault.insert("registry", secret, audience).unwrap();

    assert_eq!(run.get(&registry.url("/v2/a")).await.unwrap().status(), 401);
    // An identity token is shown in the body of a POST, although loading only reads.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("refresh_token={placeholder}");
    let bought = request(Method::POST, &tokens.url("/token"), &form, &body);
    run.send(bought).await.unwrap();
    assert_eq!(tokens.only().text(), "refresh_token=hunter2");
    let authorization = format!("Bearer {placeholder}");
    let shown = [("authorization", authorization.as_str())];
    let send = |url: String| run.send(request(Method::GET, &url, &shown, ""));
    assert_eq!(send(registry.url("/v2/a")).await.unwrap().status(), 307);
    refused(send(storage.url("/blob")).await);
    run.get(&storage.url("/blob")).await.unwrap();
    assert_eq!(storage.only().header("authorization"), "");
}
