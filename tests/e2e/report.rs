//! What a program reads is one JSON document on stdout; what a person reads is on a terminal or has no escapes.

use crate::harness::app::{App, hello};
use crate::harness::registry::Registry;
use crate::harness::run::Machine;
use crate::harness::sha256;

#[test]
fn deploy_reports_what_is_deployed() {
    let registry = Registry::start();
    let app = App::shop();
    let report = Machine::new()
        .push(app.path(), &registry.reference("shop:v1"), &[])
        .ok();
    let json = report.json();
    assert_eq!(json["schema"], 1);
    assert!(
        report.stdout.trim_start().starts_with("{\"schema\"")
            || report.stdout.contains("\n  \"schema\": 1,")
    );
    assert_eq!(json["target"], "oci");
    assert_eq!(json["plugin"]["name"], "oci");
    assert_eq!(
        (&json["app"]["name"], &json["app"]["version"]),
        (&"shop".into(), &"1.2.3".into())
    );
    let digest = registry.manifest("shop", "v1").digest;
    let artifact = json["release"]["artifact"].as_str().unwrap();
    assert!(artifact.ends_with(&format!("/shop@{digest}")), "{artifact}");
    assert!(
        json["transferred"]["bytes"].as_u64().unwrap() > 300_000,
        "{report}"
    );
    assert!(
        json["transferred"]["requests"].as_u64().unwrap() > 5,
        "{report}"
    );
    assert!(json["seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn inspect_shows_what_would_be_deployed() {
    let path = hello();
    let line = ["inspect", "-f", path.to_str().unwrap(), "--output", "json"];
    let report = Machine::new().run(line).ok();
    let json = report.json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["locked"]["metadata"]["name"], "hello");
    let component = &json["components"][0];
    assert_eq!(component["id"], "hello");
    let wasm = crate::harness::app::hello_wasm();
    assert_eq!(component["wasm"]["digest"], sha256(&wasm));
    assert_eq!(component["wasm"]["size"], wasm.len());
    let files: Vec<_> = component["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let bytes = std::fs::read(path.join(file["path"].as_str().unwrap())).unwrap();
            assert_eq!(
                (&file["digest"], &file["size"]),
                (&sha256(&bytes).into(), &bytes.len().into())
            );
            file["path"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(files, ["assets/footer.txt", "assets/style.css"]);
}

#[test]
fn an_error_is_one_document_too() {
    let registry = Registry::start();
    let app = App::empty();
    let failed = Machine::new()
        .push(app.path(), &registry.reference("app:v1"), &[])
        .fails(2);
    let error = &failed.json()["error"];
    assert_eq!(
        (&error["code"], &error["exit_code"]),
        (&"usage".into(), &2.into()),
        "{failed}"
    );
    assert!(error["message"].as_str().is_some_and(|m| !m.is_empty()));
    for field in ["detail", "help", "sent"] {
        assert!(error.get(field).is_some(), "no {field}\n{failed}");
    }
}

#[test]
fn without_a_terminal_nothing_is_drawn() {
    let registry = Registry::start();
    let app = App::shop();
    let reference = registry.reference("shop:v1");
    let path = app.path().to_str().unwrap();
    let done = Machine::new()
        .run(["deploy", "-f", path, "-t", "oci", "--reference", &reference])
        .ok();
    for text in [&done.stdout, &done.stderr] {
        assert!(!text.contains(['\u{1b}', '\r', '\u{8}']), "{done}");
    }
}

#[test]
fn quiet_says_nothing_but_the_result() {
    let registry = Registry::start();
    let app = App::shop();
    let done = Machine::new()
        .push(app.path(), &registry.reference("shop:v1"), &["-q"])
        .ok();
    assert_eq!(done.stderr, "", "{done}");
}

#[test]
fn the_audit_log_has_a_line_for_every_request() {
    let registry = Registry::start();
    let proxy = crate::harness::proxy::Proxy::to(registry.address());
    let machine = Machine::new();
    let done = machine
        .push(App::shop().path(), &proxy.reference("shop:v1"), &[])
        .ok();
    let log = std::fs::read_to_string(machine.audit_log()).unwrap();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    for request in proxy.requests() {
        let path = request.target.split('?').next().unwrap();
        let logged = lines.iter().any(|line| {
            line["method"] == request.method.as_str()
                && line["url"].as_str().is_some_and(|u| u.contains(path))
        });
        assert!(logged, "{request:?}\n{log}");
    }
    // Values of queries can be signatures: none is in the log.
    let mut values = log.split("_state=").skip(1);
    assert!(values.all(|rest| rest.starts_with('…')), "{log}");
    drop(done);
}

#[test]
fn bash_completes_our_flags_and_those_of_targets() {
    let machine = Machine::new();
    let script = machine.run(["completions", "bash"]).ok().stdout;
    let asks = "\nCOMP_WORDS=(spin-deployer deploy --re) COMP_CWORD=2\n\
                _spin__deployer spin-deployer --re deploy\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    let output = std::process::Command::new("bash")
        .arg(machine.write("completions.bash", script + asks))
        .output()
        .unwrap();
    let offered = String::from_utf8(output.stdout).unwrap();
    for flag in ["--readiness-timeout", "--reference"] {
        assert!(offered.lines().any(|line| line == flag), "{offered}");
    }
}
