//! Somebody that a component could reach.

use std::time::Duration;

/// Something to connect to. Answers requests with 204 once somebody waits for them.
pub struct Listener {
    listener: std::net::TcpListener,
}

impl Listener {
    pub fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self { listener }
    }

    pub fn address(&self) -> String {
        self.listener.local_addr().unwrap().to_string()
    }

    /// Answers one connection in the background.
    pub fn answer(&self) {
        use std::io::{Read as _, Write as _};
        let listener = self.listener.try_clone().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.0 204 No Content\r\n\r\n");
        });
    }

    /// A connection is in the queue before `connect` returns, so this needs no waiting.
    pub fn was_reached(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        match self.listener.accept() {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
                false
            }
        }
    }
}
