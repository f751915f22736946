//! A catalog on a web server: searched, chosen from, upgraded from.

use serde_json::Value;

use super::author::{deploy, has_nothing, install, lock};
use super::shop::Shop;
use crate::harness::run::Machine;
use crate::harness::sha256;
use crate::harness::web::Page;

fn uninstall(machine: &Machine) {
    machine.run(["plugins", "uninstall", "demo"]).ok();
    std::fs::remove_file(machine.home().join("deployer.lock")).unwrap();
}

fn installed(machine: &Machine, what: &str, more: &[&str]) -> String {
    let report = install(machine, what, more).ok().json();
    report["plugin"]["version"].as_str().unwrap().to_owned()
}

fn listed(machine: &Machine) -> Value {
    let listed = machine.run(["plugins", "list", "--output", "json"]);
    let listed = listed.ok().json();
    let all = listed["plugins"].as_array().unwrap();
    all.iter()
        .find(|one| one["name"] == "demo")
        .unwrap()
        .clone()
}

#[test]
fn what_is_found_there_is_installed_and_deploys() {
    let shop = Shop::with_two();
    let machine = shop.customer();
    let found = machine.run(["plugins", "search", "--output", "json", "author"]);
    let found = found.ok().json();
    assert_eq!(found["plugins"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["plugins"][0]["name"], "demo");
    assert_eq!(found["plugins"][0]["version"], "0.2.0");
    let none = machine.run(["plugins", "search", "--output", "json", "nothing"]);
    assert_eq!(none.ok().json()["plugins"].as_array().unwrap().len(), 0);

    let report = install(&machine, "demo", &["--yes"]).ok().json();
    let source = format!("catalog+{}#demo@0.2.0", shop.location());
    assert_eq!(report["source"], source);
    let digest = sha256(&shop.file("demo-0.2.0.wasm"));
    assert_eq!(report["plugin"]["digest"], digest);
    deploy(&machine, &shop.author).ok();
    assert_eq!(shop.author.platform.connections(), 1);

    // The lock needs no catalog elsewhere.
    let ci = shop.user();
    ci.write("deployer.lock", lock(&machine));
    ci.run(["plugins", "fetch"]).ok();
    deploy(&ci, &shop.author).ok();
    assert_eq!(shop.author.platform.connections(), 2);
}

#[test]
fn versions_are_chosen_by_range_and_by_the_spin_that_there_is() {
    let shop = Shop::new();
    shop.add("0.1.0", "\"GET\"", "spin-compatibility = \">=3, <4\"");
    shop.add("0.1.1", "\"GET\"", "spin-compatibility = \">=3, <4\"");
    shop.add("0.2.0", "\"GET\"", "spin-compatibility = \">=4\"");
    shop.publish(&[]);
    let machine = shop.customer();
    let of = |what, spin| installed(&machine, what, &["--yes", "--spin-version", spin]);
    assert_eq!(of("demo@^0.1", "3.2.0"), "0.1.1");
    uninstall(&machine);
    assert_eq!(of("demo@0.1.0", "3.2.0"), "0.1.0");
    uninstall(&machine);
    assert_eq!(of("demo", "4.1.0"), "0.2.0");
    uninstall(&machine);
    let older = install(&machine, "demo", &["--yes", "--spin-version", "3.2.0"]);
    let older = older.ok().says("0.2.0 is there too");
    assert_eq!(older.json()["plugin"]["version"], "0.1.1");
    // Outdated is what this Spin could have.
    let line = ["plugins", "upgrade", "--output", "json", "--spin-version"];
    let same = machine.run(line.iter().chain(&["3.2.0"])).ok().json();
    assert_eq!(same["plugins"][0]["changes"], false, "{same}");
    uninstall(&machine);

    for (what, spin, code) in [
        ("demo", "2.7.0", 6),
        ("demo@0.2.0", "3.2.0", 6),
        ("demo@^0.3", "4.0.0", 2),
        ("other", "4.0.0", 2),
    ] {
        let refused = install(&machine, what, &["--yes", "--spin-version", spin]);
        let refused = refused.fails(code);
        has_nothing_installed(&machine);
        assert_eq!(lock(&machine), "", "{refused}");
    }
}

fn has_nothing_installed(machine: &Machine) {
    let listed = machine.run(["plugins", "list", "--offline", "--output", "json"]);
    let listed = listed.ok().json();
    let all = listed["plugins"].as_array().unwrap();
    assert!(all.iter().all(|one| one["from"] == "built-in"), "{listed}");
}

#[test]
fn what_is_outdated_is_said_and_wider_rules_are_agreed_to() {
    let shop = Shop::new();
    shop.add("0.1.0", "\"GET\"", "");
    shop.publish(&[]);
    let machine = shop.customer();
    install(&machine, "demo", &["--yes"]).ok();
    assert_eq!(listed(&machine)["newer"], Value::Null);
    let before = lock(&machine);

    shop.add("0.2.0", "\"GET\", \"DELETE\"", "");
    shop.publish(&[]);
    assert_eq!(listed(&machine)["newer"], "0.2.0");
    let text = machine.run(["plugins", "list"]).ok();
    let line = text.stdout.lines().find(|line| line.contains("demo"));
    assert!(line.unwrap().contains("0.2.0"), "{text}");
    let gained = format!("+ DELETE http://{}/**", shop.author.platform.address());
    let upgrade = |more: &[&str]| {
        let line = ["plugins", "upgrade", "--output", "json"];
        machine.run(line.iter().chain(more))
    };
    upgrade(&[]).fails(5).says(&gained).says("--yes");
    assert_eq!(lock(&machine), before);
    assert_eq!(listed(&machine)["version"], "0.1.0");
    let upgraded = upgrade(&["--yes"]).ok().json();
    assert_eq!(upgraded["plugins"][0]["difference"][0], gained);
    assert_eq!(listed(&machine)["version"], "0.2.0");
    assert!(lock(&machine).contains("#demo@0.2.0"));
    deploy(&machine, &shop.author).ok();
}

#[test]
fn what_is_no_catalog_is_told_and_nothing_is_kept() {
    let shop = Shop::with_two();
    let machine = shop.customer();
    let index = |page| shop.web.put("/index.json", [page]);
    for (page, says) in [
        (Page::Refused("404 Not Found", Vec::new()), "no index.json"),
        (Page::Whole(b"<html>".into()), "index.json"),
        (
            Page::Whole(br#"{"schema":2,"plugins":{}}"#.into()),
            "schema",
        ),
        (Page::Announced(1 << 40), "larger than 4194304 bytes"),
        (Page::Endless, "larger than 4194304 bytes"),
    ] {
        index(page);
        let refused = install(&machine, "demo", &["--yes"]).fails(2).says(says);
        has_nothing(&machine, &refused);
        machine.run(["plugins", "search"]).fails(2).says(says);
    }
}
