//! Any lock file: read, or told where it is wrong, and written so that the same is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spin_deployer_grants::Lock;

fuzz_target!(|text: &str| {
    match text.parse::<Lock>() {
        Ok(lock) => {
            let written = lock.to_string();
            assert_eq!(written.parse::<Lock>().as_ref(), Ok(&lock), "{written}");
            for plugin in lock.plugins.values() {
                assert!(plugin.asks.covers(&plugin.asks));
                assert!(!plugin.source.as_str().contains(char::is_control));
            }
        }
        Err(error) => assert!(error.line > 0 && error.column > 0 && !error.to_string().is_empty()),
    }
});
