//! URLs of HTTP, read so that the host that a person reads in the text is the host that is connected to.

use url::Url;

use crate::origin::{Origin, OriginError};

/// A text that is no URL, or one that could be read in two ways.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// What stands in front of the path is no server.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The rest of it. There is no user information in what is repeated.
    #[error("`{0}` is no URL such as `https://example.com/base`, in ASCII, without a fragment")]
    Text(String),
}

/// Reads a URL of HTTP, with its host in canonical spelling. Narrower than the URL standard, which would drop line breaks,
/// turn `\` into `/` and look past `https:///`.
///
/// # Errors
/// Where it is none.
pub fn read_url(text: &str) -> Result<Url, UrlError> {
    let wrong = || UrlError::Text(text.to_owned());
    let end = text.find("://").map_or(0, |at| at + 3);
    let authority_end = text[end..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |at| end + at);
    let authority = &text[..authority_end];
    if authority.contains('\\') && !authority.contains('@') {
        return Err(wrong());
    }
    let origin: Origin = authority.parse()?;
    if text.contains(['#', '\\']) || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(wrong());
    }
    Url::parse(&format!("{origin}{}", &text[authority_end..])).map_err(|_| wrong())
}
