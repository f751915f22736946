//! Any locked application, in an image that is otherwise as it should be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;

#[path = "layout.rs"]
mod layout;

fuzz_target!(|locked: &[u8]| {
    let layout = layout::Layout::get();
    let locked = layout.blob("locked", locked);
    let manifest = json!({
        "schemaVersion": 2,
        "config": layout.config,
        "layers": [layout.wasm, layout.archive, layout::layer(layout::LOCKED, &locked)],
    });
    layout.load(manifest.to_string().as_bytes());
});
