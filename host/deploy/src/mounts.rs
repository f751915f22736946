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

/// Mounts what the options name. In a read-only phase an output directory is neither made nor writable.
pub(crate) fn mount(values: &Values, phase: Phase, app_folder: &Path) -> Result<Mounts, Error> {
    let mut mounts = Vec::new();
    let mut empty = Vec::new();
    for (name, resolved) in values {
        let (path, writable) = match &resolved.value {
            OptionValue::File(path) | OptionValue::Directory(path) => {
                if resolved.source == ValueSource::Default {
                    return Err(not_named(name.as_str(), path));
                }
                (path.clone(), false)
            }
            OptionValue::OutputDirectory(path) => {
                if resolved.source == ValueSource::Default {
                    below_deployer(name.as_str(), path, app_folder)?;
                }
                (path.clone(), !phase.read_only())
            }
            _ => continue,
        };
        let io = |e: std::io::Error| {
            Error::new(
                Code::Usage,
                format!("cannot use {} for --{name}", path.display()),
            )
            .detail(e.to_string())
        };
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
        let mounted = |source| {
            let resolved = spin_deployer_grants::Resolved {
                value: value.clone(),
                source,
            };
            let values = Values::from([("key".parse().unwrap(), resolved)]);
            mount(&values, Phase::Deploy, Path::new("/app")).map(|mounts| mounts.mounts.len())
        };
        assert_eq!(
            mounted(ValueSource::Default).unwrap_err().code,
            Code::Denied
        );
        assert_eq!(mounted(ValueSource::Flag).unwrap(), 1);
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
