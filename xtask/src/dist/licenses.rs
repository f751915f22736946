//! The licences of a package: the files that it ships, and where it ships none, the text of what its manifest names.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use spdx::{Expression, LicenseReq};

use super::linked::Crate;

/// A licence, or a notice that goes with one.
#[derive(Clone)]
pub(crate) struct Text {
    /// From the package's folder, with slashes.
    pub(crate) path: String,
    pub(crate) bytes: Vec<u8>,
}

/// The file for a text that the package did not bring.
const STANDARD: &str = "LICENSE.spdx.txt";

/// How names of such files begin, in any case. At the top a licence among them is the package's own.
const LICENSES: [&str; 3] = ["LICENSE", "LICENCE", "COPYING"];
const NOTICES: [&str; 2] = ["COPYRIGHT", "NOTICE"];
/// Deeper it can be anything of this name.
const AT_THE_TOP: &str = "UNLICENSE";

/// Endings of source code that handles licences, copies or notices.
const CODE: [&str; 9] = ["c", "cc", "cpp", "h", "json", "py", "rs", "sh", "toml"];

/// # Errors
/// Where a package ships no licence and names none either.
pub(crate) fn of(package: &Crate) -> Result<Vec<Text>> {
    let mut texts = Vec::new();
    collect(&package.folder, "", &mut texts)?;
    if let Some(file) = &package.license_file {
        let path = file.to_string_lossy().replace('\\', "/");
        if !texts.iter().any(|text| text.path == path) {
            let bytes = read(&package.folder.join(file))?;
            // Of a package of a workspace, it may be above its folder.
            let path = path.trim_start_matches("../").to_owned();
            texts.push(Text { path, bytes });
        }
    } else if !texts.iter().any(|text| is_own_license(&text.path)) {
        let bytes = standard_of(package)?.into_bytes();
        let path = STANDARD.to_owned();
        texts.push(Text { path, bytes });
    }
    Ok(texts)
}

/// The words of an SPDX expression: every licence that it names, whether one has them all or may choose.
pub(crate) fn standard(expression: &str) -> Result<String> {
    let parsed = Expression::parse(&canonical(expression)?)?;
    let named: BTreeSet<_> = parsed.requirements().map(|named| &named.req).collect();
    let texts: Result<Vec<_>> = named.into_iter().map(words).collect();
    Ok(texts?.join("\n\n"))
}

/// An SPDX expression as SPDX writes it: older manifests have a slash for `OR`.
pub(crate) fn canonical(expression: &str) -> Result<String> {
    let wrong = |e| anyhow!("{expression:?} is no SPDX expression: {e}");
    let canonical = Expression::canonicalize(expression).map_err(wrong)?;
    let canonical = canonical.unwrap_or_else(|| expression.to_owned());
    Expression::parse(&canonical).map_err(wrong)?;
    Ok(canonical)
}

fn collect(folder: &Path, below: &str, texts: &mut Vec<Text>) -> Result<()> {
    let of = || folder.display().to_string();
    for entry in fs::read_dir(folder).with_context(of)? {
        let entry = entry.with_context(of)?;
        let kind = entry.file_type().with_context(of)?;
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = format!("{below}{name}");
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), texts)?;
        } else if kind.is_file() && is_notice(&path) {
            let bytes = read(&entry.path())?;
            texts.push(Text { path, bytes });
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}

fn is_notice(path: &str) -> bool {
    if is_own_license(path) {
        return true;
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    is_text(name) && (begins(name, &LICENSES) || begins(name, &NOTICES))
}

fn is_own_license(path: &str) -> bool {
    let named = begins(path, &LICENSES) || begins(path, &[AT_THE_TOP]);
    named && !path.contains('/') && is_text(path)
}

fn is_text(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    !ending.is_some_and(|ending| CODE.contains(&ending))
}

fn begins(name: &str, with: &[&str]) -> bool {
    let name = name.to_ascii_uppercase();
    with.iter().any(|start| name.starts_with(start))
}

fn standard_of(package: &Crate) -> Result<String> {
    let id = &package.id;
    let Some(expression) = &package.license else {
        bail!(
            "{id} ships no licence and its manifest names none: nobody may pass it on. Ask its authors, or do without it"
        );
    };
    let text = standard(expression)
        .with_context(|| format!("{id} ships no licence file, and its manifest does not help"))?;
    let authors = match package.authors.as_slice() {
        [] => "its authors".to_owned(),
        authors => authors.join(", "),
    };
    Ok(format!(
        "{id} by {authors} ships no licence file. Its manifest says {expression}, which is:\n\n{text}"
    ))
}

/// A licence with its exception.
fn words(named: &LicenseReq) -> Result<String> {
    let unknown = || format!("SPDX has no text of {named}");
    let license = named.license.id().with_context(unknown)?;
    let mut text = format!("{named}\n\n{}", license.text());
    if let Some(addition) = &named.addition {
        let exception = addition.id().with_context(unknown)?;
        text = format!("{text}\n\n{}", exception.text());
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::linked::{Id, tests::here};

    fn package(license: Option<&str>, files: &[&str]) -> (tempfile::TempDir, Crate) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, file).unwrap();
        }
        let package = Crate {
            id: Id {
                name: "shelf".to_owned(),
                version: "1.0.0".to_owned(),
            },
            description: None,
            license: license.map(str::to_owned),
            license_file: None,
            authors: vec!["Ada".to_owned()],
            folder: folder.path().to_owned(),
            checksum: None,
            ours: false,
            needs: BTreeSet::new(),
        };
        (folder, package)
    }

    fn paths(package: &Crate) -> Vec<String> {
        let mut paths: Vec<_> = of(package).unwrap().into_iter().map(|t| t.path).collect();
        paths.sort();
        paths
    }

    /// The promise: who gets the program gets the licence of everything in it.
    #[test]
    fn every_package_of_the_program_has_a_licence() {
        let (linked, _) = here();
        let without = |package: &&Crate| {
            let texts = of(package).unwrap();
            !texts.iter().any(|text| text.bytes.len() > 200)
        };
        let without: Vec<_> = linked.third_party().filter(without).collect();
        let without: Vec<_> = without.iter().map(|p| p.id.to_string()).collect();
        assert_eq!(without, [""; 0]);
        assert!(linked.third_party().count() > 100);
    }

    #[test]
    fn what_a_package_ships_is_taken_however_it_is_called() {
        let (_folder, package) = package(
            Some("MIT"),
            &[
                "COPYING",
                "Copyright.txt",
                "LICENSE-Apache-2.0_WITH_LLVM-exception",
                "UNLICENSE",
                "license.rs",
                "licence.md",
                "src/copying.rs",
                "src/lib.rs",
                "src/texts/Unlicense",
                "vendored/zip/LICENSE",
                "vendored/zip/notice",
            ],
        );
        let taken = [
            "COPYING",
            "Copyright.txt",
            "LICENSE-Apache-2.0_WITH_LLVM-exception",
            "UNLICENSE",
            "licence.md",
            "vendored/zip/LICENSE",
            "vendored/zip/notice",
        ];
        assert_eq!(paths(&package), taken);
    }

    #[test]
    fn a_package_without_its_licence_gets_the_words_of_the_licence_that_it_names() {
        let files = ["NOTICE", "vendored/LICENSE"];
        let license = "Apache-2.0 WITH LLVM-exception / MIT";
        let (_folder, package) = package(Some(license), &files);
        assert_eq!(
            paths(&package),
            ["LICENSE.spdx.txt", "NOTICE", "vendored/LICENSE"]
        );
        let texts = of(&package).unwrap();
        let text = texts.iter().find(|text| text.path == STANDARD).unwrap();
        let text = String::from_utf8(text.bytes.clone()).unwrap();
        for words in [
            "shelf@1.0.0 by Ada ",
            "TERMS AND CONDITIONS FOR USE",
            "LLVM Exceptions to the Apache 2.0 License",
            "Permission is hereby granted",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }

    #[test]
    fn a_file_that_the_manifest_names_is_the_licence() {
        let (_folder, mut package) = package(None, &["TERMS", "src/lib.rs"]);
        package.license_file = Some("TERMS".into());
        assert_eq!(paths(&package), ["TERMS"]);
    }

    #[test]
    fn a_package_without_any_licence_is_refused_by_its_name() {
        for license in [None, Some("LicenseRef-mine"), Some("as you like")] {
            let (_folder, package) = package(license, &["src/lib.rs", "NOTICE"]);
            let refused = format!("{:#}", of(&package).err().unwrap());
            assert!(refused.contains("shelf@1.0.0"), "{refused}");
        }
    }
}
