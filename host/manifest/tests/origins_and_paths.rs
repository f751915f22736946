//! Two spellings of one place are equal, and what could be read as two places is refused.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use rstest::rstest;
use spin_deployer_manifest::{
    Host, Origin, OriginError, OriginPattern, PathPattern, Scheme, is_plain_path,
};

#[rstest]
#[case("https://ghcr.io", "https://ghcr.io")]
#[case("HTTPS://GHCR.io.", "https://ghcr.io")]
#[case("https://ghcr.io:443", "https://ghcr.io")]
#[case("http://ghcr.io:80", "http://ghcr.io")]
#[case("http://ghcr.io:443", "http://ghcr.io:443")]
#[case("https://127.1", "https://127.0.0.1")]
#[case("https://0x7f.1:5000", "https://127.0.0.1:5000")]
#[case("https://2130706433", "https://127.0.0.1")]
#[case("https://0177.0.0.1.", "https://127.0.0.1")]
#[case("http://[0:0::1]:5000", "http://[::1]:5000")]
#[case("https://[::FFFF:7f00:1]", "https://[::ffff:7f00:1]")]
#[case("https://my_registry:5000", "https://my_registry:5000")]
#[case("https://xn--bcher-kva.example", "https://xn--bcher-kva.example")]
fn spellings_of_one_place_are_one_origin(#[case] text: &str, #[case] canonical: &str) {
    let origin: Origin = text.parse().unwrap();
    assert_eq!(origin.to_string(), canonical);
    assert_eq!(canonical.parse::<Origin>().unwrap(), origin);
}

#[rstest]
#[case("ghcr.io", "does not begin with")]
#[case("ftp://ghcr.io", "does not begin with")]
#[case("https:ghcr.io", "does not begin with")]
#[case("https://", "no host")]
#[case("https:///ghcr.io", "only the server")]
#[case(
    "https://ghcr.io/",
    "only the server is meant: write `https://ghcr.io`"
)]
#[case("https://ghcr.io:5000/v2", "write `https://ghcr.io:5000`")]
#[case("https://ghcr.io?x", "only the server")]
#[case("https://ghcr.io#x", "only the server")]
#[case("https://ghcr.io\\@evil.example.com", "user name or password")]
#[case("https://ghcr.io\\.evil.example.com", "only the server")]
#[case("https://ghcr.io:", "no port")]
#[case("https://ghcr.io:0", "no port")]
#[case("https://ghcr.io:65536", "no port")]
#[case("https://ghcr.io:99999", "no port")]
#[case("https://ghcr.io:+443", "no port")]
#[case("https://ghcr.io:443:443", "no port")]
#[case("https://ghcr.io: 443", "no port")]
#[case("https://[::1]5000", "no port")]
#[case("https://ghcr..io", "no host")]
#[case("https://ghcr.io..", "no host")]
#[case("https://.ghcr.io", "no host")]
#[case("https://ghcr%2eio", "no host")]
#[case("https://ghcr。io", "no host")]
#[case("https://bücher.example", "no host")]
#[case("https://gh\tcr.io", "no host")]
#[case("https://ghcr.io\n", "no host")]
#[case("https://1.2.3.256", "no host")]
#[case("https://1.2.3.4.5", "no host")]
#[case("https://[::1", "no host")]
#[case("https://[fe80::1%25eth0]", "no host")]
#[case("https://*.example.com", "no host")]
fn what_is_not_clearly_one_place_is_refused(#[case] text: &str, #[case] reason: &str) {
    let error = text.parse::<Origin>().unwrap_err().to_string();
    assert!(error.contains(reason), "{error}");
}

#[test]
fn a_password_in_an_address_is_not_repeated() {
    for text in [
        "https://ci:hunter2@ghcr.io",
        "https://ci:hunter2@ghcr.io/v2",
        "ci:hunter2@ghcr.io",
    ] {
        let error = text.parse::<Origin>().unwrap_err();
        assert_eq!(error, OriginError::UserInfo);
        assert!(!error.to_string().contains("hunter2"));
    }
    assert_eq!(
        Origin::from_authority(Scheme::Https, "ci:hunter2@ghcr.io"),
        Err(OriginError::UserInfo)
    );
}

#[rstest]
#[case("localhost", true)]
#[case("LOCALHOST.", true)]
#[case("127.3.2.1", true)]
#[case("[::1]", true)]
#[case("localhost.example.com", false)]
#[case("128.0.0.1", false)]
#[case("[::ffff:127.0.0.1]", false)]
#[case("0.0.0.0", false)]
fn only_this_machine_is_loopback(#[case] host: &str, #[case] loopback: bool) {
    assert_eq!(host.parse::<Host>().unwrap().is_loopback(), loopback);
}

#[rstest]
#[case("https://api.example.com", "https://API.example.com.", true)]
#[case("https://api.example.com", "https://api.example.com:8443", false)]
#[case("https://api.example.com", "http://api.example.com", false)]
#[case("https://api.example.com", "https://x.api.example.com", false)]
#[case("https://*.example.com", "https://api.example.com", true)]
#[case("https://*.example.com", "https://a.b.example.com", true)]
#[case("https://*.example.com", "https://example.com", false)]
#[case("https://*.example.com", "https://badexample.com", false)]
#[case("https://*.example.com", "https://example.com.evil.com", false)]
#[case("https://*.example.com", "https://api.example.com:8443", false)]
#[case("https://*.example.com:8443", "https://api.example.com:8443", true)]
#[case("http://127.0.0.1:3000", "http://0x7f.1:3000", true)]
fn a_pattern_means_whole_labels_and_one_port(
    #[case] pattern: &str,
    #[case] origin: &str,
    #[case] matches: bool,
) {
    let pattern: OriginPattern = pattern.parse().unwrap();
    assert_eq!(pattern.matches(&origin.parse().unwrap()), matches);
    assert_eq!(
        pattern.to_string().parse::<OriginPattern>().unwrap(),
        pattern
    );
}

#[rstest]
#[case("*")]
#[case("https://*")]
#[case("https://*.com")]
#[case("https://*.localhost")]
#[case("https://*example.com")]
#[case("https://api.*.example.com")]
#[case("https://*.*.example.com")]
#[case("https://*.127.0.0.1")]
#[case("https://example.com:*")]
#[case("https://*.example.com/")]
fn a_pattern_that_means_too_much_is_refused(#[case] pattern: &str) {
    assert!(pattern.parse::<OriginPattern>().is_err());
}

#[rstest]
#[case("/**", "/", true)]
#[case("/**", "/a/b/c", true)]
#[case("/api/**", "/api/", true)]
#[case("/api/**", "/api/apps/1", true)]
#[case("/api/**", "/api", false)]
#[case("/api/**", "/apis/x", false)]
#[case("/api/**", "/API/x", false)]
#[case("/api/**", "/%61pi/x", false)]
#[case("/apps/*/channels", "/apps/1/channels", true)]
#[case("/apps/*/channels", "/apps//channels", false)]
#[case("/apps/*/channels", "/apps/1/2/channels", false)]
#[case("/apps/*", "/apps/", false)]
#[case("/v2/**/blobs/**", "/v2/a/b/blobs/uploads/", true)]
#[case("/v2/**/blobs/*", "/v2/blobs/blobs/blobs", true)]
#[case("/v2/**/a/*/c", "/v2/a/a/b/a/b/c", true)]
#[case("/v2/**/a/*/c", "/v2/a/a/b/a/b/c/d", false)]
#[case("/exact", "/exact", true)]
#[case("/exact", "/exact/", false)]
#[case("/with%20space", "/with%20space", true)]
fn a_path_is_matched_by_whole_segments(
    #[case] pattern: &str,
    #[case] path: &str,
    #[case] matches: bool,
) {
    let pattern: PathPattern = pattern.parse().unwrap();
    assert_eq!(pattern.matches(path), matches);
    assert_eq!(pattern.to_string().parse::<PathPattern>().unwrap(), pattern);
}

#[rstest]
#[case("/api/auth-tokens", true)]
#[case("/API/Auth-Tokens/", true)]
#[case("//api//auth-tokens", true)]
#[case("/api%2fauth%252dtokens", true)]
#[case("/api/auth-tokens;v=1", true)]
#[case("/api;x/auth-tokens.%20", true)]
#[case("/api\\auth-tokens", true)]
#[case("/api", false)]
#[case("/api/auth-tokens/1", false)]
#[case("/api/auth-token", false)]
#[case("/x/api/auth-tokens", false)]
fn a_lax_server_may_take_one_path_for_another(#[case] path: &str, #[case] meant: bool) {
    let pattern = |text: &str| text.parse::<PathPattern>().unwrap();
    assert_eq!(pattern("/api/auth-tokens").may_mean(path), meant);
    assert_eq!(pattern("/API/auth-tokens/").may_mean(path), meant);
    assert!(pattern("/**").may_mean(path));
    let below = pattern("/api/*").may_mean(path);
    assert_eq!(below, meant || path == "/api/auth-token", "{path}");
}

#[rstest]
#[case("/api/../admin")]
#[case("/api/./x")]
#[case("/api/..")]
#[case("/api/%2e%2e/admin")]
#[case("/api/.%2E/admin")]
#[case("/api/%252e%252e/admin")]
#[case("/api/%25252e%25252e/admin")]
#[case("/api/..%2fadmin")]
#[case("/api/x%5c..%5cadmin")]
#[case("/api/..;/admin")]
#[case("/api/..%3Bx/admin")]
#[case("/api/x\\..\\admin")]
#[case("/api/x?y")]
#[case("/api/x#y")]
#[case("/api/x y")]
#[case("/api/é")]
#[case("api/x")]
#[case("")]
fn a_path_in_disguise_matches_nothing(#[case] path: &str) {
    assert!(!is_plain_path(path));
    for pattern in ["/**", "/api/**"] {
        assert!(!pattern.parse::<PathPattern>().unwrap().matches(path));
    }
}

#[rstest]
#[case("/api/...")]
#[case("/api/..x")]
#[case("/api/.hidden")]
#[case("/projects/group%2Fproject/x")]
#[case("/100%25")]
fn an_honest_path_is_not_taken_for_a_disguise(#[case] path: &str) {
    assert!(is_plain_path(path));
}

#[rstest]
#[case("api/**")]
#[case("")]
#[case("/api*")]
#[case("/***")]
#[case("/api/../x")]
#[case("/api?x")]
fn what_is_no_pattern_of_paths_is_refused(#[case] pattern: &str) {
    let error = pattern.parse::<PathPattern>().unwrap_err().to_string();
    assert!(error.contains(&format!("`{pattern}`")), "{error}");
}

proptest! {
    /// Against the URL standard's own reader: what is taken here goes to the same host and port there.
    #[test]
    fn an_origin_is_where_a_url_reader_goes(text in r"https?://[a-zA-Z0-9.\[\]:_x%@\\/-]{0,24}") {
        if let Ok(origin) = text.parse::<Origin>() {
            let url = url::Url::parse(&text).unwrap();
            prop_assert_eq!(Some(origin.port), url.port_or_known_default());
            let host = url.host_str().unwrap();
            prop_assert_eq!(origin.host.to_string(), host.strip_suffix('.').unwrap_or(host));
            prop_assert_eq!(&origin.to_string().parse::<Origin>().unwrap(), &origin);
            prop_assert_eq!(Origin::of(&url).unwrap(), origin);
        }
    }

    /// Against the URL standard's own resolution of dot segments: a plain path is its own resolution.
    #[test]
    fn a_plain_path_stays_where_it_is(path in r"/[a-z./%2eE;\\5cf]{0,24}") {
        if is_plain_path(&path) {
            let url = url::Url::parse(&format!("https://example.com{path}")).unwrap();
            prop_assert_eq!(url.path(), path);
        }
    }
}
