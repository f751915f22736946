//! The world of a call under test: every port records, and does what the test set up.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock};

use http_body_util::{BodyExt as _, Full};
use spin_deployer_sandbox::{
    App, Body, Change, ComponentSource, ContentInfo, Engine, Limits, Mount, Network, NetworkError,
    Options, Outcome, Plugin, Ports, Progress, Signer, StepEvent, Timeouts, Value, Verified,
};

/// The component of one of `tests/plugins`, built by cargo.
pub fn wasm(name: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let source = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/plugins/Cargo.toml"
        );
        let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .unwrap()
            .join("plugins");
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--locked",
                "--release",
                "--target",
                "wasm32-wasip2",
            ])
            .args(["--manifest-path", source])
            .arg("--target-dir")
            .arg(&target)
            .status()
            .unwrap();
        assert!(
            built.success(),
            "tests/plugins does not build for wasm32-wasip2"
        );
        target.join("wasm32-wasip2/release")
    });
    std::fs::read(built.join(name).with_extension("wasm")).unwrap()
}

pub static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new().unwrap());

fn plugin(name: &str) -> Plugin {
    let code = ENGINE.compile(&wasm(name), &Limits::default()).unwrap();
    ENGINE.load(Verified::new(&code).unwrap()).unwrap()
}

/// The plugin of many faults.
pub fn hostile() -> &'static Plugin {
    static HOSTILE: LazyLock<Plugin> = LazyLock::new(|| plugin("hostile"));
    &HOSTILE
}

/// The one that was built against version 0.1 of the contract.
pub fn older() -> &'static Plugin {
    static OLDER: LazyLock<Plugin> = LazyLock::new(|| plugin("older"));
    &OLDER
}

pub const DIGEST: &str = "sha256:00000000000000000000000000000000000000000000000000000000000000aa";

/// One call of the hostile plugin, and what it left behind.
pub struct World {
    pub options: BTreeMap<String, Value>,
    pub mounts: Vec<Mount>,
    pub limits: Limits,
    pub app: Arc<TestApp>,
    pub network: Arc<TestNetwork>,
    pub screen: Arc<Screen>,
    pub signer: Arc<TestSigner>,
}

impl World {
    pub fn new(behaviour: &str) -> Self {
        let app = Arc::new(TestApp::default());
        let network = Arc::new(TestNetwork {
            app: app.clone(),
            ..Default::default()
        });
        Self {
            options: BTreeMap::new(),
            mounts: vec![],
            limits: Limits::default(),
            app,
            network,
            screen: Arc::default(),
            signer: Arc::default(),
        }
        .with("behaviour", behaviour)
        .with("digest", DIGEST)
        .with("authority", "evil.example")
    }

    pub fn with(mut self, option: &str, value: &str) -> Self {
        self.options
            .insert(option.into(), Value::Text(value.into()));
        self
    }

    pub fn ports(&self) -> Ports {
        Ports {
            app: self.app.clone(),
            options: Arc::new(TestOptions(self.options.clone())),
            progress: self.screen.clone(),
            signer: self.signer.clone(),
            network: self.network.clone(),
            mounts: self.mounts.clone(),
        }
    }

    pub async fn plan(&self) -> Outcome<Vec<Change>> {
        hostile().plan(self.ports(), self.limits.clone()).await
    }

    /// What the plugin reports of itself.
    pub async fn report(&self) -> Vec<String> {
        let outcome = self.plan().await;
        let changes = outcome
            .result
            .unwrap_or_else(|e| panic!("{e}: {}", outcome.stderr));
        changes.into_iter().map(|change| change.name).collect()
    }
}

struct TestOptions(BTreeMap<String, Value>);

impl Options for TestOptions {
    fn get(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
}

/// Remembers what it was asked to sign, and says by it who signed; refuses the option `refused`.
#[derive(Default)]
pub struct TestSigner {
    pub asked: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Signer for TestSigner {
    fn sign(&self, option: &str, message: &[u8]) -> Result<[u8; 64], String> {
        let mut asked = self.asked.lock().unwrap();
        asked.push((option.to_owned(), message.to_owned()));
        match option {
            "refused" => Err("not with this one".to_owned()),
            _ => Ok([asked.len() as u8; 64]),
        }
    }
}

/// An app with one content: `size` bytes of a pattern.
#[derive(Default)]
pub struct TestApp {
    pub size: AtomicU64,
    /// Reading fails once this many bytes were read.
    pub changes_after: OnceLock<u64>,
    /// Bytes read from the content.
    pub read: Arc<AtomicU64>,
}

/// The byte at a position of the content.
pub fn pattern(position: u64) -> u8 {
    (position.wrapping_mul(2_654_435_761) >> 13) as u8
}

impl TestApp {
    fn info(&self) -> ContentInfo {
        ContentInfo {
            digest: DIGEST.into(),
            size: self.size.load(Ordering::Relaxed),
        }
    }
}

impl App for TestApp {
    fn name(&self) -> String {
        "shop".into()
    }

    fn version(&self) -> Option<String> {
        Some("1.0.0".into())
    }

    fn locked(&self) -> String {
        "{}".into()
    }

    fn components(&self) -> Vec<ComponentSource> {
        vec![ComponentSource {
            id: "web".into(),
            wasm_digest: DIGEST.into(),
            wasm_size: self.size.load(Ordering::Relaxed),
            files: vec![],
        }]
    }

    fn open(&self, digest: &str) -> Option<ContentInfo> {
        (digest == DIGEST).then(|| self.info())
    }

    fn read(&self, digest: &str, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        assert_eq!(digest, DIGEST);
        let size = self.size.load(Ordering::Relaxed);
        let changes = self.changes_after.get().copied();
        Ok(Box::new(Pattern {
            position: offset,
            size,
            changes,
            read: self.read.clone(),
        }))
    }

    fn archive(&self, component: &str) -> Result<ContentInfo, String> {
        match component {
            "web" => Ok(self.info()),
            _ => Err("no such component".into()),
        }
    }

    fn fingerprint(&self) -> String {
        "q1a2b3c4".into()
    }
}

struct Pattern {
    position: u64,
    size: u64,
    changes: Option<u64>,
    read: Arc<AtomicU64>,
}

impl Read for Pattern {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.changes.is_some_and(|changes| self.position >= changes) {
            return Err(io::Error::other(
                "`assets/a.txt` changed while it was being sent",
            ));
        }
        let left = usize::try_from(self.size - self.position).unwrap();
        let length = buffer.len().min(left);
        for byte in &mut buffer[..length] {
            *byte = pattern(self.position);
            self.position += 1;
        }
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

/// Reads every body to its end and answers 201, unless told otherwise.
#[derive(Default)]
pub struct TestNetwork {
    app: Arc<TestApp>,
    pub fails: Mutex<Option<NetworkError>>,
    pub requests: Mutex<Vec<(http::request::Parts, Timeouts)>>,
    pub received: AtomicU64,
    /// The body as it was received ended in an error.
    pub broken: Mutex<Option<NetworkError>>,
    /// The most that was read from disk and had not arrived here. In bytes.
    pub in_flight: AtomicU64,
    /// Bytes that differ from the content's.
    pub wrong: AtomicUsize,
}

#[async_trait::async_trait]
impl Network for TestNetwork {
    async fn send(
        &self,
        request: http::Request<Body>,
        timeouts: Timeouts,
    ) -> Result<http::Response<Body>, NetworkError> {
        let (parts, mut body) = request.into_parts();
        self.requests.lock().unwrap().push((parts, timeouts));
        if let Some(error) = self.fails.lock().unwrap().clone() {
            return Err(error);
        }
        while let Some(frame) = body.frame().await {
            let data = match frame {
                Ok(frame) => frame.into_data().unwrap(),
                Err(error) => {
                    *self.broken.lock().unwrap() = Some(error.clone());
                    return Err(NetworkError::Terminated);
                }
            };
            let before = self
                .received
                .fetch_add(data.len() as u64, Ordering::Relaxed);
            let wrong = (before..)
                .zip(&data)
                .filter(|(at, byte)| pattern(*at) != **byte)
                .count();
            self.wrong.fetch_add(wrong, Ordering::Relaxed);
            let read = self.app.read.load(Ordering::Relaxed);
            self.in_flight
                .fetch_max(read.saturating_sub(before), Ordering::Relaxed);
        }
        let text = Full::from("stored").map_err(|never| match never {});
        let mut response = http::Response::new(text.boxed_unsync());
        *response.status_mut() = http::StatusCode::CREATED;
        Ok(response)
    }
}

/// Remembers what it was shown.
#[derive(Default)]
pub struct Screen {
    pub steps: Mutex<Vec<(u32, StepEvent)>>,
    pub transferred: AtomicU64,
    pub codes: Mutex<Vec<(String, String)>>,
    pub started: AtomicUsize,
}

impl Progress for Screen {
    fn step(&self, id: u32, event: StepEvent) {
        self.steps.lock().unwrap().push((id, event));
    }

    fn transferred(&self, bytes: u64) {
        self.transferred.fetch_add(bytes, Ordering::Relaxed);
    }

    fn device_code(&self, url: &str, code: &str) -> bool {
        self.codes.lock().unwrap().push((url.into(), code.into()));
        url.starts_with("https://login.example/")
    }

    fn started(&self) {
        self.started.fetch_add(1, Ordering::Relaxed);
    }
}
