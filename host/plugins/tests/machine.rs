//! What a user of plugins is promised, on a machine that has nothing. What goes over a network is tried with the program
//! itself.
#![allow(clippy::unwrap_used)]

mod catalogs;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use spin_deployer_deploy::{
    Agreeing, Asked, Code, Environment, Error, Event, Observer, Oversight, Workbench,
};
use spin_deployer_manifest::section;
use spin_deployer_plugins::report::InstallReport;
use spin_deployer_plugins::{
    self as plugins, Build, Install, Pack, Upgrade, add_catalog, check, list, search, uninstall,
    verify,
};
use spin_deployer_store::{Directories, bundled};
use tempfile::TempDir;

const KEY: &str = "minisign:RWS3rqxin0KIdZJkKwKaB+5mmA85Kv3ZCM5GZQtky4JICRxp1PU7JKuM";

/// A manifest of another plugin than the one that is in the program.
fn manifest(version: &str, methods: &str) -> String {
    format!(
        r#"
name = "shelf"
version = "{version}"
description = "Deploys to Shelf"
license = "MIT"
homepage = "https://shelf.example.com"
spin-compatibility = ">=4.0"

[[http]]
to = "https://shelf.example.com"
methods = [{methods}]
why = "put it there"
"#
    )
}

/// Remembers what it was shown, and agrees or not.
#[derive(Default)]
struct Watcher {
    agrees: Option<bool>,
    shown: Mutex<Vec<Vec<String>>>,
}

impl Observer for Watcher {
    fn event(&self, event: Event) {
        if let Event::Consent { consent, .. } = event {
            self.shown.lock().unwrap().push(consent.changes);
        }
    }

    fn can_ask(&self) -> bool {
        self.agrees.is_some()
    }

    fn confirm(&self, _: &str) -> bool {
        self.agrees == Some(true)
    }
}

struct Machine {
    home: TempDir,
    environment: Environment,
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = home.path().join(name.to_lowercase());
            (
                format!("SPIN_DEPLOYER_{name}_DIR"),
                path.display().to_string(),
            )
        };
        let vars: BTreeMap<_, _> = ["CACHE", "CONFIG", "DATA"].map(folder).into();
        let environment = Environment {
            directories: Directories::from_vars(&vars),
            vars,
            cwd: home.path().to_owned(),
            started: std::time::Instant::now(),
        };
        Self { home, environment }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A plugin's file: what the compiler made of the one in the program, with another manifest.
    fn plugin(&self, name: &str, manifest: &str) -> PathBuf {
        let bare = section::strip(bundled::find("local").unwrap().wasm).unwrap();
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, section::embed(&bare, manifest).unwrap()).unwrap();
        path
    }

    fn bench(&self, watcher: &Arc<Watcher>, policy: Option<&str>) -> Workbench {
        let policy = policy.map(|text| {
            let path = self.path("policy.toml");
            fs::write(&path, text).unwrap();
            path
        });
        let oversight = Oversight {
            policy,
            ..Oversight::default()
        };
        Workbench::new(self.environment.clone(), &oversight, false, watcher.clone()).unwrap()
    }

    async fn install(&self, source: &str, yes: bool) -> Result<InstallReport, Error> {
        let bench = self.bench(&Arc::default(), None);
        plugins::install(&bench, &request(source, yes)).await
    }

    fn lock(&self) -> String {
        fs::read_to_string(self.path("deployer.lock")).unwrap_or_default()
    }

    fn component(&self) -> PathBuf {
        let files = fs::read_dir(self.path("data/plugins")).unwrap();
        let mut wasm = files
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "wasm"));
        wasm.next().unwrap()
    }
}

fn request(source: &str, yes: bool) -> Install {
    Install {
        source: source.to_owned(),
        catalog: None,
        key: None,
        override_built_in: false,
        agreeing: Agreeing { locked: false, yes },
        spin_version: None,
        limits: Asked::default(),
    }
}

#[test]
fn packing_is_the_same_each_time_and_replaces_only_expressly() {
    let machine = Machine::new();
    let bare = section::strip(bundled::find("local").unwrap().wasm).unwrap();
    fs::write(machine.path("bare.wasm"), bare).unwrap();
    fs::write(machine.path("plugin.toml"), manifest("0.1.0", "\"GET\"")).unwrap();
    let pack = |file: &str, force| {
        let request = Pack {
            file: file.into(),
            manifest: "plugin.toml".into(),
            out: None,
            force,
        };
        plugins::pack(machine.home.path(), &request)
    };
    let first = pack("bare.wasm", false).unwrap();
    assert_eq!(first.file, Path::new("shelf.wasm"));
    let again = pack("shelf.wasm", false).unwrap();
    assert_eq!(first.plugin.digest, again.plugin.digest);
    fs::write(machine.path("plugin.toml"), manifest("0.2.0", "\"GET\"")).unwrap();
    assert_eq!(pack("shelf.wasm", false).unwrap_err().code, Code::Usage);
    let forced = pack("shelf.wasm", true).unwrap();
    let whole = pack("bare.wasm", false).unwrap();
    assert!(forced.replaced);
    assert_eq!(forced.plugin.digest, whole.plugin.digest);
    fs::write(machine.path("plugin.toml"), "name = \"Shelf\"\n").unwrap();
    let error = pack("bare.wasm", false).unwrap_err();
    assert!(error.detail.unwrap().contains("plugin.toml:1:"));
}

#[test]
fn an_author_is_told_what_users_should_not_have_to_find() {
    let machine = Machine::new();
    let text = r#"
name = "oci"
version = "0.1.0"
description = "x"
options = [
    { name = "token", type = "secret", help = "A token" },
    { name = "url", type = "url", help = "Where" },
]
http = [
    { to = "https://a.example.com", methods = ["GET"], why = "first" },
    { to = "https://a.example.com", methods = ["GET"], paths = ["/x"], why = "second" },
]
"#;
    let path = machine.plugin("oci.wasm", text);
    let warnings = check(&path).unwrap().warnings.join("\n");
    for part in [
        "no `license`",
        "no `homepage`",
        "no `spin-compatibility`",
        "--override-built-in",
        "the secret `token`",
        "no rule leads to `url`",
        "(second) is never asked",
    ] {
        assert!(warnings.contains(part), "{part}: {warnings}");
    }
    let fine = machine.plugin("shelf.wasm", &manifest("0.1.0", "\"GET\""));
    let mut left = check(&fine).unwrap().warnings;
    // The component of these tests is as it was built.
    left.retain(|warning| !warning.contains("strip = true"));
    assert_eq!(left, Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_installed_before_somebody_agreed() {
    let machine = Machine::new();
    fs::write(machine.path("spin.toml"), "").unwrap();
    machine.plugin("shelf.wasm", &manifest("0.1.0", "\"GET\""));
    let refused = machine.install("./shelf.wasm", false).await.unwrap_err();
    assert_eq!(refused.code, Code::Denied);
    let detail = refused.detail.unwrap();
    assert!(
        detail.contains("GET https://shelf.example.com/**"),
        "{detail}"
    );
    let watcher = Arc::new(Watcher {
        agrees: Some(false),
        ..Watcher::default()
    });
    let bench = machine.bench(&watcher, None);
    let refused = plugins::install(&bench, &request("./shelf.wasm", false)).await;
    assert_eq!(refused.unwrap_err().code, Code::Denied);
    assert_eq!(watcher.shown.lock().unwrap().len(), 1);
    assert_eq!(machine.lock(), "");
    assert!(!machine.path("data/plugins").exists());

    let installed = machine.install("./shelf.wasm", true).await.unwrap();
    assert!(!installed.unchanged);
    let lock = machine.lock();
    assert!(lock.contains("source = \"./shelf.wasm\""), "{lock}");
    let again = machine.install("./shelf.wasm", false).await.unwrap();
    assert!(again.unchanged);
    assert_eq!(machine.lock(), lock);
    uninstall(&machine.environment, &["shelf".to_owned()]).unwrap();
    let gone = uninstall(&machine.environment, &["shelf".to_owned()]);
    assert_eq!(gone.unwrap_err().code, Code::Usage);
}

#[tokio::test]
async fn a_new_build_that_asks_for_more_is_asked_about_and_one_that_does_not_is_not() {
    let machine = Machine::new();
    machine.plugin("shelf.wasm", &manifest("0.1.0", "\"GET\""));
    machine.install("shelf.wasm", true).await.unwrap();
    machine.plugin("shelf.wasm", &manifest("0.1.1", "\"GET\""));
    machine.install("shelf.wasm", false).await.unwrap();
    machine.plugin("shelf.wasm", &manifest("0.1.2", "\"GET\", \"PUT\""));
    let watcher = Arc::new(Watcher {
        agrees: Some(true),
        ..Watcher::default()
    });
    let bench = machine.bench(&watcher, None);
    let report = plugins::install(&bench, &request("shelf.wasm", false)).await;
    assert_eq!(report.unwrap().replaced.unwrap().version, "0.1.1");
    assert_eq!(
        *watcher.shown.lock().unwrap(),
        [["+ PUT https://shelf.example.com/**"]]
    );
}

#[tokio::test]
async fn a_plugin_for_another_spin_is_not_installed() {
    let machine = Machine::new();
    machine.plugin("shelf.wasm", &manifest("0.1.0", "\"GET\""));
    let bench = machine.bench(&Arc::default(), None);
    let request = Install {
        spin_version: Some("3.0.0".parse().unwrap()),
        ..request("shelf.wasm", true)
    };
    let refused = plugins::install(&bench, &request).await.unwrap_err();
    assert_eq!(refused.code, Code::Incompatible);
}

#[tokio::test]
async fn a_key_that_is_known_wants_its_signature() {
    let machine = Machine::new();
    machine.plugin("shelf.wasm", &manifest("0.1.0", "\"GET\""));
    let bench = machine.bench(&Arc::default(), None);
    let with_key = Install {
        key: Some(KEY.to_owned()),
        ..request("shelf.wasm", true)
    };
    for (beside, why) in [
        (None, "no signature"),
        (Some("x"), "no signature of minisign"),
    ] {
        if let Some(text) = beside {
            fs::write(machine.path("shelf.wasm.minisig"), text).unwrap();
        }
        let refused = plugins::install(&bench, &with_key).await.unwrap_err();
        assert_eq!(refused.code, Code::Denied);
        let detail = refused.detail.unwrap();
        assert!(detail.contains(why), "{detail}");
    }
    let policy = format!("schema = 1\nrequire.signers = [\"{KEY}\"]\n");
    let bench = machine.bench(&Arc::default(), Some(&policy));
    let refused = plugins::install(&bench, &request("shelf.wasm", true)).await;
    assert_eq!(refused.unwrap_err().code, Code::Denied);
}

#[tokio::test]
async fn what_was_changed_is_found_and_put_right_by_installing_it_again() {
    let machine = Machine::new();
    machine.plugin("shelf.wasm", &manifest("0.1.0", "\"GET\""));
    machine.install("shelf.wasm", true).await.unwrap();
    let whole = verify(&machine.environment, None).unwrap();
    assert!(whole.ok);
    let kinds = |kind| whole.checked.iter().filter(|one| one.kind == kind).count();
    assert_eq!((kinds("component"), kinds("compiled")), (1, 1));
    let file = machine.component();
    fs::write(&file, "other").unwrap();
    let broken = verify(&machine.environment, None).unwrap();
    let problems: Vec<_> = broken.problems().collect();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].name.as_deref(), Some("shelf"));
    assert_eq!(problems[0].file.as_deref(), Some(&*file));
    machine.install("shelf.wasm", true).await.unwrap();
    assert!(verify(&machine.environment, None).unwrap().ok);
}

#[tokio::test]
async fn a_catalog_in_a_folder_is_searched_installed_from_and_upgraded_from() {
    let machine = Machine::new();
    machine.plugin("catalog/shelf-0.1.0.wasm", &manifest("0.1.0", "\"GET\""));
    let build = Build {
        folder: "catalog".into(),
        key: None,
    };
    plugins::build(&machine.environment, &build).unwrap();
    add_catalog(&machine.environment, "mine", "catalog", None).unwrap();
    let bench = machine.bench(&Arc::default(), None);
    let found = search(&bench, "shelf", None).await.unwrap().plugins;
    assert_eq!((&*found[0].name, &*found[0].version), ("shelf", "0.1.0"));
    let unknown = machine.install("shelves", true).await.unwrap_err();
    assert!(unknown.message.contains("mine"), "{unknown}");
    let installed = machine.install("shelf", true).await.unwrap();
    let place = machine.path("catalog").display().to_string();
    assert_eq!(
        installed.provenance.source,
        Some(format!("catalog+{place}#shelf@0.1.0"))
    );

    machine.plugin("catalog/new/shelf.wasm", &manifest("0.2.0", "\"PUT\""));
    plugins::build(&machine.environment, &build).unwrap();
    let listed = list(&bench, true, None).await.unwrap().plugins;
    let shelf = listed.iter().find(|one| one.name == "shelf").unwrap();
    assert_eq!(shelf.newer.as_deref(), Some("0.2.0"));
    let upgrade = |yes| Upgrade {
        agreeing: Agreeing { locked: false, yes },
        ..Upgrade::default()
    };
    let refused = plugins::upgrade(&bench, &upgrade(false)).await.unwrap();
    let error = refused.plugins[0].error.as_ref().unwrap();
    assert_eq!((error.code, error.exit_code), (Code::Denied, 5));
    assert!(!refused.plugins[0].changes);
    let done = plugins::upgrade(&bench, &upgrade(true)).await.unwrap();
    assert_eq!(done.plugins[0].to, "0.2.0");
    assert_eq!(
        done.plugins[0].difference,
        [
            "+ PUT https://shelf.example.com/**",
            "- GET https://shelf.example.com/**"
        ]
    );
    let again = plugins::upgrade(&bench, &upgrade(true)).await.unwrap();
    assert!(!again.plugins[0].changes);

    // Another component under a version that is published, and one that nobody wrote into the index.
    machine.plugin("catalog/again.wasm", &manifest("0.2.0", "\"DELETE\""));
    let twice = plugins::build(&machine.environment, &build).unwrap_err();
    assert_eq!(twice.code, Code::Usage);
    fs::rename(
        machine.path("catalog/again.wasm"),
        machine.path("catalog/new/shelf.wasm"),
    )
    .unwrap();
    let other = Machine::new();
    let location = machine.path("catalog").display().to_string();
    add_catalog(&other.environment, "mine", &location, None).unwrap();
    let refused = other.install("shelf", true).await.unwrap_err();
    assert_eq!(refused.code, Code::Denied);
}

#[tokio::test]
async fn a_lock_brings_into_a_folder_what_it_names() {
    let machine = Machine::new();
    fs::write(machine.path("spin.toml"), "").unwrap();
    machine.plugin("shelf.wasm", &manifest("0.1.0", "\"GET\""));
    machine.install("./shelf.wasm", true).await.unwrap();
    let bench = machine.bench(&Arc::default(), None);
    let vendor = Path::new("vendor");
    let first = plugins::fetch(&bench, Some(vendor)).await.unwrap();
    assert!(!first.plugins[0].was_here);
    let again = plugins::fetch(&bench, Some(vendor)).await.unwrap();
    assert!(again.plugins[0].was_here);
    let file = again.plugins[0].file.clone().unwrap();
    fs::write(&file, "other").unwrap();
    let broken = verify(&machine.environment, Some(vendor)).unwrap();
    assert_eq!(broken.problems().count(), 1);
    plugins::fetch(&bench, Some(vendor)).await.unwrap();
    assert!(verify(&machine.environment, Some(vendor)).unwrap().ok);
    // The file beside the lock is another one now.
    machine.plugin("shelf.wasm", &manifest("0.1.0", "\"PUT\""));
    fs::remove_file(&file).unwrap();
    let refused = plugins::fetch(&bench, Some(vendor)).await.unwrap_err();
    assert_eq!(refused.code, Code::Denied);
}
