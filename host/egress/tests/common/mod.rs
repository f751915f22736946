//! A server that writes down what reaches it, and the shortest way to a session.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub, missing_docs)]

pub mod authority;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use spin_deployer_egress::*;
use spin_deployer_grants::{Grant, Phase, Policies, Resolved, ValueSource, Values};
use spin_deployer_manifest::{Manifest, OptionName};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// One request as it came over the wire.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub method: String,
    /// Path and query, or all of the URL where a proxy is spoken to.
    pub target: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// Of the body, also where it was not kept.
    pub length: u64,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub struct Server {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers each request with what `answer` makes of it: all that stands behind `HTTP/1.1 `.
    pub async fn start(answer: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        Self::start_with(None, answer).await
    }

    pub async fn start_with(
        tls: Option<TlsAcceptor>,
        answer: impl Fn(&Seen) -> String + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            seen: Arc::default(),
        };
        let (connections, seen) = (server.connections.clone(), server.seen.clone());
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, SeqCst);
                let (answer, seen, tls) = (answer.clone(), seen.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &*answer, &seen).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => serve(stream, &*answer, &seen).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        server
    }

    /// `http://127.0.0.1:PORT` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The one request that came.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(SeqCst)
    }
}

/// Keeps bodies up to this size.
const KEPT: usize = 1 << 20;

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    answer: &(dyn Fn(&Seen) -> String + Send + Sync),
    all: &Mutex<Vec<Seen>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut seen = Seen::default();
        let first = line(&mut stream).await?;
        let mut words = first.split(' ');
        (seen.method, seen.target) = (words.next()?.to_owned(), words.next()?.to_owned());
        loop {
            let header = line(&mut stream).await?;
            let Some((name, value)) = header.split_once(':') else {
                break;
            };
            seen.headers
                .insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        if seen.header("transfer-encoding") == "chunked" {
            loop {
                let size = usize::from_str_radix(&line(&mut stream).await?, 16).ok()?;
                take(&mut stream, size as u64, &mut seen).await?;
                line(&mut stream).await?;
                if size == 0 {
                    break;
                }
            }
        } else if let Ok(length) = seen.header("content-length").parse() {
            take(&mut stream, length, &mut seen).await?;
        }
        let text = answer(&seen);
        all.lock().unwrap().push(seen);
        stream
            .write_all(format!("HTTP/1.1 {text}").as_bytes())
            .await
            .ok()?;
        stream.flush().await.ok()?;
    }
}

async fn line(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<String> {
    let mut line = String::new();
    (stream.read_line(&mut line).await.ok()? > 0).then(|| line.trim_end().to_owned())
}

async fn take(
    stream: &mut (impl AsyncReadExt + Unpin),
    length: u64,
    seen: &mut Seen,
) -> Option<()> {
    let mut buffer = vec![0; 64 * 1024];
    let mut left = length;
    while left > 0 {
        let most = usize::try_from(left).unwrap().min(buffer.len());
        let read = stream
            .read(&mut buffer[..most])
            .await
            .ok()
            .filter(|read| *read > 0)?;
        left -= read as u64;
        seen.length += read as u64;
        if seen.body.len() + read <= KEPT {
            seen.body.extend_from_slice(&buffer[..read]);
        }
    }
    Some(())
}

/// A whole answer; `head` is the status and further headers, each on its line.
pub fn answer(head: &str, body: &str) -> String {
    format!(
        "{}\r\ncontent-length: {}\r\n\r\n{body}",
        head.replace('\n', "\r\n"),
        body.len()
    )
}

pub fn ok(_: &Seen) -> String {
    answer("200 OK", "fine")
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
    pub fn json(&self) -> String {
        serde_json::to_string(&*self.0.lock().unwrap()).unwrap()
    }
}

/// The manifest of a plugin for a registry, with a secret of its own.
pub const REGISTRY: &str = r#"
    name = "oci"
    version = "0.1.0"
    description = "Pushes the app to a registry"
    [[options]]
    name = "reference"
    type = "registry"
    help = "Where to push to"
    [[options]]
    name = "other"
    type = "url"
    help = "Another place"
    [[options]]
    name = "api-token"
    type = "secret"
    help = "A token"
    [[http]]
    to = "{reference}"
    methods = ["GET", "HEAD", "POST", "PATCH", "PUT"]
    paths = ["/v2/**"]
    sends = ["reference", "api-token"]
    follows = ["location", "www-authenticate"]
    why = "push blobs and the manifest"
    [[http]]
    to = "{other}"
    methods = ["GET", "POST", "PUT", "DELETE"]
    why = "tell somebody"
"#;

pub fn grant(manifest: &str, options: &[(&str, String)]) -> Grant {
    grant_under(manifest, options, &Policies::default())
}

pub fn grant_under(manifest: &str, options: &[(&str, String)], policies: &Policies) -> Grant {
    let manifest: Manifest = manifest.parse().unwrap();
    let mut values = Values::new();
    for (name, text) in options {
        let option = manifest
            .options
            .iter()
            .find(|option| option.name.as_str() == *name)
            .unwrap();
        let value = option.parse(std::slice::from_ref(text)).unwrap();
        let name: OptionName = name.parse().unwrap();
        values.insert(
            name,
            Resolved {
                value,
                source: ValueSource::Flag,
            },
        );
    }
    Grant::naming(&manifest, &values, policies)
}

/// A run: one session and all that belongs to it.
pub struct Run {
    pub session: Arc<Session>,
    pub vault: Arc<Vault>,
    pub audit: Arc<Kept>,
}

pub fn run_with(config: Config, grant: Grant, phase: Phase, limits: Limits) -> Run {
    let (vault, audit) = (Arc::new(Vault::default()), Arc::new(Kept::default()));
    let session = Egress::new(config).session(grant, phase, vault.clone(), limits, audit.clone());
    Run {
        session,
        vault,
        audit,
    }
}

/// A run of the registry's plugin with `server` as its registry.
pub fn run(server: &Server, phase: Phase) -> Run {
    let options = [("reference", server.url("/acme/shop:v1"))];
    run_with(
        direct(),
        grant(REGISTRY, &options),
        phase,
        Limits::default(),
    )
}

/// Whatever proxy the machine that runs the tests has.
pub fn direct() -> Config {
    Config {
        proxies: Proxies::None,
        ..Config::default()
    }
}

pub fn whole(text: impl Into<Bytes>) -> Body {
    Full::new(text.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub fn request(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(whole(body.to_owned())).unwrap()
}

impl Run {
    pub async fn send(&self, request: Request<Body>) -> Result<Response<Body>, SendError> {
        self.session.send(request, Timeouts::default()).await
    }

    pub async fn get(&self, url: &str) -> Result<Response<Body>, SendError> {
        self.send(request(Method::GET, url, &[], "")).await
    }
}

pub async fn text(response: Response<Body>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
pub fn refused(result: Result<Response<Body>, SendError>) -> RefusalLine {
    match result {
        Err(SendError::Refused(line)) => line,
        other => panic!("not refused: {other:?}"),
    }
}
