//! A catalog that is written is the same for the same plugins, and it is the one that is read.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{digest, entry};
use proptest::prelude::*;
use spin_deployer_catalog::{
    BuildError, CatalogError, Entry, INDEX, Index, MAX_VERSIONS, build, entry_path, search,
};

#[test]
fn every_version_has_its_file_and_the_newest_one_more() {
    let of = |name, version| entry(name, version);
    let files = build([
        of("shelf", "1.10.0"),
        of("shelf", "2.0.0-rc.1"),
        of("shelf", "1.9.0"),
        of("new", "0.1.0-beta.1"),
    ])
    .unwrap();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "index.json",
            "new/new.json",
            "new/new@0.1.0-beta.1.json",
            "shelf/shelf.json",
            "shelf/shelf@1.10.0.json",
            "shelf/shelf@1.9.0.json",
            "shelf/shelf@2.0.0-rc.1.json",
        ]
    );
    // A pre-release is the newest only where there is nothing else.
    assert_eq!(files["shelf/shelf.json"], files["shelf/shelf@1.10.0.json"]);
    assert_eq!(files["new/new.json"], files["new/new@0.1.0-beta.1.json"]);

    let index = Index::parse(&files[INDEX]).unwrap();
    assert_eq!(
        index.plugins["shelf"].description.as_str(),
        "Deploys to shelf 1.10.0"
    );
    for (name, listed) in &index.plugins {
        for release in &listed.versions {
            let entry = Entry::parse(&files[&entry_path(name, &release.version)]).unwrap();
            release.confirm(name, &entry).unwrap();
        }
    }
}

#[test]
fn no_plugins_are_a_catalog_too() {
    let files = build([]).unwrap();
    assert_eq!(files.len(), 1);
    assert_eq!(
        Index::parse(&files["index.json"]).unwrap(),
        Index::default()
    );
}

#[test]
fn a_version_is_one_component_said_in_one_way() {
    let one = entry("shelf", "1.0.0");
    assert_eq!(
        build([one.clone(), one.clone()]).unwrap(),
        build([one.clone()]).unwrap()
    );

    let mut other = one.clone();
    other.component.digest = digest("another");
    let errors: Vec<BuildError> = [[one.clone(), other.clone()], [other.clone(), one.clone()]]
        .into_iter()
        .map(|entries| build(entries).unwrap_err())
        .collect();
    assert_eq!(errors[0], errors[1]);
    let text = errors[0].to_string();
    for digest in [&one.component.digest, &other.component.digest] {
        assert!(text.contains(digest.as_str()), "{text}");
    }
    assert!(
        text.contains("`shelf` 1.0.0") && text.contains("new version"),
        "{text}"
    );

    let mut moved = one.clone();
    moved.component.url = "elsewhere.wasm".parse().unwrap();
    let error = build([one.clone(), moved]).unwrap_err();
    assert!(matches!(error, BuildError::Differs { .. }), "{error}");

    let error = build([entry("shelf", "1.0.0-RC1"), entry("shelf", "1.0.0-rc1")]).unwrap_err();
    assert!(matches!(error, BuildError::Case { .. }), "{error}");
}

#[test]
fn what_nobody_could_read_is_not_written() {
    let mut built = entry("shelf", "1.0.0");
    built.version = "1.0.0+build".parse().unwrap();
    let error = build([built]).unwrap_err();
    assert!(matches!(error, BuildError::Entry { .. }));
    assert!(
        error
            .to_string()
            .contains("plugin `shelf` 1.0.0+build: the version"),
        "{error}"
    );
    let many = (0..=MAX_VERSIONS).map(|n| entry("shelf", &format!("0.0.{n}")));
    let error = build(many).unwrap_err();
    assert!(
        matches!(error, BuildError::Catalog(CatalogError::TooMany { .. })),
        "{error}"
    );
}

#[test]
fn a_plugin_is_found_by_words_of_its_name_and_description() {
    let described = |name: &str, text: &str| {
        let mut entry = entry(name, "1.0.0");
        entry.description = text.to_owned().try_into().unwrap();
        entry
    };
    let files = build([
        described("azure", "Deploys to a shelf of Azure"),
        described("bookshelf", "Deploys to Bücher"),
        described("shelf", "Deploys to Shelf"),
        described("shelf-next", "Tries what comes"),
    ]);
    let index = Index::parse(&files.unwrap()["index.json"]).unwrap();
    let found = |text: &str| -> Vec<&str> {
        search(&index, text)
            .iter()
            .map(|(name, _)| name.as_str())
            .collect()
    };
    assert_eq!(
        found("shelf"),
        ["shelf", "shelf-next", "bookshelf", "azure"]
    );
    assert_eq!(found("SHELF deploys"), ["shelf", "bookshelf", "azure"]);
    assert_eq!(found("BÜCHER"), ["bookshelf"]);
    assert_eq!(found("nothing"), Vec::<&str>::new());
    assert_eq!(found(" \t"), ["azure", "bookshelf", "shelf", "shelf-next"]);
}

proptest! {
    #[test]
    fn the_order_of_the_entries_is_not_seen(
        entries in prop::collection::btree_set(
            (prop::sample::select(vec!["a", "b-1"]), 0u64..4, 0u64..20, prop::sample::select(vec!["", "-rc.1"])), 0..12)
            .prop_flat_map(|set| {
                let entries = set.into_iter().map(|(name, major, minor, pre)| entry(name, &format!("{major}.{minor}.0{pre}")));
                let entries: Vec<Entry> = entries.collect();
                (Just(entries.clone()), Just(entries).prop_shuffle())
            }),
    ) {
        let (sorted, shuffled) = entries;
        let files = build(sorted).unwrap();
        prop_assert_eq!(&build(shuffled).unwrap(), &files);
        for (path, bytes) in &files {
            if path == "index.json" {
                let index = Index::parse(bytes).unwrap();
                prop_assert_eq!(&index.to_string().into_bytes(), bytes);
                // Newest first.
                for listed in index.plugins.values() {
                    prop_assert!(listed.versions.is_sorted_by(|one, two| one.version > two.version));
                }
            } else {
                let entry = Entry::parse(bytes).unwrap();
                prop_assert_eq!(&entry.to_string().into_bytes(), bytes);
            }
        }
    }
}
