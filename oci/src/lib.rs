//! OCI for Spin applications, twice pure: documents without files, and a protocol without a network.
//!
//! - [`Image`] is what a Spin application looks like in a registry or a layout: [`Image::assemble`] makes of a locked
//!   application the layers, configuration and manifest that Spin's own reader expects, byte for byte the same for
//!   equal applications.
//! - [`component()`] is one component alone as an artifact, in the layout that `wkg` and `oras` push and pull.
//! - [`Registry`] speaks the [distribution protocol] over a [`Transport`]. A plugin's transport is `wasi:http`, the
//!   host's is its own way out. Neither the bytes of contents nor credentials need to be in the same process: a body
//!   names a content by digest, and a credential may be a placeholder.
//! - [`download`] brings one content from any URL, and [`Registry::pull_blob`] from a registry: streamed, resumed where
//!   it broke, and nothing but what has the wanted digest.
//! - [`layout`] has the documents of an [image layout] on disk.
//!
//! Nothing here retries for ever: [`Registry`] waits as the registry asks, resumes a transfer where it broke, and gives up
//! after a bounded number of attempts that brought nothing forward.
//!
//! [distribution protocol]: https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
//! [image layout]: https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md

mod answer;
mod artifact;
mod auth;
mod challenge;
mod descriptor;
mod download;
mod error;
mod image;
pub mod layout;
mod manifest;
pub mod media;
mod pull;
mod push;
mod registry;
mod tags;
pub mod timestamp;
mod upload;
mod url;

pub use artifact::{Interfaces, component};
pub use auth::Credential;
pub use challenge::{Challenge, challenges};
pub use descriptor::Descriptor;
pub use download::{Destination, PullError, Wanted, download, download_as};
pub use error::Error;
pub use image::{Annotations, AssembleError, Assembly, Contents, Image, Layer};
pub use manifest::{Document, IndexEntry, ManifestError};
pub use pull::Pulled;
pub use push::{Presence, Survey, TagState};
pub use registry::Registry;
pub use spin_deployer_publish::{
    Body, Component, Digest, DigestError, Failure, File, Request, Response, Sink, Transport,
    TransportError, TransportFailure,
};
