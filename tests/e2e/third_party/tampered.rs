//! Whatever somebody changes at a catalog's server, what was not published is not installed.

use rstest::rstest;
use serde_json::json;

use super::author::{has_nothing, install, lock};
use super::shop::Shop;
use crate::harness::sha256;
use crate::harness::web::Page;

const COMPONENT: &str = "/demo-0.2.0.wasm";
const ENTRY: &str = "demo/demo@0.2.0.json";

fn digits(bytes: &[u8]) -> String {
    sha256(bytes).replace("sha256:", "")
}

fn bytes(shop: &Shop) {
    let mut component = shop.file("demo-0.2.0.wasm");
    let middle = component.len() / 2;
    component[middle] ^= 1;
    shop.web.put(COMPONENT, [Page::Whole(component)]);
}

fn another_component(shop: &Shop) {
    let older = shop.file("demo-0.1.0.wasm");
    shop.web.put(COMPONENT, [Page::Whole(older)]);
}

/// The entry leads to a component of the attacker's, which has the digest that the entry says.
fn entry(shop: &Shop) {
    let mine = std::fs::read(shop.author.pack("0.2.0", "\"DELETE\"")).unwrap();
    shop.change(ENTRY, |entry| {
        entry["component"]["sha256"] = json!(digits(&mine))
    });
    shop.web.put(COMPONENT, [Page::Whole(mine)]);
}

fn index(shop: &Shop) {
    let mine = std::fs::read(shop.author.pack("0.2.0", "\"DELETE\"")).unwrap();
    shop.change("index.json", |index| {
        index["plugins"]["demo"]["versions"][0]["digest"] = json!(sha256(&mine));
    });
    shop.web.put(COMPONENT, [Page::Whole(mine)]);
}

fn entry_of_another_name(shop: &Shop) {
    shop.change(ENTRY, |entry| entry["name"] = json!("other"));
}

fn entry_of_another_version(shop: &Shop) {
    shop.change(ENTRY, |entry| entry["version"] = json!("0.3.0"));
}

/// Index and entry agree on a digest, and the component has it.
fn consistently(shop: &Shop, component: Vec<u8>) {
    shop.change("index.json", |index| {
        let newest = &mut index["plugins"]["demo"]["versions"][0];
        assert_eq!(newest["version"], "0.2.0");
        newest["digest"] = json!(sha256(&component));
    });
    shop.change(ENTRY, |entry| {
        entry["component"]["sha256"] = json!(digits(&component));
        entry["component"]["size"] = json!(component.len());
    });
    shop.web.put(COMPONENT, [Page::Whole(component)]);
}

fn older_version_under_the_newer_name(shop: &Shop) {
    consistently(shop, shop.file("demo-0.1.0.wasm"));
}

fn another_plugin(shop: &Shop) {
    let manifest = "name = \"other\"\nversion = \"0.2.0\"\ndescription = \"Another\"\n";
    let other = shop.author.pack_manifest("other.wasm", manifest);
    consistently(shop, std::fs::read(other).unwrap());
}

#[rstest]
#[case::bytes(bytes)]
#[case::another_component(another_component)]
#[case::entry(entry)]
#[case::index(index)]
#[case::entry_of_another_name(entry_of_another_name)]
#[case::entry_of_another_version(entry_of_another_version)]
#[case::older_version_under_the_newer_name(older_version_under_the_newer_name)]
#[case::another_plugin(another_plugin)]
fn what_was_not_published_is_not_installed(#[case] tamper: fn(&Shop)) {
    let shop = Shop::with_two();
    let machine = shop.customer();
    tamper(&shop);
    for source in ["demo", "demo@0.2.0"] {
        let refused = install(&machine, source, &["--yes"]).fails(5);
        has_nothing(&machine, &refused);
        assert_eq!(refused.json()["error"]["code"], "denied", "{refused}");
        refused.says("tell who keeps it");
    }
    // Everything else of it is what it was.
    let older = install(&machine, "demo@0.1.0", &["--yes"]).ok().json();
    let digest = sha256(&shop.file("demo-0.1.0.wasm"));
    assert_eq!(older["plugin"]["digest"], digest);
    let before = lock(&machine);
    machine.run(["plugins", "upgrade", "--yes"]).fails(5);
    assert_eq!(lock(&machine), before);
    machine.run(["plugins", "verify"]).ok();
}
