//! What a call needs from the world.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use thiserror::Error;

use crate::{ComponentSource, Mount, Value};

/// All that one call of a plugin reaches.
#[derive(Clone)]
pub struct Ports {
    /// The application to deploy.
    pub app: Arc<dyn App>,
    /// Values of the plugin's options.
    pub options: Arc<dyn Options>,
    /// What the user watches.
    pub progress: Arc<dyn Progress>,
    /// Who signs for the plugin.
    pub signer: Arc<dyn Signer>,
    /// The way out.
    pub network: Arc<dyn Network>,
    /// The part of the file system that the plugin sees.
    pub mounts: Vec<Mount>,
}

/// The application, loaded and hashed.
pub trait App: Send + Sync {
    /// The application's name.
    fn name(&self) -> String;
    /// Its version, if it has one.
    fn version(&self) -> Option<String>;
    /// The locked application as JSON, contents by digest.
    fn locked(&self) -> String;
    /// Components and their files.
    fn components(&self) -> Vec<ComponentSource>;
    /// A content of the app, or an archive made before. Called often: looks up and does not read.
    fn open(&self, digest: &str) -> Option<ContentInfo>;
    /// The bytes of a content from `offset` on. Runs on a thread that may block.
    ///
    /// # Errors
    /// When the content cannot be opened. The reader fails, at the end at the latest, when the file behind it is not
    /// the one that was hashed. The plugin reads the error's text: one sentence, nothing about this machine.
    fn read(&self, digest: &str, offset: u64) -> io::Result<Box<dyn Read + Send>>;
    /// All files of one component as a tar+gzip, which `open` then knows. Runs on a thread that may block.
    ///
    /// # Errors
    /// One sentence for the plugin.
    fn archive(&self, component: &str) -> Result<ContentInfo, String>;
    /// Equal apps, equal fingerprint.
    fn fingerprint(&self) -> String;
}

/// A content by what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentInfo {
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: String,
    /// In bytes.
    pub size: u64,
}

/// Values of options.
pub trait Options: Send + Sync {
    /// The value of an option that the manifest declares, secrets as placeholders. A file's [`Value::Path`] is
    /// [`Mount::file_path`]. Runs on a thread that may block.
    fn get(&self, name: &str) -> Option<Value>;
}

/// What the user watches. Texts come from the plugin: cut here, to be escaped where they are shown.
pub trait Progress: Send + Sync {
    /// Something happened to a step. `id` is new for each step of a call.
    fn step(&self, id: u32, event: StepEvent);
    /// That many more bytes of contents were read by the plugin.
    fn transferred(&self, bytes: u64);
    /// The plugin wants the user to log in at `url` and type `code`. False refuses the address and ends the call.
    fn device_code(&self, url: &str, code: &str) -> bool;
    /// The plugin's first instruction is next.
    fn started(&self);
}

/// What happens to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepEvent {
    /// With its label.
    Started(String),
    /// A remark.
    Detail(String),
    /// That many more bytes will be read.
    Expect(u64),
    /// That many bytes need not be sent.
    Skip(u64),
    /// Done, with a remark.
    Done(Option<String>),
    /// Ended in any other way, a trap included.
    Failed,
}

/// Signs with keys that the plugin does not see.
pub trait Signer: Send + Sync {
    /// The Ed25519 signature of `message`, with the key of the option of this name. That nothing is signed but in a deploy
    /// is for this to see to. Runs on a thread that may block.
    ///
    /// # Errors
    /// Why not, in one sentence for the plugin.
    fn sign(&self, option: &str, message: &[u8]) -> Result<[u8; 64], String>;
}

/// A body on its way through the [`Network`], in either direction.
pub type Body = UnsyncBoxBody<Bytes, NetworkError>;

/// The way out.
#[async_trait]
pub trait Network: Send + Sync {
    /// Sends one request. Its URL, headers and body are what the plugin chose, and not checked yet.
    ///
    /// # Errors
    /// [`NetworkError`]; of a denied request the plugin may go on writing the body, which goes nowhere.
    async fn send(
        &self,
        request: ::http::Request<Body>,
        timeouts: Timeouts,
    ) -> Result<::http::Response<Body>, NetworkError>;
}

/// What the plugin asks for, clamped to the time that its call has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Until connected.
    pub connect: Option<Duration>,
    /// Until the answer begins.
    pub first_byte: Option<Duration>,
    /// Between two pieces of the answer's body.
    pub between_bytes: Option<Duration>,
}

/// Why a request failed. The plugin learns the kind only: what a connection says about this machine stays here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// Not allowed: the plugin gets `HTTP-request-denied`.
    #[error("denied")]
    Denied,
    /// The name does not resolve.
    #[error("name not resolved")]
    Dns,
    /// Nobody answers there.
    #[error("no connection")]
    Connect,
    /// The connection is not to be trusted.
    #[error("TLS failed")]
    Tls,
    /// Took too long.
    #[error("timed out")]
    Timeout,
    /// What answers does not speak HTTP.
    #[error("no HTTP")]
    NotHttp,
    /// The connection broke in the middle.
    #[error("connection broken")]
    Terminated,
    /// The answer is larger than allowed.
    #[error("too large")]
    TooLarge,
    /// Anything else. The text is not shown to the plugin.
    #[error("{0}")]
    Other(String),
}
