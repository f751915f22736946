//! Wasm from elsewhere: asked for once and only for an app that could be loaded, and believed as far as its digest goes.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;

use common::remotes::{Shelf, digest};
use common::{Fixture, HEAD, WASM, read};
use rstest::rstest;
use spin_deployer_app::{
    App, Composition, FileMemory, LoadError, LoadOptions, Ports, Remote, RemoteError, Remotes, load,
};

const URL: &str = "https://example.com/a.wasm";
/// The smallest component: unlike a module it is deployed as it is.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn fixture(rest: &str) -> Fixture {
    let head = format!("{HEAD}[[trigger.http]]\nroute = \"/\"\ncomponent = \"c\"\n");
    Fixture::new().with("spin.toml", format!("{head}{rest}"))
}

/// A manifest whose component is the content with this digest; the source is in line 8.
fn from_url(digest: &str) -> Fixture {
    fixture(&format!(
        "[component.c]\nsource = {{ url = \"{URL}\", digest = \"{digest}\" }}\n"
    ))
}

fn loaded(fixture: &Fixture, remotes: &dyn Remotes) -> Result<App, LoadError> {
    let ports = Ports {
        remotes,
        ..Ports::default()
    };
    let options = LoadOptions {
        composition: Composition::Reported,
        ..LoadOptions::default()
    };
    load(&fixture.source(), &options, &ports)
}

#[test]
fn what_was_fetched_is_a_content_like_any_other() {
    let shelf = Shelf::new();
    let wasm = shelf.put(COMPONENT);
    let shelf = shelf.answering(URL, Ok(wasm.clone()));
    let app = loaded(&from_url(&wasm), &shelf).unwrap();
    let component = &app.components()[0];
    assert_eq!((&component.wasm_digest, component.wasm_size), (&wasm, 8));
    assert_eq!(read(&app, &wasm), COMPONENT);
    assert!(app.portable().contains(&format!("\"digest\":\"{wasm}\"")));
    assert!(!app.portable().contains("file://"), "{}", app.portable());
    assert_eq!(app.total_size(), 8);
}

#[test]
fn everything_is_asked_for_once_and_together() {
    let wasm = digest(WASM);
    let source = format!("{{ url = \"{URL}\", digest = \"{wasm}\" }}");
    let shelf = Shelf::new();
    let fixture = fixture(&format!(
        "dependencies.middleware = [{source}, {{ package = \"acme:auth\", version = \"1.2\" }}]\n\
         [component.c]\nsource = {source}\n[component.c.dependencies]\n\"acme:shop\" = \"=1.0.0\"\n\
         \"acme:cart\" = {{ package = \"acme:shop\", version = \"=1.0.0\" }}\n"
    ));
    loaded(&fixture, &shelf).unwrap();
    let asked = shelf.asked.lock().unwrap();
    let shown: Vec<Vec<_>> = asked
        .iter()
        .map(|call| call.iter().map(Remote::to_string).collect())
        .collect();
    assert_eq!(
        shown,
        [[URL, "acme:shop@1.0.0", "acme:auth@^1.2"].map(String::from)]
    );
}

/// Spin hands each to semver as it is written; only the version of a `source` has to be one.
#[rstest]
#[case::brief("\"acme:shop\" = \"1.0.0\"", "acme:shop@^1.0.0")]
#[case::brief_and_partial("\"acme:shop\" = \"1\"", "acme:shop@^1")]
#[case::brief_range("\"acme:shop\" = \" >=1.2,<2\"", "acme:shop@>=1.2, <2")]
#[case::any("\"acme:shop\" = \"*\"", "acme:shop@*")]
#[case::wildcard("\"acme:shop\" = \"1.*\"", "acme:shop@1.*")]
#[case::only("\"acme:shop\" = \"=1.0.0\"", "acme:shop@1.0.0")]
#[case::only_partial("\"acme:shop\" = \"=1.2\"", "acme:shop@=1.2")]
#[case::pre_release("\"acme:shop\" = \"1.0.0-rc.1\"", "acme:shop@^1.0.0-rc.1")]
#[case::table("\"acme:shop\" = { version = \"1.0\" }", "acme:shop@^1.0")]
#[case::renamed(
    "\"acme:shop\" = { version = \"~1.2\", package = \"a:b\", registry = \"r.test\" }",
    "a:b@~1.2"
)]
// The version of the import is none of the package.
#[case::import_with_a_version("\"acme:shop/cart@1.2.0\" = \"2\"", "acme:shop@^2")]
#[case::import_and_table(
    "\"acme:shop@1.2.0\" = { package = \"a:b\", version = \"3\" }",
    "a:b@^3"
)]
#[case::plain("cart = { package = \"a:b\", version = \"0.1\" }", "a:b@^0.1")]
#[case::component("\"acme:shop\" = { component = \"d\" }", "lib:d@^1.0.0")]
#[case::component_only("\"acme:shop\" = { component = \"e\" }", "lib:e@1.0.0")]
fn a_dependency_requires_what_spin_requires(#[case] dependency: &str, #[case] expected: &str) {
    let shelf = Shelf::new();
    let fixture = fixture(&format!(
        "[component.c]\nsource = \"app.wasm\"\n[component.c.dependencies]\n{dependency}\n\
         [component.d]\nsource = {{ package = \"lib:d\", version = \"1.0.0\" }}\n\
         [component.e]\nsource = {{ package = \"lib:e\", version = \"=1.0.0\" }}\n"
    ));
    loaded(&fixture, &shelf).unwrap();
    let asked = shelf.asked.lock().unwrap();
    let shown: Vec<_> = asked[0].iter().map(Remote::to_string).collect();
    assert!(shown.contains(&expected.to_owned()), "{shown:?}");
    for own in ["lib:d@1.0.0", "lib:e@=1.0.0"] {
        assert!(shown.contains(&own.to_owned()), "{shown:?}");
    }
}

#[test]
fn nothing_is_asked_for_where_the_app_has_errors_or_needs_nothing() {
    let shelf = Shelf::new();
    let broken = fixture(&format!(
        "[component.c]\nsource = {{ url = \"{URL}\", digest = \"{}\" }}\nfiles = [\"missing\"]\n",
        digest(WASM)
    ));
    loaded(&broken, &shelf).unwrap_err();
    loaded(&Fixture::new().component(""), &shelf).unwrap();
    assert!(shelf.asked.lock().unwrap().is_empty());
}

#[test]
fn what_keeps_it_from_being_fetched_is_said_where_it_is_named() {
    let error = |code, help: &str| RemoteError {
        code,
        message: "it is not there".into(),
        help: help.into(),
    };
    let shelf = Shelf::new()
        .answering("acme:shop@1.0.0", Err(error("offline", "go online")))
        .answering(URL, Err(error("not-found", "")));
    let fixture = fixture(&format!(
        "[component.c]\nsource = {{ package = \"acme:shop\", version = \"1.0.0\" }}\n[component.d]\n\
         source = {{ url = \"{URL}\", digest = \"{}\" }}\n",
        digest(WASM)
    ));
    let findings = loaded(&fixture, &shelf).unwrap_err().findings;
    let found: Vec<_> = findings
        .iter()
        .map(|f| (f.code, f.line, f.help.as_deref()))
        .collect();
    assert_eq!(
        found,
        [
            ("offline", Some(8), Some("go online")),
            ("not-found", Some(10), None)
        ]
    );
    // Without a port for it the same.
    assert_eq!(fixture.refused().len(), 2);
}

#[rstest]
#[case::damaged(Some(b"\0asm\x01\0\0\0\0\x01\0".as_slice()))]
#[case::cut(Some(b"\0asm".as_slice()))]
#[case::gone(None)]
fn what_is_not_what_it_was_is_fetched_once_more(#[case] now: Option<&[u8]>) {
    let shelf = Shelf::new();
    let wasm = digest(WASM);
    let other = shelf.put(&[WASM, b"\0\x01\0"].concat());
    let shelf = shelf.answering("acme:shop@1.0.0", Ok(other));
    let damage = || match now {
        Some(bytes) => fs::write(shelf.blob(&wasm), bytes).unwrap(),
        None => fs::remove_file(shelf.blob(&wasm)).unwrap(),
    };
    damage();
    let fixture = fixture(&format!(
        "[component.c]\nsource = {{ url = \"{URL}\", digest = \"{wasm}\" }}\n\
         [component.d]\nsource = {{ package = \"acme:shop\", version = \"1.0.0\" }}\n"
    ));
    let app = loaded(&fixture, &shelf).unwrap();
    assert_eq!(read(&app, &wasm), WASM);
    // And nothing else is.
    let asked: Vec<_> = shelf.asked.lock().unwrap().iter().map(Vec::len).collect();
    assert_eq!(asked, [2, 1]);
    assert_eq!(shelf.discarded.lock().unwrap().join(" "), wasm);

    damage();
    shelf.cut_off();
    let findings = loaded(&fixture, &shelf).unwrap_err().findings;
    let found: Vec<_> = findings.iter().map(|f| (f.code, f.line)).collect();
    assert_eq!(found, [("offline", Some(8))]);
}

/// Discards nothing.
struct Stubborn(Shelf);
impl Remotes for Stubborn {
    fn folder(&self) -> &std::path::Path {
        self.0.folder()
    }
    fn fetch(&self, wanted: &[Remote]) -> Vec<Result<String, RemoteError>> {
        self.0.fetch(wanted)
    }
    fn image(&self, _: &spin_deployer_manifest::Reference) -> Result<String, RemoteError> {
        unreachable!()
    }
}

#[test]
fn what_stays_damaged_is_said_with_its_file() {
    let shelf = Stubborn(Shelf::new());
    shelf.0.damage(&digest(WASM));
    let findings = loaded(&from_url(&digest(WASM)), &shelf)
        .unwrap_err()
        .findings;
    let found: Vec<_> = findings.iter().map(|f| (f.code, f.line)).collect();
    assert_eq!(found, [("damaged-cache", Some(8))]);
    let help = findings[0].help.as_ref().unwrap();
    let blob = shelf.0.blob(&digest(WASM));
    assert!(help.contains(&*blob.to_string_lossy()), "{help}");
    assert_eq!(shelf.0.asked.lock().unwrap().len(), 2);
}

#[test]
fn a_url_leads_to_the_digest_of_the_manifest_or_nowhere() {
    let shelf = Shelf::new();
    let other = shelf.put(&[WASM, b"\0\x01\0"].concat());
    let findings = loaded(&from_url(&other), &shelf).unwrap_err().findings;
    assert_eq!(findings[0].code, "digest-mismatch");
    let shelf = Shelf::new().answering(URL, Ok("../../secret".into()));
    let findings = loaded(&from_url(&other), &shelf).unwrap_err().findings;
    assert_eq!(findings[0].code, "internal");
    // A package has no digest to be compared with.
    let shelf = Shelf::new().answering("acme:shop@1.0.0", Ok("../../secret".into()));
    let package = "[component.c]\nsource = { package = \"acme:shop\", version = \"1.0.0\" }\n";
    let findings = loaded(&fixture(package), &shelf).unwrap_err().findings;
    assert_eq!((findings[0].code, findings[0].line), ("internal", Some(8)));
}

#[test]
fn the_query_of_a_url_is_in_no_message() {
    let wanted = |wasm: &str| {
        let url = "https://example.com:8443/a.wasm?signature=s3cret#f";
        fixture(&format!(
            "[component.c]\nsource = {{ url = \"{url}\", digest = \"{wasm}\" }}\n"
        ))
    };
    let shown = "https://example.com:8443/a.wasm";
    let answering = |shelf: Shelf, digest: &str| shelf.answering(shown, Ok(digest.to_owned()));
    let shelf = Shelf::new();
    let page = shelf.put(b"<html></html>");
    let no_wasm = loaded(&wanted(&page), &answering(shelf, &page));
    let shelf = answering(Shelf::new(), &digest(WASM));
    let mismatch = loaded(&wanted(&page), &shelf);
    let shelf = Shelf::new();
    shelf.put(b"<html></html>");
    shelf.damage(&page);
    let damaged = loaded(&wanted(&page), &Stubborn(answering(shelf, &page)));
    for (result, code) in [
        (no_wasm, "not-wasm"),
        (mismatch, "digest-mismatch"),
        (damaged, "damaged-cache"),
    ] {
        let findings = result.unwrap_err().findings;
        assert_eq!(findings[0].code, code);
        let message = &findings[0].message;
        assert!(message.contains(shown), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[test]
fn a_page_that_says_not_found_is_no_wasm() {
    let shelf = Shelf::new();
    let page = shelf.put(b"<html></html>");
    let shelf = shelf.answering(URL, Ok(page.clone()));
    let findings = loaded(&from_url(&page), &shelf).unwrap_err().findings;
    assert_eq!((findings[0].code, findings[0].line), ("not-wasm", Some(8)));
}

#[test]
fn text_format_from_elsewhere_is_to_be_converted() {
    let shelf = Shelf::new();
    let text = shelf.put(b"(component)");
    let shelf = shelf.answering(URL, Ok(text.clone()));
    let findings = loaded(&from_url(&text), &shelf).unwrap_err().findings;
    assert_eq!((findings[0].code, findings[0].line), ("not-wasm", Some(8)));
    let help = findings[0].help.as_ref().unwrap();
    assert!(help.contains("wasm-tools parse"), "{help}");
}

#[test]
fn an_answer_that_is_missing_is_an_error() {
    struct Silent(Shelf);
    impl Remotes for Silent {
        fn folder(&self) -> &std::path::Path {
            self.0.folder()
        }
        fn fetch(&self, _: &[Remote]) -> Vec<Result<String, RemoteError>> {
            Vec::new()
        }
        fn image(&self, _: &spin_deployer_manifest::Reference) -> Result<String, RemoteError> {
            unreachable!()
        }
    }
    let findings = loaded(&from_url(&digest(WASM)), &Silent(Shelf::new()))
        .unwrap_err()
        .findings;
    assert_eq!(findings[0].code, "internal");
}

#[test]
fn dependencies_are_contents_in_the_portable_form_by_their_digest() {
    let shelf = Shelf::new();
    let bytes = [WASM, b"\0\x01\0"].concat();
    let fixture = fixture(
        "dependencies.middleware = [{ path = \"dep.wasm\", inherit_configuration = true }]\n[component.c]\nsource = \"app.wasm\"\n\
         [component.c.dependencies]\n\"acme:shop\" = { version = \"1\", inherit_configuration = [\"files\"] }\n",
    )
    .with("dep.wasm", &bytes);
    let app = loaded(&fixture, &shelf).unwrap();
    let (wasm, dep) = (digest(WASM), digest(&bytes));
    let source =
        |digest: &str| format!(r#"{{"content_type":"application/wasm","digest":"{digest}"}}"#);
    let expected = format!(
        r#""components":[{{"id":"c","metadata":{{"resolve-trigger-dependencies-using":"http"}},"source":{},"dependencies":{{"acme:shop":{{"source":{},"export":null,"inherit":{{"Some":["files"]}}}}}},"trigger_dependencies":{{"middleware":[{{"source":{},"export":null,"inherit":"All"}}]}},"host_requirements":{{"middleware":"required"}}}}]"#,
        source(&wasm),
        source(&wasm),
        source(&dep)
    );
    assert!(app.portable().contains(&expected), "{}", app.portable());
    assert_eq!(read(&app, &dep), bytes);
    assert!(app.needs().host_requirements.contains("middleware"));
}

#[test]
fn a_remembered_digest_is_taken_from_the_folder_of_what_was_fetched() {
    struct Remembering(Shelf, FileMemory);
    impl Remotes for Remembering {
        fn folder(&self) -> &std::path::Path {
            self.0.folder()
        }
        fn memory(&self) -> &dyn spin_deployer_app::DigestMemory {
            &self.1
        }
        fn fetch(&self, wanted: &[Remote]) -> Vec<Result<String, RemoteError>> {
            self.0.fetch(wanted)
        }
        fn image(&self, _: &spin_deployer_manifest::Reference) -> Result<String, RemoteError> {
            unreachable!()
        }
    }
    let cache = tempfile::tempdir().unwrap();
    let shelf = Shelf::new();
    let wasm = shelf.put(COMPONENT);
    let shelf = shelf.answering(URL, Ok(wasm.clone()));
    let memory = FileMemory::at(cache.path(), shelf.folder());
    let remotes = Remembering(shelf, memory);
    for _ in 0..2 {
        let app = loaded(&from_url(&wasm), &remotes).unwrap();
        assert_eq!(app.components()[0].wasm_digest, wasm);
    }
}
