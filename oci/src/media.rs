//! Media types of a Spin application, and of a component alone, in a registry.

/// The manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Several manifests under one name.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The configuration, which container runtimes read.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A component.
pub const WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// A file of a component.
pub const DATA: &str = "application/vnd.wasm.content.layer.v1+data";
/// All files of a component.
pub const ARCHIVE: &str = "application/vnd.wasm.content.bundle.v1.tar+gzip";
/// The locked application, always the last layer.
pub const APPLICATION: &str = "application/vnd.fermyon.spin.application.v1+config";
/// A component alone, the only layer of its artifact.
pub const COMPONENT: &str = "application/wasm";
/// The configuration of the artifact that is a component alone.
pub const COMPONENT_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The configuration of an artifact that has none, as `oras` pushes it.
pub const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";
