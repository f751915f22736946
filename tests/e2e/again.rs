//! What the registry has is not sent again.

use crate::harness::app::App;
use crate::harness::proxy::Proxy;
use crate::harness::registry::Registry;
use crate::harness::run::Machine;

#[test]
fn a_second_push_sends_no_blob_and_leaves_the_same_digest() {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    let machine = Machine::new();
    let app = App::shop();
    let first = machine
        .push(app.path(), &proxy.reference("shop:v1"), &[])
        .ok();
    let sent = proxy.blob_bytes();
    assert!(sent > 300_000);
    assert_eq!(first.json()["transferred"]["skipped_bytes"], 0, "{first}");

    let again = Proxy::to(registry.address());
    let second = machine
        .push(app.path(), &again.reference("shop:v1"), &[])
        .ok();
    assert_eq!(second.digest(), first.digest());
    let uploads: Vec<_> = again
        .requests()
        .into_iter()
        .filter(|r| r.target.contains("/uploads/"))
        .collect();
    assert!(uploads.is_empty(), "{uploads:#?}");
    assert_eq!(second.json()["transferred"]["bytes"], 0, "{second}");
}

#[test]
fn a_change_sends_what_changed() {
    let registry = Registry::start();
    let machine = Machine::new();
    let app = App::shop();
    machine
        .push(app.path(), &registry.reference("shop:v1"), &[])
        .ok();
    app.write("static/e.bin", "e".repeat(500));
    let proxy = Proxy::to(registry.address());
    machine
        .push(app.path(), &proxy.reference("shop:v2"), &[])
        .ok();
    // The file, and the locked application and the configuration that name it.
    let sent = proxy.blob_bytes();
    assert!((500..10_000).contains(&sent), "{sent}");
}

#[test]
fn a_blob_that_two_components_share_goes_once() {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    let app = App::shop();
    Machine::new()
        .push(app.path(), &proxy.reference("shop:v1"), &[])
        .ok();
    let wasm = crate::harness::app::hello_wasm().len() as u64;
    let sent = proxy.requests().iter().filter(|r| r.sent == wasm).count();
    assert_eq!(sent, 1, "{:#?}", proxy.requests());
}

#[test]
fn blobs_of_another_repository_are_mounted() {
    let registry = Registry::start();
    let machine = Machine::new();
    let app = App::shop();
    let there = machine
        .push(app.path(), &registry.reference("library/shop:v1"), &[])
        .ok();
    let proxy = Proxy::to(registry.address());
    let more = ["--mount-from", "library/shop"];
    let here = machine
        .push(app.path(), &proxy.reference("mine/shop:v1"), &more)
        .ok();
    assert_eq!(here.digest(), there.digest());
    assert_eq!(proxy.blob_bytes(), 0, "{:#?}", proxy.requests());
    let mounts = proxy
        .requests()
        .into_iter()
        .filter(|r| r.target.contains("mount=sha256"));
    assert!(mounts.clone().count() > 0);
    for mount in mounts {
        assert_eq!(
            (mount.method.as_str(), mount.status),
            ("POST", Some(201)),
            "{mount:#?}"
        );
    }
}

#[test]
fn what_cannot_be_mounted_is_sent() {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    let app = App::shop();
    let more = ["--mount-from", "library/nothing"];
    Machine::new()
        .push(app.path(), &proxy.reference("shop:v1"), &more)
        .ok();
    assert!(proxy.blob_bytes() > 300_000);
    assert_eq!(registry.manifest("shop", "v1").status, 200);
}

#[test]
fn a_plan_only_asks_and_says_what_a_deploy_would_do() {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    let machine = Machine::new();
    let app = App::shop();
    let path = app.path().to_str().unwrap();
    let reference = proxy.reference("shop:v1");
    let plan = [
        "plan",
        "-f",
        path,
        "-t",
        "oci",
        "--reference",
        &reference,
        "--output",
        "json",
    ];
    let exact = || plan.iter().copied().chain(["--detailed-exitcode"]);

    let before = machine.run(plan).ok();
    assert!(!proxy.requests().is_empty());
    let effect = format!("POST to the token service of http://{}", proxy.address());
    assert_eq!(before.json()["effects"], serde_json::json!([effect]));
    assert_eq!(before.json()["sent"], serde_json::json!([]));
    assert!(
        proxy.requests().iter().all(|r| !r.writes()),
        "{:#?}",
        proxy.requests()
    );
    let uploads = |plan: &serde_json::Value| {
        let changes = plan["changes"].as_array().unwrap().clone();
        changes
            .into_iter()
            .filter(|c| c["action"] == "upload")
            .count()
    };
    assert!(uploads(&before.json()) > 0, "{before}");
    machine.run(exact()).fails(2);

    machine.push(app.path(), &reference, &[]).ok();
    let after = machine.run(exact()).ok();
    assert_eq!(uploads(&after.json()), 0, "{after}");
}
