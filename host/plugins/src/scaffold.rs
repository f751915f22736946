//! `plugins new`: a small plugin that builds.
//!
//! The program carries the contract, and a plugin that is built from nothing else but two published crates. With the
//! path of a copy of the SDK, whose crate is not published yet, it is a shorter one that uses that.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use spin_deployer_deploy::{Code, Error};
use spin_deployer_manifest::{NameError, PluginName};
use spin_deployer_store::bundled;

use crate::report::{NewReport, SCHEMA};

const WIT: &str = include_str!("../../../wit/0.2/deployer.wit");
const WIT_IO: &str = include_str!("../../../wit/0.2/deps/io.wit");
const IGNORED: &str = "/target\n/*.wasm\n";

/// What to write.
#[derive(Clone, Debug)]
pub struct New {
    /// The plugin's name, and that of its folder.
    pub name: String,
    /// A folder with the crate `spin-deployer-sdk`.
    pub sdk: Option<PathBuf>,
}

/// Writes a plugin into a new folder of `folder`.
///
/// # Errors
/// A name that cannot be one, a folder that is there, or one that cannot be written.
pub fn new(folder: &Path, request: &New) -> Result<NewReport, Error> {
    let name: PluginName = request.name.parse().map_err(|error: NameError| {
        Error::new(Code::Usage, "that cannot be the name of a plugin").detail(error.to_string())
    })?;
    if bundled::find(name.as_str()).is_some() {
        let message = format!("there is a plugin `{name}` in the program");
        return Err(Error::new(Code::Usage, message).help("choose another name"));
    }
    let to = folder.join(name.as_str());
    let unwritable = |error: std::io::Error| {
        Error::new(Code::Usage, format!("cannot write {}", to.display())).detail(error.to_string())
    };
    let files = files(&name, folder, request.sdk.as_deref())?;
    if fs::symlink_metadata(&to).is_ok() {
        return Err(unwritable(ErrorKind::AlreadyExists.into())
            .help("choose another name, or move what is there"));
    }
    write(folder, &to, &files).map_err(unwritable)?;
    Ok(NewReport {
        schema: SCHEMA,
        folder: PathBuf::from(name.as_str()),
        files: files.into_iter().map(|(path, _)| path.to_owned()).collect(),
    })
}

/// All of them or none: a folder that is half there would be in the way of the next try.
fn write(folder: &Path, to: &Path, files: &[(&str, String)]) -> std::io::Result<()> {
    let aside = tempfile::tempdir_in(folder)?;
    // With the permissions that new folders have.
    let made = aside.path().join("made");
    fs::create_dir(&made)?;
    for (path, text) in files {
        let path = made.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&made))?;
        fs::write(&path, text)?;
    }
    fs::rename(&made, to)
}

fn files(
    name: &PluginName,
    folder: &Path,
    sdk: Option<&Path>,
) -> Result<Vec<(&'static str, String)>, Error> {
    let variable = name.as_str().replace('-', "_").to_uppercase();
    let fill = |template: &str| {
        template
            .replace("{name}", name.as_str())
            .replace("{NAME}", &variable)
    };
    let Some(sdk) = sdk else {
        return Ok(vec![
            (".gitignore", IGNORED.to_owned()),
            (
                "Cargo.toml",
                fill(include_str!("scaffold/contract.Cargo.toml")),
            ),
            (
                "plugin.toml",
                fill(include_str!("scaffold/contract.plugin.toml")),
            ),
            (
                "src/lib.rs",
                fill(include_str!("scaffold/contract.lib.rs.txt")),
            ),
            ("wit/deployer.wit", WIT.to_owned()),
            ("wit/deps/io.wit", WIT_IO.to_owned()),
        ]);
    };
    let there = fs::canonicalize(folder.join(sdk)).ok();
    let there = there.filter(|path| path.join("Cargo.toml").is_file());
    let path = there.as_deref().and_then(Path::to_str).ok_or_else(|| {
        let message = format!("there is no crate in {}", sdk.display());
        Error::new(Code::Usage, message).help(
            "name the folder `sdk/rust` of a copy of this project's repository, or leave --sdk out",
        )
    })?;
    let quoted = toml::Value::from(path).to_string();
    Ok(vec![
        (".gitignore", IGNORED.to_owned()),
        (
            "Cargo.toml",
            fill(include_str!("scaffold/sdk.Cargo.toml")).replace("{sdk}", &quoted),
        ),
        (
            "plugin.toml",
            fill(include_str!("scaffold/sdk.plugin.toml")),
        ),
        ("src/lib.rs", fill(include_str!("scaffold/sdk.lib.rs.txt"))),
    ])
}

#[cfg(test)]
mod tests {
    use spin_deployer_manifest::Manifest;

    use super::*;

    #[test]
    fn what_is_written_has_a_manifest_that_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let sdk = folder.path().join("sdk");
        fs::create_dir(&sdk).unwrap();
        fs::write(sdk.join("Cargo.toml"), "").unwrap();
        for (name, sdk) in [("my-shelf", None), ("other", Some("sdk".into()))] {
            let name = name.to_owned();
            let request = New { name, sdk };
            let report = new(folder.path(), &request).unwrap();
            let made = folder.path().join(report.folder);
            let manifest = fs::read_to_string(made.join("plugin.toml")).unwrap();
            let manifest: Manifest = manifest.parse().unwrap();
            assert_eq!(manifest.name.as_str(), request.name);
            let cargo = fs::read_to_string(made.join("Cargo.toml")).unwrap();
            let cargo: toml::Table = toml::from_str(&cargo).unwrap();
            assert_eq!(cargo["package"]["name"].as_str(), Some(&*request.name));
            let again = new(folder.path(), &request).unwrap_err();
            assert_eq!(again.code, Code::Usage);
        }
    }

    #[test]
    fn a_folder_without_a_crate_is_no_sdk() {
        let folder = tempfile::tempdir().unwrap();
        let request = New {
            name: "shelf".to_owned(),
            sdk: Some("nowhere".into()),
        };
        let error = new(folder.path(), &request).unwrap_err();
        assert!(error.message.contains("nowhere"), "{error}");
        assert!(!folder.path().join("shelf").exists());
    }
}
