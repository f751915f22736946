//! Which of the app's Wasm the runtime behind a Bindle server does not load.

use spin_deployer_bindle::{Bindle, Unsupported, is_component};

use crate::{Result, app};

/// Enough to tell a component from a core module.
const HEAD: u64 = 8;

/// One reason for each component of the bindle whose Wasm is of the component model.
pub(super) fn unsupported(bindle: &Bindle) -> Result<Vec<Unsupported>> {
    let contents = bindle.contents();
    let mut found = Vec::new();
    for component in app::components() {
        let digits = component.wasm_digest.trim_start_matches("sha256:");
        if !contents.contains_key(digits) {
            continue;
        }
        let content = app::open(&component.wasm_digest)?;
        if is_component(&content.head(HEAD)?) {
            found.push(Unsupported::ComponentModel(component.id));
        }
    }
    Ok(found)
}
