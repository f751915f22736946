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
