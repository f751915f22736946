//! What a manifest cannot say about Wasm from elsewhere, dependencies, triggers and version 1: each with its line.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Fixture, HEAD};
use rstest::rstest;
use spin_deployer_app::{Composition, LoadOptions, Ports, identify, load};

const C: &str = "[[trigger.http]]\ncomponent = \"c\"\n[component.c]\nsource = \"app.wasm\"\n";
const ONE: &str = "spin_manifest_version = \"1\"\nname = \"test\"\ntrigger = { type = \"http\" }\n[[component]]\n";

fn refused(text: String, code: &str, line: usize) {
    let error = Fixture::new().with("spin.toml", text).error();
    assert_eq!((error.code, error.line), (code, Some(line)), "{error}");
    assert!(error.column.is_some() && error.excerpt.is_some(), "{error}");
}

#[rstest]
#[case::no_digest("{ url = \"https://example.com/a\" }", "missing-field")]
#[case::no_url(
    "{ digest = \"sha256:24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29\" }",
    "missing-field"
)]
#[case::short_digest(
    "{ url = \"https://example.com/a\", digest = \"sha256:00\" }",
    "source-digest"
)]
#[case::capital_digest(
    "{ url = \"https://example.com/a\", digest = \"sha256:93A44BBB96C751218E4C00D479E4C14358122A389ACCA16205B1E4D0DC5F9476\" }",
    "source-digest"
)]
#[case::other_scheme(
    "{ url = \"file:///etc/passwd\", digest = \"sha256:24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29\" }",
    "source-url"
)]
#[case::no_absolute_url(
    "{ url = \"a.wasm\", digest = \"sha256:24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29\" }",
    "source-url"
)]
#[case::no_package("{ version = \"1.0.0\" }", "missing-field")]
#[case::no_version("{ package = \"a:b\" }", "missing-field")]
#[case::package_name("{ package = \"shop\", version = \"1.0.0\" }", "package-name")]
#[case::half_a_version("{ package = \"a:b\", version = \"1.0\" }", "package-version")]
#[case::a_requirement("{ package = \"a:b\", version = \"^1.0.0\" }", "package-version")]
#[case::registry_with_a_path(
    "{ package = \"a:b\", version = \"1.0.0\", registry = \"example.com/x\" }",
    "package-registry"
)]
#[case::registry_with_a_user(
    "{ package = \"a:b\", version = \"1.0.0\", registry = \"me@example.com\" }",
    "package-registry"
)]
#[case::both(
    "{ package = \"a:b\", url = \"https://example.com/a\", digest = \"sha256:24eaf3439a60c96764c4f2c92a0a81b52bd4fe5d5b91f090184a0f6486b1bf29\" }",
    "unknown-field"
)]
#[case::bindle("{ reference = \"a/b\", parcel = \"00\" }", "unsupported")]
#[case::a_number("1", "wrong-type")]
fn a_source_is_checked_as_text(#[case] source: &str, #[case] code: &str) {
    let head = "[[trigger.http]]\ncomponent = \"c\"\n[component.c]\n";
    refused(format!("{HEAD}{head}source = {source}\n"), code, 7);
    // The same in a profile, and in version 1.
    let profile = format!("{HEAD}{C}profile.p.source = {source}\n");
    refused(profile, code, 8);
    let old = format!("{ONE}id = \"c\"\ntrigger = {{}}\nsource = {source}\n");
    refused(old, code, 7);
}

/// A dependency of component `c` in line 9.
#[rstest]
#[case::upper_case("\"Acme:shop\" = \"1\"", "dependency-name")]
#[case::no_version_after_the_at("\"acme:shop@1\" = \"1\"", "dependency-name")]
#[case::bad_interface("\"acme:shop/a_b\" = \"1\"", "dependency-name")]
#[case::bad_plain_name("a_b = { path = \"app.wasm\" }", "dependency-name")]
#[case::plain_version("cart = \"1\"", "dependency-package")]
#[case::plain_without_package("cart = { version = \"1\" }", "dependency-package")]
#[case::bad_requirement("\"acme:shop\" = \"one\"", "package-version")]
#[case::no_version("\"acme:shop\" = { package = \"a:b\" }", "missing-field")]
#[case::from_nowhere("\"acme:shop\" = { export = \"x\" }", "missing-field")]
#[case::from_two_places(
    "\"acme:shop\" = { path = \"app.wasm\", version = \"1\" }",
    "unknown-field"
)]
#[case::environment_is_of_a_later_spin(
    "\"acme:shop/x\" = { path = \"app.wasm\", environment = {} }",
    "unknown-field"
)]
#[case::export_of_a_package(
    "\"acme:shop\" = { path = \"app.wasm\", export = \"x\" }",
    "dependency-export"
)]
#[case::export_of_a_package_from_a_registry(
    "\"acme:shop\" = { version = \"1\", export = \"x\" }",
    "dependency-export"
)]
#[case::unknown_component("\"acme:shop\" = { component = \"d\" }", "unknown-component")]
#[case::itself("\"acme:shop\" = { component = \"c\" }", "dependency-resources")]
#[case::inherits_a_word(
    "\"acme:shop\" = { path = \"app.wasm\", inherit_configuration = \"files\" }",
    "wrong-type"
)]
#[case::inherits_the_unknown(
    "\"acme:shop\" = { path = \"app.wasm\", inherit_configuration = [\"file\"] }",
    "unknown-configuration"
)]
#[case::missing("\"acme:shop\" = { path = \"nope.wasm\" }", "missing-wasm")]
#[case::no_wasm("\"acme:shop\" = { path = \"spin.toml\" }", "not-wasm")]
#[case::from_outside("\"acme:shop\" = { path = \"../app/app.wasm\" }", "outside-app")]
#[case::no_table("\"acme:shop\" = 1", "wrong-type")]
fn a_dependency_is_checked(#[case] dependency: &str, #[case] code: &str) {
    refused(
        format!("{HEAD}{C}[component.c.dependencies]\n{dependency}\n"),
        code,
        9,
    );
}

#[rstest]
#[case("\"a:b\"", "\"a:b/c\"", true)]
#[case("\"a:b\"", "\"a:b@1.0.0\"", true)]
#[case("\"a:b@1.0.0\"", "\"a:b@1.2.0\"", true)]
#[case("\"a:b@0.1.0\"", "\"a:b@0.1.2\"", true)]
#[case("\"a:b/c@1.0.0\"", "\"a:b/c@1.0.0+x\"", true)]
#[case("\"a:b/c@1.0.0\"", "\"a:b/c\"", true)]
#[case("\"a:b@1.0.0\"", "\"a:b@2.0.0\"", false)]
#[case("\"a:b@0.1.0\"", "\"a:b@0.2.0\"", false)]
#[case("\"a:b@0.0.1\"", "\"a:b@0.0.2\"", false)]
#[case("\"a:b@1.0.0-rc.1\"", "\"a:b@1.0.0-rc.2\"", false)]
#[case("\"a:b/c\"", "\"a:b/d\"", false)]
#[case("\"a:b/c@1.0.0\"", "\"a:b/d@1.0.0\"", false)]
#[case("\"a:b\"", "\"a:c\"", false)]
#[case("b", "\"a:b\"", false)]
fn dependencies_of_one_package_do_not_overlap(
    #[case] one: &str,
    #[case] other: &str,
    #[case] overlap: bool,
) {
    let path = "{ path = \"app.wasm\" }";
    let text = format!("{HEAD}{C}[component.c.dependencies]\n{one} = {path}\n{other} = {path}\n");
    let fixture = Fixture::new().with("spin.toml", text);
    let options = LoadOptions {
        composition: Composition::Reported,
        ..LoadOptions::default()
    };
    let result = load(&fixture.source(), &options, &Ports::default());
    match result {
        Ok(_) => assert!(!overlap),
        Err(error) => {
            assert!(overlap, "{error}");
            let codes: Vec<_> = error.findings.iter().map(|f| f.code).collect();
            assert_eq!(codes, ["dependency-overlap"]);
        }
    }
}

#[rstest]
#[case("files = [\"*.wasm\"]", "files")]
#[case("environment = { A = \"1\" }", "environment")]
#[case("variables = { a = \"1\" }", "variables")]
#[case("allowed_outbound_hosts = [\"*://*:*\"]", "allowed_outbound_hosts")]
#[case("allowed_http_hosts = [\"example.com\"]", "allowed_http_hosts")]
#[case("key_value_stores = [\"a\"]", "key_value_stores")]
#[case("sqlite_databases = [\"a\"]", "sqlite_databases")]
#[case("ai_models = [\"a\"]", "ai_models")]
#[case("dependencies = { \"x:y\" = { path = \"app.wasm\" } }", "dependencies")]
fn a_component_with_resources_is_nobodys_dependency(#[case] field: &str, #[case] name: &str) {
    let lib = format!("[component.lib]\nsource = \"app.wasm\"\n{field}\n");
    for (text, line) in [
        (
            format!("{HEAD}{C}dependencies.\"a:b\" = {{ component = \"lib\" }}\n{lib}"),
            8,
        ),
        (
            format!(
                "{HEAD}[[trigger.http]]\ndependencies.middleware = [{{ component = \"lib\" }}]\ncomponent = \"c\"\n\
                 [component.c]\nsource = \"app.wasm\"\n{lib}"
            ),
            5,
        ),
    ] {
        let error = Fixture::new().with("spin.toml", text).error();
        assert_eq!(
            (error.code, error.line),
            ("dependency-resources", Some(line))
        );
        assert!(error.message.contains(&format!("`{name}`")), "{error}");
    }
}

#[test]
fn both_ways_to_inherit_exclude_each_other() {
    for value in ["true", "false"] {
        let inherit = format!("dependencies_inherit_configuration = {value}\n");
        let dependency =
            "dependencies.\"a:b\" = { path = \"app.wasm\", inherit_configuration = false }\n";
        refused(
            format!("{HEAD}{C}{inherit}{dependency}"),
            "inherited-twice",
            8,
        );
    }
}

/// The second line of a trigger, which is line 5.
#[rstest]
#[case::unknown_role_component("components.a = \"d\"", "unknown-component")]
#[case::unknown_among_many("components.a = [\"c\", \"d\"]", "unknown-component")]
#[case::bad_reference("components.a = \"a_b\"", "invalid-name")]
#[case::no_spec("components.a = 1", "wrong-type")]
#[case::components_no_table("components = \"c\"", "wrong-type")]
#[case::no_array("dependencies.middleware = { path = \"app.wasm\" }", "wrong-type")]
#[case::only_a_version("dependencies.middleware = [\"1\"]", "wrong-type")]
#[case::no_package("dependencies.middleware = [{ version = \"1\" }]", "missing-field")]
#[case::no_exports(
    "dependencies.middleware = [{ path = \"app.wasm\", export = \"x\" }]",
    "unknown-field"
)]
#[case::no_such_middleware(
    "dependencies.middleware = [{ component = \"d\" }]",
    "unknown-component"
)]
#[case::missing("dependencies.middleware = [{ path = \"nope.wasm\" }]", "missing-wasm")]
fn a_trigger_is_checked(#[case] field: &str, #[case] code: &str) {
    let text = format!(
        "{HEAD}[[trigger.http]]\n{field}\ncomponent = \"c\"\n[component.c]\nsource = \"app.wasm\"\n"
    );
    let findings = Fixture::new().with("spin.toml", text).refused();
    let found: Vec<_> = findings.iter().map(|f| (f.code, f.line)).collect();
    assert_eq!(found, [(code, Some(5))], "{findings:#?}");
}

#[rstest]
#[case::nothing("route = \"/\"")]
#[case::dependencies_only("dependencies.middleware = [{ path = \"app.wasm\" }]")]
#[case::roles_do_not_count(
    "components.a = \"c\"\ndependencies.middleware = [{ path = \"app.wasm\" }]"
)]
#[case::no_answer_to_add_it_to(
    "static_response = {}\ndependencies.middleware = [{ path = \"app.wasm\" }]"
)]
fn a_trigger_needs_a_component(#[case] fields: &str) {
    let text = format!("{HEAD}[[trigger.http]]\n{fields}\n[component.c]\nsource = \"app.wasm\"\n");
    refused(text, "no-component", 4);
}

#[test]
fn a_copy_of_a_component_does_not_take_the_id_of_another() {
    let trigger = "[[trigger.http]]\nid = \"t\"\ncomponent = \"c\"\ndependencies.middleware = [{ path = \"app.wasm\" }]\n";
    let other = "[component.c-for-t]\nsource = \"app.wasm\"\n";
    refused(
        format!("{HEAD}{trigger}{C}{other}"),
        "duplicate-component",
        4,
    );
}

/// What follows `[[component]]` in line 4.
#[rstest]
#[case::no_id("source = \"app.wasm\"\ntrigger = {}\n", "missing-field", 4)]
#[case::no_trigger("id = \"c\"\nsource = \"app.wasm\"\n", "missing-field", 4)]
#[case::unknown_field(
    "id = \"c\"\nsource = \"app.wasm\"\ntrigger = {}\nvariables = {}\n",
    "unknown-field",
    8
)]
#[case::no_dependencies(
    "id = \"c\"\nsource = \"app.wasm\"\ntrigger = {}\ndependencies = {}\n",
    "unknown-field",
    8
)]
#[case::bad_id(
    "id = \"a b\"\nsource = \"app.wasm\"\ntrigger = {}\n",
    "invalid-name",
    5
)]
#[case::bad_host(
    "id = \"c\"\nsource = \"app.wasm\"\ntrigger = {}\nallowed_http_hosts = [\"ftp://a\"]\n",
    "outbound-host",
    8
)]
#[case::bad_config(
    "id = \"c\"\nsource = \"app.wasm\"\ntrigger = {}\nconfig = { A = \"\" }\n",
    "invalid-name",
    8
)]
#[case::unknown_variable(
    "id = \"c\"\nsource = \"app.wasm\"\ntrigger = {}\nconfig = { a = \"{{ b }}\" }\n",
    "unknown-variable",
    8
)]
#[case::one_id_twice(
    "id = \"a_B\"\nsource = \"app.wasm\"\ntrigger = {}\n[[component]]\nid = \"a-b\"\nsource = \"app.wasm\"\ntrigger = {}\n",
    "duplicate-component",
    9
)]
fn version_1_is_checked(#[case] rest: &str, #[case] code: &str, #[case] line: usize) {
    let text = format!("{ONE}{rest}");
    let found = Fixture::new().with("spin.toml", text).refused();
    let found: Vec<_> = found.iter().map(|f| (f.code, f.line)).collect();
    assert!(found.contains(&(code, Some(line))), "{found:?}");
    // Two components with one id have triggers with one id.
    assert!(
        found
            .iter()
            .all(|(found, _)| *found == code || *found == "duplicate-trigger"),
        "{found:?}"
    );
}

#[rstest]
#[case("", "missing-field")]
#[case("trigger = {}\n", "missing-field")]
#[case("trigger = { type = \"http\" }\napplication = {}\n", "unknown-field")]
#[case(
    "trigger = { type = \"http\" }\nspin_version = \"1\"\n",
    "manifest-version"
)]
fn the_head_of_version_1_is_checked(#[case] rest: &str, #[case] code: &str) {
    let text = format!("spin_manifest_version = \"1\"\nname = \"a\"\n{rest}");
    assert_eq!(Fixture::new().with("spin.toml", text).error().code, code);
}

#[test]
fn version_1_gets_no_nagging_and_says_who_it_is() {
    let text = format!(
        "{ONE}id = \"c\"\nsource = \"app.wasm\"\ntrigger = {{}}\nallowed_http_hosts = [\"example.com\"]\n"
    );
    let fixture = Fixture::new().with("spin.toml", text);
    assert_eq!(fixture.warnings(), [""; 0]);
    let identity = identify(
        &fixture.source(),
        &LoadOptions::default(),
        &Ports::default(),
    )
    .unwrap();
    assert_eq!((identity.name.as_str(), identity.version), ("test", None));
}

#[test]
fn name_and_version_can_be_others() {
    let fixture = Fixture::new().component("");
    let with = |name: &str, version: &str| LoadOptions {
        name: Some(name.into()),
        version: Some(version.into()),
        ..LoadOptions::default()
    };
    let options = with("preview", "2");
    let app = load(&fixture.source(), &options, &Ports::default()).unwrap();
    assert_eq!((app.name(), app.version()), ("preview", Some("2")));
    assert_eq!(app.locked()["metadata"]["name"], "preview");
    assert!(
        app.portable().contains(r#""name":"preview","#)
            && app.portable().contains(r#""version":"2""#)
    );
    let identity = identify(&fixture.source(), &options, &Ports::default()).unwrap();
    assert_eq!(
        (identity.name.as_str(), identity.version.as_deref()),
        ("preview", Some("2"))
    );

    let broken = Fixture::new().component("typo = 1");
    for (name, version) in [(" ", "1"), ("a\u{1b}[31m", "1"), ("a", ""), ("a", "1\n")] {
        let options = with(name, version);
        let error = load(&broken.source(), &options, &Ports::default()).unwrap_err();
        let codes: Vec<_> = error.findings.iter().map(|f| f.code).collect();
        assert_eq!(codes, ["invalid-name", "unknown-field"], "{name:?}");
        assert!(!error.to_string().contains('\u{1b}'));
        identify(&fixture.source(), &options, &Ports::default()).unwrap_err();
    }
    let unnamed = Fixture::new().with("spin.toml", format!("{}{C}", HEAD.replace("test", "")));
    assert_eq!(unnamed.error().code, "no-name");
    load(&unnamed.source(), &with("a", "1"), &Ports::default()).unwrap();
    identify(&unnamed.source(), &with("a", "1"), &Ports::default()).unwrap();
}

#[test]
fn a_component_that_is_missing_is_reported_once_however_often_it_is_named() {
    let text = format!(
        "{HEAD}[[trigger.http]]\ncomponent = \"c\"\n[component.c]\nsource = \"nope.wasm\"\n\
         dependencies = {{ \"a:b\" = {{ path = \"nope.wasm\" }}, \"a:c\" = {{ component = \"d\" }} }}\n\
         [component.d]\nsource = \"nope.wasm\"\n"
    );
    refused(text, "missing-wasm", 7);
}

#[test]
fn a_component_has_at_most_a_thousand_dependencies() {
    let many: String = (0..1001)
        .map(|n| format!("d{n} = {{ path = \"app.wasm\" }}\n"))
        .collect();
    refused(
        format!("{HEAD}{C}[component.c.dependencies]\n{many}"),
        "too-many-dependencies",
        1009,
    );
}
