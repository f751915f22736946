//! Waits until a release answers as its probes expect.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use spin_deployer_egress::{Session, Timeouts};
use spin_deployer_manifest::Origin;
use spin_deployer_sandbox::{Expectation, Probe};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{Code, Error, Event, Observer};

/// A release has a handful of addresses; more are not asked.
const MOST_PROBES: usize = 16;

/// Time between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// The longest body that a probe is compared with. In bytes.
const BODY: usize = 64 << 10;

/// Asks every probe until it answers as expected. `None` where there is nothing to ask or nobody wants to wait.
/// `session` makes the session through which one origin may be read, if it is granted: probes come from the plugin, and
/// an address of its own choice could carry anything away.
pub(crate) async fn wait(
    probes: &[Probe],
    timeout: Duration,
    observer: &dyn Observer,
    session: impl Fn(Origin) -> Option<Arc<Session>>,
) -> Result<Option<bool>, Error> {
    if probes.is_empty() || timeout.is_zero() {
        return Ok(None);
    }
    let deadline = Instant::now() + timeout;
    for probe in probes.iter().take(MOST_PROBES) {
        observer.event(Event::Waiting {
            url: probe.url.clone(),
        });
        let session = session(origin(probe)?).ok_or_else(|| Error {
            sent: true,
            ..Error::new(
                Code::Denied,
                "deployed, but the plugin wants to wait for a place that nobody named",
            )
            .detail(format!("GET {}", probe.url))
        })?;
        loop {
            let asked = Instant::now();
            let last = match timeout_at(deadline, ask(&session, probe)).await {
                Ok(Ok(())) => break,
                Ok(Err(answer)) => answer,
                Err(_) => "it did not answer in time".to_owned(),
            };
            if asked + PAUSE >= deadline {
                return Err(not_ready(probe, timeout, last));
            }
            sleep_until(asked + PAUSE).await;
        }
    }
    Ok(Some(true))
}

fn origin(probe: &Probe) -> Result<Origin, Error> {
    let uri = probe.url.parse::<http::Uri>().ok();
    let origin = uri.and_then(|uri| {
        format!("{}://{}", uri.scheme_str()?, uri.authority()?)
            .parse::<Origin>()
            .ok()
    });
    origin.ok_or_else(|| Error {
        sent: true,
        ..Error::new(
            Code::Failed,
            "deployed, but the plugin names no usable address to wait for",
        )
        .detail(probe.url.clone())
    })
}

/// One question. The error says what came instead.
async fn ask(session: &Session, probe: &Probe) -> Result<(), String> {
    let request = http::Request::get(&probe.url)
        .body(
            http_body_util::Empty::new()
                .map_err(|never| match never {})
                .boxed_unsync(),
        )
        .map_err(|e| e.to_string())?;
    let response = session
        .send(request, Timeouts::default())
        .await
        .map_err(|e| e.to_string())?;
    let status = response.status();
    match &probe.expect {
        Expectation::Status(expected) if status.as_u16() == *expected => Ok(()),
        Expectation::Status(_) => Err(format!("it answered {status}")),
        Expectation::Json((pointer, expected)) => {
            let body = http_body_util::Limited::new(response.into_body(), BODY)
                .collect()
                .await
                .map_err(|e| format!("its answer cannot be read: {e}"))?
                .to_bytes();
            let found = serde_json::from_slice::<serde_json::Value>(&body)
                .ok()
                .and_then(|json| json.pointer(pointer).cloned());
            match found {
                Some(serde_json::Value::String(found)) if found == *expected => Ok(()),
                Some(found) => Err(format!(
                    "`{pointer}` of its answer is {found}, not {expected:?}"
                )),
                None => Err(format!("it answered {status} without `{pointer}`")),
            }
        }
    }
}

fn not_ready(probe: &Probe, timeout: Duration, last: String) -> Error {
    Error {
        sent: true,
        ..Error::new(
            Code::NotReady,
            format!("deployed, but not ready after {} seconds", timeout.as_secs()),
        )
        .detail(format!("GET {}: {last}", probe.url))
        .help("look at it in a while, or wait longer with --readiness-timeout SECONDS; 0 does not wait")
    }
}

#[cfg(test)]
mod tests {
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
        let manifest: Manifest = r#"
            name = "demo"
            version = "0.1.0"
            description = "For tests"
            options = [{ name = "place", type = "url", help = "Where" }]
            http = [{ to = "{place}", methods = ["GET"], why = "deploy" }]
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
        let session = |origin| {
            let grant = grant.only_reading(origin)?;
            Some(egress.session(
                grant,
                Phase::Status,
                Arc::default(),
                Limits::default(),
                Arc::new(Nothing),
            ))
        };
        let probe = Probe { url, expect };
        wait(&[probe], timeout, &Nothing, session).await
    }

    const BUSY: &str = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
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
        let error = wait_for(
            other,
            &named,
            Expectation::Status(200),
            Duration::from_secs(30),
        )
        .await
        .unwrap_err();
        assert_eq!(error.code, Code::Denied);
        let heard = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(heard.is_err(), "somebody connected");
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
