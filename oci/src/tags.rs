//! The tags of a repository, page by page.
//!
//! A registry is not trusted with how long its list is, nor with where it goes on: only at the address that was asked,
//! with another query.

use http::header::LINK;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::download::Wanted;
use crate::url::{join, same_origin, with_query};
use crate::{PullError, Registry, Transport};

/// Tags to a page, as other clients ask for; registries give what they like.
const PAGE: &str = "1000";
/// In bytes: every tag of a registry that knows no pages.
const LARGEST_PAGE: u64 = 4 << 20;
const MOST_PAGES: usize = 100;
const MOST_TAGS: usize = 100_000;

/// The distribution specification's section "Listing Tags".
#[derive(Deserialize)]
struct Page {
    /// Null where there are none.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl<T: Transport> Registry<T> {
    /// All tags of this repository, in the registry's order. What cannot be a tag is left out.
    ///
    /// # Errors
    /// Why they are not here; where there is no such repository, [`PullError::NotFound`].
    pub async fn tags(&self) -> Result<Vec<String>, PullError> {
        let first = self.url("tags/list");
        let request = format!("GET {first}");
        let unusable = |reason: &str| PullError::Tags {
            request: request.clone(),
            reason: reason.to_owned(),
        };
        let wanted = Wanted {
            digest: None,
            size: None,
            limit: LARGEST_PAGE,
        };
        let mut tags = Vec::new();
        let mut url = with_query(&first, "n", PAGE);
        for _ in 0..MOST_PAGES {
            let mut bytes = Vec::new();
            let arrived = self
                .pull(&url, &HeaderMap::new(), wanted, &mut bytes)
                .await?;
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|_| unusable("is none that the protocol has"))?;
            let named = page.tags.unwrap_or_default();
            tags.extend(named.into_iter().filter(|tag| is_tag(tag)));
            if tags.len() > MOST_TAGS {
                return Err(unusable("has more than 100000 entries"));
            }
            let links = arrived.headers.get_all(LINK).iter();
            let Some(next) = links.filter_map(next).next() else {
                return Ok(tags);
            };
            let there = join(&url, next).filter(|there| is_same_place(there, &first));
            url = there.ok_or_else(|| unusable("goes on at another address"))?;
        }
        Err(unusable("has more than 100 pages"))
    }
}

fn is_same_place(url: &str, first: &str) -> bool {
    let path = |url: &str| {
        let url = url.split('?').next().unwrap_or_default();
        url.splitn(4, '/').nth(3).map(str::to_owned)
    };
    same_origin(url, first) && path(url) == path(first)
}

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let bytes = text.as_bytes();
    bytes.len() <= 128
        && bytes.first().is_some_and(|first| word(*first))
        && bytes.iter().all(|byte| word(*byte) || b".-".contains(byte))
}

/// Where `<…>; rel="next"` leads, if it is among the links of a header (RFC 8288, section 3).
fn next(header: &HeaderValue) -> Option<&str> {
    let mut rest = header.to_str().ok()?;
    loop {
        let (_, after) = rest.split_once('<')?;
        let (target, after) = after.split_once('>')?;
        // Parameters of a link that we look for hold no comma: the next link begins behind the next `<`.
        let end = after.find('<').unwrap_or(after.len());
        let (parameters, others) = after.split_at(end);
        let is_next = parameters.split([';', ',']).any(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
                name.trim().eq_ignore_ascii_case("rel")
                    && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
            })
        });
        if is_next {
            return Some(target);
        }
        rest = others;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        for (header, expected) in [
            ("</a?last=x>; rel=\"next\"", Some("/a?last=x")),
            ("</a>;rel=next", Some("/a")),
            (
                "</a>; title=\"x\"; REL=\"Next\" , </b>; rel=\"prev\"",
                Some("/a"),
            ),
            ("</a>; rel=\"prev\", </b>; rel=\"last next\"", Some("/b")),
            ("</a>; rel=\"prev\"", None),
            ("</a>", None),
            ("</a; rel=\"next\"", None),
            ("/a; rel=\"next\"", None),
            ("", None),
        ] {
            let value = HeaderValue::from_static(header);
            assert_eq!(next(&value), expected, "{header}");
        }
    }

    #[test]
    fn tags_are_what_the_specification_allows() {
        for good in ["v1", "1.0.0-rc.1", "_x", &"a".repeat(128)] {
            assert!(is_tag(good), "{good}");
        }
        for bad in [
            "",
            ".x",
            "-x",
            "a/b",
            "a b",
            "1.0.0+x",
            "\u{e9}",
            "a\n",
            &"a".repeat(129),
        ] {
            assert!(!is_tag(bad), "{bad:?}");
        }
    }
}
