//! What the compiler itself puts into the program, which no `Cargo.lock` names.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::licenses::{self, Text};
use super::platform::Platform;
use crate::shell::Shell;

/// Rust's standard library.
const STD: &str = "rust-std";
const STD_LICENSE: &str = "MIT OR Apache-2.0";
/// Where toolchains have the licences of what the standard library is made of.
const STD_NOTICES: &str = "share/doc/rust/COPYRIGHT-library.html";

/// The C library below Rust's for WASI, in the version that the standard library was built with.
const WASI_LIBC: &str = "wasi-libc";
const WASI_LIBC_LICENSE: &str =
    "Apache-2.0 WITH LLVM-exception AND MIT AND BSD-2-Clause AND CC0-1.0";
/// No toolchain ships its licence, and two of these want their authors named.
const WASI_LIBC_AUTHORS: &str = "\
wasi-libc, by the WebAssembly community: Apache-2.0 WITH LLVM-exception, Apache-2.0 or MIT.
Parts of it are of
  musl, Copyright 2005-2020 Rich Felker, et al.: MIT
  cloudlibc, Copyright 2015-2017 Nuxi (https://nuxi.nl/) and contributors: BSD-2-Clause
  libpreopen, Copyright 2016-2017 Jonathan Anderson: BSD-2-Clause
  dlmalloc, by Doug Lea: CC0-1.0
";

/// A part of the program that is not a package.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    /// Where it has one of its own.
    pub(crate) version: Option<String>,
    pub(crate) description: String,
    /// An SPDX expression.
    pub(crate) license: &'static str,
    pub(crate) texts: Vec<Text>,
    /// In the plugins only, and not in the binary around them.
    pub(crate) only_plugins: bool,
}

impl Part {
    /// Its folder among the licences.
    pub(crate) fn folder(&self) -> String {
        match &self.version {
            Some(version) => format!("{}-{version}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// Its name in the bill of materials, where packages have their version behind an `@` too.
    pub(crate) fn reference(&self) -> String {
        match &self.version {
            Some(version) => format!("{}@{version}", self.name),
            None => self.name.to_owned(),
        }
    }
}

pub(crate) fn parts(shell: &Shell, platform: &Platform) -> Result<[Part; 2]> {
    let sysroot = shell
        .ask("rustc", &["--print", "sysroot"])
        .context("rustc is not on the PATH")?;
    let rust = &platform.rust;
    let mut std = vec![text("LICENSE.spdx.txt", licenses::standard(STD_LICENSE)?)];
    let notices = Path::new(&sysroot).join(STD_NOTICES);
    // Toolchains of distributions keep them elsewhere.
    if notices.is_file() {
        let bytes = fs::read(&notices).with_context(|| notices.display().to_string())?;
        let path = "COPYRIGHT-library.html".to_owned();
        std.push(Text { path, bytes });
    }
    let libc = licenses::standard(WASI_LIBC_LICENSE)?;
    let libc = text("LICENSE.spdx.txt", format!("{WASI_LIBC_AUTHORS}\n{libc}"));
    Ok([
        Part {
            name: STD,
            version: Some(rust.clone()),
            description: "Rust's standard library".to_owned(),
            license: STD_LICENSE,
            texts: std,
            only_plugins: false,
        },
        Part {
            name: WASI_LIBC,
            version: None,
            description: format!("The C library for WASI, as Rust {rust} has it"),
            license: WASI_LIBC_LICENSE,
            texts: vec![libc],
            only_plugins: true,
        },
    ])
}

fn text(path: &str, words: String) -> Text {
    Text {
        path: path.to_owned(),
        bytes: words.into_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_library_has_a_licence_too() {
        let shell = Shell::at_root().unwrap();
        let parts = parts(&shell, &Platform::example()).unwrap();
        assert_eq!(parts[0].folder(), "rust-std-1.95.0");
        for part in parts {
            let words = String::from_utf8_lossy(&part.texts[0].bytes).into_owned();
            assert!(
                words.contains("Permission is hereby granted"),
                "{}",
                part.name
            );
        }
    }
}
