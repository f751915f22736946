//! A server of a test, which remembers every byte that came.

use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::harness::http1::{Head, copy_body};

/// A request as it stood on the wire.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) head: Head,
    /// As sent, the sizes of chunks included.
    pub(super) body: Vec<u8>,
}

impl Seen {
    /// Path and query.
    pub(super) fn target(&self) -> &str {
        &self.head.start[1]
    }

    /// Everything, as text.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&[&self.head.bytes[..], &self.body].concat()).into_owned()
    }
}

type Answer = dyn Fn(&Seen, &mut TcpStream) -> io::Result<()> + Send + Sync;

/// A server at an address of this machine.
#[derive(Clone)]
pub(super) struct Listener {
    address: SocketAddr,
    heard: Arc<Heard>,
}

struct Heard {
    connections: AtomicUsize,
    requests: Mutex<Vec<Seen>>,
}

/// An answer of 200 with nothing more to say.
pub(super) fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Listener {
    /// Answers everything with 200, at a free port of 127.0.0.1.
    pub(super) fn start() -> Self {
        Self::answering(|_| ok("ok"))
    }

    /// The same with answers of its own.
    pub(super) fn answering(answer: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        Self::writing(move |seen, stream| stream.write_all(answer(seen).as_bytes()))
    }

    /// Answers by writing what and when it likes; the connection ends when it returns an error.
    pub(super) fn writing(
        answer: impl Fn(&Seen, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::at("127.0.0.1:0", answer)
    }

    /// A listener that nobody may reach. Should somebody, they get an answer that cannot be taken for a refusal.
    pub(super) fn trap(address: &str) -> Self {
        Self::at(address, |_, stream| {
            stream.write_all(ok("the trap").as_bytes())
        })
    }

    pub(super) fn at(
        address: &str,
        answer: impl Fn(&Seen, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap_or_else(|e| panic!("{address}: {e}"));
        let heard = Arc::new(Heard {
            connections: AtomicUsize::new(0),
            requests: Mutex::default(),
        });
        let shared = Self {
            address: listener.local_addr().unwrap(),
            heard,
        };
        let serving = shared.clone();
        let answer: Arc<Answer> = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serving.heard.connections.fetch_add(1, Ordering::SeqCst);
                let (heard, answer) = (serving.heard.clone(), answer.clone());
                // An error here is a connection that broke, which is the client's to handle.
                std::thread::spawn(move || heard.serve(stream, &*answer));
            }
        });
        shared
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Everything that came so far.
    pub(super) fn requests(&self) -> Vec<Seen> {
        self.heard.requests.lock().unwrap().clone()
    }

    /// The one request that came.
    #[track_caller]
    pub(super) fn only(&self) -> Seen {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    /// All that came, as text.
    pub(super) fn text(&self) -> String {
        self.requests().iter().map(Seen::text).collect()
    }

    /// Nobody has connected, with or without a request.
    #[track_caller]
    pub(super) fn heard_nothing(&self) {
        let connections = self.heard.connections.load(Ordering::SeqCst);
        assert_eq!(
            connections,
            0,
            "{} was reached:\n{}",
            self.address,
            self.text()
        );
    }
}

impl Heard {
    fn serve(&self, mut stream: TcpStream, answer: &Answer) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        while let Some(head) = Head::read(&mut reader)? {
            let mut body = Vec::new();
            let whole = copy_body(&mut reader, &mut body, head.request_framing(), u64::MAX);
            let seen = Seen { head, body };
            self.requests.lock().unwrap().push(seen.clone());
            whole?;
            answer(&seen, &mut stream)?;
        }
        Ok(())
    }
}
