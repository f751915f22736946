//! `allowed_outbound_hosts`: `scheme://host[:port]`, each part with its wildcards, as Spin reads it.

use std::net::IpAddr;

use url::{Host, Url};

/// One checked entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutboundHost {
    /// It reaches another component of the same app (`*.spin.internal`), which not every platform can do.
    pub(crate) chains: bool,
}

/// Reads an entry without variables. The error says what is wrong, as the end of a sentence.
pub(crate) fn parse(entry: &str) -> Result<OutboundHost, String> {
    let entry = entry.trim();
    let (scheme, rest) = entry
        .split_once("://")
        .ok_or("it has no scheme: write `https://example.com` or `*://example.com:*`")?;
    let (host, rest) = rest.rsplit_once(':').unwrap_or((rest, ""));
    let (port, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !path.is_empty() {
        return Err("it has a path, only scheme, host and port can be allowed".into());
    }
    check_port(port, scheme)?;
    if scheme != "*" && !scheme.chars().all(char::is_alphabetic) {
        return Err(format!(
            "the scheme `{scheme}` has something other than letters in it"
        ));
    }
    Ok(OutboundHost {
        chains: chains(host.trim())?,
    })
}

/// Whether an entry, with variables or not, is known to reach another component of the app.
pub(crate) fn is_chaining(entry: &str) -> bool {
    parse(entry).is_ok_and(|host| host.chains)
}

/// What the deprecated `allowed_http_hosts` means in the words of `allowed_outbound_hosts`.
pub(crate) fn from_http_hosts(entries: &[&str]) -> Result<Vec<String>, String> {
    if entries.contains(&"insecure:allow-all") {
        return Ok(["http://*:*", "https://*:*", "http://self"]
            .map(String::from)
            .to_vec());
    }
    let mut hosts = Vec::new();
    for entry in entries {
        let host = http_host(entry)
            .ok_or_else(|| format!("`{entry}` is not a host with an optional port"))?;
        if host == "self" {
            hosts.push("http://self".into());
        } else {
            hosts.push(format!("http://{host}"));
            hosts.push(format!("https://{host}"));
        }
    }
    Ok(hosts)
}

/// Host and port of an entry, which may be a URL without a path. A port that a URL can do without is dropped.
fn http_host(entry: &str) -> Option<String> {
    let url = if entry.contains("//") {
        Url::parse(entry)
    } else {
        Url::parse(&format!("http://{entry}"))
    };
    let url = url
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && matches!(url.path(), "" | "/"))?;
    let port = url
        .port()
        .map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("{}{port}", url.host_str()?))
}

fn chains(host: &str) -> Result<bool, String> {
    if matches!(host, "*" | "self" | "self.alt") || is_network(host) {
        return Ok(false);
    }
    let host = host.trim_end_matches('/');
    if host.contains('/') {
        return Err("it has a path, only scheme, host and port can be allowed".into());
    }
    if let Some(domain) = host.strip_prefix("*.") {
        if domain.contains('*') {
            return Err(
                "`*` stands for the first label or for the whole host, and only once".into(),
            );
        }
        return Ok(domain == "spin.internal");
    }
    if host.contains('*') || host.starts_with('{') {
        return Err("`*` stands for the first label or for the whole host".into());
    }
    match Host::parse(host) {
        Ok(Host::Domain(domain)) => Ok(domain.ends_with(".spin.internal")),
        Ok(_) => Ok(false),
        Err(error) => Err(format!("`{host}` is no host: {error}")),
    }
}

/// `10.0.0.0/8`, or a bare address of either kind.
fn is_network(host: &str) -> bool {
    let (address, length) = host.split_once('/').unwrap_or((host, "0"));
    match (address.parse(), length.parse::<u8>()) {
        (Ok(IpAddr::V4(_)), Ok(length)) => length <= 32,
        (Ok(IpAddr::V6(_)), Ok(length)) => length <= 128,
        _ => false,
    }
}

fn check_port(port: &str, scheme: &str) -> Result<(), String> {
    const KNOWN: [&str; 6] = ["postgres", "mysql", "redis", "mqtt", "http", "https"];
    match port {
        "" if KNOWN.contains(&scheme) => Ok(()),
        "" => Err(format!(
            "the scheme `{scheme}` has no usual port: name one, or `:*` for all"
        )),
        "*" => Ok(()),
        port => {
            let (first, last) = port.split_once("..").unwrap_or((port, "0"));
            match (first.parse::<u16>(), last.parse::<u16>()) {
                (Ok(_), Ok(_)) => Ok(()),
                _ => Err(format!("`{port}` is no port number")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_spin_reads_them() {
        for good in [
            "https://example.com",
            "*://*:*",
            "http://self",
            "redis://h:6379",
            "https://*.example.com",
            "http://10.0.0.0/8:80",
            "http://h:80..90",
            "http://[::1]:80",
            "https://example.com/",
        ] {
            parse(good).expect(good);
        }
        for bad in [
            "example.com",
            "*",
            "ftp://x",
            "http://x/y",
            "http://a:80/b",
            "http://a.*.b",
            "http://x:abc",
            "insecure:allow-all",
            "h2c-x://a:1",
            "http://",
        ] {
            parse(bad).expect_err(bad);
        }
    }

    #[test]
    fn old_hosts_are_read_as_spin_reads_them() {
        let read = |entry| from_http_hosts(&[entry]).ok().map(|hosts| hosts.join(" "));
        for (entry, expected) in [
            (
                "example.com",
                Some("http://example.com https://example.com"),
            ),
            (
                "http://example.com:4444/",
                Some("http://example.com:4444 https://example.com:4444"),
            ),
            (
                "https://Example.com",
                Some("http://example.com https://example.com"),
            ),
            ("[::1]:8001", Some("http://[::1]:8001 https://[::1]:8001")),
            ("self", Some("http://self")),
            (
                "insecure:allow-all",
                Some("http://*:* https://*:* http://self"),
            ),
            ("ftp://example.com", None),
            ("example.com/a", None),
            ("http://example.com:1/a/b", None),
            ("{{ host }}", None),
        ] {
            assert_eq!(read(entry).as_deref(), expected, "{entry}");
        }
    }

    #[test]
    fn chaining_is_seen_by_the_host_only() {
        assert!(is_chaining("http://helper.spin.internal"));
        assert!(is_chaining("http://*.spin.internal"));
        assert!(!is_chaining("http://spin.internal.example.com"));
        assert!(!is_chaining("https://{{ host }}"));
    }
}
