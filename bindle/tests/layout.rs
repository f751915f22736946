//! What becomes of an app: the documents byte for byte, and what it is told that it would not have.
#![allow(clippy::unwrap_used)] // A test that unwraps wrongly fails, which is its job.

mod parts;

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use spin_deployer_bindle::{App, AssembleError, Bindle, Build, Unsupported};
use spin_deployer_publish::{Component, Digest};

use parts::{FINGERPRINT, component};

fn assemble(locked: &Value, components: &[Component]) -> Result<Bindle, AssembleError> {
    parts::assemble(locked, components, &Build::Fingerprint)
}

fn manifest(bindle: &Bindle) -> &str {
    std::str::from_utf8(&bindle.manifest).unwrap()
}

/// An app with one component and one trigger, to be made something else of.
fn small() -> Value {
    json!({
        "spin_lock_version": 0,
        "metadata": {
            "name": "small", "version": "0.1.0",
            "trigger": { "type": "http" }, "triggers": {}
        },
        "triggers": [{
            "id": "t", "trigger_type": "http",
            "trigger_config": { "component": "main", "route": "/..." }
        }],
        "components": [{ "id": "main", "source": { "content_type": "application/wasm", "digest": "sha256:0" } }]
    })
}

fn small_assembled(locked: &Value) -> Result<Bindle, AssembleError> {
    assemble(locked, &[component("main", "wasm", [])])
}

/// What the app is told, one line each.
fn told(locked: &Value) -> Vec<String> {
    let reasons = match small_assembled(locked) {
        Ok(bindle) => bindle.unsupported,
        Err(AssembleError::Nothing(reasons)) => reasons,
        Err(error) => panic!("{error}"),
    };
    reasons.iter().map(Unsupported::to_string).collect()
}

#[test]
fn a_web_app_has_a_manifest_and_an_invoice_as_spin_wrote_them() {
    let locked = json!({
        "spin_lock_version": 0,
        "metadata": {
            "authors": ["Jane Doe <jane@example.com>", "Joe"],
            "description": "sells things",
            "name": "shop",
            "version": "1.2.3",
            "triggers": { "http": { "base": "/api" } },
            "trigger": { "base": "/api", "type": "http" }
        },
        "variables": { "token": { "secret": true, "description": "of the bank" }, "host": { "default": "example.com" } },
        "triggers": [
            { "id": "a", "trigger_type": "http", "trigger_config": { "component": "front", "route": "/..." } },
            { "id": "b", "trigger_type": "http", "trigger_config": {
                "component": "cgi", "route": "/cgi", "executor": { "type": "wagi", "argv": "${SCRIPT_NAME}" } } }
        ],
        "components": [
            {
                "id": "front",
                "metadata": {
                    "description": "the front", "build": { "command": "make" },
                    "allowed_outbound_hosts": ["https://api.example.com", "redis://cache:6379"],
                    "key_value_stores": ["default"]
                },
                "env": { "LOG": "info" },
                "config": { "bank": "https://{{ host }}", "token": "{{ token }}" }
            },
            { "id": "cgi" }
        ]
    });
    let components = [
        component(
            "front",
            "front wasm",
            [("index.html", "<h1>"), ("img/logo.png", "logo")],
        ),
        component(
            "cgi",
            "cgi wasm",
            [("img/logo.png", "logo"), ("index.html", "<h2>")],
        ),
    ];
    let bindle = assemble(&locked, &components).unwrap();
    assert_eq!(bindle.unsupported, []);
    let sha = |text: &str| Digest::of(text.as_bytes()).hex().to_owned();
    let front = sha("front wasm");
    let cgi = sha("cgi wasm");
    assert_eq!(
        manifest(&bindle),
        format!(
            r#"[trigger]
type = "http"
base = "/api"

[variables.host]
default = "example.com"

[variables.token]
required = true
secret = true

[[component]]
source = "{front}"
id = "front"
description = "the front"
files = "files-front"
allowedHttpHosts = ["api.example.com"]
keyValueStores = ["default"]

[component.environment]
LOG = "info"

[component.trigger]
route = "/..."

[component.config]
bank = "https://{{{{ host }}}}"
token = "{{{{ token }}}}"

[[component]]
source = "{cgi}"
id = "cgi"
files = "files-cgi"

[component.trigger]
route = "/cgi"

[component.trigger.executor]
type = "wagi"
argv = "${{SCRIPT_NAME}}"
"#
        )
    );
    let digest = Digest::of(&bindle.manifest);
    let (logo, one, two) = (sha("logo"), sha("<h1>"), sha("<h2>"));
    assert_eq!(
        bindle.invoice.to_toml().unwrap(),
        format!(
            r#"bindleVersion = "1.0.0"

[bindle]
name = "shop"
version = "1.2.3+q1a2b3c4"
description = "sells things"
authors = ["Jane Doe <jane@example.com>", "Joe"]

[[parcel]]

[parcel.label]
sha256 = "{manifest}"
mediaType = "application/vnd.fermyon.spin+toml"
name = "spin.{manifest}.toml"
size = {size}

[[parcel]]

[parcel.label]
sha256 = "{front}"
mediaType = "application/wasm"
name = "front.wasm"
size = 10

[[parcel]]

[parcel.label]
sha256 = "{cgi}"
mediaType = "application/wasm"
name = "cgi.wasm"
size = 8

[[parcel]]

[parcel.label]
sha256 = "{one}"
mediaType = "text/html"
name = "index.html"
size = 4

[parcel.conditions]
memberOf = ["files-front"]

[[parcel]]

[parcel.label]
sha256 = "{logo}"
mediaType = "image/png"
name = "img/logo.png"
size = 4

[parcel.conditions]
memberOf = ["files-front", "files-cgi"]

[[parcel]]

[parcel.label]
sha256 = "{two}"
mediaType = "text/html"
name = "index.html"
size = 4

[parcel.conditions]
memberOf = ["files-cgi"]

[[group]]
name = "files-front"

[[group]]
name = "files-cgi"
"#,
            manifest = digest.hex(),
            size = bindle.manifest.len(),
        )
    );
}

#[rstest]
#[case::of_the_app(json!({ "redis": { "address": "redis://localhost:6379" } }), None)]
#[case::of_each_trigger(json!({}), Some("redis://localhost:6379"))]
fn a_redis_app_listens_to_one_redis(#[case] triggers: Value, #[case] address: Option<&str>) {
    let mut config = json!({ "component": "main", "channel": "orders" });
    if let Some(address) = address {
        config["address"] = address.into();
    }
    let mut locked = small();
    locked["metadata"]["triggers"] = triggers;
    locked["metadata"]["trigger"] = Value::Null;
    locked["triggers"] = json!([{ "id": "t", "trigger_type": "redis", "trigger_config": config }]);
    let bindle = small_assembled(&locked).unwrap();
    assert_eq!(bindle.unsupported, []);
    let expected = format!(
        "[trigger]\ntype = \"redis\"\naddress = \"redis://localhost:6379\"\n\n[[component]]\nsource = \"{}\"\n\
         id = \"main\"\n\n[component.trigger]\nchannel = \"orders\"\n",
        Digest::of(b"wasm").hex()
    );
    assert_eq!(manifest(&bindle), expected);
}

#[test]
fn settings_of_older_locked_apps_are_found_too() {
    let mut locked = small();
    locked["metadata"] = json!({
        "name": "small", "version": "0.1.0", "trigger": { "type": "http", "base": "/old" }
    });
    locked["components"][0]["metadata"] = json!({ "allowed_http_hosts": ["example.com", "self"] });
    let bindle = small_assembled(&locked).unwrap();
    assert_eq!(bindle.unsupported, []);
    assert!(manifest(&bindle).contains("base = \"/old\""));
    assert!(manifest(&bindle).contains("allowedHttpHosts = [\"example.com\", \"self\"]"));
}

#[test]
fn wasm_that_two_components_share_is_one_parcel_and_sent_once() {
    let mut locked = small();
    locked["triggers"] = json!([
        { "id": "t", "trigger_type": "http", "trigger_config": { "component": "main", "route": "/a" } },
        { "id": "u", "trigger_type": "http", "trigger_config": { "component": "twin", "route": "/b" } }
    ]);
    locked["components"] = json!([{ "id": "main" }, { "id": "twin" }]);
    let components = [
        component("main", "wasm", [("a.txt", "x"), ("b.txt", "x")]),
        component("twin", "wasm", [("copy.wasm", "wasm")]),
    ];
    let bindle = assemble(&locked, &components).unwrap();
    let names: Vec<&str> = bindle
        .invoice
        .parcel
        .iter()
        .map(|p| p.label.name.as_str())
        .collect();
    // Files are found by their names, so the same bytes under another name are a parcel of their own.
    assert_eq!(names[1..], ["main.wasm", "a.txt", "b.txt", "copy.wasm"]);
    assert_eq!(bindle.contents().len(), 3);
}

#[test]
fn a_component_that_nothing_starts_is_left_out_with_its_files() {
    let mut locked = small();
    locked["components"] =
        json!([{ "id": "library", "metadata": { "ai_models": ["m"] } }, { "id": "main" }]);
    let components = [
        component("library", "library", [("a", "b")]),
        component("main", "wasm", []),
    ];
    let bindle = assemble(&locked, &components).unwrap();
    assert_eq!(bindle.unsupported, []);
    assert!(!bindle.invoice.to_toml().unwrap().contains("library"));
}

#[test]
fn readers_of_toml_0_5_understand_whatever_is_in_an_app() {
    let text = "a\u{1b}b\u{7f}\u{0}\"'\\\n\r\n'''\"\"\"é";
    let mut locked = small();
    locked["metadata"]["description"] = text.into();
    locked["components"][0]["env"] = json!({ "KÖNIG \u{1b}": text });
    let bindle = small_assembled(&locked).unwrap();
    let invoice = bindle.invoice.to_toml().unwrap();
    for document in [manifest(&bindle), &invoice] {
        // What TOML 1.1 has more than 1.0: two escapes, and bare keys beyond ASCII it has not after all.
        assert!(
            !document.contains("\\e") && !document.contains("\\x"),
            "{document}"
        );
        let read: toml::Table = document.parse().unwrap();
        assert!(
            format!("{read:?}").contains(&format!("{text:?}")),
            "{document}"
        );
    }
}

#[rstest]
#[case::type_of_trigger("/triggers/0/trigger_type", json!("sqs"), "there is no trigger of type `sqs`")]
#[case::private("/triggers/0/trigger_config/route", json!({ "private": true }), "trigger `t`: a route that nobody")]
#[case::parameters("/triggers/0/trigger_config/route", json!("/users/:id"), "trigger `t`: the route `/users/:id` has parameters")]
#[case::executor("/triggers/0/trigger_config/executor", json!({ "type": "wasip3-unstable" }), "trigger `t`: there is no executor")]
#[case::no_component("/triggers/0/trigger_config", json!({ "route": "/", "static_response": {} }), "trigger `t` starts no component")]
#[case::setting("/metadata/triggers", json!({ "http": { "limit": 1 } }), "the triggers of type `http` cannot have `limit`")]
#[case::databases("/components/0/metadata", json!({ "databases": ["default"] }), "component `main` wants SQLite databases")]
#[case::models("/components/0/metadata", json!({ "ai_models": ["llama"] }), "component `main` wants AI models")]
#[case::host("/components/0/metadata", json!({ "allowed_outbound_hosts": ["https://*.example.com"] }), "component `main` may reach `https://*.example.com`: ")]
#[case::requirement("/components/0/host_requirements", json!({ "local_service_chaining": "required" }), "component `main` requires `local_service_chaining`")]
#[case::dependencies("/components/0/dependencies", json!({ "a:b/c": {} }), "component `main` has dependencies")]
#[case::middleware("/components/0/trigger_dependencies", json!({ "middleware": [] }), "component `main` has dependencies")]
#[case::metadata("/components/0/metadata", json!({ "novel": 1 }), "component `main` has `novel`")]
#[case::app_metadata("/metadata/novel", json!(1), "the app has `novel`")]
#[case::app_requirement("/host_requirements", json!({ "x": "required" }), "the app requires `x`")]
#[case::must_understand("/must_understand", json!(["x"]), "the app requires `x`")]
fn what_the_runtime_has_not_is_found(
    #[case] pointer: &str,
    #[case] value: Value,
    #[case] expected: &str,
) {
    let mut locked = small();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    locked.pointer_mut(parent).unwrap()[key] = value;
    let told = told(&locked);
    assert!(
        matches!(&told[..], [only] if only.starts_with(expected)),
        "{told:?}"
    );
}

#[rstest]
#[case::optional("/components/0/host_requirements", json!({ "local_service_chaining": "optional" }))]
#[case::requirements("/must_understand", json!(["component_host_requirements"]))]
#[case::build("/components/0/metadata", json!({ "build": { "command": "make" }, "description": "x" }))]
#[case::profile("/metadata/profile", json!("debug"))]
#[case::spin("/triggers/0/trigger_config/executor", json!({ "type": "spin" }))]
#[case::http("/triggers/0/trigger_config/executor", json!({ "type": "http" }))]
fn what_changes_nothing_is_not_held_against_an_app(#[case] pointer: &str, #[case] value: Value) {
    let mut locked = small();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    locked.pointer_mut(parent).unwrap()[key] = value;
    assert_eq!(told(&locked), Vec::<String>::new());
}

#[test]
fn all_that_is_missing_is_said_at_once_and_the_rest_is_kept() {
    let mut locked = small();
    locked["must_understand"] = json!(["component_host_requirements"]);
    locked["triggers"] = json!([
        { "id": "t", "trigger_type": "http", "trigger_config": { "component": "main", "route": "/a" } },
        { "id": "u", "trigger_type": "http", "trigger_config": { "component": "main", "route": "/b" } },
        { "id": "v", "trigger_type": "redis", "trigger_config": { "component": "main", "channel": "c" } },
        { "id": "w", "trigger_type": "cron", "trigger_config": { "component": "main" } }
    ]);
    locked["components"][0] = json!({
        "id": "main",
        "metadata": {
            "databases": ["default"],
            "allowed_outbound_hosts": ["https://example.com", "http://back.spin.internal", "https://x:*"]
        },
        "host_requirements": { "local_service_chaining": "required" }
    });
    let bindle = small_assembled(&locked).unwrap();
    let told: Vec<String> = bindle
        .unsupported
        .iter()
        .map(Unsupported::to_string)
        .collect();
    assert_eq!(told.len(), 6, "{told:#?}");
    let text = manifest(&bindle);
    assert!(
        text.contains("route = \"/a\"") && !text.contains("/b"),
        "{text}"
    );
    assert!(
        text.contains("allowedHttpHosts = [\"example.com\"]"),
        "{text}"
    );
}

#[test]
fn an_app_of_which_nothing_is_left_is_none() {
    let mut locked = small();
    locked["triggers"][0]["trigger_type"] = "cron".into();
    assert_eq!(
        small_assembled(&locked),
        Err(AssembleError::Nothing(vec![Unsupported::TriggerType(
            "cron".into()
        )]))
    );
}

#[test]
fn where_nothing_is_left_the_rest_is_told_too() {
    let mut locked = small();
    locked["triggers"][0]["trigger_type"] = "cron".into();
    locked["components"] = json!([
        { "id": "main", "metadata": { "databases": ["default"], "allowed_outbound_hosts": ["https://*.example.com"] } },
        { "id": "other", "metadata": { "ai_models": ["llama"] } }
    ]);
    let told = told(&locked);
    assert_eq!(told.len(), 4, "{told:#?}");
    for (line, says) in
        told.iter()
            .zip(["`cron`", "SQLite", "`https://*.example.com`", "AI models"])
    {
        assert!(line.contains(says), "{told:#?}");
    }
}

#[rstest]
#[case("..")]
#[case(".hidden")]
#[case("a/b")]
#[case("a b")]
#[case("")]
fn an_id_that_is_no_folders_name_is_told(#[case] id: &str) {
    let mut locked = small();
    locked["triggers"][0]["trigger_config"]["component"] = id.into();
    locked["components"][0]["id"] = id.into();
    let bindle = assemble(&locked, &[component(id, "wasm", [])]).unwrap();
    assert_eq!(
        bindle.unsupported,
        [Unsupported::ComponentId(id.to_owned())]
    );
}

#[test]
fn contents_and_locked_app_have_to_be_of_one_app() {
    assert!(matches!(
        assemble(&small(), &[component("other", "wasm", [])]),
        Err(AssembleError::Locked(_))
    ));
    let mut locked = small();
    locked["components"] = json!([]);
    assert!(matches!(
        small_assembled(&locked),
        Err(AssembleError::Locked(_))
    ));
}

proptest! {
    /// The order in which maps were filled is the app's business, and nobody else's.
    #[test]
    fn equal_apps_have_equal_bindles(
        env in proptest::collection::btree_map("[A-Z]{1,4}", "\\PC{0,8}", 0..4),
        files in proptest::collection::btree_map("[a-z]{1,4}", "\\PC{0,8}", 0..4),
    ) {
        let app = |reverse: bool| {
            let mut pairs: Vec<_> = env.iter().map(|(k, v)| format!("{}:{}", json!(k), json!(v))).collect();
            if reverse {
                pairs.reverse();
            }
            let locked = small().to_string().replace(
                "\"id\":\"main\"",
                &format!("\"id\":\"main\",\"env\":{{{}}}", pairs.join(",")),
            );
            let files = files.iter().map(|(k, v)| (k.as_str(), v.as_str()));
            Bindle::assemble(&App {
                name: "small",
                version: Some("0.1.0"),
                locked: &locked,
                fingerprint: FINGERPRINT,
                components: &[component("main", "wasm", files)],
                build: &Build::Fingerprint,
            })
            .unwrap()
        };
        let (one, other) = (app(false), app(true));
        prop_assert_eq!(one.invoice.to_toml().unwrap(), other.invoice.to_toml().unwrap());
        prop_assert_eq!(one, other);
    }
}
