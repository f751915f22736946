//! Any `WWW-Authenticate`: what is read of it stands in it, and reads the same when it is written down again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spin_deployer_oci::{Challenge, challenges};

fuzz_target!(|header: &str| {
    let found = challenges(header);
    let sizes = found.iter().map(|challenge| {
        let parameters = challenge.parameters.iter();
        let parameters: usize = parameters
            .map(|(name, value)| name.len() + value.len())
            .sum();
        challenge.scheme.len() + parameters
    });
    assert!(sizes.sum::<usize>() <= header.len());
    let written: Vec<String> = found.iter().map(written).collect();
    assert_eq!(challenges(&written.join(", ")), found);
});

fn written(challenge: &Challenge) -> String {
    let parameters = challenge.parameters.iter().map(|(name, value)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{name}=\"{value}\"")
    });
    let parameters: Vec<String> = parameters.collect();
    format!("{} {}", challenge.scheme, parameters.join(", "))
}
