//! Which packages the program is made of: those of the binary, and those of the plugins inside it.
//!
//! `cargo tree` knows, because it chooses features as the build of just these packages does. `cargo metadata` says more
//! about each, but knows features only of the whole workspace with its tests, and would name packages that are not in.
//!
//! Not counted: what only runs while building (build scripts, procedural macros and what they are made of). None of
//! their code is in the program.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::{Metadata, MetadataCommand};
use serde::Deserialize;

use super::PACKAGE;
use crate::build;
use crate::shell::Shell;

/// A package's name and version, which nothing else in the program has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl Id {
    /// Its folder among the licences.
    pub(crate) fn folder(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}

/// A package of the program.
pub(crate) struct Crate {
    pub(crate) id: Id,
    pub(crate) description: Option<String>,
    /// An SPDX expression, or what its author took for one.
    pub(crate) license: Option<String>,
    /// The file that it names instead, from its folder.
    pub(crate) license_file: Option<PathBuf>,
    pub(crate) authors: Vec<String>,
    pub(crate) folder: PathBuf,
    /// SHA-256 of the package as its registry has it, as in `Cargo.lock`; ours have none.
    pub(crate) checksum: Option<String>,
    /// Of this workspace.
    pub(crate) ours: bool,
    /// What of it is in the program too.
    pub(crate) needs: BTreeSet<Id>,
}

/// All packages of the program.
pub(crate) struct Linked {
    crates: BTreeMap<Id, Crate>,
}

impl Linked {
    /// # Errors
    /// Where cargo fails, or has two packages of one name and version.
    pub(crate) fn of(shell: &Shell, triple: &str, plugins: &[String]) -> Result<Self> {
        let binary = edges(&tree(shell, triple, &[PACKAGE.to_owned()])?)?;
        // In one call, as they are built in one.
        let plugins: Vec<_> = plugins
            .iter()
            .map(|name| format!("plugin-{name}"))
            .collect();
        let mut needed = edges(&tree(shell, build::WASM, &plugins)?)?;
        for (id, needs) in binary {
            needed.entry(id).or_default().extend(needs);
        }

        let metadata = metadata(shell, triple)?;
        let checksums = checksums(shell)?;
        let mut crates = BTreeMap::new();
        for package in metadata.packages {
            let id = Id {
                name: package.name.to_string(),
                version: package.version.to_string(),
            };
            let Some(needs) = needed.remove(&id) else {
                continue;
            };
            let folder = package.manifest_path.parent();
            let linked = Crate {
                description: package.description,
                license: package.license,
                license_file: package.license_file.map(Into::into),
                authors: package.authors,
                folder: folder.context("a manifest has a folder")?.into(),
                checksum: checksums.get(&id).cloned(),
                ours: package.source.is_none(),
                needs,
                id: id.clone(),
            };
            crates.insert(id, linked);
        }
        let unknown: Vec<_> = needed.keys().map(Id::to_string).collect();
        ensure!(
            unknown.is_empty(),
            "`cargo metadata` knows nothing, or `cargo tree` two things, of {}",
            unknown.join(", ")
        );
        Ok(Self { crates })
    }

    /// The package whose program it is.
    pub(crate) fn root(&self) -> Result<&Crate> {
        self.named(PACKAGE)
    }

    /// The only package of this name.
    pub(crate) fn named(&self, name: &str) -> Result<&Crate> {
        let mut found = self.all().filter(|package| package.id.name == name);
        let package = found
            .next()
            .with_context(|| format!("the program has no package {name}"))?;
        ensure!(
            found.next().is_none(),
            "the program has two packages {name}"
        );
        Ok(package)
    }

    /// By name and version.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Crate> {
        self.crates.values()
    }

    /// Those that others wrote.
    pub(crate) fn third_party(&self) -> impl Iterator<Item = &Crate> {
        self.all().filter(|package| !package.ours)
    }
}

fn tree(shell: &Shell, triple: &str, packages: &[String]) -> Result<String> {
    let mut line = vec!["tree", "--locked", "--color", "never", "--target", triple];
    line.extend(["--edges", "normal,no-proc-macro"]);
    line.extend(["--prefix", "depth", "--format", " {p}"]);
    line.extend(packages.iter().flat_map(|name| ["--package", name]));
    Ok(String::from_utf8(shell.read_cargo(line)?)?)
}

/// What each package of a tree needs. The children of a package follow it where it stands first.
fn edges(tree: &str) -> Result<BTreeMap<Id, BTreeSet<Id>>> {
    let mut edges = BTreeMap::<Id, BTreeSet<Id>>::new();
    let mut above: Vec<Id> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let read = node(line).filter(|(depth, _)| *depth <= above.len());
        let (depth, id) = read.with_context(|| format!("a line of `cargo tree`: {line:?}"))?;
        above.truncate(depth);
        if let Some(parent) = above.last() {
            edges.entry(parent.clone()).or_default().insert(id.clone());
        }
        edges.entry(id.clone()).or_default();
        above.push(id);
    }
    Ok(edges)
}

/// The depth and the package: a line has the depth, the name, `v` and the version, and more.
fn node(line: &str) -> Option<(usize, Id)> {
    let mut words = line.split(' ');
    let depth = words.next()?.parse().ok()?;
    let name = words.next()?.to_owned();
    let version = words.next()?.strip_prefix('v')?.to_owned();
    Some((depth, Id { name, version }))
}

/// Of the packages of these platforms alone, so that nothing has to be fetched for others.
fn metadata(shell: &Shell, triple: &str) -> Result<Metadata> {
    let platforms = [
        "--filter-platform",
        triple,
        "--filter-platform",
        build::WASM,
    ];
    let line = ["metadata", "--locked", "--format-version", "1"];
    let text = shell.read_cargo(line.into_iter().chain(platforms))?;
    Ok(MetadataCommand::parse(String::from_utf8(text)?)?)
}

/// `Cargo.lock`, as far as it is of interest here.
#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

fn checksums(shell: &Shell) -> Result<BTreeMap<Id, String>> {
    let text = std::fs::read_to_string(shell.path("Cargo.lock")).context("Cargo.lock")?;
    let lock: Lock = toml::from_str(&text).context("Cargo.lock")?;
    let packages = lock.package.into_iter().filter_map(|package| {
        let Locked {
            name,
            version,
            checksum,
        } = package;
        Some((Id { name, version }, checksum?))
    });
    Ok(packages.collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::dist::platform::Platform;

    /// Of the program as it is built here.
    pub(crate) fn here() -> (Linked, Platform) {
        let shell = Shell::at_root().unwrap();
        let platform = Platform::of(&shell).unwrap();
        let plugins = build::plugins(&shell).unwrap();
        let linked = Linked::of(&shell, &platform.triple, &plugins).unwrap();
        (linked, platform)
    }

    fn id(name: &str) -> Id {
        let version = "1.0.0".to_owned();
        let name = name.to_owned();
        Id { name, version }
    }

    #[test]
    fn a_tree_says_what_needs_what() {
        let tree = "0 a v1.0.0 (/a b/c)\n1 b v1.0.0\n2 c v1.0.0\n1 d v1.0.0\n2 c v1.0.0 (*)\n\n0 c v1.0.0\n";
        let edges = edges(tree).unwrap();
        let needs = |name: &str| {
            let names = edges[&id(name)].iter().map(|id| id.name.clone());
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(needs("a"), "b d");
        assert_eq!(needs("b"), "c");
        assert_eq!(needs("d"), "c");
        assert_eq!(needs("c"), "");
    }

    #[test]
    fn another_tree_than_cargos_is_refused() {
        for tree in ["a v1.0.0\n", "0 a\n", "0 a 1.0.0\n", "1 a v1.0.0\n"] {
            edges(tree).err().unwrap();
        }
    }

    #[test]
    fn packages_of_the_binary_and_of_its_plugins_are_found() {
        let (linked, _) = here();
        let named = |name| linked.named(name).unwrap();
        assert!(named(PACKAGE).ours);
        assert_eq!(named(PACKAGE).checksum, None);
        assert!(!named("wasmtime").ours);
        assert_eq!(named("wasmtime").checksum.as_deref().unwrap().len(), 64);
        // Only plugins have these.
        let oci = named("plugin-oci");
        assert!(oci.needs.contains(&named("spin-deployer-sdk").id));
        named("wstd");
    }

    #[test]
    fn packages_that_only_build_or_test_are_not_in_the_program() {
        let (linked, _) = here();
        for name in [
            "cc",
            "serde_derive",
            "syn",
            "rstest",
            "proptest",
            "cargo_metadata",
        ] {
            assert!(
                !linked.all().any(|package| package.id.name == name),
                "{name}"
            );
        }
    }
}
