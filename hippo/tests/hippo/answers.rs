//! Answers that are no success, and what they are taken for.

use rstest::rstest;
use spin_deployer_hippo::Error;

use crate::runner::run;
use crate::server::{Api, Server, shop};

fn answered(status: u16, body: &str) -> Error {
    let server = Server::new(Api::Plural);
    // What may pass is tried six times.
    for _ in 0..6 {
        server.script(
            "GET /base/api/apps",
            status,
            "application/problem+json",
            body,
        );
    }
    run(server.user().removal("shop", "shop")).unwrap_err()
}

#[test]
fn every_complaint_of_a_validation_is_kept() {
    let body = r#"{"title":"One or more validation errors occurred.","status":400,
        "errors":{"Domain":["in use","too\nlong"],"Name":["no"]}}"#;
    let error = answered(400, body);
    assert!(
        error
            .to_string()
            .ends_with("answered 400: Domain: in use; Domain: too long; Name: no")
    );
    let Error::Invalid { problems, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(problems.len(), 3);
    assert_eq!(problems[1].property, "Domain");
}

#[rstest]
#[case(
    403,
    r#"{"title":"Forbidden","detail":"only administrators"}"#,
    "Denied"
)]
#[case(500, "", "Broken")]
#[case(503, "", "Busy")]
#[case(418, "a teapot", "Nonsense")]
#[case(302, "", "Nonsense")]
fn a_status_has_its_meaning(#[case] status: u16, #[case] body: &str, #[case] expected: &str) {
    let error = format!("{:?}", answered(status, body));
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn what_hippo_says_reaches_the_user_on_one_short_line() {
    let error = answered(
        403,
        &format!(
            "{{\"title\":\"a\\nb\",\"detail\":\"{}\"}}",
            "x".repeat(9_999)
        ),
    );
    let text = error.to_string();
    assert!(
        text.contains("answered 403: a b xxx") && text.len() < 500,
        "{text}"
    );
}

#[test]
fn an_answer_that_passes_is_waited_for() {
    let server = Server::new(Api::Plural);
    server.script("GET /base/api/apps", 503, "", "");
    server.script("GET /base/healthz", 404, "", "");
    run(server.user().survey(&shop("1.0.0"))).unwrap();
}
