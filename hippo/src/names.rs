//! What Hippo takes as a name, checked before anything is sent.
//!
//! Hippo's rules do not agree with each other: the name of a bindle may have dots and slashes for an app, slashes and no
//! dots for a revision, and the app's own name has neither. One name is all three here, so what all take is what counts.

use semver::Version;

const LONGEST_NAME: usize = 128;
const LONGEST_CHANNEL: usize = 64;

/// Why a name cannot be used. Reads on from "the name".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing.
    #[error("is empty")]
    Empty,
    /// Too much.
    #[error("is longer than {0} characters")]
    Long(usize),
    /// The first character that cannot be there.
    #[error("has `{0}` in it")]
    Character(char),
    /// No semantic version.
    #[error("is no semantic version: {0}")]
    Version(String),
    /// No domain.
    #[error("is no domain")]
    Domain,
}

/// Whether an app, its bindle and its revisions can have this name.
///
/// # Errors
/// Where they cannot.
pub fn check_app(name: &str) -> Result<(), NameError> {
    check(name, LONGEST_NAME)
}

/// Whether a channel can have this name.
///
/// # Errors
/// Where it cannot.
pub fn check_channel(name: &str) -> Result<(), NameError> {
    check(name, LONGEST_CHANNEL)
}

/// Whether a revision can have this number.
///
/// # Errors
/// Where it cannot.
pub fn check_version(version: &str) -> Result<(), NameError> {
    Version::parse(version).map_err(|error| NameError::Version(error.to_string()))?;
    if version.len() > LONGEST_NAME {
        return Err(NameError::Long(LONGEST_NAME));
    }
    Ok(())
}

/// Whether a channel can have this domain: lower case, at least one dot, the last part letters only.
///
/// # Errors
/// Where it cannot.
pub fn check_domain(domain: &str) -> Result<(), NameError> {
    let part = |part: &str| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        !part.is_empty()
            && part
                .split('-')
                .all(|word| !word.is_empty() && word.bytes().all(inner))
    };
    let Some((labels, last)) = domain.rsplit_once('.') else {
        return Err(NameError::Domain);
    };
    let last_fits = last.len() >= 2 && last.bytes().all(|b| b.is_ascii_lowercase());
    if last_fits && labels.split('.').all(part) {
        Ok(())
    } else {
        Err(NameError::Domain)
    }
}

fn check(name: &str, longest: usize) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if let Some(wrong) = name.chars().find(|c| !fits(c)) {
        return Err(NameError::Character(wrong));
    }
    if name.len() > longest {
        return Err(NameError::Long(longest));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn a_name_is_what_apps_bindles_and_revisions_all_take() {
        assert_eq!(check_app("Shop-2_b"), Ok(()));
        assert_eq!(check_app(&"a".repeat(128)), Ok(()));
        assert_eq!(check_app(&"a".repeat(129)), Err(NameError::Long(128)));
        assert_eq!(check_app("acme/shop"), Err(NameError::Character('/')));
        assert_eq!(check_app("shop.example"), Err(NameError::Character('.')));
        assert_eq!(check_app("käse"), Err(NameError::Character('ä')));
        assert_eq!(check_app(""), Err(NameError::Empty));
        assert_eq!(check_channel(&"a".repeat(65)), Err(NameError::Long(64)));
    }

    #[rstest]
    #[case("1.0.0", true)]
    #[case("1.0.0-beta.1+q1a2b3c4", true)]
    #[case("1.0", false)]
    #[case("1.0.0+a+b", false)]
    fn a_revision_has_a_semantic_version(#[case] version: &str, #[case] fits: bool) {
        assert_eq!(check_version(version).is_ok(), fits);
    }

    #[rstest]
    #[case("shop.example.com", true)]
    #[case("my-shop.2.example.com", true)]
    #[case("localhost", false)]
    #[case("Shop.example.com", false)]
    #[case("shop.example.com:8080", false)]
    #[case("shop..com", false)]
    #[case("-shop.com", false)]
    #[case("shop.c0m", false)]
    #[case("", false)]
    fn a_domain_is_one_that_hippo_takes(#[case] domain: &str, #[case] fits: bool) {
        assert_eq!(check_domain(domain).is_ok(), fits);
    }
}
