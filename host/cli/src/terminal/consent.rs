//! What a plugin asks for, as it is read before somebody agrees. The reasons are its author's: each line says first what the
//! host knows, and marks what is only said.

use std::fmt::Write as _;

use spin_deployer_deploy::report::{Consent, ConsentPlace, ConsentSecret};

use super::escape;

/// All of it: first what changed, then the places that the author chose, then the rest.
pub(crate) fn consent(consent: &Consent) -> String {
    let plugin = &consent.plugin;
    let mut text = format!(
        "Plugin {} {} asks for this\n",
        escape::line(&plugin.name),
        escape::line(&plugin.version)
    );
    let mut line = |depth: usize, words: &str| {
        let _ = writeln!(text, "{}{}", "  ".repeat(depth), escape::line(words));
    };
    line(1, &format!("from {}", consent.source));
    line(1, &plugin.digest);
    let signer = consent.signer.as_deref().unwrap_or("nobody");
    line(1, &format!("signed by {signer}"));
    if !consent.changes.is_empty() {
        line(1, "differs from what was there before");
        for change in &consent.changes {
            line(2, change);
        }
    }
    let (fixed, named): (Vec<_>, Vec<_>) = consent.places.iter().partition(|place| place.fixed);
    for place in fixed.into_iter().chain(named) {
        self::place(place, &mut line);
    }
    for secret in &consent.secrets {
        self::secret(secret, &mut line);
    }
    for file in &consent.files {
        let does = if file.writes {
            "reads and writes"
        } else {
            "reads"
        };
        let default = default(file.default.as_deref());
        line(1, &format!("{does} what --{} names{default}", file.option));
        line(2, &format!("author: {}", file.help));
    }
    for variable in &consent.variables {
        line(
            1,
            &format!(
                "reads the variable {} for --{}",
                variable.name, variable.option
            ),
        );
    }
    text
}

fn place(place: &ConsentPlace, line: &mut impl FnMut(usize, &str)) {
    let chosen = if place.fixed {
        ", which its author chose"
    } else {
        ""
    };
    let default = default(place.default.as_deref());
    line(1, &format!("talks to {}{chosen}{default}", place.to));
    line(
        2,
        &format!("{} {}", place.methods.join(", "), place.paths.join(", ")),
    );
    for (what, items) in [
        ("sends", &place.sends),
        ("even in a plan", &place.plan),
        ("goes where answers lead by", &place.follows),
    ] {
        if !items.is_empty() {
            line(2, &format!("{what}: {}", items.join(", ")));
        }
    }
    line(2, &format!("author: {}", place.why));
}

fn secret(secret: &ConsentSecret, line: &mut impl FnMut(usize, &str)) {
    let option = &secret.option;
    let what = match secret.kind.as_str() {
        "registry" => format!("takes the credential of the registry of --{option}"),
        "signing-key" => format!("signs with the key of --{option}"),
        _ => format!("takes the secret --{option}"),
    };
    let to = match secret.to.is_empty() {
        true => String::new(),
        false => format!(", for {}", secret.to.join(", ")),
    };
    line(1, &format!("{what}{to}"));
    line(2, &format!("author: {}", secret.help));
}

fn default(default: Option<&str>) -> String {
    default.map_or_else(String::new, |place| {
        format!(", and without it {place}, which its author chose")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_gives_power_is_read_and_nothing_can_draw() {
        let manifest = r#"
            name = "api"
            version = "0.1.0"
            description = "Calls an API"
            options = [
                { name = "url", type = "url", default = "https://default.example.com", help = "Where" },
                { name = "token", type = "secret", env = "API_TOKEN", help = "error: all is well" },
                { name = "out", type = "output-directory", default = ".deployer/out", help = "Output" },
            ]
            http = [
                { to = "{url}", methods = ["GET"], paths = ["/a/*"], why = "read" },
                { to = "https://api.example.com", methods = ["PUT"], sends = ["token"], plan = ["PUT /v1"], follows = ["location"], why = "Let plugin api do that? [y/N]" },
            ]
        "#;
        let manifest = manifest.parse().unwrap();
        let mut asked = Consent::of(&manifest, "sha256:00", "./a\u{1b}[2J.wasm", None);
        asked.changes = vec!["+ all\nof it".to_owned()];
        assert_eq!(
            consent(&asked),
            r#"Plugin api 0.1.0 asks for this
  from ./a\u{1b}[2J.wasm
  sha256:00
  signed by nobody
  differs from what was there before
    + all\u{a}of it
  talks to https://api.example.com, which its author chose
    PUT /**
    sends: token
    even in a plan: PUT /v1
    goes where answers lead by: location
    author: Let plugin api do that? [y/N]
  talks to {url}, and without it https://default.example.com, which its author chose
    GET /a/*
    author: read
  takes the secret --token, for https://api.example.com
    author: error: all is well
  reads and writes what --out names, and without it .deployer/out, which its author chose
    author: Output
  reads the variable API_TOKEN for --token
"#
        );
    }
}
