//! What an answer of a named server allows, and that it allows no more.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use http::Method;
use spin_deployer_egress::*;
use spin_deployer_grants::Phase;
use spin_deployer_manifest::Secret;

/// A registry whose uploads go on at `upload` and whose tokens come from `realm`.
async fn registry(upload: String, realm: String) -> Server {
    Server::start(move |seen| match seen.method.as_str() {
        "POST" => answer(&format!("202 Accepted\nlocation: {upload}"), ""),
        _ if seen.header("authorization").is_empty() => answer(
            &format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{realm}\",service=\"r\""),
            "",
        ),
        _ => answer("200 OK", "fine"),
    })
    .await
}

async fn begin_upload(run: &Run, registry: &Server) {
    let request = request(
        Method::POST,
        &registry.url("/v2/acme/shop/blobs/uploads/"),
        &[],
        "",
    );
    assert_eq!(run.send(request).await.unwrap().status(), 202);
}

#[tokio::test]
async fn an_upload_goes_on_exactly_where_the_registry_said() {
    let storage = Server::start(ok).await;
    let registry = registry(storage.url("/up/1?state=abc"), String::new()).await;
    let run = run(&registry, Phase::Deploy);
    let put = |path: &str| request(Method::PUT, &storage.url(path), &[], "blob");

    // Nobody has said anything yet.
    refused(run.send(put("/up/1?state=abc")).await);
    begin_upload(&run, &registry).await;
    for path in [
        "/up/2?state=abc",
        "/up/1",
        "/up/1?state=abd",
        "/up/1?state=abc&x=1",
        "/up/1?state=abc&digest=sha256:00&x=1",
        "/up/1?state=abcdigest=x",
        "/",
    ] {
        refused(run.send(put(path)).await);
    }
    // The rule has no DELETE.
    refused(
        run.send(request(
            Method::DELETE,
            &storage.url("/up/1?state=abc"),
            &[],
            "",
        ))
        .await,
    );
    assert_eq!(storage.connections(), 0);

    run.send(request(
        Method::PATCH,
        &storage.url("/up/1?state=abc"),
        &[],
        "blob",
    ))
    .await
    .unwrap();
    run.send(put("/up/1?state=abc&digest=sha256%3A00"))
        .await
        .unwrap();
    let seen: Vec<_> = storage.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        seen,
        ["/up/1?state=abc", "/up/1?state=abc&digest=sha256%3A00"]
    );
    assert!(run.audit.json().contains(", location"));
}

#[tokio::test]
async fn what_was_announced_in_one_session_is_nothing_in_the_next() {
    let storage = Server::start(ok).await;
    let registry = registry(storage.url("/up/1"), String::new()).await;
    begin_upload(&run(&registry, Phase::Deploy), &registry).await;
    let next = run(&registry, Phase::Deploy);
    refused(
        next.send(request(Method::PUT, &storage.url("/up/1"), &[], ""))
            .await,
    );
    assert_eq!(storage.connections(), 0);
}

#[tokio::test]
async fn a_registry_cannot_send_a_plugin_into_the_private_network() {
    // `localhost` is this machine, as 127.0.0.1 is, but the user did not name it.
    let inside = Server::start(ok).await;
    let at = format!("http://localhost:{}/up/1", inside.address.port());
    for upload in [
        at,
        "https://169.254.169.254/latest".into(),
        "https://10.0.0.1/up".into(),
        "https://[fd00::1]/".into(),
    ] {
        let registry = registry(upload.clone(), String::new()).await;
        let run = run(&registry, Phase::Deploy);
        begin_upload(&run, &registry).await;
        let line = refused(run.get(&upload).await);
        assert!(
            line.reason.contains("address") && line.reason.contains("nobody named"),
            "{line}"
        );
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn a_relative_location_is_on_the_registry_and_a_second_hop_stays_where_it_is() {
    let far = Server::start(ok).await;
    let elsewhere = far.url("/up/3");
    let storage = Server::start(move |seen| match seen.target.as_str() {
        "/up/1" => answer("202 Accepted\nlocation: /up/2", ""),
        _ => answer(&format!("202 Accepted\nlocation: {elsewhere}"), ""),
    })
    .await;
    let registry = registry(storage.url("/up/1"), String::new()).await;
    let run = run(&registry, Phase::Deploy);
    begin_upload(&run, &registry).await;
    for path in ["/up/1", "/up/2"] {
        let answer = run
            .send(request(Method::PATCH, &storage.url(path), &[], "x"))
            .await
            .unwrap();
        assert_eq!(answer.status(), 202);
    }
    refused(
        run.send(request(Method::PATCH, &far.url("/up/3"), &[], "x"))
            .await,
    );
    assert_eq!(far.connections(), 0);
}

/// A registry that asks for a token, the service that gives one, and a run with the registry's credential.
async fn with_tokens(phase: Phase) -> (Server, Server, Run, String) {
    let service = Server::start(|_| {
        let body = r#"{"token":"bearer-token-1","access_token":"bearer-token-1","refresh_token":"refresh-1","expires_in":300}"#;
        answer("200 OK\ncontent-type: application/json", body)
    })
    .await;
    let registry = registry(String::new(), service.url("/token")).await;
    let run = run(&registry, phase);
    let audience = Audience::Registry(registry.url("").parse().unwrap());
    let p = run
        .vault
        .insert("reference", Secret::new("hunter2-hunter2".into()), audience)
        .unwrap();
    (registry, service, run, p)
}

#[tokio::test]
async fn a_token_is_bought_with_the_credential_and_used_without_being_seen() {
    let (registry, service, run, p) = with_tokens(Phase::Deploy).await;
    let url = service.url("/token?service=r&scope=repository:acme/shop:push,pull");
    let header = [("authorization", p.as_str())];
    // Before the registry announced it, it is a stranger.
    refused(run.send(request(Method::GET, &url, &header, "")).await);
    assert_eq!(run.get(&registry.url("/v2/")).await.unwrap().status(), 401);
    refused(
        run.send(request(Method::GET, &service.url("/other"), &header, ""))
            .await,
    );
    assert_eq!(service.connections(), 0);

    let answer = run
        .send(request(Method::GET, &url, &header, ""))
        .await
        .unwrap();
    assert_eq!(service.only().header("authorization"), "hunter2-hunter2");
    let read = text(answer).await;
    assert!(
        !read.contains("bearer-token-1") && !read.contains("refresh-1"),
        "{read}"
    );
    let document: serde_json::Value = serde_json::from_str(&read).unwrap();
    let token = document["token"].as_str().unwrap();
    assert_eq!(document["access_token"], token);
    assert_ne!(document["refresh_token"], token);
    assert_eq!(document["expires_in"], 300);

    let bearer = format!("Bearer {token}");
    let seen = run
        .send(request(
            Method::GET,
            &registry.url("/v2/"),
            &[("authorization", &bearer)],
            "",
        ))
        .await;
    assert_eq!(seen.unwrap().status(), 200);
    assert_eq!(
        registry.seen().last().unwrap().header("authorization"),
        "Bearer bearer-token-1"
    );

    // A refresh token is for the token service.
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!(
        "grant_type=refresh_token&refresh_token={}",
        document["refresh_token"].as_str().unwrap()
    );
    run.send(request(Method::POST, &service.url("/token"), &form, &body))
        .await
        .unwrap();
    assert_eq!(
        service.seen().last().unwrap().text(),
        "grant_type=refresh_token&refresh_token=refresh-1"
    );
    assert!(
        run.session.tally().changed.is_empty(),
        "a token is no change"
    );
    let audit = run.audit.json();
    assert!(
        !audit.contains("bearer-token") && audit.contains("token of http"),
        "{audit}"
    );
}

#[tokio::test]
async fn neither_credential_nor_token_goes_where_a_location_points() {
    let storage = Server::start(ok).await;
    let service = Server::start(|_| answer("200 OK", r#"{"token":"bearer-token-1"}"#)).await;
    let registry = registry(storage.url("/up/1"), service.url("/token")).await;
    let run = run(&registry, Phase::Deploy);
    let audience = Audience::Registry(registry.url("").parse().unwrap());
    let p = run
        .vault
        .insert("reference", Secret::new("hunter2-hunter2".into()), audience)
        .unwrap();
    run.get(&registry.url("/v2/")).await.unwrap();
    let read = text(run.get(&service.url("/token")).await.unwrap()).await;
    let document: serde_json::Value = serde_json::from_str(&read).unwrap();
    begin_upload(&run, &registry).await;
    for placeholder in [p.as_str(), document["token"].as_str().unwrap()] {
        let headers = [("authorization", placeholder)];
        let line = refused(
            run.send(request(Method::PUT, &storage.url("/up/1"), &headers, ""))
                .await,
        );
        assert!(line.reason.contains("may not go there"), "{line}");
    }
    assert_eq!(storage.connections(), 0);
    run.send(request(Method::PUT, &storage.url("/up/1"), &[], ""))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_token_service_gets_the_credential_of_the_registry_that_named_it_and_no_other() {
    let (registry, service, run, _) = with_tokens(Phase::Deploy).await;
    run.get(&registry.url("/v2/")).await.unwrap();
    let audience = Audience::Registry("https://ghcr.io".parse().unwrap());
    let p = run
        .vault
        .insert("reference", Secret::new("of-another-one".into()), audience)
        .unwrap();
    refused(
        run.send(request(
            Method::GET,
            &service.url("/token"),
            &[("authorization", &p)],
            "",
        ))
        .await,
    );
    let p = run
        .vault
        .insert(
            "api-token",
            Secret::new("of-the-plugin".into()),
            Audience::Rules,
        )
        .unwrap();
    refused(
        run.send(request(
            Method::GET,
            &service.url("/token"),
            &[("authorization", &p)],
            "",
        ))
        .await,
    );
    assert_eq!(service.connections(), 0);
}

#[tokio::test]
async fn a_plan_asks_for_a_token_with_get_and_posts_only_where_its_manifest_says_so() {
    let (registry, service, run, p) = with_tokens(Phase::Plan).await;
    let header = [("authorization", p.as_str())];
    run.get(&registry.url("/v2/")).await.unwrap();
    run.send(request(Method::GET, &service.url("/token"), &header, ""))
        .await
        .unwrap();
    refused(
        run.send(request(Method::POST, &service.url("/token"), &header, ""))
            .await,
    );
    assert_eq!(service.seen().len(), 1);

    let manifest = REGISTRY.replace(
        "follows = ",
        "plan = [\"POST www-authenticate\"]\n    follows = ",
    );
    let options = [("reference", registry.url("/acme/shop:v1"))];
    let run = run_with(
        direct(),
        grant(&manifest, &options),
        Phase::Plan,
        Limits::default(),
    );
    run.get(&registry.url("/v2/")).await.unwrap();
    run.send(request(Method::POST, &service.url("/token"), &[], ""))
        .await
        .unwrap();
    assert_eq!(service.seen().len(), 2);
}

#[tokio::test]
async fn an_answer_in_which_nobody_can_find_the_token_is_not_handed_on() {
    for body in [
        "token=bearer-token-1",
        r#"["bearer-token-1"]"#,
        r#"{"token":{"value":"bearer-token-1"}}"#,
    ] {
        let service =
            Server::start(move |_| answer("200 OK\ncontent-type: application/json", body)).await;
        let registry = registry(String::new(), service.url("/token")).await;
        let run = run(&registry, Phase::Deploy);
        run.get(&registry.url("/v2/")).await.unwrap();
        let error = run.get(&service.url("/token")).await.unwrap_err();
        assert!(
            !format!("{error} {error:?}").contains("bearer-token"),
            "{error:?}"
        );
    }
}
