//! Compiled code is taken back only as this user's own process wrote it.
#![allow(clippy::unwrap_used)]

use std::{fs, path::PathBuf};

use rstest::rstest;
use spin_deployer_store::{CompiledCode, StoreError};
use tempfile::TempDir;

const COMPONENT: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const OTHER: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856";
const ENGINE: [u8; 32] = [7; 32];

fn store() -> (TempDir, CompiledCode, PathBuf) {
    let home = TempDir::new().unwrap();
    let dir = home.path().join("not/there/yet");
    (home, CompiledCode::at(dir.clone()), dir)
}

fn only_file(dir: &PathBuf) -> PathBuf {
    let files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.into_iter().next().unwrap()
}

#[test]
fn what_was_kept_comes_back_for_the_same_component_and_engine_only() {
    let (_home, store, _) = store();
    assert_eq!(store.get(COMPONENT, &ENGINE).unwrap(), None);
    store.put(COMPONENT, &ENGINE, b"code").unwrap();
    assert_eq!(store.get(COMPONENT, &ENGINE).unwrap().unwrap(), b"code");
    assert_eq!(store.get(OTHER, &ENGINE).unwrap(), None);
    assert_eq!(store.get(COMPONENT, &[8; 32]).unwrap(), None);
}

#[test]
fn keeping_again_replaces_and_leaves_nothing_beside_it() {
    let (_home, store, dir) = store();
    store.put(COMPONENT, &ENGINE, b"old").unwrap();
    store.put(COMPONENT, &ENGINE, b"new").unwrap();
    assert_eq!(store.get(COMPONENT, &ENGINE).unwrap().unwrap(), b"new");
    only_file(&dir);
}

#[rstest]
#[case::a_bit_of_the_code(|bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1)]
#[case::a_bit_of_the_recorded_hash(|bytes: &mut Vec<u8>| bytes[0] ^= 0x80)]
#[case::one_byte_less(|bytes: &mut Vec<u8>| bytes.truncate(bytes.len() - 1))]
#[case::one_byte_more(|bytes: &mut Vec<u8>| bytes.push(0))]
#[case::half_a_hash(|bytes: &mut Vec<u8>| bytes.truncate(16))]
#[case::nothing(|bytes: &mut Vec<u8>| bytes.clear())]
fn damaged_code_is_removed_and_absent(#[case] damage: fn(&mut Vec<u8>)) {
    let (_home, store, dir) = store();
    store.put(COMPONENT, &ENGINE, b"code").unwrap();
    let file = only_file(&dir);
    let mut bytes = fs::read(&file).unwrap();
    damage(&mut bytes);
    fs::write(&file, bytes).unwrap();
    assert_eq!(store.get(COMPONENT, &ENGINE).unwrap(), None);
    assert!(!file.exists());
    store.put(COMPONENT, &ENGINE, b"code").unwrap();
    assert_eq!(store.get(COMPONENT, &ENGINE).unwrap().unwrap(), b"code");
}

#[test]
fn code_of_one_plugin_does_not_pass_for_that_of_another() {
    let (_home, store, dir) = store();
    store.put(OTHER, &ENGINE, b"code").unwrap();
    let file = only_file(&dir);
    let name = file.file_name().unwrap().to_str().unwrap();
    fs::rename(&file, dir.join(name.replace("856-", "855-"))).unwrap();
    assert_eq!(store.get(COMPONENT, &ENGINE).unwrap(), None);
}

#[rstest]
#[case("")]
#[case("sha256:../../../../etc/passwd")]
#[case("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
#[case("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
fn what_is_no_digest_reaches_no_file(#[case] digest: &str) {
    let (_home, store, dir) = store();
    assert!(matches!(
        store.put(digest, &ENGINE, b"code"),
        Err(StoreError::Digest(_))
    ));
    assert!(matches!(
        store.get(digest, &ENGINE),
        Err(StoreError::Digest(_))
    ));
    assert!(!dir.exists());
}

#[test]
fn a_file_where_the_folder_should_be_is_an_error_that_names_it() {
    let (home, _, _) = store();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let error = CompiledCode::at(file.clone())
        .put(COMPONENT, &ENGINE, b"code")
        .unwrap_err();
    assert!(
        error.to_string().contains(file.to_str().unwrap()),
        "{error}"
    );
}

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use super::*;

    fn chmod(path: &PathBuf, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(path: &PathBuf) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn refused(store: &CompiledCode) -> String {
        let error = store.get(COMPONENT, &ENGINE).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
        error.to_string()
    }

    #[test]
    fn only_the_user_can_look_at_it() {
        let (_home, store, dir) = store();
        store.put(COMPONENT, &ENGINE, b"code").unwrap();
        assert_eq!((mode(&dir), mode(&only_file(&dir))), (0o700, 0o600));
    }

    #[rstest]
    #[case(0o620)]
    #[case(0o602)]
    fn a_file_that_others_may_write_to_is_refused(#[case] mode: u32) {
        let (_home, store, dir) = store();
        store.put(COMPONENT, &ENGINE, b"code").unwrap();
        chmod(&only_file(&dir), mode);
        assert!(refused(&store).contains("chmod"));
    }

    #[rstest]
    #[case(0o770)]
    #[case(0o777)]
    fn a_folder_that_others_may_write_to_is_refused(#[case] mode: u32) {
        let (_home, store, dir) = store();
        store.put(COMPONENT, &ENGINE, b"code").unwrap();
        chmod(&dir, mode);
        assert!(refused(&store).contains(dir.to_str().unwrap()));
        assert!(store.put(COMPONENT, &ENGINE, b"code").is_err());
    }

    #[test]
    fn a_folder_or_file_of_somebody_else_is_refused() {
        let (_home, store, dir) = store();
        store.put(COMPONENT, &ENGINE, b"code").unwrap();
        // Root can give a file away; everyone else finds folders of root's.
        if chown(only_file(&dir), Some(12_345), None).is_ok() {
            assert!(refused(&store).contains("belongs to user 12345"));
            chown(&dir, Some(12_345), None).unwrap();
            assert!(refused(&store).contains(dir.to_str().unwrap()));
        } else {
            assert!(refused(&CompiledCode::at("/usr".into())).contains("belongs to user 0"));
        }
    }

    #[test]
    fn a_link_in_place_of_file_or_folder_is_not_followed() {
        let (home, store, dir) = store();
        store.put(COMPONENT, &ENGINE, b"code").unwrap();
        let file = only_file(&dir);
        let elsewhere = home.path().join("elsewhere");
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        assert!(store.get(COMPONENT, &ENGINE).is_err());
        let link = home.path().join("link");
        symlink(&dir, &link).unwrap();
        assert!(
            CompiledCode::at(link)
                .put(COMPONENT, &ENGINE, b"code")
                .is_err()
        );
    }
}
