//! Any policy, and anything that somebody is said to have agreed to: read, or told where it is wrong, and written so
//! that the same is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spin_deployer_grants::{Policies, Policy};
use spin_deployer_manifest::{Ask, ByteSize};

/// Between two documents of one input.
const CUT: &str = "---\n";

fuzz_target!(|input: &str| {
    let (old, new) = input.split_once(CUT).unwrap_or((input, ""));
    for text in [old, new] {
        match text.parse::<Policy>() {
            Ok(policy) => {
                let written = policy.to_string();
                assert_eq!(written.parse::<Policy>().as_ref(), Ok(&policy), "{written}");
                let policies = Policies::default().with("policy.toml", policy.clone());
                let memory = policies.limits().memory;
                let given = memory
                    .within(None, ByteSize(1 << 20))
                    .expect("a default is lowered");
                assert!(policy.limits.memory.is_none_or(|most| given <= most));
            }
            Err(error) => {
                assert!(error.line > 0 && error.column > 0 && !error.to_string().is_empty())
            }
        }
    }
    match (old.parse::<Ask>(), new.parse::<Ask>()) {
        (Ok(old), Ok(new)) => {
            for ask in [&old, &new] {
                let written = ask.to_string();
                assert_eq!(written.parse::<Ask>().as_ref(), Ok(ask), "{written}");
                assert!(ask.covers(ask) && ask.covers(&Ask::default()));
            }
            let same = old.covers(&new) && new.covers(&old);
            assert_eq!(old.difference(&new).is_empty(), same);
        }
        (old, new) => {
            for error in [old.err(), new.err()].into_iter().flatten() {
                assert!(error.line > 0 && error.column > 0);
            }
        }
    }
});
