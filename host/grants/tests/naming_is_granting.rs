//! What the user names is what the plugin gets, and nothing else.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{FIXED, HIPPO, REGISTRY, decide, grant, grant_under, manifest, named};
use rstest::rstest;
use spin_deployer_grants::{Grant, Phase, Policies, ValueSource};

#[rstest]
#[case(Phase::Deploy, "GET", "https://hippo.example.com:8443/api/apps")]
#[case(Phase::Deploy, "POST", "https://hippo.example.com:8443/api/apps")]
#[case(Phase::Destroy, "DELETE", "https://hippo.example.com:8443/api/apps/1")]
#[case(Phase::Login, "POST", "https://hippo.example.com:8443/api/auth-tokens")]
#[case(
    Phase::Rollback,
    "POST",
    "https://hippo.example.com:8443/api/revisions"
)]
#[case(Phase::Plan, "GET", "https://hippo.example.com:8443/api/apps")]
#[case(Phase::Plan, "POST", "https://hippo.example.com:8443/api/auth-tokens")]
#[case(
    Phase::Plan,
    "HEAD",
    "http://127.0.0.1:5000/v2/acme/shop/blobs/sha256:1"
)]
#[case(
    Phase::Deploy,
    "PUT",
    "http://127.0.0.1:5000/v2/acme/shop/manifests/v1"
)]
fn a_place_that_the_user_named_is_reached(
    #[case] phase: Phase,
    #[case] method: &str,
    #[case] url: &str,
) {
    let grant = named(&[HIPPO, REGISTRY].concat());
    assert!(decide(&grant, phase, method, url).is_ok());
}

#[rstest]
// Origin before everything: another port, scheme, host or a host below.
#[case(
    Phase::Deploy,
    "GET",
    "https://hippo.example.com/api/apps",
    "the user named https://hippo.example.com:8443, not port 443"
)]
#[case(
    Phase::Deploy,
    "GET",
    "http://hippo.example.com:8443/api/apps",
    "the user named https://hippo.example.com:8443, not http"
)]
#[case(
    Phase::Deploy,
    "GET",
    "http://hippo.example.com:8080/api/apps",
    "the user named https://hippo.example.com:8443, not http at port 8080"
)]
#[case(
    Phase::Deploy,
    "GET",
    "https://a.hippo.example.com:8443/api/apps",
    "no rule of its manifest"
)]
#[case(
    Phase::Deploy,
    "GET",
    "http://localhost:5000/v2/",
    "no rule of its manifest"
)]
#[case(
    Phase::Plan,
    "PATCH",
    "https://evil.example.com/admin",
    "may not talk to https://evil.example.com"
)]
// Then the method, whatever the path and phase.
#[case(
    Phase::Plan,
    "PATCH",
    "https://hippo.example.com:8443/admin",
    "no rule allows it PATCH"
)]
#[case(
    Phase::Deploy,
    "get",
    "https://hippo.example.com:8443/api/apps",
    "no rule allows it get"
)]
#[case(
    Phase::Deploy,
    "POST",
    "http://127.0.0.1:5000/v2/acme/shop/blobs/uploads/",
    "no rule allows it POST"
)]
// Then the path, whatever the phase.
#[case(
    Phase::Plan,
    "DELETE",
    "https://hippo.example.com:8443/admin",
    "the path /admin"
)]
#[case(
    Phase::Deploy,
    "DELETE",
    "https://hippo.example.com:8443/api/../admin",
    "dot segment"
)]
#[case(
    Phase::Deploy,
    "DELETE",
    "https://hippo.example.com:8443/api/%2e%2E/admin",
    "dot segment"
)]
// Then the phase.
#[case(
    Phase::Plan,
    "DELETE",
    "https://hippo.example.com:8443/api/apps/1",
    "`plan` only reads"
)]
#[case(
    Phase::Status,
    "POST",
    "https://hippo.example.com:8443/api/apps",
    "`status` only reads"
)]
#[case(
    Phase::Login,
    "DELETE",
    "https://hippo.example.com:8443/api/apps/1",
    "`login` only reads"
)]
#[case(
    Phase::Plan,
    "PUT",
    "http://127.0.0.1:5000/v2/acme/shop/manifests/v1",
    "`plan` only reads"
)]
fn everything_else_is_refused_and_the_reason_named(
    #[case] phase: Phase,
    #[case] method: &str,
    #[case] url: &str,
    #[case] reason: &str,
) {
    let grant = named(&[HIPPO, REGISTRY].concat());
    let refusal = decide(&grant, phase, method, url).unwrap_err().to_string();
    assert!(
        refusal.contains(reason) && refusal.starts_with(&format!("{method} {url}")),
        "{refusal}"
    );
    assert!(!refusal.contains('\n'));
}

#[test]
fn a_grant_of_nothing_lets_nothing_out() {
    assert!(
        decide(
            &Grant::default(),
            Phase::Deploy,
            "GET",
            "https://hippo.example.com/api/apps"
        )
        .is_err()
    );
    assert!(
        decide(
            &named(""),
            Phase::Deploy,
            "GET",
            "https://hippo.example.com:8443/api/apps"
        )
        .is_err()
    );
}

#[rstest]
#[case(ValueSource::Flag)]
#[case(ValueSource::Environment)]
#[case(ValueSource::Configuration)]
#[case(ValueSource::Saved)]
#[case(ValueSource::Prompt)]
fn whoever_names_it_but_the_author_grants_it(#[case] source: ValueSource) {
    let grant = grant(
        &manifest(HIPPO),
        &[("hippo-url", "https://hippo.example.com", source)],
    );
    assert!(
        decide(
            &grant,
            Phase::Deploy,
            "GET",
            "https://hippo.example.com/api/apps"
        )
        .is_ok()
    );
}

#[test]
fn a_default_of_the_author_grants_nothing_and_says_how_to_name_it() {
    let url = "https://hippo.example.com/base";
    let grant = grant(
        &manifest(HIPPO),
        &[("hippo-url", url, ValueSource::Default)],
    );
    assert!(grant.rules().is_empty());
    assert!(!grant.names_host(&"hippo.example.com".parse().unwrap()));
    let refusal = decide(
        &grant,
        Phase::Deploy,
        "GET",
        "https://hippo.example.com/api/apps",
    )
    .unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("default of its option `hippo-url`"),
        "{refusal}"
    );
    assert_eq!(
        refusal.suggestion().unwrap(),
        format!("hippo-url = \"{url}\"")
    );
}

#[test]
fn a_fixed_place_is_not_granted_by_naming() {
    let refusal = decide(
        &named(FIXED),
        Phase::Deploy,
        "GET",
        "https://eu.api.example.com/x",
    )
    .unwrap_err();
    assert!(refusal.to_string().contains("nobody agreed"), "{refusal}");
    assert_eq!(refusal.suggestion(), None);
}

#[test]
fn a_rule_of_an_option_without_value_means_no_place() {
    assert!(grant(&manifest(REGISTRY), &[]).rules().is_empty());
}

#[test]
fn only_hosts_that_the_user_named_count_as_named() {
    let grant = named(&[HIPPO, REGISTRY, FIXED].concat());
    assert!(grant.names_host(&"127.0.0.1".parse().unwrap()));
    assert!(grant.names_host(&"HIPPO.example.com.".parse().unwrap()));
    for host in [
        "api.example.com",
        "x.hippo.example.com",
        "127.0.0.2",
        "localhost",
    ] {
        assert!(!grant.names_host(&host.parse().unwrap()), "{host}");
    }
}

#[test]
fn the_rule_that_allows_says_which_secrets_go_with_it() {
    let grant = named(&[HIPPO, REGISTRY].concat());
    let rule = decide(
        &grant,
        Phase::Deploy,
        "GET",
        "https://hippo.example.com:8443/api/apps",
    )
    .unwrap();
    assert_eq!(rule.sends, ["token".parse().unwrap()]);
}

#[test]
fn what_is_only_read_is_read_where_a_rule_reads_and_with_no_secret() {
    let rule = |to: &str, methods: &str, path: &str| {
        format!(
            "[[http]]\nto = \"{{{to}}}\"\nmethods = [{methods}]\npaths = [\"{path}\"]\nsends = [\"token\"]\n\
             follows = [\"routes\"]\nwhy = \"\"\n"
        )
    };
    let rules = [
        rule("hippo-url", "\"GET\", \"POST\"", "/api/**"),
        rule("hippo-url", "\"GET\"", "/healthz"),
        rule("hippo-url", "\"POST\"", "/admin"),
        rule("reference", "\"PUT\"", "/v2/**"),
    ];
    let grant = named(&rules.concat()).only_reading();
    let hippo = "https://hippo.example.com:8443";
    let allowed = |method, url: &str| decide(&grant, Phase::Status, method, url).cloned();
    for path in ["/api/apps", "/healthz"] {
        let rule = allowed("GET", &format!("{hippo}{path}")).unwrap();
        assert!(rule.sends.is_empty() && rule.follows.is_empty());
    }
    for (method, url, says) in [
        ("GET", format!("{hippo}/other"), "the path /other"),
        ("GET", format!("{hippo}/admin"), "the path /admin"),
        (
            "POST",
            format!("{hippo}/api/apps"),
            "no rule allows it POST",
        ),
        (
            "HEAD",
            format!("{hippo}/api/apps"),
            "no rule allows it HEAD",
        ),
        (
            "GET",
            "http://127.0.0.1:5000/v2/x".to_owned(),
            "no rule allows it GET",
        ),
        (
            "GET",
            "https://evil.example.com/".to_owned(),
            "no rule of its manifest",
        ),
    ] {
        let refusal = allowed(method, &url).unwrap_err().to_string();
        assert!(refusal.contains(says), "{refusal}");
    }
}

#[test]
fn another_port_of_a_named_host_is_told_with_the_option_that_named_it() {
    let grant = named(HIPPO);
    let url = "https://hippo.example.com:9000/api/apps";
    let refusal = decide(&grant, Phase::Deploy, "GET", url).unwrap_err();
    let advice = refusal.suggestion().unwrap();
    let (comment, rule) = advice.split_once('\n').unwrap();
    assert_eq!(
        comment,
        "# `hippo-url` is at https://hippo.example.com:8443; if https://hippo.example.com:9000 is meant, name that"
    );
    assert!(rule.starts_with("[[http]]"), "{rule}");
}

#[test]
fn what_even_a_plan_may_send_is_told_with_its_place() {
    let rules = [
        HIPPO,
        "[[http]]\nto = \"{reference}\"\nmethods = [\"GET\", \"POST\"]\nfollows = [\"www-authenticate\"]\nplan = [\"POST www-authenticate\"]\nwhy = \"\"\n",
        FIXED,
    ];
    let manifest = manifest(&rules.concat());
    let given = [
        ("hippo-url", "https://hippo.corp:8443/x", ValueSource::Flag),
        ("reference", "127.0.0.1:5000/a/b", ValueSource::Flag),
    ];
    let login = "POST https://hippo.corp:8443/api/auth-tokens";
    let token = "POST to the token service of http://127.0.0.1:5000";
    assert_eq!(grant(&manifest, &given).effects(), [login, token]);
    // Of a place that nobody named nothing can be sent, and nothing by a method that a policy forbids.
    assert_eq!(grant(&manifest, &given[1..]).effects(), [token]);
    let policy = "schema = 1\nhttp.methods = [\"GET\"]".parse().unwrap();
    let policies = Policies::default().with("policy.toml", policy);
    assert!(
        grant_under(&manifest, &given, &policies)
            .effects()
            .is_empty()
    );
}
