//! Applications of files that no compression makes smaller.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context as _, Result};

const MANIFEST: &str = r#"spin_manifest_version = 2

[application]
name = "bench"
version = "0.1.0"

[[trigger.http]]
route = "/..."
component = "bench"

[component.bench]
source = "hello.wasm"
files = ["static/*"]
"#;

/// How many files of how many bytes.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) large: (u64, u64),
    pub(crate) small: (u64, u64),
}

/// Writes what of it is not there yet.
pub(crate) fn make(folder: &Path, wasm: &Path, shape: Shape) -> Result<()> {
    fs::create_dir_all(folder.join("static"))?;
    fs::write(folder.join("spin.toml"), MANIFEST)?;
    fs::copy(wasm, folder.join("hello.wasm")).with_context(|| wasm.display().to_string())?;
    for n in 0..shape.large.0 {
        noise(
            &folder.join(format!("static/large-{n}.bin")),
            n,
            shape.large.1,
        )?;
    }
    for n in 0..shape.small.0 {
        noise(
            &folder.join(format!("static/small-{n:03}.bin")),
            1000 + n,
            shape.small.1,
        )?;
    }
    Ok(())
}

/// The same bytes for the same seed: SplitMix64.
fn noise(file: &Path, seed: u64, length: u64) -> Result<()> {
    if fs::metadata(file).is_ok_and(|there| there.len() == length) {
        return Ok(());
    }
    let mut state = seed;
    let mut to = BufWriter::new(File::create(file)?);
    for _ in 0..length / 8 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        to.write_all(&(word ^ (word >> 31)).to_le_bytes())?;
    }
    Ok(to.flush()?)
}
