//! Any image manifest, beside blobs that are as they should be.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "layout.rs"]
mod layout;

fuzz_target!(|manifest: &[u8]| {
    layout::Layout::get().load(manifest);
});
