//! `WWW-Authenticate`: how a registry says whom to ask for a token (RFC 9110, section 11.6.1).

/// One challenge: a scheme and its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// In lower case: `basic`, `bearer`.
    pub scheme: String,
    /// Names in lower case, values without quotes, in their order.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The first parameter of that name.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// All challenges of one header. What cannot be understood ends the list: what came before it still counts.
pub fn challenges(header: &str) -> Vec<Challenge> {
    let mut rest = Cursor(header);
    let mut found: Vec<Challenge> = Vec::new();
    loop {
        rest.skip(|c| c == ',' || c.is_ascii_whitespace());
        let Some(name) = rest.token() else {
            return found;
        };
        let spaced = rest.skip(|c| c.is_ascii_whitespace());
        let is_parameter = rest.0.starts_with('=') && !found.is_empty();
        if !is_parameter {
            found.push(Challenge {
                scheme: name.to_ascii_lowercase(),
                parameters: Vec::new(),
            });
            if !spaced && !rest.0.is_empty() && !rest.0.starts_with(',') {
                return found;
            }
            rest.token68();
            continue;
        }
        rest.0 = &rest.0[1..];
        rest.skip(|c| c.is_ascii_whitespace());
        let Some(value) = rest.value() else {
            return found;
        };
        if let Some(challenge) = found.last_mut() {
            challenge
                .parameters
                .push((name.to_ascii_lowercase(), value));
        }
    }
}

struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    /// Whether anything was skipped.
    fn skip(&mut self, skipped: impl Fn(char) -> bool) -> bool {
        let rest = self.0.trim_start_matches(skipped);
        let moved = rest.len() < self.0.len();
        self.0 = rest;
        moved
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self
            .0
            .find(|c: char| !(c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)))
            .unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// Passes over credentials-like data such as `Negotiate YII=`, which is no list of parameters.
    fn token68(&mut self) {
        let end = self
            .0
            .find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/".contains(c)))
            .unwrap_or(self.0.len());
        let rest = self.0[end..].trim_start_matches('=');
        let after = rest.trim_start();
        if end > 0 && (after.is_empty() || after.starts_with(',')) {
            self.0 = after;
        }
    }

    fn value(&mut self) -> Option<String> {
        let Some(quoted) = self.0.strip_prefix('"') else {
            return self.token().map(str::to_owned);
        };
        let mut value = String::new();
        let mut chars = quoted.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.0 = &quoted[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(chars.next()?.1),
                c => value.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn challenge(scheme: &str, parameters: &[(&str, &str)]) -> Challenge {
        Challenge {
            scheme: scheme.to_owned(),
            parameters: parameters
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn challenges_of_real_registries_are_understood() {
        let docker = challenge(
            "bearer",
            &[
                ("realm", "https://auth.docker.io/token"),
                ("service", "registry.docker.io"),
                ("scope", "repository:library/x:pull,push"),
            ],
        );
        let basic = challenge("basic", &[("realm", "Registry Realm")]);
        for (header, expected) in [
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/x:pull,push""#,
                vec![docker.clone()],
            ),
            (
                r#"bearer  Realm = "https://auth.docker.io/token" , service=registry.docker.io , scope="repository:library/x:pull,push""#,
                vec![docker.clone()],
            ),
            (r#"Basic realm="Registry Realm""#, vec![basic.clone()]),
            (
                r#"Basic realm="Registry Realm", Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/x:pull,push""#,
                vec![basic.clone(), docker],
            ),
            (
                r#"Negotiate, Basic realm="Registry Realm""#,
                vec![challenge("negotiate", &[]), basic.clone()],
            ),
            (
                r#"Negotiate YIIab+/c==, Basic realm="Registry Realm""#,
                vec![challenge("negotiate", &[]), basic.clone()],
            ),
            (
                r#"Basic realm="a \"quoted\" name, with comma""#,
                vec![challenge(
                    "basic",
                    &[("realm", "a \"quoted\" name, with comma")],
                )],
            ),
            ("Basic", vec![challenge("basic", &[])]),
            ("", vec![]),
            (", ,", vec![]),
            (
                r#"Bearer realm="unfinished"#,
                vec![challenge("bearer", &[])],
            ),
            ("<html>", vec![]),
        ] {
            assert_eq!(challenges(header), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic_or_run_on(header in "[ -~\\t\"\\\\,=é]{0,64}") {
            let found = challenges(&header);
            prop_assert!(found.len() <= header.len());
        }

        #[test]
        fn what_is_quoted_comes_back(value in "[ -~]{0,40}") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            let header = format!("Bearer realm=\"{quoted}\", service=\"s\"");
            prop_assert_eq!(challenges(&header), vec![challenge("bearer", &[("realm", &value), ("service", "s")])]);
        }
    }
}
