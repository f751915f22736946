//! Of the disk a plugin sees what options name, and changes what an output directory holds.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::attempt::{Attempt, MANIFEST};
use super::components::packed;
use crate::harness::plugin::built;

/// A plugin that was given two directories, a directory to write to and a file, beside what it was not given.
fn attempt() -> Attempt {
    let attempt = Attempt::new();
    let home = attempt.machine.home().to_owned();
    for (path, text) in [
        ("outside.txt", "the outside"),
        ("key.txt", "the key"),
        ("beside-key.txt", "the outside"),
        ("inside/in.txt", "the inside"),
        ("inside/other.txt", "another"),
        ("inside/sub/deep.txt", "deep"),
        ("second/second.txt", "the second"),
        ("out/old.txt", "old"),
    ] {
        attempt.machine.write(path, text);
    }
    for (target, path) in [
        ("../outside.txt", "inside/relative"),
        ("..", "inside/up"),
        ("/etc", "inside/etc"),
        ("/etc/passwd", "inside/passwd"),
        ("../second", "inside/second"),
        ("../outside.txt", "out/relative"),
        ("..", "out/up"),
    ] {
        symlink(target, home.join(path)).unwrap();
    }
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    attempt
        .with("--mount", path("inside"))
        .with("--second", path("second"))
        .with("--folder", path("out"))
        .with("--key", path("key.txt"))
}

/// Everything below, but what the run itself writes.
fn snapshot(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = path.display().to_string();
        if kind.is_symlink() {
            found.insert(
                name,
                fs::read_link(&path)
                    .unwrap()
                    .as_os_str()
                    .as_encoded_bytes()
                    .to_vec(),
            );
        } else if !kind.is_dir() {
            found.insert(name, fs::read(&path).unwrap());
        } else if !name.ends_with(".local") {
            found.insert(name, vec![]);
            found.extend(snapshot(&path));
        }
    }
    found.retain(|name, _| !name.ends_with("audit.jsonl"));
    found
}

/// None of these lines is done, and nothing on the disk is another.
fn refused(attempt: &Attempt, lines: &[&str]) {
    let before = snapshot(attempt.machine.home());
    let control = "read <mount>/in.txt\nread <key>\nread <second>/second.txt\n";
    let seen = attempt.sees(&format!("{control}{}", lines.join("\n")));
    assert!(
        seen[0].ends_with(": the inside") && seen[1].ends_with(": the key"),
        "{seen:?}"
    );
    assert_eq!(seen.len(), lines.len() + 3, "{seen:?}");
    for line in &seen[3..] {
        assert!(line.contains(": refused, "), "{line}");
        assert!(
            !line.contains("the outside") && !line.contains("root:"),
            "{line}"
        );
    }
    assert_eq!(snapshot(attempt.machine.home()), before);
}

#[test]
fn files_that_nobody_named_are_not_read() {
    refused(
        &attempt(),
        &[
            "read /etc/passwd",
            "read /etc/hostname",
            "read /proc/self/environ",
            "read /options/../etc/passwd",
            "read /dev/zero",
            "read etc/passwd",
            "read ../outside.txt",
            "read outside.txt",
            "list /",
            "list /options",
            "list .",
            "list <mount>/..",
            "read <mount>/../outside.txt",
            "read <mount>/sub/../../outside.txt",
            "read <mount>/../../../../../../../../etc/passwd",
            "read <mount>/..\\\\outside.txt",
            "read <mount>/relative",
            "read <mount>/passwd",
            "read <mount>/etc/passwd",
            "read <mount>/up/outside.txt",
            "list <mount>/up",
            "list <mount>/second",
            "read <key>/../beside-key.txt",
            "read /options/key/beside-key.txt",
            "read /options/key/../mount/in.txt/x",
            "read <folder>/relative",
            "read <folder>/up/outside.txt",
            "read <folder>/../key.txt",
        ],
    );
}

/// Directories of two options are no way from one into the other by the links of one.
#[test]
fn a_read_only_mount_is_not_written_to() {
    refused(
        &attempt(),
        &[
            "write <mount>/new.txt x",
            "write <mount>/in.txt x",
            "append <mount>/in.txt",
            "truncate <mount>/in.txt",
            "mkdir <mount>/folder",
            "remove <mount>/in.txt",
            "rename <mount>/in.txt <mount>/renamed.txt",
            "rename <mount>/in.txt <folder>/stolen.txt",
            "rename <folder>/old.txt <mount>/in.txt",
            "rename <folder>/old.txt <second>/second.txt",
            "link <mount>/in.txt <mount>/linked.txt",
            "link <mount>/in.txt <folder>/linked.txt",
            "link <folder>/old.txt <mount>/linked.txt",
            "symlink in.txt <mount>/made",
            "times <mount>/in.txt",
            "write <key> x",
            "truncate <key>",
            "remove <key>",
            "write /options/key/new.txt x",
            "rename <key> <folder>/key.txt",
            "write <mount>/relative x",
            "write <mount>/up/outside.txt x",
        ],
    );
}

#[test]
fn an_output_directory_is_not_left() {
    refused(
        &attempt(),
        &[
            "write <folder>/../planted.txt x",
            "write <folder>/relative x",
            "write <folder>/up/outside.txt x",
            "write <folder>/up/planted.txt x",
            "truncate <folder>/relative",
            "remove <folder>/../outside.txt",
            "remove <folder>/up/outside.txt",
            "mkdir <folder>/../planted",
            "rename <folder>/old.txt <folder>/../planted.txt",
            "rename <folder>/old.txt <folder>/up/outside.txt",
            "rename <folder>/../outside.txt <folder>/stolen.txt",
            "rename <folder>/up/outside.txt <folder>/stolen.txt",
            "link <folder>/../outside.txt <folder>/linked.txt",
            "link <folder>/up/outside.txt <folder>/linked.txt",
            "link <folder>/old.txt <folder>/up/planted.txt",
            "symlink /etc/passwd <folder>/made",
            "times <folder>/relative",
        ],
    );
}

#[test]
fn nothing_is_written_in_a_plan() {
    let attempt = attempt().calling("plan");
    refused(
        &attempt,
        &[
            "write <folder>/new.txt x",
            "remove <folder>/old.txt",
            "mkdir <folder>/new",
            "symlink old.txt <folder>/made",
        ],
    );
    // And what is not there yet is not made.
    let absent = attempt.machine.home().join("absent");
    Attempt::new()
        .calling("plan")
        .with("--folder", absent.to_str().unwrap())
        .sees("list <folder>");
    assert!(!absent.exists());
}

/// What the plugin makes itself leads it nowhere either: names change places between two looks at them.
#[test]
fn renaming_tricks() {
    let attempt = attempt();
    let script = "
        mkdir <folder>/d
        write <folder>/d/f.txt mine
        symlink .. <folder>/way
        read <folder>/way/outside.txt
        write <folder>/way/planted.txt x
        rename <folder>/way <folder>/d/way
        read <folder>/d/way/../outside.txt
        symlink ../../outside.txt <folder>/d/deep
        read <folder>/d/deep
        rename <folder>/d/deep <folder>/up-here
        read <folder>/up-here
        write <folder>/up-here x
        rename <folder>/up <folder>/moved
        read <folder>/moved/outside.txt
        write <folder>/moved/planted.txt x
        rename <folder>/relative <folder>/old.txt
        write <folder>/old.txt x
        read <folder>/old.txt
        rename <folder>/d <folder>/e
        read <folder>/e/way/../../outside.txt
    ";
    let seen = attempt.sees(script);
    for line in &seen {
        let reaches_out =
            line.starts_with("read ") || (line.starts_with("write ") && !line.contains("f.txt"));
        assert!(!reaches_out || line.contains(": refused, "), "{line}");
        assert!(!line.contains("the outside"), "{line}");
    }
    assert!(
        seen[0].ends_with("done") && seen[1].ends_with("done"),
        "{seen:?}"
    );
    let home = attempt.machine.home();
    assert_eq!(
        fs::read_to_string(home.join("outside.txt")).unwrap(),
        "the outside"
    );
    assert!(!home.join("planted.txt").exists());
    // What it left behind does not lead the next run out either.
    let seen =
        attempt.sees("read <folder>/old.txt\nwrite <folder>/up-here x\nread <folder>/e/f.txt");
    assert!(
        seen[0].contains("refused") && seen[1].contains("refused"),
        "{seen:?}"
    );
    assert!(seen[2].ends_with(": mine"), "{seen:?}");
    assert_eq!(
        fs::read_to_string(home.join("outside.txt")).unwrap(),
        "the outside"
    );
}

#[test]
fn a_default_reads_nothing_and_writes_to_no_place_of_its_own() {
    for (option, default, code, said) in [
        ("A file", "/etc/hostname", 5, "chooses /etc/hostname where"),
        ("A file", "../outside.txt", 5, "chooses ../outside.txt"),
        ("A directory", "/etc", 5, "chooses /etc where"),
        ("Where it may write", "/tmp/planted", 2, "lies below it"),
        ("Where it may write", "..", 2, "lies below it"),
        (
            "Where it may write",
            ".deployer/../static",
            2,
            "lies below it",
        ),
    ] {
        let help = format!("help = \"{option}\"");
        let manifest = MANIFEST.replace(&help, &format!("default = \"{default}\", {help}"));
        let attempt = Attempt::component(&packed(&built("hostile"), &manifest));
        attempt.script("print x").fails(code).says(said);
        assert!(!attempt.app.path().join(".deployer").exists());
    }
    assert!(!Path::new("/tmp/planted").exists());
    // One that is allowed, with a link in its way.
    let help = "help = \"Where it may write\"";
    let manifest = MANIFEST.replace(help, &format!("default = \".deployer/out\", {help}"));
    let attempt = Attempt::component(&packed(&built("hostile"), &manifest));
    attempt.sees("write <folder>/x y");
    let written = attempt.app.path().join(".deployer");
    assert!(written.join("out/x").exists());
    fs::remove_dir_all(&written).unwrap();
    symlink(attempt.machine.home(), &written).unwrap();
    attempt
        .script("write <folder>/x y")
        .fails(5)
        .says("is a symlink");
    assert!(!attempt.machine.home().join("out").exists());
}

#[test]
fn what_is_no_file_is_not_mounted() {
    for path in ["/dev/zero", "/dev/null", "/proc/self/mem", "/nowhere"] {
        let attempt = Attempt::new().with("--key", path);
        let failed = attempt.script("read <key>").fails(2).says(path);
        assert!(attempt.audited().is_empty(), "{failed}");
    }
}

/// The host keeps secrets in its memory and in its variables, and the system shows both as files.
#[test]
fn the_host_as_a_file() {
    for (option, path) in [
        ("--key", "/proc/self/environ"),
        ("--key", "/proc/self/maps"),
        ("--mount", "/proc/self"),
        ("--mount", "/dev"),
        ("--mount", "/"),
        ("--folder", "/proc/self"),
        ("--folder", "/"),
    ] {
        let attempt = Attempt::new()
            .variable("SPIN_DEPLOYER_HOSTILE_TOKEN", "hunter2-hunter2")
            .with(option, path);
        let failed = attempt
            .script("read <key>\nread <mount>/environ\nlist <folder>")
            .fails(2);
        let failed = failed.says(&format!("cannot use {path} for {option}"));
        assert!(!failed.stderr.contains("hunter2"), "{failed}");
    }
    // By a link, as a repository may have one.
    let attempt = Attempt::new();
    let link = attempt.machine.home().join("link");
    symlink("/proc/self/environ", &link).unwrap();
    let attempt = attempt.with("--key", link.to_str().unwrap());
    attempt.script("read <key>").fails(2);
}

#[test]
fn a_directory_that_is_filled() {
    for (line, said) in [
        (
            "fill <folder>/large",
            "exceeded its written bytes limit of 1 MiB",
        ),
        (
            "grow <folder>/large",
            "exceeded its written bytes limit of 1 MiB",
        ),
        (
            "gap <folder>/large",
            "exceeded its written bytes limit of 1 MiB",
        ),
    ] {
        let attempt = attempt().with("--max-written", "1MiB");
        let ended = attempt.script(line).fails(70);
        ended.says(said).says("--max-written");
        let size = |name| fs::metadata(attempt.machine.home().join(name)).map_or(0, |m| m.len());
        assert!(size("out/large") <= 1 << 20, "{line}");
    }
    // What fits is written.
    let seen = attempt().sees("write <folder>/new.txt x\nread <folder>/new.txt");
    assert!(seen[1].ends_with(": x"), "{seen:?}");
}
