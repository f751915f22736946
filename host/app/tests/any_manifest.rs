//! Whatever is in a manifest, loading it ends with an app or with findings.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Fixture, HEAD};
use proptest::prelude::*;

/// Pieces that get further than noise does.
fn piece() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "source",
        "files",
        "exclude_files",
        "variables",
        "environment",
        "id",
        "component",
        "components",
        "route",
        "build",
        "command",
        "tool",
        "profile",
        "dependencies",
        "allowed_outbound_hosts",
        "targets",
        "name",
        "trigger",
        "default",
        "required",
        "spin_manifest_version",
        "spin_version",
        "url",
        "digest",
        "package",
        "version",
        "registry",
        "path",
        "export",
        "inherit_configuration",
        "dependencies_inherit_configuration",
        "dependencies.middleware",
        "components.role",
        "allowed_http_hosts",
        "config",
        "type",
        "cart",
        "\"acme:shop/cart@1.0.0\"",
        "\"acme:shop\"",
    ]);
    let value = prop_oneof![
        "\"[a-z{}*./:?\\[\\]-]{0,12}\"",
        Just("true".to_owned()),
        "-?[0-9]{1,19}",
        Just("nan".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        "\\[(\"[a-z*/.]{0,8}\",?){0,3}\\]",
        Just("[{ source = \"a\", destination = \"/../b\" }]".to_owned()),
        Just("{ source = \"app.wasm\" }".to_owned()),
        Just("{ x = { y = [ {} ] } }".to_owned()),
        Just("\"1\"".to_owned()),
        Just("{ type = \"http\" }".to_owned()),
        Just("{ path = \"app.wasm\", inherit_configuration = true }".to_owned()),
        Just("{ version = \">=1, <2\", package = \"a:b\" }".to_owned()),
        Just("[{ component = \"c\" }, { path = \"app.wasm\" }]".to_owned()),
        Just(format!(
            "{{ url = \"https://example.com\", digest = \"sha256:{}\" }}",
            "0".repeat(64)
        )),
    ];
    let table = prop::sample::select(vec![
        "[component.c]",
        "[component.c.variables]",
        "[[trigger.http]]",
        "[trigger.http]",
        "[variables]",
        "[variables.v]",
        "[application.trigger.http]",
        "[component]",
        "[[component]]",
        "[component.c.profile.p]",
        "[component.c.profile.p.dependencies]",
        "[component.c.dependencies]",
        "[component.trigger]",
        "[component.d]",
        "[[trigger.http.dependencies.middleware]]",
        "[\"\"]",
    ]);
    prop_oneof![
        4 => (key, value).prop_map(|(key, value)| format!("{key} = {value}\n")),
        2 => table.prop_map(|table| format!("{table}\n")),
        1 => "[\\PC\\n]{0,20}",
    ]
}

/// A parser that calls itself for each level runs out of stack, which nothing can catch.
#[test]
fn any_depth_is_an_app_or_findings() {
    let deep = 200_000;
    for text in [
        format!("x = {}", "[".repeat(deep)),
        format!("x = {}1{}", "[".repeat(deep), "]".repeat(deep)),
        format!("x = {}", "{ a = ".repeat(deep)),
        format!("x{} = 1", ".a".repeat(deep)),
        format!("[x{}]", ".a".repeat(deep)),
        format!("{HEAD}[[trigger.http]]\nx{} = 1", ".a".repeat(deep)),
        format!(
            "{HEAD}[[trigger.http]]\nx = {{ x{} = 1 }}",
            ".a".repeat(deep)
        ),
        format!("{HEAD}[trigger{}]", ".a".repeat(deep)),
    ] {
        assert!(Fixture::new().with("spin.toml", text).load().is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_an_app_or_findings(
        head in prop::sample::select(vec!["", HEAD, "spin_version = \"1\"\nname = \"a\"\n"]),
        pieces in prop::collection::vec(piece(), 0..12),
    ) {
        let text = format!("{head}{}", pieces.concat());
        let fixture = Fixture::new().with("spin.toml", &text);
        if let Err(error) = fixture.load() {
            prop_assert!(!error.findings.is_empty());
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn any_bytes_are_an_app_or_findings(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let fixture = Fixture::new().with("spin.toml", &bytes);
        prop_assert!(fixture.load().is_err());
    }

    #[test]
    fn any_pattern_stays_inside(pattern in "[a-z.*?/\\[\\]]{0,12}") {
        let fixture = Fixture::new().with("../secret", "secret").with("a/b", "b")
            .component(&format!("files = ['{pattern}', {{ source = '{pattern}', destination = '/x' }}]"));
        if let Ok(app) = fixture.load() {
            for file in &app.components()[0].files {
                prop_assert_ne!(file.size, 6, "{} took {}", pattern, file.path);
                prop_assert!(file.path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{}", file.path);
            }
        }
    }
}
