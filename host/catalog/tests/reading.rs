//! What a catalog says is read in one way, and whatever is hostile in it stays outside.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{KEY, digest, entry};
use proptest::prelude::*;
use rstest::rstest;
use spin_deployer_catalog::{
    CatalogError, Entry, Index, MAX_ENTRY, MAX_INDEX, MAX_PLUGINS, MAX_VERSIONS, Release,
};
use spin_deployer_manifest::Manifest;

const INDEX: &str = r#"{
  "schema": 1,
  "plugins": {
    "shelf": {
      "description": "Deploys to Shelf – everywhere",
      "versions": [
        {
          "version": "1.10.0",
          "spinCompatibility": ">=3.0, <5.0",
          "digest": "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        },
        {
          "version": "1.9.0-rc.1",
          "digest": "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
        }
      ]
    }
  }
}
"#;

fn whole() -> String {
    format!(
        r#"{{
  "name": "shelf",
  "description": "Deploys to Shelf",
  "homepage": "https://shelf.example.com",
  "version": "1.10.0",
  "spinCompatibility": ">=3.0, <5.0",
  "license": "Apache-2.0",
  "component": {{
    "url": "shelf/shelf-1.10.0.wasm",
    "sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "size": 1234,
    "signature": {{
      "key": "{KEY}",
      "url": "https://shelf.example.com/shelf.minisig"
    }}
  }}
}}
"#
    )
}

#[test]
fn files_are_written_in_one_way_and_read_back() {
    let index = Index::parse(INDEX.as_bytes()).unwrap();
    assert_eq!(index.to_string(), INDEX);
    let entry = Entry::parse(whole().as_bytes()).unwrap();
    assert_eq!(entry.to_string(), whole());
    assert_eq!(
        entry.component.signature.as_ref().unwrap().key.to_string(),
        KEY
    );
    index.plugins["shelf"].versions[0]
        .confirm(&entry.name, &entry)
        .unwrap();
}

#[test]
fn versions_come_in_their_order_whatever_order_they_had() {
    let (before, after) = INDEX.split_once("        {\n").unwrap();
    let (first, rest) = after.split_once("        {\n").unwrap();
    let (second, end) = rest.split_once("      ]").unwrap();
    let first = first.trim_end().trim_end_matches(',');
    let other = format!("{before}{{{second},{{{first}]{end}");
    assert_eq!(Index::parse(other.as_bytes()).unwrap().to_string(), INDEX);
}

#[rstest]
#[case("\"schema\": 1,", "", "does not say the version")]
#[case("\"schema\": 1", "\"schema\": 2", "schema 2, and schema 1 is the one")]
#[case("\"schema\": 1", "\"schema\": \"1\"", "invalid type")]
#[case("\"schema\": 1", "\"schema\": 1, \"schema\": 2", "duplicate field")]
#[case("\"schema\": 1", "\"schema\": 1, \"more\": 2", "unknown field `more`")]
#[case("\"shelf\": {", "\"../shelf\": {", "lower-case")]
#[case("\"shelf\": {", "\"SHELF\": {", "lower-case")]
#[case(
    "\"shelf\": {",
    "\"shelf\": {\"description\":\"\",\"versions\":[]}, \"shelf\": {",
    "plugin `shelf` stands there twice"
)]
#[case(
    "\"shelf\": {",
    "\"other\": {\"description\":\"\",\"versions\":[]}, \"shelf\": {",
    "plugin `other` has no version"
)]
#[case("Deploys to", "\\u001b[2J", "U+001B")]
#[case("Deploys to", "a\\nb", "U+000A")]
#[case("Deploys to", "\\u202e", "U+202E")]
#[case("1.9.0-rc.1", "1.10.0", "plugin `shelf` has the version 1.10.0 twice")]
#[case("1.9.0-rc.1", "1.9", "unexpected end of input")]
#[case("1.9.0-rc.1", "1.9.0+b1", "build metadata")]
#[case("1.9.0-rc.1", "1.9.0-../../x", "empty identifier segment")]
#[case("1.9.0-rc.1", &format!("1.9.0-{}", "r".repeat(100)), "`version` has 106 bytes")]
#[case(">=3.0, <5.0", &vec![">=3.0.0"; 32].join(","), "`spinCompatibility` has")]
#[case(">=3.0, <5.0", "three", "unexpected character")]
#[case("sha256:b", "sha256:B", "64 hexadecimal digits")]
#[case(
    "\"digest\": \"sha256:bbbb",
    "\"url\": \"x\", \"digest\": \"sha256:bbbb",
    "unknown field `url`"
)]
fn a_mistake_in_an_index_says_what_it_is(#[case] from: &str, #[case] to: &str, #[case] says: &str) {
    assert_eq!(INDEX.matches(from).count(), 1, "{from}");
    let error = Index::parse(INDEX.replace(from, to).as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.contains(says), "{says} is not in: {error}");
}

#[rstest]
#[case("\"shelf\",", "\"Shelf\",", "lower-case")]
#[case("\"name\": \"shelf\",", "", "missing field `name`")]
#[case("\"license\"", "\"licence\"", "unknown field `licence`")]
#[case("Apache-2.0", "\\u2066", "U+2066")]
#[case("Apache-2.0", &"x".repeat(1001), "`license` has 1001 bytes")]
#[case("https://shelf.example.com\"", &format!("{}\"", "x".repeat(1001)), "`homepage` has 1001 bytes")]
#[case("\"1.10.0\"", "\"1.10.0+b\"", "build metadata")]
#[case("\"sha256\": \"a", "\"sha256\": \"sha256:a", "64 hexadecimal digits")]
#[case("1234", "-1", "invalid value")]
#[case("minisign:RWS3", "minisign:RWS4", "")]
#[case("minisign:RWS3", "minisign:RXS3", "none of Ed25519")]
#[case("minisign:RWS3", "ed25519:RWS3", "no public key")]
#[case("shelf/shelf-1.10.0.wasm", "../shelf.wasm", "no path in the folder")]
#[case(
    "shelf/shelf-1.10.0.wasm",
    "http://shelf.example.com/shelf.wasm",
    "not encrypted"
)]
#[case(
    "\"component\": {",
    "\"packages\": [], \"component\": {",
    "unknown field `packages`"
)]
fn a_mistake_in_a_version_says_what_it_is(
    #[case] from: &str,
    #[case] to: &str,
    #[case] says: &str,
) {
    let whole = whole();
    assert_eq!(whole.matches(from).count(), 1, "{from}");
    match Entry::parse(whole.replace(from, to).as_bytes()) {
        // Another key, and a key all the same.
        Ok(_) => assert_eq!(says, ""),
        Err(error) => {
            let error = error.to_string();
            assert!(
                !says.is_empty() && error.contains(says),
                "{says} is not in: {error}"
            );
        }
    }
}

#[test]
fn a_plugin_of_spin_itself_is_known_as_one() {
    let text = r#"{"name":"cloud","description":"d","homepage":"h","version":"0.11.0","spinCompatibility":">=2.0",
        "license":"Apache-2.0","packages":[{"os":"linux","arch":"amd64","url":"https://example.com/x.tar.gz","sha256":"00"}]}"#;
    let error = Entry::parse(text.as_bytes()).unwrap_err();
    assert_eq!(error, CatalogError::SpinPlugin);
    assert!(error.to_string().contains("`spin plugins install`"));
}

#[test]
fn nothing_is_larger_than_a_person_would_make_it() {
    let padded = |text: &str, size: usize| [text, &" ".repeat(size - text.len())].concat();
    assert!(Index::parse(padded(INDEX, MAX_INDEX).as_bytes()).is_ok());
    let error = Index::parse(padded(INDEX, MAX_INDEX + 1).as_bytes()).unwrap_err();
    assert!(matches!(
        error,
        CatalogError::TooLarge {
            most: MAX_INDEX,
            ..
        }
    ));
    assert!(Entry::parse(padded(&whole(), MAX_ENTRY).as_bytes()).is_ok());
    let error = Entry::parse(padded(&whole(), MAX_ENTRY + 1).as_bytes()).unwrap_err();
    assert!(matches!(
        error,
        CatalogError::TooLarge {
            most: MAX_ENTRY,
            ..
        }
    ));

    let version = |n| format!(r#"{{"version":"0.0.{n}","digest":"{}"}}"#, digest(""));
    let versions = |many| (0..many).map(version).collect::<Vec<_>>().join(",");
    let index = |plugins: &str| format!(r#"{{"schema":1,"plugins":{{{plugins}}}}}"#);
    let plugin = |name: &str, many| {
        format!(
            r#""{name}":{{"description":"","versions":[{}]}}"#,
            versions(many)
        )
    };
    assert!(Index::parse(index(&plugin("a", MAX_VERSIONS)).as_bytes()).is_ok());
    let error = Index::parse(index(&plugin("a", MAX_VERSIONS + 1)).as_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("1001 versions of one plugin"),
        "{error}"
    );

    let plugins = |many: usize| {
        (0..many)
            .map(|n| plugin(&format!("a{n}"), 1))
            .collect::<Vec<_>>()
    };
    assert!(Index::parse(index(&plugins(MAX_PLUGINS).join(",")).as_bytes()).is_ok());
    let error = Index::parse(index(&plugins(MAX_PLUGINS + 1).join(",")).as_bytes()).unwrap_err();
    assert!(
        error.to_string().contains("more than 10000 plugins"),
        "{error}"
    );
}

#[test]
fn what_is_no_catalog_is_an_error_and_nothing_worse() {
    let deep = [r#"{"schema":1,"plugins":"#, &"{\"a\":".repeat(100_000)].concat();
    let unknown = format!(
        r#"{{"schema":1,"plugins":{{}},"{}":0}}"#,
        "x".repeat(100_000)
    );
    for text in [
        "",
        "[]",
        "1",
        "null",
        "<html>",
        "{}",
        "\0",
        "{\"schema\":1}",
        &deep,
        &unknown,
    ] {
        let (index, entry) = (Index::parse(text.as_bytes()), Entry::parse(text.as_bytes()));
        let length = index
            .unwrap_err()
            .to_string()
            .len()
            .max(entry.unwrap_err().to_string().len());
        assert!(length < 1000, "{length}");
    }
    assert!(Index::parse(b"\xff").is_err());
    assert_eq!(
        Index::parse(br#"{"schema":1,"plugins":{}}"#).unwrap(),
        Index::default()
    );
}

#[test]
fn the_index_the_version_and_the_component_say_the_same() {
    let text = "name = \"shelf\"\nversion = \"1.2.0\"\ndescription = \"Deploys\"\nlicense = \"MIT\"\nspin-compatibility = \">=3\"";
    let manifest: Manifest = text.parse().unwrap();
    let built = Entry::of(&manifest, entry("shelf", "1.2.0").component).unwrap();
    assert_eq!(built.license.as_ref().unwrap().as_str(), "MIT");
    assert_eq!(built.spin_compatibility, manifest.spin_compatibility);
    built.confirm(&manifest).unwrap();
    let other: Manifest = text.replace("1.2.0", "1.2.1").parse().unwrap();
    let error = built.confirm(&other).unwrap_err().to_string();
    for part in [
        "the catalog says the version `1.2.0`",
        "component itself says `1.2.1`",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let long = format!("{text}\nhomepage = \"{}\"", "x".repeat(1001));
    assert!(Entry::of(&long.parse().unwrap(), built.component.clone()).is_err());

    let good = Release {
        version: built.version.clone(),
        spin_compatibility: built.spin_compatibility.clone(),
        digest: built.component.digest.clone(),
    };
    good.confirm(&built.name, &built).unwrap();
    let says = |release: &Release, name: &str| {
        release
            .confirm(&name.parse().unwrap(), &built)
            .unwrap_err()
            .to_string()
    };
    assert!(says(&good, "shelves").contains("the name `shelves`"));
    let digest = Release {
        digest: digest("another"),
        ..good.clone()
    };
    assert!(says(&digest, "shelf").contains("the digest `sha256:"));
    let range = Release {
        spin_compatibility: None,
        ..good
    };
    assert!(
        says(&range, "shelf")
            .contains("the compatibility none, and the file of the version says `>=3`")
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(at in 0..INDEX.len(), to in any::<u8>(), mut text in Just(INDEX.as_bytes().to_vec())) {
        text[at] = to;
        if let Ok(index) = Index::parse(&text) {
            let written = index.to_string();
            prop_assert_eq!(Index::parse(written.as_bytes()).unwrap(), index);
        }
    }
}
