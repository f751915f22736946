//! The token of a private catalog: it goes to that catalog's own origin, and is seen nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::author::{files, has_nothing, install, lock};
use super::shop::Shop;
use crate::credentials::nowhere;
use crate::harness::minisign::Minisign;
use crate::harness::run::Machine;
use crate::harness::web::{Page, Seen, Web};

const TOKEN: &str = "planted-catalog-token-5e1c";
const SAVED: &str = "secrets/saved.json";

fn private() -> Shop {
    let shop = Shop::with_two();
    shop.web.ask_for(TOKEN);
    shop
}

/// A customer whose token is saved.
fn known(shop: &Shop) -> Machine {
    let machine = shop.user();
    machine.write("token", format!("{TOKEN}\n"));
    shop.add_to(&machine, &["--token-file", "token"]);
    fs::remove_file(machine.home().join("token")).unwrap();
    machine
}

fn saved(machine: &Machine) -> PathBuf {
    machine
        .home()
        .join(".local/share/spin-deployer")
        .join(SAVED)
}

/// The catalog's server was shown the token each time.
#[track_caller]
fn was_shown(seen: &[Seen]) {
    assert!(!seen.is_empty());
    let shown = Some(format!("Bearer {TOKEN}"));
    assert!(
        seen.iter().all(|seen| seen.authorization == shown),
        "{seen:?}"
    );
}

/// Another server was asked, and shown nothing.
#[track_caller]
fn was_shown_nothing(other: &Web) {
    let seen = other.seen();
    assert!(!seen.is_empty());
    for seen in seen {
        assert_eq!(seen.authorization, None);
        assert!(!seen.head.contains(TOKEN), "{seen:?}");
    }
}

#[test]
fn who_has_none_is_told_how_to_have_one() {
    let shop = private();
    let machine = shop.customer();
    for line in [
        &["plugins", "search"][..],
        &["plugins", "install", "demo", "--yes"],
    ] {
        let refused = machine.run(line).fails(3);
        has_nothing(&machine, &refused);
        refused
            .says("the catalog `acme`")
            .says("SPIN_DEPLOYER_CATALOG_ACME_TOKEN")
            .says("--token-file FILE");
    }
    assert!(shop.web.seen().iter().all(|s| s.authorization.is_none()));
    // Who has the lock of somebody who has one.
    let customer = known(&shop);
    install(&customer, "demo", &["--yes"]).ok();
    let ci = shop.user();
    ci.write("deployer.lock", lock(&customer));
    let refused = ci.run(["plugins", "fetch"]).fails(3);
    refused
        .says("catalog add NAME")
        .says(&shop.location())
        .says("--token-file FILE");
    let plugins = ci.home().join(".local/share/spin-deployer/plugins");
    assert_eq!(files(&plugins), Vec::<PathBuf>::new());
}

#[test]
fn it_is_shown_to_the_catalog_and_to_nobody_else() {
    let shop = private();
    let machine = known(&shop);
    let mode = fs::metadata(saved(&machine)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = machine.run(["catalog", "list", "--output", "json"]).ok();
    assert_eq!(listed.json()["catalogs"][0]["token"], true);
    let secrets = [TOKEN.to_owned()];
    for line in [
        &["plugins", "search", "-v"][..],
        &["plugins", "install", "demo@0.1.0", "--yes", "-v"],
        &["plugins", "list", "-v"],
        &["plugins", "upgrade", "-v", "--output", "json"],
        &["plugins", "show", "demo"],
        &["plugins", "fetch", "-v"],
    ] {
        let finished = machine.run(line).ok();
        nowhere(&machine, &finished, &[SAVED], &secrets);
    }
    was_shown(&shop.web.seen());

    let removed = machine.run(["catalog", "remove", "acme"]).ok();
    nowhere(&machine, &removed, &[], &secrets);
    shop.add_to(&machine, &[]);
    machine.run(["plugins", "search"]).fails(3);
}

#[test]
fn a_variable_counts_more_than_what_is_saved() {
    let shop = private();
    let mut machine = shop.user();
    machine.write("token", "an-old-one\n");
    shop.add_to(&machine, &["--token-file", "token"]);
    let refused = machine.run(["plugins", "search"]).fails(3);
    assert!(!refused.stderr.contains("an-old-one"), "{refused}");
    let file = machine.write("new", format!("{TOKEN}\n"));
    machine.set("SPIN_DEPLOYER_CATALOG_ACME_TOKEN_FILE", file);
    machine.run(["plugins", "search"]).ok();
    machine.set("SPIN_DEPLOYER_CATALOG_ACME_TOKEN", "wrong");
    machine.run(["plugins", "search"]).fails(3);
    machine.set("SPIN_DEPLOYER_CATALOG_ACME_TOKEN_FILE", "no/such/file");
    machine.set("SPIN_DEPLOYER_CATALOG_ACME_TOKEN", TOKEN);
    let found = machine.run(["plugins", "search"]).ok();
    nowhere(&machine, &found, &["/new"], &[TOKEN.to_owned()]);
    // What is no token goes nowhere.
    let before = shop.web.seen().len();
    machine.set("SPIN_DEPLOYER_CATALOG_ACME_TOKEN", "two words");
    machine.run(["plugins", "search"]).fails(2);
    assert_eq!(shop.web.seen().len(), before);
}

/// The entry of a version leads to another server, for the component and for its signature.
#[test]
fn where_a_catalog_leads_to_another_server_that_one_gets_nothing() {
    let (shop, publisher) = (Shop::new(), Minisign::new());
    let file = shop.add("0.1.0", "\"GET\"", "");
    publisher.sign(&file);
    shop.publish(&["--key", publisher.public_file().to_str().unwrap()]);
    shop.web.ask_for(TOKEN);
    let other = Web::start(&shop.authority);
    for file in ["demo-0.1.0.wasm", "demo-0.1.0.wasm.minisig"] {
        other.put(&format!("/{file}"), [Page::Whole(shop.file(file))]);
    }
    shop.change("demo/demo@0.1.0.json", |entry: &mut Value| {
        let component = &mut entry["component"];
        component["url"] = json!(other.url("/demo-0.1.0.wasm"));
        component["signature"]["url"] = json!(other.url("/demo-0.1.0.wasm.minisig"));
    });
    let machine = known(&shop);
    let installed = install(&machine, "demo", &["--yes", "-v"]).ok();
    assert_eq!(installed.json()["signer"], publisher.key());
    assert_eq!(other.seen().len(), 2);
    was_shown_nothing(&other);
    was_shown(&shop.web.seen());
    nowhere(&machine, &installed, &[SAVED], &[TOKEN.to_owned()]);
}

#[test]
fn where_a_redirect_leads_to_another_server_that_one_gets_nothing() {
    let shop = private();
    let other = Web::start(&shop.authority);
    for (path, file) in [
        ("/index.json", "index.json"),
        ("/demo/demo@0.2.0.json", "demo/demo@0.2.0.json"),
        ("/demo-0.2.0.wasm", "demo-0.2.0.wasm"),
    ] {
        shop.web.put(path, [Page::Moved(other.url(path))]);
        other.put(path, [Page::Whole(shop.file(file))]);
    }
    let machine = known(&shop);
    let installed = install(&machine, "demo", &["--yes", "-v"]).ok();
    assert_eq!(other.seen().len(), 3);
    was_shown_nothing(&other);
    was_shown(&shop.web.seen());
    nowhere(&machine, &installed, &[SAVED], &[TOKEN.to_owned()]);
}

#[test]
fn another_catalog_gets_its_own_or_nothing() {
    let (shop, other) = (private(), Shop::with_two());
    let machine = known(&shop);
    // It believes both.
    let both = [&shop, &other].map(|shop| fs::read(shop.authority.file()).unwrap());
    let mut machine = machine;
    let authorities = machine.write("authorities.pem", both.concat());
    machine.set("SSL_CERT_FILE", authorities);
    let location = other.location();
    machine.run(["catalog", "add", "other", &location]).ok();
    machine.run(["plugins", "search"]).ok();
    was_shown_nothing(&other.web);
    was_shown(&shop.web.seen());
    // Nor does one that comes in its place, under its name.
    machine.run(["catalog", "remove", "acme"]).ok();
    machine.run(["catalog", "remove", "other"]).ok();
    machine.run(["catalog", "add", "acme", &location]).ok();
    machine.run(["plugins", "search"]).ok();
    was_shown_nothing(&other.web);
}

#[test]
fn a_folder_takes_no_token_and_is_not_added_with_one() {
    let shop = Shop::new();
    let machine = shop.user();
    machine.write("token", TOKEN);
    let line = ["catalog", "add", "here", "plugins", "--token-file", "token"];
    machine.run(line).fails(2).says("takes no token");
    let listed = machine.run(["catalog", "list", "--output", "json"]).ok();
    assert_eq!(listed.json()["catalogs"], json!([]));
}
