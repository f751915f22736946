//! Files that are probably not meant to be published: keys, and what a wildcard picks up unseen.

use std::collections::BTreeSet;

use crate::finding::{Place, Report};

/// How many paths a warning names.
const NAMED: usize = 3;

/// Warns when the name of a file is usual for a secret.
pub(crate) fn key(path: &str, at: &Place, report: &mut Report) {
    if is_key(path) {
        let message =
            format!("`{path}` looks like a secret, and everybody who can pull the app can read it");
        report.warning(
            "looks-secret",
            at,
            message,
            "secrets belong into variables with `secret = true`",
        );
    }
}

/// Warns about what a wildcard picked up.
pub(crate) fn matches(files: &BTreeSet<String>, pattern: &str, at: &Place, report: &mut Report) {
    let keys: Vec<_> = files.iter().filter(|path| is_key(path)).collect();
    if !keys.is_empty() {
        let message = format!(
            "`{pattern}` takes files that look like secrets: {}",
            some_of(&keys)
        );
        report.warning("looks-secret", at, message, "name them in `exclude_files`");
    }
    // A pattern that says the dot means it.
    let meant = |path: &str| {
        let mut parts = path
            .split('/')
            .zip(pattern.split('/').map(Some).chain(std::iter::repeat(None)));
        parts.all(|(name, part)| {
            !name.starts_with('.') || part.is_some_and(|part| part.starts_with('.'))
        })
    };
    let hidden: Vec<_> = files
        .iter()
        .filter(|path| !meant(path) && !is_key(path))
        .collect();
    if !hidden.is_empty() {
        let message = format!("`{pattern}` takes hidden files, too: {}", some_of(&hidden));
        report.warning(
            "hidden-files",
            at,
            message,
            "name them in `exclude_files` if nobody should see them",
        );
    }
}

fn some_of(paths: &[&String]) -> String {
    let named: Vec<_> = paths
        .iter()
        .take(NAMED)
        .map(|path| format!("`{path}`"))
        .collect();
    let more = paths.len().saturating_sub(NAMED);
    if more == 0 {
        named.join(", ")
    } else {
        format!("{} and {more} more", named.join(", "))
    }
}

fn is_key(path: &str) -> bool {
    const NAMES: [&str; 12] = [
        ".env",
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".pgpass",
        ".git-credentials",
        "credentials",
        "credentials.json",
        "id_rsa",
        "id_ecdsa",
        "id_ed25519",
        "terraform.tfstate",
    ];
    const ENDINGS: [&str; 8] = [
        ".key",
        ".pem",
        ".p12",
        ".pfx",
        ".jks",
        ".keystore",
        ".kdbx",
        ".ppk",
    ];
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    NAMES.contains(&name.as_str())
        || name.starts_with(".env.")
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::is_key;

    #[test]
    fn usual_names_of_secrets_are_known() {
        for key in [
            "a/.env",
            ".env.production",
            "tls/server.KEY",
            "id_rsa",
            "x.pem",
        ] {
            assert!(is_key(key), "{key}");
        }
        for other in ["environment.txt", "key.txt", "monkey.png", "id_rsa.pub"] {
            assert!(!is_key(other), "{other}");
        }
    }
}
