//! Apps of core modules, and what a server has of them.

use toml::{Table, Value};

use crate::harness::app::{App, noise};
use crate::harness::servers::Bindle;
use crate::harness::sha256;

/// A real module, told from others by a name in a section that nothing reads.
pub(super) fn module(name: &str) -> Vec<u8> {
    let mut module =
        spin_deployer_test_support::app("command", "wasm32-wasip1", env!("CARGO_TARGET_TMPDIR"));
    let length = u8::try_from(name.len()).unwrap();
    module.extend([0, length + 1, length]);
    module.extend(name.as_bytes());
    module
}

/// An app of this `spin.toml`, whose component `front` is a module.
pub(super) fn with(manifest: &str) -> App {
    let app = App::empty();
    app.write("spin.toml", manifest);
    app.write("front.wasm", module("front"));
    app
}

/// One component with one file: the fewest requests that show everything.
pub(super) fn small() -> App {
    let app = with(SMALL);
    app.write("static/big.bin", noise("big", 100_000));
    app
}

pub(super) const SMALL: &str = r#"spin_manifest_version = 2
[application]
name = "small"
version = "0.1.0"
authors = ["Jane Doe <jane@example.com>"]
[[trigger.http]]
route = "/..."
component = "front"
[component.front]
source = "front.wasm"
files = ["static/*"]
"#;

/// Two components, with files that are in one of them, in both, empty, and twice under two names.
pub(super) fn shop() -> App {
    let app = with(SHOP);
    app.write("back.wasm", module("back"));
    app.write("both.txt", "in both");
    app.write("other/back.css", "a {}");
    for (path, bytes) in STATIC {
        app.write(path, bytes);
    }
    app.write("static/deep/noise.bin", noise("deep", 300_000));
    app
}

const STATIC: [(&str, &str); 3] = [
    ("static/empty.txt", ""),
    ("static/index.html", "<p>Hello</p>"),
    ("static/twin.html", "<p>Hello</p>"),
];

const SHOP: &str = r#"spin_manifest_version = 2
[application]
name = "shop"
version = "1.2.3"
description = "Sells things"
authors = ["Jane Doe <jane@example.com>"]
[variables]
greeting = { default = "hi" }
token = { required = true, secret = true }
[[trigger.http]]
route = "/..."
component = "front"
[[trigger.http]]
route = "/old/..."
component = "back"
executor = { type = "wagi" }
[component.front]
source = "front.wasm"
files = ["static/**/*", "both.txt"]
environment = { A = "1" }
allowed_outbound_hosts = ["https://example.com:443", "http://127.0.0.1:3000"]
key_value_stores = ["default"]
variables = { greeting = "{{ greeting }}" }
[component.back]
source = "back.wasm"
files = ["both.txt", { source = "other", destination = "/static" }]
"#;

/// The manifest parcel of [`shop`], written out by hand as Spin 0.10 reads it.
pub(super) fn shop_manifest() -> String {
    let digits = |name| sha256(&module(name)).split_off("sha256:".len());
    format!(
        r#"[trigger]
type = "http"
base = "/"

[variables.greeting]
default = "hi"

[variables.token]
required = true
secret = true

[[component]]
source = "{front}"
id = "front"
files = "files-front"
allowedHttpHosts = ["example.com", "127.0.0.1:3000"]
keyValueStores = ["default"]

[component.environment]
A = "1"

[component.trigger]
route = "/..."

[component.config]
greeting = "{{{{ greeting }}}}"

[[component]]
source = "{back}"
id = "back"
files = "files-back"

[component.trigger]
route = "/old/..."

[component.trigger.executor]
type = "wagi"
"#,
        front = digits("front"),
        back = digits("back"),
    )
}

/// The parcels of [`shop`] beside the manifest, by name.
pub(super) fn shop_parcels() -> Vec<Parcel> {
    let parcel = |name: &str, media_type: &str, bytes: &[u8], groups: &[&str]| Parcel {
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        bytes: bytes.to_vec(),
    };
    let (front, back) = ("files-front", "files-back");
    let (html, text) = ("text/html", "text/plain");
    let hello = b"<p>Hello</p>";
    let noise = noise("deep", 300_000);
    vec![
        parcel("back.wasm", "application/wasm", &module("back"), &[]),
        parcel("both.txt", text, b"in both", &[back, front]),
        parcel("front.wasm", "application/wasm", &module("front"), &[]),
        parcel("static/back.css", "text/css", b"a {}", &[back]),
        parcel(
            "static/deep/noise.bin",
            "application/octet-stream",
            &noise,
            &[front],
        ),
        parcel("static/empty.txt", text, b"", &[front]),
        parcel("static/index.html", html, hello, &[front]),
        parcel("static/twin.html", html, hello, &[front]),
    ]
}

/// A parcel with its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parcel {
    pub(super) name: String,
    pub(super) media_type: String,
    pub(super) groups: Vec<String>,
    pub(super) bytes: Vec<u8>,
}

/// A bindle as a server has it.
pub(super) struct Arrived {
    pub(super) invoice: Table,
    pub(super) manifest: String,
    /// All others, by name.
    pub(super) parcels: Vec<Parcel>,
    /// Media types in the order of the invoice.
    pub(super) order: Vec<String>,
}

impl Arrived {
    /// Fetches all of it. Every parcel has the bytes that its label says.
    #[track_caller]
    pub(super) fn on(server: &Bindle, id: &str) -> Self {
        let invoice = server.bytes(&format!("_i/{id}"));
        let invoice = invoice.unwrap_or_else(|| panic!("no {id}"));
        let invoice: Table = toml::from_slice(&invoice).unwrap();
        let mut arrived = Self {
            manifest: String::new(),
            parcels: Vec::new(),
            order: Vec::new(),
            invoice: Table::new(),
        };
        for parcel in invoice["parcel"].as_array().unwrap() {
            let parcel = fetched(server, id, parcel);
            arrived.order.push(parcel.media_type.clone());
            match parcel.media_type.as_str() {
                "application/vnd.fermyon.spin+toml" => {
                    assert!(arrived.manifest.is_empty(), "one manifest");
                    arrived.manifest = String::from_utf8(parcel.bytes).unwrap();
                }
                _ => arrived.parcels.push(parcel),
            }
        }
        arrived.parcels.sort_by(|a, b| a.name.cmp(&b.name));
        arrived.invoice = invoice;
        arrived
    }

    /// The text below `bindle` in the invoice.
    pub(super) fn head(&self, key: &str) -> &str {
        self.invoice["bindle"][key].as_str().unwrap()
    }
}

#[track_caller]
fn fetched(server: &Bindle, id: &str, parcel: &Value) -> Parcel {
    let label = &parcel["label"];
    let text = |key: &str| label[key].as_str().unwrap().to_owned();
    let digits = text("sha256");
    let bytes = server.bytes(&format!("_i/{id}@{digits}"));
    let bytes = bytes.unwrap_or_else(|| panic!("{id} lacks {}", text("name")));
    assert_eq!(
        sha256(&bytes),
        format!("sha256:{digits}"),
        "{}",
        text("name")
    );
    let size = usize::try_from(label["size"].as_integer().unwrap());
    assert_eq!(size, Ok(bytes.len()), "{}", text("name"));
    let groups = parcel.get("conditions").and_then(|it| it.get("memberOf"));
    let groups = groups.and_then(Value::as_array).into_iter().flatten();
    let mut groups: Vec<_> = groups.map(|it| it.as_str().unwrap().to_owned()).collect();
    groups.sort();
    Parcel {
        name: text("name"),
        media_type: text("mediaType"),
        groups,
        bytes,
    }
}

/// How many parcels a server lacks; `None` where it has no such bindle.
pub(super) fn missing(server: &Bindle, id: &str) -> Option<usize> {
    let answer: Table = toml::from_slice(&server.bytes(&format!("_r/missing/{id}"))?).unwrap();
    Some(answer["missing"].as_array().unwrap().len())
}
