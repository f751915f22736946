//! Which version of its format a document says that it is of.

use serde::Deserialize;
use spin_deployer_manifest::{Located, read_toml};
use toml::Spanned;

/// Of a document of another version only the version is understood.
#[derive(Deserialize)]
struct Version {
    schema: Option<Spanned<i64>>,
}

/// Goes on only where the document begins with `schema = …` of this version: what is in another one could be narrower
/// than what would be understood of it.
pub(crate) fn check<P>(
    text: &str,
    understood: i64,
    document: impl FnOnce(String) -> P,
    none: P,
    other: impl FnOnce(i64) -> P,
) -> Located<(), P> {
    let version: Version = read_toml(text, document)?;
    match version.schema {
        None => Err((0..0, none)),
        Some(schema) if *schema.get_ref() != understood => {
            Err((schema.span(), other(schema.into_inner())))
        }
        Some(_) => Ok(()),
    }
}
