//! Plugins that are signed with minisign: a file, a URL, a catalog.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;

use super::author::{Author, deploy, has_nothing, install, lock, user_of};
use super::shop::Shop;
use crate::harness::certificate::Authority;
use crate::harness::minisign::{Minisign, beside};
use crate::harness::run::Machine;
use crate::harness::sha256;
use crate::harness::web::{Page, Web};

/// A user with a cache of its own, who knows no server.
fn user() -> Machine {
    user_of(&Authority::new())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_signed_file_is_installed_and_who_signed_it_is_written_down() {
    let (author, publisher) = (Author::new(), Minisign::new());
    let file = author.pack("0.1.0", "\"GET\"");
    publisher.sign(&file);
    let key = publisher.key();
    for named in [text(&publisher.public_file()), &key] {
        let machine = user();
        let line = ["--yes", "--offline", "--key", named];
        let installed = install(&machine, text(&file), &line).ok().json();
        assert_eq!(installed["signer"], key);
        let comment = installed["comment"].as_str().unwrap();
        assert!(comment.contains("file:demo-0.1.0.wasm"), "{comment}");
        assert!(lock(&machine).contains(&format!("signer = \"{key}\"")));
        deploy(&machine, &author).ok();
    }
    // Without a key nobody looks, and nobody is said to have signed it.
    let machine = user();
    let installed = install(&machine, text(&file), &["--yes", "--offline"]);
    assert!(installed.ok().json()["signer"].is_null());
    assert!(!lock(&machine).contains("signer"));
}

fn missing(_: &Minisign, file: &Path) {
    fs::remove_file(beside(file)).unwrap();
}

fn empty(_: &Minisign, file: &Path) {
    fs::write(beside(file), "").unwrap();
}

fn forged(_: &Minisign, file: &Path) {
    let signature = fs::read_to_string(beside(file)).unwrap();
    let mut lines: Vec<String> = signature.lines().map(str::to_owned).collect();
    // Within the signature of the bytes, behind algorithm and number.
    let was = lines[1].as_bytes()[40];
    let other = if was == b'A' { "B" } else { "A" };
    lines[1].replace_range(40..41, other);
    fs::write(beside(file), lines.join("\n")).unwrap();
}

fn by_another_key(_: &Minisign, file: &Path) {
    Minisign::new().sign(file);
}

/// The attacker's key says that it has the number of the publisher's.
fn by_another_key_under_its_number(publisher: &Minisign, file: &Path) {
    Minisign::new().sign(file);
    let signature = fs::read_to_string(beside(file)).unwrap();
    let lines: Vec<&str> = signature.lines().collect();
    // Both the key and the signature begin with two bytes of algorithm and eight of number.
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD as BASE64;
    let key = publisher.key().replace("minisign:", "");
    let number = BASE64.decode(key).unwrap()[2..10].to_vec();
    let mut bytes = BASE64.decode(lines[1]).unwrap();
    bytes.splice(2..10, number);
    let mine = BASE64.encode(bytes);
    let all = [lines[0], &mine, lines[2], lines[3]].join("\n");
    fs::write(beside(file), all).unwrap();
}

fn of_other_bytes(publisher: &Minisign, file: &Path) {
    let other = file.with_file_name("other.wasm");
    fs::write(&other, "other bytes").unwrap();
    publisher.sign(&other);
    fs::rename(beside(&other), beside(file)).unwrap();
}

fn with_another_comment(_: &Minisign, file: &Path) {
    let signature = fs::read_to_string(beside(file)).unwrap();
    let other = signature.replace("file:demo-0.1.0.wasm", "file:demo-0.9.0.wasm");
    assert_ne!(signature, other);
    fs::write(beside(file), other).unwrap();
}

fn in_the_old_way(publisher: &Minisign, file: &Path) {
    publisher.sign_as_of_old(file);
}

/// An old signature that says that it is a new one.
fn in_the_old_way_under_the_new_name(publisher: &Minisign, file: &Path) {
    publisher.sign_as_of_old(file);
    let signature = fs::read_to_string(beside(file)).unwrap();
    let other = signature.replacen("\nRW", "\nRU", 1);
    assert_ne!(signature, other);
    fs::write(beside(file), other).unwrap();
}

fn twice(_: &Minisign, file: &Path) {
    let signature = fs::read_to_string(beside(file)).unwrap();
    fs::write(beside(file), signature.repeat(2)).unwrap();
}

#[rstest]
#[case::missing(missing, "there is no signature")]
#[case::empty(empty, "there is no signature")]
#[case::forged(forged, "which did not sign these bytes")]
#[case::by_another_key(by_another_key, "--key KEY")]
#[case::by_another_key_under_its_number(
    by_another_key_under_its_number,
    "which did not sign these bytes"
)]
#[case::of_other_bytes(of_other_bytes, "which did not sign these bytes")]
#[case::with_another_comment(with_another_comment, "which did not sign these bytes")]
#[case::in_the_old_way(in_the_old_way, "old kind")]
#[case::in_the_old_way_under_the_new_name(
    in_the_old_way_under_the_new_name,
    "which did not sign these bytes"
)]
#[case::twice(twice, "more than one signature")]
fn what_the_publisher_did_not_sign_is_not_installed(
    #[case] spoil: fn(&Minisign, &Path),
    #[case] says: &str,
) {
    let (author, publisher) = (Author::new(), Minisign::new());
    let file = author.pack("0.1.0", "\"GET\"");
    publisher.sign(&file);
    spoil(&publisher, &file);
    let key = publisher.key();
    let machine = user();
    let refused = install(
        &machine,
        text(&file),
        &["--yes", "--offline", "--key", &key],
    );
    has_nothing(&machine, &refused);
    refused
        .fails(5)
        .says("is not signed by its publisher")
        .says(says);
    // The same at a URL, with the signature beside it.
    let authority = Authority::new();
    let (web, wasm) = (Web::start(&authority), fs::read(&file).unwrap());
    web.put("/demo.wasm", [Page::Whole(wasm.clone())]);
    if let Ok(signature) = fs::read(beside(&file)) {
        web.put("/demo.wasm.minisig", [Page::Whole(signature)]);
    }
    let machine = user_of(&authority);
    let source = format!("{}#{}", web.url("/demo.wasm"), sha256(&wasm));
    let refused = install(&machine, &source, &["--yes", "--key", &key]);
    has_nothing(&machine, &refused);
    refused
        .fails(5)
        .says("is not signed by its publisher")
        .says(says);
    assert_eq!(web.seen().len(), 2);
}

#[test]
fn a_signed_plugin_at_a_url_is_checked_again_where_there_is_only_the_lock() {
    let (author, publisher, authority) = (Author::new(), Minisign::new(), Authority::new());
    let file = author.pack("0.1.0", "\"GET\"");
    publisher.sign(&file);
    let (web, wasm) = (Web::start(&authority), fs::read(&file).unwrap());
    let signature = fs::read(beside(&file)).unwrap();
    web.put("/demo.wasm", [Page::Whole(wasm.clone())]);
    web.put("/demo.wasm.minisig", [Page::Whole(signature)]);
    let source = format!("{}#{}", web.url("/demo.wasm"), sha256(&wasm));
    let machine = user_of(&authority);
    let key = publisher.key();
    let installed = install(&machine, &source, &["--yes", "--key", &key]);
    assert_eq!(installed.ok().json()["signer"], key);

    let ci = user_of(&authority);
    ci.write("deployer.lock", lock(&machine));
    ci.run(["plugins", "fetch"]).ok();
    deploy(&ci, &author).ok();
    by_another_key(&publisher, &file);
    let other = fs::read(beside(&file)).unwrap();
    web.put("/demo.wasm.minisig", [Page::Whole(other)]);
    let later = user_of(&authority);
    later.write("deployer.lock", lock(&machine));
    later.run(["plugins", "fetch"]).fails(5).says("not signed");
    deploy(&later, &author).fails(2);
    assert_eq!(author.platform.connections(), 1);
}

#[test]
fn a_key_that_was_trusted_once_has_to_have_signed_the_next_one() {
    let (author, publisher, other) = (Author::new(), Minisign::new(), Minisign::new());
    let signed = |version: &str, by: &Minisign| {
        let file = author.pack(version, "\"GET\"");
        by.sign(&file);
        file
    };
    let machine = user();
    let install = |file: &PathBuf, more: &[&str]| {
        let line = ["--yes", "--offline"].iter().chain(more);
        super::author::install(&machine, text(file), &line.copied().collect::<Vec<_>>())
    };
    let first = signed("0.1.0", &publisher);
    install(&first, &["--key", &publisher.key()]).ok();
    let before = lock(&machine);

    let second = signed("0.2.0", &other);
    let refused = install(&second, &[]).fails(5);
    refused.says("--key KEY").says("another way");
    fs::remove_file(beside(&second)).unwrap();
    install(&second, &[]).fails(5).says("there is no signature");
    assert_eq!(lock(&machine), before);
    // Nor where the app is another one, and only what is installed knows the key.
    fs::remove_file(machine.home().join("deployer.lock")).unwrap();
    install(&second, &[]).fails(5);
    assert_eq!(lock(&machine), "");
    // Its own key needs no naming.
    publisher.sign(&second);
    install(&second, &[]).ok();
    assert!(lock(&machine).contains(&publisher.key()));

    let third = signed("0.3.0", &other);
    install(&third, &["--key", &other.key()]).ok();
    assert!(lock(&machine).contains(&other.key()));
    assert!(!lock(&machine).contains(&publisher.key()));
    // From then on it is the other one.
    let fourth = signed("0.4.0", &publisher);
    install(&fourth, &[]).fails(5);
}

#[test]
fn a_catalog_says_the_key_and_a_new_one_is_said_by_the_user() {
    let (shop, publisher, other) = (Shop::new(), Minisign::new(), Minisign::new());
    let first = shop.add("0.1.0", "\"GET\"", "");
    // A publisher who forgot to sign, or signed something else, makes no catalog.
    let key = publisher.public_file();
    let build = |more: &[&str]| {
        let line = ["catalog", "build", "catalog"];
        shop.author.machine.run(line.iter().chain(more))
    };
    let with_key = ["--key", text(&key)];
    build(&with_key).fails(2).says("minisign -S");
    other.sign(&first);
    build(&with_key).fails(5).says("no good signature");
    build(&[]).fails(2).says("--key");
    publisher.sign(&first);
    shop.publish(&with_key);

    let machine = shop.customer();
    let installed = install(&machine, "demo", &["--yes"]).ok().json();
    assert_eq!(installed["signer"], publisher.key());
    let before = lock(&machine);
    assert!(before.contains(&publisher.key()));

    let second = shop.add("0.2.0", "\"GET\"", "");
    for file in [&first, &second] {
        other.sign(file);
    }
    shop.publish(&["--key", text(&other.public_file())]);
    let upgrade = |more: &[&str]| {
        let line = ["plugins", "upgrade", "--yes"];
        machine.run(line.iter().chain(more))
    };
    let refused = upgrade(&[]).fails(5);
    refused.says(&publisher.key()).says(&other.key());
    assert_eq!(lock(&machine), before);
    upgrade(&["--key", &other.key()]).ok();
    assert!(lock(&machine).contains("version = \"0.2.0\""));
    assert!(lock(&machine).contains(&other.key()));

    // What the catalog says is signed has to be, and that nobody signed it has to be said nowhere.
    let signature = "/demo-0.2.0.wasm.minisig";
    shop.web
        .put(signature, [Page::Refused("404 Not Found", Vec::new())]);
    let fresh = shop.customer();
    let refused = install(&fresh, "demo", &["--yes"]).fails(5);
    has_nothing(&fresh, &refused);
    // Who knows the key is not helped by a catalog that is silent about it.
    let entry = "demo/demo@0.2.0.json";
    shop.change(entry, |entry| {
        entry["component"]
            .as_object_mut()
            .unwrap()
            .remove("signature");
    });
    let refused = install(&fresh, "demo", &["--yes", "--key", &other.key()]).fails(5);
    has_nothing(&fresh, &refused);
    refused.says("there is no signature");
}

#[test]
fn a_policy_that_names_signers_lets_nobody_elses_in() {
    let (author, publisher, other) = (Author::new(), Minisign::new(), Minisign::new());
    let file = author.pack("0.1.0", "\"GET\"");
    let mut machine = user();
    let policy = format!("schema = 1\nrequire.signers = [\"{}\"]\n", publisher.key());
    let policy = machine.write("policy.toml", policy);
    machine.set("SPIN_DEPLOYER_POLICY", &policy);
    let try_it = |more: &[&str]| {
        let line = ["--yes", "--offline"].iter().chain(more);
        install(&machine, text(&file), &line.copied().collect::<Vec<_>>())
    };
    let refused = try_it(&[]).fails(5).says("there is no signature");
    has_nothing(&machine, &refused);
    other.sign(&file);
    let refused = try_it(&["--key", &other.key()]).fails(5).says("policy");
    has_nothing(&machine, &refused);
    try_it(&[]).fails(5);
    publisher.sign(&file);
    let installed = try_it(&[]).ok().json();
    assert_eq!(installed["signer"], publisher.key());
    deploy(&machine, &author).ok();
}
