//! What the script does to files. Whatever happens is told: what was read, or which error it was.

use std::fs;
use std::io::{self, Seek as _, Write as _};

use wasip2::filesystem::preopens::get_directories;

/// All of this plugin's memory but its first bytes, because nothing in Rust is at the address 0.
fn memory() -> Vec<u8> {
    const FIRST: usize = 64;
    let end = core::arch::wasm32::memory_size(0) << 16;
    // SAFETY: all of a memory can be read, nothing else runs meanwhile, and it is copied before anything else happens.
    unsafe { std::slice::from_raw_parts(FIRST as *const u8, end - FIRST) }.to_vec()
}

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
        "dump" => fs::write(first, memory()).map(|()| "done".to_owned()),
        "append" => fs::OpenOptions::new()
            .append(true)
            .open(first)
            .map(|_| "done".to_owned()),
        "truncate" => fs::OpenOptions::new()
            .write(true)
            .truncate(true)
            .open(first)
            .map(|_| "done".to_owned()),
        "fill" => fill(first),
        "grow" => fs::File::create(first)
            .and_then(|file| file.set_len(1 << 40))
            .map(|()| "done".to_owned()),
        "gap" => gap(first).map(|()| "done".to_owned()),
        "crowd" => crowd(first),
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

/// Until the disk is full.
fn fill(path: &str) -> io::Result<String> {
    let mut file = fs::File::create(path)?;
    loop {
        file.write_all(&[b'f'; 1 << 16])?;
    }
}

/// One byte, far behind the end.
fn gap(path: &str) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.seek(io::SeekFrom::Start(1 << 40))?;
    file.write_all(b"g")
}

/// Files, directories and links without end.
fn crowd(path: &str) -> io::Result<String> {
    for n in 0.. {
        fs::write(format!("{path}/{n}.file"), "")?;
        fs::create_dir(format!("{path}/{n}.folder"))?;
        fs::hard_link(format!("{path}/{n}.file"), format!("{path}/{n}.link"))?;
    }
    Ok(String::new())
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
