//! Everything that a mount must not allow, and what it must.

use std::fs::{self, OpenOptions};

use crate::option;

/// The option `mount` is the guest path of a directory.
pub fn all() -> Vec<String> {
    let mount = option("mount");
    let at = |path: &str| format!("{mount}/{path}");
    let said = |name: &str, allowed: bool| format!("{name} {allowed}");
    let mut list: Vec<_> = fs::read_dir(&mount)
        .map(|entries| {
            entries
                .flatten()
                .map(|e| e.file_name().to_string_lossy().into_owned())
                .collect()
        })
        .unwrap_or_default();
    list.sort();
    vec![
        format!("list {}", list.join(",")),
        format!("read {:?}", fs::read_to_string(at("inside.txt")).ok()),
        said("write", fs::write(at("new.txt"), "new").is_ok()),
        said("overwrite", fs::write(at("inside.txt"), "over").is_ok()),
        said(
            "truncate",
            OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(at("inside.txt"))
                .is_ok(),
        ),
        said(
            "append",
            OpenOptions::new()
                .append(true)
                .open(at("inside.txt"))
                .is_ok(),
        ),
        said("create directory", fs::create_dir(at("folder")).is_ok()),
        said(
            "hard link",
            fs::hard_link(at("inside.txt"), at("linked.txt")).is_ok(),
        ),
        said(
            "rename",
            fs::rename(at("inside.txt"), at("renamed.txt")).is_ok(),
        ),
        said("remove", fs::remove_file(at("doomed.txt")).is_ok()),
        said("up", fs::read(at("../outside.txt")).is_ok()),
        said("up inside", fs::read(at("sub/../../outside.txt")).is_ok()),
        said("absolute", fs::read("/etc/passwd").is_ok()),
        said("symlink out", fs::read(at("escape.txt")).is_ok()),
        said("write up", fs::write(at("../planted.txt"), "x").is_ok()),
        said(
            "write through symlink",
            fs::write(at("escape.txt"), "x").is_ok(),
        ),
        said(
            "move out",
            fs::rename(at("other.txt"), at("../planted.txt")).is_ok(),
        ),
        said("link outside", link(&mount)),
    ]
}

/// A symlink of the plugin's own making, followed.
fn link(mount: &str) -> bool {
    let directories = wasip2::filesystem::preopens::get_directories();
    let Some((directory, _)) = directories.iter().find(|(_, path)| path == mount) else {
        return false;
    };
    let _ = directory.symlink_at("../outside.txt", "made.txt");
    fs::read(format!("{mount}/made.txt")).is_ok()
}
