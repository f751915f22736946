//! `plugins verify`: whether everything that could be run is what it should be.

use std::fs;
use std::path::{Path, PathBuf};

use spin_deployer_deploy::{Environment, Error};
use spin_deployer_oci::Digest;
use spin_deployer_store::{CompiledCode, bundled, component_name};

use crate::component::LARGEST;
use crate::files;
use crate::kept::Kept;
use crate::lock::AppLock;
use crate::report::{SCHEMA, Verified, VerifyReport};

/// Hashes every component that is installed or kept, those of a folder of `--vendor`, those of the program, and all
/// compiled code. Nothing is changed and nothing is run.
///
/// # Errors
/// What is installed, or the lock, cannot be read at all. What is wrong with a component stands in the report.
pub fn verify(environment: &Environment, vendor: Option<&Path>) -> Result<VerifyReport, Error> {
    let mut checked: Vec<Verified> = bundled::all().iter().map(built_in).collect();
    if environment.directories.data().is_some() {
        components(&Kept::of(environment)?, &mut checked)?;
    }
    if let Some(vendor) = vendor {
        let lock = AppLock::here(environment)?;
        vendored(&environment.cwd.join(vendor), lock.as_ref(), &mut checked);
    }
    if let Some(cache) = environment.directories.cache() {
        compiled(cache, &mut checked);
    }
    Ok(VerifyReport {
        schema: SCHEMA,
        ok: checked.iter().all(|one| one.problem.is_none()),
        checked,
    })
}

fn built_in(built_in: &bundled::Bundled) -> Verified {
    let found = Digest::of(built_in.wasm);
    Verified {
        kind: "built-in",
        name: Some(built_in.name.to_owned()),
        digest: Some(built_in.digest.to_owned()),
        file: None,
        problem: (found.as_str() != built_in.digest).then(|| format!("its digest is {found}")),
    }
}

/// Those that have a name, and those that only a lock names.
fn components(kept: &Kept, checked: &mut Vec<Verified>) -> Result<(), Error> {
    let installed = kept.plugins.list()?;
    let mut known: Vec<PathBuf> = Vec::new();
    for (name, entry) in &installed.plugins {
        let file = kept.plugins.component_file(&entry.digest);
        let problem = match kept.plugins.component(&entry.digest) {
            Ok(Some(_)) => None,
            Ok(None) => Some("it is gone".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        known.push(file.clone());
        checked.push(Verified {
            kind: "component",
            name: Some(name.to_string()),
            digest: Some(entry.digest.to_string()),
            file: Some(file),
            problem,
        });
    }
    let folder = kept.plugins.file();
    let folder = folder.parent().unwrap_or(Path::new("."));
    for (file, digest) in named_by_digest(folder) {
        if known.contains(&file) {
            continue;
        }
        let problem = kept.plugins.component(&digest).err();
        checked.push(Verified {
            kind: "component",
            name: None,
            digest: Some(digest.to_string()),
            file: Some(file),
            problem: problem.map(|error| error.to_string()),
        });
    }
    Ok(())
}

/// What the lock names has to be there; what is there besides has to be what its name says.
fn vendored(folder: &Path, lock: Option<&AppLock>, checked: &mut Vec<Verified>) {
    let mut known: Vec<PathBuf> = Vec::new();
    for (name, entry) in lock.iter().flat_map(|lock| lock.third_party()) {
        let file = folder.join(component_name(&entry.digest));
        checked.push(of_file(Some(name.to_string()), &entry.digest, &file));
        known.push(file);
    }
    for (file, digest) in named_by_digest(folder) {
        if !known.contains(&file) {
            checked.push(of_file(None, &digest, &file));
        }
    }
}

fn of_file(name: Option<String>, digest: &Digest, file: &Path) -> Verified {
    let problem = match files::read(file, LARGEST) {
        Err(error) => Some(error.detail.unwrap_or(error.message)),
        Ok(wasm) => match Digest::of(&wasm) {
            found if found == *digest => None,
            found => Some(format!("its digest is {found}")),
        },
    };
    Verified {
        kind: "vendored",
        name,
        digest: Some(digest.to_string()),
        file: Some(file.to_owned()),
        problem,
    }
}

fn compiled(cache: &Path, checked: &mut Vec<Verified>) {
    let all = CompiledCode::at(cache.join("compiled")).verify();
    let all = match all {
        Ok(all) => all,
        Err(error) => {
            checked.push(Verified {
                kind: "compiled",
                name: None,
                digest: None,
                file: None,
                problem: Some(error.to_string()),
            });
            return;
        }
    };
    checked.extend(all.into_iter().map(|code| Verified {
        kind: "compiled",
        name: None,
        digest: Some(code.digest),
        file: Some(code.file),
        problem: code.problem,
    }));
}

/// Files of a folder that say of themselves what is in them.
fn named_by_digest(folder: &Path) -> Vec<(PathBuf, Digest)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(PathBuf, Digest)> = entries
        .filter_map(|entry| {
            let name = entry.file_name();
            let digits = name
                .to_str()?
                .strip_prefix("sha256-")?
                .strip_suffix(".wasm")?;
            Some((entry.path(), Digest::of_hex(digits).ok()?))
        })
        .collect();
    found.sort();
    found
}
