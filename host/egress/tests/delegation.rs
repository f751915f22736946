//! What an answer of a named server allows, and that it allows no more.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::authority::Authority;
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

#[tokio::test]
async fn only_an_answer_that_went_well_points_on_and_only_a_challenge_names_a_token_service() {
    for status in [
        "400 Bad",
        "401 No",
        "403 No",
        "404 Not",
        "409 Conflict",
        "500 Error",
    ] {
        let storage = Server::start(ok).await;
        let to = storage.url("/up/1");
        let head = format!("{status}\nlocation: {to}");
        let registry = Server::start(move |_| answer(&head, "")).await;
        let run = run(&registry, Phase::Deploy);
        run.get(&registry.url("/v2/")).await.unwrap();
        refused(run.get(&to).await);
        assert_eq!(storage.connections(), 0);
    }
    for status in [
        "200 OK",
        "302 Found",
        "400 Bad",
        "403 No",
        "407 Proxy",
        "500 Error",
    ] {
        let service = Server::start(ok).await;
        let realm = service.url("/token");
        let head = format!("{status}\nwww-authenticate: Bearer realm=\"{realm}\"");
        let registry = Server::start(move |_| answer(&head, "")).await;
        let run = run(&registry, Phase::Deploy);
        run.get(&registry.url("/v2/")).await.unwrap();
        refused(run.get(&realm).await);
        assert_eq!(service.connections(), 0);
    }
}

#[tokio::test]
async fn who_was_only_announced_names_no_token_service() {
    let service = Server::start(ok).await;
    let realm = service.url("/token");
    let head = format!("401 Unauthorized\nwww-authenticate: Bearer realm=\"{realm}\"");
    let storage = Server::start(move |_| answer(&head, "")).await;
    let registry = registry(storage.url("/up/1"), String::new()).await;
    let run = run(&registry, Phase::Deploy);
    begin_upload(&run, &registry).await;
    assert_eq!(run.get(&storage.url("/up/1")).await.unwrap().status(), 401);
    refused(run.get(&realm).await);
    // Nor does a token service.
    let second = Server::start(ok).await;
    let head = format!(
        "401 Unauthorized\nwww-authenticate: Bearer realm=\"{0}\"\nlocation: {0}",
        second.url("/token")
    );
    let first = Server::start(move |_| answer(&head, "")).await;
    let registry = self::registry(String::new(), first.url("/token")).await;
    let run = self::run(&registry, Phase::Deploy);
    run.get(&registry.url("/v2/")).await.unwrap();
    assert_eq!(run.get(&first.url("/token")).await.unwrap().status(), 401);
    refused(run.get(&second.url("/token")).await);
    assert_eq!((service.connections(), second.connections()), (0, 0));
}

#[tokio::test]
async fn an_announced_address_is_a_plain_one_or_none() {
    let inside = Server::start(ok).await;
    let port = inside.address.port();
    for text in [
        "http://user:pw@127.0.0.1:PORT/t",
        "http://user@localhost:PORT/t",
        "http://localhost:PORT/t",
        "http://LOCALHOST.:PORT/t",
        "//localhost:PORT/t",
        "http:\\\\localhost:PORT\\t",
        "https://localhost:PORT/t",
        "http://[::1]:PORT/t",
        "http://[::ffff:127.0.0.1]:PORT/t",
        "http://[::127.0.0.1]:PORT/t",
        "http://[64:ff9b::127.0.0.1]:PORT/t",
        "http://0.0.0.0:PORT/t",
        "http://0:PORT/t",
        "http://127.0.0.2:PORT/t",
        "http://127.2:PORT/t",
        "http://0x7f000002:PORT/t",
        "http://169.254.169.254/t",
        "https://10.0.0.1/t",
        "https://192.168.0.1/t",
        "https://100.64.0.1/t",
        "https://[fd00::1]/t",
        "https://[fe80::1]/t",
        "ftp://localhost:PORT/t",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "ws://localhost:PORT/t",
    ] {
        let text = text.replace("PORT", &port.to_string());
        // What the plugin would ask for: what it was told, and what a browser makes of it.
        let asked = [text.clone(), text.replace("\\\\", "//").replace('\\', "/")];
        for by_realm in [false, true] {
            let registry = match by_realm {
                false => registry(text.clone(), String::new()).await,
                true => registry(String::new(), text.replace('\\', "\\\\")).await,
            };
            let run = run(&registry, Phase::Deploy);
            begin_upload(&run, &registry).await;
            run.get(&registry.url("/v2/")).await.unwrap();
            for url in &asked {
                let Ok(uri) = url.parse::<http::Uri>() else {
                    continue;
                };
                let get = http::Request::get(uri).body(whole("")).unwrap();
                let line = refused(run.send(get).await);
                assert!(!line.to_string().contains("pw"), "{line}");
            }
        }
    }
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn nothing_leads_from_https_to_http() {
    let plain = Server::start(ok).await;
    let to = format!("http://localhost:{}/up/1", plain.address.port());
    let head = format!("401 Unauthorized\nlocation: {to}\nwww-authenticate: Bearer realm=\"{to}\"");
    let begun = format!("202 Accepted\nlocation: {to}");
    let authority = Authority::new();
    let server = Server::start_with(Some(authority.acceptor(|_| ())), move |seen| {
        match seen.method.as_str() {
            "POST" => answer(&begun, ""),
            _ => answer(&head, ""),
        }
    })
    .await;
    let (config, _file) = authority.trusted();
    let url = format!("https://localhost:{}/v2/", server.address.port());
    let options = [("reference", url.replace("v2/", "acme/shop:v1"))];
    let run = run_with(
        config,
        grant(REGISTRY, &options),
        Phase::Deploy,
        Limits::default(),
    );
    let begin = request(Method::POST, &url, &[], "");
    assert_eq!(run.send(begin).await.unwrap().status(), 202);
    assert_eq!(run.get(&url).await.unwrap().status(), 401);
    refused(run.get(&to).await);
    assert_eq!(plain.connections(), 0);
}

#[tokio::test]
async fn an_open_redirect_to_the_same_host_is_no_way_around_the_rules_of_a_path() {
    // `Location` on the registry itself opens exactly that URL, and no secret goes along.
    let registry = registry("/admin/secrets".into(), String::new()).await;
    let run = run(&registry, Phase::Deploy);
    refused(run.get(&registry.url("/admin/secrets")).await);
    begin_upload(&run, &registry).await;
    run.get(&registry.url("/admin/secrets")).await.unwrap();
    refused(run.get(&registry.url("/admin")).await);
    refused(run.get(&registry.url("/admin/secrets/1")).await);
    refused(run.get(&registry.url("/admin/secrets?all=1")).await);
    let audience = Audience::Registry(registry.url("").parse().unwrap());
    let secret = Secret::new("hunter2-hunter2".into());
    let p = run.vault.insert("reference", secret, audience).unwrap();
    let header = [("authorization", p.as_str())];
    let with_secret = request(Method::GET, &registry.url("/admin/secrets"), &header, "");
    refused(run.send(with_secret).await);
}

/// Two registries of one plugin.
const TWO: &str = r#"
    name = "mirror"
    version = "0.1.0"
    description = "Copies from one registry to another"
    [[options]]
    name = "a"
    type = "registry"
    help = "From"
    [[options]]
    name = "b"
    type = "registry"
    help = "To"
    [[http]]
    to = "{a}"
    methods = ["GET"]
    sends = ["a"]
    follows = ["location", "www-authenticate"]
    why = "read"
    [[http]]
    to = "{b}"
    methods = ["GET"]
    sends = ["b"]
    follows = ["location", "www-authenticate"]
    why = "write"
"#;

#[tokio::test]
async fn the_credential_of_one_registry_is_not_sold_by_another() {
    let service = Server::start(|seen| {
        let token = format!(
            r#"{{"token":"token-for-{}"}}"#,
            seen.header("authorization")
        );
        answer("200 OK\ncontent-type: application/json", &token)
    })
    .await;
    let realm = service.url("/token");
    let of_b = realm.clone();
    let a = registry(String::new(), "http://127.0.0.1:9/elsewhere".into()).await;
    let b = registry(String::new(), of_b).await;
    let options = [("a", a.url("/x:1")), ("b", b.url("/x:1"))];
    let run = run_with(
        direct(),
        grant(TWO, &options),
        Phase::Deploy,
        Limits::default(),
    );
    let keep = |name: &str, registry: &Server| {
        let audience = Audience::Registry(registry.url("").parse().unwrap());
        let secret = Secret::new(format!("credential-of-{name}"));
        run.vault.insert(name, secret, audience).unwrap()
    };
    let (for_a, for_b) = (keep("a", &a), keep("b", &b));
    for registry in [&a, &b] {
        assert_eq!(run.get(&registry.url("/v2/")).await.unwrap().status(), 401);
    }
    let with = |url: &str, p: &str| request(Method::GET, url, &[("authorization", p)], "");
    // B named that service, A did not.
    let line = refused(run.send(with(&realm, &for_a)).await);
    assert!(line.reason.contains("`a`"), "{line}");
    refused(run.send(with(&b.url("/v2/"), &for_a)).await);
    refused(run.send(with(&a.url("/v2/"), &for_b)).await);
    assert_eq!(service.connections(), 0);
    // What B's credential buys is for B alone.
    let bought = text(run.send(with(&realm, &for_b)).await.unwrap()).await;
    let bought: serde_json::Value = serde_json::from_str(&bought).unwrap();
    let token = bought["token"].as_str().unwrap();
    refused(run.send(with(&a.url("/v2/"), token)).await);
    run.send(with(&b.url("/v2/"), token)).await.unwrap();
    let seen = b.seen().pop().unwrap();
    assert_eq!(seen.header("authorization"), "token-for-credential-of-b");
    assert!(
        a.seen()
            .iter()
            .all(|seen| seen.header("authorization").is_empty())
    );
}

#[tokio::test]
async fn a_service_that_two_registries_share_gives_each_its_own_token() {
    let service = Server::start(|seen| {
        let token = format!(
            r#"{{"token":"token-for-{}"}}"#,
            seen.header("authorization")
        );
        answer("200 OK\ncontent-type: application/json", &token)
    })
    .await;
    let realm = service.url("/token");
    let (a, b) = (
        registry(String::new(), realm.clone()).await,
        registry(String::new(), realm.clone()).await,
    );
    let options = [("a", a.url("/x:1")), ("b", b.url("/x:1"))];
    let run = run_with(
        direct(),
        grant(TWO, &options),
        Phase::Deploy,
        Limits::default(),
    );
    let audience = Audience::Registry(a.url("").parse().unwrap());
    let secret = Secret::new("credential-of-a".into());
    let for_a = run.vault.insert("a", secret, audience).unwrap();
    // B is the last one that named the service.
    for registry in [&a, &b] {
        run.get(&registry.url("/v2/")).await.unwrap();
    }
    let with = |url: &str, p: &str| request(Method::GET, url, &[("authorization", p)], "");
    let bought = text(run.send(with(&realm, &for_a)).await.unwrap()).await;
    let bought: serde_json::Value = serde_json::from_str(&bought).unwrap();
    let token = bought["token"].as_str().unwrap();
    refused(run.send(with(&b.url("/v2/"), token)).await);
    run.send(with(&a.url("/v2/"), token)).await.unwrap();
    assert!(
        b.seen()
            .iter()
            .all(|seen| seen.header("authorization").is_empty())
    );
}

#[tokio::test]
async fn of_a_token_services_answer_only_what_a_client_needs_is_passed_on() {
    let service = Server::start(|seen| {
        let body = format!(
            r#"{{"token":"bearer-token-1","expires_in":300,"issued_at":"2026-01-01T00:00:00Z","scope":"repository:x:pull",
                "token_type":"Bearer bearer-token-1","nested":{{"access_token":"bearer-token-2"}},"id_token":"bearer-token-3",
                "list":["bearer-token-1"],"error_description":"you sent {}"}}"#,
            seen.header("authorization")
        );
        answer(
            "200 OK\ncontent-type: application/json\nx-token: bearer-token-1\nset-cookie: t=bearer-token-1",
            &body,
        )
    })
    .await;
    let registry = registry(String::new(), service.url("/token")).await;
    let run = run(&registry, Phase::Deploy);
    let audience = Audience::Registry(registry.url("").parse().unwrap());
    let secret = Secret::new("hunter2-hunter2".into());
    let p = run.vault.insert("reference", secret, audience).unwrap();
    run.get(&registry.url("/v2/")).await.unwrap();
    let header = [("authorization", p.as_str())];
    let answer = run
        .send(request(Method::GET, &service.url("/token"), &header, ""))
        .await
        .unwrap();
    let mut names: Vec<_> = answer.headers().keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type"]);
    let read = text(answer).await;
    assert!(
        !read.contains("bearer-token") && !read.contains("hunter2"),
        "{read}"
    );
    let document: serde_json::Map<_, _> = serde_json::from_str(&read).unwrap();
    let mut fields: Vec<_> = document.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["expires_in", "issued_at", "scope", "token"]);
}

#[tokio::test]
async fn a_token_service_that_says_too_much_says_nothing() {
    let huge = format!(
        r#"{{"token":"bearer-token-1","filler":"{}"}}"#,
        "x".repeat(64 * 1024)
    );
    let deep = format!("{}{}", r#"{"a":"#.repeat(2000), "}".repeat(2000));
    for body in [
        huge,
        deep,
        "[]".into(),
        String::new(),
        r#"{"token":7}"#.into(),
    ] {
        let service = Server::start(move |_| answer("200 OK", &body)).await;
        let registry = registry(String::new(), service.url("/token")).await;
        let run = run(&registry, Phase::Deploy);
        run.get(&registry.url("/v2/")).await.unwrap();
        let error = run.get(&service.url("/token")).await.unwrap_err();
        assert!(
            matches!(error, SendError::Setup(_) | SendError::TooLarge { .. }),
            "{error:?}"
        );
        let audit = run.audit.0.lock().unwrap();
        let last = audit.last().unwrap();
        assert_eq!(last.status, Some(200));
        assert_eq!(last.failed, Some(error.to_string()));
    }
}

#[tokio::test]
async fn tokens_without_end_are_not_kept() {
    let number = AtomicUsize::new(0);
    let service = Server::start(move |_| {
        // Each another one: the same is kept once.
        let token = format!("{:040000}", number.fetch_add(1, SeqCst));
        answer("200 OK", &format!(r#"{{"token":"{token}"}}"#))
    })
    .await;
    let registry = registry(String::new(), service.url("/token")).await;
    let run = run(&registry, Phase::Deploy);
    run.get(&registry.url("/v2/")).await.unwrap();
    let mut kept = 0;
    let error = loop {
        match run.get(&service.url("/token")).await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(kept, (1 << 20) / 40_000, "{error}");
}
