//! The list of tags, of a registry that has much to tell.

use crate::script::{Expected, Script, on, run};
use rstest::rstest;
use spin_deployer_oci::{Error, PullError, Registry};

const FIRST: &str = "GET /v2/a/b/tags/list?n=1000";

fn tags(expected: Vec<Expected>) -> Result<Vec<String>, PullError> {
    let script = Script::new(expected);
    let result = run(Registry::reading(&script, "https://reg.test", "a/b", None).tags());
    script.finished();
    result
}

fn page(request: &'static str, tags: &str, next: &str) -> Expected {
    let answer = on(request)
        .answers(200)
        .body(format!(r#"{{"name":"a/b","tags":[{tags}]}}"#));
    match next {
        "" => answer,
        next => answer.header("link", format!("<{next}>; rel=\"next\"")),
    }
}

#[test]
fn all_pages_are_read() {
    let second = "GET /v2/a/b/tags/list?last=v2&n=2";
    let third = "GET /v2/a/b/tags/list?last=v3";
    let all = tags(vec![
        page(FIRST, r#""v1","v2""#, "/v2/a/b/tags/list?last=v2&n=2"),
        page(
            second,
            r#""v3""#,
            "https://reg.test/v2/a/b/tags/list?last=v3",
        ),
        page(third, "", ""),
    ]);
    assert_eq!(all.unwrap(), ["v1", "v2", "v3"]);
    let relative = tags(vec![
        page(FIRST, r#""v1""#, "list?last=v3"),
        page(third, r#""v4""#, ""),
    ]);
    assert_eq!(relative.unwrap(), ["v1", "v4"]);
}

#[test]
fn a_repository_without_tags_has_none() {
    for body in [r#"{"name":"a/b","tags":null}"#, r#"{"name":"a/b"}"#] {
        let none = tags(vec![on(FIRST).answers(200).body(body)]);
        assert!(none.unwrap().is_empty());
    }
    let absent = tags(vec![on(FIRST).answers(404)]);
    assert!(matches!(absent, Err(PullError::NotFound { .. })));
}

#[test]
fn what_cannot_be_a_tag_is_left_out() {
    let all = tags(vec![page(
        FIRST,
        r#""../../x","v1","a b","","1.0.0+x""#,
        "",
    )]);
    assert_eq!(all.unwrap(), ["v1"]);
}

#[rstest]
#[case::host("https://evil.test/v2/a/b/tags/list?last=v1")]
#[case::scheme("http://reg.test/v2/a/b/tags/list?last=v1")]
#[case::port("https://reg.test:8443/v2/a/b/tags/list?last=v1")]
#[case::user("https://reg.test@evil.test/v2/a/b/tags/list?last=v1")]
#[case::repository("/v2/a/secret/tags/list?last=v1")]
#[case::kind("/v2/a/b/manifests/v1")]
#[case::dots("/v2/a/b/tags/list/../../manifests/v1")]
#[case::catalog("/v2/_catalog")]
#[case::network("//evil.test/v2/a/b/tags/list")]
#[case::nothing("")]
fn the_list_goes_on_where_it_began_or_not_at_all(#[case] next: &str) {
    let link = format!("<{next}>; rel=\"next\"");
    let answer = page(FIRST, r#""v1""#, "").header("link", link);
    let error = tags(vec![answer]).unwrap_err();
    assert!(matches!(error, PullError::Tags { .. }), "{error}");
}

#[test]
fn a_list_without_end_ends() {
    let more = || page(FIRST, r#""v1""#, "/v2/a/b/tags/list?n=1000");
    let error = tags((0..100).map(|_| more()).collect()).unwrap_err();
    assert!(error.to_string().contains("100 pages"), "{error}");

    let many = vec![r#""v1""#; 60_000].join(",");
    let pages = (0..2).map(|_| page(FIRST, &many, "/v2/a/b/tags/list?n=1000"));
    let error = tags(pages.collect()).unwrap_err();
    assert!(error.to_string().contains("100000"), "{error}");

    let long = format!("\"{}\"", "x".repeat(5 << 20));
    let error = tags(vec![page(FIRST, &long, "")]).unwrap_err();
    assert!(matches!(error, PullError::TooLarge { .. }), "{error}");
}

#[test]
fn what_is_no_list_is_an_error() {
    for body in ["", "<html>", r#"{"tags":"v1"}"#, r#"{"tags":[1]}"#] {
        let error = tags(vec![on(FIRST).answers(200).body(body)]).unwrap_err();
        assert!(matches!(error, PullError::Tags { .. }), "{error}");
    }
    let denied = tags(vec![on(FIRST).answers(403)]);
    assert!(matches!(denied, Err(PullError::Exchange(Error::Denied(_)))));
}
