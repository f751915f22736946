//! Where an app comes from, as the user says it.

use std::path::{Path, PathBuf};

use spin_deployer_manifest::Reference;

use crate::finding::{Finding, LoadError};

/// A place that [`crate::load`] can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The path of a manifest, usually named `spin.toml`. Its folder is the app's.
    Manifest(PathBuf),
    /// An OCI image layout 1.0.
    OciLayout {
        /// The folder with `index.json` in it.
        directory: PathBuf,
        /// Which image, by its `org.opencontainers.image.ref.name` or its digest. `None`: the only one, or `latest`.
        name: Option<String>,
    },
    /// An image in a registry, as Spin and the target `oci` push it.
    Registry(Reference),
}

/// How far up a manifest is looked for; the same in Spin.
const LEVELS: usize = 20;
const MANIFEST: &str = "spin.toml";
const LAYOUT: &str = "oci-layout:";

impl Source {
    /// Reads `-f`: a manifest, a folder with one, `oci-layout:DIR[:NAME]`, or an image in a registry. What exists as a
    /// file is never taken for an image. Without it a `spin.toml` in `cwd` or
    /// above, up to the root of the git repository.
    ///
    /// # Errors
    /// When there is no such thing; one finding.
    pub fn parse(from: Option<&str>, cwd: &Path) -> Result<Self, LoadError> {
        match from {
            Some(from) => match from.strip_prefix(LAYOUT) {
                Some(layout) => Ok(Self::layout(layout, cwd)),
                None => Self::named(from, cwd),
            },
            None => Self::discovered(cwd),
        }
    }

    fn named(from: &str, cwd: &Path) -> Result<Self, LoadError> {
        // Without the `.` of `-f .` in every message.
        let path: PathBuf = cwd.join(from).components().collect();
        let path = if path.is_dir() {
            path.join(MANIFEST)
        } else {
            path
        };
        if path.exists() {
            return Ok(Self::Manifest(path));
        }
        if let Some(reference) = reference(from) {
            return Ok(Self::Registry(reference));
        }
        let help = "name a spin.toml, its folder, `oci-layout:DIR`, or an image like `registry.example.com/acme/shop:v1`";
        Err(LoadError::one(Finding::error(
            "no-manifest",
            Some(&path),
            "there is no such file",
            help,
        )))
    }

    fn discovered(cwd: &Path) -> Result<Self, LoadError> {
        for folder in cwd.ancestors().take(LEVELS) {
            let path = folder.join(MANIFEST);
            if path.is_file() {
                return Ok(Self::Manifest(path));
            }
            // A directory, or in work trees and submodules a file.
            if folder.join(".git").exists() {
                break;
            }
        }
        let help = "run it in the app's folder, or name that with `-f`";
        Err(LoadError::one(Finding::error(
            "no-manifest",
            Some(&cwd.join(MANIFEST)),
            "there is no spin.toml here",
            help,
        )))
    }

    /// Both parts may have colons in them: `C:\x`, `sha256:…`. The shortest folder that exists wins.
    fn layout(text: &str, cwd: &Path) -> Self {
        let whole = cwd.join(text);
        if whole.is_dir() {
            return Self::OciLayout {
                directory: whole,
                name: None,
            };
        }
        let colons = || {
            text.match_indices(':')
                .map(|(index, _)| text.split_at(index))
        };
        // A single letter before the colon is a drive.
        let split = colons()
            .find(|(directory, _)| cwd.join(directory).is_dir())
            .or_else(|| colons().find(|(directory, _)| directory.len() > 1));
        match split {
            Some((directory, name)) => Self::OciLayout {
                directory: cwd.join(directory),
                name: Some(name[1..].to_owned()),
            },
            None => Self::OciLayout {
                directory: whole,
                name: None,
            },
        }
    }
}

/// An image, unless it rather is a path that was mistyped.
fn reference(from: &str) -> Option<Reference> {
    let is_path = from.starts_with(['.', '/', '~']) || from.ends_with(".toml");
    (!is_path).then(|| from.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_manifest_is_found_upwards_to_the_root_of_the_repository() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("repo/a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(root.path().join("spin.toml"), "").unwrap();
        fs::write(root.path().join("repo/a/spin.toml"), "").unwrap();
        assert_eq!(
            Source::parse(None, &deep).unwrap(),
            Source::Manifest(root.path().join("repo/a/spin.toml"))
        );
        fs::remove_file(root.path().join("repo/a/spin.toml")).unwrap();
        // In a submodule `.git` is a file.
        fs::write(root.path().join("repo/.git"), "gitdir: ../x").unwrap();
        let error = Source::parse(None, &deep).unwrap_err();
        assert_eq!(error.findings[0].code, "no-manifest");
    }

    #[test]
    fn the_source_can_be_a_file_a_folder_or_a_layout() {
        let root = tempfile::tempdir().unwrap();
        let cwd = root.path();
        fs::create_dir_all(cwd.join("layout")).unwrap();
        fs::write(cwd.join("spin.toml"), "").unwrap();
        fs::write(cwd.join("other.toml"), "").unwrap();
        let parse = |from| Source::parse(Some(from), cwd);
        assert_eq!(parse(".").unwrap(), Source::Manifest(cwd.join("spin.toml")));
        assert_eq!(
            parse("other.toml").unwrap(),
            Source::Manifest(cwd.join("other.toml"))
        );
        let layout = |name: Option<&str>| Source::OciLayout {
            directory: cwd.join("layout"),
            name: name.map(String::from),
        };
        assert_eq!(parse("oci-layout:layout").unwrap(), layout(None));
        assert_eq!(parse("oci-layout:layout:v1").unwrap(), layout(Some("v1")));
        assert_eq!(
            parse("oci-layout:layout:sha256:00").unwrap(),
            layout(Some("sha256:00"))
        );
        for image in [
            "registry.example.com/acme/shop:v1",
            "localhost:5000/shop",
            "http://127.0.0.1:5000/acme/shop@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ] {
            assert_eq!(
                parse(image).unwrap(),
                Source::Registry(image.parse().unwrap())
            );
        }
        for nothing in [
            "nope",
            "nope/spin.toml",
            "my.app/spin.toml",
            "./a.b/c:d",
            "/a.b/c",
        ] {
            assert_eq!(parse(nothing).unwrap_err().findings[0].code, "no-manifest");
        }
        // What is there is a file, however it looks.
        fs::create_dir_all(cwd.join("a.example")).unwrap();
        fs::write(cwd.join("a.example/shop"), "").unwrap();
        assert_eq!(
            parse("a.example/shop").unwrap(),
            Source::Manifest(cwd.join("a.example/shop"))
        );
    }
}
