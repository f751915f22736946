//! What a plugin asks for: its manifest, options and rules as pure types without I/O.
//!
//! A manifest is a request and never a grant; what the user makes of it is the next crate's matter. Every text
//! becomes a type here, where it enters, and nothing downstream parses it again.
//!
//! ```
//! use spin_deployer_manifest::{Manifest, OptionValue};
//!
//! let manifest: Manifest = r#"
//!     name = "oci"
//!     version = "0.1.0"
//!     description = "Pushes the app to a registry"
//!
//!     [[options]]
//!     name = "reference"
//!     type = "registry"
//!     required = true
//!     help = "Where to push to"
//!
//!     [[http]]
//!     to = "{reference}"
//!     methods = ["GET", "HEAD", "POST", "PATCH", "PUT"]
//!     paths = ["/v2/**"]
//!     sends = ["reference"]
//!     follows = ["location", "www-authenticate"]
//!     why = "push blobs and the manifest"
//! "#.parse()?;
//!
//! let value = manifest.options[0].parse(&["ghcr.io/acme/shop:v1".into()])?;
//! let OptionValue::Registry(reference) = value else { unreachable!() };
//! assert_eq!(reference.origin().to_string(), "https://ghcr.io");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod ask;
mod compatibility;
mod document;
mod document_error;
mod key_source;
mod name;
mod option;
mod origin;
mod path;
mod pointer;
mod reference;
mod rule;
mod rule_table;
mod secret;
pub mod section;
mod tables;
mod text;
mod value;

pub use address::{UrlError, read_url};
pub use ask::{Ask, Change};
pub use compatibility::Compatibility;
pub use document::{AppSupport, Manifest};
pub use document_error::{DocumentError, Located, ManifestError, Problem, read_toml};
pub use key_source::KeySource;
pub use name::{NameError, OptionName, PluginName};
pub use option::{OptionKind, OptionSpec, RESERVED};
pub use origin::{Host, Origin, OriginError, OriginPattern, Scheme};
pub use path::{PathError, PathPattern, is_plain_path};
pub use pointer::{Pointer, PointerError};
pub use reference::{Reference, ReferenceError};
pub use rule::{
    Follow, HttpRule, METHODS, MOST_HIDDEN, PlanEffect, RuleError, RuleTarget, parse_method,
};
pub use secret::Secret;
pub use tables::ByteSize;
pub use text::{Line, counted};
pub use value::{OptionError, OptionValue};
