//! A disk with too little room, whichever write it is that finds none. The error names the file; what was there is whole;
//! with room again the same command completes it.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::fs::statvfs;

use super::world::{World, bare};
use crate::harness::namespace;

/// Enough for everything.
const ROOM: u64 = 1 << 30;

/// The home is a disk of its own.
struct Disk {
    world: World,
}

impl Disk {
    /// With the cache of compiled code on it too, where `cached` says so.
    fn new(cached: bool) -> Self {
        let mut machine = bare();
        mount(machine.home(), &["-t", "tmpfs", "-o", "size=1g", "none"]);
        if cached {
            machine.set("XDG_CACHE_HOME", machine.home().join("cache"));
        }
        Self {
            world: World::on(machine),
        }
    }

    /// So many bytes are free from now on.
    fn free(&self, bytes: u64) {
        let disk = statvfs(self.world.home()).unwrap();
        let used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize;
        let size = format!("remount,size={}", used + bytes);
        mount(self.world.home(), &["-o", &size]);
    }

    /// Runs the line with nothing free, and with more and more, until it comes through.
    fn fills(&mut self, line: &str) {
        let world = &self.world;
        world.restore();
        let before = world.state();
        world.run(line).ok();
        let after = world.state();
        let mut failures = 0;
        for pages in (0..6).chain((3..).map(|power| 1 << power)) {
            assert!(pages < 1 << 16, "{line} never comes through");
            let world = &self.world;
            world.restore();
            self.free(pages << 12);
            let finished = world.run(line);
            self.free(ROOM);
            if finished.status.success() {
                break;
            }
            failures += 1;
            let when = format!("{line} with {pages} pages");
            assert!(
                matches!(finished.status.code(), Some(1 | 2)),
                "{when}: {finished}"
            );
            assert!(
                finished.stderr.contains("No space left"),
                "{when}: {finished}"
            );
            let home = world.home().to_str().unwrap();
            let names = finished.stderr.contains(home) || finished.stderr.contains("cannot write");
            assert!(names, "{when}: {finished}");
            world.state().is_between(&before, &after, &when);
            let mut usual = vec!["plugins verify", "plugins list --offline"];
            // It was there before, and is afterwards.
            if !matches!(line, "plugins uninstall demo" | "plugins fetch") {
                usual.push("plan -t demo");
            }
            for usual in usual {
                let finished = world.run(usual);
                assert!(finished.status.success(), "{when}, {usual}: {finished}");
            }
            let again = world.run(line);
            assert!(again.status.success(), "{when}, again: {again}");
            assert_eq!(world.state(), after, "{when}: {again}");
            assert!(world.leftovers().is_empty(), "{when}");
        }
        assert!(failures > 0, "{line} needs no room");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // So that the folder can be removed.
        drop(
            Command::new("umount")
                .arg("-l")
                .arg(self.world.home())
                .status(),
        );
    }
}

fn mount(at: &Path, how: &[&str]) {
    let mounted = Command::new("mount").args(how).arg(at).status();
    assert!(mounted.unwrap().success(), "{how:?}");
}

/// In mounts of its own. The plugin is built out here, where it is built for everybody.
macro_rules! alone {
    ($body:expr) => {
        namespace::alone(
            "ip link set lo up",
            |_| drop(crate::harness::plugin::built("hostile")),
            $body,
        )
    };
}

#[test]
fn plugins_come_and_go_whole() {
    alone!(|| {
        let mut disk = Disk::new(false);
        for line in [
            "plugins install other.wasm --yes",
            "plugins upgrade --yes",
            "plugins uninstall demo",
            "plugins fetch --vendor vendor",
        ] {
            disk.fills(line);
        }
        // On a machine that has nothing but the app and its lock, and where its catalog is.
        disk.world.restore();
        fs::remove_dir_all(disk.world.home().join(".local")).unwrap();
        disk.world.keep();
        disk.fills("plugins fetch");
    });
}

#[test]
fn what_authors_write_is_whole() {
    alone!(|| {
        let mut disk = Disk::new(false);
        let extra = disk.world.home().join("catalog/other.wasm");
        fs::copy(disk.world.home().join("other.wasm"), extra).unwrap();
        disk.world.keep();
        for line in [
            "catalog add more catalog",
            "catalog build catalog",
            "plugins pack component.wasm",
            "plugins new shelf",
            "login -t demo",
        ] {
            disk.fills(line);
        }
    });
}

#[test]
fn a_first_deploy_completes_later() {
    alone!(|| {
        let mut disk = Disk::new(false);
        fs::remove_dir_all(disk.world.home().join(".deployer")).unwrap();
        disk.world.keep();
        disk.fills("deploy");
    });
}

/// Compiled code is kept where there is room for it, and nothing else depends on it.
#[test]
fn a_full_cache_is_in_nobodys_way() {
    alone!(|| {
        let mut disk = Disk::new(true);
        let cache = disk.world.home().join("cache");
        fs::remove_dir_all(&cache).unwrap();
        mount_cache(&cache);
        disk.world.machine.set("XDG_CACHE_HOME", &cache);
        for line in [
            "deploy",
            "deploy -t demo",
            "plugins install other.wasm --yes",
        ] {
            disk.world.run(line).ok();
        }
        disk.world.run("plugins verify").ok();
    });
}

/// A disk of its own, with nothing free.
fn mount_cache(at: &Path) {
    fs::create_dir(at).unwrap();
    mount(at, &["-t", "tmpfs", "-o", "size=16k,mode=700", "none"]);
    fs::write(at.join("full"), vec![0; 16 << 10]).unwrap();
}
