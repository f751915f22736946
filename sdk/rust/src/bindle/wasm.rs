//! Which of the app's Wasm the runtime behind a Bindle server does not load.

use spin_deployer_bindle::{Bindle, Unsupported, WASM_HEAD, of_wasm};

use crate::{Result, app};

/// One reason for each component of the bindle that is not loaded there.
pub(super) fn unsupported(bindle: &Bindle) -> Result<Vec<Unsupported>> {
    let contents = bindle.contents();
    unsupported_of(|digits| contents.contains_key(digits))
}

/// The same of those components whose Wasm `is_asked_for` by its digest's digits.
pub(super) fn unsupported_of(is_asked_for: impl Fn(&str) -> bool) -> Result<Vec<Unsupported>> {
    let mut found = Vec::new();
    for component in app::components() {
        if is_asked_for(component.wasm_digest.trim_start_matches("sha256:")) {
            let content = app::open(&component.wasm_digest)?;
            found.extend(of_wasm(&component.id, &content.head(WASM_HEAD)?));
        }
    }
    Ok(found)
}
