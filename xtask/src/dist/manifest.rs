//! The manifest that `spin plugins install` takes, after version 0.1 of the schema of Spin's plugin index.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Serialize;
use url::Url;

use super::NAME;
use super::linked::Crate;
use super::platform::Platform;

/// Which Spins it is for: those whose `spin deploy` asks for a plugin.
const COMPATIBILITY: &str = ">=4.0";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    version: String,
    spin_compatibility: &'static str,
    license: String,
    packages: Vec<Package>,
}

/// The archive of one platform.
#[derive(Serialize)]
pub(crate) struct Package {
    os: &'static str,
    arch: &'static str,
    url: String,
    /// 64 hexadecimal digits.
    sha256: String,
}

/// Where Spin finds an archive.
pub(crate) enum Place<'a> {
    /// This file, by its absolute path.
    Here(PathBuf),
    /// A file of this name there.
    Download(&'a Base, &'a str),
}

/// A folder of a server, with a slash at its end.
#[derive(Clone, Debug)]
pub(crate) struct Base(Url);

impl FromStr for Base {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let url: Url = text.parse()?;
        ensure!(
            url.scheme() == "https",
            "what a manifest names is run: it has to come over https"
        );
        ensure!(
            url.query().is_none() && url.fragment().is_none(),
            "the archive's name goes to the end of it, so it can have no `?` or `#`"
        );
        Ok(Self(format!("{}/", text.trim_end_matches('/')).parse()?))
    }
}

impl Manifest {
    pub(crate) fn of(root: &Crate, package: Package) -> Result<Self> {
        let license = root.license.clone();
        Ok(Self {
            name: NAME,
            description: root.description.clone(),
            version: root.id.version.clone(),
            spin_compatibility: COMPATIBILITY,
            license: license.context("its manifest names a licence")?,
            packages: vec![package],
        })
    }

    pub(crate) fn json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl Package {
    pub(crate) fn new(platform: &Platform, place: &Place<'_>, sha256: &str) -> Result<Self> {
        let url = match place {
            Place::Here(path) => Url::from_file_path(path)
                .map_err(|()| anyhow!("{} cannot be written as a URL", path.display()))?,
            Place::Download(base, file) => base.0.join(file)?,
        };
        Ok(Self {
            os: platform.os,
            arch: platform.arch,
            url: url.into(),
            sha256: sha256.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::dist::linked::tests::here;

    fn package(place: &Place<'_>) -> Package {
        Package::new(&Platform::example(), place, &"ab".repeat(32)).unwrap()
    }

    /// All that the schema demands, and nothing that it does not know.
    #[test]
    fn spin_gets_what_its_schema_demands() {
        let (linked, _) = here();
        let root = linked.root().unwrap();
        let base: Base = "https://downloads.example.com/v0.1.0".parse().unwrap();
        let file = Platform::example().archive("0.1.0");
        let manifest = Manifest::of(root, package(&Place::Download(&base, &file))).unwrap();
        let manifest: serde_json::Value = manifest.json().unwrap().parse().unwrap();
        let expected = json!({
            "name": "deployer",
            "description": "Deploys Spin applications through sandboxed plugins",
            "version": root.id.version,
            "spinCompatibility": ">=4.0",
            "license": "Apache-2.0 WITH LLVM-exception",
            "packages": [{
                "os": "linux",
                "arch": "amd64",
                "url": "https://downloads.example.com/v0.1.0/deployer-0.1.0-linux-amd64.tar.gz",
                "sha256": "ab".repeat(32),
            }],
        });
        assert_eq!(manifest, expected);
    }

    #[test]
    fn a_file_of_this_machine_is_named_so_that_spin_finds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("with space#.tar.gz");
        let url: Url = package(&Place::Here(path.clone())).url.parse().unwrap();
        assert_eq!(url.scheme(), "file");
        assert_eq!(url.to_file_path().unwrap(), path);
    }

    #[test]
    fn only_a_folder_on_https_is_a_place_to_download_from() {
        for good in ["https://example.com/a", "https://example.com/a/"] {
            let base: Base = good.parse().unwrap();
            assert_eq!(base.0.as_str(), "https://example.com/a/");
        }
        for bad in ["http://example.com/a", "example.com", "https://e.com/?a=b"] {
            bad.parse::<Base>().unwrap_err();
        }
    }
}
