//! The plugins inside this binary. The build script makes them.

/// A plugin: one component with its manifest inside.
#[derive(Clone, Copy)]
pub struct Bundled {
    /// As in its manifest.
    pub name: &'static str,
    /// The component, its manifest in the section `spin-deployer:manifest`.
    pub wasm: &'static [u8],
    /// Of `wasm`: `sha256:` and 64 hexadecimal digits.
    pub digest: &'static str,
}

static BUNDLED: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

/// All of them, by name.
pub fn all() -> &'static [Bundled] {
    BUNDLED
}

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Bundled> {
    BUNDLED.iter().find(|bundled| bundled.name == name)
}
