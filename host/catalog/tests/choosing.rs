//! It is the newest version that is made for the Spin here, and otherwise somebody learns what to type.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::release;
use proptest::prelude::*;
use rstest::rstest;
use semver::Version;
use spin_deployer_catalog::{NoChoice, Release, Request, choose};
use spin_deployer_manifest::Compatibility;

fn shelf() -> Vec<Release> {
    vec![
        release("0.9.0", "<4.0"),
        release("1.0.0", ">=3.0, <5.0"),
        release("1.10.0", ">=4.0, <5.0"),
        release("1.9.0", ">=4.0, <5.0"),
        release("2.0.0", ">=5.0"),
        release("2.1.0-rc.1", "*"),
    ]
}

#[rstest]
#[case("shelf", Some("4.0.2"), "1.10.0", Some("2.0.0"))]
#[case("shelf", Some("5.1.0"), "2.0.0", None)]
#[case("shelf", Some("3.5.0"), "1.0.0", Some("2.0.0"))]
#[case("shelf", Some("2.0.0"), "0.9.0", Some("2.0.0"))]
#[case("shelf", None, "2.0.0", None)]
#[case("shelf@1.0.0", Some("4.0.2"), "1.0.0", None)]
#[case("shelf@1", Some("4.0.2"), "1.10.0", None)]
#[case("shelf@1", Some("3.0.0"), "1.0.0", Some("1.10.0"))]
#[case("shelf@>=1, <1.10", Some("4.0.2"), "1.9.0", None)]
#[case("shelf@=1.9", Some("4.0.2"), "1.9.0", None)]
#[case("shelf@2.1.0-rc.1", Some("4.0.2"), "2.1.0-rc.1", None)]
#[case("shelf@>=2.1.0-rc.0", Some("4.0.2"), "2.1.0-rc.1", None)]
// A pre-release counts as the release that it leads to, and otherwise as the newest.
#[case("shelf", Some("4.1.0-pre0"), "1.10.0", Some("2.0.0"))]
#[case("shelf", Some("5.0.0-pre0"), "2.0.0", None)]
#[case("shelf@0.9", Some("4.1.0-pre0"), "0.9.0", None)]
fn the_newest_that_is_made_for_this_spin_is_chosen(
    #[case] request: &str,
    #[case] spin: Option<&str>,
    #[case] version: &str,
    #[case] passed_over: Option<&str>,
) {
    let spin = spin.map(|spin| spin.parse::<Version>().unwrap());
    let releases = shelf();
    let choice = choose(&request.parse().unwrap(), &releases, spin.as_ref()).unwrap();
    assert_eq!(choice.release.version.to_string(), version);
    assert_eq!(
        choice.passed_over.map(|r| r.version.to_string()).as_deref(),
        passed_over
    );
}

fn refusal(request: &str, releases: &[Release], spin: Option<&str>) -> (NoChoice, String) {
    let spin = spin.map(|spin| spin.parse().unwrap());
    let error = choose(&request.parse().unwrap(), releases, spin.as_ref()).unwrap_err();
    let text = error.to_string();
    (error, text)
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
}

#[test]
fn what_is_made_for_another_spin_says_both_versions_and_what_to_type() {
    let (error, text) = refusal("shelf@2.0.0", &shelf(), Some("4.0.2"));
    assert!(matches!(error, NoChoice::Incompatible { .. }));
    let command = "`spin-deployer plugins install shelf@1.10.0`";
    says(
        &text,
        &[
            "`shelf@2.0.0`",
            "Spin 4.0.2",
            "2.0.0 is made for Spin >=5.0",
            command,
        ],
    );
    let (_, text) = refusal("shelf@>=1.9, <2", &shelf(), Some("3.0.0"));
    let command = "`spin-deployer plugins install shelf@1.0.0`";
    says(
        &text,
        &[
            "1.10.0 is made for Spin >=4.0, <5.0, 1.9.0 is made for",
            command,
        ],
    );

    let only = [release("1.0.0", ">=5.0")];
    let (_, text) = refusal("shelf", &only, Some("4.0.2"));
    says(
        &text,
        &[
            "no `shelf` is made for Spin 4.0.2",
            ">=5.0",
            "--spin-version",
        ],
    );
    assert!(!text.contains("install"), "{text}");
}

#[test]
fn what_is_not_there_says_what_is() {
    let (error, text) = refusal("shelf@3.0.0", &shelf(), Some("4.0.2"));
    assert!(matches!(error, NoChoice::NoSuchVersion { .. }));
    let there = "2.1.0-rc.1, 2.0.0, 1.10.0, 1.9.0, 1.0.0 and 1 more";
    says(
        &text,
        &[
            "`shelf@3.0.0`",
            there,
            "`spin-deployer plugins install shelf@1.10.0`",
        ],
    );
    let (_, text) = refusal("shelf@3.0.0", &shelf(), None);
    says(&text, &["`spin-deployer plugins install shelf@2.0.0`"]);
    // A pre-release of what a range has is not in the range.
    let (error, _) = refusal("shelf@>2.0.0", &shelf(), None);
    assert!(matches!(error, NoChoice::NoSuchVersion { .. }));
    let (error, _) = refusal("shelf", &[], None);
    assert!(matches!(error, NoChoice::NoVersions(_)));
}

#[test]
fn a_pre_release_is_only_installed_by_name() {
    let only = [release("1.0.0-rc.2", "*"), release("1.0.0-rc.10", "*")];
    let (error, text) = refusal("shelf", &only, Some("4.0.2"));
    assert!(matches!(error, NoChoice::OnlyPreReleases { .. }));
    says(
        &text,
        &[
            "1.0.0-rc.10, 1.0.0-rc.2",
            "`spin-deployer plugins install shelf@1.0.0-rc.10`",
        ],
    );
}

#[rstest]
#[case("shelf")]
#[case("shelf@1.2.0")]
#[case("shelf@1.2.0-rc.1")]
#[case("shelf@>=1, <3")]
fn a_request_is_read_back(#[case] text: &str) {
    let request: Request = text.parse().unwrap();
    assert_eq!(request.to_string(), text);
}

#[rstest]
#[case("Shelf", "lower-case")]
#[case("", "lower-case")]
#[case("@1.0.0", "lower-case")]
#[case("shelf@", "write `shelf@1.2.0`")]
#[case("shelf@latest", "`latest` is no version")]
#[case("shelf@1@2", "`1@2` is no version")]
fn what_asks_for_nothing_says_what_to_write(#[case] text: &str, #[case] part: &str) {
    says(&text.parse::<Request>().unwrap_err().to_string(), &[part]);
}

proptest! {
    /// What a refusal tells to type works.
    #[test]
    fn the_command_of_a_refusal_is_one_that_goes_through(
        versions in prop::collection::btree_set(
            (0u64..3, 0u64..3, prop::sample::select(vec!["", "-rc.1"])), 1..6),
        ranges in prop::collection::vec(prop::sample::select(vec!["*", "<4", ">=4", ">=5", ">=3, <5"]), 6),
        request in prop::sample::select(vec!["shelf", "shelf@1", "shelf@1.1.0", "shelf@0.1.0-rc.1", "shelf@2.2.0"]),
        spin in prop::sample::select(vec!["3.1.0", "4.0.0", "4.1.0-pre0", "6.0.0"]),
    ) {
        let releases: Vec<Release> = versions
            .iter()
            .zip(ranges)
            .map(|((major, minor, pre), range)| release(&format!("{major}.{minor}.0{pre}"), range))
            .collect();
        let spin: Version = spin.parse().unwrap();
        match choose(&request.parse().unwrap(), &releases, Some(&spin)) {
            Ok(choice) => {
                let range = choice.release.spin_compatibility.as_ref();
                prop_assert_ne!(Compatibility::of(range, &spin), Compatibility::Unfit);
            }
            Err(error) => {
                let text = error.to_string();
                let command = text.split("plugins install ").nth(1).and_then(|rest| rest.split('`').next());
                let of_spin = matches!(error, NoChoice::Incompatible { .. });
                match command {
                    Some(command) => {
                        let again = choose(&command.parse().unwrap(), &releases, of_spin.then_some(&spin));
                        prop_assert!(again.is_ok(), "{}", text);
                    }
                    None => prop_assert!(text.contains("--spin-version"), "{}", text),
                }
            }
        }
    }
}
