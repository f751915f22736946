//! Whether a plugin is made for a Spin.
//!
//! Spin's own rule: a release that the plugin's range leaves out is none that it is made for; of a pre-release that it
//! leaves out nobody can say, because a range never names pre-releases of what is to come.

use semver::{Version, VersionReq};

/// What a plugin's range says of a Spin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compatibility {
    /// In the range, or there is none.
    Fits,
    /// A pre-release outside of the range: worth a warning, and no reason to stop.
    Unproven,
    /// A release outside of the range.
    Unfit,
}

impl Compatibility {
    /// What `range` says of `spin`.
    pub fn of(range: Option<&VersionReq>, spin: &Version) -> Self {
        match range {
            Some(range) if !range.matches(spin) && spin.pre.is_empty() => Self::Unfit,
            Some(range) if !range.matches(spin) => Self::Unproven,
            _ => Self::Fits,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some(">=2.0, <5.0"), "4.0.2", Compatibility::Fits)]
    #[case(Some(">=2.0, <5.0"), "5.0.0", Compatibility::Unfit)]
    // Not a text comparison.
    #[case(Some("<0.9"), "0.10.0", Compatibility::Unfit)]
    #[case(Some(">=2.0, <5.0"), "4.1.0-pre0", Compatibility::Unproven)]
    #[case(Some(">=4.1.0-pre0"), "4.1.0-pre0", Compatibility::Fits)]
    #[case(None, "0.1.0", Compatibility::Fits)]
    #[case(None, "4.1.0-pre0", Compatibility::Fits)]
    fn a_release_has_to_match_and_of_a_pre_release_nobody_can_say(
        #[case] range: Option<&str>,
        #[case] spin: &str,
        #[case] expected: Compatibility,
    ) {
        let range = range.map(|range| range.parse().unwrap());
        let found = Compatibility::of(range.as_ref(), &spin.parse().unwrap());
        assert_eq!(found, expected);
    }
}
