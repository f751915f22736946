//! Saved secrets are this user's alone, bound to what they were saved for, and never lost between two writers.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use rstest::rstest;
use spin_deployer_manifest::Secret;
use spin_deployer_store::{Binding, SavedSecret, SavedSecrets, SecretsError};
use tempfile::TempDir;

const VALUE: &str = "planted-token-5b1d";

fn store() -> (TempDir, SavedSecrets) {
    let home = TempDir::new().unwrap();
    let store = SavedSecrets::at(home.path().join("not/there/yet"));
    (home, store)
}

fn binding(option: &str, origin: &str) -> Binding {
    Binding {
        plugin: "built-in hippo".to_owned(),
        option: option.to_owned(),
        origins: [origin.to_owned()].into(),
    }
}

fn secret(option: &str, origin: &str, value: &str) -> SavedSecret {
    SavedSecret {
        binding: binding(option, origin),
        secret: Secret::new(value.to_owned()),
        account: Some("ci-bot".to_owned()),
        expires: Some(UNIX_EPOCH + Duration::from_secs(2_000_000_000)),
    }
}

fn values(store: &SavedSecrets) -> Vec<String> {
    let all = store.all().unwrap();
    all.iter().map(|s| s.secret.expose().to_owned()).collect()
}

#[test]
fn what_was_saved_comes_back_and_is_replaced_by_the_same_binding_only() {
    let (_home, store) = store();
    assert_eq!(store.all().unwrap(), []);
    let first = secret("token", "https://a.example", VALUE);
    store.put(vec![first.clone()]).unwrap();
    assert_eq!(store.all().unwrap(), [first]);
    store
        .put(vec![
            secret("token", "https://b.example", "two"),
            secret("password", "https://a.example", "three"),
        ])
        .unwrap();
    store
        .put(vec![secret(
            "token",
            "https://a.example",
            "four \" \u{1f511}\n",
        )])
        .unwrap();
    assert_eq!(values(&store), ["two", "three", "four \" \u{1f511}\n"]);
}

#[test]
fn removing_removes_what_is_meant_and_the_last_one_with_its_file() {
    let (_home, store) = store();
    let meant = |origin: &'static str| move |b: &Binding| b.origins.contains(origin);
    assert_eq!(store.remove(|_| true).unwrap().removed, []);
    for origin in ["https://a.example", "https://b.example"] {
        store.put(vec![secret("token", origin, VALUE)]).unwrap();
    }
    let first = store.remove(meant("https://a.example")).unwrap();
    assert_eq!(first.removed, [binding("token", "https://a.example")]);
    assert_eq!(first.left, 1);
    let second = store.remove(meant("https://a.example")).unwrap();
    assert_eq!((second.removed.len(), second.left), (0, 1));
    let last = store.remove(meant("https://b.example")).unwrap();
    assert_eq!((last.removed.len(), last.left), (1, 0));
    assert!(!store.file().exists());
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let (_home, store) = store();
    std::thread::scope(|scope| {
        for n in 0..16 {
            let store = store.clone();
            scope.spawn(move || {
                let origin = format!("https://{n}.example");
                store.put(vec![secret("token", &origin, VALUE)]).unwrap();
                if n % 2 == 0 {
                    let own = store.remove(|b| b.origins.contains(&origin)).unwrap();
                    assert_eq!(own.removed.len(), 1);
                }
            });
        }
    });
    assert_eq!(store.all().unwrap().len(), 8);
}

#[test]
fn nothing_that_can_be_printed_shows_a_secret() {
    let (_home, store) = store();
    let saved = secret("token", "https://a.example", VALUE);
    assert!(!format!("{saved:?} {saved:#?}").contains(VALUE));
    store.put(vec![saved]).unwrap();
    // In a place where the parser would quote it.
    let text = fs::read_to_string(store.file()).unwrap();
    let moved = text.replace("\"schema\": 1", &format!("\"schema\": \"{VALUE}\""));
    fs::write(store.file(), moved).unwrap();
    let error = store.all().unwrap_err();
    assert!(matches!(error, SecretsError::Damaged { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains(VALUE));
}

#[rstest]
#[case::no_json("{")]
#[case::another_version(r#"{"schema": 2, "secrets": []}"#)]
#[case::no_binding(r#"{"schema": 1, "secrets": [{"secret": "x"}]}"#)]
fn a_file_that_is_not_understood_is_left_alone_until_everything_is_cleared(#[case] text: &str) {
    let (_home, store) = store();
    store
        .put(vec![secret("token", "https://a.example", VALUE)])
        .unwrap();
    fs::write(store.file(), text).unwrap();
    assert!(store.all().is_err());
    assert!(
        store
            .put(vec![secret("token", "https://a.example", "x")])
            .is_err()
    );
    assert!(store.remove(|_| true).is_err());
    assert_eq!(fs::read_to_string(store.file()).unwrap(), text);
    assert_eq!(store.clear().unwrap(), []);
    assert!(!store.file().exists());
}

#[test]
fn there_is_an_end_to_how_much_is_kept() {
    let (_home, store) = store();
    let large = "x".repeat(64 << 10);
    let many = (0..64).map(|n| secret("token", &format!("https://{n}.example"), &large));
    let refused = store.put(many.collect()).unwrap_err();
    assert!(
        matches!(refused, SecretsError::TooLarge { .. }),
        "{refused}"
    );
    assert_eq!(store.all().unwrap(), []);
    fs::write(store.file(), vec![b' '; 5 << 20]).unwrap();
    set_mode(&store.file(), 0o600);
    assert!(matches!(store.all(), Err(SecretsError::TooLarge { .. })));
}

#[test]
fn what_a_killed_writer_left_is_taken_away() {
    let (_home, store) = store();
    store
        .put(vec![secret("token", "https://a.example", "old")])
        .unwrap();
    let left = store.file().with_extension("json.new");
    fs::write(&left, VALUE).unwrap();
    store
        .put(vec![secret("token", "https://a.example", "new")])
        .unwrap();
    assert!(!left.exists());
    fs::write(&left, VALUE).unwrap();
    store.remove(|_| true).unwrap();
    assert!(!left.exists());
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

#[cfg(unix)]
mod modes {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn saved() -> (TempDir, SavedSecrets) {
        let (home, store) = store();
        store
            .put(vec![secret("token", "https://a.example", VALUE)])
            .unwrap();
        (home, store)
    }

    #[track_caller]
    fn refused(store: &SavedSecrets) {
        for result in [
            store.all().map(drop),
            store.put(vec![secret("token", "https://a.example", "x")]),
            store.remove(|_| true).map(drop),
        ] {
            let error = result.unwrap_err();
            assert!(matches!(error, SecretsError::Exposed { .. }), "{error}");
        }
    }

    #[test]
    fn file_and_folder_are_the_users_alone() {
        let (_home, store) = saved();
        let file = store.file();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(file.parent().unwrap()), 0o700);
        for entry in fs::read_dir(file.parent().unwrap()).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[rstest]
    #[case(0o604)]
    #[case(0o640)]
    #[case(0o622)]
    #[case(0o644)]
    fn a_file_that_others_can_get_at_is_refused(#[case] mode: u32) {
        let (_home, store) = saved();
        set_mode(&store.file(), mode);
        refused(&store);
        assert_eq!(store.clear().unwrap(), []);
        assert!(!store.file().exists());
    }

    #[rstest]
    #[case(0o701)]
    #[case(0o750)]
    #[case(0o777)]
    fn a_folder_that_others_can_get_at_is_refused(#[case] mode: u32) {
        let (_home, store) = saved();
        set_mode(store.file().parent().unwrap(), mode);
        refused(&store);
        assert!(store.clear().is_err());
    }

    #[test]
    fn somebody_elses_file_is_refused() {
        let (_home, store) = saved();
        // Only root can give a file away.
        if std::os::unix::fs::chown(store.file(), Some(12_345), None).is_ok() {
            refused(&store);
        }
    }

    #[test]
    fn a_link_is_not_followed() {
        let (home, store) = saved();
        let elsewhere = home.path().join("elsewhere");
        fs::rename(store.file(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, store.file()).unwrap();
        refused(&store);
        store.clear().unwrap();
        assert!(elsewhere.exists() && store.file().symlink_metadata().is_err());

        let folder = store.file().parent().unwrap().to_owned();
        let moved = home.path().join("moved");
        fs::rename(&folder, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &folder).unwrap();
        refused(&store);
    }

    #[test]
    fn a_link_in_place_of_the_lock_or_of_what_is_written_makes_nothing_elsewhere() {
        let (home, store) = saved();
        let folder = store.file().parent().unwrap().to_owned();
        let elsewhere = home.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, folder.join("saved.json.new")).unwrap();
        store
            .put(vec![secret("token", "https://a.example", "x")])
            .unwrap();
        assert!(!elsewhere.exists());
        fs::remove_file(folder.join("lock")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.join("lock")).unwrap();
        assert!(
            store
                .put(vec![secret("token", "https://a.example", "x")])
                .is_err()
        );
        assert!(!elsewhere.exists());
    }
}
