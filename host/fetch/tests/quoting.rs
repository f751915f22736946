//! An app names addresses that its author may be unable to read; what is there is not shown to whoever reads errors.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, User, answer, sha256};
use rstest::rstest;

const SECRET: &str = "hunter2";

/// What is told of this answer, whatever was asked for.
async fn told(head: &'static str, body: &'static str) -> Vec<String> {
    let server = Server::start(move |_| answer(head, body.as_bytes())).await;
    let host = server.address.to_string();
    let fetcher = User::new().fetcher();
    let url = server.url("/a").parse().unwrap();
    let errors = [
        fetcher.url(&url, &sha256(b"other")).await.unwrap_err(),
        fetcher
            .package(Some(&host), "acme:shop", "1.0.0")
            .await
            .unwrap_err(),
        fetcher
            .package(Some(&host), "acme:shop", "^1")
            .await
            .unwrap_err(),
        fetcher
            .image(&format!("{host}/a:v1").parse().unwrap())
            .await
            .unwrap_err(),
    ];
    assert!(server.count() >= errors.len());
    let told = errors.map(|error| format!("{error} {error:?} {}", error.help()));
    told.to_vec()
}

#[rstest]
#[case::forbidden("403 Forbidden", "token=hunter2")]
#[case::nothing_known("418 I'm a teapot", "<p>hunter2</p>")]
#[case::who_without_a_challenge("401 Unauthorized", "hunter2")]
#[case::who("401 Unauthorized\nwww-authenticate: Basic realm=\"x\"", "hunter2")]
#[case::absent("404 Not Found", "hunter2")]
#[case::busy("503 Service Unavailable\nretry-after: 9999", "hunter2")]
#[case::redirect("302 Found", "hunter2")]
#[case::error_of_its_own(
    "400 Bad Request",
    r#"{"errors":[{"code":"hunter2","message":"hunter2","detail":"hunter2"}]}"#
)]
#[case::text("200 OK", "hunter2")]
#[case::json("200 OK", "\"hunter2\"")]
#[tokio::test]
async fn what_the_body_of_an_answer_says_is_not_told(
    #[case] head: &'static str,
    #[case] body: &'static str,
) {
    for told in told(head, body).await {
        assert!(!told.contains(SECRET), "{told}");
    }
}

#[tokio::test]
async fn the_codes_of_the_protocol_are_told() {
    let body = r#"{"errors":[{"code":"DENIED","message":"hunter2"},{"code":"hunter2"}]}"#;
    for told in told("403 Forbidden", body).await {
        assert!(told.contains("403: DENIED"), "{told}");
        assert!(!told.contains(SECRET), "{told}");
    }
}
