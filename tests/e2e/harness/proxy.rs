//! Stands between the binary and a server: remembers every request, and breaks what a test wants broken.

use std::io::{self, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::http1::{Framing, Head, copy_body};

/// A request as the client sent it.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// From 1, in the order in which the heads came.
    pub(crate) number: usize,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    /// Bytes of the body that went on to the server.
    pub(crate) sent: u64,
    /// What the server answered, if it did.
    pub(crate) status: Option<u16>,
    pub(crate) came: Instant,
}

impl Request {
    /// Whether this carries bytes of a blob (PATCH of an upload, or PUT with a body).
    pub(crate) fn sends_blob(&self) -> bool {
        self.target.contains("/blobs/uploads/") && self.sent > 0
    }

    /// Whether this can change what the registry has.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

/// When something happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Its head came; the server knows nothing of it.
    Before,
    /// The server has half of its body.
    InBody,
    /// The server has done it; the client does not know.
    BeforeAnswer,
}

/// What happens to a request.
pub(crate) enum Verdict {
    Forward,
    /// The server is asked for this path and query instead.
    To(String),
    /// The server hears nothing; the client gets these bytes, and the connection ends.
    Answer(String),
    /// At that moment the function runs, then the connection goes on as it says.
    At(Moment, Box<dyn FnOnce() -> Then + Send>),
}

/// How a connection goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Then {
    Continue,
    /// Both sides see it close.
    Cut,
    /// Nothing more happens until the client closes it.
    Hold,
}

type Rule = Box<dyn Fn(&Request) -> Verdict + Send + Sync>;

/// A proxy on a free port of loopback.
pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    requests: Mutex<Vec<Request>>,
    connections: AtomicUsize,
    rule: Rule,
}

impl Proxy {
    /// Forwards everything to `server`.
    pub(crate) fn to(server: SocketAddr) -> Self {
        Self::with(server, |_| Verdict::Forward)
    }

    /// Asks `rule` about each request.
    pub(crate) fn with(
        server: SocketAddr,
        rule: impl Fn(&Request) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            server,
            requests: Mutex::default(),
            connections: AtomicUsize::new(0),
            rule: Box::new(rule),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = shared.clone();
                state.connections.fetch_add(1, Ordering::SeqCst);
                // An error here is a connection that broke, which is the client's to handle.
                std::thread::spawn(move || state.serve(client));
            }
        });
        Self { address, state }
    }

    /// Cuts the connection of every request that `hits`, at that moment.
    pub(crate) fn cutting(
        server: SocketAddr,
        moment: Moment,
        hits: impl Fn(&Request) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::with(server, move |request| match hits(request) {
            true => Verdict::At(moment, Box::new(|| Then::Cut)),
            false => Verdict::Forward,
        })
    }

    /// `127.0.0.1:PORT/NAME`
    pub(crate) fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that came so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// How often somebody connected, with or without a request.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Bytes of blobs that reached the server.
    pub(crate) fn blob_bytes(&self) -> u64 {
        let requests = self.requests();
        requests
            .iter()
            .filter(|r| r.sends_blob())
            .map(|r| r.sent)
            .sum()
    }
}

impl State {
    fn serve(&self, client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut reader = BufReader::new(client.try_clone()?);
        let mut server: Option<BufReader<TcpStream>> = None;
        while let Some(head) = Head::read(&mut reader)? {
            let went_on = self.exchange(&head, &mut reader, &client, &mut server);
            if !matches!(went_on, Ok(true)) {
                break;
            }
        }
        if let Some(server) = server {
            drop(server.get_ref().shutdown(Shutdown::Both));
        }
        drop(client.shutdown(Shutdown::Both));
        Ok(())
    }

    /// One request and its answer. `false` where the connection ends after it.
    fn exchange(
        &self,
        head: &Head,
        reader: &mut BufReader<TcpStream>,
        mut client: &TcpStream,
        server: &mut Option<BufReader<TcpStream>>,
    ) -> io::Result<bool> {
        let request = self.record(head);
        let index = request.number - 1;
        let framing = head.request_framing();
        let mut bytes = head.bytes.clone();
        let (at, act) = match (self.rule)(&request) {
            Verdict::Forward => (None, None),
            Verdict::To(target) => {
                bytes = head.of_target(&target);
                (None, None)
            }
            Verdict::At(moment, act) => (Some(moment), Some(act)),
            Verdict::Answer(answer) => {
                copy_body(reader, &mut io::sink(), framing, u64::MAX)?;
                client.write_all(answer.as_bytes())?;
                return Ok(false);
            }
        };
        let mut act = act.map(|act| move || goes_on(act(), client));
        let mut now = |moment| match act.take_if(|_| at == Some(moment)) {
            Some(act) => act(),
            None => true,
        };

        if !now(Moment::Before) {
            return Ok(false);
        }
        let server = match server {
            Some(server) => server,
            None => {
                let stream = TcpStream::connect(self.server)?;
                stream.set_nodelay(true)?;
                server.insert(BufReader::new(stream))
            }
        };
        server.get_mut().write_all(&bytes)?;
        let half = match (at, framing) {
            (Some(Moment::InBody), Framing::Length(length)) => length / 2,
            // Half of a body of unknown length is its head.
            _ => 0,
        };
        let mut to_server = Counted {
            to: server.get_mut(),
            count: |n| self.requests.lock().unwrap()[index].sent += n,
        };
        if half > 0 {
            copy_body(reader, &mut to_server, Framing::Length(half), half)?;
        }
        if !now(Moment::InBody) {
            return Ok(false);
        }
        let rest = match framing {
            Framing::Length(length) => Framing::Length(length - half),
            other => other,
        };
        copy_body(reader, &mut to_server, rest, u64::MAX)?;

        let Some(answer) = Head::read(server)? else {
            return Ok(false);
        };
        let mut body = Vec::new();
        let framing = answer.answer_framing(&head.start[0]);
        if at == Some(Moment::BeforeAnswer) {
            copy_body(server, &mut body, framing, u64::MAX)?;
            if !now(Moment::BeforeAnswer) {
                return Ok(false);
            }
        }
        self.requests.lock().unwrap()[index].status = Some(answer.status());
        client.write_all(&answer.bytes)?;
        client.write_all(&body)?;
        if at != Some(Moment::BeforeAnswer) {
            copy_body(server, &mut client, framing, u64::MAX)?;
        }
        let ends =
            matches!(framing, Framing::UntilClosed) || answer.header("connection") == Some("close");
        Ok(!ends)
    }

    fn record(&self, head: &Head) -> Request {
        let mut requests = self.requests.lock().unwrap();
        let request = Request {
            number: requests.len() + 1,
            method: head.start[0].clone(),
            target: head.start[1].clone(),
            headers: head.headers.clone(),
            sent: 0,
            status: None,
            came: Instant::now(),
        };
        requests.push(request.clone());
        request
    }
}

fn goes_on(then: Then, mut client: &TcpStream) -> bool {
    match then {
        Then::Continue => true,
        Then::Cut => false,
        Then::Hold => {
            drop(io::copy(&mut client, &mut io::sink()));
            false
        }
    }
}

/// Counts what is written as it is written, so that a body that broke off counts as far as it came.
struct Counted<W, F> {
    to: W,
    count: F,
}

impl<W: Write, F: Fn(u64)> Write for Counted<W, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        (self.count)(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
