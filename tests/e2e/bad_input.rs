//! Bad input is an error with its exit code, found before anything is sent.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::harness::app::{App, noise};
use crate::harness::proxy::{Moment, Proxy, Then, Verdict};
use crate::harness::registry::Registry;
use crate::harness::run::{Finished, Machine};

/// Runs with these arguments after `deploy -f APP`, `{registry}` standing for a registry that is there; and nothing
/// as much as connects to it.
#[track_caller]
fn refused(app: &Path, arguments: &[&str]) -> Finished {
    refused_on(&Machine::new(), app, arguments)
}

#[track_caller]
fn refused_on(machine: &Machine, app: &Path, arguments: &[&str]) -> Finished {
    let registry = Registry::start();
    let proxy = Proxy::to(registry.address());
    let address = proxy.address().to_string();
    let mut line = vec![
        "deploy".to_owned(),
        "-f".into(),
        app.to_str().unwrap().into(),
    ];
    line.extend(["--output".into(), "json".into()]);
    line.extend(arguments.iter().map(|a| a.replace("{registry}", &address)));
    let finished = machine.run(line).fails(2);
    assert_eq!(proxy.connections(), 0, "{:#?}", proxy.requests());
    let error = &finished.json()["error"];
    assert_eq!(
        (&error["exit_code"], &error["sent"]),
        (&2.into(), &false.into()),
        "{finished}"
    );
    finished
}

const PUSH: [&str; 4] = ["-t", "oci", "--reference", "{registry}/app:v1"];

#[test]
fn no_spin_toml() {
    refused(App::empty().path(), &PUSH).says("spin.toml");
}

#[test]
fn a_folder_that_is_not_there() {
    refused(&App::empty().path().join("nothing"), &PUSH).says("nothing");
}

#[test]
fn broken_toml_is_said_with_its_line() {
    let app = App::small();
    app.write(
        "spin.toml",
        "spin_manifest_version = 2\n[application]\nname = \"a\nversion = \"1.0.0\"\n",
    );
    refused(app.path(), &PUSH).says("spin.toml:3");
}

#[test]
fn a_key_that_spin_does_not_know() {
    let app = App::small();
    let text = fs::read_to_string(app.path().join("spin.toml")).unwrap();
    app.write("spin.toml", text.replace("source =", "sauce ="));
    refused(app.path(), &PUSH).says("sauce");
}

#[test]
fn missing_wasm() {
    let app = App::small();
    fs::remove_file(app.path().join("hello.wasm")).unwrap();
    refused(app.path(), &PUSH).says("hello.wasm");
}

#[test]
fn a_file_that_is_no_wasm() {
    let app = App::small();
    app.write("hello.wasm", "#!/bin/sh\necho hello\n");
    refused(app.path(), &PUSH).says("hello.wasm");
}

fn with_files(files: &str) -> App {
    let app = App::small();
    let text = fs::read_to_string(app.path().join("spin.toml")).unwrap();
    app.write("spin.toml", text.replace(r#"["static/*"]"#, files));
    app
}

#[test]
fn files_out_of_the_app() {
    for files in [
        r#"["../*.txt"]"#,
        r#"["static/../../x"]"#,
        r#"["/etc/passwd"]"#,
        r#"[{ source = "../x", destination = "/x" }]"#,
        r#"[{ source = "static", destination = "/../../etc" }]"#,
    ] {
        refused(with_files(files).path(), &PUSH).says("spin.toml");
    }
}

#[test]
fn code_out_of_the_app() {
    let app = App::small();
    let text = fs::read_to_string(app.path().join("spin.toml")).unwrap();
    app.write("spin.toml", text.replace("hello.wasm", "../hello.wasm"));
    refused(app.path(), &PUSH).says("../hello.wasm");
}

#[test]
fn links_out_of_the_app() {
    let outside = App::small();
    let app = App::small();
    symlink(
        outside.path().join("static/layer.bin"),
        app.path().join("static/file"),
    )
    .unwrap();
    refused(app.path(), &PUSH).says("static/file");
    let app = with_files(r#"["static/**/*"]"#);
    symlink(outside.path(), app.path().join("static/folder")).unwrap();
    refused(app.path(), &PUSH).says("static/folder");
}

#[test]
fn a_file_that_cannot_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let app = App::small();
    let file = app.path().join("static/layer.bin");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let mut machine = Machine::new();
    // Root reads everything, unless it has given that up.
    if rustix::process::geteuid().is_root() {
        machine.wrap(&["setpriv", "--bounding-set=-dac_override,-dac_read_search"]);
    }
    refused_on(&machine, app.path(), &PUSH).says("static/layer.bin");
}

#[test]
fn every_finding_comes_at_once() {
    let app = with_files(r#"["../x", "static/*"]"#);
    app.write("hello.wasm", "no wasm");
    refused(app.path(), &PUSH).says("../x").says("hello.wasm");
}

#[test]
fn an_unknown_target() {
    refused(App::small().path(), &["-t", "nowhere"])
        .says("nowhere")
        .says("oci");
}

#[test]
fn an_unknown_option_is_answered_with_the_nearest() {
    let line = ["-t", "oci", "--referense", "{registry}/app:v1"];
    refused(App::small().path(), &line)
        .says("--referense")
        .says("--reference");
}

#[test]
fn a_missing_option_is_named() {
    refused(App::small().path(), &["-t", "oci"]).says("--reference");
}

#[test]
fn a_reference_without_a_registry() {
    let line = ["-t", "oci", "--reference", "app:v1"];
    refused(App::small().path(), &line).says("app:v1");
}

#[test]
fn illegal_references() {
    for reference in [
        "{registry}/app:.v1",
        "{registry}/app:",
        "{registry}/App:v1",
        "{registry}/app@sha256:short",
        "{registry}/",
        "{registry}/../app:v1",
        "user:password@{registry}/app:v1",
        "ftp://{registry}/app:v1",
    ] {
        let line = ["-t", "oci", "--reference", reference];
        refused(App::small().path(), &line).says("--reference");
    }
}

#[test]
fn an_illegal_tag() {
    let mut line = PUSH.to_vec();
    line.extend(["--tag", "a/b"]);
    let app = App::small();
    let finished = refused(app.path(), &line);
    finished.says("a/b");
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let machine = Machine::new();
    machine.run(["deploi"]).fails(2).says("deploy");
    machine.run(["rollback", "-t", "local"]).fails(2);
}

#[test]
fn a_registry_that_is_down() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let app = App::small();
    let failed = Machine::new()
        .push(app.path(), &format!("{port}/app:v1"), &[])
        .fails(7);
    assert_eq!(failed.json()["error"]["sent"], false, "{failed}");
    failed.says(&port.to_string());
}

#[test]
fn a_registry_that_answers_nonsense() {
    for nonsense in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nnonsens".to_owned(),
        "HTTP/1.1 202 Accepted\r\nlocation: ::::\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            .to_owned(),
        format!(
            "HTTP/1.1 404 Not Found\r\nx: {}\r\nconnection: close\r\n\r\n",
            "x".repeat(300_000)
        ),
        "HTTP/1.1 500 Oops\r\ncontent-length: 9\r\nconnection: close\r\n\r\n\u{1b}[2J\u{1b}[31mX"
            .to_owned(),
    ] {
        let nowhere = ([127, 0, 0, 1], 9).into();
        let answer = nonsense.clone();
        let proxy = Proxy::with(nowhere, move |_| Verdict::Answer(answer.clone()));
        let app = App::small();
        let failed = Machine::new().push(app.path(), &proxy.reference("app:v1"), &[]);
        // So many headers break a limit, which could be raised.
        let is_limit = nonsense.len() > 64 << 10;
        let expected: &[i32] = if is_limit { &[70] } else { &[1, 7] };
        let code = failed.status.code().unwrap();
        assert!(expected.contains(&code), "{nonsense:.40}\n{failed}");
        assert!(!failed.stderr.contains('\u{1b}'), "{failed}");
        assert!(failed.stderr.len() < 16 * 1024, "{}", failed.stderr.len());
        failed.json();
    }
}

#[test]
fn a_file_that_changes_while_it_is_sent() {
    for change in ["longer", "shorter", "same length"] {
        let registry = Registry::start();
        let app = App::small();
        let file = app.path().join("static/layer.bin");
        let before = noise("big", 8_000_000);
        fs::write(&file, &before).unwrap();
        let after = match change {
            "longer" => noise("other", 9_000_000),
            "shorter" => noise("other", 5_000_000),
            _ => noise("other", 8_000_000),
        };
        let path = file.clone();
        let proxy = Proxy::with(registry.address(), move |r| {
            let length = r.headers.iter().find(|(name, _)| name == "content-length");
            let big = length.is_some_and(|(_, value)| value.parse::<u64>().unwrap() > 1_000_000);
            let (path, after) = (path.clone(), after.clone());
            match r.writes() && big {
                true => Verdict::At(
                    Moment::Before,
                    Box::new(move || {
                        fs::write(path, after).unwrap();
                        Then::Continue
                    }),
                ),
                false => Verdict::Forward,
            }
        });
        let failed = Machine::new()
            .push(app.path(), &proxy.reference("app:v1"), &[])
            .fails(1);
        failed.says("static/layer.bin");
        assert_eq!(registry.get("app/manifests/v1").status, 404, "{change}");
    }
}
