//! Any component, and any text that it could carry as its manifest.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spin_deployer_manifest::{Ask, Manifest, section};

/// A component with nothing in it.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fuzz_target!(|input: &[u8]| {
    match section::extract(input) {
        Ok(text) => manifest(&text),
        Err(error) => drop(error.to_string()),
    }
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    manifest(text);
    match section::embed(COMPONENT, text) {
        Ok(packed) => assert_eq!(section::extract(&packed).expect("what was packed"), text),
        Err(error) => drop(error.to_string()),
    }
});

/// What it asks for is kept as it is, covers itself, and can all be told on a terminal.
fn manifest(text: &str) {
    let manifest: Manifest = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return drop(error.to_string()),
    };
    let ask = Ask::of(&manifest);
    assert_eq!(ask.to_string().parse::<Ask>().as_ref(), Ok(&ask));
    assert!(ask.covers(&ask) && ask.difference(&ask).is_empty());
    let powers = ask.powers();
    assert_eq!(powers.is_empty(), Ask::default().covers(&ask));
    assert!(!powers.iter().any(|power| power.contains(char::is_control)));
}
