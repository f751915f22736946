//! Connects the sandbox's ports to the app, the observer and the way out.

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::BodyExt as _;
use spin_deployer_app::App;
use spin_deployer_egress::{SendError, Session};
use spin_deployer_sandbox as sandbox;
use spin_deployer_sandbox::{ContentInfo, NetworkError, StepEvent};

use crate::audit::{AuditLog, Line};
use crate::{Environment, Event, Observer};

/// The app, read natively.
pub(crate) struct AppPort(pub(crate) Arc<App>);

impl sandbox::App for AppPort {
    fn name(&self) -> String {
        self.0.name().to_owned()
    }

    fn version(&self) -> Option<String> {
        self.0.version().map(str::to_owned)
    }

    fn locked(&self) -> String {
        self.0.portable().to_owned()
    }

    fn components(&self) -> Vec<sandbox::ComponentSource> {
        self.0
            .components()
            .iter()
            .map(|component| sandbox::ComponentSource {
                id: component.id.clone(),
                wasm_digest: component.wasm_digest.clone(),
                wasm_size: component.wasm_size,
                files: component
                    .files
                    .iter()
                    .map(|file| sandbox::File {
                        path: file.path.clone(),
                        digest: file.digest.clone(),
                        size: file.size,
                    })
                    .collect(),
            })
            .collect()
    }

    fn open(&self, digest: &str) -> Option<ContentInfo> {
        let content = self.0.content(digest)?;
        Some(ContentInfo { digest: content.digest.clone(), size: content.size })
    }

    fn read(&self, digest: &str, offset: u64) -> std::io::Result<Box<dyn Read + Send>> {
        let content = self.0.content(digest).ok_or(std::io::ErrorKind::NotFound)?;
        Ok(Box::new(content.open(offset).map_err(std::io::Error::other)?))
    }

    fn archive(&self, component: &str) -> Result<ContentInfo, String> {
        let content = self.0.archive(component).map_err(|e| e.to_string())?;
        Ok(ContentInfo { digest: content.digest.clone(), size: content.size })
    }

    fn fingerprint(&self) -> String {
        self.0.fingerprint().to_owned()
    }
}

/// Values of the options, secrets as placeholders.
pub(crate) struct OptionsPort(pub(crate) std::collections::BTreeMap<String, sandbox::Value>);

impl sandbox::Options for OptionsPort {
    fn get(&self, name: &str) -> Option<sandbox::Value> {
        self.0.get(name).cloned()
    }
}

/// Passes steps on to the observer, and counts.
pub(crate) struct ProgressPort {
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) audit: Arc<AuditLog>,
    pub(crate) started: std::time::Instant,
    pub(crate) counts: Arc<Counts>,
}

/// What a command has moved so far.
#[derive(Default)]
pub(crate) struct Counts {
    transferred: AtomicU64,
    skipped: AtomicU64,
    /// Labels of running steps, and of those that are done.
    steps: Mutex<Steps>,
}

#[derive(Default)]
struct Steps {
    running: std::collections::BTreeMap<u32, String>,
    done: Vec<String>,
}

impl Counts {
    pub(crate) fn transferred(&self) -> u64 {
        self.transferred.load(Ordering::Relaxed)
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    pub(crate) fn steps_done(&self) -> Vec<String> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).done.clone()
    }

    fn step(&self, id: u32, event: &StepEvent) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            StepEvent::Started(label) => {
                steps.running.insert(id, label.clone());
            }
            StepEvent::Done(_) => {
                let done = steps.running.remove(&id);
                steps.done.extend(done);
            }
            StepEvent::Failed => {
                steps.running.remove(&id);
            }
            StepEvent::Skip(bytes) => {
                self.skipped.fetch_add(*bytes, Ordering::Relaxed);
            }
            StepEvent::Detail(_) | StepEvent::Expect(_) => {}
        }
    }
}

impl sandbox::Progress for ProgressPort {
    fn step(&self, id: u32, event: StepEvent) {
        self.counts.step(id, &event);
        self.observer.event(match event {
            StepEvent::Started(label) => Event::StepStarted { id, label },
            StepEvent::Detail(text) => Event::StepDetail { id, text },
            StepEvent::Expect(bytes) => Event::StepExpect { id, bytes },
            StepEvent::Skip(bytes) => Event::StepSkip { id, bytes },
            StepEvent::Done(text) => Event::StepDone { id, text },
            StepEvent::Failed => Event::StepFailed { id },
        });
    }

    fn transferred(&self, bytes: u64) {
        self.counts.transferred.fetch_add(bytes, Ordering::Relaxed);
        self.observer.event(Event::Transferred { bytes });
    }

    fn device_code(&self, url: &str, code: &str) -> bool {
        // No plugin of today logs in; an address is shown once there is a rule to check it against.
        let _ = (url, code);
        false
    }

    fn started(&self) {
        let after = self.started.elapsed();
        self.audit.line(&Line::Started { milliseconds: after.as_secs_f64() * 1000.0 });
        self.observer.event(Event::PluginStarted { after });
    }
}

impl ProgressPort {
    pub(crate) fn new(
        environment: &Environment,
        observer: Arc<dyn Observer>,
        audit: Arc<AuditLog>,
        counts: Arc<Counts>,
    ) -> Self {
        Self { observer, audit, started: environment.started, counts }
    }
}

/// The way out.
pub(crate) struct NetworkPort(pub(crate) Arc<Session>);

#[async_trait::async_trait]
impl sandbox::Network for NetworkPort {
    async fn send(
        &self,
        request: http::Request<sandbox::Body>,
        timeouts: sandbox::Timeouts,
    ) -> Result<http::Response<sandbox::Body>, NetworkError> {
        let request = request.map(|body| body.map_err(spin_deployer_egress::BodyError::new).boxed_unsync());
        let timeouts = spin_deployer_egress::Timeouts {
            connect: timeouts.connect,
            first_byte: timeouts.first_byte,
            between_bytes: timeouts.between_bytes,
        };
        let response = self.0.send(request, timeouts).await.map_err(network_error)?;
        Ok(response.map(|body| body.map_err(|e| NetworkError::Other(e.to_string())).boxed_unsync()))
    }
}

fn network_error(error: SendError) -> NetworkError {
    match error {
        SendError::Refused(_) => NetworkError::Denied,
        SendError::Dns { .. } => NetworkError::Dns,
        SendError::Connect { .. } => NetworkError::Connect,
        SendError::Tls { .. } => NetworkError::Tls,
        SendError::Timeout { .. } => NetworkError::Timeout,
        SendError::TooLarge { .. } => NetworkError::TooLarge,
        other => NetworkError::Other(other.to_string()),
    }
}
