//! Under which paths an app answers.

use serde_json::Value;
use spin_deployer_hippo::Revision;

/// A component, and its route: `/...`, `/users/:id`.
pub(crate) type Named = (String, String);

/// The HTTP routes of the locked application; those that only the app itself can reach are left out.
pub(crate) fn of_app(locked: &str) -> Vec<Named> {
    let app: Value = serde_json::from_str(locked).unwrap_or_default();
    // A manifest of version 1 has one path in front of all routes.
    let base = [
        &app["metadata"]["trigger"]["base"],
        &app["metadata"]["triggers"]["http"]["base"],
    ];
    let base = base
        .iter()
        .find_map(|base| base.as_str())
        .unwrap_or_default();
    let triggers = app["triggers"].as_array().into_iter().flatten();
    let http = triggers.filter(|trigger| trigger["trigger_type"] == "http");
    http.filter_map(|trigger| {
        let config = &trigger["trigger_config"];
        let route = config["route"].as_str()?;
        let component = config["component"].as_str().or(trigger["id"].as_str())?;
        let route = format!(
            "{}/{}",
            base.trim_end_matches('/'),
            route.trim_start_matches('/')
        );
        Some((component.to_owned(), route))
    })
    .collect()
}

/// The HTTP routes that Hippo read in the bindle; none where it could not read it.
pub(crate) fn of_revision(revision: &Revision) -> Vec<Named> {
    let components = revision.components.iter();
    components
        .filter_map(|component| Some((component.name.clone(), component.route.clone()?)))
        .collect()
}

/// Whether a revision answers HTTP, so that it can be waited for: where Hippo could not read its bindle, most likely.
pub(crate) fn is_http(revision: &Revision) -> bool {
    let unread = revision.components.is_empty();
    match revision.trigger.as_deref() {
        Some(trigger) => trigger.eq_ignore_ascii_case("http"),
        None => unread || !of_revision(revision).is_empty(),
    }
}

/// The URL of a route on a domain; a wildcard at its end is everything below.
pub(crate) fn url(scheme: &str, domain: &str, route: &str) -> String {
    let path = route.strip_suffix("...").unwrap_or(route);
    format!("{scheme}://{domain}/{}", path.trim_start_matches('/'))
}

/// Whether a text of the server's can be the host of a URL, perhaps with a port.
pub(crate) fn is_host(domain: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._:".contains(&b);
    !domain.is_empty() && domain.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_those_of_http_with_the_base_in_front() {
        let locked = r#"{"metadata":{"trigger":{"base":"/shop/","type":"http"}},"triggers":[
            {"id":"a","trigger_type":"http","trigger_config":{"component":"front","route":"/..."}},
            {"id":"b","trigger_type":"http","trigger_config":{"component":"api","route":"/api/:id"}},
            {"id":"c","trigger_type":"http","trigger_config":{"component":"own","route":{"private":true}}},
            {"id":"d","trigger_type":"redis","trigger_config":{"component":"jobs","channel":"x"}}]}"#;
        let routes = of_app(locked);
        let named = |name: &str, route: &str| (name.to_owned(), route.to_owned());
        assert_eq!(
            routes,
            [named("front", "/shop/..."), named("api", "/shop/api/:id")]
        );
        assert!(of_app("{}").is_empty() && of_app("").is_empty());
    }

    #[test]
    fn a_revision_is_waited_for_unless_it_is_known_to_answer_nobody() {
        let revision = |more: &str| -> Revision {
            let text = format!(r#"{{"id":"r","appId":"a","revisionNumber":"1.0.0"{more}}}"#);
            serde_json::from_str(&text).expect("a revision")
        };
        assert!(is_http(&revision("")));
        assert!(is_http(&revision(
            r#","components":[{"name":"a","route":"/"}]"#
        )));
        assert!(is_http(&revision(
            r#","type":"http","components":[{"name":"a"}]"#
        )));
        assert!(!is_http(&revision(
            r#","components":[{"name":"a","channel":"x"}]"#
        )));
        assert!(!is_http(&revision(r#","type":"redis","components":[]"#)));
    }

    #[test]
    fn a_wildcard_is_what_is_below() {
        assert_eq!(
            url("https", "a.example.com", "/..."),
            "https://a.example.com/"
        );
        assert_eq!(url("http", "a.b:8088", "/api/..."), "http://a.b:8088/api/");
        assert_eq!(url("http", "a.b", "/users/:id"), "http://a.b/users/:id");
    }

    #[test]
    fn a_host_is_nothing_else() {
        assert!(is_host("spin-deploy.shop.hippofactory.io") && is_host("localhost:8088"));
        for wrong in ["", "a b", "a/b", "user@a", "a?b", "a#b"] {
            assert!(!is_host(wrong), "{wrong}");
        }
    }
}
