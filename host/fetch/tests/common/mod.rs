//! A server that does what a test says and counts, the registry that everybody runs, and a fetcher with its own cache.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

pub mod registry;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use spin_deployer_egress::{Audit, AuditEntry, Config, Egress, Environment, Proxies};
use spin_deployer_fetch::{Bounds, FetchError, Fetcher, Progress, Setup};
use spin_deployer_grants::Policies;
use spin_deployer_oci::Digest;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// One request as it came over the wire.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// N of `Range: bytes=N-`.
    pub fn from(&self) -> usize {
        let range = self.header("range").strip_prefix("bytes=");
        range.map_or(0, |r| r.trim_end_matches('-').parse().unwrap())
    }
}

pub enum Reply {
    /// All that stands behind `HTTP/1.1 `; then the connection ends.
    Bytes(Vec<u8>),
    /// This head, and a body without end.
    Endless(&'static str),
}

pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub async fn start(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::on("127.0.0.1:0", reply).await
    }

    pub async fn on(address: &str, reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let (reply, all) = (Arc::new(reply), Arc::clone(&seen));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (reply, all) = (Arc::clone(&reply), Arc::clone(&all));
                tokio::spawn(async move { serve(stream, &*reply, &all).await });
            }
        });
        Self { address, seen }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.seen().len()
    }
}

async fn serve(
    stream: TcpStream,
    reply: &(dyn Fn(&Seen) -> Reply + Send + Sync),
    all: &Mutex<Vec<Seen>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut seen = Seen::default();
    let first = line(&mut stream).await?;
    let mut words = first.split(' ');
    (seen.method, seen.target) = (words.next()?.to_owned(), words.next()?.to_owned());
    while let Some((name, value)) = line(&mut stream).await?.split_once(':') {
        seen.headers
            .insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    all.lock().unwrap().push(seen.clone());
    match reply(&seen) {
        Reply::Bytes(bytes) => {
            stream.write_all(b"HTTP/1.1 ").await.ok()?;
            stream.write_all(&bytes).await.ok()?;
        }
        Reply::Endless(head) => {
            let head = format!("HTTP/1.1 {}\r\n\r\n", head.replace('\n', "\r\n"));
            stream.write_all(head.as_bytes()).await.ok()?;
            while stream.write_all(&[7; 16 * 1024]).await.is_ok() {}
        }
    }
    stream.shutdown().await.ok()
}

async fn line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut line = String::new();
    (stream.read_line(&mut line).await.ok()? > 0).then(|| line.trim_end().to_owned())
}

/// A whole answer; `head` is the status and further headers, each on its line.
pub fn answer(head: &str, body: &[u8]) -> Reply {
    let length = body.len();
    let head = head.replace('\n', "\r\n");
    let head = format!("{head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    Reply::Bytes([head.as_bytes(), body].concat())
}

pub fn redirect(to: &str) -> Reply {
    answer(&format!("302 Found\nlocation: {to}"), b"")
}

/// Answers with `body` or the part of it that is asked for, and breaks after `most` bytes.
pub fn broken_after(most: usize, seen: &Seen, body: &[u8]) -> Reply {
    let from = seen.from();
    let (length, end) = (body.len() - from, body.len().min(from + most));
    let head = match from {
        0 => "200 OK".to_owned(),
        _ => format!(
            "206 Partial Content\r\ncontent-range: bytes {from}-{}/{}",
            body.len() - 1,
            body.len()
        ),
    };
    let head = format!("{head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    Reply::Bytes([head.as_bytes(), &body[from..end]].concat())
}

/// Keeps the entries.
#[derive(Default)]
pub struct Kept(pub Mutex<Vec<AuditEntry>>);

impl Audit for Kept {
    fn record(&self, entry: &AuditEntry) {
        self.0.lock().unwrap().push(entry.clone());
    }
}

impl Kept {
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Keeps what was told last.
#[derive(Default)]
pub struct Watched(pub Mutex<BTreeMap<String, (u64, Option<u64>)>>);

impl Progress for Watched {
    fn fetching(&self, what: &str, received: u64, total: Option<u64>) {
        let mut watched = self.0.lock().unwrap();
        watched.insert(what.to_owned(), (received, total));
    }
}

/// A user with a home and a cache of his own.
pub struct User {
    pub home: TempDir,
    pub audit: Arc<Kept>,
    pub progress: Arc<Watched>,
    pub offline: bool,
    pub bounds: Bounds,
}

impl User {
    pub fn new() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            audit: Arc::default(),
            progress: Arc::default(),
            offline: false,
            bounds: Bounds::default(),
        }
    }

    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    pub fn cache(&self) -> PathBuf {
        self.home.path().join("cache/fetched")
    }

    /// A new process of this user.
    pub fn fetcher(&self) -> Fetcher {
        let environment: Environment = [("HOME", self.home.path())].into_iter().collect();
        Fetcher::new(Setup {
            egress: Egress::new(Config {
                environment: environment.clone(),
                proxies: Proxies::None,
            }),
            policies: Policies::default(),
            audit: self.audit.clone(),
            environment,
            cache: self.cache(),
            offline: self.offline,
            progress: self.progress.clone(),
            bounds: self.bounds,
        })
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// What `docker login` leaves.
    pub fn log_in(&self, registry: &str, user: &str, password: &str) {
        use base64::Engine as _;
        let auth = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
        let text = format!(r#"{{"auths":{{"{registry}":{{"auth":"{auth}"}}}}}}"#);
        self.write(".docker/config.json", &text);
    }

    /// What `wkg` is told.
    pub fn configure(&self, text: &str) {
        self.write(".config/wasm-pkg/config.toml", text);
    }

    pub fn blob(&self, digest: &str) -> PathBuf {
        let digits = digest.strip_prefix("sha256:").unwrap();
        self.cache().join("blobs/sha256").join(digits)
    }

    /// The content, after a check that it is what its name says.
    pub fn content(&self, digest: &str) -> Vec<u8> {
        let bytes = std::fs::read(self.blob(digest)).unwrap();
        assert_eq!(Digest::of(&bytes).as_str(), digest);
        bytes
    }

    /// Every file of the cache but records.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for folder in ["blobs/sha256", "incoming"] {
            files.extend(list(&self.cache().join(folder)));
        }
        files
    }
}

fn list(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

pub fn sha256(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

/// Bytes that compress badly and differ everywhere.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| byte()).collect()
}

#[track_caller]
pub fn failed<T>(result: Result<T, FetchError>, code: &str) -> FetchError {
    match result {
        Err(error) if error.code() == code => error,
        Err(error) => panic!("{} and not {code}: {error}", error.code()),
        Ok(_) => panic!("no error, and not {code}"),
    }
}
