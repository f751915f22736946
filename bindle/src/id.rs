//! What a bindle is called: `name/version`.

use std::fmt;

use semver::{BuildMetadata, Version};

/// How many digits of the fingerprint are part of a version. 28 bits: two versions of one app that meet there are found
/// out, because what the server has is compared.
const DIGITS: usize = 7;

/// What a bindle is called. A server keeps one bindle of each name for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Id {
    name: String,
    version: Version,
}

/// What is behind the `+` of a bindle's version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Build {
    /// `q` and the beginning of the app's fingerprint: equal apps get equal versions, others do not.
    #[default]
    Fingerprint,
    /// What the user says.
    Given(String),
    /// Nothing: the version is the app's.
    Nothing,
}

/// Why an app cannot be called anything on a Bindle server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A server takes an id as it is written in a URL, and decodes nothing.
    #[error("`{0}` cannot be a bindle's name: it has letters, digits, `-` and `_` of ASCII only")]
    Name(String),
    /// Bindles are versions of something.
    #[error("the app has no version, and a bindle needs one")]
    NoVersion,
    /// Nothing that a server takes.
    #[error("`{version}` is not a semantic version: {reason}")]
    Version {
        /// The app's version.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is one place for build metadata.
    #[error("the app's version `{0}` has build metadata already")]
    Metadata(Version),
    /// Not what can be behind a `+`.
    #[error(
        "`{0}` cannot be build metadata: letters, digits and `-` of ASCII, and `.` between parts"
    )]
    Build(String),
}

impl Id {
    /// What the app of this name and version is called. `fingerprint` is the app's, of hexadecimal digits.
    ///
    /// # Errors
    /// Where name, version and build metadata do not make one.
    pub fn of_app(
        name: &str,
        version: Option<&str>,
        fingerprint: &str,
        build: &Build,
    ) -> Result<Self, IdError> {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || !name.chars().all(word) {
            return Err(IdError::Name(name.to_owned()));
        }
        let version = version
            .filter(|v| !v.is_empty())
            .ok_or(IdError::NoVersion)?;
        let mut version = Version::parse(version).map_err(|error| IdError::Version {
            version: version.to_owned(),
            reason: error.to_string(),
        })?;
        let metadata = match build {
            Build::Nothing => None,
            Build::Given(text) => Some(text.clone()),
            Build::Fingerprint => {
                let digits: String = fingerprint.chars().take(DIGITS).collect();
                Some(format!("q{digits}"))
            }
        };
        if let Some(metadata) = metadata {
            if !version.build.is_empty() {
                return Err(IdError::Metadata(version));
            }
            version.build = BuildMetadata::new(&metadata)
                .ok()
                .filter(|build| !build.is_empty())
                .ok_or(IdError::Build(metadata))?;
        }
        Ok(Self {
            name: name.to_owned(),
            version,
        })
    }

    /// The part before the `/`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part behind the `/`.
    pub fn version(&self) -> String {
        self.version.to_string()
    }
}

/// As in a path of a URL: nothing in it needs to be encoded, and a server would not decode it (`+` least of all).
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name, self.version)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const FINGERPRINT: &str = "1a2b3c4d5e6f";

    fn id(name: &str, version: &str, build: Build) -> Result<String, IdError> {
        Id::of_app(name, Some(version), FINGERPRINT, &build).map(|id| id.to_string())
    }

    #[rstest]
    #[case::fingerprint("0.1.0", Build::Fingerprint, "shop/0.1.0+q1a2b3c4")]
    #[case::pre_release("1.0.0-rc.1", Build::Fingerprint, "shop/1.0.0-rc.1+q1a2b3c4")]
    #[case::given("0.1.0", Build::Given("ci.42".into()), "shop/0.1.0+ci.42")]
    #[case::nothing("0.1.0", Build::Nothing, "shop/0.1.0")]
    #[case::own("0.1.0+own", Build::Nothing, "shop/0.1.0+own")]
    fn the_version_says_which_build_it_is(
        #[case] version: &str,
        #[case] build: Build,
        #[case] expected: &str,
    ) {
        assert_eq!(id("shop", version, build).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case::slash("acme/shop")]
    #[case::dot("shop.example")]
    #[case::space("my shop")]
    #[case::beyond_ascii("bücher")]
    #[case::empty("")]
    #[case::at("a@b")]
    #[case::escaped("a%2Fb")]
    fn a_name_that_a_url_or_a_reader_takes_for_something_else_is_refused(#[case] name: &str) {
        assert_eq!(
            id(name, "1.0.0", Build::Nothing),
            Err(IdError::Name(name.to_owned()))
        );
    }

    #[test]
    fn a_version_has_to_be_there_and_a_semantic_one() {
        let none = |version| Id::of_app("shop", version, FINGERPRINT, &Build::Nothing);
        assert_eq!(none(None), Err(IdError::NoVersion));
        assert_eq!(none(Some("")), Err(IdError::NoVersion));
        for wrong in [
            "1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.0+", "1.0.0 ",
        ] {
            let error = none(Some(wrong)).unwrap_err();
            assert!(
                matches!(&error, IdError::Version { version, .. } if version == wrong),
                "{error}"
            );
        }
    }

    #[rstest]
    #[case(Build::Fingerprint)]
    #[case(Build::Given("x".into()))]
    fn there_is_one_place_for_build_metadata(#[case] build: Build) {
        assert!(matches!(
            id("shop", "1.0.0+own", build),
            Err(IdError::Metadata(_))
        ));
    }

    #[rstest]
    #[case("")]
    #[case("a b")]
    #[case("a+b")]
    #[case("a/b")]
    #[case("a..b")]
    #[case("ü")]
    fn build_metadata_has_to_fit_into_a_version(#[case] text: &str) {
        assert_eq!(
            id("shop", "1.0.0", Build::Given(text.into())),
            Err(IdError::Build(text.into()))
        );
    }

    proptest! {
        /// Whatever an app is called: an id needs no encoding in a path, and nothing cuts it in two.
        #[test]
        fn an_id_is_two_segments_of_a_path(name in "\\PC{0,12}", version in "\\PC{0,12}", build in "\\PC{0,6}") {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.+".contains(c);
            for build in [Build::Fingerprint, Build::Given(build), Build::Nothing] {
                if let Ok(id) = Id::of_app(&name, Some(&version), FINGERPRINT, &build) {
                    let text = id.to_string();
                    let (name, version) = text.split_once('/').unwrap();
                    prop_assert!(name.chars().chain(version.chars()).all(fits), "{text}");
                }
            }
        }
    }
}
