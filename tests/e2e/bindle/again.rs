//! What the server has is not sent again.

use super::app::{Arrived, module, shop};
use super::{Site, deploy, id, is_invoice, line, uploads, url};
use crate::harness::proxy::Proxy;

/// Parcels of the shop, of which two are the same bytes.
const CONTENTS: usize = 8;

#[test]
fn an_app_that_did_not_change_is_two_questions() {
    for site in [Site::with_files(), Site::with_database()] {
        let server = site.server();
        let app = shop();
        let first = deploy(&site.machine, &app, &server.url(), &[]).ok();
        let proxy = Proxy::to(server.address());
        let second = deploy(&site.machine, &app, &url(&proxy), &[]).ok();
        assert_eq!(id(&second), id(&first));
        let requests = proxy.requests();
        let asked: Vec<_> = requests
            .iter()
            .map(|r| format!("{} {}", r.method, r.target))
            .collect();
        let id = id(&first);
        let invoice = format!("GET /v1/_i/{id}?yanked=true");
        assert_eq!(asked, [invoice, format!("GET /v1/_r/missing/{id}")]);
        assert_eq!(second.json()["transferred"]["bytes"], 0, "{second}");
    }
}

#[test]
fn a_first_push_sends_every_content_once() {
    let site = Site::with_files();
    let server = site.server();
    let proxy = Proxy::to(server.address());
    deploy(&site.machine, &shop(), &url(&proxy), &[]).ok();
    let requests = proxy.requests();
    assert_eq!(uploads(&proxy), CONTENTS, "{requests:#?}");
    assert_eq!(requests.iter().filter(|r| is_invoice(r)).count(), 1);
    // What is there, the invoice, the parcels, what is still missing.
    assert_eq!(requests.len(), CONTENTS + 3, "{requests:#?}");
}

#[test]
fn a_change_is_another_bindle_and_sends_what_changed() {
    for site in [Site::with_files(), Site::with_database()] {
        let server = site.server();
        let app = shop();
        let first = deploy(&site.machine, &app, &server.url(), &[]).ok();
        app.write("both.txt", "changed in both");
        let proxy = Proxy::to(server.address());
        let second = deploy(&site.machine, &app, &url(&proxy), &[]).ok();
        assert_ne!(id(&second), id(&first));
        // The manifest names Wasm, and of files the group only.
        assert_eq!(uploads(&proxy), 1, "{:#?}", proxy.requests());
        assert_eq!(second.json()["transferred"]["bytes"], 15, "{second}");

        app.write("back.wasm", module("changed"));
        let proxy = Proxy::to(server.address());
        let third = deploy(&site.machine, &app, &url(&proxy), &[]).ok();
        assert_eq!(uploads(&proxy), 2, "{:#?}", proxy.requests());
        for pushed in [first, second, third] {
            Arrived::on(&server, &id(&pushed));
        }
    }
}

#[test]
fn a_plan_only_asks_and_says_what_a_deploy_would_do() {
    let site = Site::with_database();
    let server = site.server();
    let proxy = Proxy::to(server.address());
    let app = shop();
    let plan = |more: &[&str]| site.machine.run(line("plan", &app, &url(&proxy), more));
    let changes = |plan: &serde_json::Value| -> Vec<(String, String)> {
        let text = |it: &serde_json::Value, key: &str| it[key].as_str().unwrap().to_owned();
        let changes = plan["changes"].as_array().unwrap().iter();
        changes
            .map(|it| (text(it, "action"), text(it, "kind")))
            .collect()
    };

    let before = plan(&[]).ok();
    let all = changes(&before.json());
    assert_eq!(
        all[0],
        ("create".to_owned(), "bindle".to_owned()),
        "{before}"
    );
    assert_eq!(all.len(), 1 + CONTENTS, "{before}");
    assert!(
        all[1..]
            .iter()
            .all(|(action, kind)| action == "upload" && kind == "parcel")
    );
    plan(&["--detailed-exitcode"]).fails(2);
    assert!(
        proxy.requests().iter().all(|r| r.method == "GET"),
        "{:#?}",
        proxy.requests()
    );

    let pushed = deploy(&site.machine, &app, &server.url(), &[]).ok();
    let after = plan(&["--detailed-exitcode"]).ok();
    assert_eq!(
        changes(&after.json()),
        [("keep".to_owned(), "bindle".to_owned())]
    );
    let promised = before.json()["changes"][0].clone();
    assert!(promised.to_string().contains(&id(&pushed)), "{promised}");
    assert!(
        proxy.requests().iter().all(|r| r.method == "GET"),
        "{:#?}",
        proxy.requests()
    );
}
