//! Standard streams that are closed: what is opened next gets their numbers, and must not get what is said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::table::{COMMANDS, code};
use super::world::World;

/// What a run leaves, as far as two runs leave the same.
fn left(world: &World) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = world.files();
    // A new key each time, times, and the lines of the audit log.
    files.retain(|path, bytes| {
        let is_log = path.extension().is_some_and(|e| e == "jsonl");
        if is_log {
            let text = String::from_utf8(bytes.clone()).unwrap();
            for line in text.lines() {
                serde_json::from_str::<serde_json::Value>(line).unwrap();
            }
        }
        !is_log && path != Path::new("new.pem") && !path.starts_with(".deployer")
    });
    files
}

#[test]
fn every_command_does_the_same() {
    let mut world = World::new();
    for line in COMMANDS {
        world.restore();
        let open = world.run(line).fails(code(line));
        let expected = left(&world);
        for closed in ["<&-", ">&-", "<&- >&- 2>&-"] {
            world.restore();
            let script = format!("exec \"$@\" {closed}");
            let finished = world.below(&["sh", "-c", &script, "sh"], line);
            let when = format!("{line} {closed}: {finished}");
            assert_eq!(finished.status.code(), Some(code(line)), "{when}");
            assert!(!finished.stderr.contains("crashed"), "{when}");
            let files = left(&world);
            let names: Vec<_> = files.keys().collect();
            assert_eq!(names, expected.keys().collect::<Vec<_>>(), "{when}");
            for (path, bytes) in &files {
                assert!(*bytes == expected[path], "{}: {when}", path.display());
            }
            let has_time = open.stdout.contains("created") || open.stdout.contains(" in 0.");
            if closed == "<&-" && !has_time && !line.starts_with("key create") {
                assert_eq!(finished.stdout, open.stdout, "{when}");
            }
        }
    }
}
