//! Who is asking, and what a registry is asked before anything is sent.

use std::time::Duration;

use crate::script::{Expected, Script, on, run};
use spin_deployer_oci::{Credential, Digest, Error, Registry};

const CHALLENGE: &str =
    r#"Bearer realm="https://auth.test/token?x=1",service="reg.test",scope="repository:a/b:pull""#;
const TOKEN_URL: &str =
    "GET https://auth.test/token?x=1&service=reg.test&scope=repository%3Aa/b%3Apull%2Cpush";
const TOKEN_URL_OF_USER: &str = "GET https://auth.test/token?x=1&service=reg.test&account=user&scope=repository%3Aa/b%3Apull%2Cpush";

fn password() -> Option<Credential> {
    Some(Credential::Password("user".to_owned(), "secret".to_owned()))
}

fn head() -> Expected {
    on("HEAD /v2/a/b/blobs/sha256:*")
}

fn challenged() -> Expected {
    head()
        .with("authorization", "")
        .answers(401)
        .header("www-authenticate", CHALLENGE)
}

fn ask(credential: Option<Credential>, times: usize, expected: Vec<Expected>) -> Result<(), Error> {
    let script = Script::new(expected);
    let registry = Registry::new(&script, "https://reg.test", "a/b", credential, &[]);
    let result = (0..times).try_for_each(|_| run(registry.blob(&Digest::of(b""))).map(drop));
    script.finished();
    result
}

#[test]
fn an_anonymous_token_is_fetched_once_and_used_again() {
    ask(
        None,
        2,
        vec![
            challenged(),
            on(TOKEN_URL)
                .with("authorization", "")
                .answers(200)
                .body(r#"{"token":"t1"}"#),
            head().with("authorization", "Bearer t1").answers(200),
            head().with("authorization", "Bearer t1").answers(200),
        ],
    )
    .unwrap();
}

#[test]
fn a_password_buys_a_token_that_is_renewed_when_it_is_refused() {
    let token = |token: &str| {
        on(TOKEN_URL_OF_USER)
            .with("authorization", "Basic dXNlcjpzZWNyZXQ=")
            .answers(200)
            .body(format!(r#"{{"access_token":"{token}","expires_in":300}}"#))
    };
    ask(
        password(),
        2,
        vec![
            challenged(),
            token("t1"),
            head().with("authorization", "Bearer t1").answers(200),
            head()
                .with("authorization", "Bearer t1")
                .answers(401)
                .header("www-authenticate", CHALLENGE),
            token("t2"),
            head().with("authorization", "Bearer t2").answers(404),
        ],
    )
    .unwrap();
}

#[test]
fn a_token_that_ends_soon_is_renewed_before_it_is_refused() {
    ask(
        None,
        2,
        vec![
            challenged(),
            on(TOKEN_URL)
                .answers(200)
                .body(r#"{"token":"t1","expires_in":5}"#),
            head().with("authorization", "Bearer t1").answers(200),
            on(TOKEN_URL).answers(200).body(r#"{"token":"t2"}"#),
            head().with("authorization", "Bearer t2").answers(200),
        ],
    )
    .unwrap();
}

#[test]
fn an_identity_token_is_posted_and_nothing_of_it_is_in_the_url() {
    let form = "service=reg.test&scope=repository%3Aa/b%3Apull%2Cpush&grant_type=refresh_token&client_id=spin-deployer&refresh_token=r%2Bt";
    ask(
        Some(Credential::IdentityToken("r+t".to_owned())),
        1,
        vec![
            challenged(),
            on("POST https://auth.test/token?x=1")
                .with_body(0, form.len() as u64)
                .with("content-type", "application/x-www-form-urlencoded")
                .answers(200)
                .body(r#"{"access_token":"t1"}"#),
            head().with("authorization", "Bearer t1").answers(200),
        ],
    )
    .unwrap();
}

#[test]
fn a_wrong_password_is_an_error_that_says_so() {
    let basic = r#"Basic realm="x""#;
    let error = ask(
        password(),
        1,
        vec![
            head().answers(401).header("www-authenticate", basic),
            head()
                .with("authorization", "Basic dXNlcjpzZWNyZXQ=")
                .answers(401)
                .header("www-authenticate", basic),
        ],
    )
    .unwrap_err();
    assert!(matches!(
        error,
        Error::Unauthorized {
            credential: true,
            ..
        }
    ));

    for status in [401, 403, 400] {
        let refused = vec![challenged(), on(TOKEN_URL_OF_USER).answers(status)];
        let error = ask(password(), 1, refused).unwrap_err();
        assert!(
            matches!(
                error,
                Error::Unauthorized {
                    credential: true,
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn without_a_credential_the_error_asks_for_one() {
    let basic = head()
        .answers(401)
        .header("www-authenticate", r#"Basic realm="x""#);
    let error = ask(None, 1, vec![basic]).unwrap_err();
    assert!(matches!(
        error,
        Error::Unauthorized {
            credential: false,
            ..
        }
    ));
}

#[test]
fn who_is_known_and_still_refused_lacks_the_right() {
    let refused = || {
        head()
            .with("authorization", "Bearer t")
            .answers(401)
            .header("www-authenticate", CHALLENGE)
    };
    let error = ask(
        password(),
        1,
        vec![
            challenged(),
            on(TOKEN_URL_OF_USER).answers(200).body(r#"{"token":"t"}"#),
            refused(),
        ],
    )
    .unwrap_err();
    assert!(matches!(error, Error::Denied(_)));
}

#[test]
fn nonsense_in_place_of_a_challenge_or_a_token_is_named_and_not_quoted() {
    let error = ask(None, 1, vec![head().answers(401)])
        .unwrap_err()
        .to_string();
    assert!(error.contains("WWW-Authenticate"), "{error}");
    let realm = head()
        .answers(401)
        .header("www-authenticate", r#"Bearer realm="/token""#);
    let error = ask(None, 1, vec![realm]).unwrap_err().to_string();
    assert!(error.contains("realm"), "{error}");
    let half = vec![
        challenged(),
        on(TOKEN_URL).answers(200).body(r#"{"token":"half-a-to"#),
    ];
    let error = ask(None, 1, half).unwrap_err().to_string();
    assert!(
        error.contains("GET https://auth.test/token") && !error.contains("half-a-to"),
        "{error}"
    );
}

#[test]
fn the_secret_parts_of_a_credential_are_in_no_debug_output() {
    let shown = format!(
        "{:?} {:?}",
        password(),
        Credential::IdentityToken("secret".to_owned())
    );
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn a_blob_behind_a_redirect_is_there() {
    let script = Script::new([head().answers(307).header("location", "https://cdn.test/x")]);
    let registry = Registry::new(&script, "https://reg.test", "a/b", None, &[]);
    assert!(run(registry.blob(&Digest::of(b""))).unwrap());
}

#[test]
fn parallel_requests_fetch_one_token() {
    let script = Script::new([
        challenged(),
        challenged(),
        on(TOKEN_URL).answers(200).body(r#"{"token":"t"}"#),
        head().with("authorization", "Bearer t").answers(200),
        head().with("authorization", "Bearer t").answers(200),
    ]);
    let yielding = Yielding(&script);
    let registry = Registry::new(&yielding, "https://reg.test", "a/b", None, &[]);
    let digest = Digest::of(b"");
    let both = futures_util::future::try_join(registry.blob(&digest), registry.blob(&digest));
    run(both).unwrap();
    script.finished();
}

/// Lets other futures run before each request, as a network does.
struct Yielding<'a>(&'a Script);

impl spin_deployer_oci::Transport for &Yielding<'_> {
    async fn send(
        &self,
        request: spin_deployer_oci::Request<'_>,
    ) -> Result<spin_deployer_oci::Response, spin_deployer_oci::TransportError> {
        let mut yielded = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut yielded, true) {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
        self.0.send(request).await
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }

    fn now(&self) -> std::time::SystemTime {
        self.0.now()
    }
}
