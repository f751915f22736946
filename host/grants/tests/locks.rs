//! A lock file says what it says in one way, and anything else is told with its place.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{FIXED, HIPPO, REGISTRY, manifest};
use proptest::prelude::*;
use proptest::sample::subsequence;
use rstest::rstest;
use spin_deployer_grants::{Lock, LockedPlugin};
use spin_deployer_manifest::Ask;

const WHOLE: &str = r#"schema = 1

[plugins.hippo]
source = "ghcr.io/acme/hippo:0.2.0"
version = "0.2.0"
digest = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
signer = "ed25519:Zm9v"

[plugins.hippo.asks.options.hippo-url]
type = "url"
default = "https://hippo.example.com/base"

[plugins.hippo.asks.options.token]
type = "secret"

[[plugins.hippo.asks.http]]
to = "{hippo-url}"
methods = ["GET", "POST", "DELETE"]
paths = ["/api/**"]
sends = ["token"]
plan = ["POST /api/auth-tokens"]

[plugins.shelf]
source = "./shelf.wasm"
version = "1.0.0-beta.1"
digest = "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
overrides = true
"#;

#[test]
fn it_is_written_in_one_way_and_read_back() {
    let whole: Lock = WHOLE.parse().unwrap();
    assert_eq!(whole.to_string(), WHOLE);
    assert_eq!(Lock::default().to_string(), "schema = 1\n");
    // In another order, as a merge may leave it.
    let (hippo, shelf) = WHOLE.split_once("[plugins.shelf]").unwrap();
    let (schema, hippo) = hippo.split_once("[plugins.hippo]").unwrap();
    let other = format!("{schema}[plugins.shelf]{shelf}\n[plugins.hippo]{hippo}");
    assert_eq!(other.parse::<Lock>().unwrap().to_string(), WHOLE);
}

#[rstest]
#[case("schema = 1\n", "", &["line 1, column 1", "write `schema = 1`"])]
#[case("schema = 1", "schema = 2", &["line 1, column 10", "schema 2", "release"])]
#[case("signer =", "signed =", &["line 7, column 1", "unknown field `signed`", "`signer`"])]
#[case("[plugins.shelf]", "[plugin.shelf]", &["unknown field `plugin`", "`plugins`"])]
#[case("[plugins.shelf]", "[plugins.\"../shelf\"]", &["line 23", "`../shelf`", "lower-case"])]
#[case("[plugins.shelf]", "[plugins.hippo]", &["line 23", "duplicate key"])]
#[case("sha256:b", "sha256:B", &["line 26, column 10", "64 hexadecimal digits"])]
#[case("1.0.0-beta.1", "1.0", &["line 25, column 11"])]
#[case("version = \"0.2.0\"\n", "", &["line 3, column 1", "missing field `version`"])]
#[case("./shelf.wasm", "./shelf\\u001b[2J", &["line 24, column 10", "U+001B"])]
#[case("ed25519:Zm9v", "ed25519:\\u202eZm9v", &["line 7, column 10", "U+202E"])]
#[case("paths = [\"/api/**\"]\n", "", &["missing field `paths`"])]
#[case("sends = [\"token\"]", "sends = [\"password\"]", &["no option `password`"])]
#[case("to = \"{hippo-url}\"", "to = \"http://evil.example\"", &["not encrypted"])]
#[case("type = \"url\"", "type = \"url\"\nhelp = \"\"", &["unknown field `help`"])]
fn a_mistake_is_told_with_its_place(#[case] from: &str, #[case] to: &str, #[case] says: &[&str]) {
    assert_eq!(WHOLE.matches(from).count(), 1, "{from}");
    let error = WHOLE.replace(from, to).parse::<Lock>().unwrap_err();
    assert!(error.line > 0 && error.column > 0);
    let error = error.to_string();
    for part in says {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}

#[test]
fn what_is_no_lock_file_is_an_error_and_nothing_worse() {
    let deep = format!("schema = 1\nplugins = {}1", "{a=".repeat(10_000));
    for text in ["", "schema", "schema = \"1\"", "plugins = []", "\0", &deep] {
        assert!(text.parse::<Lock>().is_err());
    }
    let nothing = "schema = 1\nplugins.a = 1";
    assert!(nothing.parse::<Lock>().is_err());
}

#[test]
fn another_version_of_a_plugin_is_compared_with_what_was_agreed_to() {
    let lock: Lock = WHOLE.parse().unwrap();
    let hippo = &lock.plugins["hippo"];
    let same = manifest(HIPPO);
    // The fixture has one more option, which takes a credential.
    let lines = |manifest| -> Vec<String> {
        hippo
            .difference(manifest)
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(
        lines(&same),
        ["+ takes the credential of a registry: --reference"]
    );
    let agreed = LockedPlugin {
        asks: Ask::of(&same),
        ..hippo.clone()
    };
    assert!(agreed.covers(&same) && agreed.difference(&same).is_empty());
    let more = manifest(&[HIPPO, FIXED].concat());
    assert!(!agreed.covers(&more));
    assert!(!lock.plugins["shelf"].covers(&same));
}

fn plugin() -> impl Strategy<Value = LockedPlugin> {
    (
        "[^\\p{C}\u{2028}\u{2029}]{1,40}",
        (0u64..100, 0u64..100, 0u64..100),
        "[0-9a-f]{64}",
        (proptest::option::of("[ -~]{1,40}"), any::<bool>()),
        subsequence(vec![HIPPO, REGISTRY, FIXED], 0..=3),
    )
        .prop_map(
            |(source, (major, minor, patch), digits, (signer, overrides), rules)| LockedPlugin {
                source: source.try_into().unwrap(),
                version: format!("{major}.{minor}.{patch}").parse().unwrap(),
                digest: format!("sha256:{digits}").parse().unwrap(),
                signer: signer.map(|signer| signer.try_into().unwrap()),
                overrides,
                asks: Ask::of(&manifest(&rules.concat())),
            },
        )
}

proptest! {
    #[test]
    fn any_lock_is_read_back_as_it_was_written(
        plugins in prop::collection::btree_map("[a-z][a-z0-9-]{0,20}", plugin(), 0..4),
    ) {
        let plugins = plugins.into_iter().map(|(name, plugin)| (name.parse().unwrap(), plugin));
        let lock = Lock { plugins: plugins.collect() };
        let written = lock.to_string();
        prop_assert_eq!(written.parse::<Lock>().unwrap(), lock, "{}", written);
    }

    #[test]
    fn any_text_is_a_lock_or_an_error_with_a_place(text in ".{0,200}") {
        if let Err(error) = format!("schema = 1\n{text}").parse::<Lock>() {
            prop_assert!(error.line > 0 && error.column > 0);
        }
    }
}
