//! `allowed_outbound_hosts` of an app as `allowedHttpHosts` of Spin 0.10.
//!
//! That runtime restricts HTTP only, and compares host and port, not the scheme: no port means the usual one of whichever
//! scheme a request has. So:
//!
//! - an entry for `http` or `https` becomes its host and, where it is not the usual one, its port; it then holds for both;
//! - an entry for another scheme is left out: Redis, MySQL and PostgreSQL are not restricted there, and the others do not
//!   exist there;
//! - all hosts on all ports is `insecure:allow-all`;
//! - whatever lies between one host and all of them cannot be said, and nothing wider is said instead.

/// All hosts on all ports.
const ALL: &str = "insecure:allow-all";

/// What can be said of the entries, each once, and those that cannot be said with the reason.
pub(crate) fn http_hosts(entries: &[String]) -> (Vec<String>, Vec<(String, &'static str)>) {
    let (mut hosts, mut unsaid) = (Vec::new(), Vec::new());
    for entry in entries {
        match http_host(entry.trim()) {
            Ok(Some(host)) if !hosts.contains(&host) => hosts.push(host),
            Ok(_) => {}
            Err(reason) => unsaid.push((entry.clone(), reason)),
        }
    }
    // Nothing beside it counts, `self` included.
    if hosts.iter().any(|host| host == ALL) {
        hosts = vec![ALL.to_owned()];
    }
    (hosts, unsaid)
}

/// `None` where there is nothing to be said.
fn http_host(entry: &str) -> Result<Option<String>, &'static str> {
    if entry.contains("{{") {
        return Err("it comes from a variable, and hosts there do not");
    }
    let Some((scheme, rest)) = entry.split_once("://") else {
        return Err("it has no scheme");
    };
    if !matches!(scheme, "http" | "https" | "*") {
        return Ok(None);
    }
    let (host, port) = host_and_port(rest.trim_end_matches('/'));
    let host = host.trim_end_matches('/');
    match (host, port) {
        ("self", _) => return Ok(Some("self".to_owned())),
        ("*", Some("*")) => return Ok(Some(ALL.to_owned())),
        ("*", _) => return Err("all hosts can be allowed with all their ports only"),
        _ => {}
    }
    if host == "self.alt" || host.ends_with(".spin.internal") {
        return Err("it is another component of the app, which cannot be reached there");
    }
    if host.contains('*') {
        return Err("only whole names can be allowed there");
    }
    if host.contains('/') {
        return Err("only single addresses can be allowed there");
    }
    let port = match port {
        None => None,
        Some("*") => return Err("all ports can be allowed for all hosts only"),
        Some(port) => match port.parse::<u16>() {
            Ok(port) => Some(port),
            Err(_) => return Err("only single ports can be allowed there"),
        },
    };
    Ok(Some(match (scheme, port) {
        (_, None) | ("http" | "*", Some(80)) | ("https" | "*", Some(443)) => host.to_owned(),
        // Without a scheme the entry is read as a URL of HTTP, whose port 80 is as good as none.
        (_, Some(80)) => format!("https://{host}:80"),
        (_, Some(port)) => format!("{host}:{port}"),
    }))
}

/// `[::1]:80` has its port behind the bracket.
fn host_and_port(text: &str) -> (&str, Option<&str>) {
    let name_end = text.rfind(']').map_or(0, |at| at + 1);
    match text[name_end..].find(':') {
        Some(at) => {
            let (host, port) = text.split_at(name_end + at);
            (host, Some(port[1..].trim_end_matches('/')))
        }
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hosts(entries: &[&str]) -> (Vec<String>, Vec<String>) {
        let entries: Vec<String> = entries.iter().map(|e| (*e).to_owned()).collect();
        let (hosts, unsaid) = http_hosts(&entries);
        (hosts, unsaid.into_iter().map(|(entry, _)| entry).collect())
    }

    #[rstest]
    #[case("https://example.com", "example.com")]
    #[case("http://example.com/", "example.com")]
    #[case("https://example.com:443", "example.com")]
    #[case("http://example.com:80/", "example.com")]
    #[case("*://example.com:443", "example.com")]
    // What the runtime compares with is the port of the URL, and that has none where it is the usual one.
    #[case("http://example.com:443", "example.com:443")]
    #[case("https://example.com:80", "https://example.com:80")]
    #[case("https://api.example.com:8443", "api.example.com:8443")]
    #[case("*://api.example.com:8080", "api.example.com:8080")]
    #[case("http://127.0.0.1:3000", "127.0.0.1:3000")]
    #[case("http://[::1]:3000", "[::1]:3000")]
    #[case("http://[::1]", "[::1]")]
    #[case("http://self", "self")]
    #[case("https://self", "self")]
    #[case("*://*:*", ALL)]
    #[case("https://*:*", ALL)]
    fn an_entry_becomes_what_the_runtime_compares_with(#[case] entry: &str, #[case] host: &str) {
        assert_eq!(hosts(&[entry]), (vec![host.to_owned()], vec![]));
    }

    #[rstest]
    #[case::subdomains("https://*.example.com")]
    #[case::any_host_one_port("https://*")]
    #[case::any_host_one_port_named("https://*:8443")]
    #[case::any_port("https://example.com:*")]
    #[case::ports("https://example.com:80..90")]
    #[case::network("http://10.0.0.0/8:80")]
    #[case::chaining("http://back.spin.internal")]
    #[case::every_chaining("http://*.spin.internal")]
    #[case::itself_otherwise("http://self.alt")]
    #[case::variable("https://{{ host }}")]
    #[case::no_scheme("example.com")]
    fn what_cannot_be_said_is_not_widened(#[case] entry: &str) {
        assert_eq!(hosts(&[entry]), (vec![], vec![entry.to_owned()]));
    }

    #[test]
    fn what_is_not_restricted_there_is_left_out() {
        let entries = [
            "redis://h:6379",
            "postgres://*",
            "mysql://h",
            "mqtt://h:1883",
        ];
        assert_eq!(hosts(&entries), (vec![], vec![]));
    }

    #[test]
    fn what_older_manifests_become_is_what_they_said() {
        // The locked application has each host of `allowed_http_hosts` twice, and these three for `insecure:allow-all`.
        let twice = ["http://example.com", "https://example.com", "http://self"];
        assert_eq!(
            hosts(&twice),
            (vec!["example.com".to_owned(), "self".to_owned()], vec![])
        );
        let all = ["http://*:*", "https://*:*", "http://self"];
        assert_eq!(hosts(&all), (vec![ALL.to_owned()], vec![]));
    }
}
