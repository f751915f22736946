//! A pattern covers another one only if it means everything that the other means.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rstest::rstest;
use spin_deployer_manifest::{Origin, OriginPattern, PathPattern, RuleTarget};

#[rstest]
#[case("/**", "/**", true)]
#[case("/**", "/", true)]
#[case("/**", "/a/*/b/**", true)]
#[case("/api/**", "/api/apps/*", true)]
#[case("/api/**", "/api/", true)]
#[case("/api/**", "/api", false)]
#[case("/api/**", "/**", false)]
#[case("/api/*", "/api/1", true)]
#[case("/api/*", "/api/*", true)]
#[case("/api/*", "/api/", false)]
#[case("/api/*", "/api/**", false)]
#[case("/api/1", "/api/*", false)]
#[case("/**/**", "/**", false)]
#[case("/**", "/**/**", true)]
#[case("/**/**", "/a/**", true)]
#[case("/**/*", "/**/a", true)]
// The last segment may be empty.
#[case("/**/*", "/a/**", false)]
#[case("/**/blobs/*", "/v2/**/blobs/a", true)]
#[case("/**/blobs/*", "/v2/**/blobs/a/b", false)]
#[case("/a/**/c", "/a/**/b/**/c", true)]
#[case("/a/**/b/**/c", "/a/**/c", false)]
fn paths(#[case] wide: &str, #[case] narrow: &str, #[case] covers: bool) {
    let pattern = |text: &str| text.parse::<PathPattern>().unwrap();
    assert_eq!(pattern(wide).covers(&pattern(narrow)), covers);
}

#[rstest]
#[case("https://example.com", "https://EXAMPLE.com.:443", true)]
#[case("https://localhost:80", "http://localhost", false)]
#[case("https://example.com", "https://example.com:8443", false)]
#[case("https://*.example.com", "https://a.b.example.com", true)]
#[case("https://*.example.com", "https://*.b.example.com", true)]
#[case("https://*.example.com", "https://*.example.com", true)]
#[case("https://*.example.com", "https://example.com", false)]
#[case("https://*.example.com", "https://*.badexample.com", false)]
#[case("https://*.example.com", "https://*.a.example.com:8443", false)]
#[case("https://*.b.example.com", "https://*.example.com", false)]
#[case("https://a.example.com", "https://*.a.example.com", false)]
#[case("https://example.com", "{url}", false)]
#[case("{url}", "{url}", true)]
#[case("{url}", "{other}", false)]
#[case("{url}", "https://example.com", false)]
fn places(#[case] wide: &str, #[case] narrow: &str, #[case] covers: bool) {
    let target = |text: &str| text.parse::<RuleTarget>().unwrap();
    assert_eq!(target(wide).covers(&target(narrow)), covers);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_a_covered_path_means_its_cover_means(
        wide in "(/(a|b||\\*|\\*\\*)){1,5}",
        narrow in "(/(a|b||\\*|\\*\\*)){1,5}",
        paths in proptest::collection::vec("(/(a|b|c||\\*)){1,6}", 64),
    ) {
        let (wide, narrow): (PathPattern, PathPattern) = (wide.parse().unwrap(), narrow.parse().unwrap());
        prop_assert!(narrow.covers(&narrow) && PathPattern::all().covers(&narrow));
        if wide.covers(&narrow) {
            for path in paths {
                prop_assert!(!narrow.matches(&path) || wide.matches(&path), "{path}");
            }
        }
    }

    #[test]
    fn what_a_covered_origin_means_its_cover_means(
        wide in "https://(\\*\\.)?((a|b)\\.){0,2}c\\.d(:1)?",
        narrow in "https://(\\*\\.)?((a|b)\\.){0,2}c\\.d(:1)?",
        origins in proptest::collection::vec("https://((a|b)\\.){0,3}c\\.d(:1)?", 64),
    ) {
        let (wide, narrow): (OriginPattern, OriginPattern) = (wide.parse().unwrap(), narrow.parse().unwrap());
        prop_assert!(narrow.covers(&narrow));
        if wide.covers(&narrow) {
            for origin in origins {
                let origin: Origin = origin.parse().unwrap();
                prop_assert!(!narrow.matches(&origin) || wide.matches(&origin), "{origin}");
            }
        }
    }
}
