//! The part of the file system that a plugin sees: what options of type `file`, `directory` and `output-directory` name.

use std::path::{Component, Path};

use spin_deployer_grants::{Phase, ValueSource, Values};
use spin_deployer_manifest::OptionValue;
use spin_deployer_sandbox::Mount;
use tempfile::TempDir;

use crate::{Code, Error};

/// The mounts of a call, and what has to live as long as they do.
pub(crate) struct Mounts {
    pub(crate) mounts: Vec<Mount>,
    /// Stands in for an output directory that is not there yet while nothing may be written.
    _empty: Vec<TempDir>,
}

/// Where a plugin finds the file or directory of an option.
pub(crate) fn guest_path(option: &str) -> String {
    format!("/options/{option}")
}

/// Mounts what the options name, and where somebody `agreed` to that, what the author chose in their place. Where nothing is to be written, an output directory is neither made nor writable.
pub(crate) fn mount(
    values: &Values,
    phase: Phase,
    app_folder: &Path,
    agreed: bool,
) -> Result<Mounts, Error> {
    let mut mounts = Vec::new();
    let mut empty = Vec::new();
    for (name, resolved) in values {
        let (path, writable) = match &resolved.value {
            OptionValue::File(path) | OptionValue::Directory(path) => {
                if resolved.source == ValueSource::Default && !agreed {
                    return Err(not_named(name.as_str(), path));
                }
                (path.clone(), false)
            }
            OptionValue::OutputDirectory(path) => {
                if resolved.source == ValueSource::Default {
                    below_deployer(name.as_str(), path, app_folder)?;
                }
                (path.clone(), writes(phase))
            }
            _ => continue,
        };
        let unusable = |why: &str| {
            let message = format!("cannot use {} for --{name}", path.display());
            Error::new(Code::Usage, message).detail(why)
        };
        let io = |e: std::io::Error| unusable(&e.to_string());
        if shows_the_system(&path) {
            return Err(unusable(
                "the system shows processes and devices there, the memory of this one among them",
            ));
        }
        let output = matches!(resolved.value, OptionValue::OutputDirectory(_));
        let host_path = if output && writable {
            std::fs::create_dir_all(&path).map_err(io)?;
            path
        } else if output && !path.exists() {
            let stand_in = tempfile::tempdir().map_err(io)?;
            let path = stand_in.path().to_owned();
            empty.push(stand_in);
            path
        } else {
            std::fs::metadata(&path).map_err(io)?;
            path
        };
        mounts.push(Mount {
            guest_path: guest_path(name.as_str()),
            host_path,
            writable,
        });
    }
    Ok(Mounts {
        mounts,
        _empty: empty,
    })
}

/// Whether an output directory is for that.
fn writes(phase: Phase) -> bool {
    matches!(phase, Phase::Deploy | Phase::Rollback | Phase::Destroy)
}

/// Where the system shows itself as files. Who reads there finds what this process keeps from plugins, and who writes
/// there changes the process. A `deployer.toml` that somebody cloned could name such a place.
const SYSTEM: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Memory that serves as a disk.
const SHARED_MEMORY: &str = "/dev/shm";

/// Whether this is such a place, lies in one, or has one in it. What is not there yet lies where its folder does.
fn shows_the_system(path: &Path) -> bool {
    let is_there = path.canonicalize().ok();
    let has_it = |system: &Path| {
        is_there
            .as_ref()
            .is_some_and(|real| system.starts_with(real))
    };
    let real = path.ancestors().find_map(|path| path.canonicalize().ok());
    let Some(real) = real else {
        return false;
    };
    let listed = SYSTEM
        .iter()
        .map(Path::new)
        .any(|system| system.exists() && (has_it(system) || real.starts_with(system)));
    listed && !real.starts_with(SHARED_MEMORY) || is_mounted_system(&real)
}

/// The same of one that is mounted elsewhere, as in a container.
#[cfg(target_os = "linux")]
fn is_mounted_system(path: &Path) -> bool {
    const SYSFS: rustix::fs::FsWord = 0x6265_6572;
    rustix::fs::statfs(path)
        .is_ok_and(|system| [rustix::fs::PROC_SUPER_MAGIC, SYSFS].contains(&system.f_type))
}

#[cfg(not(target_os = "linux"))]
fn is_mounted_system(_: &Path) -> bool {
    false
}

/// A default is the plugin's wish, not the user's: nothing of this machine is read because of it.
fn not_named(option: &str, path: &Path) -> Error {
    Error::new(
        Code::Denied,
        format!(
            "the plugin's default of --{option} would read {}",
            path.display()
        ),
    )
    .help(format!(
        "if you want that, name it yourself: --{option} {}",
        path.display()
    ))
}

/// A default is the plugin's wish, not the user's: it lies below `.deployer` of the app and goes through no symlink,
/// so that neither a plugin nor a cloned repository chooses where files are written.
fn below_deployer(option: &str, path: &Path, app_folder: &Path) -> Result<(), Error> {
    let refused = |why: &str| {
        Error::new(
            Code::Denied,
            format!("the default of --{option}, {}, {why}", path.display()),
        )
        .help(format!("name a directory yourself: --{option} DIR"))
    };
    let relative = path
        .strip_prefix(app_folder)
        .map_err(|_| refused("is outside of the app"))?;
    let mut parts = relative.components();
    if parts.next() != Some(Component::Normal(".deployer".as_ref()))
        || !parts.all(|part| matches!(part, Component::Normal(_)))
    {
        return Err(refused("is not below `.deployer`"));
    }
    let mut walked = app_folder.to_owned();
    for part in relative.components() {
        walked.push(part);
        if walked.symlink_metadata().is_ok_and(|m| m.is_symlink()) {
            return Err(refused("is a symlink"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_default_stays_below_deployer() {
        let app = tempfile::tempdir().unwrap();
        let check = |path: &str| below_deployer("directory", &app.path().join(path), app.path());
        check(".deployer").unwrap();
        check(".deployer/layout").unwrap();
        for outside in ["assets", "..", ".deployer/../assets", "/etc", ""] {
            assert_eq!(check(outside).unwrap_err().code, Code::Denied, "{outside}");
        }
    }

    #[test]
    fn a_default_reads_nothing() {
        let value = OptionValue::File("/etc/hostname".into());
        let mounted = |source, agreed| {
            let resolved = spin_deployer_grants::Resolved {
                value: value.clone(),
                source,
            };
            let values = Values::from([("key".parse().unwrap(), resolved)]);
            mount(&values, Phase::Deploy, Path::new("/app"), agreed)
                .map(|mounts| mounts.mounts.len())
        };
        assert_eq!(
            mounted(ValueSource::Default, false).unwrap_err().code,
            Code::Denied
        );
        assert_eq!(mounted(ValueSource::Default, true).unwrap(), 1);
        assert_eq!(mounted(ValueSource::Flag, false).unwrap(), 1);
    }

    #[test]
    fn an_output_directory_is_made_and_written_to_only_where_something_is_deployed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let resolved = spin_deployer_grants::Resolved {
            value: OptionValue::OutputDirectory(path.clone()),
            source: ValueSource::Flag,
        };
        let values = Values::from([("folder".parse().unwrap(), resolved)]);
        let mounted = |phase| mount(&values, phase, Path::new("/app"), false).unwrap();
        for phase in [Phase::Plan, Phase::Status, Phase::Login] {
            assert!(!mounted(phase).mounts[0].writable, "{phase}");
            assert!(!path.exists());
        }
        for phase in [Phase::Deploy, Phase::Rollback, Phase::Destroy] {
            assert!(mounted(phase).mounts[0].writable, "{phase}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn where_the_system_shows_itself_nothing_is_mounted() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/proc/self", &link).unwrap();
        for place in [
            "/proc/self/environ",
            "/proc/self/",
            "/proc/1/../self/new",
            "/dev",
            "/dev/fd",
            "/sys/kernel",
            "/",
            link.to_str().unwrap(),
            link.join("environ").to_str().unwrap(),
        ] {
            assert!(shows_the_system(Path::new(place)), "{place}");
        }
        for place in [
            folder.path().to_str().unwrap(),
            folder.path().join("new/new").to_str().unwrap(),
            "/etc/hostname",
            "/process",
            "/dev/shm",
        ] {
            assert!(!shows_the_system(Path::new(place)), "{place}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_default_that_is_a_symlink_is_refused() {
        let app = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), app.path().join(".deployer")).unwrap();
        let error =
            below_deployer("directory", &app.path().join(".deployer"), app.path()).unwrap_err();
        assert!(error.message.contains("symlink"));
    }
}
