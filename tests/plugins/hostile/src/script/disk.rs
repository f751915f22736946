//! What the script does to files. Whatever happens is told: what was read, or which error it was.

use std::fs;

use wasip2::filesystem::preopens::get_directories;

/// Does it. `A B` in `rest` are two paths or a path and a text.
pub fn act(verb: &str, rest: &str) -> String {
    let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
    let done = match verb {
        "read" => fs::read(first).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        "list" => fs::read_dir(first).map(|entries| {
            let names = entries
                .flatten()
                .map(|e| e.file_name().to_string_lossy().into_owned());
            let mut names: Vec<_> = names.collect();
            names.sort();
            names.join(",")
        }),
        "write" => fs::write(first, second).map(|()| "done".to_owned()),
        "append" => fs::OpenOptions::new()
            .append(true)
            .open(first)
            .map(|_| "done".to_owned()),
        "truncate" => fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(first)
            .map(|_| "done".to_owned()),
        "mkdir" => fs::create_dir(first).map(|()| "done".to_owned()),
        "remove" => fs::remove_file(first).map(|()| "done".to_owned()),
        "rename" => fs::rename(first, second).map(|()| "done".to_owned()),
        "link" => fs::hard_link(first, second).map(|()| "done".to_owned()),
        // `symlink TARGET PATH`, which the standard library has no stable name for.
        "symlink" => return symlink(first, second),
        "times" => return times(first),
        other => panic!("no verb {other}"),
    };
    match done {
        Ok(seen) => seen,
        Err(error) => format!("refused, {error}"),
    }
}

fn symlink(target: &str, path: &str) -> String {
    for (directory, mount) in get_directories() {
        let Some(below) = path.strip_prefix(&format!("{mount}/")) else {
            continue;
        };
        return match directory.symlink_at(target, below) {
            Ok(()) => "done".to_owned(),
            Err(code) => format!("refused, {code:?}"),
        };
    }
    "refused, no such mount".to_owned()
}

fn times(path: &str) -> String {
    use wasip2::filesystem::types::{NewTimestamp, PathFlags};
    for (directory, mount) in get_directories() {
        let Some(below) = path.strip_prefix(&format!("{mount}/")) else {
            continue;
        };
        let now = NewTimestamp::Now;
        return match directory.set_times_at(PathFlags::SYMLINK_FOLLOW, below, now, now) {
            Ok(()) => "done".to_owned(),
            Err(code) => format!("refused, {code:?}"),
        };
    }
    "refused, no such mount".to_owned()
}
