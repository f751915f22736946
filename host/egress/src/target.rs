//! Where a request goes: steps 2 and 3. What a guest wrote is taken apart, each part is checked, and a new URL is
//! built out of the checked parts, so that nobody further down reads the guest's text in another way.

use http::Uri;
use spin_deployer_manifest::{Origin, Scheme, is_plain_path};
use url::Url;

/// The longest URL that goes out, in bytes.
const LONGEST_URL: usize = 8 * 1024;

/// What is left of a text that goes into a message, in characters.
const LONGEST_SHOWN: usize = 200;

/// The same of one word, which a plugin may make as long as it likes.
const LONGEST_WORD: usize = 32;

/// A place in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    pub(crate) url: Url,
}

impl Target {
    /// Checks the URL of a guest's request. The error is a reason in the user's words.
    pub(crate) fn read(uri: &Uri) -> Result<Self, String> {
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            Some(_) => return Err("only https goes out".into()),
            None => return Err("the request does not say http or https".into()),
        };
        let authority = uri.authority().ok_or("the request names no host")?.as_str();
        if !authority.is_ascii() {
            return Err("the host is not ASCII".into());
        }
        let origin =
            Origin::from_authority(scheme, authority).map_err(|error| error.to_string())?;
        Self::at(origin, uri.path(), uri.query())
    }

    /// Checks a URL that a server announced.
    pub(crate) fn announced(url: &Url) -> Result<Self, String> {
        let origin = Origin::of(url).map_err(|error| error.to_string())?;
        Self::at(origin, url.path(), url.query())
    }

    /// For a program that checks nothing.
    pub(crate) fn unchecked(uri: &Uri) -> Result<Self, String> {
        let url = Url::parse(&uri.to_string()).map_err(|error| error.to_string())?;
        let origin = Origin::of(&url).map_err(|error| error.to_string())?;
        Ok(Self { origin, url })
    }

    fn at(origin: Origin, path: &str, query: Option<&str>) -> Result<Self, String> {
        if !is_plain_path(path) {
            return Err("the path can be read in more than one way".into());
        }
        let mut text = format!("{origin}{path}");
        if let Some(query) = query {
            if !query.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
                return Err("the query has a character that a URL cannot have".into());
            }
            text.push('?');
            text.push_str(query);
        }
        if text.len() > LONGEST_URL {
            return Err(format!("the URL is longer than {LONGEST_URL} bytes"));
        }
        let url = Url::parse(&text).map_err(|error| error.to_string())?;
        // The parser must have understood what was checked; a difference would be a hole in the check above.
        if url.path() != path || Origin::of(&url).ok().as_ref() != Some(&origin) {
            return Err("the URL can be read in more than one way".into());
        }
        Ok(Self { origin, url })
    }

    pub(crate) fn path(&self) -> &str {
        self.url.path()
    }

    /// The URL without the values of its query, which can be signatures.
    pub(crate) fn shown(&self) -> String {
        let mut shown = format!("{}{}", self.origin, self.path());
        for (position, pair) in self
            .url
            .query()
            .into_iter()
            .flat_map(|q| q.split('&'))
            .enumerate()
        {
            shown.push(if position == 0 { '?' } else { '&' });
            match pair.split_once('=') {
                Some((name, _)) => shown.extend([name, "=…"]),
                // A query that is one value alone has no name to show.
                None => shown.push('…'),
            }
        }
        shown
    }
}

/// The URL of a request that could not be read: no user information, no query, no control characters.
pub(crate) fn shown_raw(uri: &Uri) -> String {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let text = format!("{}://{host}{}", uri.scheme_str().unwrap_or("?"), uri.path());
    text.chars()
        .take(LONGEST_SHOWN)
        .flat_map(char::escape_default)
        .collect()
}

/// A method or a header's name, as far as it can be shown.
pub(crate) fn shown_word(text: &str) -> String {
    match text.char_indices().nth(LONGEST_WORD) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, String> {
        Target::read(&text.parse().unwrap()).map(|target| target.url.to_string())
    }

    #[test]
    fn one_place_has_one_spelling() {
        for (given, canonical) in [
            ("https://GHCR.io:443/v2/", "https://ghcr.io/v2/"),
            ("https://ghcr.io./v2/", "https://ghcr.io/v2/"),
            ("https://0x7f.1/", "https://127.0.0.1/"),
            ("https://2130706433/", "https://127.0.0.1/"),
            (
                "https://[0:0::1]:5000/a%2Fb?x=%2e%2e",
                "https://[::1]:5000/a%2Fb?x=%2e%2e",
            ),
            ("https://ghcr.io", "https://ghcr.io/"),
        ] {
            assert_eq!(read(given).as_deref(), Ok(canonical), "{given}");
        }
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        for text in [
            "https://api.example.com@evil.example/",
            "https://user:pw@api.example.com/",
            "https://api.example.com:/",
            "https://api.example.com:99999/",
            "https://api.example.com:0/",
            "https://a.example/x/../admin",
            "https://a.example/x/%2e%2e/admin",
            "https://a.example/x/%252e%252e/admin",
            "https://a.example/x/..%2fadmin",
            "https://exa%6dple.com/",
            "ftp://a.example/",
            "/v2/",
        ] {
            // What `http` itself does not parse never gets here.
            if let Ok(uri) = text.parse::<Uri>() {
                assert!(Target::read(&uri).is_err(), "{text}");
            }
        }
        assert!(read(&format!("https://a.example/{}", "x".repeat(LONGEST_URL))).is_err());
    }

    #[test]
    fn nothing_of_a_query_but_its_names_is_shown() {
        let uri = "https://s3.example/blob?X-Sig=abc123&part=7&token"
            .parse()
            .unwrap();
        let shown = Target::read(&uri).unwrap().shown();
        assert_eq!(shown, "https://s3.example/blob?X-Sig=…&part=…&…");
        let uri: Uri = "https://user:hunter2@a.example/p?q=hunter2"
            .parse()
            .unwrap();
        assert_eq!(shown_raw(&uri), "https://a.example/p");
    }
}
