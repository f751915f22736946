//! Waits until a release answers as its probes expect.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt as _;
use spin_deployer_egress::{RefusalLine, SendError, Session, Timeouts};
use spin_deployer_manifest::counted;
use spin_deployer_sandbox::{Expectation, Probe};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{Code, Error, Event, Observer};

/// A release has a handful of addresses; more are not asked.
const MOST_PROBES: usize = 16;

/// Time between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest body that a probe is compared with. In bytes.
const BODY: usize = 64 << 10;

/// What came in place of the answer that was expected.
enum Unready {
    /// The question was not let out, and never will be.
    Refused(RefusalLine),
    /// Nothing there knows the question. In words.
    Unknown(String),
    /// In words.
    Answered(String),
}

impl Unready {
    fn new(is_unknown: bool, words: String) -> Self {
        match is_unknown {
            true => Self::Unknown(words),
            false => Self::Answered(words),
        }
    }
}

/// Asks every probe until it answers as expected. `None` where there is nothing to ask or nobody wants to wait.
/// `session` is one for probes: they come from the plugin, and an address of its own choice could carry anything away.
pub(crate) async fn wait(
    probes: &[Probe],
    timeout: Duration,
    observer: &dyn Observer,
    session: &Session,
) -> Result<Option<bool>, Error> {
    if probes.is_empty() || timeout.is_zero() {
        return Ok(None);
    }
    let deadline = Instant::now() + timeout;
    for probe in probes.iter().take(MOST_PROBES) {
        observer.event(Event::Waiting {
            url: probe.url.clone(),
        });
        loop {
            let asked = Instant::now();
            let last = match timeout_at(deadline, ask(session, probe)).await {
                Ok(Ok(())) => break,
                Ok(Err(Unready::Refused(line))) => return Err(may_not_ask(line)),
                Ok(Err(Unready::Unknown(answer) | Unready::Answered(answer))) => answer,
                Err(_) => format!("GET {}: it did not answer in time", probe.url),
            };
            if asked + PAUSE >= deadline {
                return Err(not_ready(timeout, last));
            }
            sleep_until(asked + PAUSE).await;
        }
    }
    Ok(Some(true))
}

/// One question, and the other one where the first address is not known there.
async fn ask(session: &Session, probe: &Probe) -> Result<(), Unready> {
    match (
        question(session, &probe.url, Some(&probe.expect)).await,
        &probe.otherwise,
    ) {
        (Err(Unready::Unknown(_)), Some(otherwise)) => question(session, otherwise, None).await,
        (answered, _) => answered,
    }
}

/// Without an expectation every success will do. An address that nothing knows answers 404; or with a success that is no JSON,
/// where JSON is expected and an app has a route for everything.
async fn question(
    session: &Session,
    url: &str,
    expect: Option<&Expectation>,
) -> Result<(), Unready> {
    let unready = |is_unknown, why: String| Unready::new(is_unknown, format!("GET {url}: {why}"));
    let request = http::Request::get(url).body(
        http_body_util::Empty::new()
            .map_err(|never| match never {})
            .boxed_unsync(),
    );
    let request = request.map_err(|_| Unready::Refused(no_url(url)))?;
    let response = match session.send(request, Timeouts::default()).await {
        Ok(response) => response,
        Err(SendError::Refused(line)) => return Err(Unready::Refused(line)),
        Err(error) => return Err(unready(false, error.to_string())),
    };
    let status = response.status();
    let is_unknown = status == StatusCode::NOT_FOUND;
    let (pointer, expected) = match expect {
        None if status.is_success() => return Ok(()),
        Some(Expectation::Status(expected)) if status.as_u16() == *expected => return Ok(()),
        None | Some(Expectation::Status(_)) => {
            return Err(unready(is_unknown, format!("it answered {status}")));
        }
        Some(Expectation::Json((pointer, expected))) => (pointer, expected),
    };
    let body = http_body_util::Limited::new(response.into_body(), BODY)
        .collect()
        .await
        .map_err(|e| {
            let is_long = e.is::<http_body_util::LengthLimitError>() && status.is_success();
            unready(is_long, format!("its answer cannot be read: {e}"))
        })?
        .to_bytes();
    let json = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let is_unknown = is_unknown || (status.is_success() && json.is_none());
    match json.as_ref().and_then(|json| json.pointer(pointer)) {
        Some(serde_json::Value::String(found)) if found == expected => Ok(()),
        Some(found) => {
            let words = format!("`{pointer}` of its answer is {found}, not {expected:?}");
            Err(unready(is_unknown, words))
        }
        None => {
            let words = format!("it answered {status} without `{pointer}`");
            Err(unready(is_unknown, words))
        }
    }
}

/// What is not even a request.
fn no_url(url: &str) -> RefusalLine {
    RefusalLine {
        method: "GET".to_owned(),
        url: url.to_owned(),
        reason: "it is no address".to_owned(),
        suggestion: None,
    }
}

fn may_not_ask(line: RefusalLine) -> Error {
    let see = "it is deployed: see for yourself whether it answers; --readiness-timeout 0 does not wait. Where it would be \
               asked only the platform knows, once it is there";
    Error {
        sent: true,
        ..Error::new(
            Code::Denied,
            "deployed, but the plugin wants to wait for a place that may not be asked",
        )
        .detail(format!("{} {}: {}", line.method, line.url, line.reason))
        .help(match line.suggestion {
            Some(rule) => format!("{see}; what would allow it:\n{rule}"),
            None => see.to_owned(),
        })
    }
}

fn not_ready(timeout: Duration, last: String) -> Error {
    Error {
        sent: true,
        ..Error::new(
            Code::NotReady,
            format!("deployed, but not ready after {}", counted(timeout.as_secs(), "second")),
        )
        .detail(last)
        .help("look at it in a while, or wait longer with --readiness-timeout SECONDS; 0 does not wait")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use spin_deployer_egress::{Audit, AuditEntry, Config, Egress, Limits, Proxies};
    use spin_deployer_grants::{Grant, Phase, Policies, Resolved, ValueSource, Values};
    use spin_deployer_manifest::Manifest;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    struct Nothing;

    impl Audit for Nothing {
        fn record(&self, _: &AuditEntry) {}
    }

    impl Observer for Nothing {
        fn event(&self, _: Event) {}
    }

    /// Answers each connection with the next of these, the last one for ever. Returns its origin.
    async fn serve(answers: &'static [&'static str]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            for n in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.read(&mut [0; 1024]).await;
                let answer = answers[usize::min(n, answers.len() - 1)];
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        origin
    }

    /// Waits for `url` with a grant for `named`.
    async fn wait_for(
        url: String,
        named: &str,
        expect: Expectation,
        timeout: Duration,
    ) -> Result<Option<bool>, Error> {
        let probe = Probe {
            url,
            expect,
            otherwise: None,
        };
        wait_at(probe, named, timeout).await
    }

    async fn wait_at(probe: Probe, named: &str, timeout: Duration) -> Result<Option<bool>, Error> {
        let manifest: Manifest = r#"
            name = "demo"
            version = "0.1.0"
            description = "For tests"
            options = [{ name = "place", type = "url", help = "Where" }]
            http = [
                { to = "{place}", methods = ["POST"], why = "deploy" },
                { to = "{place}", methods = ["GET"], paths = ["/", "/info", "/health"], why = "look" },
            ]
        "#
        .parse()
        .unwrap();
        let value = manifest.options[0].parse(&[named.to_owned()]).unwrap();
        let named = Resolved {
            value,
            source: ValueSource::Flag,
        };
        let grant = Grant::naming(
            &manifest,
            &Values::from([("place".parse().unwrap(), named)]),
            &Policies::default(),
        );
        let egress = Egress::new(Config {
            proxies: Proxies::None,
            ..Config::default()
        });
        let deploy = egress.session(
            grant,
            Phase::Deploy,
            Arc::default(),
            Limits::default(),
            Arc::new(Nothing),
        );
        // A call has ended before anybody waits for what it deployed.
        deploy.end();
        let session = deploy.probes(Limits::default());
        wait(&[probe], timeout, &Nothing, &session).await
    }

    const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const UNKNOWN: &str =
        "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const FINE: &str = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    /// What an app with a route for everything answers.
    const APP: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    const BROKEN: &str =
        "HTTP/1.1 500 Broken\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    const LIVE: &str =
        "HTTP/1.1 200 OK\r\ncontent-length: 15\r\nconnection: close\r\n\r\n{\"version\":\"7\"}";

    #[tokio::test]
    async fn it_waits_until_the_answer_is_the_expected_one() {
        let origin = serve(&[BUSY, LIVE]).await;
        let version = Expectation::Json(("/version".to_owned(), "7".to_owned()));
        let ready = wait_for(
            format!("{origin}/info"),
            &origin,
            version,
            Duration::from_secs(30),
        )
        .await;
        assert_eq!(ready.unwrap(), Some(true));
    }

    #[tokio::test]
    async fn an_answer_that_stays_wrong_is_not_ready_and_says_what_came() {
        let origin = serve(&[BUSY]).await;
        let error = wait_for(
            origin.clone(),
            &origin,
            Expectation::Status(200),
            Duration::from_millis(50),
        )
        .await
        .unwrap_err();
        assert_eq!((error.code, error.sent), (Code::NotReady, true));
        assert!(error.detail.unwrap().contains("503"));
    }

    #[tokio::test]
    async fn a_place_that_nobody_named_is_not_asked() {
        let named = serve(&[LIVE]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let other = format!("http://{}/?data=1", listener.local_addr().unwrap());
        for unusable in ["no address", "ftp://a.example/", "/info", ""] {
            let error = wait_for(
                unusable.to_owned(),
                &named,
                Expectation::Status(200),
                Duration::from_secs(30),
            );
            assert_eq!(error.await.unwrap_err().code, Code::Denied, "{unusable}");
        }
        let error = wait_for(
            other,
            &named,
            Expectation::Status(200),
            Duration::from_secs(30),
        )
        .await
        .unwrap_err();
        assert_eq!((error.code, error.sent), (Code::Denied, true));
        assert!(error.help.unwrap().contains("--readiness-timeout 0"));
        let detail = error.detail.unwrap();
        assert!(!detail.contains("data=1"), "{detail}");
        let heard = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(heard.is_err(), "somebody connected");
    }

    #[tokio::test]
    async fn a_path_that_no_rule_reads_is_not_asked() {
        let origin = serve(&[LIVE]).await;
        let denied = wait_for(
            format!("{origin}/admin"),
            &origin,
            Expectation::Status(200),
            Duration::from_secs(30),
        );
        let detail = denied.await.unwrap_err().detail.unwrap();
        assert!(
            detail.contains("no rule allows it the path /admin"),
            "{detail}"
        );
    }

    #[tokio::test]
    async fn where_the_first_address_is_not_known_the_other_one_is_asked() {
        let wait = |answers, expect, otherwise| async move {
            let origin = serve(answers).await;
            let probe = Probe {
                url: format!("{origin}/info"),
                expect,
                otherwise: Some(format!("{origin}{otherwise}")),
            };
            wait_at(probe, &origin, Duration::from_millis(50)).await
        };
        let version = || Expectation::Json(("/version".to_owned(), "7".to_owned()));
        for expect in [version(), Expectation::Status(200)] {
            let ready = wait(&[UNKNOWN, FINE], expect, "/health").await;
            assert_eq!(ready.unwrap(), Some(true));
        }
        let ready = wait(&[APP, FINE], version(), "/health").await;
        assert_eq!(ready.unwrap(), Some(true));
        let other = || Expectation::Json(("/version".to_owned(), "8".to_owned()));
        let error = wait(&[LIVE, FINE], other(), "/health").await.unwrap_err();
        assert!(
            error
                .detail
                .unwrap()
                .contains("/info: `/version` of its answer is")
        );
        for (answers, says) in [
            (&[UNKNOWN, BUSY][..], "/health: it answered 503"),
            (&[APP, BUSY], "/health: it answered 503"),
            (
                &[BROKEN, FINE],
                "/info: it answered 500 Internal Server Error without `/version`",
            ),
            (&[BUSY, FINE], "/info: it answered 503"),
            (&[UNKNOWN, UNKNOWN], "/health: it answered 404"),
        ] {
            let error = wait(answers, version(), "/health").await.unwrap_err();
            assert_eq!(error.code, Code::NotReady);
            let detail = error.detail.unwrap();
            assert!(detail.contains(says), "{detail}");
        }
        // What is expected is expected, and the other one goes where the first may go.
        let ready = wait(&[UNKNOWN], Expectation::Status(404), "/health").await;
        assert_eq!(ready.unwrap(), Some(true));
        let error = wait(&[UNKNOWN, FINE], version(), "/admin")
            .await
            .unwrap_err();
        assert_eq!(error.code, Code::Denied);
    }

    #[tokio::test]
    async fn zero_does_not_wait() {
        let ready = wait_for(
            "http://127.0.0.1:1".into(),
            "http://127.0.0.1:1",
            Expectation::Status(200),
            Duration::ZERO,
        );
        assert_eq!(ready.await.unwrap(), None);
    }
}
