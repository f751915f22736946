//! What the user chose for the options that the plugin's manifest declares.
//!
//! Options that may be missing read as `None`; [`required`] turns that into an error that names the option. A value of
//! another type than asked for means that plugin and manifest disagree, and is an error that says so.
//!
//! ```no_run
//! # use spin_deployer_sdk::{options, Result};
//! # fn read() -> Result<()> {
//! let channel = options::text("channel")?.unwrap_or_else(|| "spin-deploy".to_owned());
//! let server = options::required("server", options::url)?;
//! # Ok(()) }
//! ```

use crate::bindings::options::{Value, get};
use crate::{Error, Result};

pub use crate::bindings::options::{Credential, Reference};

/// The value that `read` finds for the option `name`.
///
/// # Errors
/// `invalid-option` where the user gave none.
pub fn required<T>(name: &str, read: impl FnOnce(&str) -> Result<Option<T>>) -> Result<T> {
    read(name)?.ok_or_else(|| Error::invalid_option(name, format!("`{name}` is required")))
}

macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident($variant:ident) -> $type:ty;)+) => {
        $($(#[$doc])*
        ///
        /// # Errors
        /// `failed` where the manifest declares another type.
        pub fn $name(name: &str) -> Result<Option<$type>> {
            match get(name) {
                None => Ok(None),
                Some(Value::$variant(value)) => Ok(Some(value)),
                Some(_) => Err(mismatch(name, stringify!($name))),
            }
        })+
    };
}

readers! {
    /// An option of type `text` or `choice`.
    text(Text) -> String;
    /// An option of type `url`, without a trailing slash.
    url(Text) -> String;
    /// An option of type `number`.
    number(Number) -> i64;
    /// The placeholder of an option of type `secret`: put it into a header or body as if it were the secret. The host
    /// replaces it on its way to the origins that the manifest binds this secret to.
    secret(Secret) -> String;
    /// The guest path under which what an option of type `file`, `directory` or `output-directory` names is mounted.
    path(Path) -> String;
    /// An option of type `registry`, with the credential that the host found for that registry.
    registry(Registry) -> Reference;
}

/// The public key of an option of type `signing-key`: [`crate::signing::sign`] signs with what it belongs to.
///
/// # Errors
/// `failed` where the manifest declares another type.
pub fn signing_key(name: &str) -> Result<Option<[u8; 32]>> {
    match get(name) {
        None => Ok(None),
        Some(Value::SigningKey(public)) => {
            let public = public.try_into();
            public.map(Some).map_err(|_| mismatch(name, "signing_key"))
        }
        Some(_) => Err(mismatch(name, "signing_key")),
    }
}

/// Whether an option of type `flag` is set.
///
/// # Errors
/// `failed` where the manifest declares another type.
pub fn flag(name: &str) -> Result<bool> {
    match get(name) {
        None => Ok(false),
        Some(Value::Flag(value)) => Ok(value),
        Some(_) => Err(mismatch(name, "flag")),
    }
}

/// All values of an option of type `list`, in the user's order.
///
/// # Errors
/// `failed` where the manifest declares another type.
pub fn list(name: &str) -> Result<Vec<String>> {
    match get(name) {
        None => Ok(Vec::new()),
        Some(Value::Many(values)) => Ok(values),
        Some(_) => Err(mismatch(name, "list")),
    }
}

/// All `key=value` pairs of an option of type `pairs`, in the user's order.
///
/// # Errors
/// `failed` where the manifest declares another type.
pub fn pairs(name: &str) -> Result<Vec<(String, String)>> {
    match get(name) {
        None => Ok(Vec::new()),
        Some(Value::Pairs(values)) => Ok(values),
        Some(_) => Err(mismatch(name, "pairs")),
    }
}

fn mismatch(name: &str, expected: &str) -> Error {
    Error::failed(format!(
        "the plugin reads its option `{name}` as {expected}, but its manifest declares another type"
    ))
    .hint("report this to the plugin's author")
}
