//! A test that passes because its server did not do its work proves nothing: what the harness can, shown by itself.

use crate::harness::proxy::{Moment, Proxy};
use crate::harness::registry::{Access, Registry};
use crate::harness::token::{Proof, TokenService};
use crate::harness::{expected, sha256, skopeo};

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None);
    config.build().into()
}

/// Sends a blob in one go; the status, or nothing where the connection broke.
fn send_blob(address: std::net::SocketAddr, bytes: &[u8]) -> Option<u16> {
    let start = agent()
        .post(format!("http://{address}/v2/app/blobs/uploads/"))
        .send_empty()
        .ok()?;
    let location = start
        .headers()
        .get("location")?
        .to_str()
        .unwrap()
        .to_owned();
    let end = agent()
        .put(format!("{location}&digest={}", sha256(bytes)))
        .send(bytes)
        .ok()?;
    Some(end.status().as_u16())
}

#[test]
fn the_proxy_forwards_and_remembers() {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    assert_eq!(send_blob(proxy.address(), b"hello"), Some(201));
    assert_eq!(
        registry.blob("app", &sha256(b"hello")).as_deref(),
        Some(&b"hello"[..])
    );
    let requests = proxy.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|r| (r.method.as_str(), r.sent, r.status))
        .collect();
    assert_eq!(seen, [("POST", 0, Some(202)), ("PUT", 5, Some(201))]);
    assert_eq!(proxy.blob_bytes(), 5);
}

#[test]
fn the_proxy_cuts_where_it_is_told() {
    let registry = Registry::start();
    for (moment, sent, arrived) in [
        (Moment::Before, 0, false),
        (Moment::InBody, 50, false),
        (Moment::BeforeAnswer, 100, true),
    ] {
        let bytes = format!("{moment:?}").repeat(100).into_bytes()[..100].to_vec();
        let proxy = Proxy::cutting(registry.address(), moment, |r| r.method == "PUT");
        assert_eq!(send_blob(proxy.address(), &bytes), None, "{moment:?}");
        let requests = proxy.requests();
        assert_eq!(
            (requests[1].sent, requests[1].status),
            (sent, None),
            "{moment:?}"
        );
        assert_eq!(
            registry.blob("app", &sha256(&bytes)).is_some(),
            arrived,
            "{moment:?}"
        );
    }
}

#[test]
fn the_registry_keeps_its_port_and_its_blobs_over_a_restart() {
    let mut registry = Registry::start();
    let address = registry.address();
    assert_eq!(send_blob(address, b"kept"), Some(201));
    registry.restart();
    assert_eq!(registry.address(), address);
    assert!(registry.blob("app", &sha256(b"kept")).is_some());
}

#[test]
fn the_registry_asks_for_a_password() {
    let registry = Registry::with(Access::Basic("user", "right"), false);
    assert_eq!(registry.get("").status, 200);
    assert_eq!(send_blob(registry.address(), b"anonymous"), None);
}

#[test]
fn the_registry_takes_the_tokens_of_the_token_service() {
    let service = TokenService::start(Proof::Password("user", "right"));
    let registry = service.registry();
    let url = format!("http://{}/v2/app/blobs/uploads/", registry.address());
    let refused = agent().post(&url).send_empty().unwrap();
    assert_eq!(refused.status(), 401);
    let challenge = refused.headers()["www-authenticate"].to_str().unwrap();
    let part = |name: &str| {
        let value = challenge.split(&format!("{name}=\"")).nth(1).unwrap();
        value.split('"').next().unwrap()
    };
    let ask = |authorization: &str| {
        let request = agent().get(part("realm")).query("service", part("service"));
        let request = request.query("scope", part("scope"));
        request
            .header("authorization", authorization)
            .call()
            .unwrap()
    };
    assert_eq!(ask("Basic dXNlcjp3cm9uZw==").status(), 401);
    let answer = ask("Basic dXNlcjpyaWdodA==")
        .body_mut()
        .read_to_string()
        .unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let token = answer["token"].as_str().unwrap();
    let let_in = agent()
        .post(&url)
        .header("authorization", format!("Bearer {token}"));
    assert_eq!(let_in.send_empty().unwrap().status(), 202);
    assert_eq!(service.issued(), [token]);
}

#[test]
fn the_expected_image_is_one_that_the_registry_and_skopeo_take() {
    let registry = Registry::start();
    let image = expected::shop(&[]);
    for (_, bytes) in &image.layers {
        assert_eq!(send_blob(registry.address(), bytes), Some(201));
    }
    assert_eq!(
        send_blob(registry.address(), image.config.as_bytes()),
        Some(201)
    );
    let url = format!("http://{}/v2/app/manifests/v1", registry.address());
    let put = agent()
        .put(url)
        .header("content-type", "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(put.send(&image.manifest).unwrap().status(), 201);
    let from = format!("docker://{}", registry.reference("app:v1"));
    assert_eq!(skopeo::raw_manifest(&from), image.manifest.as_bytes());
    assert_eq!(skopeo::inspect(&from)["Architecture"], "wasm");
    let folder = tempfile::tempdir().unwrap();
    skopeo::pull(&from, folder.path());
    let layout = format!("oci:{}", folder.path().display());
    assert_eq!(skopeo::raw_manifest(&layout), image.manifest.as_bytes());
}
