//! This platform, in Rust's words and in Spin's.

use std::env::consts;

use anyhow::{Context as _, Result, bail};

use super::NAME;
use crate::shell::Shell;

pub(crate) struct Platform {
    /// As Spin's plugin manifests call the system.
    pub(crate) os: &'static str,
    /// As Spin's plugin manifests call the processor.
    pub(crate) arch: &'static str,
    /// As Rust calls both.
    pub(crate) triple: String,
    /// The compiler's version, as in `1.95.0`.
    pub(crate) rust: String,
}

impl Platform {
    pub(crate) fn of(shell: &Shell) -> Result<Self> {
        let (os, arch) = words(consts::OS, consts::ARCH)?;
        let version = shell
            .ask("rustc", &["--version", "--verbose"])
            .context("rustc is not on the PATH")?;
        let line = |name: &str| {
            let found = version.lines().find_map(|line| line.strip_prefix(name));
            found
                .map(str::to_owned)
                .with_context(|| format!("`rustc --version --verbose` has no line {name:?}"))
        };
        Ok(Self {
            os,
            arch,
            triple: line("host: ")?,
            rust: line("release: ")?,
        })
    }

    /// The name of the archive.
    pub(crate) fn archive(&self, version: &str) -> String {
        format!("{NAME}-{version}-{}-{}.tar.gz", self.os, self.arch)
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            os: "linux",
            arch: "amd64",
            triple: "x86_64-unknown-linux-gnu".to_owned(),
            rust: "1.95.0".to_owned(),
        }
    }
}

fn words(os: &str, arch: &str) -> Result<(&'static str, &'static str)> {
    let os = match os {
        "linux" => "linux",
        "macos" => "macos",
        "windows" => "windows",
        other => bail!("Spin has plugins for linux, macos and windows, and this is {other}"),
    };
    let arch = match arch {
        "x86_64" => "amd64",
        "aarch64" => "aarch64",
        other => bail!("Spin has plugins for x86_64 and aarch64, and this is {other}"),
    };
    Ok((os, arch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_called_as_spin_calls_them() {
        assert_eq!(words("linux", "x86_64").unwrap(), ("linux", "amd64"));
        assert_eq!(words("macos", "aarch64").unwrap(), ("macos", "aarch64"));
        assert_eq!(words("windows", "x86_64").unwrap(), ("windows", "amd64"));
        words("freebsd", "x86_64").err().unwrap();
        words("linux", "riscv64").err().unwrap();
    }

    #[test]
    fn the_compiler_says_what_it_builds_for() {
        let platform = Platform::of(&Shell::at_root().unwrap()).unwrap();
        assert!(
            platform.triple.contains(consts::OS) || consts::OS == "macos",
            "{}",
            platform.triple
        );
        assert!(
            platform.rust.starts_with(|c: char| c.is_ascii_digit()),
            "{}",
            platform.rust
        );
    }
}
