//! Which version of a package is wanted.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};

use crate::FetchError;

/// As many as a reader takes in.
const MOST_SHOWN: usize = 10;

/// One version, or the highest that meets a requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Requirement {
    Only(Version),
    Highest(VersionReq),
}

impl Requirement {
    /// The highest of `versions` that is wanted. Pre-releases are wanted where the requirement names one of the same
    /// version, as semver has it.
    ///
    /// # Errors
    /// There is none; `what` is the package with its requirement.
    pub(super) fn choose(
        &self,
        what: &str,
        mut versions: Vec<Version>,
    ) -> Result<Version, FetchError> {
        versions.sort_unstable_by(|a, b| b.cmp(a));
        match versions.iter().find(|version| self.is_met_by(version)) {
            Some(version) => Ok(version.clone()),
            None => Err(FetchError::NoMatch {
                what: what.to_owned(),
                more: versions.len().saturating_sub(MOST_SHOWN),
                highest: versions
                    .iter()
                    .take(MOST_SHOWN)
                    .map(ToString::to_string)
                    .collect(),
            }),
        }
    }

    pub(super) fn is_met_by(&self, version: &Version) -> bool {
        match self {
            Self::Only(only) => only == version,
            Self::Highest(required) => required.matches(version),
        }
    }
}

/// A version in full, or whatever semver takes for a requirement.
impl FromStr for Requirement {
    type Err = semver::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let only = text.trim();
        let only = only.strip_prefix('=').unwrap_or(only).trim_start();
        match Version::parse(only) {
            Ok(version) => Ok(Self::Only(version)),
            Err(_) => text.parse().map(Self::Highest),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only(version) => version.fmt(f),
            Self::Highest(required) => required.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn highest(requirement: &str, versions: &[&str]) -> Option<String> {
        let requirement: Requirement = requirement.parse().unwrap();
        let versions = versions.iter().map(|v| v.parse().unwrap()).collect();
        let chosen = requirement.choose("it", versions).ok()?;
        Some(chosen.to_string())
    }

    #[test]
    fn the_highest_is_chosen_by_the_rules_of_semver() {
        let all = [
            "1.9.0",
            "0.3.1",
            "1.10.0",
            "0.3.0",
            "2.0.0-rc.2",
            "2.0.0-rc.10",
            "1.2.0",
        ];
        for (requirement, expected) in [
            ("^1.0.0", Some("1.10.0")),
            (">=1.2, <1.10", Some("1.9.0")),
            ("~1.2", Some("1.2.0")),
            ("=1.2", Some("1.2.0")),
            ("1.*", Some("1.10.0")),
            ("*", Some("1.10.0")),
            ("^0.3.0", Some("0.3.1")),
            ("1.9.0", Some("1.9.0")),
            ("=1.9.0", Some("1.9.0")),
            (" = 1.9.0", Some("1.9.0")),
            ("^2", None),
            ("^2.0.0-rc.1", Some("2.0.0-rc.10")),
            ("2.0.0-rc.2", Some("2.0.0-rc.2")),
            ("^3", None),
        ] {
            assert_eq!(
                highest(requirement, &all).as_deref(),
                expected,
                "{requirement}"
            );
        }
        assert_eq!(highest("*", &[]), None);
    }

    #[test]
    fn what_nothing_meets_shows_what_there_is_and_not_too_much_of_it() {
        let message = |requirement: &str, versions: &[&str]| {
            let requirement: Requirement = requirement.parse().unwrap();
            let versions = versions.iter().map(|v| v.parse().unwrap()).collect();
            let error = requirement.choose("acme:shop@^3", versions).unwrap_err();
            (error.to_string(), error.help())
        };
        let (text, help) = message("^3", &["1.0.0", "2.0.0"]);
        assert!(text.ends_with("there are 2.0.0, 1.0.0"), "{text}");
        assert!(help.contains("requirement"), "{help}");
        let many: Vec<String> = (0..500).map(|n| format!("1.{n}.0")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let (text, _) = message("^3", &many);
        assert!(
            text.contains("1.499.0, ") && text.contains("490 more"),
            "{text}"
        );
        assert!(text.len() < 300, "{text}");
        let (_, help) = message("^3", &["3.0.0-rc.1"]);
        assert!(help.contains("3.0.0-rc.1"), "{help}");
        let (text, _) = message("^3", &[]);
        assert!(text.contains("no version"), "{text}");
    }
}
