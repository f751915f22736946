//! The few things that the protocol does with URLs.

/// `https://ghcr.io` of `https://ghcr.io/v2/…`, or nothing where it is no absolute URL of HTTP.
pub(crate) fn origin(url: &str) -> Option<&str> {
    let scheme = ["https://", "http://"].into_iter().find(|s| {
        url.get(..s.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(s))
    })?;
    let rest = &url[scheme.len()..];
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    (!authority.is_empty()).then(|| &url[..scheme.len() + authority.len()])
}

/// Whether two URLs have one origin. Anything unclear counts as different: then no credential goes along.
pub(crate) fn same_origin(a: &str, b: &str) -> bool {
    match (origin(a), origin(b)) {
        (Some(a), Some(b)) => without_default_port(a).eq_ignore_ascii_case(without_default_port(b)),
        _ => false,
    }
}

fn without_default_port(origin: &str) -> &str {
    let secure = origin
        .get(..6)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
    let port = if secure { ":443" } else { ":80" };
    origin.strip_suffix(port).unwrap_or(origin)
}

/// Where a `Location` header leads, seen from the URL that was asked (RFC 3986, section 5).
pub(crate) fn join(base: &str, location: &str) -> Option<String> {
    let location = location.split('#').next().unwrap_or_default();
    if location.is_empty()
        || location
            .chars()
            .any(|c| c.is_control() || c.is_whitespace())
    {
        return None;
    }
    let from = origin(base)?;
    if origin(location).is_some() {
        return Some(location.to_owned());
    }
    if location.starts_with("//") {
        let scheme = from.split("//").next().unwrap_or_default();
        return Some(format!("{scheme}{location}"));
    }
    if location.starts_with('/') {
        return Some(format!("{from}{}", without_dots(location)));
    }
    if location.contains("://") {
        return None;
    }
    let path = base[from.len()..]
        .split(['?', '#'])
        .next()
        .unwrap_or_default();
    if location.starts_with('?') {
        return Some(format!("{from}{path}{location}"));
    }
    let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
    let path = format!("{folder}{location}");
    Some(format!("{from}{}", without_dots(&path)))
}

/// A path, perhaps with a query, without segments that are `.` or `..`.
fn without_dots(path: &str) -> String {
    let (path, query) = match path.find('?') {
        Some(at) => path.split_at(at),
        None => (path, ""),
    };
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    // What ends in a dot segment is a folder.
    if path.ends_with("/.") || path.ends_with("/..") {
        segments.push("");
    }
    format!("/{}{query}", segments.join("/"))
}

/// The URL with one more query parameter; those that it has stay as they are.
pub(crate) fn with_query(url: &str, name: &str, value: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{name}={}", encode(value))
}

/// Percent-encoding of everything but the unreserved characters of RFC 3986 and `/`, which a query may have.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_followed_absolute_and_relative_with_their_query() {
        let base = "https://reg.example.com:5000/v2/a/b/blobs/uploads/?mount=x";
        for (location, expected) in [
            (
                "https://other.example.com/x?s=1",
                Some("https://other.example.com/x?s=1"),
            ),
            (
                "/v2/a/b/blobs/uploads/u?_state=a%3D",
                Some("https://reg.example.com:5000/v2/a/b/blobs/uploads/u?_state=a%3D"),
            ),
            ("//cdn.example.com/u", Some("https://cdn.example.com/u")),
            (
                "u-1?x=2",
                Some("https://reg.example.com:5000/v2/a/b/blobs/uploads/u-1?x=2"),
            ),
            (
                "?x=2",
                Some("https://reg.example.com:5000/v2/a/b/blobs/uploads/?x=2"),
            ),
            ("/u#fragment", Some("https://reg.example.com:5000/u")),
            (
                "../../b/./u?x=../y",
                Some("https://reg.example.com:5000/v2/a/b/b/u?x=../y"),
            ),
            ("/../../u/..", Some("https://reg.example.com:5000/")),
            ("ftp://example.com/u", None),
            ("https:///u", None),
            ("/a b", None),
            ("", None),
        ] {
            assert_eq!(join(base, location).as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn a_query_is_added_to_what_is_there() {
        assert_eq!(
            with_query("https://a/b", "digest", "sha256:0"),
            "https://a/b?digest=sha256%3A0"
        );
        assert_eq!(
            with_query("https://a/b?c=d", "digest", "sha256:0"),
            "https://a/b?c=d&digest=sha256%3A0"
        );
    }

    #[test]
    fn credentials_stay_where_the_origin_is_the_same() {
        assert!(same_origin(
            "https://A.example.com/x",
            "https://a.example.com/y?z"
        ));
        assert!(same_origin(
            "https://a.example.com:443/x",
            "https://a.example.com/y"
        ));
        assert!(same_origin(
            "http://a.example.com",
            "http://a.example.com:80"
        ));
        assert!(!same_origin(
            "https://a.example.com",
            "https://a.example.com:80"
        ));
        assert!(!same_origin(
            "https://a.example.com",
            "http://a.example.com"
        ));
        assert!(!same_origin(
            "https://a.example.com",
            "https://a.example.com:8443"
        ));
        assert!(!same_origin(
            "https://a.example.com",
            "https://a.example.com.evil.test"
        ));
        assert!(!same_origin(
            "https://a.example.com",
            "https://a.example.com@evil.test"
        ));
    }
}
