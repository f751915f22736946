//! A component carries one manifest, its own.
#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use spin_deployer_manifest::section::{MAX_SIZE, NAME, SectionError, embed, extract, strip};
use wasm_encoder::{Component, CustomSection, Module, ModuleSection, NestedComponentSection};

const MANIFEST: &str = "name = \"a\"\nversion = \"0.1.0\"\ndescription = \"ä\"\n";

fn custom(data: &[u8]) -> CustomSection<'_> {
    CustomSection {
        name: Cow::Borrowed(NAME),
        data: Cow::Borrowed(data),
    }
}

#[test]
fn a_manifest_comes_back_out_as_it_went_in() {
    let mut component = Component::new();
    component.section(&ModuleSection(&Module::new()));
    let packed = embed(&component.finish(), MANIFEST).unwrap();
    assert_eq!(extract(&packed).unwrap(), MANIFEST);
    assert!(matches!(
        embed(&packed, MANIFEST),
        Err(SectionError::Several)
    ));
}

#[test]
fn a_manifest_of_a_part_is_not_that_of_the_whole() {
    let mut part = Component::new();
    part.section(&custom(b"name = \"part\""));
    let mut module = Module::new();
    module.section(&custom(b"name = \"module\""));
    let mut whole = Component::new();
    whole
        .section(&NestedComponentSection(&part))
        .section(&ModuleSection(&module));
    let whole = whole.finish();
    assert!(matches!(extract(&whole), Err(SectionError::Missing)));
    assert_eq!(
        extract(&embed(&whole, MANIFEST).unwrap()).unwrap(),
        MANIFEST
    );
}

#[test]
fn without_its_manifest_a_component_is_what_it_was() {
    let mut part = Component::new();
    part.section(&custom(b"name = \"part\""));
    let mut whole = Component::new();
    whole.section(&NestedComponentSection(&part));
    whole.section(&CustomSection {
        name: Cow::Borrowed("other"),
        data: Cow::Borrowed(b"stays"),
    });
    let whole = whole.finish();
    assert_eq!(strip(&whole).unwrap(), whole);
    assert_eq!(strip(&embed(&whole, MANIFEST).unwrap()).unwrap(), whole);
    let twice = [&whole[..], &whole[8..]].concat();
    let mut several = Component::new();
    several.section(&custom(b"one")).section(&custom(b"two"));
    let empty = Component::new().finish();
    assert_eq!(strip(&several.finish()).unwrap(), empty);
    assert_eq!(strip(&twice).unwrap(), twice);
    assert!(strip(&Module::new().finish()).is_err());
    assert!(strip(b"no wasm").is_err());
}

#[test]
fn what_is_no_component_with_one_readable_manifest_is_refused() {
    let mut module = Module::new();
    module.section(&custom(MANIFEST.as_bytes()));
    assert!(matches!(
        extract(&module.finish()),
        Err(SectionError::CoreModule)
    ));

    let of = |sections: &[&[u8]]| {
        let mut component = Component::new();
        for data in sections {
            component.section(&custom(data));
        }
        extract(&component.finish())
    };
    assert!(matches!(of(&[]), Err(SectionError::Missing)));
    assert!(matches!(
        of(&[MANIFEST.as_bytes(), MANIFEST.as_bytes()]),
        Err(SectionError::Several)
    ));
    assert!(matches!(
        of(&[b"name = \"\xff\""]),
        Err(SectionError::Utf8(_))
    ));
    assert!(matches!(
        of(&[&vec![b'#'; MAX_SIZE + 1]]),
        Err(SectionError::TooLarge(_))
    ));
    for broken in [&b""[..], b"not wasm", b"\0asm\x0d\0\x01\0\xff\xff"] {
        assert!(
            matches!(extract(broken), Err(SectionError::Wasm(_))),
            "{broken:?}"
        );
    }
}

#[test]
fn a_manifest_that_is_none_is_not_packed() {
    let component = Component::new().finish();
    let error = embed(&component, "name = 1").unwrap_err().to_string();
    assert!(error.starts_with("plugin.toml: line 1"), "{error}");
}
