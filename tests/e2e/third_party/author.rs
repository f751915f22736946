//! Somebody who publishes a plugin, and somebody who has nothing of it yet.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::app::hello_wasm;
use crate::harness::certificate::Authority;
use crate::harness::plugin::built;
use crate::harness::proxy::{Proxy, Verdict};
use crate::harness::registry::{Registry, agent};
use crate::harness::run::{Finished, Machine};

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
pub(super) struct Author {
    pub(super) machine: Machine,
    pub(super) platform: Proxy,
}

impl Author {
    pub(super) fn new() -> Self {
        let author = Self {
            machine: Machine::new(),
            platform: platform(),
        };
        author.machine.write("component.wasm", built("hostile"));
        author
    }

    /// The file of that version.
    pub(super) fn pack(&self, version: &str, methods: &str) -> PathBuf {
        self.pack_with(version, methods, "")
    }

    /// The same, with more in its manifest.
    pub(super) fn pack_with(&self, version: &str, methods: &str, more: &str) -> PathBuf {
        let to = format!("http://{}", self.platform.address());
        self.pack_manifest(
            &format!("demo-{version}.wasm"),
            &format!(
                r#"
name = "demo"
version = "{version}"
description = "Goes where its author wants"
options = [
    {{ name = "behaviour", type = "text", default = "script", help = "What it does" }},
    {{ name = "script", type = "text", default = " ", help = "The same, line by line" }},
]
http = [{{ to = "{to}", methods = [{methods}], why = "tell its author" }}]
{more}
"#
            ),
        )
    }

    /// A file with this manifest.
    pub(super) fn pack_manifest(&self, file: &str, manifest: &str) -> PathBuf {
        self.machine.write("plugin.toml", manifest);
        let line = ["plugins", "pack", "component.wasm", "-o", file, "--force"];
        self.machine.run(line).ok();
        self.machine.home().join(file)
    }

    /// Packs and pushes it under the tag of its version; the digest of the artifact.
    pub(super) fn publish(&self, registry: &Registry, version: &str, methods: &str) -> String {
        let file = self.pack(version, methods);
        let reference = registry.reference("acme/demo");
        let file = file.to_str().unwrap();
        let line = ["plugins", "push", file, &reference, "--output", "json"];
        let pushed = self.machine.run(line).ok().json();
        pushed["artifact"].as_str().unwrap().to_owned()
    }

    /// The tag of a version that is there leads to another component from then on: who can write to the registry can.
    pub(super) fn move_tag(&self, registry: &Registry, version: &str, methods: &str) {
        let file = self.pack(version, methods);
        let reference = registry.reference("acme/demo:other");
        let line = ["plugins", "push", file.to_str().unwrap(), &reference];
        self.machine.run(line).ok();
        let other = registry.manifest("acme/demo", "other");
        let tag = format!(
            "http://{}/v2/acme/demo/manifests/{version}",
            registry.address()
        );
        let put = agent().put(tag).header("content-type", other.content_type);
        assert_eq!(put.send(&other.body[..]).unwrap().status().as_u16(), 201);
    }
}

/// A machine that has nothing, with an app in its home.
pub(super) fn user() -> Machine {
    let machine = Machine::new();
    machine.write("spin.toml", APP);
    machine.write("hello.wasm", hello_wasm());
    machine
}

/// The same, and nobody else has its cache. It believes the servers of this authority.
pub(super) fn user_of(authority: &Authority) -> Machine {
    let mut machine = user();
    machine.set("SSL_CERT_FILE", authority.file());
    let cache = machine.home().join(".cache");
    machine.set("XDG_CACHE_HOME", cache);
    machine
}

/// Of a user with a cache of its own: no component is installed, none was agreed to, none was compiled, and no app has a
/// lock.
#[track_caller]
pub(super) fn has_nothing(machine: &Machine, finished: &Finished) {
    assert_eq!(lock(machine), "", "{finished}");
    let data = machine.home().join(".local/share/spin-deployer");
    let mut kept = files(&data);
    // What it did, and a token of the user's.
    kept.retain(|file| !file.starts_with(data.join("audit")));
    kept.retain(|file| !file.ends_with("secrets/saved.json"));
    kept.extend(files(&machine.home().join(".cache/spin-deployer/compiled")));
    assert_eq!(kept, Vec::<PathBuf>::new(), "{finished}");
}

/// And nothing was fetched either.
#[track_caller]
pub(super) fn has_fetched_nothing(machine: &Machine, finished: &Finished) {
    has_nothing(machine, finished);
    let fetched = files(&machine.home().join(".cache/spin-deployer/fetched"));
    assert_eq!(fetched, Vec::<PathBuf>::new(), "{finished}");
}

/// All files below a folder that have something in them.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let (path, kind) = entry.map(|e| (e.path(), e.file_type().unwrap())).unwrap();
        match kind.is_dir() {
            true => found.extend(files(&path)),
            false if fs::metadata(&path).unwrap().len() > 0 => found.push(path),
            false => {}
        }
    }
    found
}

pub(super) fn lock(machine: &Machine) -> String {
    fs::read_to_string(machine.home().join("deployer.lock")).unwrap_or_default()
}

pub(super) fn install(machine: &Machine, source: &str, more: &[&str]) -> Finished {
    let line = ["plugins", "install", source, "--output", "json"];
    machine.run(line.iter().chain(more))
}

/// Runs the plugin, which tells its author.
pub(super) fn deploy(machine: &Machine, author: &Author) -> Finished {
    let script = format!("request GET http://{}/x", author.platform.address());
    machine.run(["deploy", "-t", "demo", "--script", &script])
}

/// The only component that is installed.
pub(super) fn component(machine: &Machine) -> PathBuf {
    let folder = machine.home().join(".local/share/spin-deployer/plugins");
    let files = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut wasm = files.filter(|f| f.extension().is_some_and(|e| e == "wasm"));
    let only = wasm.next().unwrap();
    assert!(wasm.next().is_none());
    only
}

/// Changes one byte in the middle of a file.
pub(super) fn change(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(file, bytes).unwrap();
}
