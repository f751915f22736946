//! Any texts as places, references and paths: one spelling of each, and what covers means all that the covered means.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use spin_deployer_manifest::{
    ByteSize, Host, Origin, OriginPattern, PathPattern, PlanEffect, Reference, RuleTarget,
    is_plain_path,
};

fuzz_target!(|input: &str| {
    let mut lines = input.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (wide, narrow, text) = (line(), line(), line());
    spelled::<Origin>(text);
    spelled::<Host>(text);
    spelled::<OriginPattern>(text);
    spelled::<PathPattern>(text);
    spelled::<Reference>(text);
    spelled::<RuleTarget>(text);
    spelled::<PlanEffect>(text);
    spelled::<ByteSize>(text);
    if let Ok(reference) = text.parse::<Reference>() {
        spelled::<Origin>(&reference.origin().to_string());
    }
    if let (Ok(wide), Ok(narrow)) = (wide.parse::<PathPattern>(), narrow.parse::<PathPattern>()) {
        assert!(narrow.covers(&narrow));
        if wide.covers(&narrow) && narrow.matches(text) {
            assert!(wide.matches(text));
        }
        assert!(is_plain_path(text) || !wide.matches(text));
    }
    if let (Ok(wide), Ok(narrow)) = (
        wide.parse::<OriginPattern>(),
        narrow.parse::<OriginPattern>(),
    ) {
        assert!(narrow.covers(&narrow));
        if let Ok(origin) = text.parse::<Origin>()
            && wide.covers(&narrow)
            && narrow.matches(&origin)
        {
            assert!(wide.matches(&origin));
        }
    }
});

/// What is read and written is read as the same.
fn spelled<T: FromStr<Err: Display> + Display + Debug + PartialEq>(text: &str) {
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            match written.parse::<T>() {
                Ok(again) => assert_eq!(again, value),
                Err(error) => panic!("{written}: {error}"),
            }
        }
        Err(error) => drop(error.to_string()),
    }
}
