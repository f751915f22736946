//! Headers that a guest may not set or see: steps 5 and 10.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::target::shown_word;

/// Set by the client from the URL, the connection and the body, or spoken to a proxy; a guest that sets them
/// could say something else than the host checked. `accept-encoding`: an encoded answer would hide a secret from the
/// host that has to find it. `expect`: the client does not wait for the answer to it.
const NOT_FOR_GUESTS: [HeaderName; 14] = [
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::EXPECT,
    header::HOST,
    HeaderName::from_static("http2-settings"),
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// By these some servers take another method, path or host than those of the request, which are the ones that were
/// checked: in a plan a GET could be a DELETE.
const SPEAK_FOR_OTHERS: [&str; 13] = [
    "forwarded",
    "x-forwarded",
    "x-host",
    "x-http-host-override",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-override-url",
    "x-rewrite-url",
];

/// Removes what a guest may not set, and asks for an answer that the host can read. Returns the length that the guest
/// announced for its body.
pub(crate) fn clean_request(headers: &mut HeaderMap) -> Result<Option<u64>, String> {
    let length = announced(headers)?;
    for name in headers.keys().map(HeaderName::as_str) {
        if SPEAK_FOR_OTHERS.contains(&name) || name.starts_with("x-forwarded-") {
            let name = shown_word(name);
            return Err(format!(
                "its header {name} can say another method, path or host than the request"
            ));
        }
    }
    // What `Connection` lists belongs to the connection, and the connection is ours.
    for name in listed_by_connection(headers) {
        headers.remove(name);
    }
    for name in &NOT_FOR_GUESTS {
        headers.remove(name);
    }
    // Without it any encoding would do (RFC 9110, section 12.5.3), and in an encoded answer no secret can be found.
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    Ok(length)
}

/// Asks for all of an answer and in JSON, whatever the guest asked for: in another format, or in parts, nobody would
/// find what is hidden in it.
pub(crate) fn ask_for_json(headers: &mut HeaderMap) {
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.remove(header::ACCEPT_CHARSET);
    headers.remove(header::RANGE);
    headers.remove(header::IF_RANGE);
}

/// Removes what the connection needed and cookies, which would be a memory between requests that nobody sees.
pub(crate) fn clean_response(headers: &mut HeaderMap) {
    for name in listed_by_connection(headers) {
        headers.remove(name);
    }
    for name in [
        header::CONNECTION,
        header::SET_COOKIE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("set-cookie2"),
    ] {
        headers.remove(name);
    }
}

/// What is left of an answer whose body the host has written anew.
pub(crate) fn of_document(headers: &HeaderMap, length: usize) -> HeaderMap {
    let mut left = HeaderMap::new();
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        left.insert(header::CONTENT_TYPE, kind.clone());
    }
    left.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    left
}

/// Names and values, in bytes.
pub(crate) fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum()
}

fn announced(headers: &HeaderMap) -> Result<Option<u64>, String> {
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let length = value
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    match (length.and_then(|text| text.parse().ok()), values.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err("its content-length is no number".into()),
    }
}

fn listed_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_guest_sets_neither_host_nor_framing_nor_cookies() {
        let mut given = headers(&[
            ("host", "evil.example"),
            ("content-length", "5"),
            ("transfer-encoding", "chunked"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("cookie", "a=b"),
            ("proxy-authorization", "Basic eA=="),
            ("accept", "*/*"),
            ("authorization", "Bearer x"),
        ]);
        assert_eq!(clean_request(&mut given), Ok(Some(5)));
        let mut left: Vec<_> = given.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "accept-encoding", "authorization"]);
        assert_eq!(given[header::ACCEPT_ENCODING], "identity");
    }

    #[test]
    fn a_header_that_speaks_of_another_request_is_refused() {
        for name in SPEAK_FOR_OTHERS
            .into_iter()
            .chain(["x-forwarded-host", "X-Forwarded-Proto"])
        {
            let mut given = HeaderMap::new();
            given.insert(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_static("DELETE"),
            );
            let reason = clean_request(&mut given).unwrap_err();
            assert!(reason.contains(&name.to_ascii_lowercase()), "{reason}");
        }
    }

    #[test]
    fn a_length_that_two_servers_could_read_differently_is_refused() {
        for pairs in [
            &[("content-length", "5"), ("content-length", "6")][..],
            &[("content-length", "+5")],
            &[("content-length", "5, 5")],
            &[("content-length", "99999999999999999999")],
        ] {
            assert!(clean_request(&mut headers(pairs)).is_err(), "{pairs:?}");
        }
    }

    #[test]
    fn no_cookie_comes_back() {
        let mut answer = headers(&[("set-cookie", "id=1"), ("location", "/x")]);
        clean_response(&mut answer);
        assert_eq!(answer, headers(&[("location", "/x")]));
    }
}
