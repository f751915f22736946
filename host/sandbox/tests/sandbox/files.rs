//! A plugin sees the files that the user named, and writes only where it may.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use spin_deployer_sandbox::{CallError, LimitKind, Limits, Mount};
use tempfile::TempDir;

use crate::support::World;

/// A folder with a mounted folder in it, and secrets beside that.
fn machine() -> TempDir {
    let machine = tempfile::tempdir().unwrap();
    let inside = machine.path().join("inside");
    fs::create_dir_all(inside.join("sub")).unwrap();
    fs::write(machine.path().join("outside.txt"), "secret").unwrap();
    for name in ["inside.txt", "doomed.txt", "other.txt"] {
        fs::write(inside.join(name), name).unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("../outside.txt", inside.join("escape.txt")).unwrap();
    machine
}

/// Every file below, with what is in it.
fn snapshot(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.insert(path.display().to_string(), vec![]);
            files.extend(snapshot(&path));
        } else {
            files.insert(path.display().to_string(), fs::read(&path).unwrap());
        }
    }
    files
}

async fn report(mount: Mount) -> BTreeMap<String, String> {
    let mut world = World::new("files").with("mount", &mount.guest_path);
    world.mounts = vec![mount];
    let lines = world.report().await;
    lines
        .into_iter()
        .map(|line| {
            let (what, answer) = line.rsplit_once(' ').unwrap();
            (what.to_owned(), answer.to_owned())
        })
        .collect()
}

fn allowed(report: &BTreeMap<String, String>) -> Vec<&str> {
    report
        .iter()
        .filter(|(_, answer)| *answer == "true")
        .map(|(what, _)| &**what)
        .collect()
}

fn mount(host_path: &Path, writable: bool) -> Mount {
    Mount {
        guest_path: "/options/folder".into(),
        host_path: host_path.to_owned(),
        writable,
    }
}

#[tokio::test]
async fn a_read_only_directory_is_read_and_nothing_else() {
    let machine = machine();
    let before = snapshot(machine.path());
    let report = report(mount(&machine.path().join("inside"), false)).await;
    assert_eq!(report["read"], "Some(\"inside.txt\")");
    assert!(report["list"].contains("inside.txt"), "{report:?}");
    assert_eq!(allowed(&report), Vec::<&str>::new());
    assert_eq!(snapshot(machine.path()), before);
}

#[tokio::test]
async fn a_writable_directory_cannot_be_left() {
    let machine = machine();
    let report = report(mount(&machine.path().join("inside"), true)).await;
    let expected = [
        "append",
        "create directory",
        "hard link",
        "overwrite",
        "remove",
        "rename",
        "truncate",
        "write",
    ];
    assert_eq!(allowed(&report), expected);
    assert_eq!(
        fs::read(machine.path().join("inside/new.txt")).unwrap(),
        b"new"
    );
    assert_eq!(
        fs::read(machine.path().join("outside.txt")).unwrap(),
        b"secret"
    );
    let mut beside: Vec<_> = fs::read_dir(machine.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    beside.sort();
    assert_eq!(beside, ["inside", "outside.txt"]);
}

#[tokio::test]
async fn a_file_is_alone_and_read_only() {
    let machine = machine();
    let before = snapshot(machine.path());
    let file = Mount {
        guest_path: "/options/key".into(),
        host_path: machine.path().join("inside/inside.txt"),
        writable: true,
    };
    assert_eq!(file.file_path(), "/options/key/inside.txt");
    let report = report(file).await;
    assert_eq!(report["list"], "inside.txt");
    assert_eq!(report["read"], "Some(\"inside.txt\")");
    assert_eq!(allowed(&report), Vec::<&str>::new());
    assert_eq!(snapshot(machine.path()), before);
}

#[tokio::test]
async fn what_cannot_be_mounted_is_named_and_nothing_runs() {
    let machine = machine();
    let large = machine.path().join("large.bin");
    fs::File::create(&large)
        .unwrap()
        .set_len((16 << 20) + 1)
        .unwrap();
    for path in [machine.path().join("nowhere"), large] {
        let mut world = World::new("look");
        world.mounts = vec![mount(&path, false)];
        match world.plan().await.result {
            Err(CallError::Mount { path: named, .. }) => {
                assert_eq!(named, path.display().to_string());
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            world
                .screen
                .started
                .load(std::sync::atomic::Ordering::Relaxed),
            0
        );
    }
}

/// What a plugin that does this in a directory of its own breaks, and what is there then.
async fn fills(line: &str, limits: Limits) -> (LimitKind, BTreeMap<String, Vec<u8>>) {
    let machine = machine();
    let folder = machine.path().join("inside/sub");
    let mut world = World::new("script")
        .with("folder", "/options/folder")
        .with("script", line);
    (world.mounts, world.limits) = (vec![mount(&folder, true)], limits);
    match world.plan().await.result {
        Err(CallError::Limit(limit)) => (limit.kind, snapshot(&folder)),
        other => panic!("{line}: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_written_is_counted_however_it_is_written() {
    for line in ["fill <folder>/x", "grow <folder>/x", "gap <folder>/x"] {
        let limits = Limits {
            written: 100_000,
            ..Limits::default()
        };
        let (kind, files) = fills(line, limits).await;
        assert_eq!(kind, LimitKind::Written, "{line}");
        let sizes: Vec<usize> = files.values().map(Vec::len).collect();
        assert!(sizes.iter().all(|size| *size <= 100_000), "{sizes:?}");
    }
}

#[tokio::test]
async fn files_directories_and_links_are_counted() {
    let limits = Limits {
        entries: 100,
        ..Limits::default()
    };
    let (kind, files) = fills("crowd <folder>", limits).await;
    assert_eq!(kind, LimitKind::Entries);
    assert_eq!(files.len(), 100);
}
