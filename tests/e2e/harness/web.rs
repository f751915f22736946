//! A web server with TLS: hands out files, remembers who asked for what, and misbehaves where a test wants it to.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificate::Authority;
use super::http1::Head;

/// What is at a path.
#[derive(Clone)]
pub(crate) enum Page {
    /// This, also from a byte on that the client names.
    Whole(Vec<u8>),
    /// This, as an error.
    Refused(&'static str, Vec<u8>),
    /// It is elsewhere.
    Moved(String),
    /// Half of it, and the connection breaks.
    Half(Vec<u8>),
    /// Half of it and no more, until the client goes; tells when the half is sent.
    Held(Vec<u8>, Sender<()>),
    /// Announces so many bytes, and sends none.
    Announced(u64),
    /// Announces nothing, and goes on for as long as the client takes it.
    Endless,
}

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) authorization: Option<String>,
    /// Everything before its body.
    pub(crate) head: String,
}

/// A server on a free port of loopback.
pub(crate) struct Web {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    tls: Arc<ServerConfig>,
    /// What is left of the pages of a path, in their order; the last one stays.
    pages: Mutex<BTreeMap<String, VecDeque<Page>>>,
    token: Mutex<Option<String>>,
    seen: Mutex<Vec<Seen>>,
}

impl Web {
    /// With a certificate of that authority, and nothing to hand out yet.
    pub(crate) fn start(authority: &Authority) -> Self {
        let issued = authority.issue();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certificate = CertificateDer::from(issued.certificate);
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate],
                PrivatePkcs8KeyDer::from(issued.key).into(),
            );
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            tls: Arc::new(tls.unwrap()),
            pages: Mutex::default(),
            token: Mutex::default(),
            seen: Mutex::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                // An error here is a client that went away or does not believe the certificate.
                std::thread::spawn(move || state.serve(client));
            }
        });
        Self { address, state }
    }

    /// `https://127.0.0.1:PORT/…`
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// What is at a path from now on: each of these for one request, and the last one for all that follow.
    pub(crate) fn put<const N: usize>(&self, path: &str, pages: [Page; N]) {
        let mut all = self.state.pages.lock().unwrap();
        all.insert(path.to_owned(), pages.into());
    }

    /// Every file of a folder, each at its place below `/`.
    pub(crate) fn put_folder(&self, folder: &Path) {
        self.put_below(folder, "");
    }

    fn put_below(&self, folder: &Path, path: &str) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = format!("{path}/{}", entry.file_name().to_str().unwrap());
            match entry.file_type().unwrap().is_dir() {
                true => self.put_below(&entry.path(), &path),
                false => self.put(&path, [Page::Whole(fs::read(entry.path()).unwrap())]),
            }
        }
    }

    /// Gives nothing but 401 to who has not this token.
    pub(crate) fn ask_for(&self, token: &str) {
        *self.state.token.lock().unwrap() = Some(token.to_owned());
    }

    /// Everything that was asked for, in its order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }
}

impl State {
    fn serve(&self, client: TcpStream) -> io::Result<()> {
        let tls = ServerConnection::new(self.tls.clone()).map_err(io::Error::other)?;
        let mut reader = BufReader::new(StreamOwned::new(tls, client));
        let Some(head) = Head::read(&mut reader)? else {
            return Ok(());
        };
        let page = self.page(&head);
        let range = head.header("range");
        let from = range.and_then(|range| {
            let from = range.strip_prefix("bytes=")?.strip_suffix('-')?;
            from.parse().ok()
        });
        send(&mut reader, page, from.unwrap_or(0))?;
        reader.get_mut().conn.send_close_notify();
        reader.get_mut().flush()
    }

    fn page(&self, head: &Head) -> Page {
        let path = head.start[1].clone();
        let authorization = head.header("authorization").map(str::to_owned);
        self.seen.lock().unwrap().push(Seen {
            path: path.clone(),
            authorization: authorization.clone(),
            head: String::from_utf8_lossy(&head.bytes).into_owned(),
        });
        if let Some(token) = &*self.token.lock().unwrap()
            && authorization != Some(format!("Bearer {token}"))
        {
            return Page::Refused("401 Unauthorized", b"who are you?".into());
        }
        let mut pages = self.pages.lock().unwrap();
        match pages.get_mut(&path) {
            None => Page::Refused("404 Not Found", Vec::new()),
            Some(pages) if pages.len() > 1 => pages.pop_front().unwrap(),
            Some(pages) => pages[0].clone(),
        }
    }
}

fn send<S: Read + Write>(client: &mut BufReader<S>, page: Page, from: usize) -> io::Result<()> {
    let mut begin = |status: &str, length: u64, header: &str| {
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{header}\r\n"
        );
        client.get_mut().write_all(head.as_bytes())?;
        client.get_mut().flush()
    };
    match page {
        Page::Whole(body) if (1..body.len()).contains(&from) => {
            let (last, all) = (body.len() - 1, body.len());
            let header = format!("content-range: bytes {from}-{last}/{all}\r\n");
            begin("206 Partial Content", (all - from) as u64, &header)?;
            client.get_mut().write_all(&body[from..])
        }
        Page::Whole(body) => {
            begin("200 OK", body.len() as u64, "")?;
            client.get_mut().write_all(&body)
        }
        Page::Refused(status, body) => {
            begin(status, body.len() as u64, "")?;
            client.get_mut().write_all(&body)
        }
        Page::Moved(to) => begin("302 Found", 0, &format!("location: {to}\r\n")),
        Page::Half(body) => {
            begin("200 OK", body.len() as u64, "")?;
            client.get_mut().write_all(&body[..body.len() / 2])?;
            client.get_mut().flush()?;
            Err(io::ErrorKind::ConnectionReset.into())
        }
        Page::Held(body, half) => {
            begin("200 OK", body.len() as u64, "")?;
            client.get_mut().write_all(&body[..body.len() / 2])?;
            client.get_mut().flush()?;
            let _ = half.send(());
            io::copy(client, &mut io::sink()).map(drop)
        }
        Page::Announced(length) => {
            begin("200 OK", length, "")?;
            io::copy(client, &mut io::sink()).map(drop)
        }
        Page::Endless => {
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
            client.get_mut().write_all(head.as_bytes())?;
            let much = [b' '; 1 << 16];
            loop {
                client.get_mut().write_all(&much)?;
            }
        }
    }
}
