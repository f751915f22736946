//! The `realm` of a `Bearer` challenge (RFC 9110, section 11.6.1; RFC 6750, section 3).

/// The realm, if this value of `WWW-Authenticate` has a `Bearer` challenge with one. A value can hold several
/// challenges, and a comma stands between challenges and between the parameters of one.
pub(crate) fn bearer_realm(value: &str) -> Option<String> {
    let mut bearer = false;
    for piece in outside_quotes(value) {
        let piece = piece.trim();
        // `Bearer realm="…"` begins a challenge, `service="…"` goes on with it.
        let (scheme, parameter) = match piece.split_once(|c: char| c.is_ascii_whitespace()) {
            Some((scheme, rest)) if !scheme.contains('=') => (Some(scheme), rest.trim_start()),
            None if !piece.contains('=') => (Some(piece), ""),
            _ => (None, piece),
        };
        if let Some(scheme) = scheme {
            bearer = scheme.eq_ignore_ascii_case("bearer");
        }
        if let Some((name, value)) = parameter.split_once('=')
            && bearer
            && name.trim().eq_ignore_ascii_case("realm")
        {
            return Some(unquoted(value.trim()));
        }
    }
    None
}

/// Splits at commas outside of quoted strings.
fn outside_quotes(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |c| {
        let separates = c == ',' && !quoted;
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        separates
    })
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return value.to_owned();
    };
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        text.extend(if c == '\\' {
            characters.next()
        } else {
            Some(c)
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_realm_is_found_among_other_challenges_and_parameters() {
        for (value, realm) in [
            (
                r#"Bearer realm="https://a.example/token",service="r"#,
                Some("https://a.example/token"),
            ),
            (
                r#"bearer service="x, realm=y", realm="https://a.example/t?a=b""#,
                Some("https://a.example/t?a=b"),
            ),
            (
                r#"Basic realm="r", Bearer scope="a", realm="https://b.example""#,
                Some("https://b.example"),
            ),
            (
                r#"Bearer realm=https://a.example/token"#,
                Some("https://a.example/token"),
            ),
            (r#"Bearer realm="a\"b""#, Some("a\"b")),
            (r#"Negotiate, Bearer realm="c""#, Some("c")),
            (r#"Basic realm="https://a.example""#, None),
            (r#"Bearer scope="s", Basic realm="r""#, None),
            ("Bearer", None),
            ("", None),
        ] {
            assert_eq!(bearer_realm(value).as_deref(), realm, "{value}");
        }
    }
}
