//! A policy narrows what is granted, says that it was the policy, and never widens anything.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{FIXED, HIPPO, REGISTRY, decide, grant_under, manifest};
use http::Method;
use proptest::prelude::*;
use rstest::rstest;
use spin_deployer_grants::{Grant, Phase, Policies, Policy, Refusal, ValueSource};
use spin_deployer_manifest::{ByteSize, Origin};

const FILE: &str = "/etc/spin-deployer/policy.toml";

const WHOLE: &str = r#"schema = 1

[plugins]
digests = [
    "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
]

[http]
to = [
    "http://127.0.0.1:5000",
    "https://*.corp.example.com:8443",
    "https://registry.example.com",
]
methods = ["GET", "HEAD", "PUT"]

[limits]
memory = "256MiB"
compute = "1m"
time = "15m"
requests = 10000
bytes = "10GiB"
answer = "64MiB"
written = "1GiB"
app-size = "500MiB"
compile = "1m"

[require]
audit-log = true
"#;

fn policy(text: &str) -> Policy {
    format!("schema = 1\n{text}")
        .parse()
        .unwrap_or_else(|e| panic!("{e}"))
}

fn policies(text: &str) -> Policies {
    Policies::default().with(FILE, policy(text))
}

fn named(policies: &Policies) -> Grant {
    let rules = [HIPPO, REGISTRY, FIXED].concat();
    let url = ("hippo-url", "https://hippo.example.com", ValueSource::Flag);
    let reference = ("reference", "127.0.0.1:5000/a/b", ValueSource::Flag);
    grant_under(&manifest(&rules), &[url, reference], policies)
}

#[test]
fn it_is_written_in_one_way_and_read_back() {
    let whole: Policy = WHOLE.parse().unwrap();
    assert_eq!(whole.to_string(), WHOLE);
    assert_eq!(policy("").to_string(), "schema = 1\n");
    assert_eq!(policy(""), Policy::default());
    let other =
        policy("plugins.digests = []\nhttp = { methods = [\"PUT\", \"GET\", \"PUT\"], to = [] }");
    let written = other.to_string();
    assert_eq!(
        written,
        "schema = 1\n\n[plugins]\ndigests = []\n\n[http]\nto = []\nmethods = [\"GET\", \"PUT\"]\n"
    );
    assert_eq!(written.parse::<Policy>().unwrap(), other);
}

#[rstest]
#[case("schema = 1", "", &["line 1, column 1", "write `schema = 1`"])]
#[case("schema = 1", "schema = 2", &["line 1, column 10", "schema 2", "release"])]
#[case("[require]", "[requires]", &["line 27, column 2", "unknown field `requires`", "`require`"])]
#[case("to = [", "hosts = [", &["line 9, column 1", "unknown field `hosts`", "`methods`"])]
#[case("memory", "max-memory", &["line 17, column 1", "unknown field `max-memory`", "`memory`"])]
#[case("sha256:", "sha512:", &["line 5, column 5", "`sha512:", "64 hexadecimal digits"])]
#[case("https://registry.example.com", "registry.example.com", &["line 12, column 5", "`registry.example.com`", "`https://`"])]
#[case("https://registry.example.com", "https://registry.example.com/", &["line 12, column 5", "write `https://registry.example.com`"])]
#[case("https://*.corp.example.com:8443", "https://*.corp.example.com:8443/v2", &["line 11, column 5", "write `https://*.corp.example.com:8443`"])]
#[case("https://*.corp", "https://corp*", &["line 11, column 5", "`*.`"])]
#[case("\"HEAD\"", "\"head\"", &["line 14, column 19", "`head`", "`HEAD`"])]
#[case("256MiB", "256MB", &["line 17, column 10", "`256MB`", "MiB"])]
#[case("\"15m\"", "\"15 minutos\"", &["line 19, column 8", "`15 minutos`", "`15m`"])]
#[case("\"15m\"", "\"0s\"", &["line 19, column 8", "`0s`", "nothing"])]
#[case("10000", "-1", &["line 20, column 12"])]
#[case("= true", "= \"yes\"", &["line 28, column 13", "boolean"])]
fn a_mistake_is_told_with_its_place_and_the_way_out(
    #[case] from: &str,
    #[case] to: &str,
    #[case] says: &[&str],
) {
    assert_eq!(WHOLE.matches(from).count(), 1, "{from}");
    let text = WHOLE.replace(from, to);
    let error = text.parse::<Policy>().unwrap_err().to_string();
    for part in says {
        assert!(error.contains(part), "{part} is not in: {error}");
    }
}

#[rstest]
#[case(
    "http.to = [\"https://hippo.example.com\"]",
    "GET",
    "http://127.0.0.1:5000/v2/",
    "lets nothing out to http://127.0.0.1:5000",
    "http.to"
)]
#[case(
    "http.to = [\"https://*.example.com:8443\"]",
    "GET",
    "https://hippo.example.com/api/apps",
    "lets nothing out to https://hippo.example.com",
    "http.to"
)]
#[case(
    "http.to = []",
    "GET",
    "https://hippo.example.com/api/apps",
    "lets nothing out to https://hippo.example.com",
    "http.to"
)]
#[case(
    "http.methods = [\"GET\"]",
    "PUT",
    "http://127.0.0.1:5000/v2/x",
    "lets no PUT out",
    "http.methods"
)]
#[case(
    "http.methods = []",
    "GET",
    "https://hippo.example.com/api/apps",
    "lets no GET out",
    "http.methods"
)]
fn what_is_granted_and_not_allowed_says_which_policy_and_which_line(
    #[case] text: &str,
    #[case] method: &str,
    #[case] url: &str,
    #[case] reason: &str,
    #[case] key: &str,
) {
    assert!(decide(&named(&policies("")), Phase::Deploy, method, url).is_ok());
    let grant = named(&policies(text));
    let refusal = decide(&grant, Phase::Deploy, method, url).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        format!("{method} {url}: the policy {FILE} {reason}")
    );
    let suggestion = refusal.suggestion().unwrap();
    let (who, entry) = suggestion.split_once('\n').unwrap();
    assert_eq!(
        who,
        format!("# only an administrator can add this to `{key}` of {FILE}")
    );
    // The line, added at the end of that list, lets it out.
    let (list, rest) = text.rsplit_once(']').unwrap();
    let comma = if list.ends_with('[') { "" } else { "," };
    let mended = format!("{list}{comma}\n{entry}\n]{rest}");
    let grant = named(&policies(&mended));
    assert!(decide(&grant, Phase::Deploy, method, url).is_ok());
}

/// Not the user, and not the administrator for a place that no rule leads to.
#[rstest]
#[case("GET", "https://other.example.net/x")]
#[case("DELETE", "http://127.0.0.1:5000/v2/x")]
#[case("GET", "https://eu.api.example.com/x")]
fn nobody_is_told_to_allow_what_would_still_be_refused(#[case] method: &str, #[case] url: &str) {
    let grant = named(&policies("http.to = []"));
    let refusal = decide(&grant, Phase::Deploy, method, url).unwrap_err();
    assert!(matches!(refusal, Refusal::Policy { granted: false, .. }));
    assert_eq!(refusal.suggestion(), None);
}

#[test]
fn a_default_that_a_policy_refuses_is_not_offered_to_the_user() {
    let manifest = manifest(HIPPO);
    let default = (
        "hippo-url",
        "https://hippo.example.com",
        ValueSource::Default,
    );
    let grant = grant_under(&manifest, &[default], &policies("http.to = []"));
    let refusal = decide(
        &grant,
        Phase::Deploy,
        "GET",
        "https://hippo.example.com/api/x",
    )
    .unwrap_err();
    assert!(
        !refusal.to_string().contains("name it yourself"),
        "{refusal}"
    );
    assert_eq!(refusal.suggestion(), None);
}

#[test]
fn all_policies_have_to_agree() {
    let both = policies("http.to = [\"https://hippo.example.com\"]")
        .with("/home/me/policy.toml", policy("http.methods = [\"GET\"]"));
    let grant = named(&both);
    let url = "https://hippo.example.com/api/apps";
    assert!(decide(&grant, Phase::Deploy, "GET", url).is_ok());
    let refusal = decide(&grant, Phase::Deploy, "POST", url).unwrap_err();
    assert!(refusal.to_string().contains("/home/me/policy.toml"));
    let refusal = decide(&grant, Phase::Deploy, "GET", "http://127.0.0.1:5000/v2/").unwrap_err();
    assert!(refusal.to_string().contains(FILE));
}

#[test]
fn what_the_host_itself_reads_is_under_the_policy_too() {
    let origin: Origin = "https://files.example.com".parse().unwrap();
    let credential = "registry".parse().unwrap();
    let policies = policies("http.to = [\"https://hippo.example.com\"]");
    let loading = [
        Grant::loading(origin.clone(), &[], &policies),
        Grant::loading_from_registry(origin.clone(), &[], &credential, &policies),
    ];
    for grant in loading {
        let refusal = grant
            .decide(Phase::Load, &Method::GET, &origin, "/x")
            .unwrap_err();
        assert!(refusal.to_string().contains(FILE), "{refusal}");
        assert!(refusal.suggestion().unwrap().contains("files.example.com"));
    }
    let get = |policies: &Policies, url: &str| {
        decide(&named(policies).only_reading(), Phase::Status, "GET", url).is_ok()
    };
    assert!(get(&policies, "https://hippo.example.com/api/apps"));
    let registry = "http://127.0.0.1:5000/v2/acme/shop/tags/list";
    assert!(get(&Policies::default(), registry) && !get(&policies, registry));
}

#[test]
fn only_listed_components_run() {
    let (a, b) = (
        format!("sha256:{}", "a".repeat(64)),
        format!("sha256:{}", "b".repeat(64)),
    );
    let listed = policies(&format!("plugins.digests = [\"{a}\"]"));
    assert_eq!(listed.admits(&a), Ok(()));
    for other in [b.as_str(), "", &a[7..], &a.to_uppercase()] {
        let refusal = listed.admits(other).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            format!("the policy {FILE} does not let the plugin {other} run")
        );
        assert!(refusal.help().contains("only an administrator"));
    }
    assert!(policies("plugins.digests = []").admits(&a).is_err());
    assert!(policies("").admits(&b).is_ok() && Policies::default().admits("?").is_ok());
    // A second list that does not have it.
    assert!(
        listed
            .with("/b", policy(&format!("plugins.digests = [\"{b}\"]")))
            .admits(&a)
            .is_err()
    );
}

#[test]
fn the_lowest_limit_counts_and_only_what_was_asked_for_is_an_error() {
    let size = |text: &str| text.parse::<ByteSize>().unwrap();
    let both = policies("limits = { memory = \"256MiB\", time = \"1h\" }")
        .with("/b", policy("limits = { memory = \"1GiB\", requests = 5 }"));
    let limits = both.limits();
    let memory = &limits.memory;
    assert_eq!(memory.within(None, size("512MiB")), Ok(size("256MiB")));
    assert_eq!(memory.within(None, size("1MiB")), Ok(size("1MiB")));
    assert_eq!(
        memory.within(Some(size("256MiB")), size("512MiB")),
        Ok(size("256MiB"))
    );
    let refusal = memory
        .within(Some(size("512MiB")), size("1MiB"))
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        format!("the policy {FILE} allows 256MiB for `memory` at most, not 512MiB")
    );
    assert_eq!(refusal.key(), "limits.memory");
    assert_eq!(
        refusal.help(),
        format!(
            "make do with 256MiB; only an administrator can allow more, in {FILE}:\nmemory = \"512MiB\""
        )
    );
    assert_eq!(limits.requests.within(None, 10), Ok(5));
    assert_eq!(
        limits
            .requests
            .within(Some(6), 10)
            .unwrap_err()
            .line()
            .unwrap(),
        "requests = 6"
    );
    assert_eq!(
        limits.bytes.within(Some(size("9GiB")), size("1B")),
        Ok(size("9GiB"))
    );
}

#[test]
fn whoever_needs_more_is_told_where_a_policy_ends_it() {
    let limits = policies("limits = { requests = 5, compile = \"1m\" }").limits();
    let ceiling = |given| limits.requests.ceiling(given).unwrap();
    assert_eq!(
        ceiling(5).to_string(),
        format!("the policy {FILE} allows 5 for `requests` at most")
    );
    assert!(ceiling(5).is_reached && !ceiling(4).is_reached);
    assert_eq!(limits.answer.ceiling(ByteSize(1)), None);
    let minute = std::time::Duration::from_secs(60);
    assert_eq!(limits.compile.within(None, 2 * minute), Ok(minute));
}

#[test]
fn an_audit_log_that_is_required_is_one_that_the_user_can_give() {
    let required = policies("require.audit-log = true");
    assert_eq!(required.requires_audit_log(true), Ok(()));
    let refusal = required.requires_audit_log(false).unwrap_err();
    assert_eq!(refusal.line(), None);
    assert!(refusal.help().contains("--audit-log FILE"));
    assert_eq!(
        policies("require.audit-log = false").requires_audit_log(false),
        Ok(())
    );
}

const PLACES: [&str; 5] = [
    "https://a.example.com",
    "https://b.a.example.com",
    "https://a.example.com:8443",
    "http://127.0.0.1:5000",
    "https://example.net",
];

/// A policy of few places and methods, or none, so that it often meets what a grant allows.
fn any_policy() -> impl Strategy<Value = Policy> {
    let place = prop_oneof![
        Just("https://*.example.com"),
        Just("https://*.example.com:8443"),
        prop::sample::select(&PLACES[..]),
    ];
    let to = prop::option::of(prop::collection::btree_set(
        place.prop_map(|p| p.parse().unwrap()),
        0..3,
    ));
    let method = prop::sample::select(vec![Method::GET, Method::PUT, Method::DELETE]);
    let methods = prop::option::of(prop::collection::vec(method, 0..3));
    let size = prop::option::of(any::<u64>());
    let time = prop::option::of(1u64..1 << 33);
    (to, methods, size, time, any::<bool>()).prop_map(|(to, methods, size, time, audit_log)| {
        let mut policy = Policy {
            to,
            audit_log,
            ..Policy::default()
        };
        policy.methods = methods.map(|named| {
            [Method::GET, Method::PUT, Method::DELETE]
                .into_iter()
                .filter(|m| named.contains(m))
                .collect()
        });
        policy.limits.bytes = size.map(ByteSize);
        policy.limits.time = time.map(std::time::Duration::from_secs);
        policy.limits.requests = size.filter(|size| i64::try_from(*size).is_ok());
        policy
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(policy in any_policy()) {
        prop_assert_eq!(policy.to_string().parse::<Policy>(), Ok(policy));
    }

    #[test]
    fn under_policies_nothing_goes_out_that_would_not_without(
        all in prop::collection::vec(any_policy(), 0..3),
        at in prop::sample::select(&PLACES[..]),
        method in prop::sample::select(vec!["GET", "PUT", "DELETE", "POST"]),
        phase in prop::sample::select(vec![Phase::Plan, Phase::Deploy, Phase::Load]),
        given in prop::sample::select(&PLACES[..]),
    ) {
        let mut policies = Policies::default();
        for (index, policy) in all.iter().enumerate() {
            policies = policies.with(index.to_string(), policy.clone());
        }
        let manifest = manifest(&[HIPPO, FIXED].concat());
        let value = [("hippo-url", given, ValueSource::Flag)];
        let origin: Origin = given.parse().unwrap();
        let name = "registry".parse().unwrap();
        let grants = |policies: &Policies| [
            grant_under(&manifest, &value, policies),
            Grant::loading(origin.clone(), &[], policies),
            Grant::loading_from_registry(origin.clone(), &[], &name, policies),
            grant_under(&manifest, &value, policies).only_reading(),
        ];
        for (under, without) in grants(&policies).iter().zip(&grants(&Policies::default())) {
            let url = format!("{at}/api/apps");
            let allowed = decide(without, phase, method, &url);
            let origin: Origin = at.parse().unwrap();
            let agreed = policies.allows(&method.parse().unwrap(), &origin).is_ok();
            match decide(under, phase, method, &url) {
                Ok(rule) => prop_assert_eq!(allowed.ok(), Some(rule)),
                Err(Refusal::Policy { granted, .. }) => {
                    prop_assert!(!agreed);
                    prop_assert_eq!(granted, allowed.is_ok());
                }
                Err(refusal) => prop_assert_eq!(allowed.err(), Some(refusal)),
            }
        }
    }
}
