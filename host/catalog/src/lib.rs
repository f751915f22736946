//! A catalog of plugins: files that any web server hands out, read, searched, chosen from and written, without I/O.
//!
//! | file | what it is |
//! |---|---|
//! | `index.json` | every plugin with its description and versions: one request answers a search, a range of versions, and what is outdated |
//! | `NAME/NAME@VERSION.json` | one version, where its component is and who signed it |
//! | `NAME/NAME.json` | the same of the newest version, for people and scripts |
//!
//! ```json
//! {
//!   "schema": 1,
//!   "plugins": {
//!     "shelf": {
//!       "description": "Deploys to Shelf",
//!       "versions": [
//!         { "version": "1.2.0", "spinCompatibility": ">=3.0", "digest": "sha256:…" }
//!       ]
//!     }
//!   }
//! }
//! ```
//!
//! A version has the keys of the manifests of Spin's own plugin index, with `component` in place of `packages`, because
//! one component runs everywhere:
//!
//! ```json
//! {
//!   "name": "shelf",
//!   "description": "Deploys to Shelf",
//!   "homepage": "https://shelf.example.com",
//!   "version": "1.2.0",
//!   "spinCompatibility": ">=3.0",
//!   "license": "Apache-2.0",
//!   "component": {
//!     "url": "shelf/shelf-1.2.0.wasm",
//!     "sha256": "…",
//!     "size": 123456,
//!     "signature": { "key": "minisign:RWQ…", "url": "shelf/shelf-1.2.0.wasm.minisig" }
//!   }
//! }
//! ```
//!
//! `homepage`, `spinCompatibility`, `license`, `size` and `signature` may be left out; there is no other key. A `url` is one
//! of https, or a path below the folder of the catalog, whatever file it stands in. Versions are in the order of semantic
//! versioning and have no build metadata, because two that differ in nothing else have no order there.
//!
//! **What is believed.** Whoever keeps a catalog chooses which component a name leads to, no more: the digest of a version
//! is the same in the index and in the version's own file, the component is the one with that digest, and its own
//! manifest says the same name and version ([`Release::confirm`], [`Entry::confirm`]). What a plugin asks for is read from
//! the component and never from here. A key in a catalog is the one that the signature was made with, not one to trust.

mod address;
mod build;
mod choose;
mod entry;
mod error;
mod index;
mod location;
mod search;
mod unique;

pub use address::{Address, AddressError, INDEX, entry_path};
pub use build::{BuildError, build};
pub use choose::{Choice, NoChoice, Request, RequestError, Wanted, choose};
pub use entry::{Component, Entry, MAX_ENTRY, OfferedSignature};
pub use error::{CatalogError, Inconsistency};
pub use index::{Index, Listed, MAX_INDEX, MAX_PLUGINS, MAX_VERSIONS, Release};
pub use location::{Location, LocationError};
pub use search::search;
