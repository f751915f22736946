//! Connects the sandbox's ports to the app, the observer and the way out.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::BodyExt as _;
use spin_deployer_app::{App, Content, Identity};
use spin_deployer_egress::{BodyError, Limit, LimitKind, RefusalLine, SendError, Session};
use spin_deployer_grants::Grant;
use spin_deployer_manifest::Origin;
use spin_deployer_sandbox as sandbox;
use spin_deployer_sandbox::{ContentInfo, NetworkError, StepEvent};

use crate::audit::{AuditLog, Line};
use crate::{Event, Observer};

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
        Some(info(&content))
    }

    fn read(&self, digest: &str, offset: u64) -> std::io::Result<Box<dyn Read + Send>> {
        let content = self.0.content(digest).ok_or(std::io::ErrorKind::NotFound)?;
        Ok(Box::new(
            content.open(offset).map_err(std::io::Error::other)?,
        ))
    }

    fn archive(&self, component: &str) -> Result<ContentInfo, String> {
        let content = self.0.archive(component).map_err(|e| e.to_string())?;
        Ok(info(&content))
    }

    fn fingerprint(&self) -> String {
        self.0.fingerprint().to_owned()
    }
}

/// Only who the app is: for calls that ask about releases, which need neither its Wasm nor its files.
pub(crate) struct IdentityPort(pub(crate) Identity);

impl sandbox::App for IdentityPort {
    fn name(&self) -> String {
        self.0.name.clone()
    }

    fn version(&self) -> Option<String> {
        self.0.version.clone()
    }

    fn locked(&self) -> String {
        "{}".to_owned()
    }

    fn components(&self) -> Vec<sandbox::ComponentSource> {
        Vec::new()
    }

    fn open(&self, _: &str) -> Option<ContentInfo> {
        None
    }

    fn read(&self, _: &str, _: u64) -> std::io::Result<Box<dyn Read + Send>> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn archive(&self, _: &str) -> Result<ContentInfo, String> {
        Err("contents are there for `plan` and `deploy` only".to_owned())
    }

    fn fingerprint(&self) -> String {
        String::new()
    }
}

fn info(content: &Content) -> ContentInfo {
    ContentInfo {
        digest: content.digest().to_owned(),
        size: content.size(),
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
    /// Where the plugin may send the user to log in.
    pub(crate) grant: Grant,
}

/// What a command has moved so far.
#[derive(Default)]
pub(crate) struct Counts {
    transferred: AtomicU64,
    skipped: AtomicU64,
    /// Labels of running steps, and of those that are done.
    steps: Mutex<Steps>,
}

/// A plugin may make steps without end, and they are only told to somebody who interrupts it.
const MOST_STEPS: usize = 100;

#[derive(Default)]
struct Steps {
    running: std::collections::BTreeMap<u32, String>,
    /// The last ones, oldest first.
    done: VecDeque<String>,
}

impl Counts {
    pub(crate) fn transferred(&self) -> u64 {
        self.transferred.load(Ordering::Relaxed)
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    pub(crate) fn steps_done(&self) -> Vec<String> {
        self.steps
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .done
            .iter()
            .cloned()
            .collect()
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
                if steps.done.len() > MOST_STEPS {
                    steps.done.pop_front();
                }
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
        let granted = url.parse::<http::Uri>().ok().and_then(|uri| {
            let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
            origin.parse::<Origin>().ok()
        });
        let granted = granted.is_some_and(|origin| {
            self.grant
                .rules()
                .iter()
                .any(|rule| rule.to.matches(&origin))
        });
        if granted {
            self.observer.event(Event::DeviceCode {
                url: url.to_owned(),
                code: code.to_owned(),
            });
        }
        granted
    }

    fn started(&self) {
        let after = self.started.elapsed();
        self.audit.line(&Line::Started {
            milliseconds: after.as_secs_f64() * 1000.0,
        });
        self.observer.event(Event::PluginStarted { after });
    }
}

/// How a request ended. The host knows it better than the plugin, which learns only what kind of failure it was.
#[derive(Clone, Default)]
pub(crate) enum Last {
    #[default]
    Answered,
    /// Not let out.
    Refused(RefusalLine),
    /// It broke a limit.
    Limit(Limit),
    /// It brought no answer, or not all of it, in the host's words.
    Failed(String),
}

/// How the last request ended that has ended.
#[derive(Clone, Default)]
struct Ending(Arc<Mutex<Last>>);

impl Ending {
    fn get(&self) -> Last {
        self.lock().clone()
    }

    /// Without requests, bytes or time nothing goes on, and whatever comes after is because of that.
    fn set(&self, new: Last) {
        let mut last = self.lock();
        if !matches!(&*last, Last::Limit(limit) if limit.kind.is_final()) {
            *last = new;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way out.
pub(crate) struct NetworkPort {
    session: Arc<Session>,
    last: Ending,
    /// Whether a request got as far as a connection.
    sent: AtomicBool,
}

impl NetworkPort {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self {
            session,
            last: Ending::default(),
            sent: AtomicBool::new(false),
        }
    }

    /// Whether anything has left the machine.
    pub(crate) fn sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// How the last request ended.
    pub(crate) fn last(&self) -> Last {
        self.last.get()
    }

    /// The last request, if it was not let out.
    pub(crate) fn last_refusal(&self) -> Option<RefusalLine> {
        match self.last() {
            Last::Refused(line) => Some(line),
            _ => None,
        }
    }

    fn failed(&self, error: SendError) -> NetworkError {
        self.last.set(match &error {
            SendError::Refused(line) => Last::Refused(line.clone()),
            SendError::Limit { limit, .. } => Last::Limit(*limit),
            other => Last::Failed(other.to_string()),
        });
        match error {
            SendError::Refused(_) => NetworkError::Denied,
            SendError::Limit { limit, .. } => limit_error(limit.kind),
            SendError::Dns { .. } => NetworkError::Dns,
            SendError::Connect { .. } => NetworkError::Connect,
            SendError::Tls { .. } => NetworkError::Tls,
            SendError::Timeout { .. } => NetworkError::Timeout,
            SendError::TooLarge { .. } => NetworkError::TooLarge,
            SendError::Protocol { .. } => NetworkError::Terminated,
            SendError::NotHttp { .. } => NetworkError::NotHttp,
            error @ SendError::Opaque { .. } => NetworkError::Other(error.to_string()),
            SendError::Body(error) => NetworkError::Other(error.to_string()),
            SendError::Setup(error) => NetworkError::Other(error.to_string()),
        }
    }
}

#[async_trait::async_trait]
impl sandbox::Network for NetworkPort {
    async fn send(
        &self,
        request: http::Request<sandbox::Body>,
        timeouts: sandbox::Timeouts,
    ) -> Result<http::Response<sandbox::Body>, NetworkError> {
        let request =
            request.map(|body| body.map_err(|e| BodyError::Source(e.into())).boxed_unsync());
        let timeouts = spin_deployer_egress::Timeouts {
            connect: timeouts.connect,
            first_byte: timeouts.first_byte,
            between_bytes: timeouts.between_bytes,
        };
        let answer = self.session.send(request, timeouts).await;
        let stayed_here = matches!(
            answer,
            Err(SendError::Refused(_)
                | SendError::Limit { sent: false, .. }
                | SendError::Dns { .. }
                | SendError::Connect { .. }
                | SendError::Tls { .. }
                | SendError::Setup(_))
        );
        if !stayed_here {
            self.sent.store(true, Ordering::Relaxed);
        }
        let response = answer.map_err(|e| self.failed(e))?;
        self.last.set(Last::Answered);
        let last = self.last.clone();
        Ok(response.map(|body| {
            body.map_err(move |error| body_error(error, &last))
                .boxed_unsync()
        }))
    }
}

fn body_error(error: BodyError, last: &Ending) -> NetworkError {
    last.set(match &error {
        BodyError::Limit(limit) => Last::Limit(*limit),
        other => Last::Failed(other.to_string()),
    });
    match error {
        BodyError::Limit(limit) => limit_error(limit.kind),
        BodyError::Timeout { .. } => NetworkError::Timeout,
        BodyError::Connection(_) => NetworkError::Terminated,
        other => NetworkError::Other(other.to_string()),
    }
}

/// What the plugin learns. None of these is worth trying again.
fn limit_error(kind: LimitKind) -> NetworkError {
    match kind {
        LimitKind::Requests | LimitKind::Bytes => NetworkError::Denied,
        LimitKind::Answer | LimitKind::Headers => NetworkError::TooLarge,
        LimitKind::Time => NetworkError::Timeout,
    }
}
