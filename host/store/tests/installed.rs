//! What was installed is what is run, and neither two processes at once nor a full disk lose any of it.
#![allow(clippy::unwrap_used)]

use std::fs;

use rstest::rstest;
use spin_deployer_grants::LockedPlugin;
use spin_deployer_manifest::{Ask, PluginName};
use spin_deployer_oci::Digest;
use spin_deployer_store::{Agreed, AgreedPlugin, Installed, PluginsError, component_name};
use tempfile::TempDir;

const ASKS: &str = r#"
[[http]]
to = "https://api.example.com"
methods = ["PUT"]
paths = ["/v1/**"]
"#;

fn installed() -> (TempDir, Installed) {
    let home = TempDir::new().unwrap();
    let installed = Installed::at(home.path().join("not/there/yet"));
    (home, installed)
}

fn name(name: &str) -> PluginName {
    name.parse().unwrap()
}

fn plugin(wasm: &[u8]) -> LockedPlugin {
    LockedPlugin {
        source: "ghcr.io/acme/api:1".to_owned().try_into().unwrap(),
        version: "1.2.3".parse().unwrap(),
        digest: Digest::of(wasm),
        signer: None,
        overrides: false,
        asks: ASKS.parse().unwrap(),
    }
}

#[test]
fn what_was_installed_comes_back_with_what_was_agreed_to() {
    let (_home, installed) = installed();
    assert_eq!(installed.list().unwrap().plugins.len(), 0);
    assert_eq!(installed.component(&Digest::of(b"one")).unwrap(), None);
    installed
        .put(&name("api"), plugin(b"one"), b"one", None)
        .unwrap();
    let lock = installed.list().unwrap();
    assert_eq!(lock.plugins["api"], plugin(b"one"));
    let component = installed.component(&Digest::of(b"one")).unwrap();
    assert_eq!(component.unwrap(), b"one");
    // A lock of an app may still name the earlier one.
    installed
        .put(&name("api"), plugin(b"two"), b"two", None)
        .unwrap();
    assert_eq!(
        installed.list().unwrap().plugins["api"].digest,
        Digest::of(b"two")
    );
    assert!(installed.component(&Digest::of(b"one")).unwrap().is_some());
}

#[test]
fn a_component_for_a_lock_gets_no_name() {
    let (_home, installed) = installed();
    let digest = installed.keep(b"one", None).unwrap();
    assert_eq!(installed.list().unwrap().plugins.len(), 0);
    assert_eq!(installed.component(&digest).unwrap().unwrap(), b"one");
}

#[test]
fn removing_takes_the_component_that_nobody_else_uses() {
    let (_home, installed) = installed();
    assert_eq!(installed.remove("api").unwrap(), None);
    for other in ["api", "same"] {
        installed
            .put(&name(other), plugin(b"one"), b"one", None)
            .unwrap();
    }
    let digest = Digest::of(b"one");
    assert_eq!(installed.remove("api").unwrap(), Some(plugin(b"one")));
    assert!(installed.component(&digest).unwrap().is_some());
    installed.remove("same").unwrap();
    assert_eq!(installed.component(&digest).unwrap(), None);
}

#[test]
fn a_component_that_is_not_what_its_entry_says_is_not_installed() {
    let (_home, installed) = installed();
    let error = installed.put(&name("api"), plugin(b"one"), b"two", None);
    assert!(matches!(error, Err(PluginsError::Component { .. })));
    assert_eq!(installed.list().unwrap().plugins.len(), 0);
}

#[test]
fn a_changed_component_is_refused_and_installing_again_mends_it() {
    let (_home, installed) = installed();
    installed
        .put(&name("api"), plugin(b"one"), b"one", None)
        .unwrap();
    let digest = Digest::of(b"one");
    fs::write(installed.component_file(&digest), b"evil").unwrap();
    let error = installed.component(&digest).unwrap_err();
    assert!(
        error.to_string().contains(&component_name(&digest)),
        "{error}"
    );
    assert!(
        error.help().contains("plugins install ghcr.io/acme/api:1"),
        "{}",
        error.help()
    );
    installed
        .put(&name("api"), plugin(b"one"), b"one", None)
        .unwrap();
    assert!(installed.component(&digest).unwrap().is_some());
}

#[rstest]
#[case("schema = 1\n[plugins.api]\nversion = 1", "line 3")]
#[case("schema = 2", "schema 2")]
fn a_file_that_is_not_understood_is_left_alone(#[case] text: &str, #[case] says: &str) {
    let (_home, installed) = installed();
    installed
        .put(&name("api"), plugin(b"one"), b"one", None)
        .unwrap();
    fs::write(installed.file(), text).unwrap();
    for error in [
        installed.list().unwrap_err(),
        installed
            .put(&name("b"), plugin(b"two"), b"two", None)
            .unwrap_err(),
        installed.remove("api").unwrap_err(),
    ] {
        let shown = error.to_string();
        assert!(
            shown.contains("plugins.toml") && shown.contains(says),
            "{shown}"
        );
    }
    assert_eq!(fs::read_to_string(installed.file()).unwrap(), text);
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let (home, installed) = installed();
    let agreed = Agreed::at(home.path().join("not/there/yet"));
    std::thread::scope(|scope| {
        for n in 0..16 {
            let (installed, agreed) = (installed.clone(), agreed.clone());
            scope.spawn(move || {
                let (name, wasm) = (name(&format!("p{n}")), vec![n; 64 << 10]);
                installed.put(&name, plugin(&wasm), &wasm, None).unwrap();
                agreed.put(Digest::of(&wasm), agreed_to()).unwrap();
                if n % 2 == 0 {
                    assert!(installed.remove(name.as_str()).unwrap().is_some());
                }
            });
        }
    });
    let lock = installed.list().unwrap();
    assert_eq!(lock.plugins.len(), 8);
    for entry in lock.plugins.values() {
        assert!(installed.component(&entry.digest).unwrap().is_some());
    }
    assert_eq!(agreed.all().unwrap().len(), 16);
}

/// At whichever write a process is killed, or the disk full: what it had begun lies aside.
#[test]
fn what_a_killed_process_left_is_in_nobodys_way() {
    let (_home, installed) = installed();
    installed
        .put(&name("api"), plugin(b"one"), b"one", None)
        .unwrap();
    let folder = installed.file().parent().unwrap().to_owned();
    let digest = Digest::of(b"two");
    for left in [
        "plugins.toml.new".to_owned(),
        format!("{}.new", component_name(&digest)),
    ] {
        fs::write(folder.join(left), "half").unwrap();
    }
    // The component was there, and its entry not yet.
    installed.keep(b"two", None).unwrap();
    assert_eq!(
        installed.list().unwrap().plugins["api"].digest,
        Digest::of(b"one")
    );
    installed
        .put(&name("api"), plugin(b"two"), b"two", None)
        .unwrap();
    assert_eq!(installed.component(&digest).unwrap().unwrap(), b"two");
    let left = fs::read_dir(&folder).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!left.into_iter().any(|name| name.ends_with(".new")));
}

fn agreed_to() -> AgreedPlugin {
    AgreedPlugin {
        name: name("api"),
        version: "1.2.3".parse().unwrap(),
        source: "/api.wasm".to_owned(),
        overrides: false,
        asks: ASKS.parse().unwrap(),
    }
}

#[test]
fn what_was_agreed_to_is_kept_for_that_digest_and_can_be_taken_back() {
    let home = TempDir::new().unwrap();
    let agreed = Agreed::at(home.path().join("plugins"));
    let (digest, other) = (Digest::of(b"one"), Digest::of(b"two"));
    assert_eq!(agreed.get(&digest).unwrap(), None);
    assert!(!agreed.remove(&digest).unwrap());
    let nothing = AgreedPlugin {
        asks: Ask::default(),
        ..agreed_to()
    };
    agreed.put(digest.clone(), nothing.clone()).unwrap();
    assert_eq!(agreed.get(&digest).unwrap(), Some(nothing));
    agreed.put(digest.clone(), agreed_to()).unwrap();
    assert_eq!(agreed.get(&digest).unwrap(), Some(agreed_to()));
    assert_eq!(agreed.get(&other).unwrap(), None);
    assert!(agreed.remove(&digest).unwrap());
    assert_eq!(agreed.get(&digest).unwrap(), None);
    fs::write(agreed.file(), "schema = 1\nagred = 1\n").unwrap();
    let error = agreed.get(&digest).unwrap_err();
    assert!(error.to_string().contains("line 2"), "{error}");
}

#[cfg(unix)]
mod modes {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn all_of_it_is_the_users_alone() {
        let (_home, installed) = installed();
        installed
            .put(&name("api"), plugin(b"one"), b"one", None)
            .unwrap();
        let folder = installed.file().parent().unwrap().to_owned();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for entry in fs::read_dir(&folder).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn what_others_could_have_written_is_not_used() {
        let (_home, installed) = installed();
        installed
            .put(&name("api"), plugin(b"one"), b"one", None)
            .unwrap();
        let digest = Digest::of(b"one");
        let refused = |error: PluginsError| {
            assert!(matches!(error, PluginsError::Foreign { .. }), "{error}");
            assert!(error.help().contains("chmod"));
        };
        set_mode(&installed.component_file(&digest), 0o622);
        refused(installed.component(&digest).unwrap_err());
        set_mode(&installed.file(), 0o602);
        refused(installed.list().unwrap_err());
        let folder = installed.file().parent().unwrap().to_owned();
        set_mode(&folder, 0o777);
        refused(
            installed
                .put(&name("b"), plugin(b"two"), b"two", None)
                .unwrap_err(),
        );
    }

    #[test]
    fn links_lead_nowhere() {
        let (home, installed) = installed();
        installed
            .put(&name("api"), plugin(b"one"), b"one", None)
            .unwrap();
        let elsewhere = home.path().join("elsewhere");
        let file = installed.component_file(&Digest::of(b"one"));
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        assert!(installed.component(&Digest::of(b"one")).is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_written_says_what_to_do() {
        let error = Installed::at("/proc/spin-deployer".into())
            .put(&name("api"), plugin(b"one"), b"one", None)
            .unwrap_err();
        assert!(error.help().contains("SPIN_DEPLOYER_DATA_DIR"), "{error}");
    }
}
