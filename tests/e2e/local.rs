//! The default target: an OCI image layout beside the application, with releases.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::app::{App, noise};
use crate::harness::expected;
use crate::harness::registry::Registry;
use crate::harness::run::{Finished, Machine};
use crate::harness::{sha256, skopeo};

fn layout(app: &App) -> PathBuf {
    app.path().join(".deployer")
}

fn run(machine: &Machine, command: &str, app: &Path, more: &[&str]) -> Finished {
    let mut line = vec![command, "-f", app.to_str().unwrap(), "--output", "json"];
    line.extend(more);
    machine.run(line)
}

fn deploy(machine: &Machine, app: &App) -> Finished {
    run(machine, "deploy", app.path(), &[]).ok()
}

fn id(release: &Value) -> String {
    release["id"].as_str().unwrap().to_owned()
}

/// Ids of all releases, newest first, and that of the active one.
fn history(machine: &Machine, app: &App) -> (Vec<String>, Vec<String>) {
    let report = run(machine, "history", app.path(), &["-t", "local"])
        .ok()
        .json();
    let releases = report["releases"].as_array().unwrap();
    let active = releases.iter().filter(|r| r["active"] == true);
    (releases.iter().map(id).collect(), active.map(id).collect())
}

fn status(machine: &Machine, app: &App) -> Vec<String> {
    let report = run(machine, "status", app.path(), &["-t", "local"])
        .ok()
        .json();
    report["releases"]
        .as_array()
        .unwrap()
        .iter()
        .map(id)
        .collect()
}

#[test]
fn without_a_target_it_lands_beside_the_app_and_skopeo_reads_it() {
    let app = App::shop();
    let image = expected::shop(&[]);
    let report = deploy(&Machine::new(), &app).json();
    assert_eq!(report["target"], "local");
    let marker = std::fs::read_to_string(layout(&app).join("oci-layout")).unwrap();
    let marker: Value = serde_json::from_str(&marker).unwrap();
    assert_eq!(marker["imageLayoutVersion"], "1.0.0");

    let from = format!("oci:{}", layout(&app).display());
    assert_eq!(skopeo::raw_manifest(&from), image.manifest.as_bytes());
    assert_eq!(
        skopeo::inspect(&from)["Digest"],
        sha256(image.manifest.as_bytes())
    );
    for (kind, bytes) in &image.layers {
        let blob = layout(&app)
            .join("blobs")
            .join(sha256(bytes).replace(':', "/"));
        assert!(
            &std::fs::read(blob).unwrap() == bytes,
            "{kind} of {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn it_goes_where_directory_says() {
    let app = App::shop();
    let machine = Machine::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let directory = elsewhere.path().join("releases");
    std::fs::create_dir(&directory).unwrap();
    let more = ["-t", "local", "--directory", directory.to_str().unwrap()];
    run(&machine, "deploy", app.path(), &more).ok();
    assert!(directory.join("index.json").exists());
    assert!(!layout(&app).exists());
}

#[test]
fn several_at_once_deploy_or_say_conflict_and_leave_a_layout_that_is_whole() {
    let app = App::shop();
    let codes: Vec<Option<i32>> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    run(&Machine::new(), "deploy", app.path(), &[])
                        .status
                        .code()
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(
        codes.iter().all(|code| [Some(0), Some(9)].contains(code)),
        "{codes:?}"
    );
    assert!(codes.contains(&Some(0)), "{codes:?}");
    let image = expected::shop(&[]);
    let from = format!("oci:{}:latest", layout(&app).display());
    assert_eq!(skopeo::raw_manifest(&from), image.manifest.as_bytes());
    for (kind, bytes) in &image.layers {
        let blob = layout(&app)
            .join("blobs")
            .join(sha256(bytes).replace(':', "/"));
        assert!(&std::fs::read(blob).unwrap() == bytes, "{kind}");
    }
}

#[test]
fn releases_are_kept_and_can_be_gone_back_to() {
    let app = App::shop();
    let machine = Machine::new();
    assert_eq!(history(&machine, &app), (vec![], vec![]));
    let first = id(&deploy(&machine, &app).json()["release"]);
    app.write("static/e.bin", noise("second", 1000));
    let second = id(&deploy(&machine, &app).json()["release"]);
    assert_ne!(first, second);
    let both = vec![second.clone(), first.clone()];
    assert_eq!(
        history(&machine, &app),
        (both.clone(), vec![second.clone()])
    );
    assert_eq!(status(&machine, &app), [second.as_str()]);

    run(&machine, "rollback", app.path(), &["-t", "local", &first]).ok();
    assert_eq!(status(&machine, &app), [first.as_str()]);
    let (mut all, active) = history(&machine, &app);
    assert_eq!(active, [first.as_str()]);
    all.sort();
    let mut both = both;
    both.sort();
    assert_eq!(all, both);
}

#[test]
fn a_release_that_is_not_there() {
    let app = App::shop();
    let machine = Machine::new();
    let first = deploy(&machine, &app).json();
    let failed = run(
        &machine,
        "rollback",
        app.path(),
        &["-t", "local", "nothing"],
    );
    assert!(!failed.status.success(), "{failed}");
    failed.says("nothing");
    // With a typing mistake.
    let id_of_first = id(&first["release"]);
    let mistyped = format!("{id_of_first}0");
    let failed = run(
        &machine,
        "rollback",
        app.path(),
        &["-t", "local", &mistyped],
    );
    failed.says(&format!("did you mean `{id_of_first}`?"));
    assert_eq!(status(&machine, &app), [id(&first["release"])]);
}

#[test]
fn an_app_that_did_not_change_is_the_same_release() {
    let app = App::shop();
    let machine = Machine::new();
    let first = deploy(&machine, &app);
    let again = deploy(&machine, &app);
    assert_eq!(again.json()["release"]["id"], first.json()["release"]["id"]);
    assert_eq!(again.json()["transferred"]["bytes"], 0, "{again}");
    assert_eq!(history(&machine, &app).0.len(), 1);
}

#[test]
fn a_plan_writes_nothing() {
    let app = App::shop();
    let machine = Machine::new();
    let plan = run(&machine, "plan", app.path(), &[]).ok();
    assert!(
        !plan.json()["changes"].as_array().unwrap().is_empty(),
        "{plan}"
    );
    assert!(!layout(&app).join("index.json").exists());
    deploy(&machine, &app);
    run(&machine, "plan", app.path(), &["--detailed-exitcode"]).ok();
}

#[test]
fn a_layout_goes_on_to_a_registry_as_it_is() {
    let app = App::shop();
    let machine = Machine::new();
    deploy(&machine, &app);
    let registry = Registry::start();
    let from = format!("oci-layout:{}", layout(&app).display());
    let pushed = machine
        .push(Path::new(&from), &registry.reference("shop:v1"), &[])
        .ok();
    assert_eq!(
        pushed.digest(),
        sha256(expected::shop(&[]).manifest.as_bytes())
    );
    assert_eq!(registry.manifest("shop", "v1").digest, pushed.digest());
}

#[test]
fn a_layout_that_somebody_changed_is_refused() {
    let app = App::shop();
    let machine = Machine::new();
    deploy(&machine, &app);
    let (_, layer) = &expected::shop(&[]).layers[2];
    let blob = layout(&app)
        .join("blobs")
        .join(sha256(layer).replace(':', "/"));
    std::fs::write(blob, vec![0; layer.len()]).unwrap();
    let registry = Registry::start();
    let from = format!("oci-layout:{}", layout(&app).display());
    machine
        .push(Path::new(&from), &registry.reference("shop:v1"), &[])
        .fails(2)
        .says(&sha256(layer));
    assert_eq!(registry.get("shop/manifests/v1").status, 404);
}

#[test]
fn a_write_that_fails_leaves_the_release_that_was_there() {
    let app = App::shop();
    let mut machine = Machine::new();
    let first = deploy(&machine, &app).json();
    app.write("static/deep/d.bin", noise("too big", 12_000_000));
    // No file may grow beyond 8 MiB, which fails like a full disk in the middle of a write. Ignored, the signal that
    // comes with it is an error of `write`.
    machine.wrap(&[
        "sh",
        "-c",
        r#"trap '' XFSZ; ulimit -f 16384; exec "$0" "$@""#,
    ]);
    let failed = run(&machine, "deploy", app.path(), &[]).fails(1);
    assert!(failed.json()["error"]["message"].is_string());
    machine.wrap(&[]);
    assert_eq!(status(&machine, &app), [id(&first["release"])]);
    // With room again, it completes.
    let second = deploy(&machine, &app).json();
    assert_eq!(
        history(&machine, &app).0,
        [id(&second["release"]), id(&first["release"])]
    );
}
