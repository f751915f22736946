//! A refusal says what would help, and that does help.
#![allow(clippy::unwrap_used)]

mod fixture;

use fixture::{HIPPO, decide, named};
use rstest::rstest;
use spin_deployer_grants::{Phase, Refusal};

/// The advice is good: pasted in place of the rule, or beside it, it lets the refused request out.
#[rstest]
#[case(Phase::Deploy, "GET", "https://other.example.com/x", true)]
#[case(Phase::Deploy, "PUT", "https://hippo.example.com:8443/api/apps", false)]
#[case(Phase::Deploy, "GET", "https://hippo.example.com:8443/healthz", false)]
#[case(
    Phase::Plan,
    "DELETE",
    "https://hippo.example.com:8443/api/apps/1",
    false
)]
#[case(
    Phase::Plan,
    "PUT",
    "https://hippo.example.com:8443/other/'quoted'",
    false
)]
fn the_suggested_rule_is_one_that_helps(
    #[case] phase: Phase,
    #[case] method: &str,
    #[case] url: &str,
    #[case] fixed: bool,
) {
    let refusal = decide(&named(HIPPO), phase, method, url).unwrap_err();
    let rule = refusal.suggestion().unwrap();
    let mended = decide(&named(&rule), phase, method, url).map(|_| ());
    if fixed {
        assert!(matches!(mended, Err(Refusal::NotNamed { .. })), "{rule}");
    } else {
        assert_eq!(mended, Ok(()), "{rule}");
        assert!(
            rule.contains("sends = [\"token\"]") && rule.contains("POST /api/auth-tokens"),
            "{rule}"
        );
    }
}

#[test]
fn no_rule_is_suggested_that_a_manifest_could_not_have() {
    let refusal = decide(
        &named(HIPPO),
        Phase::Deploy,
        "GET",
        "http://plain.example.com/x",
    )
    .unwrap_err();
    assert_eq!(refusal.suggestion(), None);
    let refusal = decide(
        &named(HIPPO),
        Phase::Deploy,
        "GET",
        "https://hippo.example.com:8443/api/%2e%2e/x",
    )
    .unwrap_err();
    assert_eq!(refusal.suggestion(), None);
}
