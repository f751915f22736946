//! Any file of a catalog: read, or refused, and written so that the same is read again; nothing leads out of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spin_deployer_catalog::{Address, Entry, Index, Location, Request, choose, search};
use spin_deployer_manifest::Line;

const FOLDER: &str = "https://plugins.example.com/catalog/";

fn shown(line: &Line) {
    assert!(!line.as_str().contains(char::is_control));
}

fn resolve(location: &Location) {
    let address: Address = FOLDER.parse().expect("an address");
    let url = address.resolve(location);
    match location.path() {
        Some(path) => assert_eq!(url.as_str(), format!("{FOLDER}{path}")),
        None => assert_eq!(url.scheme(), "https"),
    }
    assert_eq!(location.to_string().parse().as_ref(), Ok(location));
}

fuzz_target!(|bytes: &[u8]| {
    match Index::parse(bytes) {
        Ok(index) => {
            let written = index.to_string();
            assert_eq!(
                Index::parse(written.as_bytes()).as_ref(),
                Ok(&index),
                "{written}"
            );
            assert_eq!(search(&index, "").len(), index.plugins.len());
            for (name, listed) in &index.plugins {
                shown(&listed.description);
                let request: Request = name.as_str().parse().expect("a name");
                for spin in [None, Some(&"4.0.2".parse().expect("a version"))] {
                    if let Err(error) = choose(&request, &listed.versions, spin) {
                        assert!(!error.to_string().is_empty());
                    }
                }
            }
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
    match Entry::parse(bytes) {
        Ok(entry) => {
            let written = entry.to_string();
            assert_eq!(
                Entry::parse(written.as_bytes()).as_ref(),
                Ok(&entry),
                "{written}"
            );
            shown(&entry.description);
            resolve(&entry.component.url);
            if let Some(signature) = &entry.component.signature {
                resolve(&signature.url);
            }
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
});
