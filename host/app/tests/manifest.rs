//! What is wrong with a manifest is said before anything else happens: all of it, each with its place and a way out.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Fixture, HEAD, WASM};
use rstest::rstest;
use spin_deployer_app::{Level, LoadOptions, Ports, load};

const TRIGGER: &str = "[[trigger.http]]\nroute = \"/\"\ncomponent = \"c\"\n";
const COMPONENT: &str = "[component.c]\nsource = \"app.wasm\"\n";

/// One row for each finding: the manifest after its first three lines, the code, the line.
#[rstest]
#[case::broken_toml("[[trigger.http]\n", "syntax", 4)]
#[case::unknown_field(&format!("bogus = 1\n{TRIGGER}{COMPONENT}"), "unknown-field", 4)]
#[case::unknown_component_field(&format!("{TRIGGER}{COMPONENT}sauce = 1\n"), "unknown-field", 9)]
#[case::wrong_type(&format!("version = 1\n{TRIGGER}{COMPONENT}"), "wrong-type", 4)]
#[case::no_trigger(COMPONENT, "missing-field", 1)]
#[case::no_source(&format!("{TRIGGER}[component.c]\n"), "missing-field", 7)]
#[case::trigger_without_component(&format!("[[trigger.http]]\nroute = \"/\"\n{COMPONENT}"), "no-component", 4)]
#[case::trigger_names_no_component(TRIGGER, "unknown-component", 6)]
#[case::two_triggers_with_one_id(
    &format!("[[trigger.http]]\nid = \"t\"\ncomponent = \"c\"\n[[trigger.http]]\nid = \"t\"\ncomponent = \"c\"\n{COMPONENT}"),
    "duplicate-trigger",
    7
)]
#[case::component_id(
    "[[trigger.http]]\nroute = \"/\"\ncomponent = { source = \"app.wasm\" }\n[component.a_b]\nsource = \"app.wasm\"\n",
    "invalid-name",
    7
)]
#[case::variable_name(&format!("[variables]\nBad_Var = {{ default = \"\" }}\n{TRIGGER}{COMPONENT}"), "invalid-name", 5)]
#[case::variable_without_value(&format!("[variables]\nx = {{ }}\n{TRIGGER}{COMPONENT}"), "variable-default", 5)]
#[case::variable_with_both(
    &format!("[variables]\nx = {{ required = true, default = \"\" }}\n{TRIGGER}{COMPONENT}"),
    "variable-default",
    5
)]
#[case::unknown_variable(&format!("{TRIGGER}{COMPONENT}variables = {{ y = \"{{{{ nope }}}}\" }}\n"), "unknown-variable", 9)]
#[case::open_template(&format!("{TRIGGER}{COMPONENT}variables = {{ y = \"{{{{ nope\" }}\n"), "template", 9)]
#[case::outbound_host(&format!("{TRIGGER}{COMPONENT}allowed_outbound_hosts = [\"example.com\"]\n"), "outbound-host", 9)]
#[case::outbound_host_by_default(
    &format!("[variables]\nh = {{ default = \"a/b\" }}\n{TRIGGER}{COMPONENT}allowed_outbound_hosts = [\"https://{{{{ h }}}}\"]\n"),
    "outbound-host",
    11
)]
#[case::too_large_an_integer(&format!("{TRIGGER}{COMPONENT}tool.x = {{ y = [1, 9223372036854775808] }}\n"), "number", 9)]
#[case::too_large_a_float(&format!("{TRIGGER}timeout = 1e400\n{COMPONENT}"), "number", 7)]
#[case::store_name(&format!("{TRIGGER}{COMPONENT}key_value_stores = [\"b@d\"]\n"), "invalid-name", 9)]
#[case::version_of_two_lines(&format!("version = \"1\\n2\"\n{TRIGGER}{COMPONENT}"), "invalid-name", 4)]
#[case::missing_wasm(&format!("{TRIGGER}[component.c]\nsource = \"nope.wasm\"\n"), "missing-wasm", 8)]
#[case::no_wasm(&format!("{TRIGGER}[component.c]\nsource = \"spin.toml\"\n"), "not-wasm", 8)]
#[case::wasm_is_a_directory(&format!("{TRIGGER}[component.c]\nsource = \".\"\n"), "not-a-file", 8)]
#[case::wasm_from_outside(&format!("{TRIGGER}[component.c]\nsource = \"../app/app.wasm\"\n"), "outside-app", 8)]
#[case::wasm_from_elsewhere(&format!("{TRIGGER}[component.c]\nsource = \"/app.wasm\"\n"), "outside-app", 8)]
fn an_error_names_its_line(#[case] rest: &str, #[case] code: &str, #[case] line: usize) {
    let fixture = Fixture::new().with("spin.toml", format!("{HEAD}{rest}"));
    let error = fixture.error();
    assert_eq!((error.code, error.line), (code, Some(line)), "{error}");
    assert!(
        error.column.is_some() && error.excerpt.is_some() && error.file.is_some(),
        "{error:?}"
    );
}

#[rstest]
#[case("source = \"text.wat\"\n")]
#[case("source = \"app.wasm\"\ndependencies = { \"a:b\" = { path = \"text.wat\" } }\n")]
fn wasm_in_text_format_is_to_be_converted(#[case] component: &str) {
    let error = Fixture::new()
        .with(
            "spin.toml",
            format!("{HEAD}{TRIGGER}[component.c]\n{component}"),
        )
        .with("text.wat", "\n    ;; in text format\n(component)\n")
        .error();
    assert_eq!(error.code, "not-wasm");
    assert!(error.message.contains("text format"), "{error}");
    assert!(error.help.unwrap().contains("wasm-tools parse"));
}

#[rstest]
#[case("", "manifest-version")]
#[case("spin_manifest_version = 3\n", "manifest-version")]
#[case("spin_version = 2\n", "manifest-version")]
#[case("spin_version = 1\n", "manifest-version")]
#[case("spin_manifest_version = \"2\"\n", "manifest-version")]
fn a_version_is_asked_for_first(#[case] text: &str, #[case] code: &str) {
    assert_eq!(Fixture::new().with("spin.toml", text).error().code, code);
}

#[test]
fn everything_is_found_in_one_go_and_in_the_order_of_the_file() {
    let fixture = Fixture::new().with(
        "spin.toml",
        "spin_manifest_version = 2\n[application]\nname = \"\"\ntypo = 1\n[[trigger.http]]\ncomponent = \"d\"\n\
         [component.c]\nsource = \"nope.wasm\"\nfiles = [\"../x\", \"missing\"]\nvariables = { v = \"{{ nope }}\" }\n",
    );
    let found: Vec<_> = fixture
        .refused()
        .iter()
        .map(|finding| (finding.line.unwrap(), finding.code))
        .collect();
    assert_eq!(
        found,
        [
            (3, "no-name"),
            (4, "unknown-field"),
            (6, "unknown-component"),
            (8, "missing-wasm"),
            (9, "outside-app"),
            (9, "missing-file"),
            (10, "unknown-variable"),
        ]
    );
}

#[test]
fn several_syntax_errors_are_said_together() {
    let fixture = Fixture::new().with(
        "spin.toml",
        "spin_manifest_version = 2\n[application]\nname = \nversion = \n",
    );
    let found = fixture.refused();
    assert!(
        found.len() >= 2 && found.iter().all(|finding| finding.code == "syntax"),
        "{found:#?}"
    );
}

#[test]
fn a_misspelt_field_gets_the_right_one() {
    let fixture = Fixture::new().component("enviroment = { A = \"b\" }");
    assert_eq!(
        fixture.error().help.as_deref(),
        Some("did you mean `environment`?")
    );
}

#[test]
fn an_unreadable_manifest_is_said_to_be_one() {
    let fixture = Fixture::new();
    assert_eq!(fixture.error().code, "no-manifest");
    assert_eq!(
        Fixture::new().with("spin.toml", [0xff, 0xfe]).error().code,
        "syntax"
    );
    assert_eq!(
        Fixture::new()
            .with("spin.toml", vec![b'#'; (4 << 20) + 1])
            .error()
            .code,
        "too-large"
    );
}

#[test]
fn a_hostile_manifest_does_not_fill_the_terminal() {
    let fields: String = (0..10_000).map(|n| format!("x{n} = 1\n")).collect();
    assert_eq!(Fixture::new().component(&fields).refused().len(), 100);
}

#[test]
fn ids_are_those_that_spin_gives() {
    let fixture = Fixture::new().with(
        "spin.toml",
        format!(
            "{HEAD}[[trigger.http]]\nroute = \"/a\"\ncomponent = \"c\"\n[[trigger.http]]\nroute = \"/b\"\ncomponent = \"c\"\n\
             [[trigger.http]]\nroute = \"/c\"\ncomponent = {{ source = \"app.wasm\" }}\n\
             [[trigger.http]]\nid = \"a_b\"\ncomponent = {{ source = \"app.wasm\" }}\n{COMPONENT}"
        ),
    );
    let app = fixture.load().unwrap();
    let triggers: Vec<_> = app.locked()["triggers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["id"].clone())
        .collect();
    assert_eq!(
        triggers,
        ["c-http-trigger", "http-trigger1", "http-trigger2", "a_b"]
    );
    let components: Vec<_> = app
        .components()
        .iter()
        .map(|component| component.id.as_str())
        .collect();
    assert_eq!(
        components,
        ["c", "http-trigger2-component", "inline-component1"]
    );
}

#[test]
fn a_profile_replaces_what_it_names_and_an_unknown_one_is_an_error() {
    let fixture = Fixture::new()
        .with("debug.wasm", [WASM, b"\0\x01\0"].concat())
        .component("environment = { A = \"1\" }\nbuild.command = \"make\"\nprofile.debug = { source = \"debug.wasm\", environment = { B = \"2\" }, build.command = \"make debug\" }");
    let with = |profile: Option<&str>| {
        let options = LoadOptions {
            profile: profile.map(String::from),
            ..LoadOptions::default()
        };
        load(&fixture.source(), &options, &Ports::default())
    };
    let (plain, debug) = (with(None).unwrap(), with(Some("debug")).unwrap());
    assert_ne!(
        plain.components()[0].wasm_digest,
        debug.components()[0].wasm_digest
    );
    let component = &debug.locked()["components"][0];
    assert_eq!(component["env"], serde_json::json!({ "A": "1", "B": "2" }));
    assert_eq!(component["metadata"]["build"]["command"], "make debug");
    assert_eq!(
        with(Some("nope")).unwrap_err().findings[0].code,
        "unknown-profile"
    );
}

#[test]
fn the_deprecated_hosts_are_translated_and_warned_about() {
    let fixture = Fixture::new()
        .component("allowed_outbound_hosts = [\"redis://*:*\"]\nallowed_http_hosts = [\"example.com\", \"self\"]");
    let app = fixture.load().unwrap();
    let hosts = &app.locked()["components"][0]["metadata"]["allowed_outbound_hosts"];
    assert_eq!(
        *hosts,
        serde_json::json!([
            "redis://*:*",
            "http://example.com",
            "https://example.com",
            "http://self"
        ])
    );
    let finding = &app.findings()[0];
    assert_eq!(
        (finding.code, finding.level),
        ("deprecated", Level::Warning)
    );
}

#[test]
fn the_portable_form_is_what_spin_pushes_without_the_inlined_bytes() {
    let fixture = Fixture::new().with("spin.toml", "spin_manifest_version = 2\n[application]\nname = \"hello-files\"\nversion = \"0.2.0\"\n[variables]\ngreeting = { default = \"hi\" }\ntoken = { required = true, secret = true }\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"hello\"\n[[trigger.http]]\nroute = { private = true }\ncomponent = \"back\"\n[component.hello]\nsource = \"app.wasm\"\nallowed_outbound_hosts = [\"https://example.com:443\"]\nsqlite_databases = [\"default\"]\nkey_value_stores = [\"default\"]\nenvironment = { A = \"1\" }\nfiles = [\"static/**/*\"]\nvariables = { greeting = \"{{ greeting }}\" }\n[component.back]\nsource = \"app.wasm\"\n")
        .with("static/small.txt", "small").with("static/empty.txt", "").with("static/sub/big.txt", "x".repeat(500));
    let app = fixture.load().unwrap();
    let digest = |path: &str| {
        app.components()[0]
            .files
            .iter()
            .find(|file| file.path == path)
            .unwrap()
            .digest
            .clone()
    };
    let (wasm, small, empty, big) = (
        &app.components()[0].wasm_digest,
        digest("static/small.txt"),
        digest("static/empty.txt"),
        digest("static/sub/big.txt"),
    );
    // A push of the same app by Spin itself; only its files come in the order of its directory walk.
    let expected = format!(
        r#"{{"spin_lock_version":0,"metadata":{{"name":"hello-files","trigger":{{"type":"http"}},"triggers":{{}},"version":"0.2.0"}},"variables":{{"greeting":{{"default":"hi"}},"token":{{"secret":true}}}},"triggers":[{{"id":"hello-http-trigger","trigger_type":"http","trigger_config":{{"component":"hello","route":"/..."}}}},{{"id":"back-http-trigger","trigger_type":"http","trigger_config":{{"component":"back","route":{{"private":true}}}}}}],"components":[{{"id":"hello","metadata":{{"allowed_outbound_hosts":["https://example.com:443"],"databases":["default"],"key_value_stores":["default"]}},"source":{{"content_type":"application/wasm","digest":"{wasm}"}},"env":{{"A":"1"}},"files":[{{"digest":"{empty}","path":"static/empty.txt"}},{{"digest":"{small}","path":"static/small.txt"}},{{"digest":"{big}","path":"static/sub/big.txt"}}],"config":{{"greeting":"{{{{ greeting }}}}"}}}},{{"id":"back","source":{{"content_type":"application/wasm","digest":"{wasm}"}}}}]}}"#
    );
    assert_eq!(app.portable(), expected);
    assert_eq!(
        empty,
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

#[test]
fn the_portable_form_of_an_app_without_files_is_spins_byte_for_byte() {
    let fixture = Fixture::new().with("spin.toml", "spin_manifest_version = 2\n[application]\nname = \"hello\"\nversion = \"0.1.0\"\ndescription = \"hello peer app\"\nauthors = [\"peer\"]\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"hello\"\n[component.hello]\nsource = \"app.wasm\"\n[component.hello.build]\ncommand = \"cargo build --target wasm32-wasip2 --release\"\nwatch = [\"src/**/*.rs\", \"Cargo.toml\"]\n");
    let app = fixture.load().unwrap();
    let expected = r#"{"spin_lock_version":0,"metadata":{"authors":["peer"],"description":"hello peer app","name":"hello","trigger":{"type":"http"},"triggers":{},"version":"0.1.0"},"triggers":[{"id":"hello-http-trigger","trigger_type":"http","trigger_config":{"component":"hello","route":"/..."}}],"components":[{"id":"hello","metadata":{"build":{"command":"cargo build --target wasm32-wasip2 --release","watch":["src/**/*.rs","Cargo.toml"]}},"source":{"content_type":"application/wasm","digest":"DIGEST"}}]}"#;
    assert_eq!(
        app.portable(),
        expected.replace("DIGEST", &app.components()[0].wasm_digest)
    );
}

#[test]
fn what_an_app_needs_is_known_before_it_is_sent() {
    let fixture =
        Fixture::new().component("allowed_outbound_hosts = [\"http://other.spin.internal\"]");
    let app = fixture.load().unwrap();
    assert!(app.needs().triggers.contains("http") && app.needs().triggers.len() == 1);
    assert!(
        app.needs()
            .host_requirements
            .contains("local_service_chaining")
    );
    assert_eq!(app.locked()["spin_lock_version"], 1);
    assert_eq!(
        app.locked()["must_understand"],
        serde_json::json!(["component_host_requirements"])
    );
}

#[test]
fn trigger_settings_of_any_type_come_through() {
    let fixture = Fixture::new().with(
        "spin.toml",
        format!("{HEAD}[[trigger.http]]\ncomponent = \"c\"\nz = [1, 1.5, true, {{ b = 0x10, a = 1979-05-27 }}]\n{COMPONENT}"),
    );
    let app = fixture.load().unwrap();
    let config = app.locked()["triggers"][0]["trigger_config"].to_string();
    assert_eq!(
        config,
        r#"{"component":"c","z":[1,1.5,true,{"a":{"$__toml_private_datetime":"1979-05-27"},"b":16}]}"#
    );
}

/// A Cargo workspace has its `target` above the app, so this is the first that many meet.
#[test]
fn who_names_what_the_build_left_outside_is_told_to_copy_it() {
    let outside = format!("{HEAD}{TRIGGER}[component.c]\nsource = \"../target/x.wasm\"\n");
    let dependency = format!(
        "{HEAD}{TRIGGER}{COMPONENT}[component.c.dependencies]\n\"a:b\" = {{ path = \"../target/x.wasm\" }}\n"
    );
    for text in [outside, dependency] {
        let fixture = Fixture::new().with("../target/x.wasm", common::WASM);
        let error = fixture.with("spin.toml", text).error();
        assert_eq!(error.code, "outside-app");
        let help = error.help.unwrap();
        assert!(
            help.contains("build command copy it into the folder of spin.toml"),
            "{help}"
        );
        assert!(help.contains("a link to it is refused"), "{help}");
    }
}
