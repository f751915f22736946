//! Counts the bytes that go to a server.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A TCP relay on a free port of loopback.
pub(crate) struct Relay {
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Relay {
    /// Relays to `server` until the process ends.
    pub(crate) fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let relay = Self {
            address: listener.local_addr()?,
            bytes: Arc::default(),
        };
        let bytes = relay.bytes.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let bytes = bytes.clone();
                // A connection that breaks is the client's to report.
                std::thread::spawn(move || drop(relay_one(client, server, bytes)));
            }
        });
        Ok(relay)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes from clients to the server so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::SeqCst)
    }
}

fn relay_one(mut client: TcpStream, server: SocketAddr, bytes: Arc<AtomicU64>) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    let (mut answers, mut to_client) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        drop(io::copy(&mut answers, &mut to_client));
        drop(to_client.shutdown(Shutdown::Write));
    });
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return server.shutdown(Shutdown::Write);
        }
        bytes.fetch_add(read as u64, Ordering::SeqCst);
        server.write_all(&buffer[..read])?;
    }
}
