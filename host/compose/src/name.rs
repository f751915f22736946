//! The name of a dependency, and which imports it stands for.

use semver::Version;

/// `words`, `example:greeting`, `example:greeting@0.1.0`, `example:greeting/words` or `example:greeting/words@0.1.0`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    /// Stands for the import of just this name.
    Plain(&'a str),
    /// Stands for every import that has all the parts named here.
    Package {
        /// `namespace:name`
        package: &'a str,
        interface: Option<&'a str>,
        version: Option<Version>,
    },
}

impl<'a> Name<'a> {
    /// `None` for what is neither form.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if !text.contains([':', '/', '@']) {
            return (!text.is_empty()).then_some(Self::Plain(text));
        }
        let (path, version) = match text.split_once('@') {
            Some((path, version)) => (path, Some(Version::parse(version).ok()?)),
            None => (text, None),
        };
        let (package, interface) = match path.split_once('/') {
            Some((package, interface)) => (package, Some(interface)),
            None => (path, None),
        };
        let (namespace, name) = package.split_once(':')?;
        let words = [namespace, name, interface.unwrap_or("-")];
        let complete = words
            .iter()
            .all(|word| !word.is_empty() && !word.contains([':', '/']));
        complete.then_some(Self::Package {
            package,
            interface,
            version,
        })
    }

    /// Versions are compared in full: `0.1.0` does not stand for `0.1.1`. A name without one stands for all.
    pub(crate) fn stands_for(&self, import: &str) -> bool {
        match (self, Name::parse(import)) {
            (Self::Plain(name), _) => *name == import,
            (
                Self::Package {
                    package,
                    interface,
                    version,
                },
                Some(Name::Package {
                    package: theirs,
                    interface: Some(their_interface),
                    version: their_version,
                }),
            ) => {
                *package == theirs
                    && interface.is_none_or(|interface| interface == their_interface)
                    && (version.is_none() || *version == their_version)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_the_imports_that_have_all_its_parts() {
        let imports = [
            "words",
            "words-more",
            "a:b/words",
            "a:b/words@0.1.0",
            "a:b/words@0.1.1",
            "a:b/words@0.2.0-rc",
            "a:b/other@0.1.0",
            "a:bc/words@0.1.0",
            "[implements=<a:b/words>]words",
            "url=<https://example.com>",
            "",
        ];
        for (name, expected) in [
            ("words", vec!["words"]),
            ("words-mor", vec![]),
            (
                "a:b/words",
                vec![
                    "a:b/words",
                    "a:b/words@0.1.0",
                    "a:b/words@0.1.1",
                    "a:b/words@0.2.0-rc",
                ],
            ),
            ("a:b/words@0.1.0", vec!["a:b/words@0.1.0"]),
            ("a:b/words@0.2.0-rc", vec!["a:b/words@0.2.0-rc"]),
            ("a:b/words@0.2.0", vec![]),
            ("a:b@0.1.0", vec!["a:b/words@0.1.0", "a:b/other@0.1.0"]),
            ("a:bc", vec!["a:bc/words@0.1.0"]),
            ("a:d", vec![]),
        ] {
            let parsed = Name::parse(name).unwrap();
            let matched: Vec<_> = imports
                .into_iter()
                .filter(|i| parsed.stands_for(i))
                .collect();
            assert_eq!(matched, expected, "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "", "a:", ":b", "a/b", "a:b/", "a:b:c", "a:b/c/d", "a:b@", "a:b@1", "a@1.0.0",
        ] {
            assert_eq!(Name::parse(text), None, "{text}");
        }
    }
}
