//! A plugin of somebody else's: packed, published, installed, agreed to, deployed with, upgraded; and whatever somebody
//! changes on the way is refused.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::Value;

use crate::harness::app::hello_wasm;
use crate::harness::plugin::built;
use crate::harness::proxy::{Proxy, Verdict};
use crate::harness::registry::{Registry, agent};
use crate::harness::run::{Finished, Machine};
use crate::harness::sha256;

const APP: &str = r#"
spin_manifest_version = 2
application = { name = "hello", version = "0.1.0" }
trigger.http = [{ route = "/...", component = "hello" }]
component.hello.source = "hello.wasm"
"#;

/// Answers everything.
fn platform() -> Proxy {
    Proxy::with(([127, 0, 0, 1], 9).into(), |_| {
        Verdict::Answer(
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
        )
    })
}

/// Somebody who writes a plugin whose author chose where it goes.
struct Author {
    machine: Machine,
    platform: Proxy,
}

impl Author {
    fn new() -> Self {
        let author = Self {
            machine: Machine::new(),
            platform: platform(),
        };
        author.machine.write("component.wasm", built("hostile"));
        author
    }

    /// The file of that version.
    fn pack(&self, version: &str, methods: &str) -> PathBuf {
        let to = format!("http://{}", self.platform.address());
        let manifest = format!(
            r#"
name = "demo"
version = "{version}"
description = "Goes where its author wants"
options = [
    {{ name = "behaviour", type = "text", default = "script", help = "What it does" }},
    {{ name = "script", type = "text", default = " ", help = "The same, line by line" }},
]
http = [{{ to = "{to}", methods = [{methods}], why = "tell its author" }}]
"#
        );
        self.machine.write("plugin.toml", manifest);
        let name = format!("demo-{version}.wasm");
        let line = ["plugins", "pack", "component.wasm", "-o", &name, "--force"];
        self.machine.run(line).ok();
        self.machine.home().join(name)
    }

    /// Packs and pushes it under the tag of its version; the digest of the artifact.
    fn publish(&self, registry: &Registry, version: &str, methods: &str) -> String {
        let file = self.pack(version, methods);
        let reference = registry.reference("acme/demo");
        let file = file.to_str().unwrap();
        let line = ["plugins", "push", file, &reference, "--output", "json"];
        let pushed = self.machine.run(line).ok().json();
        pushed["artifact"].as_str().unwrap().to_owned()
    }
}

/// A machine that has nothing, with an app in its home.
fn user() -> Machine {
    let machine = Machine::new();
    machine.write("spin.toml", APP);
    machine.write("hello.wasm", hello_wasm());
    machine
}

fn lock(machine: &Machine) -> String {
    fs::read_to_string(machine.home().join("deployer.lock")).unwrap_or_default()
}

fn install(machine: &Machine, source: &str, more: &[&str]) -> Finished {
    let line = ["plugins", "install", source, "--output", "json"];
    machine.run(line.iter().chain(more))
}

/// Runs the plugin, which tells its author.
fn deploy(machine: &Machine, author: &Author) -> Finished {
    let script = format!("request GET http://{}/x", author.platform.address());
    machine.run(["deploy", "-t", "demo", "--script", &script])
}

/// The only component that is installed.
fn component(machine: &Machine) -> PathBuf {
    let folder = machine.home().join(".local/share/spin-deployer/plugins");
    let files = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut wasm = files.filter(|f| f.extension().is_some_and(|e| e == "wasm"));
    let only = wasm.next().unwrap();
    assert!(wasm.next().is_none());
    only
}

/// Changes one byte in the middle of a file.
fn change(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}

#[test]
fn from_the_author_over_a_registry_to_a_deploy() {
    let (registry, author) = (Registry::start(), Author::new());
    let artifact = author.publish(&registry, "0.1.0", "\"GET\"");
    let machine = user();
    let source = registry.reference("acme/demo:0.1.0");

    // Nobody agreed: nothing is here.
    let refused = install(&machine, &source, &[]).fails(5);
    let to = format!("http://{}", author.platform.address());
    refused.says(&to).says("--yes");
    assert_eq!(lock(&machine), "");

    let installed = install(&machine, &source, &["--yes"]).ok().says(&to).json();
    let digest = installed["plugin"]["digest"].as_str().unwrap().to_owned();
    assert_eq!(digest, sha256(&fs::read(component(&machine)).unwrap()));
    let written = lock(&machine);
    assert!(
        written.contains(&format!("{source}@{artifact}")),
        "{written}"
    );
    assert!(written.contains(&digest), "{written}");

    let again = install(&machine, &source, &[]).ok().json();
    assert_eq!(again["unchanged"], true);
    deploy(&machine, &author).ok();
    assert_eq!(author.platform.connections(), 1);
    assert_eq!(lock(&machine), written);
    machine.run(["plugins", "verify"]).ok();
    let shown = machine.run(["plugins", "show", "demo", "--output", "json"]);
    assert_eq!(shown.ok().json()["source"], format!("{source}@{artifact}"));

    // With the lock alone, elsewhere: what was agreed to is what is run.
    let ci = user();
    ci.write("deployer.lock", &written);
    deploy(&ci, &author).fails(2).says("plugins fetch");
    ci.run(["plugins", "fetch"]).ok();
    assert_eq!(digest, sha256(&fs::read(component(&ci)).unwrap()));
    let script = format!("request GET {to}/x");
    ci.run(["deploy", "-t", "demo", "--script", &script, "--locked"])
        .ok();
    assert_eq!(author.platform.connections(), 2);
}

#[test]
fn an_upgrade_that_asks_for_more_shows_it_and_is_agreed_to() {
    let (registry, author) = (Registry::start(), Author::new());
    author.publish(&registry, "0.1.0", "\"GET\"");
    let machine = user();
    let source = registry.reference("acme/demo:0.1.0");
    install(&machine, &source, &["--yes"]).ok();
    let before = lock(&machine);
    let upgrade = |more: &[&str]| {
        let line = ["plugins", "upgrade", "demo", "--output", "json"];
        machine.run(line.iter().chain(more))
    };
    let newest = upgrade(&[]).ok().json();
    assert_eq!(newest["plugins"][0]["changes"], false);

    author.publish(&registry, "0.2.0", "\"GET\", \"POST\"");
    let listed = machine.run(["plugins", "list", "--output", "json"]).ok();
    let listed = listed.json();
    let all = listed["plugins"].as_array().unwrap();
    let demo = all.iter().find(|one| one["name"] == "demo").unwrap();
    assert_eq!(demo["newer"], "0.2.0");

    let gained = format!("+ POST http://{}/**", author.platform.address());
    let dry = upgrade(&["--dry-run"]).ok().json();
    assert_eq!(dry["plugins"][0]["to"], "0.2.0");
    assert_eq!(dry["plugins"][0]["difference"][0], gained);
    upgrade(&[]).fails(5).says(&gained);
    assert_eq!(lock(&machine), before);
    upgrade(&["--yes", "--locked"])
        .fails(5)
        .says("version: 0.1.0 in the lock, 0.2.0 here")
        .says(&gained);
    assert_eq!(lock(&machine), before);

    upgrade(&["--yes"]).ok();
    assert!(lock(&machine).contains("version = \"0.2.0\""));
    deploy(&machine, &author).ok();

    let older = upgrade(&["--version", "0.1.0"]).ok().json();
    assert_eq!(older["plugins"][0]["changes"], false);
    upgrade(&["--version", "0.1.0", "--downgrade"]).ok();
    assert!(lock(&machine).contains("version = \"0.1.0\""));
}

#[test]
fn what_somebody_changed_on_this_machine_is_found_and_not_run() {
    let (registry, author) = (Registry::start(), Author::new());
    author.publish(&registry, "0.1.0", "\"GET\"");
    let mut machine = user();
    let cache = machine.home().join("cache");
    machine.set("XDG_CACHE_HOME", &cache);
    let source = registry.reference("acme/demo:0.1.0");
    install(&machine, &source, &["--yes"]).ok();

    let compiled = fs::read_dir(cache.join("spin-deployer/compiled")).unwrap();
    let compiled = compiled.map(|e| e.unwrap().path()).next().unwrap();
    change(&compiled);
    let verified = machine.run(["plugins", "verify", "--output", "json"]);
    let verified = verified.fails(1).json();
    let wrong: Vec<_> = problems(&verified);
    assert_eq!(wrong, [compiled.to_str().unwrap()]);
    deploy(&machine, &author).ok();
    machine.run(["plugins", "verify"]).ok();

    let installed = component(&machine);
    change(&installed);
    let verified = machine.run(["plugins", "verify", "--output", "json"]);
    let verified = verified.fails(1).json();
    assert_eq!(problems(&verified), [installed.to_str().unwrap()]);
    machine.run(["plugins", "verify"]).fails(1).says("`demo`");
    let before = author.platform.connections();
    let refused = deploy(&machine, &author);
    assert!(!refused.status.success(), "{refused}");
    assert_eq!(author.platform.connections(), before);
    // Installing it again puts it right.
    install(&machine, &source, &["--yes"]).ok();
    machine.run(["plugins", "verify"]).ok();
    deploy(&machine, &author).ok();
}

fn problems(verified: &Value) -> Vec<&str> {
    let checked = verified["checked"].as_array().unwrap();
    let wrong = checked.iter().filter(|one| !one["problem"].is_null());
    wrong.map(|one| one["file"].as_str().unwrap()).collect()
}

#[test]
fn a_tag_that_moved_leads_nobody_to_another_plugin() {
    let (registry, author) = (Registry::start(), Author::new());
    author.publish(&registry, "0.1.0", "\"GET\"");
    let machine = user();
    let source = registry.reference("acme/demo:0.1.0");
    install(&machine, &source, &["--yes"]).ok();
    let written = lock(&machine);
    author.publish(&registry, "0.1.0", "\"GET\", \"DELETE\"");
    install(&machine, &source, &["--yes"])
        .fails(5)
        .says("another component");
    assert_eq!(lock(&machine), written);

    // Who has the lock gets what it names, which the registry still has under its digest.
    let other = user();
    other.write("deployer.lock", &written);
    other.run(["plugins", "fetch"]).ok();
    let digest = sha256(&fs::read(component(&other)).unwrap());
    assert!(written.contains(&digest));

    // A lock that names a digest which is not there.
    let forged = user();
    forged.write("deployer.lock", written.replace(&digest, &sha256(b"other")));
    let refused = forged.run(["plugins", "fetch"]).fails(5);
    refused.says("another component");
}

#[test]
fn a_name_of_a_plugin_in_the_program_is_taken_only_expressly() {
    let author = Author::new();
    let file = author.pack("0.1.0", "\"GET\"");
    let text = fs::read_to_string(author.machine.home().join("plugin.toml")).unwrap();
    let text = text.replace("name = \"demo\"", "name = \"oci\"");
    author.machine.write("plugin.toml", text);
    let line = ["plugins", "pack", "component.wasm", "-o"];
    let line = line.into_iter().chain([file.to_str().unwrap()]);
    author.machine.run(line).ok();
    let machine = user();
    let file = file.to_str().unwrap();
    install(&machine, file, &["--yes"])
        .fails(2)
        .says("--override-built-in");
    install(&machine, file, &["--yes", "--override-built-in"]).ok();
    assert!(lock(&machine).contains("overrides = true"));
    machine.run(["plugins", "uninstall", "oci"]).ok();
}

#[test]
fn a_catalog_is_a_folder_that_anybody_can_hand_out() {
    let author = Author::new();
    author.pack("0.1.0", "\"GET\"");
    let newest = author.pack("0.2.0", "\"GET\"");
    let catalog = author.machine.home().join("catalog");
    fs::create_dir(&catalog).unwrap();
    for version in ["0.1.0", "0.2.0"] {
        let name = format!("demo-{version}.wasm");
        fs::copy(author.machine.home().join(&name), catalog.join(&name)).unwrap();
    }
    author.machine.run(["catalog", "build", "catalog"]).ok();
    let files = Files::serve(&catalog, "geheim");
    let machine = user();
    machine.write("token", "geheim\n");
    let location = format!("http://{}/plugins", files.address);
    let add = ["catalog", "add", "acme", &location];
    machine.run(add).ok();
    machine.run(["plugins", "search"]).fails(3).says("_TOKEN");
    machine.run(["catalog", "remove", "acme"]).ok();
    let line = add.into_iter().chain(["--token-file", "token"]);
    machine.run(line).ok();
    let found = machine.run(["plugins", "search", "author", "--output", "json"]);
    let found = found.ok().json();
    assert_eq!(found["plugins"][0]["name"], "demo");
    assert_eq!(found["plugins"][0]["version"], "0.2.0");

    let installed = install(&machine, "demo@0.1.0", &["--yes"]).ok();
    let source = format!("catalog+{location}/#demo@0.1.0");
    assert_eq!(installed.json()["source"], source);
    machine.run(["plugins", "upgrade", "demo"]).ok();
    let digest = sha256(&fs::read(&newest).unwrap());
    assert!(lock(&machine).contains(&digest));
    let log = fs::read_to_string(machine.audit_log()).unwrap();
    assert!(!log.contains("geheim"));

    // The component is another one than the index says, and then the index says so too, but not of its version's file.
    change(&catalog.join("demo-0.2.0.wasm"));
    let mut fresh = user();
    // What was fetched before is what its digest says, whatever the catalog has by now.
    fresh.set("XDG_CACHE_HOME", fresh.home().join("cache"));
    fresh.write("token", "geheim\n");
    let line = add.into_iter().chain(["--token-file", "token"]);
    fresh.run(line).ok();
    install(&fresh, "demo", &["--yes"]).fails(5);
    let other = sha256(&fs::read(catalog.join("demo-0.2.0.wasm")).unwrap());
    let index = fs::read_to_string(catalog.join("index.json")).unwrap();
    fs::write(catalog.join("index.json"), index.replace(&digest, &other)).unwrap();
    install(&fresh, "demo", &["--yes"])
        .fails(5)
        .says("the catalog `acme` is not used");
    assert_eq!(lock(&fresh), "");
}

/// Hands out a folder below `/plugins/` to whoever has the token.
struct Files {
    address: SocketAddr,
}

impl Files {
    fn serve(folder: &Path, token: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let folder = folder.to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let lines = lines.map_while(Result::ok);
                let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
                let path = head.first().and_then(|line| line.split(' ').nth(1));
                let file = path.and_then(|path| path.strip_prefix("/plugins/"));
                let allowed = format!("authorization: bearer {token}");
                let is_allowed = head.iter().any(|line| line.to_lowercase() == allowed);
                let (status, body) = match file.map(|file| fs::read(folder.join(file))) {
                    _ if !is_allowed => ("401 Unauthorized", Vec::new()),
                    Some(Ok(body)) => ("200 OK", body),
                    _ => ("404 Not Found", Vec::new()),
                };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
                );
                let _ = stream.write_all(&[head.into_bytes(), body].concat());
            }
        });
        Self { address }
    }
}

/// A publisher who signs as cosign does.
struct Publisher(EcdsaKeyPair);

impl Publisher {
    fn new() -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let key = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(kind, key.as_ref(), &random).unwrap())
    }

    /// The public half: what stands in front of the point of a key of P-256 in DER is always the same.
    fn key(&self) -> String {
        const PREFIX: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let der = [&PREFIX, self.0.public_key().as_ref()].concat();
        format!("cosign:{}", BASE64_STANDARD.encode(der))
    }

    /// Puts a signature of `artifact` into the registry.
    fn sign(&self, registry: &Registry, artifact: &str) {
        let payload = serde_json::json!({
            "critical": {
                "identity": { "docker-reference": registry.reference("acme/demo") },
                "image": { "docker-manifest-digest": artifact },
                "type": "cosign container image signature",
            },
            "optional": null,
        });
        let payload = payload.to_string().into_bytes();
        let signature = self.0.sign(&SystemRandom::new(), &payload).unwrap();
        let config = b"{}".to_vec();
        for blob in [&payload, &config] {
            put_blob(registry, blob);
        }
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": sha256(&config), "size": config.len(),
            },
            "layers": [{
                "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                "digest": sha256(&payload), "size": payload.len(),
                "annotations": {
                    "dev.cosignproject.cosign/signature": BASE64_STANDARD.encode(signature),
                },
            }],
        });
        let tag = format!("{}.sig", artifact.replace(':', "-"));
        let url = format!("http://{}/v2/acme/demo/manifests/{tag}", registry.address());
        let answer = agent()
            .put(url)
            .header("content-type", "application/vnd.oci.image.manifest.v1+json")
            .send(manifest.to_string().as_bytes());
        assert_eq!(answer.unwrap().status().as_u16(), 201);
    }
}

fn put_blob(registry: &Registry, bytes: &[u8]) {
    let url = format!("http://{}/v2/acme/demo/blobs/uploads/", registry.address());
    let begun = agent().post(url).send_empty().unwrap();
    let location = begun.headers().get("location").unwrap().to_str().unwrap();
    let joint = if location.contains('?') { '&' } else { '?' };
    let url = format!("{location}{joint}digest={}", sha256(bytes));
    let answer = agent()
        .put(url)
        .header("content-type", "application/octet-stream")
        .send(bytes);
    assert_eq!(answer.unwrap().status().as_u16(), 201);
}

#[test]
fn a_publisher_who_is_trusted_once_has_to_have_signed_the_next_one_too() {
    let (registry, author, publisher) = (Registry::start(), Author::new(), Publisher::new());
    let first = author.publish(&registry, "0.1.0", "\"GET\"");
    let machine = user();
    let source = registry.reference("acme/demo:0.1.0");
    let key = publisher.key();
    let with_key = ["--yes", "--key", &key];

    // A missing signature is a bad one, as soon as a key is known.
    install(&machine, &source, &with_key)
        .fails(5)
        .says("signature");
    Publisher::new().sign(&registry, &first);
    install(&machine, &source, &with_key)
        .fails(5)
        .says("another key");
    assert_eq!(lock(&machine), "");
    publisher.sign(&registry, &first);
    let installed = install(&machine, &source, &with_key).ok().json();
    assert_eq!(installed["signer"], key);
    assert!(lock(&machine).contains(&format!("signer = \"{key}\"")));

    // The next version, by nobody, by somebody else, and by the publisher.
    let second = author.publish(&registry, "0.2.0", "\"GET\"");
    let upgrade = |more: &[&str]| {
        let line = ["plugins", "upgrade", "demo", "--yes"];
        machine.run(line.iter().chain(more))
    };
    upgrade(&[]).fails(5).says("signature");
    let other = Publisher::new();
    other.sign(&registry, &second);
    upgrade(&[]).fails(5).says("--key");
    assert!(lock(&machine).contains("version = \"0.1.0\""));
    upgrade(&["--key", &other.key()]).ok();
    assert!(lock(&machine).contains(&other.key()));

    // With the lock alone the signature is looked at again.
    let ci = user();
    ci.write("deployer.lock", lock(&machine));
    ci.run(["plugins", "fetch"]).ok();
    let forged = user();
    forged.write("deployer.lock", lock(&machine).replace(&other.key(), &key));
    forged.run(["plugins", "fetch"]).fails(5);
}

#[test]
fn a_policy_names_who_may_have_signed() {
    let (registry, author, publisher) = (Registry::start(), Author::new(), Publisher::new());
    let artifact = author.publish(&registry, "0.1.0", "\"GET\"");
    let source = registry.reference("acme/demo:0.1.0");
    let mut machine = user();
    let policy = format!("schema = 1\nrequire.signers = [\"{}\"]\n", publisher.key());
    let policy = machine.write("policy.toml", policy);
    machine.set("SPIN_DEPLOYER_POLICY", &policy);
    install(&machine, &source, &["--yes"])
        .fails(5)
        .says("signature");
    let other = Publisher::new();
    other.sign(&registry, &artifact);
    install(&machine, &source, &["--yes", "--key", &other.key()])
        .fails(5)
        .says("policy");
    publisher.sign(&registry, &artifact);
    install(&machine, &source, &["--yes"]).ok();
    deploy(&machine, &author).ok();
    // A file is signed by nobody, whatever a lock says.
    let file = author.pack("0.1.0", "\"GET\"");
    let script = format!("request GET http://{}/x", author.platform.address());
    let line = ["deploy", "-t", file.to_str().unwrap(), "--script", &script];
    machine
        .run(line.into_iter().chain(["--yes"]))
        .fails(5)
        .says("policy");
    machine.run(["deploy"]).ok();
}

#[test]
fn a_new_plugin_builds_and_deploys() {
    let machine = user();
    machine.run(["plugins", "new", "my-shelf"]).ok();
    let folder = machine.home().join("my-shelf");
    // The versions that are here anyway.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
    let built = std::process::Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--offline", "--release"])
        .args(["--target", "wasm32-wasip2", "--target-dir"])
        .arg(&target)
        .current_dir(&folder)
        .status();
    assert!(built.unwrap().success());
    let wasm = target.join("wasm32-wasip2/release/my_shelf.wasm");
    let line = ["plugins", "pack", wasm.to_str().unwrap(), "--manifest"];
    machine
        .run(line.into_iter().chain(["my-shelf/plugin.toml"]))
        .ok();
    let checked = machine.run(["plugins", "check", "my-shelf.wasm", "--output", "json"]);
    assert_eq!(checked.ok().json()["plugin"]["exports"][0], "deployer");
    let line = ["deploy", "-t", "./my-shelf.wasm", "--directory", "shelf"];
    fs::create_dir(machine.home().join("shelf")).unwrap();
    machine.run(line.into_iter().chain(["--yes"])).ok();
    let name = sha256(&hello_wasm()).replace("sha256:", "") + ".wasm";
    assert!(machine.home().join("shelf").join(name).exists());
}

#[test]
fn text_of_a_plugin_is_shown_and_not_obeyed() {
    let author = Author::new();
    let manifest = "name = \"demo\"\nversion = \"0.1.0\"\ndescription = \"nice\\u202eecin\"\n";
    author.machine.write("plugin.toml", manifest);
    let packed = author.machine.run(["plugins", "pack", "component.wasm"]);
    if packed.status.success() {
        let checked = author.machine.run(["plugins", "check", "demo.wasm"]).ok();
        assert!(!checked.stdout.contains('\u{202e}'), "{checked}");
    }
}
