//! What the plugins that push bindles say of themselves.
#![allow(clippy::unwrap_used)]

use spin_deployer_manifest::{HttpRule, Manifest, OptionSpec, RuleTarget};

const BINDLE: &str = include_str!("../../../plugins/bindle/plugin.toml");
const HIPPO: &str = include_str!("../../../plugins/hippo/plugin.toml");

fn manifest(text: &str) -> Manifest {
    text.parse().unwrap()
}

/// The rule of requests to the Bindle server.
fn rule(manifest: &Manifest) -> HttpRule {
    let server = RuleTarget::Option("bindle-server".parse().unwrap());
    let mut rules = manifest.http.iter().filter(|rule| rule.to == server);
    let rule = rules.next().unwrap().clone();
    assert_eq!(rules.next(), None);
    rule
}

/// Both read them by the same code. One of the two can do without a server, and words differ.
#[test]
fn options_and_requests_are_the_same_wherever_bindles_are_pushed() {
    let (bindle, hippo) = (manifest(BINDLE), manifest(HIPPO));
    assert_eq!(rule(&bindle), rule(&hippo));
    assert!(!bindle.options.is_empty());
    let same = |option: &OptionSpec| OptionSpec {
        help: String::new(),
        required: false,
        ..option.clone()
    };
    for option in &bindle.options {
        let name = option.name.as_str();
        let other = hippo
            .option(name)
            .unwrap_or_else(|| panic!("hippo has no {name}"));
        assert_eq!(same(option), same(other));
    }
}

/// The API is never at the root: where the user names no path, `/v1` is meant.
#[test]
fn nothing_is_asked_of_a_bindle_server_beside_its_api() {
    let paths = rule(&manifest(BINDLE)).paths;
    let asks = |path: &str| paths.iter().any(|pattern| pattern.matches(path));
    let digits = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
    for base in ["/v1", "/tools/bindle/v1"] {
        assert!(asks(&format!("{base}/_i")), "{base}");
        assert!(asks(&format!("{base}/_i/shop/0.1.0+q1a2b3c4")), "{base}");
        assert!(asks(&format!("{base}/_i/shop/0.1.0@{digits}")), "{base}");
        assert!(
            asks(&format!("{base}/_r/missing/shop/0.1.0+q1a2b3c4")),
            "{base}"
        );
        assert!(
            !asks(&format!("{base}/_q")) && !asks(&format!("{base}/login")),
            "{base}"
        );
    }
    for path in ["/_i", "/_i/shop/0.1.0", "/_r/missing/shop/0.1.0"] {
        assert!(!asks(path), "{path}");
    }
}
