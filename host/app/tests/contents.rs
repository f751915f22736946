//! Contents are what was hashed, or an error; archives are the same bytes everywhere.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::sync::Mutex;

use common::{Fixture, read};
use spin_deployer_app::{
    App, ArchiveError, ContentError, DigestMemory, FileMemory, FileStamp, LoadOptions, load,
};

fn site() -> Fixture {
    Fixture::new()
        .with("static/b.txt", "b".repeat(100_000))
        .with("static/a/deep.txt", "deep")
        .with("static/same.txt", "deep")
        .component("files = [\"static/**/*\"]")
}

#[test]
fn a_content_is_read_from_any_offset() {
    let fixture = Fixture::new()
        .with("x.txt", "0123456789")
        .component("files = [\"x.txt\"]");
    let app = fixture.load().unwrap();
    let content = app.content(&app.components()[0].files[0].digest).unwrap();
    assert_eq!(content.size(), 10);
    for (offset, expected) in [(0, "0123456789"), (7, "789"), (10, "")] {
        let mut text = String::new();
        content
            .open(offset)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, expected);
    }
    assert!(matches!(
        content.open(11),
        Err(ContentError::PastEnd {
            offset: 11,
            size: 10
        })
    ));
}

#[test]
fn the_size_counts_each_content_once() {
    let fixture = site();
    let app = fixture.load().unwrap();
    assert_eq!(app.total_size(), 8 + 100_000 + 4);
}

#[test]
fn a_file_that_changed_after_hashing_cannot_be_opened() {
    let fixture = site();
    let app = fixture.load().unwrap();
    let file = &app.components()[0].files[1];
    // The same size: only its times tell.
    fs::write(fixture.app().join("static/b.txt"), "c".repeat(100_000)).unwrap();
    let error = app.content(&file.digest).unwrap().open(0).unwrap_err();
    assert!(
        matches!(&error, ContentError::Changed { path } if path == "static/b.txt"),
        "{error}"
    );
    fs::remove_file(fixture.app().join("static/b.txt")).unwrap();
    assert!(matches!(
        app.content(&file.digest).unwrap().open(0),
        Err(ContentError::Changed { .. })
    ));
}

#[test]
fn a_file_that_changes_while_it_is_read_fails_before_its_last_byte_is_out() {
    for change in ["c".repeat(100_000), "c".repeat(50), "c".repeat(100_001)] {
        let fixture = site();
        let app = fixture.load().unwrap();
        let mut reader = app
            .content(&app.components()[0].files[1].digest)
            .unwrap()
            .open(0)
            .unwrap();
        reader.read_exact(&mut [0; 100]).unwrap();
        fs::write(fixture.app().join("static/b.txt"), &change).unwrap();
        let mut rest = Vec::new();
        let error = reader
            .read_to_end(&mut rest)
            .unwrap_err()
            .downcast::<ContentError>()
            .unwrap();
        assert!(matches!(error, ContentError::Changed { .. }));
        assert!(rest.len() < 100_000 - 100);
    }
}

#[test]
fn an_archive_is_the_same_bytes_for_the_same_files_and_has_nothing_of_the_machine() {
    let (one, other) = (site(), site());
    let file = fs::File::options()
        .write(true)
        .open(other.app().join("static/b.txt"))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let (one, other) = (one.load().unwrap(), other.load().unwrap());
    let (archive, again) = (one.archive("c").unwrap(), other.archive("c").unwrap());
    assert_eq!(archive.digest(), again.digest());

    let bytes = read(&one, archive.digest());
    assert_eq!(bytes.len() as u64, archive.size());
    // RFC 1952: no name, no time, the fastest compression, an unknown system.
    assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255]);
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let mut names = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let header = entry.header();
        let fixed = (
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap(),
            header.mtime().unwrap(),
        );
        assert_eq!(fixed, (0o644, 0, 0, 0));
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        names.push((
            entry.path().unwrap().to_str().unwrap().to_owned(),
            text.len(),
        ));
    }
    assert_eq!(
        names,
        [
            ("static/a/deep.txt".into(), 4),
            ("static/b.txt".into(), 100_000),
            ("static/same.txt".into(), 4)
        ]
    );
    assert!(matches!(
        one.archive("nope"),
        Err(ArchiveError::NoComponent(_))
    ));
}

#[test]
fn an_archive_of_a_file_that_changed_says_so() {
    let fixture = site();
    let app = fixture.load().unwrap();
    fs::write(fixture.app().join("static/b.txt"), "short").unwrap();
    assert!(matches!(
        app.archive("c"),
        Err(ArchiveError::Content(ContentError::Changed { .. }))
    ));
}

#[test]
fn equal_apps_have_equal_fingerprints_and_others_have_not() {
    let fingerprint = |text: &str| {
        site()
            .with("static/c.txt", text)
            .load()
            .unwrap()
            .fingerprint()
            .to_owned()
    };
    assert_eq!(fingerprint("x"), fingerprint("x"));
    assert_ne!(fingerprint("x"), fingerprint("y"));
    assert_eq!(fingerprint("x").len(), 64);
}

/// As every run does it.
fn run(fixture: &Fixture) -> App {
    let memory = FileMemory::at(&fixture.folder.path().join("cache"), &fixture.app());
    load(
        &fixture.source(),
        &LoadOptions::default(),
        &remembering(&memory),
    )
    .unwrap()
}

/// The file with the digests.
fn remembered(fixture: &Fixture) -> std::path::PathBuf {
    let mut cache = fs::read_dir(fixture.folder.path().join("cache")).unwrap();
    cache.next().unwrap().unwrap().path()
}

#[test]
fn an_archive_that_is_remembered_is_packed_again_only_when_it_is_opened() {
    let fixture = site();
    let first = run(&fixture);
    let archive = first.archive("c").unwrap();
    let second = run(&fixture);
    // Whoever packed now would notice.
    let path = fixture.app().join("static/b.txt");
    fs::rename(&path, fixture.app().join("elsewhere")).unwrap();
    let again = second.archive("c").unwrap();
    assert_eq!(
        (again.digest(), again.size()),
        (archive.digest(), archive.size())
    );
    let error = again.open(0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "static/b.txt changed after it was read, run again"
    );
    fs::write(&path, "b".repeat(100_000)).unwrap();

    let third = run(&fixture);
    let bytes = read(&third, third.archive("c").unwrap().digest());
    assert_eq!(bytes, read(&first, archive.digest()));
    let mut end = Vec::new();
    let from = archive.size() - 9;
    third
        .archive("c")
        .unwrap()
        .open(from)
        .unwrap()
        .read_to_end(&mut end)
        .unwrap();
    assert_eq!(end, bytes[bytes.len() - 9..]);

    let fixture = fixture.with("static/b.txt", "other");
    assert_ne!(
        run(&fixture).archive("c").unwrap().digest(),
        archive.digest()
    );
}

#[test]
fn an_archive_that_is_not_what_was_remembered_is_an_error_once() {
    let fixture = site();
    let digest = run(&fixture).archive("c").unwrap().digest().to_owned();
    let wrong = format!("sha256:{}", "0".repeat(64));
    let text = fs::read_to_string(remembered(&fixture)).unwrap();
    fs::write(remembered(&fixture), text.replace(&digest, &wrong)).unwrap();
    let app = run(&fixture);
    let archive = app.archive("c").unwrap();
    assert_eq!(archive.digest(), wrong);
    let error = archive.open(0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the archive of `c` is not the one that was remembered, run again"
    );
    assert_eq!(run(&fixture).archive("c").unwrap().digest(), digest);
}

#[test]
fn the_temporary_folder_is_made_or_the_systems_is_used() {
    let fixture = site().with("file", "");
    for folder in ["new/folder", "file/folder"] {
        let temporary = fixture.app().join(folder);
        let options = LoadOptions {
            temporary: Some(temporary.clone()),
            ..LoadOptions::default()
        };
        let app = load(
            &fixture.source(),
            &options,
            &spin_deployer_app::Ports::default(),
        )
        .unwrap();
        app.archive("c").unwrap();
        assert_eq!(temporary.is_dir(), folder == "new/folder");
        #[cfg(unix)]
        if temporary.is_dir() {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&temporary).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
    }
}

#[test]
fn modules_become_components_unless_the_platform_runs_modules() {
    let module = b"\0asm\x01\0\0\0";
    let fixture = site().with("app.wasm", module);
    let header = |keep_modules| {
        let options = LoadOptions {
            keep_modules,
            ..LoadOptions::default()
        };
        let ports = spin_deployer_app::Ports::default();
        let app = load(&fixture.source(), &options, &ports).unwrap();
        let digest = app.components()[0].wasm_digest.clone();
        let mut header = [0; 8];
        let content = app.content(&digest).unwrap();
        content.open(0).unwrap().read_exact(&mut header).unwrap();
        header
    };
    assert_eq!(header(true), *module);
    assert_ne!(header(false), *module);
}

#[test]
fn errors_say_why_and_nothing_of_this_machine() {
    let denied = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    let error = ContentError::Unreadable {
        path: "static/b.txt".into(),
        source: denied(),
    };
    assert_eq!(
        error.to_string(),
        "static/b.txt cannot be read: permission denied"
    );
    let error = ArchiveError::Write {
        component: "c".into(),
        source: denied(),
    };
    assert_eq!(
        error.to_string(),
        "the archive of `c` cannot be written to the temporary folder: permission denied"
    );
}

/// Counts what is asked, and answers with what was planted.
#[derive(Default)]
struct Planted {
    digests: BTreeMap<&'static str, String>,
    asked: Mutex<Vec<String>>,
    told: Mutex<Vec<String>>,
}

impl DigestMemory for Planted {
    fn recall(&self, stamp: &FileStamp) -> Option<String> {
        self.asked.lock().unwrap().push(stamp.path.clone());
        self.digests.get(stamp.path.as_str()).cloned()
    }

    fn remember(&self, stamp: &FileStamp, _: &str) {
        self.told.lock().unwrap().push(stamp.path.clone());
    }
}

#[test]
fn a_remembered_file_is_not_read_and_each_file_is_asked_for_once() {
    let fixture = site();
    let planted = format!("sha256:{}", "0".repeat(64));
    let memory = Planted {
        digests: BTreeMap::from([("static/b.txt", planted.clone())]),
        ..Planted::default()
    };
    let app = load(
        &fixture.source(),
        &LoadOptions::default(),
        &remembering(&memory),
    )
    .unwrap();
    assert_eq!(app.components()[0].files[1].digest, planted);
    let mut asked = memory.asked.into_inner().unwrap();
    asked.sort();
    assert_eq!(
        asked,
        [
            "app.wasm",
            "static/a/deep.txt",
            "static/b.txt",
            "static/same.txt"
        ]
    );
    // All of them were written a moment ago, and could change again without a trace.
    assert!(memory.told.into_inner().unwrap().is_empty());
}

fn remembering(memory: &dyn spin_deployer_app::DigestMemory) -> spin_deployer_app::Ports<'_> {
    spin_deployer_app::Ports {
        memory,
        ..spin_deployer_app::Ports::default()
    }
}
