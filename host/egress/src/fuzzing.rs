//! What the fuzz targets ask: the reading of hostile text, which is private otherwise.

use http::Uri;
use url::Url;

use crate::delegation;
use crate::target::Target;

/// The URLs that an answer from `from` announces by a `Location`, or by a `WWW-Authenticate`, of this text.
pub fn announced(from: &Url, text: &str) -> Vec<Url> {
    let Ok(from) = Target::announced(from) else {
        return Vec::new();
    };
    let realms = delegation::bearer_realms(text).into_iter();
    let texts = realms.chain([text.to_owned()]);
    texts
        .filter_map(|text| delegation::announced(&from, &text))
        .map(|target| target.url)
        .collect()
}

/// Where a request for `uri` goes, if it may go anywhere.
pub fn asked(uri: &Uri) -> Option<Url> {
    Target::read(uri).ok().map(|target| target.url)
}
